"""O-ring damage and temperature: a logistic regression by maximum likelihood.

On the night before Challenger's last launch its engineers argued about the cold: 31 °F. On seven of
the 23 launches before, the rubber rings in the boosters' joints had been damaged, the four coldest
days among them. SciPy maximises the likelihood; the tape gives it the gradient, run as written and recorded once.

Data: Dalal, Fowlkes & Hoadley, "Risk analysis of the space shuttle: pre-Challenger prediction of
failure", Journal of the American Statistical Association 84 (1989) 945-957.

python examples/oring.py picture.svg draws the likelihood surface and the fit.
"""

import math
import sys
from timeit import repeat

import numpy as np
from scipy.optimize import minimize

import autodiff as ad

# fmt: off
temperature = [66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78, 67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58]  # °F
damaged     = [ 0,  1,  0,  0,  0,  0,  0,  0,  1,  1,  1,  0,  0,  1,  0,  0,  0,  0,  0,  0,  1,  0,  1]
# fmt: on
temperature, damaged = np.array(temperature, float), np.array(damaged, float)


def loss(w):
    """The negative log-likelihood of the 23 outcomes for the intercept and the slope w."""
    logit = w[0] + w[1] * temperature
    return ad.reduce_sum(ad.math.softplus(logit) - damaged * logit)


def loss_and_gradient(w):
    w = ad.convert_to_tensor(w)
    with ad.GradientTape() as tape:
        tape.watch(w)
        y = loss(w)
    return y, tape.gradient(y, w)


recorded_once = ad.function(loss_and_gradient)  # the first call records, the others replay it in C

fit = minimize(loss_and_gradient, np.zeros(2), jac=True)
again = minimize(recorded_once, np.zeros(2), jac=True)
intercept, slope = fit.x
risk = 1 / (1 + math.exp(-(intercept + slope * 31)))

print(f"intercept             {intercept:8.4f}")
print(f"slope per °F          {slope:8.4f}")
print(f"probability at 31 °F  {risk:8.4f}")
print(f"evaluations           {fit.nfev:8d}")

assert fit.success, fit.message
known = [15.0429, -0.2322, 0.9996]
assert np.allclose([intercept, slope, risk], known, rtol=0, atol=5e-5), "not the known estimates"
print("These are the known maximum-likelihood estimates:", *known)

assert np.array_equal(again.x, fit.x) and again.nfev == fit.nfev, "the replay took another way"
calls, eager, replayed = 2000, [], []
for _ in range(9):  # in turn, so that a busy moment hits both
    eager += repeat(lambda: loss_and_gradient(fit.x), number=calls, repeat=1)
    replayed += repeat(lambda: recorded_once(fit.x), number=calls, repeat=1)
eager, replayed = (min(seconds) / calls * 1e6 for seconds in (eager, replayed))
print(f"The same fit with ad.function: the same bits, {replayed:.1f} us an evaluation instead of {eager:.1f}")


def draw(path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    surface, curve = figure.subplots(1, 2)
    slopes, risks = np.meshgrid(np.linspace(-0.75, 0.1, 60), np.linspace(-4.5, 2, 60))  # the logit at 70 °F in place of the intercept:
    w = np.stack([risks - 70 * slopes, slopes], axis=-1).reshape(-1, 2)  # those two are almost independent
    above = (ad.vectorized_map(loss, w).numpy() - fit.fun).reshape(slopes.shape)
    filled = surface.contourf(slopes, risks, above, levels=[0, 0.25, 0.5, 1, 2, 3, 4, 6, 8, 12], cmap="cividis_r", extend="max")
    lines = surface.contour(slopes, risks, above, levels=[1.15, 3.0, 4.61], colors="black", linewidths=1)  # chi-squared, 2 degrees of freedom
    surface.clabel(lines, fmt={1.15: "68 %", 3.0: "95 %", 4.61: "99 %"})
    surface.plot(slope, intercept + 70 * slope, "w*", markersize=12, markeredgecolor="black")
    surface.set(xlabel="slope of the logit (1/°F)", ylabel="logit of damage at 70 °F", title="How likely the 23 launches are")
    figure.colorbar(filled, label="log-likelihood below its maximum")
    degrees = np.linspace(28, 85, 200)
    curve.plot(degrees, 1 / (1 + np.exp(-intercept - slope * degrees)), color="#0072B2", label="fit")
    launches = list(zip(temperature, damaged))
    apart = damaged + np.where(damaged, -0.035, 0.035) * [launches[:k].count(launch) for k, launch in enumerate(launches)]
    curve.plot(temperature, apart, "o", color="#D55E00", markerfacecolor="none", label="launch")
    curve.axvline(31, color="black", linestyle="--", linewidth=1)
    curve.text(32, 0.6, "31 °F: Challenger's\nlast launch", va="center")
    curve.set(xlabel="temperature at launch (°F)", ylabel="probability of damage", title="Damage and cold")
    curve.legend(loc="lower left", bbox_to_anchor=(0.1, 0.08))
    figure.savefig(path)


if len(sys.argv) > 1:
    draw(sys.argv[1])
