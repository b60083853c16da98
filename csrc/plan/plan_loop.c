/* Fused loops, built: steps on arrays of one size, and on numbers for their rows, block by block, so that what passes between them stays
 * in the first-level cache.  plan_loop_run.c runs them.  Every element sees the same kernels in the same order as outside of a loop, and
 * sums are taken in the same blocks, so they have the same bits. */
#include "matmul.h"
#include "plan.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "generated/opcodes.h"

enum { LEAST_PART = 16 * 1024, LEAST_DIVIDED = 64 };        /* elements; by one number */

/* A loop while it is built; item number `at` of the plan. */
typedef struct {
    ad_plan *t;
    ad_loop *l;
    uint32_t at;
    int status;
} builder;

static void note(builder *b, int status) { b->status = b->status == AD_OK ? status : b->status; }

/* ------------------------------------------------------------------------------------------------- streams */
static uint16_t add_stream(builder *b, ad_stream s, ad_stream_note told)
{
    if (b->l->streams.n == AD_NO_STREAM)
        b->status = AD_NO_MEMORY;
    if (b->status == AD_OK)
        note(b, AD_PUSH(b->l->notes, told));
    if (b->status == AD_OK)                                 /* (there are as many notes at least) */
        note(b, AD_PUSH(b->l->streams, s));
    return b->status == AD_OK ? (uint16_t)(b->l->streams.n - 1) : 0;
}

static const ad_stream_note OF_NONE = {.owner = AD_NONE, .of = AD_NONE, .next = AD_NONE};

static uint16_t add_block(builder *b, int item, int wide)
{
    return add_stream(b, (ad_stream){.reg = AD_NONE, .item = (uint8_t)item, .kind = AD_BLOCK, .written = 1, .wide = (uint8_t)wide, .block = AD_NONE},
                      OF_NONE);
}

/* The stream of a register as itself (of == AD_NONE), or read in a larger shape; made by *add if there is none yet. */
static uint16_t find_stream(builder *b, uint32_t reg, uint32_t of, const ad_layout *l, int *found)
{
    uint32_t i = b->t->registers.at[reg].stream;
    for (; i != AD_NONE; i = b->l->notes.at[i].next) {
        const ad_stream_note *s = &b->l->notes.at[i];
        if (of == AD_NONE || of == AD_ROWS_OF ? s->of == of : s->of < AD_ROWS_OF && memcmp(&b->l->reads.at[s->of].l, l, sizeof *l) == 0)
            break;
    }
    *found = i != AD_NONE;
    return (uint16_t)i;
}

static uint16_t new_stream(builder *b, uint32_t owner, uint32_t of, ad_stream s)
{
    ad_register *r = &b->t->registers.at[owner];
    const uint16_t made = add_stream(b, s, (ad_stream_note){.owner = owner, .of = of, .next = r->stream});
    if (b->status == AD_OK)
        r->stream = made;
    return made;
}

/* The register as it is: a run of another's elements too. */
static uint16_t stream_of(builder *b, uint32_t reg)
{
    const ad_register *named = &b->t->registers.at[reg];
    const int same = named->base == AD_NONE || (named->offset == 0 && named->like->size == b->t->registers.at[named->base].like->size);
    const uint32_t home = ad_home(b->t, reg), owner = same ? home : reg;
    const ad_register *r = &b->t->registers.at[home];
    int found;
    const uint16_t old = find_stream(b, owner, AD_NONE, NULL, &found);
    if (found)
        return old;
    const int64_t size = !r->is_array ? 0 : same ? r->like->size : named->like->size;
    const int whole = r->is_array && (size == b->l->size || size == b->l->rows), inner = r->born == b->at && r->dies == b->at;
    return new_stream(b, owner, AD_NONE, (ad_stream){.reg = home, .offset = same ? 0 : named->offset, .item = (uint8_t)ad_itemsize(r->dtype),
                                     .written = r->born == b->at, .wide = size == b->l->size,
                                     .kind = !whole ? AD_NUMBER : inner ? AD_BLOCK : AD_WHOLE, .block = AD_NONE});
}

static ad_loop_step *add_step(builder *b, int kind, int wide, int dtype)
{
    static ad_loop_step nowhere;
    ad_loop_step s = {.kind = (uint8_t)kind, .wide = (uint8_t)wide, .is_f32 = dtype == AD_F32, .acc = AD_NO_STREAM, .g = AD_NO_STREAM,
                      .y = AD_NO_STREAM, .out = AD_NO_STREAM, .share = AD_NO_STREAM};
    for (int k = 0; k < AD_MAX_OPERANDS; k++)
        s.in[k] = AD_NO_STREAM;
    note(b, AD_PUSH(b->l->steps, s));
    return b->status == AD_OK ? &b->l->steps.at[b->l->steps.n - 1] : &nowhere;
}

/* A register in the shape of a larger array. */
static uint16_t read_in(builder *b, uint32_t reg, const ad_layout *l, int in_rows, int wide)
{
    int found;
    const ad_register r = b->t->registers.at[reg];
    const uint32_t of = in_rows ? AD_ROWS_OF : b->l->reads.n;
    const uint16_t old = find_stream(b, reg, of, l, &found);
    if (found)
        return old;
    const uint16_t narrow = in_rows ? stream_of(b, reg) : AD_NO_STREAM;
    if (!in_rows)
        note(b, AD_PUSH(b->l->reads, (ad_loop_read){.reg = ad_home(b->t, reg), .offset = r.base == AD_NONE ? 0 : r.offset, .l = *l}));
    const uint16_t made = new_stream(b, reg, of, (ad_stream){.reg = reg, .item = (uint8_t)ad_itemsize(r.dtype), .kind = AD_BLOCK, .written = 1, .wide = (uint8_t)wide,
                                                             .block = AD_NONE});
    ad_loop_step *s = add_step(b, in_rows ? AD_SPREAD_ROWS : AD_READ, wide, r.dtype);
    s->item = (uint8_t)ad_itemsize(r.dtype);
    s->in[0] = narrow;
    s->out = made;
    s->which = of;
    return made;
}

/* What an elementwise step reads, as it goes over an array like `whole`. */
static uint16_t operand_stream(builder *b, const ad_step *s, uint32_t k, const ad_array *whole)
{
    const uint32_t r = ad_named_by(b->t, s, k);
    if (r == AD_NONE)
        return AD_NO_STREAM;
    const ad_array *x = b->t->registers.at[ad_home(b->t, r)].is_array ? b->t->registers.at[r].like : NULL;
    if (x == NULL || x->size == 1 || x->size == whole->size)
        return stream_of(b, r);
    const ad_layout l = ad_layout_in(x, whole);
    const int in_rows = ad_lies_in_rows(x, whole, (ad_form){b->l->size, b->l->rows});
    return read_in(b, r, &l, in_rows, whole->size == b->l->size);
}

/* ------------------------------------------------------------------------------------------------- steps */
static uint16_t acc_stream(builder *b, const ad_step *s) { return s->acc == AD_NONE ? AD_NO_STREAM : stream_of(b, s->acc); }

static int divides_by_number(const builder *b, const ad_step *s, uint16_t divisor, const ad_array *whole)
{
    return s->op == AD_OP_div && s->dtype <= AD_F64 && b->t->registers.at[b->t->words.at[s->in]].dtype == s->dtype && whole->size >= LEAST_DIVIDED &&
           b->status == AD_OK && b->l->streams.at[divisor].kind == AD_NUMBER && ad_rows(s->dtype)->divide;
}

/* The kernel of an elementwise step; what it computes goes to `out`. */
static void add_kernel(builder *b, const ad_step *s, const ad_array *whole, uint16_t out, uint16_t acc)
{
    uint16_t in[AD_MAX_OPERANDS + 2];
    for (uint32_t k = 0; k < AD_MAX_OPERANDS; k++)
        in[k] = k < s->n ? operand_stream(b, s, k, whole) : AD_NO_STREAM;
    in[AD_MAX_OPERANDS] = operand_stream(b, s, s->n, whole);
    in[AD_MAX_OPERANDS + 1] = operand_stream(b, s, s->n + 1, whole);
    ad_loop_step *to = add_step(b, AD_KERNEL, whole->size == b->l->size, s->dtype);
    memcpy(to->in, in, sizeof to->in);
    to->y = in[AD_MAX_OPERANDS];
    to->g = in[AD_MAX_OPERANDS + 1];
    to->out = out;
    to->acc = acc;
    if (ad_factor_of(b->t, s) != AD_NONE) {                 /* which is where y would be */
        to->in[0] = to->g;
        to->in[1] = to->y;
        to->g = to->y = AD_NO_STREAM;
        to->forward = ad_cpu->kernels[AD_OP_scale].forward[s->dtype];
    } else if (s->kind == AD_FORWARD) {
        const int takes = b->t->registers.at[b->t->words.at[s->in + s->n - 1]].dtype;
        to->forward = ad_cpu->kernels[s->op].forward[takes];
        to->is_f32 = takes == AD_F32;                       /* (a comparison gives bools) */
        to->which = s->dtype <= AD_F64 && ad_cpu->kernels[s->op].twin[s->dtype];     /* it takes long: csrc/plan/plan_blocks.c */
        if (divides_by_number(b, s, in[1], whole))
            to->forward = ad_rows(s->dtype)->divide;
    } else if (s->kind == AD_VJP)
        to->vjp = ad_cpu->kernels[s->op].vjp[s->k][s->dtype];
}

static uint16_t add_ones(builder *b, int item, int wide)
{
    return add_stream(b, (ad_stream){.reg = AD_NONE, .item = (uint8_t)item, .block = AD_NONE, .kind = AD_ONES, .wide = (uint8_t)wide}, OF_NONE);
}

/* The value, and the derivative beside it. */
static void add_twin(builder *b, const ad_step *s, uint16_t out)
{
    const uint32_t beside = b->t->registers.at[s->out].derivative;
    const uint16_t share = stream_of(b, beside), one = add_ones(b, (int)ad_itemsize(s->dtype), b->t->registers.at[s->out].like->size == b->l->size);
    add_kernel(b, s, b->t->registers.at[s->out].like, out, AD_NO_STREAM);
    if (b->status != AD_OK)
        return;
    ad_loop_step *to = &b->l->steps.at[b->l->steps.n - 1];
    to->forward = NULL;
    to->twin = ad_cpu->kernels[s->op].twin[s->dtype];
    to->g = one;
    to->share = share;
}

static size_t take_room(ad_loop *l, size_t bytes)
{
    const size_t at = l->room;
    l->room += (bytes + 63) / 64 * 64;
    return at;
}

static void add_total(builder *b, const ad_step *s, uint16_t in, int wide)
{
    ad_loop *l = b->l;
    const int64_t size = wide ? l->size : l->rows;
    const size_t blocks = (size_t)((size + AD_SUM_BLOCK - 1) / AD_SUM_BLOCK);
    const uint16_t parts = add_block(b, 8, 0);
    ad_loop_step *to = add_step(b, AD_SUM_ALL, wide, s->dtype);
    to->in[0] = in;
    to->share = parts;
    to->which = l->totals.n;
    note(b, AD_PUSH(l->totals, (ad_loop_total){.out = s->out, .acc = s->acc, .size = size, .is_f32 = s->dtype == AD_F32,
                                               .room = take_room(l, blocks * sizeof(double)),
                                               .block = (ad_is_short(l) && size <= AD_SUM_BLOCK) || (l->block_rows == AD_LOOP_BLOCK && l->width == 1 && l->strip % AD_SUM_BLOCK == 0)
                                                            ? AD_NONE : l->n_blocks++}));
}

/* A whole array that is given up after the loop. */
static uint16_t add_temporary(builder *b, int dtype, const ad_array *like)
{
    uint32_t reg = AD_NONE;
    note(b, ad_plan_add_register(b->t, dtype, like, 0, &reg));
    if (b->status != AD_OK)
        return 0;
    ad_array_hold((ad_array *)like);
    b->t->registers.at[reg].keeps = 1;
    b->t->registers.at[reg].born = b->t->registers.at[reg].dies = b->at;
    return new_stream(b, reg, AD_NONE, (ad_stream){.reg = reg, .item = (uint8_t)ad_itemsize(dtype), .kind = AD_WHOLE, .written = 1,
                                                   .wide = like->size == b->l->size, .block = AD_NONE});
}

/* Would a band be cut into too few parts for threads, if they all began where a chunk of these sums does? */
static int is_coarse(const ad_loop *l, const ad_back *back)
{
    enum { FEW_PARTS = 8 };
    const int64_t rows = l->strip ? l->rows / (l->strip / AD_STRIP) : 0, values = rows ? back->values / rows : 0;
    const int64_t even = values & -values, part = values ? back->chunk / (even < back->chunk ? even : back->chunk) : rows;     /* whole rows */
    return rows && (back->n_chunks == 1 || rows / part < FEW_PARTS);
}

/* The share of an operand that is smaller than the result. */
static void add_back(builder *b, const ad_step *s, const ad_array *whole)
{
    ad_loop *l = b->l;
    const ad_register out = b->t->registers.at[s->out];
    const int wide = whole->size == l->size, item = (int)ad_itemsize(s->dtype);
    ad_array number = {.refs = 1, .size = 1};
    const ad_back back = ad_back_of(out.is_array ? out.like : &number, whole);
    const int all = back.values == 1, in_rows = !out.late;
    const int at_once = !all && !in_rows && (ad_back_is_plain(&back) || is_coarse(l, &back) || (back.run > 1 && !(wide && back.run == l->width)));
    uint16_t share;
    if (ad_ops[s->op].passes[s->k] && !at_once) {
        share = operand_stream(b, s, s->n + 1, whole);
    } else {
        share = at_once ? add_temporary(b, s->dtype, whole) : add_block(b, item, wide);
        add_kernel(b, s, whole, share, AD_NO_STREAM);
    }
    if (all) {
        add_total(b, s, share, wide);
        return;
    }
    if (!at_once && back.run > 1) {
        const uint16_t narrow = in_rows ? stream_of(b, s->out) : add_block(b, item, 0), acc = in_rows ? acc_stream(b, s) : AD_NO_STREAM;
        ad_loop_step *rows = add_step(b, AD_SUM_ROWS, 0, s->dtype);
        rows->in[0] = share;
        rows->out = share = narrow;
        rows->acc = acc;
    }
    if (in_rows)
        return;
    ad_loop_step *to = add_step(b, AD_SUM_BACK, wide && (at_once || back.run == 1), s->dtype);
    to->in[0] = at_once ? AD_NO_STREAM : share;
    to->which = l->backs.n;
    const size_t room = at_once ? 0 : take_room(l, ad_back_room(&back, (size_t)item));
    note(b, AD_PUSH(l->backs, (ad_loop_back){.b = back, .out = s->out, .acc = s->acc, .whole = at_once ? share : AD_NO_STREAM,
                                             .is_f32 = s->dtype == AD_F32, .room = room}));
    if (!at_once && (back.n_chunks == 1 || l->grain == 0))
        l->grain = 0;
    else if (!at_once)
        l->grain = AD_BACK_CHUNK;
}

static void add_spread(builder *b, const ad_step *s)
{
    const ad_register *out = &b->t->registers.at[s->out];
    const ad_layout layout = ad_layout_of_sum(b->t, s);
    const uint32_t g = ad_home(b->t, s->g);
    const int wide = out->like->size == b->l->size;
    const int in_rows = wide && b->l->width > 1 && b->t->registers.at[g].is_array && layout.ndim == 2 && layout.shape[0] == b->l->rows &&
                        layout.stride[0] == 1 && layout.stride[1] == 0;
    const uint16_t narrow = in_rows ? stream_of(b, g) : AD_NO_STREAM, to = stream_of(b, s->out), acc = acc_stream(b, s);
    ad_loop_step *step = add_step(b, in_rows ? AD_SPREAD_ROWS : AD_READ, wide, s->dtype);
    step->item = (uint8_t)ad_itemsize(s->dtype);
    step->in[0] = narrow;
    step->out = to;
    step->acc = acc;
    step->which = b->l->reads.n;
    if (!in_rows)
        note(b, AD_PUSH(b->l->reads, (ad_loop_read){.reg = g, .l = layout}));
}

static void add_copy(builder *b, uint16_t from, uint16_t to, int dtype)
{
    if (b->status != AD_OK)                                 /* (there may be no stream) */
        return;
    ad_loop_step *s = add_step(b, AD_COPY, b->l->streams.at[to].wide, dtype);
    s->item = b->l->streams.at[to].item;
    s->in[0] = from;
    s->out = to;
}

static void add_same(builder *b, const ad_step *s)
{
    const uint16_t from = stream_of(b, s->kind == AD_FORWARD ? b->t->words.at[s->in] : s->g), acc = acc_stream(b, s), to = stream_of(b, s->out);
    if (acc == AD_NO_STREAM || b->status != AD_OK) {
        add_copy(b, from, to, s->dtype);
        return;
    }
    ad_loop_step *sum = add_step(b, AD_KERNEL, b->l->streams.at[to].wide, s->dtype);
    sum->g = from;
    sum->acc = acc;
    sum->out = to;
}

/* The sources of the place that it adds to, and one more. */
static void add_place(builder *b, const ad_step *s)
{
    ad_loop *l = b->l;
    uint16_t g = stream_of(b, s->g);
    const int64_t size = b->t->registers.at[s->g].like->size;
    if (b->status == AD_OK && l->streams.at[g].kind != AD_BLOCK) {
        const uint16_t own = add_block(b, l->streams.at[g].item, l->streams.at[g].wide);
        add_copy(b, g, own, s->dtype);
        g = own;
    }
    if (b->status != AD_OK)
        return;
    l->streams.at[g].kept = 1;
    ad_loop_place p = {.out = s->out, .acc = s->acc, .from = l->sources.n, .is_f32 = s->dtype == AD_F32,
                       .size = b->t->registers.at[s->out].like->size};
    for (uint32_t i = 0; i < l->places.n && s->acc != AD_NONE; i++)
        if (l->places.at[i].out == s->acc) {
            const ad_loop_place before = l->places.at[i];
            p.acc = before.acc;
            for (uint32_t j = before.from; j < before.to; j++)
                note(b, AD_PUSH(l->sources, l->sources.at[j]));
        }
    note(b, AD_PUSH(l->sources, (ad_loop_source){.stream = g, .offset = ad_place_of(b->t, s), .size = size}));
    p.to = l->sources.n;
    note(b, AD_PUSH(l->places, p));
}

static void add_loop_step(builder *b, const ad_step *s)
{
    switch (ad_part_of(b->t, s)) {
    case AD_ROW_SPREAD: add_spread(b, s); break;
    case AD_ROW_SUM: {
        const uint16_t in = stream_of(b, b->t->words.at[s->in]), out = stream_of(b, s->out);
        ad_loop_step *rows = add_step(b, AD_SUM_ROWS, 0, s->dtype);
        rows->in[0] = in;
        rows->out = out;
        break;
    }
    case AD_TOTAL: {
        const uint32_t in = b->t->words.at[s->in];
        add_total(b, s, stream_of(b, in), b->t->registers.at[in].like->size == b->l->size);
        break;
    }
    case AD_SAME: add_same(b, s); break;
    case AD_PLACE: add_place(b, s); break;
    default: {
        const ad_array *whole = ad_whole_of(b->t, s);
        const ad_register *out = &b->t->registers.at[s->out];
        if (!out->is_array || out->like->size != whole->size) {
            add_back(b, s, whole);
        } else if (s->kind == AD_FORWARD && out->derivative != AD_NONE) {
            const uint16_t to = stream_of(b, s->out);
            add_twin(b, s, to);
        } else {
            const uint16_t acc = acc_stream(b, s), to = stream_of(b, s->out);
            add_kernel(b, s, whole, to, acc);
        }
    }
    }
}

/* ------------------------------------------------------------------------------------------------- twins */
static int written_before(const ad_loop *l, uint16_t stream, uint32_t step)
{
    for (uint32_t i = step; i < l->steps.n; i++)
        if (l->steps.at[i].out == stream || l->steps.at[i].share == stream)
            return 0;
    return 1;
}

/* Let the step that computes the value compute the share of step `at` too, where one kernel has both.  If the cotangent is known by
 * then, that is all; or else the step scales the derivative, which is the share of a cotangent of 1. */
static void pair_up(builder *b, uint32_t at, const ad_step *source)
{
    ad_loop *l = b->l;
    const ad_elementwise *row = &ad_cpu->kernels[source->op];
    const ad_loop_step share = l->steps.at[at];
    uint32_t from = 0;
    while (from < at && (l->steps.at[from].forward != row->forward[source->dtype] || l->steps.at[from].in[0] != share.in[0]))
        from++;
    if (from == at || l->streams.n + 2 > AD_NO_STREAM)
        return;
    const int item = (int)ad_itemsize(source->dtype), known = written_before(l, share.g, from);
    const uint16_t derivative = known && share.acc == AD_NO_STREAM ? share.out : add_block(b, item, share.wide);
    const uint16_t one = known ? share.g : add_ones(b, item, share.wide);
    ad_loop_step *value = &l->steps.at[from], *rest = &l->steps.at[at];
    *rest = (ad_loop_step){.in = {AD_NO_STREAM, AD_NO_STREAM, AD_NO_STREAM}, .acc = share.acc, .g = AD_NO_STREAM, .y = AD_NO_STREAM,
                           .out = share.out, .share = AD_NO_STREAM, .wide = share.wide, .is_f32 = share.is_f32};
    value->g = one;
    value->share = derivative;
    if (!known) {
        rest->forward = ad_cpu->kernels[AD_OP_scale].forward[source->dtype];
        rest->in[0] = share.g;
        rest->in[1] = derivative;
    } else if (share.acc != AD_NO_STREAM) {
        rest->g = derivative;
    } else {
        rest->kind = AD_IDLE;
        rest->out = AD_NO_STREAM;
    }
    value->twin = row->twin[source->dtype];
    value->forward = NULL;
}

/* ------------------------------------------------------------------------------------------------- the whole */
static void take_form(ad_loop *l, ad_form form)
{
    l->size = form.size;
    l->rows = form.rows;
    l->width = l->size / l->rows;
    l->block_rows = AD_LOOP_BLOCK;
    while (l->block_rows * l->width > (l->width > 1 ? AD_WIDE_BLOCK : AD_LOOP_BLOCK) && l->block_rows > 1)
        l->block_rows /= 2;
    const int64_t part = (LEAST_PART / l->width + AD_LOOP_BLOCK - 1) / AD_LOOP_BLOCK;
    l->grain = part * AD_LOOP_BLOCK;                        /* sums of blocks are those of one part */
}

int ad_plan_build_loop(ad_plan *t, const ad_item *item, ad_loop *l)
{
    builder b = {t, l, (uint32_t)(item - t->items.at), AD_OK};
    const uint32_t from = item->from, n = item->to - item->from;
    uint32_t *kernel = malloc((n + 1) * sizeof *kernel);    /* what came of each step last */
    if (kernel == NULL)
        return AD_NO_MEMORY;
    take_form(l, item->form);
    l->strip = item->band ? AD_STRIP * (l->rows / t->bands.at[item->band - 1].rows) : 0;
    l->n_looped = n;
    for (uint32_t i = 0; i < n && b.status == AD_OK; i++) {
        add_loop_step(&b, &t->steps.at[t->looped.at[from + i]]);
        kernel[i] = l->steps.n - 1;
    }
    for (uint32_t i = 0; i < l->streams.n; i++)
        if (l->notes.at[i].owner != AD_NONE)
            t->registers.at[l->notes.at[i].owner].stream = AD_NONE;
    for (uint32_t i = 0; i < n && b.status == AD_OK; i++) {
        const ad_step *s = &t->steps.at[t->looped.at[from + i]];
        if (s->kind == AD_VJP && ad_ops[s->op].kind == AD_ELEMENTWISE && ad_cpu->kernels[s->op].twin[s->dtype] && l->steps.at[kernel[i]].vjp)
            pair_up(&b, kernel[i], s);
    }
    free(kernel);
    return b.status == AD_OK ? ad_loop_give_blocks(t, l, b.at) : b.status;
}
