/* Hurwitz's zeta function.  Included by scalar_math.h, after igamma_math.h. */
#ifndef AD_ZETA_MATH_H
#define AD_ZETA_MATH_H

/* exp((x + low) (l - log(u + u_low))). */
static double ad_zeta_share(double x, double low, ad_pair l, double u, double u_low)
{
    const ad_pair k = ad_log_long(u), d = ad_pair_add(l, -k.high, -k.low - u_low / u), t = ad_pair_times((ad_pair){x, low}, d);
    return ad_exp_finite(t.high) * (1 + t.low);
}

/* The sum of (q + k)^-(x + low) over k >= 0, for x > 1 and q > 0, times `times`: by Euler and Maclaurin's formula (DLMF 25.11.7) from x + 15 on, all in
 * units of the first term, whose exponent is known in a pair. */
static double ad_zeta_above(double x, double low, double q, double times)
{
    static const double rest[] = {1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160, -691.0 / 1307674368000.0, 1.0 / 74724249600.0,
                                  -3617.0 / 10670622842880000.0, 8.586062056277845e-15, -2.1748686985580617e-16, 5.5090028283602295e-18,
                                  -1.3954464685812522e-19};                       /* Bernoulli's numbers over factorials */
    const ad_pair l = ad_log_long(q), e = ad_pair_times((ad_pair){-x, -low}, l);
    ad_pair sum = {1, 0}, u = {q, 0};
    double share = 1;
    for (double k = 1; u.high < x + 15 && share > 0x1p-60; k += 1) {
        u = ad_two_sum(q, k);
        share = ad_zeta_share(x, low, l, u.high, u.low);
        sum = ad_pair_add(sum, share, 0);
    }
    if (share > 0x1p-60) {                                  /* the last term has been counted whole */
        const double i = 1 / u.high;
        double series = -0.5, term = x * i;
        for (int k = 0; k < 12; k++) {
            series += rest[k] * term;
            term *= (x + 2 * k + 1) * (x + 2 * k + 2) * i * i;
        }
        const double less = (x - 1) + low, whole = u.high / less;
        sum = ad_pair_add(sum, share * whole, share * (series + u.low / less));
    }
    const ad_power_of_two_times f = ad_exp_of_pair(e.high, e.low, sum);
    return ldexp(AD_FMA(f.m.high, times, f.m.low * times), (int)f.k);
}

/* (q)^-x of a whole x at the few numbers next to 0. */
static double ad_zeta_beside_0(double x, double q)
{
    const double near = rint(q), r = q - near, odd = fmod(x, 2) == 1 ? -1 : 1;
    double sum = 0;
    for (double k = -2; k <= 2; k += 1) {
        const double u = r + k;
        sum += (u < 0 ? odd : 1) * ad_pow(fabs(u), -x);
    }
    return sum;
}

static double ad_zeta_sum(double x, double low, double q, double times)
{
    if (!(x >= 1) || q != q)
        return AD_NAN;
    if (q <= 0) {                                           /* powers of numbers below 0: of a whole x alone */
        const double s = x + low;
        if (s != floor(s) || q == -AD_INF)
            return AD_NAN;
        if (q == floor(q))
            return fmod(s, 2) == 0 ? times * AD_INF : AD_NAN;
        return times * (s > 30 ? ad_zeta_beside_0(s, q) : (fmod(s, 2) == 0 ? 1 : -1) * ad_polygamma(s - 1, q) / tgamma(s));
    }
    if (x == 1 && low == 0)
        return times * AD_INF;
    if (x == AD_INF || q == AD_INF)
        return q == AD_INF ? times * 0 : q > 1 ? 0 : q == 1 ? times : times * AD_INF;
    return ad_zeta_above(x, low, q, times);
}

static double ad_zeta(double x, double q) { return ad_zeta_sum(x, 0, q, 1); }

/* -x zeta(x + 1, q). */
static double ad_zeta_slope(double x, double q)
{
    const ad_pair s = ad_two_sum(x, 1);
    return x >= 1 ? ad_zeta_sum(s.high, s.low, q, -x) : AD_NAN;
}

AD_THROUGH_DOUBLE_2(zeta)
AD_THROUGH_DOUBLE_2(zeta_slope)

#endif
