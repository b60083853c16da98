/* Error function, normal distribution, gamma function and its derivatives.  Included by scalar_math.h. */
#ifndef AD_SPECIAL_MATH_H
#define AD_SPECIAL_MATH_H

/* ------------------------------------------------------------------------------------------------- normal distribution */
/* exp(-s x*x) for s = 1 or 1/2, m times: the square as a pair, since an error of one ULP in 700 is one of 700 in the result. */
AD_INLINE double ad_gauss(double x, double s, double m)
{
    const double z = x < -64 ? -64 : x > 64 ? 64 : x;
    const ad_pair h = ad_two_product(z, z);
    return ad_exp_times(-s * h.high, m - m * s * h.low);
}
AD_INLINE double ad_exp_minus_square(double x) { return ad_gauss(x, 1, 1); }
AD_INLINE double ad_normal_pdf(double x) { return ad_gauss(x, 0.5, 0.3989422804014327); }

/* erfc(-x/sqrt(2)) / 2.  The argument as t + l: erfc(t + l) = erfc(t) - 2/sqrt(pi) exp(-t*t) l. */
static inline double ad_ndtr(double x)
{
    const double z = x < -64 ? -64 : x > 64 ? 64 : x;
    const ad_pair t = ad_two_product(z, -0x1.6a09e667f3bcdp-1);
    const double l = AD_FMA(z, 0x1.bdd3413b26456p-55, t.low);
    return 0.5 * erfc(t.high) - 0.5641895835477563 * l * ad_exp_minus_square(t.high);
}

/* x ndtr(x).  Far below, ndtr has lost digits to underflow that the product still has: there the asymptotic series, ndtr(x) =
 * -pdf(x)/x (1 - 1/x^2 + 3/x^4 - 15/x^6 ...), DLMF 7.12.1. */
static inline double ad_gelu(double x)
{
    const double u = 1 / (x * x);
    const double s = 1 - u * (1 - 3 * u * (1 - 5 * u * (1 - 7 * u * (1 - 9 * u * (1 - 11 * u * (1 - 13 * u * (1 - 15 * u)))))));
    return x < -25 ? ad_gauss(x, 0.5, -0.3989422804014327 * s) : x * ad_ndtr(x);
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
    double y = 0;
    for (int k = n + 1; k >= 0; k--)
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

AD_LIBM(erf)
AD_LIBM(erfc)
AD_LIBM(lgamma)
AD_THROUGH_DOUBLE(exp_minus_square)
AD_THROUGH_DOUBLE(normal_pdf)
AD_THROUGH_DOUBLE(ndtr)
AD_THROUGH_DOUBLE(gelu)
AD_THROUGH_DOUBLE(digamma)
AD_THROUGH_DOUBLE_2(polygamma)

#endif
