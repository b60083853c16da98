/* Chains: steps of plain arithmetic on arrays that follow each other, a few vectors through all of them at a time (csrc/chain.inc).  What a
 * step gives is in registers of the processor where the next one reads it; only what others read too goes to memory.  Kernels one after
 * another spend most of their time on that: two loads and a store for an addition. */
#ifndef AD_CHAIN_H
#define AD_CHAIN_H

#include "strided.h"

typedef void (*ad_chain_function)(void);                    /* (its arguments are vectors of one instruction set) */
typedef struct {
    ad_chain_function run;                                  /* that of a link's code, plus what ad_chain_form says of each operand */
    char *at[4];                                            /* operands, in the order g, a, b, c, y of those that are read; at[3]: the result, */
} ad_chain_step;                                            /* NULL: only the next step reads it */
enum { AD_CHAIN_END, AD_CHAIN_TOTAL, AD_CHAIN_FIRST = AD_CHAIN_TOTAL + 2 };        /* codes: behind the last step; see below, two forms; the links' */
enum { AD_CHAIN_VECTORS = 8, AD_CHAIN_FEW = 2, AD_CHAIN_RESULT = 3 };          /* vectors at a time; in short ones; see above */

/* An operand stands in memory, or is what the step before gave, or, of two operands, is one number for all elements. */
enum ad_chain_operand { AD_CHAIN_MEMORY, AD_CHAIN_LAST, AD_CHAIN_NUMBER };
static inline uint32_t ad_chain_form(int operands, int k, enum ad_chain_operand what)
{
    static const uint8_t weights[4][3] = {{0}, {1}, {1, 3}, {1, 2, 4}};
    return weights[operands][k] * (uint32_t)what;
}

/* AD_CHAIN_TOTAL adds its operand up as ad_sum_block does: its result are the AD_SUM_LANES sums so far. */

/* Of a share that is the cotangent times a derivative, the cotangent one number known not to be 0: no element asks for that.  Its forms follow
 * the others', with 1 more if the second operand is what the step before gave; and those of the negative, which has the bits of the number's. */
enum { AD_CHAIN_KNOWN = 8, AD_CHAIN_NEGATIVE = 2 };

/* For one instruction set and dtype. */
typedef struct {
    void (*run)(const ad_chain_step *steps, size_t bytes);  /* bytes of each operand: a multiple of tile */
    const ad_chain_function *place;                         /* by code */
    size_t tile;
    void (*run_short)(const ad_chain_step *steps, size_t bytes);      /* of any number of elements, without masks and sums; NULL: there is none */
    const ad_chain_function *place_short;
} ad_chain;

/* What can be a step of one: the value (k < 0) or share of a row. */
typedef struct {
    uint16_t op, code;
    int8_t k, mask;                                         /* mask: which operand is one, bytes in memory; -1: none is */
    uint8_t reads, operands, divides, scales, compares;     /* reads: AD_READS_*, so many; scales: see above; compares: gives bytes in memory */
} ad_chain_link;

extern const ad_chain ad_chain_baseline[2];                 /* float32, float64: as in enum ad_dtype */
#ifdef __x86_64__
extern const ad_chain ad_chain_avx2[2], ad_chain_avx512[2];
#endif

static inline const ad_chain *ad_chain_of(int dtype)
{
#ifdef __x86_64__
    static const ad_chain *const of[3] = {ad_chain_baseline, ad_chain_avx2, ad_chain_avx512};
    return of[ad_isa_number()] + dtype;
#else
    return ad_chain_baseline + dtype;
#endif
}

#endif
