"""A Hamiltonian sampler: the posterior of eight schools' coaching, its leapfrog steps on a recorded value and gradient.

In each school coaching raised the test's points by y, give or take sigma. The schools' true effects are mu + tau * z, z standard normal;
mu ~ normal(0, 5), tau ~ half-Cauchy(0, 5).  A Hamiltonian trajectory (Duane et al., Physics Letters B 195 (1987) 216-222; Neal, "MCMC
using Hamiltonian dynamics", 2011) proposes a point far away that is nearly always accepted.

Data: Rubin, "Estimation in parallel randomized experiments", Journal of Educational Statistics 6 (1981) 377-401.
python examples/schools.py picture.svg draws the posterior.
"""

import sys
import time

import numpy as np

import autodiff as ad

y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])  # points
sigma = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def log_density(q):
    """Of mu / 5, log(tau / 5) and z, up to a constant."""
    mu, tau, z = 5 * q[0], 5 * ad.exp(q[1]), q[2:]
    prior = -0.5 * q[0] ** 2 - ad.math.softplus(2 * q[1]) + q[1] - 0.5 * ad.reduce_sum(z**2)
    return prior - 0.5 * ad.reduce_sum(((y - mu - tau * z) / sigma) ** 2)


evaluate = ad.function(ad.value_and_grad(log_density))


def trajectory(q, p, value, slope, length, steps):
    """The leapfrog, for so long in so many steps: where it ends."""
    for _ in range(steps):
        p = p + 0.5 * length / steps * slope
        q = q + length / steps * p
        value, slope = evaluate(q)
        slope = slope.numpy()
        p = p + 0.5 * length / steps * slope
    return q, p, float(value), slope


def sample(draws, random, steps=12):
    """Points of the posterior after as many that are thrown away, and the share of proposals accepted."""
    q, found, accepted = random.normal(size=2 + len(y)), [], 0
    value, slope = evaluate(q)
    value, slope = float(value), slope.numpy()
    for k in range(2 * draws):
        p = random.normal(size=len(q))
        new = trajectory(q, p, value, slope, random.uniform(1.0, 3.0), steps)
        gain = new[2] - 0.5 * new[1] @ new[1] - (value - 0.5 * p @ p)
        if np.log(random.uniform()) < gain:
            q, _, value, slope = new
            accepted += k >= draws
        if k >= draws:
            found.append(q)
    return np.array(found), accepted / draws


seconds = time.perf_counter()
chains, rates = zip(*(sample(2500, np.random.default_rng(seed)) for seed in range(4)))
seconds = time.perf_counter() - seconds
q = np.concatenate(chains)
mu, tau = 5 * q[:, 0], 5 * np.exp(q[:, 1])
effects = mu[:, None] + tau[:, None] * q[:, 2:]
within = np.mean([np.var(c[:, :2], axis=0, ddof=1) for c in chains], axis=0)  # Gelman & Rubin (1992)
rhat = np.sqrt(1 - 1 / 2500 + np.var([c[:, :2].mean(axis=0) for c in chains], axis=0, ddof=1) / within)

print(f"mu   {mu.mean():5.2f} +- {mu.std():.2f} points")
print(f"tau  {tau.mean():5.2f} +- {tau.std():.2f} points")
print("schools ", *(f"{m:.1f}" for m in effects.mean(axis=0)))
print(f"accepted {np.mean(rates):.0%}; R-hat {rhat.max():.3f}; {1e6 * seconds / (4 * 5000 * 12):.1f} us a leapfrog step")


def draw(path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    filled = left.hexbin(mu, np.log10(tau), gridsize=30, mincnt=1, cmap="cividis_r", extent=(-10, 20, -1.5, 1.6), rasterized=True)
    left.set(xlabel="mu (points)", ylabel="log10 of tau (points)", title="Posterior of what the schools share")
    figure.colorbar(filled, label="draws")
    at, names = np.arange(8), "ABCDEFGH"
    right.errorbar(at - 0.12, y, sigma, fmt="o", color="#D55E00", label="measured, alone")
    right.errorbar(at + 0.12, effects.mean(axis=0), effects.std(axis=0), fmt="s", color="#0072B2", label="posterior, together")
    right.set(xlabel="school", ylabel="effect of coaching (points)", xticks=at, xticklabels=names, title="Mean and standard deviation")
    right.set_ylim(-22, 52)
    right.legend(loc="upper right")
    figure.savefig(path)


if len(sys.argv) > 1:
    draw(sys.argv[1])
