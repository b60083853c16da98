/* Reductions of rows: prod, max, min, any, all, logsumexp over any axes; argmax, argmin over one. */
#include "rows.h"
#include "strided.h"

#include <math.h>

/* ------------------------------------------------------------------------------------------------- rows */
/* x as a matrix whose rows are what is reduced: its own memory, or a copy with the reduced dimensions moved last. */
typedef struct {
    int64_t rows, length;
    const void *data;
    ad_array *copy;
    int64_t stride[AD_MAX_RANK];                            /* of x's dimensions in the matrix */
} matrix;

static int rows_of(matrix *m, const ad_array *x, const uint8_t *reduced)
{
    int64_t shape[AD_MAX_RANK], stride[AD_MAX_RANK], own[AD_MAX_RANK], step = 1;
    int n = x->ndim, in_order = 1, seen_kept = 0;
    m->rows = m->length = 1;
    for (int i = x->ndim - 1; i >= 0; i--) {
        own[i] = step;
        step *= x->shape[i];
    }
    for (int pass = 1; pass >= 0; pass--)                   /* the reduced dimensions, from the last on; then the others */
        for (int i = x->ndim - 1; i >= 0; i--)
            if (reduced[i] == pass) {
                shape[--n] = x->shape[i];
                stride[n] = own[i];
                m->stride[i] = m->rows * m->length;
                *(pass ? &m->length : &m->rows) *= x->shape[i];
            }
    for (int i = x->ndim - 1; i >= 0; i--) {
        if (x->shape[i] == 1)
            continue;
        in_order &= !(reduced[i] && seen_kept);
        seen_kept |= !reduced[i];
    }
    m->copy = NULL;
    m->data = x->data;
    if (in_order || x->size == 0)
        return AD_OK;
    m->copy = ad_array_new(x->dtype, x->ndim, shape);
    if (m->copy == NULL)
        return AD_NO_MEMORY;
    ad_gather_strided(m->copy, 1, x, x->ndim, shape, stride, 0);
    m->data = m->copy->data;
    return AD_OK;
}

static void release_rows(matrix *m)
{
    if (m->copy)
        ad_array_release(m->copy);
}

/* Rows in, a number for each out. */
typedef void (*row_forward)(int64_t rows, int64_t n, const void *x, void *y);
/* acc = g times the derivative of y by every x. */
typedef void (*row_vjp)(int64_t rows, int64_t n, const void *g, const void *x, const void *y, void *acc);

static int forward_rows(row_forward row, const ad_array *x, int dtype, const int64_t *attr, ad_array **out)
{
    uint8_t reduced[AD_MAX_RANK];
    matrix m;
    int status = ad_mark_axes(x, ad_take_tuple(&attr), reduced);
    if (status != AD_OK)
        return status;
    status = rows_of(&m, x, reduced);
    if (status != AD_OK)
        return status;
    status = ad_new_reduced(x, dtype, reduced, attr[0], out);
    if (status == AD_OK)
        row(m.rows, m.length, m.data, (*out)->data);
    release_rows(&m);
    return status;
}

static int vjp_rows(row_vjp row, const ad_array *g, const ad_array *x, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    uint8_t reduced[AD_MAX_RANK];
    matrix m;
    int status = ad_mark_axes(x, ad_take_tuple(&attr), reduced);
    if (status != AD_OK)
        return status;
    status = rows_of(&m, x, reduced);
    if (status != AD_OK)
        return status;
    ad_array *share = fresh && !m.copy ? acc : ad_array_new(x->dtype, 1, &x->size);
    if (share)
        row(m.rows, m.length, g->data, m.data, y->data, share->data);
    if (share && share != acc) {
        ad_gather_strided(acc, fresh, share, x->ndim, x->shape, m.stride, 0);
        ad_array_release(share);
    }
    release_rows(&m);
    return share ? AD_OK : AD_NO_MEMORY;
}

/* ------------------------------------------------------------------------------------------------- prod, max, min, any, all */
#define DEFINE_PRODUCT(T, A, s)                                                             \
    static void prod_##s(int64_t rows, int64_t n, const void *x_, void *y)                  \
    {                                                                                       \
        const T *x = x_;                                                                    \
        for (int64_t r = 0; r < rows; r++, x += n) {                                        \
            A p = 1;                                                                        \
            for (int64_t i = 0; i < n; i++)                                                 \
                p *= x[i];                                                                  \
            ((T *)y)[r] = (T)p;                                                             \
        }                                                                                   \
    }
DEFINE_PRODUCT(float, double, f32)
DEFINE_PRODUCT(double, double, f64)
DEFINE_PRODUCT(uint32_t, uint32_t, i32)
DEFINE_PRODUCT(uint64_t, uint64_t, i64)

/* Is a before b?  A NaN, the only number that is not equal to itself, is before all others. */
#define FIRST(a, op, b) (((a) op (b)) | ((a) != (a)))
#define DEFINE_EXTREME(T, s, name, op, none)                                                \
    static void name##_##s(int64_t rows, int64_t n, const void *x_, void *y)                \
    {                                                                                       \
        const T *x = x_;                                                                    \
        for (int64_t r = 0; r < rows; r++, x += n) {                                        \
            T best = none;                                                                  \
            for (int64_t i = 0; i < n; i++)                                                 \
                best = x[i] op best ? x[i] : best;                                          \
            ((T *)y)[r] = best;                                                             \
        }                                                                                   \
    }
DEFINE_EXTREME(int32_t, i32, max, >, INT32_MIN)
DEFINE_EXTREME(int64_t, i64, max, >, INT64_MIN)
DEFINE_EXTREME(int32_t, i32, min, <, INT32_MAX)
DEFINE_EXTREME(int64_t, i64, min, <, INT64_MAX)

#define DEFINE_BY_ISA(name, dtype, s)                                                       \
    static void name##_##s(int64_t rows, int64_t n, const void *x, void *y) { ad_rows(dtype)->name(rows, n, x, y); }
DEFINE_BY_ISA(max, AD_F32, f32)
DEFINE_BY_ISA(max, AD_F64, f64)
DEFINE_BY_ISA(min, AD_F32, f32)
DEFINE_BY_ISA(min, AD_F64, f64)

static void any_true(int64_t rows, int64_t n, const void *x, void *y)
{
    for (int64_t r = 0; r < rows; r++)
        ((uint8_t *)y)[r] = n > 0 && memchr((const uint8_t *)x + r * n, 1, (size_t)n) != NULL;
}

static void all_true(int64_t rows, int64_t n, const void *x, void *y)
{
    for (int64_t r = 0; r < rows; r++)
        ((uint8_t *)y)[r] = n == 0 || memchr((const uint8_t *)x + r * n, 0, (size_t)n) == NULL;
}

#define REDUCTION(name)                                                                                                         \
    int ad_reduce_##name##_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)                       \
    {                                                                                                                           \
        static const row_forward rows[AD_NDTYPES] = {name##_f32, name##_f64, name##_i32, name##_i64, NULL};                     \
        (void)n;                                                                                                                \
        return rows[in[0]->dtype] ? forward_rows(rows[in[0]->dtype], in[0], in[0]->dtype, attr, out) : AD_BAD_DTYPE;            \
    }
REDUCTION(prod)
REDUCTION(max)
REDUCTION(min)

int ad_reduce_any_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    return in[0]->dtype == AD_BOOL ? forward_rows(any_true, in[0], AD_BOOL, attr, out) : AD_BAD_DTYPE;
}

int ad_reduce_all_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    return in[0]->dtype == AD_BOOL ? forward_rows(all_true, in[0], AD_BOOL, attr, out) : AD_BAD_DTYPE;
}

/* ------------------------------------------------------------------------------------------------- argmax, argmin */
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

/* ------------------------------------------------------------------------------------------------- derivatives */
/* Where the product is an ordinary number no element is 0, and it can be divided by each; else what is before and after an
 * element is multiplied. */
#define DEFINE_PRODUCT_VJP(T, A, s)                                                         \
    static void prod_vjp_row_##s(T g, const T *x, int64_t n, T *acc)                        \
    {                                                                                       \
        A all = 1, before = 1, after = 1;                                                   \
        for (int64_t i = 0; i < n; i++)                                                     \
            all *= x[i];                                                                    \
        if (g == 0) {                                                                       \
            for (int64_t i = 0; i < n; i++)                                                 \
                acc[i] = 0;                                                                 \
        } else if (isnormal(all)) {                                                         \
            for (int64_t i = 0; i < n; i++)                                                 \
                acc[i] = (T)(g * (all / x[i]));                                             \
        } else {                                                                            \
            for (int64_t i = 0; i < n; before *= x[i++])                                    \
                acc[i] = (T)before;                                                         \
            for (int64_t i = n - 1; i >= 0; after *= x[i--])                                \
                acc[i] = (T)(g * (acc[i] * after));                                         \
        }                                                                                   \
    }                                                                                       \
    static void prod_vjp_##s(int64_t rows, int64_t n, const void *g, const void *x, const void *y, void *acc) \
    {                                                                                       \
        (void)y;                                                                            \
        for (int64_t r = 0; r < rows; r++)                                                  \
            prod_vjp_row_##s(((const T *)g)[r], (const T *)x + r * n, n, (T *)acc + r * n); \
    }
DEFINE_PRODUCT_VJP(float, double, f32)
DEFINE_PRODUCT_VJP(double, double, f64)

#define DEFINE_EXTREME_VJP(T, s)                                                            \
    static void extreme_vjp_##s(int64_t rows, int64_t n, const void *g, const void *x_, const void *y_, void *acc_) \
    {                                                                                       \
        const T *x = x_;                                                                    \
        T *acc = acc_;                                                                      \
        for (int64_t r = 0; r < rows; r++, x += n, acc += n) {                              \
            const T y = ((const T *)y_)[r];                                                 \
            int64_t ties = 0;                                                               \
            for (int64_t i = 0; i < n; i++)                                                 \
                ties += x[i] == y;                                                          \
            const T share = ((const T *)g)[r] / (T)(ties ? ties : 1);                       \
            for (int64_t i = 0; i < n; i++)                                                 \
                acc[i] = x[i] == y ? share : 0;                                             \
        }                                                                                   \
    }
DEFINE_EXTREME_VJP(float, f32)
DEFINE_EXTREME_VJP(double, f64)

static int vjp_by_dtype(row_vjp f32, row_vjp f64, const ad_array *g, const ad_array *x, const ad_array *y, const int64_t *attr,
                        ad_array *acc, int fresh)
{
    return ad_is_float(x) ? vjp_rows(x->dtype == AD_F32 ? f32 : f64, g, x, y, attr, acc, fresh) : AD_BAD_DTYPE;
}

#define REDUCTION_VJP(name, row)                                                                                                \
    int ad_reduce_##name##_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y,                   \
                               const int64_t *attr, ad_array *acc, int fresh)                                                   \
    {                                                                                                                           \
        (void)k, (void)n;                                                                                                       \
        return vjp_by_dtype(row##_f32, row##_f64, g, in[0], y, attr, acc, fresh);                                               \
    }
REDUCTION_VJP(prod, prod_vjp)
REDUCTION_VJP(max, extreme_vjp)
REDUCTION_VJP(min, extreme_vjp)

/* ------------------------------------------------------------------------------------------------- logsumexp */
int ad_reduce_logsumexp_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_array *x = in[0];
    return ad_is_float(x) ? forward_rows(ad_rows(x->dtype)->logsumexp, x, x->dtype, attr, out) : AD_BAD_DTYPE;
}

int ad_reduce_logsumexp_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr,
                            ad_array *acc, int fresh)
{
    (void)k, (void)n;
    return vjp_rows(ad_rows(acc->dtype)->logsumexp_vjp, g, in[0], y, attr, acc, fresh);
}
