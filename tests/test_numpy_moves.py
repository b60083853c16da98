"""NumPy's functions that put elements elsewhere: NumPy's values, dtypes and shapes, and the gradients of differences."""

import warnings

import numpy as np
import pytest
from numpy_agreement import check

import autodiff as ad

X = np.array([0.3, 1.2, 2.0, -0.7])
M = np.array([[0.3, 1.2, -2.0], [1.7, -0.4, 0.9], [0.2, 0.8, 1.1]])
B = np.array([[1.0, 2.0, 0.5], [0.3, -1.0, 4.0]])
PLACES = np.array([[0, 2], [-1, 1], [1, 0]])
CASES = """np.insert(X, 1, 5.0)|np.insert(X, [1, 3], X[:2])|np.insert(M, 1, X[:3], axis=1)|np.insert(M, slice(0, 2), 3.0, axis=0)|np.insert(M, 1, 2.0)|np.insert(X, 0, 1)
np.delete(X, 1)|np.delete(M, [0, 2], axis=1)|np.resize(X, (3, 3))|np.rollaxis(M, 1)|np.rot90(M)|np.rot90(M, 2)|np.take_along_axis(M, PLACES, axis=1)
np.take_along_axis(M, PLACES.T, 0)|np.take_along_axis(M, np.arange(3), None)|np.array_split(X, 3)[0]|np.hsplit(M, 3)[1]|np.vsplit(M, [1])[1]|np.dstack([X, X * 2])
np.dstack((M, B[:1] * M))|np.block([[M, M[:, :1]], [B, B[:, :1]]])|np.broadcast_arrays(M, X[:3])[1]|np.compress([True, False, True], M, axis=1)
np.tile(X, (2, 2))|np.tile(M, 2)|np.expand_dims(X, (0, 2))|np.reshape(M, (3, -1), order="F")|np.ravel(M, "F")|np.roll(M, (1, 2), axis=0)|np.diagonal(np.dstack([M, M]), 0, 1, 2)
np.lib.stride_tricks.sliding_window_view(X, 2)|np.take(X, [1, 0, -1])|np.take(M, np.array([2, 0], np.uint8), 1)|np.take_along_axis(M, PLACES.astype("int16"), 1)|np.take(X, [9, -7], mode="wrap")|np.take(M, [9, -7], 1, mode="clip")|np.pad(M, 1, "edge")|np.pad(X, (2, 5), "wrap")|np.pad(X, 7, "reflect")|np.take(M, 5)|np.sort(M, axis=None)|np.split(M, [3, 1])[0]|np.moveaxis(np.dstack([M, X[:3] * M]), [0, 1], [-1, 0])
np.swapaxes(np.dstack([M, M]), 0, -1)|np.extract([True, False, True, True], X)|np.dsplit(np.dstack([M, M]), 2)[1]""".replace("\n", "|").split("|")


@pytest.mark.parametrize("case", CASES)
def test_it_is_what_numpy_gives_with_its_gradient(case):
    check(case, X, M, {"B": B, "PLACES": PLACES})


def test_a_condition_that_is_a_tensor_picks():
    x = ad.Variable(X)
    with ad.GradientTape() as tape:
        y = np.extract(x > 0, x * x)
    assert tape.gradient(y, x).numpy().tolist() == [0.6, 2.4, 4.0, 0.0]


def test_places_that_are_computed_are_recorded():
    take = ad.function(lambda x: np.take(x, ad.argsort(x) - 1))
    for x in (X, X[::-1].copy()):
        assert take(x).numpy().tolist() == np.take(x, np.argsort(x) - 1).tolist()


def test_what_is_broadcast_keeps_its_dtype():
    x, one = np.broadcast_arrays(ad.constant([1.5, 2.5], "float32"), 1)
    assert (x.dtype, one.dtype) == ("float32", "int64") and one.numpy().tolist() == [1, 1]


def test_what_is_no_number_is_broadcast_by_numpy():
    x, width, none, text = np.broadcast_arrays(ad.constant([1.5, 2.5]), [0.8], None, "/")
    assert x.tolist() == [1.5, 2.5] and width.tolist() == [0.8, 0.8] and none.tolist() == [None, None] and text.tolist() == ["/", "/"]


def test_nothing_is_filled_up_with_0():
    assert np.resize(ad.zeros(0), 3).numpy().tolist() == [0, 0, 0] and np.resize(ad.ones(2), 0).shape == (0,)


def test_values_take_the_dtype_of_the_array_that_they_are_inserted_in():
    assert np.insert(ad.constant([1, 2]), 1, ad.constant(7.9)).numpy().tolist() == [1, 7, 2]


@pytest.mark.parametrize("case", ["np.insert(X, 9, 1.0)", "np.delete(X, 9)", "np.rot90(X)", "np.insert(X, X, 1.0)", "np.dsplit(M, 2)", "np.take_along_axis(M, M, 0)",
                                  "np.take_along_axis(M, [[0]], 5)", "np.moveaxis(M, 0, 5)", "np.moveaxis(M, -3, 0)", "np.swapaxes(M, 0, 5)", "np.diag(M[:, None])", "np.partition(X, 9)"])
def test_what_numpy_refuses_is_refused_as_numpy_does(case):
    kinds = []
    for x, m in ((X, M), (ad.constant(X), ad.constant(M))):
        with warnings.catch_warnings(), pytest.raises((ValueError, IndexError, TypeError)) as caught:
            warnings.simplefilter("ignore")
            eval(case, {"np": np, "X": x, "M": m})
        kinds.append(caught.type)
    assert kinds[0] is kinds[1]
