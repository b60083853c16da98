/* Exponentials, logarithms and their relations of certified twofold numbers.
 *
 * exp: x = (64 k + j) ln2/64 + t, |t| < 0.0055: 2^k * table[j] * (1 + t + t^2/2 + ...), as Tang, "Table-driven implementation of
 * the exponential function", ACM TOMS 15 (1989), with the first five terms in double words.  log: y = 2^k m, c from a table so
 * that f = c m - 1, |f| < 2^-6.5: k ln2 - log c + 2 atanh(f / (2 + f)), after Tang's companion for the logarithm (1990).
 * The arithmetic counts its own errors (twofold.h); what comes on top, the end of each series, stands where it is cut off. */
#ifndef AD_TWOFOLD_EXP_H
#define AD_TWOFOLD_EXP_H

#include "twofold.h"
#include "twofold_tables.h"

/* c + t y, a step of Horner's rule; c is larger.  No loop over them: vectors want them written out. */
AD_TWO ad_dw dw_step(const double *c, ad_dw t, ad_dw y) { return dw_add_smaller(dw_constant(c), dw_mul(t, y)); }

/* A series in a tiny number, its square below all doubles, is not exact for that. */
AD_TWO double dw_floor_of(double x) { return x != 0 ? AD_FLOOR : 0; }

/* exp(t) - 1 for |t| < 0.0056, relative to t.  From t^6 on in doubles: Horner's seven steps lose less than 8 u of 1/720, and the
 * terms from t^13 on are less than 2^-75 of it. */
AD_TWO ad_dw dw_expm1_small(ad_dw t)
{
    const double (*f)[2] = dw_inverse_factorial, x = t.h;
    const double v = f[6][0] + x * (f[7][0] + x * (f[8][0] + x * (f[9][0] + x * (f[10][0] + x * (f[11][0] + x * f[12][0])))));
    const double at_centre = t.r;
    t.r = 0;
    ad_dw y = dw_step(f[2], t, dw_step(f[3], t, dw_step(f[4], t, dw_step(f[5], t, (ad_dw){v, 0, 16 * AD_U * v}))));
    y = dw_add_smaller(t, dw_mul(dw_mul(t, t), y));
    y.r += at_centre * 1.01 + dw_floor_of(x);               /* the derivative is exp(t + d), |t + d| < 0.0058 */
    return y;
}

/* For |x| < 2^40: exp(x) = 2^((n - j) / 64) * table[j] * exp(t), j the last six bits of n; the error of the reduction and x's own
 * are t's radius.  n stands in the lowest bits of a sum with 1.5 * 2^52. */
typedef struct { ad_dw t; uint64_t n; } dw_reduced;
AD_TWO dw_reduced dw_exp_reduce(ad_dw x)
{
    const double shift = x.h * 0x1.71547652b82fep+6 + AD_MAGIC, n = shift - AD_MAGIC;
    const ad_pair p = ad_two_product(n, dw_ln2_64[0]), q = ad_two_product(n, dw_ln2_64[1]);
    const ad_dw d = dw_add(x, (ad_dw){-p.high, -p.low, 0});
    const double low = n * dw_ln2_64[2];
    const ad_dw t = dw_add(d, (ad_dw){-q.high, -(q.low + low), fabs(n) * 0x1p-160 + AD_U * fabs(low) + AD_U * fabs(q.low + low)});
    return (dw_reduced){t, ad_bits(shift)};
}
AD_TWO int64_t dw_whole(uint64_t n) { return (int64_t)(n & 0xfffffffffffff) - ((int64_t)1 << 51); }

/* 2^k of the reduction, for |k| < 1000; unsigned shifts, which vectors have. */
AD_TWO double dw_power(uint64_t n) { return ad_from_bits(((uint64_t)(dw_whole(n) + (1023 << 6)) >> 6) << 52); }

/* Radii above 2^-13 are not worth a digit: nothing is known, rather than bounds for exp(r). */
static ad_twofold two_exp(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, exp(x.hi));
    const ad_dw p = dw_plain(x);
    if (!(fabs(p.h) < 0x1p40) || !(p.r < 0x1p-13))
        return two_unknown;
    const dw_reduced a = dw_exp_reduce(p);
    const ad_dw c = dw_entry(dw_exp2_high, dw_exp2_low, (int64_t)(a.n & 63));
    return two_scaled(dw_add_smaller(c, dw_mul(c, dw_expm1_small(a.t))), (dw_whole(a.n) - (int64_t)(a.n & 63)) / 64);
}

/* exp(x) - 1 = 2^k (c + c m) - 1; nothing cancels but what is exact in k = 0, c = 1. */
AD_TWO ad_dw dw_expm1_of(ad_dw m, ad_dw c, double power)
{
    return dw_add(dw_add(dw_twice(c, power), dw_of(-1)), dw_twice(dw_mul(c, m), power));
}

static ad_twofold two_expm1(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, expm1(x.hi));
    if (two_is_tiny(x))
        return two_nearly(x);
    const ad_dw p = dw_plain(x);
    if (!(fabs(p.h) < 0x1p40) || !(p.r < 0x1p-13))
        return two_unknown;
    const dw_reduced a = dw_exp_reduce(p);
    const ad_dw m = dw_expm1_small(a.t), c = dw_entry(dw_exp2_high, dw_exp2_low, (int64_t)(a.n & 63));
    const int64_t k = (dw_whole(a.n) - (int64_t)(a.n & 63)) / 64;
    if (k < -150 || k > 150)
        return two_add(two_scaled(dw_add_smaller(c, dw_mul(c, m)), k), two_exact(-1));
    return two_of(dw_expm1_of(m, c, ad_power_of_2(k)), 0);
}

/* log(1 + f) = 2 s (1 + w/3 + w^2/5 + ...) with s = f / (2 + f), w = s^2 < 2^-15.  From w^4 on in doubles: eight terms less one
 * lose less than 8 u of 1/9, the terms from w^8 on are less than 2^-60 of it. */
AD_TWO ad_dw dw_log1p_small(ad_dw f)
{
    static const double thirds[3][2] = {{0x1.5555555555555p-2, 0x1.5555555555555p-56}, {0x1.999999999999ap-3, -0x1.999999999999ap-57},
                                        {0x1.2492492492492p-3, 0x1.2492492492492p-57}};       /* 1/3, 1/5, 1/7 */
    const double at_centre = f.r;
    f.r = 0;
    const ad_dw s = dw_div(f, dw_add(dw_of(2), f)), w = dw_mul(s, s);
    const double x = w.h, v = 1 / 9.0 + x * (1 / 11.0 + x * (1 / 13.0 + x * (1 / 15.0)));
    ad_dw y = dw_step(thirds[0], w, dw_step(thirds[1], w, dw_step(thirds[2], w, (ad_dw){v, 0, 0x1p-49 * v})));
    y = dw_twice(dw_add_smaller(s, dw_mul(s, dw_mul(w, y))), 2);
    y.r += at_centre * 1.02 + dw_floor_of(f.h);             /* the derivative is 1 / (1 + f + d), f + d > -0.0125 */
    return y;
}

/* n times a number of three doubles, |n| < 2^53 whole. */
AD_TWO ad_dw dw_times(double n, const double *c)
{
    const ad_pair p = ad_two_product(n, c[0]), q = ad_two_product(n, c[1]);
    return dw_add((ad_dw){p.high, p.low, 0}, (ad_dw){q.high, q.low + n * c[2], fabs(n * c[0]) * 0x1p-154});
}

/* c m - 1 for c m near 1 and a c of ten bits: c m.h - 1 is exact, and so is all where c = 1. */
AD_TWO ad_dw dw_from_1(ad_dw m, double c)
{
    const ad_pair p = ad_two_product(m.h, c), x = ad_two_product(m.l, c);
    return dw_add((ad_dw){p.high - 1, p.low, c * m.r * AD_WIDEN}, (ad_dw){x.high, x.low, m.l != 0 ? AD_FLOOR : 0});
}

static ad_twofold two_log1p_tiny_or_small(ad_dw f)
{
    const ad_twofold t = two_scaled(f, 0);
    return two_is_tiny(t) ? two_nearly(t) : two_of(dw_log1p_small(f), 0);
}

/* Near 1 the distance from 1 is taken first: it may be a low part alone. */
static ad_twofold two_log(ad_twofold y)
{
    if (two_is_odd(y) | two_is_zero(y))
        return two_odd(y, y, log(y.hi));
    if (!(y.r < fabs(y.hi) * 0x1p-12))
        return two_unknown;
    if (y.hi < 0)
        return two_exact(AD_NAN);
    int64_t k = ad_exponent(y.hi);
    ad_dw m = dw_from(y);
    if (y.hi * ad_power_of_2(-k) > 1.4140625)
        k++;
    if (k > 0)
        m = dw_shifted(m, k);
    else
        m = dw_twice(m, ad_power_of_2(-k));
    k += y.e;
    if (!(k < (int64_t)1 << 50 && k > -((int64_t)1 << 50)))
        return two_unknown;
    const int64_t j = (int64_t)(m.h * 128) & 127;           /* m.h is in [0.70703, 1.4141] */
    if (dw_log_c[j] == 1 && k == 0)
        return two_log1p_tiny_or_small(dw_add(m, dw_of(-1)));
    const ad_dw f = dw_log1p_small(dw_from_1(m, dw_log_c[j]));
    return two_of(dw_add(dw_add(dw_times((double)k, dw_ln2), dw_entry(dw_log_high, dw_log_low, j)), f), 0);
}

static ad_twofold two_log1p(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, log1p(x.hi));
    if (two_is_tiny(x))
        return two_nearly(x);
    const ad_dw p = dw_plain(x);
    if (fabs(p.h) < 0x1p-8 && p.r < 0x1p-12)
        return two_of(dw_log1p_small(p), 0);
    return two_log(two_add(two_exact(1), x));
}

/* ------------------------------------------------------------------------------------------------- made of these */
static ad_twofold two_constant3(const double *c) { return (ad_twofold){c[0], c[1], 0x1p-106 * c[0], 0}; }
static ad_twofold two_exp2(ad_twofold x)
{
    const double n = x.hi;                                  /* of a whole number exactly */
    if (x.e == 0 && x.lo == 0 && x.r == 0 && n == nearbyint(n) && fabs(n) < 0x1p40)
        return two_scaled(dw_of(1), (int64_t)n);
    return two_is_odd(x) ? two_odd(x, x, exp2(x.hi)) : two_exp(two_mul(x, two_constant3(dw_ln2)));
}
static ad_twofold two_log2(ad_twofold x) { return two_mul(two_log(x), two_constant3(dw_log2_e)); }
static ad_twofold two_log10(ad_twofold x) { return two_mul(two_log(x), two_constant3(dw_log10_e)); }

static ad_twofold two_log1mexp(ad_twofold x)                /* Maechler, "Accurately computing log(1 - exp(-|a|))" (2012) */
{
    if (!two_is_odd(x) && x.hi > 0)
        return two_may_be_zero(x) ? two_unknown : two_exact(AD_NAN);
    return x.e == 0 && x.hi < -0.7 ? two_log1p(two_neg(two_exp(x))) : two_log(two_neg(two_expm1(x)));
}

/* 1 / (1 + exp(-x)); the exponent does not overflow, so neither way needs a mirror but at infinity. */
static ad_twofold two_sigmoid(ad_twofold x) { return two_reciprocal(two_add(two_exact(1), two_exp(two_neg(x)))); }

static ad_twofold two_softplus(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, x.hi > 0 ? x.hi : x.hi == x.hi ? 0 : AD_NAN);
    const ad_twofold y = two_log1p(two_exp(two_neg(two_abs(x))));
    return x.hi > 0 ? two_add(x, y) : y;
}
static ad_twofold two_softplus_slope(ad_twofold x) { return two_sigmoid(x); }
static ad_twofold two_log_sigmoid(ad_twofold x) { return two_neg(two_softplus(two_neg(x))); }

static ad_twofold two_tanh(ad_twofold x)                    /* m / (m + 2) with m = exp(2x) - 1, of -|x| */
{
    if (two_is_odd(x))
        return two_odd(x, x, tanh(x.hi));
    if (two_is_tiny(x))
        return two_nearly(x);
    const ad_twofold m = two_expm1(two_twice(two_neg(two_abs(x)), 2)), y = two_div(m, two_add(m, two_exact(2)));
    return x.hi > 0 ? two_neg(y) : y;
}

static ad_twofold two_sech2(ad_twofold x)                   /* 4 q / (1 + q)^2 with q = exp(-2|x|) */
{
    if (two_is_odd(x))
        return two_odd(x, x, x.hi == x.hi ? 0 : AD_NAN);
    const ad_twofold q = two_exp(two_twice(two_neg(two_abs(x)), 2)), d = two_add(q, two_exact(1));
    return two_twice(two_div(q, two_mul(d, d)), 4);
}

static ad_twofold two_sinh(ad_twofold x)                    /* (m + m / (m + 1)) / 2 with m = exp(x) - 1, of |x| */
{
    if (two_is_odd(x))
        return two_odd(x, x, sinh(x.hi));
    if (two_is_tiny(x))
        return two_nearly(x);
    const ad_twofold m = two_expm1(two_abs(x)), y = two_twice(two_add(m, two_div(m, two_add(m, two_exact(1)))), 0.5);
    return x.hi < 0 ? two_neg(y) : y;
}

static ad_twofold two_cosh(ad_twofold x)
{
    if (two_is_odd(x))
        return two_odd(x, x, cosh(x.hi));
    const ad_twofold q = two_exp(two_abs(x));
    return two_twice(two_add(q, two_reciprocal(q)), 0.5);
}

static ad_twofold two_exp_minus_square(ad_twofold x) { return two_exp(two_neg(two_mul(x, x))); }

#endif
