"""Python and NumPy called from functions."""

import numpy as np
import pytest
from differences import check_gradients

import autodiff as ad


def test_python_is_called_with_tensors_and_recorded():
    check_gradients(lambda x: ad.py_function(lambda t: ad.sin(t) * t, [x], ad.float64), np.array([0.3, 1.2]))
    a, b = ad.py_function(lambda t, k: [t * k, t.shape[0]], [ad.ones(3), 2.0], [ad.float32, ad.int32])
    assert a.numpy().tolist() == [2, 2, 2] and b.dtype == "int32" and int(b) == 3
    assert ad.py_function(lambda: None, [], []) == [] and ad.py_function(lambda: 3, (), ad.TensorSpec([], "float64")).dtype == "float64"


def test_numpy_is_called_with_arrays_and_not_followed():
    x = ad.Variable([1.0, 2.0])
    seen = []
    with ad.GradientTape() as tape:
        y = ad.numpy_function(lambda a: (seen.append(type(a)), np.sinh(a))[1], [x], ad.float32)
    np.testing.assert_allclose(y.numpy(), np.sinh([1.0, 2.0]), rtol=1e-6)
    assert seen == [np.ndarray] and tape.gradient(y, x) is None


@pytest.mark.parametrize("call", [ad.py_function, ad.numpy_function])
def test_it_is_called_at_every_call_of_a_function(call):
    count = []
    with pytest.warns(UserWarning, match=f"calls Python by {call.__name__}.*runs as written"):
        f = ad.function(lambda x: call(lambda t: (count.append(1), t * len(count))[1], [x], ad.float32))
        assert [float(f(1.0)) for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("arguments, error, text", [((lambda t: t, 1.0, "float32"), TypeError, "inp must be a list of the arguments, got 1.0"),
                                                    ((3, [1.0], "float32"), TypeError, "expected a function, got 3"),
                                                    ((lambda t: [t, t], [1.0], ["float32"]), TypeError, "the function gave 2 results, Tout has 1 dtypes"),
                                                    ((lambda t: ad.constant(1), [1.0], "float32"), ValueError, "requested dtype float32"),
                                                    ((lambda t: None, [1.0], "float32"), ValueError, "None"),
                                                    ((lambda t: t, [1.0], "string"), TypeError, "string")])  # fmt: skip
@pytest.mark.parametrize("call", [ad.py_function, ad.numpy_function])
def test_misuse_is_said(call, arguments, error, text):
    with pytest.raises(error, match=text):
        call(*arguments)
