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
    if (*place == AD_NONE) {
        if (AD_PUSH(t->bound, *reg) != AD_OK)
            return AD_NO_MEMORY;
        *place = l->n_bound++;
    }
    *reg = *place;
    return AD_OK;
}

/* The rows of one array that a Python loop goes over differ in where they begin. */
static int list_offset(ad_plan *t, ad_loop *l, ad_stream *s)
{
    if (s->reg == AD_NONE || s->offset <= 0 || s->offset >= AD_NONE)
        return AD_OK;
    const int status = AD_PUSH(t->bound, (uint32_t)s->offset);
    s->moves = 1;
    s->offset = l->n_offsets++;
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
    for (uint32_t i = 0; i < l->streams.n && status == AD_OK; i++)
        status = list_offset(t, l, &l->streams.at[i]);
    return status == AD_OK ? AD_PUSH(t->bound, 0) : status;                    /* behind them: where its seats are */
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
    SAME(hash) SAME(packed_bytes) SAME(size) SAME(rows) SAME(grain) SAME(n_blocks) SAME(n_looped) SAME(n_bound) SAME(n_offsets) SAME(history) SAME(room)
    SAME(strip) SAME(room_at)
    SAME(steps.n) SAME(chains.n) SAME(links.n) SAME(moves.n) SAME(streams.n) SAME(kept.n) SAME(moving.n) SAME(makes.n) SAME(drops.n) SAME(ends.n) SAME(reads.n) SAME(totals.n) SAME(backs.n)
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

/* Or one that does the same; takes over l. */
static int add_loop(ad_plan *t, ad_item *item, ad_loop *l)
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

/* ------------------------------------------------------------------------------------------------- all of them */
/* Short loops have scratch memory of their own, as long as all of it together stays in the first-level cache, or if there is but one, whose
 * memory is touched at each call anyway.  The others share the plan's. */
enum { MOST_OWN = 20 * 1024 };                              /* bytes */
static int give_scratch(ad_plan *t)
{
    size_t all = 0, shared = 0;
    for (uint32_t i = 0; i < t->loops.n; i++) {
        ad_loop *l = &t->loops.at[i];
        const size_t bytes = ad_loop_scratch(l);
        const int owns = ad_is_short(l) && (all + bytes <= MOST_OWN || t->loops.n == 1);
        all += owns ? bytes : 0;
        l->own = owns ? calloc(bytes, 1) : NULL;
        if (owns && l->own == NULL)
            return AD_NO_MEMORY;
        shared = owns || bytes < shared ? shared : bytes;
    }
    t->scratch = calloc(shared + 64, 1);
    return t->scratch ? AD_OK : AD_NO_MEMORY;
}

int ad_build_loops(ad_plan *t)
{
    size_t room = 0, banded = 0;
    for (uint32_t i = 0; i < t->items.n; i++) {
        ad_item *item = &t->items.at[i];
        banded = item->band && t->bands.at[item->band - 1].from == i ? 0 : banded;
        if (item->kind != AD_LOOP)
            continue;
        ad_loop l = {.size = 0};
        int status = ad_plan_build_loop(t, item, &l);
        l.room_at = item->band ? banded : 0;
        banded = item->band ? banded + l.room : 0;
        room = banded > room ? banded : l.room > room ? l.room : room;
        if (status == AD_OK)
            status = add_loop(t, item, &l);
        else
            ad_loop_free(&l);
        if (status != AD_OK)
            return status;
    }
    t->room = malloc(room + 64);
    return t->room ? give_scratch(t) : AD_NO_MEMORY;
}
