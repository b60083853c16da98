/* argmax and argmin. */
#include "strided.h"

/* Is a before b?  A NaN, the only number that is not equal to itself, is before all others. */
#define FIRST(a, op, b) (((a) op (b)) | ((a) != (a)))
#define DEFINE_ARG(T, s, name, op)                                                          \
    static void name##_##s(const void *x_, int64_t n, int64_t step, int64_t *y)             \
    {                                                                                       \
        const T *x = x_;                                                                    \
        int64_t at = 0;                                                                     \
        for (int64_t i = 1; i < n && x[at * step] == x[at * step]; i++)                     \
            at = FIRST(x[i * step], op, x[at * step]) ? i : at;                             \
        *y = at;                                                                            \
    }
DEFINE_ARG(float, f32, argmax, >)
DEFINE_ARG(double, f64, argmax, >)
DEFINE_ARG(int32_t, i32, argmax, >)
DEFINE_ARG(int64_t, i64, argmax, >)
DEFINE_ARG(float, f32, argmin, <)
DEFINE_ARG(double, f64, argmin, <)
DEFINE_ARG(int32_t, i32, argmin, <)
DEFINE_ARG(int64_t, i64, argmin, <)

typedef void (*row_arg)(const void *x, int64_t n, int64_t step, int64_t *y);

static int arg_along(const row_arg *rows, const ad_array *x, int64_t axis, ad_array **out)
{
    int64_t shape[AD_MAX_RANK];
    if (axis < 0 || axis >= x->ndim)
        return AD_BAD_SHAPE;
    if (rows[x->dtype] == NULL)
        return AD_BAD_DTYPE;
    const int64_t outer = ad_product(x->shape, (int)axis), n = x->shape[axis];
    const int64_t inner = ad_product(x->shape + axis + 1, (int)(x->ndim - axis - 1));
    for (int i = 0, j = 0; i < x->ndim; i++)
        if (i != axis)
            shape[j++] = x->shape[i];
    if (n == 0 && outer * inner > 0)
        return AD_BAD_SHAPE;
    *out = ad_array_new(AD_I64, x->ndim - 1, shape);
    if (*out == NULL)
        return AD_NO_MEMORY;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            rows[x->dtype]((const char *)x->data + (size_t)(o * n * inner + i) * ad_itemsize(x->dtype), n, inner,
                           (int64_t *)(*out)->data + o * inner + i);
    return AD_OK;
}

int ad_argmax_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    static const row_arg rows[AD_NDTYPES] = {argmax_f32, argmax_f64, argmax_i32, argmax_i64, NULL};
    (void)n;
    return arg_along(rows, in[0], attr[0], out);
}

int ad_argmin_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    static const row_arg rows[AD_NDTYPES] = {argmin_f32, argmin_f64, argmin_i32, argmin_i64, NULL};
    (void)n;
    return arg_along(rows, in[0], attr[0], out);
}
