/* Roots, powers, the plane and its angles.  Included by scalar_math.h. */
#ifndef AD_PLANE_MATH_H
#define AD_PLANE_MATH_H

static inline double ad_rsqrt(double x) { return 1 / sqrt(x); }
static inline double ad_pow(double a, double b) { return pow(a, b); }

/* m a^(b + low) for a > 0, 2 ULP.  Where the power alone would over- or underflow, 3 ULP: in two halves, and m between them. */
static inline double ad_power_times(double a, double b, double low, double m)
{
    const double s = fabs(m) < 0x1p-400 ? 0x1p300 : 1, f = m * s, c = AD_FMA(f * low, ad_log(a), f), y = pow(a, b);
    if (y > 0x1p-500 && y < 0x1p500)
        return c * y / s;
    const double p = pow(a, 0.5 * b);
    return c * p * p / s;
}

/* b a^(b - 1), 3 ULP for a > 0.  What b - 1 has lost by rounding is up to 2^-54 of b, and that of b log(a), which may be 745. */
static inline double ad_pow_slope(double a, double b)
{
    const ad_pair d = ad_two_sum(b, -1);
    return (a > 0) & (a < AD_INF) & (fabs(b) < AD_INF) ? ad_power_times(a, d.high, d.low, b) : b * pow(a, b - 1);
}

/* a^b log(a), 3 ULP for a > 0. */
static inline double ad_pow_log(double a, double b)
{
    return (a > 0) & (a < AD_INF) & (fabs(b) < AD_INF) ? ad_power_times(a, b, 0, ad_log(a)) : pow(a, b) * ad_log(a);
}

/* Cube root, 1 ULP.  x = 2^(3q) z with z in [0.35, 2.83]; a polynomial good to 22 bits, cut to 26 so that its square is exact, then
 * one step of Halley's method, in the order of fdlibm's s_cbrt.c. */
AD_INLINE double ad_cbrt(double x)
{
    const ad_parts a = ad_split(fabs(x));
    const double q = (a.k * 0.3333333333333333 + AD_MAGIC) - AD_MAGIC, rest = a.k - 3 * q, m = a.m, m2 = m * m;
    const double z = m * (rest > 0 ? 2 : rest < 0 ? 0.5 : 1);
    const double p = AD_FMA(m2, AD_FMA(m2, AD_FMA(m2, -0x1.4de7734196f8bp-6, AD_FMA(m, 0x1.3ef538cf2edbep-3, -0x1.079719121edb3p-1)),
                                       AD_FMA(m, 0x1.f12d1141987adp-1, -0x1.2fdeba1498606p+0)),
                            AD_FMA(m, 0x1.3271f875d5af0p+0, 0x1.97eae89cc83dep-2));
    const double c = p * (rest > 0 ? 1.2599210498948732 : rest < 0 ? 0.7937005259840998 : 1);
    const double t = ad_from_bits((ad_bits(c) + 0x4000000) & ~UINT64_C(0x7ffffff));
    const double r = z / (t * t), y = AD_FMA(t, (r - t) / (2 * t + r), t);
    const double scaled = y * ad_from_bits((ad_bits(q + AD_MAGIC) + 1023) << 52);
    return x == 0 || !(fabs(x) < AD_INF) ? x : copysign(scaled, x);
}

/* Squares of |x| between 2^-400 and 2^500 neither overflow nor vanish; for others a power of two brings it there. */
AD_INLINE double ad_square_scale(double m) { return m > 0x1p500 ? 0x1p-600 : m < 0x1p-400 ? 0x1p600 : 1; }

/* sqrt(a*a + b*b), 1 ULP, inf if one is, also beside a nan (C11, F.10.4.3). */
AD_INLINE double ad_hypot(double a, double b)
{
    const double u = fabs(a), v = fabs(b), m = u > v ? u : v, s = ad_square_scale(m);
    const double p = m * s, q = (u > v ? v : u) * s, y = sqrt(AD_FMA(p, p, q * q)) / s;
    return u == AD_INF || v == AD_INF ? AD_INF : y;
}

/* a / hypot(a, b), 3 ULP, 0 at the origin.  At infinity, where the point is in the limit. */
AD_INLINE double ad_over_hypot(double a, double b)
{
    const int far_a = fabs(a) == AD_INF, far_b = fabs(b) == AD_INF;
    const double c = far_a ? copysign(1, a) : far_b ? copysign(0, a) : a, d = far_b ? 1 : far_a ? 0 : b;
    const double u = fabs(c), v = fabs(d), m = u > v ? u : v, s = ad_square_scale(m);
    const double p = m * s, q = (u > v ? v : u) * s, t = s < 1 ? 0x1p-4 : s;        /* c * s would vanish where s is small */
    return m == 0 ? c : c * t / (sqrt(AD_FMA(p, p, q * q)) * (s < 1 ? 0x1p596 : 1));
}

/* b / (a*a + b*b), 3 ULP, 0 at the origin and at infinity. */
AD_INLINE double ad_atan2_slope(double a, double b)
{
    const double u = fabs(a), v = fabs(b), m = u > v ? u : v, s = ad_square_scale(m), p = m * s, q = (u > v ? v : u) * s;
    const double y = b * s / AD_FMA(p, p, q * q) * s;
    return m == 0 || m == AD_INF ? copysign(0, b) : y;
}

/* ------------------------------------------------------------------------------------------------- sine and cosine */
/* x = k pi/2 + t + e for |x| <= 1e6, t + e within 2^-108; `shift`: its lowest bits are k.  Cody & Waite's reduction: k times the first
 * part of pi/2 is exact, or its subtraction from x is (FMA); what later steps lose is kept, as x may lie within 2^-55 of k pi/2. */
typedef struct { double t, e; uint64_t k; } ad_quadrant;
AD_INLINE ad_quadrant ad_quarter_turns(double x)
{
    const double shift = AD_FMA(x, 0x1.45f306dc9c883p-1, AD_MAGIC), k = shift - AD_MAGIC;
#ifdef AD_TARGET_FMA
    const double r = AD_FMA(-k, 0x1.921fb54442d18p+0, x), p = k * 0x1.1a62633145c07p-54;
    const ad_pair t = ad_two_sum(r, -p);
    return (ad_quadrant){t.high, AD_FMA(-k, -0x1.f1976b7ed8fbcp-110, t.low - AD_FMA(k, 0x1.1a62633145c07p-54, -p)), ad_bits(shift)};
#else
    const double r = x - k * 0x1.921fb544p+0;               /* three parts of 33 bits, and the rest */
    const ad_pair t = ad_two_sum(r, -k * 0x1.0b4611a6p-34), u = ad_two_sum(t.high, -k * 0x1.3198a2ep-69);
    return (ad_quadrant){u.high, t.low + u.low - k * 0x1.b839a252049c1p-104, ad_bits(shift)};
#endif
}

/* sin and cos of t + e, |t| <= pi/4: fdlibm's __kernel_sin and __kernel_cos (Sun Microsystems, 1993). */
AD_INLINE double ad_sin_kernel(double t, double e)
{
    const double z = t * t, v = z * t, w = z * z;
    const double r = AD_FMA(z, AD_FMA(z, 2.75573137070700676789e-06, -1.98412698298579493134e-04), 8.33333333332248946124e-03) +
                     z * w * AD_FMA(z, 1.58969099521155010221e-10, -2.50507602534068634195e-08);
    return t - ((z * (0.5 * e - v * r) - e) - v * -1.66666666666666324348e-01);
}
AD_INLINE double ad_cos_kernel(double t, double e)
{
    const double z = t * t, w = z * z, h = 0.5 * z, u = 1 - h;
    const double r = z * AD_FMA(z, AD_FMA(z, 2.48015872894767294178e-05, -1.38888888888741095749e-03), 4.16666666666666019037e-02) +
                     w * w * AD_FMA(z, AD_FMA(z, -1.13596475577881948265e-11, 2.08757232129817482790e-09), -2.75573143513906633035e-07);
    return u + (((1 - u) - h) + (z * r - t * e));
}

/* sin(x + turns pi/2). */
AD_INLINE double ad_sine(double x, uint64_t turns)
{
    const ad_quadrant q = ad_quarter_turns(x);
    const double s = ad_sin_kernel(q.t, q.e), c = ad_cos_kernel(q.t, q.e);
    const uint64_t k = q.k + turns;
    return ad_from_bits(ad_bits(k & 1 ? c : s) ^ (k & 2) << 62);
}

/* 1 ULP.  Vectors take what is branch-free and holds up to AD_NEAR (csrc/generate.py); beyond, libm has all of 2/pi. */
#define AD_NEAR 1e6
AD_INLINE double ad_sin_near(double x) { return x == 0 ? x : ad_sine(x, 0); }
AD_INLINE double ad_cos_near(double x) { return ad_sine(x, 1); }
static inline double ad_sin(double x) { return fabs(x) <= AD_NEAR ? ad_sin_near(x) : sin(x); }
static inline double ad_cos(double x) { return fabs(x) <= AD_NEAR ? ad_cos_near(x) : cos(x); }

#define AD_ALL_NEAR(T, name)                                                                                      \
    static inline int name(const T *x, size_t n)                                                                  \
    {                                                                                                             \
        int far = 0;                                                                                              \
        for (size_t i = 0; i < n; i++)                                                                            \
            far |= !(x[i] <= AD_NEAR) | !(x[i] >= -AD_NEAR);                                                      \
        return !far;                                                                                              \
    }
AD_ALL_NEAR(double, ad_all_near)
AD_ALL_NEAR(float, ad_all_nearf)

/* ------------------------------------------------------------------------------------------------- angles */
static inline double ad_atan2(double a, double b) { return atan2(a, b); }

AD_THROUGH_DOUBLE(rsqrt)
AD_THROUGH_DOUBLE(cbrt)
AD_THROUGH_DOUBLE_2(pow)
AD_THROUGH_DOUBLE_2(pow_slope)
AD_THROUGH_DOUBLE_2(pow_log)
AD_THROUGH_DOUBLE_2(atan2_slope)
AD_THROUGH_DOUBLE_2(hypot)
AD_THROUGH_DOUBLE_2(over_hypot)
AD_THROUGH_DOUBLE_2(atan2)
AD_LIBM_DOUBLE(tan)
AD_LIBM_DOUBLE(asin)
AD_LIBM_DOUBLE(acos)
AD_LIBM_DOUBLE(atan)

#endif
