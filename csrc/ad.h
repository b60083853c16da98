/* autodiff: the whole C interface.
 *
 * A program is a flat array of instructions over slots; instruction i writes slot i.  The tape is a program.
 * An array is an immutable, C-contiguous block of numbers with a shape; a scalar is a bare ad_value.
 * Nothing in this folder knows Python.
 */
#ifndef AD_H
#define AD_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* ------------------------------------------------------------------------------------------------- numbers */
enum ad_dtype { AD_F32, AD_F64, AD_I32, AD_I64, AD_BOOL, AD_NDTYPES };
enum { AD_MAX_RANK = 32, AD_MAX_OPERANDS = 3 };

static inline size_t ad_itemsize(int dtype)
{
    static const unsigned char bytes[AD_NDTYPES] = {4, 8, 4, 8, 1};
    return bytes[dtype];
}

/* What a function returns: AD_OK, or why not.  The caller's arguments are untouched on failure. */
enum ad_status {
    AD_OK = 0,
    AD_NO_MEMORY = -1,
    AD_BAD_SHAPE = -2,   /* the operands' shapes do not fit each other or the attributes */
    AD_BAD_DTYPE = -3,   /* no kernel for these dtypes */
    AD_BAD_INDEX = -4,   /* an index in the operands is out of range */
    AD_DIVISION = -5,    /* an integer divided by zero */
    AD_BAD_RANK = -6,    /* the result would have more than AD_MAX_RANK dimensions */
    AD_NO_DECOMPOSITION = -7,   /* a matrix without inverse, or that is not positive definite, or not finite */
    AD_NO_LAPACK = -8    /* NumPy has no such function (lapack.h) */
};

/* One scalar, or a reference to an array.  As an adjoint, AD_EMPTY means that nothing has arrived yet. */
typedef union {
    double f64;
    float f32;
    int64_t i64;
    int32_t i32;
    uint8_t b;
    struct ad_array *array;
    uint64_t bits;
} ad_value;

/* A signalling NaN: no arithmetic ever yields one, so that it cannot be mistaken for a computed adjoint. */
#define AD_EMPTY UINT64_C(0x7FF0A0D1FFE7A9E5)

/* ------------------------------------------------------------------------------------------------- arrays */
/* Reference-counted.  `data` is the memory behind the header, or that of `base`, which is then held.  Rank 0 to
 * AD_MAX_RANK; size 0 is allowed.  `uniform`: one number stands for all `size` elements (only adjoints are uniform).  `lent`: the memory
 * is a caller's, for the length of a replay; what may live longer takes ad_array_keep's. */
typedef struct ad_array {
    int32_t refs;
    uint8_t dtype, ndim, uniform : 1, lent : 1, size_class;
    int64_t size;                /* elements: the product of shape */
    void *data;
    struct ad_array *base;
    int64_t shape[];
} ad_array;

/* NULL when out of memory or when there is no such shape; the numbers are uninitialised. */
ad_array *ad_array_new(int dtype, int ndim, const int64_t *shape);
ad_array *ad_array_alike(int dtype, const ad_array *like);              /* of its shape */
ad_array *ad_array_uniform(int dtype, int ndim, const int64_t *shape);  /* one number, to be written to data */
ad_array *ad_array_view(ad_array *base, int ndim, const int64_t *shape, size_t offset_bytes); /* shares memory */
ad_array *ad_array_lent(int dtype, int ndim, const int64_t *shape, const void *data);           /* data is read and no more */
ad_array *ad_array_copy(const ad_array *a);                             /* of one that is not uniform */
void ad_array_destroy(ad_array *a);
/* Every allocation of the core can be made to fail, by a test (memory.c); nothing is added to what takes a cached block. */
void *ad_malloc(size_t bytes);
void *ad_calloc(size_t n, size_t bytes);
void *ad_realloc(void *p, size_t bytes);
#define malloc(bytes) ad_malloc(bytes)
#define calloc(n, bytes) ad_calloc(n, bytes)
#define realloc(p, bytes) ad_realloc(p, bytes)
int64_t ad_fail_allocations(int64_t first, int64_t last);

void ad_memory_trim(void);                                              /* give this thread's cached blocks back */
void *ad_memory_take(size_t bytes);                                     /* NULL: there is none */
void *ad_memory_move(void *p, size_t bytes);                            /* of what was taken; NULL: there is none, and p stays */
void ad_memory_give(void *p);

static inline ad_array *ad_array_hold(ad_array *a) { a->refs++; return a; }
static inline void ad_array_release(ad_array *a) { if (--a->refs == 0) ad_array_destroy(a); }
static inline size_t ad_array_bytes(const ad_array *a) { return (size_t)a->size * ad_itemsize(a->dtype); }
static inline ad_array *ad_array_keep(ad_array *a) { return a->lent ? ad_array_copy(a) : ad_array_hold(a); }   /* NULL: out of memory */

/* ------------------------------------------------------------------------------------------------- kernels */
/* Elementwise kernels see contiguous runs only: an operand that is broadcast comes as a block of equal numbers.
 * Unused operands are NULL.  A vjp kernel ASSIGNS gx[i] = g[i] * d(a[i], ..., y[i]), and 0 where g[i] is 0. */
typedef void (*ad_forward_kernel)(const void *a, const void *b, const void *c, void *y, size_t n);
typedef void (*ad_vjp_kernel)(const void *g, const void *a, const void *b, const void *c, const void *y, void *gx, size_t n);
/* Both at once, of a row of one operand whose value and derivative share their work: the same bits. */
typedef void (*ad_twin_kernel)(const void *g, const void *a, void *y, void *gx, size_t n);

typedef struct {
    ad_forward_kernel forward[AD_NDTYPES];                  /* by dtype of the operands; NULL: no kernel */
    ad_vjp_kernel vjp[AD_MAX_OPERANDS][2];                  /* by operand, then float32, float64 */
    ad_twin_kernel twin[2];                                 /* NULL: no kernel */
} ad_elementwise;

/* Structural kernels.  `in` are operands, `attr` the row's attributes: an integer as itself, a tuple as its length followed
 * by its items.  forward returns a new array in *out.  vjp adds operand k's share to `acc`, which has the shape and dtype of
 * in[k]; with `fresh`, acc is uninitialised and is to be overwritten instead.  g has the shape and dtype of y. */
typedef int (*ad_forward_fn)(const ad_array *const *in, int n, const int64_t *attr, ad_array **out);
typedef int (*ad_vjp_fn)(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y,
                         const int64_t *attr, ad_array *acc, int fresh);

typedef struct {
    ad_forward_fn forward;
    ad_vjp_fn vjp;                                          /* NULL: the rule runs instead */
} ad_structural;

/* Does the forward kernel hold its operand instead of copying from it?  Then two threads must not run it at once. */
int ad_holds_operand(int op, const ad_array *x, const int64_t *attr);

enum ad_kind { AD_ELEMENTWISE, AD_STRUCTURAL };

/* One line of the operator table as C sees it. */
typedef struct {
    const char *name;
    uint8_t kind;
    int8_t arity;                                           /* -1: any number */
    int8_t gives;                                           /* dtype of the result; -1: that of the operands */
    uint8_t differentiable;
    uint8_t reads[AD_MAX_OPERANDS][2];                      /* what a share is computed from, in float32 and float64: AD_READS_A << k for operand k, ... */
    uint8_t passes[AD_MAX_OPERANDS];                        /* is it the constant 1, so that g passes through? */
    uint8_t given;                                          /* has it a second derivative, for an operand that was given? */
    uint8_t selects;                                        /* 1 << k: by operand k a derivative of 0 is the choice of another branch */
    uint8_t linear;                                         /* 1 << k: structural, and its own tangent in operand k */
    uint8_t matrices;                                       /* does it decompose them, in a time that grows with their rows? */
    ad_structural structural;
} ad_op;

enum { AD_READS_A = 1, AD_READS_Y = 8, AD_READS_G = 16 };

extern const ad_op ad_ops[];
extern const int ad_op_count;
extern const char ad_table_hash[];                          /* of the table these kernels were generated from */

/* ------------------------------------------------------------------------------------------------- programs */
/* Slots that no operator of the table writes. */
enum {
    AD_LEAF = 0xFFF0,   /* a constant, a watched tensor or a variable as it was first read */
    AD_ALIAS = 0xFFF1,  /* operand a under a new slot: a variable read again, a tensor watched by an inner tape; its value stands in b */
    AD_CALL = 0xFFF2,   /* a Python function with a rule of its own (custom_gradient); has operands and no value */
    AD_RESULT = 0xFFF3  /* one result of the call in operand a; attribute: which */
};

/* Instruction flags.  AD_LOST: the value left by numpy(), float(), ...  AD_TEMPORARY << k: nobody but this instruction ever had
 * operand k (noted while a program is stabilised). */
enum { AD_IS_ARRAY = 1, AD_LOST = 2, AD_TEMPORARY = 4 };

/* 32 bytes a recorded operation.  Operands beyond the second, and attributes, stand in the program's words at `attr`:
 * the number of operands, their slots, then the row's attributes.  attr == 0: no such entry. */
typedef struct {
    uint16_t op;
    uint8_t dtype, flags;
    uint32_t a, b;
    uint32_t attr;
    uint64_t seen;                                          /* a bit per tape that this value depends on a watched one for */
    ad_value value;
} ad_instruction;

typedef struct ad_program {
    ad_instruction *code;
    uint32_t n, capacity;
    uint32_t spelled;                                       /* where formulas begin that plans have spelled out; 0: there are none */
    uint32_t generation;                                    /* of this memory: slots of an earlier one are void */
    uint32_t arrays;                                        /* instructions that hold an array */
    uint64_t recording;                                     /* bits of the tapes that record now */
    uint64_t accessed;                                      /* of those that watch variables by themselves */
    uint64_t taken;                                         /* bits of living tapes */
    uint64_t spent;                                         /* bits of dead tapes that instructions may still carry */
    uint64_t tracing;                                       /* the bit of a trace, which follows integers and masks too; or 0 */
    uint64_t stabilising;                                   /* bits of the recording tapes that want naive formulas rewritten */
    uint64_t pulled;                                        /* of a trace: the bit of gradients by its inputs, which may have been computed */
    int laws;                                               /* which ones operations are shown to: AD_EVERY_LAW, AD_RANGE_LAWS */
    int64_t largest;                                        /* elements of the largest array */
    int64_t *words;
    uint32_t n_words, words_capacity;
    struct ad_program *next;                                /* another program that records at the same time */
    void *host;                                             /* the caller's, who owns this program */
} ad_program;

enum { AD_NO_SLOT = 0xFFFFFFFF };

/* Laws of stabilisation (autodiff/stabilise/): all of them while a tape asks for it; those of range, which hold for quotients by
 * products of norms, once a norm was recorded. */
enum { AD_EVERY_LAW = 1, AD_RANGE_LAWS = 2 };

int ad_program_grow(ad_program *p);                         /* AD_OK, or AD_NO_MEMORY */
uint32_t ad_program_words(ad_program *p, const int64_t *words, uint32_t n);   /* where they stand; 0 when out of memory */
void ad_program_reset(ad_program *p);                       /* forget everything, keep a working set of memory */
void ad_program_forget(ad_program *p, uint64_t bits);                         /* no instruction is seen by these any more */
void ad_program_keep_shapes(ad_program *p);                 /* give up the numbers of all arrays but constants */

/* Append an instruction and return its slot.  An array value is held.  AD_NO_SLOT when out of memory. */
static inline uint32_t ad_emit(ad_program *p, int op, int dtype, int flags, uint32_t a, uint32_t b, uint32_t attr,
                               uint64_t seen, ad_value value)
{
    if (p->n == p->capacity && ad_program_grow(p) != AD_OK)
        return AD_NO_SLOT;
    if (flags & AD_IS_ARRAY) {
        ad_array_hold(value.array);
        p->arrays++;
        if (value.array->size > p->largest)
            p->largest = value.array->size;
    }
    p->code[p->n] = (ad_instruction){(uint16_t)op, (uint8_t)dtype, (uint8_t)flags, a, b, attr, seen, value};
    return p->n++;
}

static inline int ad_operand_count(const ad_program *p, const ad_instruction *in)
{
    if (in->attr)
        return (int)p->words[in->attr];
    return in->op == AD_LEAF ? 0 : in->op >= AD_LEAF ? 1 : ad_ops[in->op].arity;
}

static inline uint32_t ad_operand(const ad_program *p, const ad_instruction *in, int k)
{
    if (in->attr)
        return (uint32_t)p->words[in->attr + 1 + k];
    return k == 0 ? in->a : in->b;
}

/* Was the number in a slot given, not computed? */
static inline int ad_was_given(const ad_program *p, uint32_t slot)
{
    while (p->code[slot].op == AD_ALIAS)
        slot = p->code[slot].b;
    return p->code[slot].op == AD_LEAF;
}

/* Which derivative of an elementwise row is operand k's share computed with?  A row of one operand may have a second one, for an
 * operand that was given (`given` in autodiff/_op.py); it takes the place of operand 1. */
static inline int ad_partial(const ad_program *p, const ad_instruction *in, int k)
{
    return ad_ops[in->op].given && ad_was_given(p, ad_operand(p, in, k)) ? 1 : k;
}

static inline const int64_t *ad_attributes(const ad_program *p, const ad_instruction *in)
{
    return in->attr ? p->words + in->attr + 1 + p->words[in->attr] : NULL;
}

/* Reverse sweep of first order: visits slots `at` down to `to` for the tape with `bit`; adj[i - base] is the adjoint of
 * slot i, and no slot below `base` is seen by `bit`.  AD_SWEEP_PYTHON: slot `at` has a rule that C does not know; the caller deals with it, steps `at` down and goes on. */
typedef struct {
    ad_program *program;
    ad_value *adj;
    int64_t at, to, base, top;                              /* next slot to visit, last one to visit; first and last in adj */
    uint64_t bit;
    const uint32_t *keep;                                   /* n_keep slots whose adjoints are asked for */
    int n_keep;
    int status;                                             /* AD_OK, or why the sweep stopped for good */
} ad_sweep;

enum ad_sweep_end { AD_SWEEP_DONE, AD_SWEEP_PYTHON, AD_SWEEP_FAILED };
enum ad_sweep_end ad_reverse(ad_sweep *s);
int ad_accumulate(ad_value *adjoint, ad_array *share);      /* takes over the reference to share */
ad_array *ad_spread(ad_array *a);                           /* a uniform array written out; takes over a */
ad_array *ad_exclusive(ad_array *a);                        /* one that may be written to; takes over a; NULL when out of memory */
void ad_drop_adjoint(ad_sweep *s, int64_t slot);            /* passed on and no longer needed, unless it is asked for */

/* Takes the elementwise instructions on large arrays of one shape from slot `at` down; *done: how many slots were dealt with. */
int ad_reverse_stretch(ad_sweep *s, int64_t *done);

/* Tangent sweep (tangent.c): visits slots `at` up to `top`; `tangent[i - base]` is the derivative of slot i along each of `lanes`
 * directions, AD_EMPTY where that is 0: a bare number for a scalar under one direction, else an array of the slot's shape, under
 * several with the directions as its first dimension.  `last[i - base]` is the last slot that reads slot i on the way to a target, of
 * a target itself AD_NO_SLOT, and 0 of what leads to none.  AD_SWEEP_PYTHON: as in ad_sweep, but `at` steps up. */
typedef struct {
    ad_program *program;
    ad_value *tangent;
    uint32_t *last;
    int64_t at, base, top, lanes;
    uint64_t bit;
    int status;
} ad_push;
void ad_push_plan(ad_push *s);                              /* writes `last`, where targets are marked and all else is 0 */
enum ad_sweep_end ad_push_forward(ad_push *s);
void ad_push_done(ad_push *s, int64_t slot);                /* drop what slot `slot` was the last to read */
int ad_push_add(ad_push *s, int64_t slot, ad_array *share); /* to a tangent that is an array; takes over share */

/* ------------------------------------------------------------------------------------------------- plans */
/* A traced program made ready to be run with other values in its leaves: its instructions, and its sweeps as they went, as steps
 * over registers.  What no result needs is left out; elementwise steps on arrays of one shape become fused loops, which form bands with
 * the products between them.  Built by calls in the order of the recording; every one returns AD_OK, AD_NO_MEMORY or AD_BAD_DTYPE. */
typedef struct ad_plan ad_plan;
ad_plan *ad_plan_new(const ad_program *p);                  /* NULL when out of memory */
void ad_plan_free(ad_plan *t);
int ad_plan_input(ad_plan *t, uint32_t slot, uint32_t *reg);                  /* its value is given at every run */
int ad_plan_forward(ad_plan *t, uint32_t slot);
int ad_plan_guard(ad_plan *t, uint32_t slot, int truth, uint64_t outcome);    /* a run goes on if the number's bits, or its truth, are `outcome` */
int ad_plan_register(ad_plan *t, uint32_t slot, uint32_t *reg);               /* where that slot's value is */

/* A sweep: seeds, then ad_plan_reverse, then what it found.  AD_PLAN_PYTHON: the rule of slot `at` is a formula; the caller spells it out as
 * instructions behind the others, from a leaf for the cotangent (ad_plan_cotangent) to the operands' shares (ad_plan_share), and goes on with
 * the slot before. */
typedef struct {
    ad_plan *plan;
    uint64_t bit;
    int64_t base, at, to;                                   /* as in ad_sweep */
    uint32_t *adj;                                          /* registers, or AD_NO_SLOT */
} ad_plan_sweep;
enum { AD_PLAN_PYTHON = 1 };
int ad_plan_seed(ad_plan_sweep *s, uint32_t target, uint32_t seed);           /* a slot; AD_NO_SLOT: ones */
int ad_plan_reverse(ad_plan_sweep *s);
int ad_plan_cotangent(ad_plan_sweep *s, uint32_t leaf);
int ad_plan_share(ad_plan_sweep *s, int k, uint32_t share);
int ad_plan_result(ad_plan_sweep *s, uint32_t source, uint32_t leaf);         /* the adjoint of `source` is the value of `leaf` */

int ad_plan_finish(ad_plan *t, const uint32_t *outputs, uint32_t n);          /* registers whose values are wanted */

/* A run: begin, give, run, read, end.  AD_PLAN_PYTHON: the caller looks at the guard *ad_plan_pending, then calls ad_plan_done. */
enum ad_step_kind {
    AD_FORWARD,         /* out = op(in) */
    AD_VJP,             /* out = acc + g * d op / d in[k] */
    AD_ADD,             /* out = acc + g, adjoints of one shape */
    AD_SPREAD,          /* out = the number in g, written out as an array */
    AD_GUARD            /* g leaves for Python; `in` counts them */
};
enum { AD_IN_BATCH = 255 };
typedef struct {
    uint8_t kind;
    uint8_t blockwise;                                      /* always in a loop: elementwise on arrays, or the share of a sum over axes */
    uint8_t dtype;                                          /* of out */
    uint16_t op;
    uint8_t takes;                                          /* is acc an array that nothing else needs, to be written over? */
    uint8_t batch;                                          /* how many steps from this one on are run at once; AD_IN_BATCH: by one before */
    uint32_t n, k;                                          /* operands; which of them the share is of: a concat may have any number */
    uint32_t slot;                                          /* the recorded instruction */
    uint32_t out, acc, g, y, in;                            /* registers; the operands' stand in the plan's words at `in` */
    uint32_t attr;                                          /* of a step that runs by itself: that of the instruction */
} ad_step;
void ad_plan_give(ad_plan *t, uint32_t reg, ad_value value);                  /* an input; holds an array */
int ad_plan_run(ad_plan *t);
const ad_step *ad_plan_pending(const ad_plan *t);
uint32_t ad_plan_operand(const ad_plan *t, const ad_step *s, uint32_t k);
ad_value ad_plan_value(const ad_plan *t, uint32_t reg, int *dtype, int *is_array);      /* borrowed */
void ad_plan_done(ad_plan *t);
void ad_plan_end(ad_plan *t);                               /* lets go of everything a run made or was given */

/* Scalar steps, as instruction sets run them: operands in the order g, a, b, c, y, those that are read. */
typedef struct {
    uint32_t code, out, acc;                                /* acc: a register that is added, or AD_NO_SLOT */
    uint32_t r[4];
} ad_scalar_step;
#define AD_VALUE_CODE(op, dtype) ((uint32_t)(op) * AD_NDTYPES + (dtype))
#define AD_SHARE_CODE(op, k, dtype) ((uint32_t)AD_NOPS * AD_NDTYPES + ((uint32_t)(op) * AD_MAX_OPERANDS + (k)) * 2 + (dtype))

/* ------------------------------------------------------------------------------------------------- threads */
int ad_thread_count(void);
void ad_set_thread_count(int n);
void ad_run_parts(void (*work)(void *arg, int part), void *arg, int parts);   /* all parts are done when it returns */
/* work(arg, from, to) for all of 0 .. n, in ranges that begin at multiples of `grain`: one range where `cost`, in elements passed over by
 * cheap arithmetic, is not worth waking threads for.  What is computed of i must not depend on the range. */
void ad_share_out(void (*work)(void *arg, int64_t from, int64_t to), void *arg, int64_t n, int64_t grain, int64_t cost);

/* How the caller's lock is let go of for the length of long work, and taken again; NULL: there is none. */
extern void *(*ad_unlock)(void);
extern void (*ad_lock)(void *);

/* ------------------------------------------------------------------------------------------------- instruction sets */
/* The generated kernels of one instruction set. */
typedef struct {
    const char *name;
    const ad_elementwise *kernels;                          /* by opcode */
    int (*scalar_forward)(int op, int dtype, ad_value a, ad_value b, ad_value c, ad_value *y);
    void (*scalar_reverse)(ad_sweep *s);                    /* goes on while instructions are scalar rows */
    void (*scalar_run)(const ad_scalar_step *from, const ad_scalar_step *to, ad_value *value);
} ad_isa;

#define AD_SCALARS_OF(isa)                                                                                      \
    int ad_scalar_forward_##isa(int op, int dtype, ad_value va, ad_value vb, ad_value vc, ad_value *vy);          \
    void ad_scalar_reverse_##isa(ad_sweep *s);                                                                  \
    void ad_scalar_run_##isa(const ad_scalar_step *s, const ad_scalar_step *to, ad_value *value)
AD_SCALARS_OF(baseline);
AD_SCALARS_OF(fma);

extern const ad_isa *ad_cpu;                                /* chosen once, at import */
extern int ad_divides_slowly;                               /* is a division of eight float64 slower than lanes.h?  A test may say so */
const ad_isa *ad_isa_named(const char *name);               /* NULL where this machine has no such; of NULL the best it has */

/* Elementwise rows on arrays of any shapes that broadcast; scalars come as arrays of rank 0. */
int ad_elementwise_forward(int op, const ad_array *const *in, int n, ad_array **out);
int ad_elementwise_vjp(int op, int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y,
                       ad_array *acc, int fresh);
void ad_fill(void *to, const void *from, int64_t n, size_t item);             /* n copies of one number of `item` bytes */
int ad_broadcast_shape(const ad_array *const *in, int n, int64_t *shape);     /* rank, or AD_BAD_SHAPE */

#endif
