/* Sine, cosine, and the inverses of these and of the hyperbolic functions in float32, by way of double as in float_math.h.  Included by
 * scalar_math.h. */
#ifndef AD_PLANE_FLOAT_MATH_H
#define AD_PLANE_FLOAT_MATH_H

/* ------------------------------------------------------------------------------------------------- sine and cosine */
/* x = n pi/2 + r for |x| <= 1e6: n times the first part of pi/2 is exact, or its subtraction from x is (FMA).  Sine and cosine of r are minimax,
 * off by 2^-34 and more.  odd: a mask of all bits if n is. */
typedef struct { double sine, cosine; uint64_t n, odd; } ad_turned_short;
AD_INLINE ad_turned_short ad_turn_short(double x, uint64_t turns)
{
    const double shift = AD_FMA(x, 0x1.45f306dc9c883p-1, AD_MAGIC), k = shift - AD_MAGIC;
    const double r = AD_FMA(-k, 0x1.0b4611a626331p-34, AD_FMA(-k, 0x1.921fb544p+0, x)), z = r * r;
    double s = AD_FMA(0x1.6cb4ece1f2571p-19, z, -0x1.a00eddda0b7cep-13);
    s = AD_FMA(s, z, 0x1.1111073e3044ep-7);
    s = AD_FMA(s, z, -0x1.55555549334b7p-3);
    s = AD_FMA(s * z, r, r);
    double c = AD_FMA(0x1.9930ae89ff0c6p-16, z, -0x1.6c086ffcdf015p-10);
    c = AD_FMA(c, z, 0x1.55553decb8490p-5);
    c = AD_FMA(c, z, -0x1.ffffffd065633p-2);
    c = AD_FMA(c, z, 1);
    const uint64_t n = ad_bits(shift) + turns;
    return (ad_turned_short){s, c, n, 0 - (n & 1)};
}

/* sin(x + turns pi/2), tan(x). */
AD_INLINE float ad_sine_f(double x, uint64_t turns)
{
    const ad_turned_short t = ad_turn_short(x, turns);
    return (float)ad_from_bits(ad_bits(ad_either(t.odd, t.cosine, t.sine)) ^ (t.n & 2) << 62);
}
AD_INLINE float ad_tan_nearf(float x)
{
    const ad_turned_short t = ad_turn_short(x, 0);
    const float y = (float)(ad_either(t.odd, -t.cosine, t.sine) / ad_either(t.odd, t.sine, t.cosine));
    return x == 0 ? x : y;
}
AD_INLINE float ad_sin_nearf(float x)
{
    const float y = ad_sine_f(x, 0);
    return x == 0 ? x : y;
}
AD_INLINE float ad_cos_nearf(float x) { return ad_sine_f(x, 1); }
static inline float ad_sinf(float x) { return fabsf(x) <= (float)AD_NEAR ? ad_sin_nearf(x) : (float)sin(x); }
static inline float ad_tanf(float x) { return fabsf(x) <= (float)AD_NEAR ? ad_tan_nearf(x) : (float)tan(x); }
static inline float ad_cosf(float x) { return fabsf(x) <= (float)AD_NEAR ? ad_cos_nearf(x) : (float)cos(x); }

/* ------------------------------------------------------------------------------------------------- inverses */
#define AD_PI_2 0x1.921fb54442d18p+0
AD_INLINE float ad_atanf(float x)                                       /* minimax on [0, 1], off by 2^-31; beyond 1 that of 1/x */
{
    const float a = fabsf(x);
    const double u = a, w = 1 / u, v = a > 1 ? w : u, z = v * v;
    double p = AD_FMA(0x1.1e07549f443c6p-10, z, -0x1.d7d1b2a258bd6p-8);
    p = AD_FMA(p, z, 0x1.6cf168e8c5154p-6);
    p = AD_FMA(p, z, -0x1.6b605f77e9adcp-5);
    p = AD_FMA(p, z, 0x1.131776d88c034p-4);
    p = AD_FMA(p, z, -0x1.6865cae9e49fdp-4);
    p = AD_FMA(p, z, 0x1.c4cad6db8a144p-4);
    p = AD_FMA(p, z, -0x1.246feb720d0c2p-3);
    p = AD_FMA(p, z, 0x1.999786eedafe5p-3);
    p = AD_FMA(p, z, -0x1.55554f06abb67p-2);
    p = AD_FMA(p, z, 0x1.fffffffcce8a9p-1);
    const double y = p * v, far = AD_PI_2 - y;
    return copysignf((float)(a > 1 ? far : y), x);
}

/* asin(s) for 0 <= s <= 1/2 and z = s^2: minimax, off by 2^-32.  From 1/2 on asin(u) = pi/2 - 2 asin(sqrt((1 - u)/2)). */
AD_INLINE double ad_asin_kernel_short(double s, double z)
{
    double p = AD_FMA(0x1.365bcbed378a7p-5, z, 0x1.cf52c581f62e6p-7);
    p = AD_FMA(p, z, 0x1.0554d2e9ebf43p-5);
    p = AD_FMA(p, z, 0x1.6c91bd3521397p-5);
    p = AD_FMA(p, z, 0x1.333988cb2b509p-4);
    p = AD_FMA(p, z, 0x1.555548490a52fp-3);
    p = AD_FMA(p, z, 0x1.0000000117eb9p+0);
    return p * s;
}
AD_INLINE float ad_asinf(float x)
{
    const float a = fabsf(x);
    const double u = a, low = u * u, high = 0.5 - 0.5 * u, root = sqrt(high);
    const double y = ad_asin_kernel_short(a > 0.5f ? root : u, a > 0.5f ? high : low), far = AD_PI_2 - 2 * y;
    return copysignf((float)(a > 0.5f ? far : y), x);
}
AD_INLINE float ad_acosf(float x)
{
    const float a = fabsf(x);
    const double u = a, low = u * u, high = 0.5 - 0.5 * u, root = sqrt(high);
    const double y = ad_asin_kernel_short(a > 0.5f ? root : x, a > 0.5f ? high : low), near = AD_PI_2 - y, right = 2 * y, left = 2 * AD_PI_2 - right;
    return (float)(a > 0.5f ? (x > 0 ? right : left) : near);
}

/* Logarithms of 1 + f, where f keeps its digits: asinh(u) = log(1 + u + u^2/(1 + sqrt(1 + u^2))). */
AD_INLINE float ad_asinhf(float x)
{
    const double u = fabsf(x), q = u * u, f = u + q / (1 + sqrt(1 + q));
    const float y = copysignf((float)ad_log_near_short(1 + f, f), x);
    return x - x == 0 ? y : x;
}
AD_INLINE float ad_acoshf(float x)
{
    const double w = (double)x - 1, f = w + sqrt(w * (w + 2));
    const float y = (float)ad_log_near_short(1 + f, f);
    return x >= 1 ? (x < INFINITY ? y : x) : NAN;
}
AD_INLINE float ad_atanhf(float x)
{
    const float a = fabsf(x);
    const double u = a, f = 2 * u / (1 - u);
    const float y = (float)(0.5 * ad_log_near_short(1 + f, f));
    return copysignf(a < 1 ? y : a == 1 ? INFINITY : NAN, x);
}

#endif
