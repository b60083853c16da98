"""The methods of NumPy's arrays that tensors and variables have: NumPy's values, the gradients of NumPy's functions, and x @ A @ x."""

import warnings

import numpy as np
import pytest

import autodiff as ad

METHODS = """x.T|x.sum()|x.sum(0)|x.sum(axis=(0, 1), keepdims=True)|x.sum(axis=-1, dtype="float64")|x.prod(1)|x.mean()|x.mean(axis=0, keepdims=True)|x.var()|x.std(axis=1, ddof=1)
x.max()|x.min(axis=1)|x.max(0, keepdims=True)|x.cumsum(0)|x.cumprod(axis=1)|x.astype(float)|x.astype("float32").astype(np.float64)|x.clip(0.5, 1.0)|x.clip(max=1.0)
x.clip(min=0.7)|x.round(1)|x.conj()|x.dot(x.T)|x.dot(np.arange(3.0))|(x @ x.T).trace()|(x @ x.T).diagonal()|x.reshape(3, 2)|x.reshape((6,))|x.reshape(-1)
x.ravel()|x.flatten()|x.reshape(1, 2, 3).squeeze()|x.reshape(1, 2, 3).squeeze(0)|x.transpose()|x.transpose(1, 0)|x.transpose((1, 0))|x.swapaxes(0, 1)|x.repeat(2)
x.repeat(2, axis=1)|x.take([0, -1], axis=1)|x.take([1, 5])|x.compress([True, False, True], axis=1)|x.copy()|x[0] @ x.T @ x @ x[1]|x[0] @ x[1]|x @ x[0]
x[0] @ [1.0, 2.0, 3.0]|np.arange(2.0) @ x|x.reshape(2, 3, 1) @ x[0, :1]|x[0] @ np.ones((4, 3, 2))""".replace("\n", "|").split("|")
OF_VALUES = """x.size|x.itemsize|x.nbytes|x.item(4)|x.item(-1)|x.item(1, 2)|x[:1, :1].item()|x[0, 0].item()|x.tolist()|x[0, 0].tolist()|x.argmax()|x.argmin(axis=0)|x.argsort()
x.nonzero()|x[0].searchsorted([0.1, 2.0])|(x > 1).all()|(x > 1).any(axis=0)|(x > 1).sum()|(x > 1).mean()|(x > 1).item(0)|x.astype(int)|x.astype(int).item(3)
x.astype(int).sum(0)|x.astype(bool)|x.astype(int).tolist()""".replace("\n", "|").split("|")
X = np.array([[0.3, 1.2, 2.5], [0.9, 0.6, 4.1]])


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_numpys_function_and_records(method):
    def f(x):
        return eval(method, {"np": np, "x": x})

    def total(x):
        return np.sum(f(x) * np.cos(np.arange(f(x).size)).reshape(f(x).shape))

    want = f(X)
    for x in (ad.constant(X), ad.Variable(X)):
        got = f(x)
        assert type(got) is ad.Tensor and got.shape == want.shape and got.dtype == want.dtype
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-15)
    with warnings.catch_warnings():
        warnings.simplefilter("error")          # that it runs as written, or loses its gradient
        recorded = ad.function(ad.value_and_grad(total))
        for x in (ad.constant(X), ad.constant(X)):
            value, slope = recorded(x)
            eager = ad.value_and_grad(total)(x)
            assert value.numpy() == eager[0].numpy() and slope.numpy().tobytes() == eager[1].numpy().tobytes()
    h, along = 1e-6, np.cos(np.arange(6.0) + 1).reshape(2, 3)
    if "float32" not in method and "round" not in method:
        np.testing.assert_allclose(np.sum(slope.numpy() * along), (total(X + h * along) - total(X - h * along)) / (2 * h), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("method", OF_VALUES)
def test_what_has_no_gradient_is_numpys(method):
    want = eval(method, {"np": np, "x": X})
    for x in (ad.constant(X), ad.Variable(X)):
        got = eval(method, {"np": np, "x": x})
        if isinstance(want, (int, float, list)) or isinstance(want, np.ndarray) != isinstance(got, ad.Tensor):
            assert type(got) is type(want) or isinstance(want, np.generic)
        for a, b in zip(got, want) if isinstance(want, tuple) else [(got, want)]:
            np.testing.assert_array_equal(np.asarray(a), b)


def test_an_objective_of_numpy_runs_as_it_is():
    a = np.array([[3.0, 1.0, 0.0], [1.0, 4.0, 1.0], [0.0, 1.0, 5.0]])

    def objective(x):
        r = a @ x - 1.0
        return 0.5 * x @ a @ x + (r**2).sum() + ((x > 0) * x).mean() - x.T.dot(r) / x.size

    x0 = np.array([0.5, -1.0, 2.0])
    value, slope = ad.objective(objective, like=x0)(x0)
    assert value == pytest.approx(objective(x0), rel=1e-15)
    for k, e in enumerate(np.eye(3)):
        assert slope[k] == pytest.approx((objective(x0 + 1e-6 * e) - objective(x0 - 1e-6 * e)) / 2e-6, rel=1e-8)


def test_a_number_takes_the_dtype_of_what_it_is_multiplied_by():
    x = ad.constant([1.0, 2.0])
    for got in (np.dot(x, 0.1), np.dot(0.1, x), x.dot(0.1), x.dot(np.float64(0.1))):
        assert got.dtype == ad.float32 and got.numpy().tolist() == (x * 0.1).numpy().tolist()


def test_a_branch_on_an_item_is_recorded():
    @ad.function
    def f(x):
        while x.max().item() > 1.0:
            x = x / 2.0
        return x.sum() if x[0].item() > 0 else -x.sum()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x in ([1.0, 7.0], [-3.0, 2.0], [1.0, 7.0], [100.0, 2.0]):
            want = np.array(x)
            while want.max() > 1:
                want /= 2
            assert float(f(ad.constant(x, ad.float64))) == (want.sum() if want[0] > 0 else -want.sum())


def test_a_value_that_leaves_loses_its_gradient_aloud():
    x = ad.constant(X)
    for leave, name in ((lambda: x[0].tolist(), "tolist"), (lambda: x[0, 0].item(), "item")):
        with ad.GradientTape() as tape, pytest.warns(UserWarning, match=name):
            tape.watch(x)
            leave()


def test_an_array_whose_dot_asks_no_tensor_says_what_would():
    x = ad.constant(X[0])
    with ad.GradientTape() as tape, pytest.warns(UserWarning, match=r"Stay with tensors \(a @ t for a.dot\(t\)"):
        tape.watch(x)
        X.dot(x)


@pytest.mark.parametrize("use, kind, text", [
    (lambda x: x.item(), ValueError, "item: can only convert a tensor of one element to a Python number, got shape (2, 3); "
     "expected the element's place too, or take tolist()"),
    (lambda x: x.item(6), IndexError, None), (lambda x: x.item(1, 3), IndexError, None), (lambda x: x.reshape(4, 2), ValueError, None),
    (lambda x: x.sum(axis=2), ValueError, "reduce_sum: axis 2 is out of range for rank 2: expected -2 to 1"),
    (lambda x: x[:0].max(), ValueError, None), (lambda x: x.sum(0, axis=0), TypeError, None), (lambda x: x.sum(rows=0), TypeError, None),
    (lambda x: x.astype("complex128"), TypeError, None), (lambda x: x.dot(x), ValueError, None), (lambda x: x.fill(0), AttributeError, None),
    (lambda x: x @ x[0, :2], ValueError, "matmul: (2, 3) @ (2,): the inner sizes 3 and 2 differ"), (lambda x: x[0] @ None, TypeError, None),
])  # fmt: skip
def test_what_numpy_refuses_is_refused(use, kind, text):
    for x in (ad.constant(X), ad.Variable(X)):
        with pytest.raises(kind) as info:
            use(x)
        assert text is None or str(info.value) == text


def test_laws_of_stabilisation_know_the_methods():
    x = ad.constant([1000.0, 1001.0])
    for f in (lambda x: np.log(np.exp(x).sum()), lambda x: np.log(np.exp(x).sum(axis=0)), lambda x: np.log(np.exp(x).sum(0))):
        with ad.GradientTape(stabilize=True) as tape:
            tape.watch(x)
            y = f(x)
        assert float(y) == float(ad.function(f, stabilize=True)(x)) == pytest.approx(1001.3132617, rel=1e-7)
        assert tape.gradient(y, x).numpy() == pytest.approx([0.26894142, 0.73105858], rel=1e-6)
