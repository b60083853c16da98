/* matvec: batches and threads around the products of csrc/matmul.inc. */
#include "batches.h"
#include "matmul.h"
#include "strided.h"

/* a holds m x n matrices, x vectors of op(a)'s width. */
static int pose_vector(int64_t *m, int64_t *n, batches *s, const ad_array *a, const ad_array *x, int64_t flip)
{
    if (a->ndim < 2 || x->ndim < 1)
        return AD_BAD_SHAPE;
    if (a->dtype != x->dtype || a->dtype == AD_BOOL)
        return AD_BAD_DTYPE;
    *m = a->shape[a->ndim - 2];
    *n = a->shape[a->ndim - 1];
    if (x->shape[x->ndim - 1] != (flip ? *m : *n))
        return AD_BAD_SHAPE;
    return batch_shape(s, a, 2, x, 1);
}

/* y += a x: rows, shared out in fours, as they are taken.  y += x a: rows are summed in chunks, each by itself where there are several,
 * so that the order of sums depends on m alone. */
typedef struct {
    int dtype;
    int64_t m, n;
    const char *a, *x;
    char *y;                                                /* of x a: a row to a chunk */
} some_products;

static void apply_rows(void *arg, int64_t from, int64_t to)
{
    const some_products *s = arg;
    const size_t item = ad_itemsize(s->dtype);
    ad_products_here()->apply[s->dtype](to - from, s->n, s->a + (size_t)(from * s->n) * item, s->x, s->y + (size_t)from * item);
}

static void apply_chunks(void *arg, int64_t from, int64_t to)
{
    const some_products *s = arg;
    const size_t item = ad_itemsize(s->dtype);
    for (int64_t c = from; c < to; c++) {
        const int64_t at = c * AD_SUMMED_ROWS, rows = s->m - at < AD_SUMMED_ROWS ? s->m - at : AD_SUMMED_ROWS;
        ad_products_here()->apply_transposed[s->dtype](rows, s->n, s->a + (size_t)(at * s->n) * item, s->x + (size_t)at * item, s->y + (size_t)(c * s->n) * item);
    }
}

static int apply_by_chunks(int dtype, int64_t m, int64_t n, const void *a, const void *x, void *y)
{
    const int64_t chunks = (m + AD_SUMMED_ROWS - 1) / AD_SUMMED_ROWS, shape[2] = {chunks, n};
    ad_array *sums = ad_zeros(dtype, 2, shape);
    if (sums == NULL)
        return AD_NO_MEMORY;
    some_products s = {dtype, m, n, a, x, sums->data};
    ad_share_out(apply_chunks, &s, chunks, 1, m * n / 2);
    AD_BY_NUMBER(dtype,
        for (int64_t c = 0; c < chunks; c++)
            for (int64_t j = 0; j < n; j++)
                ((T *)y)[j] += ((const T *)sums->data)[c * n + j];)
    ad_array_release(sums);
    return AD_OK;
}

static int apply(int dtype, int flip, int64_t m, int64_t n, const void *a, const void *x, void *y)
{
    some_products s = {dtype, m, n, a, x, y};
    if (flip && m > AD_SUMMED_ROWS)
        return apply_by_chunks(dtype, m, n, a, x, y);
    if (flip)
        ad_products_here()->apply_transposed[dtype](m, n, a, x, y);
    else
        ad_share_out(apply_rows, &s, m, 4, m * n / 2);
    return AD_OK;
}

typedef struct {
    int dtype;
    int64_t n;
    const char *w, *g, *x;
    char *dx, *dw;
} some_shares;

static void share_rows(void *arg, int64_t from, int64_t to)
{
    const some_shares *s = arg;
    const size_t item = ad_itemsize(s->dtype), at = (size_t)from * item, row = (size_t)s->n * at;
    ad_products_here()->shares_of_row[s->dtype](to - from, s->n, s->w + row, s->g, s->x + at, s->dx + at, s->dw + row);
}

void ad_shares_of_row(int dtype, int64_t m, int64_t n, const void *w, const void *g, const void *x, void *dx, void *dw)
{
    some_shares s = {dtype, n, w, g, x, dx, dw};
    ad_share_out(share_rows, &s, m, 4, m * n / 2);
}

/* One matrix and one vector that fit. */
static int is_plain(const ad_array *a, const ad_array *x, int flip)
{
    return a->ndim == 2 && x->ndim == 1 && a->dtype == x->dtype && a->dtype != AD_BOOL && x->shape[0] == a->shape[flip ? 0 : 1];
}

int ad_matvec_into(const ad_array *const *in, const int64_t *attr, ad_array *y)
{
    const ad_array *a = in[0], *x = in[1];
    const int flip = attr[0] != 0;
    ad_zero(y);
    if (is_plain(a, x, flip))
        return apply(a->dtype, flip, a->shape[0], a->shape[1], a->data, x->data, y->data);
    int64_t m, n;
    batches s;
    int status = pose_vector(&m, &n, &s, a, x, flip);
    if (status != AD_OK)
        return status;
    batch_strides(&s, 2, y, 1);
    for (int64_t i = 0; i < s.count && y->size && status == AD_OK; i++, next_batch(&s))
        status = apply(a->dtype, flip, m, n, element(a, s.at[0]), element(x, s.at[1]), (void *)element(y, s.at[2]));
    return status;
}

int ad_matvec_forward(const ad_array *const *in, int n_in, const int64_t *attr, ad_array **out)
{
    (void)n_in;
    const ad_array *a = in[0], *x = in[1];
    const int flip = attr[0] != 0, plain = is_plain(a, x, flip);
    int64_t m, n, shape[AD_MAX_RANK];
    batches s = {.ndim = 0};
    int status = plain ? AD_OK : pose_vector(&m, &n, &s, a, x, flip);
    if (status != AD_OK)
        return status;
    memcpy(shape, s.shape, (size_t)s.ndim * sizeof *shape);
    shape[s.ndim] = a->shape[a->ndim - (flip ? 1 : 2)];
    ad_array *y = ad_array_new(a->dtype, s.ndim + 1, shape);
    if (y == NULL)
        return AD_NO_MEMORY;
    status = ad_matvec_into(in, attr, y);
    if (status == AD_OK)
        *out = y;
    else
        ad_array_release(y);
    return status;
}

int ad_matvec_vjp(int k, const ad_array *g, const ad_array *const *in, int n_in, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n_in, (void)y;
    const ad_array *a = in[0], *x = in[1];
    const int flip = attr[0] != 0;
    if (k == 1 && is_plain(a, x, flip)) {
        if (fresh)
            ad_zero(acc);
        return apply(g->dtype, !flip, a->shape[0], a->shape[1], a->data, g->data, acc->data);
    }
    int64_t m, n;
    batches s;
    int status = pose_vector(&m, &n, &s, a, x, flip);
    if (status != AD_OK)
        return status;
    batch_strides(&s, 2, g, 1);
    const int alone = fresh && k == 0 && s.count * m * n == acc->size;     /* is every matrix one product, and not a sum of some? */
    if (fresh && !alone)
        ad_zero(acc);
    for (int64_t i = 0; i < s.count && g->size && status == AD_OK; i++, next_batch(&s)) {
        const void *gi = element(g, s.at[2]), *xi = element(x, s.at[1]), *rows = flip ? xi : gi, *columns = flip ? gi : xi;
        void *to = (void *)element(acc, s.at[k]);
        if (alone)
            status = ad_products_here()->multiply[g->dtype](m, n, 1, (ad_matrix){rows, 1, 1}, (ad_matrix){columns, n, 1}, to, 1);
        else if (k == 0)
            ad_products_here()->add_outers[g->dtype](m, n, 1, &rows, &columns, to);
        else
            status = apply(g->dtype, !flip, m, n, element(a, s.at[0]), gi, to);
    }
    return status;
}
