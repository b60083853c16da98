/* Value and share at once: a reduce_logsumexp whose cotangent is known before it (it was summed, or averaged) computes its share beside its
 * value.  The exponentials, which both need, are computed once; outside of a plan each computes them by itself, to the same bits. */
#include "plan.h"

#include <stdlib.h>

#include "generated/opcodes.h"

static int is_own(const ad_plan *t, uint32_t r)
{
    const ad_register *x = &t->registers.at[r];
    return x->is_array && x->number == AD_NONE && x->base == AD_NONE && x->like->size > 0;
}

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
        for (uint32_t k = 0; k < s->n && s->kind == AD_PYTHON_VJP; k++)
            if (t->words.at[s->in + s->n + k] != AD_NONE)
                made[t->words.at[s->in + s->n + k]] = i;
        if (s->kind != AD_PYTHON_VJP && s->out != AD_NONE)
            made[s->out] = i;
        if (s->kind != AD_VJP || s->op != AD_OP_reduce_logsumexp || s->acc != AD_NONE || !is_own(t, s->out) || !is_own(t, s->y) || !is_own(t, s->g))
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
    free(pairs);
    free(made);
    free(moves);
    return status;
}
