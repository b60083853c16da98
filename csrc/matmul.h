/* Products of matrices in memory of any strides, per instruction set (csrc/matmul.inc). */
#ifndef AD_MATMUL_H
#define AD_MATMUL_H

#include "ad.h"

/* A matrix: element (i, j) stands at data + i * row + j * column, in elements. */
typedef struct {
    const void *data;
    int64_t row, column;
} ad_matrix;

/* Rows that are taken at once: intermediate results of so many stay in the second-level cache. */
enum { AD_STRIP = 128 };
enum { AD_OUTERS = 8 };
/* Of a vector by a matrix: more rows than these are summed in chunks of so many. */
enum { AD_SUMMED_ROWS = 2048 };

/* Products of matrices that are added up: of each a, whose rows or columns lie in order, and its b, a panel.  AD_PARTS at most. */
enum { AD_PARTS = 32 };
typedef struct {
    int count, add;                                         /* add: to what stands in c */
    int64_t a_row, a_column, row;                           /* row: of c */
    const void *a[AD_PARTS], *b[AD_PARTS];
} ad_parts;

/* By dtype; NULL where there is none.  All add to what stands in c or y, which are in row-major order; with `fresh` nothing stands there. */
typedef struct {
    int (*multiply[AD_NDTYPES])(int64_t m, int64_t n, int64_t k, ad_matrix a, ad_matrix b, void *c, int fresh);     /* c += a b; AD_OK or AD_NO_MEMORY */
    void (*apply[AD_NDTYPES])(int64_t m, int64_t n, const void *a, const void *x, void *y);                /* y += a x */
    void (*apply_transposed[AD_NDTYPES])(int64_t m, int64_t n, const void *a, const void *x, void *y);     /* y += x a */
    /* c[i][j] += u[0][i] * v[0][j], then u[1][i] * v[1][j], ...: AD_OUTERS at most */
    void (*add_outers[AD_NDTYPES])(int64_t m, int64_t n, int count, const void *const *u, const void *const *v, void *c);
    /* The shares of x w, where x is a row of m numbers and w has n columns: dx = w g, and dw the outer product of x and g. */
    void (*shares_of_row[AD_NDTYPES])(int64_t m, int64_t n, const void *w, const void *g, const void *x, void *dx, void *dw);
    /* Many strips that meet one b: it is packed once.  `packed`: elements of room for it; 0: not worth it, or not the same sums.  The rows
     * of a lie in order, and are AD_STRIP at least. */
    int64_t (*packed[AD_NDTYPES])(int64_t n, int64_t k, ad_matrix b);
    void (*pack[AD_NDTYPES])(int64_t n, int64_t k, ad_matrix b, void *to);
    void (*multiply_packed[AD_NDTYPES])(int64_t m, int64_t n, int64_t k, ad_matrix a, const void *packed, void *c, int fresh);
    /* For convolutions.  How wide the next panel of n columns is, which holds as many of them as it can; b, k x n, packed as one; c, m x n, the
     * sum of products of m x k and k x n, n being no more than a panel holds. */
    int64_t (*panel[AD_NDTYPES])(int64_t n);
    void (*pack_panel[AD_NDTYPES])(int64_t n, int64_t k, const void *b, int64_t row, int64_t column, void *to);
    void (*sum_parts[AD_NDTYPES])(int64_t m, int64_t n, int64_t k, const ad_parts *p, void *c);
    /* c[i][j] += a[i][j] * w[j], and w[j] += the sum of a[i][j] * b[i][j] over i; rows of b follow each other. */
    void (*scale_columns[AD_NDTYPES])(int64_t m, int64_t n, const void *a, int64_t a_row, const void *w, void *c, int64_t c_row);
    void (*dot_columns[AD_NDTYPES])(int64_t m, int64_t n, const void *a, int64_t a_row, const void *b, void *w);
} ad_products;

const ad_products *ad_products_here(void);                  /* for the instruction set at hand */

/* The values of matmul and matvec, to an array of their shape. */
int ad_matmul_into(const ad_array *const *in, const int64_t *attr, ad_array *y);
int ad_matvec_into(const ad_array *const *in, const int64_t *attr, ad_array *y);

/* shares_of_row, on threads where it is worth it. */
void ad_shares_of_row(int dtype, int64_t m, int64_t n, const void *w, const void *g, const void *x, void *dx, void *dw);

/* Is every row of a product of that many columns and terms the same bits in whatever strips it is computed?  One of b's columns lies in order
 * where `b` has row 1. */
int ad_rows_are_alike(int64_t n, int64_t k);

/* Tall products, a^T b with many rows and few columns: strips of AD_STRIP terms (the last one has what is left over, too) are added up
 * in pieces of some strips, and those in order.  So threads can share them, and the order of sums depends on the shape alone. */
int ad_is_tall(int dtype, int64_t m, int64_t n, int64_t k);
int64_t ad_tall_piece(int64_t k);                           /* terms in a piece */
int64_t ad_tall_pieces(int64_t k);
int64_t ad_strip_end(int64_t from, int64_t k);              /* of the strip that begins there */
void ad_tall_finish(int dtype, int64_t size, int64_t pieces, const void *sums, void *c, int fresh);    /* c (+)= the pieces, in order */

extern const ad_products ad_products_baseline;
#ifdef __x86_64__
extern const ad_products ad_products_avx2, ad_products_avx512;
#endif

#endif
