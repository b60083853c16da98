/* Shares of one array, several at once.
 *
 * A Python loop that multiplies by the same weights at every step gives them an outer product of every step on the way back, and one that
 * reads x[0], x[1] and so on the shares of these elements.  Each by itself would read and write the whole array; several that follow each
 * other in the sum are taken together, and every element gets what it got, in the same order. */
#include "matmul.h"
#include "plan.h"

#include <stdlib.h>

#include "generated/opcodes.h"

enum { MOST = AD_IN_BATCH - 1 };                            /* steps of a group */

static const ad_array *own_array(const ad_plan *t, uint32_t r)
{
    const ad_register *x = &t->registers.at[r];
    return x->is_array && x->number == AD_NONE && x->base == AD_NONE && x->like->size > 0 ? x->like : NULL;
}

/* The share of the matrix, by the product of one matrix with one vector? */
static int is_outer(const ad_plan *t, const ad_step *s)
{
    if (s->kind != AD_VJP || s->op != AD_OP_matvec || s->k != 0 || s->dtype > AD_F64)
        return 0;
    const ad_array *out = own_array(t, s->out), *x = own_array(t, t->words.at[s->in + 1]), *g = own_array(t, s->g);
    return out && x && g && out->ndim == 2 && x->ndim == 1 && g->ndim == 1;
}

/* (An array of one number is one.  Of an array of one number it is the share as it is, not added to 0: it may be -0.) */
int ad_is_share_of_element(const ad_plan *t, const ad_step *s)
{
    if (s->kind != AD_VJP || s->op != AD_OP_view || s->dtype > AD_F64)
        return 0;
    const ad_array *one = t->registers.at[s->g].is_array ? own_array(t, s->g) : NULL;
    const ad_array *out = own_array(t, s->out);
    return (one ? one->size == 1 : !t->registers.at[s->g].is_array) && out && out->size > 1 && (s->acc == AD_NONE || own_array(t, s->acc));
}

/* Of how many steps like this one is a group, at most? */
static int most_of(const ad_plan *t, const ad_step *s) { return is_outer(t, s) ? AD_OUTERS : ad_is_share_of_element(t, s) ? MOST : 1; }

/* How many steps read each register, or ask for it. */
static uint32_t *count_readers(const ad_plan *t, const uint32_t *outputs, uint32_t n)
{
    uint32_t *readers = calloc(t->registers.n + 1, sizeof *readers);
    for (uint32_t i = 0; readers && i < n; i++)
        readers[outputs[i]] += 2;
    for (uint32_t i = 0; readers && i < t->steps.n; i++)
        for (uint32_t k = 0; k < t->steps.at[i].n + 3; k++) {
            const uint32_t r = ad_read_by(t, &t->steps.at[i], k);
            if (r != AD_NONE)
                readers[r]++;
        }
    return readers;
}

/* For every step the one whose sum it goes on with, in its group; or AD_NONE.  *more: is there any? */
static uint32_t *find_groups(const ad_plan *t, const uint32_t *readers, int *more)
{
    enum { UNKNOWN = 0 };
    uint32_t *before = malloc((t->steps.n + 1) * sizeof *before), *made = calloc(t->registers.n + 1, sizeof *made);
    uint8_t *count = calloc(t->steps.n + 1, 1);
    const int ready = before && made && count;
    for (uint32_t i = 0; ready && i < t->steps.n; i++) {
        const ad_step *s = &t->steps.at[i];
        const int most = most_of(t, s);
        before[i] = AD_NONE;
        if (most == 1)
            continue;
        const uint32_t from = s->acc == AD_NONE || readers[s->acc] != 1 || made[s->acc] == UNKNOWN ? AD_NONE : made[s->acc] - 1;
        made[s->out] = i + 1;
        count[i] = 1;
        if (from == AD_NONE || count[from] == most || t->steps.at[from].op != s->op)
            continue;
        before[i] = from;
        count[i] = (uint8_t)(count[from] + 1);
        *more = 1;
    }
    free(made);
    free(count);
    if (ready)
        return before;
    free(before);
    return NULL;
}

/* Each group stands where its last step stood. */
static void sort(ad_plan *t, const uint32_t *before, uint8_t *passes, ad_step *sorted)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->steps.n; i++)
        if (before[i] != AD_NONE)
            passes[before[i]] = 1;                          /* the sum goes on, later */
    for (uint32_t i = 0; i < t->steps.n; i++) {
        uint32_t group[MOST], k = 0;
        for (uint32_t at = i; !passes[i] && at != AD_NONE; at = before[at])
            group[k++] = at;
        const uint32_t first = n, all = k;
        while (k > 0)
            sorted[n++] = t->steps.at[group[--k]];
        for (uint32_t j = first; all > 1 && j < n; j++)
            sorted[j].batch = (uint8_t)(j == first ? all : AD_IN_BATCH);
    }
}

int ad_group_outers(ad_plan *t, const uint32_t *outputs, uint32_t n)
{
    int more = 0;
    uint32_t *readers = count_readers(t, outputs, n), *before = readers ? find_groups(t, readers, &more) : NULL;
    ad_step *sorted = more ? malloc(t->steps.n * sizeof *sorted) : NULL;
    uint8_t *passes = more ? calloc(t->steps.n, 1) : NULL;
    const int status = before == NULL || (more && (sorted == NULL || passes == NULL)) ? AD_NO_MEMORY : AD_OK;
    if (status == AD_OK && more) {
        sort(t, before, passes, sorted);
        free(t->steps.at);
        t->steps.at = sorted;
        t->steps.room = t->steps.n;
        sorted = NULL;
    }
    free(sorted);
    free(passes);
    free(before);
    free(readers);
    return status;
}

/* (Bands may have moved items: those that do not follow each other any more run one by one.) */
void ad_check_outers(ad_plan *t)
{
    for (uint32_t i = 0; i < t->items.n; i++) {
        ad_step *s = t->items.at[i].kind == AD_SINGLE ? &t->steps.at[t->items.at[i].from] : NULL;
        if (s == NULL || s->batch == 0 || s->batch == AD_IN_BATCH)
            continue;
        const uint32_t n = s->batch;
        int whole = i + n <= t->items.n && !t->items.at[i].band;
        for (uint32_t k = 1; whole && k < n; k++)
            whole = t->items.at[i + k].kind == AD_SINGLE && t->items.at[i + k].from == t->items.at[i].from + k && !t->items.at[i + k].band;
        for (uint32_t k = 0; !whole && k < n; k++)
            s[k].batch = 0;
    }
}

typedef struct { uint32_t column, row; } outer;             /* registers */
static outer outer_of(const ad_plan *t, const ad_step *s)
{
    const int flip = ad_attributes(t->program, &t->program->code[s->slot])[0] != 0;
    const uint32_t x = t->words.at[s->in + 1];
    return flip ? (outer){x, s->g} : (outer){s->g, x};
}

static int are_settled(const ad_plan *t, const ad_step *s)
{
    int settled = 1;
    for (uint32_t k = 0; k < s->batch; k++) {
        const outer o = outer_of(t, s + k);
        settled &= t->registers.at[o.column].settled & t->registers.at[o.row].settled;
    }
    return settled;
}

/* The heads of arrays that were written long before are in no cache any more: where their numbers are stands in one list. */
int ad_seat_outers(ad_plan *t)
{
    int status = AD_OK;
    for (uint32_t i = 0; i < t->items.n && status == AD_OK; i++) {
        const ad_step *s = t->turns[i].kind == AD_SINGLE && !t->items.at[i].band ? &t->steps.at[t->items.at[i].from] : NULL;
        if (s == NULL || s->batch == 0 || s->op != AD_OP_matvec || !are_settled(t, s))
            continue;
        t->turns[i].to = t->seats.n + 1;
        for (uint32_t k = 0; k < s->batch && status == AD_OK; k++) {
            const outer o = outer_of(t, s + k);
            status = AD_PUSH(t->seats, t->value[o.column].array->data);
            if (status == AD_OK)
                status = AD_PUSH(t->seats, t->value[o.row].array->data);
        }
    }
    return status;
}

void ad_run_outers(const ad_plan *t, const ad_step *s, const char *const *seats, ad_array *sum)
{
    const void *u[AD_OUTERS], *v[AD_OUTERS];
    for (uint32_t k = 0; k < s->batch; k++) {
        const outer o = seats ? (outer){0, 0} : outer_of(t, s + k);
        u[k] = seats ? seats[2 * k] : t->value[o.column].array->data;
        v[k] = seats ? seats[2 * k + 1] : t->value[o.row].array->data;
    }
    ad_products_here()->add_outers[s->dtype](sum->shape[0], sum->shape[1], s->batch, u, v, sum->data);
}
