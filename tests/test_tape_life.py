"""A tape as a context: entered, left, entered again, reset, subclassed and freed."""

import contextlib
import gc
import weakref

import numpy as np
import pytest

import autodiff as ad


def test_a_tape_can_be_entered_again_and_goes_on():
    x = ad.Variable(3.0)
    with ad.GradientTape() as tape:
        y = x * x
    with tape:
        z = y * x
    assert float(tape.gradient(z, x)) == 27.0
    with tape:
        z = x * x * x
    assert float(tape.gradient(z, x)) == 27.0


def test_a_tape_entered_again_inside_another_records_on_both():
    x = ad.constant(3.0)
    with ad.GradientTape(persistent=True) as a:
        a.watch(x)
        y = x * x
    with ad.GradientTape(persistent=True) as b:
        b.watch(x)
        p = x * y
        with a:
            q = y * x
    assert float(a.gradient(q, x)) == 27.0
    assert float(b.gradient(q, x)) == 9.0 and float(b.gradient(p, x)) == 9.0
    assert a.gradient(p, x) is None


def test_reset_forgets_everything():
    x = ad.Variable(3.0)
    with ad.GradientTape() as tape:
        y = x * x
        tape.reset()
        assert tape.watched_variables() == ()
        z = x * x * x
    assert tape.gradient([y, z], x) is not None
    with ad.GradientTape(persistent=True) as tape:
        y = x * x
        tape.reset()
    assert tape.gradient(y, x) is None


def test_an_exception_inside_passes_through_and_leaves_a_usable_tape():
    x = ad.Variable(3.0)
    with pytest.raises(ZeroDivisionError):
        with ad.GradientTape() as tape:
            y = x * x
            1 / 0
    assert float(tape.gradient(y, x)) == 6.0
    with ad.GradientTape() as tape:
        y = x * x
    assert float(tape.gradient(y, x)) == 6.0


def test_more_tapes_than_bits_one_after_another_inside_one():
    x = ad.Variable(3.0)
    with ad.GradientTape() as outer:
        total = x * 0.0
        for _ in range(200):
            with ad.GradientTape() as inner:
                y = x * x
            total = total + inner.gradient(y, x)
    assert float(outer.gradient(total, x)) == 400.0


def test_too_many_living_tapes_are_an_error_that_leaves_them_alive():
    x = ad.Variable(3.0)
    tapes = [ad.GradientTape() for _ in range(65)]
    for tape in tapes[:64]:
        tape.__enter__()
    with pytest.raises(RuntimeError, match="GradientTape: 64 tapes are alive inside one another"):
        tapes[64].__enter__()
    y = x * x
    for tape in reversed(tapes[:64]):
        tape.__exit__(None, None, None)
    assert float(tapes[0].gradient(y, x)) == 6.0 and float(tapes[63].gradient(y, x)) == 6.0


def test_a_tape_that_was_never_left_does_no_harm_when_it_goes():
    x = ad.Variable(3.0)
    ad.GradientTape().__enter__()
    gc.collect()
    with ad.GradientTape() as tape:
        y = x * x
    assert float(tape.gradient(y, x)) == 6.0


def test_tensors_and_tapes_are_freed_when_nobody_holds_them():
    x = ad.Variable(np.ones(1000))
    with ad.GradientTape(persistent=True) as tape:
        y = x * x
    dead = weakref.ref(y), weakref.ref(tape)
    del y, tape
    gc.collect()
    assert [d() for d in dead] == [None, None]


# ------------------------------------------------------------------------------------------- the methods that a `with` calls
def test_entering_and_leaving_by_hand_through_a_stack_and_from_the_class():
    x = ad.Variable(3.0)
    tape = ad.GradientTape()
    enter, leave = tape.__enter__, tape.__exit__
    assert enter() is tape
    y = x * x
    assert leave(None, None, None) is None
    assert float(tape.gradient(y, x)) == 6.0
    with contextlib.ExitStack() as stack:
        tape = stack.enter_context(ad.GradientTape())
        y = x * x * x
    assert float(tape.gradient(y, x)) == 27.0
    tape = ad.GradientTape()
    ad.GradientTape.__enter__(tape)
    y = 2.0 * x
    ad.GradientTape.__exit__(tape, None, value=None, traceback=None)
    assert float(tape.gradient(y, x)) == 2.0


def test_a_subclass_extends_them():
    class Counting(ad.GradientTape):
        entered = left = 0

        def __enter__(self):
            self.entered += 1
            return super().__enter__()

        def __exit__(self, *error):
            self.left += 1
            return super().__exit__(*error)

    x = ad.Variable(3.0)
    with Counting(persistent=True) as tape:
        y = x * x
    with tape:
        z = y * x
    assert (tape.entered, tape.left) == (2, 2)
    assert float(tape.gradient(z, x)) == 27.0


def test_they_look_and_refuse_as_methods_do():
    tape = ad.GradientTape()
    assert tape.__enter__.__name__ == "__enter__" and tape.__exit__.__self__ is tape and callable(tape.__exit__)
    with pytest.raises(AttributeError, match="nothing"):
        tape.__enter__.nothing
    for wrong in (lambda: tape.__enter__(1), lambda: tape.__enter__(x=1), lambda: tape.__exit__(), lambda: tape.__exit__(None, None, None, None),
                  lambda: ad.GradientTape.__enter__(5), lambda: vars(ad.GradientTape)["__exit__"].__get__(5)(None, None, None)):  # fmt: skip
        with pytest.raises(TypeError):
            wrong()
    with tape:
        pass


def test_many_at_once_and_a_cycle_through_one_are_freed():
    class Holding(ad.GradientTape):
        pass

    bound = [ad.GradientTape().__enter__ for _ in range(50)]
    assert len({id(b()) for b in bound}) == 50
    del bound
    tape = Holding()
    tape.itself = tape.__enter__
    alive = weakref.ref(tape)
    del tape
    gc.collect()
    assert alive() is None


def test_a_recording_that_the_collector_takes_apart_gives_up_no_tape_but_its_own():
    """It may empty the list of a recording's gradients before the recording goes: their tapes bear bits of tapes that are gone already, and
    the program, given back once too often, was reset under the next tape."""
    def slope_of_slope(x):
        with ad.GradientTape() as outer:
            outer.watch(x)
            with ad.GradientTape() as inner:
                inner.watch(x)
                y = x * x * x
            slope = inner.gradient(y, x)
        return float(outer.gradient(slope, x))

    def twice(x):
        with ad.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = x * x
        return tape.gradient(y, x), tape.gradient(y, x)

    x = ad.constant(2.0)
    for rings in (1, 2, 5):
        for _ in range(rings):
            recorded = ad.function(twice)
            recorded(x)
            ring = [trace for _, traces in recorded._traces() for trace in traces]
            ring.append(ring)
        del recorded, ring
        gc.collect()
        assert [slope_of_slope(x) for _ in range(rings)] == [12.0] * rings


@pytest.mark.parametrize("value", [2.0, [2.0, 3.0]], ids=["number", "array"])
@pytest.mark.parametrize("leaf", [True, False], ids=["watched", "computed"])
def test_a_tape_that_pauses_still_follows_what_an_inner_one_watches_meanwhile(leaf, value):
    def cube(x):
        with ad.GradientTape() as outer:
            outer.watch(x)
            z = x if leaf else x * 1.0
            with outer.stop_recording(), ad.GradientTape() as inner:
                inner.watch(z)
                square = z * z
            assert inner.gradient(square, z) is not None
            y = z * z * z
        return outer.gradient(y, x)

    x = ad.constant(value)
    for f in (cube, *[ad.function(cube)] * 2):
        assert (f(x).numpy() == 3 * x.numpy() ** 2).all()


def test_a_tape_that_was_left_keeps_its_gradients_by_what_a_later_one_watches():
    x = ad.constant(2.0)
    with ad.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with ad.GradientTape(persistent=True) as first:
            first.watch(x)
            y = x * x
        with ad.GradientTape() as second:
            second.watch(x)
            z = x * x * x
        assert first.gradient(y, x).numpy() == 4.0 and first.gradient(z, x) is None
        with first:
            w = x * x * x * x
    assert float(first.gradient(w, x)) == float(outer.gradient(w, x)) == 32.0 and float(first.gradient(y, x)) == 4.0
    assert float(second.gradient(z, x)) == float(outer.gradient(z, x)) == 12.0


@pytest.mark.parametrize("slope", [lambda x: ad.grad(lambda r: ad.reduce_sum(r**3))(x), lambda x: ad.jacobian(ad.sin)(x), lambda x: ad.jvp(ad.sin, [x], [x])[1],
                                   lambda x: ad.hvp(lambda r: ad.reduce_sum(r**3))(x, x)], ids=["grad", "jacobian", "jvp", "hvp"])  # fmt: skip
def test_what_is_recomputed_may_take_gradients_by_its_argument(slope):
    """It ran once while the tape paused, and watched the argument."""
    def through(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = ad.recompute_grad(slope)(x)
        return tape.gradient(y, x)

    def around(f):
        def gradient(x):
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            return tape.gradient(y, x)

        return gradient

    x = ad.constant([0.5, 2.0])
    want = around(slope)(x)
    for f in (through, *[ad.function(through)] * 2, *[around(ad.function(ad.recompute_grad(slope)))] * 2):
        np.testing.assert_allclose(f(x), want, rtol=1e-6)


def test_what_is_watched_late_hides_what_it_was_computed_from():
    """The tape did not follow it then, whoever else did."""
    def slopes(x):
        with ad.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with ad.GradientTape(persistent=True) as tape:
                tape.watch(x)
                stopped = ad.stop_gradient(x)
                tape.watch(stopped)
                with tape.stop_recording():
                    paused = -x
                tape.watch(paused)
                y = [ad.sin(stopped), ad.sin(paused)]
        assert [tape.gradient(f, x) for f in (*y, stopped, paused)] == [None] * 4 and outer.gradient(y[0], x) is None
        return tape.gradient(y[0], stopped), tape.gradient(y[1], paused), tape.gradient(paused, paused), outer.gradient(y[1], x)

    x = ad.constant([0.5, 2.0])
    want = np.cos([[0.5, 2.0], [-0.5, -2.0], [0.0, 0.0], [-0.5, -2.0]]) * [[1], [1], [1], [-1]]
    for f in (slopes, *[ad.function(slopes)] * 3):
        np.testing.assert_allclose(f(x), want, rtol=1e-6)


def test_what_a_tape_watches_after_it_was_used_is_not_followed_back():
    x = ad.constant(3.0)
    with ad.GradientTape() as outer:
        with ad.GradientTape(persistent=True) as tape:
            outer.watch(x)
            y = x * x
            tape.watch([x, y])
            z = y * 2.0
        assert tape.gradient(y, x) is None and tape.gradient(z, x) is None and tape.gradient(z, y).numpy() == 2.0
    assert float(outer.gradient(z, x)) == 12.0

    def late(x, c):
        with ad.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = x * c
            tape.watch(c)
            z = x * c
        return tape.gradient(y, c), tape.gradient(z, c)

    for f in (late, *[ad.function(late)] * 2):
        before, after = f(x, ad.constant(2.0))
        assert before is None and float(after) == 3.0
