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

enum { OPEN = AD_NONE - 1, WAITING = AD_NONE - 2, BEFORE = AD_NONE - 3, IN_STRETCH = AD_NONE - 4, MOST_LOOPED = 4096, MOST_HISTORY = 256 };      /* where a register that has no item yet is written */

/* ------------------------------------------------------------------------------------------------- items */
typedef struct {
    AD_LIST(uint32_t) steps;
    ad_form form;
    int64_t low, high;                                      /* where the loop's AD_PLACEs put what they place */
    uint32_t mark;                                          /* where its registers are written, while it has no item */
} building;
typedef struct {
    ad_plan *t;
    building loop, before;                                  /* the open loop; one that runs before it, and reads nothing of it */
    AD_LIST(uint32_t) stretch;                              /* scalar steps, which run before both loops; items so far do not need them */
    AD_LIST(uint32_t) waiting;                              /* steps that run after the open loop */
} order;

enum touch { UNTOUCHED, ARRAY_OF_LOOP, KNOWN_AFTER_LOOP };  /* the last: what is late, or waits */

static enum touch touch_of(const order *o, const building *l, const ad_step *s, int late)
{
    enum touch most = UNTOUCHED;
    for (uint32_t k = 0; k < s->n + 3 && l->steps.n; k++) {
        const uint32_t r = ad_read_by(o->t, s, k);
        const ad_register *x = r == AD_NONE ? NULL : &o->t->registers.at[r];
        if (x == NULL || (x->born != l->mark && (x->born != WAITING || l->mark == BEFORE)))
            continue;
        const int adds = late && k == s->n + 2;             /* what is late can be added to what is late too, not to what goes by */
        if (x->born == WAITING || (adds ? !x->late : x->late))
            return KNOWN_AFTER_LOOP;
        most = ARRAY_OF_LOOP;
    }
    return most;
}

/* Say of what a step writes where it is, while it has no item. */
static void mark_born(ad_plan *t, const ad_step *s, uint32_t born)
{
    if (s->out != AD_NONE)
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
    if (s->out != AD_NONE)
        t->registers.at[s->out].born = t->registers.at[s->out].dies = at;
    const uint32_t beside = s->kind == AD_FORWARD && s->out != AD_NONE ? t->registers.at[s->out].derivative : AD_NONE;
    if (beside != AD_NONE)
        t->registers.at[beside].born = t->registers.at[beside].dies = at;
}

void ad_place_item(ad_plan *t, uint32_t at)
{
    const ad_item *item = &t->items.at[at];
    for (uint32_t i = item->from; item->kind != AD_SINGLE && i < item->to; i++)
        place(t, &t->steps.at[item->kind == AD_LOOP ? t->looped.at[i] : t->scalar_steps.at[i]], at);
    if (item->kind == AD_SINGLE)
        place(t, &t->steps.at[item->from], at);
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

ad_scalar_step ad_as_scalar(const ad_plan *t, const ad_step *s)
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
            if (ad_ops[s->op].reads[s->k][s->dtype] & in_order[i])
                c.r[n++] = i == 0 ? s->g : i == 4 ? s->y : t->words.at[s->in + (uint32_t)i - 1];
    }
    return c;
}

static int add_scalar(ad_plan *t, const ad_step *s)
{
    if (t->items.n == 0 || t->items.at[t->items.n - 1].kind != AD_SCALARS) {
        const int status = AD_PUSH(t->items, (ad_item){.kind = AD_SCALARS, .from = t->scalars.n, .to = t->scalars.n});
        if (status != AD_OK)
            return status;
    }
    t->items.at[t->items.n - 1].to++;
    place(t, s, t->items.n - 1);
    const int status = AD_PUSH(t->scalars, ad_as_scalar(t, s));
    return status == AD_OK ? AD_PUSH(t->scalar_steps, (uint32_t)(s - t->steps.at)) : status;
}

static void begin(building *l) { l->steps.n = 0, l->form = (ad_form){0, 0}, l->low = INT64_MAX / 2, l->high = -l->low; }

static int end_stretch(order *o)
{
    int status = AD_OK;
    for (uint32_t i = 0; i < o->stretch.n && status == AD_OK; i++)
        status = add_scalar(o->t, &o->t->steps.at[o->stretch.at[i]]);
    o->stretch.n = 0;
    return status;
}

static int add_loop(order *o, building *l)
{
    ad_plan *t = o->t;
    if (l->steps.n == 0)
        return AD_OK;
    int status = end_stretch(o);
    if (status == AD_OK)
        status = AD_PUSH(t->items, (ad_item){.kind = AD_LOOP, .from = t->looped.n, .to = t->looped.n + l->steps.n, .looped = t->looped.n, .form = l->form});
    for (uint32_t i = 0; i < l->steps.n && status == AD_OK; i++) {
        place(t, &t->steps.at[l->steps.at[i]], t->items.n - 1);
        status = AD_PUSH(t->looped, l->steps.at[i]);
    }
    begin(l);
    return status;
}

/* An element of an array is read before the stretch at hand, not between two: x[0], x[1] and so on, wherever they are written. */
static int is_element(const ad_plan *t, const ad_step *s)
{
    return s->kind == AD_FORWARD && s->op == AD_OP_view && !t->registers.at[s->out].is_array && t->registers.at[t->words.at[s->in]].is_array;
}

/* An item of its own, before the open loop. */
static int add_item(order *o, uint32_t step)
{
    ad_plan *t = o->t;
    const ad_step *s = &t->steps.at[step];
    int status = touch_of(o, &o->before, s, 0) == UNTOUCHED ? AD_OK : add_loop(o, &o->before);
    if (status == AD_OK && is_scalar(t, s)) {
        mark_born(t, s, IN_STRETCH);
        return AD_PUSH(o->stretch, step);
    }
    if (status == AD_OK && !is_element(t, s))
        status = end_stretch(o);
    if (status == AD_OK)
        status = AD_PUSH(t->items, (ad_item){.kind = AD_SINGLE, .from = step});
    if (status == AD_OK)
        place(t, s, t->items.n - 1);
    return status;
}

/* The loop, then what waits for it. */
static int close_loop(order *o)
{
    int status = add_loop(o, &o->before);
    if (status == AD_OK)
        status = add_loop(o, &o->loop);
    for (uint32_t i = 0; i < o->waiting.n && status == AD_OK; i++)
        status = add_item(o, o->waiting.at[i]);
    o->waiting.n = 0;
    return status;
}

/* An AD_PLACE of what the loop computes, near enough to the others that a part of the block before is all that has to be kept, and
 * added to nothing but another AD_PLACE or what was there before. */
static int can_place(const order *o, const building *l, const ad_step *s, int64_t *low, int64_t *high)
{
    const ad_plan *t = o->t;
    const ad_register *g = &t->registers.at[ad_home(t, s->g)];
    const int64_t offset = ad_place_of(t, s);
    *low = l->low < offset ? l->low : offset;
    *high = l->high > offset ? l->high : offset;
    if (!g->is_array || g->born != l->mark || *high - *low > MOST_HISTORY)
        return 0;
    return s->acc == AD_NONE || t->registers.at[s->acc].born != l->mark || t->registers.at[s->acc].placed;
}

static int join(order *o, building *l, uint32_t step)
{
    const ad_step *s = &o->t->steps.at[step];
    const int late = ad_is_late(o->t, s, l->form);
    mark_born(o->t, s, l->mark);
    o->t->registers.at[s->out].late = (uint8_t)late;
    o->t->registers.at[s->out].placed = ad_part_of(o->t, s) == AD_PLACE;
    return AD_PUSH(l->steps, step);
}

/* Into a loop that it fits; *joined: does it? */
static int try_to_join(order *o, building *l, uint32_t step, int *joined)
{
    const ad_step *s = &o->t->steps.at[step];
    ad_form form = l->form;
    *joined = l->steps.n < MOST_LOOPED && ad_fits(o->t, s, l->mark, &form) && touch_of(o, l, s, ad_is_late(o->t, s, form)) != KNOWN_AFTER_LOOP;
    if (!*joined)
        return AD_OK;
    l->form = form;
    return join(o, l, step);
}

/* What can only be computed in a loop: in the open one, or, of another size and reading nothing of it, in one before it, or in a new one.
 * (The tangents along many directions are of one size, the slopes between them of another: each is one loop.) */
static int add_blockwise(order *o, uint32_t step)
{
    const ad_step *s = &o->t->steps.at[step];
    building *l = &o->loop;
    int joined, status = try_to_join(o, l, step, &joined);
    if (status != AD_OK || joined)
        return status;
    if (touch_of(o, l, s, 0) == UNTOUCHED && l->steps.n < MOST_LOOPED) {
        l = &o->before;
        status = try_to_join(o, l, step, &joined);
        if (status == AD_OK && !joined)
            status = add_loop(o, l);
    } else {
        status = close_loop(o);
    }
    return status == AD_OK && !joined ? try_to_join(o, l, step, &joined) : status;
}

/* What reads of a loop goes with it if it can; *joined: does it? */
static int add_guest(order *o, building *l, uint32_t step, enum touch touch, int *joined)
{
    const ad_step *s = &o->t->steps.at[step];
    const enum ad_part part = ad_part_of(o->t, s);
    ad_form form = l->form;
    int64_t low = l->low, high = l->high;
    *joined = part != AD_NO_PART && touch == ARRAY_OF_LOOP && l->steps.n < MOST_LOOPED && ad_fits(o->t, s, l->mark, &form) &&
              (part != AD_PLACE || can_place(o, l, s, &low, &high));
    if (!*joined)
        return AD_OK;
    l->form = form;
    l->low = low;
    l->high = high;
    return join(o, l, step);
}

/* (Steps that are run at once wait together.) */
static enum touch touch_of_batch(const order *o, uint32_t first)
{
    enum touch most = UNTOUCHED;
    const ad_step *s = &o->t->steps.at[first];
    for (uint32_t i = 0; i < s->batch && most == UNTOUCHED; i++)
        most = touch_of(o, &o->loop, s + i, 0);
    return most;
}

static int add_other(order *o, uint32_t i)
{
    ad_plan *t = o->t;
    const ad_step *s = &t->steps.at[i];
    const int leads = s->batch && s->batch != AD_IN_BATCH, late = ad_part_of(t, s) == AD_PLACE;
    const enum touch touch = leads ? touch_of_batch(o, i) : touch_of(o, &o->loop, s, late);
    int joined = 0, status = AD_OK;
    if (touch == UNTOUCHED && s->kind == AD_GUARD && o->waiting.n && t->registers.at[s->g].is_array)
        status = close_loop(o);                             /* what reads an array of another shape must not run before it is known */
    if (status != AD_OK)
        return status;
    if (touch != UNTOUCHED || (s->kind == AD_GUARD && o->waiting.n)) {         /* (guards keep their order) */
        status = add_guest(o, &o->loop, i, touch, &joined);
        if (status != AD_OK || joined)
            return status;
        mark_born(t, s, WAITING);
        return AD_PUSH(o->waiting, i);
    }
    status = add_guest(o, &o->before, i, touch_of(o, &o->before, s, late), &joined);
    return status == AD_OK && !joined ? add_item(o, i) : status;
}

static int sort_into_items(ad_plan *t)
{
    order o = {.t = t, .loop.mark = OPEN, .before.mark = BEFORE};
    int status = AD_OK;
    begin(&o.loop);
    begin(&o.before);
    for (uint32_t i = 0; i < t->steps.n && status == AD_OK; i++)
        status = t->steps.at[i].blockwise ? add_blockwise(&o, i) : add_other(&o, i);
    if (status == AD_OK)
        status = close_loop(&o);
    if (status == AD_OK)
        status = end_stretch(&o);
    free(o.stretch.at);
    free(o.loop.steps.at);
    free(o.before.steps.at);
    free(o.waiting.at);
    return status;
}

int ad_plan_finish(ad_plan *t, const uint32_t *outputs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        t->registers.at[outputs[i]].needed = 1;
    ad_drop_unneeded(t);
    ad_drop_views(t, outputs, n);
    int status = ad_pair_steps(t);
    if (status == AD_OK)
        status = ad_group_outers(t, outputs, n);
    ad_note_makers(t);
    if (status == AD_OK)
        status = sort_into_items(t);
    if (status == AD_OK)
        status = ad_find_bands(t);
    if (status == AD_OK)
        ad_check_outers(t);
    for (uint32_t i = 0; i < n; i++)
        t->registers.at[outputs[i]].dies = AD_NONE;
    if (status == AD_OK)
        status = ad_settle(t);
    if (status == AD_OK)
        status = ad_list_dead(t);
    if (status == AD_OK)
        status = ad_keep_shapes(t);
    if (status == AD_OK)
        status = ad_build_loops(t);
    if (status == AD_OK)
        status = ad_list_known(t);
    if (status == AD_OK)
        status = ad_list_turns(t);
    if (status == AD_OK)
        status = ad_build_bands(t);
    t->value = status == AD_OK ? calloc(t->registers.n + 1, sizeof *t->value) : NULL;
    if (t->value == NULL)
        return AD_NO_MEMORY;
    for (uint32_t i = 0; i < t->fixed.n; i++)
        t->value[t->fixed_register.at[i]] = t->fixed.at[i];
    return ad_move_in(t);
}
