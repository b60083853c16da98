/* Arrays of doubles that know how far they may be off (autodiff/precise/onefold.py): what the core calls, and the tables that it chooses from. */
#ifndef AD_ONEFOLD_LOOPS_H
#define AD_ONEFOLD_LOOPS_H

#include <stddef.h>
#include <stdint.h>

#include "join.h"

/* Every number within r of x; what is not known has x = NaN, r = inf.  A step of 0: one number for all (operands only). */
typedef struct { double *x, *r; int x_step, r_step; } ad_onefolds;

/* n numbers at once, in memory of their own. */
typedef void (*ad_onefold_pass)(unsigned n, const double *restrict a, const double *restrict ra, const double *restrict b, const double *restrict rb,
    double *restrict y, double *restrict ry);

/* Radii of y = f(x), which is off by units * |y| at most, for operands off by r; what is lost (y to be NaN) is told by the result. */
typedef struct { double units; int underflows; } ad_onefold_row;
typedef int64_t (*ad_onefold_reach)(unsigned n, ad_onefold_row row, const double *restrict x, const double *restrict r, const double *restrict y, double *restrict ry);

/* Names are the rows' in the operator table, and "exact", the reach of any function of numbers without radii; the table ends with NULL.
 * `operands`: of a row of arithmetic. */
typedef struct { const char *name; int operands; ad_onefold_pass pass; ad_onefold_reach reach; } ad_onefold_entry;

/* Passes of no row.  compare: -1, 0, 1, 2 where one was given as NaN, 3 where the digits leave it open; is one?  round: float32 numbers and
 * where they surely are the nearest; all?  add: to sums high, low and their radius, n of each. */
typedef struct {
    int (*compare)(unsigned n, const double *restrict a, const double *restrict ra, const double *restrict b, const double *restrict rb, int8_t *restrict order);
    int (*round)(unsigned n, const double *restrict x, const double *restrict r, float *restrict nearest, uint8_t *restrict sure);
    void (*choose)(unsigned n, const uint8_t *restrict mask, const uint64_t *restrict a, const uint64_t *restrict b, uint64_t *restrict y);
    void (*add)(unsigned n, const double *restrict x, const double *restrict r, double *restrict sums);
} ad_onefold_others;

const ad_onefold_entry *ad_onefold_entries(void);
const ad_onefold_entry *ad_onefold_find(const char *name);    /* NULL: there is none */
void ad_onefold_run(const ad_onefold_entry *entry, int64_t n, const ad_onefolds *in, ad_onefolds out);
int ad_onefold_reaches(const ad_onefold_entry *entry, ad_onefold_row row, int64_t n, ad_onefolds x, const double *y, double *ry);
int ad_onefold_compare(int64_t n, ad_onefolds a, ad_onefolds b, int8_t *order);
int ad_onefold_round(int64_t n, ad_onefolds x, float *nearest, uint8_t *sure);
void ad_onefold_choose(int64_t n, const uint8_t *mask, const uint64_t *a, int a_step, const uint64_t *b, int b_step, uint64_t *y);
void ad_onefold_sum(int64_t outer, int64_t n, int64_t inner, ad_onefolds x, ad_onefolds y);

#endif
