/* Sets of indices and colourings (pattern.c). */
#ifndef AD_PATTERN_H
#define AD_PATTERN_H

#include "ad.h"

typedef struct {
    int64_t n;                  /* rows */
    const int64_t *start;       /* n + 1 */
    const int32_t *at;
} ad_pattern;

int64_t ad_pattern_union(ad_pattern map, ad_pattern of, int64_t n_columns, int64_t most, int64_t *mark, int64_t *start, int32_t *to);
int32_t ad_colour_apart(ad_pattern rows, ad_pattern columns, const int32_t *order, int32_t *colour, int32_t *seen);
void ad_count_neighbours(ad_pattern rows, ad_pattern columns, int32_t *degree, int32_t *seen);
void ad_order(ad_pattern rows, ad_pattern columns, int smallest_last, const int32_t *degree, int32_t *order, int32_t *space);
int32_t ad_colour_stars(ad_pattern of, const int32_t *order, int32_t *colour);

#endif
