"""Colourings keep apart what has to be, and stay near what is known to be enough."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff import colouring
from autodiff._core import colour_apart, colour_stars, dynamic_order, neighbours, pattern_union
from autodiff.pattern import identity, transposed, union


def compressed(dense):
    dense = np.asarray(dense) != 0
    return np.concatenate([[0], np.cumsum(dense.sum(1))]).astype(np.int64), np.nonzero(dense)[1].astype(np.int32)


def whole(pattern, n):
    start, at = pattern
    dense = np.zeros((len(start) - 1, n), bool)
    dense[np.repeat(np.arange(len(start) - 1), np.diff(start)), at] = True
    return dense


def random_pattern(seed, symmetric=False):
    rng = np.random.default_rng(seed)
    m, n = rng.integers(1, 14, 2)
    dense = rng.uniform(size=(n if symmetric else m, n)) < rng.uniform(0.05, 0.6)
    return dense | dense.T if symmetric else dense


def assert_apart(dense, colour):
    for row in dense:
        own = colour[row]
        assert len(set(own)) == len(own) and np.all(own >= 0)


def assert_stars(dense, colour):
    n = len(dense)
    edges = [(i, j) for i in range(n) for j in range(n) if i != j and dense[i, j]]
    beside = {i: [j for a, j in edges if a == i] for i in range(n)}
    for b, c in edges:
        assert colour[b] != colour[c] and colour[b] >= 0
        for a in beside[b]:
            for d in beside[c]:
                if len({a, b, c, d}) == 4:
                    assert len({colour[a], colour[b], colour[c], colour[d]}) > 2, (a, b, c, d)


def orders(pattern, turned):
    degree = neighbours(pattern, turned)
    return [dynamic_order(pattern, turned, last, degree) for last in (True, False)]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6))
def test_columns_of_a_row_have_colours_of_their_own(seed):
    dense = random_pattern(seed)
    rows, columns = compressed(dense), compressed(dense.T)
    colour, n = colouring.columns_apart(rows, columns)
    assert_apart(dense, colour)
    assert n == len(set(colour[colour >= 0])) and (n == 0 or n == colour.max() + 1) and n >= dense.sum(1).max(initial=0)
    assert np.array_equal(colour < 0, ~dense.any(0))
    by, colour, n = colouring.sweeps_of(rows, dense.shape[1])
    assert_apart(dense if by == "columns" else dense.T, colour)
    assert n <= min(colouring.columns_apart(rows, columns)[1], colouring.columns_apart(columns, rows)[1])
    degree = neighbours(rows, columns)
    beside = (dense.T.astype(int) @ dense > 0) & ~np.eye(dense.shape[1], dtype=bool)
    np.testing.assert_array_equal(degree, beside.sum(0))
    for order in orders(rows, columns):
        assert sorted(order) == list(range(dense.shape[1]))
        assert_apart(dense, colour_apart(rows, columns, order)[0])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 3), st.integers(0, 3))
def test_each_entry_stands_alone_where_it_is_read(seed, full_rows, full_columns):
    rng = np.random.default_rng(seed)
    m, n = rng.integers(1, 40, 2)
    dense = rng.uniform(size=(m, n)) < 2 / n
    dense[rng.integers(0, m, full_rows)] = True
    dense[:, rng.integers(0, n, full_columns)] = True
    pattern = compressed(dense)
    shares = colouring.shared_out(pattern, n)
    assert shares.count <= colouring.sweeps_of(pattern, n)[2]
    for k, (i, j) in enumerate(zip(*np.nonzero(dense))):
        if shares.by_row[k]:
            assert shares.rows[i] >= 0 and np.sum(dense[:, j] & (shares.rows == shares.rows[i])) == 1
        else:
            assert shares.columns[j] >= 0 and np.sum(dense[i] & (shares.columns == shares.columns[j])) == 1


def test_the_orders_are_those_of_their_definitions():
    for seed in range(60):
        dense = random_pattern(seed)
        n = dense.shape[1]
        beside = (dense.T.astype(int) @ dense > 0) & ~np.eye(n, dtype=bool)
        last, incidence = orders(compressed(dense), compressed(dense.T))
        for k in range(n):
            left = last[: k + 1]
            assert beside[last[k], left].sum() == min(beside[j, left].sum() for j in left)
            before = incidence[:k]
            assert beside[incidence[k], before].sum() == max(beside[j, before].sum() for j in incidence[k:])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6))
def test_no_path_of_four_has_two_colours(seed):
    dense = random_pattern(seed, symmetric=True)
    pattern = compressed(dense)
    colour, n = colouring.stars(pattern)
    assert_stars(dense, colour)
    assert n == colour.max(initial=-1) + 1 and np.array_equal(colour < 0, ~dense.any(0))
    for order in orders(pattern, pattern):
        assert_stars(dense, colour_stars(pattern, order)[0])


def test_full_rows_and_columns_have_sweeps_of_their_own():
    arrow = np.eye(50) + np.eye(50)[0] + np.eye(50)[:, :1]
    assert colouring.shared_out(compressed(arrow), 50).count == 3
    few = np.kron(np.eye(20), np.ones((2, 3)))
    few[[5, 9]] = few[:, [1, 30]] = 1
    assert colouring.sweeps_of(compressed(few), 60)[2] >= 40 and colouring.shared_out(compressed(few), 60).count <= 7


def test_stars_of_known_graphs():
    n = 12
    path = np.eye(n, k=1) + np.eye(n, k=-1)
    ring = path.copy()
    ring[0, -1] = ring[-1, 0] = 1
    hub = np.zeros((n, n))
    hub[0, 1:] = hub[1:, 0] = 1
    for dense, most in ((np.eye(n), 1), (path, 3), (ring, 3), (hub, 2), (np.ones((n, n)), n)):
        assert colouring.stars(compressed(dense + np.eye(n)))[1] == most
    grid = np.kron(np.eye(9), path[:9, :9]) + np.kron(path[:9, :9], np.eye(9))
    assert colouring.stars(compressed(grid + np.eye(81)))[1] <= 6  # at least 5 (Fertin, Raspaud, Reed, 2004)


def test_sets():
    for seed in range(50):
        a, b = random_pattern(seed), random_pattern(seed + 99)
        n = a.shape[1]
        b = np.resize(b, a.shape)
        np.testing.assert_array_equal(whole(union([compressed(a), compressed(b)], n), n), a | b)
        np.testing.assert_array_equal(whole(transposed(compressed(a), n), a.shape[0]), a.T)
        rows = random_pattern(seed + 7)
        rows = np.resize(rows, (rows.shape[0], a.shape[0]))
        made = pattern_union(compressed(rows), compressed(a), n, 10**6)
        np.testing.assert_array_equal(whole(made, n), rows.astype(int) @ a > 0)
        assert pattern_union(compressed(rows), compressed(a), n, len(made[1]) - 1) is None or len(made[1]) == 0
    one = identity(3)
    assert union([one, one], 3) is one


@pytest.mark.parametrize("limit", ["MOST_WORK", "TOO_MUCH_WORK"])
def test_where_the_search_would_take_too_long(monkeypatch, limit):
    monkeypatch.setattr(colouring, limit, 5)
    dense = np.eye(6) + np.eye(6, k=1) + np.eye(6, k=-1)
    colour, n = colouring.columns_apart(compressed(dense), compressed(dense))
    assert_apart(dense != 0, colour)
    assert_stars(dense != 0, colouring.stars(compressed(dense))[0])
