"""The lightest truss that carries a load, by Ipopt with sparse derivatives.

    python examples/truss.py [picture.svg]

A cantilever: nodes on a grid, the left ones held, a load at the middle of the right side, and a bar between any two nodes that are near.
Unknown are the bars' areas and the nodes' displacements at once; of each node the forces must balance, no bar may be stressed beyond
its limit, and the load may not sink too far.  What the load does not need, the optimiser takes away.
"""

import sys

import numpy as np
from scipy.sparse.linalg import spsolve

import autodiff as ad

WIDE, HIGH, REACH = 9, 7, 3  # nodes; how far a bar goes
PRESSED, PULLED, SAG = 0.5, 1.0, 16.0  # limits of the stress, less where a bar may buckle, and of the load's displacement
TAKEN_AWAY = 0.02  # an area that counts as none

nodes = np.array([(x, y) for x in range(WIDE) for y in range(HIGH)], float)
pairs = [(i, j) for i in range(len(nodes)) for j in range(i) if np.gcd(*np.abs(nodes[i] - nodes[j]).astype(int)) == 1 and np.abs(nodes[i] - nodes[j]).max() <= REACH]
ends, others = np.array(pairs).T
length = np.linalg.norm(nodes[ends] - nodes[others], axis=1)
direction = (nodes[ends] - nodes[others]) / length[:, None]
held, loaded = nodes[:, 0] == 0, len(nodes) - 1 - HIGH // 2
load = np.zeros_like(nodes)
load[loaded, 1] = -1.0


def weight(area, moved):
    return ad.reduce_sum(area * length)


def stress(moved):
    """Of each bar, from the displacements of its ends."""
    strain = (ad.gather(moved, ends) - ad.gather(moved, others)) * direction
    return ad.reduce_sum(strain, axis=1) / length


def balance(area, moved):
    """The forces that are left at the nodes that are not held."""
    force = (area * stress(moved))[:, None] * direction
    at_nodes = load - ad.math.unsorted_segment_sum(force, ends, len(nodes)) + ad.math.unsorted_segment_sum(force, others, len(nodes))
    return ad.reshape(ad.boolean_mask(at_nodes, ~held), (-1,))


def constraints(area, moved):
    return ad.concat([balance(area, moved), stress(moved)], 0)


def sunk(area):
    """The displacements under which the forces balance: linear equations, whose matrix is the Jacobian of what is left."""
    at_rest, free = np.zeros_like(nodes), np.repeat(~held, 2)
    stiffness = -ad.sparse_jacobian(lambda moved: balance(area, moved), like=at_rest)(at_rest)[:, free]
    at_rest[~held] = spsolve(stiffness.tocsc(), load[~held].ravel()).reshape(-1, 2)
    return at_rest


def solve():
    area, limits = np.ones(len(length)), []
    for stress_limit, far, side in ((-PRESSED, -SAG, -1), (PULLED, np.inf, 1)):
        displaced = np.where(held[:, None], 0.0, [[side * np.inf] * 2])
        displaced[loaded, 1] = far
        limits.append((displaced, np.concatenate([np.zeros(2 * np.sum(~held)), np.full(len(length), stress_limit)])))
    (low, least), (high, most) = limits
    problem = ad.IpoptProblem(weight, (area, sunk(area)), constraints, lb=(0 * area, low), ub=(np.inf * area, high), cl=least, cu=most)
    (area, moved), report = problem.solve(tol=1e-8, mu_strategy="adaptive")
    assert report["status"] == 0, report["status_msg"]
    return problem, area, moved


def picture(area, moved):
    """The bars as wide as they are strong, blue where pulled and red where pressed."""
    scale, left, top = 70, 60, 70
    at = [(left + scale * x, top + scale * (HIGH - 1 - y)) for x, y in nodes]
    pull = stress(ad.constant(moved)).numpy()
    lines = [f'<line x1="{at[i][0]:.0f}" y1="{at[i][1]:.0f}" x2="{at[j][0]:.0f}" y2="{at[j][1]:.0f}" stroke-width="{max(2.5 * a, 0.7):.2f}" '
             f'stroke="{"#2b6cb0" if s > 0 else "#c0392b"}"/>' for a, s, i, j in zip(area, pull, ends, others) if a > TAKEN_AWAY]  # fmt: skip
    dots = [f'<circle cx="{x:.0f}" cy="{y:.0f}" r="2.5" fill="#999"/>' for x, y in at]
    walls = [f'<path d="M{x:.0f},{y:.0f} l-16,-9 v18 z" fill="#555"/>' for (x, y), h in zip(at, held) if h]
    x, y = at[loaded]
    w, h = left + scale * (WIDE - 1) + 60, top + scale * (HIGH - 1) + 70
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" font-family="sans-serif" font-size="15">
<rect width="100%" height="100%" fill="white"/>
<text x="{left}" y="34">The lightest of {len(length)} bars: weight {np.sum(area * length):.1f}, {np.sum(area > TAKEN_AWAY)} bars are left</text>
{chr(10).join(dots + lines + walls)}
<path d="M{x},{y} v48 m-6,-10 l6,12 l6,-12" fill="none" stroke="black" stroke-width="2.5"/><text x="{x + 12}" y="{y + 44}">load</text>
<text x="{left}" y="{h - 20}"><tspan fill="#2b6cb0">pulled</tspan>, <tspan fill="#c0392b">pressed</tspan>; as wide as their area; those below {TAKEN_AWAY} are left out</text>
</svg>
"""


if __name__ == "__main__":
    try:
        problem, area, moved = solve()
    except ImportError as absent:
        print(f"This example needs Ipopt. {absent}")
        sys.exit()
    print(f"{len(problem.x0)} unknowns, {problem.m} constraints")
    print(f"Jacobian  {problem.jac.nnz:6} entries of {problem.m * len(problem.x0)}, in {problem.jac.colors} sweeps")
    print(f"Hessian   {problem.hess.nnz:6} entries of {len(problem.x0) ** 2}, in {problem.hess.colors} sweeps")
    print(f"weight    {np.sum(area * length):.4f} of {np.sum(area > TAKEN_AWAY)} bars, the load sinks by {-moved[loaded, 1]:.2f}")
    pull = stress(ad.constant(moved)).numpy()[area > TAKEN_AWAY]
    print(f"stresses  from {np.min(pull):.4f} to {np.max(pull):.4f}")
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            file.write(picture(area, moved))
