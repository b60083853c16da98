/* Roots, the plane and its angles.  Included by scalar_math.h. */
#ifndef AD_PLANE_MATH_H
#define AD_PLANE_MATH_H

static inline double ad_rsqrt(double x) { return 1 / sqrt(x); }

/* Cube root, 1 ULP.  x = 2^(3q) z with z in [0.35, 2.83]; a polynomial good to 22 bits, cut to 26 so that its square is exact, then
 * one step of Halley's method, t + t (z - t^3)/(2 t^3 + z), in which the difference rounds but once. */
AD_INLINE double ad_cbrt(double x)
{
    const ad_parts a = ad_split(fabs(x));
    const double q = (a.k * 0.3333333333333333 + AD_MAGIC) - AD_MAGIC, rest = a.k - 3 * q, m = a.m, m2 = m * m;
    const double z = m * ad_from_bits((ad_bits(rest + AD_MAGIC) + 1023) << 52);              /* m 2^rest for a rest of -1, 0 or 1 */
    const double p = AD_FMA(m2, AD_FMA(m2, AD_FMA(m2, -0x1.4de7734196f8bp-6, AD_FMA(m, 0x1.3ef538cf2edbep-3, -0x1.079719121edb3p-1)),
                                       AD_FMA(m, 0x1.f12d1141987adp-1, -0x1.2fdeba1498606p+0)),
                            AD_FMA(m, 0x1.3271f875d5af0p+0, 0x1.97eae89cc83dep-2));
    const double c = p * AD_FMA(rest, AD_FMA(rest, 0.02681078793948648, 0.2331102619553867), 1);         /* p 2^(rest/3) */
    const double t = ad_from_bits((ad_bits(c) + 0x4000000) & ~UINT64_C(0x7ffffff));
    const double t2 = t * t, y = AD_FMA(t, ad_rest(z, t2, t) / AD_FMA(2 * t2, t, z), t);
    const double scaled = y * ad_from_bits((ad_bits(q + AD_MAGIC) + 1023) << 52);
    return x == 0 || !(fabs(x) < AD_INF) ? x : copysign(scaled, x);
}

/* The same in float32: the polynomial good to 13 bits and cut to 12.  Of all numbers, 0.501 ULP. */
AD_INLINE uint32_t ad_bitsf(float x) { uint32_t u; __builtin_memcpy(&u, &x, sizeof u); return u; }
AD_INLINE float ad_from_bitsf(uint32_t u) { float x; __builtin_memcpy(&x, &u, sizeof x); return x; }
AD_INLINE float ad_restf(float n, float q, float d)
{
#ifdef AD_TARGET_FMA
    return AD_FMAF(-q, d, n);
#else
    return (float)(n - (double)q * d);
#endif
}
AD_INLINE float ad_cbrtf(float x)
{
    const float size = fabsf(x), magic = 0x1.8p23f;
    const int tiny = size < 0x1p-126f;
    const uint32_t u = ad_bitsf(tiny ? size * 0x1p24f : size), biased = (u - 0x3f3504f3 + 0x3f800000) >> 23;
    const float m = ad_from_bitsf(u - (biased << 23) + 0x3f800000), k = (float)(int32_t)biased - (tiny ? 151 : 127);
    const float q = (k * 0x1.555556p-2f + magic) - magic, rest = k - 3 * q, z = m * (rest > 0 ? 2.0f : rest < 0 ? 0.5f : 1.0f);
    const float p = AD_FMAF(m, AD_FMAF(m, AD_FMAF(m, 0x1.dcf200p-5f, -0x1.29591ap-2f), 0x1.7abc46p-1f), 0x1.f85474p-2f);
    const float c = p * (rest > 0 ? 0x1.428a30p+0f : rest < 0 ? 0x1.965fe0p-1f : 1.0f);
    const float t = ad_from_bitsf((ad_bitsf(c) + 0x800) & ~0xfffu), t2 = t * t;
    const float y = AD_FMAF(t, ad_restf(z, t2, t) / AD_FMAF(2 * t2, t, z), t);
    const float scaled = y * ad_from_bitsf((ad_bitsf(q + magic) + 127) << 23);
    return x == 0 || !(size < (float)INFINITY) ? x : copysignf(scaled, x);
}

/* Squares of |x| between 2^-400 and 2^500 neither overflow nor vanish; for others a power of two brings it there. */
AD_INLINE double ad_square_scale(double m) { return m > 0x1p500 ? 0x1p-600 : m < 0x1p-400 ? 0x1p600 : 1; }

/* p*p + q*q for p >= q, of p*p nothing lost before the sum. */
AD_INLINE double ad_sum_of_squares(double p, double q)
{
#ifdef AD_TARGET_FMA
    return AD_FMA(p, p, q * q);
#else
    const ad_pair h = ad_two_product(p, p);
    return h.high + (h.low + q * q);
#endif
}

/* sqrt(a*a + b*b), 1 ULP, inf if one is, also beside a nan (C11, F.10.4.3). */
AD_INLINE double ad_hypot(double a, double b)
{
    const double u = fabs(a), v = fabs(b), m = u > v ? u : v, s = ad_square_scale(m);
    const double p = m * s, q = (u > v ? v : u) * s, y = sqrt(ad_sum_of_squares(p, q)) / s;
    return u == AD_INF || v == AD_INF ? AD_INF : y;
}

/* a / hypot(a, b), 3 ULP, 0 at the origin.  At infinity, where the point is in the limit. */
AD_INLINE double ad_over_hypot(double a, double b)
{
    const int far_a = fabs(a) == AD_INF, far_b = fabs(b) == AD_INF;
    const double c = far_a ? copysign(1, a) : far_b ? copysign(0, a) : a, d = far_b ? 1 : far_a ? 0 : b;
    const double u = fabs(c), v = fabs(d), m = u > v ? u : v, s = ad_square_scale(m);
    const double p = m * s, q = (u > v ? v : u) * s, t = s < 1 ? 0x1p-4 : s;        /* c * s would vanish where s is small */
    return m == 0 ? c : c * t / (sqrt(ad_sum_of_squares(p, q)) * (s < 1 ? 0x1p596 : 1));
}

/* b / (a*a + b*b), 3 ULP, 0 at the origin and at infinity. */
AD_INLINE double ad_atan2_slope(double a, double b)
{
    const double u = fabs(a), v = fabs(b), m = u > v ? u : v, s = ad_square_scale(m), p = m * s, q = (u > v ? v : u) * s;
    const double y = b * s / ad_sum_of_squares(p, q) * s;
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

/* sin and cos of t + e, |t| <= pi/4, as sums of a large part and the rest: fdlibm's __kernel_sin and __kernel_cos (Sun Microsystems, 1993). */
AD_INLINE ad_pair ad_sin_kernel(double t, double e)
{
    const double z = t * t, v = z * t, w = z * z;
    const double r = AD_FMA(z, AD_FMA(z, 2.75573137070700676789e-06, -1.98412698298579493134e-04), 8.33333333332248946124e-03) +
                     z * w * AD_FMA(z, 1.58969099521155010221e-10, -2.50507602534068634195e-08);
    return (ad_pair){t, v * -1.66666666666666324348e-01 - (z * (0.5 * e - v * r) - e)};
}
AD_INLINE ad_pair ad_cos_kernel(double t, double e)
{
    const double z = t * t, w = z * z, h = 0.5 * z, u = 1 - h;
    const double r = z * AD_FMA(z, AD_FMA(z, 2.48015872894767294178e-05, -1.38888888888741095749e-03), 4.16666666666666019037e-02) +
                     w * w * AD_FMA(z, AD_FMA(z, -1.13596475577881948265e-11, 2.08757232129817482790e-09), -2.75573143513906633035e-07);
    return (ad_pair){u, ((1 - u) - h) + (z * r - t * e)};
}

/* sin(x + turns pi/2). */
AD_INLINE double ad_sine(double x, uint64_t turns)
{
    const ad_quadrant q = ad_quarter_turns(x);
    const ad_pair s = ad_sin_kernel(q.t, q.e), c = ad_cos_kernel(q.t, q.e);
    const uint64_t k = q.k + turns;
    return ad_from_bits(ad_bits(k & 1 ? c.high + c.low : s.high + s.low) ^ (k & 2) << 62);
}

/* tan(x), 1 ULP: their quotient, or its opposite of the inverse; what the square of t has lost counts, as cos is not much larger. */
AD_INLINE double ad_tan_near(double x)
{
    const ad_quadrant q = ad_quarter_turns(x);
    const ad_pair s = ad_sin_kernel(q.t, q.e), c = ad_cos_kernel(q.t, q.e);
    const double sine = s.high + s.low, cosine = c.high + c.low, s_low = (s.high - sine) + s.low, c_low = (c.high - cosine) + c.low;
    const double c_all = c_low - 0.5 * ad_two_product(q.t, q.t).low;
    const uint64_t odd = 0 - (q.k & 1);
    const double y = ad_pair_quotient((ad_pair){ad_either(odd, -cosine, sine), ad_either(odd, -c_all, s_low)},
                                      (ad_pair){ad_either(odd, sine, cosine), ad_either(odd, s_low, c_all)});
    return x == 0 ? x : y;
}

/* 1 ULP.  Vectors take what is branch-free and holds up to AD_NEAR (csrc/generate.py); beyond, libm has all of 2/pi. */
#define AD_NEAR 1e6
AD_INLINE double ad_sin_near(double x) { return x == 0 ? x : ad_sine(x, 0); }
AD_INLINE double ad_cos_near(double x) { return ad_sine(x, 1); }
static inline double ad_sin(double x) { return fabs(x) <= AD_NEAR ? ad_sin_near(x) : sin(x); }
static inline double ad_cos(double x) { return fabs(x) <= AD_NEAR ? ad_cos_near(x) : cos(x); }
static inline double ad_tan(double x) { return fabs(x) <= AD_NEAR ? ad_tan_near(x) : tan(x); }

/* Is every number of x in [least, most]? */
#define AD_ALL_WITHIN(T, name)                                                                                    \
    static inline int name(const T *x, size_t n, T least, T most)                                                 \
    {                                                                                                             \
        int out = 0;                                                                                              \
        for (size_t i = 0; i < n; i++)                                                                            \
            out |= !(x[i] <= most) | !(x[i] >= least);                                                            \
        return !out;                                                                                              \
    }
AD_ALL_WITHIN(double, ad_all_within)
AD_ALL_WITHIN(float, ad_all_withinf)

/* x less the nearest even number: 0 of an even number, 1 or -1 of an odd one.  From 2^53 on all are even. */
AD_INLINE double ad_beside_even(double x)
{
    const double u = fabs(x), v = u > 0x1p53 ? 0x1p53 : u;
    return v - ((v + 0x1p53) - 0x1p53);
}

/* 1 + z (c + c_low + z r), z = g g, 0 <= g <= 1/2, as a pair. */
AD_INLINE ad_pair ad_even_series(double g, double c, double c_low, double r)
{
    const ad_pair z = ad_two_product(g, g);
    const double more = z.high * r, p = c + more, p_low = ((c - p) + more) + c_low;
    const ad_pair t = ad_two_product(z.high, p);
    const double h = 1 + t.high;
    return (ad_pair){h, ((1 - h) + t.high) + (t.low + AD_FMA(z.high, p_low, z.low * p))};
}

/* sin(pi g) / (pi g) and cos(pi g) likewise: minimax, off by 2^-71. */
AD_INLINE ad_pair ad_sinc_series(double g)
{
    const double z = g * g, w = z * z;
    const double p0 = AD_FMA(-0x1.86a8e4720db4ap-3, z, 0x1.9f9cb402bc46cp-1), p1 = AD_FMA(-0x1.33816aa357a66p-9, z, 0x1.ac6805cf33231p-6);
    const double p2 = AD_FMA(-0x1.d4241a738c27ap-18, z, 0x1.37471953f3edfp-13), p3 = AD_FMA(-0x1.e7ee3286909fcp-28, z, 0x1.0fad20313d2e7p-22);
    return ad_even_series(g, -0x1.a51a6625307d3p+0, -0x1.1873d8912200cp-55, AD_FMA(AD_FMA(AD_FMA(p3, w, p2), w, p1), w, p0));
}
AD_INLINE ad_pair ad_cos_pi_series(double g)
{
    const double z = g * g, w = z * z;
    const double p0 = AD_FMA(-0x1.55d3c7e3cbffap+0, z, 0x1.03c1f081b5ac4p+2), p1 = AD_FMA(-0x1.a6d1f2a2022e5p-6, z, 0x1.e1f506891ba81p-3);
    const double p2 = AD_FMA(-0x1.b6e24e438cd45p-14, z, 0x1.f9d38a35649efp-10), p3 = AD_FMA(-0x1.29ec815825dbap-23, z, 0x1.20c5da8809564p-18);
    return ad_even_series(g, -0x1.3bd3cc9be45dep+2, -0x1.692b71366cc04p-52, AD_FMA(AD_FMA(AD_FMA(AD_FMA(0x1.e17b71b323638p-29, w, p3), w, p2), w, p1), w, p0));
}

/* sin(pi x) / (pi x), 1 ULP: +-g Q(g) / |x|, g what x is beside a whole number, and Q that series, so that there is no product with pi to round. */
AD_INLINE ad_pair ad_sinc_far(ad_pair q, double g, double u)
{
    const ad_pair n = ad_two_product(g, q.high);
    return ad_pair_over((ad_pair){n.high, AD_FMA(g, q.low, n.low)}, (ad_pair){u < 0.5 ? 1 : u > 0x1p60 ? 0x1p60 : u, 0});
}
AD_INLINE double ad_sinc(double x)
{
    const double u = fabs(x), beside = ad_beside_even(u), f = fabs(beside), g = f > 0.5 ? 1 - f : f;
    const ad_pair q = ad_sinc_series(g), far = ad_sinc_far(q, g, u);
    const double y = u <= 0.5 ? q.high + q.low : copysign(1, beside) * (far.high + far.low);
    return u < AD_INF ? y : x - x;
}

/* cos(pi g) for 0 <= g <= 1/2 as a pair, also beside its root. */
AD_INLINE ad_pair ad_cos_pi(double g)
{
    const double h = 0.5 - g;
    const ad_pair near = ad_cos_pi_series(g), q = ad_sinc_series(h), t = ad_two_product(0x1.921fb54442d18p+1, h), far = ad_two_product(t.high, q.high);
    const double far_low = far.low + AD_FMA(t.high, q.low, AD_FMA(h, 0x1.1a62633145c07p-53, t.low));
    return (ad_pair){g > 0.25 ? far.high : near.high, g > 0.25 ? far_low : near.low};
}

/* Its derivative (cos(pi x) - sinc(x)) / x, of which 2^-57 of cos is lost beside its roots; up to 1/2 a polynomial of x^2 times x, off by 2^-74.
 * 3 ULP. */
AD_INLINE double ad_sinc_slope(double x)
{
    const double u = fabs(x), beside = ad_beside_even(u), f = fabs(beside), g = f > 0.5 ? 1 - f : f, even = f > 0.5 ? -1 : 1, sign = copysign(1, beside);
    const ad_pair c = ad_cos_pi(g), y = ad_sinc_far(ad_sinc_series(g), g, u), less = ad_two_sum(even * c.high, -sign * y.high);
    const double far = (less.high + (less.low + (even * c.low - sign * y.low))) / u;
    const double v = u > 0.5 ? 0.5 : u, z = v * v, w = z * z;
    const double p0 = AD_FMA(0x1.9f9cb402bc46cp+1, z, -0x1.a51a6625307d3p+1), p1 = AD_FMA(0x1.ac6805cf3508dp-3, z, -0x1.24feab558a48dp+0);
    const double p2 = AD_FMA(0x1.d2eaa6f6d78c6p-10, z, -0x1.8061c54d774dbp-6), p3 = AD_FMA(0x1.0fc954f40eaeep-18, z, -0x1.99a0050762cd6p-14);
    const double p4 = AD_FMA(0x1.cb58e59796a37p-29, z, -0x1.1a421cd91284ep-23);
    const double near = u * AD_FMA(AD_FMA(AD_FMA(AD_FMA(p4, w, p3), w, p2), w, p1), w, p0), r = u <= 0.5 ? near : far;
    return u < AD_INF ? r * copysign(1, x) : x - x;
}

/* ------------------------------------------------------------------------------------------------- angles */
/* h + x + low, |h| >= |x| or h = 0. */
AD_INLINE double ad_sum_of(double h, double x, double low)
{
    const double y = h + x;
    return y + (((h - y) + x) + low);
}

/* The angle of the point (v, u), 0 <= u, v, not both 0, the larger between 2^-600 and 2^950, as a number of halves of right angles and the arc
 * tangent of a quotient of at most tan(pi/8): that of u and v, u - v and u + v, or -v and u.  1 ULP.  `far`: pi less that. */
AD_INLINE double ad_angle(double u, double v, int far)
{
    const ad_pair less = ad_two_sum(u, -v), more = ad_two_sum(u, v);
    const int low = u <= 0x1.a827999fcef32p-2 * v, high = 0x1.a827999fcef32p-2 * u >= v;
    const ad_pair n = {ad_pick(low, u, ad_pick(high, -v, less.high)), ad_pick(low | high, 0, less.low)};
    const ad_pair d = {ad_pick(low, v, ad_pick(high, u, more.high)), ad_pick(low | high, 0, more.low)};
    const ad_pair q = ad_pair_over(n, d);
    const double s = q.high, z = s * s, w = z * z;
    const double p0 = AD_FMA(0x1.99999999958ffp-3, z, -0x1.555555555553dp-2), p1 = AD_FMA(0x1.c71c70e7ccd42p-4, z, -0x1.24924922b1929p-3);
    const double p2 = AD_FMA(0x1.3b111cb397954p-4, z, -0x1.745cf90fb69e5p-4), p3 = AD_FMA(0x1.df11967074622p-5, z, -0x1.10ebe0fd99cafp-4);
    const double p4 = AD_FMA(AD_FMA(-0x1.25a13c33a065dp-6, z, 0x1.37ef26fe4ba70p-5), z, -0x1.9cdcf073216b6p-5);
    const double p = AD_FMA(AD_FMA(AD_FMA(AD_FMA(p4, w, p3), w, p2), w, p1), w, p0);
    const double tail = AD_FMA(s * z, p, AD_FMA(-q.low, z, q.low)), m = ad_pick(low, 0, ad_pick(high, 2, 1)), t = far ? 4 - m : m, sign = far ? -1 : 1;
    const ad_pair base = ad_two_product(0x1.921fb54442d18p-1, t);
    return ad_sum_of(base.high, sign * s, AD_FMA(t, 0x1.1a62633145c07p-55, base.low + sign * tail));
}
AD_INLINE double ad_atan(double x)
{
    const double u = fabs(x);
    return copysign(ad_angle(u > 0x1p60 ? 0x1p60 : u, 1, 0), x);
}
AD_INLINE double ad_atan2(double a, double b)
{
    const double u = fabs(a), v = fabs(b), m = u > v ? u : v, s = m < 0x1p400 ? 0x1p500 : 0x1p-100;
    const int end = (m == AD_INF) | (m == 0);
    const double y = ad_angle(end ? u == AD_INF : u * s, end ? (v == AD_INF) | (v == u) : v * s, ad_bits(b) >> 63);
    return a == a && b == b ? copysign(y, a) : AD_NAN;
}

/* asin(s) - s for 0 <= s <= 1/2 and z = s^2: minimax, off by 2^-58 of s.  From 1/2 on asin(u) = pi/2 - 2 asin(sqrt((1 - u)/2)); the root
 * is taken as w + c, w its leading half, whose square is exact, as in fdlibm's e_asin.c (Sun Microsystems, 1993). */
typedef struct { double w, c, tail; } ad_arc;
AD_INLINE ad_arc ad_arc_of(double x, double u, int large)
{
    const double z = large ? 0.5 - 0.5 * u : x * x, z2 = z * z, root = sqrt(large ? z : 1), s = large ? root : x;
    const double p0 = AD_FMA(0x1.333333332df7fp-4, z, 0x1.5555555555578p-3), p1 = AD_FMA(0x1.f1c71a8dc05f6p-6, z, 0x1.6db6db7226106p-5);
    const double p2 = AD_FMA(0x1.1c49e2b44049dp-6, z, 0x1.6e8bdfa6cecd2p-6), p3 = AD_FMA(0x1.757b749b131b6p-7, z, 0x1.ca20cebd46bb8p-7);
    const double p4 = AD_FMA(0x1.e2bcf0c25d91bp-9, z, 0x1.617410dc068a5p-7), p5 = AD_FMA(-0x1.59551b1a78a3ap-6, z, 0x1.649323be4e6ecp-6);
    const double p6 = AD_FMA(0x1.0bb08f05489ccp-5, z2, p5);
    const double p = AD_FMA(AD_FMA(AD_FMA(AD_FMA(AD_FMA(p6, z2, p4), z2, p3), z2, p2), z2, p1), z2, p0);
    const double w = ad_from_bits(ad_bits(root) & ~UINT64_C(0x7ffffff)), c = (z - w * w) / (root + w + 0x1p-1000);
    return (ad_arc){large ? w : x, large ? c : 0, s * z * p};
}
AD_INLINE double ad_asin(double x)
{
    const double u = fabs(x);
    const int large = u > 0.5;
    const ad_arc a = ad_arc_of(u, u, large);
    const double y = ad_sum_of(large ? 0x1.921fb54442d18p+0 : 0, large ? -2 * a.w : a.w, large ? AD_FMA(-2, a.c + a.tail, 0x1.1a62633145c07p-54) : a.tail);
    return copysign(y, x);
}
AD_INLINE double ad_acos(double x)
{
    const double u = fabs(x);
    const int large = u > 0.5, right = x > 0.5;
    const ad_arc a = ad_arc_of(x, u, large);
    const double m = right ? 2 : large ? -2 : -1;
    return ad_sum_of(right ? 0 : large ? 0x1.921fb54442d18p+1 : 0x1.921fb54442d18p+0, m * a.w,
                     AD_FMA(m, a.c + a.tail, right ? 0 : large ? 0x1.1a62633145c07p-53 : 0x1.1a62633145c07p-54));
}

AD_THROUGH_DOUBLE(rsqrt)
AD_THROUGH_DOUBLE(sinc_slope)
AD_THROUGH_DOUBLE_2(atan2_slope)
AD_THROUGH_DOUBLE_2(hypot)
AD_THROUGH_DOUBLE_2(over_hypot)
AD_THROUGH_DOUBLE_2(atan2)

#endif
