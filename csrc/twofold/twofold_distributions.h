/* The distribution functions of the gamma and beta distributions, their densities, and Hurwitz's zeta function, of certified twofold numbers.
 *
 * By series whose terms are all positive, so that nothing cancels but in what is 1 less another:
 *     P = F (1 + x/(a+1) + x^2/((a+1)(a+2)) + ...), F = x^a exp(-x) / gamma(a + 1)                                  (DLMF 8.11.4);
 *     I = F (1 + n x/(a+1) + n (n+1) x^2/((a+1)(a+2)) + ...), n = a + b, F = x^a (1-x)^b / (a B(a, b))              (8.17.8), up to the mean;
 *     Q = a F/x times Legendre's continued fraction, and the terms by which Q of a is more than that of a - 1, from x = a + 1 on    (8.9.2, 8.8.6).
 * What is left out of a series is a geometric one at most.  Operands that are not inside the domain for sure are for the balls. */
#ifndef AD_TWOFOLD_DISTRIBUTIONS_H
#define AD_TWOFOLD_DISTRIBUTIONS_H

#include "twofold_gamma.h"

enum { AD_TWO_TERMS = 3000 };

static int two_is_positive(ad_twofold x) { return !two_is_odd(x) && !two_may_be_zero(x) && x.hi > 0 && x.e == 0; }
static double dw_most(ad_dw x) { return (fabs(x.h) + x.r) * (1 + 0x1p-50); }
static ad_twofold two_with_radius(ad_twofold x, ad_dw y) { return two_mul(x, two_of(y, 0)); }

/* x^a exp(-x) / gamma(a + 1). */
static ad_twofold two_gamma_term(ad_twofold a, ad_twofold x)
{
    return two_exp(two_sub(two_sub(two_mul(a, two_log(x)), x), two_lgamma(two_add(a, two_exact(1)))));
}

/* G = 1 + x/(a+1) + x^2/((a+1)(a+2)) + ..., and its derivatives by a: a term t has -t h and t (h^2 + k), h and k the sums of 1/(a+j) and of their
 * squares.  From the eighth on h grows by an eighth at most from term to term. */
typedef struct { ad_dw g, first, second; } dw_gamma_sums;
static dw_gamma_sums dw_gamma_series(ad_dw a, ad_dw x, int order)
{
    ad_dw t = dw_of(1), h = dw_of(0), k = dw_of(0), last = dw_of(0);
    dw_gamma_sums s = {t, h, k};
    double ratio = 1;
    int n = 0;
    do {
        const ad_dw i = dw_div(dw_of(1), dw_add(a, dw_of(++n))), q = dw_mul(x, i);
        t = dw_mul(t, q);
        s.g = dw_add(s.g, t);
        ratio = dw_most(q);
        if (order) {
            h = dw_add(h, i);
            last = dw_mul(t, h);
            s.first = dw_add(s.first, dw_neg(last));
        }
        if (order > 1) {
            k = dw_add(k, dw_mul(i, i));
            last = dw_mul(t, dw_add(dw_mul(h, h), k));
            s.second = dw_add(s.second, last);
        }
    } while (n < AD_TWO_TERMS && !(n >= 8 && ratio < 0.5 && t.h < s.g.h * 0x1p-110 && (!order || last.h < s.g.h * 0x1p-110)));
    const double rest = n < AD_TWO_TERMS ? 1 : AD_INF;
    s.g.r += rest * dw_most(t);
    s.first.r += 2 * rest * dw_most(t) * dw_most(h);
    s.second.r += 2 * rest * dw_most(last);
    return s;
}

/* Q of 0 < a <= 1 over exp(-x) x^a / gamma(a): 1/(x + (1-a)/(1 + 1/(x + (2-a)/(1 + 2/(x + ...))))).  All is positive, so that the end lies between
 * what it is with 0 and with infinity in the place of the rest: the convergents are on both sides of it in turn. */
static ad_dw dw_gamma_fraction(ad_dw a, ad_dw x)
{
    const int pairs = (int)(400 / x.h) + 12;
    ad_dw low = dw_of(0), high = dw_div(dw_of(pairs), x);   /* pairs / (x + rest) for a rest of infinity and 0 */
    for (int k = pairs; k > 0; k--) {
        const ad_dw m = dw_add(dw_of(k), dw_neg(a)), above = dw_of(k > 1 ? k - 1 : 1);
        low = dw_div(above, dw_add(x, dw_div(m, dw_add(dw_of(1), low))));
        high = dw_div(above, dw_add(x, dw_div(m, dw_add(dw_of(1), high))));
    }
    const ad_dw apart = dw_add(low, dw_neg(high));
    low.r += dw_most(apart);
    return low;
}

/* Q for x >= 2 and x >= a + 1: of a - m, 0 < a - m <= 1, and the m terms up to a. */
static ad_twofold two_gamma_upper(ad_twofold a, ad_twofold x)
{
    const double m = ceil(a.hi) - 1;
    if (!(m < AD_TWO_TERMS) || !(x.hi < 1e6))
        return two_unknown;
    const ad_twofold least = two_add(a, two_exact(-m));
    if (!two_is_positive(least))
        return two_unknown;
    const ad_twofold f = two_gamma_term(least, x);          /* a term over the one before is x/(a + 1) */
    ad_twofold t = f, y = two_mul(two_mul(f, least), two_of(dw_gamma_fraction(dw_from(least), dw_from(x)), 0));
    for (double j = 1; j <= m; j++) {
        y = two_add(y, t);
        t = two_mul(t, two_div(x, two_add(least, two_exact(j))));
    }
    return y;
}

static int two_is_in_gamma(ad_twofold a, ad_twofold x) { return two_is_positive(a) && two_is_positive(x) && x.hi < 2000; }
static ad_twofold two_gamma_lower(ad_twofold a, ad_twofold x) { return two_with_radius(two_gamma_term(a, x), dw_gamma_series(dw_from(a), dw_from(x), 0).g); }
static int two_is_upper(ad_twofold a, ad_twofold x) { return x.hi >= 2 && x.hi >= a.hi + 1; }

static ad_twofold two_igamma(ad_twofold a, ad_twofold x)
{
    if (two_is_positive(a) && two_is_zero(x))
        return two_exact(0);
    if (!two_is_in_gamma(a, x))
        return two_unknown;
    return two_is_upper(a, x) ? two_sub(two_exact(1), two_gamma_upper(a, x)) : two_gamma_lower(a, x);
}
static ad_twofold two_igammac(ad_twofold a, ad_twofold x)
{
    if (two_is_positive(a) && two_is_zero(x))
        return two_exact(1);
    if (!two_is_in_gamma(a, x))
        return two_unknown;
    return two_is_upper(a, x) ? two_gamma_upper(a, x) : two_sub(two_exact(1), two_gamma_lower(a, x));
}
static ad_twofold two_gamma_pdf(ad_twofold a, ad_twofold x)
{
    return two_is_positive(a) && two_is_positive(x) ? two_mul(two_gamma_term(a, x), two_div(a, x)) : two_unknown;
}

/* F (l G + G'), l = log(x) - digamma(a + 1), and F ((l^2 - trigamma(a + 1)) G + 2 l G' + G''). */
static ad_twofold two_gamma_by_a(ad_twofold a, ad_twofold x, int order)
{
    if (two_is_positive(a) && two_is_zero(x))
        return two_exact(0);
    if (!two_is_in_gamma(a, x))
        return two_unknown;
    const ad_twofold next = two_add(a, two_exact(1)), l = two_sub(two_log(x), two_digamma(next));
    const dw_gamma_sums s = dw_gamma_series(dw_from(a), dw_from(x), order);
    const ad_twofold g = two_of(s.g, 0), first = two_of(s.first, 0);
    ad_twofold y = two_add(two_mul(l, g), first);
    if (order > 1)
        y = two_add(two_add(two_mul(two_sub(two_square(l), two_trigamma(next)), g), two_twice(two_mul(l, first), 2)), two_of(s.second, 0));
    return two_mul(two_gamma_term(a, x), y);
}
static ad_twofold two_igamma_by_a(ad_twofold a, ad_twofold x) { return two_gamma_by_a(a, x, 1); }
static ad_twofold two_igamma_by_a_twice(ad_twofold a, ad_twofold x) { return two_gamma_by_a(a, x, 2); }

/* x^a y^b / (a B(a, b)), y = 1 - x. */
static ad_twofold two_beta_term(ad_twofold a, ad_twofold b, ad_twofold log_x, ad_twofold log_y)
{
    const ad_twofold powers = two_add(two_mul(a, log_x), two_mul(b, log_y)), next = two_add(a, two_exact(1));
    return two_exp(two_add(powers, two_sub(two_lgamma(two_add(a, b)), two_add(two_lgamma(next), two_lgamma(b)))));
}

/* The sum of (n)_k / (a + 1)_k x^k; a term over the one before tends to x from one side. */
static ad_dw dw_beta_series(ad_dw a, ad_dw n, ad_dw x)
{
    ad_dw t = dw_of(1), g = t;
    double ratio = 1;
    int k = 0;
    do {
        const ad_dw q = dw_mul(x, dw_div(dw_add(n, dw_of(k)), dw_add(a, dw_of(k + 1))));
        k++;
        t = dw_mul(t, q);
        g = dw_add(g, t);
        ratio = dw_most(q) > dw_most(x) ? dw_most(q) : dw_most(x);
    } while (k < AD_TWO_TERMS && !(ratio < 0.999 && t.h * ratio < g.h * 0x1p-110 * (1 - ratio)));
    g.r += k < AD_TWO_TERMS ? 1.01 * dw_most(t) * ratio / (1 - ratio) : AD_INF;
    return g;
}

static int two_is_in_beta(ad_twofold a, ad_twofold b, ad_twofold x, ad_twofold y)
{
    return two_is_positive(a) && two_is_positive(b) && two_is_positive(x) && two_is_positive(y);
}

static ad_twofold two_betainc(ad_twofold a, ad_twofold b, ad_twofold x)
{
    const ad_twofold y = two_sub(two_exact(1), x), n = two_add(a, b);
    if (!two_is_in_beta(a, b, x, y))
        return two_unknown;
    const ad_twofold log_x = two_log(x), log_y = two_log1p(two_neg(x));
    if (x.hi * n.hi <= a.hi)
        return two_with_radius(two_beta_term(a, b, log_x, log_y), dw_beta_series(dw_from(a), dw_from(n), dw_from(x)));
    return two_sub(two_exact(1), two_with_radius(two_beta_term(b, a, log_y, log_x), dw_beta_series(dw_from(b), dw_from(n), dw_from(y))));
}
static ad_twofold two_beta_pdf(ad_twofold a, ad_twofold b, ad_twofold x)
{
    const ad_twofold y = two_sub(two_exact(1), x);
    if (!two_is_in_beta(a, b, x, y))
        return two_unknown;
    return two_mul(two_beta_term(a, b, two_log(x), two_log1p(two_neg(x))), two_div(a, two_mul(x, y)));
}

/* The sum of (q + k)^-s over k >= 0 for s > 1 and q > 0, in units of its first term, by Euler and Maclaurin's formula (DLMF 25.11.7) from s + 30 on:
 * powers have derivatives of one sign each, so that the remainder is less than the first term left out.  Where the terms end before, the rest is less
 * than the last one and the integral from there on. */
static ad_dw dw_zeta_sum(ad_twofold s, ad_twofold q)
{
    const ad_twofold log_q = two_log(q), one = two_exact(1), less = two_sub(s, one);
    ad_twofold u = q, share = one, sum = two_exact(0);
    int k = 0;
    for (; u.hi < s.hi + 30 && k < AD_TWO_TERMS; u = two_add(q, two_exact(++k)), share = two_exp(two_mul(s, two_sub(log_q, two_log(u))))) {
        const double rest = dw_most(dw_plain(share)) * (1 + u.hi / less.hi) * 1.001;
        if (k && rest < 0x1p-110) {
            ad_dw y = dw_plain(sum);
            y.r += rest;
            return y;
        }
        sum = two_add(sum, share);
    }
    const ad_twofold i = two_reciprocal(u), z = two_square(i);
    ad_twofold term = two_twice(two_mul(s, i), 0.5), series = two_add(two_div(u, less), two_exact(0.5));
    for (int j = 1; j <= 16; j++) {
        series = two_add(series, two_mul(two_constant2(dw_bernoulli[j - 1]), term));
        const ad_twofold rise = two_mul(two_add(s, two_exact(2 * j - 1)), two_add(s, two_exact(2 * j)));
        term = two_mul(term, two_mul(two_div(rise, two_exact((2 * j + 1) * (2 * j + 2))), z));
    }
    ad_dw y = dw_plain(series);
    y.r += 1.01 * fabs(dw_bernoulli[16][0]) * dw_most(dw_plain(term));
    y = dw_plain(two_add(sum, two_mul(share, two_of(y, 0))));
    y.r += k < AD_TWO_TERMS ? 0 : AD_INF;
    return y;
}

static ad_twofold two_zeta(ad_twofold s, ad_twofold q)
{
    if (!two_is_positive(s) || !two_is_positive(q) || !two_is_positive(two_sub(s, two_exact(1))) || !(s.hi < 1e6))
        return two_unknown;
    return two_with_radius(two_exp(two_neg(two_mul(s, two_log(q)))), dw_zeta_sum(s, q));
}
static ad_twofold two_zeta_slope(ad_twofold s, ad_twofold q) { return two_neg(two_mul(s, two_zeta(two_add(s, two_exact(1)), q))); }

#endif
