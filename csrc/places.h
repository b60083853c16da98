/* Places told by an operand: what csrc/index.c and csrc/update.c share. */
#ifndef AD_PLACES_H
#define AD_PLACES_H

#include "strided.h"

/* One pattern serves all: element (b, o, at[b, m], i) of the `whole` array goes with element (b, o, m, i) of the `picked` one.
 * gather and ungather: batches b, dimensions o before the axis, i after it.  Index vectors: o = 0, and `at` the row-major number
 * of the slice they name. */
typedef struct {
    int64_t batches, outer, n, m, inner;                    /* sizes of b, o, the axis, m, i */
    const int64_t *at;
    ad_array *own;                                          /* memory of `at`, or NULL where it is the operand's */
} ad_places;

/* Places of indices along an axis of an array of the given shape; AD_OK: to be released. */
int ad_axis_places(ad_places *p, const ad_array *indices, int ndim, const int64_t *shape, int64_t axis, int64_t batch_dims);
/* Places of the index vectors that are the last dimension of `indices` in an array of the given shape; AD_OK: to be released. */
int ad_vector_places(ad_places *p, const ad_array *indices, int ndim, const int64_t *shape, int64_t batch_dims);
void ad_release_places(ad_places *p);
/* The shape of what such index vectors pick: its rank, or AD_BAD_SHAPE. */
int ad_vector_shape(int64_t *out, const ad_array *indices, int ndim, const int64_t *shape, int64_t batch_dims);

/* Statements for every slice, with w at it in the whole array and s in the picked one. */
#define EACH_SLICE(p, T, whole, picked, ...)                                                    \
    do {                                                                                        \
        T *s = (picked)->data;                                                                  \
        for (int64_t b = 0; b < (p)->batches && (picked)->size; b++)                            \
            for (int64_t o = 0; o < (p)->outer; o++) {                                          \
                T *row = (T *)(whole)->data + (b * (p)->outer + o) * (p)->n * (p)->inner;       \
                for (int64_t m = 0; m < (p)->m; m++, s += (p)->inner) {                         \
                    T *w = row + (p)->at[b * (p)->m + m] * (p)->inner;                          \
                    __VA_ARGS__                                                                 \
                }                                                                               \
            }                                                                                   \
    } while (0)

/* Integers have no gradient. */
static inline int ad_no_share(ad_array *acc, int fresh)
{
    if (fresh)
        ad_zero(acc);
    return AD_OK;
}

#endif
