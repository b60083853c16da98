/* Vector passes of special functions of twofold numbers for any processor. */
#define AD_ISA baseline
#include "special_passes.inc"
