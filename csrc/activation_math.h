/* Activation functions in float64, made of exponentials.  Included by scalar_math.h after exp_math.h. */
#ifndef AD_ACTIVATION_MATH_H
#define AD_ACTIVATION_MATH_H

AD_INLINE double ad_elu(double x)
{
    const double t = ad_expm1(x);
    return x > 0 ? x : t;
}
AD_INLINE double ad_selu(double x)
{
    const double t = x > 0 ? x : ad_expm1(x);
    return AD_FMA(x > 0 ? 0x1.0cfabd6a91132p+0 : 0x1.c212cc640f031p+0, t, t * (x > 0 ? 0x1.6fc7d272f2695p-55 : 0x1.05161b045a1fep-56));
}

/* z / (1 + e), or z e / (1 + e) below 0, where e is known as a scaled pair; |z| < 2^60. */
AD_INLINE double ad_logistic_times(double z, ad_scaled e, int below)
{
    const double s = e.scale * 0x1p-512;
    const ad_pair n = ad_two_product(z, e.high);
    const double y = ad_pair_quotient((ad_pair){below ? n.high : z, below ? AD_FMA(z, e.low, n.low) : 0}, ad_one_plus((ad_pair){e.high * s, e.low * s}));
    return below ? y * e.scale * 0x1p-512 : y;
}

/* x sigmoid(x), 2 ULP, -0 at -inf. */
AD_INLINE double ad_silu(double x)
{
    const double z = x < -900 ? -900 : x > 40 ? 40 : x, y = ad_logistic_times(z, ad_exp_scaled(-fabs(z)), x < 0);
    return x > 40 ? x : x == 0 ? x : y;
}

/* Its derivative, e (1 + x + e)/(1 + e)^2 with e = exp(x); above 0 in powers of exp(-x): (1 + e (1 + x))/(1 + e)^2.  Beside the root of
 * 1 + x + e, whose terms cancel there, x less the root times an interpolation of the quotient of both, off by 2^-53. */
AD_INLINE double ad_silu_slope(double x)
{
    const double z = x < -900 ? -900 : x > 40 ? 40 : x, t = (z - -0x1.474973c84120bp+0) - -0x1.f8d74bc9ac154p-54, t2 = t * t;
    const ad_scaled e = ad_exp_scaled(-fabs(z));
    const double s = e.scale * 0x1p-512, h = e.high * s;
    const ad_pair d = ad_one_plus((ad_pair){h, e.low * s});
    const double p1 = AD_FMA(0x1.7c3269815b306p-5, t, 0x1.1d25cf210482fp-3), p2 = AD_FMA(0x1.302854690d9bcp-9, t, 0x1.7c3269815a158p-7);
    const double p3 = AD_FMA(0x1.cf7a52a0dc37ap-15, t, 0x1.958b1b423483ep-12), p4 = AD_FMA(0x1.9c74a6db48cc2p-21, t, 0x1.cf79fc034b7ffp-18);
    const double q = AD_FMA(AD_FMA(AD_FMA(AD_FMA(0x1.4acd91daa5f99p-24, t2, p4), t2, p3), t2, p2), t2, p1);
    const double near = AD_FMA(t, 0x1.474973c84120bp+0, t * AD_FMA(t, q, 0x1.f8d74bc9ac154p-54)), far = (1 + z) + h, below = fabs(t) < 0.22 ? near : far;
    const double n = x < 0 ? AD_FMA(below, e.high, below * e.low) : AD_FMA(h, 1 + z, 1), y = n / AD_FMA(d.high, d.high, 2 * d.high * d.low);
    return x > 40 ? 1 : x < 0 ? y * e.scale * 0x1p-512 : y;
}

/* x tanh(softplus(x)) = x n/(n + 2) with n = e (e + 2), e = exp(x); above 0 in powers of exp(-x): x (1 + 2 e)/(1 + 2 e + 2 e^2).  2 ULP. */
AD_INLINE double ad_mish(double x)
{
    const double z = x < -900 ? -900 : x > 40 ? 40 : x;
    const ad_scaled e = ad_exp_scaled(-fabs(z));
    const double s = e.scale * 0x1p-512, h = e.high * s, l = e.low * s;
    const int below = x < 0;
    const ad_pair a = ad_two_sum(below ? 2 : 1, below ? h : 2 * h);
    const double a_low = a.low + (below ? l : 2 * l);
    const ad_pair t = ad_two_product(h, below ? a.high : 2 * h), d = ad_two_sum(below ? 2 : a.high, t.high);
    const double t_low = t.low + (below ? AD_FMA(h, a_low, l * a.high) : 4 * h * l), d_low = d.low + (t_low + (below ? 0 : a_low));
    const ad_pair m = ad_two_product(e.high, a.high);
    const double f = below ? m.high : a.high, f_low = below ? m.low + AD_FMA(e.high, a_low, e.low * a.high) : a_low;
    const ad_pair n = ad_two_product(z, f);
    const double y = ad_pair_quotient((ad_pair){n.high, AD_FMA(z, f_low, n.low)}, (ad_pair){d.high, d_low});
    return x > 40 ? x : x == 0 ? x : below ? y * e.scale * 0x1p-512 : y;
}

/* 2 sqrt(2/pi) (x + 0.044715 x^3) as a pair, for |x| <= 64: the argument of a sigmoid, where an error of one ULP in 700 would be
 * one of 700 ULP in the result. */
AD_INLINE ad_pair ad_gelu_argument(double x)
{
    const ad_pair x2 = ad_two_product(x, x), cubic = ad_two_product(0x1.2444f2a4d8b4bp-4, x2.high);
    const double c = cubic.low + (0x1.2444f2a4d8b4bp-4 * x2.low + -0x1.6c843a29d1c70p-61 * x2.high);
    const ad_pair u = ad_two_sum(0x1.9884533d43651p+0, cubic.high), v = ad_two_product(u.high, x);
    return (ad_pair){v.high, v.low + x * (u.low + (c + -0x1.cbc0d30ebfd15p-54))};
}

/* sigmoid of that, and x times it: gelu as approximated by tanh.  2 ULP. */
AD_INLINE ad_scaled ad_gelu_exp(double x)
{
    const ad_pair v = ad_gelu_argument(x < -64 ? -64 : x > 64 ? 64 : x);
    const ad_scaled e = ad_exp_scaled(-fabs(v.high));
    return (ad_scaled){e.high, AD_FMA(e.high, x < 0 ? v.low : -v.low, e.low), e.scale};
}
AD_INLINE double ad_gelu_gate(double x)
{
    const double y = ad_logistic_times(1, ad_gelu_exp(x), x < 0);
    return x != x ? x : y;
}
AD_INLINE double ad_gelu_tanh(double x)
{
    const double z = x < -64 ? -64 : x > 64 ? 64 : x, y = ad_logistic_times(z, ad_gelu_exp(x), x < 0);
    return x > 64 ? x : x == 0 ? x : y;
}

#endif
