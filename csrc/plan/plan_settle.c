/* Small arrays that a run makes and gives up again keep a place in the plan, from one run to the next: none of them is allocated, and loops
 * know where they are.  Two that are never needed at once may have the same place.  A result is an array of its own, and so is what it may
 * hold (ad_holds_operand); of a small array that is settled itself a copy costs less. */
#include "matmul.h"
#include "plan.h"
#include "strided.h"

#include <stdlib.h>
#include <string.h>

#include "generated/opcodes.h"

enum { LINE = 64, LARGEST = 4096, CLASSES = LARGEST / LINE };                  /* bytes; bytes of an array */
static const int64_t MOST = (int64_t)16 << 20, MOST_OF_ALL = (int64_t)128 << 20;      /* bytes of a plan, and of all plans */
static int64_t all_settled;

/* ------------------------------------------------------------------------------------------------- which */
static int holds(int op) { return op == AD_OP_view || op == AD_OP_reshape; }

static int writes_into(int op) { return op == AD_OP_matmul || op == AD_OP_matvec || op == AD_OP_concat || holds(op); }

int ad_forward_into(int op, const ad_array *const *in, int n, const int64_t *attr, ad_array *y)
{
    if (op == AD_OP_matmul)
        return ad_matmul_into(in, attr, y);
    if (op == AD_OP_matvec)
        return ad_matvec_into(in, attr, y);
    if (op == AD_OP_concat)
        ad_concat_into(in, n, attr, y);
    else if (op == AD_OP_view)
        ad_view_into(in[0], attr, y);
    else
        memcpy(y->data, in[0]->data, ad_array_bytes(y));
    return AD_OK;
}

static void unsettle(ad_plan *t, uint32_t r)
{
    if (r != AD_NONE)
        t->registers.at[r].settled = 0;
}

static int may_write(const ad_item *item, const ad_step *s)
{
    if (item->kind == AD_LOOP)
        return 1;
    if (s->kind == AD_FORWARD)
        return writes_into(s->op) || s->batch;
    return s->kind == AD_VJP && (s->batch == 0 || s->op != AD_OP_matvec);
}

static int may_read(const ad_plan *t, const ad_item *item, const ad_step *s)
{
    if (item->kind == AD_LOOP)
        return 1;
    return s->kind == AD_VJP || s->kind == AD_SPREAD || (s->kind == AD_FORWARD && (!holds(s->op) || t->registers.at[s->out].settled));
}

static void look_at_step(ad_plan *t, const ad_item *item, const ad_step *s)
{
    if (item->band || !may_write(item, s)) {
        unsettle(t, s->out);
        if (s->kind == AD_FORWARD && s->out != AD_NONE)
            unsettle(t, t->registers.at[s->out].derivative);
    }
    for (uint32_t k = 0; (item->band || !may_read(t, item, s)) && k < s->n + 3; k++)
        unsettle(t, ad_read_by(t, s, k));
}

/* (Last item first: what holds is known before what is held.) */
static void choose(ad_plan *t)
{
    for (uint32_t r = 0; r < t->registers.n; r++) {
        ad_register *x = &t->registers.at[r];
        const int64_t size = x->is_array ? x->like->size : 0;
        x->settled = x->is_array && x->number == AD_NONE && x->base == AD_NONE && !x->lasting && x->born != AD_NONE && x->dies != AD_NONE &&
                     size > 0 && size * (int64_t)ad_itemsize(x->dtype) <= LARGEST;
    }
    for (uint32_t i = t->items.n; i-- > 0;) {
        const ad_item *item = &t->items.at[i];
        for (uint32_t j = item->from; item->kind == AD_LOOP && j < item->to; j++)
            look_at_step(t, item, &t->steps.at[t->looped.at[j]]);
        if (item->kind == AD_SINGLE)
            look_at_step(t, item, &t->steps.at[item->from]);
    }
}

/* ------------------------------------------------------------------------------------------------- where */
/* Registers by the item at which they are written, and by that which reads them last: lists through the registers. */
typedef struct { uint32_t *born, *dies, *next_born, *next_dying; } lives;

static uint32_t class_of(const ad_register *x) { return (uint32_t)(((size_t)x->like->size * ad_itemsize(x->dtype) - 1) / LINE); }

static int list_lives(const ad_plan *t, lives *l)
{
    const size_t items = (t->items.n + 1) * sizeof *l->born, registers = (t->registers.n + 1) * sizeof *l->born;
    l->born = malloc(items);
    l->dies = malloc(items);
    l->next_born = malloc(registers);
    l->next_dying = malloc(registers);
    if (!l->born || !l->dies || !l->next_born || !l->next_dying)
        return AD_NO_MEMORY;
    memset(l->born, 0xFF, items);
    memset(l->dies, 0xFF, items);
    for (uint32_t r = t->registers.n; r-- > 0;) {
        const ad_register *x = &t->registers.at[r];
        if (!x->settled)
            continue;
        uint32_t at = x->born;                              /* what is run at once is written by its first */
        while (t->items.at[at].kind == AD_SINGLE && t->steps.at[t->items.at[at].from].batch == AD_IN_BATCH)
            at--;
        l->next_born[r] = l->born[at];
        l->born[at] = r;
        l->next_dying[r] = l->dies[x->dies];
        l->dies[x->dies] = r;
    }
    return AD_OK;
}

/* In lines from the first; how many lines there are, or -1. */
static int64_t give_places(ad_plan *t, const lives *l, uint32_t *place)
{
    uint32_t spare[CLASSES];                                /* registers whose places are free, of each size: lists through `next_dying` */
    int64_t lines = 0;
    memset(spare, 0xFF, sizeof spare);
    for (uint32_t i = 0; i < t->items.n; i++) {
        for (uint32_t r = l->born[i]; r != AD_NONE; r = l->next_born[r]) {
            uint32_t *from = &spare[class_of(&t->registers.at[r])];
            if (*from == AD_NONE) {
                place[r] = (uint32_t)lines;
                lines += class_of(&t->registers.at[r]) + 1;
            } else {
                place[r] = place[*from];
                *from = l->next_dying[*from];
            }
            if (lines * LINE > MOST)
                return -1;
        }
        for (uint32_t r = l->dies[i], next; r != AD_NONE; r = next) {
            uint32_t *to = &spare[class_of(&t->registers.at[r])];
            next = l->next_dying[r];
            l->next_dying[r] = *to;
            *to = r;
        }
    }
    return lines;
}

static size_t head_bytes(const ad_register *x) { return sizeof(ad_array) + (size_t)x->like->ndim * sizeof(int64_t); }

int ad_settle(ad_plan *t)
{
    lives l = {NULL, NULL, NULL, NULL};
    choose(t);
    t->place = malloc((t->registers.n + 1) * sizeof *t->place);
    int status = t->place ? list_lives(t, &l) : AD_NO_MEMORY;
    const int64_t lines = status == AD_OK ? give_places(t, &l, t->place) : -1;
    t->settled_bytes = lines > 0 ? lines * LINE : 0;
    for (uint32_t r = 0; r < t->registers.n && lines >= 0; r++)
        t->settled_bytes += t->registers.at[r].settled ? (int64_t)head_bytes(&t->registers.at[r]) : 0;
    t->settled_lines = lines;
    if (lines < 0 || __atomic_add_fetch(&all_settled, t->settled_bytes, __ATOMIC_RELAXED) > MOST_OF_ALL) {
        for (uint32_t r = 0; r < t->registers.n; r++)
            t->registers.at[r].settled = 0;
        ad_unsettle(t);
    }
    free(l.born);
    free(l.dies);
    free(l.next_born);
    free(l.next_dying);
    return status;
}

void ad_unsettle(ad_plan *t)
{
    if (t->settled_lines >= 0)
        __atomic_sub_fetch(&all_settled, t->settled_bytes, __ATOMIC_RELAXED);
    t->settled_bytes = t->settled_lines = 0;
}

/* ------------------------------------------------------------------------------------------------- loops */
/* Where a stream of the loop, run with these registers, always stands; or NULL. */
static const char *seat_of(const ad_plan *t, const ad_loop *l, const uint32_t *bound, uint32_t stream)
{
    const ad_stream *s = &l->streams.at[stream];
    if (s->kind != AD_WHOLE || !t->registers.at[bound[s->reg]].settled)
        return NULL;
    const int64_t offset = s->moves ? bound[l->n_bound + (size_t)s->offset] : s->offset;
    return (const char *)t->value[bound[s->reg]].array->data + offset * s->item;
}

/* What stands where it stood at the last run moves no more. */
static void sit_down(const ad_plan *t, ad_loop *l, const uint32_t *bound)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->moving.n; i++)
        if (seat_of(t, l, bound, l->moving.at[i]) == NULL)
            l->moving.at[n++] = l->moving.at[i];
    l->moving.n = n;
}

static const char *seat_of_register(const ad_plan *t, uint32_t r)
{
    return t->registers.at[r].settled ? (const char *)t->value[r].array->data : NULL;
}

static int give_place_seats(ad_plan *t, const ad_loop_place *p, const uint32_t *bound)
{
    const int status = AD_PUSH(t->seats, seat_of_register(t, bound[p->out]));
    return status == AD_OK ? AD_PUSH(t->seats, p->acc == AD_NONE ? NULL : seat_of_register(t, bound[p->acc])) : status;
}

/* Loops with memory of their own: one item runs it, or each has a list. */
static int give_seats(ad_plan *t)
{
    uint32_t *users = calloc(t->loops.n + 1, sizeof *users);
    int status = users ? AD_OK : AD_NO_MEMORY;
    for (uint32_t i = 0; i < t->items.n && users; i++)
        if (t->items.at[i].kind == AD_LOOP)
            users[t->items.at[i].from]++;
    for (uint32_t i = 0; i < t->items.n && status == AD_OK; i++) {
        const ad_item *item = &t->items.at[i];
        ad_loop *l = item->kind == AD_LOOP ? &t->loops.at[item->from] : NULL;
        if (l == NULL || l->own == NULL)
            continue;
        uint32_t *bound = t->bound.at + item->to;
        if (users[item->from] == 1) {
            sit_down(t, l, bound);
            continue;
        }
        l->seated = 1;
        bound[l->n_bound + l->n_offsets] = t->seats.n;
        for (uint32_t k = 0; k < l->moving.n && status == AD_OK; k++)
            status = AD_PUSH(t->seats, seat_of(t, l, bound, l->moving.at[k]));
        for (uint32_t k = 0; k < l->places.n && status == AD_OK; k++)
            status = give_place_seats(t, &l->places.at[k], bound);
    }
    free(users);
    return status;
}

int ad_move_in(ad_plan *t)
{
    t->settled = calloc((size_t)t->settled_bytes + LINE, 1);
    if (t->settled == NULL)
        return AD_NO_MEMORY;
    char *first = t->settled + (-(uintptr_t)t->settled & (LINE - 1)), *head = first + t->settled_lines * LINE;
    for (uint32_t r = 0; r < t->registers.n; r++) {
        const ad_register *x = &t->registers.at[r];
        if (!x->settled)
            continue;
        ad_array *a = t->value[r].array = (ad_array *)(void *)head;
        *a = (ad_array){.refs = 1, .dtype = x->dtype, .ndim = x->like->ndim, .size = x->like->size, .data = first + (size_t)t->place[r] * LINE};
        memcpy(a->shape, x->like->shape, x->like->ndim * sizeof *a->shape);
        head += head_bytes(x);
    }
    free(t->place);
    t->place = NULL;
    ad_seat_directs(t);
    const int status = give_seats(t);
    return status == AD_OK ? ad_seat_outers(t) : status;
}
