/* Functions in float32, by way of double: 0.6 ULP.  A double has 29 bits more than a float, so polynomials need only be off by 2^-28, nothing
 * on the way overflows, underflows or cancels to less, and there is one rounding, at the end, also where the result is subnormal.
 * (In float arithmetic the same takes compensated sums, which mostly cost as much: only softplus has them.)  `short`: good to 2^-28, not to a double.
 * Branch-free, as exp_math.h.  Included by scalar_math.h. */
#ifndef AD_FLOAT_MATH_H
#define AD_FLOAT_MATH_H

#define AD_LN2 0x1.62e42fefa39efp-1
#define AD_LOG2E 0x1.71547652b82fep+0

AD_INLINE float ad_within_f(float x, float low, float high)             /* NaN stays NaN */
{
    const float z = x < low ? low : x;
    return z > high ? high : z;
}

/* ------------------------------------------------------------------------------------------------- exponentials */
/* x = k ln2 + r, and 2^k: the lowest bits of x log2(e) + 1023 + MAGIC are its exponent.  |x| < 700. */
typedef struct { double r, scale; } ad_reduced_short;
AD_INLINE ad_reduced_short ad_reduce_short(double x)
{
    const double shift = AD_FMA(x, AD_LOG2E, AD_MAGIC + 1023), k = shift - (AD_MAGIC + 1023);
    return (ad_reduced_short){AD_FMA(-k, AD_LN2, x), ad_from_bits(ad_bits(shift) << 52)};
}

/* exp(r) for |r| <= ln(2)/2: minimax, off by 2^-28.5. */
AD_INLINE double ad_exp_kernel_short(double r)
{
    double p = AD_FMA(0x1.709ba50704f55p-10, r, 0x1.1290521e671cep-7);
    p = AD_FMA(p, r, 0x1.55515e8b0011ap-5);
    p = AD_FMA(p, r, 0x1.5553c0dd65713p-3);
    p = AD_FMA(p, r, 0x1.000001755de94p-1);
    p = AD_FMA(p, r, 0x1.000000d556b74p+0);
    return AD_FMA(p, r, 1);
}
AD_INLINE double ad_exp_short(double x)
{
    const ad_reduced_short a = ad_reduce_short(x);
    return ad_exp_kernel_short(a.r) * a.scale;
}

/* exp(x) - 1: minimax for exp(r) - 1 over r, off by 2^-31; 0 for -0. */
AD_INLINE double ad_expm1_short(double x)
{
    const ad_reduced_short a = ad_reduce_short(x);
    const double r = a.r;
    double p = AD_FMA(0x1.a2a31a88e6cc0p-13, r, 0x1.6d834b2ddff76p-10);
    p = AD_FMA(p, r, 0x1.11101dae6e5c9p-7);
    p = AD_FMA(p, r, 0x1.55549ef7b48ddp-5);
    p = AD_FMA(p, r, 0x1.555555a65d120p-3);
    p = AD_FMA(p, r, 0x1.0000002d936e6p-1);
    p = AD_FMA(p, r * r, r);
    return AD_FMA(a.scale, p, a.scale - 1);
}

/* Beyond these bounds results are those at them: 0, -1, inf. */
AD_INLINE float ad_expf(float x) { return (float)ad_exp_short(ad_within_f(x, -150, 90)); }
AD_INLINE float ad_exp2f(float x) { return (float)ad_exp_short(AD_LN2 * ad_within_f(x, -200, 130)); }
AD_INLINE float ad_exp2_slopef(float x) { return (float)(AD_LN2 * ad_exp_short(AD_LN2 * ad_within_f(x, -200, 130))); }
AD_INLINE float ad_expm1f(float x)
{
    const float y = (float)ad_expm1_short(ad_within_f(x, -40, 90));
    return x == 0 ? x : y;
}
AD_INLINE float ad_sinhf(float x)
{
    const double t = ad_expm1_short(ad_within_f(fabsf(x), 0, 95));
    return copysignf((float)(0.5 * (t + t / (t + 1))), x);
}
AD_INLINE float ad_coshf(float x)
{
    const double e = ad_exp_short(ad_within_f(fabsf(x), 0, 95));
    return (float)(0.5 * (e + 1 / e));
}

/* ------------------------------------------------------------------------------------------------- logarithms */
/* log(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1): minimax for log(1 + f) / f, off by 2^-30.5. */
AD_INLINE double ad_log_kernel_short(double f)
{
    double p = AD_FMA(0x1.137ded340ee57p-4, f, -0x1.dffe3c50a3cfbp-4);
    p = AD_FMA(p, f, 0x1.e87dee4cec589p-4);
    p = AD_FMA(p, f, -0x1.fbf1f9f109e7cp-4);
    p = AD_FMA(p, f, 0x1.23129905ca119p-3);
    p = AD_FMA(p, f, -0x1.555be3371f37fp-3);
    p = AD_FMA(p, f, 0x1.99a71b2ea7c16p-3);
    p = AD_FMA(p, f, -0x1.000012195df01p-2);
    p = AD_FMA(p, f, 0x1.5555400a51725p-2);
    p = AD_FMA(p, f, -0x1.ffffffc706cafp-2);
    p = AD_FMA(p, f, 0x1.00000002b60e1p+0);
    return p * f;
}

/* log(u), where u is 1 + f, rounded: f has the digits where there is nothing to reduce. */
AD_INLINE double ad_log_near_short(double u, double f)
{
    const ad_parts a = ad_split_short(u);
    return AD_FMA(a.k, AD_LN2, ad_log_kernel_short(a.k == 0 ? f : a.m - 1));
}

/* What a logarithm that is y on (0, inf) is elsewhere. */
AD_INLINE float ad_logarithm_f(float x, float y)
{
    const float above = x > 0 ? y : NAN, z = x == 0 ? -INFINITY : above;
    return x == INFINITY ? x : z;
}

AD_INLINE float ad_logf(float x)
{
    const ad_parts a = ad_split_short(x);
    return ad_logarithm_f(x, (float)AD_FMA(a.k, AD_LN2, ad_log_kernel_short(a.m - 1)));
}
AD_INLINE float ad_log2f(float x)
{
    const ad_parts a = ad_split_short(x);
    return ad_logarithm_f(x, (float)AD_FMA(ad_log_kernel_short(a.m - 1), AD_LOG2E, a.k));
}
AD_INLINE float ad_log10f(float x)
{
    const ad_parts a = ad_split_short(x);
    return ad_logarithm_f(x, (float)AD_FMA(a.k, 0x1.34413509f79ffp-2, 0x1.bcb7b1526e50ep-2 * ad_log_kernel_short(a.m - 1)));
}
AD_INLINE float ad_log1pf(float x)
{
    const float y = (float)ad_log_near_short(1 + (double)x, x);
    return x > -1 ? (x < INFINITY ? (x == 0 ? x : y) : x) : x == -1 ? -INFINITY : NAN;
}
AD_INLINE float ad_log1mexpf(float x)
{
    const double z = ad_within_f(x, -150, 0), e = ad_exp_short(z), w = -ad_expm1_short(z);
    return x < 0 ? (float)ad_log_near_short(w, -e) + 0 : x == 0 ? -INFINITY : NAN;       /* 0 at -inf, not -0 */
}

/* ------------------------------------------------------------------------------------------------- logistic, hyperbolic */
/* exp(-|x|): what value and derivative of the logistic functions share. */
AD_INLINE double ad_exp_minus_abs_short(float x)
{
    const float u = -fabsf(x);
    return ad_exp_short(u < -150 ? -150 : u);
}
AD_INLINE float ad_sigmoidf(float x)
{
    const double e = ad_exp_minus_abs_short(x);
    return (float)((x < 0 ? e : 1) / (1 + e));
}
/* softplus and its slope take floats, of which a vector has twice as many as of doubles, and keep what is lost: 0.6 of the time.  For |x| <= 40,
 * where nothing is subnormal: what is beyond is exp(x) or x, which blocks of numbers that have none of it do not compute (`near32` of
 * the rows).
 *
 * a b + c, rounded once; without FMA but for sums that are halfway between two floats only when rounded to a double. */
AD_INLINE float ad_fused(float a, float b, float c)
{
#ifdef AD_TARGET_FMA
    return AD_FMAF(a, b, c);
#else
    return (float)((double)a * b + c);
#endif
}

/* exp(x) for -40 <= x <= 0 as high + low, off by 2^-27.3 of it: the rounding of `tail`.  x = k ln2 + near, exact with the float next to ln2
 * for it, and what that takes from k ln2 counts as c, to the second order.  (As a part of `near` it would be rounded to 2^-26.) */
typedef struct { float high, low; } ad_pair_f;
AD_INLINE ad_pair_f ad_exp_pair_f(float x)
{
    const float shifter = 0x1.8p23f + 127, shift = ad_fused(x, 0x1.715476p+0f, shifter), k = shift - shifter;
    const float near = ad_fused(-k, 0x1.62e430p-1f, x), r2 = near * near;
    const float c = k * ad_fused(r2, 0x1.05c610p-30f, ad_fused(near, 0x1.09b348p-29f, 0x1.05c610p-29f));
    const float p0 = ad_fused(0x1.5554e8p-5f, near, 0x1.555554p-3f), p1 = ad_fused(0x1.6d4cbcp-10f, near, 0x1.11130ep-7f);
    const float p = ad_fused(ad_fused(0x1.9dfba2p-13f, r2, p1), r2, p0), tail = ad_fused(r2, 0.5f, ad_fused(r2 * near, p, c));
    const float scale = ad_float_from_bits(ad_float_bits(shift) << 23), high = ad_fused(near + tail, scale, scale);
    return (ad_pair_f){high, ad_fused(tail, scale, ad_fused(near, scale, scale - high))};
}

AD_INLINE float ad_minus_abs_f(float x) { return ad_float_from_bits(ad_float_bits(x) | UINT32_C(1) << 31); }

/* As ad_softplus: e = exp(-|x|), w = e/(1 + e/2), w^3 Q(w^2), off by 2^-33, and what e and the quotient have lost, times 1/(1 + e) and
 * 1/(1 + w/2), of which a line off by 0.01 does for the latter: these are at most an ULP.  What the sum of w and the larger of 0 and x has lost
 * is added to the rest. */
AD_INLINE float ad_softplus_nearf(float x)
{
    const ad_pair_f e = ad_exp_pair_f(ad_minus_abs_f(x));
    const float w = e.high / ad_fused(e.high, 0.5f, 1), rest = ad_fused(-w, 0.5f * e.high, e.high - w), z = w * w, z2 = z * z;
    const float lost = ad_fused(e.low, ad_fused(w, -0.5f, 1), rest);
    const float q0 = ad_fused(0x1.9996d8p-7f, z, 0x1.555558p-4f), q1 = ad_fused(0x1.b72ad8p-12f, z, 0x1.250514p-9f);
    const float q = ad_fused(ad_fused(0x1.f090acp-14f, z2, q1), z2, q0);
    const float m = x > 0 ? x : 0, more = w > m ? w : m, less = w < m ? w : m, sum = more + less;
    return sum + ad_fused(w * z, q, ad_fused(lost, ad_fused(w, -0.375f, 0x1.fap-1f), less - (sum - more)));
}
/* Below -40 it is exp(x), above 40 x. */
AD_INLINE float ad_softplusf(float x)
{
    const float near = ad_softplus_nearf(ad_within_f(x, -40, 40)), far = (float)ad_exp_minus_abs_short(x);
    const float y = x < -40 ? far : near;
    return x > 40 ? x : y;
}
/* As ad_sigmoid_cross_entropy: what is not the logarithm is as good as exact. */
AD_INLINE double ad_weighted_size(double p, double b)
{
    const double w = b > 0 ? 1 - p : p;
    return w == 0 ? 0 : w * fabs(b);
}
AD_INLINE float ad_sigmoid_cross_entropy_nearf(float a, float b) { return (float)(ad_weighted_size(a, b) + ad_softplus_nearf(ad_minus_abs_f(b))); }
AD_INLINE float ad_sigmoid_cross_entropyf(float a, float b) { return (float)(ad_weighted_size(a, b) + ad_softplusf(ad_minus_abs_f(b))); }
AD_INLINE float ad_log_sigmoid_nearf(float x) { return -ad_softplus_nearf(-x); }
AD_INLINE float ad_log_sigmoidf(float x) { return -ad_softplusf(-x); }

/* 2 ULP.  What 1 + e lost is put back, or it would be 2.402 at -4.1572938. */
AD_INLINE float ad_softplus_slope_nearf(float x)
{
    const float e = ad_exp_pair_f(ad_minus_abs_f(x)).high, sum = 1 + e, lost = e - (sum - 1), y = (x < 0 ? e : 1) / sum;
    return ad_fused(-y, lost, y);
}
AD_INLINE float ad_softplus_slopef(float x)
{
    const float near = ad_softplus_slope_nearf(ad_within_f(x, -40, 40)), far = (float)ad_exp_minus_abs_short(x);
    return x < -40 ? far : near;
}
AD_INLINE float ad_softplus_slope_slopef(float x)
{
    const double e = ad_exp_minus_abs_short(x), d = 1 + e;
    return (float)(e / (d * d));
}
AD_INLINE float ad_tanhf(float x)
{
    const float u = fabsf(x);
    const double t = ad_expm1_short(-2 * (double)(u > 20 ? 20 : u));
    return copysignf((float)(t / (t + 2)), x);
}
AD_INLINE float ad_sech2f(float x)
{
    const float u = fabsf(x);
    const double e = ad_exp_short(-2 * (double)(u > 75 ? 75 : u)), d = 1 + e;
    return (float)(4 * e / (d * d));
}

/* ------------------------------------------------------------------------------------------------- error function */
/* erf(u) = 1 - exp(-u R(u)), R minimax on [0, 3.95], beyond which erf is 1: off by 2^-31. */
AD_INLINE float ad_erff(float x)
{
    const float a = fabsf(x);
    const double u = a > 3.95f ? 3.95f : a;
    double p = AD_FMA(0x1.4052e333c48c6p-20, u, -0x1.66454298cfb3fp-16);
    p = AD_FMA(p, u, 0x1.5f3b9f855ca90p-13);
    p = AD_FMA(p, u, -0x1.845526730d779p-11);
    p = AD_FMA(p, u, 0x1.d7b090aba8a65p-10);
    p = AD_FMA(p, u, -0x1.095a7026fa1c2p-12);
    p = AD_FMA(p, u, -0x1.39396cd88bf71p-6);
    p = AD_FMA(p, u, 0x1.a4f37eaad3f30p-4);
    p = AD_FMA(p, u, 0x1.45f308f2e67fbp-1);
    p = AD_FMA(p, u, 0x1.20dd750227c2fp+0);
    return copysignf((float)ad_expm1_short(-u * p), x);
}

/* exp(u*u) erfc(u) for 0 <= u <= 10.7, as in special_math.h: minimax in t, off by 2^-28.5. */
AD_INLINE double ad_erfcx_short(double u)
{
    const double d = 1 / (u + 3), t = (u - 3) * d;
    double p = AD_FMA(-0x1.51f3b027f860ap-12, t, -0x1.f490a7211385ep-12);
    p = AD_FMA(p, t, 0x1.93e3fbe236ff9p-9);
    p = AD_FMA(p, t, -0x1.4251f49072fadp-10);
    p = AD_FMA(p, t, -0x1.b7c328bd20b5bp-6);
    p = AD_FMA(p, t, 0x1.e997e33c06db8p-4);
    p = AD_FMA(p, t, -0x1.3deac086fad0bp-2);
    p = AD_FMA(p, t, 0x1.2e32662854703p-1);
    p = AD_FMA(p, t, -0x1.c44c48731cd04p-1);
    p = AD_FMA(p, t, 0x1.12f21de22f7d2p+0);
    return p * d;
}
AD_INLINE float ad_erfcf(float x)
{
    const double u = ad_within_f(fabsf(x), 0, 10.7f), tail = ad_erfcx_short(u) * ad_exp_short(-u * u);
    return (float)(x < 0 ? 2 - tail : tail);
}

/* The distribution function of the normal distribution for |x| <= 15. */
AD_INLINE double ad_ndtr_short(double x)
{
    const double u = fabs(x), tail = 0.5 * ad_erfcx_short(0x1.6a09e667f3bcdp-1 * u) * ad_exp_short(-0.5 * u * u);
    return x < 0 ? tail : 1 - tail;
}
AD_INLINE float ad_ndtrf(float x) { return (float)ad_ndtr_short(ad_within_f(x, -15, 15)); }
AD_INLINE float ad_exp_minus_squaref(float x)
{
    const double u = ad_within_f(x, -12, 12);
    return (float)ad_exp_short(-u * u);
}
AD_INLINE float ad_normal_pdff(float x)
{
    const double u = ad_within_f(x, -16, 16);
    return (float)(0x1.9884533d43651p-2 * ad_exp_short(-0.5 * u * u));
}
AD_INLINE float ad_exp_minus_square_slopef(float x)
{
    const double u = ad_within_f(x, -12, 12);
    return (float)(-2 * u * ad_exp_short(-u * u));
}
AD_INLINE float ad_normal_pdf_slopef(float x)
{
    const double u = ad_within_f(x, -16, 16);
    return (float)(-0x1.9884533d43651p-2 * u * ad_exp_short(-0.5 * u * u));
}

/* sin(pi x) / (pi x), as in plane_math.h: minimax in g^2, off by 2^-35. */
AD_INLINE float ad_sincf(float x)
{
    const double u = fabsf(x), beside = ad_beside_even(u), f = fabs(beside), g = f > 0.5 ? 1 - f : f, z = g * g;
    double p = AD_FMA(-0x1.24f94d6880076p-9, z, 0x1.abe34718b4dcfp-6);
    p = AD_FMA(p, z, -0x1.86a6b05da6026p-3);
    p = AD_FMA(p, z, 0x1.9f9cab77a2e44p-1);
    p = AD_FMA(p, z, -0x1.a51a660ca88ebp+0);
    p = AD_FMA(p, z, 0x1.ffffffffd175bp-1);
    const double y = u <= 0.5 ? p : copysign(1, beside) * (g * p / u);
    return (float)(u < AD_INF ? y : u - u);
}

/* ------------------------------------------------------------------------------------------------- activations */
/* What is x times a gate near 1 or near 0, and its slope, which has a root below 0: there x less the root, times a minimax polynomial of it.
 * Elsewhere the slopes' terms have one sign or do not cancel. */
AD_INLINE float ad_siluf(float x)
{
    const double z = x < -200 ? -200 : x, e = ad_exp_short(ad_within_f(x, -150, 90));
    return (float)(z * e / (1 + e));
}
AD_INLINE float ad_silu_slopef(float x)                                 /* e (1 + x + e) / (1 + e)^2, e = exp(x) */
{
    const double z = ad_within_f(x, -150, 90), e = ad_exp_short(z), d = 1 + e, t = z - -0x1.474973c84120bp+0;
    double p = AD_FMA(0x1.2ba0aaa6d95b9p-9, t, 0x1.7d8f3997e4a13p-7);
    p = AD_FMA(p, t, 0x1.7c37c43143ca5p-5);
    p = AD_FMA(p, t, 0x1.1d2554cdd221dp-3);
    p = AD_FMA(p, t, 0x1.4749737346f92p+0);
    const double near = p * t, far = z + d;
    return (float)(e * ((x > -1.6f) & (x < -1) ? near : far) / (d * d));
}
AD_INLINE float ad_mishf(float x)                                       /* x n / (n + 2), n = e (e + 2) */
{
    const double z = x < -200 ? -200 : x, e = ad_exp_short(ad_within_f(x, -200, 90)), n = e * (e + 2);
    return (float)(z * n / (n + 2));
}
AD_INLINE float ad_mish_slopef(float x)                                 /* e (4 (x + 1) + e (4x + 6 + e (4 + e))) / (2 + e (2 + e))^2 */
{
    const double z = ad_within_f(x, -150, 90), e = ad_exp_short(z), d = 2 + e * (2 + e), t = z - -0x1.31432c0d12d84p+0;
    double p = AD_FMA(0x1.7ba57269b6e2bp-6, t, 0x1.2a31b1cdc17dcp-4);
    p = AD_FMA(p, t, 0x1.ab245571fc726p-3);
    p = AD_FMA(p, t, 0x1.1d93d83c24febp-1);
    p = AD_FMA(p, t, 0x1.49432c32f670dp+0);
    p = AD_FMA(p, t, 0x1.21b0cca649943p+1);
    p = AD_FMA(p, t, 0x1.9a1c15648a86bp+2);
    const double near = p * t, far = 4 * (z + 1) + e * (4 * z + 6 + e * (4 + e));
    return (float)(e * ((x > -1.5f) & (x < -0.9f) ? near : far) / (d * d));
}
AD_INLINE float ad_eluf(float x)
{
    const float t = ad_expm1f(x);
    return x > 0 ? x : t;
}
AD_INLINE float ad_seluf(float x)
{
    const float z = x > 0 ? 0 : x;
    const double t = ad_expm1_short(z < -40 ? -40 : z);
    return x == 0 ? x : (float)(x > 0 ? 1.0507009873554805 * x : 1.7580993408473766 * t);
}
AD_INLINE float ad_geluf(float x)
{
    const double y = ad_ndtr_short(ad_within_f(x, -15, 15));
    return (float)((x < -15 ? -15 : x) * y);
}
AD_INLINE float ad_gelu_slopef(float x)                                 /* ndtr(x) + x exp(-x*x/2) / sqrt(2 pi), which is 1 + 1e-49 at 15 */
{
    const double z = ad_within_f(x, -15, 15), u = fabs(z), e = ad_exp_short(-0.5 * z * z), t = z - -0x1.80ead197f00b4p-1;
    double p = AD_FMA(0x1.24f09c2a4413ap-8, t, 0x1.3a36407c2d0d9p-6);
    p = AD_FMA(p, t, -0x1.e4000b9386be3p-7);
    p = AD_FMA(p, t, -0x1.d2f2515694b07p-4);
    p = AD_FMA(p, t, -0x1.2a2eddcb23d4cp-6);
    p = AD_FMA(p, t, 0x1.8d9a9020b114cp-2);
    p = AD_FMA(p, t, 0x1.b9d98fa2491f6p-2);
    const double tail = 0.5 * ad_erfcx_short(0x1.6a09e667f3bcdp-1 * u) - 0x1.9884533d43651p-2 * u;      /* of the slope at -u, over e */
    const double near = p * t, low = tail * e, far = x < 0 ? low : 1 - low;
    return (float)((x > -1) & (x < -0.5f) ? near : far);
}

/* exp(2 sqrt(2/pi) (x + 0.044715 x^3)) for |x| <= 12: by gelu as approximated by tanh, 0 at -12. */
AD_INLINE double ad_gelu_odds_short(double x) { return ad_exp_short(x * AD_FMA(0x1.2444f2a4d8b4bp-4 * x, x, 0x1.9884533d43651p+0)); }
AD_INLINE double ad_gelu_rate_short(double x) { return AD_FMA(0x1.b6676bf7450f0p-3 * x, x, 0x1.9884533d43651p+0); }
AD_INLINE float ad_gelu_gatef(float x)
{
    const double e = ad_gelu_odds_short(ad_within_f(x, -12, 12));
    return (float)(e / (1 + e));
}
AD_INLINE float ad_gelu_gate_slopef(float x)
{
    const double z = ad_within_f(x, -12, 12), e = ad_gelu_odds_short(z), d = 1 + e;
    return (float)(e * ad_gelu_rate_short(z) / (d * d));
}
AD_INLINE float ad_gelu_tanhf(float x)
{
    const double e = ad_gelu_odds_short(ad_within_f(x, -12, 12));
    return (float)((x < -12 ? -12 : x) * e / (1 + e));
}
AD_INLINE float ad_gelu_tanh_slopef(float x)                            /* e (1 + e + x v) / (1 + e)^2, v the exponent's slope */
{
    const double z = ad_within_f(x, -12, 12), e = ad_gelu_odds_short(z), d = 1 + e, t = z - -0x1.81429f9e97e4dp-1;
    double p = AD_FMA(0x1.78d8aba4c0c13p-7, t, 0x1.f92e4320904adp-6);
    p = AD_FMA(p, t, 0x1.37171c51bda7dp-4);
    p = AD_FMA(p, t, 0x1.9a0cd299c42c7p-2);
    p = AD_FMA(p, t, -0x1.993cb8a0bed22p-4);
    p = AD_FMA(p, t, 0x1.3af6cd420ffa1p+1);
    const double near = p * t, far = AD_FMA(z, ad_gelu_rate_short(z), d);
    return (float)(e * ((x > -1) & (x < -0.5f) ? near : far) / (d * d));
}

#endif
