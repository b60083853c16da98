/* What LAPACK does, as inner loops of NumPy's generalised ufuncs: they need no lock of Python's. */
#ifndef AD_LAPACK_H
#define AD_LAPACK_H

#include <stdint.h>

enum ad_lapack {                                            /* of matrices of float64 */
    AD_LAPACK_SOLVE,                                        /* (m,m), (m,k) -> (m,k) */
    AD_LAPACK_INV,                                          /* (m,m) -> (m,m) */
    AD_LAPACK_DET,                                          /* (m,m) -> () */
    AD_LAPACK_SLOGDET,                                      /* (m,m) -> (), () */
    AD_LAPACK_CHOLESKY,                                     /* (m,m) -> (m,m), of the lower triangle */
    AD_LAPACK_EIGH,                                         /* (m,m) -> (m), (m,m), of the lower triangle */
    AD_LAPACK_SVD,                                          /* (m,n) -> (m,k), (k), (k,n), k = min(m,n) */
    AD_LAPACK_QR_RAW,                                       /* (m,n) -> (k); the matrix becomes r and reflectors */
    AD_LAPACK_QR_Q,                                         /* (m,n), (k) -> (m,k), of those */
    AD_LAPACK_FUNCTIONS
};

/* As PyUFuncGenericFunction: sizes[0] matrices, of the sizes that follow; steps in bytes from one matrix to the next of every operand, then
 * within each.  What has no result raises the floating-point flag for an invalid operation. */
typedef void (*ad_lapack_loop)(char **operands, const intptr_t *sizes, const intptr_t *steps, void *data);
typedef struct {
    ad_lapack_loop loop;
    void *data;
} ad_lapack_function;

extern ad_lapack_function ad_lapack[AD_LAPACK_FUNCTIONS];  /* set when the core is loaded; NULL: this NumPy has none */

#endif
