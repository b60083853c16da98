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

/* exp(x*x) erfc(x) for 1/4 <= x <= 28, times x + 3: minimax in t = (x - 3)/(x + 3), off by 2^-57.  The change of variable is that of
 * Shepherd & Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x" (1981).  A pair of a pair, since an exponential is
 * still to multiply it; t is 1 - 6/(x + 3), whose reciprocal is known to more than a double. */
AD_INLINE ad_pair ad_erfcx_mid_pair(double x, double x_low)
{
    const ad_pair s = ad_two_sum(x, 3);
    const double d = 1 / s.high;
    const ad_pair one = ad_two_product(d, s.high);
    const double d_low = ((1 - one.high) - one.low - d * (s.low + x_low)) * d, t = (1 - 6 * d) - 6 * d_low, t2 = t * t;
    double q = AD_FMA(-0x1.7e5028bdee325p-28, t, -0x1.c9c7c9b3f1bdcp-29);
    q = AD_FMA(q, t2, AD_FMA(0x1.8b6a1f70ae2c9p-25, t, 0x1.a624bb170c549p-25));
    q = AD_FMA(q, t2, AD_FMA(-0x1.ec1b265db7e01p-23, t, -0x1.b8b64f1068f43p-22));
    q = AD_FMA(q, t2, AD_FMA(0x1.0b6c8c4b83d1ep-20, t, 0x1.7356b5e316260p-19));
    q = AD_FMA(q, t2, AD_FMA(-0x1.3ea4c5615e8e5p-18, t, -0x1.251d7766c2114p-16));
    q = AD_FMA(q, t2, AD_FMA(0x1.fdfde98cb6000p-16, t, 0x1.c32561a94016ap-14));
    q = AD_FMA(q, t2, AD_FMA(-0x1.2238f97f9cc51p-12, t, -0x1.1f78e21b99cdep-11));
    q = AD_FMA(q, t2, AD_FMA(0x1.8dae3a1883a1fp-9, t, -0x1.3dd3e706e8435p-10));
    q = AD_FMA(q, t2, AD_FMA(-0x1.b78993d697dcdp-6, t, 0x1.e995f11b155ddp-4));
    q = AD_FMA(q, t2, AD_FMA(-0x1.3deb21415dd63p-2, t, 0x1.2e326945de2c5p-1));
    const ad_pair first = ad_two_product(-0x1.c44c471baa375p-1, t), rest = ad_two_sum(first.high, q * t2);
    const ad_pair y = ad_two_sum(0x1.12f21ddd9f5e2p+0, rest.high), p = ad_two_product(y.high, d);
    return (ad_pair){p.high, p.low + ((y.low + (rest.low + first.low)) * d + y.high * d_low)};
}
AD_INLINE double ad_erfcx_mid(double x)
{
    const ad_pair p = ad_erfcx_mid_pair(x, 0);
    return p.high + p.low;
}

/* m exp(-s x*x) for s = 1 or 1/2 and |m| < 2^60: the square as a pair, since an error of one ULP in 700 is one of 700 in the result.
 * One rounding more than m has, and one where the result is subnormal. */
AD_INLINE double ad_gauss_pair(double x, double s, ad_pair m)
{
    const double z = x < -64 ? -64 : x > 64 ? 64 : x;
    const ad_pair h = ad_two_product(z, z);
    const ad_reduced a = ad_reduce(-s * h.high < -820 ? -820 : -s * h.high);
    const double r = a.r - s * h.low, t = r + ad_exp_tail(r);
    return (m.high + AD_FMA(m.high, t, m.low)) * ad_from_bits((ad_bits(a.shift) + 1023 + 512) << 52) * 0x1p-512;
}
AD_INLINE double ad_gauss(double x, double s, double m) { return ad_gauss_pair(x, s, (ad_pair){m, 0}); }
AD_INLINE double ad_exp_minus_square(double x) { return ad_gauss(x, 1, 1); }
AD_INLINE double ad_normal_pdf(double x) { return ad_gauss_pair(x, 0.5, (ad_pair){0x1.9884533d43651p-2, -0x1.cbc0d30ebfd15p-56}); }

/* 2 ULP: 1 - erfc from 1 on. */
AD_INLINE double ad_erf(double x)
{
    const double u = fabs(x), z = u < 0.25 ? 0.25 : u > 28 ? 28 : u;
    const double far = 1 - ad_gauss(z, 1, ad_erfcx_mid(z)), near = AD_FMA(x, ad_erf_factor(u > 1 ? 1 : u), x);
    return u > 1 ? copysign(far, x) : near;
}

/* 3 ULP, also where the result is subnormal. */
AD_INLINE double ad_erfc(double x)
{
    const double u = fabs(x), z = u < 0.25 ? 0.25 : u > 28 ? 28 : u;
    const double tail = ad_gauss_pair(z, 1, ad_erfcx_mid_pair(z, 0)), near = 1 - AD_FMA(x, ad_erf_factor(u > 1 ? 1 : u), x);
    return x > 0.3 ? tail : x < -1 ? 2 - tail : near;
}

/* Half of exp(x*x/2) erfc(|x|/sqrt(2)): what exp(-x*x/2) is to be multiplied by in the normal distribution's tails. */
AD_INLINE ad_pair ad_mills(double x)
{
    const double z = fabs(x) < 40 ? fabs(x) : 40;
    const ad_pair u = ad_two_product(0x1.6a09e667f3bcdp-1, z);
    const int small = u.high < 0.25, large = u.high > 28;
    const ad_pair m = ad_erfcx_mid_pair(small ? 0.25 : large ? 28 : u.high, small | large ? 0 : u.low + -0x1.bdd3413b26456p-55 * z);
    return (ad_pair){0.5 * m.high, 0.5 * m.low};
}

/* The distribution function of the normal distribution, 3 ULP: 1/2 + erf(x/sqrt(2))/2 in the middle. */
AD_INLINE double ad_ndtr(double x)
{
    const double u = fabs(x), tail = ad_gauss_pair(x, 0.5, ad_mills(x)), t = 0.7071067811865476 * (u > 1 ? 1 : x);
    const double near = 0.5 + 0.5 * AD_FMA(t, ad_erf_factor(t), t);
    return x < -0.5 ? tail : x > 1 ? 1 - tail : near;
}

/* exp(x*x) erfc(x), 3 ULP.  Beyond 28 the asymptotic series (DLMF 7.12.1). */
AD_INLINE double ad_erfcx(double x)
{
    const double u = fabs(x), m = u < 0.25 ? 0.25 : u > 28 ? 28 : u, r = 1 / (u > 28 ? u : 28), w = r * r;
    const double mid = ad_erfcx_mid(m);
    const double far = 0.5641895835477563 * r * (1 - w * (0.5 - w * (0.75 - w * (1.875 - w * (6.5625 - w * (29.53125 - w * 162.421875))))));
    const double z = x < -27 ? -27 : x > 1 ? 1 : x;
    const ad_pair h = ad_two_product(z, z);
    const double e = ad_exp(h.high), g = e * (1 + h.low);      /* not e + e * h.low: inf * 0 */
    const double near = g * (1 - AD_FMA(x, ad_erf_factor(u > 1 ? 1 : u), x));
    return x != x ? x : x > 28 ? far : x > 0.3 ? mid : x < -1 ? 2 * g - (u > 28 ? 0 : mid) : near;
}

/* The derivative of erfcx, 2x erfcx(x) - 2/sqrt(pi), whose terms cancel above 0: there a minimax polynomial in t = (x - 3)/(x + 3),
 * off by 2^-53, and beyond 28 the derivative of the series. */
static inline double ad_erfcx_slope(double x)
{
    static const double c[] = {
        0x1.f518416b7479dp+0, -0x1.793f5830c4315p+1, 0x1.59ddfb6ce9ca6p+1, -0x1.b8509d8823a16p+0, 0x1.76ab35ca7c91ep-1, -0x1.3ac1400c26636p-3,
        -0x1.e705280043c5cp-6, 0x1.d58c726674a3cp-6, -0x1.404fda85236ebp-9, -0x1.f7c2d7c1ee149p-9, 0x1.bd03044ab5144p-11, 0x1.2d2925969bce8p-11,
        -0x1.5ac8e5762b9d0p-13, -0x1.b92acf0b33b66p-14, 0x1.bbbbd680cc5b9p-16, 0x1.78c98495eea62p-16, -0x1.82ca736feaf98p-19, -0x1.4c6174142403dp-18,
        -0x1.6b3459248d5eep-23, 0x1.fe6380e64d302p-21, 0x1.9eebb898997f8p-23, -0x1.e253538ea2176p-24, -0x1.5a5bef9ff78e7p-25};
    if (x < 0.25)
        return 2 * x * ad_erfcx(x) - 1.1283791670955126;
    if (x > 28) {
        const double r = 1 / x, w = r * r;
        return -0.5641895835477563 * r * r * (1 - w * (1.5 - w * (3.75 - w * (13.125 - w * (59.0625 - w * (324.84375 - w * 2111.484375))))));
    }
    const double d = 1 / (x + 3), t = (x - 3) * d;
    double p = 0;
    for (int i = (int)(sizeof c / sizeof *c) - 1; i >= 0; i--)
        p = AD_FMA(p, t, c[i]);
    return -p * d * d;
}

/* log(ndtr(x)), 3 ULP.  Below -1 the logarithm of Mills' ratio less x*x/2, above 0 by way of what is missing from 1. */
static inline double ad_log_ndtr(double x)
{
    if (x < -1)
        return ad_log(0.5 * ad_erfcx(-0.7071067811865476 * x)) - 0.5 * x * x;
    return x > 0 ? ad_log1p(-ad_ndtr(-x)) : ad_log(ad_ndtr(x));
}

/* x ndtr(x), 3 ULP.  Far below, ndtr has lost digits to underflow that the product still has: hence x before the exponential. */
AD_INLINE double ad_gelu(double x)
{
    const double z = x < -64 ? -64 : x, y = x * ad_ndtr(x);
    const ad_pair m = ad_mills(x), p = ad_two_product(z, m.high);
    const double tail = ad_gauss_pair(x, 0.5, (ad_pair){p.high, p.low + z * m.low});
    return x < -0.5 ? tail : y;
}

/* The quantile of the normal distribution for p = 1/2 + q, where p is the smaller of both tails: rational approximations of Wichura,
 * "Algorithm AS 241" (1988), good to 1e-16. */
static inline double ad_normal_quantile(double q, double p)
{
    static const double c[6][8] = {
        {3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
         4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3},
        {1, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
         2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3},
        {1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
         1.27045825245236838258, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4},
        {1, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1,
         1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9},
        {6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 2.96560571828504891230e-1,
         2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7},
        {1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
         7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15},
    };
    const int middle = fabs(q) <= 0.425;
    const double r = middle ? 0.180625 - q * q : sqrt(-ad_log(p)), x = middle ? r : r <= 5 ? r - 1.6 : r - 5;
    const double *const a = c[middle ? 0 : r <= 5 ? 2 : 4], *const b = c[middle ? 1 : r <= 5 ? 3 : 5];
    double y = a[7], z = b[7];
    for (int k = 6; k >= 0; k--) {
        y = AD_FMA(y, x, a[k]);
        z = AD_FMA(z, x, b[k]);
    }
    return middle ? q * (y / z) : p == 0 ? copysign(AD_INF, q) : copysign(y / z, q);
}
static inline double ad_ndtri(double x)
{
    return x >= 0 && x <= 1 ? ad_normal_quantile(x - 0.5, x < 0.5 ? x : 1 - x) : AD_NAN;
}
static inline double ad_erfinv(double x)
{
    return fabs(x) <= 1 ? 0.7071067811865476 * ad_normal_quantile(0.5 * x, 0.5 * (1 - fabs(x))) : AD_NAN;
}

/* ------------------------------------------------------------------------------------------------- gamma */
/* digamma(x) / (x - x0), x0 its root, for x in [1, 2]: minimax in x - 3/2, off by 2^-56. */
static inline double ad_digamma_near_root(double x)
{
    static const double c[] = {
        0x1.e6f0cbb873617p-1, -0x1.b1cb63005ee98p-2, 0x1.eca189b8e6d98p-3, -0x1.2feeeb98a7a38p-3, 0x1.8512e5905db98p-4,
        -0x1.fb44202a06d32p-5, 0x1.4de9aa05925b3p-5, -0x1.b9f8b124b8e15p-6, 0x1.256475f2e7afcp-6, -0x1.86356277caa83p-7,
        0x1.03c0067553d34p-7, -0x1.5a06ccc4622d2p-8, 0x1.cd3e7b473d83bp-9, -0x1.336b3f5dd9f95p-9, 0x1.980d4cef027d5p-10,
        -0x1.0fcd6c72cf51bp-10, 0x1.7b4c3574f6860p-11, -0x1.fc4582459d586p-12, 0x1.dc0aff2e9d6e1p-13, -0x1.343fb0c69a8e1p-13,
        0x1.107fda0c6a8aap-12, -0x1.724570309af6dp-13};
    const double u = x - 1.5;
    double p = 0;
    for (int i = (int)(sizeof c / sizeof *c) - 1; i >= 0; i--)
        p = AD_FMA(p, u, c[i]);
    return p;
}

/* cot(pi x), x no whole number. */
static inline double ad_cotpi(double x)
{
    const double pi = 3.141592653589793, r = x - rint(x);
    return fabs(r) <= 0.25 ? 1 / tan(pi * r) : copysign(tan(pi * (0.5 - fabs(r))), r);
}

/* digamma.  Above 12 the asymptotic series (DLMF 5.11.2); below, the recurrence down to [1, 2], where the root is divided out;
 * below 0, reflection (5.5.4).  nan at the poles.  4 ULP above 0; below, 4 ULP of the larger of the two terms. */
static inline double ad_digamma(double x)
{
    double y = 0;
    if (x <= 0) {
        if (x == floor(x))
            return AD_NAN;
        const ad_pair t = ad_two_sum(1, -x);                    /* and digamma'(t) = 1/t + 1/(2 t^2) + 1/(6 t^3) ... */
        y = t.low * (1 + (0.5 + 0.16 / t.high) / t.high) / t.high - 3.141592653589793 * ad_cotpi(x);
        x = t.high;
    }
    if (x >= 12) {
        const double z = 1 / (x * x);
        const double series = z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 -
                              z * (691.0 / 32760 - z * (1.0 / 12)))))));
        return y + (log(x) - (0.5 / x + series));
    }
    for (; x > 2; y += 1 / x)
        x -= 1;
    if (x < 1) {
        y -= 1 / x;
        x += 1;
    }
    return y + ((x - 0x1.762d86356be3fp+0) - 0x1.b86a722197829p-54) * ad_digamma_near_root(x);
}

/* n-th derivative of pi cot(pi x) over pi^(n+1): a polynomial in c = cot(pi x), by d/dx c = -pi (1 + c^2).  Its coefficients are of
 * one sign, so that nothing cancels. */
static inline double ad_cotpi_derivative(int n, double c)
{
    double p[32] = {0, 1};                                  /* p[k]: of c^k; n <= 30 */
    for (int j = 0; j < n; j++) {
        double d[32] = {0};
        for (int k = 1; k <= j + 1; k++) {
            d[k - 1] -= k * p[k];
            d[k + 1] -= k * p[k];
        }
        for (int k = 0; k < 32; k++)
            p[k] = d[k];
    }
    double y = p[n + 1];
    for (int k = n; k >= 0; k--)                            /* not from y = 0: c may be infinite */
        y = y * c + p[k];
    return y;
}

/* n-th derivative of digamma: (-1)^(n+1) n! times the Hurwitz zeta function of n + 1 (DLMF 25.11.12), by Euler and Maclaurin's
 * formula from 15 + n on; reflection below 0, up to n = 30.  At the poles inf or nan. */
static inline double ad_polygamma(double n, double x)
{
    static const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510};
    if (!(n >= 0) || n != floor(n) || n > 160 || x != x)
        return AD_NAN;
    if (n == 0)
        return ad_digamma(x);
    const int odd = fmod(n, 2) == 1;
    if (x <= 0) {
        if (x == floor(x) || n > 30)
            return odd && n <= 30 ? AD_INF : AD_NAN;
        const double reflected = ad_polygamma(n, 1 - x);
        return (odd ? -reflected : reflected) - pow(3.141592653589793, n + 1) * ad_cotpi_derivative((int)n, ad_cotpi(x));
    }
    double head = 0;
    for (; x < 15 + n; x += 1)
        head += pow(x, -n - 1);
    double tail = pow(x, -n) / n + 0.5 * pow(x, -n - 1), term = 0.5 * (n + 1) * pow(x, -n - 2);
    for (int k = 0; k < 8; k++) {
        tail += bernoulli[k] * term;
        term *= (n + 2 * k + 2) * (n + 2 * k + 3) / ((2 * k + 3.0) * (2 * k + 4.0)) / (x * x);
    }
    return (odd ? 1 : -1) * tgamma(n + 1) * (head + tail);
}

AD_LIBM(lgamma)
AD_THROUGH_DOUBLE(erfcx)
AD_THROUGH_DOUBLE(erfcx_slope)
AD_THROUGH_DOUBLE(log_ndtr)
AD_THROUGH_DOUBLE(ndtri)
AD_THROUGH_DOUBLE(erfinv)
AD_THROUGH_DOUBLE(digamma)
AD_THROUGH_DOUBLE_2(polygamma)

#endif
