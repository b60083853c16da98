/* Adjoints that are arrays: added up, written out, dropped. */
#include "ad.h"

#include <string.h>

#define ADD_ARRAYS(T, to, from, n)                                       \
    do {                                                                 \
        T *restrict t_ = (to)->data;                                     \
        const T *restrict f_ = (from)->data;                             \
        const T one_ = f_[0];                                            \
        if ((from)->uniform)                                             \
            for (int64_t i_ = 0; i_ < (n); i_++) t_[i_] += one_;         \
        else                                                             \
            for (int64_t i_ = 0; i_ < (n); i_++) t_[i_] += f_[i_];       \
    } while (0)

static void add_into(ad_array *to, const ad_array *from)
{
    const int64_t n = to->uniform ? 1 : to->size;
    if (to->size == 0)
        return;
    if (to->dtype == AD_F64)
        ADD_ARRAYS(double, to, from, n);
    else
        ADD_ARRAYS(float, to, from, n);
}

static int owned(const ad_array *a) { return a->refs == 1 && a->base == NULL; }

ad_array *ad_spread(ad_array *a)
{
    if (!a->uniform)
        return a;
    ad_array *b = ad_array_new(a->dtype, a->ndim, a->shape);
    if (b != NULL && b->dtype == AD_F64)
        for (int64_t i = 0; i < b->size; i++) ((double *)b->data)[i] = *(double *)a->data;
    else if (b != NULL)
        for (int64_t i = 0; i < b->size; i++) ((float *)b->data)[i] = *(float *)a->data;
    ad_array_release(a);
    return b;
}

ad_array *ad_exclusive(ad_array *a)
{
    if (a->uniform)
        return ad_spread(a);
    if (owned(a))
        return a;
    ad_array *b = ad_array_new(a->dtype, a->ndim, a->shape);
    if (b != NULL)
        memcpy(b->data, a->data, ad_array_bytes(a));
    ad_array_release(a);
    return b;
}

int ad_accumulate(ad_value *adjoint, ad_array *share)
{
    if (adjoint->bits == AD_EMPTY) {
        adjoint->array = share;
        return AD_OK;
    }
    ad_array *have = adjoint->array, *other = share;
    const int one_number = have->uniform && share->uniform;
    if (!one_number && (have->uniform || !owned(have)) && !share->uniform && owned(share)) {
        have = share;
        other = adjoint->array;
    } else if (!(one_number && owned(have))) {
        have = ad_exclusive(have);
        adjoint->bits = AD_EMPTY;
        if (have == NULL) {
            ad_array_release(share);
            return AD_NO_MEMORY;
        }
    }
    add_into(have, other);
    ad_array_release(other);
    adjoint->array = have;
    return AD_OK;
}

void ad_drop_adjoint(ad_sweep *s, int64_t i)
{
    const ad_instruction *in = &s->program->code[i];
    ad_value *adjoint = &s->adj[i - s->base];
    if (!(in->flags & AD_IS_ARRAY) || adjoint->bits == AD_EMPTY)
        return;
    for (int k = 0; k < s->n_keep; k++)
        if (s->keep[k] == i)
            return;
    ad_array_release(adjoint->array);
    adjoint->bits = AD_EMPTY;
}
