"""flatten and pack_sequence_as are inverse to each other; unlike structures are told apart."""

import collections

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff as ad
from autodiff import nest
from autodiff.shapes import TensorShape

Point = collections.namedtuple("Point", "x y")
leaves = st.integers() | st.none() | st.text(max_size=3)
structures = st.recursive(
    leaves,
    lambda s: st.lists(s, max_size=3) | st.lists(s, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=2), s, max_size=3) | st.builds(Point, s, s),
    max_leaves=12,
)


@given(structures)
def test_packing_what_was_flattened_gives_the_structure_back(s):
    back = nest.pack_sequence_as(s, nest.flatten(s))
    assert back == s and repr(back) == repr(s)  # repr: the order of keys, tuple or namedtuple


@given(structures)
def test_map_structure_of_the_identity_is_the_identity(s):
    assert repr(nest.map_structure(lambda x: x, s)) == repr(s)


@given(structures)
def test_a_structure_is_the_same_as_itself(s):
    nest.assert_same_structure(s, nest.map_structure(lambda _: 0, s))


def test_dicts_are_flattened_by_key_and_rebuilt_in_their_own_order():
    d = {"b": 1, "a": (2, [3])}
    assert nest.flatten(d) == [2, 3, 1]
    assert list(nest.pack_sequence_as(d, [2, 3, 1])) == ["b", "a"]
    ordered = collections.OrderedDict([("z", 1), ("y", 2)])
    assert nest.map_structure(str, ordered) == collections.OrderedDict([("z", "1"), ("y", "2")])
    counts = collections.defaultdict(list, {"z": 1})
    assert nest.map_structure(str, counts).default_factory is list


def test_leaves_are_everything_else():
    for leaf in (None, 1, "ab", b"ab", range(3), TensorShape([2, 3]), {1, 2}, object()):
        assert not nest.is_nested(leaf)
        assert nest.flatten(leaf) == [leaf]
    for s in ([], (), {}, [1], Point(1, 2), collections.OrderedDict(), collections.deque([1])):
        assert nest.is_nested(s)
    assert nest.pack_sequence_as(1, [5]) == 5
    assert nest.flatten([[], (), {}]) == []


def test_several_structures_are_mapped_together():
    assert nest.map_structure(lambda a, b: a + b, {"x": 1, "y": (2, 3)}, {"y": (20, 30), "x": 10}) == {"x": 11, "y": (22, 33)}
    assert nest.map_structure(lambda a, b: a + b, [1, 2], (3, 4), check_types=False) == [4, 6]


HEAD = "The two structures don't have the same nested structure.\n\nFirst structure: {}\n\nSecond structure: {}\n\nMore specifically: "


@pytest.mark.parametrize(
    "a, b, error, text",
    [
        ([1, 2], [1], ValueError, "[1, 2] has 2 elements, [1] has 1"),
        ([1], 1, ValueError, 'Substructure "type=list str=[1]" is a sequence, while substructure "type=int str=1" is not'),
        ([1], (1,), TypeError, "The two structures don't have the same sequence type: <class 'list'> and <class 'tuple'>"),
        ({"a": 1}, {"b": 1}, ValueError, "The two dictionaries don't have the same set of keys: ['a'] and ['b']"),
    ],
)
def test_unlike_structures_are_told_apart(a, b, error, text):
    with pytest.raises(error) as caught:
        nest.assert_same_structure(a, b)
    assert str(caught.value) == HEAD.format(a, b) + text
    with pytest.raises(error):
        nest.map_structure(lambda x, y: x, a, b)


def test_kinds_of_sequence_may_be_ignored():
    nest.assert_same_structure([1, (2,)], (1, [2]), check_types=False)
    nest.assert_same_structure({"a": 1}, collections.OrderedDict(a=2))
    nest.assert_same_structure(Point(1, 2), collections.namedtuple("Point", "x y")(3, 4))
    with pytest.raises(TypeError, match="The two namedtuples don't have the same sequence type"):
        nest.assert_same_structure(Point(1, 2), collections.namedtuple("Other", "x y")(3, 4))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: nest.pack_sequence_as([1, 2], [1]), ValueError,
         "pack_sequence_as: Structure had 2 atoms, but flat_sequence had 1 items. Structure: [1, 2], flat_sequence: [1]."),
        (lambda: nest.pack_sequence_as(1, [1, 2]), ValueError,
         "pack_sequence_as: The target structure is a leaf, 1, but flat_sequence has 2 items"),
        (lambda: nest.pack_sequence_as([1], 3), TypeError,
         "pack_sequence_as: Attempted to pack value 3 into a structure, but found incompatible type `<class 'int'>` instead: expected a list"),
        (lambda: nest.map_structure(3, [1]), TypeError, "map_structure: func must be callable, got 3"),
        (lambda: nest.map_structure(str), ValueError, "map_structure: Must provide at least one structure"),
        (lambda: nest.map_structure(str, [1], foo=2), ValueError,
         "map_structure: takes check_types and expand_composites by keyword, not foo"),
        (lambda: nest.flatten({1: 2, "a": 3}), TypeError, "nest only supports dicts with sortable keys: got [1, 'a']"),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


def test_references_are_keys_in_the_order_of_creation():
    a, b = ad.Variable([1.0, 2.0]), ad.Variable(3.0)
    assert ad.nest.flatten({b.ref(): "b", a.ref(): "a"}) == ["a", "b"]
    f = ad.recompute_grad(lambda d: {key: 2.0 * x for key, x in d.items()})
    with ad.GradientTape() as tape:
        y = f({b.ref(): b, a.ref(): a})[a.ref()]
    assert tape.gradient(y, a).numpy().tolist() == [2.0, 2.0]
