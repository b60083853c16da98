"""The recorded program as Python sees it: running it again gives the values that were recorded."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import _core, ops


def test_running_a_listing_again_gives_the_recorded_values():
    rng = np.random.default_rng(0)
    x, w = ad.Variable(rng.normal(size=(3, 4))), ad.Variable(rng.normal(size=(4, 2)))
    with ad.GradientTape(persistent=True) as tape:
        h = ad.tanh(ad.matmul(x, w))
        y = ad.reduce_sum(ad.concat([h[:, ::-1], ad.exp(h)], axis=1) * ad.reduce_std(x), axis=0)
    values = []
    for k, i in enumerate(_core.listing(tape)):
        assert i.index == k and all(o < k for o in i.operands)
        if i.row == "leaf":
            values.append(i.value)
        elif i.row == "alias":
            values.append(values[i.operands[0]])
        else:
            values.append(i.row(*[values[o] for o in i.operands], **i.attrs))
        np.testing.assert_array_equal(values[k].numpy(), i.value.numpy())
        assert values[k].dtype == i.dtype
    assert _core.slot(tape, y) == len(values) - 1
    np.testing.assert_array_equal(values[-1].numpy(), y.numpy())


def test_attributes_have_their_names_and_tuples():
    x = ad.Variable(np.zeros((2, 3, 4)))
    with ad.GradientTape() as tape:
        y = ad.reduce_sum(x, axis=[0, 2])
    last = _core.instruction(tape, _core.slot(tape, y))
    assert last.row is ops.reduce_sum and last.attrs == {"axes": (0, 2), "keepdims": 0}


def test_it_tells_what_the_tape_sees_and_what_was_lost():
    a, b = ad.constant(2.0), ad.Variable(3.0)
    with ad.GradientTape() as outer:
        c = b * 2
        with ad.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(a)
            d = c * a
            c.numpy()
    inner = {_core.slot(tape, t): _core.instruction(tape, _core.slot(tape, t)).seen for t in (a, c, d)}
    assert list(inner.values()) == [True, False, True]
    assert _core.instruction(outer, _core.slot(outer, c)).seen
    assert _core.instruction(tape, _core.slot(tape, c)).lost and not _core.instruction(tape, _core.slot(tape, d)).lost
    assert _core.source_slots(tape, [a, b]) == [_core.slot(tape, a), None]


def test_calls_name_the_function_and_their_results_follow():
    @ad.custom_gradient
    def double(x):
        return 2 * x, lambda g: 2 * g

    x = ad.Variable(1.0)
    with ad.GradientTape() as tape:
        y = double(x)
    result = _core.instruction(tape, _core.slot(tape, y))
    call = _core.instruction(tape, result.operands[0])
    assert (call.row, result.row, result.attrs) == ("call", "result", {"which": 0})
    assert call.value is None and callable(call.attrs["function"]) and call.index == result.index - 1


def test_a_tape_without_a_record_says_so():
    tape = ad.GradientTape()
    with pytest.raises(ad.errors.TapeError):
        _core.listing(tape)
    with tape:
        y = ad.Variable(1.0) * 2
    with pytest.raises(IndexError, match="slot 99"):
        _core.instruction(tape, 99)
    tape.gradient(y, y)
    with pytest.raises(ad.errors.TapeError):
        _core.slot(tape, y)


@pytest.mark.parametrize("f", [ops.div, ops.sub, ops.pow], ids=lambda f: f.name)
def test_a_loop_that_only_adds_up_the_share_of_a_number_is_shown(f):
    """No result of it is an array: div(x, c) by c is a number, summed as it is computed."""
    slope = ad.function(ad.grad(lambda c, x, w: ad.reduce_sum(ad.linalg.matvec(w, f(x, c)))))
    arguments = np.float64(2.0), np.arange(1.0, 4.0), np.ones((2, 3))
    slope(*arguments)
    assert str(slope.program(*arguments)).count("one loop over (3,):") == 2
