/* What a convolution walks over (csrc/convolve.c), and what it does for a line of windows (csrc/convolve_lines.c). */
#ifndef AD_CONVOLVE_H
#define AD_CONVOLVE_H

#include "matmul.h"

enum { AD_WINDOW_DIMS = 3 };

/* Dimensions that are not there have one window of one place. */
typedef struct {
    int dtype, rank, apart;                                 /* apart: a group has one channel of x, and `wide` has it for each of y's */
    int64_t n, lines, groups, c, o, k;                      /* images; lines of an image; groups; channels of x and y; places of a window */
    int64_t size[AD_WINDOW_DIMS], count[AD_WINDOW_DIMS], window[AD_WINDOW_DIMS], stride[AD_WINDOW_DIMS], dilation[AD_WINDOW_DIMS], before[AD_WINDOW_DIMS];
    int64_t seen[AD_WINDOW_DIMS];                           /* from the first place that a window sees to the last */
    int64_t span[AD_WINDOW_DIMS], channels;                 /* of `wide` */
    int64_t across;                                         /* places of a window that are one matrix */
    ad_array *wide, *places;                                /* x, with a margin where it needs one; where the places of the first window are in it */
    ad_array *filters, *sums;                               /* filters: as lines want them; sums: of pieces of the images */
    const char *from;                                       /* lines of y that are given, or */
    char *to;                                               /* that are made */
    int64_t pieces;
    int status;
} convolution;

int64_t ad_in_panels(int dtype, int64_t n);                 /* what n columns take in panels */

/* To s->filters, w by group, and then in panels of a group's channels of y, whose rows are those of all places.  `turned`: w is that of the
 * convolution that this one is the adjoint of, with the last place first and x's channels as its columns. */
int ad_lay_out_filters(convolution *s, const ad_array *w, int turned);
/* To s->filters, w by group and by the places that are one matrix, whose columns are x's channels, in panels. */
int ad_turn_filters(convolution *s, const ad_array *w);
int ad_is_worth_turning(const convolution *s);              /* ad_lay_out_filters, and not ad_turn_filters, for the adjoint of s */

void ad_convolve_line(const convolution *s, const ad_products *p, int64_t line);
/* What a line of y gives to what its windows see.  part: room for what they see at the places that are one matrix, in
 * panels. */
void ad_convolve_input_line(const convolution *s, const ad_products *p, int64_t line, char *part);
/* What lines, AD_PARTS at most, give to the filters.  packed: room for a panel of them. */
void ad_convolve_filters_lines(const convolution *s, const ad_products *p, int64_t line, int64_t count, char *packed, char *sum);

#endif
