"""Hares and lynxes: the parameters of a differential equation, fitted through its solver.

The Hudson's Bay Company bought so many thousand furs a year from 1900 to 1920. Lotka and Volterra's equations for hares h and lynxes l,
h' = (a - b l) h and l' = (c h - d) l, are solved by Runge and Kutta's method of fourth order, written in the engine's operations: the
solver is recorded once, 1000 steps long, and the gradient of the misfit by the four rates and the two numbers of 1900 goes back through it.

Data: Elton & Nicholson, "The ten-year cycle in numbers of the lynx in Canada", Journal of Animal Ecology 11 (1942) 215-244, as given in
Howard, "Modeling basics" (2009).  python examples/lynx.py picture.svg draws the fit.
"""

import sys
from timeit import repeat

import numpy as np
from scipy.integrate import solve_ivp

import autodiff as ad

# fmt: off
years = np.arange(1900, 1921)
hares  = [30.0, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22.0, 25.4, 27.1, 40.3, 57.0, 76.6, 52.3, 19.5, 11.2,  7.6, 14.6, 16.2, 24.7]
lynxes = [ 4.0,  6.1,  9.8, 35.2, 59.4, 41.7, 19.0, 13.0,  8.3,  9.1,  7.4,  8.0, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8,  9.7, 10.1,  8.6]
# fmt: on
data = np.log([hares, lynxes])  # thousands of furs
STEPS = 50  # a year


def slope(h, l, p):  # noqa: E741
    """Of the logarithms h and l, in which the equations are simpler and the numbers stay positive."""
    return p["a"] - p["b"] * ad.exp(l), p["c"] * ad.exp(h) - p["d"]


def solve(p):
    """The logarithms at the end of each year, by classical Runge-Kutta."""
    h, l, dt, found = p["h0"], p["l0"], 1 / STEPS, [(p["h0"], p["l0"])]
    for _ in years[1:]:
        for _ in range(STEPS):
            h1, l1 = slope(h, l, p)
            h2, l2 = slope(h + dt / 2 * h1, l + dt / 2 * l1, p)
            h3, l3 = slope(h + dt / 2 * h2, l + dt / 2 * l2, p)
            h4, l4 = slope(h + dt * h3, l + dt * l3, p)
            h, l = h + dt / 6 * (h1 + 2 * h2 + 2 * h3 + h4), l + dt / 6 * (l1 + 2 * l2 + 2 * l3 + l4)
        found.append((h, l))
    return ad.transpose(ad.convert_to_tensor(found))


def loss(p):
    """Sum of squares of the logarithmic misfit: furs are counted to so many percent."""
    return ad.reduce_sum((solve(p) - data) ** 2)


start = {"a": 0.5, "b": 0.03, "c": 0.03, "d": 0.9, "h0": data[0, 0], "l0": data[1, 0]}
obj = ad.objective(loss, like=start)
fit = obj.minimize(method="BFGS")
p = {name: float(value) for name, value in fit.params.items()}
x = obj.flatten(p)
seconds = min(repeat(lambda: obj(x + np.random.random(6) * 1e-9), number=1, repeat=50))
scipys = solve_ivp(lambda t, y: (p["a"] - p["b"] * np.exp(y[1]), p["c"] * np.exp(y[0]) - p["d"]), (0, 20), (p["h0"], p["l0"]),
                   rtol=1e-10, atol=1e-10, t_eval=np.linspace(0, 20, 401))  # fmt: skip

print(f"hares:  grow by {p['a']:.3f} a year, are eaten by {p['b']:.4f} a thousand lynxes")
print(f"lynxes: grow by {p['c']:.4f} a thousand hares, starve by {p['d']:.3f} a year")
print(f"misfit              {np.sqrt(fit.fun / data.size):.1%}")
print(f"evaluations         {fit.nfev}, {1e6 * seconds:.0f} us each: value and gradient of {STEPS * 20} steps")
print(f"solver's error      {np.abs(solve(p).numpy()[:, -1] - scipys.y[:, -1]).max():.1e} of the logarithms in 1920")


def draw(path):
    from matplotlib.figure import Figure

    axes = Figure(figsize=(7, 3.8), layout="constrained").subplots()
    for k, (name, marker, style, colour) in enumerate((("hares", "o", "-", "#0072B2"), ("lynxes", "s", "--", "#D55E00"))):
        axes.plot(years, np.exp(data[k]), marker, color=colour, label=f"{name}, bought")
        axes.plot(1900 + scipys.t, np.exp(scipys.y[k]), style, color=colour, label=f"{name}, fitted")
    axes.set(xlabel="year", ylabel="furs (thousands)", title="Lotka and Volterra's equations through 1000 steps of their solver", xticks=years[::5])
    axes.set_ylim(0, 100)
    axes.legend(ncols=2, loc="upper right")
    axes.figure.savefig(path)


if len(sys.argv) > 1:
    draw(sys.argv[1])
