/* Updates at index vectors, the last of equal ones winning; nonzero. */
#include "places.h"

/* whole at the places = picked, in order. */
static void overwrite(const ad_places *p, ad_array *whole, const ad_array *picked)
{
    const int64_t inner = p->inner;
    AD_BY_SIZE(whole->dtype, EACH_SLICE(p, T, whole, picked, memcpy(w, s, (size_t)inner * sizeof(T)););)
}

/* For every place the number of the last index vector that names it, in *last; those that none names are left as they are. */
static int last_at(const ad_places *p, ad_array **last)
{
    *last = ad_array_new(AD_I64, 1, &p->n);
    if (*last == NULL)
        return AD_NO_MEMORY;
    for (int64_t m = 0; m < p->m; m++)
        ((int64_t *)(*last)->data)[p->at[m]] = m;
    return AD_OK;
}

int ad_tensor_scatter_nd_update_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n, (void)attr;
    const ad_array *x = in[0], *indices = in[1], *updates = in[2];
    int64_t expected[AD_MAX_RANK];
    ad_places p;
    if (updates->dtype != x->dtype)
        return AD_BAD_DTYPE;
    int status = ad_vector_places(&p, indices, x->ndim, x->shape, 0);
    if (status != AD_OK)
        return status;
    const int rank = ad_vector_shape(expected, indices, x->ndim, x->shape, 0);
    if (rank < 0 || !ad_same_shape(updates, rank, expected))
        status = AD_BAD_SHAPE;
    else if ((*out = ad_array_new(x->dtype, x->ndim, x->shape)) == NULL)
        status = AD_NO_MEMORY;
    else {
        memcpy((*out)->data, x->data, ad_array_bytes(x));
        overwrite(&p, *out, updates);
    }
    ad_release_places(&p);
    return status;
}

/* acc = (or +=) g except at the places. */
static int share_elsewhere(const ad_places *p, const ad_array *g, ad_array *acc, int fresh)
{
    ad_array *rest = fresh ? acc : ad_array_new(g->dtype, g->ndim, g->shape);
    if (rest == NULL)
        return AD_NO_MEMORY;
    const int64_t inner = p->inner, one = 1;
    memcpy(rest->data, g->data, ad_array_bytes(g));
    AD_BY_NUMBER(g->dtype,
        for (int64_t m = 0; m < p->m; m++)
            memset((T *)rest->data + p->at[m] * inner, 0, (size_t)inner * sizeof(T));)
    if (!fresh) {
        ad_gather_strided(acc, 0, rest, 1, &acc->size, &one, 0);
        ad_array_release(rest);
    }
    return AD_OK;
}

/* acc = (or +=) g at the places, 0 for an update that a later one has overwritten. */
static int share_of_updates(const ad_places *p, const ad_array *g, ad_array *acc, int fresh)
{
    ad_array *last;
    if (last_at(p, &last) != AD_OK)
        return AD_NO_MEMORY;
    if (fresh)
        ad_zero(acc);
    const int64_t *winner = last->data, inner = p->inner;
    AD_BY_NUMBER(g->dtype, EACH_SLICE(p, T, g, acc,
        if (winner[p->at[m]] == m)
            for (int64_t i = 0; i < inner; i++)
                s[i] += w[i];);)
    ad_array_release(last);
    return AD_OK;
}

int ad_tensor_scatter_nd_update_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr,
                                    ad_array *acc, int fresh)
{
    (void)n, (void)y, (void)attr;
    ad_places p;
    if (k == 1)
        return ad_no_share(acc, fresh);
    int status = ad_vector_places(&p, in[1], g->ndim, g->shape, 0);
    if (status != AD_OK)
        return status;
    status = k == 0 ? share_elsewhere(&p, g, acc, fresh) : share_of_updates(&p, g, acc, fresh);
    ad_release_places(&p);
    return status;
}

int ad_last_of_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_tuple shape = ad_take_tuple(&attr);
    ad_array *last = NULL;
    ad_places p;
    int status = ad_vector_places(&p, in[0], shape.n, shape.item, 0);
    if (status != AD_OK)
        return status;
    status = last_at(&p, &last);
    if (status == AD_OK && (*out = ad_array_new(AD_BOOL, in[0]->ndim - 1, in[0]->shape)) == NULL)
        status = AD_NO_MEMORY;
    if (status == AD_OK)
        for (int64_t m = 0; m < p.m; m++)
            ((uint8_t *)(*out)->data)[m] = ((int64_t *)last->data)[p.at[m]] == m;
    if (last)
        ad_array_release(last);
    ad_release_places(&p);
    return status;
}

int ad_nonzero_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n, (void)attr;
    const ad_array *x = in[0];
    const uint8_t *is = x->data;
    int64_t shape[2] = {0, x->ndim};
    if (x->dtype != AD_BOOL)
        return AD_BAD_DTYPE;
    for (int64_t i = 0; i < x->size; i++)
        shape[0] += is[i] != 0;
    *out = ad_array_new(AD_I64, 2, shape);
    if (*out == NULL)
        return AD_NO_MEMORY;
    int64_t *to = (*out)->data;
    for (int64_t i = 0; i < x->size; i++)
        if (is[i]) {
            int64_t rest = i;
            for (int d = x->ndim - 1; d >= 0; rest /= x->shape[d--])
                to[d] = rest % x->shape[d];
            to += x->ndim;
        }
    return AD_OK;
}
