/* Fused loops: elementwise steps on arrays of one shape, block by block, so that what passes between them stays in the first-level
 * cache.  Every element sees the same kernels in the same order as outside of a loop, so it has the same bits. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------- building */
static int stream_of(ad_plan *t, ad_loop *l, uint32_t reg, uint32_t at, uint32_t step, uint16_t *stream)
{
    const uint32_t home = ad_home(t, reg);
    ad_register *r = &t->registers.at[home];
    *stream = AD_NO_STREAM;
    if (r->stream == AD_NONE) {
        const int inner = r->born == at && r->dies == at;
        const int whole = r->is_array && ad_alike(r->like, l->like);
        ad_stream s = {.reg = home, .item = (uint8_t)ad_itemsize(r->dtype), .block = AD_NONE, .written = r->born == at,
                       .kind = inner && r->is_array ? AD_BLOCK : whole ? AD_WHOLE : AD_NUMBER};
        ad_stream *grown = realloc(l->streams, (l->n_streams + 1) * sizeof *grown);
        if (grown == NULL)
            return AD_NO_MEMORY;
        l->streams = grown;
        r->stream = l->n_streams;
        l->streams[l->n_streams++] = s;
    }
    *stream = (uint16_t)r->stream;
    l->streams[r->stream].last = step;
    return AD_OK;
}

static int read_stream(ad_plan *t, ad_loop *l, const ad_step *s, uint32_t k, uint32_t at, uint32_t step, uint16_t *stream)
{
    const uint32_t r = ad_read_by(t, s, k);
    *stream = AD_NO_STREAM;
    return r == AD_NONE ? AD_OK : stream_of(t, l, r, at, step, stream);
}

static int add_loop_step(ad_plan *t, ad_loop *l, const ad_step *s, uint32_t at, uint32_t step)
{
    ad_loop_step *to = &l->steps[step];
    *to = (ad_loop_step){.sums = (uint8_t)ad_is_sum(t, s), .is_f32 = s->dtype == AD_F32};
    int status = AD_OK;
    for (uint32_t k = 0; k < AD_MAX_OPERANDS && status == AD_OK; k++) {
        to->in[k] = AD_NO_STREAM;
        if (k < s->n)
            status = read_stream(t, l, s, k, at, step, &to->in[k]);
    }
    if (status == AD_OK)
        status = read_stream(t, l, s, s->n, at, step, &to->y);
    if (status == AD_OK)
        status = read_stream(t, l, s, s->n + 1, at, step, &to->g);
    if (status == AD_OK)
        status = read_stream(t, l, s, s->n + 2, at, step, &to->acc);
    if (status == AD_OK)
        status = stream_of(t, l, s->out, at, step, &to->out);
    if (to->sums)
        to->sum = l->n_sums++;
    else if (s->kind == AD_FORWARD)
        to->forward = ad_cpu->kernels[s->op].forward[t->registers.at[t->words.at[s->in + s->n - 1]].dtype];
    else if (s->kind == AD_VJP)
        to->vjp = ad_cpu->kernels[s->op].vjp[s->k][s->dtype];
    return status;
}

/* Scratch blocks: numbers keep theirs throughout, others give it back after the last step that reads them. */
static int give_blocks(ad_loop *l)
{
    uint32_t *spare = malloc((l->n_streams + 1) * sizeof *spare), n_spare = 0;
    if (spare == NULL)
        return AD_NO_MEMORY;
    for (uint32_t i = 0; i < l->n_streams; i++)
        if (l->streams[i].kind == AD_NUMBER && !l->streams[i].written)
            l->streams[i].block = l->n_blocks++;
    for (uint32_t step = 0; step < l->n_steps; step++) {
        const ad_loop_step *s = &l->steps[step];
        if (l->streams[s->out].kind == AD_BLOCK)
            l->streams[s->out].block = n_spare ? spare[--n_spare] : l->n_blocks++;
        const uint16_t touched[] = {s->in[0], s->in[1], s->in[2], s->acc, s->g, s->y, s->out};
        for (int i = 0; i < 7; i++) {
            ad_stream *x = touched[i] == AD_NO_STREAM ? NULL : &l->streams[touched[i]];
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
        void *out = seek(r, s->out, start);
        const void *b = seek(r, s->in[1], start), *c = seek(r, s->in[2], start), *g = seek(r, s->g, start);
        const void *acc = seek(r, s->acc, start);
        if (s->forward)
            s->forward(a, b, c, out, (size_t)n);
        else if (s->vjp)
            s->vjp(g, a, b, c, seek(r, s->y, start), out, (size_t)n);
        if (acc)
            add(out, acc, s->vjp ? out : g, n, s->is_f32);
    }
}

static void run_blocks(const runner *r, int64_t first, int64_t end)
{
    const ad_loop *l = r->l;
    const int64_t longest = l->size < AD_LOOP_BLOCK ? l->size : AD_LOOP_BLOCK;
    for (uint32_t i = 0; i < l->n_streams; i++)
        if (l->streams[i].block != AD_NONE && l->streams[i].kind == AD_NUMBER)
            ad_fill(block_at(r, l->streams[i].block), number_at(r->t, l->streams[i].reg), longest, l->streams[i].item);
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
enum { PARTS_A_THREAD = 4, WORTH_SHARING = 1 << 18, LEAST_PART = 16 };        /* element steps; blocks */

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
    own.scratch = malloc((size_t)own.l->n_blocks * AD_LOOP_BLOCK * 8 + 1);
    if (own.scratch)
        run_blocks(&own, first, end < own.l->size ? end : own.l->size);
    else
        __atomic_store_n(&s->failed, 1, __ATOMIC_RELAXED);
    free(own.scratch);
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
        run_blocks(&(runner){t, l, t->scratch}, 0, l->size);
    if (status == AD_OK)
        finish_sums(t, l);
    return status;
}
