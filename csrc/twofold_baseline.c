/* The loops of twofold numbers for any processor. */
#define AD_ISA baseline
#include "twofold.inc"
