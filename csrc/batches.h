/* The leading dimensions of the operands of products, which broadcast: from one matrix to the next. */
#ifndef AD_BATCHES_H
#define AD_BATCHES_H

#include "ad.h"

/* How the leading dimensions of two operands broadcast.  `at` are the elements at which the present matrices begin. */
typedef struct {
    int ndim;
    int64_t count, shape[AD_MAX_RANK], index[AD_MAX_RANK];
    int64_t stride[3][AD_MAX_RANK], at[3];                  /* of the operands and of the result */
} batches;

static inline void batch_strides(batches *s, int which, const ad_array *x, int inner)
{
    int64_t step = 1;
    s->at[which] = 0;
    if (s->ndim == 0)
        return;
    for (int i = 0; i < inner; i++)
        step *= x->shape[x->ndim - 1 - i];
    const int lead = x->ndim - inner;
    for (int i = 0; i < s->ndim; i++) {
        const int own = lead - 1 - i, place = s->ndim - 1 - i;
        s->stride[which][place] = own < 0 || x->shape[own] == 1 ? 0 : step;
        step *= own < 0 ? 1 : x->shape[own];
    }
}

/* inner_a and inner_b: trailing dimensions that are no batch. */
static inline int batch_shape(batches *s, const ad_array *a, int inner_a, const ad_array *b, int inner_b)
{
    const int na = a->ndim - inner_a, nb = b->ndim - inner_b;
    s->ndim = na > nb ? na : nb;
    s->count = 1;
    for (int i = 0; i < s->ndim; i++) {
        const int ia = na - s->ndim + i, ib = nb - s->ndim + i;
        const int64_t da = ia < 0 ? 1 : a->shape[ia], db = ib < 0 ? 1 : b->shape[ib];
        if (da != db && da != 1 && db != 1)
            return AD_BAD_SHAPE;
        s->shape[i] = da == 1 ? db : da;
        if (s->shape[i] && __builtin_mul_overflow(s->count, s->shape[i], &s->count))
            return AD_NO_MEMORY;
        s->index[i] = 0;
    }
    batch_strides(s, 0, a, inner_a);
    batch_strides(s, 1, b, inner_b);
    return AD_OK;
}

static inline void next_batch(batches *s)
{
    for (int i = s->ndim - 1; i >= 0; i--) {
        for (int w = 0; w < 3; w++)
            s->at[w] += s->stride[w][i];
        if (++s->index[i] < s->shape[i])
            return;
        for (int w = 0; w < 3; w++)
            s->at[w] -= s->stride[w][i] * s->shape[i];
        s->index[i] = 0;
    }
}

static inline const void *element(const ad_array *x, int64_t at) { return (const char *)x->data + (size_t)at * ad_itemsize(x->dtype); }

#endif
