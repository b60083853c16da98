/* When the arrays of a plan end, and what a run looks up of its registers and items, once these have their order. */
#include "plan.h"

#include <stdlib.h>

static int is_own_array(const ad_register *r) { return r->is_array && r->number == AD_NONE && !r->lasting && r->born != AD_NONE && !r->settled; }

/* For every item the arrays that nothing reads after it, but for those that keep their places. */
int ad_list_dead(ad_plan *t)
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

/* Registers keep shapes of their own: what the program holds is then free to go.  One array serves all that follow each other closely with
 * its shape: a long plan is read from memory as it runs, and there are few shapes in it. */
enum { SHAPES = 16 };
int ad_keep_shapes(ad_plan *t)
{
    const ad_array *latest[SHAPES] = {NULL};
    uint32_t n = 0;
    for (uint32_t r = 0; r < t->registers.n; r++) {
        ad_register *reg = &t->registers.at[r];
        if (!reg->is_array)
            continue;
        int k = 0;
        while (k < SHAPES && !(latest[k] && latest[k]->dtype == reg->dtype && ad_alike(latest[k], reg->like)))
            k++;
        if (k == SHAPES)
            reg->like = latest[n++ % SHAPES] = ad_array_uniform(reg->dtype, reg->like->ndim, reg->like->shape);
        else
            reg->like = ad_array_hold((ad_array *)latest[k]);
        if (reg->like == NULL)
            return AD_NO_MEMORY;
        reg->keeps = 1;
    }
    return AD_OK;
}

/* An adjoint may be an operand itself: that of x in x * y is y. */
static int takes_acc(const ad_plan *t, const ad_step *s, uint32_t at)
{
    const ad_register *r = s->acc == AD_NONE ? NULL : &t->registers.at[s->acc];
    int takes = r && r->number == AD_NONE && !r->lasting && !r->settled && r->dies == at && s->acc != s->y;
    for (uint32_t k = 0; k < s->n; k++)
        takes &= t->words.at[s->in + k] != s->acc;
    return takes;
}

/* What a run looks up of a register: one that an earlier one has, if that was lately. */
static int add_known(ad_plan *t, uint32_t r)
{
    const ad_register *x = &t->registers.at[r];
    for (uint32_t k = t->known.n; k-- > 0 && k + SHAPES > t->known.n;) {
        const ad_known *y = &t->known.at[k];
        if (x->like == y->like && x->number == y->number && x->dtype == y->dtype && x->is_array == y->is_array) {
            t->known_as[r] = k;
            return AD_OK;
        }
    }
    t->known_as[r] = t->known.n;
    return AD_PUSH(t->known, (ad_known){.like = x->like, .number = x->number, .dtype = x->dtype, .is_array = x->is_array});
}

int ad_list_known(ad_plan *t)
{
    t->known_as = malloc((t->registers.n + 1) * sizeof *t->known_as);
    int status = t->known_as ? AD_OK : AD_NO_MEMORY;
    for (uint32_t r = 0; r < t->registers.n && status == AD_OK; r++)
        status = add_known(t, r);
    return status;
}

/* What it looks up of an item, and of the step that is one. */
int ad_list_turns(ad_plan *t)
{
    t->turns = malloc((t->items.n + 1) * sizeof *t->turns);
    if (t->turns == NULL)
        return AD_NO_MEMORY;
    for (uint32_t i = 0; i < t->items.n; i++) {
        const ad_item *item = &t->items.at[i];
        t->turns[i] = (ad_turn){.from = item->from, .to = item->to, .dead = item->dead, .kind = item->kind, .band = item->band};
        if (item->kind != AD_SINGLE)
            continue;
        ad_step *s = &t->steps.at[item->from];
        s->takes = (uint8_t)takes_acc(t, s, i);
        s->attr = t->program->code[s->slot].attr;
        if (s->batch == AD_IN_BATCH)
            t->turns[i].kind = AD_IS_RUN;
    }
    t->turns[t->items.n] = (ad_turn){.dead = t->dead.n};
    return ad_list_directs(t);
}
