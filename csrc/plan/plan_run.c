/* A plan, run: item by item, each array given up after the last item that reads it. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "generated/opcodes.h"

enum { FEW = 8 };                                           /* operands without an allocation */
enum { LONG = 1 << 16 };                                    /* elements or steps: worth letting others run meanwhile */

void *(*ad_unlock)(void) = NULL;
void (*ad_lock)(void *) = NULL;

static void *leave(int64_t work) { return work >= LONG && ad_unlock ? ad_unlock() : NULL; }

static void enter(void *left)
{
    if (left)
        ad_lock(left);
}

void ad_plan_give(ad_plan *t, uint32_t reg, ad_value value)
{
    if (ad_known_of(t, reg)->is_array)
        ad_array_hold(value.array);
    t->value[reg] = value;
    t->at = 0;
}

/* ------------------------------------------------------------------------------------------------- single steps */
static void drop(ad_plan *t, uint32_t reg)
{
    if (t->value[reg].array)
        ad_array_release(t->value[reg].array);
    t->value[reg].array = NULL;
}

/* A new reference to the array in a register, or to one of that number throughout. */
static ad_array *array_in(const ad_plan *t, uint32_t reg)
{
    const ad_known *r = ad_known_of(t, reg);
    if (r->number == AD_NONE)
        return ad_array_hold(t->value[reg].array);
    ad_array *a = ad_array_uniform(r->dtype, r->like->ndim, r->like->shape);
    if (a)
        memcpy(a->data, &t->value[r->number], ad_itemsize(r->dtype));
    return a;
}

/* For what is to be written to a register: an array of its own, or the one that keeps its place there (before it is written to, a register
 * has no other). */
static ad_array *room_for(ad_plan *t, uint32_t reg)
{
    if (t->value[reg].array == NULL)
        t->value[reg].array = ad_array_alike(ad_known_of(t, reg)->dtype, ad_known_of(t, reg)->like);
    return t->value[reg].array;
}

/* In the place that its sum keeps, or taken over if nothing else needs it. */
ad_array *ad_take_acc(ad_plan *t, uint32_t acc, uint32_t out, int takes)
{
    const ad_known *from = ad_known_of(t, acc);
    ad_array *y = t->value[out].array;
    if (y && from->number == AD_NONE)
        memcpy(y->data, t->value[acc].array->data, ad_array_bytes(y));
    else if (y)
        ad_fill(y->data, &t->value[from->number], y->size, ad_itemsize(y->dtype));
    if (y)
        return y;
    ad_array *a = array_in(t, acc);
    if (a && takes)
        drop(t, acc);
    return a ? ad_exclusive(a) : NULL;
}

static ad_array *take_acc(ad_plan *t, const ad_step *s) { return ad_take_acc(t, s->acc, s->out, s->takes); }

/* What a step's operands are as arrays; scalars are wrapped where they stand. */
typedef struct {
    const ad_array **operand, *few[FEW];
    ad_array *scalars, few_scalars[FEW];
} operands;

static ad_array *number_at(const ad_plan *t, uint32_t reg, ad_array *scalar)
{
    *scalar = (ad_array){.refs = 1, .dtype = ad_known_of(t, reg)->dtype, .size = 1, .data = &t->value[reg]};
    return scalar;
}

static void wrap(const ad_plan *t, uint32_t reg, ad_array *scalar, const ad_array **to)
{
    *to = ad_known_of(t, reg)->is_array ? t->value[reg].array : number_at(t, reg, scalar);
}

static int open_operands(const ad_plan *t, const ad_step *s, operands *o)
{
    o->operand = o->few;
    o->scalars = o->few_scalars;
    if (s->n > FEW) {
        o->operand = malloc(s->n * sizeof *o->operand);
        o->scalars = malloc(s->n * sizeof *o->scalars);
    }
    if (o->operand == NULL || o->scalars == NULL)
        return AD_NO_MEMORY;
    for (uint32_t k = 0; k < s->n; k++)
        wrap(t, t->words.at[s->in + k], &o->scalars[k], &o->operand[k]);
    return AD_OK;
}

static void close_operands(operands *o)
{
    if (o->operand != o->few)
        free(o->operand);
    if (o->scalars != o->few_scalars)
        free(o->scalars);
}

static int64_t elements(const operands *o, int n)
{
    int64_t sum = 0;
    for (int k = 0; k < n; k++)
        sum += o->operand[k] ? o->operand[k]->size : 0;     /* (a kernel that reads the cotangent alone has none) */
    return sum;
}

static const int64_t *attributes(const ad_plan *t, const ad_step *s)
{
    const int64_t *words = s->attr ? t->program->words + s->attr : NULL;
    return words ? words + 1 + words[0] : NULL;
}

/* Elements that are looked at, of matrices once for every row. */
static int64_t work_of(const ad_step *s, const operands *o)
{
    const ad_array *x = o->operand[0];
    return elements(o, (int)s->n) * (ad_ops[s->op].matrices ? x->shape[x->ndim - 2] : 1);
}

static int forward(ad_plan *t, const ad_step *s, const operands *o)
{
    ad_array *out = NULL;
    const int n = (int)s->n;
    const int64_t *attr = attributes(t, s);
    void *left = leave(ad_holds_operand(s->op, o->operand[0], attr) ? 0 : work_of(s, o));
    if (ad_known_of(t, s->out)->is_array && t->value[s->out].array) {
        const int into = ad_forward_into(s->op, o->operand, n, attr, t->value[s->out].array);
        enter(left);
        return into;
    }
    const int status = ad_ops[s->op].kind == AD_ELEMENTWISE
                           ? ad_elementwise_forward(s->op, o->operand, n, &out)
                           : ad_ops[s->op].structural.forward(o->operand, n, attr, &out);
    enter(left);
    if (status != AD_OK)
        return status;
    const ad_known *r = ad_known_of(t, s->out);
    if (r->is_array) {
        t->value[s->out].array = out;
        return ad_alike(out, r->like) || s->op == AD_OP_nonzero ? AD_OK : AD_BAD_SHAPE;       /* a guard looks at that one */
    }
    t->value[s->out].bits = 0;
    memcpy(&t->value[s->out], out->data, ad_itemsize(out->dtype));
    ad_array_release(out);
    return AD_OK;
}

static int vjp(ad_plan *t, const ad_step *s, const operands *o)
{
    const ad_known *r = ad_known_of(t, s->out);
    const int fresh = s->acc == AD_NONE || !r->is_array, n = (int)s->n;
    ad_array y_scalar, number, *acc = &number, *g = NULL;
    const ad_array *y = NULL, *from = &y_scalar;
    ad_value share = {.bits = 0};
    wrap(t, s->y, &y_scalar, &y);
    ad_array g_scalar;
    if (ad_known_of(t, s->g)->is_array)
        from = g = array_in(t, s->g);
    else
        wrap(t, s->g, &g_scalar, &from);
    if (r->is_array)
        acc = fresh ? room_for(t, s->out) : take_acc(t, s);
    else
        number = (ad_array){.refs = 1, .dtype = r->dtype, .size = 1, .data = &share};
    int status = acc && from ? AD_OK : AD_NO_MEMORY;
    void *left = status == AD_OK ? leave(elements(o, n)) : NULL;
    if (status == AD_OK)
        status = ad_ops[s->op].kind == AD_ELEMENTWISE
                     ? ad_elementwise_vjp(s->op, s->k, from, o->operand, n, y, acc, fresh)
                     : ad_ops[s->op].structural.vjp(s->k, from, o->operand, n, y, attributes(t, s), acc, fresh);
    enter(left);
    if (r->is_array) {
        t->value[s->out].array = acc;
    } else {
        if (s->acc != AD_NONE && r->dtype == AD_F64)
            share.f64 = t->value[s->acc].f64 + share.f64;
        else if (s->acc != AD_NONE)
            share.f32 = t->value[s->acc].f32 + share.f32;
        t->value[s->out] = share;
    }
    if (g)
        ad_array_release(g);
    return status;
}

static int spread(ad_plan *t, const ad_step *s)
{
    ad_array *a = array_in(t, s->g);
    t->value[s->out].array = a ? ad_spread(a) : NULL;
    return t->value[s->out].array ? AD_OK : AD_NO_MEMORY;
}

/* (What lies between is never there.) */
static int outers(ad_plan *t, const ad_step *s, const char *const *seats)
{
    const ad_step *last = s + s->batch - 1;
    ad_array *sum = s->acc == AD_NONE ? ad_array_alike(s->dtype, ad_known_of(t, s->out)->like) : take_acc(t, s);
    t->value[last->out].array = sum;
    if (sum == NULL)
        return AD_NO_MEMORY;
    if (s->acc == AD_NONE)
        memset(sum->data, 0, ad_array_bytes(sum));
    void *left = leave(sum->size * s->batch);
    ad_run_outers(t, s, seats, sum);
    enter(left);
    return AD_OK;
}

/* A value and its share, or both shares of a product. */
static int both(ad_plan *t, const ad_step *s)
{
    const ad_array *in[AD_MAX_OPERANDS], *g;
    ad_array scalars[AD_MAX_OPERANDS], g_scalar, number, *y = ad_known_of(t, s->out)->is_array ? room_for(t, s->out) : number_at(t, s->out, &number);
    ad_array *share = room_for(t, s[1].out);
    int status = AD_OK;
    if (y == NULL || share == NULL)
        return AD_NO_MEMORY;
    if (y == &number)
        t->value[s->out].bits = 0;
    wrap(t, s[1].g, &g_scalar, &g);
    for (uint32_t k = 0; k < s->n && k < AD_MAX_OPERANDS; k++)
        wrap(t, t->words.at[s->in + k], &scalars[k], &in[k]);
    void *left = leave(share->size);
    if (s->kind == AD_FORWARD)
        status = ad_reduction_twin_of(s->op)(g, in, attributes(t, s), y, share);
    else
        ad_run_shares_of_row(t, s, y, share);
    enter(left);
    return status;
}

static int single(ad_plan *t, const ad_step *s, const char *const *seats)
{
    operands o;
    if (s->batch)
        return s->op == AD_OP_matvec ? outers(t, s, seats) : both(t, s);
    if (s->kind == AD_SPREAD)
        return spread(t, s);
    if (s->kind == AD_ADD) {                                /* (of no elements: all others are in loops) */
        t->value[s->out].array = take_acc(t, s);
        return t->value[s->out].array ? AD_OK : AD_NO_MEMORY;
    }
    int status = open_operands(t, s, &o);
    if (status == AD_OK)
        status = s->kind == AD_FORWARD ? forward(t, s, &o) : vjp(t, s, &o);
    close_operands(&o);
    return status;
}

/* ------------------------------------------------------------------------------------------------- items */
static int loop(ad_plan *t, ad_loop *l, const uint32_t *bound)
{
    for (uint32_t i = 0; i < l->makes.n; i++) {
        const ad_make *m = &l->makes.at[i];
        ad_array *made = ad_array_alike((int)m->dtype, m->like);
        t->value[bound[m->reg]].array = made;
        if (made == NULL)
            return AD_NO_MEMORY;
    }
    void *left = leave(ad_loop_work(l));
    const int status = ad_loop_run(t, l, bound);
    enter(left);
    for (uint32_t i = 0; i < l->drops.n; i++)
        drop(t, bound[l->drops.at[i]]);
    return status;
}

/* What Python was given of a number.  Of an array it is the shape, which Python looks at. */
static int is_as_recorded(const ad_plan *t, const ad_step *s)
{
    const ad_guard *guard = &t->guards.at[s->in];
    const ad_known *r = ad_known_of(t, s->g);
    const ad_value x = t->value[s->g];
    if (r->is_array)
        return 0;
    if (guard->truth)
        return (r->dtype == AD_F64 ? x.f64 != 0 : r->dtype == AD_F32 ? x.f32 != 0 : r->dtype == AD_I64 ? x.i64 != 0 : r->dtype == AD_I32 ? x.i32 != 0 : x.b != 0) == (int)guard->outcome;
    const size_t item = ad_itemsize(r->dtype);
    return (item == 8 ? x.bits : item == 4 ? (uint64_t)(uint32_t)x.i32 : (uint64_t)x.b) == guard->outcome;
}

void ad_plan_done(ad_plan *t)
{
    const ad_turn *turn = &t->turns[t->at++];
    for (uint32_t i = turn->dead; i < turn[1].dead; i++)
        drop(t, t->dead.at[i]);
}

int ad_plan_item(ad_plan *t)
{
    const ad_turn *item = &t->turns[t->at];
    if (item->kind == AD_LOOP)
        return loop(t, &t->loops.at[item->from], t->bound.at + item->to);
    if (item->kind == AD_DIRECT)
        return ad_run_direct(t, &t->directs.at[item->to]);
    if (item->kind == AD_IS_RUN)
        return AD_OK;
    if (item->kind == AD_SINGLE) {
        const ad_step *s = &t->steps.at[item->from];
        if (s->kind == AD_GUARD)
            return is_as_recorded(t, s) ? AD_OK : AD_PLAN_PYTHON;
        return single(t, s, item->to ? t->seats.at + item->to - 1 : NULL);
    }
    void *left = leave(item->to - item->from);
    ad_cpu->scalar_run(t->scalars.at + item->from, t->scalars.at + item->to, t->value);
    enter(left);
    return AD_OK;
}

static int band(ad_plan *t, ad_band *b)
{
    void *left = leave(b->work);
    const int status = ad_band_run(t, b);
    enter(left);
    while (status == AD_OK && t->at + 1 < b->to)
        ad_plan_done(t);
    return status;
}

/* A plan of many registers does not stay in the second-level cache, and the processor cannot know what the items after this one will read:
 * ask for it while this one runs.  (Arrays that keep their places stand in the order in which they are written, and their loops and kernels
 * know them: the processor follows by itself.)  Farthest ahead for what an item is, then for where its registers stand, then for the arrays in them. */
enum { MANY = 1 << 15, FAR = 8, NEAR = 4, NEXT = 2 };       /* registers; items */
enum { LOOKED_AT = 4096, LINE = 64 };                       /* bytes of an array: longer ones the processor follows by itself */

/* (Not by what stands in the array's head: that would wait for it.) */
static void look_at_array(const ad_plan *t, uint32_t reg)
{
    const ad_known *r = ad_known_of(t, reg);
    const char *a = r->is_array ? (const char *)t->value[reg].array : NULL;
    const size_t bytes = a ? (size_t)r->like->size * ad_itemsize(r->dtype) : LOOKED_AT + 1;
    for (size_t at = 0; bytes <= LOOKED_AT && at < bytes + LINE; at += LINE)
        __builtin_prefetch(a + at);
}

static void look_at_step(const ad_plan *t, const ad_step *s)
{
    const uint32_t touched[] = {s->out, s->acc, s->g, s->y};
    if (s->attr)
        __builtin_prefetch(&t->program->words[s->attr]);
    __builtin_prefetch(&t->words.at[s->in]);
    for (int i = 0; i < 4; i++)
        if (touched[i] != AD_NONE)
            __builtin_prefetch(&t->value[touched[i]]);
}

static void look_ahead(const ad_plan *t)
{
    const ad_turn *item = &t->turns[t->at], *near = item + NEAR, *next = item + NEXT;
    if (item[FAR].kind == AD_SINGLE)
        __builtin_prefetch(&t->steps.at[item[FAR].from]);
    else if (item[FAR].kind == AD_LOOP)
        __builtin_prefetch(t->bound.at + item[FAR].to);
    if (near->kind == AD_SINGLE)
        look_at_step(t, &t->steps.at[near->from]);
    for (uint32_t i = 0; near->kind == AD_LOOP && i < t->loops.at[near->from].n_bound; i++)
        __builtin_prefetch(&t->value[t->bound.at[near->to + i]]);
    for (uint32_t i = 0; next->kind == AD_LOOP && i < t->loops.at[next->from].n_bound; i++)
        look_at_array(t, t->bound.at[next->to + i]);
}

int ad_plan_run(ad_plan *t)
{
    for (; t->at < t->items.n; ad_plan_done(t)) {
        if (t->registers.n >= MANY && t->settled_lines == 0 && t->at + FAR < t->items.n)
            look_ahead(t);
        const uint32_t in = t->turns[t->at].band;
        const int status = in ? band(t, &t->bands.at[in - 1]) : ad_plan_item(t);
        if (status != AD_OK)
            return status;
    }
    return AD_OK;
}

const ad_step *ad_plan_pending(const ad_plan *t) { return &t->steps.at[t->turns[t->at].from]; }

uint32_t ad_plan_operand(const ad_plan *t, const ad_step *s, uint32_t k) { return t->words.at[s->in + k]; }

ad_value ad_plan_value(const ad_plan *t, uint32_t reg, int *dtype, int *is_array)
{
    *dtype = ad_known_of(t, reg)->dtype;
    *is_array = ad_known_of(t, reg)->is_array;
    return t->value[reg];
}

void ad_plan_end(ad_plan *t)
{
    const uint32_t whole = t->at == t->items.n ? t->arrays.n : 0;        /* (what else there was is given up by then) */
    for (uint32_t i = 0; i < whole; i++)
        drop(t, t->arrays.at[i]);
    for (uint32_t r = 0; r < t->registers.n && t->at < t->items.n; r++) {
        const ad_register *reg = &t->registers.at[r];
        if (reg->is_array && reg->number == AD_NONE && !reg->fixed && !reg->settled)
            drop(t, r);
    }
    t->at = 0;
}
