/* Passes over doubles with radii for any processor. */
#define AD_ISA baseline
#include "onefold_passes.inc"
