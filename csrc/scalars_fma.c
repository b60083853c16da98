/* Scalars for FMA (x86-64 from 2013 on).  One number at a time has nothing of wider vectors. */
#ifdef __x86_64__
#define AD_TARGET_FMA
#define AD_ISA fma
#include "scalars.inc"
#endif
