/* The gamma function's logarithm and its derivative in float32, by way of double as in float_math.h: formulas of gamma_math.h in haste, 0.6 ULP and
 * branch-free from 2^-60 to 2^60.  Included by scalar_math.h. */
#ifndef AD_GAMMA_FLOAT_MATH_H
#define AD_GAMMA_FLOAT_MATH_H

AD_INLINE double ad_log_short(double x)
{
    const ad_parts a = ad_split_short(x);
    return AD_FMA(a.k, AD_LN2, ad_log_kernel_short(a.m - 1));
}

AD_INLINE float ad_lgamma_nearf(float y)                                /* minimax, off by 2^-30.8 and 2^-34 */
{
    const int far = y >= 2.5f, below = y < 1;
    const double x = y, l = ad_log_short(x), a = below ? x : x - 1, u = a - 0.75, v = u * u, i = 1 / x, q = i * i;
    double p = AD_FMA(0x1.418d304b507f3p-14, v, AD_FMA(-0x1.1fcf04b993777p-13, u, 0x1.eefc793dd68c8p-14));
    p = AD_FMA(p, v, AD_FMA(-0x1.f1007b9588922p-13, u, 0x1.2434c86c4efa3p-11));
    p = AD_FMA(p, v, AD_FMA(-0x1.1a5808d73a712p-10, u, 0x1.125501f938e8fp-9));
    p = AD_FMA(p, v, AD_FMA(-0x1.14c8ce10ed01cp-8, u, 0x1.1f9796f2f2d06p-7));
    p = AD_FMA(p, v, AD_FMA(-0x1.382eefc307477p-6, u, 0x1.6cb6205bead27p-5));
    p = AD_FMA(p, v, AD_FMA(-0x1.e96585158fb94p-4, u, 0x1.ccf151e17f461p-2));
    double s = AD_FMA(0x1.bf213b43a48f6p-12, q, -0x1.1fd1add91bad0p-11);
    s = AD_FMA(s, q, 0x1.9edef8902536dp-11);
    s = AD_FMA(s, q, -0x1.6c154d8e6f3fap-9);
    s = AD_FMA(s, q, 0x1.5555554c7d2a3p-4);
    const double stirling = AD_FMA(x - 0.5, l - 1, AD_FMA(s, i, AD_STIRLING)), near = AD_FMA(a * (a - 1), p, below ? -l : 0);       /* 0 of 1, not -0 */
    return (float)(far ? stirling : near);
}
static inline float ad_lgammaf(float x) { return x >= (float)AD_GAMMA_LEAST && x <= (float)AD_GAMMA_MOST ? ad_lgamma_nearf(x) : (float)ad_lgamma(x); }

AD_INLINE float ad_digamma_nearf(float y)                               /* minimax, off by 2^-30.5 and 2^-35 */
{
    const int far = y >= 2, below = y < 1;
    const double x = y, l = ad_log_short(x), a = below ? x : x - 1, u = a - 0.5, v = u * u, i = 1 / x, q = i * i;
    double p = AD_FMA(-0x1.f3b7a0712bcafp-8, u, 0x1.7007b7c8c1429p-7);
    p = AD_FMA(p, v, AD_FMA(-0x1.6d3752a15deaap-7, u, 0x1.150e151857724p-6));
    p = AD_FMA(p, v, AD_FMA(-0x1.bbd5aed12c3b6p-6, u, 0x1.4f025ad775332p-5));
    p = AD_FMA(p, v, AD_FMA(-0x1.fb33508729b0ep-5, u, 0x1.850a80742c371p-4));
    p = AD_FMA(p, v, AD_FMA(-0x1.2fef0b3291af9p-3, u, 0x1.eca1a10f04eddp-3));
    p = AD_FMA(p, v, AD_FMA(-0x1.b1cb62dfbebf4p-2, u, 0x1.e6f0cbb337da7p-1));
    double s = AD_FMA(0x1.c2b45e6d95998p-8, q, -0x1.2014ffd364704p-7);
    s = AD_FMA(s, q, 0x1.933fca49f07e3p-8);
    s = AD_FMA(s, q, -0x1.0a8fcf3f803b7p-8);
    s = AD_FMA(s, q, 0x1.03d4b3f3a2511p-8);
    s = AD_FMA(s, q, -0x1.1110a764fdc46p-7);
    s = AD_FMA(s, q, 0x1.5555554d9a901p-4);
    const double series = l - AD_FMA(0.5, i, q * s), near = (a - 0x1.d8b618d5af8fep-2) * p - (below ? i : 0);
    return (float)(far ? series : near);
}
static inline float ad_digammaf(float x) { return x >= (float)AD_GAMMA_LEAST && x <= (float)AD_GAMMA_MOST ? ad_digamma_nearf(x) : (float)ad_digamma(x); }

#endif
