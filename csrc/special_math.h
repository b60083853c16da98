/* Derivatives of the log-gamma function.  Included by scalar_math.h, which has exp, log and tan. */
#ifndef AD_SPECIAL_MATH_H
#define AD_SPECIAL_MATH_H

/* Recurrence up to x >= 10, then the asymptotic series (Abramowitz & Stegun 6.3.18, 6.4.12); reflection for x <= 0 (6.3.7). */
static inline double ad_digamma(double x)
{
    double shift = 0;
    if (x == -(double)INFINITY)
        return NAN;
    if (x <= 0) {
        if (x == floor(x))
            return NAN;                                     /* a pole */
        shift = -3.141592653589793 / tan(3.141592653589793 * (x - floor(x)));
        x = 1 - x;
    }
    double sum = 0;
    for (; x < 10; x += 1)
        sum += 1 / x;
    const double z = 1 / (x * x);
    const double series = z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 -
                          z * (691.0 / 32760 - z * (1.0 / 12)))))));
    return log(x) - 0.5 / x - series - sum + shift;
}

static inline double ad_trigamma(double x)
{
    double sign = 1, shift = 0;
    if (x <= 0) {
        if (x == floor(x))
            return (double)INFINITY;
        const double s = sin(3.141592653589793 * (x - floor(x)));
        shift = 9.869604401089358 / (s * s);
        sign = -1;
        x = 1 - x;
    }
    double sum = 0;
    for (; x < 12; x += 1)
        sum += 1 / (x * x);
    const double z = 1 / (x * x);
    const double series = 1 / x + 0.5 * z + z / x * (1.0 / 6 - z * (1.0 / 30 - z * (1.0 / 42 - z * (1.0 / 30 - z * (5.0 / 66 -
                          z * (691.0 / 2730 - z * (7.0 / 6)))))));
    return sign * (sum + series) + shift;
}

static inline double ad_polygamma2(double x)
{
    double sum = 0, shift = 0;
    if (x <= 0) {
        if (x == floor(x))
            return NAN;
        const double t = 3.141592653589793 * (x - floor(x)), s = sin(t);
        shift = -2 * 31.00627668029982 * cos(t) / (s * s * s);
        x = 1 - x;
    }
    for (; x < 14; x += 1)
        sum -= 2 / (x * x * x);
    const double z = 1 / (x * x);
    const double series = -z - z / x - z * z * (0.5 - z * (1.0 / 6 - z * (1.0 / 6 - z * (3.0 / 10 - z * (5.0 / 6 -
                          z * (691.0 / 210))))));
    return sum + series + shift;
}

AD_THROUGH_DOUBLE(digamma)
AD_THROUGH_DOUBLE(trigamma)
AD_THROUGH_DOUBLE(polygamma2)

#endif
