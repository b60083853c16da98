"""The corpus: small programs of the kind people differentiate, shared by the tests and by benchmarks/.

A case is a function f(ad, *args) written with TensorFlow's names, so that any namespace which has
them can run it. Its first `wrt` arguments, floats and arrays, are differentiated; the others are
data. Arrays among the data are given to the engine as its own arrays; what else is there (a step
size, a count, a tuple) goes in as it is, part of the program. `sizes` are the n it is run at: tests
take the first, benchmarks all. byhand.py has each one's derivative written by hand.
"""

import math

import numpy as np

CASES = {}


class Case:
    """One program: its name, what it computes in a line, its inputs for a size n and a seed."""

    def __init__(self, f, make, wrt, sizes):
        self.name, self.f, self.wrt, self.sizes = f.__name__, f, wrt, sizes
        self.title = f.__doc__
        self._make = make

    def inputs(self, n=None, dtype=np.float64, seed=0):
        """The arguments after `ad`: arrays of the dtype, floats as they are."""
        args = self._make(n or self.sizes[0], np.random.default_rng(seed))
        return [a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in args]

    def __repr__(self):
        return f"<case {self.name}>"


def case(make, wrt=1, sizes=(1,)):
    def add(f):
        CASES[f.__name__] = Case(f, make, wrt, sizes)
        return f

    return add


# ---------------------------------------------------------------------------------- scalar programs


@case(lambda n, r: (5.0, 10.0), wrt=2)
def notebook(ad, x, y):
    """3x^2 + 5xy at (5, 10)"""
    return 3 * x**2 + 5 * x * y


@case(lambda n, r: (1.0, 0.5), wrt=2)
def himmelblau(ad, x, y):
    """Himmelblau's function of two scalars"""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


@case(lambda n, r: (5.0, 1.0001, n), wrt=2, sizes=(100,))
def chain(ad, x, y, n):
    """n times s = s*y + x on scalars"""
    s = x
    for _ in range(n):
        s = s * y + x
    return s


@case(lambda n, r: (1.2, 0.3, n), wrt=2, sizes=(6,))
def kepler_equation(ad, mean, eccentricity, n):
    """Kepler's equation E - e sin E = M, solved by n Newton steps"""
    angle = mean
    for _ in range(n):
        angle = angle - (angle - eccentricity * ad.sin(angle) - mean) / (1 - eccentricity * ad.cos(angle))
    return angle


@case(lambda n, r: (1.0, 0.0, 0.1, 0.9, 0.02, n), wrt=4, sizes=(50,))
def orbit(ad, x, y, u, v, dt, n):
    """n leapfrog steps of a planet around a fixed sun, squared distance at the end"""

    def pull(x, y):
        r2 = x * x + y * y
        return -x / (r2 * ad.sqrt(r2)), -y / (r2 * ad.sqrt(r2))

    a, b = pull(x, y)
    for _ in range(n):
        u, v = u + 0.5 * dt * a, v + 0.5 * dt * b
        x, y = x + dt * u, y + dt * v
        a, b = pull(x, y)
        u, v = u + 0.5 * dt * a, v + 0.5 * dt * b
    return x * x + y * y


@case(lambda n, r: (1.1, 0.4, 0.4, 0.1, 0.01, n), wrt=4, sizes=(100,))
def lotka_volterra(ad, birth, eaten, death, fed, dt, n):
    """n Euler steps of hare and lynx, their number at the end"""
    x, y = 10.0, 5.0
    for _ in range(n):
        met = x * y
        x, y = x + dt * (birth * x - eaten * met), y + dt * (fed * met - death * y)
    return x + y


@case(lambda n, r: (0.8, 1.5, 0.01, n), wrt=2, sizes=(100,))
def pendulum(ad, angle, length, dt, n):
    """n steps of a pendulum by the symplectic Euler method, its angle at the end"""
    speed = 0.0
    for _ in range(n):
        speed = speed - dt * 9.81 / length * ad.sin(angle)
        angle = angle + dt * speed
    return angle


@case(lambda n, r: (-1.0, 0.5, tuple(np.cumsum(r.normal(size=n)).tolist())), wrt=2, sizes=(50,))
def kalman(ad, log_q, log_r, ys):
    """scalar Kalman filter of n observations of a random walk, negative log-likelihood"""
    q, r = ad.exp(log_q), ad.exp(log_r)
    mean, variance, loss = 0.0, 1.0, 0.0
    for y in ys:
        variance = variance + q
        total, error = variance + r, y - mean
        loss = loss + 0.5 * (ad.math.log(total) + error * error / total)
        mean = mean + variance / total * error
        variance = variance * r / total
    return loss


# ---------------------------------------------------------------------------- functions of a vector


@case(lambda n, r: (r.normal(size=n), 0.7), wrt=2, sizes=(20,))
def horner(ad, c, x):
    """polynomial with n coefficients at a scalar, by Horner's rule"""
    p = c[-1]
    for k in range(c.shape[0] - 2, -1, -1):
        p = p * x + c[k]
    return p


@case(lambda n, r: (r.uniform(0.5, 1.5, size=n), 10), sizes=(10, 1_000))
def array_chain(ad, v, n):
    """ten times s = s*v + v on vectors, summed"""
    s = v
    for _ in range(n):
        s = s * v + v
    return ad.reduce_sum(s)


@case(lambda n, r: (r.uniform(0.5, 1.5, size=n),), sizes=(20,))
def speelpenning(ad, x):
    """product of n numbers"""
    return ad.reduce_prod(x)


@case(lambda n, r: (r.normal(size=n),), sizes=(10, 100, 10_000))
def rosenbrock(ad, x):
    """Rosenbrock's function of n variables"""
    return ad.reduce_sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@case(lambda n, r: (r.uniform(-2, 2, size=n),), sizes=(10, 1_000))
def ackley(ad, x):
    """Ackley's function of n variables"""
    radius = ad.sqrt(ad.reduce_mean(x * x))
    waves = ad.reduce_mean(ad.cos(2 * math.pi * x))
    return -20 * ad.exp(-0.2 * radius) - ad.exp(waves) + 20 + math.e


@case(lambda n, r: (r.uniform(-2, 2, size=n),), sizes=(10, 1_000))
def rastrigin(ad, x):
    """Rastrigin's function of n variables"""
    return ad.reduce_sum(10 + x * x - 10 * ad.cos(2 * math.pi * x))


@case(
    lambda n, r: (r.uniform(0.2, 0.8, size=n) / n, r.uniform(size=(n, n)), r.uniform(0.1, 0.9, size=n)), sizes=(20,)
)
def helmholtz(ad, x, a, b):
    """Helmholtz energy of a mixture of n gases"""
    bx, root = ad.reduce_sum(b * x), math.sqrt(2)
    ideal = ad.reduce_sum(x * ad.math.log(x / (1 - bx)))
    attraction = ad.reduce_sum(x * ad.linalg.matvec(a, x)) / (2 * root * bx)
    return ideal - attraction * ad.math.log((1 + (1 + root) * bx) / (1 + (1 - root) * bx))


@case(lambda n, r: (r.normal(size=n),), sizes=(100,))
def log_sum_exp(ad, x):
    """log of the sum of n exponentials"""
    return ad.reduce_logsumexp(x)


@case(lambda n, r: (r.normal(size=n),), sizes=(100, 10_000, 1_000_000))
def softplus_sum(ad, v):
    """sum of softplus(v) * v over n elements"""
    return ad.reduce_sum(ad.math.softplus(v) * v)


@case(lambda n, r: (r.normal(size=n),), sizes=(100,))
def euclidean_norm(ad, x):
    """length of a vector of n elements"""
    return ad.norm(x)


@case(lambda n, r: (r.uniform(-1, 1, size=n), r.uniform(0.5, 1, size=n)), sizes=(20,))
def robot_arm(ad, angles, lengths):
    """squared distance of a robot arm of n joints from its aim"""
    heading = ad.cumsum(angles)
    x, y = ad.reduce_sum(lengths * ad.cos(heading)), ad.reduce_sum(lengths * ad.sin(heading))
    return (x - 1) ** 2 + (y - 2) ** 2


@case(lambda n, r: (r.normal(size=5), r.normal(size=n)), wrt=2, sizes=(100, 10_000))
def fir_filter(ad, h, x):
    """energy of a signal of n samples behind a filter of five taps"""
    m = x.shape[0] - 4
    y = h[0] * x[:m]
    for k in range(1, 5):
        y = y + h[k] * x[k : m + k]
    return 0.5 * ad.reduce_sum(y * y)


@case(lambda n, r: (r.normal(size=n), 0.2, 10), wrt=2, sizes=(100,))
def heat(ad, u, k, steps):
    """ten explicit steps of the heat equation on n points, energy at the end"""
    for _ in range(steps):
        inner = u[1:-1] + k * (u[2:] - 2 * u[1:-1] + u[:-2])
        u = ad.concat([u[:1], inner, u[-1:]], axis=0)
    return 0.5 * ad.reduce_sum(u * u)


def _lattice(n, r):
    points = np.stack(np.meshgrid(*[np.arange(math.ceil(n ** (1 / 3)))] * 3), -1).reshape(-1, 3)[:n]
    return (1.1 * points + r.uniform(-0.1, 0.1, size=(n, 3)), *np.triu_indices(n, 1))


@case(_lattice, sizes=(8, 64))
def lennard_jones(ad, x, i, j):
    """Lennard-Jones energy of n atoms, every pair"""
    apart = ad.gather(x, i) - ad.gather(x, j)
    s = 1 / ad.reduce_sum(apart * apart, axis=1) ** 3
    return 4 * ad.reduce_sum(s * s - s)


def _calls(n, r):
    least, most = (80, 80, 0.01, 0.1, 0.5), (120, 120, 0.05, 0.4, 2)
    return tuple(r.uniform(least, most, size=(n, 5)).T.copy())


@case(_calls, wrt=5, sizes=(10, 10_000))
def black_scholes(ad, spot, strike, rate, volatility, years):
    """Black-Scholes price of n calls"""
    spread = volatility * ad.sqrt(years)
    up = (ad.math.log(spot / strike) + rate * years) / spread + 0.5 * spread
    present = strike * ad.exp(-rate * years)
    gain, cost = ad.math.erfc(-up / math.sqrt(2)), ad.math.erfc((spread - up) / math.sqrt(2))
    return ad.reduce_sum(0.5 * (spot * gain - present * cost))


# -------------------------------------------------------------------- linear algebra and statistics


@case(lambda n, r: (r.normal(size=n), r.normal(size=(n, n)), r.normal(size=n)), wrt=2, sizes=(10, 200))
def quadratic_form(ad, x, a, b):
    """x'Ax / 2 - b'x with n x n A, by x and by A"""
    return 0.5 * ad.reduce_sum(x * ad.linalg.matvec(a, x)) - ad.reduce_sum(b * x)


@case(lambda n, r: (r.normal(size=20), r.normal(size=(n, 20)), r.normal(size=n)), sizes=(50, 1_000))
def least_squares(ad, x, a, b):
    """least squares, n equations in 20 unknowns"""
    residual = ad.linalg.matvec(a, x) - b
    return 0.5 * ad.reduce_sum(residual * residual)


@case(lambda n, r: (0.1 * r.normal(size=20), r.normal(size=(n, 20)), np.sign(r.normal(size=n))), sizes=(50, 1_000))
def logistic_loss(ad, w, a, b):
    """logistic regression, n points in 20 dimensions"""
    return ad.reduce_mean(ad.math.softplus(-b * ad.linalg.matvec(a, w)))


@case(
    lambda n, r: (0.1 * r.normal(size=10), 0.3 * r.normal(size=(n, 10)), 1.0 * r.poisson(2.0, size=n)),
    sizes=(50, 1_000),
)
def poisson_regression(ad, w, a, counts):
    """Poisson regression, n points in 10 dimensions"""
    log_rate = ad.linalg.matvec(a, w)
    return ad.reduce_mean(ad.exp(log_rate) - counts * log_rate)


@case(
    lambda n, r: (0.1 * r.normal(size=(8, 3)), r.normal(size=(n, 8)), np.eye(3)[r.integers(3, size=n)]),
    sizes=(20, 1_000),
)
def softmax_regression(ad, w, a, chosen):
    """softmax regression, n points in 8 dimensions, 3 classes"""
    logits = ad.matmul(a, w)
    return ad.reduce_mean(ad.reduce_logsumexp(logits, axis=1) - ad.reduce_sum(chosen * logits, axis=1))


@case(lambda n, r: (r.normal(size=10), r.normal(size=(n, 10)), 3 * r.normal(size=n)), sizes=(50, 1_000))
def huber_regression(ad, w, a, b):
    """Huber's robust regression, n points in 10 dimensions"""
    size = abs(ad.linalg.matvec(a, w) - b)
    return ad.reduce_mean(ad.where(size < 1, 0.5 * size * size, size - 0.5))


@case(lambda n, r: (0.5, 0.3, r.normal(size=n)), wrt=2, sizes=(100, 10_000))
def gaussian(ad, mean, log_scale, data):
    """Gaussian log-likelihood of n observations"""
    z = (data - mean) * ad.exp(-log_scale)
    return ad.reduce_sum(-0.5 * z * z - log_scale - 0.5 * math.log(2 * math.pi))


@case(lambda n, r: (0.5, 0.3, 1.2, r.standard_t(4, size=n)), wrt=3, sizes=(100, 10_000))
def student(ad, mean, log_scale, log_nu, data):
    """Student's t log-likelihood of n observations"""
    nu = ad.exp(log_nu)
    z = (data - mean) * ad.exp(-log_scale)
    peak = ad.math.lgamma(0.5 * nu + 0.5) - ad.math.lgamma(0.5 * nu) - 0.5 * ad.math.log(nu * math.pi) - log_scale
    return ad.reduce_sum(peak - (0.5 * nu + 0.5) * ad.math.log1p(z * z / nu))


@case(lambda n, r: (*r.normal(size=(3, 4)), r.normal(size=n)), wrt=3, sizes=(50, 1_000))
def mixture(ad, logits, means, log_scales, data):
    """mixture of 4 Gaussians, log-likelihood of n observations"""
    z = (ad.expand_dims(data, 1) - means) * ad.exp(-log_scales)
    weights = logits - ad.reduce_logsumexp(logits)
    return ad.reduce_sum(ad.reduce_logsumexp(weights - 0.5 * z * z - log_scales, axis=1))


def _network(n, r):
    sizes = (5, 16), (16,), (16, 1), (1,), (n, 5), (n, 1)
    return tuple(scale * r.normal(size=size) for scale, size in zip((0.3, 0.1, 0.3, 0.1, 1.0, 1.0), sizes))


@case(_network, wrt=4, sizes=(10, 256))
def mlp(ad, w1, b1, w2, b2, x, y):
    """network of one hidden layer of 16, squared error over n points"""
    residual = ad.matmul(ad.tanh(ad.matmul(x, w1) + b1), w2) + b2 - y
    return ad.reduce_mean(residual * residual)


@case(lambda n, r: tuple(r.normal(size=(3, n, 8))), wrt=3, sizes=(6, 64))
def attention(ad, q, k, v):
    """attention of n tokens in 8 dimensions"""
    out = ad.matmul(ad.nn.softmax(ad.matmul(q, k, transpose_b=True) / math.sqrt(8)), v)
    return 0.5 * ad.reduce_sum(out * out)


def _layers(n, r):
    return (*r.normal(size=(3, 64, 64)) / 8, *r.normal(size=(2, n, 64)))


@case(_layers, wrt=3, sizes=(2, 256))
def deep_network(ad, w1, w2, w3, x, y):
    """network of three layers of 64, squared error over n points"""
    hidden = ad.tanh(ad.matmul(ad.tanh(ad.matmul(x, w1)), w2))
    residual = ad.matmul(hidden, w3) - y
    return ad.reduce_mean(residual * residual)


def _images(n, r):
    return r.normal(size=(3, 3, 4, 8)) / 6, r.normal(size=(3, 3, 8, 8)) / 8, r.normal(size=(n, 12, 12, 4))


@case(_images, wrt=2, sizes=(2, 64))
def convolutions(ad, w1, w2, images):
    """two layers of 8 filters of 3 x 3 over n images of 12 x 12 with 4 channels, mean square"""
    hidden = ad.tanh(ad.nn.conv2d(images, w1, strides=1, padding="VALID"))
    out = ad.nn.conv2d(hidden, w2, strides=1, padding="VALID")
    return ad.reduce_mean(out * out)


@case(lambda n, r: (3 * r.normal(size=(n, 10)),), sizes=(10, 1_000))
def log_sum_exp_of_rows(ad, x):
    """log of the sum of 10 exponentials, summed over n rows"""
    return ad.reduce_sum(ad.reduce_logsumexp(x, axis=1))


@case(lambda n, r: (0.3 * r.normal(size=(56, 28)), 0.1 * r.normal(size=56), r.normal(size=(n, 14)), np.zeros(14)), wrt=2, sizes=(3, 64))
def lstm(ad, w, b, xs, start):
    """LSTM with 14 inputs and 14 units over n steps, squared length of its last output"""
    h = c = start
    for t in range(len(xs)):
        z = ad.linalg.matvec(w, ad.concat([xs[t], h], 0)) + b
        gates = 0.5 * ad.tanh(0.5 * z) + 0.5
        c = gates[14:28] * c + gates[:14] * ad.tanh(z[28:42])
        h = gates[42:] * ad.tanh(c)
    return ad.reduce_sum(h * h)


@case(lambda n, r: (r.normal(size=(n, 3)), r.uniform(0.5, 1.5, size=(n, n))), sizes=(5, 100))
def n_body(ad, x, masses):
    """gravitational energy of n bodies, each pair twice; its gradient is the force"""
    d = ad.expand_dims(x, 1) - ad.expand_dims(x, 0)
    return -0.5 * ad.reduce_sum(masses / ad.sqrt(ad.reduce_sum(d * d, axis=2) + 0.01))
