"""What an optimiser did: values, gradient norms and times of its evaluations, a bar that shows them, a plot of them."""

import contextlib
import time

import numpy as np

__all__ = ["History"]


class History:
    """The evaluations of one fit, in their order.

    values, norms   the objective, and the Euclidean norm of its gradient, at each
    seconds         since the first
    """

    def __init__(self):
        self.values, self.norms, self.seconds = [], [], []
        self._start = None

    def note(self, value, gradient, bar=None):
        """Take down one evaluation; gradient None: there was none."""
        now = time.perf_counter()
        self._start = now if self._start is None else self._start
        self.values.append(float(value))
        self.norms.append(float("nan") if gradient is None else float(np.sqrt(np.dot(gradient, gradient))))
        self.seconds.append(now - self._start)
        if bar is not None:
            bar.update()
            bar.set_postfix(value=f"{self.values[-1]:.6g}", gradient=f"{self.norms[-1]:.3g}", refresh=False)

    def __len__(self):
        return len(self.values)

    def __repr__(self):
        if not self.values:
            return "<history of no evaluations>"
        return (f"<history of {len(self)} evaluations in {self.seconds[-1]:.3g} s: {self.values[0]:.6g} to {min(self.values):.6g}, "
                f"gradient norm {self.norms[-1]:.3g}>")  # fmt: skip

    def plot(self, axes=None):
        """Draw how far each value lies above the best one, and the gradient norms, by evaluation; return matplotlib's axes.

        Raises ImportError without matplotlib, ValueError where there is nothing to draw.
        """
        if not self.values:
            raise ValueError("History.plot: no evaluation has been noted; call objective.minimize first")
        if axes is None:
            try:
                from matplotlib.figure import Figure
            except ImportError:
                raise ImportError("History.plot needs matplotlib: pip install 'autodiff-tape[plot]'") from None
            axes = Figure(figsize=(6.4, 4.0), layout="constrained").subplots()
        best = min(self.values)
        axes.semilogy([v - best if v > best else np.nan for v in self.values], ".-", label="value less the best one")
        axes.semilogy([n if n > 0 else np.nan for n in self.norms], ".-", label="gradient norm")
        axes.set_xlabel("evaluation")
        axes.grid(alpha=0.3)
        axes.legend()
        return axes


@contextlib.contextmanager
def progress_of(wanted):
    """tqdm's bar, or None."""
    if not wanted:
        yield None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError("objective: progress=True needs tqdm: pip install tqdm") from None
    with tqdm(unit="eval") as bar:
        yield bar
