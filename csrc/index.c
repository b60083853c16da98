/* Rows that move slices to and from places told by an operand: gather, gather_nd, their adjoints, updates, nonzero. */
#include "strided.h"

/* ------------------------------------------------------------------------------------------------- places */
/* One pattern serves all: element (b, o, at[b, m], i) of the `whole` array goes with element (b, o, m, i) of the `picked` one.
 * gather and ungather: batches b, dimensions o before the axis, i after it.  Index vectors: o = 0, and `at` the row-major number
 * of the slice they name. */
typedef struct {
    int64_t batches, outer, n, m, inner;                    /* sizes of b, o, the axis, m, i */
    const int64_t *at;
    ad_array *own;                                          /* memory of `at`, or NULL where it is the operand's */
} places;

static void release_places(places *p)
{
    if (p->own)
        ad_array_release(p->own);
}

static inline int64_t index_at(const ad_array *indices, int64_t i)
{
    return indices->dtype == AD_I64 ? ((const int64_t *)indices->data)[i] : ((const int32_t *)indices->data)[i];
}

static int own_memory(places *p)
{
    const int64_t size = p->batches * p->m;
    p->own = ad_array_new(AD_I64, 1, &size);
    p->at = p->own ? p->own->data : NULL;
    return p->own ? AD_OK : AD_NO_MEMORY;
}

static int is_index(const ad_array *a) { return a->dtype == AD_I32 || a->dtype == AD_I64; }

static int same_batches(const ad_array *indices, int ndim, const int64_t *shape, int64_t batch_dims)
{
    if (batch_dims < 0 || batch_dims > ndim || batch_dims > indices->ndim)
        return 0;
    return batch_dims == 0 || memcmp(indices->shape, shape, (size_t)batch_dims * sizeof *shape) == 0;
}

/* Places along an axis of an array of the given shape. */
static int axis_places(places *p, const ad_array *indices, int ndim, const int64_t *shape, int64_t axis, int64_t batch_dims)
{
    p->own = NULL;
    if (!is_index(indices))
        return AD_BAD_DTYPE;
    if (axis < batch_dims || axis >= ndim || !same_batches(indices, ndim, shape, batch_dims))
        return AD_BAD_SHAPE;
    p->batches = ad_product(shape, (int)batch_dims);
    p->outer = ad_product(shape + batch_dims, (int)(axis - batch_dims));
    p->n = shape[axis];
    p->m = ad_product(indices->shape + batch_dims, (int)(indices->ndim - batch_dims));
    p->inner = ad_product(shape + axis + 1, (int)(ndim - axis - 1));
    for (int64_t i = 0; i < indices->size; i++) {
        const int64_t at = index_at(indices, i);
        if (at < 0 || at >= p->n)
            return AD_BAD_INDEX;
    }
    p->at = indices->data;
    if (indices->dtype == AD_I64)
        return AD_OK;
    if (own_memory(p) != AD_OK)
        return AD_NO_MEMORY;
    for (int64_t i = 0; i < indices->size; i++)
        ((int64_t *)p->own->data)[i] = index_at(indices, i);
    return AD_OK;
}

/* Places of the index vectors that are the last dimension of `indices`. */
static int vector_places(places *p, const ad_array *indices, int ndim, const int64_t *shape, int64_t batch_dims)
{
    p->own = NULL;
    if (!is_index(indices))
        return AD_BAD_DTYPE;
    if (batch_dims >= indices->ndim || !same_batches(indices, ndim, shape, batch_dims))
        return AD_BAD_SHAPE;
    const int64_t depth = indices->shape[indices->ndim - 1];
    if (depth > ndim - batch_dims)
        return AD_BAD_SHAPE;
    for (int64_t d = 0, size = 1; d < depth; d++)           /* of an attribute: not yet checked */
        if (shape[batch_dims + d] > 0 && __builtin_mul_overflow(size, shape[batch_dims + d], &size))
            return AD_BAD_SHAPE;
    p->batches = ad_product(shape, (int)batch_dims);
    p->outer = 1;
    p->n = ad_product(shape + batch_dims, (int)depth);
    p->m = ad_product(indices->shape + batch_dims, (int)(indices->ndim - 1 - batch_dims));
    p->inner = ad_product(shape + batch_dims + depth, (int)(ndim - batch_dims - depth));
    if (own_memory(p) != AD_OK)
        return AD_NO_MEMORY;
    int64_t *at = p->own->data;
    for (int64_t v = 0; v < p->batches * p->m; v++) {
        at[v] = 0;
        for (int64_t d = 0; d < depth; d++) {
            const int64_t i = index_at(indices, v * depth + d), size = shape[batch_dims + d];
            if (i < 0 || i >= size) {
                release_places(p);
                return AD_BAD_INDEX;
            }
            at[v] = at[v] * size + i;
        }
    }
    return AD_OK;
}

/* ------------------------------------------------------------------------------------------------- loops */
/* Statements for every slice, with w at it in the whole array and s in the picked one. */
#define EACH_SLICE(p, T, whole, picked, ...)                                                    \
    do {                                                                                        \
        T *s = (picked)->data;                                                                  \
        for (int64_t b = 0; b < (p)->batches && (picked)->size; b++)                            \
            for (int64_t o = 0; o < (p)->outer; o++) {                                          \
                T *row = (T *)(whole)->data + (b * (p)->outer + o) * (p)->n * (p)->inner;       \
                for (int64_t m = 0; m < (p)->m; m++, s += (p)->inner) {                         \
                    T *w = row + (p)->at[b * (p)->m + m] * (p)->inner;                          \
                    __VA_ARGS__                                                                 \
                }                                                                               \
            }                                                                                   \
    } while (0)

/* picked = (or +=) whole at the places. */
static void pick(const places *p, const ad_array *whole, ad_array *picked, int fresh)
{
    const int64_t inner = p->inner;
    if (!fresh) {
        AD_BY_NUMBER(picked->dtype, EACH_SLICE(p, T, whole, picked, for (int64_t i = 0; i < inner; i++) s[i] += w[i];);)
    } else if (inner == 1) {
        AD_BY_SIZE(picked->dtype, EACH_SLICE(p, T, whole, picked, *s = *w;);)
    } else {
        AD_BY_SIZE(picked->dtype, EACH_SLICE(p, T, whole, picked, memcpy(s, w, (size_t)inner * sizeof(T)););)
    }
}

/* whole at the places += picked. */
static void put(const places *p, ad_array *whole, const ad_array *picked)
{
    const int64_t inner = p->inner;
    AD_BY_NUMBER(whole->dtype, EACH_SLICE(p, T, whole, picked, for (int64_t i = 0; i < inner; i++) w[i] += s[i];);)
}

/* whole at the places = picked, in order. */
static void overwrite(const places *p, ad_array *whole, const ad_array *picked)
{
    const int64_t inner = p->inner;
    AD_BY_SIZE(whole->dtype, EACH_SLICE(p, T, whole, picked, memcpy(w, s, (size_t)inner * sizeof(T)););)
}

/* ------------------------------------------------------------------------------------------------- what the rows share */
/* The shape of an array with dimensions from..to replaced by those of indices from..last, or AD_BAD_SHAPE. */
static int picked_shape(int64_t *out, const int64_t *shape, int ndim, int from, int to, const ad_array *indices, int batch_dims, int last)
{
    int n = 0;
    if (from + (last - batch_dims) + (ndim - to) > AD_MAX_RANK)
        return AD_BAD_SHAPE;
    for (int i = 0; i < from; i++)
        out[n++] = shape[i];
    for (int i = batch_dims; i < last; i++)
        out[n++] = indices->shape[i];
    for (int i = to; i < ndim; i++)
        out[n++] = shape[i];
    return n;
}

static int axis_shape(int64_t *out, const ad_array *indices, int ndim, const int64_t *shape, const int64_t *axis_batch)
{
    const int axis = (int)axis_batch[0];
    return picked_shape(out, shape, ndim, axis, axis + 1, indices, (int)axis_batch[1], indices->ndim);
}

static int vector_shape(int64_t *out, const ad_array *indices, int ndim, const int64_t *shape, int64_t batch_dims)
{
    const int last = indices->ndim - 1, batch = (int)batch_dims;
    return picked_shape(out, shape, ndim, batch, batch + (int)indices->shape[last], indices, batch, last);
}

/* These release the places, which the status says are there. */
static int new_picked(int status, places *p, const ad_array *x, int rank, const int64_t *shape, ad_array **out)
{
    if (rank < 0)
        status = rank;
    else if ((*out = ad_array_new(x->dtype, rank, shape)) == NULL)
        status = AD_NO_MEMORY;
    else
        pick(p, x, *out, 1);
    release_places(p);
    return status;
}

static int new_whole(int status, places *p, const ad_array *x, int rank, const int64_t *expected, ad_tuple shape, ad_array **out)
{
    if (x->dtype == AD_BOOL)
        status = AD_BAD_DTYPE;
    else if (rank < 0 || !ad_same_shape(x, rank, expected))
        status = AD_BAD_SHAPE;
    else if ((*out = ad_zeros(x->dtype, shape.n, shape.item)) == NULL)
        status = AD_NO_MEMORY;
    else
        put(p, *out, x);
    release_places(p);
    return status;
}

static int put_share(int status, places *p, const ad_array *g, ad_array *acc, int fresh)
{
    if (status != AD_OK)
        return status;
    if (fresh)
        ad_zero(acc);
    put(p, acc, g);
    release_places(p);
    return AD_OK;
}

static int pick_share(int status, places *p, const ad_array *g, ad_array *acc, int fresh)
{
    if (status != AD_OK)
        return status;
    pick(p, g, acc, fresh);
    release_places(p);
    return AD_OK;
}

/* Integers have no gradient. */
static int no_share(ad_array *acc, int fresh)
{
    if (fresh)
        ad_zero(acc);
    return AD_OK;
}

/* ------------------------------------------------------------------------------------------------- gather, ungather */
int ad_gather_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_array *x = in[0], *indices = in[1];
    int64_t shape[AD_MAX_RANK];
    places p;
    const int status = axis_places(&p, indices, x->ndim, x->shape, attr[0], attr[1]);
    return status == AD_OK ? new_picked(status, &p, x, axis_shape(shape, indices, x->ndim, x->shape, attr), shape, out) : status;
}

int ad_gather_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n, (void)y;
    places p;
    if (k == 1)
        return no_share(acc, fresh);
    return put_share(axis_places(&p, in[1], acc->ndim, acc->shape, attr[0], attr[1]), &p, g, acc, fresh);
}

int ad_ungather_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_tuple shape = ad_take_tuple(&attr);
    int64_t expected[AD_MAX_RANK];
    places p;
    const int status = axis_places(&p, in[0], shape.n, shape.item, attr[0], attr[1]);
    if (status != AD_OK)
        return status;
    return new_whole(status, &p, in[1], axis_shape(expected, in[0], shape.n, shape.item, attr), expected, shape, out);
}

int ad_ungather_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n, (void)y;
    places p;
    if (k == 0)
        return no_share(acc, fresh);
    ad_take_tuple(&attr);
    return pick_share(axis_places(&p, in[0], g->ndim, g->shape, attr[0], attr[1]), &p, g, acc, fresh);
}

/* ------------------------------------------------------------------------------------------------- gather_nd, scatter_nd */
int ad_gather_nd_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_array *x = in[0], *indices = in[1];
    int64_t shape[AD_MAX_RANK];
    places p;
    const int status = vector_places(&p, indices, x->ndim, x->shape, attr[0]);
    return status == AD_OK ? new_picked(status, &p, x, vector_shape(shape, indices, x->ndim, x->shape, attr[0]), shape, out) : status;
}

int ad_gather_nd_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n, (void)y;
    places p;
    if (k == 1)
        return no_share(acc, fresh);
    return put_share(vector_places(&p, in[1], acc->ndim, acc->shape, attr[0]), &p, g, acc, fresh);
}

int ad_scatter_nd_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_tuple shape = ad_take_tuple(&attr);
    int64_t expected[AD_MAX_RANK];
    places p;
    const int status = vector_places(&p, in[0], shape.n, shape.item, attr[0]);
    if (status != AD_OK)
        return status;
    return new_whole(status, &p, in[1], vector_shape(expected, in[0], shape.n, shape.item, attr[0]), expected, shape, out);
}

int ad_scatter_nd_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n, (void)y;
    places p;
    if (k == 0)
        return no_share(acc, fresh);
    ad_take_tuple(&attr);
    return pick_share(vector_places(&p, in[0], g->ndim, g->shape, attr[0]), &p, g, acc, fresh);
}

/* ------------------------------------------------------------------------------------------------- updates, nonzero */
/* For every place the number of the last index vector that names it, in *last; those that none names are left as they are. */
static int last_at(const places *p, ad_array **last)
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
    places p;
    if (updates->dtype != x->dtype)
        return AD_BAD_DTYPE;
    int status = vector_places(&p, indices, x->ndim, x->shape, 0);
    if (status != AD_OK)
        return status;
    const int rank = vector_shape(expected, indices, x->ndim, x->shape, 0);
    if (rank < 0 || !ad_same_shape(updates, rank, expected))
        status = AD_BAD_SHAPE;
    else if ((*out = ad_array_new(x->dtype, x->ndim, x->shape)) == NULL)
        status = AD_NO_MEMORY;
    else {
        memcpy((*out)->data, x->data, ad_array_bytes(x));
        overwrite(&p, *out, updates);
    }
    release_places(&p);
    return status;
}

/* acc = (or +=) g except at the places. */
static int share_elsewhere(const places *p, const ad_array *g, ad_array *acc, int fresh)
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
static int share_of_updates(const places *p, const ad_array *g, ad_array *acc, int fresh)
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
    places p;
    if (k == 1)
        return no_share(acc, fresh);
    int status = vector_places(&p, in[1], g->ndim, g->shape, 0);
    if (status != AD_OK)
        return status;
    status = k == 0 ? share_elsewhere(&p, g, acc, fresh) : share_of_updates(&p, g, acc, fresh);
    release_places(&p);
    return status;
}

int ad_last_of_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_tuple shape = ad_take_tuple(&attr);
    ad_array *last = NULL;
    places p;
    int status = vector_places(&p, in[0], shape.n, shape.item, 0);
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
    release_places(&p);
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
