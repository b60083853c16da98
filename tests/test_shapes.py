"""A TensorShape is a tuple that answers TensorFlow's questions; None stands for a size that is not known."""

import pickle

import numpy as np
import pytest

from autodiff import errors
from autodiff.shapes import TensorShape, TensorSpec

S = TensorShape([2, 3])
PART = TensorShape([None, 3])
UNKNOWN = TensorShape(None)


def test_it_equals_tuples_and_lists_from_either_side():
    assert S == (2, 3) and S == [2, 3] and (2, 3) == S and [2, 3] == S
    assert S != (3, 2) and S != [2] and (2,) != S and S != 2
    assert hash(S) == hash((2, 3))


def test_it_is_made_of_anything_that_lists_sizes():
    assert TensorShape((2, 3)) == TensorShape(np.array([2, 3])) == TensorShape(iter([2, 3])) == S
    assert TensorShape(3) == (3,) and TensorShape([]) == ()
    assert TensorShape(S) is S
    assert type(TensorShape([np.int64(2)])[0]) is int


def test_it_prints_as_tensorflow_prints_it():
    assert (str(S), repr(S)) == ("(2, 3)", "TensorShape([2, 3])")
    assert (str(PART), repr(PART)) == ("(None, 3)", "TensorShape([None, 3])")
    assert (str(UNKNOWN), repr(UNKNOWN)) == ("<unknown>", "TensorShape(None)")


def test_an_item_is_an_int_and_a_slice_a_shape():
    assert S[0] == 2 and type(S[0]) is int
    assert S[1:] == (3,) and type(S[1:]) is TensorShape


def test_it_joins_with_tuples_and_lists():
    assert S + [4] == (2, 3, 4) and (1,) + S == (1, 2, 3) and S.concatenate((4,)) == (2, 3, 4)
    assert type(S + (4,)) is TensorShape
    assert S + UNKNOWN is UNKNOWN


def test_counts():
    assert (S.rank, S.ndims, S.as_list(), S.dims, S.num_elements()) == (2, 2, [2, 3], [2, 3], 6)
    assert S.is_fully_defined() and not PART.is_fully_defined() and not UNKNOWN.is_fully_defined()
    assert PART.num_elements() is None and UNKNOWN.rank is None
    assert TensorShape([]).num_elements() == 1


def test_compatible_are_those_that_could_be_one():
    assert S.is_compatible_with(PART) and S.is_compatible_with(UNKNOWN) and UNKNOWN.is_compatible_with(S)
    assert not S.is_compatible_with([2]) and not S.is_compatible_with((2, 4))
    assert TensorShape([2, 3]).most_specific_compatible_shape([2, 4]).as_list() == [2, None]
    assert TensorShape([2, 3]).most_specific_compatible_shape([2]).rank is None and UNKNOWN.most_specific_compatible_shape(S).rank is None
    assert PART.merge_with([2, None]) == (2, 3) and UNKNOWN.merge_with(S) == S


@pytest.mark.parametrize("shape", [S, PART, UNKNOWN], ids=str)
def test_it_pickles(shape):
    back = pickle.loads(pickle.dumps(shape))
    assert repr(back) == repr(shape) and type(back) is type(shape)


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: S.assert_is_compatible_with((3,)), "Shapes (2, 3) and (3,) are incompatible"),
        (lambda: S.assert_has_rank(1), "Shape (2, 3) must have rank 1"),
        (lambda: S.assert_same_rank([1]), "Shapes (2, 3) and (1,) must have the same rank"),
        (lambda: PART.assert_is_fully_defined(), "Shape (None, 3) is not fully defined"),
        (lambda: S.with_rank_at_least(3), "Shape (2, 3) must have rank at least 3"),
        (lambda: S.with_rank_at_most(1), "Shape (2, 3) must have rank at most 1"),
        (lambda: TensorShape([-1]), "TensorShape: Dimension -1 must be >= 0"),
        (lambda: len(UNKNOWN), "Cannot take the length of a shape with unknown rank: give the sizes, None where one is not known"),
    ],
)
def test_what_does_not_hold_is_said(call, text):
    with pytest.raises(errors.ShapeError) as caught:
        call()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "dims, text",
    [
        ([1.5], "TensorShape: a size is an integer or None, got 1.5"),
        ("ab", "TensorShape: expected sizes, got 'ab'"),
    ],
)
def test_sizes_are_integers(dims, text):
    with pytest.raises(TypeError) as caught:
        TensorShape(dims)
    assert str(caught.value) == text


def test_a_spec_says_what_a_tensor_is_to_look_like():
    spec = TensorSpec([None, 3], "float64", name="x")
    assert repr(spec) == "TensorSpec(shape=(None, 3), dtype=ad.float64, name='x')"
    assert spec.is_compatible_with(TensorSpec([2, 3], "float64"))
    assert not spec.is_compatible_with(TensorSpec([2, 3], "float32"))
    assert not spec.is_compatible_with(TensorSpec([2, 4], "float64"))
    assert spec == TensorSpec((None, 3), np.float64, "x") and spec != TensorSpec((None, 3), np.float64)
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert pickle.loads(pickle.dumps(TensorSpec(None))) == TensorSpec(None)
    assert TensorSpec.from_tensor(spec) == TensorSpec((None, 3), "float64")
    assert TensorSpec([2]).dtype == "float32"
