/* Rows that move numbers in regular patterns: view, unview, reshape, cast, sum_to, concat. */
#include "strided.h"

/* ------------------------------------------------------------------------------------------------- view, unview */
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

void ad_gather_strided(ad_array *acc, int fresh, const ad_array *x, int ndim, const int64_t *shape, const int64_t *stride, int64_t offset)
{
    if (acc->size == 0)
        return;
    static const int64_t still[AD_MAX_RANK];
    ad_walk w;
    ad_walk_over(&w, ndim, shape, x->uniform ? still : stride, x->uniform ? 0 : offset);
    const int64_t n = w.length, step = w.step;
    if (!fresh) {
        AD_BY_NUMBER(acc->dtype,
            T *to = acc->data;
            do {
                const T *from = (const T *)x->data + w.at;
                for (int64_t i = 0; i < n; i++)
                    to[i] += from[i * step];
                to += n;
            } while (ad_next_run(&w));)
        return;
    }
    AD_BY_SIZE(acc->dtype,
        T *to = acc->data;
        do {
            const T *from = (const T *)x->data + w.at;
            if (step == 1)
                memcpy(to, from, (size_t)n * sizeof(T));
            else if (step == 0)
                for (int64_t i = 0; i < n; i++)
                    to[i] = from[0];
            else
                for (int64_t i = 0; i < n; i++)
                    to[i] = from[i * step];
            to += n;
        } while (ad_next_run(&w));)
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
                T *to = (T *)y->data + w.at;
                for (int64_t i = 0; i < n; i++)
                    to[i * step] += from[i * move];
                from += n * move;
            } while (ad_next_run(&w));)
    }
    if (sum)
        ad_array_release(sum);
    return status;
}

int ad_view_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_tuple shape = ad_take_tuple(&attr), strides = ad_take_tuple(&attr);
    if (strides.n != shape.n)
        return AD_BAD_SHAPE;
    ad_array *y = *out = ad_array_new(in[0]->dtype, shape.n, shape.item);
    if (y == NULL)
        return AD_NO_MEMORY;
    if (!within(in[0]->size, shape.n, shape.item, strides.item, attr[0])) {
        ad_array_release(y);
        *out = NULL;
        return AD_BAD_INDEX;
    }
    ad_gather_strided(y, 1, in[0], shape.n, shape.item, strides.item, attr[0]);
    return AD_OK;
}

int ad_view_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)in, (void)n, (void)y;
    const ad_tuple shape = ad_take_tuple(&attr), strides = ad_take_tuple(&attr);
    if (fresh)
        ad_zero(acc);
    return ad_scatter_strided(acc, g, shape, strides.item, attr[0]);
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
    ad_array *y = ad_zeros(x->dtype, shape.n, shape.item);
    if (y == NULL)
        return AD_NO_MEMORY;
    int status = AD_BAD_INDEX;
    if (within(y->size, x->ndim, x->shape, strides.item, attr[0]))
        status = ad_scatter_strided(y, x, (ad_tuple){x->ndim, x->shape}, strides.item, attr[0]);
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

/* ------------------------------------------------------------------------------------------------- reshape, cast */
int ad_reshape_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_tuple shape = ad_take_tuple(&attr);
    ad_array *x = (ad_array *)in[0];
    if (shape.n > AD_MAX_RANK || ad_product(shape.item, shape.n) != x->size)
        return AD_BAD_SHAPE;
    if (x->ndim) {
        *out = ad_array_view(x, shape.n, shape.item, 0);
        return *out ? AD_OK : AD_NO_MEMORY;
    }
    *out = ad_array_new(x->dtype, shape.n, shape.item);     /* rank 0 may stand on the caller's stack: it cannot be held */
    if (*out == NULL)
        return AD_NO_MEMORY;
    memcpy((*out)->data, x->data, ad_itemsize(x->dtype));
    return AD_OK;
}

int ad_reshape_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)in, (void)n, (void)y, (void)attr;
    const int64_t one = 1;
    ad_gather_strided(acc, fresh, g, 1, &acc->size, &one, 0);
    return AD_OK;
}

/* C leaves undefined what a float beyond an integer's range becomes, and NaN. */
static inline int32_t to_i32(double x) { return x >= 2147483647.0 ? INT32_MAX : x > -2147483648.0 ? (int32_t)x : x == x ? INT32_MIN : 0; }
static inline int64_t to_i64(double x) { return x >= 0x1p63 ? INT64_MAX : x > -0x1p63 ? (int64_t)x : x == x ? INT64_MIN : 0; }

#define CAST(T, value)                                                          \
    do {                                                                        \
        T *restrict to = y->data;                                               \
        for (int64_t i = 0; i < y->size; i++)                                   \
            to[i] = value;                                                      \
    } while (0)
#define CAST_FROM(S, i32, i64)                                                  \
    do {                                                                        \
        const S *restrict from = x->data;                                       \
        switch (y->dtype) {                                                     \
        case AD_F32: CAST(float, (float)from[i]); break;                        \
        case AD_F64: CAST(double, (double)from[i]); break;                      \
        case AD_I32: CAST(int32_t, i32(from[i])); break;                        \
        case AD_I64: CAST(int64_t, i64(from[i])); break;                        \
        default: CAST(uint8_t, from[i] != 0); break;                            \
        }                                                                       \
    } while (0)

int ad_cast_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    const ad_array *x = in[0];
    if (attr[0] < 0 || attr[0] >= AD_NDTYPES)
        return AD_BAD_DTYPE;
    ad_array *y = *out = ad_array_new((int)attr[0], x->ndim, x->shape);
    if (y == NULL)
        return AD_NO_MEMORY;
    switch (x->dtype) {
    case AD_F32: CAST_FROM(float, to_i32, to_i64); break;
    case AD_F64: CAST_FROM(double, to_i32, to_i64); break;
    case AD_I32: CAST_FROM(int32_t, (int32_t), (int64_t)); break;
    case AD_I64: CAST_FROM(int64_t, (int32_t), (int64_t)); break;
    default: CAST_FROM(uint8_t, (int32_t), (int64_t)); break;
    }
    return AD_OK;
}

#define ADD_CAST(A, G)                                                          \
    do {                                                                        \
        A *restrict to = acc->data;                                             \
        const G *restrict from = g->data;                                       \
        for (int64_t i = 0; i < acc->size; i++)                                 \
            to[i] = (A)from[i] + (fresh ? 0 : to[i]);                           \
    } while (0)

int ad_cast_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)in, (void)n, (void)y, (void)attr;
    if (!ad_is_float(g) || !ad_is_float(acc))
        return AD_BAD_DTYPE;
    if (acc->dtype == AD_F64 && g->dtype == AD_F64)
        ADD_CAST(double, double);
    else if (acc->dtype == AD_F64)
        ADD_CAST(double, float);
    else if (g->dtype == AD_F64)
        ADD_CAST(float, double);
    else
        ADD_CAST(float, float);
    return AD_OK;
}

/* ------------------------------------------------------------------------------------------------- sum_to */
/* How `shape` lies in the larger x: 0, or AD_BAD_SHAPE if it does not broadcast to it. */
static int sum_to_pattern(const ad_array *x, ad_tuple shape, uint8_t *reduced)
{
    const int lead = x->ndim - shape.n;
    if (lead < 0)
        return AD_BAD_SHAPE;
    for (int i = 0; i < x->ndim; i++) {
        reduced[i] = i < lead || (shape.item[i - lead] == 1 && x->shape[i] != 1);
        if (!reduced[i] && shape.item[i - lead] != x->shape[i])
            return AD_BAD_SHAPE;
    }
    return AD_OK;
}

int ad_sum_to_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    (void)n;
    uint8_t reduced[AD_MAX_RANK];
    const ad_tuple shape = ad_take_tuple(&attr);
    const ad_array *x = in[0];
    if (x->dtype == AD_BOOL)
        return AD_BAD_DTYPE;
    int status = sum_to_pattern(x, shape, reduced);
    if (status != AD_OK)
        return status;
    ad_array *y = ad_array_new(x->dtype, shape.n, shape.item);
    if (y == NULL)
        return AD_NO_MEMORY;
    status = ad_sum_into(y, 1, x, x->ndim, x->shape, reduced);
    if (status == AD_OK)
        *out = y;
    else
        ad_array_release(y);
    return status;
}

int ad_sum_to_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)k, (void)n, (void)y;
    uint8_t reduced[AD_MAX_RANK];
    int64_t stride[AD_MAX_RANK], step = 1;
    const ad_array *x = in[0];
    const int status = sum_to_pattern(x, ad_take_tuple(&attr), reduced);
    if (status != AD_OK)
        return status;
    for (int i = x->ndim - 1; i >= 0; i--) {
        stride[i] = reduced[i] ? 0 : step;
        step *= reduced[i] ? 1 : x->shape[i];
    }
    ad_gather_strided(acc, fresh, g, x->ndim, x->shape, stride, 0);
    return AD_OK;
}

/* ------------------------------------------------------------------------------------------------- concat */
static int concat_shape(const ad_array *const *in, int n, int64_t axis, int64_t *shape)
{
    if (axis < 0 || axis >= in[0]->ndim)
        return AD_BAD_SHAPE;
    memcpy(shape, in[0]->shape, in[0]->ndim * sizeof *shape);
    for (int k = 1; k < n; k++) {
        if (in[k]->dtype != in[0]->dtype)
            return AD_BAD_DTYPE;
        if (in[k]->ndim != in[0]->ndim)
            return AD_BAD_SHAPE;
        for (int i = 0; i < in[0]->ndim; i++)
            if (i != axis && in[k]->shape[i] != shape[i])
                return AD_BAD_SHAPE;
        shape[axis] += in[k]->shape[axis];
    }
    return AD_OK;
}

int ad_concat_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)
{
    int64_t shape[AD_MAX_RANK];
    const int axis = (int)attr[0], status = concat_shape(in, n, attr[0], shape);
    if (status != AD_OK)
        return status;
    ad_array *y = *out = ad_array_new(in[0]->dtype, in[0]->ndim, shape);
    if (y == NULL)
        return AD_NO_MEMORY;
    if (y->size == 0)
        return AD_OK;
    const int64_t outer = ad_product(shape, axis), inner = ad_product(shape + axis + 1, y->ndim - axis - 1);
    const size_t item = ad_itemsize(y->dtype);
    char *to = y->data;
    for (int64_t o = 0; o < outer; o++)
        for (int k = 0; k < n; k++) {
            const size_t bytes = (size_t)(in[k]->shape[axis] * inner) * item;
            memcpy(to, (const char *)in[k]->data + (size_t)o * bytes, bytes);
            to += bytes;
        }
    return AD_OK;
}

int ad_concat_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh)
{
    (void)n, (void)y;
    const int axis = (int)attr[0];
    int64_t before = 0;
    for (int i = 0; i < k; i++)
        before += in[i]->shape[axis];
    const int64_t inner = ad_product(g->shape + axis + 1, g->ndim - axis - 1);
    const int64_t shape[2] = {ad_product(g->shape, axis), acc->shape[axis] * inner}, stride[2] = {g->shape[axis] * inner, 1};
    ad_gather_strided(acc, fresh, g, 2, shape, stride, before * inner);
    return AD_OK;
}
