/* Bands, run: strip by strip, by one thread or in parts by several.  What is late (tall products, sums) is finished at the end, in order. */
#include "matmul.h"
#include "plan.h"

#include <string.h>

/* A band at work, and one thread's part of it. */
typedef struct {
    const ad_plan *t;
    const ad_band *b;
    char *shared;
    int64_t grains;
    int parts, failed;
} work;
typedef struct { char *strips, *loops; int64_t from, to; } strip;

static char *on_line(char *memory) { return memory + (-(uintptr_t)memory & 63); }

static int64_t width_of(const work *w, uint32_t r) { return w->t->registers.at[r].like->size / w->b->rows; }

/* The first row of the strip in a register. */
static char *rows_at(const work *w, const strip *s, uint32_t r)
{
    const ad_register *x = &w->t->registers.at[r];
    return x->strip ? s->strips + x->strip - 1
                    : (char *)w->t->value[r].array->data + (size_t)(s->from * width_of(w, r)) * ad_itemsize(x->dtype);
}

static int multiply_rows(const work *w, const strip *s, const ad_band_product *p)
{
    const int64_t rows = s->to - s->from;
    const ad_matrix left = {rows_at(w, s, p->left), p->m, 1};
    void *out = rows_at(w, s, p->out);
    if (p->acc != AD_NONE)
        memcpy(out, rows_at(w, s, p->acc), (size_t)(rows * p->n) * ad_itemsize(p->dtype));
    if (p->packed) {
        ad_products_here()->multiply_packed[p->dtype](rows, p->n, p->m, left, w->shared + p->at, out, p->acc == AD_NONE);
        return AD_OK;
    }
    const ad_matrix right = {w->t->value[p->right].array->data, p->row, p->column};
    return ad_products_here()->multiply[p->dtype](rows, p->n, p->m, left, right, out, p->acc == AD_NONE);
}

static int multiply_tall(const work *w, const strip *s, const ad_band_product *p)
{
    const int64_t piece = ad_tall_piece(w->b->rows), last = ad_tall_pieces(w->b->rows) - 1;
    const int64_t at = s->from / piece < last ? s->from / piece : last;
    char *sum = w->shared + p->at + (size_t)(at * p->m * p->n) * ad_itemsize(p->dtype);
    const ad_matrix left = {rows_at(w, s, p->left), 1, p->m}, right = {rows_at(w, s, p->right), p->row, p->column};
    return ad_products_here()->multiply[p->dtype](p->m, p->n, s->to - s->from, left, right, sum, s->from == at * piece);
}

static int run_strip(const work *w, const strip *s)
{
    const ad_plan *t = w->t;
    const ad_band_product *p = w->b->products.at;
    char *memory = s->loops;
    int status = AD_OK;
    for (uint32_t at = w->b->from; at < w->b->to && status == AD_OK; at++) {
        if (t->items.at[at].kind == AD_SINGLE) {
            status = p->tall ? multiply_tall(w, s, p) : multiply_rows(w, s, p);
            p++;
            continue;
        }
        const ad_loop *l = &t->loops.at[t->items.at[at].from];
        const int64_t times = l->rows / w->b->rows;
        ad_loop_strip(t, l, t->bound.at + t->items.at[at].to, memory, s->strips, s->from * times, s->to * times);
        memory += (ad_loop_scratch(l) + 63) / 64 * 64;
    }
    return status;
}

static void open_loops(const work *w, char *memory)
{
    for (uint32_t at = w->b->from; at < w->b->to; at++)
        if (w->t->items.at[at].kind == AD_LOOP) {
            const ad_loop *l = &w->t->loops.at[w->t->items.at[at].from];
            ad_loop_open(w->t, l, w->t->bound.at + w->t->items.at[at].to, memory);
            memory += (ad_loop_scratch(l) + 63) / 64 * 64;
        }
}

static void run_part(void *arg, int part)
{
    work *w = arg;
    const int64_t grain = w->b->grain, bytes = (int64_t)w->b->scratch + 64;
    const int64_t from = w->grains * part / w->parts * grain, to = part + 1 == w->parts ? w->b->rows : w->grains * (part + 1) / w->parts * grain;
    ad_array *memory = ad_array_new(AD_BOOL, 1, &bytes);
    int status = memory ? AD_OK : AD_NO_MEMORY;
    if (memory) {
        strip s = {.strips = on_line(memory->data), .from = from};
        s.loops = s.strips + w->b->strips;
        open_loops(w, s.loops);
        for (; s.from < to && status == AD_OK; s.from = s.to) {
            s.to = ad_strip_end(s.from, w->b->rows);
            status = run_strip(w, &s);
        }
        ad_array_release(memory);
    }
    if (status != AD_OK)
        __atomic_store_n(&w->failed, 1, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------------------------------------- before and after */
static int make(const ad_plan *t, uint32_t r)
{
    const ad_register *x = &t->registers.at[r];
    if (!x->strip)
        t->value[r].array = ad_array_alike(x->dtype, x->like);
    return x->strip || t->value[r].array ? AD_OK : AD_NO_MEMORY;
}

static int begin(const work *w)
{
    const ad_plan *t = w->t;
    int status = AD_OK;
    for (uint32_t i = 0; i < w->b->products.n && status == AD_OK; i++) {
        const ad_band_product *p = &w->b->products.at[i];
        status = make(t, p->out);
        if (p->packed)
            ad_products_here()->pack[p->dtype](p->n, p->m, (ad_matrix){t->value[p->right].array->data, p->row, p->column}, w->shared + p->at);
    }
    for (uint32_t at = w->b->from; at < w->b->to; at++) {
        if (t->items.at[at].kind != AD_LOOP)
            continue;
        const ad_loop *l = &t->loops.at[t->items.at[at].from];
        ad_loop_begin(t, l);
        for (uint32_t i = 0; i < l->makes.n && status == AD_OK; i++)
            status = make(t, t->bound.at[t->items.at[at].to + l->makes.at[i].reg]);
    }
    return status;
}

static void finish_tall(const work *w, const ad_band_product *p)
{
    const ad_array *out = w->t->value[p->out].array;
    if (p->acc != AD_NONE)
        memcpy(out->data, w->t->value[p->acc].array->data, ad_array_bytes(out));
    ad_tall_finish(p->dtype, p->m * p->n, ad_tall_pieces(w->b->rows), w->shared + p->at, out->data, p->acc == AD_NONE);
}

static int end(const work *w)
{
    const ad_plan *t = w->t;
    const ad_band_product *p = w->b->products.at;
    int status = AD_OK;
    for (uint32_t at = w->b->from; at < w->b->to && status == AD_OK; at++) {
        if (t->items.at[at].kind == AD_LOOP)
            status = ad_loop_end(t, &t->loops.at[t->items.at[at].from], t->bound.at + t->items.at[at].to);
        else if (p++->tall)
            finish_tall(w, p - 1);
    }
    return status;
}

static void drop_inner(const work *w)
{
    for (uint32_t at = w->b->from; at < w->b->to; at++) {
        const ad_loop *l = w->t->items.at[at].kind == AD_LOOP ? &w->t->loops.at[w->t->items.at[at].from] : NULL;
        for (uint32_t i = 0; l && i < l->drops.n; i++) {
            ad_value *v = &w->t->value[w->t->bound.at[w->t->items.at[at].to + l->drops.at[i]]];
            if (v->array)
                ad_array_release(v->array);
            v->array = NULL;
        }
    }
}

enum { PARTS_A_THREAD = 4, WORTH_SHARING = 1 << 18 };

int ad_band_run(const ad_plan *t, ad_band *b)
{
    const int64_t bytes = (int64_t)b->shared + 64, wish = (int64_t)ad_thread_count() * PARTS_A_THREAD;
    ad_array *shared = ad_array_new(AD_BOOL, 1, &bytes);
    if (shared == NULL)
        return AD_NO_MEMORY;
    work w = {.t = t, .b = b, .shared = on_line(shared->data), .grains = b->grain < b->rows ? b->rows / b->grain : 1};
    int status = begin(&w);
    w.parts = ad_thread_count() < 2 || b->work < WORTH_SHARING ? 1 : (int)(wish < w.grains ? wish : w.grains);
    if (status == AD_OK)
        ad_run_parts(run_part, &w, w.parts);
    status = status == AD_OK && w.failed ? AD_NO_MEMORY : status;
    if (status == AD_OK)
        status = end(&w);
    drop_inner(&w);
    ad_array_release(shared);
    return status;
}
