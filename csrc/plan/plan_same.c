/* Common subexpressions: an elementwise step that computes what another one has computed, a constant that is there; and a share that
 * is a constant, as it is computed from constants.
 *
 * The same operation on the same registers gives the same bits, so the law has no condition. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of_step(const ad_plan *t, const ad_step *s)
{
    uint64_t h = ad_mix(s->kind, (uint64_t)s->op << 32 | s->k);
    h = ad_mix(ad_mix(h, s->g), s->acc);
    for (uint32_t k = 0; k < s->n; k++)
        h = ad_mix(h, t->words.at[s->in + k]);
    return h;
}

static int same_steps(const ad_plan *t, const ad_step *a, const ad_step *b)
{
    if (a->kind != b->kind || a->op != b->op || a->k != b->k || a->g != b->g || a->acc != b->acc || a->n != b->n)
        return 0;
    return memcmp(t->words.at + a->in, t->words.at + b->in, a->n * sizeof *t->words.at) == 0;
}

int ad_fold(ad_plan *t, const ad_step *s, uint32_t *out)
{
    if (s->kind != AD_VJP || s->dtype > AD_F64 || ad_ops[s->op].kind != AD_ELEMENTWISE || t->registers.at[s->g].is_array)
        return AD_OK;
    for (uint32_t k = 0; k < s->n + 3; k++) {
        const uint32_t r = ad_read_by(t, s, k);
        if (r != AD_NONE && (!t->registers.at[r].fixed || t->registers.at[r].is_array))
            return AD_OK;
    }
    ad_scalar_step c = ad_as_scalar(t, s);
    ad_value value[6] = {{.bits = 0}};
    uint32_t *read[] = {&c.r[0], &c.r[1], &c.r[2], &c.r[3], &c.acc};
    for (uint32_t i = 0; i < 5; i++)
        if (*read[i] != AD_NONE) {
            const ad_register *r = &t->registers.at[*read[i]];
            if (r->fixed && !r->is_array)                   /* (an operand that is not read stands for any register) */
                value[i] = t->fixed.at[r->made];
            *read[i] = i;
        }
    c.out = 5;
    ad_cpu->scalar_run(&c, &c + 1, value);
    t->n_known++;
    return ad_plan_add_constant(t, s->dtype, NULL, value[5], out);
}

static uint64_t hash_of_constant(int dtype, ad_value value) { return ad_mix((uint64_t)dtype, value.bits); }

/* ------------------------------------------------------------------------------------------------- tables */
int ad_table_grow(const ad_plan *t, ad_table *table, uint64_t (*hash)(const ad_plan *, uint32_t))
{
    const uint32_t room = table->room ? table->room * 2 : 64;
    uint32_t *at = calloc(room, sizeof *at);
    if (at == NULL)
        return AD_NO_MEMORY;
    for (uint32_t i = 0; i < table->room; i++)
        if (table->at[i]) {
            uint32_t place = (uint32_t)hash(t, table->at[i] - 1) & (room - 1);
            while (at[place])
                place = (place + 1) & (room - 1);
            at[place] = table->at[i];
        }
    free(table->at);
    table->at = at;
    table->room = room;
    return AD_OK;
}

static uint64_t hash_of_kept_step(const ad_plan *t, uint32_t i) { return hash_of_step(t, &t->steps.at[i]); }

static uint64_t hash_of_kept_constant(const ad_plan *t, uint32_t i)
{
    return hash_of_constant(t->registers.at[t->fixed_register.at[i]].dtype, t->fixed.at[i]);
}

uint32_t ad_same_step(ad_plan *t, const ad_step *s, int *noted)
{
    ad_table *table = &t->known_steps;
    *noted = table->n * 2 >= table->room ? ad_table_grow(t, table, hash_of_kept_step) : AD_OK;
    if (*noted != AD_OK || (s->kind != AD_FORWARD && s->kind != AD_VJP) || ad_ops[s->op].kind != AD_ELEMENTWISE)
        return AD_NONE;
    uint32_t place = (uint32_t)hash_of_step(t, s) & (table->room - 1);
    for (; table->at[place]; place = (place + 1) & (table->room - 1))
        if (same_steps(t, &t->steps.at[table->at[place] - 1], s))
            return t->steps.at[table->at[place] - 1].out;
    table->at[place] = t->steps.n + 1;
    table->n++;
    return AD_NONE;
}

uint32_t ad_same_constant(ad_plan *t, int dtype, int is_array, ad_value value, int *noted)
{
    ad_table *table = &t->known_constants;
    *noted = table->n * 2 >= table->room ? ad_table_grow(t, table, hash_of_kept_constant) : AD_OK;
    if (*noted != AD_OK)
        return AD_NONE;
    uint32_t place = (uint32_t)hash_of_constant(dtype, value) & (table->room - 1);
    for (; table->at[place]; place = (place + 1) & (table->room - 1)) {
        const uint32_t i = table->at[place] - 1, r = t->fixed_register.at[i];
        if (t->registers.at[r].dtype == dtype && t->registers.at[r].is_array == is_array && t->fixed.at[i].bits == value.bits)
            return r;
    }
    table->at[place] = t->fixed.n + 1;
    table->n++;
    return AD_NONE;
}
