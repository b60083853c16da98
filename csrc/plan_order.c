/* The order in which a plan's steps run, and what need not run at all.
 *
 * Scalar steps that follow each other become one stretch.  Elementwise steps on arrays of one shape gather in a loop.  What comes in
 * between and does not belong to it runs before the loop, or, where it reads what the loop computes, waits until after; the loop
 * is closed when a step that would join it reads something that waits.  So the way forward and the way back meet in one loop, unless
 * the one needs the whole of the other. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "generated/opcodes.h"

enum { OPEN = AD_NONE - 1, WAITING = AD_NONE - 2, MOST_LOOPED = 4096 };      /* where a register that has no item yet is written */

uint32_t ad_read_by(const ad_plan *t, const ad_step *s, uint32_t k)
{
    if (k >= s->n) {
        const uint32_t r = k == s->n ? s->y : k == s->n + 1 ? s->g : s->acc;
        const int unread = k == s->n && s->kind == AD_VJP && ad_ops[s->op].kind == AD_ELEMENTWISE && !(ad_ops[s->op].reads[s->k] & AD_READS_Y);
        return r == AD_NONE || unread ? AD_NONE : ad_home(t, r);
    }
    /* a single step may look at the shapes of all operands */
    const int picks = s->kind == AD_VJP && ad_ops[s->op].kind == AD_ELEMENTWISE &&
                      (s->blockwise || !t->registers.at[s->g].is_array);
    if (picks && !(ad_ops[s->op].reads[s->k] & AD_READS_A << k))
        return AD_NONE;
    return ad_home(t, t->words.at[s->in + k]);
}

int ad_is_sum(const ad_plan *t, const ad_step *s)
{
    if (s->kind != AD_FORWARD || s->op != AD_OP_reduce_sum || s->dtype > AD_F64)
        return 0;
    return t->registers.at[t->words.at[s->in]].is_array && !t->registers.at[s->out].is_array;
}

/* Mark, last step first, what the wanted registers need; drop the other steps. */
static void mark(ad_plan *t)
{
    ad_register *const reg = t->registers.at;
    for (uint32_t i = t->steps.n; i-- > 0;) {
        const ad_step *s = &t->steps.at[i];
        int needed = s->kind == AD_GUARD;
        if (s->kind == AD_PYTHON_VJP) {
            for (uint32_t k = 0; k < s->n; k++)
                needed |= t->words.at[s->in + s->n + k] != AD_NONE && reg[t->words.at[s->in + s->n + k]].needed;
        } else if (s->kind != AD_GUARD) {
            needed = reg[s->out].needed;
        }
        if (!needed) {
            t->steps.at[i].n = AD_NONE;
            continue;
        }
        for (uint32_t k = 0; k < s->n + 3; k++) {
            const uint32_t r = ad_read_by(t, s, k);
            if (r != AD_NONE)
                reg[r].needed = 1;
        }
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->steps.n; i++)
        if (t->steps.at[i].n != AD_NONE)
            t->steps.at[kept++] = t->steps.at[i];
    t->steps.n = kept;
}

/* ------------------------------------------------------------------------------------------------- items */
typedef struct {
    ad_plan *t;
    AD_LIST(uint32_t) open, waiting;                        /* steps of the open loop; steps that run after it */
    const ad_array *shape;
} order;

enum touch { UNTOUCHED, ARRAY_OF_LOOP, KNOWN_AFTER_LOOP };  /* the last: a sum, or what waits */

static enum touch touch_of(const order *o, const ad_step *s)
{
    enum touch most = UNTOUCHED;
    for (uint32_t k = 0; k < s->n + 3 && o->open.n; k++) {
        const uint32_t r = ad_read_by(o->t, s, k);
        const uint32_t born = r == AD_NONE ? AD_NONE : o->t->registers.at[r].born;
        if (born == WAITING || (born == OPEN && !o->t->registers.at[r].is_array))
            return KNOWN_AFTER_LOOP;
        if (born == OPEN)
            most = ARRAY_OF_LOOP;
    }
    return most;
}

/* Say of what a step writes where it is, while it has no item. */
static void mark_born(ad_plan *t, const ad_step *s, uint32_t born)
{
    for (uint32_t k = 0; k < s->n && s->kind == AD_PYTHON_VJP; k++)
        if (t->words.at[s->in + s->n + k] != AD_NONE)
            t->registers.at[t->words.at[s->in + s->n + k]].born = born;
    if (s->kind != AD_PYTHON_VJP && s->out != AD_NONE)
        t->registers.at[s->out].born = born;
}

/* Item `at` reads and writes what the step does. */
static void place(ad_plan *t, const ad_step *s, uint32_t at)
{
    for (uint32_t k = 0; k < s->n + 3; k++) {
        const uint32_t r = ad_read_by(t, s, k);
        if (r != AD_NONE)
            t->registers.at[r].dies = at;
    }
    if (s->kind == AD_PYTHON_VJP)
        for (uint32_t k = 0; k < s->n; k++) {
            const uint32_t r = t->words.at[s->in + s->n + k];
            if (r != AD_NONE)
                t->registers.at[r].born = t->registers.at[r].dies = at;
        }
    else if (s->out != AD_NONE)
        t->registers.at[s->out].born = t->registers.at[s->out].dies = at;
}

static int is_scalar(const ad_plan *t, const ad_step *s)
{
    if (s->out == AD_NONE || t->registers.at[s->out].is_array)
        return 0;
    if (s->kind == AD_ADD)
        return 1;
    return (s->kind == AD_FORWARD && ad_ops[s->op].kind == AD_ELEMENTWISE) ||
           (s->kind == AD_VJP && ad_ops[s->op].kind == AD_ELEMENTWISE && !t->registers.at[s->g].is_array);
}

static int add_scalar(ad_plan *t, const ad_step *s)
{
    static const uint8_t in_order[] = {AD_READS_G, AD_READS_A, AD_READS_A << 1, AD_READS_A << 2, AD_READS_Y};
    ad_scalar_step c = {.out = s->out, .acc = s->acc, .r = {0}};
    if (s->kind == AD_ADD) {
        c = (ad_scalar_step){.code = AD_VALUE_CODE(AD_OP_add, s->dtype), .out = s->out, .acc = AD_NONE, .r = {s->acc, s->g}};
    } else if (s->kind == AD_FORWARD) {
        c.code = AD_VALUE_CODE(s->op, t->registers.at[t->words.at[s->in + s->n - 1]].dtype);
        for (uint32_t k = 0; k < s->n; k++)
            c.r[k] = t->words.at[s->in + k];
    } else {
        c.code = AD_SHARE_CODE(s->op, s->k, s->dtype);
        int n = 0;
        for (int i = 0; i < 5; i++)
            if (ad_ops[s->op].reads[s->k] & in_order[i])
                c.r[n++] = i == 0 ? s->g : i == 4 ? s->y : t->words.at[s->in + (uint32_t)i - 1];
    }
    if (t->items.n == 0 || t->items.at[t->items.n - 1].kind != AD_SCALARS) {
        const int status = AD_PUSH(t->items, (ad_item){.kind = AD_SCALARS, .from = t->scalars.n, .to = t->scalars.n});
        if (status != AD_OK)
            return status;
    }
    t->items.at[t->items.n - 1].to++;
    place(t, s, t->items.n - 1);
    const int status = AD_PUSH(t->scalars, c);
    return status == AD_OK ? AD_PUSH(t->scalar_steps, (uint32_t)(s - t->steps.at)) : status;
}

static int add_item(ad_plan *t, uint32_t step)
{
    const ad_step *s = &t->steps.at[step];
    if (is_scalar(t, s))
        return add_scalar(t, s);
    const int status = AD_PUSH(t->items, (ad_item){.kind = AD_SINGLE, .from = step});
    if (status == AD_OK)
        place(t, s, t->items.n - 1);
    return status;
}

/* The loop, then what waits for it. */
static int close_loop(order *o)
{
    ad_plan *t = o->t;
    if (o->open.n == 0)
        return AD_OK;
    int status = AD_PUSH(t->items, (ad_item){.kind = AD_LOOP, .from = t->looped.n, .to = t->looped.n + o->open.n});
    for (uint32_t i = 0; i < o->open.n && status == AD_OK; i++) {
        place(t, &t->steps.at[o->open.at[i]], t->items.n - 1);
        status = AD_PUSH(t->looped, o->open.at[i]);
    }
    for (uint32_t i = 0; i < o->waiting.n && status == AD_OK; i++)
        status = add_item(t, o->waiting.at[i]);
    o->open.n = o->waiting.n = 0;
    return status;
}

static int join_loop(order *o, uint32_t step, const ad_array *shape)
{
    int status = AD_OK;
    if (o->open.n == MOST_LOOPED || (o->open.n && !ad_alike(shape, o->shape)))
        status = close_loop(o);
    o->shape = shape;
    mark_born(o->t, &o->t->steps.at[step], OPEN);
    return status == AD_OK ? AD_PUSH(o->open, step) : status;
}

static int sort_into_items(ad_plan *t)
{
    order o = {.t = t};
    int status = AD_OK;
    for (uint32_t i = 0; i < t->steps.n && status == AD_OK; i++) {
        const ad_step *s = &t->steps.at[i];
        const enum touch touch = touch_of(&o, s);
        const int sums = touch == ARRAY_OF_LOOP && ad_is_sum(t, s);
        if (s->blockwise && touch == KNOWN_AFTER_LOOP)
            status = close_loop(&o);
        if (status != AD_OK)
            break;
        if (s->blockwise || sums) {
            status = join_loop(&o, i, sums ? o.shape : t->registers.at[s->out].like);
        } else if (touch != UNTOUCHED || (s->kind == AD_GUARD && o.waiting.n)) {        /* (guards keep their order) */
            mark_born(t, s, WAITING);
            status = AD_PUSH(o.waiting, i);
        } else {
            status = add_item(t, i);
        }
    }
    if (status == AD_OK)
        status = close_loop(&o);
    free(o.open.at);
    free(o.waiting.at);
    return status;
}

/* ------------------------------------------------------------------------------------------------- ends of lives */
static int is_own_array(const ad_register *r) { return r->is_array && r->number == AD_NONE && !r->lasting && r->born != AD_NONE; }

/* For every item the arrays that nothing reads after it. */
static int list_dead(ad_plan *t)
{
    uint32_t *count = calloc(t->items.n + 1, sizeof *count);
    if (count == NULL)
        return AD_NO_MEMORY;
    int status = AD_OK;
    for (uint32_t r = 0; r < t->registers.n && status == AD_OK; r++) {
        const ad_register *reg = &t->registers.at[r];
        if (!is_own_array(reg))
            continue;
        if (reg->dies == AD_NONE)
            status = AD_PUSH(t->arrays, r);
        else if (t->items.at[reg->born].kind != AD_LOOP || reg->dies != reg->born)
            count[reg->dies]++;
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < t->items.n; i++) {
        t->items.at[i].dead = t->items.at[i].n_dead = sum;
        sum += count[i];
    }
    free(count);
    if (status == AD_OK && sum > 0)
        status = ad_list_grow((void **)&t->dead.at, &t->dead.room, sum, sizeof *t->dead.at);
    if (status != AD_OK)
        return status;
    for (uint32_t r = 0; r < t->registers.n; r++) {
        const ad_register *reg = &t->registers.at[r];
        if (is_own_array(reg) && reg->dies != AD_NONE && (t->items.at[reg->born].kind != AD_LOOP || reg->dies != reg->born))
            t->dead.at[t->items.at[reg->dies].n_dead++] = r;
    }
    t->dead.n = sum;
    for (uint32_t i = 0; i < t->items.n; i++)
        t->items.at[i].n_dead -= t->items.at[i].dead;
    return AD_OK;
}

static int build_loops(ad_plan *t)
{
    uint32_t blocks = 0, sums = 0;
    for (uint32_t i = 0; i < t->items.n; i++) {
        ad_item *item = &t->items.at[i];
        if (item->kind != AD_LOOP)
            continue;
        ad_loop l = {.size = 0};
        int status = ad_plan_add_loop(t, item, &l);
        if (status == AD_OK)
            status = AD_PUSH(t->loops, l);
        if (status != AD_OK) {
            free(l.steps);
            free(l.streams);
            return status;
        }
        t->loops.at[t->loops.n - 1].first_step = item->from;
        item->from = t->loops.n - 1;
        blocks = l.n_blocks > blocks ? l.n_blocks : blocks;
        const uint32_t own = l.n_sums * (uint32_t)((l.size + AD_SUM_BLOCK - 1) / AD_SUM_BLOCK);
        sums = own > sums ? own : sums;
    }
    t->scratch = malloc((size_t)blocks * AD_LOOP_BLOCK * 8 + 64);
    t->sums = malloc(((size_t)sums + 1) * sizeof *t->sums);
    return t->scratch && t->sums ? AD_OK : AD_NO_MEMORY;
}

/* Registers keep shapes of their own: what the program holds is then free to go. */
static int keep_shapes(ad_plan *t)
{
    for (uint32_t r = 0; r < t->registers.n; r++) {
        ad_register *reg = &t->registers.at[r];
        if (!reg->is_array)
            continue;
        reg->like = ad_array_uniform(reg->dtype, reg->like->ndim, reg->like->shape);
        reg->keeps = 1;
        if (reg->like == NULL)
            return AD_NO_MEMORY;
    }
    return AD_OK;
}

int ad_plan_finish(ad_plan *t, const uint32_t *outputs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        t->registers.at[outputs[i]].needed = 1;
    mark(t);
    int status = sort_into_items(t);
    for (uint32_t i = 0; i < n; i++)
        t->registers.at[outputs[i]].dies = AD_NONE;
    if (status == AD_OK)
        status = list_dead(t);
    if (status == AD_OK)
        status = keep_shapes(t);
    if (status == AD_OK)
        status = build_loops(t);
    t->value = status == AD_OK ? calloc(t->registers.n + 1, sizeof *t->value) : NULL;
    if (t->value == NULL)
        return AD_NO_MEMORY;
    for (uint32_t i = 0; i < t->fixed.n; i++)
        t->value[t->fixed_register.at[i]] = t->fixed.at[i];
    return AD_OK;
}
