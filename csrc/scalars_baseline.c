/* Scalars for any processor. */
#define AD_ISA baseline
#include "scalars.inc"
