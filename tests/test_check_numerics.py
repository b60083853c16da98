"""Finding the first number that is not finite: on the way forward, in the target, on the way back."""

import re

import numpy as np
import pytest

import autodiff as ad
from autodiff import errors


@pytest.fixture
def checking():
    ad.debugging.enable_check_numerics()
    yield
    ad.debugging.disable_check_numerics()


def line_of(function, offset=1):
    return f"{__file__}:{function.__code__.co_firstlineno + offset}"[-45:]


def overflowing(x):
    return ad.math.log(1 + ad.exp(x))


def test_the_first_operation_of_the_forward_pass(checking):
    x = ad.Variable(100.0)
    with pytest.raises(errors.InvalidArgumentError) as told:
        with ad.GradientTape():
            overflowing(x)
    text = str(told.value)
    assert '!!! Detected Infinity or NaN in output 0 of eagerly-executing op "Exp" (# of outputs: 1) !!!' in text
    assert "  dtype: float32\n  shape: ()\n  # of +Inf elements: 1\n\n  Input tensor: 100.0, shape=(), dtype=float32" in text
    assert line_of(overflowing) + ": return ad.math.log(1 + ad.exp(x))" in text
    assert text.endswith(" : Tensor had +Inf values")


@pytest.mark.parametrize("f, op", [(lambda: ad.constant([1.0, -1.0]) / 0.0, "Div"), (lambda: ad.sqrt(-1.0), "Sqrt"),
                                   (lambda: ad.matmul([[1e30]], [[1e30]]), "Matmul"), (lambda: ad.reduce_sum([3e38, 3e38]), "ReduceSum"),
                                   (lambda: ad.math.log(0.0), "Log"), (lambda: ad.math.reduce_std([np.inf, 1.0]), "ReduceStd")])  # fmt: skip
def test_without_a_tape_too(f, op, checking):
    with pytest.raises(errors.InvalidArgumentError, match=f'op "{op}"'):
        f()


@pytest.mark.parametrize("pool", [lambda x: ad.nn.max_pool2d(x, 3, 2, "SAME"), lambda x: ad.nn.pool(x, [2, 2], "MAX", padding="SAME")])
def test_the_padding_of_a_pool_is_no_result(pool, checking):
    x = ad.constant(np.random.default_rng(0).normal(size=(1, 4, 5, 1)))
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = ad.reduce_sum(pool(x))
    assert np.isfinite(tape.gradient(y, x).numpy()).all()
    with pytest.raises(errors.InvalidArgumentError):
        pool(ad.constant(np.full((1, 4, 5, 1), np.inf)))
    with pytest.raises(errors.InvalidArgumentError, match='op "Log"'):                  # the next operation is looked at again
        ad.math.log(0.0)


def test_the_first_cotangent(checking):
    x = ad.Variable([0.0, 4.0])
    with ad.GradientTape(persistent=True) as tape:
        y = ad.reduce_sum(ad.sqrt(x) * 2.0)
    with pytest.raises(errors.InvalidArgumentError) as told:
        tape.gradient(y, x)
    text = str(told.value)
    assert 'eagerly-executing op "SqrtGrad"' in text and "# of +Inf elements: 1" in text
    assert re.search(r"The operation was recorded at .*test_check_numerics.py:\d+: y = ad.reduce_sum\(ad.sqrt\(x\) \* 2.0\)", text)
    ad.debugging.disable_check_numerics()
    assert np.isinf(tape.gradient(y, x).numpy()[0])


def test_the_target_itself():
    x = ad.Variable(100.0)
    with ad.GradientTape() as tape:
        y = overflowing(x)
    ad.debugging.enable_check_numerics()
    try:
        with pytest.raises(errors.InvalidArgumentError, match='op "Gradient"'):
            tape.gradient(y, x)
    finally:
        ad.debugging.disable_check_numerics()


def test_what_is_finite_has_the_same_bits(checking):
    x = ad.Variable(np.linspace(0.1, 3, 50))
    with ad.GradientTape() as tape:
        y = ad.reduce_sum(ad.norm(x) * ad.nn.softmax(x) * ad.math.log(x))
    checked = tape.gradient(y, x).numpy()
    ad.debugging.disable_check_numerics()
    with ad.GradientTape() as tape:
        y = ad.reduce_sum(ad.norm(x) * ad.nn.softmax(x) * ad.math.log(x))
    np.testing.assert_allclose(checked, tape.gradient(y, x).numpy(), rtol=1e-13)


def test_paths_and_frames_are_limited():
    def deep(n):
        return ad.exp(1000.0) if n == 0 else deep(n - 1)

    ad.debugging.enable_check_numerics(stack_height_limit=3, path_length_limit=12)
    try:
        with pytest.raises(errors.InvalidArgumentError) as told:
            deep(10)
    finally:
        ad.debugging.disable_check_numerics()
    frames = [line for line in str(told.value).splitlines() if re.match(r"    \S", line)]
    assert len(frames) == 3 and all(line.startswith("    ..._numerics.py:") for line in frames)


def test_one_tensor_and_the_cotangent_that_comes_back():
    x = ad.Variable([1.0, 2.0])
    with ad.GradientTape(persistent=True) as tape:
        y = ad.debugging.check_numerics(x * 2.0, "here") * 3.0
    assert tape.gradient(y, x).numpy().tolist() == [6.0, 6.0]
    with pytest.raises(errors.InvalidArgumentError, match=r"values detected in gradient. here : Tensor had Inf values"):
        tape.gradient(y, x, output_gradients=ad.constant([1.0, np.inf]))
    with pytest.raises(errors.InvalidArgumentError, match="check_numerics: loss : Tensor had Inf and NaN values"):
        ad.debugging.check_numerics([np.nan, np.inf], "loss")


def test_traced_functions_run_as_written_meanwhile():
    f = ad.function(overflowing)
    assert f(ad.constant(1.0)).numpy() > 1 and np.isinf(f(ad.constant(100.0)).numpy())
    ad.debugging.enable_check_numerics()
    try:
        for x in (ad.constant(100.0), np.float32(100.0), ad.Variable(100.0)):
            with pytest.raises(errors.InvalidArgumentError) as told:
                f(x)
            assert line_of(overflowing) in str(told.value)
        assert f(ad.constant(1.0)).numpy() > 1
    finally:
        ad.debugging.disable_check_numerics()
    assert np.isinf(f(ad.constant(100.0)).numpy())


@pytest.mark.parametrize("backward", [lambda g: g / 0.0, lambda g: ad.constant([np.nan, 1.0])])
def test_what_a_custom_gradient_gives(backward, checking):
    v = ad.Variable([1.0, 4.0])
    with ad.GradientTape() as tape:
        y = ad.custom_gradient(lambda x: (x * 1.0, backward))(v)
    with pytest.raises(errors.InvalidArgumentError, match='op "CustomGradientGrad"(.|\n)*0: .1. 4.(.|\n)*1: .1. 1.'):
        tape.gradient(y, v)
