"""Implied volatilities: Newton's method for a whole surface of option prices at once, its slope (vega) from the engine.

Prices by Black & Scholes, "The pricing of options and corporate liabilities", Journal of Political Economy 81 (1973)
637-654, per unit of the discounted forward; k = log(strike / forward), t in years.  The quotes are prices for a known surface, so the
answer is known.  python examples/volatility.py picture.svg draws surface and convergence.
"""

import sys
from timeit import repeat

import numpy as np

import autodiff as ad

k, t = np.meshgrid(np.linspace(-0.4, 0.4, 81), np.linspace(0.1, 2.0, 60))
smile = 0.15 + 0.5 / np.sqrt(1 + 3 * t) * (np.sqrt((k - 0.06) ** 2 + 0.02) - 0.4 * k)  # the volatilities, to be found again
side = np.where(k < 0, -1.0, 1.0)  # puts below the forward, calls above: their prices lose no digits to the value of exercise


def price(sigma):
    spread = sigma * np.sqrt(t)
    return side * (ad.math.ndtr(side * (spread / 2 - k / spread)) - np.exp(k) * ad.math.ndtr(side * (-spread / 2 - k / spread)))


def newton(sigma, quote):
    """One step for every option: they share nothing, so the gradient of the sum is the vega of each."""
    vega = ad.grad(lambda s: ad.reduce_sum(price(s)))(sigma)
    return sigma - (price(sigma) - quote) / vega


quote = price(ad.constant(smile))
step = ad.function(newton)
sigma = ad.constant(np.sqrt(2 * np.abs(k) / t) + 1e-3)  # the price has its inflection there: from it Newton cannot fail
errors = []
for _ in range(60):
    errors.append(np.abs(sigma.numpy() - smile))
    sigma, before = step(sigma, quote), sigma
    if np.max(np.abs(sigma.numpy() - before.numpy())) < 1e-12:
        break
errors.append(np.abs(sigma.numpy() - smile))
seconds = min(repeat(lambda: step(sigma, quote), number=20, repeat=9)) / 20

print(f"options     {k.size}")
print(f"steps       {len(errors) - 1}")
print(f"error       {errors[-1].max():.1e} at most, {np.median(errors[-1]):.1e} in the middle")
print(f"one step    {seconds * 1e6:.0f} us, {seconds / k.size * 1e9:.0f} ns an option")


def draw(path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    surface, convergence = figure.subplots(1, 2)
    filled = surface.contourf(k, t, 100 * sigma.numpy(), levels=14, cmap="cividis")
    surface.set(xlabel="log(strike / forward)", ylabel="time to expiry (years)", title="Implied volatility")
    figure.colorbar(filled, label="% a year")
    convergence.semilogy([e.max() for e in errors], "o-", color="#D55E00", label="largest of all options")
    convergence.semilogy([np.median(e) for e in errors], "s--", color="#0072B2", label="median")
    convergence.set(xlabel="Newton steps", ylabel="error of the volatility (a year)", title=f"{k.size} options at once")
    convergence.legend()
    figure.savefig(path)


if len(sys.argv) > 1:
    draw(sys.argv[1])
