"""GradientTape behaves as TensorFlow's, and each of its errors says what to do."""

import contextlib
import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

import autodiff as ad


def close(t, expected):
    np.testing.assert_allclose(t.numpy(), expected, rtol=1e-6)


# ------------------------------------------------------------------------------------------------------------- first order
def test_the_notebooks_gradient():
    x, y = ad.Variable(5.0), ad.Variable(10.0)
    with ad.GradientTape() as tape:
        z = 3 * x**2 + 5 * x * y
    assert [float(g) for g in tape.gradient(z, [x, y])] == [80.0, 25.0]
    assert float(z) == 325.0


def test_the_result_has_the_structure_of_the_sources():
    x, y = ad.Variable(2.0), ad.Variable(3.0)
    with ad.GradientTape(persistent=True) as tape:
        z = x * y
    assert float(tape.gradient(z, x)) == 3.0
    assert [float(g) for g in tape.gradient(z, (x, y))] == [3.0, 2.0] and isinstance(tape.gradient(z, (x, y)), tuple)
    nested = tape.gradient(z, {"b": y, "a": [x, {"c": y}]})
    assert list(nested) == ["b", "a"] and float(nested["a"][1]["c"]) == 2.0
    assert tape.gradient(z, []) == []


def test_several_targets_and_arrays_give_the_gradient_of_their_sum():
    x = ad.Variable([1.0, 2.0])
    with ad.GradientTape(persistent=True) as tape:
        y = x * x
        z = {"y": y, "w": 3 * x}
    close(tape.gradient(y, x), [2, 4])
    close(tape.gradient(z, x), [5, 7])
    close(tape.gradient([y, y], x), [4, 8])


def test_a_target_that_is_a_source_counts_as_one():
    x = ad.Variable(2.0)
    with ad.GradientTape(persistent=True) as tape:
        y = x * x
    assert float(tape.gradient([x, y], x)) == 5.0
    assert float(tape.gradient(y, y)) == 1.0
    other, plain = ad.Variable(1.0), ad.constant(4.0)
    assert float(tape.gradient(other, other)) == 1.0
    assert float(tape.gradient(plain, plain)) == 1.0
    assert tape.gradient(y, other) is None


def test_intermediates_can_be_sources():
    x = ad.Variable(3.0)
    with ad.GradientTape(persistent=True) as tape:
        y = x * x
        z = y * x
    assert float(tape.gradient(z, y)) == 3.0
    assert [float(g) for g in tape.gradient(z, [y, x])] == [3.0, 27.0]


def test_the_same_source_twice_gets_the_same_gradient_twice():
    x = ad.Variable(3.0)
    with ad.GradientTape() as tape:
        y = x * x
    assert [float(g) for g in tape.gradient(y, [x, x])] == [6.0, 6.0]


def test_output_gradients_weigh_the_targets():
    x = ad.Variable([1.0, 2.0, 3.0])
    with ad.GradientTape(persistent=True) as tape:
        y = x * x
        z = x * 2
    close(tape.gradient(y, x, output_gradients=ad.constant([1.0, 0.0, 10.0])), [2, 0, 60])
    close(tape.gradient(y, x, output_gradients=np.array([1.0, 0.0, 10.0])), [2, 0, 60])
    close(tape.gradient([y, z], x, output_gradients=[[1.0, 1.0, 1.0], 3.0]), [8, 10, 12])
    with pytest.raises(ValueError, match="output_gradients has 3 entries for 1 targets"):
        tape.gradient(y, x, output_gradients=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="Incompatible shapes|output_gradients of shape"):
        tape.gradient(y, x, output_gradients=ad.constant([1.0, 2.0]))


def test_float32_and_float64_meet_as_float64_and_gradients_keep_their_sources_dtype():
    a, b = ad.Variable(2.0), ad.Variable(3.0, dtype="float64")
    with ad.GradientTape() as tape:
        y = a * b
    ga, gb = tape.gradient(y, [a, b])
    assert (y.dtype, ga.dtype, gb.dtype) == (ad.float64, ad.float32, ad.float64)
    assert (float(ga), float(gb)) == (3.0, 2.0)


# -------------------------------------------------------------------------------------------------------------- connection
def test_unconnected_sources_are_none_or_zeros():
    x, y = ad.Variable([1.0, 2.0]), ad.Variable(3.0)
    with ad.GradientTape(persistent=True) as tape:
        z = y * 2
    assert tape.gradient(z, x) is None
    for zero in ("zero", ad.UnconnectedGradients.ZERO):
        close(tape.gradient(z, x, unconnected_gradients=zero), [0, 0])
    assert tape.gradient(z, x, unconnected_gradients=ad.UnconnectedGradients.NONE) is None
    with pytest.raises(ValueError, match="^Unknown value for unconnected_gradients: 'nonsense'; expected 'none' or 'zero'$"):
        tape.gradient(z, x, unconnected_gradients="nonsense")


def test_what_is_not_recorded_has_no_gradient():
    x = ad.Variable(3.0)
    with ad.GradientTape(persistent=True) as tape:
        y = x * x
        through_int = ad.cast(ad.cast(y, "int32"), "float32")
        compared = ad.cast(y > 1.0, "float32")
        floored = ad.floor(y)
        through_numpy = ad.constant(y.numpy())
        with tape.stop_recording():
            aside = x * x
        constant = ad.constant(2.0) * 3
    after = x * x
    for t in (through_int, compared, floored, through_numpy, aside, constant, after):
        assert tape.gradient(t, x) is None
    assert float(tape.gradient(y, x)) == 6.0


def test_a_plain_tensor_must_be_watched():
    c = ad.constant(2.0)
    with ad.GradientTape(persistent=True) as tape:
        before = c * c
        tape.watch(c)
        y = c * c + before
    assert float(tape.gradient(y, c)) == 4.0
    assert tape.gradient(before, c) is None


def test_variables_are_watched_when_read_unless_told_otherwise():
    v, fixed = ad.Variable(2.0), ad.Variable(3.0, trainable=False)
    with ad.GradientTape(persistent=True) as tape:
        y = v * fixed
    assert float(tape.gradient(y, v)) == 3.0 and tape.gradient(y, fixed) is None
    with ad.GradientTape(watch_accessed_variables=False, persistent=True) as tape:
        tape.watch(fixed)
        y = v * fixed
    assert tape.gradient(y, v) is None and float(tape.gradient(y, fixed)) == 2.0


def test_watched_variables_come_in_order_of_creation():
    a, b, c = ad.Variable(1.0), ad.Variable(2.0), ad.Variable(3.0, trainable=False)
    with ad.GradientTape() as tape:
        y = b * a * c
        tape.watch(c)
    assert [v is w for v, w in zip(tape.watched_variables(), (a, b, c))] == [True] * 3
    tape.gradient(y, a)
    assert len(tape.watched_variables()) == 3
    many = [ad.Variable(float(i)) for i in range(20)]
    with ad.GradientTape() as tape:
        y = ad.add_n(list(reversed(many)))
    tape.gradient(y, many)
    assert [v.order for v in tape.watched_variables()] == sorted(v.order for v in many)


def test_a_variable_is_captured_as_it_was_read():
    x = ad.Variable(2.0)
    with ad.GradientTape(persistent=True) as tape:
        y = x * x
        x.assign(10.0)
        z = x * x
    x.assign(100.0)
    assert float(tape.gradient([y, z], x)) == 24.0
    assert float(tape.gradient(y, x)) == 4.0


def test_assignment_carries_no_gradient():
    source, v = ad.Variable(2.0), ad.Variable(3.0)
    with ad.GradientTape(persistent=True) as tape:
        v.assign_add(source)
        y = v**2
    assert tape.gradient(y, source) is None and float(tape.gradient(y, v)) == 10.0


def test_values_read_outside_are_constants_and_inside_are_reads():
    v = ad.Variable(2.0)
    outside = v.value()
    with ad.GradientTape(persistent=True) as tape:
        inside = v.value()
        y, z, w = outside * outside, inside * inside, ad.convert_to_tensor(v) * v
    assert tape.gradient(y, v) is None
    assert float(tape.gradient(z, v)) == 4.0 and float(tape.gradient(z, inside)) == 4.0
    assert float(tape.gradient(w, v)) == 4.0


# --------------------------------------------------------------------------------------------------------- higher orders
def test_nested_tapes_give_higher_orders():
    x = ad.Variable(2.0)
    with ad.GradientTape() as t3:
        with ad.GradientTape() as t2:
            with ad.GradientTape() as t1:
                y = x**4 * ad.sin(x)
            d1 = t1.gradient(y, x)
        d2 = t2.gradient(d1, x)
    d3 = t3.gradient(d2, x)
    s, c = np.sin(2.0), np.cos(2.0)
    np.testing.assert_allclose(
        [float(d1), float(d2), float(d3)],
        [32 * s + 16 * c, 48 * s + 64 * c - 16 * s, 48 * s + 144 * c - 96 * s - 16 * c], rtol=1e-5)  # fmt: skip


def test_a_persistent_tape_differentiates_inside_its_own_block():
    x = ad.Variable(3.0)
    with ad.GradientTape(persistent=True) as tape:
        y = x**3
        first = tape.gradient(y, x)
        second = tape.gradient(first, x)
    assert (float(first), float(second)) == (27.0, 18.0)
    assert float(tape.gradient(second, x)) == 6.0


def test_a_tape_that_is_not_persistent_stops_recording_when_asked_inside():
    x = ad.Variable(3.0)
    with ad.GradientTape() as tape:
        y = x * x
        assert float(tape.gradient(y, x)) == 6.0
        z = y * x
    with pytest.raises(RuntimeError, match="A non-persistent GradientTape can only"):
        tape.gradient(z, x)


def test_an_inner_gradient_taken_outside_the_outer_tape_is_a_constant_to_it():
    x = ad.Variable(3.0)
    with ad.GradientTape() as outer:
        with ad.GradientTape() as inner:
            y = x * x
    g = inner.gradient(y, x)
    assert float(g) == 6.0 and outer.gradient(g, x) is None


def test_each_tape_sees_what_it_watches():
    x = ad.constant(3.0)
    with ad.GradientTape(persistent=True) as outer:
        outer.watch(x)
        y = x * x
        with ad.GradientTape(persistent=True) as inner:
            inner.watch(y)
            z = y * x
        assert inner.gradient(z, x) is None and inner.gradient(z, y).numpy() == 3.0
    assert float(outer.gradient(z, x)) == 27.0 and float(outer.gradient(z, y)) == 3.0


def test_a_gradients_cotangent_can_be_followed():
    x, w = ad.Variable([1.0, 2.0]), ad.Variable([3.0, 4.0])
    with ad.GradientTape() as outer:
        with ad.GradientTape() as inner:
            y = x * x
        pulled = inner.gradient(y, x, output_gradients=w.value())
        total = ad.reduce_sum(pulled)
    close(outer.gradient(total, w), [2, 4])


def test_second_order_through_arrays_and_broadcasting():
    x = ad.Variable([[1.0, 2.0], [3.0, 4.0]], dtype="float64")
    b = ad.Variable([1.0, -1.0], dtype="float64")
    with ad.GradientTape() as outer:
        with ad.GradientTape() as inner:
            y = ad.reduce_sum(ad.matmul(x, x * b) ** 2)
        g = inner.gradient(y, [x, b])
        total = ad.reduce_sum(g[0] * g[0]) + ad.reduce_sum(g[1])
    hx, hb = outer.gradient(total, [x, b])

    def first(xa, ba):
        with ad.GradientTape() as tape:
            tx, tb = ad.constant(xa), ad.constant(ba)
            tape.watch([tx, tb])
            y = ad.reduce_sum(ad.matmul(tx, tx * tb) ** 2)
        gx, gb = tape.gradient(y, [tx, tb])
        return float(ad.reduce_sum(gx * gx) + ad.reduce_sum(gb))

    h = 1e-5
    for array, got, at in ((x.numpy(), hx, 0), (b.numpy(), hb, 1)):
        for i in np.ndindex(array.shape):
            d = np.zeros_like(array)
            d[i] = h
            up, down = [first(*[a + s * d * (k == at) if k == at else a for k, a in enumerate((x.numpy(), b.numpy()))]) for s in (1, -1)]
            assert got.numpy()[i] == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=0)


# -------------------------------------------------------------------------------------------------------------- the context
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


# ------------------------------------------------------------------------------------------------------------------- errors
def test_a_second_gradient_of_a_tape_that_is_not_persistent():
    x = ad.Variable(3.0)
    with ad.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(RuntimeError) as info:
        tape.gradient(y, x)
    assert str(info.value) == ("A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians); "
                               "make it GradientTape(persistent=True) to ask again")  # fmt: skip


def test_a_tape_never_entered():
    with pytest.raises(RuntimeError) as info:
        ad.GradientTape().gradient(ad.constant(1.0), ad.constant(1.0))
    assert str(info.value) == ("A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians): "
                               "this one recorded nothing; compute inside `with GradientTape() as tape:` first")  # fmt: skip
    with pytest.raises(RuntimeError, match="^Trying to stop recording a tape which is not recording.$"):
        with ad.GradientTape().stop_recording():
            pass


def test_entering_twice_stopping_and_resetting_when_not_recording():
    with ad.GradientTape() as tape:
        with pytest.raises(ValueError, match="Tape is still recording, This can happen if you try to re-enter an already-active"):
            tape.__enter__()
    for use in (tape.reset, tape.stop_recording):
        with pytest.raises(ValueError, match="^Tape is not recording.$"):
            use()


def test_targets_and_sources_that_are_no_tensors():
    x = ad.Variable(3.0)
    with ad.GradientTape(persistent=True) as tape:
        y = x * x
    with pytest.raises(TypeError, match="Argument `target` should be a list or nested structure of Tensors"):
        tape.gradient(None, x)
    with pytest.raises(TypeError, match="sources is None"):
        tape.gradient(y, None)
    with pytest.raises(TypeError) as info:
        tape.gradient(9.0, x)
    assert str(info.value) == "gradient: target holds 9.0 of type 'float', expected tensors or variables"
    with pytest.raises(TypeError) as info:
        tape.gradient(y, [x, np.float64(2.0)])
    assert str(info.value) == (f"gradient: sources holds {np.float64(2.0)!r} of type 'float64', expected tensors or variables; make it a "
                               "Variable, or a constant that the tape watches, before computing")  # fmt: skip
    assert float(tape.gradient(y, x)) == 6.0


@pytest.mark.parametrize("ask, text", [
    (lambda tape, x, y: tape.value(3.0), "value: target holds 3.0 of type 'float', expected tensors or variables"),
    (lambda tape, x, y: tape.value([y, "a"]), "value: target holds 'a' of type 'str', expected tensors or variables"),
    (lambda tape, x, y: tape.value(None), "value: Argument `target` should be a list or nested structure of Tensors or Variables, but received None."),
    (lambda tape, x, y: tape.jacobian(3.0, x), "jacobian: target holds 3.0 of type 'float', expected tensors or variables"),
    (lambda tape, x, y: tape.jacobian(y, [x, 2.0]), "jacobian: sources holds 2.0 of type 'float', expected tensors or variables; make it a "
                                                    "Variable, or a constant that the tape watches, before computing"),
    (lambda tape, x, y: tape.jacobian(y, None), "jacobian: sources holds None of type 'NoneType', expected tensors or variables; make it a "
                                                "Variable, or a constant that the tape watches, before computing"),
    (lambda tape, x, y: tape.batch_jacobian(np.ones((2, 2)), x), "batch_jacobian: target holds array([[1., 1.], [1., 1.]]) of type 'ndarray', "
                                                                 "expected tensors or variables"),
    (lambda tape, x, y: tape.batch_jacobian(y, None), "batch_jacobian: source holds None of type 'NoneType', expected tensors or variables"),
])  # fmt: skip
def test_other_methods_name_themselves(ask, text):
    x = ad.Variable(3.0)
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = x * x
    with pytest.raises(TypeError) as info:
        ask(tape, x, y)
    assert str(info.value) == text


def test_watching_what_cannot_be_watched():
    with ad.GradientTape() as tape:
        with pytest.raises(ValueError) as info:
            tape.watch(np.array(1.0))
        assert str(info.value) == "Passed in object array(1.) of type 'ndarray', not ad.Tensor or ad.Variable."
        tape.watch([ad.constant(1), ad.constant(1.0)])
    with pytest.raises(RuntimeError, match="watch: the tape does not record yet; enter it first"):
        ad.GradientTape().watch(ad.constant(1.0))


def test_watching_an_integer_warns_five_times():
    code = "import autodiff as ad\nwith ad.GradientTape() as t:\n  for _ in range(9): t.watch(ad.constant(1))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["The dtype of the watched tensor must be floating (e.g. ad.float32), got ad.int32"] * 5


# ---------------------------------------------------------------------------------------------------------------------- why
def test_why_says_in_a_sentence_what_breaks_the_way():
    x, c, frozen, unread = ad.Variable(2.0), ad.constant(3.0), ad.Variable(1.0, trainable=False), ad.Variable(1.0)
    with ad.GradientTape(persistent=True) as tape:
        y = x * c * frozen
        n = ad.cast(y, "int32")
        through = ad.constant((x * 2).numpy()) * 3
        aside = x * 1.0
        other = x * x
    for target, source, words in [
        (y, x, "The gradient is connected"),
        (y, c, "The source was not watched: it is a plain tensor"),
        (y, frozen, "a variable with trainable=False"),
        (y, unread, "was never read while the tape recorded"),
        (n, x, "The target has dtype int32: only floating tensors have gradients."),
        (through, x, "the result of mul left the tape through numpy()"),
        (3.0, x, "The target is no tensor but 3.0"),
        (other, aside, "does not depend on the source"),
    ]:
        assert words in tape.why(target, source), tape.why(target, source)
    del tape
    with ad.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    assert tape.why(y, x).startswith("The tape holds no record: it was never entered, or it is not persistent")


def test_a_tape_in_the_memory_of_another_is_a_new_one():
    def used(n, **options):
        x, tapes = ad.Variable(3.0), [ad.GradientTape(**options) for _ in range(n)]
        for tape in tapes:
            with tape:
                y = x * x
            assert float(tape.gradient(y, x)) == 6.0 and tape.watched_variables() == (x,)
        return weakref.ref(x)

    for options in ({}, {"persistent": True}, {"watch_accessed_variables": True, "stabilize": True}):
        gone = used(40, **options)                          # more than are kept
        assert gone() is None
        ad.GradientTape(watch_accessed_variables=False)
        tapes = [ad.GradientTape() for _ in range(40)]
        assert all(tape.watched_variables() == () and not tape.persistent and not tape.stabilize for tape in tapes)
        with pytest.raises(RuntimeError, match="recorded nothing"):
            tapes[0].gradient(ad.constant(1.0), [])
        with pytest.raises(KeyError):                       # a tape that dies on the way of an exception leaves it as it is
            with ad.GradientTape():
                raise KeyError(ad.Variable(1.0) * 2)

    class Own(ad.GradientTape):
        pass

    with Own() as tape:
        y = ad.Variable(2.0) * 1
    assert type(tape) is Own and type(ad.GradientTape()) is ad.GradientTape


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
