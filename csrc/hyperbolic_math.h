/* Powers and logarithms to base 2 and 10, hyperbolic functions and their inverses in float64.  Branch-free, as exp_math.h.  Included by
 * scalar_math.h. */
#ifndef AD_HYPERBOLIC_MATH_H
#define AD_HYPERBOLIC_MATH_H

/* ------------------------------------------------------------------------------------------------- to base 2 and 10 */
/* 2^x on all of R, 1 ULP, as ad_exp: of x less a whole number nothing is lost. */
AD_INLINE double ad_exp2(double x)
{
    const double z = x < -1080 ? -1080 : x, shift = z + AD_MAGIC, r = z - (shift - AD_MAGIC), t = r * 0x1.62e42fefa39efp-1;
    const double y = ad_times_power(1 + AD_FMA(r, 0x1.62e42fefa39efp-1, AD_FMA(r, 0x1.abc9e3b39803fp-56, ad_exp_tail(t))), shift, z < -1000);
    return x < 1024 ? y : x * 0x1p1023;
}

/* A logarithm of another base, 1 ULP: k times that of 2, a number of 42 bits and the rest, and that of m times 1/ln(base) as a pair.  log(m) is
 * that of ad_log_parts, whose largest terms, f - f^2/2, are summed exactly. */
AD_INLINE double ad_log_base(double x, double two, double two_low, ad_pair over)
{
    const ad_parts a = ad_split(x);
    const double f = a.m - 1;
    const ad_pair half = ad_two_product(0.5 * f, f);
    const double m = f - half.high, m_low = ((f - m) - half.high) + (ad_log_rest(f, half.high) - half.low);
    const ad_pair p = ad_two_product(m, over.high);
    const double k = a.k * two, h = k + p.high, low = p.low + AD_FMA(m, over.low, m_low * over.high);
    return ad_logarithm(x, h + ((k - h) + p.high + AD_FMA(a.k, two_low, low)));
}
AD_INLINE double ad_log2(double x) { return ad_log_base(x, 1, 0, (ad_pair){0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56}); }
AD_INLINE double ad_log10(double x)
{
    return ad_log_base(x, 0x1.34413509f7800p-2, 0x1.fef311f12b358p-46, (ad_pair){0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57});
}

/* ------------------------------------------------------------------------------------------------- sinh, cosh */
/* For x = k ln2 + r: exp(x) = 2^k (C + S), exp(-x) = 2^-k (C - S) with C = cosh(r), S = sinh(r), and no division.  With P = 2^(k-1) and
 * Q = 2^(-k-1), sinh(x) = (P - Q) C + (P + Q) S, cosh(x) = (P + Q) C + (P - Q) S, both computed over 4, since 2^1024 is too large.
 * `sign`: -1 for sinh.  P, Q, P r and Q r are summed exactly, larger ones first; what is left, C - 1 and S - r (minimax, off by 2^-61) and what
 * r has lost, is small. */
AD_INLINE double ad_hyperbolic(double u, double sign)
{
    const double z = u > 711 ? 711 : u;
    const ad_reduced a = ad_reduce(z);
    const double near = AD_FMA(-a.k, AD_LN2_HI, z), lost = AD_FMA(-a.k, AD_LN2_LO, near - a.r), r = a.r, r2 = r * r, r4 = r2 * r2;
    const double p = ad_from_bits((ad_bits(a.shift) + 1020) << 52), q = sign * ad_from_bits(ad_bits(AD_MAGIC + 1020 - (a.k < 100 ? a.k : 100)) << 52);
    const double s = r * r2 * AD_FMA(r4, AD_FMA(r4, 0x1.af5f2feee7643p-26, AD_FMA(r2, 0x1.71ddf818879ccp-19, 0x1.a01a01affa2bbp-13)),
                                     AD_FMA(r2, 0x1.111111110f680p-7, 0x1.5555555555559p-3));
    const double c = AD_FMA(r4, AD_FMA(r4, AD_FMA(r4, 0x1.1f8bc2cd723c4p-29, AD_FMA(r2, 0x1.27e4cc2385f16p-22, 0x1.a01a01ad75d26p-16)),
                                       AD_FMA(r2, 0x1.6c16c16c15019p-10, 0x1.5555555555558p-5)), 0.5 * r2);
    const double even = p + q, odd = p - q, x1 = even + p * r, x2 = x1 - q * r;
    const double low = ((p - even) + q) + ((even - x1) + p * r) + ((x1 - x2) - q * r);
    return 4 * (x2 + (low + AD_FMA(even, c, AD_FMA(odd, s, lost * AD_FMA(even, r, odd)))));
}
AD_INLINE double ad_sinh(double x)
{
    const double u = fabs(x), y = ad_hyperbolic(u, -1);
    return u < 0x1p-28 ? x : copysign(y, x);
}
AD_INLINE double ad_cosh(double x) { return ad_hyperbolic(fabs(x), 1); }

/* ------------------------------------------------------------------------------------------------- their inverses */
/* k ln2 + m atanh(q), 1 ULP, for |q| <= 0.2045: atanh(q) - q is minimax, off by 2^-59 of q. */
AD_INLINE double ad_area(double k, double m, ad_pair q)
{
    const double s = q.high, z = s * s, w = z * z;
    const double p0 = AD_FMA(0x1.999999999cfb6p-3, z, 0x1.555555555554cp-2), p1 = AD_FMA(0x1.c71c753eb5bf2p-4, z, 0x1.24924921167a0p-3);
    const double p2 = AD_FMA(0x1.3b3aa108cb177p-4, z, 0x1.745c23590102dp-4), p3 = AD_FMA(0x1.1d8bb04b4bd70p-4, z, 0x1.0d7c22d7df980p-4);
    const double tail = AD_FMA(s * z, AD_FMA(AD_FMA(p3, w, p2), w * w, AD_FMA(p1, w, p0)), q.low);
    const double head = k * AD_LN2_HI, h = head + m * s;
    return h + ((head - h) + m * s + AD_FMA(m, tail, k * AD_LN2_LO));
}

/* A number that is not near 0 as 2^k v, v = x up to 2^30: beyond it asinh and acosh are log(2x), and k ln2 is added for k powers of two. */
AD_INLINE ad_parts ad_less_far(double x)
{
    const ad_parts a = ad_split(x);
    const int far = x > 0x1p30;
    return (ad_parts){far ? a.k - 30 : 0, far ? a.m * 0x1p30 : x};
}

/* sqrt(a.high + a.low) as a pair, 0 of 0. */
AD_INLINE ad_pair ad_root_pair(ad_pair a)
{
    const double root = sqrt(a.high);
    const ad_pair back = ad_two_product(root, root);
    return (ad_pair){root, ((a.high - back.high) - back.low + a.low) / (2 * root + 0x1p-1000)};
}

/* log(1 + f) as k ln2 + 2 atanh(q), q = (1 + f - 2^k)/(1 + f + 2^k): that is f/(2 + f) where there is nothing to reduce. */
typedef struct { double k; ad_pair n, d; } ad_ratio;
AD_INLINE ad_ratio ad_log1p_ratio(ad_pair f)
{
    const double k = ad_split(1 + f.high).k, p = ad_from_bits(ad_bits(AD_MAGIC + 1023 + k) << 52);
    const ad_pair n = ad_two_sum(1 - p, f.high), d = ad_two_sum(1 + p, f.high);
    return (ad_ratio){k, {n.high, n.low + f.low}, {d.high, d.low + f.low}};
}

/* asinh(x) = atanh(x / sqrt(1 + x^2)) near 0, log(x + sqrt(1 + x^2)) beyond. */
AD_INLINE double ad_asinh(double x)
{
    const double u = fabs(x);
    const ad_parts a = ad_less_far(u);
    const double v = a.m;
    const int near = u < 0.2;
    const ad_pair square = ad_two_product(v, v), sum = ad_two_sum(1, square.high);
    const ad_pair root = ad_root_pair((ad_pair){sum.high, sum.low + square.low}), less = ad_two_sum(root.high, -1), f = ad_two_sum(less.high, v);
    const ad_ratio r = ad_log1p_ratio((ad_pair){f.high, f.low + (less.low + root.low)});
    const ad_pair n = {near ? v : r.n.high, near ? 0 : r.n.low}, d = {near ? root.high : r.d.high, near ? root.low : r.d.low};
    const double y = ad_area(near ? 0 : r.k + a.k, near ? 1 : 2, ad_pair_over(n, d));
    return x - x == 0 ? copysign(y, x) : x;
}

/* acosh(1 + t) = log(1 + t + sqrt(t (2 + t))). */
AD_INLINE double ad_acosh(double x)
{
    const ad_parts a = ad_less_far(x);
    const double t = a.m - 1;
    const ad_pair two = ad_two_sum(2, t), square = ad_two_product(t, two.high);
    const ad_pair root = ad_root_pair((ad_pair){square.high, AD_FMA(t, two.low, square.low)}), f = ad_two_sum(root.high, t);
    const ad_ratio r = ad_log1p_ratio((ad_pair){f.high, f.low + root.low});
    const double y = x >= 1 ? ad_area(r.k + a.k, 2, ad_pair_over(r.n, r.d)) : AD_NAN;
    return x == AD_INF ? x : y;
}

/* log((1 + x)/(1 - x)) / 2 with (1 + x)/(1 - x) = 2^k times a quotient near 1.  k by the difference of their bits, whose leading ones are a
 * logarithm to 0.09: nothing is divided before the last step. */
AD_INLINE double ad_atanh(double x)
{
    const double u = fabs(x);
    const ad_pair n = ad_two_sum(1, u), d = ad_two_sum(1, -u);
    const uint64_t whole = (ad_bits(n.high) - ad_bits(d.high) + (UINT64_C(1) << 51)) >> 52;
    const double k = ad_from_bits(whole | 0x4330000000000000) - 0x1p52, p = ad_from_bits((whole + 1023) << 52);
    const ad_pair less = ad_two_sum(n.high, -p * d.high), more = ad_two_sum(n.high, p * d.high);
    const ad_pair q = ad_pair_over((ad_pair){less.high, less.low + (n.low - p * d.low)}, (ad_pair){more.high, more.low + (n.low + p * d.low)});
    const int near = k == 0;
    const double y = ad_area(0.5 * k, 1, (ad_pair){near ? u : q.high, near ? 0 : q.low});
    return copysign(u < 1 ? y : u == 1 ? AD_INF : AD_NAN, x);
}

#endif
