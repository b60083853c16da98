/* The error function and its family, of certified twofold numbers.
 *
 * exp(x^2) erfc(x) = x / pi * the integral of exp(-t^2) / (t^2 + x^2) over the line, by the trapezium rule of step h = 11/32 and, where
 * the pole i x lies below the line to which the integral is moved, its residue (Chiarella and Reichel, "On the evaluation of integrals
 * related to the error function", Math. Comp. 22, 1968; Hunter and Regan, Math. Comp. 26, 1972):
 *
 *     h / (pi x) + sum over k > 0 of (2 h x / pi) exp(-k^2 h^2) / (x^2 + k^2 h^2)  -  2 exp(x^2) / (exp(2 pi x / h) - 1) for x < 8
 *
 * What is left is at most 2 x / sqrt(pi) exp(y^2 - 2 pi y / h) / |x^2 - y^2| with the line at height y: pi / h = 9.139 for x < 8, which
 * gives 2^-120, and 7.5 above, 2^-112 of the function.  The terms from k = 26 on are 2^-114 of the first.  All terms but the residue
 * have one sign, and for x >= 3/4 that is 2^-11 of them; below there is the power series of erf. */
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

/* The sum over k of the head of this file, for an exact x >= 3/4, s = x^2; from k = 20 on in doubles, which are 2^-66 of the first. */
AD_TWO ad_dw dw_normal_sum(ad_dw x, ad_dw s)
{
    double v = 0;
#define AD_TERM(k) v += dw_normal_weight[k][0] / (s.h + k * k * (121.0 / 1024));
    AD_TERM(25) AD_TERM(24) AD_TERM(23) AD_TERM(22) AD_TERM(21) AD_TERM(20)
#undef AD_TERM
    ad_dw y = {v, 0, v * 0x1p-48};
#define AD_TERM(k) y = dw_add(y, dw_div(dw_constant(dw_normal_weight[k]), dw_add(s, dw_of(k * k * (121.0 / 1024)))));
    AD_TERM(19) AD_TERM(18) AD_TERM(17) AD_TERM(16) AD_TERM(15) AD_TERM(14) AD_TERM(13) AD_TERM(12) AD_TERM(11) AD_TERM(10)
    AD_TERM(9) AD_TERM(8) AD_TERM(7) AD_TERM(6) AD_TERM(5) AD_TERM(4) AD_TERM(3) AD_TERM(2) AD_TERM(1)
#undef AD_TERM
    y = dw_add(dw_div(dw_constant(dw_normal_weight[0]), x), dw_mul(x, y));
    y.r += 0x1p-110 * y.h;
    return y;
}

/* Multiplied by 1 or 0, not selected: GCC would put the tables' loads under a condition. */
AD_TWO ad_dw dw_either(_Bool c, ad_dw a, ad_dw b)
{
    const double m = c ? 1 : 0, n = c ? 0 : 1;
    return (ad_dw){a.h * m + b.h * n, a.l * m + b.l * n, a.r * m + b.r * n};
}

/* -2 pi x / h, the logarithm of the residue, where x < 8. */
AD_TWO ad_dw dw_residue_power(ad_dw x) { return dw_neg(dw_mul(dw_if(x.h < 8, x, dw_of(8)), dw_constant(dw_64_pi_over_11))); }

/* erfc(x) for an exact x in [3/4, 24]. */
AD_TWO ad_dw dw_erfc_far(ad_dw x)
{
    const ad_dw s = dw_mul(x, x), q = dw_exp_within(dw_residue_power(x), 600);
    const ad_dw residue = dw_twice(dw_div(q, dw_add(dw_of(1), dw_neg(q))), x.h < 8 ? 2 : 0);
    return dw_add(dw_mul(dw_exp_within(dw_neg(s), 600), dw_normal_sum(x, s)), dw_neg(residue));
}

/* erfcx(x) for an exact x >= 3/4. */
AD_TWO ad_dw dw_erfcx_far(ad_dw x)
{
    const ad_dw s = dw_mul(x, x), z = dw_if(x.h < 8, x, dw_of(8)), power = dw_residue_power(x), q = dw_exp_within(power, 600);
    const ad_dw residue = dw_twice(dw_div(dw_exp_within(dw_add(dw_mul(z, z), power), 600), dw_add(dw_of(1), dw_neg(q))), x.h < 8 ? 2 : 0);
    return dw_add(dw_normal_sum(x, s), dw_neg(residue));
}

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
AD_TWO double dw_erf_good(ad_dw x) { return (fabs(x.h) < 9.5) & (x.r < 0x1p-20) & (fabs(x.h) > 0x1p-100) ? 1 : -1; }
AD_TWO ad_dw fast_erf(ad_dw x) { return dw_where(dw_erf_good(x), dw_erf(x)); }
AD_TWO ad_dw fast_erfc(ad_dw x) { return dw_where(dw_erf_good(x), dw_erfc(x)); }
AD_TWO ad_dw fast_ndtr(ad_dw x) { return dw_twice(fast_erfc(dw_neg(dw_mul(x, dw_constant(dw_root_half)))), 0.5); }
AD_TWO ad_dw fast_gelu(ad_dw x) { return dw_mul(x, fast_ndtr(x)); }

#endif
