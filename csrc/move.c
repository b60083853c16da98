/* Rows that move numbers in regular patterns: reshape, cast, sum_to, concat; view and unview stand in view.c. */
#include "strided.h"

/* ------------------------------------------------------------------------------------------------- reshape, cast */
int ad_reshape_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_tuple shape = ad_take_tuple(&attr);
    ad_array *x = (ad_array *)in[0];
    if (shape.n > AD_MAX_RANK)                              /* (a tangent's, along many directions) */
        return AD_BAD_RANK;
    if (ad_product(shape.item, shape.n) != x->size)
        return AD_BAD_SHAPE;
    if (x->ndim) {
        *out = ad_array_view(x, shape.n, shape.item, 0);
        return *out ? AD_OK : AD_NO_MEMORY;
    }
    *out = ad_array_new(x->dtype, shape.n, shape.item);     /* rank 0 may stand on the caller's stack: it cannot be held */
    if (*out == NULL)
        return AD_NO_MEMORY;
    memcpy((*out)->data, x->data, ad_itemsize(x->dtype));
    return AD_OK;
}

int ad_reshape_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)in, (void)n, (void)y, (void)attr;
    const int64_t one = 1;
    ad_gather_strided(acc, fresh, g, 1, &acc->size, &one, 0);
    return AD_OK;
}

/* C leaves undefined what a float beyond an integer's range becomes, and NaN. */
static inline int32_t to_i32(double x) { return x >= 2147483647.0 ? INT32_MAX : x > -2147483648.0 ? (int32_t)x : x == x ? INT32_MIN : 0; }
static inline int64_t to_i64(double x) { return x >= 0x1p63 ? INT64_MAX : x > -0x1p63 ? (int64_t)x : x == x ? INT64_MIN : 0; }

#define CAST(T, value)                                                          \
    do {                                                                        \
        T *restrict to = y->data;                                               \
        for (int64_t i = 0; i < y->size; i++)                                   \
            to[i] = value;                                                      \
    } while (0)
#define CAST_FROM(S, i32, i64)                                                  \
    do {                                                                        \
        const S *restrict from = x->data;                                       \
        switch (y->dtype) {                                                     \
        case AD_F32: CAST(float, (float)from[i]); break;                        \
        case AD_F64: CAST(double, (double)from[i]); break;                      \
        case AD_I32: CAST(int32_t, i32(from[i])); break;                        \
        case AD_I64: CAST(int64_t, i64(from[i])); break;                        \
        default: CAST(uint8_t, from[i] != 0); break;                            \
        }                                                                       \
    } while (0)

int ad_cast_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_array *x = in[0];
    if (attr[0] < 0 || attr[0] >= AD_NDTYPES)
        return AD_BAD_DTYPE;
    ad_array *y = *out = ad_array_new((int)attr[0], x->ndim, x->shape);
    if (y == NULL)
        return AD_NO_MEMORY;
    switch (x->dtype) {
    case AD_F32: CAST_FROM(float, to_i32, to_i64); break;
    case AD_F64: CAST_FROM(double, to_i32, to_i64); break;
    case AD_I32: CAST_FROM(int32_t, (int32_t), (int64_t)); break;
    case AD_I64: CAST_FROM(int64_t, (int32_t), (int64_t)); break;
    default: CAST_FROM(uint8_t, (int32_t), (int64_t)); break;
    }
    return AD_OK;
}

#define ADD_CAST(A, G)                                                          \
    do {                                                                        \
        A *restrict to = acc->data;                                             \
        const G *restrict from = g->data;                                       \
        for (int64_t i = 0; i < acc->size; i++)                                 \
            to[i] = (A)from[i] + (fresh ? 0 : to[i]);                           \
    } while (0)

int ad_cast_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)in, (void)n, (void)y, (void)attr;
    if (!ad_is_float(g) || !ad_is_float(acc))
        return AD_BAD_DTYPE;
    if (acc->dtype == AD_F64 && g->dtype == AD_F64)
        ADD_CAST(double, double);
    else if (acc->dtype == AD_F64)
        ADD_CAST(double, float);
    else if (g->dtype == AD_F64)
        ADD_CAST(float, double);
    else
        ADD_CAST(float, float);
    return AD_OK;
}

/* ------------------------------------------------------------------------------------------------- sum_to */
/* How `shape` lies in the larger x: 0, or AD_BAD_SHAPE if it does not broadcast to it. */
static int sum_to_pattern(const ad_array *x, ad_tuple shape, uint8_t *reduced)
{
    const int lead = x->ndim - shape.n;
    if (lead < 0)
        return AD_BAD_SHAPE;
    for (int i = 0; i < x->ndim; i++) {
        reduced[i] = i < lead || (shape.item[i - lead] == 1 && x->shape[i] != 1);
        if (!reduced[i] && shape.item[i - lead] != x->shape[i])
            return AD_BAD_SHAPE;
    }
    return AD_OK;
}

int ad_sum_to_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    uint8_t reduced[AD_MAX_RANK];
    const ad_tuple shape = ad_take_tuple(&attr);
    const ad_array *x = in[0];
    if (x->dtype == AD_BOOL)
        return AD_BAD_DTYPE;
    int status = sum_to_pattern(x, shape, reduced);
    if (status != AD_OK)
        return status;
    ad_array *y = ad_array_new(x->dtype, shape.n, shape.item);
    if (y == NULL)
        return AD_NO_MEMORY;
    status = ad_sum_into(y, 1, x, x->ndim, x->shape, reduced);
    if (status == AD_OK)
        *out = y;
    else
        ad_array_release(y);
    return status;
}

int ad_sum_to_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)n, (void)y;
    uint8_t reduced[AD_MAX_RANK];
    const int status = sum_to_pattern(in[0], ad_take_tuple(&attr), reduced);
    if (status == AD_OK)
        ad_spread_sum(acc, fresh, g, in[0]->ndim, in[0]->shape, reduced);
    return status;
}

/* ------------------------------------------------------------------------------------------------- concat */
static int concat_shape(const ad_array *const *in, int n, int64_t axis, int64_t *shape)
{
    if (axis < 0 || axis >= in[0]->ndim)
        return AD_BAD_SHAPE;
    memcpy(shape, in[0]->shape, in[0]->ndim * sizeof *shape);
    for (int k = 1; k < n; k++) {
        if (in[k]->dtype != in[0]->dtype)
            return AD_BAD_DTYPE;
        if (in[k]->ndim != in[0]->ndim)
            return AD_BAD_SHAPE;
        for (int i = 0; i < in[0]->ndim; i++)
            if (i != axis && in[k]->shape[i] != shape[i])
                return AD_BAD_SHAPE;
        shape[axis] += in[k]->shape[axis];
    }
    return AD_OK;
}

void ad_concat_into(const ad_array *const *in, int n, const int64_t *attr, ad_array *y)
{
    const int axis = (int)attr[0];
    if (y->size == 0)
        return;
    const int64_t outer = ad_product(y->shape, axis), inner = ad_product(y->shape + axis + 1, y->ndim - axis - 1);
    const size_t item = ad_itemsize(y->dtype);
    char *to = y->data;
    for (int64_t o = 0; o < outer; o++)
        for (int k = 0; k < n; k++) {
            const size_t bytes = (size_t)(in[k]->shape[axis] * inner) * item;
            memcpy(to, (const char *)in[k]->data + (size_t)o * bytes, bytes);
            to += bytes;
        }
}

int ad_concat_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    int64_t shape[AD_MAX_RANK];
    const int status = concat_shape(in, n, attr[0], shape);
    if (status != AD_OK)
        return status;
    *out = ad_array_new(in[0]->dtype, in[0]->ndim, shape);
    if (*out == NULL)
        return AD_NO_MEMORY;
    ad_concat_into(in, n, attr, *out);
    return AD_OK;
}

int ad_concat_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n, (void)y;
    const int axis = (int)attr[0];
    int64_t before = 0;
    for (int i = 0; i < k; i++)
        before += in[i]->shape[axis];
    const int64_t inner = ad_product(g->shape + axis + 1, g->ndim - axis - 1);
    const int64_t shape[2] = {ad_product(g->shape, axis), acc->shape[axis] * inner}, stride[2] = {g->shape[axis] * inner, 1};
    ad_gather_strided(acc, fresh, g, 2, shape, stride, before * inner);
    return AD_OK;
}
