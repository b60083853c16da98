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

/* log(x) - c for c 0 or 1 as a pair, good to 2^-58 of the larger of 1/2 and log(x), and of log(x) where c is 0; x is no subnormal. */
AD_INLINE ad_pair ad_log_less(double x, double c)
{
    const ad_parts a = ad_split_short(x);
    const double f = a.m - 1;
    const ad_pair square = ad_cut_product(0.5 * f, f);
    const double m = f - square.high, m_low = ((f - m) - square.high) + (ad_log_rest(f, 0.5 * f * f) - square.low);
    const double head = a.k * AD_LN2_HI - c, h = head + m;
    return (ad_pair){h, ((head - h) + m) + AD_FMA(a.k, AD_LN2_LO, m_low)};
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
    return (ad_pair){r, fabs(x) > 0x1p-500 && fabs(x) < 0x1p500 ? ((1 - p.high) - p.low) * r : 0};
}

/* digamma(x) / (x - x0) - 61/64, x0 its root, for x = 3/2 + u in [1, 2]: minimax, off by 2^-56. */
AD_INLINE double ad_digamma_factor(double u)
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
    return AD_FMA(AD_FMA(p, u, -0x1.b1cb63005ee98p-2), u, -0x1.0f34478c9e97dp-9);
}

/* x^2 (log(x) - 1/(2x) - digamma(x)) for q = 1/x^2, x >= 2: minimax, off by 2^-56 of digamma; its first terms are those of the asymptotic series
 * (DLMF 5.11.2). */
AD_INLINE double ad_digamma_series(double q)
{
    const double s = q * q;
    double p = AD_FMA(-0x1.5caf1d4572adfp+12, q, 0x1.94d1f05603f55p+13);
    p = AD_FMA(p, s, AD_FMA(-0x1.b358ffed31486p+13, q, 0x1.2079a25880a94p+13));
    p = AD_FMA(p, s, AD_FMA(-0x1.08c08d6407ebfp+12, q, 0x1.677ff6f11f01ap+10));
    p = AD_FMA(p, s, AD_FMA(-0x1.7a830061cceabp+8, q, 0x1.42b492e335152p+6));
    p = AD_FMA(p, s, AD_FMA(-0x1.d56c9b2e58358p+3, q, 0x1.39bab051829fap+1));
    p = AD_FMA(p, s, AD_FMA(-0x1.ac24ba4987aa4p-2, q, 0x1.52061d6c2f9a4p-4));
    p = AD_FMA(p, s, AD_FMA(-0x1.594666be91e25p-6, q, 0x1.f077165689fd1p-8));
    p = AD_FMA(p, s, AD_FMA(-0x1.111104625c55ap-8, q, 0x1.041040f305c29p-8));
    return AD_FMA(p, s, AD_FMA(-0x1.111111110c805p-7, q, 0x1.5555555555555p-4));
}

/* digamma(x) for 2^-60 <= x <= 2^60, 1.3 ULP: from 2 on by that series, below by a polynomial on [1, 2] in which the root is divided out, below 1
 * by that of x + 1, less 1/x.  All differences from whole numbers are exact. */
AD_INLINE double ad_digamma_near(double x)
{
    const int far = x >= 2, below = x < 1;
    const ad_pair l = ad_log_less(x, 0);
    const double i = 1 / x, q = i * i, a = below ? x : x - 1, d = a - 0x1.d8b618d5af8fep-2, r = ad_digamma_factor(a - 0.5), c = 0.953125;
    const double near = ad_times_short(d, c, AD_FMA(d, r, 0x1.1e563779a1f5bp-56 * (c + r)));
    const double lost = ad_cut_rest(1, i, x) * i;                           /* 1/x - i */
    const double less = far ? AD_FMA(0.5, i, AD_FMA(q, ad_digamma_series(q), -l.low)) : below ? lost - near : 0;
    return (far ? l.high : below ? -i : near) - less;
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
    const ad_pair y = ad_two_sum(t.high <= AD_GAMMA_MOST ? ad_digamma_near(t.high) : ad_log(t.high), -c.high);
    return y.high + (y.low + (t.low * (1 + (0.5 + 0.16 / t.high) / t.high) / t.high - c.low));
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

/* lgamma(x) / ((x - 1)(x - 2)) - 29/64 for x = 7/4 + u in [1, 5/2]: minimax, off by 2^-59.6. */
AD_INLINE double ad_lgamma_factor(double u)
{
    const double v = u * u;
    double p = AD_FMA(-0x1.c6f46ec23e4e3p-25, u, 0x1.88589bd24ca19p-24);
    p = AD_FMA(p, v, AD_FMA(0x1.e257f5105ef1fp-26, u, -0x1.2512ab64ecc98p-25));
    p = AD_FMA(p, v, AD_FMA(-0x1.0f7ea0ac98062p-22, u, 0x1.d3dac36ed98b9p-22));
    p = AD_FMA(p, v, AD_FMA(-0x1.0c7da23a44947p-21, u, 0x1.f97f51f6e0af1p-21));
    p = AD_FMA(p, v, AD_FMA(-0x1.00e299697140cp-19, u, 0x1.d808fcbe80a1bp-19));
    p = AD_FMA(p, v, AD_FMA(-0x1.afa5d21743efbp-18, u, 0x1.90d5a705072c5p-17));
    p = AD_FMA(p, v, AD_FMA(-0x1.75d72814d55f9p-16, u, 0x1.5ddb930079cc6p-15));
    p = AD_FMA(p, v, AD_FMA(-0x1.4917727a652e0p-14, u, 0x1.377642d6773d9p-13));
    p = AD_FMA(p, v, AD_FMA(-0x1.28f268db3f7f8p-12, u, 0x1.1daed67795512p-11));
    p = AD_FMA(p, v, AD_FMA(-0x1.160562695cc49p-10, u, 0x1.12aa72f52802cp-9));
    p = AD_FMA(p, v, AD_FMA(-0x1.14f7c58ebd3e3p-8, u, 0x1.1f9587fa21bfap-7));
    p = AD_FMA(p, v, AD_FMA(-0x1.382e176f60a0fp-6, u, 0x1.6cb62517118d8p-5));
    return AD_FMA(AD_FMA(p, u, -0x1.e96586307946ep-4), u, -0x1.87570fb190bdep-9);
}

/* lgamma(x) less (x - 1/2)(log(x) - 1) + c, where c = (log(2 pi) - 1)/2, for i = 1/x <= 2/5: minimax, off by 2^-60; its first terms are those of
 * Stirling's series (DLMF 5.11.1). */
#define AD_STIRLING 0x1.acfe390c97d69p-2
AD_INLINE double ad_stirling_rest(double i)
{
    const double q = i * i, v = q * q;
    double p = AD_FMA(-0x1.10cb8130466f4p+3, q, 0x1.52e0418ece85fp+3);
    p = AD_FMA(p, v, AD_FMA(-0x1.8815176068564p+2, q, 0x1.1d8971cbeacecp+1));
    p = AD_FMA(p, v, AD_FMA(-0x1.2f686aca2a59dp-1, q, 0x1.0a1060ed02bf3p-3));
    p = AD_FMA(p, v, AD_FMA(-0x1.bb9f420d6696ep-6, q, 0x1.9e0902843a4c8p-8));
    p = AD_FMA(p, v, AD_FMA(-0x1.f605ae2877dfep-10, q, 0x1.b94c02fc938f7p-11));
    p = AD_FMA(p, v, AD_FMA(-0x1.381370ebaf543p-11, q, 0x1.a01a01883aeebp-11));
    return i * AD_FMA(p, v, AD_FMA(-0x1.6c16c16c134aap-9, q, 0x1.5555555555555p-4));
}

/* log(gamma(x)) for 2^-60 <= x <= 2^60, 1.8 ULP: from 5/2 on by Stirling's formula, below by a polynomial on [1, 5/2] in which the roots are divided
 * out, below 1 by that of x + 1, less log(x). */
AD_INLINE double ad_lgamma_near(double x)
{
    const int far = x >= 2.5, below = x < 1;
    const ad_pair l = ad_log_less(x, far ? 1 : 0);
    const double a = below ? x : x - 1, b = a - 1, c = 0.453125, r = ad_lgamma_factor(a - 0.75);
    const ad_pair w = ad_cut_product(a, b);
    const double near = AD_FMA(w.high, c, AD_FMA(a * b, r, w.low * c)), m = far ? x - 0.5 : below ? -1 : 0;
    return AD_FMA(m, l.high, (far ? AD_STIRLING : near) + AD_FMA(m, l.low, far ? ad_stirling_rest(1 / x) : 0));
}

/* The same as a pair, good to 2^-55, for what is to cancel: below 8 the recurrence down to t = x - m in [1, 2], by one logarithm of gamma(x)/gamma(t) =
 * (x - 1) ... (x - m), a product of six numbers of which the last ones may be 1. */
static inline ad_pair ad_lgamma_above(double x)
{
    const int far = x >= 8, below = x < 1;
    const double whole = rint(x - 1.5), m = far | (whole < 0) ? 0 : whole, a = far ? 0 : below ? x : x - m - 1;
    ad_pair product = {far | below ? x : 1, 0};
    for (int j = 1; j <= m; j++)
        product = ad_pair_times(product, (ad_pair){x - j, 0});
    const ad_pair l = ad_log_pair(product.high), core = ad_pair_times(ad_two_product(a, a - 1), ad_two_sum(0.453125, ad_lgamma_factor(a - 0.75)));
    if (!far)
        return ad_pair_add(core, below ? -l.high : l.high, (below ? -l.low : l.low) + product.low / product.high);
    const ad_pair stirling = ad_pair_times((ad_pair){x - 0.5, 0}, ad_pair_add(l, -1, 0));
    return ad_pair_add(stirling, AD_STIRLING, 0x1.3494bc9001442p-56 + ad_stirling_rest(1 / x));
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

AD_THROUGH_DOUBLE(trigamma)
AD_THROUGH_DOUBLE(trigamma_near)
AD_THROUGH_DOUBLE_2(polygamma)

#endif
