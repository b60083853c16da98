/* Rows that move slices to and from places told by an operand: gather, gather_nd and their adjoints. */
#include "places.h"

/* ------------------------------------------------------------------------------------------------- places */
void ad_release_places(ad_places *p)
{
    if (p->own)
        ad_array_release(p->own);
}

static int own_memory(ad_places *p)
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

/* All are told at the end whether one is outside: a loop that may stop is several times as long. */
#define BY_INDEX(dtype, ...)                                  \
    if ((dtype) == AD_I64) {                                  \
        typedef int64_t T;                                    \
        __VA_ARGS__                                           \
    } else {                                                  \
        typedef int32_t T;                                    \
        __VA_ARGS__                                           \
    }

/* Of p->n elements; as they are, where they are int64. */
static int take_indices(ad_places *p, const ad_array *indices)
{
    int outside = 0;
    BY_INDEX(indices->dtype,
        for (int64_t i = 0; i < indices->size; i++)
            outside |= (uint64_t)(int64_t)((const T *)indices->data)[i] >= (uint64_t)p->n;)
    if (outside)
        return AD_BAD_INDEX;
    p->at = indices->data;
    if (indices->dtype == AD_I64)
        return AD_OK;
    if (own_memory(p) != AD_OK)
        return AD_NO_MEMORY;
    for (int64_t i = 0; i < indices->size; i++)
        ((int64_t *)p->own->data)[i] = ((const int32_t *)indices->data)[i];
    return AD_OK;
}

int ad_axis_places(ad_places *p, const ad_array *indices, int ndim, const int64_t *shape, int64_t axis, int64_t batch_dims)
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
    return take_indices(p, indices);
}

/* Places of the index vectors that are the last dimension of `indices`. */
int ad_vector_places(ad_places *p, const ad_array *indices, int ndim, const int64_t *shape, int64_t batch_dims)
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
    if (depth == 1)
        return take_indices(p, indices);
    if (own_memory(p) != AD_OK)
        return AD_NO_MEMORY;
    uint64_t *at = p->own->data;                            /* (an index that is outside may be any) */
    int outside = 0;
    memset(at, 0, (size_t)(p->batches * p->m) * sizeof *at);
    for (int64_t d = 0; d < depth; d++) {
        const uint64_t size = (uint64_t)shape[batch_dims + d];
        BY_INDEX(indices->dtype,
            for (int64_t v = 0; v < p->batches * p->m; v++) {
                const uint64_t i = (uint64_t)(int64_t)((const T *)indices->data)[v * depth + d];
                outside |= i >= size;
                at[v] = at[v] * size + i;
            })
    }
    if (outside)
        ad_release_places(p);
    return outside ? AD_BAD_INDEX : AD_OK;
}

/* ------------------------------------------------------------------------------------------------- loops */
/* picked = (or +=) whole at the places. */
static void pick(const ad_places *p, const ad_array *whole, ad_array *picked, int fresh)
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
static void put(const ad_places *p, ad_array *whole, const ad_array *picked)
{
    const int64_t inner = p->inner;
    AD_BY_NUMBER(whole->dtype, EACH_SLICE(p, T, whole, picked, for (int64_t i = 0; i < inner; i++) w[i] += s[i];);)
}

/* ------------------------------------------------------------------------------------------------- what the rows share */
/* The shape of an array with dimensions from..to replaced by those of indices from..last, or AD_BAD_RANK. */
static int picked_shape(int64_t *out, const int64_t *shape, int ndim, int from, int to, const ad_array *indices, int batch_dims, int last)
{
    int n = 0;
    if (from + (last - batch_dims) + (ndim - to) > AD_MAX_RANK)
        return AD_BAD_RANK;
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

int ad_vector_shape(int64_t *out, const ad_array *indices, int ndim, const int64_t *shape, int64_t batch_dims)
{
    const int last = indices->ndim - 1, batch = (int)batch_dims;
    return picked_shape(out, shape, ndim, batch, batch + (int)indices->shape[last], indices, batch, last);
}

/* These release the places, which the status says are there. */
static int new_picked(int status, ad_places *p, const ad_array *x, int rank, const int64_t *shape, ad_array **out)
{
    if (rank < 0)
        status = rank;
    else if ((*out = ad_array_new(x->dtype, rank, shape)) == NULL)
        status = AD_NO_MEMORY;
    else
        pick(p, x, *out, 1);
    ad_release_places(p);
    return status;
}

static int new_whole(int status, ad_places *p, const ad_array *x, int rank, const int64_t *expected, ad_tuple shape, ad_array **out)
{
    if (x->dtype == AD_BOOL)
        status = AD_BAD_DTYPE;
    else if (rank < 0 || !ad_same_shape(x, rank, expected))
        status = AD_BAD_SHAPE;
    else if ((*out = ad_zeros(x->dtype, shape.n, shape.item)) == NULL)
        status = AD_NO_MEMORY;
    else
        put(p, *out, x);
    ad_release_places(p);
    return status;
}

static int put_share(int status, ad_places *p, const ad_array *g, ad_array *acc, int fresh)
{
    if (status != AD_OK)
        return status;
    if (fresh)
        ad_zero(acc);
    put(p, acc, g);
    ad_release_places(p);
    return AD_OK;
}

static int pick_share(int status, ad_places *p, const ad_array *g, ad_array *acc, int fresh)
{
    if (status != AD_OK)
        return status;
    pick(p, g, acc, fresh);
    ad_release_places(p);
    return AD_OK;
}

/* ------------------------------------------------------------------------------------------------- gather, ungather */
int ad_gather_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_array *x = in[0], *indices = in[1];
    int64_t shape[AD_MAX_RANK];
    ad_places p;
    const int status = ad_axis_places(&p, indices, x->ndim, x->shape, attr[0], attr[1]);
    return status == AD_OK ? new_picked(status, &p, x, axis_shape(shape, indices, x->ndim, x->shape, attr), shape, out) : status;
}

int ad_gather_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n, (void)y;
    ad_places p;
    if (k == 1)
        return ad_no_share(acc, fresh);
    return put_share(ad_axis_places(&p, in[1], acc->ndim, acc->shape, attr[0], attr[1]), &p, g, acc, fresh);
}

int ad_ungather_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_tuple shape = ad_take_tuple(&attr);
    int64_t expected[AD_MAX_RANK];
    ad_places p;
    const int status = ad_axis_places(&p, in[0], shape.n, shape.item, attr[0], attr[1]);
    if (status != AD_OK)
        return status;
    return new_whole(status, &p, in[1], axis_shape(expected, in[0], shape.n, shape.item, attr), expected, shape, out);
}

int ad_ungather_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n, (void)y;
    ad_places p;
    if (k == 0)
        return ad_no_share(acc, fresh);
    ad_take_tuple(&attr);
    return pick_share(ad_axis_places(&p, in[0], g->ndim, g->shape, attr[0], attr[1]), &p, g, acc, fresh);
}

/* ------------------------------------------------------------------------------------------------- gather_nd, scatter_nd */
int ad_gather_nd_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_array *x = in[0], *indices = in[1];
    int64_t shape[AD_MAX_RANK];
    ad_places p;
    const int status = ad_vector_places(&p, indices, x->ndim, x->shape, attr[0]);
    return status == AD_OK ? new_picked(status, &p, x, ad_vector_shape(shape, indices, x->ndim, x->shape, attr[0]), shape, out) : status;
}

int ad_gather_nd_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n, (void)y;
    ad_places p;
    if (k == 1)
        return ad_no_share(acc, fresh);
    return put_share(ad_vector_places(&p, in[1], acc->ndim, acc->shape, attr[0]), &p, g, acc, fresh);
}

int ad_scatter_nd_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_tuple shape = ad_take_tuple(&attr);
    int64_t expected[AD_MAX_RANK];
    ad_places p;
    const int status = ad_vector_places(&p, in[0], shape.n, shape.item, attr[0]);
    if (status != AD_OK)
        return status;
    return new_whole(status, &p, in[1], ad_vector_shape(expected, in[0], shape.n, shape.item, attr[0]), expected, shape, out);
}

int ad_scatter_nd_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n, (void)y;
    ad_places p;
    if (k == 0)
        return ad_no_share(acc, fresh);
    ad_take_tuple(&attr);
    return pick_share(ad_vector_places(&p, in[0], g->ndim, g->shape, attr[0]), &p, g, acc, fresh);
}
