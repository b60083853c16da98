/* Vector passes of special functions of twofold numbers for AVX2 and FMA (x86-64 from 2013 on). */
#ifdef __x86_64__
#define AD_TARGET_FMA
#define AD_ISA avx2
#include "special_passes.inc"
#endif
