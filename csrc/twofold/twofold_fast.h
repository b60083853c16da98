/* Twofold numbers without branches, for loops that have vectors: e = 0 on both sides, and what is out of the ordinary comes back
 * with r = inf or out of the comfortable range, for the functions of twofold.h and twofold_exp.h to do again. */
#ifndef AD_TWOFOLD_FAST_H
#define AD_TWOFOLD_FAST_H

#include "twofold_circle.h"

/* x where good >= 0.  Added, not selected: GCC would follow inf to where it is found out, by a branch. */
AD_TWO ad_dw dw_where(double good, ad_dw x)
{
    x.r += good >= 0 ? 0 : AD_INF;
    return x;
}
AD_TWO ad_dw dw_if(_Bool c, ad_dw a, ad_dw b) { return (ad_dw){c ? a.h : b.h, c ? a.l : b.l, c ? a.r : b.r}; }
AD_TWO ad_dw dw_minus_abs(ad_dw x) { return dw_if(x.h > 0, dw_neg(x), x); }

AD_TWO ad_dw fast_neg(ad_dw x) { return dw_neg(x); }
AD_TWO ad_dw fast_identity(ad_dw x) { return x; }
AD_TWO ad_dw fast_abs(ad_dw x) { return dw_where(fabs(x.h) - 0x1p-300, dw_neg(dw_minus_abs(x))); }
AD_TWO ad_dw fast_square(ad_dw x) { return dw_product(x, x); }
AD_TWO ad_dw fast_reciprocal(ad_dw x) { return dw_div(dw_of(1), x); }
AD_TWO ad_dw fast_sqrt(ad_dw x) { return dw_sqrt(x); }
AD_TWO ad_dw fast_rsqrt(ad_dw x) { return dw_div(dw_of(1), dw_sqrt(x)); }
AD_TWO ad_dw fast_add(ad_dw a, ad_dw b) { return dw_add(a, b); }
AD_TWO ad_dw fast_sub(ad_dw a, ad_dw b) { return dw_add(a, dw_neg(b)); }
AD_TWO ad_dw fast_mul(ad_dw a, ad_dw b) { return dw_product(a, b); }
AD_TWO ad_dw fast_div(ad_dw a, ad_dw b) { return dw_div(a, b); }
AD_TWO ad_dw fast_scale(ad_dw a, ad_dw b) { return dw_product(a, b); }
AD_TWO ad_dw fast_select(ad_dw a, ad_dw b) { return dw_product(a, b); }

/* exp(x) for |x| < most: up to 600, and up to 100 the result is comfortable. */
AD_TWO ad_dw dw_exp_within(ad_dw x, double most)
{
    const dw_reduced a = dw_exp_reduce(x);
    const ad_dw c = dw_entry(dw_exp2_high, dw_exp2_low, (int64_t)(a.n & 63));
    const ad_dw y = dw_twice(dw_add_smaller(c, dw_mul(c, dw_expm1_small(a.t))), dw_power(a.n));
    return dw_where(most - fabs(x.h), dw_where(0x1p-13 - x.r, y));
}
AD_TWO ad_dw fast_exp(ad_dw x) { return dw_exp_within(x, 100); }

AD_TWO ad_dw fast_expm1(ad_dw x)
{
    const dw_reduced a = dw_exp_reduce(x);
    const ad_dw y = dw_expm1_of(dw_expm1_small(a.t), dw_entry(dw_exp2_high, dw_exp2_low, (int64_t)(a.n & 63)), dw_power(a.n));
    return dw_where(fabs(x.h) - 0x1p-190, dw_where(100 - fabs(x.h), dw_where(0x1p-13 - x.r, y)));
}

/* log(y), or log(1 + small) where near >= 0. */
AD_TWO ad_dw dw_log_or(ad_dw y, double near, ad_dw small)
{
    const uint64_t bits = ad_bits(y.h), e = bits >> 52;
    const _Bool high = ad_from_bits((bits & 0xfffffffffffff) | (uint64_t)1023 << 52) > 1.4140625;
    const double power = ad_from_bits((2046 - e) << 52) * (high ? 0.5 : 1);
    const ad_dw m = dw_twice(y, power);
    const double at = m.h * 128 - 0.5 + AD_MAGIC;           /* floor, or the one below at its end: f is in its range still */
    const int64_t j = (int64_t)(ad_bits(at) & 127) & ((int64_t)ad_bits(near) >> 63);     /* no condition that a load could go into */
    const double k = near >= 0 ? 0 : ad_from_bits(ad_bits(AD_MAGIC) + e - 1023) - AD_MAGIC + (high ? 1 : 0);
    const ad_dw f = dw_if(near >= 0, small, dw_from_1(m, dw_log_c[j]));
    const ad_dw z = dw_add(dw_add(dw_times(k, dw_ln2), dw_entry(dw_log_high, dw_log_low, j)), dw_log1p_small(f));
    return dw_where(y.h - 0x1p-200, dw_where(0x1p200 - y.h, dw_where(y.h * 0x1p-12 - y.r, dw_where(fabs(f.h) - 0x1p-190, z))));
}
AD_TWO ad_dw fast_log(ad_dw y) { return dw_log_or(y, -1, y); }
AD_TWO ad_dw fast_log1p(ad_dw x) { return dw_log_or(dw_add(dw_of(1), x), 0x1p-8 - fabs(x.h), x); }
AD_TWO ad_dw fast_log2(ad_dw x) { return dw_mul(fast_log(x), dw_constant(dw_log2_e)); }
AD_TWO ad_dw fast_log10(ad_dw x) { return dw_mul(fast_log(x), dw_constant(dw_log10_e)); }

AD_TWO ad_dw fast_sigmoid(ad_dw x) { return dw_div(dw_of(1), dw_add(dw_of(1), fast_exp(dw_neg(x)))); }
AD_TWO ad_dw fast_softplus(ad_dw x)
{
    return dw_add(dw_if(x.h > 0, x, dw_of(0)), fast_log1p(fast_exp(dw_minus_abs(x))));
}
AD_TWO ad_dw fast_softplus_slope(ad_dw x) { return fast_sigmoid(x); }
AD_TWO ad_dw fast_log_sigmoid(ad_dw x) { return dw_neg(fast_softplus(dw_neg(x))); }
AD_TWO ad_dw fast_tanh(ad_dw x)
{
    const ad_dw m = fast_expm1(dw_twice(dw_minus_abs(x), 2)), y = dw_div(m, dw_add(m, dw_of(2)));
    return dw_if(x.h > 0, dw_neg(y), y);
}
AD_TWO ad_dw fast_sech2(ad_dw x)
{
    const ad_dw q = fast_exp(dw_twice(dw_minus_abs(x), 2)), d = dw_add(q, dw_of(1));
    return dw_twice(dw_div(q, dw_mul(d, d)), 4);
}
AD_TWO ad_dw fast_silu(ad_dw x) { return dw_mul(x, fast_sigmoid(x)); }

/* sin(x + more pi/2). */
AD_TWO ad_dw dw_sine(ad_dw x, uint64_t more)
{
    const double shift = x.h * 0x1.45f306dc9c883p-1 + AD_MAGIC;
    const dw_circle c = dw_sin_cos(dw_less_quarters(x, shift - AD_MAGIC));
    const uint64_t quarter = ad_bits(shift) + more, sign = (quarter & 2) << 62;
    const ad_dw y = dw_if((quarter & 1) != 0, c.cos, c.sin);
    const ad_dw z = {ad_from_bits(ad_bits(y.h) ^ sign), ad_from_bits(ad_bits(y.l) ^ sign), y.r};
    return dw_where(0x1p19 - fabs(x.h), dw_where(0x1p-10 - x.r, dw_where(fabs(x.h) - 0x1p-190, z)));
}
AD_TWO ad_dw fast_sin(ad_dw x) { return dw_sine(x, 0); }
AD_TWO ad_dw fast_cos(ad_dw x) { return dw_sine(x, 1); }
AD_TWO ad_dw fast_tan(ad_dw x)                         /* in odd quarters -cos / sin */
{
    const double shift = x.h * 0x1.45f306dc9c883p-1 + AD_MAGIC;
    const dw_circle c = dw_sin_cos(dw_less_quarters(x, shift - AD_MAGIC));
    const _Bool turned = (ad_bits(shift) & 1) != 0;
    const ad_dw z = dw_div(dw_if(turned, dw_neg(c.cos), c.sin), dw_if(turned, c.sin, c.cos));
    return dw_where(0x1p19 - fabs(x.h), dw_where(0x1p-10 - x.r, dw_where(fabs(x.h) - 0x1p-190, z)));
}

AD_TWO ad_dw fast_sinh(ad_dw x)
{
    const ad_dw m = fast_expm1(dw_neg(dw_minus_abs(x))), y = dw_twice(dw_add(m, dw_div(m, dw_add(m, dw_of(1)))), 0.5);
    return dw_if(x.h < 0, dw_neg(y), y);
}
AD_TWO ad_dw fast_cosh(ad_dw x)
{
    const ad_dw q = fast_exp(dw_neg(dw_minus_abs(x)));
    return dw_twice(dw_add(q, dw_div(dw_of(1), q)), 0.5);
}
AD_TWO ad_dw fast_normal_pdf(ad_dw x)
{
    return fast_exp(dw_neg(dw_add(dw_twice(dw_mul(x, x), 0.5), dw_constant(dw_half_log_2_pi))));
}
AD_TWO ad_dw fast_squared_difference(ad_dw a, ad_dw b)
{
    const ad_dw d = dw_add(a, dw_neg(b));
    return dw_mul(d, d);
}
AD_TWO ad_dw fast_sigmoid_of_difference(ad_dw a, ad_dw b) { return fast_sigmoid(dw_add(a, dw_neg(b))); }
AD_TWO ad_dw fast_logaddexp(ad_dw a, ad_dw b)
{
    const ad_dw d = dw_add(a, dw_neg(b));
    return dw_add(dw_if(d.h > 0, a, b), fast_log1p(fast_exp(dw_minus_abs(d))));
}

AD_TWO ad_dw fast_exp_minus_square(ad_dw x) { return fast_exp(dw_neg(dw_mul(x, x))); }

#endif
