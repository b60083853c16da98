/* A pass over arrays of twofold numbers (twofold_loops.h), and a table of passes, for one instruction set: AD_ISA. */
#ifndef AD_TWOFOLD_PASS_H
#define AD_TWOFOLD_PASS_H

#include "twofold.h"

/* 0 where a fast function has done rightly (twofold_fast.h); an exact 0 is right, as no product underflows. */
AD_TWO int64_t undone(double h, double r, int64_t e)
{
    const double m = fabs(h) > r ? fabs(h) : r;
    const _Bool good = (m <= AD_COMFORT) & ((m >= 1 / AD_COMFORT) | (m == 0));
    return good ? e : 1;
}

#define AT(a) ((ad_dw){a##h[i], a##l[i], a##r[i]})
#if defined(__GNUC__) && !defined(__clang__)
#define INDEPENDENT _Pragma("GCC ivdep")                    /* it does not see that tables are not written to */
#else
#define INDEPENDENT
#endif
#define PASS(CALL, E)                                                                          \
    int64_t left = 0;                                                                          \
    INDEPENDENT AD_BESIDE(2)                                                                   \
    for (unsigned i = 0; i < AD_LANES * groups; i++) {                                                              \
        const ad_dw z = CALL;                                                                  \
        yh[i] = z.h;                                                                           \
        yl[i] = z.l;                                                                           \
        yr[i] = z.r;                                                                           \
        const int64_t u = undone(z.h, z.r, E);                                                 \
        ye[i] = u;                                                                             \
        left |= u;                                                                             \
    }                                                                                          \
    return left;

#define UNARY(name) static int64_t pass_##name(unsigned groups, AD_PARTS(a), AD_PARTS_OUT) { PASS(fast_##name(AT(a)), ae[i]) }
#define BINARY(name) static int64_t pass_##name(unsigned groups, AD_PARTS(a), AD_PARTS(b), AD_PARTS_OUT) { PASS(fast_##name(AT(a), AT(b)), ae[i] | be[i]) }
#define ONE(name) {#name, pass_##name, NULL},
#define TWO(name) {#name, NULL, pass_##name},

/* The passes of rows with one operand and with two, and their table, which ends with NULL. */
#define DEFINE_PASSES(table, UNARY_ROWS, BINARY_ROWS)                                                  \
    UNARY_ROWS(UNARY) BINARY_ROWS(BINARY)                                                      \
    const ad_twofold_pass AD_JOIN(table, AD_ISA)[] = {UNARY_ROWS(ONE) BINARY_ROWS(TWO){NULL, NULL, NULL}};

#endif
