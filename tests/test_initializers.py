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


I = ad.initializers


@pytest.mark.parametrize("make, variance", [
    (I.GlorotUniform, 2 / (2700 + 90)), (I.GlorotNormal, 2 / (2700 + 90)), (I.HeNormal, 2 / 2700), (I.HeUniform, 2 / 2700), (I.LecunNormal, 1 / 2700),
    (I.LecunUniform, 1 / 2700), (lambda seed: I.VarianceScaling(3.0, "fan_out", "untruncated_normal", seed), 3 / 90)])  # fmt: skip
def test_variances_by_inputs_and_outputs(make, variance):
    """A kernel of 3 x 3 places, 300 inputs and 10 outputs."""
    x = make(seed=2)(shape=(3, 3, 300, 10), dtype="float64").numpy()
    assert x.var() == pytest.approx(variance, rel=0.05) and abs(x.mean()) < 0.05 * x.std()
    uniform = "Uniform" in getattr(make, "__name__", "")
    truncated = "Normal" in getattr(make, "__name__", "")
    if uniform or truncated:
        assert np.abs(x).max() <= np.sqrt(3 * variance) * (1 + 1e-12) if uniform else np.abs(x).max() < 2 * np.sqrt(variance) / 0.8796
    np.testing.assert_array_equal(x, make(seed=2)(shape=(3, 3, 300, 10), dtype="float64").numpy())


def test_a_vector_has_as_many_inputs_as_outputs_and_a_number_one():
    assert np.abs(I.GlorotUniform()((6,)).numpy()).max() <= np.sqrt(3 / 6) and abs(float(I.GlorotUniform()(()))) <= np.sqrt(3)
    assert I.HeNormal()((0, 4)).shape == (0, 4)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 2, 3), (4, 4)])
def test_orthogonal(shape):
    q = I.Orthogonal(2.0, seed=1)(shape, "float64").numpy()
    assert q.shape == shape
    q = q.reshape(-1, shape[-1])
    few = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(few, 4 * np.eye(len(few)), atol=1e-14)
    assert I.Orthogonal()(shape).dtype == "float32"


def test_others_by_the_names_of_keras():
    assert I.Identity(3.0)((2, 2), "float64").numpy().tolist() == [[3, 0], [0, 3]] and I.Zeros()((2,)).numpy().tolist() == [0, 0]
    assert np.abs(I.TruncatedNormal(0.0, 1.0)((999,)).numpy()).max() <= 2 and I.Constant(2.0)((1,)).numpy().tolist() == [2]


@pytest.mark.parametrize("call, text", [(lambda: I.VarianceScaling(0.0), "scale must be positive"), (lambda: I.VarianceScaling(mode="fan"), "fan_in, fan_out"),
                                        (lambda: I.VarianceScaling(distribution="normal"), "truncated_normal"), (lambda: I.Orthogonal()((3,)), "two axes"),
                                        (lambda: I.Identity()((3,)), "shape of a matrix")])  # fmt: skip
def test_what_they_refuse(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_they_travel():
    x = pickle.loads(pickle.dumps(I.GlorotUniform(seed=3)))((2, 2))
    np.testing.assert_array_equal(x.numpy(), I.GlorotUniform(seed=3)((2, 2)).numpy())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ad.constant_initializer(3.0)))((2,)).numpy(), [3.0, 3.0])


@pytest.mark.parametrize("call, error, text", [(lambda: ad.constant_initializer([1, 2, 3])((2,)), ValueError, "a tensor of shape .3,. has 3 elements"),
                                               (lambda: ad.random_normal_initializer()((2,), "int32"), TypeError, "random.normal: got int32"),
                                               (lambda: ad.ones_initializer()((2,), dtpye="int32"), TypeError, "unexpected keyword argument 'dtpye'"),
                                               (lambda: ad.zeros_initializer()((-1,)), ValueError, "zeros: shape .-1,. has a negative size")])  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error, match=text):
        call()
