/* Certified numbers of twice a double's digits, whose exponent does not overflow: the first stage of the precise replay.
 *
 * An ad_twofold stands for every real number within r * 2^e of (hi + lo) * 2^e.  |lo| is at most half a unit in the last place of
 * hi, and as small as it likes: 1 + 1e-300 keeps the 53 digits of 1e-300.  r = 0: the number is exact.  r = inf: nothing is known.
 * hi infinite or NaN: that is the value, by the rules of IEEE 754; lo = r = 0 then.  The larger of |hi| and r lies between
 * 2^-200 and 2^200 (or is 0), so that no product of two of them overflows and no error of one underflows.
 *
 * The operations are those of Joldes, Muller, Popescu, "Tight and rigorous error bounds for basic building blocks of double-word
 * arithmetic", ACM TOMS 44 (2017): AccurateDWPlusDW (algorithm 6), DWTimesDW3 (12), DWDivDW2 (17).  They are proved there for
 * worst cases; here each adds up what its own roundings can have lost, u = 2^-53 times what was rounded, so that the bound holds
 * whatever the operands are (no hypothesis on lo is used but |lo| <= u |hi| in quotients), is smaller, and is 0 where nothing was
 * rounded.  Sums of bounds are themselves rounded, fewer than 30 times: AD_WIDEN makes good for that.  A product below 2^-1022
 * may lose 2^-1075: wherever a low part or a radius takes part, AD_FLOOR is added. */
#ifndef AD_TWOFOLD_H
#define AD_TWOFOLD_H

#include "scalar_math.h"
#include "twofold_loops.h"

typedef struct { double h, l, r; } ad_dw;                   /* an ad_twofold where no exponent is needed */

/* Inlined into passes, which have no vectors otherwise; called by functions of one number, which compile in a quarter of the time, and
 * under sanitizers, where nothing has vectors. */
#if defined(AD_ONE_BY_ONE) || defined(__SANITIZE_ADDRESS__)
#define AD_TWO static inline
#else
#define AD_TWO AD_INLINE
#endif
/* Numbers without exponents are inlined there too: a call passes nine doubles through memory. */
#ifdef __SANITIZE_ADDRESS__
#define AD_DW static inline
#else
#define AD_DW AD_INLINE
#endif

#define AD_U 0x1p-53
#define AD_WIDEN (1 + 0x1p-48)
#define AD_FLOOR 0x1p-1068
#define AD_COMFORT 0x1p200

AD_DW ad_dw dw_of(double h) { return (ad_dw){h, 0, 0}; }
AD_DW ad_dw dw_neg(ad_dw x) { return (ad_dw){-x.h, -x.l, x.r}; }
/* From a table; what has no low part there is exact. */
AD_DW ad_dw dw_constant(const double *c) { return (ad_dw){c[0], c[1], c[1] != 0 ? 0x1p-106 * fabs(c[0]) : 0}; }
AD_DW ad_dw dw_entry(const double *h, const double *l, int64_t j) { return (ad_dw){h[j], l[j], l[j] != 0 ? 0x1p-106 * fabs(h[j]) : 0}; }
AD_DW ad_dw dw_twice(ad_dw x, double power) { return (ad_dw){x.h * power, x.l * power, x.r * power}; }

/* a + b.  Six exact sums; what is left after them is |q| and the one rounding of d + f. */
AD_DW ad_dw dw_add(ad_dw a, ad_dw b)
{
    const ad_pair s = ad_two_sum(a.h, b.h), v = ad_two_sum(a.l, b.l), c = ad_two_sum(s.low, v.high), z = ad_two_sum(s.high, c.high);
    const ad_pair w = ad_two_sum(z.low, v.low);
    const double g = c.low + w.low;
    const ad_pair t = ad_two_sum(w.high, g), y = ad_two_sum(z.high, t.high);
    return (ad_dw){y.high, y.low, (a.r + b.r + fabs(t.low) + AD_U * fabs(g)) * AD_WIDEN};
}

/* a + b where |a.h| >= |b.h| or a = 0: the terms of a series. */
AD_DW ad_dw dw_add_smaller(ad_dw a, ad_dw b)
{
    const double s = a.h + b.h, t = b.h - (s - a.h), m = a.l + b.l, n = t + m, y = s + n;
    return (ad_dw){y, n - (y - s), (a.r + b.r + AD_U * (fabs(m) + fabs(n))) * AD_WIDEN};
}

/* What products of low parts and radii may lose by underflow; nothing where a factor is exactly 0. */
AD_DW double dw_floor(ad_dw a, ad_dw b)
{
    const double parts = (fabs(a.l) + fabs(b.l)) + (a.r + b.r), p = fabs(a.h) + a.r, q = fabs(b.h) + b.r;
    return (parts > 0) & (p > 0) & (q > 0) ? AD_FLOOR : 0;
}

/* a * b.  Of the three small products A each is rounded once, and the sums of them: at most 6 u A. */
AD_DW ad_dw dw_mul(ad_dw a, ad_dw b)
{
    const ad_pair p = ad_two_product(a.h, b.h);
    const double x1 = a.h * b.l, x2 = a.l * b.h, x3 = a.l * b.l, small = fabs(x1) + fabs(x2) + fabs(x3);
    const ad_pair c = ad_two_sum(p.low, (x1 + x2) + x3);
    const double y = p.high + c.high, l = c.high - (y - p.high);
    double r = (fabs(a.h) + fabs(a.l) + a.r) * b.r + (fabs(b.h) + fabs(b.l)) * a.r + 6 * AD_U * small + fabs(c.low);
    r += dw_floor(a, b);
    return (ad_dw){y, l, r * AD_WIDEN};
}

/* The same, which loses nothing where nothing needs to be lost: of exact numbers, of which one has no low part, the only rounding is that
 * of the other's low part times it.  So 2 (a + b) is exact, and what lies halfway between two numbers of a format is known to. */
AD_DW ad_dw dw_product(ad_dw a, ad_dw b)
{
    const ad_pair p = ad_two_product(a.h, b.h), x = ad_two_product(a.h, b.l), y = ad_two_product(a.l, b.h);
    const double z = a.l * b.l, low = fabs(x.high) + fabs(y.high), small = low + fabs(z);
    const ad_pair c = ad_two_sum(p.low, (x.high + y.high) + z);
    const double h = p.high + c.high, l = c.high - (h - p.high);
    const _Bool both = (a.l != 0) & (b.l != 0), kept = (a.r + b.r == 0) & !both & ((low >= 0x1p-900) | ((a.l == 0) & (b.l == 0)));
    double r = (fabs(a.h) + fabs(a.l) + a.r) * b.r + (fabs(b.h) + fabs(b.l)) * a.r + fabs(c.low);
    r += both ? 6 * AD_U * small : fabs(x.low + y.low);
    r += kept ? 0 : dw_floor(a, b);
    return (ad_dw){h, l, r * AD_WIDEN};
}

/* a / b, for a b whose radius does not reach 0; r = inf where it does.
 * a/b - q1 = R/b with R = a - q1 b; `rest` is R but for |t.low| and the roundings in g, four at most.  rest/b.h misses q2 by
 * |short|/|b.h|, and R/b by |q2 b.l| / |b| where lo of b is left out.  So 1 / (1 + 1e-40) has a radius relative to 1e-40. */
AD_DW ad_dw dw_div(ad_dw a, ad_dw b)
{
    const double q1 = a.h / b.h;
    const ad_pair p = ad_two_product(q1, b.h), x = ad_two_product(q1, b.l), d = ad_two_sum(a.h, -p.high);
    const ad_pair s1 = ad_two_sum(d.high, -p.low), s2 = ad_two_sum(a.l, -x.high), s3 = ad_two_sum(s1.high, s2.high);
    const double g = ((s1.low + s2.low) + (s3.low + d.low)) - x.low;
    const double dropped = fabs(s1.low) + fabs(s2.low) + fabs(s3.low) + fabs(d.low) + fabs(x.low);
    const ad_pair t = ad_two_sum(s3.high, g);
    const double rest = t.high, q2 = rest / b.h, least = fabs(b.h) * (1 - 0x1p-50) - b.r;
    const ad_pair v = ad_two_product(q2, b.h), y = ad_two_sum(q1, q2);
    const double missed = fabs((rest - v.high) - v.low) + fabs(q2 * b.l) + fabs(t.low) + 5 * AD_U * dropped;
    double r = a.r + (fabs(q1) + fabs(q2)) * AD_WIDEN * b.r + 1.01 * missed;
    const _Bool kept = (a.r + b.r == 0) & (b.l == 0) & ((q2 == 0) | (fabs(v.high) >= 0x1p-900));
    r += kept ? 0 : dw_floor(a, b);
    r = r / least;
    r = r * AD_WIDEN + (r > 0 ? AD_FLOOR : 0);
    return (ad_dw){y.high, y.low, r + (least > 0 ? 0 : AD_INF)};
}

/* The square root of a > 0, whose radius does not reach 0.  sqrt(a) - s = R / (s + sqrt(a)), and R / 2s differs from that by
 * (R/2s)^2 / s at most; |sqrt(a + d) - sqrt(a)| <= |d| / sqrt(a). */
AD_DW ad_dw dw_sqrt(ad_dw a)
{
    const double s = sqrt(a.h);
    const ad_pair p = ad_two_product(s, s), d = ad_two_sum(a.h, -p.high);
    const double rest = ((d.high - p.low) + a.l) + d.low, q = rest / (2 * s);
    const ad_pair y = ad_two_sum(s, q);
    const double small = fabs(d.high) + fabs(p.low) + fabs(a.l) + fabs(d.low);
    double r = (1.0001 * a.r + 3 * AD_U * small + q * q) / (s * (1 - 0x1p-40)) + 2 * AD_U * fabs(q);
    r += dw_floor(a, a) * 0x1p200;
    return (ad_dw){y.high, y.low, r * AD_WIDEN + (a.r < a.h * (1 - 0x1p-50) ? 0 : AD_INF)};
}

/* ------------------------------------------------------------------------------------------------- with an exponent */
static const ad_twofold two_unknown = {0, 0, (double)INFINITY, 0};

AD_DW ad_dw dw_from(ad_twofold x) { return (ad_dw){x.hi, x.lo, x.r}; }
AD_TWO double ad_power_of_2(int64_t k) { return ad_from_bits((uint64_t)(k + 1023) << 52); }    /* |k| <= 1022 */
AD_TWO int64_t ad_exponent(double x) { return (int64_t)(ad_bits(x) >> 52 & 2047) - 1023; }
AD_TWO int two_is_odd(ad_twofold x) { return !(fabs(x.hi) + x.r < AD_INF); }                      /* infinite, NaN, unknown */
AD_TWO int two_is_zero(ad_twofold x) { return (x.hi == 0) & (x.r == 0); }
AD_TWO int two_may_be_zero(ad_twofold x) { return !(fabs(x.hi) * (1 - 0x1p-50) > x.r); }
AD_TWO int two_is_in_comfort(double h, double r)
{
    const double m = fabs(h) > r ? fabs(h) : r;
    return (m <= AD_COMFORT) & (m >= 1 / AD_COMFORT);
}

/* x times 2^-k, k >= 0, in the same unit: what falls below the subnormals is added to the radius. */
static ad_dw dw_shifted(ad_dw x, int64_t k)
{
    if (k > 2000)
        return (ad_dw){0, 0, AD_FLOOR};
    ad_dw y = dw_twice(x, ad_power_of_2(-(k / 2)));
    y = dw_twice(y, ad_power_of_2(-(k - k / 2)));
    const double back = ad_power_of_2(k / 2), rest = ad_power_of_2(k - k / 2);
    if ((y.h * back * rest != x.h) | (y.l * back * rest != x.l) | (y.r * back * rest != x.r))
        y.r += AD_FLOOR;
    return y;
}

/* x times 2^e for a finite x, brought into the comfortable range, with e = 0 if it lies there by itself. */
static ad_twofold two_scaled(ad_dw x, int64_t e)
{
    if (!(x.r < AD_INF) || !(fabs(x.h) < AD_INF))
        return two_unknown;
    double m = fabs(x.h) > x.r ? fabs(x.h) : x.r;
    if (m == 0)
        return (ad_twofold){x.h, 0, 0, 0};
    int64_t k = 0;
    if (m < 0x1p-1000) {                                    /* subnormal ones have no exponent of their own */
        x = dw_twice(x, 0x1p200);
        m *= 0x1p200;
        k = -200;
    }
    const int64_t own = ad_exponent(m), whole = own + k + e;
    const int64_t to = whole >= -150 && whole <= 150 ? whole : 0;   /* exponent that m shall have */
    if (to < own)
        x = dw_shifted(x, own - to);
    else
        for (int64_t left = to - own; left > 0; left -= 1000)
            x = dw_twice(x, ad_power_of_2(left > 1000 ? 1000 : left));
    const int64_t kept = to == whole ? 0 : whole;
    if (kept > (int64_t)1 << 60 || kept < -((int64_t)1 << 60))
        return two_unknown;
    return (ad_twofold){x.h, x.l, x.r, kept};
}

AD_TWO ad_twofold two_of(ad_dw x, int64_t e)
{
    if (two_is_in_comfort(x.h, x.r))
        return (ad_twofold){x.h, x.l, x.r, e};
    return two_scaled(x, e);
}

static inline ad_twofold two_exact(double x)
{
    if (fabs(x) < AD_INF)
        return two_of(dw_of(x), 0);
    return (ad_twofold){x, 0, 0, 0};
}

/* Two numbers in the unit of the larger exponent, which is returned. */
static int64_t two_align(ad_twofold a, ad_twofold b, ad_dw *x, ad_dw *y)
{
    *x = dw_from(a);
    *y = dw_from(b);
    if (two_is_zero(a) || a.e == b.e)
        return b.e;
    if (two_is_zero(b))
        return a.e;
    if (a.e < b.e) {
        *x = dw_shifted(*x, b.e - a.e);
        return b.e;
    }
    *y = dw_shifted(*y, a.e - b.e);
    return a.e;
}

static inline ad_twofold two_neg(ad_twofold x) { return (ad_twofold){-x.hi, -x.lo, x.r, x.e}; }
static inline ad_twofold two_abs(ad_twofold x) { return x.hi < 0 || (x.hi == 0 && x.lo < 0) ? two_neg(x) : x.hi == 0 ? (ad_twofold){0, x.lo, x.r, x.e} : x; }
static inline ad_twofold two_twice(ad_twofold x, double power) { return two_is_odd(x) ? x : two_of(dw_twice(dw_from(x), power), x.e); }

static ad_twofold two_odd(ad_twofold a, ad_twofold b, double y) { return a.r == AD_INF || b.r == AD_INF ? two_unknown : two_exact(y); }

static inline ad_twofold two_add(ad_twofold a, ad_twofold b)
{
    if (two_is_odd(a) | two_is_odd(b))
        return two_odd(a, b, a.hi + b.hi);
    if (a.e == b.e)
        return two_of(dw_add(dw_from(a), dw_from(b)), a.e);
    ad_dw x, y;
    const int64_t e = two_align(a, b, &x, &y);
    return two_scaled(dw_add(x, y), e);
}

static inline ad_twofold two_sub(ad_twofold a, ad_twofold b) { return two_add(a, two_neg(b)); }

static inline ad_twofold two_mul(ad_twofold a, ad_twofold b)
{
    if (two_is_odd(a) | two_is_odd(b))                      /* inf * 0 = nan, and not known where it is not known whether 0 */
        return (a.r > 0 && two_may_be_zero(a)) || (b.r > 0 && two_may_be_zero(b)) ? two_unknown : two_odd(a, b, a.hi * b.hi);
    const ad_dw y = dw_product(dw_from(a), dw_from(b));
    return (a.e | b.e) == 0 ? two_of(y, 0) : two_scaled(y, a.e + b.e);
}

static inline ad_twofold two_div(ad_twofold a, ad_twofold b)
{
    if (two_is_odd(a) | two_is_odd(b) | two_is_zero(b))
        return (a.r > 0 && two_may_be_zero(a)) || (b.r > 0 && two_may_be_zero(b)) ? two_unknown : two_odd(a, b, a.hi / b.hi);
    if (two_may_be_zero(b))
        return two_unknown;
    const ad_dw y = dw_div(dw_from(a), dw_from(b));
    return (a.e | b.e) == 0 ? two_of(y, 0) : two_scaled(y, a.e - b.e);
}

static inline ad_twofold two_sqrt(ad_twofold x)
{
    if (two_is_odd(x) | two_is_zero(x))
        return two_odd(x, x, sqrt(x.hi));
    if (two_may_be_zero(x))
        return two_unknown;
    if (x.hi < 0)
        return two_exact(AD_NAN);
    const ad_dw y = dw_sqrt(x.e & 1 ? dw_twice(dw_from(x), 2) : dw_from(x));
    return x.e == 0 ? two_of(y, 0) : two_scaled(y, (x.e - (x.e & 1)) / 2);
}

static inline ad_twofold two_square(ad_twofold x) { return two_mul(x, x); }
static inline ad_twofold two_reciprocal(ad_twofold x) { return two_div(two_exact(1), x); }
static inline ad_twofold two_rsqrt(ad_twofold x) { return two_reciprocal(two_sqrt(x)); }

/* x in units of 1, for functions of it; 0, 0, inf where it is larger than 2^60. */
static inline ad_dw dw_plain(ad_twofold x)
{
    if (x.e == 0)
        return dw_from(x);
    if (x.e > 60)
        return (ad_dw){0, 0, AD_INF};
    return x.e < 0 ? dw_shifted(dw_from(x), -x.e) : dw_twice(dw_from(x), ad_power_of_2(x.e));
}

/* Is |x| < 2^-120 for sure?  Then x + O(x^2) is x with 2^-119 |x| added to its radius. */
AD_TWO int two_is_tiny(ad_twofold x) { return x.e + (x.hi == 0 && x.r == 0 ? -200 : ad_exponent(fabs(x.hi) + x.r)) < -120; }
static inline ad_twofold two_nearly(ad_twofold x) { x.r = (x.r * (1 + 0x1p-119) + fabs(x.hi) * 0x1p-119) * AD_WIDEN; return two_of(dw_from(x), x.e); }

#endif
