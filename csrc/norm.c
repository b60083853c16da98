/* Lengths and spreads over any axes: euclidean norm, variance, standard deviation (csrc/rows_measure.inc). */
#include "plan/plan.h"
#include "reduce.h"
#include "rows.h"

#define DEFINE_ROWS(s, dtype, what)                                                                                             \
    static void what##_##s(int64_t rows, int64_t n, const void *x, void *y) { ad_rows(dtype)->measure(what, rows, n, x, y); }   \
    static void what##_vjp_##s(int64_t rows, int64_t n, const void *g, const void *x, const void *y, void *acc)                 \
    {                                                                                                                           \
        ad_rows(dtype)->measure_vjp(what, rows, n, g, x, y, acc);                                                               \
    }
#define DEFINE_TWIN(s, dtype, what)                                                                                             \
    static void what##_twin_##s(int64_t rows, int64_t n, const void *g, const void *x, const void *y, void *acc)                \
    {                                                                                                                           \
        ad_rows(dtype)->measure_twin(what, rows, n, g, x, (void *)y, acc);                                                      \
    }
#define DEFINE_TWINS(what, name)                                                                                                \
    DEFINE_TWIN(f32, AD_F32, what)                                                                                              \
    DEFINE_TWIN(f64, AD_F64, what)                                                                                              \
    int ad_reduce_##name##_twin(const ad_array *g, const ad_array *const *in, const int64_t *attr, ad_array *y, ad_array *acc)  \
    {                                                                                                                           \
        return ad_reduce_rows_vjp(in[0]->dtype == AD_F32 ? what##_twin_f32 : what##_twin_f64, g, in[0], y, attr, acc, 1);       \
    }
#define DEFINE_REDUCTION(what, name)                                                                                            \
    DEFINE_ROWS(f32, AD_F32, what)                                                                                              \
    DEFINE_ROWS(f64, AD_F64, what)                                                                                              \
    int ad_reduce_##name##_forward(const ad_array *const *in, int n, const int64_t *attr, ad_array **out)                       \
    {                                                                                                                           \
        const ad_array *x = in[0];                                                                                              \
        (void)n;                                                                                                                \
        return ad_is_float(x) ? ad_reduce_rows(x->dtype == AD_F32 ? what##_f32 : what##_f64, x, attr, out) : AD_BAD_DTYPE;      \
    }                                                                                                                           \
    int ad_reduce_##name##_vjp(int k, const ad_array *g, const ad_array *const *in, int n, const ad_array *y, const int64_t *attr, \
                               ad_array *acc, int fresh)                                                                        \
    {                                                                                                                           \
        (void)k, (void)n;                                                                                                       \
        return ad_reduce_rows_vjp(acc->dtype == AD_F32 ? what##_vjp_f32 : what##_vjp_f64, g, in[0], y, attr, acc, fresh);       \
    }
DEFINE_REDUCTION(AD_LENGTH, euclidean_norm)
DEFINE_REDUCTION(AD_VARIANCE, variance)
DEFINE_REDUCTION(AD_DEVIATION, std)
DEFINE_TWINS(AD_VARIANCE, variance)
DEFINE_TWINS(AD_DEVIATION, std)
