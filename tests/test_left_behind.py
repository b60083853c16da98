"""Tensors that are kept from inside a function of rows, or a recorded function, and used where they have one value for ever."""

import pytest

import autodiff as ad


def kept_of_rows(row, use):
    """A function that maps `row`, which keeps a tensor, over the rows of x."""
    kept = []

    def f(x):
        kept.clear()
        ad.vectorized_map(lambda r: row(kept, r), x)
        return use(kept[0], x)

    return f


def plain_row(kept, r):
    kept.append(ad.sin(r))  # in a row
    return 2.0 * kept[-1]


def branching_row(kept, r):
    y = plain_row(kept, r)
    return y if y > 0 else -y


HELD = ad.Variable(1.0)
USES = {
    "returned": lambda y, x: y,
    "computed with": lambda y, x: ad.exp(y),
    "computed with an argument": lambda y, x: x * y,
    "a number": lambda y, x: x * float(y),
    "a branch": lambda y, x: x if y > 0.85 else -x,
    "assigned": lambda y, x: HELD.assign(y),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("row", [plain_row, branching_row], ids=["at once", "row by row"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_tensor_of_a_row_is_left_behind_inside_a_function_too(row, use):
    f = ad.function(kept_of_rows(row, use))
    for _ in range(2):
        with pytest.raises(ad.errors.TraceError, match=r"maps over rows at .*test_left_behind.py:\d+, and has one value for each row"):
            f(ad.constant([1.0, 2.0]))


def test_a_tensor_of_an_inner_row_is_left_behind_in_the_rows_around():
    kept = []
    with pytest.raises(ad.errors.TraceError, match="one value for each row"):
        ad.vectorized_map(lambda r: (ad.vectorized_map(lambda e: plain_row(kept, e), r), kept[0])[1], ad.ones([2, 3]))


def test_a_tensor_that_is_left_behind_is_neither_returned_nor_assigned():
    kept = []
    f = ad.function(lambda x: (kept.append(2.0 * x), x)[1])
    f(ad.constant(1.0))
    for use in (ad.function(lambda x: (x, kept[0])), lambda x: HELD.assign(kept[0]), ad.function(lambda x: HELD.assign(kept[0]))):
        with pytest.raises(ad.errors.TraceError, match="inside an ad.function at"):
            use(ad.constant(1.0))
