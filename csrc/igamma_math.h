/* The incomplete gamma functions P and Q = 1 - P, the distribution functions of the gamma distribution, and their derivatives.  Included by
 * scalar_math.h.
 *
 * What is smaller than its complement is computed by itself.  With F = x^a exp(-x) / gamma(a + 1), whose exponent is known in pairs:
 *     P = F (1 + x/(a+1) + x^2/((a+1)(a+2)) + ...)                                           (DLMF 8.11.4), which has no cancellation;
 *     P = a F times the integral of exp(h(u)) over u > 0, t = x exp(-u) in the definition, h(u) = (x - a) u - x (exp(-u) - 1 + u);
 *     Q = a F times the same of t = x exp(u),                                                h(u) = (a - x) u - x (exp(u) - 1 - u).
 * h is concave and entire, so that where the integrand falls to exp(-40) within a few units Gauss and Legendre's 32 points have all digits,
 * be a 8 or 1e60: it takes no expansion of its own for x about a.  The derivatives by a have the factor log(t) - digamma(a) under the
 * integral, and that squared less trigamma(a): on the side that is taken it does not change its sign. */
#ifndef AD_IGAMMA_MATH_H
#define AD_IGAMMA_MATH_H

#define AD_LEGENDRE 32
/* Gauss and Legendre's points and weights for [0, 1]. */
static const double ad_legendre_at[AD_LEGENDRE] = {
    0x1.66a18fbf64a0fp-10, 0x1.d77b63ad0c91bp-8, 0x1.20aae7fac455ap-6, 0x1.0a9fed30405eep-5, 0x1.a8ab25d459a36p-5, 0x1.347ec0a5e57b4p-4, 0x1.a4e5adf8ed0ebp-4, 0x1.123ed9c52d88dp-3,
    0x1.590aec76f00edp-3, 0x1.a62dd72d3a6b8p-3, 0x1.f8ef3af329ac5p-3, 0x1.2844a541c8387p-2, 0x1.5615518d42105p-2, 0x1.857c20798fdadp-2, 0x1.b607c563a0372p-2, 0x1.e74437b7733b6p-2,
    0x1.0c5de42446625p-1, 0x1.24fc1d4e2fe47p-1, 0x1.3d41efc338129p-1, 0x1.54f557395ef7dp-1, 0x1.6bddad5f1be3cp-1, 0x1.81c431433594fp-1, 0x1.96748a34b1652p-1, 0x1.a9bd44e243fc5p-1,
    0x1.bb70498eb49ddp-1, 0x1.cb634a40e25e3p-1, 0x1.d97027eb43509p-1, 0x1.e5754da2ba65dp-1, 0x1.ef56012cfbfa1p-1, 0x1.f6faa8c029dd5p-1, 0x1.fc510938a5e6ep-1, 0x1.ff4caf38204dbp-1,
};
static const double ad_legendre_weight[AD_LEGENDRE] = {
    0x1.cbf8bc743cc5cp-9, 0x1.0aa3c248696c9p-7, 0x1.a0060a8531ffap-7, 0x1.18c5800a355d9p-6, 0x1.5ee963a335495p-6, 0x1.a1c6ae961fbfap-6, 0x1.e0bd76c924981p-6, 0x1.0d9b9a62cac10p-5,
    0x1.2854103b35e0cp-5, 0x1.40483e126fd14p-5, 0x1.553ee25ebebc6p-5, 0x1.6705e18e13ed1p-5, 0x1.7572bdb3f6e51p-5, 0x1.8062fc0f6fef9p-5, 0x1.87bc776f8c6d7p-5, 0x1.8b6d9eaec77adp-5,
    0x1.8b6d9eaec77adp-5, 0x1.87bc776f8c6d7p-5, 0x1.8062fc0f6fef9p-5, 0x1.7572bdb3f6e51p-5, 0x1.6705e18e13ed1p-5, 0x1.553ee25ebebc6p-5, 0x1.40483e126fd14p-5, 0x1.2854103b35e0cp-5,
    0x1.0d9b9a62cac10p-5, 0x1.e0bd76c924981p-6, 0x1.a1c6ae961fbfap-6, 0x1.5ee963a335495p-6, 0x1.18c5800a355d9p-6, 0x1.a0060a8531ffap-7, 0x1.0aa3c248696c9p-7, 0x1.cbf8bc743cc5cp-9,
};

#define AD_IGAMMA_LARGE 8.0                                 /* from there on a is large: Stirling's series has all digits */
#define AD_IGAMMA_MOST 0x1p200                              /* beyond, P is a step at a */

/* m 2^k. */
typedef struct { ad_pair m; double k; } ad_power_of_two_times;

/* exp(x + low) times m for |x| < 1600: beyond, as there. */
static ad_power_of_two_times ad_exp_of_pair(double x, double low, ad_pair m)
{
    const double far = x < -1600 ? -1600 : x > 1600 ? 1600 : x, shift = AD_FMA(far, 0x1.71547652b82fep+0, AD_MAGIC), k = shift - AD_MAGIC;
    const double near = (far - k * 0x1.62e42fefap-1), c = AD_FMA(-k, 0x1.cf79abc9e3b3ap-40, low), h = 1 + near;
    return (ad_power_of_two_times){ad_pair_times(ad_two_sum(h, ((1 - h) + near) + (c + ad_exp_tail(near + c))), m), k};
}

/* a log(a/x) + x - a for a >= 8, the deviance of Loader, "Fast and accurate computation of binomial probabilities" (2000), off by 2^-54 where it is
 * below 1000.  With v = (x - a)/(x + a) it is (x + a) (v^2 - (1 - v) (v^3/3 + v^5/5 + ...)). */
static ad_pair ad_deviance(double a, double x, double x_low)
{
    const ad_pair less = ad_pair_add(ad_two_sum(x, -a), 0, x_low), more = ad_pair_add(ad_two_sum(x, a), 0, x_low);
    const ad_pair v = ad_pair_over(less, more), z = ad_pair_times(v, v);
    if (fabs(v.high) > 0.1) {
        const double q = x / a;
        const ad_pair l = ad_log_long(q), p = ad_two_product(a, l.high);
        return ad_pair_add((ad_pair){less.high, less.low - (p.low + a * (l.low + (ad_rest(x, q, a) + x_low) / a / q))}, -p.high, 0);
    }
    const double w = z.high;
    const double rest = w * (1.0 / 5 + w * (1.0 / 7 + w * (1.0 / 9 + w * (1.0 / 11 + w * (1.0 / 13 + w * (1.0 / 15 + w * (1.0 / 17 + w * (1.0 / 19))))))));
    const ad_pair third = ad_two_sum(0x1.5555555555555p-2, rest), one_less = ad_two_sum(1, -v.high);
    const ad_pair g = ad_pair_times(ad_pair_times(v, (ad_pair){one_less.high, one_less.low - v.low}), (ad_pair){third.high, third.low + 0x1.5555555555555p-56});
    const ad_pair bracket = ad_two_sum(1, -g.high);
    return ad_pair_times(more, ad_pair_times(z, (ad_pair){bracket.high, bracket.low - g.low}));
}

/* log(gamma(x)) - (x - 1/2) log(x) + x - log(2 pi)/2 for x >= 8 (DLMF 5.11.1). */
static double ad_stirling(double x)
{
    const double z = 1 / x, q = z * z;
    return z * (1.0 / 12 - q * (1.0 / 360 - q * (1.0 / 1260 - q * (1.0 / 1680 - q * (1.0 / 1188 - q * (691.0 / 360360 - q * (1.0 / 156 - q *
                (3617.0 / 122400 - q * (43867.0 / 244188 - q * (174611.0 / 125400))))))))));
}

/* gamma(a + 1) = m exp(e) for 0 <= a < 8. */
typedef struct { ad_pair e, m; } ad_gamma_next;
static ad_gamma_next ad_gamma_next_of(double a)
{
    const double whole = rint(a - 1.5), m = whole > 0 ? whole : 0, t = a < 1 ? a : a - m - 1;                     /* gamma(t + 1) by its logarithm */
    ad_pair product = {a < 1 ? 1 : a, 0};
    for (int j = 1; j <= m; j++)
        product = ad_pair_times(product, (ad_pair){a - j, 0});
    return (ad_gamma_next){ad_pair_times(ad_two_product(t, t - 1), ad_two_sum(0.453125, ad_lgamma_factor(t - 0.75))), product};
}

/* x^a exp(-x) / gamma(a + 1) for 0 < x < inf and 0 <= a <= AD_IGAMMA_MOST, good to 2^-54; 0 where it is below 2^-2000. */
static ad_power_of_two_times ad_gamma_term(double a, double x, double x_low)
{
    if (a >= AD_IGAMMA_LARGE) {
        if (x < a * 0x1p-200 || x - a > 3000 * (1 + sqrt(a) + (x > 2 * a ? a : 0)))
            return (ad_power_of_two_times){{0, 0}, 0};
        const double root = sqrt(a);
        const ad_pair d = ad_deviance(a, x, x_low), square = ad_two_product(root, root);
        const ad_pair scale = ad_pair_over((ad_pair){0x1.9884533d43651p-2, -0x1.cbc0d30ebfd15p-56}, (ad_pair){root, ((a - square.high) - square.low) / (2 * root)});
        const ad_pair t = ad_pair_add((ad_pair){-d.high, -d.low}, -ad_stirling(a), 0);
        return ad_exp_of_pair(t.high, t.low, scale);
    }
    if (x > 3000)
        return (ad_power_of_two_times){{0, 0}, 0};
    const ad_pair l = ad_log_long(x), p = ad_two_product(a, l.high);
    const ad_gamma_next g = ad_gamma_next_of(a);
    ad_pair t = ad_pair_add((ad_pair){p.high, p.low + a * (l.low + x_low / x)}, -x, -x_low);
    t = ad_pair_add(t, -g.e.high, -g.e.low);
    return ad_exp_of_pair(t.high, t.low, ad_pair_over((ad_pair){1, 0}, g.m));
}

/* digamma(s) for 1 <= s <= 9: below 2 as by ad_digamma_near, the root divided out; good to 2^-55. */
static ad_pair ad_digamma_pair(double s)
{
    if (s >= 2) {
        const ad_pair i = ad_pair_reciprocal(s);
        const double q = i.high * i.high;
        return ad_pair_add(ad_log_pair(s), -0.5 * i.high, AD_FMA(-q, ad_digamma_series(q), -0.5 * i.low));
    }
    const ad_pair d = ad_two_sum(s - 1, -0x1.d8b618d5af8fep-2);
    return ad_pair_times((ad_pair){d.high, d.low + 0x1.1e563779a1f5bp-56}, ad_two_sum(0.953125, ad_digamma_factor(s - 1.5)));
}

/* log(x) - digamma(s + low) likewise. */
static ad_pair ad_less_digamma_above(double x, double s, double low)
{
    const ad_pair l = ad_log_pair(x), k = ad_digamma_pair(s), y = ad_two_sum(l.high, -k.high);
    const double i = 1 / s, slope = i * (1 + i * (0.5 + 0.16 * i));
    return (ad_pair){y.high, y.low + (l.low - k.low - slope * low)};
}

/* log(x) - digamma(a), or of a + 1 if `next`; 1 ULP but beside its root, where it is good to 2^-55. */
static double ad_less_digamma(double a, double x, int next)
{
    if (a >= AD_IGAMMA_LARGE) {
        const ad_pair i = ad_pair_reciprocal(a);
        const double q = x / a, half = next ? -0.5 : 0.5, more = AD_FMA(half, i.low, i.high * i.high * ad_digamma_series(i.high * i.high));
        if (!(q > 0 && q < AD_INF))
            return (ad_log(x) - ad_log(a)) + (half * i.high + more);
        const double scale = a > 0x1p400 ? 0x1p-600 : 1;                        /* exact products of large numbers overflow */
        const double rest = q > 0.5 && q < 2 ? ad_rest(x * scale, q, a * scale) / (x * scale) : 0;
        const ad_pair l = ad_log_long(q), y = ad_pair_add(l, half * i.high, rest + more);
        return y.high + y.low;
    }
    const int below = !next && a < 1;
    const ad_pair s = next || below ? ad_two_sum(a, 1) : (ad_pair){a, 0};
    ad_pair y = ad_less_digamma_above(x, s.high, s.low);
    if (below) {
        const ad_pair over = ad_pair_reciprocal(a);
        y = ad_pair_add(y, over.high, over.low);
    }
    return y.high + y.low;
}

/* The weights c[0] + c[1] v + c[2] v^2, v = log(t/x), of what P and its derivatives by a integrate, over a F; l and p are log(x) - digamma and trigamma,
 * of a if it is large, else of a + 1: digamma(a) = digamma(a + 1) - 1/a. */
typedef struct { double c[3]; } ad_gamma_weights;
static ad_gamma_weights ad_gamma_weights_of(double a, int order, double l, double p)
{
    const double less = a >= AD_IGAMMA_LARGE ? 0 : 1;
    if (order == 0)
        return (ad_gamma_weights){{a, 0, 0}};
    if (order == 1)
        return (ad_gamma_weights){{a * l + less, a, 0}};
    return (ad_gamma_weights){{a * (l * l - p) + 2 * less * l, 2 * (a * l + less), a}};
}

/* Where h has fallen to -40, or a little beyond. */
static double ad_gamma_reach(double a, double x, int upper)
{
    const double b = upper ? x - a : a - x, u = 80 / (b + sqrt(b * b + 80 * x));
    if (u < 0.01)
        return u;
    if (!upper) {
        const double e = ad_exp_finite(-u);
        return u + (40 - (a * u - x * (1 - e))) / (a - x * e);
    }
    const double v = ad_log((40 + x + a * u) / x), w = v < u ? v : u, z = ad_log((40 + x + a * w) / x);
    return z < w ? z : w;
}

AD_INLINE ad_pair ad_pair_sum(ad_pair a, ad_pair b) { return ad_pair_add(a, b.high, b.low); }
static ad_pair ad_sum_of_8(const double *s)
{
    return ad_pair_sum(ad_pair_sum(ad_two_sum(s[0], s[1]), ad_two_sum(s[2], s[3])), ad_pair_sum(ad_two_sum(s[4], s[5]), ad_two_sum(s[6], s[7])));
}

/* The integral of the weights times exp(h(u)). */
static ad_pair ad_gamma_integral(double a, double x, int upper, ad_gamma_weights weights)
{
    const double sign = upper ? 1 : -1, reach = ad_gamma_reach(a, x, upper);
    const ad_pair b = ad_two_sum(sign * x, -sign * a);
    const double c0 = weights.c[0], c1 = sign * weights.c[1], c2 = weights.c[2];
    double sums[8] = {0};
    for (int i = 0; i < AD_LEGENDRE; i += 8)
        for (int j = 0; j < 8; j++) {
            const double u = reach * ad_legendre_at[i + j], v = sign * u;
            const ad_reduced r = ad_reduce(v);
            const ad_half t = ad_half_expm1(v, r, ad_from_bits((ad_bits(r.shift) + 1022) << 52));
            const double tail = u < 0.34657359027997264 ? t.tail : (2 * t.high - v) + 2 * t.low;       /* exp(v) - 1 - v */
            sums[j] += ad_legendre_weight[i + j] * ad_exp_finite(-AD_FMA(b.high, u, AD_FMA(b.low, u, x * tail))) * (c0 + u * (c1 + u * c2));
        }
    return ad_pair_times((ad_pair){reach, 0}, ad_sum_of_8(sums));
}

/* G = 1 + x/(a+1) + x^2/((a+1)(a+2)) + ..., and its derivatives by a. */
typedef struct { double g, first, second; } ad_gamma_sums;
static ad_gamma_sums ad_gamma_series(double a, double x, int order)
{
    double n = 0, size = 1;
    while (size > 0x1p-60)
        size *= x / (a + ++n);
    double g = 1, first = 0, second = 0;
    for (n = order ? n + 8 : n; n > 0; n -= 1) {
        const double i = 1 / (a + n), q = x / (a + n);
        if (order) {
            second = q * (second - 2 * i * (first - i * g));
            first = q * (first - i * g);
        }
        g = 1 + q * g;
    }
    return (ad_gamma_sums){g, first, second};
}

/* exp(e) - 1 of a pair. */
AD_INLINE double ad_expm1_pair(ad_pair e)
{
    const double y = ad_expm1(e.high);
    return y + e.low * (1 + y);
}

/* Q for x < 1/2 and a < 1: what 1 - x^a/gamma(a + 1) has more than the alternating rest of DLMF 8.7.1. */
static double ad_gamma_beside_0(double a, double x)
{
    const ad_pair l = ad_log_long(x), p = ad_two_product(a, l.high), core = ad_gamma_next_of(a).e;
    const ad_pair e = ad_pair_add((ad_pair){p.high, p.low + a * l.low}, -core.high, -core.low);
    double s = 0;                                           /* 1/(a+1) - x/2 (1/(a+2) - x/3 (...)), the small terms first */
    for (double n = 19; n > 0; n -= 1)
        s = 1 / (a + n) - x / (n + 1) * s;
    return a * x * s * ad_exp(e.high) - ad_expm1_pair(e);
}

static double ad_gamma_scaled(ad_power_of_two_times f, ad_pair y)
{
    const ad_pair p = ad_pair_times(f.m, y);
    return ldexp(p.high + p.low, (int)f.k);
}
static double ad_at_most_1(double x) { return x > 1 ? 1 : x; }

/* P (`upper` 0) or Q on one side of a, whichever is asked for; where that side is the larger, 1 less the other. */
static double ad_gamma_side(double a, double x, int upper)
{
    if (!(a >= 0 && x >= 0) || (a == 0 && x == 0) || (a == AD_INF && x == AD_INF))
        return AD_NAN;
    if (x == 0 || a == AD_INF)
        return upper;
    if (x == AD_INF || a == 0)
        return !upper;
    if (a > AD_IGAMMA_MOST)
        return x == a ? 0.5 : (x < a) == upper;
    const int small = a < AD_IGAMMA_LARGE, series = small ? x <= (a > 1.5 ? a : 1.5) : x < 0.4 * (a + 1);
    if (!upper && (series || x <= a)) {
        const ad_power_of_two_times f = ad_gamma_term(a, x, 0);
        return f.m.high == 0 ? 0 : ad_at_most_1(ad_gamma_scaled(f, series ? (ad_pair){ad_gamma_series(a, x, 0).g, 0} : ad_gamma_integral(a, x, 0, ad_gamma_weights_of(a, 0, 0, 0))));
    }
    if (upper && x < 0.5 && a < 1)
        return ad_at_most_1(ad_gamma_beside_0(a, x));
    if (x >= 0.5 && x >= (upper ? a - 1 : a)) {
        const ad_power_of_two_times f = ad_gamma_term(a, x, 0);
        const double q = f.m.high == 0 ? 0 : ad_gamma_scaled(f, ad_gamma_integral(a, x, 1, ad_gamma_weights_of(a, 0, 0, 0)));
        return upper ? q : 1 - q;
    }
    return 1 - ad_gamma_side(a, x, !upper);
}
static double ad_igamma(double a, double x) { return ad_gamma_side(a, x, 0); }
static double ad_igammac(double a, double x) { return ad_gamma_side(a, x, 1); }

/* x^(a-1) exp(-x) / gamma(a). */
static double ad_gamma_pdf(double a, double x)
{
    if (!(a >= 0 && x >= 0))
        return AD_NAN;
    if (x == 0)
        return a < 1 ? (a == 0 ? AD_NAN : AD_INF) : a == 1;
    if (x == AD_INF || a == 0 || a > AD_IGAMMA_MOST)
        return x != a ? 0 : x == AD_INF ? AD_NAN : 0.3989422804014327 / sqrt(a);
    const ad_power_of_two_times f = ad_gamma_term(a, x, 0);
    const ad_parts p = ad_split(x), q = ad_split(a);
    return ldexp(ad_pair_quotient(ad_pair_times(f.m, (ad_pair){q.m, 0}), (ad_pair){p.m, 0}), (int)(f.k + q.k - p.k));
}

/* The first or second derivative of P by a. */
static double ad_gamma_by_a(double a, double x, int order)
{
    if (!(a >= 0 && x >= 0) || (a == 0 && x == 0) || (a == AD_INF && x == AD_INF))
        return AD_NAN;
    if (x == 0 || x == AD_INF || a > AD_IGAMMA_MOST)
        return x == a && order == 1 ? -0.3989422804014327 / sqrt(a) : 0;
    const ad_power_of_two_times f = ad_gamma_term(a, x, 0);
    if (f.m.high == 0)
        return 0;
    const int large = a >= AD_IGAMMA_LARGE;
    const double next = ad_less_digamma(a, x, 1), p = order > 1 ? ad_trigamma(a + 1) : 0;
    ad_pair y = {0, 0};
    if (large ? x < 0.4 * (a + 1) : next <= 0) {
        const ad_gamma_sums s = ad_gamma_series(a, x, order);
        y.high = order == 1 ? next * s.g + s.first : (next * next - p) * s.g + 2 * next * s.first + s.second;
    } else {
        const int upper = !large || x > a - 0.5;
        const double q = large && order > 1 ? ad_trigamma(a) : p;
        y = ad_gamma_integral(a, x, upper, ad_gamma_weights_of(a, order, large ? ad_less_digamma(a, x, 0) : next, q));
        y = upper ? (ad_pair){-y.high, -y.low} : y;
    }
    return ad_gamma_scaled(f, y);
}
static double ad_igamma_by_a(double a, double x) { return ad_gamma_by_a(a, x, 1); }
static double ad_igamma_by_a_twice(double a, double x) { return ad_gamma_by_a(a, x, 2); }

static double ad_log_less_digamma(double a, double x)
{
    if (!(a >= 0 && x >= 0))
        return AD_NAN;
    if (x == 0 || x == AD_INF || a == 0 || a == AD_INF)
        return ad_log(x) - (a == 0 ? -AD_INF : a == AD_INF ? AD_INF : 0);
    return ad_less_digamma(a, x, 0);
}

AD_THROUGH_DOUBLE_2(igamma)
AD_THROUGH_DOUBLE_2(igammac)
AD_THROUGH_DOUBLE_2(gamma_pdf)
AD_THROUGH_DOUBLE_2(igamma_by_a)
AD_THROUGH_DOUBLE_2(igamma_by_a_twice)
AD_THROUGH_DOUBLE_2(log_less_digamma)

#endif
