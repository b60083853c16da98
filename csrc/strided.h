/* What the structural kernels share: walking memory that is not in row-major order, loops over dtypes, attributes. */
#ifndef AD_STRIDED_H
#define AD_STRIDED_H

#include "ad.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------- loops over dtypes */
/* The statements with T as the element type.  Integers come unsigned: their sums and products wrap, as NumPy's do, where signed
 * ones would be undefined. */
#define AD_BY_NUMBER(dtype, ...)                              \
    switch (dtype) {                                          \
    case AD_F32: { typedef float T; __VA_ARGS__ } break;      \
    case AD_F64: { typedef double T; __VA_ARGS__ } break;     \
    case AD_I32: { typedef uint32_t T; __VA_ARGS__ } break;   \
    case AD_I64: { typedef uint64_t T; __VA_ARGS__ } break;   \
    default: break;                                           \
    }
#define AD_BY_FLOAT(dtype, ...)                               \
    switch (dtype) {                                          \
    case AD_F32: { typedef float T; __VA_ARGS__ } break;      \
    case AD_F64: { typedef double T; __VA_ARGS__ } break;     \
    default: break;                                           \
    }
/* For what only moves elements: T is a word of their size. */
#define AD_BY_SIZE(dtype, ...)                                \
    switch (ad_itemsize(dtype)) {                             \
    case 8: { typedef uint64_t T; __VA_ARGS__ } break;        \
    case 4: { typedef uint32_t T; __VA_ARGS__ } break;        \
    default: { typedef uint8_t T; __VA_ARGS__ } break;        \
    }

static inline int ad_is_float(const ad_array *a) { return a->dtype == AD_F32 || a->dtype == AD_F64; }

/* ------------------------------------------------------------------------------------------------- attributes, shapes */
/* A tuple among the attribute words. */
typedef struct { int n; const int64_t *item; } ad_tuple;

static inline ad_tuple ad_take_tuple(const int64_t **attr)
{
    const ad_tuple t = {(int)**attr, *attr + 1};
    *attr += 1 + t.n;
    return t;
}

/* Of dimensions of an array, where it cannot overflow, or of an attribute, where it may wrap until ad_array_new refuses the shape. */
static inline int64_t ad_product(const int64_t *n, int count)
{
    uint64_t p = 1;
    for (int i = 0; i < count; i++)
        p *= (uint64_t)n[i];
    return (int64_t)p;
}

static inline int ad_same_shape(const ad_array *a, int ndim, const int64_t *shape)
{
    return a->ndim == ndim && (ndim == 0 || memcmp(a->shape, shape, (size_t)ndim * sizeof *shape) == 0);
}

static inline void ad_zero(ad_array *a) { memset(a->data, 0, ad_array_bytes(a)); }

/* To an array of the result's shape, of operands that fit: move.c, view.c. */
void ad_concat_into(const ad_array *const *in, int n, const int64_t *attr, ad_array *y);
void ad_view_into(const ad_array *x, const int64_t *attr, ad_array *y);

static inline ad_array *ad_zeros(int dtype, int ndim, const int64_t *shape)
{
    ad_array *a = ad_array_new(dtype, ndim, shape);
    if (a)
        ad_zero(a);
    return a;
}

/* ------------------------------------------------------------------------------------------------- strided walks */
/* Runs of `length` elements, `step` apart, the first at element `at`; ad_next_run moves on to the next one in row-major order. */
typedef struct {
    int ndim;                                               /* dimensions around the run */
    int64_t length, step, at;
    int64_t shape[AD_MAX_RANK], stride[AD_MAX_RANK], index[AD_MAX_RANK];
} ad_walk;

/* Dimensions of size 1 are dropped, those that step together merged: a walk over row-major order is one run.  No dimension is 0. */
static inline void ad_walk_over(ad_walk *w, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset)
{
    int n = 0;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] == 1)
            continue;
        if (n && w->stride[n - 1] == stride[i] * shape[i]) {
            w->shape[n - 1] *= shape[i];
            w->stride[n - 1] = stride[i];
        } else {
            w->shape[n] = shape[i];
            w->stride[n] = stride[i];
            w->index[n++] = 0;
        }
    }
    w->ndim = n ? n - 1 : 0;
    w->length = n ? w->shape[n - 1] : 1;
    w->step = n ? w->stride[n - 1] : 1;
    w->at = offset;
}

static inline int ad_next_run(ad_walk *w)
{
    for (int i = w->ndim - 1; i >= 0; i--) {
        w->at += w->stride[i];
        if (++w->index[i] < w->shape[i])
            return 1;
        w->at -= w->stride[i] * w->shape[i];
        w->index[i] = 0;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------- between the files */
/* Baseline, AVX2 or AVX-512: which of three tables is in use. */
static inline int ad_isa_number(void)
{
#ifdef __x86_64__
    return ad_cpu->name[0] != 'a' ? 0 : ad_cpu->name[3] == '2' ? 1 : 2;
#else
    return 0;
#endif
}

/* Marks the dimensions to reduce; a new array of the reduced shape in *out. */
int ad_mark_axes(const ad_array *x, ad_tuple axes, uint8_t *reduced);
int ad_new_reduced(const ad_array *x, int dtype, const uint8_t *reduced, int64_t keepdims, ad_array **out);
/* acc = (or, not fresh, +=) the sum of x, taken as of the given shape, over the dimensions marked in `reduced`.  The others, in
 * row-major order, are acc's.  x may be uniform. */
int ad_sum_into(ad_array *acc, int fresh, const ad_array *x, int ndim, const int64_t *shape, const uint8_t *reduced);
/* Its share: every number of g where the terms of its sum came from. */
void ad_spread_sum(ad_array *acc, int fresh, const ad_array *g, int ndim, const int64_t *shape, const uint8_t *reduced);
/* y.flat[offset + sum i * stride] += x[i..]; x, taken as of the given shape, may be uniform. */
int ad_scatter_strided(ad_array *y, const ad_array *x, ad_tuple shape, const int64_t *stride, int64_t offset);
/* acc = (or +=) x at those elements. */
void ad_gather_strided(ad_array *acc, int fresh, const ad_array *x, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset);

#endif
