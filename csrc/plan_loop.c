/* Fused loops: elementwise steps on arrays of one shape, block by block, so that what passes between them stays in the first-level
 * cache.  Every element sees the same kernels in the same order as outside of a loop, so it has the same bits. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "generated/opcodes.h"

/* ------------------------------------------------------------------------------------------------- building */
static int add_stream(ad_loop *l, ad_stream s)
{
    ad_stream *grown = realloc(l->streams, (l->n_streams + 1) * sizeof *grown);
    if (grown == NULL)
        return AD_NO_MEMORY;
    l->streams = grown;
    l->streams[l->n_streams++] = s;
    return AD_OK;
}

static int stream_of(ad_plan *t, ad_loop *l, uint32_t reg, uint32_t at, uint16_t *stream)
{
    const uint32_t home = ad_home(t, reg);
    ad_register *r = &t->registers.at[home];
    *stream = AD_NO_STREAM;
    if (r->stream == AD_NONE) {
        const int inner = r->born == at && r->dies == at;
        const int whole = r->is_array && ad_alike(r->like, l->like);
        ad_stream s = {.reg = home, .item = (uint8_t)ad_itemsize(r->dtype), .block = AD_NONE, .written = r->born == at,
                       .kind = inner && r->is_array ? AD_BLOCK : whole ? AD_WHOLE : AD_NUMBER};
        r->stream = l->n_streams;
        if (add_stream(l, s) != AD_OK)
            return AD_NO_MEMORY;
    }
    *stream = (uint16_t)r->stream;
    return AD_OK;
}

static int read_stream(ad_plan *t, ad_loop *l, const ad_step *s, uint32_t k, uint32_t at, uint16_t *stream)
{
    const uint32_t r = ad_read_by(t, s, k);
    *stream = AD_NO_STREAM;
    return r == AD_NONE ? AD_OK : stream_of(t, l, r, at, stream);
}

static int add_loop_step(ad_plan *t, ad_loop *l, const ad_step *s, uint32_t at, uint32_t step)
{
    ad_loop_step *to = &l->steps[step];
    *to = (ad_loop_step){.share = AD_NO_STREAM, .sums = (uint8_t)ad_is_sum(t, s), .is_f32 = s->dtype == AD_F32};
    int status = AD_OK;
    for (uint32_t k = 0; k < AD_MAX_OPERANDS && status == AD_OK; k++) {
        to->in[k] = AD_NO_STREAM;
        if (k < s->n)
            status = read_stream(t, l, s, k, at, &to->in[k]);
    }
    if (status == AD_OK)
        status = read_stream(t, l, s, s->n, at, &to->y);
    if (status == AD_OK)
        status = read_stream(t, l, s, s->n + 1, at, &to->g);
    if (status == AD_OK)
        status = read_stream(t, l, s, s->n + 2, at, &to->acc);
    if (status == AD_OK)
        status = stream_of(t, l, s->out, at, &to->out);
    if (to->sums)
        to->sum = l->n_sums++;
    else if (s->kind == AD_FORWARD)
        to->forward = ad_cpu->kernels[s->op].forward[t->registers.at[t->words.at[s->in + s->n - 1]].dtype];
    else if (s->kind == AD_VJP)
        to->vjp = ad_cpu->kernels[s->op].vjp[s->k][s->dtype];
    return status;
}

/* ------------------------------------------------------------------------------------------------- twins */
static int written_before(const ad_loop *l, uint16_t stream, uint32_t step)
{
    for (uint32_t i = step; i < l->n_steps; i++)
        if (l->steps[i].out == stream || l->steps[i].share == stream)
            return 0;
    return 1;
}

/* Let the step that computes the value compute the share of step `at` too, where one kernel has both.  If the cotangent is known by
 * then, that is all; or else the step scales the derivative, which is the share of a cotangent of 1. */
static int pair_up(ad_loop *l, uint32_t at, const ad_step *source)
{
    const ad_elementwise *row = &ad_cpu->kernels[source->op];
    const ad_loop_step share = l->steps[at];
    uint32_t from = 0;
    while (from < at && (l->steps[from].forward != row->forward[source->dtype] || l->steps[from].in[0] != share.in[0]))
        from++;
    if (from == at || l->n_streams + 2 > AD_NO_STREAM)
        return AD_OK;
    const uint8_t item = (uint8_t)ad_itemsize(source->dtype);
    ad_loop_step *value = &l->steps[from], *rest = &l->steps[at];
    *rest = (ad_loop_step){.in = {AD_NO_STREAM, AD_NO_STREAM, AD_NO_STREAM}, .acc = share.acc, .g = AD_NO_STREAM, .y = AD_NO_STREAM,
                           .out = share.out, .share = AD_NO_STREAM, .is_f32 = share.is_f32};
    value->g = share.g;
    value->share = (uint16_t)l->n_streams;
    int status = AD_OK;
    if (!written_before(l, share.g, from)) {
        status = add_stream(l, (ad_stream){.reg = AD_NONE, .item = item, .block = AD_NONE, .written = 1, .kind = AD_BLOCK});
        rest->forward = ad_cpu->kernels[AD_OP_scale].forward[source->dtype];
        rest->in[0] = share.g;
        rest->in[1] = value->share;
        value->g = (uint16_t)l->n_streams;
        if (status == AD_OK)
            status = add_stream(l, (ad_stream){.reg = AD_NONE, .item = item, .block = AD_NONE, .kind = AD_ONES});
    } else if (share.acc != AD_NO_STREAM) {
        status = add_stream(l, (ad_stream){.reg = AD_NONE, .item = item, .block = AD_NONE, .written = 1, .kind = AD_BLOCK});
        rest->g = value->share;
    } else {
        value->share = share.out;
        *rest = (ad_loop_step){.in = {AD_NO_STREAM, AD_NO_STREAM, AD_NO_STREAM}, .acc = AD_NO_STREAM, .g = AD_NO_STREAM,
                               .y = AD_NO_STREAM, .out = AD_NO_STREAM, .share = AD_NO_STREAM, .idle = 1};
    }
    value->twin = row->twin[source->dtype];
    value->forward = NULL;
    return status;
}

/* Scratch blocks: numbers keep theirs throughout, others give it back after the last step that reads them. */
enum { TOUCHED = 8 };
static uint16_t touched_by(const ad_loop_step *s, int i)
{
    const uint16_t streams[TOUCHED] = {s->in[0], s->in[1], s->in[2], s->acc, s->g, s->y, s->out, s->share};
    return streams[i];
}

static int give_blocks(ad_loop *l)
{
    uint32_t *spare = malloc((l->n_streams + 1) * sizeof *spare), n_spare = 0;
    if (spare == NULL)
        return AD_NO_MEMORY;
    for (uint32_t i = 0; i < l->n_streams; i++)
        if ((l->streams[i].kind == AD_NUMBER || l->streams[i].kind == AD_ONES) && !l->streams[i].written)
            l->streams[i].block = l->n_blocks++;
    for (uint32_t step = 0; step < l->n_steps; step++)
        for (int i = 0; i < TOUCHED; i++)
            if (touched_by(&l->steps[step], i) != AD_NO_STREAM)
                l->streams[touched_by(&l->steps[step], i)].last = step;
    for (uint32_t step = 0; step < l->n_steps; step++) {
        const ad_loop_step *s = &l->steps[step];
        const uint16_t made[] = {s->out, s->share};
        for (int i = 0; i < 2; i++)
            if (made[i] != AD_NO_STREAM && l->streams[made[i]].kind == AD_BLOCK)
                l->streams[made[i]].block = n_spare ? spare[--n_spare] : l->n_blocks++;
        for (int i = 0; i < TOUCHED; i++) {
            ad_stream *x = touched_by(s, i) == AD_NO_STREAM ? NULL : &l->streams[touched_by(s, i)];
            if (x && x->kind == AD_BLOCK && x->last == step) {
                spare[n_spare++] = x->block;
                x->last = AD_NONE;
            }
        }
    }
    free(spare);
    return AD_OK;
}

int ad_plan_add_loop(ad_plan *t, const ad_item *item, ad_loop *l)
{
    const uint32_t at = (uint32_t)(item - t->items.at);
    const ad_step *first = &t->steps.at[t->looped.at[item->from]];
    l->like = t->registers.at[first->out].like;
    l->size = l->like->size;
    l->n_steps = item->to - item->from;
    l->steps = calloc(l->n_steps, sizeof *l->steps);
    int status = l->steps ? AD_OK : AD_NO_MEMORY;
    for (uint32_t i = 0; i < l->n_steps && status == AD_OK; i++)
        status = add_loop_step(t, l, &t->steps.at[t->looped.at[item->from + i]], at, i);
    for (uint32_t i = 0; i < l->n_streams; i++)
        t->registers.at[l->streams[i].reg].stream = AD_NONE;
    for (uint32_t i = 0; i < l->n_steps && status == AD_OK; i++) {
        const ad_step *s = &t->steps.at[t->looped.at[item->from + i]];
        if (s->kind == AD_VJP && ad_cpu->kernels[s->op].twin[s->dtype])
            status = pair_up(l, i, s);
    }
    return status == AD_OK ? give_blocks(l) : status;
}

/* ------------------------------------------------------------------------------------------------- running */
/* A loop at work: by one thread on some of its blocks. */
typedef struct {
    const ad_plan *t;
    const ad_loop *l;
    char *scratch;
} runner;

static char *block_at(const runner *r, uint32_t block) { return r->scratch + (size_t)block * AD_LOOP_BLOCK * 8; }

/* The first line of the cache in memory that has 63 bytes to spare: a vector that lies in two takes 6 % longer. */
static char *on_line(char *memory) { return memory + (-(uintptr_t)memory & 63); }

static const void *number_at(const ad_plan *t, uint32_t reg)
{
    return t->registers.at[reg].is_array ? t->value[reg].array->data : (const void *)&t->value[reg];
}

static void *seek(const runner *r, uint16_t stream, int64_t start)
{
    if (stream == AD_NO_STREAM)
        return NULL;
    const ad_stream *s = &r->l->streams[stream];
    return s->kind == AD_WHOLE ? (char *)r->t->value[s->reg].array->data + (size_t)start * s->item : block_at(r, s->block);
}

static void add(void *to, const void *a, const void *b, int64_t n, int is_f32)
{
    if (is_f32)
        for (int64_t i = 0; i < n; i++)
            ((float *)to)[i] = ((const float *)a)[i] + ((const float *)b)[i];
    else
        for (int64_t i = 0; i < n; i++)
            ((double *)to)[i] = ((const double *)a)[i] + ((const double *)b)[i];
}

static double *sums_of(const ad_plan *t, const ad_loop *l, uint32_t sum)
{
    return t->sums + (size_t)sum * (size_t)((l->size + AD_SUM_BLOCK - 1) / AD_SUM_BLOCK);
}

static void run_block(const runner *r, int64_t start, int64_t n)
{
    const ad_loop *l = r->l;
    for (uint32_t i = 0; i < l->n_steps; i++) {
        const ad_loop_step *s = &l->steps[i];
        const void *a = seek(r, s->in[0], start);
        if (s->sums) {
            double *sums = sums_of(r->t, l, s->sum) + start / AD_SUM_BLOCK;
            const size_t item = s->is_f32 ? 4 : 8;
            for (int64_t j = 0; j < n; j += AD_SUM_BLOCK)
                *sums++ = ad_sum_block((const char *)a + (size_t)j * item, (int)(n - j < AD_SUM_BLOCK ? n - j : AD_SUM_BLOCK), s->is_f32);
            continue;
        }
        if (s->idle)
            continue;
        void *out = seek(r, s->out, start);
        const void *b = seek(r, s->in[1], start), *c = seek(r, s->in[2], start), *g = seek(r, s->g, start);
        const void *acc = seek(r, s->acc, start);
        if (s->twin)
            s->twin(g, a, out, seek(r, s->share, start), (size_t)n);
        else if (s->forward)
            s->forward(a, b, c, out, (size_t)n);
        else if (s->vjp)
            s->vjp(g, a, b, c, seek(r, s->y, start), out, (size_t)n);
        if (acc)
            add(out, acc, s->vjp || s->forward ? out : g, n, s->is_f32);
    }
}

static void run_blocks(const runner *r, int64_t first, int64_t end)
{
    const ad_loop *l = r->l;
    const int64_t longest = l->size < AD_LOOP_BLOCK ? l->size : AD_LOOP_BLOCK;
    for (uint32_t i = 0; i < l->n_streams; i++) {
        const ad_stream *s = &l->streams[i];
        if (s->block != AD_NONE && s->kind == AD_NUMBER)
            ad_fill(block_at(r, s->block), number_at(r->t, s->reg), longest, s->item);
        else if (s->kind == AD_ONES)
            ad_fill(block_at(r, s->block), s->item == 4 ? (const void *)&(const float){1} : &(const double){1}, longest, s->item);
    }
    for (int64_t start = first; start < end; start += AD_LOOP_BLOCK)
        run_block(r, start, end - start < AD_LOOP_BLOCK ? end - start : AD_LOOP_BLOCK);
}

static void finish_sums(const ad_plan *t, const ad_loop *l)
{
    for (uint32_t i = 0; i < l->n_steps; i++) {
        const ad_loop_step *s = &l->steps[i];
        if (!s->sums)
            continue;
        const double sum = 0 + ad_sum_blocks(sums_of(t, l, s->sum), l->size);
        ad_value *to = &t->value[l->streams[s->out].reg];
        to->bits = 0;
        if (s->is_f32)
            to->f32 = (float)sum;
        else
            to->f64 = sum;
    }
}

/* ------------------------------------------------------------------------------------------------- by several threads */
enum { PARTS_A_THREAD = 4, WORTH_SHARING = 1 << 18, LEAST_PART = 32 };        /* element steps; blocks */

typedef struct {
    runner r;
    int parts, failed;
    int64_t n_blocks;
} shared;

static void run_part(void *arg, int part)
{
    shared *s = arg;
    runner own = s->r;
    const int64_t first = s->n_blocks * part / s->parts * AD_LOOP_BLOCK, end = s->n_blocks * (part + 1) / s->parts * AD_LOOP_BLOCK;
    char *memory = malloc((size_t)own.l->n_blocks * AD_LOOP_BLOCK * 8 + 64);
    if (memory) {
        own.scratch = on_line(memory);
        run_blocks(&own, first, end < own.l->size ? end : own.l->size);
    } else {
        __atomic_store_n(&s->failed, 1, __ATOMIC_RELAXED);
    }
    free(memory);
}

static int run_shared(const ad_plan *t, const ad_loop *l)
{
    shared s = {.r = {t, l, NULL}, .n_blocks = (l->size + AD_LOOP_BLOCK - 1) / AD_LOOP_BLOCK};
    const int64_t most = s.n_blocks / LEAST_PART, wish = (int64_t)ad_thread_count() * PARTS_A_THREAD;
    s.parts = (int)(wish < most ? wish : most);
    ad_run_parts(run_part, &s, s.parts);
    return s.failed ? AD_NO_MEMORY : AD_OK;
}

int64_t ad_loop_work(const ad_loop *l) { return l->size * l->n_steps; }

int ad_loop_run(const ad_plan *t, const ad_loop *l)
{
    int status = AD_OK;
    if (ad_thread_count() > 1 && ad_loop_work(l) >= WORTH_SHARING && l->size >= 2 * LEAST_PART * AD_LOOP_BLOCK)
        status = run_shared(t, l);
    else
        run_blocks(&(runner){t, l, on_line(t->scratch)}, 0, l->size);
    if (status == AD_OK)
        finish_sums(t, l);
    return status;
}
