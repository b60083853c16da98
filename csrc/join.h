/* What the files for several instruction sets, or types, share: names put together, and loops over vectors side by side. */
#ifndef AD_JOIN
/* Of two macros: AD_JOIN(ad_rows_, AD_ISA) is ad_rows_avx2. */
#define AD_JOIN_(a, b) a##b
#define AD_JOIN(a, b) AD_JOIN_(a, b)

/* Before a loop: n vectors of it are computed side by side, their instructions mixed (setup.py: GCC_FLAGS_OF).  For that nothing it reads
 * may be what it writes, but the same element, which GCC believes of parameters alone: the generated kernels' are `restrict`. */
#ifdef AD_TARGET_FMA
#define AD_PRAGMA(text) _Pragma(#text)
#define AD_BESIDE(n) AD_PRAGMA(GCC unroll n)
#else
#define AD_BESIDE(n)
#endif
#endif
