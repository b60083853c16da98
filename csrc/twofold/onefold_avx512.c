/* Passes over doubles with radii for AVX-512 (x86-64 servers from 2017 on). */
#ifdef __x86_64__
#define AD_TARGET_FMA
#define AD_ISA avx512
#include "onefold_passes.inc"
#endif
