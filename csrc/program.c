/* Programs: their memory, and the reverse sweep. */
#include "ad.h"

#include <stdlib.h>
#include <string.h>

#include "generated/opcodes.h"

/* ------------------------------------------------------------------------------------------------- memory */
enum { FIRST_INSTRUCTIONS = 256, FIRST_WORDS = 256 };
static const uint32_t KEPT_INSTRUCTIONS = 1 << 16, KEPT_WORDS = 1 << 16;      /* through a reset: a working set, not a peak */
static const uint32_t MOST = 0xFFFFFFF0;                    /* slots are 32 bits wide */

int ad_program_grow(ad_program *p)
{
    if (p->capacity >= MOST)
        return AD_NO_MEMORY;
    const uint32_t capacity = p->capacity == 0 ? FIRST_INSTRUCTIONS : p->capacity > MOST / 2 ? MOST : p->capacity * 2;
    ad_instruction *code = realloc(p->code, (size_t)capacity * sizeof *code);
    if (code == NULL)
        return AD_NO_MEMORY;
    p->code = code;
    p->capacity = capacity;
    return AD_OK;
}

uint32_t ad_program_words(ad_program *p, const int64_t *words, uint32_t n)
{
    const uint32_t at = p->n_words ? p->n_words : 1;        /* 0 means: no words */
    if (n > MOST - at)
        return 0;
    if (at + n > p->words_capacity) {
        uint64_t capacity = p->words_capacity ? p->words_capacity : FIRST_WORDS;
        while (capacity < (uint64_t)at + n)
            capacity *= 2;
        if (capacity > MOST)
            capacity = MOST;
        int64_t *grown = realloc(p->words, capacity * sizeof *grown);
        if (grown == NULL)
            return 0;
        p->words = grown;
        p->words_capacity = (uint32_t)capacity;
    }
    memcpy(p->words + at, words, n * sizeof *words);
    p->n_words = at + n;
    return at;
}

void ad_program_reset(ad_program *p)
{
    for (uint32_t i = 0; p->arrays > 0 && i < p->n; i++)
        if (p->code[i].flags & AD_IS_ARRAY) {
            ad_array_release(p->code[i].value.array);
            p->arrays--;
        }
    p->spelled = 0;
    if (p->capacity > KEPT_INSTRUCTIONS) {
        free(p->code);
        p->code = NULL;
        p->capacity = 0;
    }
    if (p->words_capacity > KEPT_WORDS) {
        free(p->words);
        p->words = NULL;
        p->words_capacity = 0;
    }
    p->n = p->n_words = p->arrays = 0;
    p->recording = p->accessed = p->taken = p->spent = p->tracing = p->stabilising = 0;
    p->laws = 0;
    p->pulled = 0;
    p->largest = 0;
    p->generation++;
}

void ad_program_forget(ad_program *p, uint64_t bits)
{
    for (uint32_t i = 0; i < p->n; i++)
        p->code[i].seen &= ~bits;
}

void ad_program_keep_shapes(ad_program *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        ad_instruction *in = &p->code[i];
        if (!(in->flags & AD_IS_ARRAY) || in->value.array->size < 2 || !(in->seen & p->tracing))
            continue;
        ad_array *shape = ad_array_uniform(in->dtype, in->value.array->ndim, in->value.array->shape);
        if (shape == NULL)
            return;                                         /* then it keeps the numbers too */
        ad_array_release(in->value.array);
        in->value.array = shape;
    }
}

/* ------------------------------------------------------------------------------------------------- reverse sweep */
/* A scalar as an array of rank 0 over memory of the caller's: never held, never released. */
static ad_array *as_array(ad_array *a, void *value, int dtype)
{
    *a = (ad_array){.refs = 1, .dtype = (uint8_t)dtype, .size = 1, .data = value};
    return a;
}

static void add_scalar(ad_value *adjoint, int dtype, ad_value share)
{
    if (adjoint->bits == AD_EMPTY)
        *adjoint = share;
    else if (dtype == AD_F64)
        adjoint->f64 += share.f64;
    else
        adjoint->f32 += share.f32;
}

enum { FEW = 8 };                                           /* operands without an allocation */


/* Add operand k's share of the gradient to its adjoint. */
static int pull(ad_sweep *s, const ad_instruction *in, int k, const ad_array *const *operand, int n, ad_array *g, const ad_array *y)
{
    const ad_program *p = s->program;
    const uint32_t slot = ad_operand(p, in, k);
    const ad_instruction *source = &p->code[slot];
    ad_value *adjoint = &s->adj[(int64_t)slot - s->base];
    const ad_op *op = &ad_ops[in->op];
    const int elementwise = op->kind == AD_ELEMENTWISE;
    if (elementwise && ad_cpu->kernels[in->op].vjp[k][in->dtype] == NULL)
        return AD_OK;                                       /* piecewise constant in this operand */
    if (!(source->flags & AD_IS_ARRAY)) {
        ad_value share = {.bits = 0};
        ad_array acc;
        as_array(&acc, &share, source->dtype);
        const int status = elementwise ? ad_elementwise_vjp(in->op, ad_partial(p, in, k), g, operand, n, y, &acc, 1)
                                       : op->structural.vjp(k, g, operand, n, y, ad_attributes(p, in), &acc, 1);
        if (status == AD_OK)
            add_scalar(adjoint, source->dtype, share);
        return status;
    }
    ad_array *x = source->value.array;
    const int alike = x->size == g->size && x->ndim == g->ndim && x->size > 0;  /* (where there are no elements shapes may differ) */
    if (elementwise && op->passes[k] && in->flags & AD_IS_ARRAY && alike)
        return ad_accumulate(adjoint, ad_array_hold(g));
    if (in->op == AD_OP_reduce_sum && !(in->flags & AD_IS_ARRAY)) {
        ad_array *share = ad_array_uniform(x->dtype, x->ndim, x->shape);
        if (share == NULL)
            return AD_NO_MEMORY;
        memcpy(share->data, g->data, ad_itemsize(x->dtype));
        return ad_accumulate(adjoint, share);
    }
    const int fresh = adjoint->bits == AD_EMPTY;
    ad_array *acc = fresh ? ad_array_new(x->dtype, x->ndim, x->shape) : ad_exclusive(adjoint->array);
    adjoint->bits = AD_EMPTY;
    if (acc == NULL)
        return AD_NO_MEMORY;
    adjoint->array = acc;
    return elementwise ? ad_elementwise_vjp(in->op, ad_partial(p, in, k), g, operand, n, y, acc, fresh)
                       : op->structural.vjp(k, g, operand, n, y, ad_attributes(p, in), acc, fresh);
}

static int takes_uniform(int op)
{
    return ad_ops[op].kind == AD_ELEMENTWISE || op == AD_OP_reduce_sum || op == AD_OP_view || op == AD_OP_unview ||
           op == AD_OP_reshape || op == AD_OP_sum_to;
}

/* One instruction of the table that involves an array. */
static int step(ad_sweep *s, int64_t i)
{
    const ad_program *p = s->program;
    const ad_instruction *in = &p->code[i];
    ad_value *adjoint = &s->adj[i - s->base];
    const int n = ad_operand_count(p, in);
    const ad_array *few[FEW], **operand = few;
    ad_array few_scalars[FEW], *scalars = few_scalars, y_scalar, g_scalar;
    if (n > FEW) {
        operand = malloc((size_t)n * sizeof *operand);
        scalars = malloc((size_t)n * sizeof *scalars);
    }
    int status = operand && scalars ? AD_OK : AD_NO_MEMORY;
    const int is_array = in->flags & AD_IS_ARRAY;
    ad_value y_value = in->value, g_value = *adjoint;
    if (status == AD_OK && is_array && adjoint->array->uniform && !takes_uniform(in->op)) {
        ad_array *g = ad_spread(adjoint->array);
        adjoint->bits = AD_EMPTY;
        if (g)
            adjoint->array = g;
        else
            status = AD_NO_MEMORY;
    }
    if (status == AD_OK) {
        const ad_array *y = is_array ? in->value.array : as_array(&y_scalar, &y_value, in->dtype);
        ad_array *g = is_array ? adjoint->array : as_array(&g_scalar, &g_value, in->dtype);
        for (int k = 0; k < n; k++) {
            ad_instruction *x = &p->code[ad_operand(p, in, k)];
            operand[k] = x->flags & AD_IS_ARRAY ? x->value.array : as_array(&scalars[k], &x->value, x->dtype);
        }
        for (int k = 0; k < n && status == AD_OK; k++)
            if (p->code[ad_operand(p, in, k)].seen & s->bit)
                status = pull(s, in, k, operand, n, g, y);
    }
    if (n > FEW) {
        free(operand);
        free(scalars);
    }
    return status;
}

/* An alias hands its adjoint on whole. */
static int pass_on(ad_sweep *s, int64_t i)
{
    const ad_instruction *in = &s->program->code[i];
    if (!(s->program->code[in->a].seen & s->bit))
        return AD_OK;
    const ad_value adjoint = s->adj[i - s->base];
    ad_value *to = &s->adj[(int64_t)in->a - s->base];
    if (in->flags & AD_IS_ARRAY)
        return ad_accumulate(to, ad_array_hold(adjoint.array));
    add_scalar(to, in->dtype, adjoint);
    return AD_OK;
}

enum ad_sweep_end ad_reverse(ad_sweep *s)
{
    for (;;) {
        ad_cpu->scalar_reverse(s);
        const int64_t i = s->at;
        if (i < s->to)
            return AD_SWEEP_DONE;
        const ad_instruction *in = &s->program->code[i];
        int64_t done = 0;
        int status = AD_OK;
        switch (in->op) {
        case AD_LEAF:
            s->at--;
            continue;
        case AD_ALIAS:
            status = pass_on(s, i);
            break;
        case AD_RESULT:                                     /* stays for the call, which all its results come before */
            s->adj[(int64_t)in->a - s->base].bits = 0;
            s->at--;
            continue;
        case AD_CALL:
            return AD_SWEEP_PYTHON;
        default:
            if (ad_ops[in->op].kind == AD_STRUCTURAL && !ad_ops[in->op].structural.vjp)
                return AD_SWEEP_PYTHON;
            if (ad_ops[in->op].kind == AD_ELEMENTWISE)
                status = ad_reverse_stretch(s, &done);
            if (status == AD_OK && done == 0)
                status = step(s, i);
        }
        if (status != AD_OK) {
            s->status = status;
            return AD_SWEEP_FAILED;
        }
        if (done == 0) {
            ad_drop_adjoint(s, i);
            done = 1;
        }
        s->at -= done;
    }
}
