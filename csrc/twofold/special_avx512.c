/* Vector passes of special functions of twofold numbers for AVX-512 (x86-64 servers from 2017 on). */
#ifdef __x86_64__
#define AD_TARGET_FMA
#define AD_ISA avx512
#include "special_passes.inc"
#endif
