"""CasADi: the expression and its gradient as one Function in its virtual machine, called through its buffers.

It has matrices of two dimensions, and scalars are the only thing that broadcasts: what does not fit is not measured.
"""

from types import SimpleNamespace

import casadi
import numpy as np

VERSION = f"CasADi {casadi.__version__}"


def _sum(x, axis=None):
    return casadi.sum2(x) if axis == 1 else casadi.sum1(casadi.sum2(x))


def _logsumexp(x, axis=None):
    if axis is not None or x.shape[1] != 1:
        raise AttributeError("logsumexp over rows")
    return casadi.logsumexp(x)


names = SimpleNamespace(
    exp=casadi.exp, sqrt=casadi.sqrt, sin=casadi.sin, cos=casadi.cos, tanh=casadi.tanh, log=casadi.log,
    log1p=casadi.log1p, softplus=lambda x: casadi.log1p(casadi.exp(-casadi.fabs(x))) + casadi.fmax(x, 0),
    where=casadi.if_else, norm=casadi.norm_2,
    reduce_sum=_sum, reduce_mean=lambda x: _sum(x) / x.numel(), reduce_logsumexp=_logsumexp, cumsum=casadi.cumsum,
    concat=lambda xs, axis: casadi.vertcat(*xs), matvec=casadi.mtimes,
    matmul=lambda a, b, transpose_b=False: casadi.mtimes(a, b.T if transpose_b else b),
)  # fmt: skip
names.math = names.nn = names.linalg = names


def prepare(case, args, dtype):
    if dtype != "float64":
        raise AttributeError(dtype)
    if any(np.ndim(a) > 2 or isinstance(a, np.ndarray) and a.dtype.kind != "f" for a in args):
        raise AttributeError("arrays of indices or of more than two dimensions")
    places = [k for k, a in enumerate(args) if k < case.wrt or isinstance(a, np.ndarray)]
    size = sum(np.size(args[k]) for k in places)
    kind = casadi.SX if size <= 2_000 else casadi.MX  # numbers one by one, or whole arrays
    symbols = {k: kind.sym(f"x{k}", *np.shape(args[k])) for k in places}
    y = case.f(names, *[symbols.get(k, a) for k, a in enumerate(args)])
    gradients = [casadi.gradient(y, symbols[k]) for k in range(case.wrt)]
    f = casadi.Function("f", list(symbols.values()), [casadi.densify(e) for e in (y, *gradients)])
    inputs = [np.asarray(args[k], dtype).ravel("F") for k in places]
    outputs = [np.zeros(f.numel_out(k)) for k in range(f.n_out())]
    result = [a.reshape(np.shape(x), order="F") for a, x in zip(outputs, (0.0, *args[: case.wrt]))]
    buffer, call = f.buffer()
    for k, a in enumerate(inputs):
        buffer.set_arg(k, memoryview(a))
    for k, a in enumerate(outputs):
        buffer.set_res(k, memoryview(a))

    def run():
        call()
        return result

    run.keep = buffer, inputs, outputs  # the buffer holds their addresses only
    return run


def numbers(result):
    y, *gradients = result
    return float(y.item()), gradients
