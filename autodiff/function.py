"""ad.function: a function of tensors that is recorded once and then replayed in C, without Python between its operations."""

import contextlib
import functools
import inspect
import itertools
import weakref
from collections.abc import Callable
from typing import Any, overload

from . import nest, passes, travelling
from ._core import LEANS, Method, Replayed, Tensor, Trace, argument_kind, call_directly, convert, copied, put_back
from ._core import recorded_here, set_pass_laws, tapes_are_plain
from .constants import zeros
from .errors import ReplayError, shorten
from .places import warn
from .pullback import CREATES, MOST_WAYS, Followed, check_leaves, same, stabilised, unending
from .shapes import TensorSpec
from .signatures import ConcreteFunction, described, fitted, holding, refilled, spec_of, unbound, unrecorded
from .variable import Variable

__all__ = ["function", "load_function"]

set_pass_laws(passes.compiled(), [law.text for law in passes.LAWS])
HOLE = convert(0.0)  # where a tensor is to be
UNFIT = {"a generator": inspect.isgeneratorfunction, "a coroutine": inspect.iscoroutinefunction,
         "an asynchronous generator": inspect.isasyncgenfunction}  # fmt: skip
MOST_KINDS = 64  # of arguments that are no tensors: beyond these a function runs as written


@overload
def function(func: Callable[..., Any], *args: Any, **kwargs: Any) -> "Function": ...
@overload
def function(func: None = None, *args: Any, **kwargs: Any) -> Callable[[Callable[..., Any]], "Function"]: ...
def function(func=None, input_signature=None, autograph=True, jit_compile=None, reduce_retracing=False, stabilize=None, check=False, **unused):
    """Make a function of tensors one that is recorded at its first call and replayed in C afterwards.

    func             takes tensors, arrays, variables, numbers, and tuples, lists and dicts of them
    input_signature  TensorSpecs of the arguments, to which they are converted; other dtypes and shapes are refused.  A size of None is any,
                     each with a recording of its own
    stabilize        record log(1 + exp(x)) as softplus(x), and so on (docs/stabilise.md); None: as config.stabilize says.
                     A tape around the call that does so has its way too
    check            at every call run `func` as written too, and raise ReplayError where a replay would do something else: a number
                     drawn by NumPy, a global that has changed since.  As slow as it sounds
    The other parameters are TensorFlow's, and change nothing here.

    The first call with arguments of new dtypes and shapes (of tensors and arrays), values (of Python numbers and strings) or
    identities (of all other objects) runs `func` and records it; later calls compute the same operations anew.  Variables are
    read and assigned at each call.  What else `func` does in Python happens at the first call only.  Results have the bits of
    a call without `function`.

    Where the function branches on a number (`if x > 0`, `while error > limit`, `range(int(n))`), the way that it went is recorded;
    a call that comes out otherwise there records that way too, up to 64 of them.  A function that takes an array to Python
    (`x.numpy()`), draws random numbers or leaves a tape behind cannot be replayed: it runs as written at every call, and a
    warning says so once.

    Under a tape the function is replayed too, and to the tape it is one instruction, whose gradient is a replay (docs/function.md).

    Raises TypeError for a generator or coroutine, and for arguments that do not fit input_signature; ValueError where
    `func` creates variables at every call.

    >>> import autodiff as ad
    >>> @ad.function
    ... def slope(x):
    ...     with ad.GradientTape() as tape:
    ...         tape.watch(x)
    ...         y = ad.reduce_sum(x ** 3)
    ...     return tape.gradient(y, x)
    >>> slope(ad.constant([1.0, 2.0])).numpy(), slope(ad.constant([3.0, 4.0])).numpy()
    (array([ 3., 12.], dtype=float32), array([27., 48.], dtype=float32))
    >>> slope.experimental_get_tracing_count()
    1
    """
    if unknown := [name for name in unused if not name.startswith("experimental_")]:
        raise TypeError(f"function: got an unexpected keyword argument {unknown[0]!r}; it takes input_signature, stabilize and check")
    if func is None:
        return functools.partial(function, input_signature=input_signature, stabilize=stabilize, check=check)
    return Function(func, input_signature, stabilize, check)


class Function(Replayed):
    """What `ad.function` makes of a function."""

    def __init__(self, func, input_signature=None, stabilize=None, check=False) -> None:
        for kind, is_one in UNFIT.items():
            if is_one(func) or is_one(getattr(type(func), "__call__", None)):
                raise TypeError(f"function: {_name(func)} is {kind}, whose steps cannot be replayed; call a plain function from it")
        if not callable(func):
            raise TypeError(f"function: expected a function, got {shorten(func)}")
        functools.update_wrapper(self, func)  # (first: it takes along all attributes of func, which may be another Function)
        self._held = holding(func)
        super().__init__(func, not check, holding(stabilised(func)) if stabilize else self._held)
        self.input_signature, self.stabilize, self.check = input_signature, stabilize, check
        self._bound = {}  # by the identity of an instance, as one may be equal to another: (a weak reference, its method)
        self._created = self.has_warned = False
        self._taken, self.followed = None, {}  # (its own signature, once input_signature has been held against it)

    def _call(self, args, kwargs):
        """The long way of __call__, which is the core's."""
        if self.input_signature is not None:
            args, kwargs = self._conform(args, kwargs), {}
        tensors = []
        kind = (argument_kind(args, tensors), argument_kind(kwargs, tensors) if kwargs else None)
        known = self.kinds.get(kind)
        if isinstance(known, str):
            return self._as_written(args, kwargs, tensors)
        if known is not None and self.check:
            return self._compare(args, kwargs, kind, tensors)
        result = None if known is None else self._replay(kind, tensors)
        return self._record(args, kwargs, kind, tensors) if result is None else result[0]

    def _follow(self, args, kwargs):
        """A call while tapes record."""
        if self.input_signature is not None:
            args, kwargs = self._conform(args, kwargs), {}
        tensors = []
        kind = (argument_kind(args, tensors), argument_kind(kwargs, tensors) if kwargs else None)
        if self.check or isinstance(self.kinds.get(kind), str) or not tapes_are_plain():
            return self.written(*args, **kwargs)
        followed = self.followed.get(kind)
        if followed is None:
            if len(self.followed) >= MOST_KINDS:
                self._say("is called with ever new numbers or objects: make them tensors")
                return self.written(*args, **kwargs)
            followed = self.followed[kind] = Followed(self._runner(args, kwargs), _name(self.python_function), self.stabilize)
        found = followed.call(tensors)
        if found is not None:
            self._remember_followed(kind, followed)
            return nest.pack_sequence_as(found[0].structure, found[1])
        if followed.creates:
            self._creates()
        elif followed.reason not in (None, LEANS):
            self.kinds[kind] = followed.reason
            self._say(followed.reason)
        return self.written(*args, **kwargs)

    def _runner(self, args, kwargs):
        """The function of the tensors among such arguments."""
        args, kwargs = refilled(args, itertools.repeat(HOLE)), refilled(kwargs, itertools.repeat(HOLE))
        function = self._held

        def run(own, expected):
            own = iter(own)
            return function(*refilled(args, own), **refilled(kwargs, own))

        return run

    def _record(self, args, kwargs, kind, tensors):
        if len(self.kinds) >= MOST_KINDS and kind not in self.kinds:
            self._say("is called with ever new numbers or objects: make them tensors")
            return self._as_written(args, kwargs, tensors)
        trace, result, _ = self._trace(args, kwargs, tensors)
        self._keep_way(kind, trace)
        return result

    def _keep_way(self, kind, trace):
        """A recording for such arguments, or why there is none."""
        if trace.reason is None:
            if self._keep(kind, trace) > MOST_WAYS:
                self.kinds[kind] = f"has gone more than {MOST_WAYS} ways by values taken to Python{trace.first_branch}"
                self._say(self.kinds[kind])
        elif trace.reason == CREATES:
            self._creates()
        else:
            self.kinds[kind] = trace.reason
            self._say(trace.reason)

    def _creates(self):
        if self._created:
            raise ValueError(f"function: {_name(self.python_function)} only supports singleton ad.Variables created on the first "
                             "call: create them once, outside or where they are still None")  # fmt: skip
        self._created = True

    def _run(self, args, kwargs):
        """A call where functions run as written (config.run_functions_eagerly), or every operation is looked at (check_numerics)."""
        if self.input_signature is not None:
            args, kwargs = self._conform(args, kwargs), {}
        tensors = []
        argument_kind(args, tensors)
        argument_kind(kwargs, tensors)
        return self._as_written(args, kwargs, tensors)

    def _as_written(self, args, kwargs, tensors):
        """A run without recording, of tensors where arrays are given, as the first one was."""
        own = iter(tensors)
        return self.written(*refilled(args, own), **refilled(kwargs, own))

    def _trace(self, args, kwargs, tensors):
        """A recording of one run, what that returned, and what its variables held before."""
        trace = Trace(self.stabilize, self.check)
        with trace:
            own = iter([trace.input(x) for x in tensors])
            with unending(_name(self.python_function)):
                result = self._held(*refilled(args, own), **refilled(kwargs, own))
            leaves = nest.flatten(result)
            check_leaves(trace, leaves)
            trace.finish(result, leaves)
            before = trace.variables_before()
        return trace, nest.pack_sequence_as(result, [copied(x) if isinstance(x, Tensor) else x for x in leaves]), before

    def _compare(self, args, kwargs, kind, tensors):
        """The result of a run as written; ReplayError if a replay comes to something else."""
        now, result, before = self._trace(args, kwargs, tensors)
        after = now.variables_after()
        put_back(before)
        try:
            replayed = self._replay(kind, tensors)
        finally:
            put_back(after)
        if replayed is None:  # a way that was not taken before
            self._keep_way(kind, now)
            return result
        if now.reason is not None:
            raise ReplayError(f"function: {_name(self.python_function)} {now.reason} now, and did not when it was recorded")
        departs = self.kinds[kind][0].departs(now)
        if departs is None and not same(replayed[0], result):
            departs = "its results have other bits"
        if departs is not None:
            raise ReplayError(f"function: {_name(self.python_function)} does otherwise as written than its replay: {departs}. A replay "
                              "repeats what was recorded: what may change must be an argument or a variable")  # fmt: skip
        return result

    def _say(self, reason):
        if not self.has_warned:
            self.has_warned = True
            warn(f"function: {_name(self.python_function)} {reason}, so it runs as written, without replay", UserWarning)

    def _conform(self, args, kwargs):
        """The arguments as input_signature wants them."""
        try:
            self._taken = self._taken or inspect.signature(self.python_function)
            bound = self._taken.bind(*args, **kwargs)
        except TypeError as error:
            raise unbound(error, args, kwargs, self.input_signature) from None
        bound.apply_defaults()
        given = bound.args
        if len(given) != len(self.input_signature):
            raise unbound(f"{len(given)} arguments for {len(self.input_signature)} specs", args, kwargs, self.input_signature)
        return tuple([fitted(spec, x, self.input_signature) for spec, x in zip(self.input_signature, given)])

    def program(self, *args, **kwargs) -> Any:
        """The recorded steps of a call with such arguments, to be printed: what runs in one loop, what was left out, where it
        guards a branch.  Where nothing is recorded for them yet, the function is recorded, and no variable is assigned.

        Raises ValueError where such a call cannot be replayed.

        >>> import autodiff as ad
        >>> @ad.function
        ... def slope(x):
        ...     with ad.GradientTape() as tape:
        ...         tape.watch(x)
        ...         y = ad.reduce_sum(x * ad.exp(x))
        ...     return tape.gradient(y, x)
        >>> slope.program(ad.zeros(3))
        slope: 6 instructions recorded, 2 steps run
          given    %0 float32[3]
          passes   2 needed by nobody
          one loop over (3,):
            %1 float32[3] = exp(%0)
            %6 float32[3] = %1 + d exp(%0) / d %0 for %0
          returns  %6
        """
        from .programs import Program  # (here and below: to `import autodiff` what few calls need would be a millisecond more)

        return Program(_name(self.python_function), self._told(args, kwargs))

    def cost(self, *args, **kwargs) -> Any:
        """What one call with such arguments costs (programs.Cost): operations, bytes, the peak of its memory.

        Where nothing is recorded for them yet, the function is recorded, and no variable is assigned.  Raises ValueError where such a call
        cannot be replayed.
        """
        from .programs import cost_of

        return cost_of(self._told(args, kwargs))

    def summary(self, *args, **kwargs) -> Any:
        """A table of what runs at a call with such arguments, to be printed (in a notebook it shows itself): shape, bytes and time of
        every loop, stretch of scalars and single step.

        The times are measured: each item by itself, the least of many runs.  No variable is assigned.  Where nothing is recorded for the
        arguments yet, the function is recorded.  Raises ValueError where such a call cannot be replayed.

        >>> import autodiff as ad
        >>> slope = ad.function(ad.grad(lambda x: ad.reduce_sum(x * ad.exp(x))))
        >>> table = slope.summary(ad.zeros(1000))
        >>> [(row["what"], row["bytes"]) for row in table.rows]
        [('exp, d exp', 8000)]
        """
        from .summary import summary_of

        told, times, runs = self._told(args, kwargs, self._clocked)
        return summary_of(_name(self), told, times, runs)

    def _told(self, args, kwargs, ask=None):
        given, kinds = args, kwargs
        if self.input_signature is not None:
            given, kinds = self._conform(args, kwargs), {}
        for _ in range(2):
            tensors = []
            kind = (argument_kind(given, tensors), argument_kind(kinds, tensors) if kinds else None)
            known = self.kinds.get(kind)
            told = (ask or self._listing)(kind, tensors) if isinstance(known, list) else None
            if told is not None:
                return told
            if not isinstance(known, str):
                self._outputs(args, kwargs)
        raise ValueError(f"function: {_name(self.python_function)} {self.kinds.get(kind) or 'cannot be recorded here'}, so it has no program")

    def experimental_get_tracing_count(self) -> int:
        """How many times the function has been recorded."""
        return sum(len(known) for known in self.kinds.values() if not isinstance(known, str)) + sum(len(f.traces) for f in self.followed.values())

    def get_concrete_function(self, *args, **kwargs) -> Any:
        """The function for arguments of one signature (signatures.ConcreteFunction).

        args, kwargs   as in a call, with TensorSpecs in the places of tensors where those are not known yet; none: input_signature

        It is recorded for that signature if it is not yet, on zeros in the places of specs whose sizes are known, and no variable is
        assigned.  Raises TypeError where the arguments do not fit input_signature.

        >>> import autodiff as ad
        >>> double = ad.function(lambda x: 2 * x).get_concrete_function(ad.TensorSpec([2]))
        >>> double(ad.constant([1.0, 2.0])).numpy(), double.structured_outputs
        (array([2., 4.], dtype=float32), TensorSpec(shape=(2,), dtype=ad.float32, name=None))
        """
        if not args and not kwargs and self.input_signature:
            args = tuple(self.input_signature)
        specs = [x for x in nest.flatten((args, kwargs)) if isinstance(x, TensorSpec)]
        outputs = None
        if all(s.shape.is_fully_defined() for s in specs):
            own_args, own_kwargs = nest.map_structure(lambda x: zeros(x.shape, x.dtype) if isinstance(x, TensorSpec) else x, (args, kwargs))
            outputs = self._outputs(own_args, own_kwargs)
        return ConcreteFunction(self, args, kwargs, outputs)

    def _outputs(self, args, kwargs):
        """What such a call returns, with TensorSpecs for tensors: recorded, without assigning variables."""
        if self.input_signature is not None:
            args, kwargs = self._conform(args, kwargs), {}
        tensors = []
        kind = (argument_kind(args, tensors), argument_kind(kwargs, tensors) if kwargs else None)
        trace, result, before = self._trace(args, kwargs, tensors)
        put_back(before)
        if trace.reason is None and not self._goes(kind, tensors, trace):
            self._keep(kind, trace)
        elif trace.reason == CREATES:
            self._creates()
        elif trace.reason is not None:
            self.kinds.setdefault(kind, trace.reason)
        return nest.map_structure(spec_of, result)

    def pretty_printed_concrete_signatures(self, verbose=True) -> str:
        """The signatures for which it is recorded, as text: the arguments, and what it returns.

        >>> import autodiff as ad
        >>> f = ad.function(lambda x, k: x * k)
        >>> f(ad.constant([1.0, 2.0]), 3.0).numpy()
        array([3., 6.], dtype=float32)
        >>> print(f.pretty_printed_concrete_signatures())
        <lambda>(x, k)
          Args:
            x: float32 Tensor, shape=(2,)
            k: 3.0
          Returns:
            float32 Tensor, shape=(2,)
        """
        texts = [described(_name(self.python_function), self.python_function, kind, trace) for kind, traces in self._traces() for trace in traces[::-1]]
        return "\n\n".join(dict.fromkeys(text if verbose else text.partition("\n")[0] for text in texts))

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        held, bound = self._bound.get(id(instance), (None, None))
        if held is None or held() is not instance:
            try:
                held = weakref.ref(instance, lambda gone, me=weakref.ref(self), key=id(instance): me() and me()._bound.pop(key, None))
                bound = self._like(_of(self.python_function, weakref.ref(instance), owner))
                self._bound[id(instance)] = held, bound
            except TypeError:  # no weak references: recorded anew at every access
                bound = self._like(self.python_function.__get__(instance, owner))
        return Method(bound, instance, self.__name__)

    def _like(self, function):
        """A function of the same kind, with nothing recorded."""
        return Function(function, self.input_signature, self.stabilize, self.check)

    def to_bytes(self) -> bytes:
        """What has been recorded so far, with the values of the variables it reads, as bytes for load_function.

        Recordings for arguments that are other objects than tensors, numbers, strings and containers of them are left out.
        Raises ValueError where nothing is left.
        """
        from .stored import read, written

        variables = []
        data = written(_name(self.python_function), self._traces(), variables)
        if not read(data)[1]:
            unfit = [f"{known}, so there is no recording to store; what can be imported by its name is pickled by its name"
                     for known in self.kinds.values() if isinstance(known, str)]  # fmt: skip
            why = [*unfit, "has no recording that could be stored: call it with tensors first"][0]
            raise ValueError(f"function: {_name(self.python_function)} {why}")
        return data

    _itself = travelling.itself("python_function")

    def __reduce__(self):
        """By name where it can be imported by its name, else by what it has recorded."""
        made_of = self.input_signature, self.stabilize, self.check
        return travelling.reduced(self, self.python_function, Function, *made_of) or (load_function, (self.to_bytes(),))

    def __deepcopy__(self, memo=None):
        return self._like(self.python_function)

    __copy__ = __deepcopy__

    def __repr__(self):
        return f"<ad.function {_name(self.python_function)}>"


call_directly(Function)
call_directly(Method)


def load_function(data: bytes) -> "Function":
    """The function whose recordings `Function.to_bytes` wrote: it replays them, and knows no others.

    Its variables are new ones with the stored values, in `variables`.  Nothing of the bytes is executed.

    Raises TypeError for what are no bytes, ValueError for bytes that are damaged or of another version; a call with arguments that
    were not recorded raises TypeError.

    >>> import autodiff as ad
    >>> double = ad.function(lambda x: 2 * x)
    >>> double(ad.constant([1.0, 2.0])).numpy()
    array([2., 4.], dtype=float32)
    >>> ad.load_function(double.to_bytes())(ad.constant([3.0, 4.0])).numpy()
    array([6., 8.], dtype=float32)
    """
    from .stored import read

    name, kinds, variables = read(data)

    def unknown(*args, **kwargs):
        if isinstance(loaded.kinds.get((argument_kind(args, []), argument_kind(kwargs, []) if kwargs else None)), list) and recorded_here():
            raise TypeError(f"function: {name} was loaded: a tape, or another function that is recorded, cannot follow what it does. Take its "
                            "gradient inside of it, where it is made, and store that")  # fmt: skip
        raise unrecorded(name, args, kwargs)

    def untold(args, kwargs, tensors):
        raise unrecorded(name, args, kwargs)

    unknown.__name__ = unknown.__qualname__ = name
    loaded = Function(unknown)
    loaded._trace, loaded.variables = untold, tuple(variables)
    for kind, traces in kinds:
        for trace in reversed(traces):
            loaded._keep(kind, trace)
    return loaded


# ------------------------------------------------------------------------------------------------------------ arguments
def _of(function, instance, owner):
    """A method of an instance that is held weakly, with its name and parameters."""

    def method(*args, **kwargs):
        return function(instance(), *args, **kwargs)

    functools.update_wrapper(method, function)
    del method.__wrapped__
    with contextlib.suppress(TypeError, ValueError):
        method.__signature__ = inspect.signature(function.__get__(instance(), owner))
    return method


def _name(func):
    return getattr(func, "__name__", type(func).__name__)
