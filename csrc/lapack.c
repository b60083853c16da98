/* Decompositions of matrices, which are the last two dimensions.  What has several parts is packed: each in the rows of one matrix
 * after another.  All is computed in float64, and of float32 rounded once. */
#include "lapack.h"

#include <fenv.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "batches.h"
#include "generated/table.h"
#include "matmul.h"
#include "minors.h"

ad_lapack_function ad_lapack[AD_LAPACK_FUNCTIONS];

/* A matrix a of m x n, what stands beside it, and where the result goes; k = min(m, n).  Where LAPACK does all of it there are `count` of
 * them, the others being so many bytes farther on. */
typedef struct {
    intptr_t m, n, k, columns;                              /* columns of b */
    intptr_t count, to_a, to_b, to_y;
    const double *a, *b;
    double *y, *scratch;
    int lower, adjoint;
} problem;

static int call(int function, char **operands, const intptr_t *sizes, const intptr_t *steps)
{
    const ad_lapack_function *f = &ad_lapack[function];
    if (f->loop == NULL)
        return AD_NO_LAPACK;
    feclearexcept(FE_INVALID);
    f->loop(operands, sizes, steps, f->data);
    return fetestexcept(FE_INVALID) ? AD_NO_DECOMPOSITION : AD_OK;
}

enum { ITEM = sizeof(double) };

/* ------------------------------------------------------------------------------------------------- by LAPACK alone */
static int solve(const problem *p)
{
    const intptr_t m = p->m, k = p->columns, row = p->adjoint ? ITEM : m * ITEM, column = p->adjoint ? m * ITEM : ITEM;
    char *operands[] = {(char *)p->a, (char *)p->b, (char *)p->y};
    return call(AD_LAPACK_SOLVE, operands, (intptr_t[]){p->count, m, k},
                (intptr_t[]){p->to_a, p->to_b, p->to_y, row, column, k * ITEM, ITEM, k * ITEM, ITEM});
}

static int inv(const problem *p)
{
    char *operands[] = {(char *)p->a, (char *)p->y};
    return call(AD_LAPACK_INV, operands, (intptr_t[]){p->count, p->m}, (intptr_t[]){p->to_a, p->to_y, p->m * ITEM, ITEM, p->m * ITEM, ITEM});
}

static int cholesky(const problem *p)
{
    char *operands[] = {(char *)p->a, (char *)p->y};
    return call(AD_LAPACK_CHOLESKY, operands, (intptr_t[]){p->count, p->m}, (intptr_t[]){p->to_a, p->to_y, p->m * ITEM, ITEM, p->m * ITEM, ITEM});
}

/* (What is not finite has nan for one, and that is no failure.) */
static int determinants(const problem *p, double *y, intptr_t to_y)
{
    char *operands[] = {(char *)p->a, (char *)y};
    const int status = call(AD_LAPACK_DET, operands, (intptr_t[]){p->count, p->m}, (intptr_t[]){p->to_a, to_y, p->m * ITEM, ITEM});
    return status == AD_NO_DECOMPOSITION ? AD_OK : status;
}

static int det(const problem *p) { return determinants(p, p->y, p->to_y); }

static int signs_and_logs(const problem *p, double *sign, intptr_t to_sign, double *logarithm, intptr_t to_logarithm)
{
    char *operands[] = {(char *)p->a, (char *)sign, (char *)logarithm};
    const int status = call(AD_LAPACK_SLOGDET, operands, (intptr_t[]){p->count, p->m}, (intptr_t[]){p->to_a, to_sign, to_logarithm, p->m * ITEM, ITEM});
    return status == AD_NO_DECOMPOSITION ? AD_OK : status;
}

static int logabsdet(const problem *p)
{
    double sign;
    return signs_and_logs(p, &sign, 0, p->y, p->to_y);
}

static int sign_of_det(const problem *p)
{
    double logarithm;
    return signs_and_logs(p, p->y, p->to_y, &logarithm, 0);
}

static int eigh(const problem *p)
{
    const intptr_t m = p->m;
    char *operands[] = {(char *)p->a, (char *)p->y, (char *)(p->y + m)};
    return call(AD_LAPACK_EIGH, operands, (intptr_t[]){p->count, m}, (intptr_t[]){p->to_a, p->to_y, p->to_y, m * ITEM, ITEM, ITEM, m * ITEM, ITEM});
}

/* a = u diag(s) v^T; v as its columns, m x k and n x k as the rows of y stand. */
static int singular_values(const problem *p, double *s, double *u, double *v)
{
    const intptr_t m = p->m, n = p->n, k = p->k;
    char *operands[] = {(char *)p->a, (char *)u, (char *)s, (char *)v};
    return call(AD_LAPACK_SVD, operands, (intptr_t[]){p->count, m, n, k},
                (intptr_t[]){p->to_a, p->to_y, p->to_y, p->to_y, n * ITEM, ITEM, k * ITEM, ITEM, ITEM, ITEM, k * ITEM});
}

static int svd(const problem *p) { return singular_values(p, p->y, p->y + p->k, p->y + p->k + p->m * p->k); }

/* ------------------------------------------------------------------------------------------------- one matrix at a time */
/* q, m x k, and below it the transpose of r, n x k. */
static int qr(const problem *p)
{
    const intptr_t m = p->m, n = p->n, k = p->k;
    double *raw = p->scratch, *factors = raw + m * n, *turned = p->y + m * k;
    memcpy(raw, p->a, (size_t)(m * n) * ITEM);
    char *whole[] = {(char *)raw, (char *)factors}, *parts[] = {(char *)raw, (char *)factors, (char *)p->y};
    int status = call(AD_LAPACK_QR_RAW, whole, (intptr_t[]){1, m, n, k}, (intptr_t[]){0, 0, n * ITEM, ITEM, ITEM});
    if (status == AD_OK)
        status = call(AD_LAPACK_QR_Q, parts, (intptr_t[]){1, m, n, k}, (intptr_t[]){0, 0, 0, n * ITEM, ITEM, ITEM, k * ITEM, ITEM});
    for (intptr_t j = 0; j < n; j++)
        for (intptr_t i = 0; i < k; i++)
            turned[j * k + i] = i <= j ? raw[i * n + j] : 0;
    return status;
}

/* By substitution, from the last row on where op(a) is an upper triangle: half of the rows, less their product with what stands beside
 * them the other half.  `scratch` holds the rows of y that are known with the other sign. */
enum { ROWS = 8 };

static int is_forward(const problem *p) { return p->lower != p->adjoint; }

static int solve_rows(const problem *p, intptr_t first, intptr_t rows)
{
    const intptr_t k = p->columns, row = p->adjoint ? 1 : p->m, column = p->adjoint ? p->m : 1;
    for (intptr_t r = 0; r < rows; r++) {
        const intptr_t i = is_forward(p) ? first + r : first + rows - 1 - r;
        const intptr_t from = is_forward(p) ? first : i + 1, to = is_forward(p) ? i : first + rows;
        const double *of = p->a + i * row, pivot = of[i * column];
        double *restrict y = p->y + i * k, *restrict known = p->scratch + i * k;
        if (pivot == 0)
            return AD_NO_DECOMPOSITION;
        for (intptr_t j = from; j < to; j++)
            for (intptr_t c = 0; c < k; c++)
                y[c] += of[j * column] * p->scratch[j * k + c];
        for (intptr_t c = 0; c < k; c++) {
            y[c] /= pivot;
            known[c] = -y[c];
        }
    }
    return AD_OK;
}

static int solve_triangle(const problem *p, intptr_t first, intptr_t rows)
{
    if (rows <= ROWS)
        return solve_rows(p, first, rows);
    const intptr_t k = p->columns, row = p->adjoint ? 1 : p->m, column = p->adjoint ? p->m : 1, half = rows / 2;
    const intptr_t rest = rows - half, lead = is_forward(p) ? first : first + rest, then = is_forward(p) ? first + half : first;
    int status = solve_triangle(p, lead, half);
    if (status == AD_OK)
        status = ad_products_here()->multiply[AD_F64](rest, k, half, (ad_matrix){p->a + then * row + lead * column, row, column},
                                                      (ad_matrix){p->scratch + lead * k, k, 1}, p->y + then * k, 0);
    return status == AD_OK ? solve_triangle(p, then, rest) : status;
}

static int triangular_solve(const problem *p)
{
    memcpy(p->y, p->b, (size_t)(p->m * p->columns) * ITEM);
    return solve_triangle(p, 0, p->m);
}

/* c = a b, where a is m x n and b n x k; a transpose of what stands in memory where its row is 1. */
static int product(intptr_t m, intptr_t k, intptr_t n, ad_matrix a, ad_matrix b, double *c)
{
    return ad_products_here()->multiply[AD_F64](m, k, n, a, b, c, 1);
}

/* v diag(1 / s) u^T of those singular values that are larger than b times the largest. */
static int pinv(const problem *p)
{
    const intptr_t m = p->m, n = p->n, k = p->k;
    double *s = p->scratch, *u = s + k, *v = u + m * k;
    const int status = singular_values(p, s, u, v);
    if (status != AD_OK)
        return status;
    const double limit = *p->b * s[0];
    for (intptr_t j = 0; j < k; j++)
        for (intptr_t i = 0; i < n; i++)
            v[i * k + j] = s[j] > limit ? v[i * k + j] / s[j] : 0;
    return product(n, m, k, (ad_matrix){v, k, 1}, (ad_matrix){u, 1, k}, p->y);
}

/* ------------------------------------------------------------------------------------------------- slopes of the determinant */
/* y[j] = product of all s but s[j], without division. */
static void products_but_one(intptr_t n, const double *s, double *y)
{
    double before = 1, after = 1;
    for (intptr_t j = 0; j < n; j++, before *= s[j - 1])
        y[j] = before;
    for (intptr_t j = n; j-- > 0; after *= s[j])
        y[j] *= after;
}

static int no_number(const problem *p)
{
    for (intptr_t i = 0; i < p->m * p->m; i++)
        p->y[i] = NAN;
    return AD_OK;
}

/* The singular values and vectors at `to`, and det(u) det(v). */
static int signed_values(const problem *p, double *to, double *sign)
{
    const intptr_t n = p->n;
    const problem u = {.m = n, .count = 1, .a = to + n}, v = {.m = n, .count = 1, .a = to + n + n * n};
    double of_u, of_v;
    int status = singular_values(p, to, to + n, to + n + n * n);
    if (status == AD_OK)
        status = determinants(&u, &of_u, 0);
    if (status == AD_OK)
        status = determinants(&v, &of_v, 0);
    *sign = status == AD_OK ? copysign(1, of_u * of_v) : NAN;
    return status;
}

/* By the inverse where there is one; by singular values where the determinant has left the format, as where it is 0. */
static int cofactors(const problem *p)
{
    const intptr_t n = p->n;
    double *s = p->scratch, *u = s + n, *v = u + n * n, *others = v + n * n, whole, sign;
    if (are_few(n, p->a)) {
        few_cofactors(n, p->a, p->y);
        return AD_OK;
    }
    int status = determinants(p, &whole, 0);
    if (status != AD_OK)
        return status;
    if (isfinite(whole) && fabs(whole) >= DBL_MIN) {
        const problem turned = {.m = n, .count = 1, .a = p->a, .y = u};
        status = inv(&turned);
        for (intptr_t i = 0; i < n * n; i++)
            p->y[i] = u[i % n * n + i / n] * whole;
        return status;
    }
    if (!all_finite(n * n, p->a))
        return no_number(p);
    status = signed_values(p, s, &sign);
    if (status != AD_OK)
        return status;
    products_but_one(n, s, others);
    for (intptr_t i = 0; i < n; i++)
        for (intptr_t j = 0; j < n; j++)
            u[i * n + j] *= sign * others[j];
    return product(n, n, n, (ad_matrix){u, n, 1}, (ad_matrix){v, 1, n}, p->y);
}

/* Of u diag(s) v^T the cofactors are det(u) det(v) u cof(s) v^T, and those of diag(s) bend by products of all but two. */
static int cofactor_slope(const problem *p)
{
    const intptr_t n = p->n;
    double *s = p->scratch, *u = s + n, *v = u + n * n, *others = v + n * n, *e = others + n, *inner = e + n * n, *half = inner + n * n, sign;
    if (!all_finite(n * n, p->a) || !all_finite(n * n, p->b))
        return no_number(p);
    if (are_few(n, p->a) && are_few(n, p->b)) {
        few_cofactor_slopes(n, p->a, p->b, p->y);
        return AD_OK;
    }
    int status = signed_values(p, s, &sign);
    if (status == AD_OK)
        status = product(n, n, n, (ad_matrix){u, 1, n}, (ad_matrix){p->b, n, 1}, half);
    if (status == AD_OK)
        status = product(n, n, n, (ad_matrix){half, n, 1}, (ad_matrix){v, n, 1}, e);
    if (status != AD_OK)
        return status;
    for (intptr_t i = 0; i < n; i++) {
        const double own = s[i];
        double diagonal = 0;
        s[i] = 1;
        products_but_one(n, s, others);                     /* of all but i and j */
        s[i] = own;
        for (intptr_t j = 0; j < n; j++) {
            diagonal += i == j ? 0 : others[j] * e[j * n + j];
            inner[i * n + j] = i == j ? 0 : -others[j] * e[j * n + i];
        }
        inner[i * n + i] = diagonal;
    }
    for (intptr_t i = 0; i < n * n; i++)
        inner[i] *= sign;
    status = product(n, n, n, (ad_matrix){u, n, 1}, (ad_matrix){inner, n, 1}, half);
    return status == AD_OK ? product(n, n, n, (ad_matrix){half, n, 1}, (ad_matrix){v, 1, n}, p->y) : status;
}

/* ------------------------------------------------------------------------------------------------- batches of them */
enum shape { A_NUMBER, LIKE_A, A_TURNED, LIKE_B, VALUES_AND_VECTORS, SINGULAR, ORTHOGONAL };
typedef struct {
    int (*some)(const problem *);
    enum shape gives;
    int one;                                                /* does it take but one at a time? */
    int triangle;                                           /* does it look at one alone? */
    int square, inner;                                      /* must a be?  dimensions of b that are no batch */
    intptr_t (*room)(const problem *);                      /* numbers of scratch; NULL: none */
} recipe;

static intptr_t room_of_qr(const problem *p) { return p->m * p->n + p->k; }
static intptr_t room_of_pinv(const problem *p) { return p->k * (1 + p->m + p->n); }
static intptr_t room_of_slopes(const problem *p) { return p->n * (2 + 5 * p->n); }
static intptr_t room_of_triangular(const problem *p) { return p->m * p->columns; }

static int result_shape(const recipe *r, const problem *p, int64_t *rows, int64_t *columns)
{
    const int64_t of[][2] = {[LIKE_A] = {p->m, p->n}, [A_TURNED] = {p->n, p->m}, [LIKE_B] = {p->m, p->columns},
                             [VALUES_AND_VECTORS] = {p->m + 1, p->m}, [SINGULAR] = {1 + p->m + p->n, p->k}, [ORTHOGONAL] = {p->m + p->n, p->k}};
    if (r->gives == A_NUMBER)
        return 0;
    *rows = of[r->gives][0];
    *columns = of[r->gives][1];
    return 2;
}

static int pose(const recipe *r, const ad_array *const *in, int n, const int64_t *attr, problem *p, batches *s)
{
    const ad_array *a = in[0], *b = in[n - 1];
    const int inner = n == 2 ? r->inner : 2;
    if (a->ndim < 2 || b->ndim < inner)
        return AD_BAD_SHAPE;
    *p = (problem){.m = a->shape[a->ndim - 2], .n = a->shape[a->ndim - 1], .columns = inner ? b->shape[b->ndim - 1] : 0, .count = 1};
    p->k = p->m < p->n ? p->m : p->n;
    if (r->gives == LIKE_B) {                               /* attributes: adjoint; of triangles lower and adjoint */
        p->lower = attr[0] != 0;
        p->adjoint = attr[r->triangle] != 0;
    }
    if ((r->square && p->m != p->n) || (n == 2 && inner == 2 && b->shape[b->ndim - 2] != p->m))
        return AD_BAD_SHAPE;
    return batch_shape(s, a, 2, b, inner);
}

/* Elements from one matrix to the next, where they are as many all along a batch; -1 where they are not. */
static int64_t even_step(const batches *s, int which)
{
    const int64_t *stride = s->stride[which];
    for (int i = 0; i + 1 < s->ndim; i++)
        if (stride[i] != stride[i + 1] * s->shape[i + 1])
            return -1;
    return s->ndim ? stride[s->ndim - 1] : 0;
}

static int all_of(const recipe *r, problem *p, batches *s, const ad_array *const *in, int n, ad_array *y)
{
    const int64_t a = even_step(s, 0), b = even_step(s, 1), to = even_step(s, 2);
    int64_t times = s->count;
    int status = AD_OK;
    if (!r->one && a >= 0 && b >= 0 && to >= 0) {
        p->count = s->count;
        p->to_a = a * ITEM;
        p->to_b = b * ITEM;
        p->to_y = to * ITEM;
        times = 1;
    }
    for (int64_t i = 0; i < times && y->size && status == AD_OK; i++, next_batch(s)) {
        p->a = element(in[0], s->at[0]);
        p->b = element(in[n - 1], s->at[1]);
        p->y = (double *)element(y, s->at[2]);
        status = r->some(p);
    }
    return status;
}

/* Of `in`, all float64. */
static int in_place(const recipe *r, const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    problem p;
    batches s;
    int64_t shape[AD_MAX_RANK + 2];
    int status = pose(r, in, n, attr, &p, &s);
    if (status != AD_OK)
        return status;
    memcpy(shape, s.shape, (size_t)s.ndim * sizeof *shape);
    const int inner = result_shape(r, &p, &shape[s.ndim], &shape[s.ndim + 1]);
    if (s.ndim + inner > AD_MAX_RANK)
        return AD_BAD_RANK;
    ad_array *y = ad_array_new(AD_F64, s.ndim + inner, shape);
    if (y == NULL)
        return AD_NO_MEMORY;
    batch_strides(&s, 2, y, inner);
    p.scratch = r->room ? malloc(((size_t)r->room(&p) + 1) * ITEM) : NULL;
    status = r->room && p.scratch == NULL ? AD_NO_MEMORY : all_of(r, &p, &s, in, n, y);
    free(p.scratch);
    if (status == AD_OK)
        *out = y;
    else
        ad_array_release(y);
    return status;
}

static int in_doubles(const recipe *r, const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    const int64_t wide = AD_F64, narrow = AD_F32;
    ad_array *copies[2] = {NULL, NULL}, *y = NULL;
    int status = AD_OK;
    for (int k = 0; k < n && status == AD_OK; k++)
        status = ad_cast_forward(&in[k], 1, &wide, &copies[k]);
    if (status == AD_OK)
        status = in_place(r, (const ad_array *const *)copies, n, attr, &y);
    if (status == AD_OK)
        status = ad_cast_forward((const ad_array *const *)&y, 1, &narrow, out);
    for (int k = 0; k < n; k++)
        if (copies[k])
            ad_array_release(copies[k]);
    if (y)
        ad_array_release(y);
    return status;
}

static int of_matrices(const recipe *r, const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    const int dtype = in[0]->dtype;
    if (dtype > AD_F64 || in[n - 1]->dtype != dtype)
        return AD_BAD_DTYPE;
    return dtype == AD_F64 ? in_place(r, in, n, attr, out) : in_doubles(r, in, n, attr, out);
}

#define DEFINE(name, ...)                                                                                                       \
    int ad_##name##_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)                             \
    {                                                                                                                           \
        static const recipe how = {.some = name, __VA_ARGS__};                                                                  \
        return of_matrices(&how, in, n, attr, out);                                                                             \
    }
DEFINE(solve, .gives = LIKE_B, .square = 1, .inner = 2)
DEFINE(triangular_solve, .gives = LIKE_B, .one = 1, .triangle = 1, .square = 1, .inner = 2, .room = room_of_triangular)
DEFINE(inv, .gives = LIKE_A, .square = 1)
DEFINE(det, .gives = A_NUMBER, .square = 1)
DEFINE(logabsdet, .gives = A_NUMBER, .square = 1)
DEFINE(sign_of_det, .gives = A_NUMBER, .square = 1)
DEFINE(cofactors, .gives = LIKE_A, .one = 1, .square = 1, .room = room_of_slopes)
DEFINE(cofactor_slope, .gives = LIKE_A, .one = 1, .square = 1, .inner = 2, .room = room_of_slopes)
DEFINE(cholesky, .gives = LIKE_A, .square = 1)
DEFINE(eigh, .gives = VALUES_AND_VECTORS, .square = 1)
DEFINE(svd, .gives = SINGULAR)
DEFINE(qr, .gives = ORTHOGONAL, .one = 1, .room = room_of_qr)
DEFINE(pinv, .gives = A_TURNED, .one = 1, .room = room_of_pinv)
