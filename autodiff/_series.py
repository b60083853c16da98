"""Series in plain arithmetic that rules of elementwise.py use where their formulas lose digits: of anything that can be added and multiplied."""


def distance(*parts):
    """x less a number that is no double, given as parts, the first of which float32 holds exactly: right to the last place also beside that number."""
    def of(x):
        for part in parts:
            x = x - part
        return x
    return of


def erfcx_bend(r):
    """The second derivative of erfcx at 1/r, r <= 1/8, where 2 * (erfcx(x) + x * erfcx'(x)) cancels: its asymptotic series."""
    terms, c = [], 0.5641895835477563
    for k in range(17):
        terms.append(c * (2 * k + 1) * (2 * k + 2))
        c *= -(k + 0.5)
    y = terms.pop()
    while terms:
        y = terms.pop() + r * r * y
    return y * r * r * r


def sinc_bend(x):
    """The second derivative of sin(pi x)/(pi x) for |x| <= 1/2 by its power series: the terms of the formula have poles at 0."""
    z, term, terms = x * x, 1.0, []
    for k in range(1, 14):
        term *= -9.869604401089358 / (2 * k * (2 * k + 1))
        terms.append(term * 2 * k * (2 * k - 1))
    y = terms.pop()
    while terms:
        y = terms.pop() + z * y
    return y


def bessel_quotient(x, order):
    """I1(x) / x or I2(x) / x**2 for |x| <= 1.5 by its power series, whose derivatives are right at 0 too."""
    z, term, terms = 0.25 * x * x, (0.5, 0.125)[order - 1], []
    for k in range(1, 14):
        terms.append(term)
        term /= k * (k + order)
    y = terms.pop()
    while terms:
        y = terms.pop() + z * y
    return y


def bessel_bend_over_root(r, less_quotient):
    """The derivative of bessel_gap, or of bessel_gap less I1(x)/x, at 1/r, over sqrt(r), r <= 1/30, where its terms cancel: the asymptotic series
    (DLMF 10.40.1)."""
    def coefficients(order):
        c = [1.0]
        for k in range(1, 22):
            c.append(c[-1] * ((2 * k - 1) ** 2 - 4 * order * order) / (8 * k))
        return c
    zero, one = coefficients(0), coefficients(1)
    terms = [one[k - 1] - 2 * (zero[k] - one[k]) + less_quotient * one[k - 2] * (k - 0.5) for k in range(2, 22)]
    y = terms.pop()
    while terms:
        y = terms.pop() + r * y
    return 0.3989422804014327 * y * r * r
