/* The products of matrices for any processor. */
#define AD_ISA baseline
#define AD_VECTOR 16
#include "matmul.inc"
