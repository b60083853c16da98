"""Benchmarks: the corpus of tests/corpus.py on this engine, by hand, and on every peer that is installed.

    python -m benchmarks                        everything; python -m benchmarks --help says what can be chosen
    python -m benchmarks.precise                gradients by the precise replay, in times of the eager ones

What is timed is one value with its gradient, from the peer's own numbers to the peer's own numbers,
computed to the end. Each peer lives in a process of its own, pinned to the same processors; the
processes take turns, round by round, so that a machine that slows down slows all of them. Before the
clock starts, each peer's value and gradient must agree with the derivative written by hand in
tests/byhand.py.
"""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parents[1] / "tests"))  # corpus, byhand, plain: shared with the tests
