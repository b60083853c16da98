/* What is done to whole rows of floats and has an exp or a comparison in its loop, per instruction set (csrc/rows.inc). */
#ifndef AD_ROWS_H
#define AD_ROWS_H

#include "strided.h"

#include <math.h>

/* What an element gets that is not the extreme.  Where none is, the extreme is nan, and of what that depends on nobody knows: nan,
 * as TensorFlow, unless the cotangent is 0. */
static inline double ad_other_than_extreme(double g, double ties) { return ties == 0 && g != 0 ? NAN : 0; }

enum ad_measure { AD_LENGTH, AD_VARIANCE, AD_DEVIATION };

/* `rows` rows of n numbers, one after another; y, g, acc likewise, or one number to a row.  A vjp assigns acc. */
typedef struct {
    void (*softmax)(int64_t rows, int64_t n, const void *x, void *y);
    void (*log_softmax)(int64_t rows, int64_t n, const void *x, void *y);
    void (*logsumexp)(int64_t rows, int64_t n, const void *x, void *y);
    void (*max)(int64_t rows, int64_t n, const void *x, void *y);
    void (*min)(int64_t rows, int64_t n, const void *x, void *y);
    void (*extreme_vjp)(int64_t rows, int64_t n, const void *g, const void *x, const void *y, void *acc);
    void (*softmax_vjp)(int64_t rows, int64_t n, const void *g, const void *y, void *acc);
    void (*log_softmax_vjp)(int64_t rows, int64_t n, const void *g, const void *y, void *acc);
    void (*logsumexp_vjp)(int64_t rows, int64_t n, const void *g, const void *x, const void *y, void *acc);
    void (*logsumexp_twin)(int64_t rows, int64_t n, const void *g, const void *x, void *y, void *acc);       /* value and share at once */
    /* Of labels z, or of 1 at one place of each row; value, if y, and share of x, if acc. */
    void (*cross_entropy)(int64_t rows, int64_t n, const void *z, const int64_t *at, const void *x, const void *g, void *y, void *acc);
    void (*measure)(enum ad_measure what, int64_t rows, int64_t n, const void *x, void *y);
    void (*measure_vjp)(enum ad_measure what, int64_t rows, int64_t n, const void *g, const void *x, const void *y, void *acc);
    void (*measure_twin)(enum ad_measure what, int64_t rows, int64_t n, const void *g, const void *x, void *y, void *acc);       /* of no length */
    void (*short_sums)(int64_t rows, int64_t n, const void *x, void *y);      /* n < AD_SHORT_SUM */
    void (*spread)(int64_t rows, int64_t n, const void *x, void *y);          /* one number to a row in */
    void (*add_rows)(int64_t rows, int64_t n, const void *x, void *y);        /* y += each row */
    void (*add)(int64_t n, const void *a, const void *b, void *y);            /* y = a + b, n numbers; y may be a or b */
    void (*add_up)(int64_t n, const void *acc, int k, const void *const *x, void *y);   /* y = acc (or 0) + x[0] + ... + x[k - 1] */
    ad_forward_kernel divide;                               /* y = a / b[0]; NULL: there is no faster way than to divide */
} ad_row_functions;
enum { AD_SHORT_SUM = 48, AD_SUM_LANES = 16, AD_SUM_BLOCK = 512 };             /* csrc/sum.c: what is added up at once, and how */

/* sum.c: what reduce_sum adds up at once, AD_SUM_BLOCK elements, and how it goes on with the sums of all blocks of n elements. */
double ad_sum_block(const void *x, int n, int is_f32);
double ad_sum_rest(const void *parts, const void *x, int n, int is_f32);       /* of a block: AD_SUM_LANES sums so far, and the n elements after these */
double ad_sum_blocks(const double *sums, int64_t n);

enum { AD_COST_OF_EXP = 4 };                                /* as ad_share_out counts */

extern const ad_row_functions ad_rows_baseline[2];          /* float32, float64: as in enum ad_dtype */
#ifdef __x86_64__
extern const ad_row_functions ad_rows_avx2[2], ad_rows_avx512[2];
#endif

static inline const ad_row_functions *ad_rows(int dtype)
{
#ifdef __x86_64__
    static const ad_row_functions *const of[3] = {ad_rows_baseline, ad_rows_avx2, ad_rows_avx512};
    return of[ad_isa_number()] + dtype;
#else
    return ad_rows_baseline + dtype;
#endif
}

#endif
