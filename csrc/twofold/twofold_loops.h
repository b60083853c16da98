/* Arrays of certified twofold numbers (twofold.h): what the core calls, and the tables that it chooses from. */
#ifndef AD_TWOFOLD_LOOPS_H
#define AD_TWOFOLD_LOOPS_H

#include <stddef.h>
#include <stdint.h>

#include "join.h"

/* Every number within r * 2^e of (hi + lo) * 2^e. */
typedef struct { double hi, lo, r; int64_t e; } ad_twofold;

/* Structure of arrays.  Of operands: a step of 0: one hi for all; rest 0: one lo, one r and one e, as numbers have that are doubles. */
typedef struct { double *hi, *lo, *r; int64_t *e; int64_t step, rest; } ad_twofolds;

/* A pass without branches over groups of 8 numbers, so that there is one loop of vectors and nothing left for a second and a third; in
 * memory of its own.  The result's e are what is undone, and or-ed returned. */
#define AD_LANES 8u
#define AD_PARTS(a) const double *restrict a##h, const double *restrict a##l, const double *restrict a##r, const int64_t *restrict a##e
#define AD_PARTS_OUT double *restrict yh, double *restrict yl, double *restrict yr, int64_t *restrict ye
typedef int64_t (*ad_pass_of_one)(unsigned groups, AD_PARTS(a), AD_PARTS_OUT);
typedef int64_t (*ad_pass_of_two)(unsigned groups, AD_PARTS(a), AD_PARTS(b), AD_PARTS_OUT);

/* Names are the rows' in the operator table; the tables end with NULL. */
typedef struct { const char *name; ad_pass_of_one unary; ad_pass_of_two binary; } ad_twofold_pass;
/* Passes of no row; what is out of the ordinary is undone.  round: numbers to float64, and where they surely are the nearest; compare: -1 or 1;
 * mark: ad_twofold_mark. */
typedef struct {
    int64_t (*round)(unsigned groups, AD_PARTS(a), double *restrict nearest, uint8_t *restrict sure);
    int64_t (*compare)(unsigned groups, AD_PARTS(a), AD_PARTS(b), int8_t *restrict order);
    int64_t (*mark)(unsigned groups, int64_t select, AD_PARTS(g), AD_PARTS(s), double *restrict yr);
} ad_twofold_others;
typedef struct {
    const char *name;
    ad_twofold (*unary)(ad_twofold);
    ad_twofold (*binary)(ad_twofold, ad_twofold);
    ad_twofold (*ternary)(ad_twofold, ad_twofold, ad_twofold);
} ad_twofold_function;

/* Without a pass every number is done by the function. */
typedef struct { int arity; ad_twofold_function one; ad_twofold_pass pass; } ad_twofold_row;

/* Sums of n > 0 products of the numbers of two rows, of each n times h, then l, then r, with those of AD_LANES columns, of which there are n lines of
 * AD_LINE doubles: h, l, and three bounds (twofold_product.c).  For each row AD_LANES sums, high, low, radius.
 * exact: of numbers without low parts and radii, larger than 2^-400; brief: without low parts, to few digits more than a double has. */
#define AD_LINE (5 * AD_LANES)
typedef void (*ad_twofold_dot)(int64_t n, const double *restrict a, const double *restrict b, double *restrict sums);
typedef struct { ad_twofold_dot exact, rounded, brief; } ad_twofold_dots;

ad_twofold_row ad_twofold_find(const char *name);           /* arity 0: there is none */
void ad_twofold_run(const ad_twofold_row *row, int64_t n, const ad_twofolds *in, const ad_twofolds *out);
int ad_twofold_mark(int select, int64_t n, const ad_twofolds *g, const ad_twofolds *s, const ad_twofolds *y);
void ad_twofold_compare(int64_t n, const ad_twofolds *a, const ad_twofolds *b, int8_t *out);
void ad_twofold_sum(int64_t outer, int64_t n, int64_t inner, const ad_twofolds *x, const ad_twofolds *y);
void ad_twofold_scan(int product, int64_t n, int64_t inner, const ad_twofolds *x, const ad_twofolds *y);
void ad_twofold_recurrence(int own, int64_t n, int64_t inner, const ad_twofolds *a, const ad_twofolds *b, const ad_twofolds *y, const ad_twofolds *room);
int64_t ad_twofold_product_room(int64_t m, int64_t k);
void ad_twofold_product(int brief, int64_t m, int64_t k, int64_t n, const ad_twofolds *a, const ad_twofolds *b, const ad_twofolds *y, double *room);
int ad_twofold_are_comfortable(int64_t n, const double *x);
void ad_twofold_exact(int64_t n, const double *x, const ad_twofolds *y);
void ad_twofold_round(int64_t n, const ad_twofolds *x, int single, double *nearest, uint8_t *sure);

/* The rows, those first that have passes. */
#define AD_FAST_UNARY_ROWS(F)                                                                                             \
    F(neg) F(identity) F(abs) F(square) F(reciprocal) F(sqrt) F(rsqrt) F(cbrt) F(exp) F(exp2) F(expm1) F(log) F(log2) F(log10)    \
    F(log1p) F(log1mexp) F(sigmoid) F(softplus) F(softplus_slope) F(log_sigmoid) F(tanh) F(sech2) F(silu)                 \
    F(exp_minus_square) F(softsign) F(entr) F(logit) F(sin) F(cos) F(tan) F(sinh) F(cosh) F(asinh) F(acosh) F(atanh)      \
    F(atan) F(asin) F(acos) F(normal_pdf)
#define AD_SPECIAL_UNARY_ROWS(F)                                                                                          \
    F(erf) F(erfc) F(erfcx) F(erfcx_slope) F(ndtr) F(log_ndtr) F(gelu) F(lgamma) F(digamma) F(trigamma)
#define AD_UNARY_ROWS(F)                                                                                                  \
    F(erfinv) F(ndtri) F(bessel_i0) F(bessel_i1) F(bessel_i0e) F(bessel_i1e) F(bessel_gap) F(bessel_i1e_slope)
#define AD_FAST_BINARY_ROWS(F)                                                                                            \
    F(add) F(sub) F(mul) F(div) F(scale) F(select) F(squared_difference) F(hypot) F(over_hypot) F(sigmoid_of_difference)   \
    F(logaddexp) F(xlogy) F(xlog1py) F(sigmoid_cross_entropy) F(pow) F(atan2)
#define AD_SPECIAL_BINARY_ROWS(F) F(polygamma)
#define AD_BINARY_ROWS(F)                                                                                                 \
    F(igamma) F(igammac) F(gamma_pdf) F(igamma_by_a) F(igamma_by_a_twice) F(zeta) F(zeta_slope)
#define AD_TERNARY_ROWS(F) F(betainc) F(beta_pdf)

#endif
