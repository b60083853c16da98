"""A call of NumPy's on tensors held against the same call on arrays."""

import warnings

import numpy as np
from differences import check_gradients

import autodiff as ad


def check(case, X, M, names=(), dtypes=True, replay=True):
    """Assert that an expression of X and M has NumPy's value, dtype and shape on tensors, and the gradients of differences, and that it is
    recorded: also for other numbers.

    names   what else it is of
    dtypes  is it of NumPy's dtype for float32 too?
    """
    f = eval(f"lambda X, M: {case}", {"np": np, **dict(names)})
    want = f(X, M)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xs = ad.Variable(X), ad.Variable(M)
        with ad.GradientTape() as tape:
            got = f(*xs)
            y = ad.reduce_sum(got * np.cos(np.arange(got.shape.num_elements())).reshape(got.shape))
        assert tuple(got.shape) == np.shape(want) and got.dtype == want.dtype
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-13, atol=1e-14)
        assert got.shape.num_elements() == 0 or any(g is not None for g in tape.gradient(y, xs))
        if dtypes:
            assert f(*[x.astype("float32") for x in (X, M)]).dtype == f(*[ad.constant(x, "float32") for x in (X, M)]).dtype
        check_gradients(f, X, M)
        if replay:
            recorded = ad.function(lambda *xs: f(*xs))
            np.testing.assert_array_equal(recorded(X, M).numpy(), got.numpy())
            np.testing.assert_array_equal(recorded(X * 1.01, M * 0.99).numpy(), f(ad.constant(X * 1.01), ad.constant(M * 0.99)).numpy())


def agree_or_raise(case, given, **others):
    """The case of arrays and of tensors: the same numbers, or errors that who catches NumPy's would catch."""
    results = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for what in (given, {name: ad.constant(x) for name, x in given.items()}):
            try:
                results.append(np.asarray(eval(case, {"np": np, **what, **others}), float))
            except (TypeError, ValueError, IndexError, RuntimeError, ZeroDivisionError) as error:
                results.append(type(error))
    if isinstance(results[0], type):
        assert isinstance(results[1], type) and issubclass(results[1], results[0]), results
    else:
        np.testing.assert_allclose(results[1], results[0], rtol=1e-12)
