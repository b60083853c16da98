/* Names put together of two that are macros: AD_JOIN(ad_rows_, AD_ISA) is ad_rows_avx2. */
#ifndef AD_JOIN
#define AD_JOIN_(a, b) a##b
#define AD_JOIN(a, b) AD_JOIN_(a, b)
#endif
