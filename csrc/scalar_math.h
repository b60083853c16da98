/* The mathematics of autodiff: one number in, one number out.
 * Suffixes of a name: none double, f float, i32 and i64 integers, b bool (uint8_t, 0 or 1). */
#ifndef AD_SCALAR_MATH_H
#define AD_SCALAR_MATH_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* Contraction is decided here, not by the compiler: -ffp-contract=off elsewhere. */
#if defined(__aarch64__) && !defined(AD_TARGET_FMA)
#define AD_TARGET_FMA
#endif
#if defined(AD_TARGET_FMA)
#define AD_FMA(a, b, c) __builtin_fma(a, b, c)
#define AD_FMAF(a, b, c) __builtin_fmaf(a, b, c)
#else
#define AD_FMA(a, b, c) ((a) * (b) + (c))
#define AD_FMAF(a, b, c) ((a) * (b) + (c))
#endif

/* Inlined even where the compiler would rather not: a loop over a call has no vectors.  A build without optimisation keeps functions, which
 * a debugger can stop in, and is made in half the time. */
#if defined(__OPTIMIZE__)
#define AD_INLINE static inline __attribute__((always_inline))
#else
#define AD_INLINE static inline
#endif

#define AD_THROUGH_DOUBLE(name) AD_INLINE float ad_##name##f(float x) { return (float)ad_##name((double)x); }
#define AD_THROUGH_DOUBLE_2(name) AD_INLINE float ad_##name##f(float a, float b) { return (float)ad_##name((double)a, (double)b); }

/* ------------------------------------------------------------------------------------------------- arithmetic */
/* d + d, not d, is compared with 0: GCC would follow the condition back into the branches that d was selected by, and there are no
 * vectors of those. */
#define AD_SELECT(T, s)                                                                                           \
    static inline T ad_select##s(T g, T d)                                                                        \
    {                                                                                                             \
        const T h = d + d == 0 ? 0 : g;                                                                           \
        return h == 0 ? 0 : h * d;                                                                                \
    }
AD_SELECT(double, )
AD_SELECT(float, f)

#define AD_ARITHMETIC(T, s, SQRT, FLOOR, CEIL, RINT)                                                              \
    static inline T ad_add##s(T a, T b) { return a + b; }                                                         \
    static inline T ad_sub##s(T a, T b) { return a - b; }                                                         \
    static inline T ad_mul##s(T a, T b) { return a * b; }                                                         \
    static inline T ad_div##s(T a, T b) { return a / b; }                                                         \
    static inline T ad_neg##s(T x) { return -x; }                                                                 \
    static inline T ad_square##s(T x) { return x * x; }                                                           \
    static inline T ad_squared_difference##s(T a, T b) { return (a - b) * (a - b); }                              \
    static inline T ad_reciprocal##s(T x) { return 1 / x; }                                                       \
    static inline T ad_identity##s(T x) { return x; }                                                             \
    static inline T ad_scale##s(T g, T d) { return g == 0 ? 0 : g * d; }                                          \
    static inline T ad_sign##s(T x) { return x > 0 ? 1 : x < 0 ? -1 : x; }                                        \
    static inline T ad_maximum##s(T a, T b) { return (a > b) | (a != a) ? a : b; }                                \
    static inline T ad_minimum##s(T a, T b) { return (a < b) | (a != a) ? a : b; }                                \
    static inline T ad_clip_by_value##s(T a, T b, T c) { a = a < b ? b : a; return a > c ? c : a; }               \
    static inline T ad_relu##s(T x) { return x <= 0 ? 0 : x; }                                                    \
    static inline T ad_relu6##s(T x) { x = x <= 0 ? 0 : x; return x > 6 ? 6 : x; }                                \
    static inline T ad_leaky_relu##s(T x, T a) { return x > 0 ? x : a * x; }                                      \
    static inline T ad_softsign##s(T x) { return x - x == 0 ? x / (1 + (x < 0 ? -x : x)) : x != x ? x : x > 0 ? 1 : -1; } \
    static inline T ad_floor##s(T x) { return FLOOR(x); }                                                         \
    static inline T ad_ceil##s(T x) { return CEIL(x); }                                                           \
    static inline T ad_round##s(T x) { return RINT(x); }                                                          \
    static inline T ad_sqrt##s(T x) { return SQRT(x); }                                                           \
    static inline uint8_t ad_is_nan##s(T x) { return x != x; }                                                    \
    static inline uint8_t ad_is_inf##s(T x) { return x == (T)INFINITY || x == -(T)INFINITY; }                     \
    static inline uint8_t ad_is_finite##s(T x) { return x - x == 0; }
AD_ARITHMETIC(double, , sqrt, floor, ceil, rint)
AD_ARITHMETIC(float, f, sqrtf, floorf, ceilf, rintf)

static inline double ad_abs(double x) { return fabs(x); }
static inline float ad_absf(float x) { return fabsf(x); }

static inline double ad_nextafter(double a, double b) { return nextafter(a, b); }
static inline float ad_nextafterf(float a, float b) { return nextafterf(a, b); }

/* Python's % and //: the remainder has the sign of b.  fmod is exact, a - b * floor(a / b) is not. */
static inline double ad_mod(double a, double b)
{
    const double r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r == 0 ? copysign(0.0, b) : r;
}
static inline double ad_floordiv(double a, double b)
{
    if (b == 0)
        return a / b;
    const double r = fmod(a, b), q = (a - r) / b - (r != 0 && (r < 0) != (b < 0)), f = floor(q);   /* b may be infinite */
    return f == 0 ? copysign(0.0, a / b) : q - f > 0.5 ? f + 1 : f;     /* the division itself may have been rounded down */
}
AD_THROUGH_DOUBLE_2(mod)
AD_THROUGH_DOUBLE_2(floordiv)

/* Integers wrap around, as NumPy's do; a division by zero is refused before it comes here, and gives 0. */
#define AD_INTEGERS(T, U, s)                                                                                      \
    static inline T ad_add##s(T a, T b) { return (T)((U)a + (U)b); }                                              \
    static inline T ad_sub##s(T a, T b) { return (T)((U)a - (U)b); }                                              \
    static inline T ad_mul##s(T a, T b) { return (T)((U)a * (U)b); }                                              \
    static inline T ad_neg##s(T x) { return (T)(0 - (U)x); }                                                      \
    static inline T ad_square##s(T x) { return ad_mul##s(x, x); }                                                 \
    static inline T ad_squared_difference##s(T a, T b) { return ad_square##s(ad_sub##s(a, b)); }                  \
    static inline T ad_identity##s(T x) { return x; }                                                             \
    static inline T ad_abs##s(T x) { return x < 0 ? ad_neg##s(x) : x; }                                           \
    static inline T ad_sign##s(T x) { return (x > 0) - (x < 0); }                                                 \
    static inline T ad_maximum##s(T a, T b) { return a > b ? a : b; }                                             \
    static inline T ad_minimum##s(T a, T b) { return a < b ? a : b; }                                             \
    static inline T ad_clip_by_value##s(T a, T b, T c) { return ad_minimum##s(ad_maximum##s(a, b), c); }          \
    static inline T ad_relu##s(T x) { return x > 0 ? x : 0; }                                                     \
    static inline T ad_relu6##s(T x) { return ad_minimum##s(ad_relu##s(x), 6); }                                  \
    static inline T ad_floor##s(T x) { return x; }                                                                \
    static inline T ad_ceil##s(T x) { return x; }                                                                 \
    static inline T ad_round##s(T x) { return x; }                                                                \
    static inline T ad_floordiv##s(T a, T b)                                                                      \
    {                                                                                                             \
        if (b == 0 || b == -1)                                                                                    \
            return b ? ad_neg##s(a) : 0;                    /* the least number by -1 would trap */               \
        return a / b - (a % b != 0 && (a < 0) != (b < 0));                                                        \
    }                                                                                                             \
    static inline T ad_mod##s(T a, T b)                                                                           \
    {                                                                                                             \
        if (b == 0 || b == -1)                                                                                    \
            return 0;                                                                                             \
        const T r = a % b;                                                                                        \
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;                                                          \
    }                                                                                                             \
    static inline T ad_pow##s(T a, T b)                                                                           \
    {                                                                                                             \
        U y = 1, p = (U)a;                                                                                        \
        if (b < 0)                                          /* 1 / a**|b| rounded towards 0 */                    \
            return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;                                                   \
        for (; b > 0; b >>= 1, p *= p)                                                                            \
            y *= b & 1 ? p : 1;                                                                                   \
        return (T)y;                                                                                              \
    }
AD_INTEGERS(int32_t, uint32_t, i32)
AD_INTEGERS(int64_t, uint64_t, i64)

#define AD_COMPARISONS(T, s)                                                                                      \
    static inline uint8_t ad_equal##s(T a, T b) { return a == b; }                                                \
    static inline uint8_t ad_not_equal##s(T a, T b) { return a != b; }                                            \
    static inline uint8_t ad_less##s(T a, T b) { return a < b; }                                                  \
    static inline uint8_t ad_less_equal##s(T a, T b) { return a <= b; }                                           \
    static inline uint8_t ad_greater##s(T a, T b) { return a > b; }                                               \
    static inline uint8_t ad_greater_equal##s(T a, T b) { return a >= b; }                                        \
    static inline T ad_where##s(uint8_t c, T a, T b) { return c ? a : b; }
AD_COMPARISONS(double, )
AD_COMPARISONS(float, f)
AD_COMPARISONS(int32_t, i32)
AD_COMPARISONS(int64_t, i64)
AD_COMPARISONS(uint8_t, b)

static inline uint8_t ad_identityb(uint8_t x) { return x; }
static inline uint8_t ad_logical_andb(uint8_t a, uint8_t b) { return a & b; }
static inline uint8_t ad_logical_orb(uint8_t a, uint8_t b) { return a | b; }
static inline uint8_t ad_logical_xorb(uint8_t a, uint8_t b) { return a ^ b; }
static inline uint8_t ad_logical_notb(uint8_t x) { return !x; }

/* ------------------------------------------------------------------------------------------------- the rest, by family */
#include "pair_math.h"
#include "exp_math.h"
#include "activation_math.h"
#include "hyperbolic_math.h"
#include "plane_math.h"
#include "special_math.h"
#include "gamma_math.h"
#include "float_math.h"
#include "plane_float_math.h"
#include "gamma_float_math.h"
#include "power_math.h"
#include "bessel_math.h"
#include "igamma_math.h"
#include "beta_math.h"
#include "zeta_math.h"

#endif
