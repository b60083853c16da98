"""What variables start from."""

import pickle

import numpy as np
import pytest

import autodiff as ad


def test_they_make_what_variables_start_from():
    assert ad.Variable(ad.zeros_initializer()(shape=[2], dtype=ad.float64)).numpy().tolist() == [0, 0]
    assert ad.ones_initializer()((2, 1)).numpy().tolist() == [[1], [1]]
    assert ad.constant_initializer(2)((3,), dtype="float64").numpy().tolist() == [2, 2, 2]
    assert ad.constant_initializer([1, 2, 3])([3]).dtype == "int32" and ad.constant_initializer([1.5, 2.5])((2, 1)).numpy().tolist() == [[1.5], [2.5]]
    for init, mean, deviation in ((ad.random_normal_initializer(1.0, 2.0, seed=3), 1, 2), (ad.random_uniform_initializer(-1.0, 3.0, seed=3), 1, 4 / 12**0.5)):
        x = init(shape=(50_000,), dtype="float64").numpy()
        assert x.dtype == "float64" and x.mean() == pytest.approx(mean, abs=0.05) and x.std() == pytest.approx(deviation, rel=0.02)
        assert (init((3,)) != init((3,))).numpy().all() and init((0, 2)).shape == (0, 2)


def test_they_travel():
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ad.constant_initializer(3.0)))((2,)).numpy(), [3.0, 3.0])


@pytest.mark.parametrize("call, error, text", [(lambda: ad.constant_initializer([1, 2, 3])((2,)), ValueError, "a tensor of shape .3,. has 3 elements"),
                                               (lambda: ad.random_normal_initializer()((2,), "int32"), TypeError, "random.normal: got int32"),
                                               (lambda: ad.ones_initializer()((2,), dtpye="int32"), TypeError, "unexpected keyword argument 'dtpye'"),
                                               (lambda: ad.zeros_initializer()((-1,)), ValueError, "zeros: shape .-1,. has a negative size")])  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error, match=text):
        call()
