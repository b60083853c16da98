/* The regularised incomplete beta function I, the distribution function of the beta distribution.  Included by scalar_math.h, after igamma_math.h.
 *
 * With n = a + b, y = 1 - x and F = x^a y^b / (a B(a, b)), whose exponent is known in pairs, for x up to the mean a/n
 *     I = F (1 + n x/(a+1) + n (n+1) x^2/((a+1)(a+2)) + ...)                 (DLMF 8.17.8), where a < 4 and x <= 1/2;
 *     I = a F times the integral of exp(h(v)) over v > 0, t/(1 - t) = x/y exp(-v) in the definition, h(v) = -a v - n log(y + x exp(-v)),
 * as that of igamma_math.h, else.  Beyond the mean it is 1 less that of (b, a, y); but where b is small and a y too, that is nearly 1, and
 *     I = 1 - C y^b (1 + b (s1 + s2 + ...)), s_k = (1 - a)_k y^k / (k! (b + k)), C = gamma(n) / (gamma(a) gamma(b + 1))       (8.17.7). */
#ifndef AD_BETA_MATH_H
#define AD_BETA_MATH_H

/* log(1 + w) - w. */
AD_INLINE double ad_log1p_less(double w)
{
    const double half = 0.5 * w * w;
    return w > -0.29289321881345254 && w < 0.41421356237309503 ? ad_log_rest(w, half) - half : ad_log1p(w) - w;
}

typedef struct { double a, b; ad_pair x, y, n; } ad_beta;                     /* y = 1 - x, n = a + b */

/* F, good to 2^-53. */
static ad_power_of_two_times ad_beta_term(ad_beta q)
{
    const double a = q.a, b = q.b, n = q.n.high;
    if (b >= AD_IGAMMA_LARGE) {
        const ad_pair nx = ad_pair_times(q.n, q.x), ny = ad_pair_times(q.n, q.y);
        const ad_power_of_two_times f = ad_gamma_term(a, nx.high, nx.low);
        if (f.m.high == 0 || ny.high < b * 0x1p-200)
            return (ad_power_of_two_times){{0, 0}, 0};
        const ad_pair d = ad_deviance(b, ny.high, ny.low), ratio = ad_pair_over((ad_pair){b, 0}, q.n);
        const double root = sqrt(ratio.high);
        const ad_pair square = ad_two_product(root, root);
        const ad_pair scale = ad_pair_times(f.m, (ad_pair){root, ((ratio.high - square.high) - square.low + ratio.low) / (2 * root)});
        const ad_pair t = ad_pair_add((ad_pair){-d.high, -d.low}, ad_stirling(n) - ad_stirling(b), 0);
        const ad_power_of_two_times y = ad_exp_of_pair(t.high, t.low, scale);
        return (ad_power_of_two_times){y.m, y.k + f.k};
    }
    if (a >= AD_IGAMMA_LARGE) {                             /* a F(a, b, x) = b F(b, a, y) */
        const ad_power_of_two_times f = ad_beta_term((ad_beta){b, a, q.y, q.x, q.n});
        return (ad_power_of_two_times){ad_pair_times(f.m, ad_pair_over((ad_pair){b, 0}, (ad_pair){a, 0})), f.k};
    }
    const ad_pair lx = ad_log_long(q.x.high), ly = ad_log_long(q.y.high), px = ad_two_product(a, lx.high), py = ad_two_product(b, ly.high);
    const double of_y = q.y.low / q.y.high, of_x = q.x.low / q.x.high;
    const ad_gamma_next ga = ad_gamma_next_of(a), gb = ad_gamma_next_of(b);
    ad_pair t = ad_pair_add(px, py.high, py.low + a * (lx.low + of_x * (1 - 0.5 * of_x)) + b * (ly.low + of_y * (1 - 0.5 * of_y)));
    t = ad_pair_add(ad_pair_add(t, -ga.e.high, -ga.e.low), -gb.e.high, -gb.e.low);
    ad_pair m = {b, 0}, over = ad_pair_times(ga.m, gb.m);
    if (n < AD_IGAMMA_LARGE) {
        const ad_gamma_next gn = ad_gamma_next_of(n);
        t = ad_pair_add(t, gn.e.high, gn.e.low + q.n.low * ad_digamma_near(n + 1));
        m = ad_pair_times(m, gn.m), over = ad_pair_times(over, q.n);
    } else {
        const ad_pair l = ad_log_long(n), s = ad_pair_times(l, (ad_pair){n - 0.5, 0});
        t = ad_pair_add(ad_pair_add(t, s.high, s.low), -n, q.n.low * (l.high - 0.5 / n));
        t = ad_pair_add(t, 0x1.d67f1c864beb5p-1, -0x1.65b5a1b7ff5dfp-55 + ad_stirling(n));
    }
    return ad_exp_of_pair(t.high, t.low, ad_pair_over(m, over));
}

/* The sum of (n)_k / (a + 1)_k x^k. */
static double ad_beta_series(ad_beta q)
{
    const double a = q.a, n = q.n.high, x = q.x.high;
    double k = 0, size = 1, g = 1;
    while (size > 0x1p-60) {
        size *= (n + k) / (a + k + 1) * x;
        k += 1;
    }
    for (; k > 0; k -= 1)
        g = 1 + (n + k - 1) / (a + k) * x * g;
    return g;
}

/* How far a v + n log(y + x exp(-v)) = n log(x + y exp(v)) - b v has risen, and how fast; near 0 it is less v + n (c v^2/2 + ...), less = a - n x. */
typedef struct { double up, slope; } ad_rise;
AD_INLINE ad_rise ad_beta_rise(ad_beta q, double less, double v)
{
    const double n = q.n.high, x = q.x.high, y = q.y.high;
    const int small = x <= 0.5;
    const double s = small ? -v : v, p = small ? x : y, e = ad_expm1(s), tail = s < 0.34657359027997264 && s > -0.34657359027997264 ? ad_exp_tail(s) : e - s;
    const double w = p * e, near = AD_FMA(less, v, n * (p * tail + ad_log1p_less(w))), far = AD_FMA(n, ad_log1p(w), (small ? q.a : -q.b) * v);
    return (ad_rise){v > 1 ? far : near, less + n * (small ? -x * (e * y) : y * e * x) / (1 + w)};
}

/* I over F for x up to the mean and a >= 8, or a >= 1: there in panels, since the reach is longer. */
static ad_pair ad_beta_integral(ad_beta q)
{
    const ad_pair nx = ad_pair_times(q.n, q.x), rest = ad_two_sum(q.a, -nx.high);
    const double a = q.a, less = rest.high + (rest.low - nx.low), c = q.n.high * q.x.high * q.y.high;
    double reach = 80 / (less + sqrt(less * less + 80 * c));
    ad_rise r = {reach > 0.01 ? 0 : 40, 0};
    for (int i = 0; i < 12 && fabs(r.up - 40) > 2; i++) {                     /* convex: from the second step on from above */
        r = ad_beta_rise(q, less, reach);
        reach += (40 - r.up) / r.slope;
    }
    const double panel = a < AD_IGAMMA_LARGE ? reach / ceil(reach / 6) : reach;
    double sums[8] = {0};
    for (double from = 0; from < reach - 0.5 * panel; from += panel)
        for (int i = 0; i < AD_LEGENDRE; i += 8)
            for (int j = 0; j < 8; j++)
                sums[j] += ad_legendre_weight[i + j] * ad_exp_finite(-ad_beta_rise(q, less, from + panel * ad_legendre_at[i + j]).up);
    return ad_pair_times(ad_two_product(a, panel), ad_sum_of_8(sums));
}

static double ad_beta_lower(ad_beta q)
{
    const ad_power_of_two_times f = ad_beta_term(q);
    if (f.m.high == 0)
        return 0;
    return ad_gamma_scaled(f, q.a < 4 && q.x.high <= 0.5 ? (ad_pair){ad_beta_series(q), 0} : ad_beta_integral(q));
}

/* I for b < 1 and a y < 1/2: log(C) is -log(1 + b/a) and the integral of digamma(1 + a + t) - digamma(1 + t) over t from 0 to b.  Of digamma(1 + a + t)
 * the logarithm of a, unless a is small, is put to that of y, which it nearly takes away. */
static double ad_beta_beside_1(ad_beta q)
{
    const double a = q.a, b = q.b, y = q.y.high, over = b / a;
    const int large = a >= 1;
    double sums[8] = {0}, s = 0, term = 1;
    for (int i = 0; i < AD_LEGENDRE; i += 8)
        for (int j = 0; j < 8; j++) {
            const double t = b * ad_legendre_at[i + j], r = 1 / (1 + a + t);
            const double of_n = large ? ad_log1p((1 + t) / a) - (0.5 * r + r * r * ad_digamma_series(r * r)) : ad_digamma_near(1 + a + t);
            sums[j] += ad_legendre_weight[i + j] * (of_n - ad_digamma_near(1 + t));
        }
    for (double k = 1; k < 200 && fabs(term) > 0x1p-60; k += 1) {
        term *= (k - a) / k * y;
        s += term / (b + k);
    }
    const ad_pair ay = large ? ad_two_product(a, y) : (ad_pair){y, 0}, l = ad_log_pair(ay.high);
    const ad_pair mean = ad_pair_sum(l, ad_sum_of_8(sums)), p = ad_two_product(b, mean.high);
    const ad_pair e = ad_pair_add(p, -ad_log1p(over), b * (mean.low + ay.low / ay.high) - ad_rest(b, over, a) / (a + b));
    return -ad_expm1_pair(e) - b * s * ad_exp(e.high);
}

static double ad_betainc(double a, double b, double x)
{
    if (!(a >= 0 && b >= 0 && x >= 0 && x <= 1) || (a == 0 && b == 0) || (a == AD_INF && b == AD_INF))
        return AD_NAN;
    if (x == 0 || x == 1)
        return x;
    if (a == 0 || b == AD_INF || b == 0 || a == AD_INF)
        return a == 0 || b == AD_INF;
    if (b > 0x1p900 || a > 0x1p900)
        return a < 0x1p800 ? ad_igamma(a, b * x) : b < 0x1p800 ? ad_igammac(b, a * (1 - x)) : x >= a / (a / 2 + b / 2) / 2;
    const ad_beta q = {a, b, {x, 0}, ad_two_sum(1, -x), ad_two_sum(a, b)}, other = {b, a, q.y, q.x, q.n};
    if (b < 1 && q.y.high <= 0.5 && a * q.y.high < 0.5)
        return ad_at_most_1(ad_beta_beside_1(q));
    if (a < 1 && x <= 0.5 && b * x < 0.5)
        return ad_at_most_1(ad_beta_lower(q));
    const ad_pair nx = ad_pair_times(q.n, q.x);
    return (nx.high - a) + nx.low <= 0 ? ad_at_most_1(ad_beta_lower(q)) : 1 - ad_beta_lower(other);
}

/* x^(a-1) (1-x)^(b-1) / B(a, b). */
static double ad_beta_pdf(double a, double b, double x)
{
    if (!(a >= 0 && b >= 0 && x >= 0 && x <= 1))
        return AD_NAN;
    if (x == 0 || x == 1) {
        const double p = x == 0 ? a : b, other = x == 0 ? b : a;
        return p < 1 ? (p == 0 ? AD_NAN : AD_INF) : p == 1 ? other : 0;
    }
    if (a == 0 || b == 0 || a > 0x1p900 || b > 0x1p900)
        return 0;
    const ad_beta q = {a, b, {x, 0}, ad_two_sum(1, -x), ad_two_sum(a, b)};
    const ad_power_of_two_times f = ad_beta_term(q);
    const ad_parts p = ad_split(x), s = ad_split(a);
    return ldexp(ad_pair_quotient(ad_pair_times(f.m, (ad_pair){s.m, 0}), ad_pair_times(q.y, (ad_pair){p.m, 0})), (int)(f.k + s.k - p.k));
}

AD_INLINE float ad_betaincf(float a, float b, float x) { return (float)ad_betainc(a, b, x); }
AD_INLINE float ad_beta_pdff(float a, float b, float x) { return (float)ad_beta_pdf(a, b, x); }

#endif
