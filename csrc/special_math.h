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

/* (-1)^(n+1) n! times the Hurwitz zeta function of n + 1 (DLMF 25.11.12), for x > 0: Euler and Maclaurin's formula from x >= 15 + n. */
static inline double ad_polygamma(double n, double x)
{
    static const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510};
    if (!(n >= 0) || n != floor(n) || n > 160)
        return NAN;
    if (n == 0)
        return ad_digamma(x);
    double sum = 0;
    for (; x < 15 + n; x += 1)
        sum += pow(x, -n - 1);
    sum += pow(x, -n) / n + 0.5 * pow(x, -n - 1);
    double term = 0.5 * (n + 1) * pow(x, -n - 2);
    for (int k = 0; k < 8; k++) {
        sum += bernoulli[k] * term;
        term *= (n + 2 * k + 2) * (n + 2 * k + 3) / ((2 * k + 3.0) * (2 * k + 4.0)) / (x * x);
    }
    return (fmod(n, 2) == 1 ? 1 : -1) * tgamma(n + 1) * sum;
}

AD_THROUGH_DOUBLE(digamma)
AD_THROUGH_DOUBLE_2(polygamma)

#endif
