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

/* --------------------------------------------------------------------------------------------------------------------- stars
 * Two colours' vertices and edges fall into stars, single edges among them.  Each vertex has a list of the colours around it, and for
 * each of these the star that it is in with its neighbours of that colour: as their hub, or as a leaf of theirs. */
typedef struct {
    ad_pattern of;
    int32_t *colour, *seen;                     /* seen[c] = v: v may not have the colour c */
    int32_t *first_of, *first, *treated;        /* by colour: the first neighbour of v that has it, and v; by vertex */
    int32_t *hub;                               /* by star; -1: a single edge */
    int64_t *head, *next, *star;                /* the lists: by vertex, -1 ends them; by link */
    int32_t *around;                            /* by link: the colour */
    int64_t n_stars, n_links;
} stars;

static int64_t link_of(const stars *t, int32_t v, int32_t colour)
{
    int64_t k = t->head[v];
    while (k >= 0 && t->around[k] != colour)
        k = t->next[k];
    return k;
}

static void add_link(stars *t, int32_t v, int32_t colour, int64_t star)
{
    const int64_t k = t->n_links++;
    t->around[k] = colour;
    t->star[k] = star;
    t->next[k] = t->head[v];
    t->head[v] = k;
}

/* v has two neighbours of w's colour: with another of its own colour beside w it would make a path of four. */
static void forbid_around(stars *t, int32_t v, int32_t w)
{
    for (int64_t k = t->head[w]; k >= 0; k = t->next[k])
        t->seen[t->around[k]] = v;
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
        for (int64_t k = t->head[w]; k >= 0; k = t->next[k]) {
            const int32_t hub = t->hub[t->star[k]];
            if (hub >= 0 && hub != w)           /* w is a leaf: v would be a neighbour of that leaf with the hub's colour */
                t->seen[t->around[k]] = v;
        }
    }
}

static void note_stars(stars *t, int32_t v)
{
    for (int64_t p = t->of.start[v]; p < t->of.start[v + 1]; p++) {
        const int32_t w = t->of.at[p], c = t->colour[w];
        if (w == v || c < 0)
            continue;
        const int64_t there = link_of(t, w, t->colour[v]), here = link_of(t, v, c);
        if (there >= 0) {                       /* w has another neighbour of v's colour, and is their hub */
            t->hub[t->star[there]] = w;
            add_link(t, v, c, t->star[there]);
        } else if (here >= 0) {                 /* v is the hub of its neighbours of that colour */
            t->hub[t->star[here]] = v;
            add_link(t, w, t->colour[v], t->star[here]);
        } else {
            t->hub[t->n_stars] = -1;
            add_link(t, v, c, t->n_stars);
            add_link(t, w, t->colour[v], t->n_stars++);
        }
    }
}

static int32_t colour_all(stars *t, const int32_t *order)
{
    int32_t most = 0;
    for (int64_t k = 0; k < t->of.n; k++) {
        const int32_t v = order[k];
        if (t->of.start[v] == t->of.start[v + 1])
            continue;
        forbid(t, v);
        int32_t c = 0;
        while (t->seen[c] == v)
            c++;
        t->colour[v] = c;
        most = c + 1 > most ? c + 1 : most;
        note_stars(t, v);
    }
    return most;
}

/* A star colouring of a symmetric pattern; an empty row gets -1.  Returns the number of colours, or AD_NO_MEMORY. */
int32_t ad_colour_stars(ad_pattern of, const int32_t *order, int32_t *colour)
{
    const int64_t n = of.n, n_entries = of.start[n];
    int32_t *small = malloc((size_t)(4 * n + 2 * n_entries + 1) * sizeof *small), most = AD_NO_MEMORY;
    int64_t *large = malloc((size_t)(n + 2 * n_entries + 1) * sizeof *large);
    if (small != NULL && large != NULL) {
        stars t = {of, colour, small, small + n, small + 2 * n, small + 3 * n, small + 4 * n, large, large + n, large + n + n_entries,
                   small + 4 * n + n_entries, 0, 0};
        for (int64_t i = 0; i < n; i++)
            colour[i] = t.seen[i] = t.first_of[i] = t.treated[i] = -1, t.head[i] = -1;
        most = colour_all(&t, order);
    }
    free(small);
    free(large);
    return most;
}
