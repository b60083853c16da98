"""Singular points of formulas that are none of the function: sin(x) / x at 0, sqrt(x * x) at 0, log(1 + exp(x)) at inf.

Where a replay gives nan or an infinite gradient, or an exact 0 has met an infinite derivative, it is run again a little
beside the point: at two distances, on both sides, along one or two directions.  What settles between the distances is the
limit from that side.

    a value        is the limit where all sides that have values agree; so y / x at (0, 0) and sin(x) at inf stay nan
    a gradient     is the limit, or the mean of the two sides: a subgradient of |x|, and 0 for a norm at 0
    nan that was   an operand that is nan, x - x and x / x of one and the same x, sqrt(-1): stays nan, here it is so too
"""

import numpy as np

from .rows import plus

PROBE_BITS = 2048       # three derivatives of sin(x) / x lose five times 128 bits; exp(-600) squared needs 1731
NEAR, NEARER = 64, 128  # distances, -log2
# Numbers instead of inf; the second ones where exponentials of the first overwhelm.
FAR = {NEAR: (2.0**32, 300.0), NEARER: (2.0**64, 600.0)}


class Probe:
    """A point beside the one that was recorded, on one side of it."""

    def __init__(self, distance, side, direction, far=0):
        self.distance, self.side, self.direction, self.far = distance, side, direction, FAR[distance][far]
        self.met_inf = False

    def beside(self, x, recorded, index):
        """The numbers x of a leaf, moved by 1 to 2 units of 2**-distance, relative where they are not 0; for inf a large one, on the
        other side another, and in another direction others for each: inf - inf of two numbers, and sin(inf), have no limit."""
        rng = np.random.default_rng([self.direction, index])
        step = rng.uniform(1, 2, recorded.shape) * 2.0**-self.distance * self.side
        large = self.far * (1.0 if self.side > 0 else 0.75) * (rng.uniform(0.5, 1, recorded.shape) if self.direction else 1.0)
        with np.errstate(invalid="ignore"):
            step *= np.where(recorded == 0, 1.0, np.abs(recorded, dtype=np.float64))
            far = np.isinf(recorded)
            start = np.where(far, np.copysign(large, recorded), recorded)
            self.met_inf |= bool(far.any())
        return plus(x.exact(start, x.dtype), x.exact(np.where(far | np.isnan(recorded), 0.0, step), x.dtype))


def beyond(arrays, probed, average):
    """The arrays with limits in the place of what is singular.  `probed(probe)` gives doubles beside the point; `average`:
    may two different sides be averaged?"""
    for far in (0, 1):
        probe = Probe(NEAR, 1, 0, far)
        found = _beyond(arrays, [probed(probe), probed(Probe(NEAR, -1, 0, far))], far, probed, average)
        if not probe.met_inf or not any(a is not None and np.isnan(a).any() for a in found):
            break
    return found


def _beyond(arrays, near, far, probed, average):
    if all(a is None or np.all(_as_it_is(a, p) & _as_it_is(a, q)) for a, p, q in zip(arrays, *near)):
        return arrays
    sides = [[_limit(a, b) for a, b in zip(first, probed(Probe(NEARER, side, 0, far)))] for first, side in zip(near, (1, -1))]
    chosen = _chosen(arrays, sides, average)
    if average and all(a is None or np.array_equal(a[~np.isnan(a)], c[~np.isnan(a)]) for a, c in zip(arrays, chosen)):
        return chosen
    for side in (1, -1):                        # x / y at (0, 0) is the same on both sides of 0, but not in all directions
        pair = [probed(Probe(distance, side, 1, far)) for distance in (NEAR, NEARER)]
        sides.append([_limit(a, b) for a, b in zip(*pair)])
    return _chosen(arrays, sides, average)


def _as_it_is(array, near):
    """Is the array, singular or not, already what stands beside the point?"""
    with np.errstate(all="ignore"):
        array = array.astype(np.float64)
        close = np.isfinite(array) & (np.abs(near - array) <= 2.0**-40 * np.abs(array) + 2.0**-60)
        return close | (array == near) | (np.isnan(array) & np.isnan(near))


def _limit(near, nearer):
    """What a quantity goes to, from its values at two distances, nan where it has no limit; and where it has values."""
    if near is None:
        return None
    with np.errstate(all="ignore"):
        settled = (near == nearer) | (np.abs(nearer - near) <= 2.0**-30 * np.abs(nearer))
        still = np.sign(near) * np.sign(nearer) >= 0
        grows, shrinks = still & (np.abs(nearer) > 1.5 * np.abs(near)), still & (np.abs(nearer) < np.abs(near) / 1.5)
        limit = np.where(settled, nearer, np.where(grows, np.copysign(np.inf, nearer), np.where(shrinks, 0.0, np.nan)))
    return limit, ~(np.isnan(near) | np.isnan(nearer))


def _chosen(arrays, sides, average):
    return [None if a is None else _choice(a, *zip(*[side[k] for side in sides]), average) for k, a in enumerate(arrays)]


def _choice(array, sides, there, average):
    with np.errstate(all="ignore"):
        sides, there = np.stack(sides), np.stack(there)
        low, high = (f(np.where(there, sides, worst), axis=0) for f, worst in ((np.min, np.inf), (np.max, -np.inf)))
        agree = there.any(axis=0) & ((low == high) | np.isfinite(high) & (high - low <= 2.0**-40 * np.abs(high)))
        limit = np.where(agree, high, np.nan)
        was_nan = np.isnan(array)
        if average:
            mean = (low + high) / 2
            limit = np.where(was_nan & there.all(axis=0) & ~agree & np.isfinite(mean), mean, limit)
        taken = np.where(was_nan, limit, np.where(agree & (np.isfinite(high) | (array == 0)), high, array))
        return taken.astype(array.dtype)
