/* Chains for every processor. */
#define AD_ISA baseline
#define AD_VECTOR 16
#include "chain.inc"
