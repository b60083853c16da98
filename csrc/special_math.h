/* Error function, normal distribution, gamma function and its derivatives.  Included by scalar_math.h. */
#ifndef AD_SPECIAL_MATH_H
#define AD_SPECIAL_MATH_H

/* ------------------------------------------------------------------------------------------------- error function, normal distribution */
/* erf(x) / x - 1 for |x| <= 1: minimax in x^2, off by 2^-57. */
AD_INLINE double ad_erf_factor(double x)
{
    const double z = x * x, z2 = z * z;
    double p = AD_FMA(-0x1.abae353b8bc61p-31, z, 0x1.d71b21cf3d7e9p-27);
    p = AD_FMA(p, z2, AD_FMA(-0x1.5c072df7c0dd9p-23, z, 0x1.b97fd5d5cea34p-20));
    p = AD_FMA(p, z2, AD_FMA(-0x1.f4ca4dbca99fep-17, z, 0x1.f9a2bab00ed8ep-14));
    p = AD_FMA(p, z2, AD_FMA(-0x1.c02db03e3cd72p-11, z, 0x1.565bccf92eaadp-8));
    p = AD_FMA(p, z2, AD_FMA(-0x1.b82ce311fab6fp-6, z, 0x1.ce2f21a040d21p-4));
    p = AD_FMA(p, z2, AD_FMA(-0x1.812746b0379bdp-2, z, 0x1.06eba8214db68p-3));
    return p;
}

/* y t + c in pairs; in haste as ad_product_sum. */
AD_INLINE double ad_horner_low(ad_pair y, double t, double t_low, double p_low, double c_low)
{
    return p_low + AD_FMA(y.high, t_low, AD_FMA(y.low, t, c_low));
}
AD_INLINE ad_pair ad_horner(ad_pair y, double t, double t_low, double c, double c_low)
{
    const ad_pair p = ad_cut_product(y.high, t), s = ad_two_sum(c, p.high);
    return (ad_pair){s.high, s.low + ad_horner_low(y, t, t_low, p.low, c_low)};
}
AD_INLINE ad_pair ad_horner_in_haste(ad_pair y, double t, double t_low, double c, double c_low)
{
    const ad_pair s = ad_product_sum(y.high, t, c);
    return (ad_pair){s.high, ad_horner_low(y, t, t_low, s.low, c_low)};
}

/* 1/(x + c) and t = (x - c)/(x + c) = 1 - 2c/(x + c) as pairs, for x >= 0 and a c of few digits.  The high part of t is a multiple of
 * 2^-52, so that 1 - t is exact. */
typedef struct { double d, d_low, t, t_low; } ad_fraction;
AD_INLINE ad_fraction ad_change(double x, double x_low, double c)
{
    const double s = x + c, s_low = (x - (s - c)) + x_low, d = 1 / s, d_low = AD_FMA(-d, s_low, ad_cut_rest(1, d, s)) * d;
    const double t = (AD_FMA(-2 * c, d, 1) + 2) - 2;
    return (ad_fraction){d, d_low, t, AD_FMA(-2 * c, d_low, ad_cut_rest(1 - t, 2 * c, d))};
}

/* exp(x*x) erfc(x) for 0 <= x <= 28, times x + 3: a polynomial in t, off by 2^-56.9.  The change of variable is that of
 * Shepherd & Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x" (1981).  A pair of a pair, since an exponential is
 * still to multiply it: t and the last four steps are taken in pairs.  (An x_low of -0.0 is no addition, 0 would be one.) */
AD_INLINE ad_pair ad_erfcx_mid_pair(double x, double x_low)
{
    const ad_fraction v = ad_change(x, x_low, 3);
    const double d = v.d, t = v.t, t_low = v.t_low, t2 = t * t;
    const double t4 = t2 * t2;
    double q = AD_FMA(-0x1.7c9bee49e23d1p-30, t, -0x1.990ed656e87c4p-28), odd = AD_FMA(0x1.fde121b66d1aep-30, t, 0x1.964baa2dee25cp-25);
    q = AD_FMA(q, t4, AD_FMA(0x1.5ddb2497cee85p-25, t, -0x1.efd975f4c9ec2p-23));
    odd = AD_FMA(odd, t4, AD_FMA(-0x1.b065e43ef0d0ap-22, t, 0x1.0bc71abc0441ep-20));
    q = AD_FMA(q, t4, AD_FMA(0x1.72be3d30b581ap-19, t, -0x1.3eaefd62c04d8p-18));
    odd = AD_FMA(odd, t4, AD_FMA(-0x1.25166e9f37383p-16, t, 0x1.fdfe9cb9002e3p-16));
    q = AD_FMA(q, t4, AD_FMA(0x1.c324f6c5fa29fp-14, t, -0x1.2238fb4d859dfp-12));
    odd = AD_FMA(odd, t4, AD_FMA(-0x1.1f78e021286d5p-11, t, 0x1.8dae3a1d7d91bp-9));
    q = AD_FMA(q, t4, AD_FMA(-0x1.3dd3e71cbe4cap-10, t, -0x1.b78993d69d8edp-6));
    ad_pair y = ad_product_sum(AD_FMA(AD_FMA(odd, t2, q), t, 0x1.e995f11b19363p-4), t, -0x1.3deb21415dd61p-2);
    y.low += AD_FMA(0.125, t_low, -0x1.493da073ba2e7p-56);
    y = ad_horner_in_haste(y, t, t_low, 0x1.2e326945de2a4p-1, -0x1.a104803fe12cbp-55);
    y = ad_horner_in_haste(y, t, t_low, -0x1.c44c471baa374p-1, -0x1.35c9483fa512dp-53);
    y = ad_horner_in_haste(y, t, t_low, 0x1.12f21ddd9f5e2p+0, -0x1.7936544b963f0p-54);
    const ad_pair p = ad_cut_product(y.high, d);
    return (ad_pair){p.high, AD_FMA(y.high, v.d_low, AD_FMA(y.low, d, p.low))};
}
AD_INLINE double ad_erfcx_mid(double x)
{
    const ad_pair p = ad_erfcx_mid_pair(x, -0.0);
    return p.high + p.low;
}

/* exp(-s x*x) for s = 1 or 1/2 as (1 + t + low) scale 2^-512: the square exactly, since an error of one ULP in 700 is one of 700 in the
 * result.  From 28 (s = 1) or 40 on it is 0, as is what it multiplies there: erfc, or for s = 1/2 less than 2^60. */
typedef struct { double t, low, scale; } ad_gauss_parts;
AD_INLINE ad_gauss_parts ad_gauss_reduced(double x, double s)
{
    const double u = fabs(x), most = s == 1 ? 28 : 40, z = u > most ? most : u;
    const ad_pair h = ad_cut_product(z, z);
    const double q = -s * h.high, shift = AD_FMA(q, 0x1.71547652b82fep+0, AD_MAGIC), k = shift - AD_MAGIC;
    const double near = AD_FMA(-k, AD_LN2_HI, q), c = AD_FMA(-k, AD_LN2_LO, -s * h.low), tail = ad_exp_tail(near + c) + c, t = near + tail;
    return (ad_gauss_parts){t, (near - t) + tail, ad_from_bits((ad_bits(shift) + 1023 + 512) << 52)};
}
/* m times that for |m| < 2^60, as a scaled pair.  Rounded once, and once more where the result is subnormal. */
AD_INLINE ad_scaled ad_gauss_scaled(double x, double s, ad_pair m)
{
    const ad_gauss_parts e = ad_gauss_reduced(x, s);
    const ad_pair y = ad_product_sum(m.high, e.t, m.high);
    return (ad_scaled){y.high, AD_FMA(m.high, e.low, AD_FMA(m.low, e.t, m.low + y.low)), e.scale};
}
AD_INLINE double ad_gauss_pair(double x, double s, ad_pair m)
{
    const ad_scaled y = ad_gauss_scaled(x, s, m);
    return (y.high + y.low) * y.scale * 0x1p-512;
}
AD_INLINE double ad_exp_minus_square(double x)
{
    const ad_gauss_parts e = ad_gauss_reduced(x, 1);
    const double y = 1 + e.t;
    return (y + (((1 - y) + e.t) + e.low)) * e.scale * 0x1p-512;
}
AD_INLINE double ad_normal_pdf(double x) { return ad_gauss_pair(x, 0.5, (ad_pair){0x1.9884533d43651p-2, -0x1.cbc0d30ebfd15p-56}); }

/* 1 - exp(x) for -40 <= x <= -1: 1 - 2^k is exact, and what is left small. */
AD_INLINE double ad_one_less_exp(double x)
{
    const ad_reduced a = ad_reduce(x);
    const double p = ad_from_bits((ad_bits(a.shift) + 1023) << 52);
    return AD_FMA(-p, a.r + ad_exp_tail(a.r), 1 - p);
}

/* -log(erfc(1 + v)) for 1 + v in [0.84, 6], beyond which erf is 1: minimax, erfc off by 2^-57.7.  About 1, where an error counts most. */
AD_INLINE double ad_erfc_exponent(double v)
{
    const double w = v * v;
    double p = AD_FMA(-0x1.b037e69be2b4ap-40, w, AD_FMA(0x1.6263c5c37edaep-35, v, -0x1.0c15769ab283cp-31));
    p = AD_FMA(p, w, AD_FMA(0x1.ef6807b9c6a8fp-29, v, -0x1.34a8b1741529bp-26));
    p = AD_FMA(p, w, AD_FMA(0x1.058b38cca6522p-24, v, -0x1.f2d824cd1d8e2p-24));
    p = AD_FMA(p, w, AD_FMA(-0x1.ea4cda2507df7p-24, v, 0x1.100ee0a9daaaep-19));
    p = AD_FMA(p, w, AD_FMA(-0x1.417ee59965645p-17, v, 0x1.c75ecbb9762f9p-16));
    p = AD_FMA(p, w, AD_FMA(-0x1.b8bead2753e67p-16, v, -0x1.f1b4c1c2acd24p-13));
    p = AD_FMA(p, w, AD_FMA(0x1.033f69ab2b241p-9, v, -0x1.48c9d40bea5c4p-7));
    p = AD_FMA(p, w, AD_FMA(0x1.5477f09ca2827p-5, v, 0x1.afabc11a28f4ep-1));
    return AD_FMA(AD_FMA(p, v, 0x1.51c9b0006c23fp+1), v, 0x1.d97fbf27aa2a1p+0);
}

/* 1 ULP: below 0.84 x and a polynomial of x^2 times x; beyond, 1 - erfc as an exponential of one number. */
AD_INLINE double ad_erf(double x)
{
    const double u = fabs(x), far = ad_one_less_exp(-ad_erfc_exponent((u > 6 ? 6 : u) - 1)), near = AD_FMA(x, ad_erf_factor(x), x);
    return u > 0.84375 ? copysign(far, x) : near;
}

/* 1 ULP, also where the result is subnormal. */
AD_INLINE double ad_erfc(double x)
{
    const double u = fabs(x), tail = ad_gauss_pair(x, 1, ad_erfcx_mid_pair(u > 28 ? 28 : u, -0.0)), other = 2 - tail;
    return x < 0 ? other : tail;
}

/* Half of exp(x*x/2) erfc(|x|/sqrt(2)): what exp(-x*x/2) is to be multiplied by in the normal distribution's tails. */
AD_INLINE ad_pair ad_mills(double x)
{
    const double z = fabs(x) < 40 ? fabs(x) : 40;
    const ad_pair u = ad_two_product(0x1.6a09e667f3bcdp-1, z);
    const int large = u.high > 28;
    const ad_pair m = ad_erfcx_mid_pair(large ? 28 : u.high, large ? 0 : u.low + -0x1.bdd3413b26456p-55 * z);
    return (ad_pair){0.5 * m.high, 0.5 * m.low};
}

/* The distribution function of the normal distribution as a pair for |x| <= 1, 1/2 + erf(x/sqrt(2))/2. */
AD_INLINE ad_pair ad_ndtr_near(double x)
{
    const ad_pair t = ad_two_product(0x1.6a09e667f3bcdp-2, x);
    const ad_pair s = ad_two_sum(0.5, t.high), y = ad_two_sum(s.high, t.high * ad_erf_factor(2 * t.high));
    return (ad_pair){y.high, y.low + (s.low + AD_FMA(-0x1.bdd3413b26456p-56, x, t.low))};
}
/* The same anywhere, 1 ULP.  Beyond 0 it is what the other tail lacks to 1, which is rounded once. */
AD_INLINE double ad_ndtr(double x)
{
    const ad_scaled m = ad_gauss_scaled(x, 0.5, ad_mills(x));
    const double s = m.scale * 0x1p-512, high = m.high * s, y = 1 - high, other = y + (((1 - y) - high) - m.low * s);
    const double tail = (m.high + m.low) * m.scale * 0x1p-512;
    return x > 0 ? other : tail;
}

/* exp(x*x) erfc(x), 2 ULP.  Beyond 28 the asymptotic series (DLMF 7.12.1); below 0 it is 2 exp(x*x) less that of -x. */
AD_INLINE double ad_erfcx(double x)
{
    const double u = fabs(x), m = u > 28 ? 28 : u, r = 1 / (u > 28 ? u : 28), w = r * r;
    const double mid = ad_erfcx_mid(m), lead = 0x1.20dd750429b6dp-1 / (u > 28 ? u : 28);
    const double far = AD_FMA(lead, 0x1.f56b81eed3p-57 - w * (0.5 - w * (0.75 - w * (1.875 - w * (6.5625 - w * (29.53125 - w * 162.421875))))), lead);
    /* exp(z*z) = p 2^k, and p as a pair */
    const double z = x < -27 ? -27 : x > 0 ? 0 : x;
    const ad_pair h = ad_two_product(z, z);
    const ad_reduced a = ad_reduce(h.high < 710 ? h.high : 710);
    const double near = AD_FMA(-a.k, AD_LN2_HI, h.high), tail = AD_FMA(-a.k, AD_LN2_LO, ad_exp_tail(a.r + h.low)) + h.low, t = near + tail, p = 1 + t;
    const double p_low = ((near - t) + tail) + (t - (p - 1)), scale = ad_from_bits((ad_bits(a.shift) + 1023) << 52);
    const double left = 2 * ((p - mid / (2 * scale)) + p_low) * scale;
    const double right = x > 28 ? far : mid, y = x < 0 ? left : right;
    return x < -26.7 ? AD_INF : x == x ? y : x;
}

/* The derivative of erfcx, 2x erfcx(x) - 2/sqrt(pi), whose terms cancel above 0: there a polynomial in t = (x - 3)/(x + 3), off by
 * 2^-55, and beyond 28 the derivative of the series.  3 ULP. */
AD_INLINE double ad_erfcx_slope(double x)
{
    const ad_fraction v = ad_change(x < 0.25 ? 0.25 : x > 28 ? 28 : x, 0, 3);
    const double t = v.t, t2 = t * t, r = 1 / (x > 28 ? x : 28), w = r * r;
    double p = AD_FMA(0x1.9db9067ba4da7p-27, t, -0x1.19660d90e82c1p-25);
    p = AD_FMA(p, t2, AD_FMA(-0x1.5222da9b60113p-23, t, 0x1.64b1dae4fec1fp-23));
    p = AD_FMA(p, t2, AD_FMA(0x1.12f9a614bc997p-20, t, -0x1.1115368a6e027p-23));
    p = AD_FMA(p, t2, AD_FMA(-0x1.50fc0a7cea5b1p-18, t, -0x1.87b74215419e2p-19));
    p = AD_FMA(p, t2, AD_FMA(0x1.7975ea6dd47e5p-16, t, 0x1.bc115f1769177p-16));
    p = AD_FMA(p, t2, AD_FMA(-0x1.b93b4430eb058p-14, t, -0x1.5acc9f469f66bp-13));
    p = AD_FMA(p, t2, AD_FMA(0x1.2d29a98b69ed2p-11, t, 0x1.bd0339a13b7ecp-11));
    p = AD_FMA(p, t2, AD_FMA(-0x1.f7c2dd12536abp-9, t, -0x1.404fdc60e51fbp-9));
    p = AD_FMA(p, t2, AD_FMA(0x1.d58c727735917p-6, t, -0x1.e70527fb6eb9dp-6));
    ad_pair y = {AD_FMA(p, t, -0x1.3ac1400c43c40p-3), 0};
    y = ad_horner(y, t, v.t_low, 0x1.76ab35ca7af5cp-1, 0x1.988444c335b8dp-56);
    y = ad_horner(y, t, v.t_low, -0x1.b8509d8823899p+0, 0x1.3218b98f63756p-57);
    y = ad_horner(y, t, v.t_low, 0x1.59ddfb6ce9cc0p+1, 0x1.7f69093fbbb98p-53);
    y = ad_horner(y, t, v.t_low, -0x1.793f5830c4317p+1, 0x1.8287f05830974p-53);
    y = ad_horner(y, t, v.t_low, 0x1.f518416b7479dp+0, -0x1.2b5810917189ap-54);
    const ad_pair q = ad_two_product(y.high, v.d);
    const double mid = -(q.high * v.d + (q.low + (y.low * v.d + 2 * y.high * v.d_low)) * v.d), near = 2 * x * ad_erfcx(x) - 1.1283791670955126;
    const double far = -0.5641895835477563 * r * r * (1 - w * (1.5 - w * (3.75 - w * (13.125 - w * (59.0625 - w * (324.84375 - w * 2111.484375))))));
    const double right = x > 28 ? far : mid;
    return x >= 0.25 ? right : near;
}

/* log(ndtr(x)), 2 ULP: below -1 the logarithm of Mills' ratio less x*x/2, from -39 down by its asymptotic series (DLMF 7.12.1); above 1 by way of
 * what is missing from 1. */
AD_INLINE double ad_log_ndtr(double x)
{
    const int left = x < -1, right = x > 1;
    const ad_pair mills = ad_mills(x), m = ad_two_sum(mills.high, mills.low), n = ad_ndtr_near(left | right ? 0 : x);
    const double r = 1 / (x < -1e160 ? 1e160 : x < -39 ? -x : 39), w = r * r;
    const double far = 0x1.9884533d43651p-2 * r * (1 - w * (1 - w * (3 - w * (15 - w * (105 - w * 945)))));
    const double high = left ? (x < -39 ? far : m.high) : n.high, low = left ? (x < -39 ? 0 : m.low) : n.low;
    const ad_parts a = ad_split(high);
    const double y = ad_log_parts(right ? -ad_gauss_pair(x, 0.5, m) : a.m - 1, right ? 0 : a.k, right ? 0 : low / high);
    return x != x ? x : left ? y - 0.5 * x * x : y == 0 ? -0.0 : y;
}

/* x ndtr(x), 2 ULP.  Far below, ndtr has lost digits to underflow that the product still has: hence x before the exponential. */
AD_INLINE double ad_gelu(double x)
{
    const double z = x < -64 ? -64 : x, y = x * ad_ndtr(x);
    const ad_pair m = ad_mills(x), p = ad_two_product(z, m.high), n = ad_ndtr_near(fabs(x) > 1 ? 1 : x);
    const double tail = ad_gauss_pair(x, 0.5, (ad_pair){p.high, p.low + z * m.low}), near = AD_FMA(x, n.high, x * n.low);
    return x < -0.5 ? tail : x < 1 ? near : y;
}

/* The quantile of the normal distribution for p = 1/2 + q, where p is the smaller of both tails: rational approximations of Wichura,
 * "Algorithm AS 241" (1988), good to 1e-16; of its three pairs the coefficients of one. */
AD_INLINE double ad_normal_quantile(double q, double p)
{
    static const double c[3][2][8] = {
        {{3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
          4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3},
         {1, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
          2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3}},
        {{1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
          1.27045825245236838258, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4},
         {1, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1,
          1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9}},
        {{6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 2.96560571828504891230e-1,
          2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7},
         {1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
          7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15}},
    };
    const int middle = fabs(q) <= 0.425;
    const double r = middle ? 0.180625 - q * q : sqrt(-ad_log(p)), x = middle ? r : r <= 5 ? r - 1.6 : r - 5;
    const int outer = r <= 5;
#define AD_CHOSEN(of, k) (middle ? c[0][of][k] : outer ? c[1][of][k] : c[2][of][k])
#define AD_STEP(k) y = AD_FMA(y, x, AD_CHOSEN(0, k)), z = AD_FMA(z, x, AD_CHOSEN(1, k))
    double y = AD_CHOSEN(0, 7), z = AD_CHOSEN(1, 7);
    AD_STEP(6), AD_STEP(5), AD_STEP(4), AD_STEP(3), AD_STEP(2), AD_STEP(1), AD_STEP(0);
#undef AD_STEP
#undef AD_CHOSEN
    const double quotient = y / z, tail = copysign(p == 0 ? AD_INF : quotient, q);
    return middle ? q * quotient : tail;
}
/* The same with one step of Newton's method, as a number and what it lacks: half the central distribution function near 0, or a tail as
 * a scaled pair, is what q or p is compared with.  `over` times `scale`: 1 over the density there, whose logarithm changes by the quantile times that lack. */
typedef struct { double y, low; ad_pair over; double scale; } ad_quantile;
AD_INLINE ad_quantile ad_quantile_of(double q, double p)
{
    const double quantile = ad_normal_quantile(q, p);
    const int finite = fabs(quantile) < AD_INF, middle = fabs(q) <= 0.25;
    const double y = finite ? quantile : 0;
    const ad_scaled f = ad_gauss_scaled(y, 0.5, (ad_pair){0x1.9884533d43651p-2, -0x1.cbc0d30ebfd15p-56}), m = ad_gauss_scaled(y, 0.5, ad_mills(y));
    const double density = f.high + f.low, v = middle ? y : 0;
    const ad_pair t = ad_two_product(0x1.6a09e667f3bcdp-2, v), n = ad_two_sum(t.high, t.high * ad_erf_factor(2 * t.high));
    const double near = ((q - n.high) - (n.low + AD_FMA(-0x1.bdd3413b26456p-56, v, t.low))) / (f.scale * 0x1p-512);
    const double far = (p * 0x1p512 / f.scale - m.high) - m.low, low = (middle ? near : q < 0 ? far : -far) / density;
    const double over = 1 / density;
    const ad_pair one = ad_two_product(over, density);
    const double lacks = ((1 - one.high) - one.low) - ((f.high - density) + f.low) * over;      /* of over, in parts of it */
    return (ad_quantile){quantile, finite ? low : 0, finite ? (ad_pair){over, over * (y * low + lacks)} : (ad_pair){fabs(quantile), 0}, finite ? 0x1p512 / f.scale : 1};
}

/* 1 ULP, and so their derivatives: not of the rounded quantile, whose last place counts 38 times itself. */
AD_INLINE ad_quantile ad_ndtri_pair(double x) { return ad_quantile_of(x - 0.5, x < 0.5 ? x : 1 - x); }
AD_INLINE double ad_ndtri(double x)
{
    const ad_quantile z = ad_ndtri_pair(x);
    return (x >= 0) & (x <= 1) ? z.y + z.low : AD_NAN;
}
AD_INLINE double ad_ndtri_slope(double x)
{
    const ad_quantile z = ad_ndtri_pair(x);
    return (x >= 0) & (x <= 1) ? (z.over.high + z.over.low) * z.scale : AD_NAN;
}
AD_INLINE ad_quantile ad_erfinv_pair(double x) { return ad_quantile_of(0.5 * x, 0.5 * (1 - fabs(x))); }
AD_INLINE double ad_erfinv(double x)
{
    const double u = fabs(x), v = x * 0x1p200;
    const ad_quantile z = ad_erfinv_pair(x);
    const ad_pair small = ad_two_product(0x1.c5bf891b4ef6bp-1, v), y = ad_two_product(0x1.6a09e667f3bcdp-1, z.y);      /* the first: sqrt(pi)/2 x */
    const double near = (small.high + (small.low + -0x1.618f13eb7ca89p-55 * v)) * 0x1p-200;
    const double far = y.high + (y.low + (-0x1.bdd3413b26456p-55 * z.y + 0x1.6a09e667f3bcdp-1 * z.low));
    const double end = u == 1 ? copysign(AD_INF, x) : far;
    return u <= 1 ? (u < 0x1p-30 ? near : end) : AD_NAN;
}
AD_INLINE double ad_erfinv_slope(double x)
{
    const ad_quantile z = ad_erfinv_pair(x);
    const ad_pair p = ad_two_product(0x1.6a09e667f3bcdp-2, z.over.high);
    const double y = (p.high + (p.low + AD_FMA(-0x1.bdd3413b26456p-56, z.over.high, 0x1.6a09e667f3bcdp-2 * z.over.low))) * z.scale;
    return fabs(x) < 1 ? y : fabs(x) == 1 ? AD_INF : AD_NAN;
}

AD_THROUGH_DOUBLE(erfcx)
AD_THROUGH_DOUBLE(erfcx_slope)
AD_THROUGH_DOUBLE(log_ndtr)
AD_THROUGH_DOUBLE(ndtri)
AD_THROUGH_DOUBLE(erfinv)
AD_THROUGH_DOUBLE(ndtri_slope)
AD_THROUGH_DOUBLE(erfinv_slope)

#endif
