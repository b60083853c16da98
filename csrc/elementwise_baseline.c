/* The elementwise rows for any processor. */
#define AD_ISA baseline
#define AD_SCALARS baseline
#include "elementwise.inc"
