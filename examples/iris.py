"""A mixture of three Gaussians for the irises that Anderson measured, by gradients of its likelihood; no labels are used.

Each Gaussian has a weight, a mean and a square matrix A with covariance inverse(A @ A.T): any A will do, so nothing is constrained.

Data: Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7 (1936) 179-188, as shipped with
scikit-learn.  python examples/iris.py picture.svg draws the fit.
"""

import sys

import numpy as np
from sklearn.datasets import load_iris

import autodiff as ad

iris = load_iris()
x = iris.data  # 150 flowers, 4 lengths in cm
n, d, k = len(x), 4, 3


def log_densities(p):
    """For each flower and each Gaussian the logarithm of weight times density, (150, 3)."""
    z = ad.matmul(x - p["means"][:, None, :], p["factors"])  # (3, 150, 4): distances in standard deviations
    log_scale = 0.5 * ad.linalg.logdet(ad.matmul(p["factors"], p["factors"], transpose_b=True))
    normal = log_scale[:, None] - 0.5 * ad.reduce_sum(z**2, axis=2) - d / 2 * np.log(2 * np.pi)
    return ad.transpose(normal) + ad.nn.log_softmax(p["logits"])


def loss(p):
    """Negative log-likelihood of a flower."""
    return -ad.reduce_mean(ad.reduce_logsumexp(log_densities(p), axis=1))


# The start: thirds by the length of the petals.
thirds = [x[third] for third in np.array_split(np.argsort(x[:, 2]), k)]
start = {"logits": np.zeros(k), "means": np.array([third.mean(axis=0) for third in thirds]),
         "factors": np.array([np.linalg.inv(np.linalg.cholesky(np.cov(third.T))).T for third in thirds])}  # fmt: skip

obj = ad.objective(loss, like=start)
fit = obj.minimize(method="BFGS")
p = fit.params
species = np.argmax(log_densities(p).numpy(), axis=1)
covariances = np.linalg.inv(p["factors"] @ p["factors"].transpose(0, 2, 1))
weights = ad.nn.softmax(p["logits"]).numpy()

print(f"log-likelihood  {-fit.fun * n:9.3f}")
print(f"evaluations     {fit.nfev:5d}")
for j in np.argsort(p["means"][:, 2]):
    print(f"weight {weights[j]:.3f}, mean petal {p['means'][j, 2]:.2f} x {p['means'][j, 3]:.2f} cm: flowers",
          dict(zip(iris.target_names.tolist(), np.bincount(iris.target[species == j], minlength=k).tolist())))  # fmt: skip


def draw(path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.4), layout="constrained")
    axes = figure.subplots()
    for j, (marker, colour) in enumerate(zip("os^", ("#0072B2", "#E69F00", "#009E73"))):
        mine = iris.target == j
        axes.plot(x[mine, 2], x[mine, 3], marker, color=colour, markersize=5, alpha=0.7, label=f"Iris {iris.target_names[j]}")
        root = np.linalg.cholesky(covariances[j][2:, 2:])
        circle = np.stack([np.cos(np.linspace(0, 2 * np.pi, 100)), np.sin(np.linspace(0, 2 * np.pi, 100))])
        for radius, style in ((1, "-"), (2, "--")):
            axes.plot(*(p["means"][j, 2:, None] + radius * root @ circle), style, color="black", linewidth=1)
    axes.plot([], [], "-", color="black", label="Gaussians: 1 standard deviation")
    axes.plot([], [], "--", color="black", label="2 standard deviations")
    axes.set(xlabel="length of the petals (cm)", ylabel="width of the petals (cm)", title="Three Gaussians, found without the species")
    axes.legend(loc="upper left")
    figure.savefig(path)


if len(sys.argv) > 1:
    draw(sys.argv[1])
