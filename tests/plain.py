"""TensorFlow's names over NumPy-like modules, and derivatives by the complex step.

`names(np, ...)` gives any module with NumPy's functions the names that the corpus calls. `plain` is
NumPy itself, with functions that also take complex arguments, so that Im f(x + ih) / h is a
derivative without any cancellation (Squire & Trapp, SIAM Review 40, 1998): an oracle that knows no
rule of calculus.
"""

from types import SimpleNamespace

import numpy
from scipy import special

STEP = 1e-30


def conv2d(x, w, strides, padding):
    """Windows that move by 1 and stay inside, one place of theirs at a time."""
    assert (strides, padding) == (1, "VALID")
    height, width = x.shape[1] - w.shape[0] + 1, x.shape[2] - w.shape[1] + 1
    return sum(x[:, i : i + height, j : j + width] @ w[i, j] for i in range(w.shape[0]) for j in range(w.shape[1]))


def names(np, *, erfc, lgamma, logsumexp, softmax, softplus, norm, where=None, conv2d=conv2d):
    """The corpus's names over a module like NumPy; what NumPy lacks is given one by one."""
    ad = SimpleNamespace(
        exp=np.exp, sqrt=np.sqrt, sin=np.sin, cos=np.cos, tanh=np.tanh, log=np.log, log1p=np.log1p,
        erfc=erfc, lgamma=lgamma, softplus=softplus, softmax=softmax, norm=norm, where=where or np.where,
        reduce_sum=np.sum, reduce_mean=np.mean, reduce_prod=np.prod, reduce_logsumexp=logsumexp, cumsum=np.cumsum,
        concat=lambda xs, axis: np.concatenate(xs, axis), expand_dims=np.expand_dims, gather=lambda x, i: x[i],
        matmul=lambda a, b, transpose_b=False: a @ (b.T if transpose_b else b), matvec=lambda a, x: a @ x, conv2d=conv2d,
    )  # fmt: skip
    ad.math = ad.nn = ad.linalg = ad
    return ad


class Dual(numpy.ndarray):
    """Complex numbers of which abs() is the real function |x|, not the modulus, and < compares the real parts."""

    def __abs__(self):
        return self * numpy.sign(self.real)

    def __lt__(self, other):
        return numpy.less(self.real, other)


def _logsumexp(x, axis=None):
    top = x.real.max(axis=axis, keepdims=True)
    return (numpy.log(numpy.exp(x - top).sum(axis=axis, keepdims=True)) + top).sum(axis=axis)  # sum: drops the axis


def _softmax(x):
    e = numpy.exp(x - x.real.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _softplus(x):
    positive = x.real > 0
    return numpy.log1p(numpy.exp(numpy.where(positive, -x, x))) + numpy.where(positive, x, 0)


plain = names(
    numpy, erfc=special.erfc, lgamma=special.loggamma, logsumexp=_logsumexp, softmax=_softmax, softplus=_softplus,
    norm=lambda x: numpy.sqrt(numpy.sum(x * x)),
)  # fmt: skip


def value_and_derivatives(f, args, wrt):
    """f(plain, *args) and its derivatives by the first `wrt` arguments, one complex evaluation for each number."""
    xs = [numpy.array(a, complex).view(Dual) for a in args[:wrt]]
    value, derivatives = f(plain, *xs, *args[wrt:]), []
    for x in xs:
        d = numpy.empty(x.shape)
        for at in numpy.ndindex(x.shape):
            x[at] += 1j * STEP
            d[at] = f(plain, *xs, *args[wrt:]).imag / STEP
            x[at] = x[at].real
        derivatives.append(d)
    return float(value.real), derivatives
