"""O-ring damage and temperature: a logistic regression by maximum likelihood.

On the night before Challenger's last launch its engineers argued about the cold: 31 °F. On seven of
the 23 launches before, the rubber rings in the boosters' joints had been damaged, the four coldest
days among them. SciPy maximises the likelihood; the tape gives it the gradient, run as written and recorded once.

Data: Dalal, Fowlkes & Hoadley, "Risk analysis of the space shuttle: pre-Challenger prediction of
failure", Journal of the American Statistical Association 84 (1989) 945-957.
"""

import math
from timeit import repeat

import numpy as np
from scipy.optimize import minimize

import autodiff as ad

# fmt: off
temperature = [66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78, 67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58]  # °F
damaged     = [ 0,  1,  0,  0,  0,  0,  0,  0,  1,  1,  1,  0,  0,  1,  0,  0,  0,  0,  0,  0,  1,  0,  1]
# fmt: on
temperature, damaged = np.array(temperature, float), np.array(damaged, float)


def loss_and_gradient(w):
    """The negative log-likelihood of the 23 outcomes for the intercept and the slope w, and its gradient."""
    w = ad.convert_to_tensor(w)
    with ad.GradientTape() as tape:
        tape.watch(w)
        logit = w[0] + w[1] * temperature
        loss = ad.reduce_sum(ad.math.softplus(logit) - damaged * logit)
    return loss, tape.gradient(loss, w)


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
