/* Choices without branches, and sums, products and quotients of float64 with what rounding takes from them: pairs, whose `low` is below the
 * last place of their `high`.  Included by scalar_math.h. */
#ifndef AD_PAIR_MATH_H
#define AD_PAIR_MATH_H

AD_INLINE uint64_t ad_bits(double x) { uint64_t u; __builtin_memcpy(&u, &x, sizeof u); return u; }
AD_INLINE double ad_from_bits(uint64_t u) { double x; __builtin_memcpy(&x, &u, sizeof x); return x; }
AD_INLINE uint32_t ad_float_bits(float x) { uint32_t u; __builtin_memcpy(&u, &x, sizeof u); return u; }
AD_INLINE float ad_float_from_bits(uint32_t u) { float x; __builtin_memcpy(&x, &u, sizeof x); return x; }

/* c or 0.  By a mask, where vectors make one at once: what follows `on ? c : 0` GCC would compute for both. */
#ifdef AD_TARGET_FMA
AD_INLINE double ad_if(int on, double c) { return ad_from_bits(-(uint64_t)on & ad_bits(c)); }
#else
AD_INLINE double ad_if(int on, double c) { return on ? c : 0; }
#endif
/* a or b likewise. */
#ifdef AD_TARGET_FMA
AD_INLINE double ad_pick(int on, double a, double b)
{
    const uint64_t mask = -(uint64_t)on;
    return ad_from_bits((ad_bits(a) & mask) | (ad_bits(b) & ~mask));
}
#else
AD_INLINE double ad_pick(int on, double a, double b) { return on ? a : b; }
#endif
/* a where the mask has its bits set, b where it has none: SSE2 compares no 64-bit numbers. */
AD_INLINE double ad_either(uint64_t mask, double a, double b) { return ad_from_bits((ad_bits(a) & mask) | (ad_bits(b) & ~mask)); }

/* NaN stays NaN.  One bound after the other: a tree of both choices is no minimum and maximum of the processor's. */
AD_INLINE double ad_within(double x, double low, double high)
{
    const double z = x < low ? low : x;
    return z > high ? high : z;
}

#define AD_INF ((double)INFINITY)
#define AD_NAN ((double)NAN)
#define AD_MAGIC 0x1.8p52                                   /* x + MAGIC - MAGIC rounds |x| < 2^51 to a whole number */

/* a * b as a sum of two numbers, exactly (Dekker 1971), for |a|, |b| < 2^500. */
typedef struct { double high, low; } ad_pair;
AD_INLINE ad_pair ad_two_product(double a, double b)
{
    const double h = a * b;
#ifdef AD_TARGET_FMA
    return (ad_pair){h, AD_FMA(a, b, -h)};
#else
    const double s = 134217729.0 * a, t = 134217729.0 * b, a1 = s - (s - a), b1 = t - (t - b), a2 = a - a1, b2 = b - b1;
    return (ad_pair){h, ((a1 * b1 - h) + a1 * b2 + a2 * b1) + a2 * b2};
#endif
}

/* a + b likewise (Knuth). */
AD_INLINE ad_pair ad_two_sum(double a, double b)
{
    const double h = a + b, t = h - a;
    return (ad_pair){h, (a - (h - t)) + (b - t)};
}

/* n - q d, which is exact for q = n / d. */
AD_INLINE double ad_rest(double n, double q, double d)
{
#ifdef AD_TARGET_FMA
    return AD_FMA(-q, d, n);
#else
    const ad_pair p = ad_two_product(q, d);
    return (n - p.high) - p.low;
#endif
}

/* Without FMA and in haste: the first 24 bits of a number are multiplied exactly, by as many or by one of few. */
AD_INLINE double ad_cut(double x) { return ad_from_bits(ad_bits(x) & ~UINT64_C(0x1fffffff)); }

/* a * b as a pair, off by 2^-76, whose low part may be 2^-22 of the high one. */
AD_INLINE ad_pair ad_cut_product(double a, double b)
{
#ifdef AD_TARGET_FMA
    return ad_two_product(a, b);
#else
    const double g = ad_cut(a), h = ad_cut(b);
    return (ad_pair){g * h, g * (b - h) + (a - g) * b};
#endif
}

/* y t + c as a pair, for a c of which s - c is exact: |c| is the larger of both, or ends in so many zeros. */
AD_INLINE ad_pair ad_product_sum(double y, double t, double c)
{
#ifdef AD_TARGET_FMA
    const double s = AD_FMA(y, t, c);
    return (ad_pair){s, AD_FMA(y, t, c - s)};
#else
    const ad_pair p = ad_cut_product(y, t);
    const double s = c + p.high;
    return (ad_pair){s, (p.high - (s - c)) + p.low};
#endif
}

/* n - q d likewise, for q about n / d. */
AD_INLINE double ad_cut_rest(double n, double q, double d)
{
#ifdef AD_TARGET_FMA
    return AD_FMA(-q, d, n);
#else
    const ad_pair p = ad_cut_product(q, d);
    return (n - p.high) - p.low;
#endif
}

/* a c + more for a c of few bits, |more| well below |a c|, rounded once. */
AD_INLINE double ad_times_short(double a, double c, double more)
{
#ifdef AD_TARGET_FMA
    return AD_FMA(a, c, more);
#else
    const double g = ad_cut(a);
    return g * c + ((a - g) * c + more);
#endif
}

/* a b + c for a small c, rounded once or nearly so. */
AD_INLINE double ad_times_plus(double a, double b, double c)
{
#ifdef AD_TARGET_FMA
    return AD_FMA(a, b, c);
#else
    const ad_pair p = ad_two_product(a, b);
    return p.high + (p.low + c);
#endif
}

/* (n.high + n.low) / (d.high + d.low) as a quotient of the high parts, and a step towards that of all: q + rest * r. */
typedef struct { double q, rest, r; } ad_quotient;
AD_INLINE ad_quotient ad_pair_divided(ad_pair n, ad_pair d)
{
    const double r = 1 / d.high, q = n.high * r;
    return (ad_quotient){q, AD_FMA(-q, d.low, ad_rest(n.high, q, d.high) + n.low), r};
}
AD_INLINE double ad_pair_quotient(ad_pair n, ad_pair d)     /* 1 ULP */
{
    const ad_quotient a = ad_pair_divided(n, d);
    return AD_FMA(a.rest, a.r, a.q);
}
AD_INLINE ad_pair ad_pair_over(ad_pair n, ad_pair d)
{
    const ad_quotient a = ad_pair_divided(n, d);
    return (ad_pair){a.q, a.rest * a.r};
}

#endif
