"""Which columns, or rows, of a sparse matrix may share a sweep: colourings (csrc/pattern.c) in several orders, the best kept."""

from typing import NamedTuple

import numpy as np

from ._core import colour_apart, colour_stars, dynamic_order, neighbours
from .pattern import transposed

__all__ = []

MOST_WORK = 1 << 28  # steps of a colouring beyond which other orders are not tried
TOO_MUCH_WORK = 1 << 34  # and beyond which each column gets a colour of its own


def columns_apart(rows, columns):
    """(a colour for each column, how many): two that a row has both of differ.  rows, columns: the pattern and its transpose.
    -1: an empty column."""
    sizes, used = np.diff(rows[0]), np.flatnonzero(np.diff(columns[0]))
    least = int(sizes.max(initial=0))
    work = int(np.sum(sizes.astype(np.float64) ** 2))
    if least == len(used) or work > TOO_MUCH_WORK:
        colour = np.full(len(columns[0]) - 1, -1, np.int32)
        colour[used] = np.arange(len(used))
        return colour, len(used)
    best = None
    for order in _orders(rows, columns, work):
        found = colour_apart(rows, columns, order)
        best = found if best is None or found[1] < best[1] else best
        if best[1] == least:
            break
    return best


def sweeps_of(rows, n_columns):
    """("rows" or "columns", colours, how many): what takes fewer sweeps; rows where they are as many, as a sweep of theirs is shorter."""
    columns = transposed(rows, n_columns)
    sides = {"rows": (columns, rows), "columns": (rows, columns)}
    least = {by: int(np.diff(across[0]).max(initial=0)) for by, (across, _) in sides.items()}
    best = None
    for by in sorted(sides, key=lambda by: (least[by], by == "columns")):
        if best is None or least[by] < best[2]:
            found = columns_apart(*sides[by])
            best = (by, *found) if best is None or found[1] < best[2] else best
    return best


class Shares(NamedTuple):
    """Which entries are read from sweeps of rows, in row-major order, and the others from sweeps of columns; the colours of the rows that
    have a sweep, how many, and of the columns."""

    by_row: np.ndarray
    rows: np.ndarray
    n_rows: int
    columns: np.ndarray
    n_columns: int

    @property
    def count(self):
        return self.n_rows + self.n_columns


def shared_out(pattern, n_columns):
    """The Shares that take the fewest sweeps found: of rows, or of columns; or, where that takes less than half of it, the fullest rows in
    sweeps of rows and the rest in sweeps of columns, or the other way round."""
    m, turned = len(pattern[0]) - 1, transposed(pattern, n_columns)
    by, colour, count = sweeps_of(pattern, n_columns)
    none, every = np.full(max(m, n_columns), -1, np.int32), np.full(len(pattern[1]), by == "rows")
    best = Shares(every, colour, count, none[:n_columns], 0) if by == "rows" else Shares(every, none[:m], 0, colour, count)
    rows = np.repeat(np.arange(m), np.diff(pattern[0]))
    for full_rows, line, sizes in ((True, rows, np.diff(pattern[0])), (False, pattern[1], np.diff(turned[0]))):
        order = np.argsort(-sizes, kind="stable")
        least = np.arange(len(order)) + sizes[order]  # sweeps, if so many lines are taken out
        if not len(order) or 2 * least.min() >= best.count:
            continue
        full = np.zeros(len(order), bool)
        full[order[: np.argmin(least)]] = True
        by_row = full[line] if full_rows else ~full[line]
        own, other = (_those(pattern, rows, keep, n_columns) for keep in (by_row, ~by_row))
        found = Shares(by_row, *columns_apart(own[1], own[0]), *columns_apart(*other))
        best = found if 2 * found.count < best.count else best
    return best


def by_rows(pattern, n_columns):
    """Shares with all in sweeps of rows."""
    colour, count = columns_apart(transposed(pattern, n_columns), pattern)
    return Shares(np.full(len(pattern[1]), True), colour, count, np.full(n_columns, -1, np.int32), 0)


def _those(pattern, rows, keep, n_columns):
    """Some of the entries as a pattern, and its transpose."""
    some = np.concatenate([[0], np.cumsum(np.bincount(rows[keep], minlength=len(pattern[0]) - 1))]).astype(np.int64), pattern[1][keep]
    return some, transposed(some, n_columns)


def stars(pattern):
    """(a colour for each row of a symmetric pattern, how many): no two neighbours, and no path of four, have fewer than they need."""
    sizes = np.diff(pattern[0])
    used, entries = np.flatnonzero(sizes), len(pattern[1])
    work = entries * entries // max(len(used), 1)  # each entry meets about as many colours as a row has entries
    if entries == len(used) ** 2 or work > MOST_WORK << 3:
        colour = np.full(len(sizes), -1, np.int32)
        colour[used] = np.arange(len(used))
        return colour, len(used)
    edges, best = _without_diagonal(pattern), None
    least = 2 if len(edges[1]) else 1
    for order in _orders(edges, edges, max(8 * work, int(np.sum(sizes.astype(np.float64) ** 2)))):
        found = colour_stars(pattern, order)
        best = found if best is None or found[1] < best[1] else best
        if best[1] <= least:
            break
    return best


def _orders(rows, columns, work):
    """Natural, largest first, smallest last, by incidence."""
    n = len(columns[0]) - 1
    yield np.arange(n, dtype=np.int32)
    if work > MOST_WORK:
        return
    degree = neighbours(rows, columns)
    yield np.argsort(-degree, kind="stable").astype(np.int32)
    yield dynamic_order(rows, columns, True, degree)
    yield dynamic_order(rows, columns, False, degree)


def _without_diagonal(pattern):
    start, at = pattern
    rows = np.repeat(np.arange(len(start) - 1), np.diff(start))
    off = at != rows
    ends = np.concatenate([[0], np.cumsum(np.bincount(rows[off], minlength=len(start) - 1))])
    return ends.astype(np.int64), at[off]
