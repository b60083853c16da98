/* Bands: products with a small right factor, the fused loops between them, and products of their columns (the shares of those factors), all
 * over the same rows.  Each strip of rows goes through the whole band while it is in the second-level cache; what passes between the items
 * is never whole, unless somebody else reads it.  Run item by item, the same steps have the same bits: a product computes every row alike
 * (ad_rows_are_alike), tall ones are summed in the same strips (ad_is_tall), and so are the sums of loops.
 *
 * What comes in between and reads nothing of the band runs before it; what reads of it and goes not by rows, after it. */
#include "matmul.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "generated/opcodes.h"

enum { MOST_INSIDE = 64, LEAST_ROWS = 1024, WIDEST = 512 };        /* items; rows; columns of a product */
enum { MOST_STRIPS = 4 << 20 };                             /* bytes of all strips of a thread */

/* ------------------------------------------------------------------------------------------------- which items */
enum state { OUTSIDE, BY_ROWS, LATE, WAITS };               /* what a register of the band at hand is */
typedef struct {
    ad_plan *t;
    AD_LIST(uint32_t) order, inside, waiting;               /* items: the order found so far; of the band at hand */
    int64_t rows;                                           /* of the band; 0: none is open */
    uint32_t number;                                        /* of bands so far, and this one */
    int guards;                                             /* some wait */
} search;

static enum state state_of(const search *f, uint32_t r)
{
    const uint32_t is = f->t->registers.at[r].banded;
    return f->rows && is / 4 == f->number ? (enum state)(is % 4) : OUTSIDE;
}

static const ad_step *step_of(const ad_plan *t, const ad_item *item, uint32_t i)
{
    return &t->steps.at[item->kind == AD_LOOP ? t->looped.at[i] : item->kind == AD_SCALARS ? t->scalar_steps.at[i] : i];
}

static uint32_t end_of(const ad_item *item) { return item->kind == AD_SINGLE ? item->from + 1 : item->to; }

static const ad_array *like_of(const ad_plan *t, uint32_t r)
{
    const ad_register *x = &t->registers.at[r];
    return x->is_array && x->number == AD_NONE && x->base == AD_NONE && x->dtype <= AD_F64 ? x->like : NULL;
}

/* The step as a product over `rows` rows; 0: it is none. */
static int as_product(const ad_plan *t, const ad_step *s, ad_band_product *p, int64_t *rows)
{
    if (s->op != AD_OP_matmul || (s->kind != AD_FORWARD && s->kind != AD_VJP))
        return 0;
    const uint32_t a = t->words.at[s->in], b = t->words.at[s->in + 1], g = s->kind == AD_VJP ? s->g : s->out;
    const ad_array *la = like_of(t, a), *lb = like_of(t, b), *lg = like_of(t, g);
    const int64_t *attr = ad_attributes(t->program, &t->program->code[s->slot]);
    if (la == NULL || lb == NULL || lg == NULL || like_of(t, s->out) == NULL || (s->acc != AD_NONE && like_of(t, s->acc) == NULL))
        return 0;
    if (attr[0] || lb->ndim != 2 || la->ndim < 2 || la->size == 0 || lg->size == 0 || la->dtype != lb->dtype)
        return 0;
    const int64_t k = la->shape[la->ndim - 1], n = lb->shape[attr[1] ? 0 : 1];
    *rows = la->size / k;
    *p = (ad_band_product){.dtype = s->dtype, .left = a, .right = b, .out = s->out, .acc = s->acc, .m = k, .n = n,
                           .row = attr[1] ? 1 : n, .column = attr[1] ? k : 1};
    if (s->kind == AD_FORWARD)
        return k <= WIDEST && n <= WIDEST && ad_rows_are_alike(n, k);
    if (s->k == 0) {
        *p = (ad_band_product){.dtype = s->dtype, .left = g, .right = b, .out = s->out, .acc = s->acc, .m = n, .n = k,
                               .row = p->column, .column = p->row};
        return k <= WIDEST && n <= WIDEST && ad_rows_are_alike(k, n);
    }
    p->tall = 1;
    p->left = attr[1] ? g : a;
    p->right = attr[1] ? a : g;
    p->m = attr[1] ? n : k;
    p->n = p->row = attr[1] ? k : n;
    p->column = 1;
    return ad_is_tall(s->dtype, p->m, p->n, *rows);
}

static int product_joins(const search *f, const ad_item *item)
{
    ad_band_product p;
    int64_t rows;
    if (item->kind != AD_SINGLE || !as_product(f->t, &f->t->steps.at[item->from], &p, &rows) || rows < LEAST_ROWS)
        return 0;
    const enum state right = state_of(f, p.right), acc = p.acc == AD_NONE ? OUTSIDE : state_of(f, p.acc);
    if (f->rows == 0)
        return 1;
    return rows == f->rows && state_of(f, p.left) <= BY_ROWS && right <= (p.tall ? BY_ROWS : OUTSIDE) && (acc == OUTSIDE || acc == (p.tall ? LATE : BY_ROWS));
}

/* Does the loop read at its element, or in its row, what other items of the band compute by rows? */
static int reads_in_place(const search *f, const ad_step *s, uint32_t k, ad_form form)
{
    const ad_plan *t = f->t;
    const ad_register *x = &t->registers.at[ad_named_by(t, s, k)], *home = &t->registers.at[ad_read_by(t, s, k)];
    if (x->like->size != home->like->size || (x->like->size != form.size && x->like->size != form.rows))
        return 0;
    const enum ad_part part = ad_part_of(t, s);
    if (part == AD_ROW_SPREAD) {
        const ad_layout l = ad_layout_of_sum(t, s);
        return t->registers.at[s->out].like->size == form.size && form.size > form.rows && l.ndim == 2 && l.shape[0] == form.rows &&
               l.stride[0] == 1 && l.stride[1] == 0;
    }
    if (part != AD_ELEMENTS)
        return 1;
    const ad_array *whole = ad_whole_of(t, s);
    return x->like->size == whole->size || ad_lies_in_rows(x->like, whole, form);
}

static int loop_joins(const search *f, const ad_item *item)
{
    const ad_plan *t = f->t;
    const ad_form form = item->form;
    if (item->kind != AD_LOOP || f->rows == 0 || form.size % f->rows || form.rows % f->rows || form.rows <= AD_LOOP_BLOCK)
        return 0;
    for (uint32_t i = item->from; i < item->to; i++) {
        const ad_step *s = step_of(t, item, i);
        if (ad_part_of(t, s) == AD_PLACE)
            return 0;
        for (uint32_t k = 0; k < s->n + 3; k++) {
            const uint32_t r = ad_read_by(t, s, k);
            const enum state is = r == AD_NONE ? OUTSIDE : state_of(f, r);
            if (is == WAITS || (is == LATE && !(k == s->n + 2 && ad_is_late(t, s, form))) || (is == BY_ROWS && !reads_in_place(f, s, k, form)))
                return 0;
        }
    }
    return 1;
}

static void mark_item(search *f, const ad_item *item, int waits)
{
    ad_plan *t = f->t;
    for (uint32_t i = item->from; i < end_of(item); i++) {
        const ad_step *s = step_of(t, item, i);
        ad_band_product p;
        int64_t rows;
        int late = item->kind == AD_LOOP ? ad_is_late(t, s, item->form) : as_product(t, s, &p, &rows) && p.tall;
        if (s->out == AD_NONE)
            continue;
        if (item->kind == AD_LOOP && t->registers.at[s->out].is_array)
            late |= t->registers.at[s->out].like->size != item->form.size && t->registers.at[s->out].like->size != item->form.rows;
        t->registers.at[s->out].banded = f->number * 4 + (uint32_t)(waits ? WAITS : late || !t->registers.at[s->out].is_array ? LATE : BY_ROWS);
    }
}

static int touches_band(const search *f, const ad_item *item)
{
    for (uint32_t i = item->from; i < end_of(item); i++) {
        const ad_step *s = step_of(f->t, item, i);
        for (uint32_t k = 0; k < s->n + 3; k++) {
            const uint32_t r = ad_read_by(f->t, s, k);
            if (r != AD_NONE && state_of(f, r) != OUTSIDE)
                return 1;
        }
    }
    return 0;
}

/* The band, if it is worth the name, then what waits for it. */
static int close_band(search *f)
{
    int status = AD_OK;
    const int is_band = f->inside.n > 1;
    if (is_band)
        status = AD_PUSH(f->t->bands, (ad_band){.from = f->order.n, .to = f->order.n + f->inside.n, .rows = f->rows});
    for (uint32_t i = 0; i < f->inside.n && status == AD_OK; i++) {
        f->t->items.at[f->inside.at[i]].band = is_band ? f->t->bands.n : 0;
        status = AD_PUSH(f->order, f->inside.at[i]);
    }
    for (uint32_t i = 0; i < f->waiting.n && status == AD_OK; i++)
        status = AD_PUSH(f->order, f->waiting.at[i]);
    f->inside.n = f->waiting.n = 0;
    f->rows = f->guards = 0;
    return status;
}

static int open_band(search *f, uint32_t at)
{
    ad_band_product p;
    const ad_item *item = &f->t->items.at[at];
    if (!product_joins(f, item))
        return AD_PUSH(f->order, at);
    as_product(f->t, &f->t->steps.at[item->from], &p, &f->rows);
    f->number++;
    mark_item(f, item, 0);
    return AD_PUSH(f->inside, at);
}

static int find_item(search *f, uint32_t at)
{
    const ad_item *item = &f->t->items.at[at];
    const ad_step *s = &f->t->steps.at[item->kind == AD_SINGLE ? item->from : 0];
    if (f->rows == 0)
        return open_band(f, at);
    if (f->inside.n < MOST_INSIDE && (product_joins(f, item) || loop_joins(f, item))) {
        mark_item(f, item, 0);
        return AD_PUSH(f->inside, at);
    }
    const int touches = touches_band(f, item), guard = item->kind == AD_SINGLE && s->kind == AD_GUARD;
    search none = {.t = f->t};                              /* what could begin a band of its own does not wait */
    if ((guard && !touches && f->guards) || f->waiting.n >= MOST_INSIDE || (touches && product_joins(&none, item))) {
        const int status = close_band(f);
        return status == AD_OK ? open_band(f, at) : status;
    }
    if (!touches)
        return AD_PUSH(f->order, at);
    f->guards |= guard;
    mark_item(f, item, 1);
    return AD_PUSH(f->waiting, at);
}

/* A share whose cotangent comes later than the loop that computes the value: let the kernel that has both compute the derivative then, so
 * that it takes but a product.  In a band it stays in a strip; outside it is an array, which has to be worth its way to memory and back. */
enum { SMALL = 1 << 14 };                                   /* elements */
static int add_derivative(ad_plan *t, const ad_step *s, uint32_t at)
{
    const uint32_t band = t->items.at[at].band;
    uint32_t made = AD_NONE;
    if (s->kind != AD_VJP || !s->blockwise || ad_ops[s->op].kind != AD_ELEMENTWISE || ad_cpu->kernels[s->op].twin[s->dtype] == NULL || !ad_is_own_value(t, s))
        return AD_OK;
    const ad_register y = t->registers.at[s->y];
    if (!y.is_array || y.number != AD_NONE || y.base != AD_NONE || y.lasting || y.derivative != AD_NONE || y.born >= at)
        return AD_OK;
    if (t->items.at[y.born].kind != AD_LOOP || t->items.at[y.born].band != band || y.like->size != t->registers.at[s->out].like->size)
        return AD_OK;
    if (band ? y.banded % 4 != BY_ROWS : y.like->size > SMALL)
        return AD_OK;
    const int status = ad_plan_add_register(t, y.dtype, y.like, 0, &made);
    if (status == AD_OK)
        t->registers.at[made].banded = y.banded;
    t->registers.at[s->y].derivative = made;
    return status;
}

static int add_derivatives(ad_plan *t)
{
    int status = AD_OK;
    for (uint32_t at = 0; at < t->items.n; at++)
        for (uint32_t j = t->items.at[at].from; t->items.at[at].kind == AD_LOOP && j < t->items.at[at].to && status == AD_OK; j++)
            status = add_derivative(t, step_of(t, &t->items.at[at], j), at);
    for (uint32_t i = 0; i < t->items.n && status == AD_OK; i++)
        ad_place_item(t, i);
    return status;
}

int ad_find_bands(ad_plan *t)
{
    search f = {.t = t};
    int status = AD_OK;
    for (uint32_t i = 0; i < t->items.n && status == AD_OK; i++)
        status = find_item(&f, i);
    if (status == AD_OK)
        status = close_band(&f);
    ad_item *sorted = t->bands.n && status == AD_OK ? malloc(t->items.n * sizeof *sorted) : NULL;
    if (status == AD_OK && t->bands.n && sorted == NULL)
        status = AD_NO_MEMORY;
    if (sorted) {
        for (uint32_t i = 0; i < t->items.n; i++)
            sorted[i] = t->items.at[f.order.at[i]];
        free(t->items.at);
        t->items.at = sorted;
        t->items.room = t->items.n;
        for (uint32_t i = 0; i < t->items.n; i++)
            ad_place_item(t, i);
    }
    if (status == AD_OK)
        status = add_derivatives(t);
    free(f.order.at);
    free(f.inside.at);
    free(f.waiting.at);
    return status;
}

/* ------------------------------------------------------------------------------------------------- strips */
/* Strips that are free again, by their size. */
typedef struct { size_t at, bytes; } room;
typedef struct {
    ad_plan *t;
    ad_band *b;
    AD_LIST(room) spare;
    int status;
} builder;

static size_t strip_bytes(const builder *w, const ad_register *r)
{
    const size_t row = (size_t)(r->like->size / w->b->rows) * ad_itemsize(r->dtype);
    return ((2 * AD_STRIP - 1) * row + 63) / 64 * 64;
}

static void give_strip(builder *w, uint32_t r)
{
    ad_register *x = &w->t->registers.at[r];
    const size_t bytes = strip_bytes(w, x);
    if (bytes > MOST_STRIPS || w->b->strips > MOST_STRIPS - bytes)
        return;
    for (uint32_t i = 0; i < w->spare.n; i++)
        if (w->spare.at[i].bytes == bytes) {
            x->strip = (uint32_t)w->spare.at[i].at + 1;
            w->spare.at[i] = w->spare.at[--w->spare.n];
            return;
        }
    x->strip = (uint32_t)w->b->strips + 1;
    w->b->strips += bytes;
}

static void take_strip_back(builder *w, uint32_t r, uint32_t at)
{
    ad_register *x = r == AD_NONE ? NULL : &w->t->registers.at[r];
    if (x == NULL || x->strip == 0 || x->dies != at || x->banded == OUTSIDE)
        return;
    x->banded = OUTSIDE;                                    /* once */
    if (AD_PUSH(w->spare, (room){x->strip - 1, strip_bytes(w, x)}) != AD_OK)
        w->status = AD_NO_MEMORY;
}

/* What an item writes by rows and nobody outside reads gets strips; what it reads last gives them back. */
static void give_strips(builder *w, uint32_t at)
{
    ad_plan *t = w->t;
    const ad_item *item = &t->items.at[at];
    const int loop = item->kind == AD_LOOP;
    const ad_loop *l = loop ? &t->loops.at[item->from] : NULL;
    const uint32_t n = loop ? l->n_looped : 1;
    for (uint32_t i = 0; i < n; i++) {
        const ad_step *s = &t->steps.at[loop ? t->looped.at[item->looped + i] : item->from];
        const uint32_t made[2] = {s->out, s->kind == AD_FORWARD ? t->registers.at[s->out].derivative : AD_NONE};
        for (int k = 0; k < 2; k++) {
            const ad_register *x = made[k] == AD_NONE ? NULL : &t->registers.at[made[k]];
            if (x && x->banded % 4 == BY_ROWS && x->dies > at && x->dies < w->b->to)
                give_strip(w, made[k]);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        const ad_step *s = &t->steps.at[loop ? t->looped.at[item->looped + i] : item->from];
        for (uint32_t k = 0; k < s->n + 3; k++)
            take_strip_back(w, ad_read_by(t, s, k), at);
    }
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int64_t common_multiple(int64_t a, int64_t b) { return a / common_divisor(a, b) * b; }

/* Threads' parts begin where blocks of its sums do. */
static int64_t grain_of(const ad_loop *l, int64_t rows)
{
    int64_t grain = 1;
    for (uint32_t i = 0; i < l->steps.n; i++) {
        const ad_loop_step *s = &l->steps.at[i];
        const ad_loop_back *back = s->kind == AD_SUM_BACK ? &l->backs.at[s->which] : NULL;
        const int64_t block = s->kind == AD_SUM_ALL ? AD_SUM_BLOCK : back && back->whole == AD_NO_STREAM ? AD_BACK_CHUNK : 1;
        grain = common_multiple(grain, s->wide ? block / common_divisor(block, l->width) : block);
    }
    return grain / common_divisor(grain, l->rows / rows);
}

static int add_product(builder *w, uint32_t at)
{
    ad_band_product p;
    int64_t rows;
    as_product(w->t, &w->t->steps.at[w->t->items.at[at].from], &p, &rows);
    p.item = at;
    p.at = w->b->shared;
    if (p.tall) {
        w->b->grain = common_multiple(w->b->grain, ad_tall_piece(rows));
        w->b->shared += (size_t)(ad_tall_pieces(rows) * p.m * p.n) * ad_itemsize(p.dtype);
    } else {
        p.packed = ad_products_here()->packed[p.dtype](p.n, p.m, (ad_matrix){NULL, p.row, p.column});
        w->b->shared += (size_t)p.packed * ad_itemsize(p.dtype);
    }
    w->b->shared = (w->b->shared + 63) / 64 * 64;
    w->b->work += rows * p.m * p.n / 4;
    return AD_PUSH(w->b->products, p);
}

int ad_build_bands(ad_plan *t)
{
    int status = AD_OK;
    for (uint32_t i = 0; i < t->bands.n && status == AD_OK; i++) {
        builder w = {.t = t, .b = &t->bands.at[i]};
        w.b->grain = AD_STRIP;
        for (uint32_t at = w.b->from; at < w.b->to && status == AD_OK; at++) {
            const ad_item *item = &t->items.at[at];
            give_strips(&w, at);
            if (item->kind == AD_SINGLE) {
                status = add_product(&w, at);
                continue;
            }
            const ad_loop *l = &t->loops.at[item->from];
            w.b->grain = common_multiple(w.b->grain, grain_of(l, w.b->rows));
            w.b->scratch += (ad_loop_scratch(l) + 63) / 64 * 64;
            w.b->work += ad_loop_work(l);
        }
        w.b->scratch += w.b->strips;
        free(w.spare.at);
        status = status == AD_OK ? w.status : status;
    }
    return status;
}
