/* Products of matrices in memory of any strides, per instruction set (csrc/matmul.inc). */
#ifndef AD_MATMUL_H
#define AD_MATMUL_H

#include "ad.h"

/* A matrix: element (i, j) stands at data + i * row + j * column, in elements. */
typedef struct {
    const void *data;
    int64_t row, column;
} ad_matrix;

/* By dtype; NULL where there is none.  All add to what stands in c or y, which are in row-major order; with `fresh` nothing stands there. */
typedef struct {
    int (*multiply[AD_NDTYPES])(int64_t m, int64_t n, int64_t k, ad_matrix a, ad_matrix b, void *c, int fresh);     /* c += a b; AD_OK or AD_NO_MEMORY */
    void (*apply[AD_NDTYPES])(int64_t m, int64_t n, const void *a, const void *x, void *y);                /* y += a x */
    void (*apply_transposed[AD_NDTYPES])(int64_t m, int64_t n, const void *a, const void *x, void *y);     /* y += x a */
    void (*add_outer[AD_NDTYPES])(int64_t m, int64_t n, const void *u, const void *v, void *c);            /* c[i][j] += u[i] * v[j] */
} ad_products;

extern const ad_products ad_products_baseline;
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
extern const ad_products ad_products_avx2, ad_products_avx512;
#endif

#endif
