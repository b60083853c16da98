"""Variables are made, read, assigned, printed and copied as TensorFlow's."""

import copy
import pickle

import numpy as np
import pytest

import autodiff as ad


def test_what_a_variable_is():
    v = ad.Variable([1.0, 2.0], name="w")
    assert (v.dtype, v.shape, v.ndim, v.name, v.trainable) == (ad.float32, (2,), 1, "w:0", True)
    assert ad.Variable(1.0).name == "Variable:0" and ad.Variable(1).dtype == "int32" and ad.Variable(np.ones(2)).dtype == "float64"
    assert ad.Variable(lambda: 3.0).numpy() == 3.0 and ad.Variable(1, dtype="float64").dtype == "float64"
    assert ad.Variable(v).numpy().tolist() == [1, 2] and not ad.Variable(1.0, trainable=False).trainable
    assert not isinstance(v, ad.Tensor) and ad.is_tensor(v) and type(v.value()) is ad.Tensor and type(v + 1) is ad.Tensor
    with pytest.raises(AttributeError):
        v.trainable = False


def test_variables_print_as_tensorflows_but_for_the_prefix():
    v = ad.Variable([1.0, 2.0], name="w")
    text = "<ad.Variable 'w:0' shape=(2,) dtype=float32, numpy=array([1., 2.], dtype=float32)>"
    assert repr(v) == str(v) == text
    assert repr(ad.Variable(1.5)) == "<ad.Variable 'Variable:0' shape=() dtype=float32, numpy=1.5>"


def test_assignment_is_in_place_and_keeps_the_dtype():
    v = ad.Variable([1.0, 2.0])
    assert v.assign([3, 4]) is v and v.numpy().tolist() == [3, 4] and v.dtype == "float32"
    v.assign_add(np.ones(2))
    v.assign_sub(ad.constant([0.5, 0.5]))
    assert v.numpy().tolist() == [3.5, 4.5]
    assert v.assign([0.0, 0.0], read_value=False) is None
    before = v.numpy()
    v.assign([7.0, 7.0])
    assert before.tolist() == [0, 0]


def test_part_of_a_variable_can_be_assigned():
    v = ad.Variable([[1.0, 2.0], [3.0, 4.0]])
    assert v[0].assign([8.0, 9.0]) is v
    v[:, 1].assign(0.0)
    v.scatter_nd_update([[1, 1]], [5.0])
    v.scatter_nd_add([[0, 0], [0, 0]], [1.0, 1.0])
    v.scatter_nd_sub([[1]], [[1.0, 1.0]])
    assert v.numpy().tolist() == [[10, 0], [2, 4]]
    with pytest.raises(AttributeError, match="only v\\[key\\] of a Variable can be assigned"):
        v.value().assign(1.0)


@pytest.mark.parametrize("use, kind, text", [
    (lambda v: v.assign([1.0, 2.0, 3.0]), ValueError, "Cannot assign value to variable ' v:0': Shape mismatch.The variable shape (2,), and the "
     "assigned value shape (3,) are incompatible."),
    (lambda v: v.assign(1.0), ValueError, "Cannot assign value to variable ' v:0': Shape mismatch.The variable shape (2,), and the assigned "
     "value shape () are incompatible."),
    (lambda v: v.assign(ad.constant([1.0, 2.0], "float64")), ValueError,
     "assign: Tensor conversion requested dtype float32 for Tensor with dtype float64; cast it"),
    (lambda v: ad.Variable(1).assign(3.5), TypeError, "assign: Cannot convert 3.5 to a tensor of dtype int32"),
    (lambda v: ad.Variable(), ValueError, "Variable: initial_value is None; expected a number, list, array, tensor or a function returning one"),
    (lambda v: ad.Variable([1.0], shape=(2,)), ValueError, "Variable: the initial value's shape (1,) is not compatible with the explicitly "
     "supplied shape (2,)"),
    (lambda v: v.__iadd__(1.0), RuntimeError, "`variable += value` with `ad.Variable`s is not supported. Use `variable.assign_add(value)` to "
     "modify the variable, or `out = variable + value` if you need to get a new output Tensor."),
    (lambda v: v.__isub__(1.0), RuntimeError, "`variable -= value` with `ad.Variable`s is not supported. Use `variable.assign_sub(value)` to "
     "modify the variable, or `out = variable - value` if you need to get a new output Tensor."),
    (lambda v: v.__imul__(1.0), RuntimeError, "`variable *= value` with `ad.Variable`s is not supported. Use `variable.assign(variable * "
     "value)` to modify the variable, or `out = variable * value` if you need to get a new output Tensor."),
    (lambda v: v.__setitem__(0, 1.0), TypeError, "'Variable' object does not support item assignment; use v[i].assign(value)"),
    (lambda v: len(v), TypeError, None),
    (lambda v: f"{v:.2f}", TypeError, None),
])  # fmt: skip
def test_misuse_says_what_would_do_and_changes_nothing(use, kind, text):
    v = ad.Variable([1.0, 2.0], name="v")
    with pytest.raises(kind) as info:
        use(v)
    assert text is None or str(info.value) == text
    assert v.numpy().tolist() == [1, 2]


def test_rows_of_a_variable_are_updated():
    rows = ad.IndexedSlices([[5.0, 6.0], [7.0, 8.0]], [2, 0], dense_shape=[3, 2])
    assert ad.Variable(ad.ones((3, 2))).scatter_update(rows).numpy().tolist() == [[7, 8], [1, 1], [5, 6]]
    assert ad.Variable(ad.ones((3, 2))).scatter_add(rows).numpy().tolist() == [[8, 9], [1, 1], [6, 7]]
    assert ad.Variable(ad.ones((3, 2))).scatter_sub(rows).numpy().tolist() == [[-6, -7], [1, 1], [-4, -5]]
    assert ad.Variable(ad.ones((3, 2))).assign_sub(rows).numpy().tolist() == [[-6, -7], [1, 1], [-4, -5]]
    for scatter, want in (("max", [[7, 8], [1, 1], [5, 6]]), ("min", [[1, 1], [1, 1], [1, 1]]), ("mul", [[7, 8], [1, 1], [5, 6]]),
                          ("div", [[1 / 7, 1 / 8], [1, 1], [1 / 5, 1 / 6]])):  # fmt: skip
        v = ad.Variable(ad.ones((3, 2)))
        assert getattr(v, f"scatter_{scatter}")(rows) is v
        np.testing.assert_allclose(v.numpy(), want, rtol=1e-7)
    assert (rows.dtype, rows.shape) == ("float32", (3, 2)) and ad.IndexedSlices([1.0], [0]).shape.rank is None and not isinstance(ad.ones(2), ad.IndexedSlices)
    with pytest.raises(TypeError, match="scatter_add: sparse_delta is not IndexedSlices: 1.0"):
        ad.Variable([1.0]).scatter_add(1.0)
    with pytest.raises(ValueError, match="without dense_shape"):
        ad.convert_to_tensor(ad.IndexedSlices([1.0], [0]))
    with pytest.raises(TypeError, match="IndexedSlices: got float32"):
        ad.IndexedSlices([1.0], [0.0])


def test_rows_that_are_named_twice_are_updated_twice():
    twice = ad.IndexedSlices([2.0, 4.0, 3.0], [1, 1, 0])
    wanted = {"max": [3, 8, 1], "min": [1, 2, 1], "mul": [3, 64, 1], "div": [1 / 3, 1, 1]}
    for scatter, want in wanted.items():
        np.testing.assert_allclose(getattr(ad.Variable([1.0, 8.0, 1.0]), f"scatter_{scatter}")(twice).numpy(), want, rtol=1e-7)
    v = ad.Variable([1.0, 8.0, 1.0])
    step = ad.function(lambda x: v.scatter_mul(ad.IndexedSlices(x, [1, 1, 0])))
    for k in (1, 2):
        step(ad.constant([2.0, 4.0, 3.0]))
        assert v.numpy().tolist() == [3.0**k, 8.0 * 8**k, 1]
    assert ad.Variable([1, 8]).scatter_max(ad.IndexedSlices([5], [0])).numpy().tolist() == [5, 8]
    for bad, kind, text in ((lambda v: v.scatter_mul(2.0), TypeError, "scatter_mul: sparse_delta is not IndexedSlices"),
                            (lambda v: v.scatter_min(ad.IndexedSlices([2.0], [3])), IndexError, r"scatter_min: indices\[0\] = \[3\]"),
                            (lambda v: v.scatter_max(ad.IndexedSlices([[2.0]], [0])), ValueError, r"scatter_max: updates must have shape \(1,\)"),
                            (lambda v: ad.Variable([1]).scatter_div(ad.IndexedSlices([2], [0])), TypeError, "scatter_div: got int32")):  # fmt: skip
        with pytest.raises(kind, match=text):
            bad(v)


def test_variables_are_unhashable_but_for_their_references():
    v = ad.Variable(1.0)
    with pytest.raises(TypeError, match=r"^Variable is unhashable. Instead, use variable.ref\(\) as the key. \(Variable: <ad.Variable"):
        hash(v)
    assert {v.ref(): 1}[v.ref()] == 1 and v.ref().deref() is v


def test_a_variable_is_used_like_its_tensor():
    v = ad.Variable([1.0, 4.0])
    assert [float(x) for x in v] == [1, 4] and float(v[1]) == 4.0 and (v == ad.constant([1.0, 0.0])).numpy().tolist() == [True, False]
    assert np.asarray(v).tolist() == [1, 4] and np.sqrt(v).numpy().tolist() == [1, 2] and (2 * v).numpy().tolist() == [2, 8]
    assert float(ad.Variable(2.0)) == 2.0 and int(ad.Variable(2)) == 2 and [5, 6][ad.Variable(1)] == 6 and bool(ad.Variable(1.0))


def test_copies_are_independent():
    v = ad.Variable([1.0, 2.0], name="v", trainable=False)
    for twin in (copy.deepcopy(v), pickle.loads(pickle.dumps(v)), copy.copy(v)):
        twin.assign([9.0, 9.0])
        assert v.numpy().tolist() == [1, 2] and twin.name == "v:0" and not twin.trainable
    shared = copy.deepcopy([v, v])
    assert shared[0] is shared[1]


def test_a_subclass_keeps_the_operators_and_may_change_them():
    class Positive(ad.Variable):
        def __mul__(self, other):
            return abs(self.value()) * other

    p = Positive(-2.0)
    with ad.GradientTape(persistent=True) as tape:
        y, z = p * 3.0, p + p
    assert float(y) == 6.0 and float(tape.gradient(z, p)) == 2.0 and float(tape.gradient(y, p)) == -3.0


def test_a_number_takes_a_format():
    v = ad.Variable(2.5, dtype="float64")
    assert f"{v:.3f} {v:8.2e} {v}" == f"2.500 2.50e+00 {v!s}"


def test_rows_of_a_batch_are_updated():
    """batch_scatter_update was not there."""
    v = ad.Variable(ad.zeros([2, 3, 2]))
    assert v.batch_scatter_update(ad.IndexedSlices(ad.ones([2, 1, 2]), [[2], [0]])) is v
    assert v.numpy().tolist() == [[[0, 0], [0, 0], [1, 1]], [[1, 1], [0, 0], [0, 0]]]
    assert ad.Variable(ad.zeros(3)).batch_scatter_update(ad.IndexedSlices([5.0, 6.0], [2, 0])).numpy().tolist() == [6, 0, 5]
    step = ad.function(lambda k: v.batch_scatter_update(ad.IndexedSlices(ad.zeros([2, 1, 2]), k)))
    for k in ([[2], [1]], [[2], [0]]):
        step(ad.constant(k))
    assert not v.numpy().any()
