/* Scratch memory of fused loops: which stream has which block of it. */
#include "chain.h"
#include "plan.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>

enum { TOUCHED = 8 };
static uint16_t touched_by(const ad_loop_step *s, int i)
{
    const uint16_t streams[TOUCHED] = {s->in[0], s->in[1], s->in[2], s->acc, s->g, s->y, s->out, s->share};
    return streams[i];
}

static void name_none(const ad_loop *l, ad_loop_step *s)
{
    uint16_t *streams[TOUCHED] = {&s->in[0], &s->in[1], &s->in[2], &s->acc, &s->g, &s->y, &s->out, &s->share};
    for (int i = 0; i < TOUCHED; i++)
        if (*streams[i] == AD_NO_STREAM)
            *streams[i] = (uint16_t)l->streams.n;
}

/* Blocks given back.  Those of bytes apart: in a chain a mask is yet to be read where the next tile's numbers would be written. */
typedef struct { uint32_t *at[2], n[2]; } spares;

static int is_bytes(const ad_stream *s) { return s->item == 1; }

static void free_blocks(ad_loop *l, uint32_t step, spares *spare)
{
    for (int i = 0; i < TOUCHED; i++) {
        const uint16_t stream = touched_by(&l->steps.at[step], i);
        const ad_stream *x = stream == AD_NO_STREAM ? NULL : &l->streams.at[stream];
        if (x && x->kind == AD_BLOCK && !x->kept && l->notes.at[stream].last == step) {
            spare->at[is_bytes(x)][spare->n[is_bytes(x)]++] = x->block;
            l->notes.at[stream].last = AD_NONE;
        }
    }
}

/* Threads that begin in the middle first compute the end of the block before, without writing to arrays: these have blocks then. */
static void finish_places(const ad_plan *t, ad_loop *l, uint32_t at)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (uint32_t i = 0; i < l->sources.n; i++) {
        low = l->sources.at[i].offset < low ? l->sources.at[i].offset : low;
        high = l->sources.at[i].offset > high ? l->sources.at[i].offset : high;
    }
    l->history = l->sources.n ? high - low : 0;
    for (uint32_t i = 0; i < l->streams.n && l->places.n; i++)
        if (l->streams.at[i].kind == AD_WHOLE && l->streams.at[i].written)
            l->streams.at[i].block = l->n_blocks++;
    for (uint32_t i = 0; i < l->places.n; i++) {
        ad_loop_place *p = &l->places.at[i];
        const ad_register *out = &t->registers.at[p->out];
        p->inner = out->born == at && out->dies == at;
        for (uint32_t j = 0; j < l->backs.n; j++)
            p->inner &= l->backs.at[j].acc != p->out;
    }
}

static int list_array(const ad_plan *t, ad_loop *l, uint32_t reg, uint32_t at)
{
    const ad_register *r = &t->registers.at[reg];
    int status = r->is_array && !r->settled ? AD_PUSH(l->makes, (ad_make){r->like, reg, r->dtype}) : AD_OK;
    if (status == AD_OK && r->is_array && !r->settled && r->born == at && r->dies == at)
        status = AD_PUSH(l->drops, reg);
    return status;
}

/* What a run has to do before the first block and after the last. */
static int list_arrays(const ad_plan *t, ad_loop *l, uint32_t at)
{
    int status = AD_OK;
    for (uint32_t i = 0; i < l->streams.n && status == AD_OK; i++) {
        const ad_stream *s = &l->streams.at[i];
        if (s->kept)
            status = AD_PUSH(l->kept, (uint16_t)i);
        if (status == AD_OK && (s->kind == AD_WHOLE || (s->kind == AD_NUMBER && !t->registers.at[s->reg].fixed)))
            status = AD_PUSH(l->moving, (uint16_t)i);
        if (status == AD_OK && s->kind == AD_WHOLE && s->written)
            status = list_array(t, l, s->reg, at);
    }
    for (uint32_t i = 0; i < l->totals.n && status == AD_OK; i++)
        status = list_array(t, l, l->totals.at[i].out, at);
    for (uint32_t i = 0; i < l->backs.n && status == AD_OK; i++)
        status = list_array(t, l, l->backs.at[i].out, at);
    for (uint32_t i = 0; i < l->places.n && status == AD_OK; i++)
        if (!l->places.at[i].inner)
            status = list_array(t, l, l->places.at[i].out, at);
    for (uint32_t i = 0; i < l->steps.n && status == AD_OK; i++)
        if (l->steps.at[i].kind == AD_SUM_ALL || l->steps.at[i].kind == AD_SUM_BACK)
            status = AD_PUSH(l->ends, i);
    return status;
}

/* A long plan is read from memory as it runs: what is in use stands in one piece. */
#define EACH_LIST(DO) DO(steps) DO(chains) DO(links) DO(moves) DO(streams) DO(kept) DO(moving) DO(makes) DO(drops) DO(ends) DO(reads) DO(totals) DO(backs) DO(places) DO(sources)
static size_t even(size_t bytes) { return (bytes + 15) / 16 * 16; }

static int pack(ad_loop *l)
{
    size_t bytes = 1;
#define ADD_BYTES(list) bytes += even(l->list.n * sizeof *l->list.at);
    EACH_LIST(ADD_BYTES)
    char *at = l->packed = calloc(bytes, 1);
    if (at == NULL)
        return AD_NO_MEMORY;
#define MOVE(list)                                                              \
    if (l->list.n)                                                              \
        memcpy(at, l->list.at, l->list.n * sizeof *l->list.at);                 \
    free(l->list.at);                                                           \
    l->list.at = (void *)at;                                                    \
    l->list.room = l->list.n;                                                   \
    at += even(l->list.n * sizeof *l->list.at);
    EACH_LIST(MOVE)
    free(l->notes.at);
    l->notes.at = NULL;
    l->packed_bytes = bytes;
    return AD_OK;
}

/* Numbers that fill no vector are computed one by one.  In a short loop a step that takes long goes on to the end of the vector: arrays of our
 * own and scratch blocks have room for it.  What it reads is copied where it may stand elsewhere. */
enum { MOST_FILLED = 64 };                                  /* elements */

static uint32_t numbers_more(const ad_loop *l, const ad_loop_step *s)
{
    const int64_t n = s->wide ? l->size : l->rows, lanes = (16 << ad_isa_number()) / (s->is_f32 ? 4 : 8), rest = n % lanes;
    return ad_is_short(l) && n <= MOST_FILLED && s->acc == AD_NO_STREAM && rest > 1 && rest != lanes / 2 ? (uint32_t)(lanes - rest) : 0;
}

static int has_room(const ad_loop *l, uint16_t stream, uint32_t step)
{
    if (stream == AD_NO_STREAM || l->streams.at[stream].kind == AD_ONES)
        return 1;
    for (uint32_t i = 0; i < step; i++)
        if (l->steps.at[i].kind == AD_KERNEL && (l->steps.at[i].out == stream || l->steps.at[i].share == stream))
            return 1;
    return 0;
}

/* A copy of the stream, the newest one, is made before the step; *at is where the step stands then. */
static int read_copy(ad_loop *l, uint16_t stream, uint32_t *at)
{
    const ad_loop_step s = l->steps.at[*at];
    const uint8_t item = s.is_f32 ? 4 : 8;
    ad_loop_step copy = {.in = {stream, AD_NO_STREAM, AD_NO_STREAM}, .acc = AD_NO_STREAM, .g = AD_NO_STREAM, .y = AD_NO_STREAM,
                         .out = (uint16_t)l->streams.n, .share = AD_NO_STREAM, .kind = AD_COPY, .wide = s.wide, .is_f32 = s.is_f32, .item = item};
    int status = l->streams.n < AD_NO_STREAM ? AD_OK : AD_NO_MEMORY;
    if (status == AD_OK)
        status = AD_PUSH(l->streams, (ad_stream){.reg = AD_NONE, .item = item, .kind = AD_BLOCK, .written = 1, .wide = s.wide, .block = AD_NONE});
    if (status == AD_OK)
        status = AD_PUSH(l->notes, (ad_stream_note){.owner = AD_NONE, .of = AD_NONE, .next = AD_NONE});
    if (status == AD_OK)
        status = AD_PUSH(l->steps, copy);
    if (status != AD_OK)
        return status;
    memmove(&l->steps.at[*at + 1], &l->steps.at[*at], (l->steps.n - 1 - *at) * sizeof copy);
    l->steps.at[(*at)++] = copy;
    return AD_OK;
}

static int fill_vectors(ad_loop *l)
{
    int status = AD_OK;
    for (uint32_t i = 0; i < l->steps.n && status == AD_OK; i++) {
        if (l->steps.at[i].kind != AD_KERNEL || l->steps.at[i].which == 0)
            continue;
        l->steps.at[i].which = numbers_more(l, &l->steps.at[i]);
        if (l->steps.at[i].which && !has_room(l, l->steps.at[i].in[0], i)) {
            status = read_copy(l, l->steps.at[i].in[0], &i);
            l->steps.at[i].in[0] = (uint16_t)(l->streams.n - 1);
        }
        if (status == AD_OK && l->steps.at[i].which && !has_room(l, l->steps.at[i].g, i)) {
            status = read_copy(l, l->steps.at[i].g, &i);
            l->steps.at[i].g = (uint16_t)(l->streams.n - 1);
        }
    }
    return status;
}

/* Most steps read little: these look up no more than that. */
static void sort_kernels(ad_loop *l)
{
    for (uint32_t i = 0; i < l->steps.n; i++) {
        ad_loop_step *s = &l->steps.at[i];
        if (s->kind != AD_KERNEL || s->acc != AD_NO_STREAM || s->in[2] != AD_NO_STREAM || s->which)
            continue;
        if (s->forward)
            s->kind = s->in[1] == AD_NO_STREAM ? AD_ONE : AD_TWO;
        else if (s->vjp && s->y == AD_NO_STREAM)
            s->kind = AD_SHARE;
    }
}

/* A small array that is read in a larger shape comes again and again: after so many elements; 0: it does not. */
static int64_t period_of(const ad_loop *l, const ad_loop_step *s)
{
    const ad_layout *read = &l->reads.at[s->which].l;
    int outer = 0;
    while (outer < read->ndim && read->stride[outer] == 0)
        outer++;
    return outer > 0 && outer < read->ndim ? ad_product(read->shape + outer, read->ndim - outer) : 0;
}

static int is_plain_read(const ad_loop *l, const ad_loop_step *s)
{
    return s->kind == AD_READ && s->acc == AD_NO_STREAM && l->streams.at[s->out].kind == AD_BLOCK && !l->streams.at[s->out].kept;
}

/* The same in rows of the loop. */
static int64_t rows_of_period(const ad_loop *l, const ad_loop_step *s)
{
    const int64_t period = is_plain_read(l, s) ? period_of(l, s) : 0, width = s->wide ? l->width : 1;
    return period ? (period + width - 1) / width : 0;
}

/* Where blocks hold it a whole number of times, it is written out in the first block alone.  Nothing but the arrays' elements may depend
 * on how long blocks are; so those of a loop of single elements, which have sums of their own (AD_SUM_BLOCK), stay where there are any. */
static void read_once(ad_loop *l)
{
    enum { FEW = 5 };                                       /* whole blocks of so many stay in the first-level cache */
    const int64_t most = l->width > 1 ? AD_WIDE_BLOCK / l->width : AD_LOOP_BLOCK;
    int64_t longest = 0;
    int n = 0;
    for (uint32_t i = 0; i < l->steps.n; i++) {
        const int64_t period = rows_of_period(l, &l->steps.at[i]);
        longest = period > longest && period <= most ? period : longest;
        n += period > 0;
    }
    if (longest == 0 || ad_is_short(l))
        return;
    if (l->width == 1 && l->strip == 0 && l->totals.n + l->backs.n + l->places.n == 0)
        l->block_rows = (n > FEW && longest <= AD_LOOP_BLOCK / 2 ? AD_LOOP_BLOCK / 2 : AD_LOOP_BLOCK) / longest * longest;
    else if (l->width > 1 && l->strip == 0 && l->places.n == 0 && l->block_rows % longest && most / longest * longest < l->rows)
        l->block_rows = most / longest * longest;
    for (uint32_t i = 0; i < l->steps.n; i++) {
        ad_loop_step *s = &l->steps.at[i];
        const int64_t period = is_plain_read(l, s) ? period_of(l, s) : 0;
        if (period && l->block_rows * (s->wide ? l->width : 1) % period == 0)
            s->kind = AD_READ_ONCE;
    }
}

/* Kernels that follow others but for sums between them, which nothing reads before the end, come before these: to be one chain. */
static void sink_sums(ad_loop *l)
{
    for (uint32_t i = 1; i < l->steps.n; i++) {
        const ad_loop_step kernel = l->steps.at[i];
        uint32_t to = i;
        while (to > 0 && l->steps.at[to - 1].kind == AD_SUM_BACK)
            to--;
        const ad_loop_step *before = to > 0 && to < i && ad_is_link(&kernel, AD_NO_STREAM) ? &l->steps.at[to - 1] : NULL;
        if (before == NULL || before->wide != kernel.wide || before->is_f32 != kernel.is_f32 || !ad_is_link(before, AD_NO_STREAM))
            continue;
        memmove(&l->steps.at[to + 1], &l->steps.at[to], (i - to) * sizeof kernel);
        l->steps.at[to] = kernel;
    }
}

/* Sums of so few numbers that no chain adds them up come last, in their order, so that what is before and behind them is one chain.  (All or none:
 * one may be added to another.) */
static void defer_sums(ad_loop *l)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->totals.n; i++)
        if (l->totals.at[i].size >= AD_SHORT_SUM)
            return;
    for (uint32_t i = 0; i < l->steps.n - n; i++) {
        const ad_loop_step s = l->steps.at[i];
        if (s.kind != AD_SUM_ALL)
            continue;
        memmove(&l->steps.at[i], &l->steps.at[i + 1], (l->steps.n - 1 - i) * sizeof s);
        l->steps.at[l->steps.n - 1] = s;
        n++;
        i--;
    }
}

/* Scratch blocks: numbers and what is read once keep theirs throughout, others give it back after the last step that reads them.  What is kept has a block
 * before its own, for the end of the block before. */
int ad_loop_give_blocks(const ad_plan *t, ad_loop *l, uint32_t at)
{
    sink_sums(l);
    defer_sums(l);
    const int filled = fill_vectors(l);
    if (filled != AD_OK)
        return filled;
    finish_places(t, l, at);
    read_once(l);
    uint32_t *const room = malloc(2 * (l->streams.n + 1) * sizeof *room);
    if (room == NULL)
        return AD_NO_MEMORY;
    spares spare = {{room, room + l->streams.n + 1}, {0, 0}};
    for (uint32_t i = 0; i < l->streams.n; i++) {
        ad_stream *s = &l->streams.at[i];
        if ((s->kind == AD_NUMBER || s->kind == AD_ONES) && !s->written)
            s->block = l->n_blocks++;
        if (s->kept)
            s->block = (l->n_blocks += 2) - 1;
    }
    for (uint32_t step = 0; step < l->steps.n; step++)
        for (int i = 0; i < TOUCHED; i++)
            if (touched_by(&l->steps.at[step], i) != AD_NO_STREAM)
                l->notes.at[touched_by(&l->steps.at[step], i)].last = step;
    enum { TOTALS = AD_SHORT_SUM / AD_SUM_LANES };          /* sums so far side by side, in a block of as few elements as they may be of */
    uint32_t totals = 0, sums = 0;
    for (uint32_t step = 0; step < l->steps.n; step++) {
        const ad_loop_step *s = &l->steps.at[step];
        const uint16_t lasting = s->kind == AD_READ_ONCE ? s->out : s->kind == AD_SUM_ALL ? s->share : AD_NO_STREAM;
        if (lasting != AD_NO_STREAM) {
            const uint32_t beside = s->kind == AD_SUM_ALL ? totals++ % TOTALS : 0;
            const uint32_t block = beside ? sums : l->n_blocks++;
            sums = s->kind == AD_SUM_ALL ? block : sums;
            l->streams.at[lasting].block = block;
            l->streams.at[lasting].offset = beside * AD_SUM_LANES * (int64_t)sizeof(double);
            l->notes.at[lasting].last = AD_NONE;
        }
    }
    for (uint32_t step = 0; step < l->steps.n; step++) {
        const uint16_t made[] = {l->steps.at[step].out, l->steps.at[step].share};
        for (int i = 0; i < 2; i++) {
            ad_stream *s = made[i] == AD_NO_STREAM ? NULL : &l->streams.at[made[i]];
            if (s && s->kind == AD_BLOCK && s->block == AD_NONE)
                s->block = spare.n[is_bytes(s)] ? spare.at[is_bytes(s)][--spare.n[is_bytes(s)]] : l->n_blocks++;
        }
        free_blocks(l, step, &spare);
    }
    free(room);
    sort_kernels(l);
    for (uint32_t step = 0; step < l->steps.n; step++)      /* no stream is the one after the last, which is nowhere */
        name_none(l, &l->steps.at[step]);
    const int64_t longest = ad_is_short(l) ? l->size : l->block_rows * l->width;
    enum { APART = 320 };                                   /* bytes: blocks a page apart would meet in the first-level cache */
    l->block_bytes = ((size_t)longest * 8 + 63) / 64 * 64 + (ad_is_short(l) ? 0 : APART);
    int status = ad_find_chains(t, l);
    if (status == AD_OK)
        status = list_arrays(t, l, at);
    return status == AD_OK ? pack(l) : status;
}

/* (A chain has a step at its end.) */
size_t ad_loop_scratch(const ad_loop *l)
{
    return (size_t)l->n_blocks * l->block_bytes + (l->streams.n + 1) * sizeof(ad_where) + (l->links.n + l->chains.n) * sizeof(ad_chain_step) + 64;
}

void ad_loop_free(ad_loop *l)
{
#define FREE(list) free(l->list.at);
    if (l->packed == NULL) {
        EACH_LIST(FREE)
    }
    free(l->notes.at);
    free(l->packed);
    free(l->own);
}
