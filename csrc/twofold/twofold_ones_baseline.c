/* Functions of one twofold number for any processor. */
#define AD_ISA baseline
#include "twofold_ones.inc"
