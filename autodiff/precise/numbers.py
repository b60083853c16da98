"""What the replay computes with: operands of the table's rows that are not tensors.

    Operand     operators; a row applied to any operand comes to `apply`
    Plain       masks and integers: exact, kept as recorded
    Numbers     floating numbers with more digits: the base class, whose rows that move or combine numbers are here
    Node        a Numbers that knows how it was made, so that gradients can be taken of it (autodiff/precise/)

The contract of a number class is at the top of autodiff/precise/.
"""

import numpy as np

from .. import ops
from .._core import DTYPES, apply as apply_to_tensors, choose, raw_array, tensor_from_numpy
from .._op import ELEMENTWISE
from ..arithmetic import Arithmetic

# Functions by the names of rows, for any class of Numbers: of what moves and combines numbers, compares them, or chooses among them.  They
# stand in autodiff/precise/rows.py, which is above, and puts them here.
STRUCTURAL, COMPARISONS, CHOICES = {}, {}, {}
FLOATING = 2  # dtypes below this code are floating


def is_uniform(part):
    """Is it one number, however often?"""
    return part.size == 1 or not any(part.strides)


def common_shape(operands):
    """What they broadcast to."""
    shape = operands[0].shape
    for x in operands:
        if x.shape != shape:
            return np.broadcast_shapes(*[x.shape for x in operands])
    return shape


def choice(mask, a, b):
    """a where the mask has it, else b, for arrays that broadcast with it."""
    shape = np.broadcast_shapes(mask.shape, a.shape, b.shape)
    if a.size and b.size and is_uniform(a) and is_uniform(b) and a.dtype != object and a.flat[:1].tobytes() == b.flat[:1].tobytes():
        return np.broadcast_to(a.flat[0], shape)
    return choose(shape, mask, a, b) if a.dtype == b.dtype and a.dtype in (np.float64, np.int64) else np.where(mask, a, b)


class State:
    """What a replay is told and tells besides numbers.

    probing         a replay beside a singular point (autodiff/precise/limits.py): what is exactly 0 here too is 0 for good, and
                    stays 0 times inf
    indeterminate   since this was last cleared, an exact 0 has met an infinite derivative, or a tie was differentiated twice
    guessed         since this was last cleared, what no digits could tell from 0 was taken for 0
    twice           a gradient is taken that will itself be differentiated
    """

    probing = indeterminate = guessed = twice = False


state = State()


def apply(row, operands, attrs):
    """A row on operands of the replay, Python numbers and arrays among them."""
    values, first, recorded = [], None, False
    for x in operands:
        kind = type(x)
        recorded |= kind is Node
        x = x.value if kind is Node or kind is Unrecorded else x
        values.append(x)
        first = x if first is None and isinstance(x, Numbers) else first
    if first is None:
        return _plain(row, values, attrs)
    y = first.run(row, values, attrs)
    if recorded and row.differentiable and isinstance(y, Numbers):
        # Numbers among the operands must not stay Python's: the rule of a quotient would divide 1 by 3 in doubles.
        return Node(y, row, [x if isinstance(x, Operand) else first.beside(x) for x in operands], attrs)
    return y


def _plain(row, values, attrs):
    """A row on masks and integers; a result that is floating has the number class of the first of them."""
    kind = next(x.kind for x in values if isinstance(x, Plain))
    if row is ops.where and not all(isinstance(x, Plain) for x in values):
        mask, *either = (x.array if isinstance(x, Plain) else x for x in values)
        return kind.exact(choice(mask, *(np.asarray(x, np.float64) for x in either)), DTYPES[1])
    arrays = [tensor_from_numpy(x.array) if isinstance(x, Plain) else x for x in values]
    y = apply_to_tensors(row, arrays, attrs)
    array = raw_array(y)
    return kind.exact(array, y.dtype) if y.dtype.code < FLOATING else Plain(array, kind)


class Operand(Arithmetic):
    """A number or mask of the precise replay."""

    __slots__ = ()
    __ad_apply__ = staticmethod(apply)
    __hash__ = None
    __array_ufunc__ = None

    def __and__(self, other): return ops.logical_and(self, other)
    def __or__(self, other): return ops.logical_or(self, other)
    def __lt__(self, other): return ops.less(self, other)
    def __le__(self, other): return ops.less_equal(self, other)
    def __gt__(self, other): return ops.greater(self, other)
    def __ge__(self, other): return ops.greater_equal(self, other)
    def __eq__(self, other): return ops.equal(self, other)
    def __ne__(self, other): return ops.not_equal(self, other)

    @property
    def ndim(self):
        return len(self.shape)


class Plain(Operand):
    """Masks and integers as a NumPy array; `kind` is the number class beside it."""

    __slots__ = ("array", "kind")

    def __init__(self, array, kind):
        self.array, self.kind = np.asarray(array), kind

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: next(d for d in DTYPES if d.as_numpy_dtype == self.array.dtype))


class Node(Operand):
    """A value of the replay, and the row and operands that it was made by.

    Nodes are numbered as they are made: an operand has a lower number.  `slot` is where the tape recorded it, None for what
    the replay itself makes.  A call of custom_gradient has `function` instead of a row, and its results `row` None.
    The value of a Later is only computed where it is asked for: a gradient does not need all.
    """

    __slots__ = ("row", "operands", "attrs", "slot", "number", "function", "_value", "_later")
    made = 0

    def __init__(self, value, row=None, operands=(), attrs=None, slot=None, function=None):
        self._value, self._later = (None, value) if isinstance(value, Later) else (value, None)
        self.row, self.operands, self.attrs = row, operands, attrs or {}
        self.slot, self.function = slot, function
        self.number = Node.made = Node.made + 1

    shape = property(lambda self: self._value.shape if self._later is None else self._later.recorded.shape)
    dtype = property(lambda self: self._value.dtype if self._later is None else self._later.dtype)
    recorded = property(lambda self: self._value.recorded if self._later is None else self._later.recorded)

    @property
    def value(self):
        if self._later is not None:
            self._settle()
        return self._value

    def _settle(self):
        """Operands first, without recursion: a program may be long."""
        before, state.twice = state.twice, False        # what was recorded is no gradient
        try:
            stack = [self]
            while stack:
                node = stack[-1]
                waiting = [] if node._later is None else [x for x in node._later.operands if isinstance(x, Node) and x._later is not None]
                if waiting:
                    stack.extend(waiting)
                    continue
                stack.pop()
                if node._later is not None:
                    node._value, node._later = node._later.settled(), None
        finally:
            state.twice = before


class Later:
    """A value to come.

    compute    called with this for it, once the operands have theirs
    row        and
    attrs      what it is the value of
    operands   Nodes and others
    recorded   the numbers as they were recorded
    dtype      the DType that they stand for
    index      the slot where the tape has it
    """

    __slots__ = ("compute", "row", "attrs", "operands", "recorded", "dtype", "index")

    def __init__(self, compute, row, attrs, operands, recorded, dtype, index):
        self.compute, self.row, self.attrs, self.operands = compute, row, attrs, operands
        self.recorded, self.dtype, self.index = recorded, dtype, index

    def settled(self):
        y = self.compute(self)
        y.recorded, y.dtype = self.recorded, self.dtype
        return y


class Unrecorded(Operand):
    """The value of a node, computed where a row asks for it: what a row makes of it is no Node."""

    __slots__ = ("node",)

    def __init__(self, node):
        self.node = node

    shape = property(lambda self: self.node.shape)
    dtype = property(lambda self: self.node.dtype)
    value = property(lambda self: self.node.value)


class Numbers(Operand):
    """An array of numbers with more digits than its dtype has.

    parts      arrays of one shape that move together: what the class needs for each number
    dtype      the DType that it stands for
    recorded   the numbers as they were recorded, of their own dtype; None for what was not.  They decide comparisons that the digits
               leave open
    """

    __slots__ = ("parts", "dtype", "recorded")

    def __init__(self, parts, dtype, recorded=None):
        self.parts, self.dtype, self.recorded = parts, dtype, recorded

    shape = property(lambda self: self.parts[0].shape)

    # ---- what a class supplies
    @classmethod
    def exact(cls, array, dtype):
        """Numbers that are exactly those of a floating array."""
        raise NotImplementedError

    def elementwise(self, row, operands):
        """The value of a primitive elementwise row on Numbers (broadcast); None where the class has no function for it, and
        the row's own formula serves."""
        raise NotImplementedError

    def compare(self, other):
        """-1, 0, 1 for less, equal, greater, and 2 where one is nan: an int8 array.  `recorded` decides what the digits leave
        open."""
        raise NotImplementedError

    def nearest(self):
        """The numbers as a float64 array: the nearest, ends of the range saturated to infinity."""
        raise NotImplementedError

    def rounded(self, dtype):
        """(array of the NumPy dtype, mask of where it is surely the nearest number)."""
        raise NotImplementedError

    # ---- what it may supply, and leave to the rows of precise/rows.py by returning None
    def folded(self, row):
        """Along the last axis, the sum (row is ops.add) or product of at least two numbers."""

    def accumulated(self, row):
        """The same along the first axis, so far."""

    def extreme(self, sign):
        """Of rows of at least two numbers, the mask of what is the largest (sign 1) or the smallest (-1): one at least of each row, NaN where
        there is one."""

    def recurred(self, a, own):
        """The recurrence of b = self along the first axis: y[i] = b[i] + a[i] y[i-1], or a[i-1] y[i-1] where not own."""

    def product(self, other):
        """Matrices, in the last two dimensions, times matrices; batches broadcast."""

    def spectral(self, x, y):
        """The share of symmetric matrices x in a gradient self by y = eigh(x), where the rule's formula has none and there is one."""

    def unknown(self):
        """Mask of where nothing is known of the number; for the class of the last attempt."""
        raise NotImplementedError

    def probed(self):
        """Doubles for autodiff/precise/limits.py: nan where nothing is known; for the class of the last attempt."""
        raise NotImplementedError

    def same(self, other):
        """Mask of where both are the very same number, not only an equal one; for the class of the last attempt."""
        raise NotImplementedError

    def to_dtype(self, dtype):
        return type(self)(self.parts, dtype, self.recorded)

    # ---- rows
    def run(self, row, values, attrs):
        if row.name in STRUCTURAL:
            return STRUCTURAL[row.name](*[self.beside(x) for x in values], **attrs)
        if row.name in COMPARISONS:
            return Plain(COMPARISONS[row.name](*[self.beside(x) for x in values]), type(self))
        if row.name in CHOICES:
            return CHOICES[row.name](*values)
        if row.kind != ELEMENTWISE and row.value is not None:
            return row.value(*values, **attrs)
        y = self.elementwise(row, [self.beside(x) for x in values])
        if y is None:
            if row.plainly is None:
                raise NotImplementedError(f"precise: no value for the row {row.name}")
            y = row.plainly(*values)
        return y

    def beside(self, x):
        """Anything that may stand beside these numbers, as an operand."""
        if type(x) is type(self) or isinstance(x, Operand):
            return x
        array = np.asarray(x)
        if array.dtype.kind in "bi" and array.ndim:
            return Plain(array, type(self))
        return self.constant(x) if array.ndim == 0 else type(self).exact(array.astype(np.float64), self.dtype)

    def constant(self, number):
        """A number of a rule; a class may know some of them to more digits."""
        return type(self).exact(np.asarray(float(number)), self.dtype)

    def like(self, parts):
        return type(self)(tuple(parts), self.dtype)

    def moved(self, move):
        """`move` done to every part."""
        y = type(self)(tuple(move(part) for part in self.parts), self.dtype)
        if self.recorded is not None:
            y.recorded = move(self.recorded)
        return y

    def zeros(self, shape):
        return type(self).exact(np.zeros(shape), self.dtype)

    def put(self, index, values):
        """A copy with the numbers at index (of the flat array) replaced."""
        parts = tuple(part.reshape(-1).copy() for part in self.parts)
        for part, new in zip(parts, values.parts):
            part[index] = new
        return self.like(part.reshape(self.shape) for part in parts)
