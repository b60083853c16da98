/* matmul and matvec: batches around the products of csrc/matmul.inc. */
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

/* ------------------------------------------------------------------------------------------------- batches */
/* How the leading dimensions of two operands broadcast.  `at` are the elements at which the present matrices begin. */
typedef struct {
    int ndim;
    int64_t count, shape[AD_MAX_RANK], index[AD_MAX_RANK];
    int64_t stride[3][AD_MAX_RANK], at[3];                  /* of the operands and of the result */
} batches;

static void batch_strides(batches *s, int which, const ad_array *x, int inner)
{
    int64_t step = 1;
    s->at[which] = 0;
    if (s->ndim == 0)
        return;
    for (int i = 0; i < inner; i++)
        step *= x->shape[x->ndim - 1 - i];
    const int lead = x->ndim - inner;
    for (int i = 0; i < s->ndim; i++) {
        const int own = lead - 1 - i, place = s->ndim - 1 - i;
        s->stride[which][place] = own < 0 || x->shape[own] == 1 ? 0 : step;
        step *= own < 0 ? 1 : x->shape[own];
    }
}

/* inner_a and inner_b: trailing dimensions that are no batch. */
static int batch_shape(batches *s, const ad_array *a, int inner_a, const ad_array *b, int inner_b)
{
    const int na = a->ndim - inner_a, nb = b->ndim - inner_b;
    s->ndim = na > nb ? na : nb;
    s->count = 1;
    for (int i = 0; i < s->ndim; i++) {
        const int ia = na - s->ndim + i, ib = nb - s->ndim + i;
        const int64_t da = ia < 0 ? 1 : a->shape[ia], db = ib < 0 ? 1 : b->shape[ib];
        if (da != db && da != 1 && db != 1)
            return AD_BAD_SHAPE;
        s->shape[i] = da == 1 ? db : da;
        if (s->shape[i] && __builtin_mul_overflow(s->count, s->shape[i], &s->count))
            return AD_NO_MEMORY;
        s->index[i] = 0;
    }
    batch_strides(s, 0, a, inner_a);
    batch_strides(s, 1, b, inner_b);
    return AD_OK;
}

static void next_batch(batches *s)
{
    for (int i = s->ndim - 1; i >= 0; i--) {
        for (int w = 0; w < 3; w++)
            s->at[w] += s->stride[w][i];
        if (++s->index[i] < s->shape[i])
            return;
        for (int w = 0; w < 3; w++)
            s->at[w] -= s->stride[w][i] * s->shape[i];
        s->index[i] = 0;
    }
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

static const void *element(const ad_array *x, int64_t at) { return (const char *)x->data + (size_t)at * ad_itemsize(x->dtype); }

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

/* ------------------------------------------------------------------------------------------------- matvec */
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
enum { CHUNK = 2048 };
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
        const int64_t at = c * CHUNK, rows = s->m - at < CHUNK ? s->m - at : CHUNK;
        ad_products_here()->apply_transposed[s->dtype](rows, s->n, s->a + (size_t)(at * s->n) * item, s->x + (size_t)at * item, s->y + (size_t)(c * s->n) * item);
    }
}

static int apply_by_chunks(int dtype, int64_t m, int64_t n, const void *a, const void *x, void *y)
{
    const int64_t chunks = (m + CHUNK - 1) / CHUNK, shape[2] = {chunks, n};
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
    if (flip && m > CHUNK)
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
    if (fresh)
        ad_zero(acc);
    for (int64_t i = 0; i < s.count && g->size && status == AD_OK; i++, next_batch(&s)) {
        const void *gi = element(g, s.at[2]), *xi = element(x, s.at[1]);
        void *to = (void *)element(acc, s.at[k]);
        if (k == 0)
            ad_products_here()->add_outers[g->dtype](m, n, 1, flip ? &xi : &gi, flip ? &gi : &xi, to);
        else
            status = apply(g->dtype, !flip, m, n, element(a, s.at[0]), gi, to);
    }
    return status;
}
