/* The row functions for any processor. */
#define AD_ISA baseline
#include "rows.inc"
