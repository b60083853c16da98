/* Rows of certified twofold numbers that are formulas over others, and powers. */
#ifndef AD_TWOFOLD_MORE_H
#define AD_TWOFOLD_MORE_H

#include "twofold_exp.h"

static const double dw_half_log_2_pi[2] = {0x1.d67f1c864beb5p-1, -0x1.65b5a1b7ff5dfp-55};

/* Is a > b surely, surely not, or not known (2)? */
static int two_is_greater(ad_twofold a, ad_twofold b)
{
    const ad_twofold d = two_sub(a, b);
    return two_is_zero(d) ? 0 : two_may_be_zero(d) ? 2 : d.hi > 0;
}

static inline ad_twofold two_identity(ad_twofold x) { return x; }

/* Exactly 0 where g is, whatever s is. */
static inline ad_twofold two_scale(ad_twofold g, ad_twofold s) { return two_is_zero(g) ? g : two_mul(g, s); }
static inline ad_twofold two_select(ad_twofold g, ad_twofold s) { return two_is_zero(g) ? g : two_is_zero(s) ? s : two_mul(g, s); }

static inline ad_twofold two_squared_difference(ad_twofold a, ad_twofold b) { return two_square(two_sub(a, b)); }
static ad_twofold two_softsign(ad_twofold x) { return two_is_odd(x) ? two_unknown : two_div(x, two_add(two_exact(1), two_abs(x))); }
static ad_twofold two_entr(ad_twofold x) { return two_is_zero(x) ? x : two_neg(two_mul(x, two_log(x))); }
static ad_twofold two_logit(ad_twofold x) { return two_log(two_div(x, two_sub(two_exact(1), x))); }
static ad_twofold two_silu(ad_twofold x) { return two_is_odd(x) ? two_unknown : two_mul(x, two_sigmoid(x)); }
static ad_twofold two_normal_pdf(ad_twofold x)
{
    const ad_twofold c = {dw_half_log_2_pi[0], dw_half_log_2_pi[1], 0x1p-106, 0};
    return two_is_odd(x) ? two_unknown : two_exp(two_neg(two_add(two_twice(two_mul(x, x), 0.5), c)));
}

static ad_twofold two_hypot(ad_twofold a, ad_twofold b)
{
    if (two_is_odd(a) | two_is_odd(b))
        return two_odd(a, b, hypot(a.hi, b.hi));
    return two_sqrt(two_add(two_mul(a, a), two_mul(b, b)));
}
static ad_twofold two_over_hypot(ad_twofold a, ad_twofold b)
{
    if (two_is_odd(a) | two_is_odd(b))
        return two_unknown;
    return two_is_zero(a) ? two_exact(0) : two_div(a, two_hypot(a, b));
}

/* The larger, and log1p of the rest; where it is open which is larger, one is taken: the sum is the same. */
static ad_twofold two_logaddexp(ad_twofold a, ad_twofold b)
{
    if (two_is_odd(a) | two_is_odd(b))
        return two_unknown;
    return two_is_greater(a, b) ? two_add(a, two_log1p(two_exp(two_sub(b, a)))) : two_add(b, two_log1p(two_exp(two_sub(a, b))));
}

static ad_twofold two_xlogy(ad_twofold a, ad_twofold b) { return two_is_zero(a) ? a : two_mul(a, two_log(b)); }
static ad_twofold two_xlog1py(ad_twofold a, ad_twofold b) { return two_is_zero(a) ? a : two_mul(a, two_log1p(b)); }
static ad_twofold two_sigmoid_of_difference(ad_twofold a, ad_twofold b) { return two_is_odd(a) | two_is_odd(b) ? two_unknown : two_sigmoid(two_sub(a, b)); }
static ad_twofold two_sigmoid_cross_entropy(ad_twofold a, ad_twofold b)
{
    if (two_is_odd(a) | two_is_odd(b))
        return two_unknown;
    return two_add(two_mul(a, two_softplus(two_neg(b))), two_mul(two_sub(two_exact(1), a), two_softplus(b)));
}

/* By logarithms, which are relative to x also near 0 and 1. */
static ad_twofold two_asinh(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, x.hi);
    if (two_is_tiny(x))
        return two_nearly(x);
    const ad_twofold a = two_abs(x), s = two_mul(a, a), one = two_exact(1);
    const ad_twofold y = two_log1p(two_add(a, two_div(s, two_add(one, two_sqrt(two_add(one, s))))));
    return x.hi < 0 ? two_neg(y) : y;
}
static ad_twofold two_acosh(ad_twofold x)
{
    const ad_twofold d = two_sub(x, two_exact(1));
    return two_log1p(two_add(d, two_sqrt(two_mul(d, two_add(d, two_exact(2))))));
}
static ad_twofold two_atanh(ad_twofold x)
{
    const ad_twofold one = two_exact(1);
    if (two_is_tiny(x))
        return two_nearly(x);
    return two_twice(two_log1p(two_div(two_twice(x, 2), two_sub(one, x))), 0.5);
}

/* The cube root of x, by one step of Newton's from that of x.h and what it misses.  With z = y + d: d + d^2 / y + d^3 / 3 y^2 = q. */
AD_TWO ad_dw dw_cbrt(ad_dw x)
{
    const double y = ad_cbrt(x.h);
    const ad_dw square = dw_mul(dw_of(y), dw_of(y)), rest = dw_add(x, dw_neg(dw_mul(square, dw_of(y))));
    const ad_dw q = dw_div(rest, dw_mul(dw_of(3), square));
    const double most = fabs(q.h) + fabs(q.l) + q.r, part = most / fabs(y), second = q.h * (q.h / y);
    const double missed = 3 * most * part * part + 3 * part * (fabs(q.l) + q.r) + 0x1p-50 * fabs(second);
    ad_dw z = dw_add(dw_add(dw_of(y), q), (ad_dw){-second, 0, missed});
    z.r += part < 0x1p-12 ? 0 : AD_INF;
    return z;
}
static ad_twofold two_cbrt(ad_twofold x)
{
    if (two_is_odd(x) | two_is_zero(x))
        return two_odd(x, x, x.hi);
    if (two_may_be_zero(x))
        return two_unknown;
    const int64_t rest = (x.e % 3 + 3) % 3;
    return two_scaled(dw_cbrt(dw_twice(dw_from(x), (double)(1 << rest))), (x.e - rest) / 3);
}

/* a to the power b.  A whole exponent of up to 32: by multiplications; others by logarithms, for a > 0. */
static ad_twofold two_pow(ad_twofold a, ad_twofold b)
{
    if (a.r == AD_INF || b.r == AD_INF)
        return two_unknown;
    const int plain = b.e == 0 && b.lo == 0 && b.r == 0, whole = plain && b.hi == nearbyint(b.hi);
    if (whole && b.hi == 0)
        return two_exact(1);
    if (two_is_odd(a) | two_is_odd(b) || (two_is_zero(a) && plain))
        return a.r == 0 && plain && (two_is_zero(a) || fabs(a.hi) > AD_COMFORT) ? two_exact(pow(a.hi, b.hi)) : two_unknown;
    if (whole && fabs(b.hi) <= 32) {
        ad_twofold y = two_exact(1), p = a;
        for (int n = (int)fabs(b.hi); n; n >>= 1, p = n ? two_mul(p, p) : p)
            if (n & 1)
                y = two_mul(y, p);
        return b.hi < 0 ? two_reciprocal(y) : y;
    }
    if (two_may_be_zero(a))
        return two_unknown;
    if (a.hi < 0 && !(whole && fabs(b.hi) < 0x1p52))
        return plain && a.r == 0 ? two_exact(AD_NAN) : two_unknown;
    const ad_twofold y = two_exp(two_mul(b, two_log(two_abs(a))));
    return a.hi < 0 && ((int64_t)b.hi & 1) ? two_neg(y) : y;
}

#endif
