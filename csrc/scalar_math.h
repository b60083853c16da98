/* The mathematics of autodiff: one number in, one number out.
 * Suffixes of a name: none double, f float, i32 and i64 integers, b bool (uint8_t, 0 or 1). */
#ifndef AD_SCALAR_MATH_H
#define AD_SCALAR_MATH_H

#include <math.h>
#include <stdint.h>

/* Contraction is decided here, not by the compiler: -ffp-contract=off elsewhere. */
#if defined(AD_TARGET_FMA)
#define AD_FMA(a, b, c) __builtin_fma(a, b, c)
#else
#define AD_FMA(a, b, c) ((a) * (b) + (c))
#endif

/* Inlined even where the compiler would rather not: a loop over a call has no vectors. */
#if defined(__GNUC__) || defined(__clang__)
#define AD_INLINE static inline __attribute__((always_inline))
#else
#define AD_INLINE static inline
#endif

#define AD_THROUGH_DOUBLE(name) static inline float ad_##name##f(float x) { return (float)ad_##name((double)x); }
#define AD_THROUGH_DOUBLE_2(name) static inline float ad_##name##f(float a, float b) { return (float)ad_##name((double)a, (double)b); }
#define AD_LIBM(name, libm)                                            \
    static inline double ad_##name(double x) { return libm(x); }       \
    AD_THROUGH_DOUBLE(name)

/* ------------------------------------------------------------------------------------------------- arithmetic */
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
    static inline T ad_select##s(T g, T d) { return g == 0 || d == 0 ? 0 : g * d; }                               \
    static inline T ad_sign##s(T x) { return x > 0 ? 1 : x < 0 ? -1 : x; }                                        \
    static inline T ad_maximum##s(T a, T b) { return a > b || a != a ? a : b; }                                   \
    static inline T ad_minimum##s(T a, T b) { return a < b || a != a ? a : b; }                                   \
    static inline T ad_clip_by_value##s(T a, T b, T c) { return ad_minimum##s(ad_maximum##s(a, b), c); }          \
    static inline T ad_relu##s(T x) { return x > 0 ? x : x != x ? x : 0; }                                        \
    static inline T ad_relu6##s(T x) { return ad_minimum##s(ad_relu##s(x), 6); }                                  \
    static inline T ad_leaky_relu##s(T x, T a) { return x > 0 ? x : a * x; }                                      \
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
    const double q = (a - ad_mod(a, b)) / b, f = floor(q);
    return q - f > 0.5 ? f + 1 : f;                         /* the division itself may have been rounded down */
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

/* ------------------------------------------------------------------------------------------------- powers and roots */
static inline double ad_rsqrt(double x) { return 1 / sqrt(x); }
static inline double ad_pow(double a, double b) { return pow(a, b); }
static inline double ad_hypot(double a, double b) { return hypot(a, b); }
AD_THROUGH_DOUBLE(rsqrt)
AD_THROUGH_DOUBLE_2(pow)
AD_THROUGH_DOUBLE_2(hypot)
/* a / hypot(a, b): the sine of an angle within a right one, where the sine is well-conditioned. */
static inline double ad_over_hypot(double a, double b) { return sin(atan2(a, fabs(b))); }
AD_THROUGH_DOUBLE_2(over_hypot)
AD_LIBM(cbrt, cbrt)

/* ------------------------------------------------------------------------------------------------- exponentials, logarithms */
/* Branch-free, so that the compiler may use vectors: a condition selects between numbers, never between ways. */
AD_INLINE uint64_t ad_bits(double x) { uint64_t u; __builtin_memcpy(&u, &x, sizeof u); return u; }
AD_INLINE double ad_from_bits(uint64_t u) { double x; __builtin_memcpy(&x, &u, sizeof x); return x; }

#define AD_MAGIC 0x1.8p52                                   /* x + MAGIC - MAGIC rounds |x| < 2^51 to a whole number */
#define AD_LN2_HI 0x1.62e42fefa3800p-1                      /* 42 bits: whole numbers of 11 bits times this are exact */
#define AD_LN2_LO 0x1.ef35793c76730p-45

/* exp(r) - 1 - r for |r| <= ln(2)/2: r^2/2 and a Chebyshev fit of the rest, off by 0.002 ULP of exp(r).
 * (Taylor's series of the same degree is off by 0.02, and by 50 with one term less than twelve.) */
AD_INLINE double ad_exp_tail(double r)
{
    const double r2 = r * r, r4 = r2 * r2;
    const double p0 = AD_FMA(0x1.5555555555555p-5, r, 0x1.5555555555556p-3), p1 = AD_FMA(0x1.6c16c16c167e1p-10, r, 0x1.11111111109b3p-7);
    const double p2 = AD_FMA(0x1.a01a01a47b054p-16, r, 0x1.a01a01a7c41d5p-13), p3 = AD_FMA(0x1.27e4e1f48534fp-22, r, 0x1.71de0dae63bb3p-19);
    const double p4 = AD_FMA(0x1.1f66df7fca49fp-29, r, 0x1.af38a9b0ec855p-26);
    const double q = AD_FMA(AD_FMA(p4, r4, AD_FMA(p3, r2, p2)), r4, AD_FMA(p1, r2, p0));
    return AD_FMA(r * q, r2, 0.5 * r2);
}

/* x = k ln2 + r, with 2^k as the product of two powers that are both in range. */
typedef struct { double r, scale1, scale2; } ad_reduced;
AD_INLINE ad_reduced ad_reduce(double x)
{
    const double k = (x * 1.4426950408889634 + AD_MAGIC) - AD_MAGIC;
    const double half = k * 0.5 + AD_MAGIC, rest = (k - (half - AD_MAGIC)) + AD_MAGIC;
    return (ad_reduced){AD_FMA(-k, AD_LN2_LO, AD_FMA(-k, AD_LN2_HI, x)), ad_from_bits((ad_bits(half) + 1023) << 52),
                        ad_from_bits((ad_bits(rest) + 1023) << 52)};
}

/* exp on all of R, 1 ULP, subnormal results too; exp(-inf) = 0, exp(inf) = inf. */
AD_INLINE double ad_exp(double x)
{
    const double z = x < -746 ? -746 : x > 710 ? 710 : x;
    const ad_reduced a = ad_reduce(z);
    return (1 + (a.r + ad_exp_tail(a.r))) * a.scale1 * a.scale2;
}

/* exp(x) - 1 on all of R, 2 ULP: 2^k (exp(r) - 1) + (2^k - 1), whose parts never cancel.  Halved on the way, since 2^1024 is
 * too large; -0 stays -0. */
AD_INLINE double ad_expm1(double x)
{
    const double z = x < -40 ? -40 : x > 710 ? 710 : x;     /* -1 + 4e-18 is -1 */
    const ad_reduced a = ad_reduce(z);
    const double s = 0.5 * a.scale1 * a.scale2, p = a.r + ad_exp_tail(a.r);
    const double y = 2 * (s * p + (s - 0.5));
    return a.scale1 * a.scale2 == 1 ? (x == 0 ? x : p) : y;
}

/* x = 2^k m with m in [sqrt(1/2), sqrt(2)). */
typedef struct { double k, m; } ad_parts;
AD_INLINE ad_parts ad_split(double x)
{
    const int tiny = x < 0x1p-1022;
    const uint64_t u = ad_bits(tiny ? x * 0x1p54 : x);
    const uint64_t biased = (u - 0x3fe6a09e667f3bcd + 0x3ff0000000000000) >> 52;      /* k + 1023 */
    const double k = ad_from_bits(biased | 0x4330000000000000) - (0x1p52 + 1023);
    return (ad_parts){tiny ? k - 54 : k, ad_from_bits(u - (biased << 52) + 0x3ff0000000000000)};
}

/* log(1 + f) + k ln2 + c for f in [sqrt(1/2) - 1, sqrt(2) - 1): with s = f/(2 + f), log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)).
 * The method and the coefficients of R are those of fdlibm's e_log.c (Sun Microsystems, 1993; error of R below 2^-58.45). */
AD_INLINE double ad_log_parts(double f, double k, double c)
{
    const double s = f / (2 + f), z = s * s, w = z * z, half = 0.5 * f * f;
    const double t1 = w * AD_FMA(w, AD_FMA(w, 1.531383769920937332e-01, 2.222219843214978396e-01), 3.999999999940941908e-01);
    const double t2 = z * AD_FMA(w, AD_FMA(w, AD_FMA(w, 1.479819860511658591e-01, 1.818357216161805012e-01),
                                           2.857142874366239149e-01), 6.666666666666735130e-01);
    return k * AD_LN2_HI - ((half - (s * (half + (t1 + t2)) + (k * AD_LN2_LO + c))) - f);
}

/* log on (0, inf), 1 ULP; log(0) = -inf, nan below. */
AD_INLINE double ad_log(double x)
{
    const ad_parts a = ad_split(x);
    const double y = ad_log_parts(a.m - 1, a.k, 0);
    return x > 0 ? (x < (double)INFINITY ? y : x) : x == 0 ? -(double)INFINITY : (double)NAN;
}

/* log(1 + x) on (-1, inf), 1 ULP: the logarithm of u = 1 + x, plus what u lost by rounding over u. */
AD_INLINE double ad_log1p(double x)
{
    const double u = 1 + x, lost = x < 1 ? x - (u - 1) : 1 - (u - x);       /* exact (Dekker 1971) */
    const ad_parts a = ad_split(u);
    const int near = x > -0.29289321881345254 && x < 0.41421356237309503;   /* nothing to reduce: f is x itself */
    const double c = near ? 0 : lost / u;
    const double y = ad_log_parts(near ? x : a.m - 1, near ? 0 : a.k, c);
    return x > -1 ? (x < (double)INFINITY ? (x == 0 ? x : y) : x) : x == -1 ? -(double)INFINITY : (double)NAN;
}
AD_THROUGH_DOUBLE(exp)
AD_THROUGH_DOUBLE(expm1)
AD_THROUGH_DOUBLE(log)
AD_THROUGH_DOUBLE(log1p)
AD_LIBM(exp2, exp2)
AD_LIBM(log2, log2)
AD_LIBM(log10, log10)

/* log(1 - exp(x)) for x <= 0; nan above.  Maechler, "Accurately computing log(1 - exp(-|a|))" (2012), eq. 7. */
static inline double ad_log1mexp(double x)
{
    return x > -0.6931471805599453 ? ad_log(-ad_expm1(x)) : ad_log1p(-ad_exp(x));
}
AD_THROUGH_DOUBLE(log1mexp)

/* log(1 + e) for e in [0, 1]: log1p without its cases.  Above sqrt(2) - 1 half of 1 + e is reduced, 1 + (e - 1)/2. */
AD_INLINE double ad_log1p_unit(double e)
{
    const int far = e > 0.41421356237309503;
    return ad_log_parts(far ? 0.5 * (e - 1) : e, far ? 1 : 0, 0);
}

/* log(1 + exp(x)) on all of R, 2 ULP.  The larger of 0 and x carries the magnitude, so exp never overflows and log1p sees an
 * argument in [0, 1].  softplus(-inf) = 0, softplus(inf) = inf, NaN stays NaN.  Maechler (2012), eq. 10; his cut-offs only
 * save time, and branches cost us SIMD. */
AD_INLINE double ad_softplus(double x)
{
    return (x > 0 ? x : 0.0) + ad_log1p_unit(ad_exp(-fabs(x)));     /* not fmax: its NaN rule makes GCC emit a call */
}
AD_INLINE double ad_log_sigmoid(double x) { return -ad_softplus(-x); }
AD_INLINE double ad_sigmoid(double x)
{
    const double e = ad_exp(-fabs(x));
    return (x < 0 ? e : 1.0) / (1.0 + e);
}
AD_INLINE double ad_logaddexp(double a, double b)
{
    const double d = a == b ? 0 : a - b;                    /* inf - inf would be nan */
    return (a > b ? a : a != a ? a : b) + ad_log1p_unit(ad_exp(-fabs(d)));
}
static inline double ad_sigmoid_of_difference(double a, double b) { return ad_sigmoid(a == b ? 0 : a - b); }
static inline double ad_entr(double x) { return x == 0 ? 0 : -x * ad_log(x); }
static inline double ad_logit(double x)
{
    if (x < 0.25 || x > 0.75)
        return x > 0.75 && x < 1 ? -ad_log((1 - x) / x) : ad_log(x / (1 - x));
    return x < 0.5 ? -ad_log1p((1 - 2 * x) / x) : ad_log1p((2 * x - 1) / (1 - x));
}
static inline double ad_sigmoid_cross_entropy(double a, double b)
{
    const double w = b > 0 ? 1 - a : a;
    return (w == 0 ? 0 : w * fabs(b)) + ad_log1p(ad_exp(-fabs(b)));
}
AD_THROUGH_DOUBLE(entr)
AD_THROUGH_DOUBLE(logit)
AD_THROUGH_DOUBLE_2(sigmoid_of_difference)
AD_THROUGH_DOUBLE_2(sigmoid_cross_entropy)
AD_INLINE double ad_xlogy(double a, double b) { return a == 0 && b == b ? 0 : a * ad_log(b); }
AD_INLINE double ad_xlog1py(double a, double b) { return a == 0 && b == b ? 0 : a * ad_log1p(b); }
static inline double ad_softsign(double x) { return fabs(x) == (double)INFINITY ? copysign(1, x) : x / (1 + fabs(x)); }
AD_THROUGH_DOUBLE(softplus)
AD_THROUGH_DOUBLE(log_sigmoid)
AD_THROUGH_DOUBLE(sigmoid)
AD_THROUGH_DOUBLE_2(logaddexp)
AD_THROUGH_DOUBLE_2(xlogy)
AD_THROUGH_DOUBLE_2(xlog1py)
AD_THROUGH_DOUBLE(softsign)

/* ------------------------------------------------------------------------------------------------- trigonometric, hyperbolic */
AD_LIBM(sin, sin)
AD_LIBM(cos, cos)
AD_LIBM(tan, tan)
AD_LIBM(asin, asin)
AD_LIBM(acos, acos)
AD_LIBM(atan, atan)
AD_LIBM(sinh, sinh)
AD_LIBM(cosh, cosh)
/* tanh(x) = -t / (t + 2) with t = expm1(-2|x|), 2 ULP. */
AD_INLINE double ad_tanh(double x)
{
    const double t = ad_expm1(-2 * fabs(x)), y = -t / (t + 2);
    return x == 0 ? x : x < 0 ? -y : x != x ? x : y;
}
AD_THROUGH_DOUBLE(tanh)
AD_LIBM(asinh, asinh)
AD_LIBM(acosh, acosh)
AD_LIBM(atanh, atanh)
static inline double ad_atan2(double a, double b) { return atan2(a, b); }
AD_THROUGH_DOUBLE_2(atan2)

/* 1 / cosh(x)**2 = 4 e / (1 + e)**2 with e = exp(-2|x|). */
AD_INLINE double ad_sech2(double x)
{
    const double e = ad_exp(-2 * fabs(x));
    return 4 * e / ((1 + e) * (1 + e));
}
AD_THROUGH_DOUBLE(sech2)

/* ------------------------------------------------------------------------------------------------- special functions */
AD_LIBM(erf, erf)
AD_LIBM(erfc, erfc)
AD_LIBM(lgamma, lgamma)

/* exp(-x*x): the square as h + l exactly (Dekker), since an error of one ULP in 700 is one of 700 ULP in the result. */
static inline double ad_exp_minus_square(double x)
{
    const double h = x * x;
    const double t = 134217729.0 * x, u = t - (t - x), v = x - u;       /* x = u + v, both short enough to square exactly */
    const double l = h < 1e4 ? ((u * u - h) + 2 * u * v) + v * v : 0;
    return ad_exp(-h) * (1 - l);
}
static inline double ad_ndtr(double x) { return 0.5 * erfc(-0.7071067811865476 * x); }
static inline double ad_normal_pdf(double x) { return 0.3989422804014327 * ad_exp_minus_square(0.7071067811865476 * x); }
AD_THROUGH_DOUBLE(ndtr)
AD_THROUGH_DOUBLE(normal_pdf)
AD_THROUGH_DOUBLE(exp_minus_square)

#include "special_math.h"

/* ------------------------------------------------------------------------------------------------- activations */
static inline double ad_elu(double x) { return x > 0 ? x : ad_expm1(x); }
static inline double ad_selu(double x) { return x > 0 ? 1.0507009873554805 * x : 1.7580993408473766 * ad_expm1(x); }
static inline double ad_silu(double x) { return x == -(double)INFINITY ? -0.0 : x * ad_sigmoid(x); }
static inline double ad_gelu(double x) { return x == -(double)INFINITY ? -0.0 : 0.5 * x * ad_erfc(x * -0.7071067811865476); }
static inline double ad_gelu_gate(double x) { return ad_sigmoid(1.5957691216057308 * AD_FMA(0.044715 * x, x * x, x)); }
static inline double ad_gelu_tanh(double x) { return x == -(double)INFINITY ? -0.0 : x * ad_gelu_gate(x); }
static inline double ad_mish(double x) { return x == -(double)INFINITY ? -0.0 : x * ad_tanh(ad_softplus(x)); }
AD_THROUGH_DOUBLE(gelu_gate)
AD_THROUGH_DOUBLE(gelu_tanh)
AD_THROUGH_DOUBLE(mish)
AD_THROUGH_DOUBLE(elu)
AD_THROUGH_DOUBLE(selu)
AD_THROUGH_DOUBLE(silu)
AD_THROUGH_DOUBLE(gelu)

#endif
