/* Reductions over any axes, by functions that take rows in one piece. */
#ifndef AD_REDUCE_H
#define AD_REDUCE_H

#include "strided.h"

/* Rows in, a number for each out. */
typedef void (*ad_row_forward)(int64_t rows, int64_t n, const void *x, void *y);
/* acc = g times the derivative of y by every x. */
typedef void (*ad_row_vjp)(int64_t rows, int64_t n, const void *g, const void *x, const void *y, void *acc);

/* What a structural kernel does over the axes that its attributes begin with (ad.h); y has x's dtype. */
int ad_reduce_rows(ad_row_forward row, const ad_array *x, const int64_t *attr, ad_array **out);
int ad_reduce_rows_vjp(ad_row_vjp row, const ad_array *g, const ad_array *x, const ad_array *y, const int64_t *attr, ad_array *acc, int fresh);

#endif
