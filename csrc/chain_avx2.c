/* Chains for AVX2 and FMA (x86-64 from 2013 on). */
#ifdef __x86_64__
#define AD_ISA avx2
#define AD_VECTOR 32
#include "chain.inc"
#endif
