"""Cases against peers: first that they agree, then, in turn, how long they take."""

import subprocess
import sys

import byhand
import numpy as np
from corpus import CASES

from .peers import PEERS
from .worker import Refused, Worker, seconds

AGREE = {"float64": 1e-10, "float32": 1e-4}  # of the value, and of each gradient against its largest entry
IMPORT, WRONG = "import", "WRONG:"
NOT_WAITED = "not waited for"  # it compiles for minutes, or longer than that
SLOW = {
    ("chain", 1_000): ["torch.compile"],
    ("lstm", 64): ["XLA", "torch.compile"],
    ("lstm", 1_024): ["tf.function", "XLA", "torch.compile"],
}


class Disagreement(Exception):
    """A peer's numbers are not those of the derivative by hand."""


def reference(case, n, dtype):
    """The value and the derivatives by hand, in float64, at the numbers that the dtype holds."""
    args = [a.astype("f8") if isinstance(a, np.ndarray) and a.dtype == "f4" else a for a in case.inputs(n, dtype)]
    return getattr(byhand, case.name)(*args)


def check(got, expected, tolerance):
    """Raise Disagreement unless value and gradients are the same."""
    (value, gradients), (expected_value, expected_gradients) = got, expected
    gradients = expected_gradients if gradients is None else gradients
    if len(gradients) != len(expected_gradients):
        raise Disagreement(f"{len(gradients)} gradients, by hand {len(expected_gradients)}")
    pairs = [("the value", value, expected_value)]
    pairs += [(f"gradient {k}", g, e) for k, (g, e) in enumerate(zip(gradients, expected_gradients))]
    for what, g, e in pairs:
        if np.size(g) != np.size(e):
            raise Disagreement(f"{what} has {np.size(g)} elements, by hand {np.size(e)}")
        error = np.max(np.abs(np.reshape(g, np.shape(e)) - e)) / max(np.max(np.abs(e)), 1e-300)
        if not error <= tolerance:
            raise Disagreement(f"{what} is {error:.1e} away from that by hand")


def start(names):
    """A worker for each peer, their versions, and why the others do not start."""
    workers, versions, failed = [Worker(name) for name in names], {}, {}
    for w in workers:
        try:
            versions[w.name] = w.version()
        except Refused as error:
            failed[w.name] = str(error)
    return [w for w in workers if w.name in versions], versions, failed


def measure(workers, name, n, options):
    """One case at one size on every worker: the results, and {peer: why it was not measured}."""
    if name == IMPORT:
        return _imports([w.name for w in workers], options), {}
    case, ready, refused = CASES[name], [], {}
    expected = reference(case, n, options.dtype)
    for w in workers:
        if w.name in SLOW.get((name, n), ()):
            refused[w.name] = NOT_WAITED
            continue
        try:
            *got, first = w.prepare(name, n, options.dtype)
            check(got, expected, AGREE[options.dtype])
            ready.append((w, first, w.calibrate(options.seconds)))
        except Refused as error:
            refused[w.name] = str(error)
        except Disagreement as error:
            refused[w.name] = f"{WRONG} {error}"
    rounds = [[w.clock(calls) / calls for w, _, calls in ready] for _ in range(options.runs)]
    return [
        result(name, case.title, n, w.name, first, calls, runs)
        for (w, first, calls), runs in zip(ready, zip(*rounds))
    ], refused


def result(case, title, n, peer, first, calls, runs):
    """One line of the report: `first` and `runs` are seconds a call."""
    return dict(case=case, title=title, n=n, peer=peer, first=first, calls=calls, runs=list(runs))


def _imports(peers, options):
    """A Python that starts and imports NumPy and the peer; by hand it is NumPy alone."""
    packages = {}
    for peer in peers:
        packages.setdefault(PEERS[peer][1], peer)

    def once(package):
        subprocess.run([sys.executable, "-c", f"import numpy, {package}"], check=True, capture_output=True)

    first = [seconds(lambda p=p: once(p), 1) for p in packages]  # finds its files on the disk
    rounds = [[seconds(lambda p=p: once(p), 1) for p in packages] for _ in range(options.runs)]
    title = "start Python, import NumPy and the package"
    return [
        result(IMPORT, title, 1, peer, cold, 1, runs)
        for peer, cold, runs in zip(packages.values(), first, zip(*rounds))
    ]
