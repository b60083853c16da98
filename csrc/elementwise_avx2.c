/* The elementwise rows for AVX2 and FMA (x86-64 from 2013 on). */
#ifdef __x86_64__
#define AD_TARGET_FMA
#define AD_ISA avx2
#define AD_SCALARS fma
#include "elementwise.inc"
#endif
