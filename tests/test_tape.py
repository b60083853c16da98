"""GradientTape gives the gradients that TensorFlow's gives: of what, by what, of which order."""


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
    close(tape.gradient([y, z], x, output_gradients=[None, [3.0, 0.0, 1.0]]), [8, 4, 8])            # ones, as in TensorFlow
    close(tape.gradient({"y": y, "z": z}, x, output_gradients={"y": np.array([0.0, 1.0, 0.0]), "z": None}), [2, 6, 2])
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


def test_a_tape_does_not_watch_what_a_tape_inside_has_watched():
    v, x = ad.Variable(2.0), ad.constant(3.0)
    with ad.GradientTape(watch_accessed_variables=False) as outer:
        outer.watch(x)
        with ad.GradientTape() as inner:
            y = x * v
        slope = inner.gradient(y, v)
    assert outer.watched_variables() == () and float(outer.gradient(slope, x)) == 1.0
    assert outer.watched_variables() == () and len(inner.watched_variables()) == 1


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
