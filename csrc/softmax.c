/* softmax, log_softmax and the cross entropy of softmax along one axis. */
#include "places.h"
#include "rows.h"
#include "strided.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------------- along an axis */
/* x with the axis moved last (back = 0), or such an array moved back (back = 1), into a new array of x's shape or that with the axis last. */
static ad_array *moved(const ad_array *x, const ad_array *like, int axis, int back)
{
    const int64_t outer = ad_product(like->shape, axis), n = like->shape[axis];
    const int64_t inner = ad_product(like->shape + axis + 1, like->ndim - axis - 1);
    const int64_t shape[3] = {outer, back ? n : inner, back ? inner : n}, stride[3] = {n * inner, 1, back ? n : inner};
    ad_array *y = ad_array_new(x->dtype, like->ndim, like->shape);
    if (y)
        ad_gather_strided(y, 1, x, 3, shape, stride, 0);
    return y;
}

/* Rows, shared out over threads. */
typedef struct {
    const ad_array *g, *x;                                  /* x: what the function reads; of a vjp, y */
    ad_array *to;
    int64_t n;
    int logarithm;
} rows;

static char *row_at(const ad_array *a, int64_t row, int64_t n) { return (char *)a->data + (size_t)(row * n) * ad_itemsize(a->dtype); }

static void some_forward(void *arg, int64_t from, int64_t to)
{
    const rows *r = arg;
    const ad_row_functions *f = ad_rows(r->x->dtype);
    (r->logarithm ? f->log_softmax : f->softmax)(to - from, r->n, row_at(r->x, from, r->n), row_at(r->to, from, r->n));
}

static void some_vjp(void *arg, int64_t from, int64_t to)
{
    const rows *r = arg;
    const ad_row_functions *f = ad_rows(r->x->dtype);
    (r->logarithm ? f->log_softmax_vjp : f->softmax_vjp)(to - from, r->n, row_at(r->g, from, r->n), row_at(r->x, from, r->n),
                                                         row_at(r->to, from, r->n));
}

static void forward_rows(const ad_array *x, ad_array *y, int64_t n, int logarithm)
{
    rows r = {NULL, x, y, n, logarithm};
    ad_share_out(some_forward, &r, x->size / (n ? n : 1), 1, AD_COST_OF_EXP * x->size);
}

static void vjp_rows(const ad_array *g, const ad_array *y, ad_array *acc, int64_t n, int logarithm)
{
    rows r = {g, y, acc, n, logarithm};
    ad_share_out(some_vjp, &r, y->size / (n ? n : 1), 1, AD_COST_OF_EXP * y->size);
}

static int is_last(const ad_array *x, int64_t axis) { return ad_product(x->shape + axis + 1, (int)(x->ndim - axis - 1)) == 1; }

static void release_if(ad_array *a)
{
    if (a)
        ad_array_release(a);
}

static int forward(const ad_array *x, int64_t axis, int logarithm, ad_array **out)
{
    if (axis < 0 || axis >= x->ndim)
        return AD_BAD_SHAPE;
    if (!ad_is_float(x))
        return AD_BAD_DTYPE;
    const int64_t n = x->shape[axis];
    if (x->size == 0 || is_last(x, axis)) {
        *out = ad_array_new(x->dtype, x->ndim, x->shape);
        if (*out)
            forward_rows(x, *out, n, logarithm);
        return *out ? AD_OK : AD_NO_MEMORY;
    }
    ad_array *rows = moved(x, x, (int)axis, 0);
    if (rows)
        forward_rows(rows, rows, n, logarithm);
    *out = rows ? moved(rows, x, (int)axis, 1) : NULL;
    release_if(rows);
    return *out ? AD_OK : AD_NO_MEMORY;
}

static int vjp(const ad_array *g, const ad_array *y, int64_t axis, int logarithm, ad_array *acc, int fresh)
{
    const int64_t n = y->shape[axis], one = 1;
    const int last = y->size == 0 || is_last(y, axis);
    if (last && fresh) {
        vjp_rows(g, y, acc, n, logarithm);
        return AD_OK;
    }
    ad_array *g_rows = last ? NULL : moved(g, y, (int)axis, 0), *y_rows = last ? NULL : moved(y, y, (int)axis, 0);
    ad_array *rows = ad_array_new(y->dtype, y->ndim, y->shape), *share = NULL;
    if (rows && (last || (g_rows && y_rows))) {
        vjp_rows(last ? g : g_rows, last ? y : y_rows, rows, n, logarithm);
        share = last ? ad_array_hold(rows) : moved(rows, y, (int)axis, 1);
    }
    if (share)
        ad_gather_strided(acc, fresh, share, 1, &acc->size, &one, 0);
    const int status = share ? AD_OK : AD_NO_MEMORY;
    release_if(share), release_if(rows), release_if(g_rows), release_if(y_rows);
    return status;
}

int ad_softmax_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    return forward(in[0], attr[0], 0, out);
}

int ad_log_softmax_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    return forward(in[0], attr[0], 1, out);
}

int ad_softmax_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)in, (void)n;
    return vjp(g, y, attr[0], 0, acc, fresh);
}

int ad_log_softmax_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)in, (void)n;
    return vjp(g, y, attr[0], 1, acc, fresh);
}

/* ------------------------------------------------------------------------------------------------- cross entropy */
typedef struct {
    const ad_array *z, *x, *g;                              /* labels, logits; the cotangent, a number to a row */
    const int64_t *at;                                      /* or which label of each row is 1, the others being 0 */
    ad_array *y, *acc;                                      /* values and shares of x, or NULL */
    int64_t n;
} entropies;

static void some_entropies(void *arg, int64_t from, int64_t to)
{
    const entropies *e = arg;
    ad_rows(e->x->dtype)->cross_entropy(to - from, e->n, e->at ? NULL : row_at(e->z, from, e->n), e->at ? e->at + from : NULL, row_at(e->x, from, e->n),
                                        e->acc ? row_at(e->g, from, 1) : NULL, e->y ? row_at(e->y, from, 1) : NULL,
                                        e->acc ? row_at(e->acc, from, e->n) : NULL);
}

static void run_entropies(entropies *e) { ad_share_out(some_entropies, e, e->x->size / e->n, 1, AD_COST_OF_EXP * e->x->size); }

/* Of labels in[0] and logits in[1] along the axis. */
static int cross_entropies(const ad_array *const *in, const ad_array *g, int64_t axis, ad_array *y, ad_array *acc, int fresh)
{
    const ad_array *x = in[1];
    const int last = is_last(x, axis);
    const int64_t one = 1;
    if (x->size == 0) {
        if (y)
            memset(y->data, 0, ad_array_bytes(y));
        return AD_OK;
    }
    ad_array *z_rows = last ? NULL : moved(in[0], x, (int)axis, 0), *x_rows = last ? NULL : moved(x, x, (int)axis, 0), *share = NULL;
    ad_array *rows = !acc || (last && fresh) ? acc : ad_array_new(x->dtype, x->ndim, x->shape);
    const int ready = (last || (z_rows && x_rows)) && (rows || !acc);
    if (ready) {
        entropies e = {last ? in[0] : z_rows, last ? x : x_rows, g, NULL, y, rows, x->shape[axis]};
        run_entropies(&e);
    }
    if (ready && rows != acc)
        share = last ? ad_array_hold(rows) : moved(rows, x, (int)axis, 1);
    if (share)
        ad_gather_strided(acc, fresh, share, 1, &acc->size, &one, 0);
    const int status = ready && (share || rows == acc) ? AD_OK : AD_NO_MEMORY;
    release_if(share), release_if(z_rows), release_if(x_rows), release_if(rows == acc ? NULL : rows);
    return status;
}

/* y = the sum along an axis of -z log_softmax(x), labels z and logits x. */
int ad_softmax_cross_entropy_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    const ad_array *x = in[1];
    uint8_t reduced[AD_MAX_RANK] = {0};
    (void)n;
    if (attr[0] < 0 || attr[0] >= x->ndim || !ad_same_shape(in[0], x->ndim, x->shape))
        return AD_BAD_SHAPE;
    if (!ad_is_float(x) || in[0]->dtype != x->dtype)
        return AD_BAD_DTYPE;
    reduced[attr[0]] = 1;
    int status = ad_new_reduced(x, x->dtype, reduced, 0, out);
    if (status == AD_OK)
        status = cross_entropies(in, NULL, attr[0], *out, NULL, 1);
    if (status != AD_OK && *out)
        ad_array_release(*out);
    return status;
}

/* to = -a b; 0 where either is 0, whatever the other is. */
static void minus_product(const ad_array *a, const ad_array *b, ad_array *to)
{
    AD_BY_FLOAT(to->dtype,
        const T *x = a->data, *y = b->data;
        T *out = to->data;
        _Pragma("GCC ivdep")
        for (int64_t i = 0; i < to->size; i++)
            out[i] = (x[i] == 0) | (y[i] == 0) ? 0 : -(x[i] * y[i]);)
}

/* Of z: -g log_softmax(x). */
static int share_of_labels(const ad_array *g, const ad_array *x, int64_t axis, ad_array *acc, int fresh)
{
    const int64_t one = 1;
    uint8_t reduced[AD_MAX_RANK] = {0};
    ad_array *logarithms = NULL, *share = ad_array_new(x->dtype, x->ndim, x->shape);
    const int status = share ? forward(x, axis, 1, &logarithms) : AD_NO_MEMORY;
    if (status == AD_OK) {
        reduced[axis] = 1;
        ad_spread_sum(share, 1, g, x->ndim, x->shape, reduced);
        minus_product(share, logarithms, share);
        ad_gather_strided(acc, fresh, share, 1, &acc->size, &one, 0);
    }
    release_if(share), release_if(logarithms);
    return status;
}

int ad_softmax_cross_entropy_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr,
                                 ad_array *acc, int fresh)
{
    (void)n, (void)y;
    return k == 0 ? share_of_labels(g, in[1], attr[0], acc, fresh) : cross_entropies(in, g, attr[0], NULL, acc, fresh);
}

int ad_softmax_cross_entropy_twin(const ad_array *g, const ad_array *const *in, const int64_t *attr, ad_array *y, ad_array *acc)
{
    return cross_entropies(in, g, attr[0], y, acc, 1);
}

/* ------------------------------------------------------------------------------------------------- with one label to a row */
/* Of labels in[0] and logits in[1] along the last axis. */
static int sparse_entropies(const ad_array *const *in, const ad_array *g, ad_array *y, ad_array *acc, int fresh)
{
    const ad_array *x = in[1];
    const int64_t one = 1, axis = x->ndim - 1;
    ad_places labels;
    int status = ad_axis_places(&labels, in[0], x->ndim, x->shape, axis, axis);
    if (status != AD_OK)
        return status;
    ad_array *share = !acc || fresh ? acc : ad_array_new(x->dtype, x->ndim, x->shape);
    if (acc && share == NULL)
        status = AD_NO_MEMORY;
    if (status == AD_OK && x->size > 0) {
        entropies e = {NULL, x, g, labels.at, y, share, x->shape[axis]};
        run_entropies(&e);
    }
    if (status == AD_OK && share != acc)
        ad_gather_strided(acc, 0, share, 1, &acc->size, &one, 0);
    release_if(share == acc ? NULL : share);
    ad_release_places(&labels);
    return status;
}

int ad_sparse_softmax_cross_entropy_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    const ad_array *x = in[1];
    uint8_t reduced[AD_MAX_RANK] = {0};
    (void)n;
    if (x->ndim == 0 || attr[0] != x->ndim - 1 || in[0]->ndim != x->ndim - 1)
        return AD_BAD_SHAPE;
    if (!ad_is_float(x))
        return AD_BAD_DTYPE;
    reduced[attr[0]] = 1;
    int status = ad_new_reduced(x, x->dtype, reduced, 0, out);
    if (status == AD_OK)
        status = sparse_entropies(in, NULL, *out, NULL, 1);
    if (status != AD_OK && *out)
        ad_array_release(*out);
    return status;
}

int ad_sparse_softmax_cross_entropy_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr,
                                        ad_array *acc, int fresh)
{
    (void)k, (void)n, (void)y, (void)attr;
    return sparse_entropies(in, g, NULL, acc, fresh);
}

int ad_sparse_softmax_cross_entropy_twin(const ad_array *g, const ad_array *const *in, const int64_t *attr, ad_array *y, ad_array *acc)
{
    (void)attr;
    return sparse_entropies(in, g, y, acc, 1);
}
