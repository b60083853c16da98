/* Places in fused loops, run: arrays to which shares of runs of their elements are added, a little behind the blocks that have these. */
#include "plan_runner.h"
#include "rows.h"

#include <string.h>

enum { AT_ONCE = 8 };                                       /* sources */

static const char *source_at(const runner *r, const ad_loop_source *s, int64_t element, size_t item, int64_t start)
{
    return block_at(r, r->l->streams.at[s->stream].block) + (element - s->offset - start) * (int64_t)item;
}

/* (By its seats without a look at the head of its array, which is in no cache if many steps share the loop.) */
static char *out_of(const runner *r, const ad_loop_place *p)
{
    const char *seat = r->seats ? r->seats[2 * (p - r->l->places.at)] : NULL;
    return seat ? (char *)seat : (char *)value_of(r, p->out)->array->data;
}

static const char *acc_of(const runner *r, const ad_loop_place *p)
{
    const char *seat = r->seats ? r->seats[2 * (p - r->l->places.at) + 1] : NULL;
    return seat ? seat : (const char *)value_of(r, p->acc)->array->data;
}

/* Elements [from, to) of a place are acc or 0, for now. */
static void begin_place(const runner *r, const ad_loop_place *p, char *out, int64_t from, int64_t to)
{
    const size_t item = p->is_f32 ? 4 : 8, bytes = (size_t)(to - from) * item;
    const ad_known *acc = p->acc == AD_NONE ? NULL : known_of(r, p->acc);
    out += (size_t)from * item;
    if (acc == NULL)
        memset(out, 0, bytes);
    else if (acc->number == AD_NONE)
        memcpy(out, acc_of(r, p) + (size_t)from * item, bytes);
    else
        ad_fill(out, &r->t->value[acc->number], to - from, item);
}

/* All of a place, whose sources are in one block. */
static void place_all(const runner *r, const ad_loop_place *p)
{
    void (*const add)(int64_t, const void *, const void *, void *) = ad_rows(p->is_f32 ? AD_F32 : AD_F64)->add;
    const int64_t item = p->is_f32 ? 4 : 8;
    char *const out = out_of(r, p);
    begin_place(r, p, out, 0, p->size);
    for (const ad_loop_source *s = r->l->sources.at + p->from, *end = r->l->sources.at + p->to; s < end; s++)
        add(s->size, out + s->offset * item, block_at(r, r->l->streams.at[s->stream].block), out + s->offset * item);
}

/* Elements [from, to) of a place, the block at hand begins at `start`: acc or 0, and what the sources that reach them have, in order. */
static void place_edge(const runner *r, const ad_loop_place *p, int64_t start, int64_t from, int64_t to)
{
    const size_t item = p->is_f32 ? 4 : 8;
    char *out = out_of(r, p);
    if (from >= to)
        return;
    begin_place(r, p, out, from, to);
    for (uint32_t i = p->from; i < p->to; i++) {
        const ad_loop_source *s = &r->l->sources.at[i];
        const int64_t first = from > s->offset ? from : s->offset, end = to < s->offset + s->size ? to : s->offset + s->size;
        char *at = out + first * (int64_t)item;
        if (first < end)
            ad_add(at, at, source_at(r, s, first, item, start), end - first, p->is_f32);
    }
}

/* The same where all sources reach, in one go. */
static void place_inside(const runner *r, const ad_loop_place *p, int64_t start, int64_t from, int64_t to)
{
    const size_t item = p->is_f32 ? 4 : 8;
    const void *x[AT_ONCE], *acc = p->acc == AD_NONE ? NULL : acc_of(r, p) + (size_t)from * item;
    for (uint32_t i = p->from; i < p->to; i++)
        x[i - p->from] = source_at(r, &r->l->sources.at[i], from, item, start);
    ad_rows(p->is_f32 ? AD_F32 : AD_F64)
        ->add_up(to - from, acc, (int)(p->to - p->from), x, out_of(r, p) + (size_t)from * item);
}

static void run_place(const runner *r, const ad_loop_place *p, int64_t rows)
{
    const ad_loop *l = r->l;
    const int64_t width = l->streams.at[l->sources.at[p->from].stream].wide ? l->width : 1, start = r->row * width;
    int64_t low = INT64_MAX, first = 0, end = INT64_MAX;
    for (uint32_t i = p->from; i < p->to; i++) {
        const ad_loop_source *s = &l->sources.at[i];
        low = s->offset < low ? s->offset : low;
        first = s->offset > first ? s->offset : first;
        end = s->offset + s->size < end ? s->offset + s->size : end;
    }
    const int64_t from = r->row == 0 ? 0 : start + low;
    const int64_t to = r->row + rows == l->rows ? p->size : start + rows * width + low;
    first = first > from ? first : from;
    end = end < to ? end : to;
    if (first >= end || p->to - p->from > AT_ONCE || (p->acc != AD_NONE && known_of(r, p->acc)->number != AD_NONE)) {
        place_edge(r, p, start, from, to);
        return;
    }
    place_edge(r, p, start, from, first);
    place_inside(r, p, start, first, end);
    place_edge(r, p, start, end, to);
}

void ad_run_places(const runner *r, int64_t rows)
{
    const ad_loop *l = r->l;
    const int whole = ad_is_short(l);
    for (const ad_loop_place *p = l->places.at, *end = p + (r->ahead ? 0 : l->places.n); p < end; p++)
        if (!p->inner && whole)
            place_all(r, p);
        else if (!p->inner)
            run_place(r, p, rows);
    for (uint32_t i = 0; i < l->kept.n && l->history && r->row + rows < l->rows; i++) {
        const ad_stream *s = &l->streams.at[l->kept.at[i]];
        char *before = block_at(r, s->block) - l->history * s->item;
        memmove(before, before + (size_t)(rows * (s->wide ? l->width : 1)) * s->item, (size_t)l->history * s->item);
    }
}
