/* Vector passes of twofold numbers for AVX-512 (x86-64 servers from 2017 on). */
#ifdef __x86_64__
#define AD_TARGET_FMA
#define AD_ISA avx512
#include "twofold_passes.inc"
#endif
