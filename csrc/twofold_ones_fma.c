/* Functions of one twofold number for AVX2 and FMA (x86-64 from 2013 on). */
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define AD_TARGET_FMA
#define AD_ISA fma
#include "twofold_ones.inc"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
