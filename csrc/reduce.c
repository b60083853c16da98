/* Reductions over any axes: prod, max, min, any, all, logsumexp. */
#include "reduce.h"
#include "rows.h"

#include <float.h>
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

/* Where what is reduced stands before all of what is kept, except for batches, columns are gone through side by side, without a copy. */
typedef struct { int64_t batches, length, columns; } upright;

static int is_upright(upright *u, const ad_array *x, const uint8_t *reduced)
{
    int i = 0;
    u->batches = u->length = u->columns = 1;
    for (; i < x->ndim && (!reduced[i] || x->shape[i] == 1); i++)
        u->batches *= x->shape[i];
    for (; i < x->ndim && (reduced[i] || x->shape[i] == 1); i++)
        u->length *= x->shape[i];
    for (; i < x->ndim && (!reduced[i] || x->shape[i] == 1); i++)
        u->columns *= x->shape[i];
    return i == x->ndim && u->columns >= 8;
}

/* Columns in, a number for each out; acc = (or +=) g times the derivative of y by every x.  NULL where there is no such function. */
typedef void (*column_forward)(const upright *u, const void *x, void *y);
typedef void (*column_vjp)(const upright *u, const void *g, const void *x, const void *y, void *acc, int fresh);

/* Rows, shared out over threads. */
typedef struct {
    ad_row_forward forward;
    ad_row_vjp vjp;
    int64_t n;
    size_t item, y_item;
    const char *g, *x;
    char *y, *acc;
} shared_rows;

static void some_forward(void *arg, int64_t from, int64_t to)
{
    const shared_rows *s = arg;
    s->forward(to - from, s->n, s->x + (size_t)(from * s->n) * s->item, s->y + (size_t)from * s->y_item);
}

static void some_vjp(void *arg, int64_t from, int64_t to)
{
    const shared_rows *s = arg;
    const size_t at = (size_t)(from * s->n) * s->item, y_at = (size_t)from * s->y_item;
    s->vjp(to - from, s->n, s->g + y_at, s->x + at, s->y + y_at, s->acc + at);
}

static int forward_over(ad_row_forward row, column_forward columns, const ad_array *x, int dtype, const int64_t *attr, ad_array **out)
{
    uint8_t reduced[AD_MAX_RANK];
    matrix m;
    upright u;
    int status = ad_mark_axes(x, ad_take_tuple(&attr), reduced);
    if (status != AD_OK)
        return status;
    if (columns && is_upright(&u, x, reduced)) {
        status = ad_new_reduced(x, dtype, reduced, attr[0], out);
        if (status == AD_OK)
            columns(&u, x->data, (*out)->data);
        return status;
    }
    status = rows_of(&m, x, reduced);
    if (status != AD_OK)
        return status;
    status = ad_new_reduced(x, dtype, reduced, attr[0], out);
    if (status == AD_OK) {
        shared_rows s = {.forward = row, .n = m.length, .item = ad_itemsize(x->dtype), .y_item = ad_itemsize(dtype), .x = m.data, .y = (*out)->data};
        ad_share_out(some_forward, &s, m.rows, 1, AD_COST_OF_EXP * x->size);
    }
    release_rows(&m);
    return status;
}

static int vjp_over(ad_row_vjp row, column_vjp columns, const ad_array *g, const ad_array *x, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    uint8_t reduced[AD_MAX_RANK];
    matrix m;
    upright u;
    int status = ad_mark_axes(x, ad_take_tuple(&attr), reduced);
    if (status != AD_OK)
        return status;
    if (columns && is_upright(&u, x, reduced)) {
        columns(&u, g->data, x->data, y->data, acc->data, fresh);
        return AD_OK;
    }
    status = rows_of(&m, x, reduced);
    if (status != AD_OK)
        return status;
    ad_array *share = fresh && !m.copy ? acc : ad_array_new(x->dtype, 1, &x->size);
    if (share) {
        shared_rows s = {.vjp = row, .n = m.length, .item = ad_itemsize(x->dtype), .y_item = ad_itemsize(y->dtype), .g = g->data, .x = m.data,
                         .y = y->data, .acc = share->data};
        ad_share_out(some_vjp, &s, m.rows, 1, AD_COST_OF_EXP * x->size);
    }
    if (share && share != acc) {
        ad_gather_strided(acc, fresh, share, x->ndim, x->shape, m.stride, 0);
        ad_array_release(share);
    }
    release_rows(&m);
    return share ? AD_OK : AD_NO_MEMORY;
}

int ad_reduce_rows(ad_row_forward row, const ad_array *x, const int64_t *attr, ad_array **out)
{
    return forward_over(row, NULL, x, x->dtype, attr, out);
}

int ad_reduce_rows_vjp(ad_row_vjp row, const ad_array *g, const ad_array *x, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    return vjp_over(row, NULL, g, x, y, attr, acc, fresh);
}

/* ------------------------------------------------------------------------------------------------- prod, max, min, any, all */
#define DEFINE_PRODUCT(T, s)                                                                \
    static void prod_##s(int64_t rows, int64_t n, const void *x_, void *y)                  \
    {                                                                                       \
        const T *x = x_;                                                                    \
        for (int64_t r = 0; r < rows; r++, x += n) {                                        \
            T p = 1;                                                                        \
            for (int64_t i = 0; i < n; i++)                                                 \
                p *= x[i];                                                                  \
            ((T *)y)[r] = p;                                                                \
        }                                                                                   \
    }
DEFINE_PRODUCT(uint32_t, i32)
DEFINE_PRODUCT(uint64_t, i64)

/* value * 2**exponent, |value| in [0.5, 1) if it is neither 0 nor infinite nor nan. */
typedef struct { double value; int64_t exponent; } scaled;

static inline scaled scaled_of(double x)
{
    int e = 0;
    const double value = frexp(x, &e);
    return (scaled){value, isfinite(x) ? e : 0};            /* frexp leaves open what the exponent of an infinity is */
}

static inline scaled scaled_times(scaled p, double x)
{
    const scaled factor = scaled_of(x), value = scaled_of(p.value * factor.value);
    return (scaled){value.value, p.exponent + factor.exponent + value.exponent};
}

static inline double unscaled(scaled p)
{
    const int64_t e = p.exponent;
    return ldexp(p.value, (int)(e > 4000 ? 4000 : e < -4000 ? -4000 : e));
}

/* A product that met no number too small to have all digits is what it seems; one that overflowed or underflowed on the way may yet
 * have an ordinary result, and is formed again with its exponent apart. */
#define DEFINE_FLOAT_PRODUCT(T, s)                                                          \
    static double plain_product_##s(const T *x, int64_t n, int *ordinary)                   \
    {                                                                                       \
        double part[4] = {1, 1, 1, 1}, low[4] = {1, 1, 1, 1}, p = 1, least = 1;             \
        int64_t i = 0;                                                                      \
        for (; i + 4 <= n; i += 4)                                                          \
            for (int j = 0; j < 4; j++) {                                                   \
                part[j] *= x[i + j];                                                        \
                low[j] = fabs(part[j]) < low[j] ? fabs(part[j]) : low[j];                   \
            }                                                                               \
        for (int j = 0; j < 4; j++) {                                                       \
            p *= part[j];                                                                   \
            least = low[j] < least ? low[j] : least;                                        \
            least = fabs(p) < least ? fabs(p) : least;                                      \
        }                                                                                   \
        for (; i < n; i++) {                                                                \
            p *= x[i];                                                                      \
            least = fabs(p) < least ? fabs(p) : least;                                      \
        }                                                                                   \
        *ordinary = least >= DBL_MIN && isnormal(p);                                        \
        return p;                                                                           \
    }                                                                                       \
    static scaled scaled_product_##s(const T *x, int64_t n, int64_t but)                    \
    {                                                                                       \
        scaled p = {1, 0};                                                                  \
        for (int64_t i = 0; i < n; i++)                                                     \
            if (i != but)                                                                   \
                p = scaled_times(p, x[i]);                                                  \
        return p;                                                                           \
    }                                                                                       \
    static void prod_##s(int64_t rows, int64_t n, const void *x_, void *y)                  \
    {                                                                                       \
        const T *x = x_;                                                                    \
        for (int64_t r = 0; r < rows; r++, x += n) {                                        \
            int ordinary;                                                                   \
            const double p = plain_product_##s(x, n, &ordinary);                            \
            ((T *)y)[r] = (T)(ordinary ? p : unscaled(scaled_product_##s(x, n, -1)));       \
        }                                                                                   \
    }
DEFINE_FLOAT_PRODUCT(float, f32)
DEFINE_FLOAT_PRODUCT(double, f64)

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

#define DEFINE_EXTREME_COLUMNS(T, s, name, op, none)                                        \
    static void name##_columns_##s(const upright *u, const void *x_, void *y_)              \
    {                                                                                       \
        const T *x = x_;                                                                    \
        const int64_t n = u->columns;                                                       \
        for (int64_t b = 0; b < u->batches; b++) {                                          \
            T *restrict y = (T *)y_ + b * n;                                                \
            for (int64_t j = 0; j < n; j++)                                                 \
                y[j] = none;                                                                \
            for (int64_t i = 0; i < u->length; i++, x += n)                                 \
                for (int64_t j = 0; j < n; j++)                                             \
                    y[j] = FIRST(x[j], op, y[j]) ? x[j] : y[j];                             \
        }                                                                                   \
    }
DEFINE_EXTREME_COLUMNS(float, f32, max, >, -INFINITY)
DEFINE_EXTREME_COLUMNS(double, f64, max, >, -INFINITY)
DEFINE_EXTREME_COLUMNS(float, f32, min, <, INFINITY)
DEFINE_EXTREME_COLUMNS(double, f64, min, <, INFINITY)

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

#define REDUCTION(name, f32, f64)                                                                                                         \
    int ad_reduce_##name##_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)                       \
    {                                                                                                                           \
        static const ad_row_forward rows[AD_NDTYPES] = {name##_f32, name##_f64, name##_i32, name##_i64, NULL};                     \
        static const column_forward columns[AD_NDTYPES] = {f32, f64, NULL, NULL, NULL};                                         \
        const int t = in[0]->dtype;                                                                                             \
        (void)n;                                                                                                                \
        return rows[t] ? forward_over(rows[t], columns[t], in[0], t, attr, out) : AD_BAD_DTYPE;                                 \
    }
REDUCTION(prod, NULL, NULL)
REDUCTION(max, max_columns_f32, max_columns_f64)
REDUCTION(min, min_columns_f32, min_columns_f64)

int ad_reduce_any_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    return in[0]->dtype == AD_BOOL ? forward_over(any_true, NULL, in[0], AD_BOOL, attr, out) : AD_BAD_DTYPE;
}

int ad_reduce_all_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    return in[0]->dtype == AD_BOOL ? forward_over(all_true, NULL, in[0], AD_BOOL, attr, out) : AD_BAD_DTYPE;
}

/* ------------------------------------------------------------------------------------------------- derivatives */
/* Where the product is an ordinary number no element is 0, and it can be divided by each; beside infinities what is before and
 * after an element is multiplied. */
#define DEFINE_PRODUCT_VJP(T, s)                                                            \
    /* Each the product of the others, with exponents apart; 0 if these have a 0 themselves. */ \
    static int scaled_prod_vjp_##s(T g, const T *x, int64_t n, T *acc)                      \
    {                                                                                       \
        int64_t zeros = 0, zero = -1, infinite = 0;                                         \
        for (int64_t i = 0; i < n; i++) {                                                   \
            infinite += !isfinite(x[i]);                                                    \
            zeros += x[i] == 0;                                                             \
            zero = x[i] == 0 ? i : zero;                                                    \
        }                                                                                   \
        if (infinite || !isfinite(g))                                                       \
            return 0;                                                                       \
        const scaled all = zeros > 1 ? (scaled){0, 0} : scaled_times(scaled_product_##s(x, n, zero), g); \
        for (int64_t i = 0; i < n; i++) {                                                   \
            const scaled own = scaled_of(x[i]);                                             \
            acc[i] = (T)(i == zero ? unscaled(all) : zeros ? 0 : unscaled((scaled){all.value / own.value, all.exponent - own.exponent})); \
        }                                                                                   \
        return 1;                                                                           \
    }                                                                                       \
    static void prod_vjp_row_##s(T g, const T *x, int64_t n, T *acc)                        \
    {                                                                                       \
        double before = 1, after = 1;                                                       \
        int ordinary;                                                                       \
        const double all = plain_product_##s(x, n, &ordinary);                              \
        if (g == 0) {                                                                       \
            for (int64_t i = 0; i < n; i++)                                                 \
                acc[i] = 0;                                                                 \
        } else if (ordinary) {                                                              \
            for (int64_t i = 0; i < n; i++)                                                 \
                acc[i] = (T)(g * (all / x[i]));                                             \
        } else if (!scaled_prod_vjp_##s(g, x, n, acc)) {                                    \
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
DEFINE_PRODUCT_VJP(float, f32)
DEFINE_PRODUCT_VJP(double, f64)

#define DEFINE_EXTREME_VJP(dtype, s)                                                        \
    static void extreme_vjp_##s(int64_t rows, int64_t n, const void *g, const void *x, const void *y, void *acc) \
    {                                                                                       \
        ad_rows(dtype)->extreme_vjp(rows, n, g, x, y, acc);                                 \
    }
DEFINE_EXTREME_VJP(AD_F32, f32)
DEFINE_EXTREME_VJP(AD_F64, f64)

/* A number a column, for as many columns as fit. */
enum { AT_ONCE = 256 };
#define DEFINE_EXTREME_COLUMNS_VJP(T, s)                                                    \
    static void extreme_columns_vjp_##s(const upright *u, const void *g_, const void *x_, const void *y_, void *acc_, int fresh) \
    {                                                                                       \
        T share[AT_ONCE], other[AT_ONCE];                                                   \
        const int64_t n = u->columns;                                                       \
        for (int64_t b = 0; b < u->batches; b++)                                            \
            for (int64_t c = 0; c < n; c += AT_ONCE) {                                      \
                const T *g = (const T *)g_ + b * n + c, *y = (const T *)y_ + b * n + c;     \
                const T *x = (const T *)x_ + b * n * u->length + c;                         \
                T *acc = (T *)acc_ + b * n * u->length + c;                                 \
                const int64_t wide = n - c < AT_ONCE ? n - c : AT_ONCE;                     \
                memset(share, 0, sizeof share);                                             \
                for (int64_t i = 0; i < u->length; i++)                                     \
                    for (int64_t j = 0; j < wide; j++)                                      \
                        share[j] += x[i * n + j] == y[j] ? 1 : 0;                           \
                for (int64_t j = 0; j < wide; j++) {                                        \
                    other[j] = (T)ad_other_than_extreme(g[j], share[j]);                    \
                    share[j] = g[j] / (share[j] == 0 ? 1 : share[j]);                       \
                }                                                                           \
                for (int64_t i = 0; i < u->length; i++)                                     \
                    for (int64_t j = 0; j < wide; j++)                                      \
                        acc[i * n + j] = (x[i * n + j] == y[j] ? share[j] : other[j]) + (fresh ? 0 : acc[i * n + j]); \
            }                                                                               \
    }
DEFINE_EXTREME_COLUMNS_VJP(float, f32)
DEFINE_EXTREME_COLUMNS_VJP(double, f64)

#define REDUCTION_VJP(name, row_f32, row_f64, columns_f32, columns_f64)                                                         \
    int ad_reduce_##name##_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y,                   \
                               const int64_t *attr, ad_array *acc, int fresh)                                                   \
    {                                                                                                                           \
        (void)k, (void)n;                                                                                                       \
        return acc->dtype == AD_F32 ? vjp_over(row_f32, columns_f32, g, in[0], y, attr, acc, fresh)                             \
                                    : vjp_over(row_f64, columns_f64, g, in[0], y, attr, acc, fresh);                            \
    }
REDUCTION_VJP(prod, prod_vjp_f32, prod_vjp_f64, NULL, NULL)
REDUCTION_VJP(max, extreme_vjp_f32, extreme_vjp_f64, extreme_columns_vjp_f32, extreme_columns_vjp_f64)
REDUCTION_VJP(min, extreme_vjp_f32, extreme_vjp_f64, extreme_columns_vjp_f32, extreme_columns_vjp_f64)

/* ------------------------------------------------------------------------------------------------- logsumexp */
int ad_reduce_logsumexp_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_array *x = in[0];
    return ad_is_float(x) ? forward_over(ad_rows(x->dtype)->logsumexp, NULL, x, x->dtype, attr, out) : AD_BAD_DTYPE;
}

int ad_reduce_logsumexp_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr,
                            ad_array *acc, int fresh)
{
    (void)k, (void)n;
    return vjp_over(ad_rows(acc->dtype)->logsumexp_vjp, NULL, g, in[0], y, attr, acc, fresh);
}

#define DEFINE_TWIN(s, dtype)                                                                                                   \
    static void logsumexp_twin_##s(int64_t rows, int64_t n, const void *g, const void *x, const void *y, void *acc)             \
    {                                                                                                                           \
        ad_rows(dtype)->logsumexp_twin(rows, n, g, x, (void *)y, acc);                                                          \
    }
DEFINE_TWIN(f32, AD_F32)
DEFINE_TWIN(f64, AD_F64)

int ad_reduce_logsumexp_twin(const ad_array *g, const ad_array *const *in, const int64_t *attr, ad_array *y, ad_array *acc)
{
    return vjp_over(in[0]->dtype == AD_F32 ? logsumexp_twin_f32 : logsumexp_twin_f64, NULL, g, in[0], y, attr, acc, 1);
}
