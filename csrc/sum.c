/* Sums over any axes, and what reductions have in common. */
#include "broadcast.h"
#include "plan/plan.h"
#include "rows.h"

/* ------------------------------------------------------------------------------------------------- sums */
/* Blocks of BLOCK elements are summed in LANES partial sums, which the compiler keeps in vectors; blocks are summed in pairs of
 * halves, so that rounding errors grow with log2(n) (Higham, "The accuracy of floating point summation", 1993).  The order is fixed:
 * it depends on n alone.  Beyond a block float32 goes on in double. */
enum { SHORT = AD_SHORT_SUM, LANES = AD_SUM_LANES, BLOCK = AD_SUM_BLOCK, COLUMNS = 256 };

/* Neighbouring dimensions that are all kept or all reduced, merged; the last is fastest. */
typedef struct { int n; int64_t size[AD_MAX_RANK]; uint8_t reduced[AD_MAX_RANK]; } groups;

#define DEFINE_SUMS(T, A)                                                                              \
    static inline A rest_##T(const T *begun, const T *x, int n)                                        \
    {                                                                                                  \
        T part[LANES];                                                                                 \
        A sum = 0, rest = 0;                                                                           \
        int i = 0;                                                                                     \
        memcpy(part, begun, sizeof part);                                                              \
        for (int left = n / LANES; left > 0; left--, i += LANES)                                       \
            for (int j = 0; j < LANES; j++)                                                            \
                part[j] += x[i + j];                                                                   \
        for (; i < n; i++)                                                                             \
            rest += x[i];                                                                              \
        for (int j = 0; j < LANES; j++)                                                                \
            sum += part[j];                                                                            \
        return sum + rest;                                                                             \
    }                                                                                                  \
    static A block_##T(const T *x, int n)                                                              \
    {                                                                                                  \
        if (n < SHORT) {                                                                               \
            T few[4] = {0};                                                                            \
            int i = 0;                                                                                 \
            for (; i + 4 <= n; i += 4)                                                                 \
                for (int j = 0; j < 4; j++)                                                            \
                    few[j] += x[i + j];                                                                \
            for (; i < n; i++)                                                                         \
                few[i & 3] += x[i];                                                                    \
            return ((A)few[0] + few[2]) + ((A)few[1] + few[3]);                                        \
        }                                                                                              \
        const T none[LANES] = {0};                                                                     \
        return rest_##T(none, x, n);                                                                   \
    }                                                                                                  \
    static A run_##T(const T *x, int64_t n)                                                            \
    {                                                                                                  \
        if (n <= BLOCK)                                                                                \
            return block_##T(x, (int)n);                                                               \
        const int64_t half = (n / 2 + BLOCK - 1) / BLOCK * BLOCK;                                      \
        return run_##T(x, half) + run_##T(x + half, n - half);                                         \
    }                                                                                                  \
    static void columns_##T(const T *x, int64_t rows, int64_t columns, A *to)                          \
    {                                                                                                  \
        A part[COLUMNS];                                                                               \
        for (int64_t c = 0; c < columns; c += COLUMNS) {                                               \
            const int64_t n = columns - c < COLUMNS ? columns - c : COLUMNS;                           \
            for (int64_t top = 0; top < rows; top += BLOCK) {                                          \
                const int64_t end = top + BLOCK < rows ? top + BLOCK : rows;                           \
                memset(part, 0, sizeof part);                                                          \
                int64_t r = top;                                                                       \
                for (; r + 4 <= end; r += 4) {                                                         \
                    const T *a = x + r * columns + c, *b = a + columns, *d = b + columns, *e = d + columns; \
                    for (int64_t j = 0; j < n; j++)                                                    \
                        part[j] += (a[j] + b[j]) + (d[j] + e[j]);                                      \
                }                                                                                      \
                for (; r < end; r++)                                                                   \
                    for (int64_t j = 0; j < n; j++)                                                    \
                        part[j] += x[r * columns + c + j];                                             \
                for (int64_t j = 0; j < n; j++)                                                        \
                    to[c + j] += part[j];                                                              \
            }                                                                                          \
        }                                                                                              \
    }                                                                                                  \
    static void groups_##T(const T *x, A *to, const groups *g, int d)                                  \
    {                                                                                                  \
        const int left = g->n - d;                                                                     \
        const int64_t n = g->size[d];                                                                  \
        if (left == 1 && g->reduced[d]) {                                                              \
            *to += run_##T(x, n);                                                                      \
        } else if (left == 1) {                                                                        \
            for (int64_t i = 0; i < n; i++)                                                            \
                to[i] += x[i];                                                                         \
        } else if (left == 2 && g->reduced[d]) {                                                       \
            columns_##T(x, n, g->size[d + 1], to);                                                     \
        } else {                                                                                       \
            int64_t from = 1, kept = g->reduced[d] ? 0 : 1;                                            \
            for (int i = d + 1; i < g->n; i++) {                                                       \
                from *= g->size[i];                                                                    \
                kept *= g->reduced[i] ? 1 : g->size[i];                                                \
            }                                                                                          \
            for (int64_t i = 0; i < n; i++)                                                            \
                groups_##T(x + i * from, to + i * kept, g, d + 1);                                     \
        }                                                                                              \
    }
typedef uint32_t u32;
typedef uint64_t u64;
DEFINE_SUMS(float, double)
DEFINE_SUMS(double, double)
DEFINE_SUMS(u32, u64)
DEFINE_SUMS(u64, u64)

double ad_sum_block(const void *x, int n, int is_f32) { return is_f32 ? block_float(x, n) : block_double(x, n); }

double ad_sum_rest(const void *parts, const void *x, int n, int is_f32) { return is_f32 ? rest_float(parts, x, n) : rest_double(parts, x, n); }

double ad_sum_blocks(const double *sums, int64_t n)         /* as run_T goes on */
{
    if (n <= BLOCK)
        return *sums;
    const int64_t half = (n / 2 + BLOCK - 1) / BLOCK * BLOCK;
    return ad_sum_blocks(sums, half) + ad_sum_blocks(sums + half / BLOCK, n - half);
}

#define SUM_ROWS(T)                                                                                     \
    for (int64_t r = 0; r < rows; r++)                                                                  \
        ((T *)to)[r] = (T)run_##T((const T *)x + r * n, n)
void ad_sum_rows(const void *x, int64_t rows, int64_t n, int is_f32, void *to)
{
    if (n < SHORT)
        ad_rows(is_f32 ? AD_F32 : AD_F64)->short_sums(rows, n, x, to);
    else if (is_f32)
        SUM_ROWS(float);
    else
        SUM_ROWS(double);
}

static groups merge(int ndim, const int64_t *shape, const uint8_t *reduced)
{
    groups g = {.n = 0};
    for (int i = 0; i < ndim; i++) {
        if (shape[i] == 1)
            continue;
        if (g.n && g.reduced[g.n - 1] == reduced[i]) {
            g.size[g.n - 1] *= shape[i];
        } else {
            g.size[g.n] = shape[i];
            g.reduced[g.n++] = reduced[i];
        }
    }
    if (g.n == 0)
        g.n = 1, g.size[0] = 1, g.reduced[0] = 0;
    return g;
}

/* to += the sums, in the 8-byte type of their kind. */
static void add_sums(void *to, const ad_array *x, const groups *g)
{
    switch (x->dtype) {
    case AD_F32: groups_float(x->data, to, g, 0); break;
    case AD_F64: groups_double(x->data, to, g, 0); break;
    case AD_I32: groups_u32(x->data, to, g, 0); break;
    case AD_I64: groups_u64(x->data, to, g, 0); break;
    }
}

#define ADD_TOTALS(T, A)                                                      \
    for (int64_t i = 0; i < acc->size; i++)                                   \
        ((T *)acc->data)[i] = (T)(((A *)total)[i] + (fresh ? 0 : ((T *)acc->data)[i]))

static void add_totals(ad_array *acc, int fresh, const void *total)
{
    switch (acc->dtype) {
    case AD_F32: ADD_TOTALS(float, double); break;
    case AD_F64: ADD_TOTALS(double, double); break;
    case AD_I32: ADD_TOTALS(u32, u64); break;
    case AD_I64: ADD_TOTALS(u64, u64); break;
    }
}

/* (In the order of an array that is written out: who has the numbers themselves, as a gradient that is recorded has, gets the same bits.) */
static int sum_uniform(ad_array *acc, int fresh, const ad_array *x, int ndim, const int64_t *shape, const uint8_t *reduced)
{
    ad_array *whole = ad_array_new(x->dtype, ndim, shape);
    if (whole == NULL)
        return AD_NO_MEMORY;
    AD_BY_NUMBER(x->dtype, for (int64_t i = 0; i < whole->size; i++) ((T *)whole->data)[i] = *(const T *)x->data;)
    const int status = ad_sum_into(acc, fresh, whole, ndim, shape, reduced);
    ad_array_release(whole);
    return status;
}

int ad_sum_into(ad_array *acc, int fresh, const ad_array *x, int ndim, const int64_t *shape, const uint8_t *reduced)
{
    union { double f64[16]; uint64_t u64[16]; } few = {{0}};
    const int64_t size = ad_product(shape, ndim);
    if (size == 0 || acc->size == 0) {
        if (fresh)
            ad_zero(acc);
        return AD_OK;
    }
    if (x->uniform)
        return sum_uniform(acc, fresh, x, ndim, shape, reduced);
    const groups g = merge(ndim, shape, reduced);
    if (fresh && ad_itemsize(acc->dtype) == 8) {
        ad_zero(acc);
        add_sums(acc->data, x, &g);
        return AD_OK;
    }
    ad_array *many = acc->size <= 16 ? NULL : ad_zeros(AD_I64, 1, &acc->size);
    if (acc->size > 16 && many == NULL)
        return AD_NO_MEMORY;
    void *total = many ? many->data : (void *)&few;
    add_sums(total, x, &g);
    add_totals(acc, fresh, total);
    if (many)
        ad_array_release(many);
    return AD_OK;
}

/* ------------------------------------------------------------------------------------------------- attributes */
int ad_mark_axes(const ad_array *x, ad_tuple axes, uint8_t *reduced)
{
    memset(reduced, 0, AD_MAX_RANK);
    for (int i = 0; i < axes.n; i++) {
        if (axes.item[i] < 0 || axes.item[i] >= x->ndim)
            return AD_BAD_SHAPE;
        reduced[axes.item[i]] = 1;
    }
    return AD_OK;
}

/* A new array of the reduced shape in *out. */
int ad_new_reduced(const ad_array *x, int dtype, const uint8_t *reduced, int64_t keepdims, ad_array **out)
{
    int64_t shape[AD_MAX_RANK];
    int n = 0;
    for (int i = 0; i < x->ndim; i++)
        if (!reduced[i] || keepdims)
            shape[n++] = reduced[i] ? 1 : x->shape[i];
    *out = ad_array_new(dtype, n, shape);
    return *out ? AD_OK : AD_NO_MEMORY;
}

void ad_spread_sum(ad_array *acc, int fresh, const ad_array *g, int ndim, const int64_t *shape, const uint8_t *reduced)
{
    int64_t stride[AD_MAX_RANK], step = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        stride[i] = reduced[i] ? 0 : step;
        step *= reduced[i] ? 1 : shape[i];
    }
    ad_gather_strided(acc, fresh, g, ndim, shape, stride, 0);
}

int ad_reduce_sum_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    uint8_t reduced[AD_MAX_RANK];
    const ad_array *x = in[0];
    if (x->dtype == AD_BOOL)
        return AD_BAD_DTYPE;
    int status = ad_mark_axes(x, ad_take_tuple(&attr), reduced);
    if (status == AD_OK)
        status = ad_new_reduced(x, x->dtype, reduced, attr[0], out);
    return status == AD_OK ? ad_sum_into(*out, 1, x, x->ndim, x->shape, reduced) : status;
}

int ad_reduce_sum_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)n, (void)y;
    uint8_t reduced[AD_MAX_RANK];
    const int status = ad_mark_axes(in[0], ad_take_tuple(&attr), reduced);
    if (status == AD_OK)
        ad_spread_sum(acc, fresh, g, in[0]->ndim, in[0]->shape, reduced);
    return status;
}
