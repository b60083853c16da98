/* Loops that do the same to other registers are one.
 *
 * A Python loop over a thousand time steps is recorded as a thousand stretches of instructions that differ in their registers alone.  As
 * loops of their own they would be read from memory at every run; as one loop and a thousand lists of registers the most of a
 * plan stays in the first-level cache, scratch memory with it. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

/* The register's place among the loop's own.  The sign is `stream`, which is free between loops. */
static int name(ad_plan *t, ad_loop *l, uint32_t *reg)
{
    if (*reg == AD_NONE)
        return AD_OK;
    uint32_t *place = &t->registers.at[*reg].stream;
    int status = AD_OK;
    if (*place == AD_NONE) {
        *place = l->n_bound++;
        status = AD_PUSH(t->bound, *reg);
    }
    *reg = *place;
    return status;
}

static int name_all(ad_plan *t, ad_loop *l)
{
    int status = AD_OK;
#define NAME(list, reg)                                                         \
    for (uint32_t i = 0; i < l->list.n && status == AD_OK; i++)                 \
        status = name(t, l, &l->list.at[i] reg);
    NAME(streams, .reg)
    NAME(reads, .reg)
    NAME(totals, .out)
    NAME(totals, .acc)
    NAME(backs, .out)
    NAME(backs, .acc)
    NAME(places, .out)
    NAME(places, .acc)
    NAME(makes, .reg)
    NAME(drops, )
    for (uint32_t i = 0; i < l->n_bound; i++)
        t->registers.at[t->bound.at[l->bound + i]].stream = AD_NONE;
    return status;
}

static uint64_t hash_of(const ad_loop *l)
{
    uint64_t h = ad_mix((uint64_t)l->size, l->packed_bytes);
    for (size_t i = 0; i + 8 <= l->packed_bytes; i += 8) {
        uint64_t word;
        memcpy(&word, l->packed + i, 8);
        h = ad_mix(h, word);
    }
    return h;
}

static uint64_t hash_of_known(const ad_plan *t, uint32_t i) { return t->loops.at[i].hash; }

/* All that a run looks at, but for the registers: constants, which stay in scratch memory from run to run, must be the same. */
static int same(const ad_plan *t, const ad_loop *a, const ad_loop *b)
{
#define SAME(field) if (a->field != b->field) return 0;
    SAME(hash) SAME(packed_bytes) SAME(size) SAME(rows) SAME(grain) SAME(n_blocks) SAME(n_looped) SAME(n_bound) SAME(history) SAME(room)
    SAME(strip) SAME(room_at)
    SAME(steps.n) SAME(streams.n) SAME(moving.n) SAME(makes.n) SAME(drops.n) SAME(ends.n) SAME(reads.n) SAME(totals.n) SAME(backs.n)
    SAME(places.n) SAME(sources.n)
    if (memcmp(a->packed, b->packed, a->packed_bytes) != 0)
        return 0;
    for (uint32_t i = 0; i < a->n_bound; i++) {
        const uint32_t r = t->bound.at[a->bound + i], q = t->bound.at[b->bound + i];
        const ad_register *x = &t->registers.at[r], *y = &t->registers.at[q];
        if (r != q && (x->fixed || y->fixed || x->dtype != y->dtype || x->is_array != y->is_array))
            return 0;
    }
    return 1;
}

int ad_plan_add_loop(ad_plan *t, ad_item *item, ad_loop *l)
{
    l->bound = item->to = t->bound.n;
    ad_table *table = &t->known_loops;
    int status = name_all(t, l);
    if (status == AD_OK && table->n * 2 >= table->room)
        status = ad_table_grow(t, table, hash_of_known);
    l->hash = hash_of(l);
    uint32_t place = status == AD_OK ? (uint32_t)l->hash & (table->room - 1) : 0;
    for (; status == AD_OK && table->at[place]; place = (place + 1) & (table->room - 1))
        if (same(t, &t->loops.at[table->at[place] - 1], l)) {
            item->from = table->at[place] - 1;
            ad_loop_free(l);
            return AD_OK;
        }
    if (status == AD_OK)
        status = AD_PUSH(t->loops, *l);
    if (status != AD_OK) {
        ad_loop_free(l);
        return status;
    }
    item->from = t->loops.n - 1;
    table->at[place] = t->loops.n;
    table->n++;
    return AD_OK;
}
