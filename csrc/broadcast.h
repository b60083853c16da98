/* Arrays in larger shapes: how they lie in them, how they are read there, and how what comes back from there is summed.
 *
 * A fused loop and an operation by itself do the same, block by block or at once, to the same bits. */
#ifndef AD_BROADCAST_H
#define AD_BROADCAST_H

#include "ad.h"

/* How an array lies in a larger shape: dimensions of size 1 dropped, those that step together merged; last one fastest. */
typedef struct {
    int ndim;
    int64_t shape[AD_MAX_RANK], stride[AD_MAX_RANK];        /* stride in elements of the array; 0: repeated */
} ad_layout;

ad_layout ad_layout_in(const ad_array *a, const ad_array *whole);             /* by their shapes alone */

/* n elements of the larger shape, from number `at` on: where they stand, or written to `room`. */
const void *ad_read_spread(const ad_layout *l, const void *data, int64_t at, int64_t n, size_t item, void *room);

/* How values of the larger shape are added to an array that lies in it.
 *
 * Where the last dimension is repeated, runs of it are summed first, as reduce_sum sums them.  What is left are `values`: each is added
 * to its element, in order, but rows of few columns in `lanes` that are added up at the end; and chunks of AD_BACK_CHUNK values apart,
 * which are then added up in order.  So the result depends on the shapes alone. */
enum { AD_BACK_CHUNK = 16384 };
typedef struct {
    int64_t run, values, size;                              /* elements of a run; runs; elements of the array */
    ad_layout l;                                            /* of the values */
    int64_t lanes, columns;
    int64_t chunk, n_chunks, width;                         /* values in a chunk; chunks; elements of the array that one meets at most */
} ad_back;

ad_back ad_back_of(const ad_array *a, const ad_array *whole);
int ad_back_is_plain(const ad_back *b);                     /* one value for every element, in order */
size_t ad_back_room(const ad_back *b, size_t item);         /* bytes for all chunks, which must be 0 before the first value */
/* n values (which are no runs any more), from number `at` on. */
void ad_back_add(const ad_back *b, int is_f32, const void *values, int64_t at, int64_t n, void *room);
void ad_back_finish(const ad_back *b, int is_f32, const void *room, void *to, const void *acc);       /* to = acc + sums; acc may be NULL */

/* All at once, of all elements of the larger shape: to = acc + sums. */
int ad_sum_back(const ad_back *b, int is_f32, const void *share, void *to, const void *acc);
void ad_add(void *to, const void *a, const void *b, int64_t n, int is_f32);   /* to = a + b */

/* sum.c: sums of rows of n numbers, as reduce_sum takes them. */
void ad_sum_rows(const void *x, int64_t rows, int64_t n, int is_f32, void *to);

#endif
