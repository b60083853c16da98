/* Scans along one axis: cumsum, cumprod, cumulative_logsumexp, recurrence. */
#include "strided.h"

#include "scalar_math.h"

/* An axis of n elements, `inner` apart, in `outer` blocks; a scan goes from `start` on by `move`, both in elements of a block. */
typedef struct {
    int64_t outer, n, inner, start, move;
} scan;

static int scan_along(scan *s, const ad_array *x, int64_t axis, int64_t reverse)
{
    if (axis < 0 || axis >= x->ndim)
        return AD_BAD_SHAPE;
    s->outer = x->size ? ad_product(x->shape, (int)axis) : 0;
    s->n = x->shape[axis];
    s->inner = ad_product(x->shape + axis + 1, (int)(x->ndim - axis - 1));
    s->start = reverse ? (s->n - 1) * s->inner : 0;
    s->move = reverse ? -s->inner : s->inner;
    return AD_OK;
}

/* acc = share, or += share and the share is released. */
static int hand_over(int status, ad_array *acc, ad_array *share)
{
    const int64_t one = 1;
    if (share == acc)
        return status;
    if (status == AD_OK)
        ad_gather_strided(acc, 0, share, 1, &acc->size, &one, 0);
    ad_array_release(share);
    return status;
}

/* Where a scan writes its share: acc itself if that is still empty. */
static ad_array *room(ad_array *acc, int fresh) { return fresh ? acc : ad_array_new(acc->dtype, acc->ndim, acc->shape); }

/* ------------------------------------------------------------------------------------------------- cumsum, cumprod */
/* Along the last axis: several lines side by side, as each sum waits for the one before. */
enum { LINES = 4 };
#define DEFINE_LINES(T, SUM, name, op, none, first)                                         \
    static inline __attribute__((always_inline)) void name##_some_##T(const int lines, const T *x, T *y, const scan *s, int exclusive) \
    {                                                                                       \
        SUM so_far[LINES];                                                                  \
        int64_t p = s->start;                                                               \
        for (int l = 0; l < lines; l++)                                                     \
            y[l * s->n + p] = (T)(so_far[l] = exclusive ? none : first x[l * s->n + p]);    \
        for (int64_t j = 1; j < s->n; j++) {                                                \
            const int64_t from = exclusive ? p : p + s->move;                               \
            p += s->move;                                                                   \
            for (int l = 0; l < lines; l++)                                                 \
                y[l * s->n + p] = (T)(so_far[l] = so_far[l] op x[l * s->n + from]);         \
        }                                                                                   \
    }                                                                                       \
    static void name##_lines_##T(const T *x, T *y, const scan *s, int exclusive)            \
    {                                                                                       \
        int64_t o = 0;                                                                      \
        for (; o + LINES <= s->outer; o += LINES)                                           \
            name##_some_##T(LINES, x + o * s->n, y + o * s->n, s, exclusive);               \
        for (; o < s->outer; o++)                                                           \
            name##_some_##T(1, x + o * s->n, y + o * s->n, s, exclusive);                   \
    }

/* Element p of a block is where the scan stands, p - move where it came from. */
#define DEFINE_SCAN(T, name, op, none)                                                      \
    DEFINE_LINES(T, T, name, op, none, )                                                    \
    static void name##_##T(const void *x_, void *y_, const scan *s, int exclusive)          \
    {                                                                                       \
        if (s->inner == 1 && s->n) {                                                        \
            name##_lines_##T(x_, y_, s, exclusive);                                         \
            return;                                                                         \
        }                                                                                   \
        for (int64_t o = 0; o < s->outer && s->n; o++) {                                    \
            const T *x = (const T *)x_ + o * s->n * s->inner;                               \
            T *y = (T *)y_ + o * s->n * s->inner;                                           \
            int64_t p = s->start;                                                           \
            for (int64_t i = 0; i < s->inner; i++)                                          \
                y[p + i] = exclusive ? none : x[p + i];                                     \
            for (int64_t j = 1; j < s->n; j++) {                                            \
                const int64_t last = p, from = exclusive ? p : p + s->move;                 \
                p += s->move;                                                               \
                for (int64_t i = 0; i < s->inner; i++)                                      \
                    y[p + i] = y[last + i] op x[from + i];                                  \
            }                                                                               \
        }                                                                                   \
    }
#define DEFINE_SCANS(T) DEFINE_SCAN(T, sums, +, 0) DEFINE_SCAN(T, products, *, 1)
DEFINE_SCAN(float, products, *, 1)
DEFINE_SCANS(double)
DEFINE_SCANS(uint32_t)
DEFINE_SCANS(uint64_t)

/* float32 is summed in double, for as many lines side by side as fit: by itself a sum of a million tenths is wrong by a hundredth. */
enum { AT_ONCE = 256 };
DEFINE_LINES(float, double, sums, +, 0, 0 +)
static void sums_float(const void *x_, void *y_, const scan *s, int exclusive)
{
    double sum[AT_ONCE];
    if (s->inner == 1 && s->n) {
        sums_lines_float(x_, y_, s, exclusive);
        return;
    }
    for (int64_t o = 0; o < s->outer && s->n; o++)
        for (int64_t c = 0; c < s->inner; c += AT_ONCE) {
            const int64_t wide = s->inner - c < AT_ONCE ? s->inner - c : AT_ONCE, at = o * s->n * s->inner + s->start + c;
            const float *x = (const float *)x_ + at;
            float *y = (float *)y_ + at;
            memset(sum, 0, (size_t)wide * sizeof *sum);
            for (int64_t j = 0; j < s->n; j++, x += s->move, y += s->move)
                for (int64_t i = 0; i < wide; i++) {
                    const double next = sum[i] + x[i];
                    y[i] = (float)(exclusive ? sum[i] : next);
                    sum[i] = next;
                }
        }
}

typedef void (*scan_fn)(const void *x, void *y, const scan *s, int exclusive);
static const scan_fn sums[AD_NDTYPES] = {sums_float, sums_double, sums_uint32_t, sums_uint64_t, NULL};
static const scan_fn products[AD_NDTYPES] = {products_float, products_double, products_uint32_t, products_uint64_t, NULL};

static int scan_forward(const scan_fn *fn, const ad_array *x, const int64_t *attr, ad_array **out)
{
    scan s;
    const int status = scan_along(&s, x, attr[0], attr[2]);
    if (status != AD_OK)
        return status;
    if (fn[x->dtype] == NULL)
        return AD_BAD_DTYPE;
    *out = ad_array_new(x->dtype, x->ndim, x->shape);
    if (*out == NULL)
        return AD_NO_MEMORY;
    fn[x->dtype](x->data, (*out)->data, &s, attr[1] != 0);
    return AD_OK;
}

int ad_cumsum_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    return scan_forward(sums, in[0], attr, out);
}

int ad_cumprod_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    return scan_forward(products, in[0], attr, out);
}

int ad_cumsum_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)in, (void)n, (void)y;
    scan s;
    const int status = scan_along(&s, g, attr[0], !attr[2]);
    if (status != AD_OK || !ad_is_float(acc))
        return status == AD_OK ? AD_BAD_DTYPE : status;
    ad_array *share = room(acc, fresh);
    if (share == NULL)
        return AD_NO_MEMORY;
    sums[acc->dtype](g->data, share->data, &s, attr[1] != 0);
    return hand_over(AD_OK, acc, share);
}

/* dx[i] = (product before i) * (g[i] + x[i+1] * (g[i+1] + x[i+2] * ...)): Horner's rule from the far end, without a division. */
#define DEFINE_CUMPROD_VJP(T)                                                               \
    static void cumprod_vjp_##T(const T *g, const T *x, T *acc, const scan *s, int exclusive) \
    {                                                                                       \
        T before = 1, after = 0;                                                            \
        int64_t p = s->start;                                                               \
        for (int64_t j = 0; j < s->n; j++, p += s->move) {                                  \
            acc[p] = before;                                                                \
            before *= x[p];                                                                 \
        }                                                                                   \
        for (int64_t j = 0; j < s->n; j++) {                                                \
            p -= s->move;                                                                   \
            if (!exclusive)                                                                 \
                after += g[p];                                                              \
            acc[p] = ad_scale_##T(after, acc[p]);                                           \
            after = (exclusive ? g[p] : 0) + ad_scale_##T(after, x[p]);                     \
        }                                                                                   \
    }
static inline float ad_scale_float(float g, float s) { return g == 0 ? 0 : g * s; }
static inline double ad_scale_double(double g, double s) { return g == 0 ? 0 : g * s; }
static inline float ad_select_float(float g, float s) { return s == 0 ? 0 : ad_scale_float(g, s); }
static inline double ad_select_double(double g, double s) { return s == 0 ? 0 : ad_scale_double(g, s); }
DEFINE_CUMPROD_VJP(float)
DEFINE_CUMPROD_VJP(double)

/* The statements for every line along the axis, `at` its first element in memory. */
#define EACH_LINE(s, ...)                                                                   \
    for (int64_t o = 0; o < (s).outer && (s).n; o++)                                        \
        for (int64_t i = 0; i < (s).inner; i++) {                                           \
            const int64_t at = o * (s).n * (s).inner + i;                                   \
            __VA_ARGS__                                                                     \
        }

int ad_cumprod_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)n, (void)y;
    scan s;
    const ad_array *x = in[0];
    const int status = scan_along(&s, x, attr[0], attr[2]), exclusive = attr[1] != 0;
    if (status != AD_OK)
        return status;
    ad_array *share = room(acc, fresh);
    if (share == NULL)
        return AD_NO_MEMORY;
    if (acc->dtype == AD_F64)
        EACH_LINE(s, cumprod_vjp_double((double *)g->data + at, (double *)x->data + at, (double *)share->data + at, &s, exclusive);)
    else
        EACH_LINE(s, cumprod_vjp_float((float *)g->data + at, (float *)x->data + at, (float *)share->data + at, &s, exclusive);)
    return hand_over(AD_OK, acc, share);
}

/* ------------------------------------------------------------------------------------------------- cumulative_logsumexp */
/* So far the sum is exp(m) * (1 + r), m the largest; -inf adds nothing to it.  r is double for float32 too, as it is of many terms. */
#define DEFINE_CUMULATIVE_LOGSUMEXP(T, f)                                                   \
    static void logsumexps_##T(const T *x, T *y, const scan *s, int exclusive)              \
    {                                                                                       \
        T m = -INFINITY;                                                                    \
        double r = 0;                                                                       \
        int64_t p = s->start;                                                               \
        for (int64_t j = 0; j < s->n; j++, p += s->move) {                                  \
            if (exclusive)                                                                  \
                y[p] = m + ad_log1p##f((T)r);                                               \
            if (x[p] == m) {                                                                \
                r += m == -INFINITY ? 0 : 1;                                                \
            } else if (x[p] < m) {                                                          \
                r += ad_exp##f(x[p] - m);                                                   \
            } else {                                                                        \
                r = (1 + r) * ad_exp##f(m - x[p]);                                          \
                m = x[p];                                                                   \
            }                                                                               \
            if (!exclusive)                                                                 \
                y[p] = m + ad_log1p##f((T)r);                                               \
        }                                                                                   \
    }                                                                                       \
    /* dx[j] = exp(x[j] - y[j]) * r[j], r[j] = g[j] + exp(y[j] - y[j+1]) * r[j+1]: y only grows, so that no exp overflows. \
     * Infinite terms share equally: where y is infinite it stands for the number of them so far, exp(y[j] - y[j+1]) for a quotient. */ \
    static void logsumexps_vjp_##T(const T *g, const T *x, const T *y, T *acc, const scan *s, int exclusive) \
    {                                                                                       \
        T next = 0;                                                                         \
        double r = 0, terms = 0;                                                            \
        int64_t p = s->start + s->n * s->move;                                              \
        if (s->n && !(y[p - s->move] < INFINITY))                                            \
            for (int64_t j = 0, q = s->start; j < s->n - exclusive; j++, q += s->move)      \
                terms += x[q] == INFINITY;                                                  \
        for (int64_t j = 0; j < s->n; j++) {                                                \
            p -= s->move;                                                                   \
            const double through = r == 0 || y[p] == -INFINITY ? 0                          \
                                   : next != INFINITY          ? r * ad_exp((double)y[p] - next) \
                                   : y[p] != INFINITY          ? 0                          \
                                   : x[exclusive ? p : p + s->move] == INFINITY ? r * ((terms - 1) / terms) \
                                                                                : r;        \
            if (exclusive)                                                                  \
                acc[p] = (T)LOGSUMEXP_SHARE(f);                                             \
            if (!(next < INFINITY) && x[exclusive ? p : p + s->move] == INFINITY)             \
                terms--;                                                                    \
            r = exclusive && y[p] == -INFINITY ? 0 : g[p] + through;                        \
            next = y[p];                                                                    \
            if (!exclusive)                                                                 \
                acc[p] = (T)LOGSUMEXP_SHARE(f);                                             \
        }                                                                                   \
    }
/* Of x[p] in the log-sum-exp `next`, which has as many infinite terms. */
#define LOGSUMEXP_SHARE(f)                                                                  \
    (r == 0 || next == -INFINITY ? 0 : next != INFINITY ? r * ad_exp##f(x[p] - next) : x[p] == INFINITY ? r / terms : 0)
DEFINE_CUMULATIVE_LOGSUMEXP(float, f)
DEFINE_CUMULATIVE_LOGSUMEXP(double, )

int ad_cumulative_logsumexp_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    scan s;
    const ad_array *x = in[0];
    const int status = scan_along(&s, x, attr[0], attr[2]), exclusive = attr[1] != 0;
    if (status != AD_OK || !ad_is_float(x))
        return status == AD_OK ? AD_BAD_DTYPE : status;
    ad_array *y = *out = ad_array_new(x->dtype, x->ndim, x->shape);
    if (y == NULL)
        return AD_NO_MEMORY;
    if (x->dtype == AD_F64)
        EACH_LINE(s, logsumexps_double((double *)x->data + at, (double *)y->data + at, &s, exclusive);)
    else
        EACH_LINE(s, logsumexps_float((float *)x->data + at, (float *)y->data + at, &s, exclusive);)
    return AD_OK;
}

int ad_cumulative_logsumexp_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr,
                                ad_array *acc, int fresh)
{
    (void)k, (void)n;
    scan s;
    const ad_array *x = in[0];
    const int status = scan_along(&s, x, attr[0], attr[2]), exclusive = attr[1] != 0;
    if (status != AD_OK)
        return status;
    ad_array *share = room(acc, fresh);
    if (share == NULL)
        return AD_NO_MEMORY;
    if (acc->dtype == AD_F64)
        EACH_LINE(s, logsumexps_vjp_double((double *)g->data + at, (double *)x->data + at, (double *)y->data + at, (double *)share->data + at, &s, exclusive);)
    else
        EACH_LINE(s, logsumexps_vjp_float((float *)g->data + at, (float *)x->data + at, (float *)y->data + at, (float *)share->data + at, &s, exclusive);)
    return hand_over(AD_OK, acc, share);
}

/* ------------------------------------------------------------------------------------------------- recurrence */
/* y[p] = b[p] + a[p] * y[last], or a[last] * y[last]. */
#define DEFINE_RECURRENCE(T)                                                                \
    static void recurrence_##T(const void *a_, const void *b_, void *y_, const scan *s, int own) \
    {                                                                                       \
        for (int64_t o = 0; o < s->outer && s->n; o++) {                                    \
            const T *a = (const T *)a_ + o * s->n * s->inner, *b = (const T *)b_ + o * s->n * s->inner; \
            T *y = (T *)y_ + o * s->n * s->inner;                                           \
            int64_t p = s->start;                                                           \
            memcpy(y + p, b + p, (size_t)s->inner * sizeof(T));                             \
            for (int64_t j = 1; j < s->n; j++) {                                            \
                const int64_t last = p;                                                     \
                p += s->move;                                                               \
                for (int64_t i = 0; i < s->inner; i++)                                      \
                    y[p + i] = b[p + i] + ad_scale_##T(y[last + i], a[(own ? p : last) + i]); \
            }                                                                               \
        }                                                                                   \
    }                                                                                       \
    /* What arrived at y[p] in all, times the y that a met, of which 0 stops even an infinity; `after` elements later in the scan arrived at. */ \
    static void recurrence_a_##T(const void *arrived_, const void *y_, void *acc_, const scan *s, int own, int fresh) \
    {                                                                                       \
        for (int64_t o = 0; o < s->outer && s->n; o++) {                                    \
            const T *arrived = (const T *)arrived_ + o * s->n * s->inner, *y = (const T *)y_ + o * s->n * s->inner; \
            T *acc = (T *)acc_ + o * s->n * s->inner;                                       \
            int64_t p = s->start;                                                           \
            for (int64_t j = 0; j < s->n; j++, p += s->move) {                              \
                const int none = own ? j == 0 : j == s->n - 1;                              \
                for (int64_t i = 0; i < s->inner; i++) {                                    \
                    const T share = none ? 0 : own ? ad_select_##T(arrived[p + i], y[p - s->move + i]) \
                                                   : ad_select_##T(arrived[p + s->move + i], y[p + i]); \
                    acc[p + i] = share + (fresh ? 0 : acc[p + i]);                          \
                }                                                                           \
            }                                                                               \
        }                                                                                   \
    }
DEFINE_RECURRENCE(float)
DEFINE_RECURRENCE(double)

static void recurrence(const ad_array *a, const ad_array *b, ad_array *y, const scan *s, int own)
{
    (a->dtype == AD_F64 ? recurrence_double : recurrence_float)(a->data, b->data, y->data, s, own);
}

int ad_recurrence_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    scan s;
    const ad_array *a = in[0], *b = in[1];
    const int status = scan_along(&s, a, attr[0], attr[2]);
    if (status != AD_OK)
        return status;
    if (!ad_is_float(a) || a->dtype != b->dtype)
        return AD_BAD_DTYPE;
    if (!ad_same_shape(b, a->ndim, a->shape))
        return AD_BAD_SHAPE;
    *out = ad_array_new(a->dtype, a->ndim, a->shape);
    if (*out == NULL)
        return AD_NO_MEMORY;
    recurrence(a, b, *out, &s, attr[1] != 0);
    return AD_OK;
}

int ad_recurrence_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n;
    scan s, back;
    const int own = attr[1] != 0, status = scan_along(&s, g, attr[0], attr[2]);              /* (of y's shape: that of operand 1 may be without y) */
    if (status != AD_OK)
        return status;
    scan_along(&back, g, attr[0], !attr[2]);
    ad_array *arrived = k == 1 && fresh ? acc : ad_array_new(g->dtype, g->ndim, g->shape);
    if (arrived == NULL)
        return AD_NO_MEMORY;
    recurrence(in[0], g, arrived, &back, !own);
    if (k == 1)
        return hand_over(AD_OK, acc, arrived);
    (y->dtype == AD_F64 ? recurrence_a_double : recurrence_a_float)(arrived->data, y->data, acc->data, &s, own, fresh);
    ad_array_release(arrived);
    return AD_OK;
}
