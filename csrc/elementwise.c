/* Broadcasting around the generated loops.
 *
 * A kernel sees contiguous runs only.  The result is computed in blocks short enough for the first-level cache; an operand that
 * is broadcast is written out block by block, all others are passed where they stand. */
#include "ad.h"

#include <string.h>

enum { BLOCK = 1024 };                                      /* elements */
typedef union { char bytes[BLOCK * 8]; double align; } block;

int ad_broadcast_shape(const ad_array *const *in, int n, int64_t *shape)
{
    int ndim = 0;
    for (int k = 0; k < n; k++)
        ndim = in[k]->ndim > ndim ? in[k]->ndim : ndim;
    for (int i = 0; i < ndim; i++) {
        shape[i] = 1;
        for (int k = 0; k < n; k++) {
            const int own = i - (ndim - in[k]->ndim);
            const int64_t size = own < 0 ? 1 : in[k]->shape[own];
            if (size == 1 || size == shape[i])
                continue;
            if (shape[i] != 1)
                return AD_BAD_SHAPE;
            shape[i] = size;
        }
    }
    return ndim;
}

static int same_shape(const ad_array *a, const ad_array *b)
{
    return a->ndim == b->ndim && (a->ndim == 0 || memcmp(a->shape, b->shape, a->ndim * sizeof *a->shape) == 0);
}

/* ------------------------------------------------------------------------------------------------- reading and summing back */
/* How an array lies in a larger shape: dimensions of size 1 dropped, those that step together merged; last one fastest. */
typedef struct {
    int ndim;
    int64_t shape[AD_MAX_RANK], stride[AD_MAX_RANK];        /* stride in elements of the array; 0: repeated */
} layout;

static layout layout_in(const ad_array *a, const ad_array *whole)
{
    layout l = {.ndim = 0};
    int64_t step = a->size;
    for (int i = 0; i < whole->ndim; i++) {
        const int own = i - (whole->ndim - a->ndim);
        const int64_t size = whole->shape[i];
        if (own >= 0 && a->shape[own] > 1 && !a->uniform)
            step /= a->shape[own];
        if (size == 1)
            continue;
        const int64_t stride = own >= 0 && a->shape[own] > 1 && !a->uniform ? step : 0;
        if (l.ndim && l.stride[l.ndim - 1] == stride * size) {
            l.shape[l.ndim - 1] *= size;
            l.stride[l.ndim - 1] = stride;
        } else {
            l.shape[l.ndim] = size;
            l.stride[l.ndim++] = stride;
        }
    }
    return l;
}

/* A place in the whole shape, moved forward run by run. */
typedef struct {
    const layout *l;
    int64_t index[AD_MAX_RANK], at;                         /* at: element of the array */
} cursor;

static int64_t run_length(const cursor *c)                  /* of elements until the fastest dimension is through */
{
    const layout *l = c->l;
    return l->ndim ? l->shape[l->ndim - 1] - c->index[l->ndim - 1] : INT64_MAX;
}

static void advance(cursor *c, int64_t n)                   /* n <= run_length */
{
    const layout *l = c->l;
    int i = l->ndim - 1;
    if (i < 0)
        return;
    c->index[i] += n;
    c->at += n * l->stride[i];
    for (; i > 0 && c->index[i] == l->shape[i]; i--) {
        c->at += l->stride[i - 1] - l->shape[i] * l->stride[i];
        c->index[i] = 0;
        c->index[i - 1]++;
    }
}

#define FILL(T) for (int64_t i = 0; i < n; i++) ((T *)to)[i] = *(const T *)from
void ad_fill(void *to, const void *from, int64_t n, size_t item)
{
    switch (item) {
    case 8: FILL(uint64_t); break;
    case 4: FILL(uint32_t); break;
    default: memset(to, *(const uint8_t *)from, (size_t)n);
    }
}

static void read_block(cursor *c, const ad_array *a, void *to, int64_t n)
{
    const size_t item = ad_itemsize(a->dtype);
    for (char *out = to; n > 0;) {
        int64_t run = run_length(c);
        run = run < n ? run : n;
        const char *from = (const char *)a->data + (size_t)c->at * item;
        if (c->l->ndim && c->l->stride[c->l->ndim - 1] == 1)
            memcpy(out, from, (size_t)run * item);
        else
            ad_fill(out, from, run, item);
        advance(c, run);
        out += (size_t)run * item;
        n -= run;
    }
}

/* Adds a block to the elements it was broadcast from.  Eight partial sums, so that the compiler may use vectors. */
#define ADD_BLOCK(T)                                                                          \
    static void add_block_##T(cursor *c, T *restrict to, const T *restrict from, int64_t n)   \
    {                                                                                         \
        while (n > 0) {                                                                       \
            int64_t run = run_length(c), i = 0;                                               \
            run = run < n ? run : n;                                                          \
            if (c->l->ndim && c->l->stride[c->l->ndim - 1] == 1) {                            \
                for (; i < run; i++)                                                          \
                    to[c->at + i] += from[i];                                                 \
            } else {                                                                          \
                T part[8] = {0};                                                              \
                for (; i + 8 <= run; i += 8)                                                  \
                    for (int j = 0; j < 8; j++)                                               \
                        part[j] += from[i + j];                                               \
                for (; i < run; i++)                                                          \
                    part[i & 7] += from[i];                                                   \
                to[c->at] += ((part[0] + part[4]) + (part[1] + part[5])) +                    \
                             ((part[2] + part[6]) + (part[3] + part[7]));                     \
            }                                                                                 \
            advance(c, run);                                                                  \
            from += run;                                                                      \
            n -= run;                                                                         \
        }                                                                                     \
    }
ADD_BLOCK(float)
ADD_BLOCK(double)

/* ------------------------------------------------------------------------------------------------- operands, block by block */
typedef struct {
    const ad_array *a;
    int direct;                                             /* as large as the result: no copy */
    layout l;
    cursor c;
} operand;

static void open_operand(operand *o, const ad_array *a, const ad_array *whole)
{
    o->a = a;
    o->direct = !a->uniform && a->size == whole->size;
    if (!o->direct) {
        o->l = layout_in(a, whole);
        o->c = (cursor){.l = &o->l};
    }
}

static const void *next_block(operand *o, block *buffer, int64_t start, int64_t n)
{
    if (o->direct)
        return (const char *)o->a->data + (size_t)start * ad_itemsize(o->a->dtype);
    if (o->l.ndim > 0 || start == 0) {
        if (o->l.ndim == 1 && o->l.stride[0] == 0 && start > 0)
            return buffer->bytes;                           /* one number throughout: written once */
        read_block(&o->c, o->a, buffer->bytes, n);
    }
    return buffer->bytes;
}

static int dtype_of(int op, const ad_array *const *in, int n)
{
    (void)op;
    return in[n - 1]->dtype;                                /* the first operand of where is a mask */
}

int ad_elementwise_forward(int op, const ad_array *const *in, int n, ad_array **out)
{
    const int dtype = dtype_of(op, in, n);
    const ad_forward_kernel kernel = ad_cpu->kernels[op].forward[dtype];
    if (kernel == NULL)
        return AD_BAD_DTYPE;
    int64_t shape[AD_MAX_RANK];
    const int64_t *out_shape = in[0]->shape;
    int ndim = in[0]->ndim, alike = 1;
    for (int k = 1; k < n; k++)
        alike &= same_shape(in[0], in[k]);
    if (!alike) {
        ndim = ad_broadcast_shape(in, n, shape);
        out_shape = shape;
    }
    if (ndim < 0)
        return ndim;
    ad_array *y = ad_array_new(ad_ops[op].gives >= 0 ? ad_ops[op].gives : dtype, ndim, out_shape);
    if (y == NULL)
        return AD_NO_MEMORY;
    *out = y;
    if (alike || n == 1) {
        kernel(in[0]->data, n > 1 ? in[1]->data : NULL, n > 2 ? in[2]->data : NULL, y->data, (size_t)y->size);
        return AD_OK;
    }
    operand o[AD_MAX_OPERANDS];
    block buffer[AD_MAX_OPERANDS];
    const size_t item = ad_itemsize(y->dtype);
    for (int k = 0; k < n; k++)
        open_operand(&o[k], in[k], y);
    for (int64_t start = 0; start < y->size; start += BLOCK) {
        const int64_t count = y->size - start < BLOCK ? y->size - start : BLOCK;
        const void *from[AD_MAX_OPERANDS] = {NULL};
        for (int k = 0; k < n; k++)
            from[k] = next_block(&o[k], &buffer[k], start, count);
        kernel(from[0], from[1], from[2], (char *)y->data + (size_t)start * item, (size_t)count);
    }
    return AD_OK;
}

int ad_elementwise_vjp(int op, int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y,
                       ad_array *acc, int fresh)
{
    const int dtype = acc->dtype;
    const ad_vjp_kernel kernel = dtype <= AD_F64 ? ad_cpu->kernels[op].vjp[k][dtype] : NULL;
    if (kernel == NULL)
        return AD_BAD_DTYPE;
    const size_t item = ad_itemsize(dtype);
    const int whole = acc->size == g->size;                 /* nothing to sum: acc was not broadcast */
    if (fresh && !whole)
        memset(acc->data, 0, ad_array_bytes(acc));

    operand og, oi[AD_MAX_OPERANDS];
    block bg, bi[AD_MAX_OPERANDS], result;
    const layout l = whole ? (layout){.ndim = 0} : layout_in(acc, g);
    cursor back = {.l = &l};
    int direct = fresh && whole && !g->uniform;
    for (int j = 0; j < n; j++)
        direct &= !in[j]->uniform && in[j]->size == g->size;
    const int64_t step = direct ? g->size : BLOCK;
    const int reads_y = ad_ops[op].reads[k] & AD_READS_Y;
    open_operand(&og, g, g);
    for (int j = 0; j < n; j++)
        open_operand(&oi[j], in[j], g);
    for (int64_t start = 0; start < g->size; start += step) {
        const int64_t count = g->size - start < step ? g->size - start : step;
        const void *from[AD_MAX_OPERANDS] = {NULL};
        for (int j = 0; j < n; j++)
            from[j] = next_block(&oi[j], &bi[j], start, count);
        char *const into = (char *)acc->data + (size_t)start * item;
        void *const to = fresh && whole ? (void *)into : (void *)result.bytes;
        kernel(next_block(&og, &bg, start, count), from[0], from[1], from[2],
               reads_y ? (const char *)y->data + (size_t)start * item : NULL, to, (size_t)count);
        if (to == (void *)into)
            continue;
        if (whole && dtype == AD_F64)
            for (int64_t i = 0; i < count; i++)
                ((double *)into)[i] += ((double *)result.bytes)[i];
        else if (whole)
            for (int64_t i = 0; i < count; i++)
                ((float *)into)[i] += ((float *)result.bytes)[i];
        else if (dtype == AD_F64)
            add_block_double(&back, acc->data, (const double *)result.bytes, count);
        else
            add_block_float(&back, acc->data, (const float *)result.bytes, count);
    }
    return AD_OK;
}
