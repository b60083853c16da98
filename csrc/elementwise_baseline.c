/* The elementwise rows for any processor. */
#define AD_ISA baseline
#include "elementwise.inc"
