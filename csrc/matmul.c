/* matmul: batches, threads and tall products around the products of csrc/matmul.inc. */
#include "batches.h"
#include "matmul.h"
#include "rows.h"
#include "strided.h"

const ad_products *ad_products_here(void)
{
#ifdef __x86_64__
    static const ad_products *const of[3] = {&ad_products_baseline, &ad_products_avx2, &ad_products_avx512};
    return of[ad_isa_number()];
#else
    return &ad_products_baseline;
#endif
}

/* ------------------------------------------------------------------------------------------------- on threads */
/* Rows of a product, shared out: no kernel computes a row otherwise because of the rows beside it.  (Of one column it may: it looks
 * whether op(a) is a transpose.) */
enum { ROWS = 24 };                                         /* a multiple of the rows of all tiles */
typedef struct {
    int dtype, fresh, failed;
    int64_t m, n, k;
    ad_matrix a, b;
    char *c;
} some_rows;

static void multiply_rows(void *arg, int64_t first, int64_t end)
{
    some_rows *s = arg;
    const int64_t from = first * ROWS, to = end == s->m / ROWS ? s->m : end * ROWS;           /* the last takes what is left over */
    const size_t item = ad_itemsize(s->dtype);
    const ad_matrix a = {(const char *)s->a.data + from * s->a.row * (int64_t)item, s->a.row, s->a.column};
    if (ad_products_here()->multiply[s->dtype](to - from, s->n, s->k, a, s->b, s->c + (size_t)(from * s->n) * item, s->fresh) != AD_OK)
        __atomic_store_n(&s->failed, 1, __ATOMIC_RELAXED);
}

int ad_rows_are_alike(int64_t n, int64_t k) { return n < 4 || AD_STRIP * n * k >= 12 * 12 * 12; }

/* ------------------------------------------------------------------------------------------------- tall products */
enum { LEAST_TERMS = 4 * AD_STRIP, LARGEST_RESULT = 128 * 128, LEAST_STRIPS = 2, MOST_PIECES = 32 };

int ad_is_tall(int dtype, int64_t m, int64_t n, int64_t k)
{
    return dtype <= AD_F64 && k >= LEAST_TERMS && m * n > 0 && m * n <= LARGEST_RESULT;
}

static int64_t strips_in_piece(int64_t k)
{
    const int64_t wish = (k / AD_STRIP + MOST_PIECES - 1) / MOST_PIECES;
    return wish > LEAST_STRIPS ? wish : LEAST_STRIPS;
}

int64_t ad_tall_piece(int64_t k) { return strips_in_piece(k) * AD_STRIP; }

int64_t ad_tall_pieces(int64_t k) { return (k / AD_STRIP + strips_in_piece(k) - 1) / strips_in_piece(k); }

int64_t ad_strip_end(int64_t from, int64_t k) { return k - from < 2 * AD_STRIP ? k : from + AD_STRIP; }

void ad_tall_finish(int dtype, int64_t size, int64_t pieces, const void *sums, void *c, int fresh)
{
    const char *piece = sums;
    const size_t bytes = (size_t)size * ad_itemsize(dtype);
    if (fresh)
        memcpy(c, piece, bytes);
    for (int64_t p = fresh ? 1 : 0; p < pieces; p++)
        ad_rows(dtype)->add(size, c, piece + (size_t)p * bytes, c);
}

typedef struct {
    int dtype, failed;
    int64_t m, n, k;
    ad_matrix a, b;
    char *sums;
} some_pieces;

static const void *from_term(const ad_matrix *x, int64_t step, int64_t at, int dtype)
{
    return (const char *)x->data + at * step * (int64_t)ad_itemsize(dtype);
}

static void multiply_pieces(void *arg, int64_t from, int64_t to)
{
    some_pieces *s = arg;
    const int64_t piece = ad_tall_piece(s->k);
    int status = AD_OK;
    for (int64_t p = from; p < to; p++) {
        char *sum = s->sums + (size_t)(p * s->m * s->n) * ad_itemsize(s->dtype);
        const int64_t last = p + 1 == ad_tall_pieces(s->k) ? s->k : (p + 1) * piece;
        for (int64_t l = p * piece, end; l < last && status == AD_OK; l = end) {
            const ad_matrix a = {from_term(&s->a, s->a.column, l, s->dtype), s->a.row, s->a.column};
            const ad_matrix b = {from_term(&s->b, s->b.row, l, s->dtype), s->b.row, s->b.column};
            end = ad_strip_end(l, s->k);
            status = ad_products_here()->multiply[s->dtype](s->m, s->n, end - l, a, b, sum, l == p * piece);
        }
    }
    if (status != AD_OK)
        __atomic_store_n(&s->failed, 1, __ATOMIC_RELAXED);
}

static int multiply_tall(int dtype, int64_t m, int64_t n, int64_t k, ad_matrix a, ad_matrix b, void *c, int fresh)
{
    const int64_t pieces = ad_tall_pieces(k), shape[2] = {pieces, m * n};
    ad_array *sums = ad_array_new(dtype, 2, shape);
    if (sums == NULL)
        return AD_NO_MEMORY;
    some_pieces s = {dtype, 0, m, n, k, a, b, sums->data};
    ad_share_out(multiply_pieces, &s, pieces, 1, m * n * k / 4);
    if (!s.failed)
        ad_tall_finish(dtype, m * n, pieces, sums->data, c, fresh);
    ad_array_release(sums);
    return s.failed ? AD_NO_MEMORY : AD_OK;
}

static int multiply(int dtype, int64_t m, int64_t n, int64_t k, ad_matrix a, ad_matrix b, void *c, int fresh)
{
    if (a.row == 1 && ad_is_tall(dtype, m, n, k))
        return multiply_tall(dtype, m, n, k, a, b, c, fresh);
    if (n < 2 || m < 2 * ROWS)
        return ad_products_here()->multiply[dtype](m, n, k, a, b, c, fresh);
    some_rows s = {dtype, fresh, 0, m, n, k, a, b, c};
    ad_share_out(multiply_rows, &s, m / ROWS, 1, m * n * k / 4);
    return s.failed ? AD_NO_MEMORY : AD_OK;
}

/* ------------------------------------------------------------------------------------------------- matmul */
/* op(a) is m x k, op(b) is k x n. */
typedef struct {
    int64_t m, n, k;
    ad_matrix a, b;                                         /* strides of op(a) and op(b) */
    batches s;
} problem;

static ad_matrix strides_of(int64_t columns, int64_t transposed)
{
    return transposed ? (ad_matrix){NULL, 1, columns} : (ad_matrix){NULL, columns, 1};
}

static int pose(problem *p, const ad_array *a, const ad_array *b, const int64_t *attr)
{
    if (a->ndim < 2 || b->ndim < 2)
        return AD_BAD_SHAPE;
    if (a->dtype != b->dtype || a->dtype == AD_BOOL)
        return AD_BAD_DTYPE;
    const int64_t *sa = a->shape + a->ndim - 2, *sb = b->shape + b->ndim - 2;
    p->m = sa[attr[0] ? 1 : 0];
    p->k = sa[attr[0] ? 0 : 1];
    p->n = sb[attr[1] ? 0 : 1];
    if (sb[attr[1] ? 1 : 0] != p->k)
        return AD_BAD_SHAPE;
    p->a = strides_of(sa[1], attr[0]);
    p->b = strides_of(sb[1], attr[1]);
    if (a->ndim == 2 && b->ndim == 2) {
        p->s.ndim = 0;
        p->s.count = 1;
        p->s.at[0] = p->s.at[1] = 0;
        return AD_OK;
    }
    return batch_shape(&p->s, a, 2, b, 2);
}

/* Matrices of a that all meet the same b are one tall matrix. */
static void stack(problem *p, const ad_array *a, const ad_array *b, const int64_t *attr)
{
    if (attr[0] || ad_product(b->shape, b->ndim - 2) != 1 || a->ndim < b->ndim)
        return;
    p->m *= p->s.count;
    p->s.count = 1;
    p->s.ndim = 0;
}

static int solve(problem *p, const ad_array *a, const ad_array *b, const int64_t *attr, ad_array *y)
{
    int status = AD_OK;
    batch_strides(&p->s, 2, y, 2);
    stack(p, a, b, attr);
    for (int64_t i = 0; i < p->s.count && y->size && status == AD_OK; i++, next_batch(&p->s)) {
        p->a.data = element(a, p->s.at[0]);
        p->b.data = element(b, p->s.at[1]);
        status = multiply(a->dtype, p->m, p->n, p->k, p->a, p->b, (void *)element(y, p->s.at[2]), 1);
    }
    return status;
}

int ad_matmul_into(const ad_array *const *in, const int64_t *attr, ad_array *y)
{
    problem p;
    const int status = pose(&p, in[0], in[1], attr);
    return status == AD_OK ? solve(&p, in[0], in[1], attr, y) : status;
}

int ad_matmul_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    int64_t shape[AD_MAX_RANK];
    problem p;
    int status = pose(&p, in[0], in[1], attr);
    if (status != AD_OK)
        return status;
    for (int i = 0; i < p.s.ndim; i++)
        shape[i] = p.s.shape[i];
    shape[p.s.ndim] = p.m;
    shape[p.s.ndim + 1] = p.n;
    ad_array *y = ad_array_new(in[0]->dtype, p.s.ndim + 2, shape);
    if (y == NULL)
        return AD_NO_MEMORY;
    status = solve(&p, in[0], in[1], attr, y);
    if (status == AD_OK)
        *out = y;
    else
        ad_array_release(y);
    return status;
}

static ad_matrix transposed(ad_matrix x) { return (ad_matrix){x.data, x.column, x.row}; }

/* With y = op(a) op(b): the share of op(a) is g op(b)^T, that of op(b) is op(a)^T g, and those of a and b their transposes. */
int ad_matmul_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n, (void)y;
    const ad_array *a = in[0], *b = in[1];
    problem p;
    int status = pose(&p, a, b, attr);
    if (status != AD_OK)
        return status;
    batch_strides(&p.s, 2, g, 2);
    stack(&p, a, b, attr);
    const int once = fresh && p.s.count == 1 && g->size;
    if (fresh && !once)
        ad_zero(acc);
    for (int64_t i = 0; i < p.s.count && g->size && status == AD_OK; i++, next_batch(&p.s)) {
        const ad_matrix ga = {element(g, p.s.at[2]), p.n, 1};
        p.a.data = element(a, p.s.at[0]);
        p.b.data = element(b, p.s.at[1]);
        void *c = (void *)element(acc, p.s.at[k]);
        const int t = g->dtype;
        if (k == 0)
            status = attr[0] ? multiply(t, p.k, p.m, p.n, p.b, transposed(ga), c, once) : multiply(t, p.m, p.k, p.n, ga, transposed(p.b), c, once);
        else
            status = attr[1] ? multiply(t, p.n, p.k, p.m, transposed(ga), p.a, c, once) : multiply(t, p.k, p.n, p.m, transposed(p.a), ga, c, once);
    }
    return status;
}
