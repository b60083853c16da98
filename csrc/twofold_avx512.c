/* Vector passes of twofold numbers for AVX-512 (x86-64 servers from 2017 on). */
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")
#endif
#define AD_TARGET_FMA
#define AD_ISA avx512
#include "twofold_passes.inc"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
