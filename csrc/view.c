/* view and unview: reading and adding in strides. */
#include "rows.h"
#include "strided.h"

#include "generated/opcodes.h"

/* Do all elements of the strided pattern lie within 0 .. size-1? */
static int within(int64_t size, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset)
{
    int64_t low = offset, high = offset, reach;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] == 0)
            return 1;
        if (__builtin_mul_overflow(shape[i] - 1, stride[i], &reach) ||
            (reach < 0 ? __builtin_add_overflow(low, reach, &low) : __builtin_add_overflow(high, reach, &high)))
            return 0;
    }
    return low >= 0 && high < size;
}

/* A run over rows that lie `step` apart, with neighbours in memory another dimension away: a transpose.  Taken in squares, each line
 * of memory is read once while it is in the cache, where run by run it would be fetched for every element. */
enum { SQUARE = 32, WORTH_IT = 8 };

static int neighbours(const ad_walk *w)
{
    if (w->step == 1 || w->step == 0 || w->length < WORTH_IT)
        return -1;
    for (int i = 0; i < w->ndim; i++)
        if (w->stride[i] == 1 && w->shape[i] >= WORTH_IT)
            return i;
    return -1;
}

/* (Two by two: half as many words are read and written.) */
#define TRANSPOSE(assign)                                                                               \
    typedef T pair __attribute__((vector_size(2 * sizeof(T)), aligned(sizeof(T)), may_alias));          \
    for (int64_t r = 0; r < rows; r += SQUARE)                                                          \
        for (int64_t c = 0; c < n; c += SQUARE) {                                                       \
            const int64_t below = rows < r + SQUARE ? rows : r + SQUARE, end = n < c + SQUARE ? n : c + SQUARE; \
            int64_t i = r, j;                                                                           \
            for (; i + 2 <= below; i += 2) {                                                            \
                T *first = to + i * apart, *second = first + apart;                                     \
                const T *at = from + i;                                                                 \
                for (j = c; j + 2 <= end; j += 2) {                                                     \
                    const pair a = *(const pair *)(at + j * step), b = *(const pair *)(at + (j + 1) * step);    \
                    *(pair *)(first + j) assign (pair){a[0], b[0]};                                     \
                    *(pair *)(second + j) assign (pair){a[1], b[1]};                                    \
                }                                                                                       \
                for (; j < end; j++) {                                                                  \
                    first[j] assign at[j * step];                                                       \
                    second[j] assign at[j * step + 1];                                                  \
                }                                                                                       \
            }                                                                                           \
            for (; i < below; i++)                                                                      \
                for (j = c; j < end; j++)                                                               \
                    to[i * apart + j] assign from[i + j * step];                                        \
        }

/* Dimension `near` of the walk is the one of neighbours; the others are gone through here. */
static void gather_transposed(ad_array *acc, int fresh, const ad_array *x, ad_walk *w, int near)
{
    const int64_t rows = w->shape[near], n = w->length, step = w->step;
    int64_t out[AD_MAX_RANK], at = 0, size = n;
    for (int i = w->ndim - 1; i >= 0; size *= w->shape[i--])
        out[i] = size;
    const int64_t apart = out[near];
    for (int more = 1; more;) {
        if (fresh)
            AD_BY_SIZE(acc->dtype, T *to = (T *)acc->data + at; const T *from = (const T *)x->data + w->at; TRANSPOSE(=))
        else
            AD_BY_NUMBER(acc->dtype, T *to = (T *)acc->data + at; const T *from = (const T *)x->data + w->at; TRANSPOSE(+=))
        more = 0;
        for (int i = w->ndim - 1; i >= 0 && !more; i--) {
            if (i == near)
                continue;
            w->at += w->stride[i];
            at += out[i];
            more = ++w->index[i] < w->shape[i];
            if (!more) {
                w->at -= w->stride[i] * w->shape[i];
                at -= out[i] * w->shape[i];
                w->index[i] = 0;
            }
        }
    }
}

/* Neighbours apart from the rest: only they can go into vectors. */
#define ADD_RUN(to, to_step, from, from_step)                          \
    do {                                                               \
        T *restrict t_ = (to);                                         \
        const T *restrict f_ = (from);                                 \
        if ((to_step) == 1 && (from_step) == 1)                        \
            for (int64_t i_ = 0; i_ < n; i_++)                         \
                t_[i_] += f_[i_];                                      \
        else                                                           \
            for (int64_t i_ = 0; i_ < n; i_++)                         \
                t_[i_ * (to_step)] += f_[i_ * (from_step)];            \
    } while (0)

static void add_runs(ad_array *acc, const ad_array *x, ad_walk *w)
{
    const int64_t n = w->length, step = w->step;
    AD_BY_NUMBER(acc->dtype,
        T *to = acc->data;
        do {
            const T *from = (const T *)x->data + w->at;
            ADD_RUN(to, 1, from, step);
            to += n;
        } while (ad_next_run(w));)
}

static void copy_runs(ad_array *y, const ad_array *x, ad_walk *w)
{
    const int64_t n = w->length, step = w->step;
    AD_BY_SIZE(y->dtype,
        T *to = y->data;
        do {
            const T *from = (const T *)x->data + w->at;
            if (step == 1)
                memcpy(to, from, (size_t)n * sizeof(T));
            else if (step == 0)
                for (int64_t i = 0; i < n; i++)
                    to[i] = from[0];
            else
                for (int64_t i = 0; i < n; i++)
                    to[i] = from[i * step];
            to += n;
        } while (ad_next_run(w));)
}

void ad_gather_strided(ad_array *acc, int fresh, const ad_array *x, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset)
{
    static const int64_t still[AD_MAX_RANK];
    ad_walk w;
    if (acc->size == 0)
        return;
    ad_walk_over(&w, ndim, shape, x->uniform ? still : stride, x->uniform ? 0 : offset);
    const int near = neighbours(&w);
    if (near >= 0)
        gather_transposed(acc, fresh, x, &w, near);
    else if (fresh)
        copy_runs(acc, x, &w);
    else
        add_runs(acc, x, &w);
}

/* Repeated elements (stride 0) are summed first, by the accurate sum. */
static int sum_repeats(const ad_array *x, ad_tuple shape, const int64_t *stride, int *ndim, int64_t *kept, int64_t *kept_stride, ad_array **sum)
{
    uint8_t reduced[AD_MAX_RANK];
    *ndim = 0;
    for (int i = 0; i < shape.n; i++) {
        reduced[i] = stride[i] == 0 && shape.item[i] != 1;
        if (!reduced[i]) {
            kept[*ndim] = shape.item[i];
            kept_stride[(*ndim)++] = stride[i];
        }
    }
    *sum = NULL;
    if (*ndim == shape.n)
        return AD_OK;
    *sum = ad_array_new(x->dtype, *ndim, kept);
    return *sum ? ad_sum_into(*sum, 1, x, shape.n, shape.item, reduced) : AD_NO_MEMORY;
}

int ad_scatter_strided(ad_array *y, const ad_array *x, ad_tuple shape, const int64_t *stride, int64_t offset)
{
    int64_t kept[AD_MAX_RANK], kept_stride[AD_MAX_RANK];
    int ndim;
    ad_array *sum;
    if (ad_product(shape.item, shape.n) == 0)
        return AD_OK;
    const int status = sum_repeats(x, shape, stride, &ndim, kept, kept_stride, &sum);
    if (status == AD_OK) {
        ad_walk w;
        ad_walk_over(&w, ndim, kept, kept_stride, offset);
        const ad_array *source = sum ? sum : x;
        const int64_t n = w.length, step = w.step, move = source->uniform ? 0 : 1;
        AD_BY_NUMBER(y->dtype,
            const T *from = source->data;
            do {
                ADD_RUN((T *)y->data + w.at, step, from, move);
                from += n * move;
            } while (ad_next_run(&w));)
    }
    if (sum)
        ad_array_release(sum);
    return status;
}

/* Neighbours in memory need no copy, if they are worth holding the whole array for. */
static int is_piece(const ad_array *x, ad_tuple shape, const int64_t *stride)
{
    enum { WORTH_HOLDING = 32 };
    int64_t step = 1;
    for (int i = shape.n - 1; i >= 0; step *= shape.item[i--])
        if (shape.item[i] != 1 && stride[i] != step)
            return 0;
    return step >= WORTH_HOLDING && x->ndim > 0 && !x->uniform;
}

int ad_holds_operand(int op, const ad_array *x, const int64_t *attr)
{
    if (op != AD_OP_view)
        return op == AD_OP_reshape;
    const ad_tuple shape = ad_take_tuple(&attr), strides = ad_take_tuple(&attr);
    return is_piece(x, shape, strides.item);
}

int ad_view_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_tuple shape = ad_take_tuple(&attr), strides = ad_take_tuple(&attr);
    if (strides.n != shape.n)
        return AD_BAD_SHAPE;
    const size_t bytes = ad_itemsize(in[0]->dtype) * (size_t)attr[0];
    const int inside = within(in[0]->size, shape.n, shape.item, strides.item, attr[0]);
    const int holds = inside && is_piece(in[0], shape, strides.item);
    ad_array *y = holds ? ad_array_view((ad_array *)in[0], shape.n, shape.item, bytes) : ad_array_new(in[0]->dtype, shape.n, shape.item);
    if (y == NULL)
        return AD_NO_MEMORY;
    if (!inside) {
        ad_array_release(y);
        return AD_BAD_INDEX;
    }
    *out = y;
    if (!holds)
        ad_gather_strided(y, 1, in[0], shape.n, shape.item, strides.item, attr[0]);
    return AD_OK;
}

void ad_view_into(const ad_array *x, const int64_t *attr, ad_array *y)
{
    const ad_tuple shape = ad_take_tuple(&attr), strides = ad_take_tuple(&attr);
    ad_gather_strided(y, 1, x, shape.n, shape.item, strides.item, attr[0]);
}

/* Do the runs of the walk lie one behind the other, none within another? */
static int in_order(const ad_walk *w)
{
    int64_t reach = w->length;
    if (w->step != 1)
        return 0;
    for (int i = w->ndim - 1; i >= 0; reach += w->stride[i] * (w->shape[i] - 1), i--)
        if (w->stride[i] < reach)
            return 0;
    return 1;
}

/* y = zeros with x added to runs of them that lie in order, in one go: 0 + x, which is not x where that is -0. */
static void place_runs(ad_array *y, const ad_array *x, ad_walk *w)
{
    enum { SHORT = 8 };
    const size_t item = ad_itemsize(y->dtype);
    const int64_t n = w->length;
    const char *from = x->data;
    int64_t done = 0;
    do {
        char *to = (char *)y->data + (size_t)w->at * item;
        memset((char *)y->data + (size_t)done * item, 0, (size_t)(w->at - done) * item);
        if (ad_is_float(y) && n > SHORT)
            ad_rows(y->dtype)->add_up(n, NULL, 1, (const void *const[]){from}, to);
        else
            AD_BY_NUMBER(y->dtype, for (int64_t i = 0; i < n; i++) ((T *)(void *)to)[i] = 0 + ((const T *)(const void *)from)[i];)
        from += (size_t)n * item;
        done = w->at + n;
    } while (ad_next_run(w));
    memset((char *)y->data + (size_t)done * item, 0, (size_t)(y->size - done) * item);
}

/* The same of any elements, to an array of which nothing is written yet. */
static int scatter_fresh(ad_array *y, const ad_array *x, ad_tuple shape, const int64_t *stride, int64_t offset)
{
    if (x->size && !x->uniform) {
        ad_walk w;
        ad_walk_over(&w, shape.n, shape.item, stride, offset);
        if (in_order(&w)) {
            place_runs(y, x, &w);
            return AD_OK;
        }
    }
    ad_zero(y);
    return ad_scatter_strided(y, x, shape, stride, offset);
}

/* A view that only puts dimensions in another order has an inverse of its kind, which need not add into zeros: its shape and strides,
 * and its rank; -1 where the view is another. */
static int inverse(const ad_array *x, ad_tuple shape, const int64_t *stride, int64_t offset, int64_t *in_shape, int64_t *in_stride)
{
    int n = 0;
    int64_t at[AD_MAX_RANK], step = 1;
    for (int i = shape.n - 1; i >= 0; step *= shape.item[i--]) {
        if (shape.item[i] == 1)
            continue;
        int j = n++;                                        /* sorted: the largest stride first */
        for (; j > 0 && at[j - 1] < stride[i]; j--) {
            at[j] = at[j - 1];
            in_shape[j] = in_shape[j - 1];
            in_stride[j] = in_stride[j - 1];
        }
        at[j] = stride[i];
        in_shape[j] = shape.item[i];
        in_stride[j] = step;
    }
    int64_t size = 1;
    for (int i = n - 1; i >= 0; size *= in_shape[i--])
        if (at[i] != size)
            return -1;
    return offset == 0 && size == x->size ? n : -1;
}

int ad_view_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)in, (void)n, (void)y;
    int64_t in_shape[AD_MAX_RANK], in_stride[AD_MAX_RANK];
    const ad_tuple shape = ad_take_tuple(&attr), strides = ad_take_tuple(&attr);
    const int ndim = inverse(acc, shape, strides.item, attr[0], in_shape, in_stride);
    if (ndim >= 0) {
        ad_gather_strided(acc, fresh, g, ndim, in_shape, in_stride, 0);
        return AD_OK;
    }
    return (fresh ? scatter_fresh : ad_scatter_strided)(acc, g, shape, strides.item, attr[0]);
}

int ad_unview_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_tuple shape = ad_take_tuple(&attr), strides = ad_take_tuple(&attr);
    const ad_array *x = in[0];
    if (strides.n != x->ndim)
        return AD_BAD_SHAPE;
    if (x->dtype == AD_BOOL)
        return AD_BAD_DTYPE;
    ad_array *y = ad_array_new(x->dtype, shape.n, shape.item);
    if (y == NULL)
        return AD_NO_MEMORY;
    int status = AD_BAD_INDEX;
    if (within(y->size, x->ndim, x->shape, strides.item, attr[0]))
        status = scatter_fresh(y, x, (ad_tuple){x->ndim, x->shape}, strides.item, attr[0]);
    if (status == AD_OK)
        *out = y;
    else
        ad_array_release(y);
    return status;
}

int ad_unview_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)n, (void)y;
    ad_take_tuple(&attr);
    const ad_tuple strides = ad_take_tuple(&attr);
    ad_gather_strided(acc, fresh, g, in[0]->ndim, in[0]->shape, strides.item, attr[0]);
    return AD_OK;
}
