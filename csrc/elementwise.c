/* Broadcasting around the generated loops (broadcast.h).
 *
 * A kernel sees contiguous runs only.  The result is computed in blocks short enough for the first-level cache; an operand that
 * is broadcast is written out block by block, all others are passed where they stand. */
#include "broadcast.h"

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

#define FILL(T) for (int64_t i = 0; i < n; i++) ((T *)to)[i] = *(const T *)from
void ad_fill(void *to, const void *from, int64_t n, size_t item)
{
    switch (item) {
    case 8: FILL(uint64_t); break;
    case 4: FILL(uint32_t); break;
    default: memset(to, *(const uint8_t *)from, (size_t)n);
    }
}

/* ------------------------------------------------------------------------------------------------- operands, block by block */
typedef struct {
    const ad_array *a;
    int direct;                                             /* as large as the result: no copy */
    ad_layout l;
} operand;

static void open_operand(operand *o, const ad_array *a, const ad_array *whole)
{
    o->a = a;
    o->direct = !a->uniform && a->size == whole->size;
    if (!o->direct)
        o->l = a->uniform ? (ad_layout){.ndim = 0} : ad_layout_in(a, whole);
}

static const void *next_block(const operand *o, block *buffer, int64_t start, int64_t n)
{
    const size_t item = ad_itemsize(o->a->dtype);
    if (o->direct)
        return (const char *)o->a->data + (size_t)start * item;
    if (start > 0 && (o->l.ndim == 0 || (o->l.ndim == 1 && o->l.stride[0] == 0)))
        return buffer->bytes;                               /* one number throughout: written once */
    return ad_read_spread(&o->l, o->a->data, start, n, item, buffer->bytes);
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

static void add_block(void *to, const void *from, int64_t n, int is_f32)
{
    if (is_f32)
        for (int64_t i = 0; i < n; i++)
            ((float *)to)[i] += ((const float *)from)[i];
    else
        for (int64_t i = 0; i < n; i++)
            ((double *)to)[i] += ((const double *)from)[i];
}

/* Operand k's share, by a kernel that knows the shape of g alone: assigned to `into`, or added. */
static void compute_share(ad_vjp_kernel kernel, int reads_y, const ad_array *g, const ad_array *const *in, int n, const ad_array *y,
                          void *into, int dtype, int fresh)
{
    const size_t item = ad_itemsize(dtype);
    operand og, oi[AD_MAX_OPERANDS];
    block bg, bi[AD_MAX_OPERANDS], result;
    int direct = fresh && !g->uniform;
    for (int j = 0; j < n; j++)
        direct &= !in[j]->uniform && in[j]->size == g->size;
    const int64_t step = direct ? g->size : BLOCK;
    open_operand(&og, g, g);
    for (int j = 0; j < n; j++)
        open_operand(&oi[j], in[j], g);
    for (int64_t start = 0; start < g->size; start += step) {
        const int64_t count = g->size - start < step ? g->size - start : step;
        const void *from[AD_MAX_OPERANDS] = {NULL};
        for (int j = 0; j < n; j++)
            from[j] = next_block(&oi[j], &bi[j], start, count);
        char *const to = (char *)into + (size_t)start * item;
        kernel(next_block(&og, &bg, start, count), from[0], from[1], from[2],
               reads_y ? (const char *)y->data + (size_t)start * item : NULL, fresh ? to : result.bytes, (size_t)count);
        if (!fresh)
            add_block(to, result.bytes, count, dtype == AD_F32);
    }
}

int ad_elementwise_vjp(int op, int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y,
                       ad_array *acc, int fresh)
{
    const int dtype = acc->dtype;
    const ad_vjp_kernel kernel = dtype <= AD_F64 ? ad_cpu->kernels[op].vjp[k][dtype] : NULL;
    if (kernel == NULL)
        return AD_BAD_DTYPE;
    const int reads_y = ad_ops[op].reads[k][dtype] & AD_READS_Y;
    if (acc->size == g->size) {                             /* nothing to sum: acc was not broadcast */
        compute_share(kernel, reads_y, g, in, n, y, acc->data, dtype, fresh);
        return AD_OK;
    }
    if (g->size == 0) {
        if (fresh)
            memset(acc->data, 0, ad_array_bytes(acc));
        return AD_OK;
    }
    const ad_back back = ad_back_of(acc, g);
    if (ad_ops[op].passes[k] && !g->uniform)
        return ad_sum_back(&back, dtype == AD_F32, g->data, acc->data, fresh ? NULL : acc->data);
    ad_array *share = ad_array_new(dtype, g->ndim, g->shape);
    if (share == NULL)
        return AD_NO_MEMORY;
    compute_share(kernel, reads_y, g, in, n, y, share->data, dtype, 1);
    const int status = ad_sum_back(&back, dtype == AD_F32, share->data, acc->data, fresh ? NULL : acc->data);
    ad_array_release(share);
    return status;
}
