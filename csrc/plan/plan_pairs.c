/* Steps that are run at once.
 *
 * Value and share: a reduction whose cotangent is known before it (it was summed, or averaged, or is the result) computes its share beside its
 * value.  The exponentials of reduce_logsumexp and softmax_cross_entropy, and the mean of reduce_variance and reduce_std, which both need, are computed once; outside of
 * a plan each computes them by itself, to the same bits.
 *
 * Both shares of a row that was multiplied by a matrix: the one reads the matrix, the other writes as much, neither computes a lot. */
#include "matmul.h"
#include "plan.h"

#include <stdlib.h>

#include "generated/opcodes.h"

ad_reduction_twin *ad_reduction_twin_of(int op)
{
    switch (op) {
    case AD_OP_reduce_logsumexp: return ad_reduce_logsumexp_twin;
    case AD_OP_reduce_variance: return ad_reduce_variance_twin;
    case AD_OP_reduce_std: return ad_reduce_std_twin;
    case AD_OP_softmax_cross_entropy: return ad_softmax_cross_entropy_twin;
    case AD_OP_sparse_softmax_cross_entropy: return ad_sparse_softmax_cross_entropy_twin;
    default: return NULL;
    }
}

static int is_own(const ad_plan *t, uint32_t r)
{
    const ad_register *x = &t->registers.at[r];
    return x->is_array && x->number == AD_NONE && x->base == AD_NONE && x->like->size > 0;
}

static int is_own_or_number(const ad_plan *t, uint32_t r) { return !t->registers.at[r].is_array || is_own(t, r); }

/* For every step the share that goes with it, and of that the step that writes out its cotangent; or AD_NONE. */
typedef struct { uint32_t share, spread; } pair;

/* Is the register there before step `at`? */
static int is_before(const uint32_t *made, uint32_t r, uint32_t at) { return made[r] == AD_NONE || made[r] < at; }

static int find_pairs(const ad_plan *t, pair *pairs, uint32_t *made, uint8_t *moves)
{
    int any = 0;
    for (uint32_t r = 0; r < t->registers.n; r++)
        made[r] = AD_NONE;
    for (uint32_t i = 0; i < t->steps.n; i++) {
        const ad_step *s = &t->steps.at[i];
        pairs[i] = (pair){AD_NONE, AD_NONE};
        if (s->out != AD_NONE)
            made[s->out] = i;
        if (s->kind != AD_VJP || !ad_reduction_twin_of(s->op) || s->k + 1 != s->n || s->acc != AD_NONE || !is_own(t, s->out) || !is_own_or_number(t, s->y) ||
            !is_own_or_number(t, s->g))
            continue;
        const uint32_t f = made[s->y], from = made[s->g];
        if (f == AD_NONE || pairs[f].share != AD_NONE || t->steps.at[f].kind != AD_FORWARD || t->steps.at[f].slot != s->slot)
            continue;
        const int spread = from != AD_NONE && from > f && t->steps.at[from].kind == AD_SPREAD;
        if (!is_before(made, ad_home(t, spread ? t->steps.at[from].g : s->g), f))      /* (one number over and over: that) */
            continue;
        pairs[f] = (pair){i, spread ? from : AD_NONE};
        moves[i] = 1;
        if (spread)
            moves[from] = 1;
        any = 1;
    }
    return any;
}

static void sort(const ad_plan *t, const pair *pairs, uint8_t *moves, ad_step *sorted)
{
    enum { DONE = 2 };
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->steps.n; i++) {
        if (moves[i])
            continue;
        const pair p = pairs[i];
        if (p.spread != AD_NONE && moves[p.spread] != DONE) {
            sorted[n++] = t->steps.at[p.spread];
            moves[p.spread] = DONE;                         /* (several may have it) */
        }
        sorted[n++] = t->steps.at[i];
        if (p.share == AD_NONE)
            continue;
        sorted[n - 1].batch = 2;
        sorted[n++] = t->steps.at[p.share];
        sorted[n - 1].batch = AD_IN_BATCH;
    }
}

static const ad_array *own_array(const ad_plan *t, uint32_t r) { return is_own(t, r) ? t->registers.at[r].like : NULL; }

/* Are the step and the one after it the shares of x w, of a row x, each the first one? */
static int is_row_pair(const ad_plan *t, const ad_step *s)
{
    if (s->kind != AD_VJP || s->op != AD_OP_matmul || s->k != 0 || s->dtype > AD_F64 || s[1].kind != AD_VJP || s[1].slot != s->slot || s[1].k != 1)
        return 0;
    const int64_t *transposed = ad_attributes(t->program, &t->program->code[s->slot]);
    const ad_array *x = own_array(t, t->words.at[s->in]), *w = own_array(t, t->words.at[s->in + 1]), *g = own_array(t, s->g);
    return x && w && g && s[1].g == s->g && s->acc == AD_NONE && s[1].acc == AD_NONE && own_array(t, s->out) && own_array(t, s[1].out) &&
           !transposed[0] && !transposed[1] && x->ndim == 2 && w->ndim == 2 && x->shape[0] == 1 && w->shape[0] > 1 && w->shape[1] > 1;
}

static void pair_shares_of_rows(ad_plan *t)
{
    for (uint32_t i = 0; i + 1 < t->steps.n; i++)
        if (is_row_pair(t, &t->steps.at[i])) {
            t->steps.at[i].batch = 2;
            t->steps.at[i + 1].batch = AD_IN_BATCH;
        }
}

void ad_run_shares_of_row(const ad_plan *t, const ad_step *s, ad_array *dx, ad_array *dw)
{
    const ad_array *x = t->value[t->words.at[s->in]].array, *w = t->value[t->words.at[s->in + 1]].array;
    ad_shares_of_row(s->dtype, w->shape[0], w->shape[1], w->data, t->value[s->g].array->data, x->data, dx->data, dw->data);
}

int ad_pair_steps(ad_plan *t)
{
    pair *pairs = malloc((t->steps.n + 1) * sizeof *pairs);
    uint32_t *made = malloc((t->registers.n + 1) * sizeof *made);
    uint8_t *moves = calloc(t->steps.n + 1, 1);
    ad_step *sorted = NULL;
    int status = pairs && made && moves ? AD_OK : AD_NO_MEMORY;
    if (status == AD_OK && find_pairs(t, pairs, made, moves)) {
        sorted = malloc(t->steps.n * sizeof *sorted);
        status = sorted ? AD_OK : AD_NO_MEMORY;
    }
    if (sorted) {
        sort(t, pairs, moves, sorted);
        free(t->steps.at);
        t->steps.at = sorted;
        t->steps.room = t->steps.n;
    }
    pair_shares_of_rows(t);
    free(pairs);
    free(made);
    free(moves);
    return status;
}
