"""Random nests of tapes beside a model of them in Python: what a tape sees, when it pauses, what it watches late; eager, recorded and under a tape."""

import contextlib
import random

import numpy as np
import pytest

import autodiff as ad


# ------------------------------------------------------------------------------------------------------------- the model
class Value:
    def __init__(self, x):
        self.x = x


class ModelTape:
    """A tape that holds what it follows by identity, and a list of (result, [(operand, its share of a cotangent)])."""

    live = []

    def __init__(self, persistent):
        self.persistent, self.entered, self.pauses, self.used = persistent, False, False, False
        self.follows, self.log, self.held = set(), [], []

    def __enter__(self):
        refuse(self.entered)
        if self.used:
            self.used, self.follows, self.log = False, set(), []
        self.entered = True
        self.live.append(self)
        return self

    def __exit__(self, *_):
        if self.entered:
            self.entered = False
            self.live.remove(self)

    def watch(self, x):
        refuse(self.used)
        self.follows.add(id(x))
        self.held.append(x)

    @contextlib.contextmanager
    def stop_recording(self):
        refuse(not self.entered or self.pauses)
        self.pauses = True
        yield
        self.pauses = False

    def gradient(self, y, xs):
        refuse(self.used)
        before, self.pauses = self.pauses, self.pauses or not self.persistent
        adjoints = {id(y): Value(np.ones_like(y.x))} if id(y) in self.follows else {}
        for result, operands in reversed(list(self.log)):
            for x, share in operands if id(result) in adjoints else ():
                g = share(adjoints[id(result)])
                adjoints[id(x)] = add(adjoints[id(x)], g) if id(x) in adjoints else g
        self.pauses = before
        if not self.persistent:
            self.__exit__()
            self.used = True
        return [adjoints.get(id(x)) if id(x) in self.follows else Value(np.ones_like(y.x)) if x is y else None for x in xs]


def refuse(condition):
    if condition:
        raise RuntimeError("the tape cannot do that now")


def recorded(y, *operands):
    y = Value(y)
    for tape in ModelTape.live:
        seen = [(x, share) for x, share in operands if id(x) in tape.follows]
        if seen and not tape.pauses:
            tape.log.append((y, seen))
            tape.watch(y)
    return y


def add(a, b):
    return recorded(a.x + b.x, (a, lambda g: g), (b, lambda g: g))


def mul(a, b):
    return recorded(a.x * b.x, (a, lambda g: mul(g, b)), (b, lambda g: mul(g, a)))


def neg(a):
    return recorded(-a.x, (a, neg))


def sin(a):
    return recorded(np.sin(a.x), (a, lambda g: mul(g, cos(a))))


def cos(a):
    return recorded(np.cos(a.x), (a, lambda g: neg(mul(g, sin(a)))))


def product_at_once(a):
    """sin(a) a, whose derivative is computed anew from a."""
    return recorded(np.sin(a.x) * a.x, (a, lambda g: mul(g, add(mul(cos(a), a), sin(a)))))


# ------------------------------------------------------------------------------------------------- the same with tensors
def slope(x):
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = ad.sin(x)
    return tape.gradient(y, x)


@ad.custom_gradient
def own_sin(x):
    return ad.sin(x), lambda g: g * ad.cos(x)


def product(x):
    return ad.sin(x) * x


OPERATIONS = {  # by tensors, by the model
    "mul": (ad.multiply, mul), "add": (ad.add, add), "sin": (ad.sin, sin), "neg": (ad.negative, neg), "stop": (ad.stop_gradient, lambda a: Value(a.x)),
    "own": (own_sin, sin), "slope": (slope, cos), "slope, recorded": (ad.function(slope), cos), "slope, recomputed": (ad.recompute_grad(slope), cos),
    "recorded": (ad.function(product), product_at_once), "recomputed": (ad.recompute_grad(product), product_at_once),
    "jvp": (lambda x: ad.jvp(ad.sin, [x], [ad.ones_like(x)])[1], cos),
}  # fmt: skip


def statements(r, depth=0):
    made = []
    for _ in range(r.randint(1, 5)):
        kind = r.random()
        if kind < 0.45:
            made.append(("do", r.choice(list(OPERATIONS)[: r.choice([5, 12])]), r.random(), r.random()))
        elif kind < 0.6 and depth < 4:
            made.append(("tape", r.random() < 0.5, r.random() < 0.85, statements(r, depth + 1), r.random() < 0.3))
        elif kind < 0.7:
            made.append(("watch", r.random(), r.random()))
        elif kind < 0.78 and depth < 5:
            made.append(("pause", r.random(), statements(r, depth + 1)))
        elif kind < 0.94 or depth > 3:
            made.append(("gradient", r.random(), r.random(), r.random()))
        else:
            made.append(("enter again", r.random(), statements(r, depth + 1)))
    return made


class Run:
    """One run of statements; `told` are the gradients, in order."""

    def __init__(self, tape, which, xs):
        self.tape, self.which = tape, which
        self.values, self.tapes, self.inside, self.told = list(xs), [], [], []

    def run(self, program):
        for what, *how in program:
            getattr(self, "_" + what.replace(" ", "_"))(*how)
        return self.told

    def value(self, u):
        return self.values[min(int(u**0.6 * len(self.values)), len(self.values) - 1)]

    def _do(self, name, u, w):
        operands = [self.value(u), self.value(w)]
        self.values.append(OPERATIONS[name][self.which](*operands[: 2 if name in ("mul", "add") else 1]))

    def _within(self, tape, program):
        with tape:
            self.inside.append(tape)
            self.run(program)
            self.inside.pop()

    def _tape(self, persistent, watches, program, asks):
        tape = self.tape(persistent)
        self.tapes.append(tape)
        self._within(tape, [("watch itself", 0.9), ("watch itself", 0.0), *program] if watches else program)
        if asks:
            self.note(tape.gradient(self.values[-1], [self.values[0], self.value(0.5)]))

    def _watch_itself(self, u):
        self.inside[-1].watch(self.value(u))

    def _watch(self, u, w):
        if self.inside:
            self.inside[int(u * len(self.inside))].watch(self.value(w))

    def _pause(self, u, program):
        if self.inside:
            with self.inside[int(u * len(self.inside))].stop_recording():
                self.run(program)

    def _gradient(self, u, w, v):
        if self.tapes:
            self.note(self.tapes[int(u * len(self.tapes))].gradient(self.value(w), [self.value(v), self.values[0]]))

    def _enter_again(self, u, program):
        if self.tapes:
            self._within(self.tapes[int(u * len(self.tapes))], program)

    def note(self, gradients):
        self.told += gradients
        self.values += [g for g in gradients if g is not None]


def by_tensors(program, xs):
    return Run(lambda persistent: ad.GradientTape(persistent=persistent), 0, xs).run(program)


def around(f, xs):
    with ad.GradientTape() as tape:
        tape.watch(xs)
        ys = [y for y in f(*xs) if y is not None]
    return tape.gradient(ys, xs) if ys else []


def agree(told, expected, what):
    assert [g is None for g in told] == [g is None for g in expected], what
    for g, e in zip(told, expected):
        if g is not None:
            np.testing.assert_allclose(g.numpy(), getattr(e, "x", e), rtol=1e-9, atol=1e-9, err_msg=what)


@pytest.mark.parametrize("block", range(20))
@pytest.mark.filterwarnings("ignore::autodiff.errors.LostGradientWarning")
def test_random_nests_of_tapes_have_the_gradients_of_the_model(block):
    for seed in range(30 * block, 30 * block + 30):
        program, shape = statements(random.Random(seed)), random.Random(seed).choice([(), (2,), (5,)])
        inputs = [[np.random.default_rng(seed + 7 * k).uniform(-1.2, 1.2, shape) for k in (j, j + 1, j + 2)] for j in range(2)]
        ModelTape.live.clear()
        try:
            expected = [Run(ModelTape, 1, [Value(x) for x in xs]).run(program) for xs in inputs]
        except RuntimeError:                    # a tape is asked for what it cannot do
            continue
        given = [[ad.constant(x) for x in xs] for xs in inputs]

        def f(*xs):
            return by_tensors(program, xs)      # noqa: B023

        traced, followed = ad.function(f), ad.function(f)
        for k in (0, 1, 0):
            agree(f(*given[k]), expected[k], f"as written: {seed}")
            agree(traced(*given[k]), expected[k], f"recorded: {seed}")
            agree(around(followed, given[k]), around(f, given[k]), f"under a tape: {seed}")
