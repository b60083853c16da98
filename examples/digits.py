"""A neural network learns to read handwritten digits: one recorded training step, replayed for every batch.

Data: Alpaydin & Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository (1998), 1797 pictures of 8 x 8
pixels, as shipped with scikit-learn.  python examples/digits.py picture.svg draws how it learns, and what it misreads.
"""

import sys
import time

import numpy as np
from sklearn.datasets import load_digits

import autodiff as ad

digits = load_digits()
random = np.random.default_rng(0)
shuffled = random.permutation(len(digits.target))
pixels, labels = (digits.data[shuffled] / 16).astype(np.float32), digits.target[shuffled]
train, test, batch = slice(0, 1440), slice(1440, None), 48

sizes = [64, 64, 10]
weights = [ad.Variable((random.normal(size=pair) * np.sqrt(2 / pair[0])).astype(np.float32)) for pair in zip(sizes, sizes[1:])]
biases = [ad.Variable(ad.zeros(n)) for n in sizes[1:]]
parameters, optimizer = [*weights, *biases], ad.optimizers.Adam(0.002)


@ad.function
def logits(x):
    for w, b in zip(weights[:-1], biases):
        x = ad.nn.relu(ad.matmul(x, w) + b)
    return ad.matmul(x, weights[-1]) + biases[-1]


@ad.function
def step(x, y):
    """One step downhill; returns the loss before it."""
    with ad.GradientTape() as tape:
        loss = ad.reduce_mean(ad.nn.sparse_softmax_cross_entropy_with_logits(y, logits(x)))
    optimizer.apply_gradients(zip(tape.gradient(loss, parameters), parameters))
    return loss


def accuracy(part):
    return float(np.mean(np.argmax(logits(pixels[part]).numpy(), axis=1) == labels[part]))


history, seconds = [], time.perf_counter()
for epoch in range(25):
    history.append((1 - accuracy(train), 1 - accuracy(test)))
    order = random.permutation(1440)
    for at in range(0, 1440, batch):
        rows = order[at : at + batch]
        step(pixels[rows], labels[rows])
seconds = time.perf_counter() - seconds
history.append((1 - accuracy(train), 1 - accuracy(test)))

print(f"read correctly  {accuracy(test):.1%} of {len(labels) - 1440} digits it has not seen, {accuracy(train):.1%} of those it has")
steps = int(optimizer.iterations)
print(f"training        {steps} steps of {batch} digits, {1e6 * seconds / steps:.0f} us each, recorded {step.experimental_get_tracing_count()} time")


def draw(path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.2, 1])
    axes = left.subplots()
    for errors, name, style in zip(100 * np.array(history).T, ("learnt from (1440)", "not seen before (357)"), ("o-", "s--")):
        axes.semilogy(np.where(errors > 0, errors, np.nan), style, markersize=4, color="#0072B2" if style == "o-" else "#D55E00", label=name)
    axes.set(xlabel="epochs", ylabel="misread digits (%)", title="Learning to read digits")
    axes.legend()
    read = np.argmax(logits(pixels[test]).numpy(), axis=1)
    wrong = np.flatnonzero(read != labels[test])[:6]
    right.suptitle("Some that it misreads")
    frames = right.subplots(2, 3).flat
    for axes in frames:
        axes.axis("off")
    for k, axes in zip(wrong, frames.base.flat):
        axes.imshow(pixels[test][k].reshape(8, 8), cmap="gray_r")
        axes.set_title(f"{labels[test][k]}, read as {read[k]}", fontsize=10)
    figure.savefig(path)


if len(sys.argv) > 1:
    draw(sys.argv[1])
