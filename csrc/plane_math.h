/* Roots, powers, the plane and its angles.  Included by scalar_math.h. */
#ifndef AD_PLANE_MATH_H
#define AD_PLANE_MATH_H

static inline double ad_rsqrt(double x) { return 1 / sqrt(x); }
static inline double ad_pow(double a, double b) { return pow(a, b); }

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

static inline double ad_atan2(double a, double b) { return atan2(a, b); }

AD_THROUGH_DOUBLE(rsqrt)
AD_THROUGH_DOUBLE(cbrt)
AD_THROUGH_DOUBLE_2(pow)
AD_THROUGH_DOUBLE_2(hypot)
AD_THROUGH_DOUBLE_2(over_hypot)
AD_THROUGH_DOUBLE_2(atan2)
AD_LIBM(sin)
AD_LIBM(cos)
AD_LIBM(tan)
AD_LIBM(asin)
AD_LIBM(acos)
AD_LIBM(atan)

#endif
