/* The error function and its family, of certified twofold numbers.
 *
 * exp(x^2) erfc(x) for x >= 3/4 by polynomials in t = 4 / (4 + x), over t: 54 of the 64 intervals of [0, 1] are reached, one polynomial
 * of degree 13 each (twofold_special_tables.h).  Where x goes to infinity, t to 0, that is as smooth as elsewhere.  Below there is the
 * power series of erf. */
#ifndef AD_TWOFOLD_NORMAL_H
#define AD_TWOFOLD_NORMAL_H

#include "twofold_fast_more.h"
#include "twofold_special_tables.h"

/* erf(x) / x for |x| < 3/4, s = x^2; terms from s^14 on in doubles: Horner's ten steps lose less than 8 u of 1 / (14! 29), and what
 * follows s^23 is less than 2^-110. */
AD_TWO ad_dw dw_erf_series(ad_dw s)
{
    const double (*f)[2] = dw_erf_terms, x = s.h;
    const double low = f[18][0] + x * (f[19][0] + x * (f[20][0] + x * (f[21][0] + x * (f[22][0] + x * f[23][0]))));
    const double v = f[14][0] + x * (f[15][0] + x * (f[16][0] + x * (f[17][0] + x * low)));
    ad_dw y = {v, 0, 16 * AD_U * fabs(v) + 0x1p-44 * s.r + 0x1p-110};
#define AD_STEP(k) y = dw_step(f[k], s, y);
    AD_STEP(13) AD_STEP(12) AD_STEP(11) AD_STEP(10) AD_STEP(9) AD_STEP(8) AD_STEP(7)
    AD_STEP(6) AD_STEP(5) AD_STEP(4) AD_STEP(3) AD_STEP(2) AD_STEP(1) AD_STEP(0)
#undef AD_STEP
    return dw_mul(y, dw_constant(dw_two_over_root_pi));
}

/* Multiplied by 1 or 0, not selected: GCC would put the tables' loads under a condition. */
AD_TWO ad_dw dw_either(_Bool c, ad_dw a, ad_dw b)
{
    const double m = c ? 1 : 0, n = c ? 0 : 1;
    return (ad_dw){a.h * m + b.h * n, a.l * m + b.l * n, a.r * m + b.r * n};
}

/* erfcx(x) / t for an exact t, whose radius is asked by others.  From z^9 on in doubles, which are less than 2^-62: Horner's four steps and
 * z's low part lose less than 2^-50 of that. */
AD_TWO ad_dw dw_erfcx_over_t(ad_dw t)
{
    const double at = t.h * 64 - 0.5 + AD_MAGIC;
    const int64_t j = (int64_t)(ad_bits(at) & 63);
    t.r = 0;
    const ad_dw z = dw_twice(dw_add(t, dw_of((0.5 + (at - AD_MAGIC)) * -0x1p-6)), 128);
#define AD_TERM(k) dw_erfcx_high[k][j]
    const double v = AD_TERM(9) + z.h * (AD_TERM(10) + z.h * (AD_TERM(11) + z.h * (AD_TERM(12) + z.h * AD_TERM(13))));
    ad_dw y = {v, 0, (0x1p-50 + z.r) * 0x1p-62};
#undef AD_TERM
#define AD_STEP(k) y = dw_add_smaller(dw_entry(dw_erfcx_high[k], dw_erfcx_low[k], j), dw_mul(z, y));
    AD_STEP(8) AD_STEP(7) AD_STEP(6) AD_STEP(5) AD_STEP(4) AD_STEP(3) AD_STEP(2) AD_STEP(1) AD_STEP(0)
#undef AD_STEP
    y.r += 0x1p-110 * y.h;
    return y;
}
AD_TWO ad_dw dw_over_4_plus(ad_dw x) { return dw_div(dw_of(4), dw_add(x, dw_of(4))); }

/* erfcx(x) for an exact x >= 3/4: t's radius is one of 4 r / t^2 of x, and |erfcx'(x)|, twice the integral of t exp(-t^2 - 2 x t) by
 * 2/sqrt(pi), less than 1 / (sqrt(pi) x^2), with t x = 4 - 4 t. */
AD_TWO ad_dw dw_erfcx_far(ad_dw x)
{
    ad_dw t = dw_over_4_plus(x);
    const double tx = 4 - 4 * t.h, moved = 2.3 * t.r / (tx * tx);
    t.r = 0;
    ad_dw y = dw_mul(t, dw_erfcx_over_t(t));
    y.r += moved;
    return y;
}

/* erfcx'(x) = 2 x erfcx(x) - 2/sqrt(pi) likewise: x t = 4 - 4 t exactly, and erfcx''(x) is less than 2 / (sqrt(pi) x^3). */
AD_TWO ad_dw dw_erfcx_slope_far(ad_dw x)
{
    ad_dw t = dw_over_4_plus(x);
    const double tx = 4 - 4 * t.h, moved = 4.6 * t.r * t.h / (tx * tx * tx);
    t.r = 0;
    ad_dw y = dw_twice(dw_add(dw_mul(dw_twice(dw_add(dw_of(1), dw_neg(t)), 4), dw_erfcx_over_t(t)), dw_neg(dw_constant(dw_one_over_root_pi))), 2);
    y.r += moved;
    return y;
}

/* erfc(x) for an exact x in [3/4, 24]. */
AD_TWO ad_dw dw_erfc_far(ad_dw x) { return dw_mul(dw_exp_within(dw_neg(dw_mul(x, x)), 600), dw_erfcx_far(x)); }

/* erf(x) for an exact |x| < 3/4. */
AD_TWO ad_dw dw_erf_near(ad_dw x) { return dw_mul(x, dw_erf_series(dw_mul(x, x))); }

/* erfc(x) and erf(x), |x| < 24, r < 2^-20.  |erfc'| = 2/sqrt(pi) exp(-x^2) is less than (x + sqrt(x^2 + 2)) erfc(x) for x >= 0 (DLMF 7.8.2), and
 * grows by less than exp(48 r) over the radius. */
typedef struct { ad_dw near, far; double sign, moved; _Bool is_near; } dw_normal;
AD_TWO dw_normal dw_normal_of(ad_dw x)
{
    const double r = x.r;
    x.r = 0;
    const ad_dw a = dw_neg(dw_minus_abs(x)), far = dw_erfc_far(dw_if(a.h < 0.75, dw_of(0.75), a));
    const double most = 1.01 * r * (2 * a.h + 1.5) * far.h;
    return (dw_normal){dw_erf_near(x), far, x.h < 0 ? -1 : 1, a.h < 0.75 ? 1.2 * r : most, a.h < 0.75};
}
AD_TWO ad_dw dw_erfc(ad_dw x)
{
    const dw_normal z = dw_normal_of(x);
    ad_dw y = dw_add(dw_of(z.is_near ? 1 : 1 - z.sign), dw_either(z.is_near, dw_neg(z.near), (ad_dw){z.far.h * z.sign, z.far.l * z.sign, z.far.r}));
    y.r += z.moved;
    return y;
}
AD_TWO ad_dw dw_erf(ad_dw x)
{
    const dw_normal z = dw_normal_of(x);
    ad_dw y = dw_add(dw_of(z.is_near ? 0 : z.sign), dw_either(z.is_near, z.near, (ad_dw){-z.far.h * z.sign, -z.far.l * z.sign, z.far.r}));
    y.r += z.moved;
    return y;
}

/* ------------------------------------------------------------------------------------------------- with an exponent */
static int two_is_far(ad_twofold x) { return x.e > 60 || !(fabs(dw_plain(x).h) < 24); }

static ad_twofold two_of_moved(ad_dw y, double moved)
{
    y.r += moved;
    return two_of(y, 0);
}

/* erfcx(x) of x >= 3/4; |erfcx'| < 1 / (x^2 sqrt(pi)) there. */
static ad_twofold two_erfcx_far(ad_twofold x)
{
    ad_dw p = dw_plain(x);
    if (!(p.h < 0x1p60) || !(p.r < 0x1p-13))
        return two_unknown;
    const double moved = 0.6 / (p.h * p.h) * p.r * (1 + 0x1p-9);
    p.r = 0;
    return two_of_moved(dw_erfcx_far(p), moved);
}

static ad_twofold two_erfc_plain(ad_twofold x)              /* |x| < 24 */
{
    const ad_dw p = dw_plain(x);
    return !(p.r < 0x1p-20) ? two_unknown : two_of(dw_erfc(p), 0);
}

static ad_twofold two_erfc(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, x.hi == x.hi ? x.hi > 0 ? 0 : 2 : AD_NAN);
    if (!two_is_far(x) && dw_plain(x).h < 5)
        return two_erfc_plain(x);
    if (x.hi > 0)
        return two_mul(two_exp(two_neg(two_mul(x, x))), two_erfcx_far(x));
    return two_sub(two_exact(2), two_erfc(two_neg(x)));
}

static ad_twofold two_erf(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, x.hi == x.hi ? x.hi > 0 ? 1 : -1 : AD_NAN);
    if (two_is_tiny(x)) {
        const ad_twofold c = {dw_two_over_root_pi[0], dw_two_over_root_pi[1], 0x1p-105, 0};
        return two_mul(two_nearly(x), c);
    }
    const ad_dw p = dw_plain(x);
    if (!two_is_far(x) && fabs(p.h) < 0.75)
        return !(p.r < 0x1p-20) ? two_unknown : two_of(dw_erf(p), 0);
    const ad_twofold y = two_sub(two_exact(1), two_erfc(two_abs(x)));
    return x.hi < 0 ? two_neg(y) : y;
}

/* exp(x^2) (2 - erfc(-x)) for negative numbers. */
static ad_twofold two_erfcx(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, x.hi == x.hi ? x.hi > 0 ? 0 : AD_INF : AD_NAN);
    if (x.hi > 0 && (x.e > 60 || dw_plain(x).h > 0.75))
        return two_erfcx_far(x);
    return two_mul(two_exp(two_mul(x, x)), two_erfc(x));
}

static ad_twofold two_constant2(const double *c) { return (ad_twofold){c[0], c[1], 0x1p-105 * c[0], 0}; }

static ad_twofold two_erfcx_slope(ad_twofold x)
{
    if (two_is_odd(x))
        return two_unknown;
    ad_dw p = dw_plain(x);
    if (p.h >= 0.75 && p.h < 0x1p40 && p.r < 0x1p-20) {
        const double moved = 1.2 * p.r / (p.h * p.h * p.h) * (1 + 0x1p-9);
        p.r = 0;
        return two_of_moved(dw_erfcx_slope_far(p), moved);
    }
    return two_twice(two_sub(two_mul(x, two_erfcx(x)), two_constant2(dw_one_over_root_pi)), 2);
}

static ad_twofold two_ndtr(ad_twofold x) { return two_twice(two_erfc(two_neg(two_mul(x, two_constant2(dw_root_half)))), 0.5); }
static ad_twofold two_log_ndtr(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, x.hi == x.hi ? x.hi > 0 ? 0 : -AD_INF : AD_NAN);
    return x.hi > 0 ? two_log1p(two_neg(two_ndtr(two_neg(x)))) : two_log(two_ndtr(x));
}
static ad_twofold two_gelu(ad_twofold x) { return two_is_odd(x) ? two_unknown : two_mul(x, two_ndtr(x)); }

/* x for f(x) = d, from a double near it: v = (d - f) / f', then x + v + c x v^2 and what Taylor's series leaves, c3 |v|^3. */
static ad_twofold two_newton(double near, ad_twofold miss, ad_twofold slope, double bend, double third)
{
    const ad_twofold v = two_div(miss, slope), x = two_exact(near);
    const ad_dw p = dw_plain(v);
    const double most = fabs(p.h) + p.r;
    if (!(most * (1 + fabs(near)) < 0x1p-30))
        return two_unknown;
    ad_twofold y = two_add(x, two_add(v, two_mul(two_twice(x, bend), two_mul(v, v))));
    if (y.e != 0)
        return two_unknown;
    y.r += third * (1 + near * near) * most * most * most + AD_FLOOR;
    return y;
}

/* Of d = 1 - erf(x) for 0 < d <= 1/2, x'' = 2 x x'^2, x''' = (2 + 8 x^2) x'^3. */
static ad_twofold two_erfcinv(ad_twofold d)
{
    if (d.e != 0 || two_may_be_zero(d))
        return two_unknown;
    const double near = -0x1.6a09e667f3bcdp-1 * ad_ndtri(d.hi / 2);
    const ad_twofold x = two_exact(near), slope = two_mul(two_exp_minus_square(x), two_constant2(dw_two_over_root_pi));
    return two_newton(near, two_sub(two_erfc(x), d), slope, 1, 4);
}

static ad_twofold two_erfinv(ad_twofold y)
{
    if (two_is_odd(y) || two_is_tiny(y))
        return two_is_zero(y) ? y : two_unknown;
    const ad_twofold d = two_sub(two_exact(1), two_abs(y));
    if (d.hi <= 0 || two_may_be_zero(d))
        return two_unknown;
    if (d.hi <= 0.5) {
        const ad_twofold x = two_erfcinv(d);
        return y.hi < 0 ? two_neg(x) : x;
    }
    const double near = ad_erfinv(y.hi);
    const ad_twofold x = two_exact(near), slope = two_mul(two_exp_minus_square(x), two_constant2(dw_two_over_root_pi));
    return y.e != 0 ? two_unknown : two_newton(near, two_sub(y, two_erf(x)), slope, 1, 4);
}

/* x'' = x x'^2, x''' = (1 + 2 x^2) x'^3. */
static ad_twofold two_ndtri(ad_twofold p)
{
    if (two_is_odd(p) || p.e != 0 || two_may_be_zero(p) || p.hi < 0)
        return two_unknown;
    const ad_twofold d = two_sub(two_exact(1), p), least = p.hi <= 0.5 ? p : d;
    if (least.e != 0 || least.hi <= 0 || two_may_be_zero(least))
        return two_unknown;
    if (two_is_zero(two_sub(p, d)))
        return two_exact(0);
    const double near = ad_ndtri(least.hi);
    const ad_twofold x = two_exact(near), y = two_newton(near, two_sub(least, two_ndtr(x)), two_normal_pdf(x), 0.5, 1);
    return p.hi <= 0.5 ? y : two_neg(y);
}

/* ------------------------------------------------------------------------------------------------- without branches */
AD_TWO double dw_erf_good(ad_dw x) { return dw_is((fabs(x.h) < 9.5) & (x.r < 0x1p-20) & (fabs(x.h) > 0x1p-100)); }
AD_TWO ad_dw fast_erf(ad_dw x) { return dw_where(dw_erf_good(x), dw_erf(x)); }
AD_TWO ad_dw fast_erfc(ad_dw x) { return dw_where(dw_erf_good(x), dw_erfc(x)); }
AD_TWO ad_dw fast_ndtr(ad_dw x) { return dw_twice(fast_erfc(dw_neg(dw_mul(x, dw_constant(dw_root_half)))), 0.5); }
AD_TWO ad_dw fast_gelu(ad_dw x) { return dw_mul(x, fast_ndtr(x)); }

/* exp(x^2) (1 - erf(x)) near 0, 2 exp(x^2) - erfcx(-x) far below.  |erfcx'| = |2 x erfcx - 2/sqrt(pi)| is less than 1.13 above 0. */
AD_TWO ad_dw fast_erfcx(ad_dw x)
{
    const double r = x.r;
    const _Bool near = fabs(x.h) < 0.75;
    x.r = 0;
    const ad_dw a = dw_neg(dw_minus_abs(x)), far = dw_erfcx_far(dw_if(near, dw_of(0.75), a)),
                grown = dw_exp_within(dw_if(x.h < 0.75, dw_mul(x, x), dw_of(0)), 600);
    const ad_dw by_series = dw_mul(grown, dw_add(dw_of(1), dw_neg(dw_erf_near(dw_if(near, x, dw_of(0))))));
    ad_dw y = dw_if(near, by_series, dw_if(x.h > 0, far, dw_add(dw_twice(grown, 2), dw_neg(far))));
    y.r += r * (x.h > 0.75 ? 0.6 / (x.h * x.h) : 1.2 + (x.h < 0 ? -2.01 * x.h * y.h : 0)) * (1 + 0x1p-9);
    return dw_where(dw_is((x.h > -9.5) & (x.h < 0x1p60) & (r < 0x1p-20) & (fabs(x.h) > 0x1p-100)), y);
}
AD_TWO ad_dw fast_erfcx_slope(ad_dw x)
{
    const double r = x.r;
    ad_dw p = x;
    p.r = 0;
    ad_dw far = dw_erfcx_slope_far(dw_if(x.h < 0.75, dw_of(0.75), p));
    far.r += 1.2 * r / (x.h * x.h * x.h) * (1 + 0x1p-9);
    return dw_if(x.h < 0.75, dw_twice(dw_add(dw_mul(x, fast_erfcx(x)), dw_neg(dw_constant(dw_one_over_root_pi))), 2), dw_where(dw_is((x.h < 0x1p40) & (r < 0x1p-20)), far));
}

/* log(p) or log(1 - p) for p = ndtr(-|x|). */
AD_TWO ad_dw fast_log_ndtr(ad_dw x)
{
    const ad_dw less = dw_neg(fast_ndtr(dw_minus_abs(x)));
    return dw_log_or(dw_if(x.h > 0, dw_add(dw_of(1), less), dw_neg(less)), x.h > 0 ? 0x1p-8 + less.h : -1, less);
}

#endif
