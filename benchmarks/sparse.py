"""python -m benchmarks.sparse [--quick]: sparse Jacobians and Hessians beside CasADi, where that is installed.

Of both, what the first one costs, recording, pattern and colouring or expansion included, and a further one's values in a fixed order,
into a new array here, into a buffer that stays there.  They are compared entry by entry before the clock starts.
"""

import sys
import time

import numpy as np

import autodiff as ad

from .precise import shortest
from .report import duration


class Case:
    """A function written once: `f(m, x)`, m being ad or CasADi's names; x a vector of n numbers."""

    def __init__(self, title, f, n, second):
        self.title, self.f, self.n, self.second = title, f, n, second
        self.x = np.linspace(0.1, 0.9, n)


def broyden(m, x):
    return (3.0 - 2.0 * x) * x - m.beside(x, -1) - 2.0 * m.beside(x, 1) + 1.0


def elastic(m, x):
    """Differences of a square's neighbours to the fourth power, and a nonlinear load."""
    right, up = m.neighbours(x)
    return m.total((right - x) ** 4) + m.total((up - x) ** 4) + m.total(m.exp(x))


def surface(m, x):
    """The area over the squares of a grid."""
    right, up = m.neighbours(x)
    return m.total(m.sqrt(1.0 + (right - x) ** 2 + (up - x) ** 2))


def cases(quick=False):
    n, k = (50, 6) if quick else (10_000, 70)
    return [Case(f"Jacobian, tridiagonal, {n} unknowns (Broyden)", broyden, n, False),
            Case(f"Hessian, {k} x {k} points, energy of differences", elastic, k * k, True),
            Case(f"Hessian, {k} x {k} points, area", surface, k * k, True)]  # fmt: skip


class Ours:
    """x[k - 1], x[k + 1]; and of a square of points the neighbours to the right and above, a point its own at the border."""

    exp, sqrt, total = ad.exp, ad.sqrt, ad.reduce_sum
    concat = staticmethod(lambda *xs: ad.concat(xs, 0))

    @classmethod
    def beside(cls, x, step):
        return cls.concat(x[1:], [0.0]) if step > 0 else cls.concat([0.0], x[:-1])

    @staticmethod
    def neighbours(x):
        k = int(x.shape[0] ** 0.5)
        square = ad.reshape(x, (k, k))
        right, up = ad.concat([square[:, 1:], square[:, -1:]], 1), ad.concat([square[1:], square[-1:]], 0)
        return ad.reshape(right, (-1,)), ad.reshape(up, (-1,))


def ours(case):
    """(seconds of the first, the function that computes the values, entries as (rows, cols), how)."""
    start = time.perf_counter()
    make = ad.sparse_hessian if case.second else ad.sparse_jacobian
    made = make(lambda x: case.f(Ours, x), like=case.x)
    values = made.lower_values if case.second else made.values
    values(case.x)
    taken = time.perf_counter() - start
    return taken, lambda: values(case.x), (made.lower_rows, made.lower_cols) if case.second else (made.rows, made.cols), f"{made.colors} sweeps"


def casadis(case):
    """The same by CasADi: the derivative as an expression, entry by entry, run in its virtual machine."""
    import casadi

    class Names:
        exp, sqrt = casadi.exp, casadi.sqrt
        total = staticmethod(lambda x: casadi.sum1(x))

        @staticmethod
        def beside(x, step):
            return casadi.vertcat(x[1:], 0) if step > 0 else casadi.vertcat(0, x[:-1])

        @staticmethod
        def neighbours(x):
            k = int(x.numel() ** 0.5)
            at = np.arange(k * k).reshape(k, k)
            right, up = np.hstack([at[:, 1:], at[:, -1:]]), np.vstack([at[1:], at[-1:]])
            return x[right.ravel().tolist()], x[up.ravel().tolist()]

    start = time.perf_counter()
    x = casadi.SX.sym("x", case.n)
    y = case.f(Names, x)
    found = casadi.tril(casadi.hessian(y, x)[0]) if case.second else casadi.jacobian(y, x)
    call = casadi.Function("f", [x], [found])
    values, (buffer, run) = np.zeros(call.nnz_out(0)), call.buffer()
    buffer.set_arg(0, memoryview(case.x))
    buffer.set_res(0, memoryview(values))
    run()
    taken = time.perf_counter() - start
    rows, cols = (np.array(part) for part in call.sparsity_out(0).get_triplet())

    def again(keep=buffer):
        run()
        return values

    return taken, again, (rows, cols), f"{call.n_instructions()} instructions"


def dense(n, entries, values):
    """The entries as a dictionary, what is 0 left out: the two may differ in these."""
    return {(int(i), int(j)): v for i, j, v in zip(*entries, values) if v != 0}


def main(words):
    """Print a line for each case and engine."""
    for case in cases("--quick" in words):
        print(case.title)
        found = {"autodiff": ours(case)}
        try:
            found["CasADi"] = casadis(case)
        except ImportError:
            print("  CasADi is not installed")
        told = {name: dense(case.n, entries, run()) for name, (_, run, entries, _) in found.items()}
        for name, entries in told.items():
            mine = told["autodiff"]
            assert entries.keys() == mine.keys() and all(np.isclose(v, mine[at], rtol=1e-11, atol=1e-13) for at, v in entries.items()), name
        best = dict.fromkeys(found, np.inf)
        for _ in range(3):  # in turn, so that a busy moment hits both
            for name, (_, run, _, _) in found.items():
                best[name] = min(best[name], shortest(run, 30))
        for name, (first, _, entries, how) in found.items():
            print(f"  {name:9} {len(entries[0]):7} entries, {how:22} first {duration(first):>9}, then {duration(best[name]):>9}")


if __name__ == "__main__":
    main(sys.argv[1:])
