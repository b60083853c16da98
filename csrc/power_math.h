/* Powers: a^b = exp(b log(a)).  An ULP of 700 is 700 ULP of exp(700): in float64 the logarithm and its product with b are known in pairs; in
 * float32 they are doubles.  Branch-free, as exp_math.h.  Included by scalar_math.h. */
#ifndef AD_POWER_MATH_H
#define AD_POWER_MATH_H

/* ------------------------------------------------------------------------------------------------- signs */
/* |a|^b = y with its sign (C11, F.10.4.4): nan of a finite number below 0 to a power that is not whole; 1 of 1, and to the power of 0, whatever
 * the other operand is. */
AD_INLINE double ad_signed_power(double a, double b, double y)
{
    const double beside = fabs(ad_beside_even(b));
    const uint64_t odd = 0 - (uint64_t)(beside == 1), part = 0 - (uint64_t)((a < 0) & (a > -AD_INF) & (beside != 0));
    const uint64_t r = (ad_bits(y) ^ (ad_bits(a) & odd & UINT64_C(1) << 63)) | (part & ~odd);
    return (a == 1) | (b == 0) ? 1 : ad_from_bits(r);
}

/* b |a|^(b - 1) = y likewise. */
AD_INLINE double ad_signed_slope(double a, double b, double y)
{
    const double beside = fabs(ad_beside_even(b)), r = beside == 0 ? y * copysign(1, a) : y;
    const double s = (a < 0) & (a > -AD_INF) & (beside != 0) & (beside != 1) ? AD_NAN : r;
    return b == 1 ? 1 : s;
}

/* b, but as far off as matters: to a larger one every number but 1 over- or underflows, and 1 does not, as 0 times inf would. */
AD_INLINE double ad_far_enough(double b) { return ad_within(b, -0x1p70, 0x1p70); }

#ifdef AD_TARGET_FMA
/* ------------------------------------------------------------------------------------------------- whole powers */
/* From the first to the 15th, and their reciprocals, by squaring: a tenth of the time.  Kernels ask of a block of elements whether it has
 * no other powers than a^(b - less) of these (csrc/generate.py): of one sign; or even the same b = 3 or 4 throughout. */
enum ad_powers { AD_NONE_WHOLE, AD_SOME_WHOLE, AD_ALL_UP, AD_ALL_DOWN, AD_ALL_3, AD_ALL_4 };

/* For numbers by themselves with branches, for vectors of all kinds of them without. */
#define AD_CHOICE_OF_POWERS(T, name, s, less)                                                                                   \
    static inline T ad_##name##s(T a, T b)                                                                                      \
    {                                                                                                                           \
        if (!ad_is_whole##s(a, b, less))                                                                                        \
            return ad_##name##_any##s(a, b);                                                                                    \
        return ad_is_up(b, less) ? ad_##name##_up##s(a, b) : ad_##name##_down##s(a, b);                                                  \
    }                                                                                                                           \
    AD_INLINE T ad_##name##_each##s(T a, T b)                                                                                   \
    {                                                                                                                           \
        const T any = ad_##name##_any##s(a, b), up = ad_##name##_up##s(a, b), down = ad_##name##_down##s(a, b);                 \
        return ad_is_whole##s(a, b, less) ? ad_is_up(b, less) ? up : down : any;                                                         \
    }

/* (b - 1 is -1 for many a b.) */
AD_INLINE int ad_is_small_whole(double b, double less)
{
    const double n = fabs(b - less);
    return ((n >= 1) & (n <= 15) & (b + AD_MAGIC - AD_MAGIC == b)) | (b == 0);
}

/* (Of b = 0 both are whole numbers, 1 and 0.) */
AD_INLINE int ad_is_up(double b, double less) { return (b > less) | (b == 0); }

/* Where no pair of them over- or underflows; 0 has no reciprocal. */
AD_INLINE int ad_is_whole(double a, double b, double less)
{
    const double u = fabs(a);
    return ad_is_small_whole(b, less) & (u <= 0x1p60) & ((u >= 0x1p-60) | ((u == 0) & ad_is_up(b, less)));
}
AD_INLINE ad_pair ad_product_of_pairs(ad_pair x, ad_pair y)
{
    const double h = x.high * y.high;
    return (ad_pair){h, AD_FMA(x.high, y.high, -h) + AD_FMA(x.high, y.low, x.low * y.high)};
}

/* The same of so many, in whole numbers, which vectors are quick with: is none of |a| outside, 0 but for reciprocals? */
static int __attribute__((noinline)) ad_all_in_range(const double *a, size_t n, int up)
{
    const int64_t least = (int64_t)(1023 - 60) << 52, range = (int64_t)120 << 52, zero_too = up ? 0 : -1;
    int64_t outside = 0;
    for (size_t i = 0; i < n; i++) {
        const int64_t u = (int64_t)ad_bits(fabs(a[i])), v = u - least;
        outside |= (v | (range - v)) & (-(int64_t)(u != 0) | zero_too);
    }
    return outside >= 0;
}
static inline int ad_all_in_rangef(const float *a, size_t n, int up) { (void)a, (void)n, (void)up; return 1; }

/* Off by 2^-98.  (Every power is computed whatever n is, as vectors have no branches, but for those that the compiler knows.) */
AD_INLINE ad_pair ad_whole_power(double a, double n)
{
    const ad_pair two = ad_two_product(a, a), four = ad_product_of_pairs(two, two), eight = ad_product_of_pairs(four, four);
    if (__builtin_constant_p(n) && n >= 2 && n <= 4)
        return n == 2 ? two : n == 3 ? ad_product_of_pairs(two, (ad_pair){a, 0}) : four;
    const double below_8 = n >= 8 ? n - 8 : n, below_4 = below_8 >= 4 ? below_8 - 4 : below_8, below_2 = below_4 >= 2 ? below_4 - 2 : below_4;
    ad_pair y = {n >= 8 ? eight.high : 1, n >= 8 ? eight.low : 0};
    y = ad_product_of_pairs(y, (ad_pair){below_8 >= 4 ? four.high : 1, below_8 >= 4 ? four.low : 0});
    y = ad_product_of_pairs(y, (ad_pair){below_4 >= 2 ? two.high : 1, below_4 >= 2 ? two.low : 0});
    return ad_product_of_pairs(y, (ad_pair){below_2 >= 1 ? a : 1, 0});
}

/* m a^n and m / a^n, rounded once.  What is 0 keeps its sign. */
AD_INLINE double ad_times_whole_up(double m, double a, double n)
{
    const ad_pair y = ad_whole_power(a, n);
    return y.low == 0 ? m * y.high : AD_FMA(m, y.high, m * y.low);
}

AD_INLINE double ad_times_whole_down(double m, double a, double n)
{
    const ad_pair y = ad_whole_power(a, n);
    const double q = 1 / y.high, rest = AD_FMA(-y.high, q, 1) - y.low * q;
    return AD_FMA(m, q, m * (q * rest));
}

AD_INLINE double ad_pow_up(double a, double b) { return ad_times_whole_up(1, a, b); }
AD_INLINE double ad_pow_down(double a, double b) { return ad_times_whole_down(1, a, -b); }
AD_INLINE double ad_pow_slope_up(double a, double b) { return ad_times_whole_up(b, a, b - 1); }
AD_INLINE double ad_pow_slope_down(double a, double b) { return ad_times_whole_down(b, a, 1 - b); }

/* Of float32 in doubles, which nothing leaves but what float32 has no number for. */
AD_INLINE int ad_is_wholef(float a, float b, float less) { (void)a; return ad_is_small_whole(b, less); }
AD_INLINE double ad_whole_power_short(double a, double n)
{
    const double two = a * a, four = two * two, eight = four * four;
    const double below_8 = n >= 8 ? n - 8 : n, below_4 = below_8 >= 4 ? below_8 - 4 : below_8, below_2 = below_4 >= 2 ? below_4 - 2 : below_4;
    return ((n >= 8 ? eight : 1) * (below_8 >= 4 ? four : 1)) * ((below_4 >= 2 ? two : 1) * (below_2 >= 1 ? a : 1));
}

#define AD_POWERS_OF(T, s, bits)                                                                                                \
    static inline enum ad_powers ad_powers_of##s(const T *a, const T *b, size_t n, T less)                                      \
    {                                                                                                                           \
        int64_t differ = 0, up = -1, down = -1, some = 0;                                                                       \
        for (size_t i = 0; i < n; i++)                                                                                          \
            differ |= (int64_t)(bits(b[i]) ^ bits(b[0]));                                                                       \
        if (differ == 0) {                                                                                                      \
            if (!ad_is_small_whole(b[0], less))                                                                                 \
                return AD_NONE_WHOLE;                                                                                           \
            if (!ad_all_in_range##s(a, n, ad_is_up(b[0], less)))                                                                \
                return AD_SOME_WHOLE;                                                                                           \
            return b[0] == 3 ? AD_ALL_3 : b[0] == 4 ? AD_ALL_4 : ad_is_up(b[0], less) ? AD_ALL_UP : AD_ALL_DOWN;                \
        }                                                                                                                       \
        for (size_t i = 0; i < n; i++) {                                                                                        \
            const int64_t whole = -(int64_t)ad_is_whole##s(a[i], b[i], less), above = -(int64_t)ad_is_up(b[i], less);           \
            up &= whole & above;                                                                                                \
            down &= whole & ~above;                                                                                             \
            some |= whole;                                                                                                      \
        }                                                                                                                       \
        return up ? AD_ALL_UP : down ? AD_ALL_DOWN : some ? AD_SOME_WHOLE : AD_NONE_WHOLE;                                      \
    }
AD_POWERS_OF(double, , ad_bits)
AD_POWERS_OF(float, f, ad_float_bits)

AD_INLINE float ad_pow_upf(float a, float b) { return (float)ad_whole_power_short(a, b); }
AD_INLINE float ad_pow_downf(float a, float b) { return (float)(1 / ad_whole_power_short(a, -(double)b)); }
AD_INLINE float ad_pow_slope_upf(float a, float b) { return (float)(b * ad_whole_power_short(a, (double)b - 1)); }
AD_INLINE float ad_pow_slope_downf(float a, float b) { return (float)(b / ad_whole_power_short(a, 1 - (double)b)); }
#endif

/* ------------------------------------------------------------------------------------------------- float64 */
/* log(u) for u >= 0 as a pair, off by 2^-65 of itself.  u = 2^k m, s = f/(2 + f) with f = m - 1: log(m) = 2s (1 + z (1/3 + z (1/5 + z P(z)))),
 * z = s^2, P minimax; what is more than 2^-15 of the whole is known in pairs. */
AD_INLINE ad_pair ad_log_long(double u)
{
    const ad_parts a = ad_split(u);
    const double d = a.m + 1;
    const ad_pair s = ad_pair_over((ad_pair){a.m - 1, 0}, (ad_pair){d, a.m - (d - 1)}), square = ad_two_product(s.high, s.high);
    const double z = square.high, z_low = AD_FMA(2 * s.high, s.low, square.low), w = z * z, v = w * w;
    const double p0 = AD_FMA(0x1.c71c71c722759p-4, z, 0x1.249249249246fp-3), p1 = AD_FMA(0x1.3b13b3117633ap-4, z, 0x1.745d17417fd56p-4);
    const double p2 = AD_FMA(0x1.e20b7f2d0b175p-5, z, 0x1.11109459f639cp-4), p3 = AD_FMA(0x1.c31bfe8078a17p-5, z, 0x1.aaebee4719a46p-5);
    const double r = z * AD_FMA(v, AD_FMA(w, p3, p2), AD_FMA(w, p1, p0)), fifth = 0x1.999999999999ap-3 + r;
    const ad_pair t = ad_two_product(z, fifth);
    const double t_low = t.low + AD_FMA(z_low, fifth, z * (((0x1.999999999999ap-3 - fifth) + r) - 0x1.999999999999ap-57));
    const double third = 0x1.5555555555555p-2 + t.high, third_low = ((0x1.5555555555555p-2 - third) + t.high) + (t_low + 0x1.5555555555555p-56);
    const ad_pair q = ad_two_product(z, third);
    const double q_low = q.low + AD_FMA(z_low, third, z * third_low);
    const double twice = 2 * s.high, k = a.k * AD_LN2_HI, x = k + twice;
    const ad_pair o = ad_two_product(twice, q.high);
    const double small = o.low + AD_FMA(twice, q_low, AD_FMA(2 * s.low, q.high, 2 * s.low));
    const double y = x + o.high, low = ((x - y) + o.high) + (((k - x) + twice) + AD_FMA(a.k, AD_LN2_LO, small)), h = y + low;
    const double top = u == 0 ? -AD_INF : h;
    return (ad_pair){u < AD_INF ? top : u, (y - h) + low};
}

#ifdef AD_TARGET_FMA
/* exp((b + b_low) l) as 2^k (high + low), k + AD_MAGIC = shift; k is that of exp(+-limit) beyond these bounds.  x: b l. */
typedef struct { double high, low, shift, x; } ad_power;
AD_INLINE ad_power ad_power_parts(ad_pair l, double b, double b_low, double limit)
{
    const double e = ad_far_enough(b);
    const ad_pair p = ad_two_product(e, l.high);
    const double x = ad_within(p.high, -limit, limit);
    const double x_low = ad_if(x == p.high, p.low + AD_FMA(e, l.low, b_low * l.high));
    const double shift = AD_FMA(x, 0x1.71547652b82fep+0, AD_MAGIC), k = shift - AD_MAGIC;
    const double near = AD_FMA(-k, 0x1.62e42fefap-1, x), c = AD_FMA(-k, 0x1.cf79abc9e3b3ap-40, x_low), h = 1 + near;
    return (ad_power){h, ((1 - h) + near) + (c + ad_exp_tail(near + c)), shift, p.high};
}

/* y 2^k for |k| <= 1500, k + AD_MAGIC = shift, rounded once: first by 2^(k - 512), or 2^(k + 512) below 0. */
AD_INLINE double ad_scaled_by(double y, double shift)
{
    const uint64_t below = (ad_bits(shift - AD_MAGIC) & UINT64_C(1) << 63) >> 1;
    return y * ad_from_bits((ad_bits(shift) << 52) + (UINT64_C(511) << 52) + below) * ad_from_bits((UINT64_C(1535) << 52) - below);
}

/* a^b, 1 ULP, whatever b is. */
AD_INLINE double ad_pow_any(double a, double b)
{
    const ad_power p = ad_power_parts(ad_log_long(fabs(a)), b, 0, 1000);
    return ad_signed_power(a, b, ad_scaled_by(p.high + p.low, p.shift));
}

AD_CHOICE_OF_POWERS(double, pow, , 0)

/* b a^(b - 1), 1 ULP: b - 1 as it is before rounding; what of b is less than 2^-400 goes to the power of two. */
AD_INLINE double ad_pow_slope_any(double a, double b)
{
    const ad_pair d = ad_two_sum(b, -1);
    const int tiny = fabs(b) < 0x1p-400;
    const ad_power p = ad_power_parts(ad_log_long(fabs(a)), d.high, fabs(b) < 0x1p70 ? d.low : 0, 1600);
    const double m = b * (tiny ? 0x1p800 : 1), shift = p.shift - (tiny ? 800 : 0), low = shift < AD_MAGIC - 1500 ? AD_MAGIC - 1500 : shift;
    const double y = ad_scaled_by(AD_FMA(p.high, m, p.low * m), low > AD_MAGIC + 1500 ? AD_MAGIC + 1500 : low);
    return ad_signed_slope(a, b, p.x > 1600 ? b * AD_INF : p.x < -1600 ? (b < 0 ? -0.0 : 0.0) : y);
}

AD_CHOICE_OF_POWERS(double, pow_slope, , 1)

/* a^b log(a), 1 ULP. */
AD_INLINE double ad_pow_log(double a, double b)
{
    const ad_pair l = ad_log_long(fabs(a));
    const ad_power p = ad_power_parts(l, b, 0, 1000);
    const double y = ad_scaled_by(AD_FMA(p.high, l.high, AD_FMA(p.high, l.low, p.low * l.high)), p.shift);
    const int vanishes = ((b > 0) & !(a > 1)) | ((b < 0) & (a > 1));        /* of 0 or infinity; a choice within a choice has no vectors */
    const double end = vanishes ? copysign(0, -b) : l.high + b, any = fabs(l.high) == AD_INF ? end : y;
    return a < 0 ? AD_NAN : any;
}
#else
/* Without FMA exact products cost more than the tables of libm: 33 ns for its 9. */
static inline double ad_pow(double a, double b) { return pow(a, b); }

/* (m + m_low) a^(b + low) for a > 0, 2 ULP: the product exactly.  Where the power alone would over- or underflow, or m is far, 3 ULP: in two
 * halves, and m between them. */
static inline double ad_power_times(double a, double b, double low, double m, double m_low)
{
    const double s = fabs(m) < 0x1p-400 ? 0x1p300 : 1, f = m * s, rest = AD_FMA(f * low, ad_log(a), m_low * s), y = pow(a, b), t = y < 1 ? 0x1p200 : 0x1p-200;
    if (y >= 0x1p-1020 && y < AD_INF && fabs(f) > 0x1p-400 && fabs(f) < 0x1p400) {
        const ad_pair p = ad_two_product(y * t, f);
        return (p.high + AD_FMA(y * t, rest, p.low)) / t / s;
    }
    const double c = f + rest, half = pow(a, 0.5 * b);
    return c * half * half / s;
}

/* p m; the limit 0 where p is 0, be m infinite. */
static inline double ad_zero_times(double p, double m) { return p == 0 && m == m ? (m < 0 ? -0.0 : 0.0) : p * m; }

/* b a^(b - 1), 3 ULP.  What b - 1 has lost by rounding is up to 2^-54 of b, and that of b log(a), which may be 745. */
static inline double ad_pow_slope(double a, double b)
{
    const ad_pair d = ad_two_sum(b, -1);
    const double u = fabs(a);
    return ad_signed_slope(a, b, (u > 0) & (u < AD_INF) & (fabs(b) < AD_INF) ? ad_power_times(u, d.high, d.low, b, 0) : ad_zero_times(pow(u, b - 1), b));
}

/* a^b log(a) for a > 0, as that. */
static inline double ad_pow_log(double a, double b)
{
    const ad_pair l = ad_log_long(a);
    return (a > 0) & (a < AD_INF) & (fabs(b) < AD_INF) ? ad_power_times(a, b, 0, l.high, l.low) : ad_zero_times(pow(a, b), ad_log(a));
}
#endif

/* ------------------------------------------------------------------------------------------------- float32 */
/* The same series, off by 2^-44. */
AD_INLINE double ad_log_middle(double u)
{
    const ad_parts a = ad_split_short(u);
    const double s = (a.m - 1) / (a.m + 1), z = s * s;
    double p = AD_FMA(0x1.9115a0679a6abp-4, z, 0x1.c62b1360920ffp-4);
    p = AD_FMA(p, z, 0x1.249411f23a8bep-3);
    p = AD_FMA(p, z, 0x1.999996a9403a1p-3);
    p = AD_FMA(p, z, 0x1.555555561e471p-2);
    const double t = 2 * s, y = AD_FMA(a.k, AD_LN2, AD_FMA(t * z, p, t)), top = u == 0 ? -AD_INF : y;
    return u < AD_INF ? top : u;
}

/* exp(x), too large or 0 for what is far outside. */
AD_INLINE double ad_exp_far_short(double x)
{
    const double y = ad_exp_short(ad_within(x, -600, 600)), z = x < -600 ? 0 : y;
    return x > 600 ? AD_INF : z;
}
AD_INLINE float ad_pow_slope_anyf(float x, float y)
{
    const double a = x, b = y;
    const double p = ad_exp_far_short(ad_far_enough(b - 1) * ad_log_middle(fabs(a))), none = b < 0 ? -0.0 : 0.0;
    return (float)ad_signed_slope(a, b, p == 0 ? none : b * p);
}
#ifdef AD_TARGET_FMA
AD_INLINE float ad_pow_anyf(float x, float y)
{
    const double a = x, b = y;
    return (float)ad_signed_power(a, b, ad_exp_far_short(ad_far_enough(b) * ad_log_middle(fabs(a))));
}
AD_CHOICE_OF_POWERS(float, pow, f, 0)
AD_CHOICE_OF_POWERS(float, pow_slope, f, 1)
#else
AD_THROUGH_DOUBLE_2(pow)                                                /* 10 ns for 12 */
AD_INLINE float ad_pow_slopef(float a, float b) { return ad_pow_slope_anyf(a, b); }
#endif
AD_INLINE float ad_pow_logf(float x, float y)
{
    const double a = x, b = y, l = ad_log_middle(fabs(a)), p = b == 0 ? 0 : ad_far_enough(b) * l;
    const double e = ad_exp_far_short(p), none = l < 0 ? -0.0 : 0.0, product = e == 0 ? none : e * l;
    return (float)(a < 0 ? AD_NAN : product);
}

#endif
