"""The plain sweep against the precise replay of the same program: library functions where it is hardest for them."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import autodiff as ad

EPS = np.finfo(np.float64).eps
LOGITS = st.lists(st.floats(-800, 800).filter(lambda x: x == 0 or abs(x) > 1e-200), min_size=2, max_size=6)
# fmt: off
SATURATED = {       # function: how many units in the last place of the largest element of a gradient an element may be off
    "logsumexp":        (lambda x: ad.reduce_logsumexp(x), 16),
    "softmax, first":   (lambda x: ad.nn.softmax(x)[0], 64),
    "log_softmax":      (lambda x: ad.nn.log_softmax(x)[-1], 16),
    "cumulative lse":   (lambda x: ad.reduce_sum(ad.math.cumulative_logsumexp(x)), 64),
    "norm":             (lambda x: ad.norm(x), 16),
    "cross entropy":    (lambda x: ad.nn.sparse_softmax_cross_entropy_with_logits(labels=[0], logits=x[None])[0], 16),
}
# fmt: on


def both(f, x):
    """(value, gradient), plain and replayed."""
    results = []
    for precise in (False, True):
        v = ad.Variable(x)
        with ad.GradientTape(persistent=True, precise=precise) as tape:
            y = f(v)
        results.append((float(tape.value(y) if precise else y), tape.gradient(y, v).numpy()))
    return results


@pytest.mark.parametrize("name", SATURATED)
@settings(max_examples=30, deadline=None)
@given(x=LOGITS)
@example(x=[800.0, 0.0, -800.0])
@example(x=[0.0, 0.0])
@example(x=[40.0, -40.0, 3.0])
def test_the_softmax_family_is_right_in_every_tail(name, x):
    f, ulps = SATURATED[name]
    (value, gradient), (exact_value, exact) = both(f, np.array(x))
    assert value == pytest.approx(exact_value, rel=16 * EPS, abs=16 * EPS * max(abs(v) for v in x) + 1e-300)
    np.testing.assert_allclose(gradient, exact, rtol=ulps * EPS * (1 + max(abs(v) for v in x)), atol=1e-300)


@settings(max_examples=40, deadline=None)
@given(x=st.lists(st.floats(-1e3, 1e3).filter(lambda x: x == 0 or abs(x) > 1e-60), min_size=1, max_size=5), axis=st.booleans())
def test_products_have_gradients_without_division(x, axis):
    (_, gradient), (_, exact) = both(lambda v: ad.reduce_prod(v) if axis else ad.reduce_sum(ad.math.cumprod(v)), np.array(x))
    np.testing.assert_allclose(gradient, exact, rtol=64 * EPS, atol=64 * EPS * np.abs(exact).max())


@settings(max_examples=40, deadline=None)
@given(x=st.lists(st.floats(-1, 1), min_size=2, max_size=6), shift=st.sampled_from([0.0, 1e3, 1e8]),
       scale=st.sampled_from([1e-150, 1.0, 1e150]))  # fmt: skip
def test_deviations_are_right_beside_a_large_mean(x, shift, scale):
    x = (np.array(x) + shift) * scale
    (value, gradient), (exact_value, exact) = both(lambda v: ad.math.reduce_std(v), x)
    spread = x.max() - x.min()
    if spread > 1e-4 * scale:
        assert value == pytest.approx(exact_value, rel=64 * EPS * (1 + shift * scale / spread))
        np.testing.assert_allclose(gradient, exact, atol=64 * EPS * (1 + shift * scale / spread))
