/* The modified Bessel functions I0 and I1, and both times exp(-|x|).  Included by scalar_math.h.
 *
 * Each is computed as a pair, so that the one multiplication by an exponential that may follow rounds but once: up to 8 by the power
 * series (DLMF 10.25.2), beyond by a polynomial in 16/x - 1 for sqrt(x) exp(-x) I(x), off by 2^-59. */
#ifndef AD_BESSEL_MATH_H
#define AD_BESSEL_MATH_H

#define AD_BESSEL_FAR 8.0
#define AD_BESSEL_TERMS 26
#define AD_BESSEL_EXACT 10                                  /* so many coefficients are pairs */

/* The series sum c[k] (x/2)^(2k) for |x| <= 8, good to 2^-65: its last steps are taken in pairs. */
static inline ad_pair ad_bessel_series(double x, const double *c, const double *low)
{
    const ad_pair square = ad_two_product(x, x);
    const double z = 0.25 * square.high, z_low = 0.25 * square.low;
    double y = 0;
    for (int k = AD_BESSEL_TERMS - 1; k >= AD_BESSEL_EXACT; k--)
        y = AD_FMA(y, z, c[k]);
    ad_pair s = {y, 0};
    for (int k = AD_BESSEL_EXACT - 1; k >= 0; k--) {
        const ad_pair p = ad_two_product(s.high, z), t = ad_two_sum(c[k], p.high);
        s = (ad_pair){t.high, t.low + (p.low + (s.high * z_low + s.low * z) + low[k])};
    }
    return ad_two_sum(s.high, s.low);
}

/* A polynomial in 16/x - 1 whose c[0] is a pair, for x >= 8. */
static inline ad_pair ad_bessel_far(double x, const double *c, int n, double low)
{
    const double s = 16 / x - 1;
    double y = 0;
    for (int k = n - 1; k > 0; k--)
        y = AD_FMA(y, s, c[k]);
    const ad_pair q = ad_two_sum(c[0], y * s);
    return (ad_pair){q.high, q.low + low};
}
/* q / sqrt(x); a square beside the end of the format would overflow. */
static inline ad_pair ad_bessel_over_root(ad_pair q, double x)
{
    const int far = x > 0x1p900;
    const double y = far ? x * 0x1p-200 : x, s = far ? 0x1p-100 : 1, root = sqrt(y), h = q.high / root;
    const ad_pair square = ad_two_product(root, root), back = ad_two_product(h, root);
    const double rest = (q.high - back.high) - back.low + q.low - 0.5 * h * (y - square.high - square.low) / root;
    return (ad_pair){h * s, rest / root * s};
}

/* I0(x) and I1(x) 2/x for 0 <= x <= 8, sqrt(x) exp(-x) I(x) beyond. */
static inline ad_pair ad_bessel_part_0(double x)
{
    static const double near[AD_BESSEL_TERMS] = {
        0x1p+0, 0x1p+0, 0x1p-2, 0x1.c71c71c71c71cp-6, 0x1.c71c71c71c71cp-10, 0x1.23456789abcdfp-14,
        0x1.02e85c0898b71p-19, 0x1.522a43f65486ap-25, 0x1.522a43f65486ap-31, 0x1.0b313289be0b9p-37, 0x1.5601885e63e5dp-44, 0x1.69ca9cf3b7f54p-51,
        0x1.4197a7f5154bcp-58, 0x1.e725594ee52e9p-66, 0x1.3e22d70ef3b5fp-73, 0x1.69f7da8510bcdp-81, 0x1.69f7da8510bcdp-89, 0x1.40a2dc2460523p-97,
        0x1.faaf2fa1c79e5p-106, 0x1.674f8e46c208cp-114, 0x1.cbeaf38dc529fp-123, 0x1.0afb53e9cec0bp-131, 0x1.1a6d4e307528fp-140, 0x1.1159d2b18fe1fp-149,
        0x1.e5f504c9e358cp-159, 0x1.8e189760fbc74p-168};
    static const double low[AD_BESSEL_EXACT] = {
        0x0p+0, 0x0p+0, 0x0p+0, 0x1.c71c71c71c71cp-60, 0x1.c71c71c71c71cp-64, 0x1.23456789abcdfp-74,
        -0x1.b6edec0692e65p-75, -0x1.604db055bd075p-79, -0x1.604db055bd075p-85, -0x1.8824198c6f6e1p-91};
    static const double far[] = {
        0x1.9bd428ad249a5p-2, 0x1.b87969bb93bd4p-9, 0x1.1daa72b5e6473p-13, 0x1.75e5ee6f84d6dp-17, 0x1.8e513a0d714e7p-20, 0x1.3f49b02232604p-22,
        0x1.7d0f9ebc1f037p-24, 0x1.51ca8a43c22a9p-25, 0x1.721a6c93fdbfep-26, 0x1.041889089757ep-27, -0x1.cd1bbb7c257dep-28, -0x1.cf7b2a2b5a310p-27,
        -0x1.7eb47ac178735p-28, 0x1.0d30da541c3e2p-27, 0x1.0fd0c48e94057p-27, -0x1.1f8eec849e218p-28, -0x1.db2a020790569p-28, 0x1.6cdf224473111p-29,
        0x1.54a70f42adf40p-28, -0x1.037f7835c95dbp-29, -0x1.867bc4807b22fp-29, 0x1.4790a6c596568p-30, 0x1.4688bb267d53dp-30, -0x1.2f57592177850p-31,
        -0x1.5a02848dd0bb5p-32, 0x1.5d4c4d8cc8519p-33, 0x1.57c91421395a1p-35, -0x1.71e670e899cbdp-36};
    return x <= AD_BESSEL_FAR ? ad_bessel_series(x, near, low) : ad_bessel_far(x, far, sizeof far / sizeof *far, -0x1.d111cd3e9996ap-56);
}
static inline ad_pair ad_bessel_part_1(double x)
{
    static const double near[AD_BESSEL_TERMS] = {
        0x1p+0, 0x1p-1, 0x1.5555555555555p-4, 0x1.c71c71c71c71cp-8, 0x1.6c16c16c16c17p-12, 0x1.845c8a0ce5129p-17,
        0x1.27e4fb7789f5cp-22, 0x1.522a43f65486ap-28, 0x1.2c9758daf5cdp-34, 0x1.ab81ea75fcdf4p-41, 0x1.f17697cf1cf13p-48, 0x1.e2637bef9ff1ap-55,
        0x1.8bce58901a35ep-62, 0x1.165e7c2d153f3p-69, 0x1.53585cdcbfb1p-77, 0x1.69f7da8510bcdp-85, 0x1.54ad09e6a6575p-93, 0x1.1d028acb00491p-101,
        0x1.aaae78f4066a6p-110, 0x1.1f72d8389b3a3p-118, 0x1.5e69de22df5cep-127, 0x1.84564b82a1184p-136, 0x1.88f11edf3ed4cp-145, 0x1.6c77c3976a829p-154,
        0x1.37033643c4b3bp-163, 0x1.e9f6e1b270f54p-173};
    static const double low[AD_BESSEL_EXACT] = {
        0x0p+0, 0x0p+0, 0x1.5555555555555p-58, 0x1.c71c71c71c71cp-62, -0x1.f49f49f49f49fp-67, 0x1.5b66c77d88e9ap-71,
        0x1.cbbc05b4fa99ap-76, -0x1.604db055bd075p-82, -0x1.39289cbdfd5bdp-88, 0x1.7f8c7b0b68397p-96};
    static const double far[] = {
        0x1.8ebe783a84030p-2, -0x1.3f796198ee63fp-7, -0x1.cbc54df1ecdc1p-13, -0x1.f89c230420dfap-17, -0x1.ec8e1006cdf4ep-20, -0x1.7613875eab819p-22,
        -0x1.ad8de1aad9a2fp-24, -0x1.727658ca300f7p-25, -0x1.91764cf645190p-26, -0x1.2211feae52748p-27, 0x1.cc19025ee9224p-28, 0x1.e4d7bca868d3ap-27,
        0x1.a64e66e2209b7p-28, -0x1.0fdaee31b7476p-27, -0x1.20365e0a7551fp-27, 0x1.1821eaae05183p-28, 0x1.f1b16262c6c2ep-28, -0x1.5b7caa372d69ep-29,
        -0x1.631200bd0c9d8p-28, 0x1.edd957f1ad640p-30, 0x1.964de31802f3fp-29, -0x1.3a0f7858b5b8bp-30, -0x1.539c2bf49717dp-30, 0x1.24f32d597fefbp-31,
        0x1.67e033d509e10p-32, -0x1.5325281f53a6cp-33, -0x1.65a11a79c194cp-35, 0x1.68848bbdb9c57p-36};
    return x <= AD_BESSEL_FAR ? ad_bessel_series(x, near, low) : ad_bessel_far(x, far, sizeof far / sizeof *far, -0x1.5a436b624522dp-58);
}

/* I0(x) for 0 <= x <= 8, exp(-x) I0(x) beyond; likewise I1. */
static inline ad_pair ad_bessel_0(double x)
{
    const ad_pair s = ad_bessel_part_0(x);
    return x <= AD_BESSEL_FAR ? s : ad_bessel_over_root(s, x);
}
static inline ad_pair ad_bessel_1(double x)
{
    const ad_pair s = ad_bessel_part_1(x), p = ad_two_product(0.5 * x, s.high);
    return x > AD_BESSEL_FAR ? ad_bessel_over_root(s, x) : (ad_pair){p.high, x < 1e-290 ? 0 : p.low + 0.5 * x * s.low};
}

/* y exp(x) for |x| <= 720.  The product may be larger than its factor exp(x) can be: hence 2^512 apart. */
static inline double ad_pair_times_exp(ad_pair y, double x)
{
    const ad_reduced a = ad_reduce(x);
    const double near = AD_FMA(-a.k, AD_LN2_HI, x), tail = AD_FMA(-a.k, AD_LN2_LO, ad_exp_tail(a.r)), t = near + tail, low = (near - t) + tail;
    const int large = x > 0;
    const double scale = ad_from_bits((ad_bits(a.shift) + 1023 + (large ? -512 : 512)) << 52);
    const ad_pair p = ad_two_product(y.high, t), s = ad_two_sum(y.high, p.high);
    return (s.high + (s.low + (p.low + AD_FMA(y.high, low, AD_FMA(y.low, t, y.low))))) * scale * (large ? 0x1p512 : 0x1p-512);
}

/* All 2 ULP.  I0 and I1 leave the format at 714. */
static inline double ad_bessel_i0(double x)
{
    const double u = fabs(x);
    if (!(u <= 720))
        return x != x ? x : AD_INF;
    const ad_pair y = ad_bessel_0(u);
    return u <= AD_BESSEL_FAR ? y.high + y.low : ad_pair_times_exp(y, u);
}
static inline double ad_bessel_i1(double x)
{
    const double u = fabs(x);
    if (!(u <= 720))
        return x != x ? x : copysign(AD_INF, x);
    const ad_pair y = ad_bessel_1(u);
    return copysign(u <= AD_BESSEL_FAR ? y.high + y.low : ad_pair_times_exp(y, u), x);
}
static inline double ad_bessel_i0e(double x)
{
    const double u = fabs(x);
    if (!(u < AD_INF))
        return x != x ? x : 0;
    const ad_pair y = ad_bessel_0(u);
    return u <= AD_BESSEL_FAR ? ad_pair_times_exp(y, -u) : y.high + y.low;
}
static inline double ad_bessel_i1e(double x)
{
    const double u = fabs(x);
    if (!(u < AD_INF) || u < 1e-290)
        return x != x ? x : u < 1 ? 0.5 * x : copysign(0.0, x);
    const ad_pair y = ad_bessel_1(u);
    return copysign(u <= AD_BESSEL_FAR ? ad_pair_times_exp(y, -u) : y.high + y.low, x);
}

/* exp(-|x|) (I0 - I1)(|x|), what the derivative of bessel_i0e is made of: for large x the two are equal but for a part of 1/(2x), so
 * that beyond 8 the difference has a polynomial of its own, this times x^(3/2). */
static inline double ad_bessel_far_gap(double x)
{
    static const double c[] = {
        0x1.a2b60e5412e94p-3, 0x1.5c35b6780d40ep-8, 0x1.88229dbdd4d44p-12, 0x1.78f357df94b0ep-15, 0x1.11f1342802ba5p-17, 0x1.22f59fc8b246ap-19,
        0x1.c965567664599p-21, 0x1.f5b6026c4929fp-22, 0x1.0dc3dccae60c3p-22, 0x1.57e50390150b1p-28, -0x1.d5de33ccff821p-23, -0x1.df527e79c2a29p-23,
        0x1.131b91c23173ep-25, 0x1.dcabd26a9ec73p-23, 0x1.c52ca4f1c276ap-25, -0x1.9c5a03bc5d362p-23, -0x1.31b1b50b8d522p-24, 0x1.6fa2172697e28p-23,
        0x1.01dc4a9e384c6p-24, -0x1.3dfa68bb64701p-23, -0x1.4d14cf2fd02f8p-25, 0x1.dc3b277cbda87p-24, 0x1.474b12a9c194dp-26, -0x1.1707a01b8ffcfp-24,
        -0x1.cb10a0d13197ep-28, 0x1.d0bb2aee68053p-26, 0x1.9697255db7a89p-30, -0x1.e1e52efe769ebp-28, -0x1.53c83857339ecp-33, 0x1.d000d73a79d56p-31};
    const double s = 16 / x - 1;
    double y = 0;
    for (int k = sizeof c / sizeof *c - 1; k >= 0; k--)
        y = AD_FMA(y, s, c[k]);
    return y;
}
static inline double ad_bessel_gap(double x)
{
    const double u = fabs(x);
    if (!(u < AD_INF))
        return x != x ? x : 0;
    if (u <= AD_BESSEL_FAR) {
        const ad_pair a = ad_bessel_0(u), b = ad_bessel_1(u), d = ad_two_sum(a.high, -b.high);
        return ad_pair_times_exp(ad_two_sum(d.high, d.low + (a.low - b.low)), -u);
    }
    return ad_bessel_far_gap(u) / u / sqrt(u);
}

/* The derivative of bessel_i1e, exp(-|x|) (I0 - I1 - I1/|x|)(|x|), right also beside its root 1.545. */
static inline double ad_bessel_i1e_slope(double x)
{
    const double u = fabs(x);
    if (!(u < AD_INF))
        return x != x ? x : -0.0;
    if (u > AD_BESSEL_FAR) {
        const ad_pair q = ad_bessel_part_1(u);
        return (ad_bessel_far_gap(u) - q.high - q.low) / u / sqrt(u);
    }
    const ad_pair a = ad_bessel_0(u), b = ad_bessel_1(u), c = ad_bessel_part_1(u);
    const ad_pair d = ad_two_sum(a.high, -b.high), e = ad_two_sum(d.high, -0.5 * c.high);
    const ad_pair y = ad_two_sum(e.high, e.low + (d.low + (a.low - b.low - 0.5 * c.low)));
    return ad_pair_times_exp(y, -u);
}

AD_THROUGH_DOUBLE(bessel_i0)
AD_THROUGH_DOUBLE(bessel_i1)
AD_THROUGH_DOUBLE(bessel_i0e)
AD_THROUGH_DOUBLE(bessel_i1e)
AD_THROUGH_DOUBLE(bessel_gap)
AD_THROUGH_DOUBLE(bessel_i1e_slope)

#endif
