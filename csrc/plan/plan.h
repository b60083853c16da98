/* What csrc/plan*.c share: a traced function as registers and steps, then as items that are run.
 *
 * recorded program --plan.c--> steps (every forward instruction and every share of a sweep, one register each)
 *                  --plan_reads.c, plan_order.c, plan_fit.c, plan_lives.c--> items (scalar stretches, fused loops, single steps) of what is needed
 *                  --plan_band.c--> items in bands, in which rows go through several of them at once
 *                  --plan_loop.c, plan_blocks.c, plan_chain.c--> loops over streams --plan_share.c--> those that do the same are one
 *                  --plan_run.c, plan_loop_run.c, plan_place_run.c, plan_band_run.c--> results */
#ifndef AD_PLAN_H
#define AD_PLAN_H

#include "broadcast.h"
#include "matmul.h"
#include "rows.h"

enum { AD_NONE = AD_NO_SLOT };

/* What is known of a register before anything runs. */
typedef struct {
    uint8_t dtype, is_array;
    uint8_t lasting, fixed;                                 /* input or constant: not to be given up during a run; constant */
    uint8_t needed, keeps;                                  /* keeps: `like` is a reference of its own */
    uint32_t number;                                        /* all elements are the number in that register; or AD_NONE */
    uint32_t base;                                          /* its numbers are those of that register, from element `offset` on; or AD_NONE */
    int64_t offset;
    const ad_array *like;                                   /* an array of its shape: first the recorded value */
    uint32_t born, dies;                                    /* items that write it and that read it last; AD_NONE: after all */
    uint32_t stream;                                        /* of the loop at hand, the latest that reads it */
    uint32_t made;                                          /* the step that writes it; of a constant, which one it is; AD_NONE: neither */
    uint8_t settled;                                        /* its array keeps its place (plan_settle.c) */
    uint8_t late, placed;                                   /* what a loop computes of it is whole after the loop alone; by AD_PLACE */
    uint32_t strip;                                         /* of the band that computes it: where a strip of it is, plus one; 0: it is whole */
    uint32_t banded;                                        /* plan_band.c */
    uint32_t derivative;                                    /* what the step that writes it computes beside it, for shares; or AD_NONE */
} ad_register;

/* What a run looks up of it.  A long plan is read from memory as it runs: what many registers have in common stands in one place. */
typedef struct {
    const ad_array *like;
    uint32_t number;
    uint8_t dtype, is_array;
} ad_known;

/* A fused loop goes over rows.  Its arrays are wide or narrow: they have `size` elements or one for each row.  Without sums over rows
 * all are wide, and a row is an element. */
typedef struct { int64_t size, rows; } ad_form;
enum { AD_LOOP_BLOCK = 512, AD_WIDE_BLOCK = 2048, AD_WIDEST_ROW = 64 };        /* elements; wide: of a block with rows of several */

/* What a step is to a loop. */
enum ad_part {
    AD_NO_PART,
    AD_ELEMENTS,        /* elementwise; what is summed back to a broadcast operand may be whole after the loop alone */
    AD_ROW_SUM,         /* wide in, narrow out */
    AD_ROW_SPREAD,      /* the share of a sum over any axes */
    AD_TOTAL,           /* a sum of all elements, known after the loop */
    AD_SAME,            /* reshape, or its share */
    AD_PLACE            /* the share of a run of elements, put in its place; whole after the loop */
};
enum ad_part ad_part_of(const struct ad_plan *t, const ad_step *s);
const ad_array *ad_whole_of(const struct ad_plan *t, const ad_step *s);       /* an array of the shape that an elementwise step goes over */
int ad_is_late(const struct ad_plan *t, const ad_step *s, ad_form form);      /* is what it writes whole after the loop alone? */
/* May the step go into a loop of that form?  Arrays that the loop computes are born at `open`.  *form may become another then.  A loop
 * without steps has size 0, and takes all of AD_ELEMENTS and AD_ROW_SPREAD. */
int ad_fits(const struct ad_plan *t, const ad_step *s, uint32_t open, ad_form *form);
int ad_lies_in_rows(const ad_array *a, const ad_array *whole, ad_form form);  /* a number for each row? */
int64_t ad_place_of(const struct ad_plan *t, const ad_step *s);               /* where an AD_PLACE, or a view, begins, in elements */
int64_t ad_run_of(const struct ad_plan *t, const ad_step *s);                 /* how many elements it has, if they are neighbours, or 0 */
int ad_is_part(const struct ad_plan *t, const ad_step *s);                    /* the share of an operand of concat that is a run of the cotangent, */
int64_t ad_elements_before(const struct ad_plan *t, const ad_step *s);        /* and where that begins */
ad_layout ad_layout_of_sum(const struct ad_plan *t, const ad_step *s);        /* of the cotangent of a reduce_sum in its operand */

/* Numbers of a fused loop, block by block. */
typedef struct {
    int64_t offset;                                         /* element of the register, or which of the loop's offsets that is; byte of the block */
    uint32_t reg;                                           /* whose numbers */
    uint32_t block;                                         /* of the scratch memory */
    uint8_t item, kind, written, wide, kept, moves, fill[2]; /* kept: the block before is read too.  fill: no byte is left undefined, here */
} ad_stream;                                                /* and below: loops are compared byte by byte */
/* What is known of it only while the loop is built. */
typedef struct {
    uint32_t owner;                                         /* for which register; AD_NONE: for none */
    uint32_t of;                                            /* AD_NONE: the register as it is; a read; AD_ROWS_OF: a number for each row */
    uint32_t next;                                          /* another stream of that register */
    uint32_t last;                                          /* step that reads it */
} ad_stream_note;
typedef struct { const ad_array *like; uint32_t reg, dtype; } ad_make;        /* an array that a loop begins with */
enum { AD_ROWS_OF = AD_NONE - 1 };
enum ad_stream_kind { AD_WHOLE, AD_NUMBER, AD_BLOCK, AD_ONES };    /* an array; one number over and over; in scratch memory alone; 1 */

enum ad_loop_kind {
    AD_KERNEL,          /* out = acc + forward, vjp or g */
    AD_READ,            /* out = in a larger shape */
    AD_READ_ONCE,       /* the same, and every block's is the first one's */
    AD_SPREAD_ROWS,     /* out = in[0], a number for each row */
    AD_SUM_ROWS,
    AD_SUM_ALL,
    AD_SUM_BACK,
    AD_COPY,
    AD_IDLE,            /* a twin has done it */
    AD_ONE, AD_TWO,     /* AD_KERNEL of a loop that is built: forward of so many operands, */
    AD_SHARE,           /* or vjp of two at most, and not of y; neither adds to anything, nor fills vectors up */
    AD_CHAIN            /* the first of several kernels that are run at once */
};
enum { AD_NO_STREAM = 0xFFFF };
typedef struct {
    ad_forward_kernel forward;                              /* one of the two, or neither: out = acc + g */
    ad_vjp_kernel vjp;
    ad_twin_kernel twin;                                    /* instead of `forward`: out, and a share of a later step */
    uint16_t in[AD_MAX_OPERANDS], acc, g, y, out, share;    /* streams */
    uint8_t kind, wide, is_f32, item;
    uint32_t which;                                         /* of the loop's reads, totals, backs, chains; of a kernel, how many numbers more it computes */
} ad_loop_step;
/* A step of a chain (csrc/chain.h): its streams, or the one after the last: what it reads from the link before, or gives to the next alone. */
typedef struct { uint16_t code, at[4]; } ad_loop_link;
typedef struct { uint16_t at, stream; } ad_loop_move;       /* what stands elsewhere in the next block, and by which pointer the chain's steps know it */
typedef struct {
    uint32_t from, n, steps, move, moves;                   /* links; how many of the loop's steps they are; moves */
    uint32_t is_f32, is_short;                              /* is_short: run_short's */
    uint32_t totals, total;                                 /* how many steps are AD_SUM_ALL, from which on */
    uint32_t rest, rests;                                   /* chains, of what whole tiles leave over, */
    uint32_t first, past;                                   /* each from which step on, behind so many bytes */
} ad_loop_chain;
enum { AD_CHAIN_MOST = 32 };                                                   /* links */

typedef struct { uint32_t reg, fill; int64_t offset; ad_layout l; } ad_loop_read;
typedef struct { uint32_t out, acc, block, is_f32; int64_t size; size_t room; } ad_loop_total;    /* block: where it is gathered */
typedef struct { ad_back b; uint32_t out, acc, whole, is_f32; size_t room; } ad_loop_back;        /* whole: summed after the loop */
typedef struct { uint32_t stream, fill; int64_t offset, size; } ad_loop_source;
typedef struct { uint32_t out, acc, from, to, is_f32, inner; int64_t size; } ad_loop_place;       /* of which sources; inner: another has it */

/* A growing list. */
#define AD_LIST(T) struct { T *at; uint32_t n, room; }
int ad_list_grow(void **at, uint32_t *room, uint32_t needed, size_t item);
#define AD_PUSH(list, ...)                                                                                                      \
    ((list).n == (list).room && ad_list_grow((void **)&(list).at, &(list).room, (list).n + 1, sizeof *(list).at) != AD_OK      \
         ? AD_NO_MEMORY : ((list).at[(list).n++] = __VA_ARGS__, AD_OK))

/* Its registers are named by their places in a list (`bound` in the plan), one for each item that runs the loop. */
typedef struct {
    int64_t size, rows, width, block_rows;                  /* width: size / rows */
    int64_t grain;                                          /* rows: threads' parts begin at multiples; 0: one thread does all */
    AD_LIST(ad_loop_step) steps;
    AD_LIST(ad_loop_chain) chains;
    AD_LIST(ad_loop_link) links;
    AD_LIST(ad_loop_move) moves;
    AD_LIST(ad_stream) streams;
    AD_LIST(ad_stream_note) notes;                          /* one each; gone when the loop is built */
    AD_LIST(ad_loop_read) reads;
    AD_LIST(ad_loop_total) totals;
    AD_LIST(ad_loop_back) backs;
    AD_LIST(ad_loop_place) places;
    AD_LIST(ad_loop_source) sources;
    AD_LIST(ad_make) makes;
    AD_LIST(uint32_t) drops;                                /* registers: arrays that it alone has read */
    AD_LIST(uint32_t) ends;                                 /* steps that are finished after the last block, in order */
    AD_LIST(uint16_t) kept;                                 /* streams of which the block before is read too */
    AD_LIST(uint16_t) moving;                               /* streams that stand elsewhere, or hold another number, at each run */
    char *packed;                                           /* all these lists, one behind the other */
    size_t packed_bytes;
    uint64_t hash;                                          /* of what equal loops have in common */
    uint32_t n_blocks, n_looped;                            /* of the plan's steps */
    uint32_t bound, n_bound, n_offsets;                     /* the registers of the first item that runs it, and behind them offsets */
    uint8_t seated;                                         /* has each item a list of where moving streams that are settled stand? */
    size_t block_bytes;
    char *own;                                              /* scratch memory that nobody else writes to; NULL: the plan's.  Where streams */
    uint8_t ready;                                          /* are, and constants, stay there from one run to the next */
    int64_t history;                                        /* elements of the block before that places read */
    size_t room;                                            /* bytes for sums */
    int64_t strip;                                          /* rows of a strip of its band; 0: it is in none */
    size_t room_at;                                         /* where its room is in the plan's: loops of a band all need theirs at once */
} ad_loop;
typedef struct { char *at; size_t pace; } ad_where;         /* where a stream's numbers are: of the first row, bytes a row */
int ad_loop_give_blocks(const struct ad_plan *t, ad_loop *l, uint32_t at);    /* when all steps are there; item `at` */
int ad_is_link(const ad_loop_step *s, uint16_t none);       /* may it be in a chain?  `none` is no stream */
int ad_find_chains(const struct ad_plan *t, ad_loop *l);      /* when streams have blocks, and kernels their kinds */
void ad_loop_free(ad_loop *l);
size_t ad_loop_scratch(const ad_loop *l);                   /* bytes that one thread needs */
static inline int ad_is_short(const ad_loop *l) { return l->rows <= l->block_rows; }                         /* one block is all of it */

enum ad_item_kind { AD_SCALARS, AD_LOOP, AD_SINGLE, AD_DIRECT, AD_IS_RUN };    /* of turns: a step of plan_direct.c; one that another runs too */
typedef struct {
    uint8_t kind;
    uint32_t from, to;                                      /* scalar steps; or the step `from`; or the loop, with its registers at `to` */
    uint32_t dead, n_dead;                                  /* registers that nothing reads afterwards, among plan->dead */
    uint32_t looped;                                        /* where a loop's steps are listed among plan->looped */
    uint32_t band;                                          /* the one it is in, plus one */
    ad_form form;                                           /* of the loop */
} ad_item;
typedef struct { uint32_t from, to, dead, kind : 3, band : 29; } ad_turn;     /* what a run looks up of it; its dead end where the next one's begin */

/* What a single step's kernel is called with. */
/* a x, x a, a x^T; a x and row x^T; n pieces, one after another; the element m of a; a or, if that is AD_NONE, 0 with n numbers added to elements */
enum ad_direct_kind { AD_DOTS, AD_SUM_OF_ROWS, AD_OUTER, AD_BOTH, AD_PIECES, AD_ELEMENT, AD_ADD_TO_ELEMENTS };
typedef struct {
    uint8_t kind, dtype, takes;                             /* takes: as of a step */
    uint32_t a, x, out, row, beside;                        /* registers, */
    const void *a_at, *x_at;                                /* and where their numbers always are, or NULL */
    void *out_at;
    union {                                                 /* of ad_products; what only moves numbers has none */
        int (*multiply)(int64_t m, int64_t n, int64_t k, ad_matrix a, ad_matrix b, void *c, int fresh);
        void (*apply)(int64_t m, int64_t n, const void *a, const void *x, void *y);
        void (*shares)(int64_t m, int64_t n, const void *w, const void *g, const void *x, void *dx, void *dw);
    } kernel;
    uint32_t m, n;                                          /* rows and columns; of what is listed the first, and how many */
} ad_direct;
typedef struct { uint32_t reg, from, bytes, fill; const char *at; } ad_piece;         /* so many bytes of an array; where it always is, or NULL */
typedef struct { uint32_t number, at; } ad_to_element;      /* the register that is added, and which element it is added to */
int ad_list_dead(struct ad_plan *t);                        /* plan_lives.c: of every item, once arrays have places; */
int ad_keep_shapes(struct ad_plan *t);
int ad_list_known(struct ad_plan *t);                       /* once there are loops */
int ad_list_turns(struct ad_plan *t);
int ad_list_directs(struct ad_plan *t);                     /* once there are turns; */
void ad_seat_directs(struct ad_plan *t);                    /* once there are values */
int ad_run_direct(struct ad_plan *t, const ad_direct *d);
ad_array *ad_take_acc(struct ad_plan *t, uint32_t acc, uint32_t out, int takes);       /* what a step adds to, to be written to */
int ad_is_share_of_element(const struct ad_plan *t, const ad_step *s);

/* A band: items that follow each other and go over the same rows, run strip by strip.  plan_band.c says which those are. */
typedef struct {
    uint32_t item;
    uint8_t tall;                                           /* out (+)= left^T right, known after the band; or out = acc + left right, by rows */
    uint8_t dtype;
    uint32_t left, right, out, acc;                         /* registers; acc may be AD_NONE */
    int64_t m, n;                                           /* left has m columns, right (or what is taken as it) n */
    int64_t row, column;                                    /* of right, in elements */
    int64_t packed;                                         /* elements of right, packed; 0: it is read where it is */
    size_t at;                                              /* of the packed elements, or of the pieces' sums, in what the threads share */
} ad_band_product;
typedef struct {
    uint32_t from, to;                                      /* items */
    int64_t rows, grain;                                    /* threads' parts begin at multiples of grain */
    int64_t work;
    size_t scratch, shared;                                 /* bytes: a thread's strips, then the scratch memory of its loops; what all share */
    size_t strips;
    AD_LIST(ad_band_product) products;
} ad_band;
int ad_find_bands(struct ad_plan *t);                       /* once there are items: these may change their order */
int ad_build_bands(struct ad_plan *t);                      /* once there are loops */
int ad_band_run(const struct ad_plan *t, ad_band *b);
void ad_place_item(struct ad_plan *t, uint32_t at);         /* registers that it reads and writes: where they are born, and die */

/* A number that left for Python in the recording: what it was then, or whether it was other than zero. */
typedef struct { uint64_t outcome; uint8_t truth; } ad_guard;

/* A set of things that stand in a list, by what is in them: indices plus one, found by hashing. */
typedef struct { uint32_t *at; uint32_t n, room; } ad_table;
static inline uint64_t ad_mix(uint64_t h, uint64_t x)
{
    h = (h ^ x) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ (h >> 29);
}

/* A law of autodiff/passes.py: what a step may be (`before`, one operand of which may be a step `nested`), and what has the same bits.  An
 * operand is a name, 0 or 1, or one of these. */
enum { AD_LAW_NUMBER = 8, AD_LAW_POWER, AD_LAW_INVERSE, AD_LAW_NESTED, AD_MOST_LAWS = 64 };
typedef struct { uint16_t op; uint8_t n, what[2]; double number; } ad_law_side;    /* n == 0: the name what[0] alone */
typedef struct { uint32_t index; ad_law_side before, nested, after; } ad_law;

struct ad_plan {
    const ad_program *program;
    uint32_t *register_of, slots;                           /* by slot, of so many; AD_NONE: not yet */
    ad_value *value;                                        /* by register, once it is laid out */
    AD_LIST(ad_register) registers;
    AD_LIST(ad_known) known;                                /* once it is laid out; */
    uint32_t *known_as;                                     /* which one, by register */
    AD_LIST(ad_value) fixed;                                /* values of constants, */
    AD_LIST(uint32_t) fixed_register;                       /* and where they go */
    AD_LIST(uint32_t) words;
    AD_LIST(ad_step) steps;
    AD_LIST(ad_guard) guards;
    AD_LIST(ad_scalar_step) scalars;
    AD_LIST(uint32_t) scalar_steps;                         /* which steps they are */
    AD_LIST(ad_loop) loops;
    AD_LIST(uint32_t) looped;                               /* steps of all items that run loops */
    AD_LIST(uint32_t) bound;                                /* registers of these items */
    AD_LIST(ad_item) items;
    ad_turn *turns;                                         /* one to an item, and one more */
    AD_LIST(ad_band) bands;
    AD_LIST(uint32_t) dead;
    AD_LIST(uint32_t) arrays;                               /* registers that may hold one after a run */
    char *scratch, *room;
    AD_LIST(ad_direct) directs;
    AD_LIST(ad_to_element) to_elements;
    AD_LIST(ad_piece) pieces;
    AD_LIST(const char *) seats;                            /* of items that share loops, by stream that moves, then by place; NULL: not settled.  Of outer
                                                             * products that are run at once: their columns and rows (at `to` of the turn, plus one) */
    char *settled;                                          /* memory of arrays that keep their places, */
    uint32_t *place;                                        /* which, until they move in; */
    int64_t settled_lines, settled_bytes;                   /* lines of the cache; with their heads */
    int64_t at;                                             /* item where the run goes on */
    uint32_t one[2];                                        /* constants 1, float32 and float64; or AD_NONE */
    ad_table known_steps, known_constants, known_loops;
    uint32_t law_uses[AD_MOST_LAWS], n_known;               /* how often each law, and how often what is known already, took a step's place */
};

static inline uint32_t ad_home(const struct ad_plan *t, uint32_t r)  /* the register that is read where r is meant */
{
    const ad_register *x = &t->registers.at[r];
    return x->number != AD_NONE ? x->number : x->base != AD_NONE ? x->base : r;
}

static inline const ad_known *ad_known_of(const struct ad_plan *t, uint32_t r) { return &t->known.at[t->known_as[r]]; }

static inline const void *ad_number_at(const struct ad_plan *t, uint32_t r)
{
    return ad_known_of(t, r)->is_array ? t->value[r].array->data : (const void *)&t->value[r];
}

static inline int ad_alike(const ad_array *a, const ad_array *b)
{
    if (a->size != b->size || a->ndim != b->ndim)
        return 0;
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] != b->shape[i])
            return 0;
    return 1;
}

/* Is what stands in the share's register y its own operator's value, of the same operand?  A law may have put another's there: min(y, y) is y. */
static inline int ad_is_own_value(const struct ad_plan *t, const ad_step *s)
{
    const ad_register *y = &t->registers.at[s->y];
    const ad_step *forward = y->fixed || y->made == AD_NONE ? NULL : &t->steps.at[y->made];
    return forward && forward->kind == AD_FORWARD && forward->op == s->op && t->words.at[forward->in] == t->words.at[s->in];
}

/* For a share that is its cotangent times what stands in a register: that one; or AD_NONE. */
static inline uint32_t ad_factor_of(const struct ad_plan *t, const ad_step *s)
{
    const int share = s->kind == AD_VJP && s->blockwise && ad_ops[s->op].kind == AD_ELEMENTWISE;
    return share && t->registers.at[s->y].derivative != AD_NONE && ad_is_own_value(t, s) ? t->registers.at[s->y].derivative : AD_NONE;
}

/* What has the same value already: its register, or AD_NONE.  *noted is AD_NO_MEMORY if the thing could not be noted. */
uint32_t ad_same_step(struct ad_plan *t, const ad_step *s, int *noted);       /* the step is about to be the next one */
int ad_fold(struct ad_plan *t, const ad_step *s, uint32_t *out);               /* of constants alone: its value, a constant too */
ad_scalar_step ad_as_scalar(const struct ad_plan *t, const ad_step *s);
uint32_t ad_same_constant(struct ad_plan *t, int dtype, int is_array, ad_value value, int *noted);    /* so is the constant */

int ad_plan_set_laws(const ad_law *laws, int n);            /* for all plans; those that begin with one operator stand together */
int ad_number_in(const struct ad_plan *t, uint32_t r, double *number);        /* that a register holds at every run; 0 if there is none */
int ad_apply_laws(struct ad_plan *t, ad_step *s, const ad_array *like, uint32_t *out);    /* *s is another step then, or *out has its value */
int ad_plan_add_constant(struct ad_plan *t, int dtype, const ad_array *like, ad_value value, uint32_t *reg);

/* The k-th register that a step reads, of n + 3; AD_NONE: it does not read that one. */
uint32_t ad_read_by(const struct ad_plan *t, const ad_step *s, uint32_t k);
uint32_t ad_named_by(const struct ad_plan *t, const ad_step *s, uint32_t k);  /* the same before ad_home */
void ad_drop_unneeded(struct ad_plan *t);                   /* steps that no wanted register needs */
void ad_note_makers(struct ad_plan *t);                     /* once the steps have their order */
void ad_drop_views(struct ad_plan *t, const uint32_t *outputs, uint32_t n);   /* plan_fit.c: runs of elements that loops alone read need no step */
/* plan_outer.c: outer products that are added to one matrix follow each other, and are run by the first. */
int ad_group_outers(struct ad_plan *t, const uint32_t *outputs, uint32_t n);
void ad_check_outers(struct ad_plan *t);                     /* once items have their order */
int ad_seat_outers(struct ad_plan *t);                       /* once there are values */
void ad_run_outers(const struct ad_plan *t, const ad_step *s, const char *const *seats, ad_array *sum);    /* seats: or NULL */
int ad_pair_steps(struct ad_plan *t);                        /* plan_pairs.c: what is computed at once stands together */
void ad_run_shares_of_row(const ad_plan *t, const ad_step *s, ad_array *dx, ad_array *dw);
int ad_settle(struct ad_plan *t);                            /* plan_settle.c: once lives are known; */
int ad_move_in(struct ad_plan *t);                           /* once there are values; */
void ad_unsettle(struct ad_plan *t);                         /* at the end */
int ad_forward_into(int op, const ad_array *const *in, int n, const int64_t *attr, ad_array *y);     /* of what is settled */
/* Value and share of a reduction at once: y, which is there already, is written to, as acc is. */
typedef int ad_reduction_twin(const ad_array *g, const ad_array *const *in, const int64_t *attr, ad_array *y, ad_array *acc);     /* acc: of the last operand */
ad_reduction_twin ad_reduce_logsumexp_twin, ad_reduce_variance_twin, ad_reduce_std_twin, ad_softmax_cross_entropy_twin, ad_sparse_softmax_cross_entropy_twin;
ad_reduction_twin *ad_reduction_twin_of(int op);             /* or NULL */
int ad_plan_build_loop(struct ad_plan *t, const ad_item *item, ad_loop *l);
int ad_build_loops(struct ad_plan *t);                      /* plan_share.c: of all items */
int ad_table_grow(const struct ad_plan *t, ad_table *table, uint64_t (*hash)(const struct ad_plan *, uint32_t i));
int ad_loop_run(const struct ad_plan *t, ad_loop *l, const uint32_t *bound);
int64_t ad_loop_work(const ad_loop *l);                     /* elements times steps */
/* The same strip by strip, each thread in scratch memory of its own; registers have strips at `strips` or are whole. */
void ad_loop_begin(const struct ad_plan *t, const ad_loop *l);
void ad_loop_open(const struct ad_plan *t, const ad_loop *l, const uint32_t *bound, char *memory);
void ad_loop_strip(const struct ad_plan *t, const ad_loop *l, const uint32_t *bound, char *memory, char *strips, int64_t from, int64_t to);
int ad_loop_end(const struct ad_plan *t, const ad_loop *l, const uint32_t *bound);
int ad_plan_item(ad_plan *t);                               /* what ad_plan_run does, of the item at hand alone */
int ad_plan_add_register(struct ad_plan *t, int dtype, const ad_array *like, int lasting, uint32_t *reg);

#endif
