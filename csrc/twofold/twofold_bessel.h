/* Modified Bessel functions of certified twofold numbers, |x| <= 60: by the power series (DLMF 10.25.2), whose terms are all positive.
 * Others are for the balls. */
#ifndef AD_TWOFOLD_BESSEL_H
#define AD_TWOFOLD_BESSEL_H

#include "twofold_bessel_tables.h"
#include "twofold_more.h"

/* The sum of c[k] u^k, of as many terms as matter.  With u = x^2 / 1024 a term is at most u (16 / (k + 1))^2 times the one before: where that is
 * a half or less the rest is less than the last one taken. */
static ad_dw dw_bessel_series(const double (*c)[2], ad_dw u)
{
    const double most = (u.h + u.r) * 1.0000001;
    double power = 1, term = 1, sum = 1;
    int n = 0;
    while (n < AD_TWO_BESSEL_TERMS - 1 && (term > sum * 0x1p-115 || most * 512 > (n + 1.0) * (n + 1.0))) {
        power *= most;
        term = c[++n][0] * power;
        sum += term;
    }
    ad_dw y = dw_constant(c[n]);
    for (int k = n - 1; k >= 0; k--)
        y = dw_add(dw_constant(c[k]), dw_mul(u, y));
    y.r += term > sum * 0x1p-115 || most * 512 > (n + 1.0) * (n + 1.0) ? AD_INF : 1.01 * term;
    return y;
}

/* I0(x), 2 I1(x) / x, I1(|x|), and exp(-|x|); 0 where x is too large or not known well enough. */
typedef struct { ad_twofold zero, ratio, one, scale; } two_bessel;
static int two_bessel_of(ad_twofold x, two_bessel *y)
{
    const ad_dw p = two_is_odd(x) ? (ad_dw){0, 0, AD_INF} : dw_plain(x);
    if (!(fabs(p.h) <= 60) || !(p.r < 0x1p-10))
        return 0;
    const ad_dw u = dw_twice(dw_mul(p, p), 0x1p-10);
    y->zero = two_of(dw_bessel_series(dw_bessel_zero, u), 0);
    y->ratio = two_of(dw_bessel_series(dw_bessel_one, u), 0);
    y->one = two_mul(two_twice(two_abs(x), 0.5), y->ratio);
    y->scale = two_exp(two_neg(two_abs(x)));
    return 1;
}

static ad_twofold two_with_sign_of(ad_twofold x, ad_twofold y)          /* y belongs to |x| */
{
    return x.hi < 0 || (x.hi == 0 && (x.lo < 0 || signbit(x.hi))) ? two_neg(y) : y;
}

static ad_twofold two_bessel_i0(ad_twofold x)
{
    two_bessel y;
    return two_bessel_of(x, &y) ? y.zero : two_unknown;
}
static ad_twofold two_bessel_i1(ad_twofold x)
{
    two_bessel y;
    return two_bessel_of(x, &y) ? two_with_sign_of(x, y.one) : two_unknown;
}
static ad_twofold two_bessel_i0e(ad_twofold x)
{
    two_bessel y;
    return two_bessel_of(x, &y) ? two_mul(y.zero, y.scale) : two_unknown;
}
static ad_twofold two_bessel_i1e(ad_twofold x)
{
    two_bessel y;
    return two_bessel_of(x, &y) ? two_with_sign_of(x, two_mul(y.one, y.scale)) : two_unknown;
}
static ad_twofold two_bessel_gap(ad_twofold x)
{
    two_bessel y;
    return two_bessel_of(x, &y) ? two_mul(two_sub(y.zero, y.one), y.scale) : two_unknown;
}
static ad_twofold two_bessel_i1e_slope(ad_twofold x)
{
    two_bessel y;
    return two_bessel_of(x, &y) ? two_mul(two_sub(two_sub(y.zero, y.one), two_twice(y.ratio, 0.5)), y.scale) : two_unknown;
}

#endif
