/* Chains for AVX-512 (x86-64 servers from 2017 on). */
#ifdef __x86_64__
#define AD_ISA avx512
#define AD_VECTOR 64
#include "chain.inc"
#endif
