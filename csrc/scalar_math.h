/* The mathematics of autodiff: one number in, one number out.
 * Suffixes of a name: none double, f float, i32 and i64 integers, b bool (uint8_t, 0 or 1). */
#ifndef AD_SCALAR_MATH_H
#define AD_SCALAR_MATH_H

#include <math.h>
#include <stdint.h>

#define AD_THROUGH_DOUBLE(name) static inline float ad_##name##f(float x) { return (float)ad_##name((double)x); }

static inline double ad_exp(double x) { return exp(x); }
static inline double ad_expm1(double x) { return expm1(x); }
static inline double ad_log(double x) { return log(x); }
static inline double ad_log1p(double x) { return log1p(x); }
static inline double ad_sigmoid(double x) { double e = exp(-fabs(x)); return (x < 0 ? e : 1.0) / (1.0 + e); }
static inline double ad_softplus(double x) { return (x > 0 ? x : (x != x ? x : 0.0)) + log1p(exp(-fabs(x))); }
static inline double ad_tanh(double x) { return tanh(x); }
static inline double ad_sech2(double x) { double e = exp(-2 * fabs(x)); return 4 * e / ((1 + e) * (1 + e)); }
static inline double ad_sin(double x) { return sin(x); }
static inline double ad_cos(double x) { return cos(x); }
AD_THROUGH_DOUBLE(exp) AD_THROUGH_DOUBLE(expm1) AD_THROUGH_DOUBLE(log) AD_THROUGH_DOUBLE(log1p) AD_THROUGH_DOUBLE(sigmoid)
AD_THROUGH_DOUBLE(softplus) AD_THROUGH_DOUBLE(tanh) AD_THROUGH_DOUBLE(sech2) AD_THROUGH_DOUBLE(sin) AD_THROUGH_DOUBLE(cos)
static inline double ad_sqrt(double x) { return sqrt(x); }
static inline float ad_sqrtf(float x) { return sqrtf(x); }
static inline double ad_pow(double a, double b) { return pow(a, b); }
static inline float ad_powf(float a, float b) { return (float)pow(a, b); }

#define AD_ARITHMETIC(T, s)                                                                    \
    static inline T ad_add##s(T a, T b) { return a + b; }                                      \
    static inline T ad_sub##s(T a, T b) { return a - b; }                                      \
    static inline T ad_mul##s(T a, T b) { return a * b; }                                      \
    static inline T ad_div##s(T a, T b) { return a / b; }                                      \
    static inline T ad_neg##s(T x) { return -x; }                                              \
    static inline T ad_square##s(T x) { return x * x; }                                        \
    static inline T ad_scale##s(T g, T d) { return g == 0 ? 0 : g * d; }                       \
    static inline T ad_abs##s(T x) { return x < 0 ? -x : x + 0; }                              \
    static inline T ad_sign##s(T x) { return x > 0 ? 1 : x < 0 ? -1 : x; }                     \
    static inline T ad_maximum##s(T a, T b) { return a > b || a != a ? a : b; }                \
    static inline T ad_minimum##s(T a, T b) { return a < b || a != a ? a : b; }
#define AD_WRAPPING(T, U, s)                                                                   \
    static inline T ad_add##s(T a, T b) { return (T)((U)a + (U)b); }                           \
    static inline T ad_sub##s(T a, T b) { return (T)((U)a - (U)b); }                           \
    static inline T ad_mul##s(T a, T b) { return (T)((U)a * (U)b); }                           \
    static inline T ad_neg##s(T x) { return (T)(0 - (U)x); }                                   \
    static inline T ad_square##s(T x) { return ad_mul##s(x, x); }                              \
    static inline T ad_abs##s(T x) { return x < 0 ? ad_neg##s(x) : x; }                        \
    static inline T ad_sign##s(T x) { return (x > 0) - (x < 0); }                              \
    static inline T ad_maximum##s(T a, T b) { return a > b ? a : b; }                          \
    static inline T ad_minimum##s(T a, T b) { return a < b ? a : b; }                          \
    static inline T ad_pow##s(T a, T b)                                                        \
    {                                                                                          \
        U y = 1, p = (U)a;                                                                     \
        for (; b > 0; b >>= 1, p *= p)                                                         \
            y *= b & 1 ? p : 1;                                                                \
        return (T)y;                                                                           \
    }
#define AD_COMPARISONS(T, s)                                                                   \
    static inline uint8_t ad_equal##s(T a, T b) { return a == b; }                             \
    static inline uint8_t ad_not_equal##s(T a, T b) { return a != b; }                         \
    static inline uint8_t ad_less##s(T a, T b) { return a < b; }                               \
    static inline uint8_t ad_less_equal##s(T a, T b) { return a <= b; }                        \
    static inline uint8_t ad_greater##s(T a, T b) { return a > b; }                            \
    static inline uint8_t ad_greater_equal##s(T a, T b) { return a >= b; }                     \
    static inline T ad_where##s(uint8_t c, T a, T b) { return c ? a : b; }

AD_ARITHMETIC(double, ) AD_ARITHMETIC(float, f)
AD_WRAPPING(int32_t, uint32_t, i32) AD_WRAPPING(int64_t, uint64_t, i64)
AD_COMPARISONS(double, ) AD_COMPARISONS(float, f) AD_COMPARISONS(int32_t, i32) AD_COMPARISONS(int64_t, i64) AD_COMPARISONS(uint8_t, b)

#endif
