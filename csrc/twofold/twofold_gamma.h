/* The logarithm of the gamma function and its derivatives, of certified twofold numbers.
 *
 * Stirling's series at x + n >= 24, and the n factors or quotients taken off (DLMF 5.11.1, 5.11.2, 5.15.8; the remainder is less than the first
 * term left out for x > 0: DLMF 5.11(ii)).  Below 0 by the mirror at 1/2. */
#ifndef AD_TWOFOLD_GAMMA_H
#define AD_TWOFOLD_GAMMA_H

#include "twofold_normal.h"

#define AD_SHIFTS(STEP)                                                                                                   \
    STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8) STEP(9) STEP(10) STEP(11) STEP(12) STEP(13)    \
    STEP(14) STEP(15) STEP(16) STEP(17) STEP(18) STEP(19) STEP(20) STEP(21) STEP(22) STEP(23)

/* x + n for the least whole n >= 0 that makes it 24 or more. */
AD_TWO ad_dw dw_above_24(ad_dw x) { return dw_add(x, dw_of(x.h < 24 ? ceil(24 - x.h) : 0)); }

/* Terms c[0] + c[1] z + ... up to c[13], z <= 1/576: from c[6] on in doubles. */
AD_TWO ad_dw dw_stirling(const double (*c)[2], ad_dw z)
{
    const double x = z.h, low = c[10][0] + x * (c[11][0] + x * (c[12][0] + x * c[13][0]));
    const double v = c[6][0] + x * (c[7][0] + x * (c[8][0] + x * (c[9][0] + x * low)));
    const ad_dw y = {v, 0, 0x1p-48 * fabs(v)};
    return dw_step(c[0], z, dw_step(c[1], z, dw_step(c[2], z, dw_step(c[3], z, dw_step(c[4], z, dw_step(c[5], z, y))))));
}

/* lgamma(x) for an exact x in [2^-100, 2^150]; the term B(30) / (870 x^29) is less than 2^-113.
 * Over the radius, 2^-12 of x, |digamma| < log(x + n) + 2^-11 + 2.1 / x. */
AD_TWO ad_dw dw_lgamma(ad_dw x)
{
    const double moved = x.r;
    x.r = 0;
    const ad_dw a = dw_above_24(x), over = dw_div(dw_of(1), a), log = fast_log(a);
    ad_dw y = dw_add(dw_mul(dw_add(a, dw_of(-0.5)), log), dw_neg(a)), p = dw_of(3);       /* (fast_log leaves out powers of 2) */
    y = dw_add(y, dw_add(dw_constant(dw_half_log_2pi), dw_mul(over, dw_stirling(dw_lgamma_terms, dw_mul(over, over)))));
#define AD_STEP(k) p = dw_mul(p, dw_if(x.h + k < 24, dw_add(x, dw_of(k)), dw_of(1)));
    AD_SHIFTS(AD_STEP)
#undef AD_STEP
    y = dw_add(y, dw_add(dw_constant(dw_log_3), dw_neg(fast_log(p))));
    y.r += 0x1p-113 + moved * (log.h + 0.001 + 2.1 / x.h);
    return y;
}

/* The same for digamma; the term B(30) / (30 x^30) is less than 2^-113, and |trigamma| < 1.01 (1 / x + 1 / x^2). */
AD_TWO ad_dw dw_digamma(ad_dw x)
{
    const double moved = x.r;
    x.r = 0;
    const ad_dw a = dw_above_24(x), over = dw_div(dw_of(1), a), z = dw_mul(over, over);
    ad_dw y = dw_add(dw_twice(over, 0.5), dw_mul(z, dw_stirling(dw_digamma_terms, z)));
#define AD_STEP(k) y = dw_add(y, dw_if(x.h + (23 - k) < 24, dw_div(dw_of(1), dw_add(x, dw_of(23 - k))), dw_of(0)));
    AD_SHIFTS(AD_STEP)
#undef AD_STEP
    y = dw_add(fast_log(a), dw_neg(y));
    y.r += 0x1p-113 + moved * 1.01 * (1 + 1 / x.h) / x.h;
    return y;
}

/* And for trigamma: 1/x + 1/2x^2 + B(2)/x^3 + ... + the sum of 1 / (x + j)^2; the remainder is less than B(30) / x^31, 2^-108 of 1/x. */
AD_TWO ad_dw dw_trigamma(ad_dw x)
{
    const double moved = x.r;
    x.r = 0;
    const ad_dw a = dw_above_24(x), over = dw_div(dw_of(1), a), z = dw_mul(over, over);
    ad_dw y = dw_add(dw_mul(over, dw_mul(z, dw_stirling(dw_bernoulli, z))), dw_twice(z, 0.5));
    y = dw_add(over, y);
    y.r += 0x1p-108 * over.h;
#define AD_STEP(k)                                                                                                        \
    {                                                                                                                     \
        const ad_dw q = dw_div(dw_of(1), dw_add(x, dw_of(23 - k)));                                                       \
        y = dw_add(y, dw_if(x.h + (23 - k) < 24, dw_mul(q, q), dw_of(0)));                                                 \
    }
    AD_SHIFTS(AD_STEP)
#undef AD_STEP
    y.r += moved * 1.01 * (1 + 2 / x.h) / (x.h * x.h);
    return y;
}

/* And for its derivative: 1/x^2 + 1/x^3 + 3 B(2)/x^4 + ... + twice the sum of 1 / (x + j)^3, negated; the remainder is less than 31 B(30) / x^32,
 * 2^-103 of 1/x^2, and the derivative's size 6 sum of 1 / (x + j)^4 less than 6/x^4 + 2/x^3. */
AD_TWO ad_dw dw_tetragamma(ad_dw x)
{
    const double moved = x.r;
    x.r = 0;
    const ad_dw a = dw_above_24(x), over = dw_div(dw_of(1), a), z = dw_mul(over, over);
    ad_dw sum = dw_of(0), y = dw_add(z, dw_mul(z, dw_add(over, dw_mul(z, dw_stirling(dw_tetragamma_terms, z)))));
    y.r += 0x1p-103 * z.h;
#define AD_STEP(k)                                                                                                        \
    {                                                                                                                     \
        const ad_dw q = dw_div(dw_of(1), dw_add(x, dw_of(23 - k)));                                                       \
        sum = dw_add(sum, dw_if(x.h + (23 - k) < 24, dw_mul(q, dw_mul(q, q)), dw_of(0)));                                  \
    }
    AD_SHIFTS(AD_STEP)
#undef AD_STEP
    y = dw_neg(dw_add(y, dw_twice(sum, 2)));
    y.r += moved * 1.01 * (2 + 6 / x.h) / (x.h * x.h * x.h);
    return y;
}

AD_TWO double dw_gamma_good(ad_dw x) { return (x.h > 0x1p-60) & (x.h < 0x1p60) & (x.r < x.h * 0x1p-12) ? 1 : -1; }
AD_TWO ad_dw fast_lgamma(ad_dw x) { return dw_where(dw_gamma_good(x), dw_lgamma(x)); }
AD_TWO ad_dw fast_digamma(ad_dw x) { return dw_where(dw_gamma_good(x), dw_digamma(x)); }
AD_TWO ad_dw fast_trigamma(ad_dw x) { return dw_where(dw_gamma_good(x), dw_trigamma(x)); }
/* Of order 2, the derivative of trigamma: other orders are the function's, or nobody's. */
AD_TWO ad_dw fast_polygamma(ad_dw n, ad_dw x) { return dw_where(dw_is((n.h == 2) & (n.l == 0) & (n.r == 0)), dw_where(dw_gamma_good(x), dw_tetragamma(x))); }

/* pi times the distance of x from the nearest whole number. */
static ad_twofold two_round_pi(ad_twofold x)
{
    const ad_dw p = dw_plain(x);
    return !(fabs(p.h) < 0x1p50) ? two_unknown : two_mul(two_of(dw_add(p, dw_of(-nearbyint(p.h))), 0), two_constant2(dw_pi));
}

/* From 24 on by x + 1 where x is a power of 2. */
static ad_twofold two_lgamma_plain(ad_twofold x)
{
    const ad_twofold y = two_of(dw_lgamma(dw_from(x)), 0), more = two_add(x, two_exact(1));
    return y.r < AD_INF || x.hi < 24 ? y : two_sub(two_of(dw_lgamma(dw_from(more)), 0), two_log(x));
}
static ad_twofold two_digamma_plain(ad_twofold x)
{
    const ad_twofold y = two_of(dw_digamma(dw_from(x)), 0), more = two_add(x, two_exact(1));
    return y.r < AD_INF || x.hi < 24 ? y : two_sub(two_of(dw_digamma(dw_from(more)), 0), two_reciprocal(x));
}

static int two_is_gamma_plain(ad_twofold x) { return x.e == 0 && dw_gamma_good(dw_from(x)) > 0; }

static ad_twofold two_lgamma(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, x.hi == x.hi ? AD_INF : AD_NAN);
    if (two_is_gamma_plain(x))
        return x.lo == 0 && x.r == 0 && (x.hi == 1 || x.hi == 2) ? two_exact(0) : two_lgamma_plain(x);
    if (!(x.hi < 0) || x.e > 0)
        return two_unknown;
    const ad_twofold t = two_round_pi(x), one = two_exact(1);
    if (two_may_be_zero(t))
        return two_unknown;
    const ad_twofold mirrored = two_add(two_log(two_abs(two_sin(t))), two_lgamma(two_sub(one, x)));
    return two_sub(two_constant2(dw_log_pi), mirrored);
}

static ad_twofold two_digamma(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, x.hi > 0 ? x.hi : AD_NAN);
    if (two_is_gamma_plain(x))
        return two_digamma_plain(x);
    if (!(x.hi < 0) || x.e > 0)
        return two_unknown;
    const ad_twofold t = two_round_pi(x);
    if (two_may_be_zero(t))
        return two_unknown;
    return two_sub(two_digamma(two_sub(two_exact(1), x)), two_div(two_constant2(dw_pi), two_tan(t)));
}

static ad_twofold two_trigamma(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, x.hi > 0 ? 0 : AD_NAN);
    if (two_is_gamma_plain(x))
        return two_of(dw_trigamma(dw_from(x)), 0);
    if (!(x.hi < 0) || x.e > 0)
        return two_unknown;
    const ad_twofold t = two_round_pi(x);
    if (two_may_be_zero(t))
        return two_unknown;
    const ad_twofold s = two_div(two_constant2(dw_pi), two_sin(t));
    return two_sub(two_mul(s, s), two_trigamma(two_sub(two_exact(1), x)));
}

static ad_twofold two_tetragamma(ad_twofold x)
{
    if (two_is_gamma_plain(x))
        return two_of(dw_tetragamma(dw_from(x)), 0);
    if (!(x.hi < 0) || x.e > 0)
        return two_unknown;
    const ad_twofold t = two_round_pi(x);
    if (two_may_be_zero(t))
        return two_unknown;
    const ad_twofold s = two_div(two_constant2(dw_pi), two_sin(t)), c = two_div(two_constant2(dw_pi), two_tan(t));
    return two_sub(two_tetragamma(two_sub(two_exact(1), x)), two_twice(two_mul(two_mul(s, s), c), 2));
}

static ad_twofold two_polygamma(ad_twofold n, ad_twofold x)
{
    if (n.lo != 0 || n.r != 0 || n.e != 0 || two_is_odd(x))
        return two_unknown;
    return n.hi == 0 ? two_digamma(x) : n.hi == 1 ? two_trigamma(x) : n.hi == 2 ? two_tetragamma(x) : two_unknown;
}

#endif
