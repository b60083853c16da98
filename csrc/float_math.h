/* Exponentials and logarithms in float32: the methods of exp_math.h with shorter polynomials, so that a vector holds twice as
 * many numbers as by way of double.  Included by scalar_math.h. */
#ifndef AD_FLOAT_MATH_H
#define AD_FLOAT_MATH_H

AD_INLINE uint32_t ad_bitsf(float x) { uint32_t u; __builtin_memcpy(&u, &x, sizeof u); return u; }
AD_INLINE float ad_from_bitsf(uint32_t u) { float x; __builtin_memcpy(&x, &u, sizeof x); return x; }

#define AD_MAGIC_F 0x1.8p23f                                /* x + MAGIC - MAGIC rounds |x| < 2^22 to a whole number */
#define AD_LN2_HI_F 0x1.62e4p-1f                            /* 15 bits: whole numbers of 9 bits times this are exact */
#define AD_LN2_LO_F 0x1.7f7d1cp-20f

/* x = k ln2 + r.  `shift`: x * log2(e) + MAGIC, whose lowest bits are k. */
typedef struct { float r, k, shift; } ad_reduced_f;
AD_INLINE ad_reduced_f ad_reduce_f(float x)
{
    const float shift = AD_FMAF(x, 0x1.715476p+0f, AD_MAGIC_F), k = shift - AD_MAGIC_F;
    return (ad_reduced_f){AD_FMAF(-k, AD_LN2_LO_F, AD_FMAF(-k, AD_LN2_HI_F, x)), k, shift};
}

/* exp(r) - 1 - r for |r| <= ln(2)/2, minimax, off by 0.002 ULP of exp(r). */
AD_INLINE float ad_exp_tail_f(float r)
{
    const float r2 = r * r;
    const float q = AD_FMAF(r2, AD_FMAF(r2, 0x1.a19aaap-13f, AD_FMAF(r, 0x1.6d4e6p-10f, 0x1.111096p-7f)),
                            AD_FMAF(r, 0x1.5554e6p-5f, 0x1.555556p-3f));
    return AD_FMAF(r * q, r2, 0.5f * r2);
}

/* exp of what neither overflows nor is NaN, 1 ULP, and of all. */
AD_INLINE float ad_exp_finite_f(float x)
{
    const ad_reduced_f a = ad_reduce_f(x < -104 ? -104 : x);
    const float p = 1 + (a.r + ad_exp_tail_f(a.r));
    const int tiny = x < -80;
    return ad_from_bitsf(ad_bitsf(p) + (ad_bitsf(a.shift) << 23) + (tiny ? UINT32_C(64) << 23 : 0)) * (tiny ? 0x1p-64f : 1);
}
AD_INLINE float ad_expf(float x)
{
    const float y = ad_exp_finite_f(x);
    return x <= 0x1.62e42ep+6f ? y : x * 0x1p127f;          /* inf, and NaN of NaN */
}

/* m exp(x) for x <= 0 and |m| in [2^-40, 2^10] or 0, rounded once even where the result is subnormal. */
AD_INLINE float ad_exp_times_f(float x, float m)
{
    const ad_reduced_f a = ad_reduce_f(x < -116 ? -116 : x);
    const float p = 1 + (a.r + ad_exp_tail_f(a.r));
    return p * m * ad_from_bitsf((ad_bitsf(a.shift) + 127 + 96) << 23) * 0x1p-96f;
}

AD_INLINE float ad_expm1f(float x)
{
    const ad_reduced_f a = ad_reduce_f(x < -20 ? -20 : x > 89 ? 89 : x);
    const float s = ad_from_bitsf((ad_bitsf(a.shift) + 126) << 23), p = a.r + ad_exp_tail_f(a.r);
    const float y = 2 * AD_FMAF(s, p, s - 0.5f);
    return a.k == 0 ? (x == 0 ? x : p) : x != x ? x : y;
}

/* x = 2^k m with m in [sqrt(1/2), sqrt(2)). */
typedef struct { float k, m; } ad_parts_f;
AD_INLINE ad_parts_f ad_split_f(float x)
{
    const int tiny = x < 0x1p-126f;
    const uint32_t u = ad_bitsf(tiny ? x * 0x1p24f : x), biased = (u - 0x3f3504f3 + 0x3f800000) >> 23;      /* k + 127 */
    const float k = ad_from_bitsf(biased | 0x4b000000) - (0x1p23f + 127);
    return (ad_parts_f){tiny ? k - 24 : k, ad_from_bitsf(u - (biased << 23) + 0x3f800000)};
}

/* log(1 + f) + k ln2 + c for f in [sqrt(1/2) - 1, sqrt(2) - 1): f - f^2/2 + f^3 P(f), P minimax, off by 2^-30. */
AD_INLINE float ad_log_parts_f(float f, float k, float c)
{
    const float f2 = f * f, f4 = f2 * f2;
    const float p0 = AD_FMAF(-0x1.ffffeep-3f, f, 0x1.555546p-2f), p1 = AD_FMAF(-0x1.5562f2p-3f, f, 0x1.99a53cp-3f);
    const float p2 = AD_FMAF(-0x1.fb41ep-4f, f, 0x1.233362p-3f), p3 = AD_FMAF(-0x1.e2eddep-4f, f, 0x1.e6478cp-4f);
    const float p = AD_FMAF(f4, AD_FMAF(f4, 0x1.1b599ep-4f, AD_FMAF(f2, p3, p2)), AD_FMAF(f2, p1, p0));
    const float low = AD_FMAF(f2 * f, p, AD_FMAF(k, AD_LN2_LO_F, c));
    return AD_FMAF(k, AD_LN2_HI_F, AD_FMAF(-0.5f, f2, low) + f);
}

AD_INLINE float ad_logf(float x)
{
    const ad_parts_f a = ad_split_f(x);
    const float y = ad_log_parts_f(a.m - 1, a.k, 0);
    return x > 0 ? (x < INFINITY ? y : x) : x == 0 ? -INFINITY : NAN;
}

AD_INLINE float ad_log1pf(float x)
{
    const float u = 1 + x, lost = x < 1 ? x - (u - 1) : 1 - (u - x);        /* exact (Dekker 1971) */
    const ad_parts_f a = ad_split_f(u);
    const int near = x > -0.29289323f && x < 0.41421357f;                   /* nothing to reduce: f is x itself */
    const float y = ad_log_parts_f(near ? x : a.m - 1, near ? 0 : a.k, near ? 0 : lost / u);
    return x > -1 ? (x < INFINITY ? (x == 0 ? x : y) : x) : x == -1 ? -INFINITY : NAN;
}

AD_INLINE float ad_log1mexpf(float x)
{
    const float e = ad_expf(x), w = -ad_expm1f(x);
    const int near = x > -0.6931472f, tiny = e < 0.29289323f;
    const float u = near ? w : 1 - e, lost = near | tiny ? 0 : (1 - u) - e;
    const ad_parts_f a = ad_split_f(u);
    const float y = ad_log_parts_f(tiny ? -e : a.m - 1, tiny ? 0 : a.k, lost / u);
    return x < 0 ? y : x == 0 ? -INFINITY : NAN;
}

/* log(1 + e) for e in [0, 1]: e - e^2/2 + e^3 P(e), P minimax, off by 2^-32; no division. */
AD_INLINE float ad_log1p_unit_f(float e)
{
    const float e2 = e * e, e4 = e2 * e2;
    const float p0 = AD_FMAF(-0x1.fff6f8p-3f, e, 0x1.555532p-2f), p1 = AD_FMAF(-0x1.5202e2p-3f, e, 0x1.9922aep-3f);
    const float p2 = AD_FMAF(-0x1.a8ce1cp-4f, e, 0x1.15d7fap-3f), p3 = AD_FMAF(-0x1.07a8ap-5f, e, 0x1.11b8ecp-4f);
    const float p4 = AD_FMAF(-0x1.755902p-10f, e, 0x1.444fdep-7f);
    const float p = AD_FMAF(e4, AD_FMAF(e4, p4, AD_FMAF(e2, p3, p2)), AD_FMAF(e2, p1, p0));
    return e + AD_FMAF(e2 * e, p, -0.5f * e2);
}

AD_INLINE float ad_softplusf(float x) { return (x <= 0 ? 0 : x) + ad_log1p_unit_f(ad_exp_finite_f(-fabsf(x))); }
AD_INLINE float ad_log_sigmoidf(float x) { return -ad_softplusf(-x); }
AD_INLINE float ad_sigmoidf(float x)
{
    const float e = ad_expf(-fabsf(x));
    return (x < 0 ? e : 1) / (1 + e);
}
AD_INLINE float ad_softplus_slopef(float x) { return ad_sigmoidf(x); }
AD_INLINE float ad_siluf(float x)
{
    const float z = x < -200 ? -200 : x;
    return (x < 0 ? ad_exp_times_f(z, z) : x) / (1 + ad_expf(-fabsf(x)));
}
AD_INLINE float ad_eluf(float x)
{
    const float t = ad_expm1f(x);
    return x > 0 ? x : t;
}
AD_INLINE float ad_tanhf(float x)
{
    const float t = ad_expm1f(-2 * fabsf(x));
    return copysignf(t / (t + 2), x);
}
AD_INLINE float ad_sech2f(float x)
{
    const float e4 = ad_exp_times_f(-2 * fabsf(x), 4), d = 1 + 0.25f * e4;
    return e4 / (d * d);
}

/* ------------------------------------------------------------------------------------------------- error function */
/* As in special_math.h: erf(x) / x - 1 for |x| <= 1, off by 2^-30; exp(x*x) erfc(x) for 1/4 <= x <= 10.6, off by 2^-29. */
AD_INLINE float ad_erf_factor_f(float x)
{
    const float z = x * x;
    float p = AD_FMAF(0x1.496a12p-14f, z, -0x1.a3f71ep-11f);
    p = AD_FMAF(p, z, 0x1.5405bep-8f);
    p = AD_FMAF(p, z, -0x1.b7f91p-6f);
    p = AD_FMAF(p, z, 0x1.ce2cf8p-4f);
    p = AD_FMAF(p, z, -0x1.81273ep-2f);
    p = AD_FMAF(p, z, 0x1.06eba8p-3f);
    return p;
}
AD_INLINE float ad_erfcx_mid_f(float x)
{
    const float d = 1 / (x + 3), t = (x - 3) * d;
    float q = AD_FMAF(-0x1.49b76ep-12f, t, -0x1.ef6a48p-12f);
    q = AD_FMAF(q, t, 0x1.92f1bp-9f);
    q = AD_FMAF(q, t, -0x1.4338f6p-10f);
    q = AD_FMAF(q, t, -0x1.b7b914p-6f);
    q = AD_FMAF(q, t, 0x1.e9989ep-4f);
    q = AD_FMAF(q, t, -0x1.3dead6p-2f);
    q = AD_FMAF(q, t, 0x1.2e3264p-1f);
    q = AD_FMAF(q, t, -0x1.c44c48p-1f);
    q = AD_FMAF(q, t, 0x1.12f21ep+0f);
    return q * d;
}

/* m exp(-s x*x); the square of a float is exact in two, as that of its leading 12 bits is in one. */
AD_INLINE float ad_gauss_f(float x, float s, float m)
{
    const float z = x < -18 ? -18 : x > 18 ? 18 : x, h = z * z;
    const float a = ad_from_bitsf(ad_bitsf(z) & 0xfffff000), b = z - a, l = ((a * a - h) + 2 * a * b) + b * b;
    return ad_exp_times_f(-s * h, m - m * s * l);
}
AD_INLINE float ad_exp_minus_squaref(float x) { return ad_gauss_f(x, 1, 1); }
AD_INLINE float ad_normal_pdff(float x) { return ad_gauss_f(x, 0.5f, 0.3989422804014327f); }

AD_INLINE float ad_erff(float x)
{
    const float u = fabsf(x), z = u < 0.25f ? 0.25f : u > 10.6f ? 10.6f : u;
    const float far = 1 - ad_gauss_f(z, 1, ad_erfcx_mid_f(z)), near = AD_FMAF(x, ad_erf_factor_f(u > 1 ? 1 : u), x);
    return u > 1 ? copysignf(far, x) : near;
}
AD_INLINE float ad_erfcf(float x)
{
    const float u = fabsf(x), z = u < 0.25f ? 0.25f : u > 10.6f ? 10.6f : u;
    const float tail = ad_gauss_f(z, 1, ad_erfcx_mid_f(z)), near = 1 - AD_FMAF(x, ad_erf_factor_f(u > 1 ? 1 : u), x);
    return x > 0.3f ? tail : x < -1 ? 2 - tail : near;
}
AD_INLINE float ad_mills_f(float x)
{
    const float u = 0.70710678f * fabsf(x);
    return 0.5f * ad_erfcx_mid_f(u < 0.25f ? 0.25f : u > 10.6f ? 10.6f : u);
}
AD_INLINE float ad_ndtrf(float x)
{
    const float u = fabsf(x), tail = ad_gauss_f(x, 0.5f, ad_mills_f(x)), t = 0.70710678f * (u > 1 ? 1 : x);
    const float near = 0.5f + 0.5f * AD_FMAF(t, ad_erf_factor_f(t), t);
    return x < -0.5f ? tail : x > 1 ? 1 - tail : near;
}
AD_INLINE float ad_geluf(float x)
{
    const float z = x < -18 ? -18 : x, y = x * ad_ndtrf(x), tail = ad_gauss_f(x, 0.5f, z * ad_mills_f(x));
    return x < -0.5f ? tail : y;
}

#endif
