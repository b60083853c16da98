/* Sines and cosines, and the angles that have them, of certified twofold numbers.
 *
 * x = n pi/2 + t, |t| < 0.786, with pi/2 as four doubles (Cody and Waite, "Software manual for the elementary functions", 1980), for
 * |x| < 2^20; larger ones are for the balls.  Taylor's series of t, ten terms in double words and four in doubles.  An angle is
 * its own double approximation a plus atan((y cos a - x sin a) / (x cos a + y sin a)), one step of Newton's method. */
#ifndef AD_TWOFOLD_CIRCLE_H
#define AD_TWOFOLD_CIRCLE_H

#include "twofold_more.h"

typedef struct { ad_dw sin, cos; } dw_circle;

/* 1 / 3! + m / 5! + m^2 / 7! + ..., for m in [-0.618, 0], and the terms from 1 / 21! on in doubles: they lose
 * less than 16 u, and what follows is less than 2^-38 of them. */
AD_TWO ad_dw dw_sine_series(ad_dw m)
{
    const double (*f)[2] = dw_inverse_factorial + 3, x = m.h;
    const double v = f[18][0] + x * (f[20][0] + x * (f[22][0] + x * f[24][0]));
    const ad_dw y = dw_step(f[12], m, dw_step(f[14], m, dw_step(f[16], m, (ad_dw){v, 0, 0x1p-37 * v})));
    return dw_step(f[0], m, dw_step(f[2], m, dw_step(f[4], m, dw_step(f[6], m, dw_step(f[8], m, dw_step(f[10], m, y))))));
}

AD_TWO dw_circle dw_sin_cos(ad_dw t)                     /* |t| < 0.786; both functions move by less than t does */
{
    const double moved = t.r + dw_floor_of(t.h);
    t.r = 0;
    const ad_dw m = dw_neg(dw_mul(t, t)), sin = dw_add_smaller(t, dw_mul(t, dw_mul(m, dw_sine_series(m))));
    dw_circle y = {sin, dw_sqrt(dw_add(dw_of(1), dw_neg(dw_mul(sin, sin))))};       /* a root costs less than a second series */
    y.sin.r += moved;
    y.cos.r += moved;
    return y;
}

/* x - n pi/2 for |x| < 2^20. */
AD_TWO ad_dw dw_less_quarters(ad_dw x, double n)
{
    const ad_pair a = ad_two_product(n, dw_half_pi[0]), b = ad_two_product(n, dw_half_pi[1]);
    const double w = n * dw_half_pi[2], c = b.low + w;
    const ad_dw d = dw_add(x, (ad_dw){-a.high, -a.low, 0});
    return dw_add(d, (ad_dw){-b.high, -c, (fabs(w) + fabs(c)) * AD_U + fabs(n) * 0x1p-162});
}

/* Radius inf where x is too large or not known well enough. */
static dw_circle two_circle(ad_twofold x)
{
    const ad_dw p = dw_plain(x);
    if (!(fabs(p.h) < 0x1p20) || !(p.r < 0x1p-10))
        return (dw_circle){{0, 0, AD_INF}, {0, 0, AD_INF}};
    const double n = nearbyint(p.h * 0x1.45f306dc9c883p-1);
    const dw_circle y = dw_sin_cos(dw_less_quarters(p, n));
    switch ((int64_t)n & 3) {
    case 0: return y;
    case 1: return (dw_circle){y.cos, dw_neg(y.sin)};
    case 2: return (dw_circle){dw_neg(y.sin), dw_neg(y.cos)};
    default: return (dw_circle){dw_neg(y.cos), y.sin};
    }
}

static ad_twofold two_sin(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, AD_NAN);
    return two_is_tiny(x) ? two_nearly(x) : two_of(two_circle(x).sin, 0);
}
static ad_twofold two_cos(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, AD_NAN);
    return two_is_zero(x) ? two_exact(1) : two_is_tiny(x) ? (ad_twofold){1, 0, 0x1p-240, 0} : two_of(two_circle(x).cos, 0);
}
static ad_twofold two_tan(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, AD_NAN);
    if (two_is_tiny(x))
        return two_nearly(x);
    const dw_circle y = two_circle(x);
    return two_div(two_of(y.sin, 0), two_of(y.cos, 0));
}

/* The angle of (x, y), x >= 0, y of any sign, as far as signs are sure; a is within 2^-50 of it, so that z is less than 2^-49 and
 * z^3 / 3 less than 2^-98 z: it is taken off in doubles, to 2^-48 of itself. */
static ad_twofold two_angle(ad_twofold y, ad_twofold x)
{
    const double q = y.e == x.e ? y.hi / x.hi : ldexp(y.hi / x.hi, (int)(y.e - x.e > 4000 ? 4000 : y.e - x.e < -4000 ? -4000 : y.e - x.e));
    const double a = atan(q);
    if (fabs(a) < 0x1p-120) {                               /* atan(q) = q to 2^-240 */
        const ad_twofold z = two_div(y, x);
        return two_is_tiny(z) ? two_nearly(z) : two_unknown;
    }
    const ad_twofold t = two_exact(a), s = two_sin(t), c = two_cos(t);
    const ad_twofold z = two_div(two_sub(two_mul(y, c), two_mul(x, s)), two_add(two_mul(x, c), two_mul(y, s)));
    const ad_dw p = dw_plain(z);
    const double most = fabs(p.h) + p.r;
    if (!(most < 0x1p-12))
        return two_unknown;
    const double cube = p.h * p.h * p.h / 3;                /* |atan(z) - z + z^3/3| < z^5/5; z moves the cube by most^2 r */
    const ad_dw fine = dw_add(p, (ad_dw){-cube, 0, fabs(cube) * 0x1p-48 + most * most * most * most * most + most * most * (p.r + fabs(p.l)) + AD_FLOOR});
    return two_add(t, two_of(fine, 0));
}

static const ad_twofold two_half_pi = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, 0x1p-106, 0};

static ad_twofold two_atan(ad_twofold x)
{
    if (two_is_odd(x))
        return x.r == AD_INF ? x : x.hi == x.hi ? x.hi > 0 ? two_half_pi : two_neg(two_half_pi) : two_exact(AD_NAN);
    if (two_is_tiny(x))
        return two_nearly(x);
    return two_angle(x, two_exact(1));
}

/* atan2(a, b): the angle of (b, a).  Where a sign that matters is open: unknown. */
static ad_twofold two_atan2(ad_twofold a, ad_twofold b)
{
    if (two_is_odd(a) | two_is_odd(b))
        return two_unknown;
    if (!two_may_be_zero(b) && b.hi > 0)
        return two_angle(a, b);
    if (two_may_be_zero(a))
        return two_unknown;
    const ad_twofold y = two_angle(b, two_abs(a));          /* a != 0: pi/2 less the angle from the other axis */
    return a.hi > 0 ? two_sub(two_half_pi, y) : two_sub(y, two_half_pi);
}

/* By the angle of (sqrt((1 - x)(1 + x)), x); at the ends themselves exactly. */
static ad_twofold two_asin(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, AD_NAN);
    if (two_is_tiny(x))
        return two_nearly(x);
    const ad_twofold d = two_sub(two_exact(1), two_abs(x));
    if (two_is_zero(d))
        return x.hi > 0 ? two_half_pi : two_neg(two_half_pi);
    if (two_may_be_zero(d))
        return two_unknown;
    if (d.hi < 0)
        return two_exact(AD_NAN);
    return two_atan2(x, two_sqrt(two_mul(d, two_add(two_exact(1), two_abs(x)))));
}
static ad_twofold two_acos(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, AD_NAN);
    const ad_twofold d = two_sub(two_exact(1), x), s = two_add(two_exact(1), x);
    if (two_is_zero(d))
        return two_exact(0);
    if (two_may_be_zero(d) || two_may_be_zero(s))
        return two_is_zero(s) ? two_twice(two_half_pi, 2) : two_unknown;
    if (d.hi < 0 || s.hi < 0)
        return two_exact(AD_NAN);
    return two_atan2(two_sqrt(two_mul(d, s)), x);
}

#endif
