/* Cofactors of one, two or three rows: entries or minors, with all their digits, also where the matrix is next to singular. */
#ifndef AD_MINORS_H
#define AD_MINORS_H

#include <math.h>
#include <stdint.h>

static inline int all_finite(intptr_t n, const double *x)
{
    for (intptr_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return 0;
    return 1;
}

/* Are there so few rows, of finite numbers whose products stay within the format? */
static inline int are_few(intptr_t n, const double *a)
{
    for (intptr_t i = 0; i < n * n && n == 3; i++)
        if (a[i] != 0 && !(fabs(a[i]) > 1e-140 && fabs(a[i]) < 1e140))
            return 0;
    return n > 0 && n < 4 && all_finite(n * n, a);
}

/* a d - b c to 1.5 units in the last place (Kahan). */
static inline double two_by_two(double a, double b, double c, double d)
{
    const double w = b * c;
    return fma(a, d, -w) + fma(-b, c, w);
}

/* The minor without row i and column j, its upper row from a and its lower one from b; in cyclic order, which has its sign. */
static inline double minor_of(const double *a, const double *b, intptr_t i, intptr_t j)
{
    const intptr_t upper = (i + 1) % 3 * 3, lower = (i + 2) % 3 * 3, left = (j + 1) % 3, right = (j + 2) % 3;
    return two_by_two(a[upper + left], a[upper + right], b[lower + left], b[lower + right]);
}

static inline void few_cofactors(intptr_t n, const double *a, double *y)
{
    if (n == 1)
        y[0] = 1;
    else if (n == 2)
        y[0] = a[3], y[1] = 0 - a[2], y[2] = 0 - a[1], y[3] = a[0];
    for (intptr_t i = 0; i < 9 && n == 3; i++)
        y[i] = minor_of(a, a, i / 3, i % 3);
}

/* How they change as a moves along b. */
static inline void few_cofactor_slopes(intptr_t n, const double *a, const double *b, double *y)
{
    if (n == 1)
        y[0] = 0;
    else if (n == 2)
        few_cofactors(n, b, y);
    for (intptr_t i = 0; i < 9 && n == 3; i++)
        y[i] = minor_of(a, b, i / 3, i % 3) + minor_of(b, a, i / 3, i % 3);
}

#endif
