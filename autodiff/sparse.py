"""sparse_jacobian, sparse_hessian: derivatives most of which are 0, from a few sweeps.

A sweep is linear in its cotangent: what it computes from it is recorded operation by operation, and which of its results depend on
which numbers of the cotangent is the pattern (pattern.py).  Rows or columns that have no entry beside each other share a sweep
(colouring.py), all sweeps run as one replay, and each entry is read where it stands alone.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import ops, shaping
from ._core import GradientTape, Tensor, Trace, convert, lost, may_change
from .arguments import function_given
from .constants import zeros
from .dtypes import DType, as_dtype
from .errors import ShapeError, shorten
from .function import function
from .jacobians import MOST_ELEMENTS, tangents_of
from .variable import Variable
from .vectorized import vectorized_map

# colouring, entries and pattern are imported where a pattern is made, once for each: to `import autodiff` they would be 1 ms more.

__all__ = ["SparseHessian", "SparseJacobian", "sparse_hessian", "sparse_jacobian"]


def sparse_jacobian(f, like, args=()) -> "SparseJacobian":
    """The function that gives the derivatives of f's results by the elements of an array, as a SciPy sparse array.

    f      takes an array (and further arguments), returns a tensor of floats; both of any shape, whose elements are counted in row-major
           order
    like   an array of the shape and dtype that f takes.  f is evaluated there once, to find which entries there are
    args   further arguments for that evaluation, where f takes some

    The result, a `SparseJacobian`, takes an array (and further arguments) and returns a csr_array of shape (elements of f(x), elements
    of x).  Its entries are those that the recorded program of f can make other than 0, whatever the numbers are; some of them may be 0.

    The pattern is that of the way that f went at `like`: where f branches on a value (`if x[0] > 0`), a point at which it goes another
    way is noticed, and has a pattern of its own.  A function that ad.function cannot record runs as written, and has a pattern at each
    point.

    Raises TypeError where f is no function of floats, ValueError where a gradient written by hand cannot be recorded, MemoryError where the
    derivatives are not sparse at all; calling it, ImportError without SciPy.

    >>> import autodiff as ad
    >>> import numpy as np
    >>> J = ad.sparse_jacobian(lambda x: x[1:] * x[:-1] ** 2, like=np.ones(4))
    >>> J
    <ad.sparse_jacobian <lambda>: 3 x 4, 6 entries, in 2 sweeps by rows; the pattern is that of the way recorded>
    >>> J(np.array([1.0, 2.0, 3.0, 4.0])).toarray()
    array([[ 4.,  1.,  0.,  0.],
           [ 0., 12.,  4.,  0.],
           [ 0.,  0., 24.,  9.]])
    >>> J.rows, J.cols, J.values(np.ones(4))
    (array([0, 0, 1, 1, 2, 2], dtype=int32), array([0, 1, 1, 2, 2, 3], dtype=int32), array([2., 1., 2., 1., 2., 1.]))
    """
    return SparseJacobian(f, like, args)


def sparse_hessian(f, like, args=()) -> "SparseHessian":
    """The function that gives the second derivatives of f as a SciPy sparse array, symmetric to the last bit.

    f      takes an array (and further arguments), returns a scalar, or an array: then the derivatives are those of its sum with weights
    like   an array of the shape and dtype that f takes.  f is evaluated there once, to find which entries there are
    args   further arguments for that evaluation, where f takes some

    The result, a `SparseHessian`, takes an array (and the weights, where f is no scalar; and further arguments), and returns a csr_array
    of shape (n, n).  On pattern, branches and errors see sparse_jacobian.

    >>> import autodiff as ad
    >>> import numpy as np
    >>> H = ad.sparse_hessian(lambda x: ad.reduce_sum((x[1:] - x[:-1]) ** 2), like=np.ones(3))
    >>> H(np.ones(3)).toarray()
    array([[ 2., -2.,  0.],
           [-2.,  4., -2.],
           [ 0., -2.,  2.]])
    >>> H.lower_rows, H.lower_cols, H.lower_values(np.ones(3))
    (array([0, 1, 1, 2, 2], dtype=int32), array([0, 0, 1, 1, 2], dtype=int32), array([ 2., -2.,  4., -2.,  2.]))
    """
    return SparseHessian(f, like, args)


class _Sweeps(NamedTuple):
    """What f left behind at a point: a sweep as a function of its seed, and the seed's shape and dtype; and what makes the same of columns."""

    sweep: Callable
    shape: tuple
    dtype: DType
    columns: Callable


class _Sparse:
    """What sparse Jacobians and Hessians share.  The ways are numbered; a replay tells the number of the one it went."""

    _who = None

    def __init__(self, f, like, args) -> None:
        function_given(self._who, f)
        x = np.asarray(like.numpy() if isinstance(like, (Tensor, Variable)) else like)
        if x.dtype.kind not in "fiu":
            raise TypeError(f"{self._who}: expected `like` to be an array of floats, got {shorten(like)}")
        self._like = np.array(x, x.dtype if x.dtype in (np.float32, np.float64) else np.float64)
        self._f, self._args, self._ways = f, tuple(args), []  # the ways that were recorded
        self._sweep = function(self._swept)
        self._entries = self._first = self._run(self._like, *self._first_args())[1]

    # ---------------------------------------------------------------------------------------------------- evaluation
    def __call__(self, x, *args) -> Any:
        """The matrix at x: a csr_array of its own, with the entries of the way that f goes there."""
        values, way = self._run(x, *args)
        return _csr_array(self._who)((values, way.cols.copy(), _starts(way)), shape=way.shape)

    def values(self, x, *args) -> np.ndarray:
        """The values of the entries (rows, cols) at x, in their order.

        Raises ValueError where f goes another way at x, with entries that are not among them.
        """
        values, way = self._run(x, *args)
        if way is self._entries:
            return values
        at = self._entries.places_of(way)
        if at is None:
            raise ValueError(f"{self._who}: {_name(self._f)} goes another way at this x, with entries that `rows` and `cols` lack; before you "
                             "take them, call include(x) with a point of each way, or take the whole matrix by calling this object")  # fmt: skip
        placed = np.zeros(len(self._entries.cols), values.dtype)
        placed[at] = values
        return placed

    def include(self, x, *args) -> Any:
        """Have the entries of the way that f goes at x in rows and cols, beside those that are there.  Returns this object."""
        from .entries import Entries
        from .pattern import transposed, union

        way = self._run(x, *args)[1]
        if self._entries.places_of(way) is None:
            both = union([(e.start, e.cols) for e in (self._entries, way)], self.shape[1])
            self._entries = Entries(transposed(transposed(both, self.shape[1]), self.shape[0]), self.shape)
        return self

    def _run(self, x, *args):
        """(values, way)."""
        found, k = self._sweep(self._x(x), *args)
        way = self._ways[k] if isinstance(k, int) else k
        return found.numpy()[way.at], way

    def _x(self, x):
        given = x
        if isinstance(x, (Tensor, Variable)):
            lost(x, self._who)
            x = x.numpy()
        x = np.asarray(x)
        if x.dtype.kind not in "fiubO":  # of complex numbers NumPy would take the real parts
            raise TypeError(f"{self._who}: expected x to be an array of floats, got {shorten(given)}")
        x = np.asarray(x, self._like.dtype)
        if x.shape != self._like.shape and x.shape != (self._like.size,):
            raise ShapeError(f"{self._who}: expected x of shape {self._like.shape}, got {x.shape}")
        return x.reshape(self._like.shape)

    def _first_args(self):
        return self._args

    # ---------------------------------------------------------------------------------------------------- recording
    def _swept(self, x, *args):
        """(results of all sweeps, which way): what is recorded.  In Python it runs for each new way, and finds its pattern."""
        sweeps = self._sweeps(convert(x), args)
        way = self._way_of(sweeps)
        k = self._number(way)
        if not way.colours:
            return zeros((0,), dtype=self._like.dtype.name), k
        swept, own = [], as_dtype(self._like.dtype)
        for by, colour, n in way.passes:
            sweep, shape, dtype = sweeps.columns() if by == "columns" else (sweeps.sweep, sweeps.shape, sweeps.dtype)
            step = max(1, MOST_ELEMENTS // max(way.largest, 1))
            for first in range(0, n, step):
                seeds = (colour == np.arange(first, min(first + step, n))[:, None]).astype(dtype.as_numpy_dtype)
                part = shaping.reshape(vectorized_map(sweep, convert(seeds.reshape(-1, *shape)), warn=False), (-1,))
                swept.append(part if part.dtype == own else ops.cast(part, dtype=own.code))
        return swept[0] if len(swept) == 1 else shaping.concat(swept, 0), k

    def _way_of(self, sweeps):
        """The way that f went, from a recording of one sweep."""
        from .pattern import Dependence, TooManyEntries

        n = math.prod(sweeps.shape)
        trace = Trace(keeps=True, spelled_out=True)
        with trace:
            seed = trace.input(convert(np.linspace(0.6, 0.9, n).reshape(sweeps.shape).astype(sweeps.dtype.as_numpy_dtype)))
            swept = sweeps.sweep(seed)
            source, target = trace.slot_of(seed), None if swept is None else trace.slot_of(swept)
        reason = trace.reason or ("assigns a variable" if trace.assigned else None)
        if reason is not None:
            raise ValueError(f"{self._who}: the gradient of {_name(self._f)} {reason}: its program, which has the pattern, is not whole")
        try:
            found = None if target is None else Dependence(trace, source, n).at(target)
        except TooManyEntries:
            raise MemoryError(f"{self._who}: the derivatives of {_name(self._f)} are not sparse; use ad.{self._who[7:]}") from None
        if found is None:
            found = np.zeros(self._like.size + 1, np.int64), np.zeros(0, np.int32)
        listing = trace.listing()
        largest = max(math.prod(done.value.shape) for done in listing if done.value is not None)
        return self._way(found, n, any(done.row == "call" for done in listing), largest)

    def _number(self, way):
        """The number of a way, or itself where nothing is recorded, and it is the way of this point alone."""
        for k, known in enumerate(self._ways):
            if known.like(way):
                return k
        if may_change(convert(0.0)) is None:
            return way
        self._ways.append(way)
        return len(self._ways) - 1

    def _value(self, x, args):
        y = self._f(x, *args)
        if not isinstance(y, (Tensor, Variable, np.ndarray, np.generic, float)):
            raise TypeError(f"{self._who}: expected {_name(self._f)} to return a tensor, got {shorten(y)}")
        y = y if isinstance(y, Tensor) else convert(y)
        if not y.dtype.is_floating:
            raise TypeError(f"{self._who}: expected {_name(self._f)} to return floats, got {y.dtype.name}")
        return y

    # ---------------------------------------------------------------------------------------------------- the pattern
    @property
    def rows(self) -> np.ndarray:
        """The row of each entry, int32, in row-major order.  Do not write to it."""
        return self._entries.rows

    @property
    def cols(self) -> np.ndarray:
        """The column of each entry."""
        return self._entries.cols

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the matrix."""
        return self._entries.shape

    @property
    def nnz(self) -> int:
        """How many entries there are."""
        return len(self._entries.cols)

    @property
    def colors(self) -> int:
        """How many sweeps an evaluation takes; they run as one replay.  Of several ways, the most."""
        return max(way.colours for way in (self._first, *self._ways))

    @property
    def pattern(self) -> Any:
        """The entries (rows, cols) as a csr_array of True."""
        return _csr_array(self._who)((np.ones(self.nnz, bool), self.cols.copy(), _starts(self._entries)), shape=self.shape)

    def __reduce__(self):
        return type(self), (self._f, self._like, self._args)

    def __repr__(self):
        by = " and ".join(by for by, _, _ in self._first.passes)
        by = f" by {by}" if by and self._who == "sparse_jacobian" else ""
        return (f"<ad.{self._who} {_name(self._f)}: {self.shape[0]} x {self.shape[1]}, {self.nnz} entries, in {self.colors} sweeps{by}; "
                f"the pattern is that of the {'way' if len(self._ways) < 2 else f'{len(self._ways)} ways'} recorded>")  # fmt: skip


class SparseJacobian(_Sparse):
    """What ad.sparse_jacobian makes of a function.

    called as J(x)   csr_array of shape (elements of f(x), elements of x)
    fun              J.fun(x): f(x) as a vector, so that SciPy takes both: least_squares(J.fun, x0, jac=J)
    rows, cols       where its entries are, in row-major order: the same arrays for each x
    values           J.values(x): their values
    pattern          the same entries as a csr_array of True;  shape, nnz
    colors           how many sweeps an evaluation takes
    include          J.include(x): adds to rows and cols the entries of the way that f goes at x

    J(x, ...) and J.values(x, ...) take the further arguments of f.  It pickles as f does.
    """

    _who = "sparse_jacobian"

    def __init__(self, f, like, args) -> None:
        super().__init__(f, like, args)
        self._plain = function(lambda x, *args: shaping.reshape(self._value(x, args), (-1,)))

    def fun(self, x, *args) -> np.ndarray:
        """f(x) as a vector: a fresh array of shape (elements of f(x),)."""
        return np.array(self._plain(self._x(x), *args).numpy())

    def _sweeps(self, x, args):
        with GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = self._value(x, args)

        def columns():
            return lambda t: tangents_of(tape, [y], [x], [t])[0], tuple(x.shape), x.dtype

        return _Sweeps(lambda u: tape.gradient(y, x, output_gradients=u), tuple(y.shape), y.dtype, columns)

    def _way(self, found, m, by_hand, largest):
        from .colouring import by_rows, shared_out
        from .entries import Way, places_of_shares
        from .pattern import transposed

        n, rows = self._like.size, transposed(found, m)
        shares = by_rows(rows, n) if by_hand else shared_out(rows, n)  # a gradient by hand has no derivative of its own
        passes = [("rows", shares.rows, shares.n_rows), ("columns", shares.columns, shares.n_columns)]
        way = Way(rows, (m, n), passes, largest)
        way.at = places_of_shares(way, shares)
        return way


class SparseHessian(_Sparse):
    """What ad.sparse_hessian makes of a function.

    called as H(x)   csr_array of shape (n, n), or H(x, v): of the sum of v * f(x), where f returns an array; of a scalar f times v[0],
                     where v is an array of one: what SciPy gives a constraint that is one number
    rows, cols       where its entries are, in row-major order: the same arrays for each x
    values           H.values(x), H.values(x, v): their values
    lower_rows, lower_cols, lower_values    the same of the lower triangle, the diagonal included: what Ipopt wants
    pattern          the entries as a csr_array of True;  shape, nnz
    colors           how many sweeps an evaluation takes
    include          H.include(x), H.include(x, v): adds to rows and cols the entries of the way that f goes at x

    Further arguments of f come last.  It pickles as f does.
    """

    _who = "sparse_hessian"

    def _first_args(self):
        self._weighted = self._value(convert(self._like), self._args).shape
        return self._args if not self._weighted.rank else (np.ones(tuple(self._weighted)), *self._args)

    def _sweeps(self, x, args):
        with GradientTape(persistent=True) as outer:
            outer.watch(x)
            g = self._slope(x, args)
        return _Sweeps(lambda s: None if g is None else outer.gradient(g, x, output_gradients=s), tuple(x.shape), x.dtype, None)

    def _slope(self, x, args):
        v, args = (None, args) if not self._weighted.rank else (args[0], args[1:])
        with GradientTape() as tape:
            tape.watch(x)
            y = self._value(x, args)
        if tuple(y.shape) != tuple(self._weighted):
            raise ShapeError(f"{self._who}: {_name(self._f)} returns shape {tuple(y.shape)} now, and {tuple(self._weighted)} at first")
        return tape.gradient(y, x, output_gradients=v)

    def _run(self, x, *args):
        if not self._weighted.rank:
            factor, args = self._multiplier(args)
            values, way = super()._run(x, *args)
            return values if factor is None else factor * values, way
        if not args or args[0] is None:
            raise ValueError(f"{self._who}: {_name(self._f)} returns shape {tuple(self._weighted)}: expected weights of it too, H(x, v)")
        v = args[0] if isinstance(args[0], (Tensor, Variable)) else np.asarray(args[0])  # (a list would be the weights of several results)
        if tuple(v.shape) == (math.prod(self._weighted),) and self._weighted.rank > 1:  # as J.fun gives f(x), and SciPy its weights
            v = shaping.reshape(v, tuple(self._weighted))
        if tuple(v.shape) != tuple(self._weighted):
            raise ShapeError(f"{self._who}: expected weights of shape {tuple(self._weighted)}, as {_name(self._f)} returns it, got {tuple(v.shape)}")
        return super()._run(x, v, *args[1:])

    def _multiplier(self, args):
        """(that of a constraint that is one number, which SciPy gives as an array of one; the arguments of f), or (None, args)."""
        if len(args) == len(self._args) + 1 and isinstance(args[0], np.ndarray) and args[0].shape == (1,):
            return float(args[0][0]), args[1:]
        return None, args

    def _way(self, found, n, by_hand, largest):
        from .colouring import stars
        from .entries import Way, places_of_stars
        from .pattern import transposed, union

        both = transposed(found, n)  # what is not symmetric are entries that are 0
        both = transposed(transposed(union([both, transposed(both, n)], n), n), n)
        colour, count = stars(both)
        way = Way(both, (n, n), [("rows", colour, count)], largest)
        way.at = places_of_stars(way, colour)
        return way

    @property
    def lower_rows(self) -> np.ndarray:
        """The row of each entry on or below the diagonal."""
        return self._entries.lower[1]

    @property
    def lower_cols(self) -> np.ndarray:
        """The column of each entry on or below the diagonal."""
        return self._entries.lower[2]

    def lower_values(self, x, *args) -> np.ndarray:
        """The values of the entries (lower_rows, lower_cols) at x, in their order; errors as `values`."""
        return self.values(x, *args)[self._entries.lower[0]]


def _csr_array(who):
    try:
        from scipy.sparse import csr_array
    except ImportError:
        raise ImportError(f"{who}: a sparse array needs SciPy: pip install 'autodiff-tape[optimize]'; rows, cols and values(x) do without") from None
    return csr_array


def _starts(entries):
    return entries.start.astype(np.int32 if len(entries.cols) < 1 << 31 else np.int64)


def _name(f):
    return getattr(f, "__name__", type(f).__name__)
