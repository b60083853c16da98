/* A stretch of the reverse sweep: consecutive elementwise instructions on arrays of one shape, taken block by block.
 *
 * Instruction by instruction, every adjoint on the way is an array that goes out to memory and comes back.  Here each block of
 * elements passes through the whole stretch while it is in the first-level cache, and only the adjoints that leave the stretch
 * are ever whole.  Every element sees the same operations in the same order, so the result has the same bits. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "generated/opcodes.h"

/* A block is short, so that the processor waits for the numbers of the next one while it still computes this one; where these come from far
 * away, half as long: shorter still, the calls would cost more than the waiting. */
enum { BLOCK = 1024, LEAST = 4096 };                        /* bytes of a block of doubles or floats; elements of an array that is worth it */
enum { FAR = 1 << 21 };                                     /* bytes of an array that no near cache holds */
enum { MOST_STEPS = 32, MOST_PLACES = 48 };

/* Numbers read or written block by block: `at` moves on by `pace` bytes an element, 0 for one block used over and over. */
typedef struct {
    char *at;
    size_t pace;
} stream;

/* The adjoint of a slot, while the stretch runs. */
typedef struct {
    int64_t slot;
    int written;                                            /* by a step so far: the next one adds */
    int inner;                                              /* all that is added and read of it happens in the stretch */
    stream numbers;                                         /* where its sums are written */
    stream now;                                             /* what it comes to so far: there, or where its only share stands */
    ad_array *before;                                       /* held: what it was when the stretch began, where others hold that too */
} place;

/* One operand's share of one instruction. */
typedef struct {
    ad_vjp_kernel kernel;                                   /* NULL: the share is g itself, or what stands in `whole` */
    stream whole;
    int g, to, add;                                         /* places; is there something to add to? */
    stream operand[AD_MAX_OPERANDS], y;
    stream from, sum, out;                                  /* g; what the share is added to; where it, or the sum, is written */
} step;

typedef struct {
    ad_sweep *sweep;
    const ad_array *shape;                                  /* of all results */
    size_t item;
    int n_steps, n_places, n_instructions;
    step steps[MOST_STEPS];
    place places[MOST_PLACES];
    int64_t instruction[MOST_STEPS];                        /* slots taken, highest first */
    int n_blocks;
    char *blocks;                                           /* memory of the inner adjoints and of numbers written out */
    struct { stream from, to; } copies[MOST_PLACES];        /* last of all: of sums that stand elsewhere */
    int n_copies;
} stretch;

static ad_value *adjoint_of(const stretch *t, int64_t slot) { return &t->sweep->adj[slot - t->sweep->base]; }

static int same_shape(const ad_array *a, const ad_array *b)
{
    return a->size == b->size && a->ndim == b->ndim && memcmp(a->shape, b->shape, a->ndim * sizeof *a->shape) == 0;
}

static int find(const stretch *t, int64_t slot)
{
    for (int i = 0; i < t->n_places; i++)
        if (t->places[i].slot == slot)
            return i;
    return -1;
}

static int is_kept(const ad_sweep *s, int64_t slot)
{
    for (int k = 0; k < s->n_keep; k++)
        if (s->keep[k] == slot)
            return 1;
    return 0;
}

static int reached(const stretch *t, int64_t slot) { return adjoint_of(t, slot)->bits != AD_EMPTY || find(t, slot) >= 0; }

static int add_place(stretch *t, int64_t slot)
{
    const int old = find(t, slot);
    if (old >= 0)
        return old;
    t->places[t->n_places] = (place){.slot = slot, .written = adjoint_of(t, slot)->bits != AD_EMPTY};
    return t->n_places++;
}

/* ------------------------------------------------------------------------------------------------- the plan */
/* Are its operands whole arrays of the shape, or single numbers that need no gradient? */
static int fits(const stretch *t, const ad_instruction *in)
{
    const ad_program *p = t->sweep->program;
    if (in->op >= AD_LEAF || ad_ops[in->op].kind != AD_ELEMENTWISE || !(in->flags & AD_IS_ARRAY) ||
        ad_itemsize(in->dtype) != t->item || !same_shape(in->value.array, t->shape))
        return 0;
    for (int k = 0; k < ad_operand_count(p, in); k++) {
        const ad_instruction *x = &p->code[ad_operand(p, in, k)];
        const int is_array = x->flags & AD_IS_ARRAY;
        if (is_array && same_shape(x->value.array, t->shape))
            continue;
        if ((is_array && x->value.array->size != 1) || (x->seen & t->sweep->bit))
            return 0;
    }
    return 1;
}

static void plan_operands(stretch *t, const ad_instruction *in, step *to)
{
    const ad_program *p = t->sweep->program;
    for (int k = 0; k < ad_operand_count(p, in); k++) {
        ad_instruction *x = &p->code[ad_operand(p, in, k)];
        if (x->flags & AD_IS_ARRAY && x->value.array->size == t->shape->size)
            to->operand[k] = (stream){x->value.array->data, ad_itemsize(x->dtype)};
        else
            to->operand[k] = (stream){x->flags & AD_IS_ARRAY ? x->value.array->data : (void *)&x->value, 0};
    }
    to->y = (stream){in->value.array->data, t->item};
}

static int is_written(const stretch *t, int place)
{
    for (int i = 0; i < t->n_steps; i++)
        if (t->steps[i].to == place)
            return 1;
    return 0;
}

/* Is the cotangent 1 throughout, as that of a sum is?  1 * x has the bits of x. */
static int is_one(const stretch *t, int place)
{
    const ad_value *adjoint = adjoint_of(t, t->places[place].slot);
    if (is_written(t, place) || adjoint->bits == AD_EMPTY || !adjoint->array->uniform)
        return 0;
    return t->item == 8 ? *(double *)adjoint->array->data == 1 : *(float *)adjoint->array->data == 1;
}

static int plan(stretch *t, int64_t slot)
{
    const ad_program *p = t->sweep->program;
    const ad_instruction *in = &p->code[slot];
    const int n = ad_operand_count(p, in);
    if (t->n_steps + n > MOST_STEPS || t->n_places + n + 1 > MOST_PLACES || !fits(t, in))
        return 0;
    const int g = add_place(t, slot);
    for (int k = 0; k < n; k++) {
        const int64_t source = ad_operand(p, in, k);
        const ad_vjp_kernel kernel = ad_cpu->kernels[in->op].vjp[ad_partial(p, in, k)][in->dtype];
        if (!(p->code[source].seen & t->sweep->bit) || kernel == NULL)
            continue;                                       /* (NULL: piecewise constant in this operand) */
        const int to = add_place(t, source);
        step *next = &t->steps[t->n_steps++];
        *next = (step){.kernel = ad_ops[in->op].passes[k] ? NULL : kernel, .g = g, .to = to, .add = t->places[to].written};
        t->places[to].written = 1;
        plan_operands(t, in, next);
        if (in->op == AD_OP_mul && next->operand[1 - k].pace && is_one(t, g)) {
            next->kernel = NULL;
            next->whole = next->operand[1 - k];
        }
    }
    t->instruction[t->n_instructions++] = slot;
    return 1;
}

/* ------------------------------------------------------------------------------------------------- memory for it */
static char *next_block(stretch *t) { return t->blocks + (size_t)BLOCK * t->n_blocks++; }

static stream written_out(stretch *t, const void *number, size_t item)
{
    char *block = next_block(t);
    ad_fill(block, number, BLOCK / (int64_t)t->item, item);
    return (stream){block, 0};
}

/* An array for the sums of a place that leaves the stretch, and what they begin with. */
static int open_array(stretch *t, place *a)
{
    ad_value *adjoint = adjoint_of(t, a->slot);
    ad_array *old = adjoint->bits == AD_EMPTY ? NULL : adjoint->array, *array = old;
    if (old && old->uniform)
        a->now = written_out(t, old->data, t->item);
    else if (old)
        a->now = (stream){old->data, t->item};
    if (old == NULL || old->uniform || old->refs > 1 || old->base)
        array = ad_array_new(t->sweep->program->code[a->slot].dtype, t->shape->ndim, t->shape->shape);
    if (array == NULL)
        return AD_NO_MEMORY;
    if (array != old)
        a->before = old;
    adjoint->array = array;
    a->numbers = (stream){array->data, t->item};
    return AD_OK;
}

static int open_place(stretch *t, int i)
{
    place *a = &t->places[i];
    const ad_value *adjoint = adjoint_of(t, a->slot);
    if (a->inner)
        a->numbers = (stream){next_block(t), 0};
    else if (is_written(t, i))
        return open_array(t, a);
    else if (adjoint->array->uniform)
        a->numbers = a->now = written_out(t, adjoint->array->data, t->item);
    else
        a->numbers = a->now = (stream){adjoint->array->data, t->item};
    return AD_OK;
}

static int open_places(stretch *t, int64_t low)
{
    const ad_program *p = t->sweep->program;
    t->blocks = aligned_alloc(64, (size_t)BLOCK * (t->n_places + t->n_steps * AD_MAX_OPERANDS));
    int status = t->blocks ? AD_OK : AD_NO_MEMORY;
    for (int i = 0; i < t->n_places && status == AD_OK; i++) {
        const int64_t slot = t->places[i].slot;
        t->places[i].inner = slot >= low && p->code[slot].op != AD_LEAF && adjoint_of(t, slot)->bits == AD_EMPTY &&
                             !is_kept(t->sweep, slot);
        status = open_place(t, i);
    }
    for (int i = 0; i < t->n_steps && status == AD_OK; i++) {
        const ad_instruction *in = &p->code[t->places[t->steps[i].g].slot];
        for (int k = 0; k < ad_operand_count(p, in); k++)
            if (t->steps[i].operand[k].pace == 0)
                t->steps[i].operand[k] = written_out(t, t->steps[i].operand[k].at, ad_itemsize(p->code[ad_operand(p, in, k)].dtype));
    }
    return status;
}

/* Where each step reads and writes.  A share that only passes through is not copied: who reads it, or adds to it, finds it where it
 * stands.  (All that is added to an adjoint is added before it is read.) */
static void connect(stretch *t)
{
    int n = 0;
    for (int i = 0; i < t->n_steps; i++) {
        step now = t->steps[i];
        place *to = &t->places[now.to];
        now.from = now.whole.at ? now.whole : t->places[now.g].now;
        if (!now.kernel && !now.add) {
            to->now = now.from;
            continue;
        }
        now.sum = now.add ? to->now : (stream){NULL, 0};
        now.out = to->now = to->numbers;
        t->steps[n++] = now;
    }
    t->n_steps = n;
    for (int i = 0; i < t->n_places; i++) {
        const place *a = &t->places[i];
        if (!a->inner && a->now.at != a->numbers.at)
            t->copies[t->n_copies].from = a->now, t->copies[t->n_copies++].to = a->numbers;
    }
}

/* ------------------------------------------------------------------------------------------------- the run */
static void *seek(stream s, int64_t i) { return s.at ? s.at + s.pace * (size_t)i : NULL; }

static void run_step(const step *now, int64_t start, int64_t n, const ad_row_functions *rows)
{
    union { char bytes[BLOCK]; double align; } share;
    const void *g = seek(now->from, start);
    void *out = seek(now->out, start);
    if (now->kernel) {
        void *to = now->sum.at ? share.bytes : out;
        now->kernel(g, seek(now->operand[0], start), seek(now->operand[1], start), seek(now->operand[2], start), seek(now->y, start),
                    to, (size_t)n);
        g = to;
    }
    if (now->sum.at)
        rows->add(n, seek(now->sum, start), g, out);
}

static void run(const stretch *t)
{
    const int64_t item = (int64_t)t->item, most = (t->shape->size * item < FAR ? BLOCK : BLOCK / 2) / item;
    const ad_row_functions *rows = ad_rows(t->item == 8 ? AD_F64 : AD_F32);
    for (int64_t start = 0; start < t->shape->size; start += most) {
        const int64_t n = t->shape->size - start < most ? t->shape->size - start : most;
        for (int i = 0; i < t->n_steps; i++)
            run_step(&t->steps[i], start, n, rows);
        for (int i = 0; i < t->n_copies; i++)
            memcpy(seek(t->copies[i].to, start), seek(t->copies[i].from, start), (size_t)n * t->item);
    }
}

static void close_places(stretch *t)
{
    for (int i = 0; i < t->n_places; i++)
        if (t->places[i].before)
            ad_array_release(t->places[i].before);
    free(t->blocks);
}

static int sweep(ad_sweep *s, int64_t *done)
{
    const ad_instruction *code = s->program->code;
    stretch t = {.sweep = s, .shape = code[s->at].value.array, .item = ad_itemsize(code[s->at].dtype)};
    int64_t low = s->at;
    while (low >= s->to && (!reached(&t, low) || code[low].op == AD_LEAF || plan(&t, low)))
        low--;
    low++;
    if (t.n_instructions < 2)
        return AD_OK;
    const int status = open_places(&t, low);
    if (status == AD_OK) {
        connect(&t);
        run(&t);
        for (int i = 0; i < t.n_instructions; i++)
            ad_drop_adjoint(s, t.instruction[i]);
        *done = s->at - low + 1;
    }
    close_places(&t);
    return status;
}

int ad_reverse_stretch(ad_sweep *s, int64_t *done)
{
    const ad_instruction *in = &s->program->code[s->at];
    *done = 0;
    return in->flags & AD_IS_ARRAY && in->value.array->size >= LEAST ? sweep(s, done) : AD_OK;
}
