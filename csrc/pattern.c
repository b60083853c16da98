/* Sets of indices and colourings: what a sparse Jacobian is found and compressed by (autodiff/pattern.py, autodiff/colouring.py).
 *
 * A pattern has a set of columns for each row, compressed: row i has at[start[i]] .. at[start[i + 1] - 1].  Two columns may share a
 * colour, and so a sweep, if no row has both; the other way round for rows.  Of a symmetric pattern less is needed: no path of four
 * vertices has but two colours (a star colouring), since an entry can be read from either of the two sweeps that it is in.
 * Gebremedhin, Manne, Pothen, "What color is your Jacobian?" (2005);  Gebremedhin, Tarafdar, Manne, Pothen, "New acyclic and star
 * coloring algorithms with application to computing Hessians" (2007), whose bookkeeping of two-coloured stars is the one below.
 */
#include "pattern.h"

#include <stdlib.h>
#include <string.h>

/* The union, for each row of `map`, of those rows of a pattern that it names: its sizes go to start, and where `to` is given, the
 * indices there.  mark: one int64 for each column.  Returns how many there are, or -1 beyond `most`. */
int64_t ad_pattern_union(ad_pattern map, ad_pattern of, int64_t n_columns, int64_t most, int64_t *mark, int64_t *start, int32_t *to)
{
    int64_t n = 0;
    for (int64_t c = 0; c < n_columns; c++)
        mark[c] = -1;
    for (int64_t i = 0; i < map.n; i++) {
        start[i] = n;
        for (int64_t p = map.start[i]; p < map.start[i + 1]; p++)
            for (int64_t q = of.start[map.at[p]]; q < of.start[map.at[p] + 1]; q++)
                if (mark[of.at[q]] != i) {
                    mark[of.at[q]] = i;
                    if (to != NULL)
                        to[n] = of.at[q];
                    n++;
                }
        if (n > most)
            return -1;
    }
    start[map.n] = n;
    return n;
}

/* ------------------------------------------------------------------------------------------------------------- distance two
 * Neighbours of a column are those that a row has it with.  A loop over them meets some several times. */
#define EACH_NEIGHBOUR(rows, columns, j, l)                                                                    \
    for (int64_t p_ = (columns).start[j]; p_ < (columns).start[(j) + 1]; p_++)                                 \
        for (int64_t q_ = (rows).start[(columns).at[p_]], l; q_ < (rows).start[(columns).at[p_] + 1] && (l = (rows).at[q_], 1); q_++)

/* Each column in turn gets the first colour that no neighbour has; an empty one gets -1.  seen: n int32.  Returns the number of colours. */
int32_t ad_colour_apart(ad_pattern rows, ad_pattern columns, const int32_t *order, int32_t *colour, int32_t *seen)
{
    int32_t most = 0;
    for (int64_t j = 0; j < columns.n; j++)
        colour[j] = seen[j] = -1;
    for (int64_t k = 0; k < columns.n; k++) {
        const int32_t j = order[k];
        if (columns.start[j] == columns.start[j + 1])
            continue;
        EACH_NEIGHBOUR(rows, columns, j, l)
            if (colour[l] >= 0)
                seen[colour[l]] = j;
        int32_t c = 0;
        while (seen[c] == j)
            c++;
        colour[j] = c;
        most = c + 1 > most ? c + 1 : most;
    }
    return most;
}

/* ------------------------------------------------------------------------------------------------------------------- orders
 * Columns in lists, one for each key. */
typedef struct {
    int32_t *first, *next, *before, *key;       /* first: by key; -1 ends a list */
} lists;

static void take(lists *t, int32_t j)
{
    if (t->before[j] < 0)
        t->first[t->key[j]] = t->next[j];
    else
        t->next[t->before[j]] = t->next[j];
    if (t->next[j] >= 0)
        t->before[t->next[j]] = t->before[j];
}

static void put(lists *t, int32_t j, int32_t key)
{
    const int32_t head = t->first[key];
    t->key[j] = key;
    t->before[j] = -1;
    t->next[j] = head;
    if (head >= 0)
        t->before[head] = j;
    t->first[key] = j;
}

/* How many neighbours each column has.  seen: n int32. */
void ad_count_neighbours(ad_pattern rows, ad_pattern columns, int32_t *degree, int32_t *seen)
{
    for (int64_t j = 0; j < columns.n; j++)
        seen[j] = -1;
    for (int32_t j = 0; j < columns.n; j++) {
        degree[j] = 0;
        EACH_NEIGHBOUR(rows, columns, j, l)
            if (l != j && seen[l] != j) {
                seen[l] = j;
                degree[j]++;
            }
    }
}

/* smallest last: of those that are left, one that has the fewest neighbours left comes last.  Otherwise by incidence: the next is one
 * that has the most neighbours before it.  degree: of each column (ad_count_neighbours).  space: 5 * n + 1 int32.
 * (Coleman, More, "Estimation of sparse Jacobian matrices and graph coloring problems", 1983.) */
void ad_order(ad_pattern rows, ad_pattern columns, int smallest_last, const int32_t *degree, int32_t *order, int32_t *space)
{
    const int32_t n = (int32_t)columns.n;
    lists t = {space, space + n + 1, space + 2 * n + 1, space + 3 * n + 1};
    int32_t *done = space + 4 * n + 1, at = 0;  /* done: -1, or the step of which a column is a neighbour; n: it has its place */
    for (int32_t j = 0; j <= n; j++)
        t.first[j] = -1;
    for (int32_t j = n - 1; j >= 0; j--) {
        done[j] = -1;
        put(&t, j, smallest_last ? degree[j] : 0);
    }
    for (int32_t k = 0; k < n; k++) {
        if (smallest_last)
            while (t.first[at] < 0)
                at++;
        else
            while (t.first[at] < 0)
                at--;
        const int32_t j = t.first[at];
        take(&t, j);
        done[j] = n;
        order[smallest_last ? n - 1 - k : k] = j;
        EACH_NEIGHBOUR(rows, columns, j, l)
            if (done[l] < k) {
                done[l] = k;
                take(&t, (int32_t)l);
                put(&t, (int32_t)l, t.key[l] + (smallest_last ? -1 : 1));
            }
        at = smallest_last ? (at > 0 ? at - 1 : 0) : (at + 1 < n ? at + 1 : n - 1);
    }
}

/* --------------------------------------------------------------------------------------------------------------------- stars */
typedef struct {
    ad_pattern of;
    int32_t *colour, *seen;                                  /* seen[c] = v: v may not have the colour c */
    int32_t *first_of, *first, *treated;                     /* by colour: the first neighbour of v that has it, and v; by vertex */
    int64_t *twin, *first_edge, *star, *hub;                 /* the entry across the diagonal; by edge; by star, -1: a single edge */
    int64_t n_stars;
} stars;

static int64_t edge(const stars *t, int64_t p)
{
    return p < t->twin[p] ? p : t->twin[p];
}

/* v has two neighbours of w's colour: with another of its colour beside w it would make a path of four. */
static void forbid_around(stars *t, int32_t v, int32_t w)
{
    for (int64_t p = t->of.start[w]; p < t->of.start[w + 1]; p++) {
        const int32_t x = t->of.at[p];
        if (x != v && x != w && t->colour[x] >= 0)
            t->seen[t->colour[x]] = v;
    }
    t->treated[w] = v;
}

static void forbid(stars *t, int32_t v)
{
    for (int64_t p = t->of.start[v]; p < t->of.start[v + 1]; p++) {
        const int32_t w = t->of.at[p], c = t->colour[w];
        if (w == v || c < 0)
            continue;
        t->seen[c] = v;
        if (t->first_of[c] == v) {
            if (t->treated[t->first[c]] != v)
                forbid_around(t, v, t->first[c]);
            forbid_around(t, v, w);
            continue;
        }
        t->first_of[c] = v;
        t->first[c] = w;
        t->first_edge[c] = edge(t, p);
        for (int64_t q = t->of.start[w]; q < t->of.start[w + 1]; q++) {
            const int32_t x = t->of.at[q];      /* the hub of a star with the leaf w: v would be a neighbour of that leaf */
            if (x != w && x != v && t->colour[x] >= 0 && t->hub[t->star[edge(t, q)]] == x)
                t->seen[t->colour[x]] = v;
        }
    }
}

static void note_stars(stars *t, int32_t v)
{
    for (int64_t p = t->of.start[v]; p < t->of.start[v + 1]; p++) {
        const int32_t w = t->of.at[p], c = t->colour[w];
        if (w == v || c < 0)
            continue;
        int64_t q = t->of.start[w];
        while (q < t->of.start[w + 1] && (t->of.at[q] == v || t->of.at[q] == w || t->colour[t->of.at[q]] != t->colour[v]))
            q++;
        if (q < t->of.start[w + 1]) {           /* w has another neighbour of v's colour, and is their hub */
            t->star[edge(t, p)] = t->star[edge(t, q)];
            t->hub[t->star[edge(t, q)]] = w;
        } else if (t->first[c] != w) {          /* v is the hub of its neighbours of that colour */
            t->star[edge(t, p)] = t->star[t->first_edge[c]];
            t->hub[t->star[edge(t, p)]] = v;
        } else {
            t->hub[t->n_stars] = -1;
            t->star[edge(t, p)] = t->n_stars++;
        }
    }
}

/* A star colouring of a symmetric pattern whose rows are in rising order; an empty row gets -1.  Returns the number of colours, or
 * AD_NO_MEMORY. */
int32_t ad_colour_stars(ad_pattern of, const int32_t *order, int32_t *colour)
{
    const int64_t n = of.n, n_entries = of.start[n];
    int32_t most = 0;
    int32_t *small = malloc((size_t)(4 * n + 1) * sizeof *small);
    int64_t *large = malloc((size_t)(3 * n_entries + 2 * n + 1) * sizeof *large);
    stars t = {of, colour, small, small + n, small + 2 * n, small + 3 * n, large, large + n_entries, large + n_entries + n,
               large + 2 * n_entries + n, 0};
    if (small == NULL || large == NULL) {
        free(small);
        free(large);
        return AD_NO_MEMORY;
    }
    int64_t *next = large + 3 * n_entries + n;
    for (int64_t i = 0; i < n; i++) {
        colour[i] = t.seen[i] = t.first_of[i] = t.treated[i] = -1;
        next[i] = of.start[i];
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t p = of.start[i]; p < of.start[i + 1]; p++)
            t.twin[p] = next[of.at[p]]++;
    for (int64_t k = 0; k < n; k++) {
        const int32_t v = order[k];
        if (of.start[v] == of.start[v + 1])
            continue;
        forbid(&t, v);
        int32_t c = 0;
        while (t.seen[c] == v)
            c++;
        colour[v] = c;
        most = c + 1 > most ? c + 1 : most;
        note_stars(&t, v);
    }
    free(small);
    free(large);
    return most;
}
