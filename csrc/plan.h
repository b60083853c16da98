/* What csrc/plan*.c share: a traced function as registers and steps, then as items that are run.
 *
 * recorded program --plan.c--> steps (every forward instruction and every share of a sweep, one register each)
 *                  --plan_order.c--> items (scalar stretches, fused loops, single steps), with what is never needed left out
 *                  --plan_run.c--> results */
#ifndef AD_PLAN_H
#define AD_PLAN_H

#include "ad.h"

enum { AD_NONE = AD_NO_SLOT };

/* What is known of a register before anything runs. */
typedef struct {
    uint8_t dtype, is_array;
    uint8_t lasting, fixed;                                 /* input or constant: not to be given up during a run; constant */
    uint8_t needed, keeps;                                  /* keeps: `like` is a reference of its own */
    uint32_t number;                                        /* all elements are the number in that register; or AD_NONE */
    const ad_array *like;                                   /* an array of its shape: first the recorded value */
    uint32_t born, dies;                                    /* items that write it and that read it last; AD_NONE: after all */
    uint32_t stream;                                        /* of the loop at hand */
} ad_register;

/* Numbers of a fused loop, block by block. */
typedef struct {
    uint32_t reg;
    uint8_t item, kind, written;
    uint32_t block;                                         /* of the scratch memory */
    uint32_t last;                                          /* step that reads it */
} ad_stream;
enum ad_stream_kind { AD_WHOLE, AD_NUMBER, AD_BLOCK, AD_ONES };    /* an array; one number over and over; in scratch memory alone; 1 */

enum { AD_NO_STREAM = 0xFFFF, AD_LOOP_BLOCK = 512 };       /* elements */
typedef struct {
    ad_forward_kernel forward;                              /* one of the two, or neither: out = acc + g, or a sum */
    ad_vjp_kernel vjp;
    ad_twin_kernel twin;                                    /* instead of `forward`: out, and a share of a later step */
    uint16_t in[AD_MAX_OPERANDS], acc, g, y, out, share;    /* streams */
    uint8_t sums, is_f32, idle;                             /* out is the sum of in[0], a number; a twin has done it */
    uint32_t sum;                                           /* which one */
} ad_loop_step;

typedef struct {
    int64_t size;
    const ad_array *like;
    ad_loop_step *steps;
    ad_stream *streams;
    uint32_t n_steps, n_streams, n_blocks, n_sums;
    uint32_t first_step;                                    /* where its steps are listed among plan->looped */
} ad_loop;

enum ad_item_kind { AD_SCALARS, AD_LOOP, AD_SINGLE };
typedef struct {
    uint8_t kind;
    uint32_t from, to;                                      /* scalar steps; or the loop, or the step, `from` */
    uint32_t dead, n_dead;                                  /* registers that nothing reads afterwards, among plan->dead */
} ad_item;

/* A growing list. */
#define AD_LIST(T) struct { T *at; uint32_t n, room; }
int ad_list_grow(void **at, uint32_t *room, uint32_t needed, size_t item);
#define AD_PUSH(list, ...)                                                                                                      \
    ((list).n == (list).room && ad_list_grow((void **)&(list).at, &(list).room, (list).n + 1, sizeof *(list).at) != AD_OK      \
         ? AD_NO_MEMORY : ((list).at[(list).n++] = __VA_ARGS__, AD_OK))

/* A set of things that stand in a list, by what is in them: indices plus one, found by hashing. */
typedef struct { uint32_t *at; uint32_t n, room; } ad_table;

struct ad_plan {
    const ad_program *program;
    uint32_t *register_of;                                  /* by slot; AD_NONE: not yet */
    ad_value *value;                                        /* by register, once it is laid out */
    AD_LIST(ad_register) registers;
    AD_LIST(ad_value) fixed;                                /* values of constants, */
    AD_LIST(uint32_t) fixed_register;                       /* and where they go */
    AD_LIST(uint32_t) words;
    AD_LIST(ad_step) steps;
    AD_LIST(ad_scalar_step) scalars;
    AD_LIST(uint32_t) scalar_steps;                         /* which steps they are */
    AD_LIST(ad_loop) loops;
    AD_LIST(uint32_t) looped;                               /* steps of loops that are not built yet */
    AD_LIST(ad_item) items;
    AD_LIST(uint32_t) dead;
    AD_LIST(uint32_t) arrays;                               /* registers that may hold one after a run */
    char *scratch;
    double *sums;
    int64_t at;                                             /* item where the run goes on */
    uint32_t one[2];                                        /* constants 1, float32 and float64; or AD_NONE */
    ad_table known_steps, known_constants;
};

static inline uint32_t ad_home(const struct ad_plan *t, uint32_t r)  /* the register that is read where r is meant */
{
    return t->registers.at[r].number != AD_NONE ? t->registers.at[r].number : r;
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

/* What has the same value already: its register, or AD_NONE.  *noted is AD_NO_MEMORY if the thing could not be noted. */
uint32_t ad_same_step(struct ad_plan *t, const ad_step *s, int *noted);       /* the step is about to be the next one */
uint32_t ad_same_constant(struct ad_plan *t, int dtype, int is_array, ad_value value, int *noted);    /* so is the constant */

/* The k-th register that a step reads, of n + 3; AD_NONE: it does not read that one. */
uint32_t ad_read_by(const struct ad_plan *t, const ad_step *s, uint32_t k);
int ad_is_sum(const struct ad_plan *t, const ad_step *s);   /* of all elements of an array of floats, to a number? */
int ad_plan_add_loop(struct ad_plan *t, const ad_item *item, ad_loop *l);
int ad_loop_run(const struct ad_plan *t, const ad_loop *l);
int64_t ad_loop_work(const ad_loop *l);                     /* elements times steps */
int ad_plan_item(ad_plan *t);                               /* what ad_plan_run does, of the item at hand alone */

/* sum.c: what reduce_sum adds up at once, and how it goes on with the sums of all blocks of n elements. */
enum { AD_SUM_BLOCK = 512 };
double ad_sum_block(const void *x, int n, int is_f32);
double ad_sum_blocks(const double *sums, int64_t n);

#endif
