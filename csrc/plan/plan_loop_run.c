/* Fused loops, run: by one thread, or in parts by several.  What is late (sums, places) is finished at the end, in order. */
#include "chain.h"
#include "plan_runner.h"
#include "rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "generated/opcodes.h"

/* The first line of the cache in memory that has 63 bytes to spare: a vector that lies in two takes 6 % longer. */
static char *on_line(char *memory) { return memory + (-(uintptr_t)memory & 63); }

/* The same where the loop may be known to be short: then its rows begin at 0. */
static inline void *seek_in(const runner *r, uint16_t stream, int is_short)
{
    return is_short ? r->place[stream].at : seek(r, stream);
}

/* ------------------------------------------------------------------------------------------------- steps */
/* What fills a vector up is computed and dropped.  What stood there may have been anything: a subnormal number takes a hundred times as long. */
static void clear_rest(const runner *r, const ad_loop_step *s, uint16_t stream, int64_t n)
{
    if (r->l->streams.n != stream && r->l->streams.at[stream].kind != AD_ONES)
        memset((char *)seek(r, stream) + (size_t)n * (s->is_f32 ? 4 : 8), 0, s->which * (s->is_f32 ? 4 : 8));
}

/* So many elements further on: of no stream, NULL. */
static inline void *seek_past(const runner *r, uint16_t stream, int is_short, size_t past)
{
    char *at = seek_in(r, stream, is_short);
    return at && past ? at + past * r->l->streams.at[stream].item : at;
}

/* Nothing a kernel reads is where it writes (AD_BESIDE in csrc/join.h). */
static inline int is_apart(const runner *r, const ad_loop_step *s)
{
    const uint16_t read[] = {s->in[0], s->in[1], s->in[2], s->g, s->y};
    int apart = 1;
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        apart &= !seek(r, read[i]) || (seek(r, read[i]) != seek(r, s->out) && seek(r, read[i]) != seek(r, s->share));
    return apart;
}

/* Of n elements, behind the first `past`. */
static inline void run_kernel(const runner *r, const ad_loop_step *s, int64_t n, int is_short, size_t past)
{
    void *out = seek_past(r, s->out, is_short, past), *g = seek_past(r, s->g, is_short, past);
    const void *acc = seek_past(r, s->acc, is_short, past), *a = seek_past(r, s->in[0], is_short, past);
    const void *b = seek_past(r, s->in[1], is_short, past), *c = seek_past(r, s->in[2], is_short, past);
    if (s->forward)
        s->forward(a, b, c, out, (size_t)n);
    else if (s->vjp)
        s->vjp(g, a, b, c, seek_past(r, s->y, is_short, past), out, (size_t)n);
    else if (s->twin)
        s->twin(g, a, out, seek_past(r, s->share, is_short, past), (size_t)n);
    if (acc)
        ad_add(out, acc, s->vjp || s->forward ? out : g, n, s->is_f32);
}

/* Where chain number `which` stands in the scratch memory, with its links: behind the streams. */
static ad_chain_step *chain_steps(const runner *r, const ad_loop_chain *c)
{
    return (ad_chain_step *)(void *)(r->place + r->l->streams.n + 1) + c->from + (c - r->l->chains.at);
}

/* Of the elements of a sum's blocks that have been added up, how many are of the one at hand? */
static int64_t have_of(const runner *r, const ad_loop_step *s) { return (s->wide ? r->row * r->l->width : r->row) % AD_SUM_BLOCK; }

typedef double two __attribute__((vector_size(2 * sizeof(double)), aligned(8), may_alias));

/* (For so many bytes GCC puts `rep stos`, which takes long to begin, where it sees one memset.) */
static inline void begin_totals(const runner *r, const ad_loop_chain *c, const ad_loop_step *s)
{
    s += c->total;
    for (uint32_t left = c->totals; left > 0; s++)
        if (s->kind == AD_SUM_ALL) {
            two *x = seek(r, s->share);
            x[0] = x[1] = x[2] = x[3] = x[4] = x[5] = x[6] = x[7] = (two){0};
            left--;
        }
}

/* The last of n elements are yet to be added. */
static inline void end_total(const runner *r, const ad_loop_step *s, int64_t n, int64_t rest)
{
    const ad_loop_total *total = &r->l->totals.at[s->which];
    const int64_t at = s->wide ? r->row * r->l->width : r->row, have = at % AD_SUM_BLOCK;
    const char *from = (const char *)seek(r, s->in[0]) + (size_t)(n - rest) * (s->is_f32 ? 4 : 8);
    double *sum = (double *)(void *)(r->t->room + r->l->room_at + total->room) + at / AD_SUM_BLOCK;
    if (have + n < AD_SUM_BLOCK && at + n < total->size)
        return;
    *sum = have + n < AD_SHORT_SUM ? ad_sum_block(from, (int)n, s->is_f32) : ad_sum_rest(seek(r, s->share), from, (int)rest, s->is_f32);
}

/* A chain's steps, which know where everything stands. */
static inline ad_chain_step *enter_chain(const runner *r, const ad_loop_chain *c, int is_short)
{
    ad_chain_step *steps = chain_steps(r, c);
    const ad_loop_move *move = r->l->moves.at + c->move;
    for (const ad_loop_move *end = move + c->moves; move < end; move++)
        *(char **)(void *)((char *)steps + move->at) = (char *)seek_in(r, move->stream, is_short) + c->past;
    return steps;
}

/* Of n elements of a chain that begins with step s those that no whole tile has: `rest` of them, kernel by kernel or by short chains. */
static void run_rest(const runner *r, const ad_loop_chain *c, const ad_loop_step *s, int64_t n, int64_t rest, int is_short)
{
    const ad_loop_chain *next = r->l->chains.at + c->rest, *last = next + c->rests;
    const size_t item = s->is_f32 ? 4 : 8;
    for (uint32_t k = 0; k < c->steps; k++)
        if (next < last && next->first == k) {
            ad_chain_of(s->is_f32 ? AD_F32 : AD_F64)->run_short(enter_chain(r, next, is_short), (size_t)rest * item);
            k += next->steps - 1;
            next++;
        } else if (s[k].kind != AD_SUM_ALL) {
            run_kernel(r, s + k, rest, is_short, (size_t)(n - rest));
        } else if (!r->ahead) {                             /* (before a later kernel writes where its operand stands) */
            end_total(r, s + k, n, rest);
        }
}

/* Whole tiles through all of it, then what they leave over; or a short one at once. */
static void run_chain(const runner *r, const ad_loop_step *s, int64_t n, int is_short)
{
    const ad_loop_chain *c = &r->l->chains.at[s->which];
    const ad_chain *chain = ad_chain_of(s->is_f32 ? AD_F32 : AD_F64);
    const int few = c->totals && have_of(r, s) + n < AD_SHORT_SUM;       /* which are added up otherwise */
    const size_t item = s->is_f32 ? 4 : 8, bytes = few ? 0 : (size_t)n * item & -chain->tile;
    ad_chain_step *steps = enter_chain(r, c, is_short);
    if (c->is_short) {
        chain->run_short(steps, (size_t)n * item);
        return;
    }
    if (c->totals && have_of(r, s) == 0)
        begin_totals(r, c, s);
    if (bytes)
        chain->run(steps, bytes);
    const int64_t rest = n - (int64_t)(bytes / item);
    if (rest)
        run_rest(r, c, s, n, rest, is_short);
    for (uint32_t k = c->total, left = rest || r->ahead ? 0 : c->totals; left > 0; k++)
        if (s[k].kind == AD_SUM_ALL) {
            end_total(r, s + k, n, 0);
            left--;
        }
}

/* A block in scratch memory alone may stand where it is read from. */
static void run_read(const runner *r, const ad_loop_step *s, int64_t n)
{
    const ad_loop_read *read = &r->l->reads.at[s->which];
    const ad_stream *to = &r->l->streams.at[s->out];
    if (to->kind == AD_BLOCK)
        r->place[s->out].at = block_at(r, to->block);
    void *out = seek(r, s->out);
    const int64_t at = s->wide ? r->row * r->l->width : r->row;
    const void *from = ad_read_spread(&read->l, (const char *)ad_number_at(r->t, r->bound[read->reg]) + (size_t)read->offset * s->item, at, n, s->item, out);
    if (seek(r, s->acc))
        ad_add(out, seek(r, s->acc), from, n, s->is_f32);
    else if (from != out && to->kind == AD_BLOCK && !to->kept)
        r->place[s->out].at = (char *)from;
    else if (from != out)
        memcpy(out, from, (size_t)n * s->item);
}

static void run_spread(const runner *r, const ad_loop_step *s, int64_t n)
{
    const char *from = seek(r, s->in[0]);
    const void *acc = seek(r, s->acc);
    char *out = seek(r, s->out);
    const int64_t width = r->l->width, rows = n / width;
    if (s->item == 1)
        for (int64_t i = 0; i < rows; i++)
            memset(out + i * width, from[i], (size_t)width);
    else
        ad_rows(s->item == 8 ? AD_F64 : AD_F32)->spread(rows, width, from, out);
    if (acc)
        ad_add(out, acc, out, n, s->is_f32);
}

static void run_sum_rows(const runner *r, const ad_loop_step *s, int64_t n)
{
    void *out = seek(r, s->out);
    const void *acc = seek(r, s->acc);
    ad_sum_rows(seek(r, s->in[0]), n, r->l->width, s->is_f32, out);
    if (acc)
        ad_add(out, acc, out, n, s->is_f32);
}

/* Sums are taken of AD_SUM_BLOCK elements: from where they are, or gathered first. */
static void run_sum_all(const runner *r, const ad_loop_step *s, int64_t n)
{
    const ad_loop_total *total = &r->l->totals.at[s->which];
    const char *from = seek(r, s->in[0]);
    const size_t item = s->is_f32 ? 4 : 8;
    double *sums = (double *)(void *)(r->t->room + r->l->room_at + total->room);
    int64_t at = s->wide ? r->row * r->l->width : r->row;
    if (total->block == AD_NONE) {
        sums[at / AD_SUM_BLOCK] = ad_sum_block(from, (int)n, s->is_f32);
        return;
    }
    char *gathered = block_at(r, total->block);
    while (n > 0) {
        const int64_t have = at % AD_SUM_BLOCK, some = n < AD_SUM_BLOCK - have ? n : AD_SUM_BLOCK - have;
        memcpy(gathered + (size_t)have * item, from, (size_t)some * item);
        if (have + some == AD_SUM_BLOCK || at + some == total->size)
            sums[at / AD_SUM_BLOCK] = ad_sum_block(gathered, (int)(have + some), s->is_f32);
        from += (size_t)some * item;
        at += some;
        n -= some;
    }
}

static void run_sum_back(const runner *r, const ad_loop_step *s, int64_t n)
{
    const ad_loop_back *back = &r->l->backs.at[s->which];
    if (back->whole == AD_NO_STREAM)
        ad_back_add(&back->b, s->is_f32, seek(r, s->in[0]), s->wide ? r->row * r->l->width : r->row, n, r->t->room + r->l->room_at + back->room);
}

static inline void run_steps(const runner *r, int64_t rows, int is_short)
{
    const ad_loop *l = r->l;
    const int64_t wide = rows * l->width;
    for (const ad_loop_step *s = l->steps.at, *end = s + l->steps.n; s < end; s++) {
        const int64_t n = s->wide ? wide : rows;
        assert(!(s->forward || s->vjp || s->twin) || is_apart(r, s));
        switch (s->kind) {
        case AD_ONE: s->forward(seek_in(r, s->in[0], is_short), NULL, NULL, seek_in(r, s->out, is_short), (size_t)n); break;
        case AD_TWO:
            s->forward(seek_in(r, s->in[0], is_short), seek_in(r, s->in[1], is_short), NULL, seek_in(r, s->out, is_short), (size_t)n);
            break;
        case AD_SHARE:
            s->vjp(seek_in(r, s->g, is_short), seek_in(r, s->in[0], is_short), seek_in(r, s->in[1], is_short), NULL, NULL,
                   seek_in(r, s->out, is_short), (size_t)n);
            break;
        case AD_KERNEL:
            if (s->which) {
                clear_rest(r, s, s->in[0], n);
                clear_rest(r, s, s->g, n);
            }
            run_kernel(r, s, n + s->which, is_short, 0);
            break;
        case AD_CHAIN:
            run_chain(r, s, n, is_short);
            s += l->chains.at[s->which].steps - 1;
            break;
        case AD_READ_ONCE:
            if (r->row != r->begin)
                break;                                      /* (it has as much as any block, and more than a shorter one needs) */
            /* fall through */
        case AD_READ: run_read(r, s, n); break;
        case AD_SPREAD_ROWS: run_spread(r, s, n); break;
        case AD_SUM_ROWS: run_sum_rows(r, s, n); break;
        case AD_COPY: memcpy(seek(r, s->out), seek(r, s->in[0]), (size_t)n * s->item); break;
        case AD_SUM_ALL:
            if (!r->ahead)
                run_sum_all(r, s, n);
            break;
        case AD_SUM_BACK:
            if (!r->ahead)
                run_sum_back(r, s, n);
            break;
        default: break;
        }
    }
}

/* ------------------------------------------------------------------------------------------------- rows */
static inline char *whole_at(const runner *r, const ad_stream *s)
{
    const size_t offset = s->moves ? r->bound[r->l->n_bound + (size_t)s->offset] : (size_t)s->offset;
    return (char *)r->t->value[r->bound[s->reg]].array->data + offset * s->item;
}

static void open_whole(const runner *r, const ad_stream *s, ad_where *place)
{
    const size_t pace = s->item * (size_t)(s->wide ? r->l->width : 1);
    const uint32_t strip = r->strips ? r->t->registers.at[r->bound[s->reg]].strip : 0;
    *place = (ad_where){strip ? r->strips + (size_t)(strip - 1) - (size_t)r->first * pace : whole_at(r, s), pace};
}

static void open_stream(const runner *r, uint32_t i)
{
    const ad_loop *l = r->l;
    const ad_stream *s = &l->streams.at[i];
    if (s->kind == AD_WHOLE && !(r->ahead && s->written)) {
        open_whole(r, s, &r->place[i]);
        return;
    }
    const int64_t longest = ad_is_short(l) ? l->size : l->block_rows * l->width;
    r->place[i] = (ad_where){s->block == AD_NONE ? NULL : block_at(r, s->block) + (s->reg == AD_NONE ? s->offset : 0), 0};
    if (s->block != AD_NONE && s->kind == AD_NUMBER)
        ad_fill(block_at(r, s->block), ad_number_at(r->t, r->bound[s->reg]), longest, s->item);
    else if (s->kind == AD_ONES)
        ad_fill(block_at(r, s->block), s->item == 4 ? (const void *)&(const float){1} : &(const double){1},
                (int64_t)(l->block_bytes / s->item), s->item);          /* to the end of the vector too */
}

static void open_streams(const runner *r)
{
    const ad_loop *l = r->l;
    r->place[l->streams.n] = (ad_where){NULL, 0};
    for (uint32_t i = 0; i < l->streams.n; i++)
        open_stream(r, i);
    for (const ad_loop_chain *c = l->chains.at; c < l->chains.at + l->chains.n; c++) {
        const ad_chain *chain = ad_chain_of(c->is_f32 ? AD_F32 : AD_F64);
        const ad_chain_function *place = c->is_short ? chain->place_short : chain->place;
        ad_chain_step *steps = chain_steps(r, c);
        for (uint32_t i = 0; i < c->n; i++) {
            steps[i].run = place[l->links.at[c->from + i].code];
            for (int k = 0; k < 4; k++) {
                char *at = r->place[l->links.at[c->from + i].at[k]].at;
                steps[i].at[k] = at ? at + c->past : NULL;
            }
        }
        steps[c->n].run = place[AD_CHAIN_END];
    }
}

static void run_rows(runner *r, int64_t from, int64_t to)
{
    open_streams(r);
    r->begin = from;
    for (r->row = from; r->row < to; r->row += r->l->block_rows) {
        const int64_t rows = to - r->row < r->l->block_rows ? to - r->row : r->l->block_rows;
        run_steps(r, rows, 0);
        if (r->l->places.n)
            ad_run_places(r, rows);
    }
}

/* (Of one block, which begins at row 0.) */
static inline void open_moving(const runner *r, const char *const *seat)
{
    const uint32_t n = r->l->moving.n;
    const uint16_t *const moving = r->l->moving.at;
    ad_where *const place = r->place;
    for (uint32_t i = 0; i < n; i++) {
        const ad_stream *s = &r->l->streams.at[moving[i]];
        if (seat && seat[i])
            place[moving[i]].at = (char *)seat[i];
        else if (s->kind != AD_WHOLE)
            open_stream(r, moving[i]);
        else
            place[moving[i]].at = whole_at(r, s);
    }
}

/* A short loop in memory of its own: most of it stands there from the last run. */
static void run_own(const ad_plan *t, ad_loop *l, const uint32_t *bound)
{
    runner r = {.t = t, .l = l, .bound = bound, .scratch = on_line(l->own)};
    const char *const *seat = l->seated ? t->seats.at + bound[l->n_bound + l->n_offsets] : NULL;
    r.place = (ad_where *)(void *)(r.scratch + (size_t)l->n_blocks * l->block_bytes);
    r.seats = seat ? seat + l->moving.n : NULL;
    if (!l->ready)
        open_streams(&r);
    else
        open_moving(&r, seat);
    l->ready = 1;
    run_steps(&r, l->rows, 1);
    if (l->places.n)
        ad_run_places(&r, l->rows);
}

static void run_part(const ad_plan *t, const ad_loop *l, const uint32_t *bound, char *memory, int64_t from, int64_t to)
{
    runner r = {.t = t, .l = l, .bound = bound, .scratch = on_line(memory)};
    r.place = (ad_where *)(void *)(r.scratch + (size_t)l->n_blocks * l->block_bytes);
    r.ahead = from > 0 && l->history > 0;
    if (r.ahead)
        run_rows(&r, from - (l->history < from ? l->history : from), from);
    r.ahead = 0;
    run_rows(&r, from, to);
}

/* ------------------------------------------------------------------------------------------------- by several threads */
enum { WORTH_SHARING = 1 << 18, PARTS_A_THREAD = 4 };       /* element steps */

typedef struct {
    const ad_plan *t;
    const ad_loop *l;
    const uint32_t *bound;
    int64_t grains;
    int parts, failed;
} shared;

static void run_shared_part(void *arg, int part)
{
    shared *s = arg;
    const int64_t from = s->grains * part / s->parts * s->l->grain, to = s->grains * (part + 1) / s->parts * s->l->grain;
    char *memory = malloc(ad_loop_scratch(s->l));
    if (memory)
        run_part(s->t, s->l, s->bound, memory, from, to < s->l->rows ? to : s->l->rows);
    else
        __atomic_store_n(&s->failed, 1, __ATOMIC_RELAXED);
    free(memory);
}

int64_t ad_loop_work(const ad_loop *l) { return l->size * l->steps.n; }

static int run_all(const ad_plan *t, ad_loop *l, const uint32_t *bound)
{
    if (l->own) {
        run_own(t, l, bound);
        return AD_OK;
    }
    shared s = {.t = t, .l = l, .bound = bound, .grains = l->grain ? (l->rows + l->grain - 1) / l->grain : 1};
    const int64_t wish = (int64_t)ad_thread_count() * PARTS_A_THREAD;
    s.parts = (int)(wish < s.grains ? wish : s.grains);
    if (ad_thread_count() < 2 || ad_loop_work(l) < WORTH_SHARING || s.parts < 2) {
        run_part(t, l, bound, t->scratch, 0, l->rows);
        return AD_OK;
    }
    ad_run_parts(run_shared_part, &s, s.parts);
    return s.failed ? AD_NO_MEMORY : AD_OK;
}

int ad_loop_run(const ad_plan *t, ad_loop *l, const uint32_t *bound)
{
    ad_loop_begin(t, l);
    const int status = run_all(t, l, bound);
    return status == AD_OK ? ad_loop_end(t, l, bound) : status;
}

/* ------------------------------------------------------------------------------------------------- strip by strip */
static runner on_strip(const ad_plan *t, const ad_loop *l, const uint32_t *bound, char *memory, char *strips, int64_t first)
{
    runner r = {.t = t, .l = l, .bound = bound, .scratch = on_line(memory), .strips = strips, .first = first, .begin = first};
    r.place = (ad_where *)(void *)(r.scratch + (size_t)l->n_blocks * l->block_bytes);
    return r;
}

void ad_loop_open(const ad_plan *t, const ad_loop *l, const uint32_t *bound, char *memory)
{
    const runner r = on_strip(t, l, bound, memory, memory, 0);
    open_streams(&r);
}

void ad_loop_strip(const ad_plan *t, const ad_loop *l, const uint32_t *bound, char *memory, char *strips, int64_t from, int64_t to)
{
    runner r = on_strip(t, l, bound, memory, strips, from);
    for (uint32_t i = 0; i < l->streams.n; i++)
        if (l->streams.at[i].kind == AD_WHOLE && t->registers.at[bound[l->streams.at[i].reg]].strip)
            open_stream(&r, i);
    for (r.row = from; r.row < to; r.row += l->block_rows)
        run_steps(&r, to - r.row < l->block_rows ? to - r.row : l->block_rows, 0);
}
