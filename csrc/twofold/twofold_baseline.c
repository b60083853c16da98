/* Vector passes of twofold numbers for any processor. */
#define AD_ISA baseline
#include "twofold_passes.inc"
