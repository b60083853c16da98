/* Exponentials and logarithms in float64, and what is made of them.  Included by scalar_math.h.
 * Branch-free, so that the compiler may use vectors: a condition selects between numbers, never between ways. */
#ifndef AD_EXP_MATH_H
#define AD_EXP_MATH_H

#define AD_LN2_HI 0x1.62e42fefa3800p-1                      /* 42 bits: whole numbers of 11 bits times this are exact */
#define AD_LN2_LO 0x1.ef35793c76730p-45

/* ------------------------------------------------------------------------------------------------- exponentials */
/* x = k ln2 + r.  `shift`: x * log2(e) + MAGIC, whose lowest bits are k. */
typedef struct { double r, k, shift; } ad_reduced;
AD_INLINE ad_reduced ad_reduce(double x)
{
    const double shift = AD_FMA(x, 0x1.71547652b82fep+0, AD_MAGIC), k = shift - AD_MAGIC;
    return (ad_reduced){AD_FMA(-k, AD_LN2_LO, AD_FMA(-k, AD_LN2_HI, x)), k, shift};
}

/* exp(r) - 1 - r for |r| <= ln(2)/2: r^2/2 and a minimax polynomial for the rest, off by 0.0005 ULP of exp(r).
 * (Taylor's series of the same degree is off by 0.02, and by 50 with one term less than twelve.) */
AD_INLINE double ad_exp_tail(double r)
{
    const double r2 = r * r, r4 = r2 * r2;
    const double p0 = AD_FMA(0x1.555555555555ap-5, r, 0x1.555555555555bp-3), p1 = AD_FMA(0x1.6c16c16c14148p-10, r, 0x1.111111110ebfbp-7);
    const double p2 = AD_FMA(0x1.a01a01b2012fdp-16, r, 0x1.a01a01b3a498dp-13), p3 = AD_FMA(0x1.27e4c2ba37dbcp-22, r, 0x1.71ddefc32947ap-19);
    const double p4 = AD_FMA(0x1.1f99c983a3fccp-29, r, 0x1.af6c8565807d3p-26);
    const double q = AD_FMA(AD_FMA(p4, r4, AD_FMA(p3, r2, p2)), r4, AD_FMA(p1, r2, p0));
    return AD_FMA(r * q, r2, 0.5 * r2);
}

/* p times the power of two that `shift` holds, by adding to the exponent.  If `tiny`, the result may be subnormal: 128 more is added and
 * taken off again by a multiplication, which rounds. */
AD_INLINE double ad_times_power(double p, double shift, int tiny)
{
#ifdef AD_TARGET_FMA
    return ad_from_bits(ad_bits(p) + (ad_bits(shift) << 52) + (tiny ? UINT64_C(128) << 52 : 0)) * (tiny ? 0x1p-128 : 1);
#else                                                       /* SSE2 selects no 64-bit integers: there would be no vectors */
    return ad_from_bits(ad_bits(p) + (ad_bits(shift + (tiny ? 128 : 0)) << 52)) * (tiny ? 0x1p-128 : 1);
#endif
}

/* exp of what neither overflows nor is NaN, 1 ULP. */
AD_INLINE double ad_exp_finite(double x)
{
    const ad_reduced a = ad_reduce(x < -746 ? -746 : x);
    return ad_times_power(1 + (a.r + ad_exp_tail(a.r)), a.shift, x < -700);
}

/* The same between -700 and 700, where nothing is subnormal. */
AD_INLINE double ad_exp_near(double x)
{
    const ad_reduced a = ad_reduce(x);
    return ad_times_power(1 + (a.r + ad_exp_tail(a.r)), a.shift, 0);
}

/* exp on all of R. */
AD_INLINE double ad_exp(double x)
{
    const double y = ad_exp_finite(x);
    return x <= 0x1.62e42fefa39efp+9 ? y : x * 0x1p1023;    /* inf, and NaN of NaN */
}

/* exp(x) for x <= 0 as (high + low) scale, where `high` is exp(r) 2^-129 and `low` what that has lost by rounding: so much larger is
 * `scale` that only the product may be subnormal, and rounds once.  Of r only its part before the subtraction of k AD_LN2_LO is exact; the
 * rest counts with what is small.  `low` is 1 + near - high + tail, of which all but the last sum is exact.  A bias in the number that
 * rounds spares an addition to k.  The polynomial has a term less than ad_exp_tail's: off by 0.05 ULP. */
typedef struct { double high, low, scale; } ad_parted;
AD_INLINE ad_parted ad_exp_parts(double x)
{
    const double least = -746, z = least > x ? least : x, shifter = AD_MAGIC + (1023 + 129);        /* (so written, NaN stays NaN) */
    const double shift = AD_FMA(z, 0x1.71547652b82fep+0, shifter), k = shift - shifter;
    const double near = AD_FMA(-k, AD_LN2_HI, z), c = k * -AD_LN2_LO, r = near + c, r2 = r * r;
    const double q0 = AD_FMA(r2, AD_FMA(r2, AD_FMA(r2, AD_FMA(r2, 0x1.ad20198be1a45p-26, 0x1.71df554053c24p-19), 0x1.a01a011c23601p-13),
                                        0x1.1111111128879p-7), 0x1.5555555555501p-3);
    const double q1 = AD_FMA(r2, AD_FMA(r2, AD_FMA(r2, 0x1.289f8b31702cfp-22, 0x1.a019ab2ce14edp-16), 0x1.6c16c17cc34a1p-10),
                             0x1.5555555553206p-5);
    const double tail = AD_FMA(AD_FMA(r, AD_FMA(r, q1, q0), 0.5), r2, c), high = AD_FMA(near + tail, 0x1p-129, 0x1p-129);
    return (ad_parted){high, AD_FMA(tail, 0x1p-129, AD_FMA(near, 0x1p-129, 0x1p-129 - high)), ad_from_bits(ad_bits(shift) << 52)};
}

/* exp(x) for x <= 0, and what that has lost by rounding. */
AD_INLINE ad_pair ad_exp_pair(double x)
{
    const ad_parted e = ad_exp_parts(x);
    return (ad_pair){e.high * e.scale, e.low * e.scale};
}

/* -|x|, in one operation. */
AD_INLINE double ad_minus_abs(double x) { return ad_from_bits(ad_bits(x) | UINT64_C(1) << 63); }

/* exp(x) for x <= 0 as 2^-512 (high + low) scale: nothing is subnormal yet, so that what follows rounds once. */
typedef struct { double high, low, scale; } ad_scaled;
AD_INLINE ad_scaled ad_exp_scaled(double x)
{
    const double z = x < -820 ? -820 : x;
    const ad_reduced a = ad_reduce(z);
    const double near = AD_FMA(-a.k, AD_LN2_HI, z), tail = AD_FMA(-a.k, AD_LN2_LO, ad_exp_tail(a.r)), t = near + tail, p = 1 + t;
    return (ad_scaled){p, ((near - t) + tail) + (t - (p - 1)), ad_from_bits((ad_bits(a.shift) + 1023 + 512) << 52)};
}

/* m exp(x) for x <= 0 and |m| < 2^60, rounded once even where the result is subnormal: x exp(x) has digits where exp(x) has
 * lost them. */
AD_INLINE double ad_exp_times(double x, double m)
{
    const ad_reduced a = ad_reduce(x < -820 ? -820 : x);
    const double p = 1 + (a.r + ad_exp_tail(a.r));
    return p * m * ad_from_bits((ad_bits(a.shift) + 1023 + 512) << 52) * 0x1p-512;
}

/* exp(x) - 1 as a sum of two numbers, halved, since 2^1024 is too large: for x reduced to a and s = 2^(k-1), s (exp(r) - 1) + (s - 1/2),
 * whose parts never cancel, and of which what is lost by rounding is kept; that of r too. */
typedef struct { double high, low, tail; } ad_half;         /* tail: exp(x) - 1 - x if |x| < ln(2)/2 */
AD_INLINE ad_half ad_half_expm1(double x, ad_reduced a, double s)
{
    const double near = AD_FMA(-a.k, AD_LN2_HI, x), lost = AD_FMA(-a.k, AD_LN2_LO, near - a.r);
    const ad_pair u = ad_two_sum(s, -0.5);
    const double v = s * a.r, h = u.high + v, tail = AD_FMA(lost, 1 + a.r, ad_exp_tail(a.r));
    return (ad_half){h, (a.k == 0 ? 0 : v - (h - u.high)) + (u.low + s * tail), tail};
}

/* exp(x) - 1 on all of R, 1 ULP; -0 stays -0. */
AD_INLINE double ad_expm1(double x)
{
    const double z = x < -40 ? -40 : x > 710 ? 710 : x;     /* -1 + 4e-18 is -1 */
    const ad_reduced a = ad_reduce(z);
    const ad_half t = ad_half_expm1(z, a, ad_from_bits((ad_bits(a.shift) + 1022) << 52));
    const double y = 2 * (t.high + t.low), near = x + t.tail;
    return fabs(x) < 0.34657359027997264 ? (x == 0 ? x : near) : x != x ? x : y;
}

/* ------------------------------------------------------------------------------------------------- logarithms */
/* x = 2^k m with m in [sqrt(1/2), sqrt(2)). */
typedef struct { double k, m; } ad_parts;
AD_INLINE ad_parts ad_split(double x)
{
    const int tiny = x < 0x1p-1022;
    const double scale = tiny ? 0x1p54 : 1, bias = 0x1p52 + (tiny ? 1077 : 1023);        /* choices between constants: a mask each */
    const uint64_t u = ad_bits(x * scale), biased = (u - 0x3fe6a09e667f3bcd + 0x3ff0000000000000) >> 52;        /* k + bias - 2^52 */
    return (ad_parts){ad_from_bits(biased | 0x4330000000000000) - bias, ad_from_bits(u - (biased << 52) + 0x3ff0000000000000)};
}

/* The same of what is no subnormal, as no float is among the doubles. */
AD_INLINE ad_parts ad_split_short(double x)
{
    const uint64_t bits = ad_bits(x), biased = (bits - 0x3fe6a09e667f3bcd + 0x3ff0000000000000) >> 52;      /* k + 1023 */
    return (ad_parts){ad_from_bits(biased | 0x4330000000000000) - (0x1p52 + 1023), ad_from_bits(bits - (biased << 52) + 0x3ff0000000000000)};
}

/* log(1 + f) - f + f^2/2 for f in [sqrt(1/2) - 1, sqrt(2) - 1), where half is f^2/2: with s = f/(2 + f), s (f^2/2 + R(s^2)).
 * The method and the coefficients of R are those of fdlibm's e_log.c (Sun Microsystems, 1993; error of R below 2^-58.45). */
AD_INLINE double ad_log_rest(double f, double half)
{
    const double s = f / (2 + f), z = s * s, w = z * z;
    const double t1 = w * AD_FMA(w, AD_FMA(w, 1.531383769920937332e-01, 2.222219843214978396e-01), 3.999999999940941908e-01);
    const double t2 = z * AD_FMA(w, AD_FMA(w, AD_FMA(w, 1.479819860511658591e-01, 1.818357216161805012e-01),
                                           2.857142874366239149e-01), 6.666666666666735130e-01);
    return s * (half + (t1 + t2));
}

/* log(1 + f) + k ln2 + c likewise. */
AD_INLINE double ad_log_parts(double f, double k, double c)
{
    const double half = 0.5 * f * f;
    return k * AD_LN2_HI - ((half - (ad_log_rest(f, half) + (k * AD_LN2_LO + c))) - f);
}

/* log(x) as a pair, good to 2^-57: the same sum, its large parts exactly. */
AD_INLINE ad_pair ad_log_pair(double x)
{
    const ad_parts a = ad_split(x);
    const double f = a.m - 1;
    const ad_pair half = ad_two_product(0.5 * f, f), u = ad_two_sum(a.k * AD_LN2_HI, f), v = ad_two_sum(u.high, -half.high);
    return ad_two_sum(v.high, v.low + (u.low + (AD_FMA(a.k, AD_LN2_LO, ad_log_rest(f, half.high)) - half.low)));
}

/* What a logarithm that is y on (0, inf) is elsewhere: -inf at 0, nan below.  One choice after the other: a tree of them takes twice the time. */
AD_INLINE double ad_logarithm(double x, double y)
{
    const double above = x > 0 ? y : AD_NAN, z = x == 0 ? -AD_INF : above;
    return x == AD_INF ? x : z;
}

/* log on (0, inf), 1 ULP. */
AD_INLINE double ad_log(double x)
{
    const ad_parts a = ad_split(x);
    return ad_logarithm(x, ad_log_parts(a.m - 1, a.k, 0));
}

/* log(1 + x) on (-1, inf), 1 ULP: the logarithm of u = 1 + x, plus what u lost by rounding over u. */
AD_INLINE double ad_log1p(double x)
{
    const double u = 1 + x, lost = x < 1 ? x - (u - 1) : 1 - (u - x);       /* exact (Dekker 1971) */
    const ad_parts a = ad_split(u);
    const int near = x > -0.29289321881345254 && x < 0.41421356237309503;   /* nothing to reduce: f is x itself */
    const double c = near ? 0 : lost / u;
    const double y = ad_log_parts(near ? x : a.m - 1, near ? 0 : a.k, c);
    const double above = x > -1 ? y : AD_NAN, z = x == -1 ? -AD_INF : above;
    return (x == AD_INF) | (x == 0) ? x : z;
}

/* log(1 + exp(x)) for x <= 0 as w + low.  With e = exp(x), w = 2 e/(2 + e) is 2 s of the logarithm's series 2 (s + s^3/3 + s^5/5 + ...),
 * whose rest w^3 Q(w^2), Q minimax, is off by 2^-59 of the whole.  What the quotient has lost is (e - w - w e/2)/(1 + e/2): e - w is
 * exact (Sterbenz 1974), and 1/(1 + e/2) is 1 - w/2.  What e has lost counts like it. */
AD_INLINE ad_pair ad_log1p_exp(double x)
{
    const ad_parted p = ad_exp_parts(x);
    const double e = p.high * p.scale, h = 0.5 * e, w = e / (1 + h), lost = AD_FMA(p.low, p.scale, ad_rest(e - w, w, h)), z = w * w, z2 = z * z;
    const double q0 = AD_FMA(z2, AD_FMA(z2, AD_FMA(z2, AD_FMA(z2, 0x1.559c4a013a259p-23, 0x1.10676880c4ecep-18), 0x1.745cb39b50888p-14),
                                        0x1.249249208575bp-9), 0x1.5555555555535p-4);
    const double q1 = AD_FMA(z2, AD_FMA(z2, AD_FMA(z2, AD_FMA(z2, 0x1.5c8a5c6796c27p-24, 0x1.efdd849e85d7fp-21), 0x1.3b1de32632313p-16),
                                        0x1.c71c741f8d17ep-12), 0x1.99999999a0840p-7);
    return (ad_pair){w, AD_FMA(w * z, AD_FMA(z, q1, q0), lost * AD_FMA(w, -0.5, 1))};
}

/* m + log(1 + exp(x)) for x <= 0 and finite m, 1 ULP of the larger. */
AD_INLINE double ad_add_log1p_exp(double m, double x)
{
    const ad_pair l = ad_log1p_exp(x), s = ad_two_sum(m, l.high);
    return s.high + (s.low + l.low);
}

/* log(1 - exp(x)) for x <= 0; nan above.  Above -ln2 the logarithm of -expm1(x), below it log1p(-exp(x)): Maechler, "Accurately
 * computing log(1 - exp(-|a|))" (2012), eq. 7.  Both as one logarithm of u, plus what u lost by rounding. */
AD_INLINE double ad_log1mexp(double x)
{
    const ad_pair p = ad_exp_pair(x < 0 ? x : 0);
    const double e = p.high, w = -ad_expm1(x);
    const int near = x > -0.6931471805599453, tiny = e < 0.29289321881345254;           /* tiny: nothing to reduce */
    const double u = near ? w : 1 - e, lost = near ? 0 : (tiny ? 0 : (1 - u) - e) - p.low;
    const ad_parts a = ad_split(u);
    const double y = ad_log_parts(tiny ? -e : a.m - 1, tiny ? 0 : a.k, lost / u);
    return x < 0 ? y : x == 0 ? -AD_INF : AD_NAN;
}

/* ------------------------------------------------------------------------------------------------- logistic, hyperbolic */
/* log(1 + exp(x)) on all of R, 1 ULP.  The larger of 0 and x carries the magnitude, so exp never overflows and log1p sees an
 * argument in [0, 1].  softplus(-inf) = 0, softplus(inf) = inf, NaN stays NaN.  Maechler (2012), eq. 10; his cut-offs only
 * save time, and branches cost us SIMD.  Of the two parts, neither below 0, the smaller one and the rest come to less than 1/2
 * where the whole is less than 1: their sum rounds by a quarter of its ULP.  (Of NaN the choices are those of vectors; fmax's rule would
 * be a call.) */
AD_INLINE double ad_softplus(double x)
{
    const ad_pair l = ad_log1p_exp(ad_minus_abs(x));
    const double m = 0 > x ? 0 : x;
    return (l.high > m ? l.high : m) + ((l.high < m ? l.high : m) + l.low);
}
AD_INLINE double ad_log_sigmoid(double x) { return -ad_softplus(-x); }

/* The same function as sigmoid to 3 ULP, beside softplus: the rest of a derivative has its own, and a loop that has softplus has e. */
AD_INLINE double ad_softplus_slope(double x)
{
    const double e = ad_exp_pair(ad_minus_abs(x)).high;
    return (x < 0 ? e : 1) / (1 + e);
}

/* 1 + e for e in [0, 1]. */
AD_INLINE ad_pair ad_one_plus(ad_pair e)
{
    const double d = 1 + e.high;
    return (ad_pair){d, ((1 - d) + e.high) + e.low};
}

/* 1 / (1 + e), or e / (1 + e) below 0, with e = exp(-|x|), 1 ULP. */
AD_INLINE double ad_logistic(ad_pair e, int below)
{
    return ad_pair_quotient((ad_pair){below ? e.high : 1, below ? e.low : 0}, ad_one_plus(e));
}
AD_INLINE double ad_sigmoid(double x)
{
    const double y = ad_logistic(ad_exp_pair(ad_minus_abs(x)), x < 0);
    return x != x ? x : y;
}

/* a - b as a pair with high >= 0, and exp of its opposite: an ULP of 700 is 700 ULP of exp(700).  No NaN of two infinities. */
typedef struct { ad_pair e; double far; int below; } ad_apart;
AD_INLINE ad_apart ad_exp_apart(double a, double b)
{
    const ad_pair d = ad_two_sum(a, -b);
    const double h = a == b ? 0 : d.high, m = fabs(h), l = m > 0 && m < 1e3 ? (h < 0 ? -d.low : d.low) : 0;
    const ad_pair e = ad_exp_pair(-m);
    return (ad_apart){{e.high, AD_FMA(-l, e.high, e.low)}, m, h < 0};
}

/* sigmoid(a - b), 1 ULP. */
AD_INLINE double ad_sigmoid_of_difference(double a, double b)
{
    const ad_apart t = ad_exp_apart(a, b);
    const double y = ad_logistic(t.e, t.below);
    return t.far != t.far ? t.far : y;
}

/* 1 / (exp(a - b) - 1), 2 ULP: exp(-d) / (1 - exp(-d)) for d > 0, -1 / (1 - exp(d)) below. */
AD_INLINE double ad_over_expm1(double a, double b)
{
    const ad_pair d = ad_two_sum(a, -b);
    const double h = a == b ? 0 : d.high, m = fabs(h), l = m > 0 && m < 1e3 ? (h < 0 ? -d.low : d.low) : 0;
    const double e = ad_exp(-m), q = l * e - ad_expm1(-m);
    return (h < 0 ? -1 : e * (1 - l)) / q;
}

AD_INLINE double ad_logaddexp(double a, double b)
{
    const double d = a == b ? 0 : a - b;                    /* inf - inf would be nan */
    const double m = (a > b) | (a != a) ? a : b, y = ad_add_log1p_exp(m, ad_minus_abs(d));
    return fabs(m) == AD_INF ? m : y;
}

/* log(p / q), q = 1 - p, for the smaller of x and 1 - x, 2 ULP.  Near 1/2, log1p((p - q) / q), whose p - q = 2p - 1 is exact (Sterbenz
 * 1974); log(x) - log(1 - x) cancels there.  What quotient and q lose is added over p / q. */
AD_INLINE double ad_logit(double x)
{
    const int upper = x > 0.5;
    const double p = upper ? 1 - x : x, q = upper ? x : 1 - x, d = upper ? 1 - 2 * x : 2 * x - 1;
    const int near = p > 0.4143;
    const double n = near ? d : p, w = n / q, lost = upper ? 0 : (1 - q) - x;
    const ad_pair back = ad_two_product(w, q);
    const double rest = ((n - back.high) - back.low - w * lost) / p;
    const ad_parts a = ad_split(w);
    const double y = ad_log_parts(near ? w : a.m - 1, near ? 0 : a.k, p < 0x1p-900 ? 0 : rest);
    const double z = p > 0 ? y : p == 0 ? -AD_INF : AD_NAN;
    return upper ? -z : z;
}

AD_INLINE double ad_sigmoid_cross_entropy(double a, double b)
{
    const double w = b > 0 ? 1 - a : a;
    const double m = w == 0 ? 0 : w * fabs(b), y = ad_add_log1p_exp(m, ad_minus_abs(b));
    return m == AD_INF ? m : y;
}

/* With e = exp(-2|x|): t = 1 - e, d = 1 + e and what makes e, (1 + 2 p) 2^k, each with what it has lost by rounding; `scale` is 2^(k + 514).
 * tanh(x) = t / d and sech2(x) = 4 e / d^2, which their twin so has of one exponential and one quotient.  The numbers that are reduced are
 * halves, whose polynomial is that of ad_exp_tail: |x| need not be doubled first.  Of 1 - e, 1 - 2^k is taken first, which is 0 where the rest
 * is small.  `d.high` need not be the rounded d: by way of `near` it is there before p. */
typedef struct { ad_pair p, t, d; double scale; } ad_opposed;
AD_INLINE ad_opposed ad_exp_opposed(double x)
{
    const double least = -410, u = ad_minus_abs(x), z = least > u ? least : u, shifter = AD_MAGIC + (1023 + 514);
    const double shift = AD_FMA(z, 0x1.71547652b82fep+1, shifter), k = shift - shifter;
    const double near = AD_FMA(-k, 0.5 * AD_LN2_HI, z), c = k * (-0.5 * AD_LN2_LO), r = near + c, r2 = r * r, r4 = r2 * r2;
    const double q0 = AD_FMA(0x1.555555555555ap-2, r, 0x1.555555555555bp-1), q1 = AD_FMA(0x1.6c16c16c14148p-5, r, 0x1.111111110ebfbp-3);
    const double q2 = AD_FMA(0x1.a01a01b2012fdp-9, r, 0x1.a01a01b3a498dp-7), q3 = AD_FMA(0x1.27e4c2ba37dbcp-13, r, 0x1.71ddefc32947ap-11);
    const double q4 = AD_FMA(0x1.1f99c983a3fccp-18, r, 0x1.af6c8565807d3p-16);
    const double q = AD_FMA(AD_FMA(q4, r4, AD_FMA(q3, r2, q2)), r4, AD_FMA(q1, r2, q0));
    const double tail = AD_FMA(q, r * r2, c + r2), p = near + tail, p_low = (near - p) + tail;
    const double scale = ad_from_bits(ad_bits(shift) << 52), s = scale * 0x1p-514, twice = scale * 0x1p-513;
    const double v = 1 - s, t = AD_FMA(-twice, p, v), t_low = AD_FMA(-twice, p_low, AD_FMA(-twice, p, v - t) + ((1 - v) - s));
    const double w = 1 + s, d = AD_FMA(twice, tail, AD_FMA(twice, near, w)), d_low = AD_FMA(twice, p_low, AD_FMA(twice, p, w - d) + ((1 - w) + s));
    return (ad_opposed){{p, p_low}, {t, t_low}, {d, d_low}, scale};
}

/* tanh on all of R, 1 ULP; -0 stays -0. */
AD_INLINE double ad_tanh(double x)
{
    const ad_opposed e = ad_exp_opposed(x);
    const double y = ad_pair_quotient(e.t, e.d);
    return ad_from_bits(ad_bits(y) | (ad_bits(x) & UINT64_C(1) << 63));
}

/* 1 / cosh(x)**2, 1 ULP: w + 2 p w with w = 1/d^2, of which 2 p w is less than half: what that loses counts half.  1/d is r (1 + lost). */
AD_INLINE double ad_sech2(double x)
{
    const ad_opposed e = ad_exp_opposed(x);
    const double r = 1 / e.d.high, lost = AD_FMA(-r, e.d.low, ad_rest(1, r, e.d.high));
    const ad_pair w = ad_two_product(r, r);
    const double twice = w.high + w.high, low = AD_FMA(AD_FMA(twice, lost, w.low), AD_FMA(2, e.p.high, 1), e.p.low * twice);
    return (w.high + ad_times_plus(e.p.high, twice, low)) * e.scale * 0x1p-512;
}

AD_INLINE double ad_xlogy(double a, double b) { return a == 0 && b == b ? 0 : a * ad_log(b); }
AD_INLINE double ad_xlog1py(double a, double b) { return a == 0 && b == b ? 0 : a * ad_log1p(b); }
AD_INLINE double ad_entr(double x) { return x == 0 ? 0 : -x * ad_log(x); }

AD_THROUGH_DOUBLE(logit)
AD_THROUGH_DOUBLE(entr)
AD_THROUGH_DOUBLE_2(sigmoid_of_difference)
AD_THROUGH_DOUBLE_2(over_expm1)
AD_THROUGH_DOUBLE_2(logaddexp)
AD_THROUGH_DOUBLE_2(xlogy)
AD_THROUGH_DOUBLE_2(xlog1py)

#endif
