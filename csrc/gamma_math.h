/* The gamma function: its logarithm and the derivatives of that.  Included by scalar_math.h. */
#ifndef AD_GAMMA_MATH_H
#define AD_GAMMA_MATH_H

/* Vectors take what is branch-free and holds in this interval (csrc/generate.py); the rest, and reflection below 0, go one by one. */
#define AD_GAMMA_LEAST 0x1p-60
#define AD_GAMMA_MOST 0x1p60

AD_INLINE ad_pair ad_pair_add(ad_pair y, double x, double low)
{
    const ad_pair s = ad_two_sum(y.high, x);
    return (ad_pair){s.high, s.low + (y.low + low)};
}
AD_INLINE ad_pair ad_pair_times(ad_pair a, ad_pair b)
{
    const ad_pair p = ad_two_product(a.high, b.high);
    return (ad_pair){p.high, p.low + (a.high * b.low + a.low * b.high)};
}

/* The recurrence from x < 8 down to t = x - m in [1, 2]: what x has more than t, gamma(x) / gamma(t) = (x - 1) ... (x - m), a product of
 * six numbers of which the last ones may be 1, and its derivative, in which those count for 0.  Below 2, t is x.  All differences are
 * exact.  `least` is x or, below 1, x + 1, less 1: what polynomials on [1, 2] are taken of. */
typedef struct { double m, least; ad_pair product, slope; } ad_recurrence;
typedef struct { ad_pair product, slope; } ad_factors;
AD_INLINE ad_factors ad_two_factors(double x, double m, double j)
{
    const double a = j <= m ? x - j : 1, b = j + 1 <= m ? x - (j + 1) : 1;
    return (ad_factors){ad_two_product(a, b), ad_two_sum(j <= m ? b : 0, j + 1 <= m ? a : 0)};
}
AD_INLINE ad_factors ad_more_factors(ad_factors a, ad_factors b)
{
    const ad_pair p = ad_pair_times(a.slope, b.product), q = ad_pair_times(b.slope, a.product);
    return (ad_factors){ad_pair_times(a.product, b.product), ad_pair_add(p, q.high, q.low)};
}
AD_INLINE ad_recurrence ad_gamma_recurrence(double x)
{
    const double k = (x - 1.5 + AD_MAGIC) - AD_MAGIC, m = k > 0 ? k : 0;
    const ad_factors f = ad_more_factors(ad_more_factors(ad_two_factors(x, m, 1), ad_two_factors(x, m, 3)), ad_two_factors(x, m, 5));
    return (ad_recurrence){m, x < 1 ? x : x - m - 1, f.product, f.slope};
}
/* The operand of the one logarithm that either function needs. */
AD_INLINE double ad_gamma_logarithm_of(double x, ad_recurrence r) { return (x >= 8) | (x < 1) ? x : r.product.high; }

/* digamma(x) / (x - x0), x0 its root, for u = x - 3/2 in [-1/2, 1/2]: minimax, off by 2^-56. */
AD_INLINE ad_pair ad_digamma_near_root(double u)
{
    const double v = u * u;
    double p = AD_FMA(-0x1.724570309af6dp-13, u, 0x1.107fda0c6a8aap-12);
    p = AD_FMA(p, v, AD_FMA(-0x1.343fb0c69a8e1p-13, u, 0x1.dc0aff2e9d6e1p-13));
    p = AD_FMA(p, v, AD_FMA(-0x1.fc4582459d586p-12, u, 0x1.7b4c3574f6860p-11));
    p = AD_FMA(p, v, AD_FMA(-0x1.0fcd6c72cf51bp-10, u, 0x1.980d4cef027d5p-10));
    p = AD_FMA(p, v, AD_FMA(-0x1.336b3f5dd9f95p-9, u, 0x1.cd3e7b473d83bp-9));
    p = AD_FMA(p, v, AD_FMA(-0x1.5a06ccc4622d2p-8, u, 0x1.03c0067553d34p-7));
    p = AD_FMA(p, v, AD_FMA(-0x1.86356277caa83p-7, u, 0x1.256475f2e7afcp-6));
    p = AD_FMA(p, v, AD_FMA(-0x1.b9f8b124b8e15p-6, u, 0x1.4de9aa05925b3p-5));
    p = AD_FMA(p, v, AD_FMA(-0x1.fb44202a06d32p-5, u, 0x1.8512e5905db98p-4));
    p = AD_FMA(p, v, AD_FMA(-0x1.2feeeb98a7a38p-3, u, 0x1.eca189b8e6d98p-3));
    return ad_horner((ad_pair){AD_FMA(p, u, -0x1.b1cb63005ee98p-2), 0}, u, 0, 0x1.e6f0cbb873617p-1, 0);
}

/* |sin(pi x)| and |cos(pi x)|, x no whole number, in pairs good to 2^-57: the terms of ad_sin_kernel and ad_cos_kernel (csrc/plane_math.h),
 * their last sum kept apart; pi known to more than a double. */
typedef struct { ad_pair sine, cosine; } ad_on_circle;
static inline ad_on_circle ad_sincospi(double x)
{
    const double u = fabs(x - rint(x)), v = u <= 0.25 ? u : 0.5 - u;
    const ad_pair a = ad_two_product(0x1.921fb54442d18p+1, v);
    const double t = a.high, e = a.low + 0x1.1a62633145c07p-53 * v, z = t * t, w = z * z, h = 0.5 * z, one = 1 - h;
    const double odd = AD_FMA(z, AD_FMA(z, 2.75573137070700676789e-06, -1.98412698298579493134e-04), 8.33333333332248946124e-03) +
                       z * w * AD_FMA(z, 1.58969099521155010221e-10, -2.50507602534068634195e-08);
    const double even = z * AD_FMA(z, AD_FMA(z, 2.48015872894767294178e-05, -1.38888888888741095749e-03), 4.16666666666666019037e-02) +
                        w * w * AD_FMA(z, AD_FMA(z, -1.13596475577881948265e-11, 2.08757232129817482790e-09), -2.75573143513906633035e-07);
    const double cube = z * t, less = AD_FMA(cube, AD_FMA(z, odd, -1.66666666666666324348e-01), e - 0.5 * z * e);
    const double h_low = ad_two_product(t, t).low * 0.5;
    const ad_pair s = ad_two_sum(t, less), c = ad_two_sum(one, ((1 - one) - h) + (z * even - t * e - h_low));
    return u <= 0.25 ? (ad_on_circle){s, c} : (ad_on_circle){c, s};
}

static const ad_pair ad_pi = {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53};

/* cot(pi x), x no whole number. */
static inline ad_pair ad_cotpi(double x)
{
    const ad_on_circle t = ad_sincospi(x);
    const ad_pair y = ad_pair_over(t.cosine, t.sine);
    return x - rint(x) > 0 ? y : (ad_pair){-y.high, -y.low};
}

/* 1 / x as a pair. */
AD_INLINE ad_pair ad_pair_reciprocal(double x)
{
    const double r = 1 / x;
    const ad_pair p = ad_two_product(r, x);
    return (ad_pair){r, fabs(x) > 0x1p-500 ? ((1 - p.high) - p.low) * r : 0};
}

/* digamma(x) for 2^-60 <= x <= 2^60, beside y: from 8 on the asymptotic series (DLMF 5.11.2); below, the recurrence down to [1, 2], where the
 * root is divided out, all added up in pairs. */
AD_INLINE ad_pair ad_digamma_above(double x, ad_pair y)
{
    const int far = x >= 8, below = x < 1;
    const double v = far ? 1.5 : x, w = far ? x : 8, i = 1 / w, z = i * i;
    const ad_recurrence m = ad_gamma_recurrence(v);
    const double series = z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z * (1.0 / 12 - z *
                          (3617.0 / 8160 - z * (43867.0 / 14364 - z * (174611.0 / 6600 - z * (77683.0 / 276 - z * (236364091.0 / 65520))))))))))));
    const ad_pair l = ad_log_pair(ad_gamma_logarithm_of(x, m)), p = ad_digamma_near_root(m.least - 0.5);
    const ad_pair r = ad_pair_over((ad_pair){below ? -1 : m.slope.high, below ? 0 : m.slope.low}, (ad_pair){below ? v : m.product.high, below ? 0 : m.product.low});
    const ad_pair d = ad_two_sum(m.least, -0x1.d8b618d5af8fep-2);
    const ad_pair share = ad_pair_times((ad_pair){d.high, d.low + 0x1.1e563779a1f5bp-56}, p);
    y = ad_pair_add(y, far ? l.high : r.high, far ? l.low : r.low);
    return ad_pair_add(y, far ? -0.5 * i : share.high, far ? -series : share.low);
}
AD_INLINE double ad_digamma_near(double x)
{
    const ad_pair y = ad_digamma_above(x, (ad_pair){0, 0});
    return y.high + y.low;
}

/* digamma on all of R, 2 ULP above 0; by reflection below (5.5.4), 2 ULP of the larger of the two terms.  nan at the poles. */
static inline double ad_digamma(double x)
{
    if (x >= AD_GAMMA_LEAST && x <= AD_GAMMA_MOST)
        return ad_digamma_near(x);
    if (fabs(x) < AD_GAMMA_LEAST)
        return x == 0 ? AD_NAN : -1 / x - 0.5772156649015329;
    if (x > 0)
        return ad_log(x);
    if (!(x > -AD_INF) || x == floor(x))
        return AD_NAN;
    const ad_pair t = ad_two_sum(1, -x), c = ad_pair_times(ad_pi, ad_cotpi(x));        /* and digamma'(t) = 1/t + 1/(2 t^2) + 1/(6 t^3) ... */
    const ad_pair y = ad_digamma_above(t.high, ad_pair_add((ad_pair){-c.high, -c.low}, t.low * (1 + (0.5 + 0.16 / t.high) / t.high) / t.high, 0));
    return y.high + y.low;
}

/* n-th derivative of pi cot(pi x) over pi^(n+1): a polynomial in c = cot(pi x), by d/dx c = -pi (1 + c^2).  Its coefficients are of
 * one sign, so that nothing cancels. */
static inline ad_pair ad_cotpi_derivative(int n, ad_pair c)
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
    ad_pair y = {p[n + 1], 0};
    for (int k = n; k >= 0; k--)
        y = ad_pair_add(ad_pair_times(y, c), p[k], 0);
    return y;
}

/* x^n for 1/2 <= x < 2^10 and n <= 161, good to 2^-93. */
static inline ad_pair ad_pair_power(double x, int n)
{
    ad_pair y = {1, 0}, p = {x, 0};
    for (; n; n >>= 1) {
        if (n & 1) {
            const ad_pair t = ad_two_product(y.high, p.high);
            y = ad_two_sum(t.high, t.low + (y.high * p.low + y.low * p.high));
        }
        const ad_pair t = ad_two_product(p.high, p.high);
        p = n > 1 ? ad_two_sum(t.high, t.low + 2 * p.high * p.low) : p;
    }
    return y;
}

/* 2^-e n / d: rounded once, whatever e is. */
static inline double ad_polygamma_scaled(ad_pair n, ad_pair d, double e) { return ldexp(ad_pair_quotient(n, d), (int)-e); }

/* n-th derivative of digamma: (-1)^(n+1) n! times the Hurwitz zeta function of n + 1 (DLMF 25.11.12), by Euler and Maclaurin's formula from
 * 15 + n on, added up in pairs: 2 ULP; beyond 2^60 or below 2^-60, one power.  Reflection below 0, up to n = 30.  At the poles inf or nan. */
static inline double ad_polygamma(double n, double x)
{
    static const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510};
    if (!(n >= 0) || n != floor(n) || n > 160 || x != x)
        return AD_NAN;
    if (n == 0)
        return ad_digamma(x);
    const int odd = fmod(n, 2) == 1, order = (int)n;
    if (x <= 0) {
        if (x == floor(x) || n > 30)
            return odd && n <= 30 ? AD_INF : AD_NAN;
        if (x > -0x1p-60)
            return fabs(ad_polygamma(n, -x));
        const ad_pair t = ad_two_sum(1, -x);
        const double r = ad_polygamma(n, t.high) * (1 - (n + 0.5) * t.low / t.high);
        ad_pair y = ad_cotpi_derivative(order, ad_cotpi(x));
        for (int k = 0; k <= order; k++)
            y = ad_pair_times(y, ad_pi);
        if (!(fabs(y.high) < AD_INF))
            return -y.high;
        y = ad_pair_add(y, odd ? r : -r, 0);
        return -y.high - y.low;
    }
    if (x == AD_INF)
        return 0;
    ad_pair factor = {1, 0}, head = {0, 0};                     /* (n - 1)! */
    for (int k = 2; k < order; k++) {
        const ad_pair t = ad_two_product(factor.high, k);
        factor = ad_two_sum(t.high, t.low + factor.low * k);
    }
    const ad_pair times = ad_two_product(factor.high, n), whole = {times.high, times.low + factor.low * n};         /* n! */
    if (x > 0x1p60 || x < 0x1p-60) {
        const ad_parts a = ad_split(x);
        const int large = x > 1;
        const double y = ad_polygamma_scaled(large ? factor : whole, ad_pair_power(a.m, large ? order : order + 1), large ? a.k * n : a.k * (n + 1));
        return odd ? y : -y;
    }
    const double start = x;
    double lost = 0;
    for (double k = 1; x < 15 + n; k += 1) {
        const ad_parts a = ad_split(x);
        const ad_pair q = ad_pair_over((ad_pair){1, -(n + 1) * lost / x}, ad_pair_power(a.m, order + 1)), next = ad_two_sum(start, k);
        const double scale = ldexp(1, (int)(-a.k * (n + 1)));
        head = ad_pair_add(head, q.high * scale, q.low * scale);
        x = next.high, lost = next.low;
    }
    double series = 0, term = 0.5 * n * (n + 1) / (x * x);                   /* n x^n times the rest is 1 + n/(2x) + ... */
    for (int k = 0; k < 8; k++) {
        series += bernoulli[k] * term;
        term *= (n + 2 * k + 2) * (n + 2 * k + 3) / ((2 * k + 3.0) * (2 * k + 4.0)) / (x * x);
    }
    const ad_parts a = ad_split(x);
    const ad_pair half = ad_pair_reciprocal(2 * x / n), s = ad_pair_add(half, 1, series - n * lost / x);
    const ad_pair q = ad_pair_over(s, ad_pair_power(a.m, order));
    const double scale = ldexp(1, (int)(-a.k * n));
    ad_pair y = ad_two_product(n, head.high);
    y = ad_pair_add((ad_pair){y.high, y.low + n * head.low}, q.high * scale, q.low * scale);
    const ad_pair z = ad_two_product(factor.high, y.high);
    const double all = z.high < 0x1p1000 ? z.high + (z.low + (factor.high * y.low + factor.low * y.high)) : factor.high * y.high;
    return odd ? all : -all;
}

/* The derivative of digamma for 2^-60 <= x <= 2^60, 2 ULP: below 12, x^2 trigamma(x) / (x + 3/2) as a polynomial in t = (x - 3/2)/(x + 3/2), off by
 * 2^-58; from there on the asymptotic series (DLMF 5.15.8). */
AD_INLINE double ad_trigamma_near(double x)
{
    const int far = x >= 12;
    const double u = far ? 1.5 : x, w = far ? x : 12;
    const ad_fraction v = ad_change(u, 0, 1.5);
    const double t = v.t, t2 = t * t;
    double p = AD_FMA(0x1.51f9569bff5bfp-36, t, -0x1.da9c79b3f43a7p-42);
    p = AD_FMA(p, t2, AD_FMA(-0x1.a2c5754646d1cp-33, t, -0x1.15d5df275da6ap-30));
    p = AD_FMA(p, t2, AD_FMA(0x1.d7552bb351fa3p-34, t, -0x1.f0f490eb88918p-29));
    p = AD_FMA(p, t2, AD_FMA(0x1.078d01093b2eap-25, t, -0x1.4cbf9e207f7ccp-24));
    p = AD_FMA(p, t2, AD_FMA(0x1.0272646151816p-21, t, -0x1.1d32e8c552684p-19));
    p = AD_FMA(p, t2, AD_FMA(0x1.1e871ae875e0bp-17, t, -0x1.535f8290aa7d7p-15));
    p = AD_FMA(p, t2, AD_FMA(0x1.60effca069c4dp-13, t, -0x1.5ebffebe16869p-11));
    p = AD_FMA(p, t2, AD_FMA(0x1.698128d2f6137p-9, t, -0x1.484f360811a7ap-7));
    p = AD_FMA(p, t2, AD_FMA(0x1.d0eebf116f076p-6, t, -0x1.f4a75cbd13663p-5));
    p = AD_FMA(p, t, 0x1.9d5d496721c26p-4);
    const ad_pair y = ad_horner(ad_horner((ad_pair){p, 0}, t, v.t_low, 0x1.e8793e13d9dd7p-3, -0x1.37bfffe3a96cep-63), t, v.t_low, 0x1.66f6cba75a336p-1, 0x1.c5392f3d8027ep-57);
    const double near = ad_pair_quotient(ad_pair_times(y, ad_two_sum(u, 1.5)), ad_two_product(u, u));
    const ad_pair r = ad_pair_reciprocal(w);
    const double z = r.high * r.high;
    const double series = r.high * (0.5 + r.high * (1.0 / 6 - z * (1.0 / 30 - z * (1.0 / 42 - z * (1.0 / 30 - z * (5.0 / 66 - z * (691.0 / 2730 - z *
                          (7.0 / 6 - z * (3617.0 / 510 - z * (43867.0 / 798))))))))));
    return far ? r.high + AD_FMA(r.high, series, r.low) : near;
}
static inline double ad_trigamma(double x) { return x >= AD_GAMMA_LEAST && x <= AD_GAMMA_MOST ? ad_trigamma_near(x) : ad_polygamma(1, x); }

/* lgamma(x) / ((x - 1)(x - 2)) for u = x - 3/2 in [-1/2, 1/2], off by 2^-59. */
AD_INLINE ad_pair ad_lgamma_factor(double u)
{
    const double v = u * u;
    double p = AD_FMA(-0x1.c36de923d02c4p-19, u, 0x1.5fe008216fbe9p-18);
    p = AD_FMA(p, v, AD_FMA(-0x1.a5ac06e896ffdp-19, u, 0x1.4b78bd46746e8p-18));
    p = AD_FMA(p, v, AD_FMA(-0x1.743f4a6b33b57p-17, u, 0x1.24db3d1cbdecep-16));
    p = AD_FMA(p, v, AD_FMA(-0x1.b8f9886378442p-16, u, 0x1.5cf180d17742ap-15));
    p = AD_FMA(p, v, AD_FMA(-0x1.1637a53958dbap-14, u, 0x1.bb23a2fc2e075p-14));
    p = AD_FMA(p, v, AD_FMA(-0x1.62316175d7440p-13, u, 0x1.1c738f7c6bcc4p-12));
    p = AD_FMA(p, v, AD_FMA(-0x1.cb45751de412fp-12, u, 0x1.750aee15dde55p-11));
    p = AD_FMA(p, v, AD_FMA(-0x1.313e883c22a03p-10, u, 0x1.f814b793ba519p-10));
    p = AD_FMA(p, v, AD_FMA(-0x1.a503523aa8e93p-9, u, 0x1.64f066528cd9bp-8));
    p = AD_FMA(p, v, AD_FMA(-0x1.34dbda148eef6p-7, u, 0x1.1334235278be4p-6));
    p = AD_FMA(p, v, AD_FMA(-0x1.007aa83cee1e1p-5, u, 0x1.01af62a2929e9p-4));
    return ad_horner((ad_pair){AD_FMA(p, u, -0x1.2aed059bd608ap-3), 0}, u, 0, 0x1.eeb95b094c191p-2, 0x1.341fe469599c5p-56);
}

/* log(gamma(x)) for 2^-60 <= x <= 2^60: from 8 on Stirling's series (DLMF 5.11.1); below, the recurrence down to [1, 2], where the roots are
 * divided out, by one logarithm of the product, or lgamma(x + 1) - log(x); all in pairs. */
AD_INLINE ad_pair ad_lgamma_above(double x)
{
    const int far = x >= 8, below = x < 1;
    const double v = far ? 1.5 : x, w = far ? x : 8, z = 1 / w, q = z * z, half = w - 0.5;
    const ad_recurrence m = ad_gamma_recurrence(v);
    const double series = z * (1.0 / 12 - q * (1.0 / 360 - q * (1.0 / 1260 - q * (1.0 / 1680 - q * (1.0 / 1188 - q * (691.0 / 360360 - q *
                          (1.0 / 156 - q * (3617.0 / 122400))))))));
    const ad_pair l = ad_log_pair(ad_gamma_logarithm_of(x, m)), f = ad_lgamma_factor(m.least - 0.5);
    const ad_pair stirling = ad_pair_times((ad_pair){half, 0}, ad_pair_add(l, -1, 0));
    const ad_pair core = ad_pair_times(ad_two_product(m.least, m.least - 1), f);
    const double more = below ? -l.low : l.low + m.product.low / m.product.high;
    return ad_pair_add(far ? stirling : (ad_pair){below ? -l.high : l.high, more}, far ? 0x1.acfe390c97d69p-2 : core.high,
                       far ? 0x1.3494bc9001442p-56 + series : core.low);
}
AD_INLINE double ad_lgamma_near(double x)
{
    const ad_pair y = ad_lgamma_above(x);
    return y.high + y.low;
}

/* log|gamma(x)|, 2 ULP: below 0 by reflection (DLMF 5.5.3), -log|x sin(pi x) / pi| less log(gamma(-x)), but beside the roots there, which the
 * C library knows. */
static inline double ad_lgamma(double x)
{
    const double u = fabs(x);
    if (!(u < AD_INF) || x == 0 || (x < 0 && x == floor(x)))
        return lgamma(x);
    if (x >= AD_GAMMA_LEAST && x <= AD_GAMMA_MOST)
        return ad_lgamma_near(x);
    if (u < AD_GAMMA_LEAST)
        return -ad_log(u);
    if (u > AD_GAMMA_MOST)
        return x * (ad_log(x) - 1);
    const ad_pair y = ad_lgamma_above(u);
    const ad_pair p = ad_pair_times(ad_pair_over(ad_sincospi(x).sine, ad_pi), (ad_pair){u, 0}), l = ad_log_pair(p.high);
    const ad_pair z = ad_pair_add(y, l.high, l.low + p.low / p.high);
    return fabs(z.high) < 0.125 ? lgamma(x) : -z.high - z.low;
}


AD_THROUGH_DOUBLE(lgamma)
AD_THROUGH_DOUBLE(digamma)
AD_THROUGH_DOUBLE(trigamma)
AD_THROUGH_DOUBLE(lgamma_near)
AD_THROUGH_DOUBLE(digamma_near)
AD_THROUGH_DOUBLE(trigamma_near)
AD_THROUGH_DOUBLE_2(polygamma)

#endif
