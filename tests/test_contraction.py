"""einsum and tensordot agree with NumPy's, and their gradients with differences."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import contraction as module
from autodiff import errors
from autodiff.contraction import einsum, tensordot
from differences import check_gradients

RNG = np.random.default_rng(3)


def of(*shape):
    return RNG.integers(-4, 5, shape).astype("f8")


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ij,kj->ik", (2, 3), (4, 3)),
    ("ji,jk->ik", (3, 2), (3, 4)),
    ("ji,kj->ki", (3, 2), (4, 3)),
    ("i,i->", (3,), (3,)),
    ("i,j->ij", (3,), (2,)),
    ("i,j->ji", (3,), (2,)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("ba", (2, 3)),
    ("ii->i", (3, 3)),
    ("ii->", (3, 3)),
    ("ii", (3, 3)),
    ("iij->ji", (3, 3, 2)),
    ("iij,jk->ik", (3, 3, 2), (2, 4)),
    ("ii,ij->j", (3, 3), (3, 2)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bij,bkj->bik", (2, 3, 4), (2, 5, 4)),
    ("bij,jk->bik", (2, 3, 4), (4, 5)),
    ("ijb,bjk->kbi", (2, 3, 4), (4, 3, 5)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("abcd,cdef->abef", (2, 1, 3, 2), (3, 2, 2, 2)),
    ("ijk,ijk->ij", (2, 3, 4), (2, 3, 4)),
    ("ijk,ijk->", (2, 3, 4), (2, 3, 4)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,j->ij", (2, 3), (3,)),
    ("ij,k->i", (2, 3), (4,)),
    ("...ij,...jk->...ik", (5, 2, 3), (5, 3, 4)),
    ("...ij,...jk->...ik", (5, 1, 2, 3), (6, 3, 4)),
    ("...ij,jk->...ik", (5, 2, 3), (3, 4)),
    ("i...,i...->...", (2, 3, 4), (2, 3, 4)),
    ("i...->...", (2, 3)),
    ("...", (2, 3)),
    ("...i->...", (2, 3)),
    ("...ii->...i", (2, 3, 3)),
    ("...,...->...", (2, 3), (3,)),
    ("...a,...a->...", (1, 3, 2), (4, 1, 2)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("ij,ik,il->jkl", (2, 3), (2, 4), (2, 5)),
    ("i,i,i->", (3,), (3,), (3,)),
    ("ab,bc,cd,da->", (2, 3), (3, 4), (4, 2), (2, 2)),
    ("i,ij,j->", (2,), (2, 3), (3,)),
    ("...ij,...jk,k->i...", (2, 2, 3), (2, 3, 4), (4,)),
    (",->", (), ()),
    ("i,->i", (3,), ()),
    ("ij,jk->ik", (2, 0), (0, 3)),
    ("i,i->", (0,), (0,)),
    ("zA,Az->z", (2, 3), (3, 2)),
]
ALL = pytest.mark.parametrize("equation, shapes", [(e, s) for e, *s in EQUATIONS], ids=[f"{e} {s}" for e, *s in EQUATIONS])


@ALL
def test_einsum_agrees_with_numpy(equation, shapes):
    xs = [of(*s) for s in shapes]
    got, expected = einsum(equation, *map(ad.constant, xs)), np.einsum(equation, *xs)
    assert got.shape == expected.shape
    np.testing.assert_array_equal(got.numpy(), expected)  # small integers: exact in any order


@ALL
def test_its_gradients_are_those_of_differences(equation, shapes):
    xs = [of(*s) / 3 for s in shapes]
    check_gradients(lambda *ts: einsum(equation, *ts) ** 2, *xs)


def test_blanks_and_lists_are_taken():
    a, b = of(2, 3), of(3, 2)
    np.testing.assert_array_equal(einsum(" ij , jk -> ik ", a, b).numpy(), a @ b)
    np.testing.assert_array_equal(einsum("ij,jk->ik", [a, b]).numpy(), a @ b)
    assert einsum("ij->i", [[1.0, 2.0], [3.0, 4.0]]).numpy().tolist() == [3, 7]         # one operand, which is a list
    np.testing.assert_array_equal(einsum("ij,jk->ik", a, b, optimize="optimal", name="x").numpy(), a @ b)


def test_a_plan_is_made_once():
    a = ad.constant(of(2, 7))
    einsum("pq,rq->pr", a, a)
    before = module._plan.cache_info()
    einsum("pq,rq->pr", a, a)
    after = module._plan.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


@pytest.mark.parametrize(
    "shapes, axes",
    [
        (((2, 3), (3, 4)), 1),
        (((2, 3), (3, 4)), [[1], [0]]),
        (((2, 3), (4, 3)), [1, 1]),
        (((2, 3), (4, 3)), [[-1], [-1]]),
        (((2, 3, 4), (3, 4, 5)), 2),
        (((2, 3, 4), (4, 3, 5)), [[1, 2], [1, 0]]),
        (((2,), (3,)), 0),
        (((2, 3), (2, 3)), 2),
        (((2, 3), (2, 3)), [[0, 1], [0, 1]]),
        (((), (3,)), 0),
        (((2, 0), (0, 3)), 1),
    ],
)
def test_tensordot_agrees_with_numpy(shapes, axes):
    a, b = of(*shapes[0]), of(*shapes[1])
    got, expected = tensordot(ad.constant(a), ad.constant(b), axes), np.tensordot(a, b, axes)
    assert got.shape == expected.shape
    np.testing.assert_array_equal(got.numpy(), expected)
    check_gradients(lambda x, y: tensordot(x, y, axes) ** 2, a / 3, b / 3)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: einsum("ij,jk->ik", of(2, 3), of(4, 5)), errors.ShapeError,
         "einsum: label 'j' in 'ij,jk->ik' has the sizes 3 and 4; the operands are (2, 3) and (4, 5)"),
        (lambda: einsum("ii->i", of(2, 3)), errors.ShapeError,
         "einsum: label 'i' in 'ii->i' has the sizes 2 and 3; the operands are (2, 3)"),
        (lambda: einsum("...i,...i->...", of(2, 3), of(4, 3)), errors.ShapeError,
         "einsum: a dimension under '...' in '...i,...i->...' has the sizes 2 and 4; the operands are (2, 3) and (4, 3)"),
        (lambda: einsum("ij->i", of(2)), errors.ShapeError, "einsum: operand 0, 'ij' in 'ij->i', needs rank 2, got shape (2,)"),
        (lambda: einsum("i->i", of(2, 3)), errors.ShapeError, "einsum: operand 0, 'i' in 'i->i', needs rank 1, got shape (2, 3)"),
        (lambda: einsum("ij...->i", of(2)), errors.ShapeError, "einsum: operand 0, 'ij...' in 'ij...->i', needs rank 2 or more, got shape (2,)"),
        (lambda: einsum("ij,jk->ik", of(2, 3)), ValueError, "einsum: 'ij,jk->ik' has 2 operands, 1 were given"),
        (lambda: einsum("ij->k", of(2, 3)), ValueError, "einsum: label 'k' of the output appears in no operand of 'ij->k'"),
        (lambda: einsum("ij->ii", of(2, 3)), ValueError, "einsum: a label appears twice in the output of 'ij->ii'"),
        (lambda: einsum("i1->i", of(2, 3)), ValueError, "einsum: 'i1->i' is not an equation like 'ij,jk->ik'"),
        (lambda: einsum("ij->ji", of(2, 3), foo=1), TypeError, "einsum: takes optimize and name by keyword, not foo"),
        (lambda: tensordot(of(2, 3), of(4, 5), 1), errors.ShapeError, "tensordot: (2, 3) @ (4, 5): the inner sizes 3 and 4 differ"),
        (lambda: tensordot(of(2, 3), of(4, 5), 3), errors.ShapeError, "tensordot: axes 3 must be at most 2, the smaller rank"),
        (lambda: tensordot(of(2, 3), of(3, 5), [[1, 0], [0]]), ValueError, "tensordot: 2 axes of a for 1 of b: expected as many"),
        (lambda: tensordot(of(2, 3), of(3, 5), [[2], [0]]), errors.ShapeError, "tensordot: axis 2 is out of range for rank 2: expected -2 to 1"),
        (lambda: tensordot(of(2, 3), of(3, 5), [[1]]), ValueError,
         "tensordot: axes must be an integer or have length 2: the axes of a, and those of b"),
    ],
)  # fmt: skip
def test_misuse_is_said(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
