/* The tangent sweep: forward over a program, many directions at once.
 *
 * Invariant: when instruction i is reached, the tangents of its operands are complete, because every slot is written before it is
 * read.  For z = x * y it sets t[z] = t[x]*y + t[y]*x: each term by the kernel of the reverse sweep's share, with the tangent in the
 * place of the cotangent, as both are multiplied by the same slope.  A tangent of exactly 0 contributes exactly 0.
 * Under several directions the slope is computed once, and multiplied with all of them.  What is linear is its own tangent. */
#include "ad.h"

#include <stdlib.h>
#include <string.h>

#include "broadcast.h"
#include "generated/opcodes.h"

enum { MOST_WORDS = 3 * (AD_MAX_RANK + 2) };

/* A scalar as an array of rank 0 over memory of the caller's: never held, never released. */
static ad_array *as_array(ad_array *a, void *value, int dtype)
{
    *a = (ad_array){.refs = 1, .dtype = (uint8_t)dtype, .size = 1, .data = value};
    return a;
}

static int is_number(const ad_push *s, const ad_instruction *in) { return s->lanes == 1 && !(in->flags & AD_IS_ARRAY); }
static ad_value *tangent_of(const ad_push *s, int64_t slot) { return &s->tangent[slot - s->base]; }

static int moves(const ad_push *s, int64_t slot)
{
    return slot >= s->base && (s->program->code[slot].seen & s->bit) && tangent_of(s, slot)->bits != AD_EMPTY;
}

/* The operand as an array. */
static const ad_array *operand_of(const ad_program *p, int64_t slot, ad_array *scalar)
{
    ad_instruction *x = &p->code[slot];
    return x->flags & AD_IS_ARRAY ? x->value.array : as_array(scalar, &x->value, x->dtype);
}

/* A tangent as an array that may be held: of lane `lane`, or of all where that is -1. */
static ad_array *tangent_array(const ad_push *s, int64_t slot, int64_t lane)
{
    const ad_instruction *x = &s->program->code[slot];
    ad_value *t = tangent_of(s, slot);
    if (is_number(s, x)) {
        ad_array *a = ad_array_new(x->dtype, 0, NULL);
        if (a)
            memcpy(a->data, t, ad_itemsize(x->dtype));
        return a;
    }
    if (lane < 0 || s->lanes == 1)
        return ad_array_hold(t->array);
    const int64_t size = t->array->size / s->lanes;
    return ad_array_view(t->array, t->array->ndim - 1, t->array->shape + 1, (size_t)(lane * size) * ad_itemsize(x->dtype));
}

int ad_push_add(ad_push *s, int64_t slot, ad_array *share)
{
    ad_value *t = tangent_of(s, slot);
    if (!is_number(s, &s->program->code[slot]))
        return ad_accumulate(t, share);
    if (t->bits == AD_EMPTY) {
        t->bits = 0;
        memcpy(t, share->data, ad_itemsize(share->dtype));
    } else if (share->dtype == AD_F64)
        t->f64 += *(double *)share->data;
    else
        t->f32 += *(float *)share->data;
    ad_array_release(share);
    return AD_OK;
}

/* ------------------------------------------------------------------------------------------------- elementwise rows */
/* A bare number's share of a bare number, without an array. */
static void push_number(ad_push *s, const ad_instruction *in, int k, const ad_array *const *x, ad_value *to)
{
    const ad_vjp_kernel kernel = ad_cpu->kernels[in->op].vjp[ad_partial(s->program, in, k)][in->dtype];
    const ad_value t = *tangent_of(s, ad_operand(s->program, in, k));
    ad_value share = {.bits = 0};
    const int n = ad_ops[in->op].arity;
    kernel(&t, x[0]->data, n > 1 ? x[1]->data : NULL, n > 2 ? x[2]->data : NULL, &in->value, &share, 1);
    if (to->bits == AD_EMPTY)
        *to = share;
    else if (in->dtype == AD_F64)
        to->f64 += share.f64;
    else
        to->f32 += share.f32;
}

/* The tangent of an operand in the shape of the result; takes over t. */
static ad_array *in_shape_of(ad_array *t, const ad_array *y)
{
    if (t == NULL || (t->ndim == y->ndim && t->size == y->size && t->size))
        return t;
    const size_t item = ad_itemsize(t->dtype);
    ad_array *g = t->size == 1 ? ad_array_uniform(t->dtype, y->ndim, y->shape) : ad_array_new(t->dtype, y->ndim, y->shape);
    if (g && t->size == 1)
        memcpy(g->data, t->data, item);
    else if (g) {
        const ad_layout l = ad_layout_in(t, y);
        const void *from = ad_read_spread(&l, t->data, 0, g->size, item, g->data);
        if (from != g->data)
            memcpy(g->data, from, (size_t)g->size * item);
    }
    ad_array_release(t);
    return g;
}

/* One direction: slope times tangent, in one kernel. */
static int push_one(ad_push *s, int64_t i, int k, const ad_array *const *x, int n, const ad_array *y)
{
    const ad_instruction *in = &s->program->code[i];
    ad_value *to = tangent_of(s, i);
    ad_array *g = in_shape_of(tangent_array(s, ad_operand(s->program, in, k), -1), y);
    if (g == NULL)
        return AD_NO_MEMORY;
    if (ad_ops[in->op].passes[k])
        return ad_accumulate(to, ad_spread(g));
    const int fresh = to->bits == AD_EMPTY;
    ad_array *acc = fresh ? ad_array_new(y->dtype, y->ndim, y->shape) : ad_exclusive(to->array);
    to->bits = AD_EMPTY;
    int status = AD_NO_MEMORY;
    if (acc) {
        to->array = acc;
        status = ad_elementwise_vjp(in->op, ad_partial(s->program, in, k), g, x, n, y, acc, fresh);
    }
    ad_array_release(g);
    return status;
}

/* A block of tangents, of shape (lanes, *shape), with as many dimensions more between as make it one of `rank` after the lanes. */
static ad_array *aligned(const ad_push *s, int64_t slot, int rank)
{
    ad_array *t = tangent_of(s, slot)->array;
    int64_t shape[AD_MAX_RANK];
    const int own = t->ndim - 1;
    if (own >= rank)
        return ad_array_hold(t);
    if (rank + 1 > AD_MAX_RANK)                             /* the caller of the sweep says that (core/push.pxi) */
        return NULL;
    shape[0] = s->lanes;
    for (int j = 0; j < rank; j++)
        shape[1 + j] = j < rank - own ? 1 : t->shape[1 + j - (rank - own)];
    return ad_array_view(t, rank + 1, shape, 0);
}

/* Several directions: the slope once, its products with all. */
static int push_many(ad_push *s, int64_t i, int k, const ad_array *const *x, int n, const ad_array *y)
{
    const ad_instruction *in = &s->program->code[i];
    const int passes = ad_ops[in->op].passes[k];
    ad_array *t = aligned(s, ad_operand(s->program, in, k), y->ndim);
    ad_array *one = ad_array_uniform(y->dtype, y->ndim, y->shape), *slope = ad_array_new(y->dtype, y->ndim, y->shape), *share = NULL;
    int status = t && one && slope ? AD_OK : AD_NO_MEMORY;
    if (status == AD_OK && passes && t->size == s->lanes * y->size) {
        share = t;
        t = NULL;
    } else if (status == AD_OK) {
        if (y->dtype == AD_F64)
            *(double *)one->data = 1;
        else
            *(float *)one->data = 1;
        status = ad_elementwise_vjp(in->op, ad_partial(s->program, in, k), one, x, n, y, slope, 1);
        const ad_array *const factors[2] = {t, slope};
        if (status == AD_OK)
            status = ad_elementwise_forward(ad_ops[in->op].selects >> k & 1 ? AD_OP_select : AD_OP_scale, factors, 2, &share);
    }
    if (t) ad_array_release(t);
    if (one) ad_array_release(one);
    if (slope) ad_array_release(slope);
    return status == AD_OK ? ad_push_add(s, i, share) : status;
}

static int push_elementwise(ad_push *s, int64_t i)
{
    const ad_program *p = s->program;
    ad_instruction *in = &p->code[i];
    const int n = ad_operand_count(p, in);
    const ad_array *x[AD_MAX_OPERANDS];
    ad_array scalars[AD_MAX_OPERANDS], y_scalar;
    for (int k = 0; k < n; k++)
        x[k] = operand_of(p, ad_operand(p, in, k), &scalars[k]);
    const ad_array *y = operand_of(p, i, &y_scalar);
    int status = AD_OK;
    for (int k = 0; k < n && status == AD_OK; k++) {
        if (!moves(s, ad_operand(p, in, k)) || ad_cpu->kernels[in->op].vjp[k][in->dtype] == NULL)
            continue;                                       /* (NULL: piecewise constant in this operand) */
        if (is_number(s, in))
            push_number(s, in, k, x, tangent_of(s, i));
        else
            status = s->lanes == 1 ? push_one(s, i, k, x, n, y) : push_many(s, i, k, x, n, y);
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------- linear rows */
/* The attributes under which the operand's block of tangents, lanes first, gives the result's; NULL: there are none. */
static const int64_t *for_all_lanes(const ad_push *s, const ad_instruction *in, int k, int64_t *words)
{
    const ad_program *p = s->program;
    const int64_t *attr = ad_attributes(p, in);
    const ad_instruction *x = &p->code[ad_operand(p, in, k)];
    int64_t n = 0, more = -1;
    switch (in->op) {
    case AD_OP_reshape:
    case AD_OP_view:
    case AD_OP_unview:
        words[n++] = attr[0] + 1;
        words[n++] = s->lanes;
        memcpy(words + n, attr + 1, (size_t)attr[0] * sizeof *words);
        n += attr[0];
        if (in->op == AD_OP_reshape)
            return words;
        more = in->op == AD_OP_view ? (x->flags & AD_IS_ARRAY ? x->value.array->size : 1)
                                    : (in->flags & AD_IS_ARRAY ? in->value.array->size : 1);
        attr += 1 + attr[0];
        words[n++] = attr[0] + 1;
        words[n++] = more;
        memcpy(words + n, attr + 1, (size_t)(attr[0] + 1) * sizeof *words);     /* the strides and the offset */
        return words;
    case AD_OP_reduce_sum:
        words[n++] = attr[0];
        for (int64_t j = 0; j < attr[0]; j++)
            words[n++] = attr[1 + j] + 1;
        words[n++] = attr[1 + attr[0]];
        return words;
    case AD_OP_cumsum:
        words[0] = attr[0] + 1;
        memcpy(words + 1, attr + 1, 2 * sizeof *words);
        return words;
    case AD_OP_gather:
        words[0] = attr[0] + 1;
        words[1] = 0;
        return attr[1] ? NULL : words;
    case AD_OP_cast:
        return attr;
    default:
        return NULL;
    }
}

/* Products: batches broadcast, and the lanes are one more.  Many vectors by one matrix are a product of matrices. */
static int push_product(ad_push *s, const ad_instruction *in, int k, const ad_array **x, ad_array **out)
{
    const int64_t *attr = ad_attributes(s->program, in);
    const int vector = in->op == AD_OP_matvec, rank_a = x[0]->ndim, rank_b = x[1]->ndim + vector, rank = rank_a > rank_b ? rank_a : rank_b;
    if (rank + 1 > AD_MAX_RANK)
        return AD_BAD_RANK;
    ad_array *t = aligned(s, ad_operand(s->program, in, k), rank - (vector && k == 1));
    if (t == NULL)
        return AD_NO_MEMORY;
    int status;
    if (vector && k == 1 && rank_a == 2 && rank_b == 2) {
        const ad_array *const turned[2] = {t, x[0]};
        const int64_t how[2] = {0, !attr[0]};
        status = ad_ops[AD_OP_matmul].structural.forward(turned, 2, how, out);
    } else {
        x[k] = t;
        status = ad_ops[in->op].structural.forward(x, 2, attr, out);
    }
    ad_array_release(t);
    return status;
}

/* Lane by lane. */
static int push_lanes(ad_push *s, const ad_instruction *in, int k, const ad_array **x, int n, ad_array **out)
{
    const int64_t *attr = ad_attributes(s->program, in);
    for (int64_t lane = 0; lane < s->lanes; lane++) {
        ad_array *t = tangent_array(s, ad_operand(s->program, in, k), lane), *y = NULL;
        if (t == NULL)
            return AD_NO_MEMORY;
        x[k] = t;
        const int status = ad_ops[in->op].structural.forward(x, n, attr, &y);
        ad_array_release(t);
        if (status != AD_OK)
            return status;
        if (s->lanes == 1) {
            *out = y;
            return AD_OK;
        }
        if (lane == 0) {
            int64_t shape[AD_MAX_RANK + 1];
            shape[0] = s->lanes;
            memcpy(shape + 1, y->shape, (size_t)y->ndim * sizeof *shape);
            *out = y->ndim < AD_MAX_RANK ? ad_array_new(y->dtype, y->ndim + 1, shape) : NULL;
            if (*out == NULL) {
                const int status = y->ndim < AD_MAX_RANK ? AD_NO_MEMORY : AD_BAD_RANK;
                ad_array_release(y);
                return status;
            }
        }
        memcpy((char *)(*out)->data + (size_t)lane * ad_array_bytes(y), y->data, ad_array_bytes(y));
        ad_array_release(y);
    }
    return AD_OK;
}

static int push_linear(ad_push *s, int64_t i)
{
    const ad_program *p = s->program;
    ad_instruction *in = &p->code[i];
    const int n = ad_operand_count(p, in), product = in->op == AD_OP_matmul || in->op == AD_OP_matvec;
    int64_t words[MOST_WORDS];
    int status = AD_OK;
    for (int k = 0; k < n && status == AD_OK; k++) {
        if (!moves(s, ad_operand(p, in, k)))
            continue;
        const ad_array *x[AD_MAX_OPERANDS];
        ad_array scalars[AD_MAX_OPERANDS], *share = NULL;
        for (int j = 0; j < n; j++)
            x[j] = operand_of(p, ad_operand(p, in, j), &scalars[j]);
        const int64_t *attr = s->lanes > 1 ? for_all_lanes(s, in, k, words) : NULL;
        if (attr) {
            x[k] = tangent_of(s, ad_operand(p, in, k))->array;
            status = ad_ops[in->op].structural.forward(x, n, attr, &share);
        } else if (product && s->lanes > 1)
            status = push_product(s, in, k, x, &share);
        else
            status = push_lanes(s, in, k, x, n, &share);
        if (status == AD_OK)
            status = ad_push_add(s, i, share);
        else if (share)
            ad_array_release(share);
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------- the sweep */
void ad_push_plan(ad_push *s)
{
    const ad_program *p = s->program;
    for (int64_t i = s->top; i >= s->at; i--) {
        const ad_instruction *in = &p->code[i];
        if (!s->last[i - s->base] || !(in->seen & s->bit))
            continue;
        const int n = ad_operand_count(p, in);
        for (int k = 0; k < n; k++) {
            const int64_t slot = ad_operand(p, in, k);
            if (slot >= s->at && !s->last[slot - s->base])
                s->last[slot - s->base] = (uint32_t)i;
        }
    }
}

void ad_push_done(ad_push *s, int64_t i)
{
    const ad_program *p = s->program;
    const ad_instruction *in = &p->code[i];
    const int n = ad_operand_count(p, in);
    for (int k = 0; k < n; k++) {
        const int64_t slot = ad_operand(p, in, k);
        if (slot < s->base || s->last[slot - s->base] != (uint32_t)i || is_number(s, &p->code[slot]))
            continue;
        if (tangent_of(s, slot)->bits != AD_EMPTY)
            ad_array_release(tangent_of(s, slot)->array);
        tangent_of(s, slot)->bits = AD_EMPTY;
    }
}

/* Do only operands move in which the row is linear? */
static int is_linear(const ad_push *s, const ad_instruction *in)
{
    for (int k = ad_operand_count(s->program, in) - 1; k >= 0; k--)
        if (moves(s, ad_operand(s->program, in, k)) && (k >= AD_MAX_OPERANDS || !(ad_ops[in->op].linear >> k & 1)))
            return 0;
    return 1;
}

static int any_moves(const ad_push *s, const ad_instruction *in)
{
    for (int k = ad_operand_count(s->program, in) - 1; k >= 0; k--)
        if (moves(s, ad_operand(s->program, in, k)))
            return 1;
    return 0;
}

static int pass_on(ad_push *s, int64_t i)
{
    const ad_instruction *in = &s->program->code[i];
    ad_array *t = tangent_array(s, in->a, -1);
    return t ? ad_push_add(s, i, t) : AD_NO_MEMORY;
}

enum ad_sweep_end ad_push_forward(ad_push *s)
{
    for (; s->at <= s->top; s->at++) {
        const int64_t i = s->at;
        const ad_instruction *in = &s->program->code[i];
        if (!s->last[i - s->base] || !(in->seen & s->bit) || in->op == AD_LEAF || in->op == AD_RESULT || !any_moves(s, in))
            continue;
        if (in->op == AD_CALL)
            return AD_SWEEP_PYTHON;
        if (in->dtype > AD_F64)
            continue;                                       /* whole numbers and masks have no tangent */
        if (in->op == AD_ALIAS)
            s->status = pass_on(s, i);
        else if (ad_ops[in->op].kind == AD_ELEMENTWISE)
            s->status = push_elementwise(s, i);
        else if (ad_ops[in->op].kind == AD_STRUCTURAL && is_linear(s, in))
            s->status = push_linear(s, i);
        else
            return AD_SWEEP_PYTHON;
        if (s->status != AD_OK)
            return AD_SWEEP_FAILED;
        ad_push_done(s, i);
    }
    return AD_SWEEP_DONE;
}
