/* Further rows without branches, as twofold_fast.h has them: powers, areas and angles. */
#ifndef AD_TWOFOLD_FAST_MORE_H
#define AD_TWOFOLD_FAST_MORE_H

#include "twofold_fast.h"

AD_TWO ad_dw fast_cbrt(ad_dw x) { return dw_where(fabs(x.h) - 0x1p-190, dw_cbrt(x)); }
AD_TWO double dw_is(_Bool good) { return good ? 1 : -1; }
AD_TWO _Bool dw_is_whole(ad_dw x) { return (x.h + AD_MAGIC - AD_MAGIC == x.h) & (x.l == 0) & (x.r == 0); }

/* Whole powers are exact: the functions' matter. */
AD_TWO ad_dw fast_exp2(ad_dw x) { return dw_where(dw_is(!dw_is_whole(x)), fast_exp(dw_mul(x, dw_constant(dw_ln2)))); }
AD_TWO ad_dw fast_pow(ad_dw a, ad_dw b)
{
    const ad_dw y = fast_exp(dw_mul(b, fast_log(a)));
    return dw_where(dw_is(!dw_is_whole(b)), y);
}

/* log(1 - exp(x)), x < 0: from -4.6 on downwards exp(x) is less than 2^-6.6, and its series is taken. */
AD_TWO ad_dw fast_log1mexp(ad_dw x) { return dw_log_or(dw_neg(fast_expm1(x)), -4.6 - x.h, dw_neg(fast_exp(x))); }
AD_TWO ad_dw fast_softsign(ad_dw x) { return dw_div(x, dw_add(dw_of(1), fast_abs(x))); }
AD_TWO ad_dw fast_entr(ad_dw x) { return dw_neg(dw_mul(x, fast_log(x))); }
AD_TWO ad_dw fast_logit(ad_dw x) { return fast_log(dw_div(x, dw_add(dw_of(1), dw_neg(x)))); }
AD_TWO ad_dw fast_xlogy(ad_dw a, ad_dw b) { return dw_mul(a, fast_log(b)); }
AD_TWO ad_dw fast_xlog1py(ad_dw a, ad_dw b) { return dw_mul(a, fast_log1p(b)); }

/* a softplus(-b) + (1 - a) softplus(b): log(1 + exp(-|b|)), and the larger of b and 0. */
AD_TWO ad_dw fast_sigmoid_cross_entropy(ad_dw a, ad_dw b)
{
    const ad_dw part = dw_if(b.h > 0, dw_add(dw_of(1), dw_neg(a)), a);
    return dw_add(dw_mul(part, fast_abs(b)), fast_log1p(fast_exp(dw_minus_abs(b))));
}

AD_TWO ad_dw fast_hypot(ad_dw a, ad_dw b) { return dw_sqrt(dw_add(dw_mul(a, a), dw_mul(b, b))); }
AD_TWO ad_dw fast_over_hypot(ad_dw a, ad_dw b) { return dw_div(a, fast_hypot(a, b)); }

AD_TWO ad_dw fast_asinh(ad_dw x)
{
    const ad_dw a = fast_abs(x), s = dw_mul(a, a), one = dw_of(1);
    const ad_dw y = fast_log1p(dw_add(a, dw_div(s, dw_add(one, dw_sqrt(dw_add(one, s))))));
    return dw_if(x.h < 0, dw_neg(y), y);
}
AD_TWO ad_dw fast_acosh(ad_dw x)
{
    const ad_dw d = dw_add(x, dw_of(-1));
    return fast_log1p(dw_add(d, dw_sqrt(dw_mul(d, dw_add(d, dw_of(2))))));
}
AD_TWO ad_dw fast_atanh(ad_dw x) { return dw_twice(fast_log1p(dw_div(dw_twice(x, 2), dw_add(dw_of(1), dw_neg(x)))), 0.5); }

/* two_angle, for x of any sign: where x may be 0 or less the sign of y must be sure. */
AD_TWO ad_dw dw_angle(ad_dw y, ad_dw x)
{
    const double a = ad_atan(y.h / x.h) + (x.h < 0 ? copysign(0x1.921fb54442d18p+1, y.h) : 0);
    const ad_dw s = dw_sine(dw_of(a), 0), c = dw_sine(dw_of(a), 1);
    const ad_dw z = dw_div(dw_add(dw_mul(y, c), dw_neg(dw_mul(x, s))), dw_add(dw_mul(x, c), dw_mul(y, s)));
    const double most = fabs(z.h) + z.r, cube = z.h * z.h * z.h / 3;
    const double missed = fabs(cube) * 0x1p-48 + most * most * most * most * most + most * most * (z.r + fabs(z.l)) + AD_FLOOR;
    const ad_dw angle = dw_add(dw_of(a), dw_add(z, (ad_dw){-cube, 0, missed}));
    const _Bool sure = (x.h * (1 - 0x1p-50) > x.r) | (fabs(y.h) * (1 - 0x1p-50) > y.r);
    return dw_where(dw_is(sure & (fabs(a) > 0x1p-120)), dw_where(0x1p-12 - most, angle));
}
AD_TWO ad_dw fast_atan2(ad_dw a, ad_dw b) { return dw_angle(a, b); }
AD_TWO ad_dw fast_atan(ad_dw x) { return dw_angle(x, dw_of(1)); }
AD_TWO ad_dw fast_asin(ad_dw x)
{
    const ad_dw d = dw_mul(dw_add(dw_of(1), dw_neg(x)), dw_add(dw_of(1), x));
    return dw_angle(x, dw_sqrt(d));
}
AD_TWO ad_dw fast_acos(ad_dw x)
{
    return dw_twice(dw_angle(dw_sqrt(dw_add(dw_of(1), dw_neg(x))), dw_sqrt(dw_add(dw_of(1), x))), 2);
}

#endif
