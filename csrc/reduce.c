/* Reductions of rows: prod, max, min, any, all, logsumexp over any axes; argmax, argmin over one. */
#include "strided.h"

#include <limits.h>

#include "scalar_math.h"

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

/* A row in, a number out. */
typedef void (*row_forward)(const void *x, int64_t n, void *y);
/* acc[i] = g times the derivative of y by x[i]. */
typedef void (*row_vjp)(const void *g, const void *x, int64_t n, const void *y, void *acc);

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
    const size_t item = ad_itemsize(x->dtype), item_y = ad_itemsize(dtype);
    if (status == AD_OK)
        for (int64_t r = 0; r < m.rows; r++)
            row((const char *)m.data + (size_t)(r * m.length) * item, m.length, (char *)(*out)->data + (size_t)r * item_y);
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
    const size_t item = ad_itemsize(x->dtype);
    if (share)
        for (int64_t r = 0; r < m.rows; r++) {
            const size_t at = (size_t)(r * m.length) * item;
            row((const char *)g->data + (size_t)r * item, (const char *)m.data + at, m.length,
                (const char *)y->data + (size_t)r * item, (char *)share->data + at);
        }
    if (share && share != acc) {
        ad_gather_strided(acc, fresh, share, x->ndim, x->shape, m.stride, 0);
        ad_array_release(share);
    }
    release_rows(&m);
    return share ? AD_OK : AD_NO_MEMORY;
}

/* ------------------------------------------------------------------------------------------------- prod, max, min, any, all */
#define DEFINE_PRODUCT(T, A, s)                                                             \
    static void prod_##s(const void *x_, int64_t n, void *y)                                \
    {                                                                                       \
        const T *x = x_;                                                                    \
        A p = 1;                                                                            \
        for (int64_t i = 0; i < n; i++)                                                     \
            p *= x[i];                                                                      \
        *(T *)y = (T)p;                                                                     \
    }
DEFINE_PRODUCT(float, double, f32)
DEFINE_PRODUCT(double, double, f64)
DEFINE_PRODUCT(uint32_t, uint32_t, i32)
DEFINE_PRODUCT(uint64_t, uint64_t, i64)

/* Is a before b?  A NaN, the only number that is not equal to itself, is before all others. */
#define FIRST(a, op, b) ((a) op (b) || (a) != (a))
#define DEFINE_EXTREME(T, s, name, op, none)                                                \
    static void name##_##s(const void *x_, int64_t n, void *y)                              \
    {                                                                                       \
        const T *x = x_;                                                                    \
        T best = none;                                                                      \
        for (int64_t i = 0; i < n; i++)                                                     \
            best = FIRST(x[i], op, best) ? x[i] : best;                                     \
        *(T *)y = best;                                                                     \
    }                                                                                       \
    static void arg##name##_##s(const void *x_, int64_t n, int64_t step, int64_t *y)        \
    {                                                                                       \
        const T *x = x_;                                                                    \
        int64_t at = 0;                                                                     \
        for (int64_t i = 1; i < n && x[at * step] == x[at * step]; i++)                     \
            at = FIRST(x[i * step], op, x[at * step]) ? i : at;                             \
        *y = at;                                                                            \
    }
DEFINE_EXTREME(float, f32, max, >, -INFINITY)
DEFINE_EXTREME(double, f64, max, >, -INFINITY)
DEFINE_EXTREME(int32_t, i32, max, >, INT32_MIN)
DEFINE_EXTREME(int64_t, i64, max, >, INT64_MIN)
DEFINE_EXTREME(float, f32, min, <, INFINITY)
DEFINE_EXTREME(double, f64, min, <, INFINITY)
DEFINE_EXTREME(int32_t, i32, min, <, INT32_MAX)
DEFINE_EXTREME(int64_t, i64, min, <, INT64_MAX)

static void any_true(const void *x, int64_t n, void *y) { *(uint8_t *)y = n > 0 && memchr(x, 1, (size_t)n) != NULL; }
static void all_true(const void *x, int64_t n, void *y) { *(uint8_t *)y = n == 0 || memchr(x, 0, (size_t)n) == NULL; }

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
    static void prod_vjp_##s(const void *g_, const void *x_, int64_t n, const void *y, void *acc_) \
    {                                                                                       \
        const T *x = x_, g = *(const T *)g_;                                                \
        T *acc = acc_;                                                                      \
        A all = 1, before = 1, after = 1;                                                   \
        (void)y;                                                                            \
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
    }
DEFINE_PRODUCT_VJP(float, double, f32)
DEFINE_PRODUCT_VJP(double, double, f64)

#define DEFINE_EXTREME_VJP(T, s)                                                            \
    static void extreme_vjp_##s(const void *g, const void *x_, int64_t n, const void *y_, void *acc_) \
    {                                                                                       \
        const T *x = x_, y = *(const T *)y_;                                                \
        T *acc = acc_;                                                                      \
        int64_t ties = 0;                                                                   \
        for (int64_t i = 0; i < n; i++)                                                     \
            ties += x[i] == y;                                                              \
        const T share = *(const T *)g / (T)(ties ? ties : 1);                               \
        for (int64_t i = 0; i < n; i++)                                                     \
            acc[i] = x[i] == y ? share : 0;                                                 \
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
/* m + log1p(sum over the others of exp(x - m)), m the largest: nothing overflows, and next to m = 0 no term is lost (Blanchard,
 * Higham & Higham, "Accurately computing the log-sum-exp and softmax functions", 2021). */
#define DEFINE_LOGSUMEXP(T, s, f)                                                           \
    static T sum_exp_##s(const T *x, int64_t n, T m)                                        \
    {                                                                                       \
        T part[8] = {0};                                                                    \
        for (int64_t i = 0; i < n; i++)                                                     \
            part[i & 7] += ad_exp##f(x[i] - m);                                             \
        return ((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7])); \
    }                                                                                       \
    static void logsumexp_##s(const void *x_, int64_t n, void *y)                           \
    {                                                                                       \
        const T *x = x_;                                                                    \
        int64_t at;                                                                         \
        argmax_##s(x, n, 1, &at);                                                           \
        const T m = n ? x[at] : -INFINITY;                                                  \
        *(T *)y = isfinite(m) ? m + ad_log1p##f(sum_exp_##s(x, at, m) + sum_exp_##s(x + at + 1, n - at - 1, m)) : m; \
    }                                                                                       \
    static void logsumexp_vjp_##s(const void *g_, const void *x_, int64_t n, const void *y_, void *acc_) \
    {                                                                                       \
        const T *x = x_, g = *(const T *)g_, y = *(const T *)y_;                            \
        T *acc = acc_;                                                                      \
        for (int64_t i = 0; i < n; i++)                                                     \
            acc[i] = g == 0 || y == -INFINITY ? 0 : g * ad_exp##f(x[i] - y);                \
    }
DEFINE_LOGSUMEXP(float, f32, f)
DEFINE_LOGSUMEXP(double, f64, )

int ad_reduce_logsumexp_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    return ad_is_float(in[0]) ? forward_rows(in[0]->dtype == AD_F32 ? logsumexp_f32 : logsumexp_f64, in[0], in[0]->dtype, attr, out) : AD_BAD_DTYPE;
}

REDUCTION_VJP(logsumexp, logsumexp_vjp)
