/* Single steps that need no look at shapes: small products of a matrix and a vector, or a row, their shares, arrays one after another, and
 * elements of arrays, and what is added to these.
 * What their kernels are called with is known when the plan is laid out, but for addresses.  The same kernels as in csrc/matmul.c, called
 * as they are there. */
#include "plan.h"

#include <string.h>

#include "generated/opcodes.h"

enum { MOST = 1 << 14 };                                    /* elements of the matrix: below that no thread helps, and nobody waits */

static const ad_array *own_array(const ad_plan *t, uint32_t r)
{
    const ad_register *x = &t->registers.at[r];
    return x->is_array && x->number == AD_NONE && x->base == AD_NONE && x->dtype <= AD_F64 ? x->like : NULL;
}

/* a x or x a, of a matrix a of m rows and n columns. */
static int as_product(const ad_plan *t, uint32_t a, uint32_t x, int rows_are_summed, uint32_t out, ad_direct *d)
{
    const ad_array *la = own_array(t, a), *lx = own_array(t, x), *ly = own_array(t, out);
    if (la == NULL || lx == NULL || ly == NULL || la->ndim != 2 || la->size > MOST || la->size == 0 || la->dtype != lx->dtype)
        return 0;
    const int64_t m = la->shape[0], n = la->shape[1], wide = rows_are_summed ? m : n;
    if (lx->size != wide || lx->shape[lx->ndim - 1] != wide || ly->size != (rows_are_summed ? n : m))
        return 0;
    *d = (ad_direct){.kind = rows_are_summed ? AD_SUM_OF_ROWS : AD_DOTS, .dtype = la->dtype, .a = a, .x = x, .out = out, .m = (uint32_t)m,
                     .n = (uint32_t)n};
    return 1;
}

static int add_piece(ad_plan *t, uint32_t reg, int64_t from, int64_t n)
{
    const size_t item = ad_itemsize(t->registers.at[reg].dtype);
    return AD_PUSH(t->pieces, (ad_piece){.reg = reg, .from = (uint32_t)((size_t)from * item), .bytes = (uint32_t)((size_t)n * item)});
}

static int is_small(const ad_array *a) { return a && a->size <= MOST; }

/* Of arrays put together along the first dimension, each in one piece. */
static int add_parts(ad_plan *t, const ad_step *s)
{
    int64_t lead = 1;
    int status = AD_OK;
    for (int i = 0; i < *ad_attributes(t->program, &t->program->code[s->slot]); i++)
        lead *= t->registers.at[s->out].like->shape[i];
    for (uint32_t k = 0; k < s->n; k++)
        if (lead != 1 || !is_small(own_array(t, t->words.at[s->in + k])))
            return AD_OK;
    for (uint32_t k = 0; k < s->n && status == AD_OK; k++)
        status = add_piece(t, t->words.at[s->in + k], 0, t->registers.at[t->words.at[s->in + k]].like->size);
    return status;
}

/* A view of neighbours.  (What may be read where it stands is no copy.) */
static int add_run(ad_plan *t, const ad_step *s)
{
    const uint32_t x = t->words.at[s->in];
    const ad_register *out = &t->registers.at[s->out];
    if (!is_small(own_array(t, x)) || ad_run_of(t, s) != out->like->size)
        return AD_OK;
    if (!out->settled && ad_holds_operand(AD_OP_view, t->registers.at[x].like, ad_attributes(t->program, &t->program->code[s->slot])))
        return AD_OK;
    return add_piece(t, x, ad_place_of(t, s), out->like->size);
}

/* Pieces of arrays one after another. */
static int as_pieces(ad_plan *t, const ad_step *s, ad_direct *d)
{
    const ad_array *out = own_array(t, s->out);
    const uint32_t first = t->pieces.n;
    int status = AD_OK;
    if (!is_small(out) || out->size == 0)
        return 0;
    if (s->kind == AD_FORWARD)
        status = s->op == AD_OP_view ? add_run(t, s) : add_parts(t, s);
    else if (ad_is_part(t, s) && is_small(own_array(t, s->g)))
        status = add_piece(t, s->g, ad_elements_before(t, s), out->size);
    if (status != AD_OK || t->pieces.n == first)
        return status;
    const uint32_t any = t->pieces.at[first].reg;
    *d = (ad_direct){.kind = AD_PIECES, .dtype = s->dtype, .a = any, .x = any, .out = s->out, .m = first, .n = t->pieces.n - first};
    return 1;
}

static int as_element(const ad_plan *t, const ad_step *s, ad_direct *d)
{
    const uint32_t a = t->words.at[s->in];
    const int64_t at = ad_place_of(t, s);
    if (own_array(t, a) == NULL || at > UINT32_MAX)
        return 0;
    *d = (ad_direct){.kind = AD_ELEMENT, .dtype = s->dtype, .a = a, .x = a, .out = s->out, .m = (uint32_t)at};
    return 1;
}

/* The shares of one element each, of all steps that are run at once. */
static int as_shares_of_elements(ad_plan *t, const ad_step *s, ad_direct *d)
{
    const ad_step *last = s + (s->batch ? s->batch - 1 : 0);
    const uint32_t first = t->to_elements.n;
    if (s->batch == AD_IN_BATCH || own_array(t, last->out)->size > UINT32_MAX)
        return 0;
    for (; s <= last; s++)
        if (AD_PUSH(t->to_elements, (ad_to_element){s->g, (uint32_t)ad_place_of(t, s)}) != AD_OK)
            return AD_NO_MEMORY;
    s -= t->to_elements.n - first;
    *d = (ad_direct){.kind = AD_ADD_TO_ELEMENTS, .dtype = s->dtype, .takes = s->takes, .a = s->acc, .x = s->acc, .out = last->out, .m = first,
                     .n = t->to_elements.n - first};
    return 1;
}

/* AD_NO_MEMORY, or is it one? */
static int as_direct(ad_plan *t, const ad_step *s, ad_direct *d)
{
    if (ad_is_share_of_element(t, s))
        return as_shares_of_elements(t, s, d);
    if (s->kind == AD_FORWARD && s->op == AD_OP_view && !t->registers.at[s->out].is_array)
        return as_element(t, s, d);
    if ((s->kind == AD_FORWARD && (s->op == AD_OP_view || s->op == AD_OP_concat)) || (s->kind == AD_VJP && s->op == AD_OP_concat))
        return as_pieces(t, s, d);
    if (s->batch == 2 && s->kind == AD_VJP && s->op == AD_OP_matmul) {         /* plan_pairs.c has looked at it */
        const uint32_t w = t->words.at[s->in + 1];
        const ad_array *l = t->registers.at[w].like;
        *d = (ad_direct){.kind = AD_BOTH, .dtype = s->dtype, .a = w, .x = s->g, .row = t->words.at[s->in], .out = s->out, .beside = s[1].out,
                         .m = (uint32_t)l->shape[0], .n = (uint32_t)l->shape[1]};
        return l->size <= MOST;
    }
    if (s->batch || (s->kind != AD_FORWARD && s->kind != AD_VJP) || s->acc != AD_NONE)
        return 0;
    if (s->op != AD_OP_matvec && s->op != AD_OP_matmul)
        return 0;
    const int64_t *attr = ad_attributes(t->program, &t->program->code[s->slot]);
    const uint32_t first = t->words.at[s->in], second = t->words.at[s->in + 1];
    if (s->op == AD_OP_matvec && (s->kind == AD_FORWARD || s->k == 1)) {
        const ad_array *out = own_array(t, s->out), *a = own_array(t, first);
        const int rows_are_summed = (s->kind == AD_FORWARD) == (attr[0] != 0);
        if (!out || out->ndim != 1 || !a || (rows_are_summed && a->shape[0] > AD_SUMMED_ROWS))
            return 0;                                       /* (sums in chunks go another way) */
        return as_product(t, first, s->kind == AD_FORWARD ? second : s->g, rows_are_summed, s->out, d);
    }
    const ad_array *x = own_array(t, first), *w = own_array(t, second), *out = own_array(t, s->out);
    if (s->op != AD_OP_matmul || attr[0] || attr[1] || !x || !w || x->ndim != 2 || x->shape[0] != 1 || w->shape[0] < 2 || w->shape[w->ndim - 1] < 2)
        return 0;                                           /* (a product by one number goes another way) */
    if (s->kind == AD_FORWARD || s->k == 0)
        return as_product(t, second, s->kind == AD_FORWARD ? first : s->g, s->kind == AD_FORWARD, s->out, d);
    if (own_array(t, s->g) == NULL || out == NULL || out->size > MOST || w->ndim != 2)
        return 0;
    *d = (ad_direct){.kind = AD_OUTER, .dtype = s->dtype, .a = first, .x = s->g, .out = s->out, .m = (uint32_t)out->shape[0], .n = (uint32_t)out->shape[1]};
    return 1;
}

static void find_kernel(ad_direct *d)
{
    const ad_products *kernels = ad_products_here();
    if (d->kind == AD_BOTH)
        d->kernel.shares = kernels->shares_of_row[d->dtype];
    else if (d->kind == AD_OUTER)
        d->kernel.multiply = kernels->multiply[d->dtype];
    else if (d->kind == AD_DOTS || d->kind == AD_SUM_OF_ROWS)
        d->kernel.apply = (d->kind == AD_DOTS ? kernels->apply : kernels->apply_transposed)[d->dtype];
}

int ad_list_directs(ad_plan *t)
{
    int status = AD_OK;
    for (uint32_t i = 0; i < t->items.n && status == AD_OK; i++) {
        ad_direct d = {0};
        const int is_one = t->items.at[i].kind == AD_SINGLE && !t->items.at[i].band ? as_direct(t, &t->steps.at[t->items.at[i].from], &d) : 0;
        if (is_one == AD_NO_MEMORY)
            return AD_NO_MEMORY;
        if (!is_one)
            continue;
        find_kernel(&d);
        t->turns[i].kind = AD_DIRECT;
        t->turns[i].to = t->directs.n;
        status = AD_PUSH(t->directs, d);
    }
    return status;
}

/* What stands where it stood at the last run; or NULL. */
static void *seat_of(const ad_plan *t, uint32_t r)
{
    const ad_register *x = r == AD_NONE ? NULL : &t->registers.at[r];
    return x && x->is_array && (x->settled || x->fixed) ? t->value[r].array->data : NULL;
}

void ad_seat_directs(ad_plan *t)
{
    for (uint32_t i = 0; i < t->directs.n; i++) {
        ad_direct *d = &t->directs.at[i];
        d->a_at = seat_of(t, d->a);
        d->x_at = seat_of(t, d->x);
        d->out_at = seat_of(t, d->out);
    }
    for (uint32_t i = 0; i < t->pieces.n; i++)
        t->pieces.at[i].at = seat_of(t, t->pieces.at[i].reg);
}

static inline const void *data_of(const ad_plan *t, uint32_t r, const void *seat) { return seat ? seat : t->value[r].array->data; }

static void *room_for(ad_plan *t, uint32_t r)
{
    if (t->value[r].array == NULL)
        t->value[r].array = ad_array_alike(ad_known_of(t, r)->dtype, ad_known_of(t, r)->like);
    return t->value[r].array ? t->value[r].array->data : NULL;
}

static int add_to_elements(ad_plan *t, const ad_direct *d)
{
    const ad_to_element *from = t->to_elements.at + d->m, *end = from + d->n;
    void *to = d->a == AD_NONE ? room_for(t, d->out) : NULL;
    if (d->a == AD_NONE && to) {
        memset(to, 0, ad_array_bytes(t->value[d->out].array));
    } else if (d->a != AD_NONE) {
        ad_array *y = ad_take_acc(t, d->a, d->out, d->takes);
        t->value[d->out].array = y;
        to = y ? y->data : NULL;
    }
    if (to == NULL)
        return AD_NO_MEMORY;
    if (d->dtype == AD_F64)
        for (; from < end; from++)
            ((double *)to)[from->at] += *(const double *)ad_number_at(t, from->number);
    else
        for (; from < end; from++)
            ((float *)to)[from->at] += *(const float *)ad_number_at(t, from->number);
    return AD_OK;
}

int ad_run_direct(ad_plan *t, const ad_direct *d)
{
    if (d->kind == AD_ADD_TO_ELEMENTS)
        return add_to_elements(t, d);
    if (d->kind == AD_ELEMENT) {
        const char *from = data_of(t, d->a, d->a_at);
        t->value[d->out].bits = 0;
        if (d->dtype == AD_F64)
            t->value[d->out].f64 = ((const double *)(const void *)from)[d->m];
        else
            t->value[d->out].f32 = ((const float *)(const void *)from)[d->m];
        return AD_OK;
    }
    const void *a = data_of(t, d->a, d->a_at), *x = data_of(t, d->x, d->x_at);
    char *y = d->out_at ? d->out_at : room_for(t, d->out);
    void *beside = d->kind == AD_BOTH ? room_for(t, d->beside) : y;
    if (y == NULL || beside == NULL)
        return AD_NO_MEMORY;
    if (d->kind == AD_BOTH) {
        d->kernel.shares(d->m, d->n, a, x, t->value[d->row].array->data, y, beside);
        return AD_OK;
    }
    if (d->kind == AD_OUTER)
        return d->kernel.multiply(d->m, d->n, 1, (ad_matrix){a, 1, d->m}, (ad_matrix){x, d->n, 1}, y, 1);
    if (d->kind == AD_PIECES) {
        for (const ad_piece *p = t->pieces.at + d->m, *end = p + d->n; p < end; y += p++->bytes)
            memcpy(y, (const char *)data_of(t, p->reg, p->at) + p->from, p->bytes);
        return AD_OK;
    }
    memset(y, 0, (size_t)(d->kind == AD_DOTS ? d->m : d->n) * ad_itemsize(d->dtype));
    d->kernel.apply(d->m, d->n, a, x, y);
    return AD_OK;
}
