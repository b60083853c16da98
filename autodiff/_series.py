"""Series in plain arithmetic that rules of elementwise.py use where their formulas lose digits: of anything that can be added and multiplied."""


def distance(*parts):
    """x less a number that is no double, given as parts, the first of which float32 holds exactly: right to the last place also beside that number."""
    def of(x):
        for part in parts:
            x = x - part
        return x
    return of


# Interpolated at Chebyshev's points with 400 bits, off by 2**-54.  In end - x all terms of a completely monotone function are positive.
# fmt: off
ERFCX_NEAR = (  # erfcx'' on [0, 1], in 1 - x
    0.3087431227438169, 0.47536181364796043, 0.45086755458349786, 0.3332373818078376, 0.20910427126258624, 0.11630072032574604,
    0.05881508963997429, 0.02750069730592483, 0.012029853377931572, 0.004964927208118088, 0.0019507935647855037, 0.0007195947481380421,
    0.0002842072884724915, 5.1146317890982704e-05, 8.511608716913129e-05, -4.937817233228932e-05, 5.168438756835317e-05,
    -2.8679789466853572e-05, 1.2991627563400407e-05, -3.4186670156079468e-06, 5.107038329834217e-07,
)
ERFCX_MIDDLE = (  # x**3 erfcx'' on [1, 8], in (x - 1.5)/(x + 1.5)
    0.5140195190244725, 1.0835646171984041, 0.12452464119431259, -0.8512521128409465, -0.13807841875805138, 0.44760293568066106,
    0.12890974470065145, -0.13136479219058717, -0.09778474573808314, 0.0035421461014399453, 0.037926091834108895, 0.020259428063260677,
    -0.0018830516020796682, -0.008959404583313183, -0.005446728695811861, -0.0005626208553580291, 0.002250104253569879, 0.0018065032729698634,
    -0.0019225303429564328, 0.004743654006986792, -0.00518679316548199, 0.0016714910085134493,
)
GAP_NEAR = (  # -bessel_gap' on [1.5, 3.5], in 3.5 - x
    0.01726207235744407, 0.014043219141088293, 0.0077316899462388095, 0.0034187926109036024, 0.0012736029641265384,
    0.0004088662170459939, 0.00011489331805307724, 2.8621744372994314e-05, 6.390209558402172e-06, 1.2903648012391005e-06,
    2.3811344214885095e-07, 3.981358691239974e-08, 6.640282083570757e-09, 6.86892012935606e-10, 2.3491214152919023e-10,
    -2.407591060487234e-11, 1.1962632655423146e-11, -1.435164728438139e-12, 1.6587222927138898e-13,
)
GAP_NEXT = (  # -bessel_gap' on [3.5, 6], in 6 - x
    0.0038700367778704025, 0.0017270991493755932, 0.0005463586126068277, 0.00014982726549405724, 3.7832819816910104e-05,
    8.965525877763968e-06, 1.999435049281507e-06, 4.1844950992587674e-07, 8.191020608659814e-08, 1.4965909156387042e-08,
    2.5529189075803038e-09, 4.0510366378001915e-10, 6.170837009981634e-11, 7.63415475623652e-12, 1.5751241069783016e-12,
    -6.384285017907187e-14, 8.311003758448277e-14, -1.4773579302256214e-14, 3.091575443975727e-15, -3.1101858701430606e-16,
    2.137753391310652e-17,
)
GAP_MIDDLE = (  # -x**2.5 bessel_gap' on [6, 30], in (x - 12)/(x + 12)
    0.316833393166791, -0.04021756809149925, 0.05248544700450556, -0.07120638455330731, 0.10200030390098805, -0.15711442218401664,
    0.2600147259823068, -0.4370601495665411, 0.6523049402714993, -0.633999681654851, -0.29774120551482697, 2.8724459975254635,
    -6.349541390403262, 6.829883577422113, 0.6326573998768521, -13.74114905555956, 17.697301996678497, 0.1921880458389148,
    -24.002465615876147, 17.601918881732253, 18.16828046816724, -28.504493017103226, -8.990848245624493, 32.61072512860872,
    -3.4689253335680283, -23.53358011068472, 12.82003151201045,
)
I1E_NEAR = (  # bessel_i1e'' over x less its root on [1.5, 3.5], in 3.5 - x
    0.004479918674027973, 0.004258493859239827, 0.002413067397626729, 0.0010263617295368504, 0.00035578438441057785,
    0.00010478781198973325, 2.6900980501741915e-05, 6.126814989949132e-06, 1.254438959540836e-06, 2.3327068268252486e-07,
    3.977703031704084e-08, 6.2089026652775056e-09, 9.423587860928068e-10, 1.0348545273644921e-10, 2.5786695532712787e-11,
    -1.7031009770724322e-12, 1.1262739746598229e-12, -1.2695534279198887e-13, 1.5468042761487923e-14,
)
I1E_NEXT = (  # bessel_i1e'' on [3.5, 6], in 6 - x
    0.0021429376284948093, 0.0006343819241619455, 9.687681612438603e-05, -1.5040137691049768e-06, -6.99480961452317e-06,
    -3.0310841582790863e-06, -9.297126056816176e-07, -2.368288773962049e-07, -5.2790249165004945e-08, -1.0550967279543295e-08,
    -1.919293812318635e-09, -3.19059722209805e-10, -5.052992108059365e-11, -6.329456070185366e-12, -1.3866554948917581e-12,
    6.812057237162455e-14, -7.685248229832986e-14, 1.3866726332621615e-14, -2.8810907782283256e-15, 2.9064398808958493e-16,
    -1.9904152952072437e-17,
)
I1E_MIDDLE = (  # x**2.5 bessel_i1e'' on [6, 30], in (x - 10)/(x + 10)
    0.23816524392455596, 0.1342884849247217, -0.16538623814922387, 0.21667187289465997, -0.30972800901851993, 0.48036872486773613,
    -0.7361360916088816, 0.8869434296693579, -0.286615498425282, -1.9662747149067208, 5.458294327928706, -6.353007165841182,
    -0.519834095128308, 12.382316921779797, -13.73642687939521, -4.9742793306903454, 21.75058603732939, -5.486354596821091,
    -23.64138132553187, 11.449571936289212, 25.536080484814004, -11.688611559173298, -31.05000077924964, 4.51328924904045,
    50.59426749685789, -7.676522789508731, -83.62435055534708, 86.11155797195804, -27.350215724978256,
)
# fmt: on


def horner(t, coefficients):
    """c[0] + c[1] t + c[2] t**2 + ..."""
    y = coefficients[-1]
    for c in coefficients[-2::-1]:
        y = c + t * y
    return y


def by_quotient(x, k, coefficients):
    return horner((x - k) / (x + k), coefficients)


def erfcx_near(x):
    """The second derivative of erfcx for 0 <= x <= 1, where the two terms of 2 (erfcx(x) + x erfcx'(x)) cancel."""
    return horner(1 - x, ERFCX_NEAR)


def erfcx_middle(x):
    """The same times x**3 for 1 <= x <= 8."""
    return by_quotient(x, 1.5, ERFCX_MIDDLE)


def erfcx_far(x):
    """The same for x >= 8: its asymptotic series."""
    terms, c = [], 0.5641895835477563
    for k in range(27):
        terms.append(c * (2 * k + 1) * (2 * k + 2))
        c *= -(k + 0.5)
    return horner(1 / x / x, terms)


def sinc_bend(x):
    """The second derivative of sin(pi x)/(pi x) for |x| <= 1/2 by its power series: the terms of the formula have poles at 0."""
    term, terms = 1.0, []
    for k in range(1, 14):
        term *= -9.869604401089358 / (2 * k * (2 * k + 1))
        terms.append(term * 2 * k * (2 * k - 1))
    return horner(x * x, terms)


def bessel_quotient(x, order):
    """I1(x) / x or I2(x) / x**2 for |x| <= 1.5 by its power series, whose derivatives are right at 0 too."""
    term, terms = (0.5, 0.125)[order - 1], []
    for k in range(1, 14):
        terms.append(term)
        term /= k * (k + order)
    return horner(0.25 * x * x, terms)


# With m(n) the mean of (1 - cos t)**n exp(-x (1 - cos t)) over all angles t, -bessel_gap' is m(2), bessel_i1e'' m(2) - m(3) (DLMF 10.32.3).
def gap_beside_zero(x, exp):
    """-bessel_gap' for 0 <= x <= 1.5: 3/2 exp(-2x) M(1/2, 3, 2x), Kummer's function, all of whose terms are positive."""
    term, terms = 1.5, []
    for k in range(30):
        terms.append(term)
        term *= (k + 0.5) / ((k + 3) * (k + 1))
    return exp(-2 * x) * horner(2 * x, terms)


def i1e_beside_zero(x, exp):
    """bessel_i1e'' for 0 <= x <= 1.5: exp(-2x) (3/2 M(1/2, 3, 2x) - 5/2 M(1/2, 4, 2x)), term by term."""
    c, terms = 1.0, []
    for k in range(30):
        terms.append(c * 3 * (k - 2))
        c *= (k + 0.5) / (k + 4) / (k + 1)
    return exp(-2 * x) * horner(2 * x, [t / 6 for t in terms])


def gap_near(x):
    """-bessel_gap' for 1.5 <= x <= 3.5."""
    return horner(3.5 - x, GAP_NEAR)


def gap_next(x):
    """-bessel_gap' for 3.5 <= x <= 6."""
    return horner(6 - x, GAP_NEXT)


def i1e_near(x, beyond_root):
    """bessel_i1e'' for 1.5 <= x <= 3.5; beyond_root: x less its root."""
    return horner(3.5 - x, I1E_NEAR) * beyond_root


def i1e_next(x):
    """bessel_i1e'' for 3.5 <= x <= 6."""
    return horner(6 - x, I1E_NEXT)


def gap_middle(x):
    """-bessel_gap' x**2.5 for 6 <= x <= 30."""
    return by_quotient(x, 12, GAP_MIDDLE)


def i1e_middle(x):
    """bessel_i1e'' x**2.5 for 6 <= x <= 30."""
    return by_quotient(x, 10, I1E_MIDDLE)


def bessel_far(x, less_quotient):
    """The derivative of bessel_gap, or of bessel_gap less I1(x)/x, times x**2.5, for x >= 30: the asymptotic series (DLMF 10.40.1)."""
    def coefficients(order):
        c = [1.0]
        for k in range(1, 22):
            c.append(c[-1] * ((2 * k - 1) ** 2 - 4 * order * order) / (8 * k))
        return c
    zero, one = coefficients(0), coefficients(1)
    terms = [one[k - 1] - 2 * (zero[k] - one[k]) + less_quotient * one[k - 2] * (k - 0.5) for k in range(2, 22)]
    return horner(1 / x, [0.3989422804014327 * term for term in terms])
