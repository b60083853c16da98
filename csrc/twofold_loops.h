/* Arrays of certified twofold numbers (twofold.h): what the core calls. */
#ifndef AD_TWOFOLD_LOOPS_H
#define AD_TWOFOLD_LOOPS_H

#include <stdint.h>

/* Structure of arrays; step 0: one number for all (operands only). */
typedef struct { double *hi, *lo, *r; int64_t *e; int64_t step; } ad_twofolds;

/* A loop over n numbers: `arity` operands, one result, in memory of its own. */
typedef struct {
    const char *name;                                       /* the row's in the operator table */
    int arity;
    void (*loop)(int64_t n, const ad_twofolds *in, const ad_twofolds *out);
} ad_twofold_row;

const ad_twofold_row *ad_twofold_find(const char *name);    /* NULL: there is no loop for the row */
void ad_twofold_compare(int64_t n, const ad_twofolds *a, const ad_twofolds *b, int8_t *out);
void ad_twofold_sum(int64_t outer, int64_t n, int64_t inner, const ad_twofolds *x, const ad_twofolds *y);
void ad_twofold_exact(int64_t n, const double *x, const ad_twofolds *y);
void ad_twofold_round(int64_t n, const ad_twofolds *x, int single, double *nearest, uint8_t *sure);

#endif
