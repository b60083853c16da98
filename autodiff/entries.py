"""The entries of a sparse matrix in row-major order, and where they are read from the results of the sweeps."""

import functools

import numpy as np

__all__ = []


class Entries:
    """Where a matrix may have entries, in row-major order."""

    def __init__(self, pattern, shape):
        self.start, self.cols = pattern
        self.rows, self.shape = np.repeat(np.arange(shape[0], dtype=np.int32), np.diff(self.start)), shape
        self.key = self.rows.astype(np.int64) * max(shape[1], 1) + self.cols

    @functools.cached_property
    def lower(self):
        """(which entries are on or below the diagonal, their rows, their columns)."""
        which = np.flatnonzero(self.rows >= self.cols)
        return which, self.rows[which], self.cols[which]

    def like(self, other):
        return np.array_equal(self.start, other.start) and np.array_equal(self.cols, other.cols)

    def places_of(self, other):
        """Where the entries of `other` stand among these, or None where some do not."""
        at = np.searchsorted(self.key, other.key)
        return at if np.array_equal(self.key[np.minimum(at, len(self.key) - 1)] if len(self.key) else self.key, other.key) else None


class Way(Entries):
    """One way through f: its entries, and where they are read from the results of the sweeps, which stand one after another.

    passes   of the sweeps, in order: "rows" or "columns", the colours of these, how many; a Hessian's rows are its columns
    largest  elements of the largest array of a sweep
    at       by entry: its place among all results
    """

    def __init__(self, pattern, shape, passes, largest):
        super().__init__(pattern, shape)
        self.passes = [each for each in passes if each[2]]
        self.colours, self.largest, self.at = sum(n for _, _, n in passes), largest, None


def places_of_shares(way, shares):
    """An entry stands alone at its column in the sweep of its row's colour, or at its row in the sweep of its column's."""
    m, n = (np.int64(size) for size in way.shape)
    in_rows, in_columns = shares.rows[way.rows] * n + way.cols, shares.n_rows * n + shares.columns[way.cols] * m + way.rows
    return np.where(shares.by_row, in_rows, in_columns)


def places_of_stars(way, colour):
    """The entry (i, j) stands alone at i in the sweep of j's colour, or at j in the sweep of i's; both halves are read alike."""
    n = np.int64(way.shape[0])
    _, which, many = np.unique(colour[way.cols] * n + way.rows, return_inverse=True, return_counts=True)
    i, j = np.maximum(way.rows, way.cols), np.minimum(way.rows, way.cols)
    alone = (many[which] == 1)[np.searchsorted(way.key, i * n + j)]
    return np.where(alone, colour[j] * n + i, colour[i] * n + j)
