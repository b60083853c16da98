"""tf.optimizers: what a training loop calls with its gradients, `optimizer.apply_gradients(zip(gradients, variables))`.

Arguments, defaults and updates are those of TensorFlow 2's Keras.  An update is plain arithmetic on variables, so that it is recorded with
the rest of a training step by ad.function, and replayed.  Factors that are the same for all variables, such as 1 - beta_2**step, are
float64: in float32 the first steps of Adam were wrong in the fifth digit.

For objectives of a few thousand parameters without noise, SciPy's and Ipopt's methods take far fewer steps: ad.objective.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import ops
from .._core import GradientTape, Tensor, convert
from ..constants import zeros
from ..errors import ShapeError, shorten
from ..math import cast, clip_by_value
from ..norms import clip_by_global_norm, clip_by_norm
from ..places import warn
from ..variable import Variable
from . import schedules as schedules

__all__ = ["Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Nadam", "Optimizer", "RMSprop", "SGD"]


class Optimizer:
    """What all of them have: a learning rate, the number of steps taken, and for each variable others that remember past gradients.

    learning_rate     a number, kept in a variable that may be assigned at any time; or a schedule, a function of the number of steps
                      taken, an int64 tensor (optimizers.schedules)
    weight_decay      if given, each step begins with v -= v * weight_decay * learning_rate
    clipnorm          if given, a gradient that is longer is made that long (2-norm), each for itself;
    global_clipnorm   all together;
    clipvalue         or the numbers of gradients are clipped to [-clipvalue, clipvalue].  One of the three

    A subclass has `slots`, the names of what it keeps for a variable; `_begin`, what a step needs of the learning rate and its number
    (from 1); and `_update` of one variable.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, learning_rate: Any = 0.001, weight_decay=None, clipnorm=None, clipvalue=None, global_clipnorm=None, name=None) -> None:
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = [what for what, limit in clips.items() if limit is not None]
        if len(given) > 1:
            raise ValueError(f"{self._kind}: only one of clipnorm, clipvalue and global_clipnorm can be set, got {' and '.join(given)}")
        for what in given:
            if not clips[what] > 0:
                raise ValueError(f"{self._kind}: {what} must be positive, got {shorten(clips[what])}")
        self.name, self.weight_decay = name or self._kind.lower(), weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.iterations = Variable(0, trainable=False, dtype="int64", name="iterations")
        self._schedule, self._rate = None, None
        self.learning_rate = learning_rate
        self._known: dict[int, tuple[Variable, tuple[Variable, ...]]] = {}  # by identity
        self._undecayed: tuple[list[Variable], tuple[str, ...]] = [], ()

    @property
    def _kind(self) -> str:
        return type(self).__name__

    # ---- the learning rate
    @property
    def learning_rate(self) -> Any:
        """The variable; of a schedule what it gives now, a tensor.  Numbers, tensors and schedules may be assigned."""
        return self._rate if self._schedule is None else self._schedule(self.iterations.value())

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value) and not isinstance(value, (Tensor, Variable)):
            self._schedule, self._rate = value, None
        elif self._rate is not None:
            self._rate.assign(_rate(self._kind, value))
        else:
            self._schedule, self._rate = None, Variable(_rate(self._kind, value), trainable=False, name="learning_rate")

    lr = learning_rate

    # ---- what it keeps
    @property
    def variables(self) -> list[Any]:
        """The number of steps, the learning rate unless that is a schedule, and what it keeps for each variable."""
        own = [self.iterations] if self._rate is None else [self.iterations, self._rate]
        return own + [slot for _, slots in self._known.values() for slot in slots]

    def build(self, variables: Iterable[Any]) -> None:
        """Make what it keeps for these variables.  A step does it for those that it meets for the first time.

        >>> import autodiff as ad
        >>> optimizer = ad.optimizers.Adam()
        >>> optimizer.build([ad.Variable([1.0, 2.0], name="v")])
        >>> [x.name for x in optimizer.variables]
        ['iterations:0', 'learning_rate:0', 'v_momentum:0', 'v_velocity:0']
        """
        for v in variables:
            self._slots_of(v)

    def _slots_of(self, v):
        if id(v) not in self._known:
            label = v.name.partition(":")[0]
            self._known[id(v)] = v, tuple(Variable(self._start(v), trainable=False, name=f"{label}_{slot}") for slot in self.slots)
        return self._known[id(v)][1]

    def __getstate__(self):
        return {**self.__dict__, "_known": list(self._known.values())}

    def __setstate__(self, state):
        self.__dict__.update(state, _known={id(known[0]): known for known in state["_known"]})

    def _start(self, v):
        return zeros(v.shape, v.dtype)

    def exclude_from_weight_decay(self, var_list=None, var_names=None) -> None:
        """No weight decay for these variables, nor for those whose names have one of `var_names` in them."""
        self._undecayed = list(var_list or []), tuple(var_names or ())

    def _decays(self, v):
        variables, names = self._undecayed
        return self.weight_decay and not any(v is w for w in variables) and not any(name in v.name for name in names)

    # ---- steps
    def apply_gradients(self, grads_and_vars: Iterable[Any]) -> Variable:
        """One step: pairs of a gradient and its variable.  Returns the number of steps taken, a variable.

        A gradient is anything that a tensor of the variable's dtype can be made of, IndexedSlices too.  Variables whose gradient is None
        stay, with a warning.  Raises ValueError where all are, where there is no pair, or a gradient has another shape than its
        variable; TypeError for what is no variable.  All is looked at before one variable is changed.

        >>> import autodiff as ad
        >>> v, optimizer = ad.Variable([1.0, 2.0]), ad.optimizers.SGD(0.1)
        >>> with ad.GradientTape() as tape:
        ...     loss = ad.reduce_sum(v * v)
        >>> int(optimizer.apply_gradients(zip(tape.gradient(loss, [v]), [v])))
        1
        >>> v.numpy()
        array([0.8, 1.6], dtype=float32)
        """
        given = [tuple(pair) for pair in grads_and_vars]
        for pair in given:
            if len(pair) != 2 or not isinstance(pair[1], Variable):
                raise TypeError(f"{self._kind}: expected pairs of a gradient and a Variable, got {shorten(pair)}")
        pairs = [(self._gradient(g, v), v) for g, v in given if g is not None]
        missing = [v.name for g, v in given if g is None]
        if not pairs:
            raise ValueError(f"{self._kind}: No gradients provided for any variable{': ' + ', '.join(missing) if missing else ''}. A gradient "
                             "is None where no operation on the tape leads from the variable to the target")  # fmt: skip
        if missing:
            warn(f"{self._kind}: Gradients do not exist for variables {', '.join(missing)}; they stay as they are", UserWarning)
        self._take_step([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def apply(self, grads: Iterable[Any], trainable_variables=None) -> Variable:
        """`apply_gradients` of gradients and variables; without variables those of `build`, in their order.

        Raises ValueError where there are not as many of both.

        >>> import autodiff as ad
        >>> v, optimizer = ad.Variable(1.0), ad.optimizers.SGD(0.5)
        >>> step = optimizer.apply([1.0], [v])
        >>> float(v)
        0.5
        """
        variables = [v for v, _ in self._known.values()] if trainable_variables is None else list(trainable_variables)
        grads = list(grads)
        if len(grads) != len(variables):
            raise ValueError(f"{self._kind}: {len(grads)} gradients for {len(variables)} variables; call build(variables), or give them")
        return self.apply_gradients(zip(grads, variables))

    def minimize(self, loss: Any, var_list: Any, tape=None) -> Variable:
        """One step downhill: `loss` is a function of no arguments, or a tensor that `tape` has recorded.

        var_list   variables, or a function of no arguments that returns them
        Returns the number of steps taken.  Raises ValueError for a tensor without its tape, and as apply_gradients.

        >>> import autodiff as ad
        >>> v, optimizer = ad.Variable(5.0), ad.optimizers.Adam(0.1)
        >>> for _ in range(200):
        ...     step = optimizer.minimize(lambda: (v - 3.0) ** 2, [v])
        >>> round(float(v), 2)
        3.0
        """
        variables = None if callable(var_list) else list(var_list)
        if callable(loss) and not isinstance(loss, (Tensor, Variable)):
            with GradientTape() if tape is None else tape as tape:
                tape.watch(variables or [])
                loss = loss()
        elif tape is None:
            raise ValueError(f"{self._kind}: minimize needs the tape that recorded the loss, or a function that computes it")
        if variables is None:
            variables = list(var_list())        # which the loss may have made
        return self.apply_gradients(zip(tape.gradient(loss, variables), variables))

    def _gradient(self, g, v):
        g = convert(g, v.dtype, name=f"{self._kind}: a gradient")
        if tuple(g.shape) != tuple(v.shape):
            raise ShapeError(f"{self._kind}: a gradient of shape {tuple(g.shape)} for the variable {v.name} of shape {tuple(v.shape)}")
        return g

    def _take_step(self, grads, variables):
        rate, grads = cast(convert(self.learning_rate), "float64"), self._clipped(grads)
        slots = [self._slots_of(v) for v in variables]
        factors = self._begin(rate, cast(self.iterations.value() + 1, "float64"))
        for v, g, kept in zip(variables, grads, slots):
            if self._decays(v):
                v.assign_sub(v._peek() * cast(rate * self.weight_decay, v.dtype))
            self._update(v, g, [cast(x, v.dtype) for x in factors], *kept)
            if v.constraint is not None:
                v.assign(v.constraint(v._peek()))
        self.iterations.assign_add(1)

    def _clipped(self, grads):
        if self.clipnorm is not None:
            return [clip_by_norm(g, self.clipnorm) for g in grads]
        if self.global_clipnorm is not None:
            return clip_by_global_norm(grads, self.global_clipnorm)[0]
        if self.clipvalue is not None:
            return [clip_by_value(g, -self.clipvalue, self.clipvalue) for g in grads]
        return grads

    def _begin(self, rate: Tensor, step: Tensor) -> list[Tensor]:
        """What all variables need of this step: float64 scalars, which each gets in its own dtype."""
        return [rate]

    def _update(self, v, g, factors, *kept) -> None:
        raise NotImplementedError(f"{self._kind}: a subclass of Optimizer has _update(v, g, factors, *slots)")


def _rate(kind, value):
    try:
        rate = convert(value, None if isinstance(value, (Tensor, Variable)) else "float64", name=f"{kind}: learning_rate")
    except (TypeError, ValueError):
        rate = None
    if rate is None or tuple(rate.shape) != ():
        raise ValueError(f"{kind}: learning_rate must be a number or a function of the number of steps, got {shorten(value)}")
    return cast(rate, "float64")


def _mean(slot, x, beta):
    """A slot that holds a mean of past x, older ones less by beta each time: what it is with this one."""
    slot.assign_add((x - slot._peek()) * (1 - beta))
    return slot._peek()


def _fraction(kind, **given):
    """Check that these are in [0, 1)."""
    for what, x in given.items():
        if not 0 <= x < 1:
            raise ValueError(f"{kind}: {what} must be at least 0 and less than 1, got {shorten(x)}")


class SGD(Optimizer):
    """Gradient descent, v -= learning_rate * g; with momentum m = momentum * m - learning_rate * g and v += m, or where the gradient is taken
    ahead, nesterov, v += momentum * m - learning_rate * g (Sutskever et al., "On the importance of initialization and momentum in deep
    learning", ICML 2013).

    >>> import autodiff as ad
    >>> v, optimizer = ad.Variable(1.0), ad.optimizers.SGD(0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     step = optimizer.apply_gradients([(1.0, v)])
    >>> round(float(v), 2)
    0.71
    """

    def __init__(self, learning_rate: Any = 0.01, momentum=0.0, nesterov=False, **common) -> None:
        super().__init__(learning_rate, **common)
        if not 0 <= momentum <= 1:
            raise ValueError(f"{self._kind}: momentum must be from 0 to 1, got {shorten(momentum)}")
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = ("momentum",) if momentum else ()

    def _update(self, v, g, factors, m=None):
        move = -factors[0] * g
        if m is not None:
            m.assign(m._peek() * self.momentum + move)
            move = m._peek() * self.momentum + move if self.nesterov else m._peek()
        v.assign_add(move)


class Adam(Optimizer):
    """Means of gradients and of their squares, both as if they had not begun at 0 (Kingma & Ba, "Adam: a method for stochastic
    optimization", ICLR 2015): v -= learning_rate * m / (sqrt(s) + epsilon).  amsgrad: of the squares' means the largest so far.

    >>> import autodiff as ad
    >>> v, optimizer = ad.Variable([1.0, -1.0]), ad.optimizers.Adam(0.1)
    >>> step = optimizer.apply_gradients([([100.0, -0.01], v)])
    >>> v.numpy().round(3)
    array([ 0.9, -0.9], dtype=float32)
    """

    def __init__(self, learning_rate: Any = 0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **common) -> None:
        super().__init__(learning_rate, **common)
        _fraction(self._kind, beta_1=beta_1, beta_2=beta_2)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        self.slots = ("momentum", "velocity", *["velocity_hat"] * amsgrad)

    def _begin(self, rate, step):
        return [rate * ops.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)]

    def _update(self, v, g, factors, m, s, largest=None):
        mean, square = _mean(m, g, self.beta_1), _mean(s, g * g, self.beta_2)
        if largest is not None:
            largest.assign(ops.maximum(largest._peek(), square))
            square = largest._peek()
        v.assign_sub(mean * factors[0] / (ops.sqrt(square) + self.epsilon))


class AdamW(Adam):
    """Adam, with weight decay that its means know nothing of (Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019).

    >>> import autodiff as ad
    >>> v, optimizer = ad.Variable(1.0, dtype="float64"), ad.optimizers.AdamW(0.1, weight_decay=0.5)
    >>> step = optimizer.apply_gradients([(0.0, v)])
    >>> float(v)
    0.95
    """

    def __init__(self, learning_rate: Any = 0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, **common) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **common)


class Adamax(Adam):
    """Adam with the largest of past gradients, each later one counted beta_2 times, for the root of their squares' mean (section 7.1 of
    its paper).

    >>> import autodiff as ad
    >>> v, optimizer = ad.Variable(1.0), ad.optimizers.Adamax(0.1)
    >>> step = optimizer.apply_gradients([(5.0, v)])
    >>> round(float(v), 3)
    0.9
    """

    def __init__(self, learning_rate: Any = 0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **common) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)

    def _begin(self, rate, step):
        return [rate / (1 - self.beta_1**step)]

    def _update(self, v, g, factors, m, largest):
        largest.assign(ops.maximum(largest._peek() * self.beta_2, ops.abs(g)))
        v.assign_sub(_mean(m, g, self.beta_1) * factors[0] / (largest._peek() + self.epsilon))


class Nadam(Adam):
    """Adam with the gradient taken ahead (Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016), where beta_1 counts
    1 - 0.96**step / 2 in that step.

    >>> import autodiff as ad
    >>> v, optimizer = ad.Variable(1.0), ad.optimizers.Nadam(0.1)
    >>> step = optimizer.apply_gradients([(5.0, v)])
    >>> round(float(v), 3)
    0.894
    """

    def __init__(self, learning_rate: Any = 0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **common) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self._product = Variable(1.0, trainable=False, dtype="float64", name="product")  # of beta_1 as it counted in all steps

    @property
    def variables(self):
        return [*super().variables, self._product]

    def _begin(self, rate, step):
        now, next_one = (self.beta_1 * (1 - 0.5 * 0.96**k) for k in (step, step + 1))
        self._product.assign(self._product._peek() * now)
        product = self._product._peek()
        return [rate * next_one / (1 - product * next_one), rate * (1 - now) / (1 - product), 1 / (1 - self.beta_2**step)]

    def _update(self, v, g, factors, m, s):
        mean, square = _mean(m, g, self.beta_1), _mean(s, g * g, self.beta_2)
        v.assign_sub((mean * factors[0] + g * factors[1]) / (ops.sqrt(square * factors[2]) + self.epsilon))


class RMSprop(Optimizer):
    """v -= learning_rate * g / sqrt(s + epsilon), s a mean of squares; centered: of their variance, s - mean**2; with momentum as SGD
    (Hinton, "Neural networks for machine learning", lecture 6e, 2012).

    >>> import autodiff as ad
    >>> v, optimizer = ad.Variable(1.0), ad.optimizers.RMSprop(0.1, rho=0.75)
    >>> step = optimizer.apply_gradients([(5.0, v)])
    >>> round(float(v), 3)
    0.8
    """

    def __init__(self, learning_rate: Any = 0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, **common) -> None:
        super().__init__(learning_rate, **common)
        _fraction(self._kind, rho=rho)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        self.slots = ("velocity", *["momentum"] * bool(momentum), *["average_gradient"] * bool(centered))

    def _update(self, v, g, factors, s, *more):
        under = _mean(s, g * g, self.rho) + self.epsilon
        if self.centered:
            under = under - _mean(more[-1], g, self.rho) ** 2
        move = factors[0] * g * ops.rsqrt(under)
        if self.momentum:
            more[0].assign(more[0]._peek() * self.momentum + move)
            move = more[0]._peek()
        v.assign_sub(move)


class Adagrad(Optimizer):
    """v -= learning_rate * g / sqrt(s + epsilon), s the sum of all squares so far and initial_accumulator_value (Duchi, Hazan & Singer,
    "Adaptive subgradient methods", JMLR 12, 2011).

    >>> import autodiff as ad
    >>> v, optimizer = ad.Variable(1.0), ad.optimizers.Adagrad(0.1, initial_accumulator_value=0.0)
    >>> step = optimizer.apply_gradients([(5.0, v)])
    >>> round(float(v), 3)
    0.9
    """

    slots = ("accumulator",)

    def __init__(self, learning_rate: Any = 0.001, initial_accumulator_value=0.1, epsilon=1e-7, **common) -> None:
        super().__init__(learning_rate, **common)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def _start(self, v):
        return np.full(tuple(v.shape), self.initial_accumulator_value, v.dtype.as_numpy_dtype)

    def _update(self, v, g, factors, s):
        s.assign_add(g * g)
        v.assign_sub(factors[0] * g * ops.rsqrt(s._peek() + self.epsilon))


class Adadelta(Optimizer):
    """As RMSprop, and moves are as long as past moves were (Zeiler, "ADADELTA: an adaptive learning rate method", 2012).

    >>> import autodiff as ad
    >>> v, optimizer = ad.Variable(1.0), ad.optimizers.Adadelta(1.0)
    >>> step = optimizer.apply_gradients([(5.0, v)])
    >>> 0.99 < float(v) < 1.0
    True
    """

    slots = ("accumulated_grad", "accumulated_delta")

    def __init__(self, learning_rate: Any = 0.001, rho=0.95, epsilon=1e-7, **common) -> None:
        super().__init__(learning_rate, **common)
        _fraction(self._kind, rho=rho)
        self.rho, self.epsilon = rho, epsilon

    def _update(self, v, g, factors, s, moved):
        move = g * ops.sqrt((moved._peek() + self.epsilon) / (_mean(s, g * g, self.rho) + self.epsilon))
        _mean(moved, move * move, self.rho)
        v.assign_sub(factors[0] * move)


