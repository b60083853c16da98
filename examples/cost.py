"""What a gradient costs: of 3x² + 5xy by the tape, beside the same by hand on Python floats."""

from timeit import repeat

import autodiff as ad


def f(x, y):
    return 3 * x**2 + 5 * x * y


def by_tape(x, y):
    with ad.GradientTape() as tape:
        z = f(x, y)
    return tape.gradient(z, [x, y])


def by_hand(x, y):
    return f(x, y), 6 * x + 5 * y, 5 * x


x, y = ad.Variable(5.0), ad.Variable(10.0)
calls, tape, hand = 20_000, [], []
for _ in range(9):  # in turn, so that a busy moment hits both
    tape += repeat(lambda: by_tape(x, y), number=calls, repeat=1)
    hand += repeat(lambda: by_hand(5.0, 10.0), number=calls, repeat=1)
tape, hand = (min(seconds) / calls * 1e9 for seconds in (tape, hand))

print(f"by the tape              {tape:6.0f} ns")
print(f"by hand, Python floats   {hand:6.0f} ns")
print(f"ratio                    {tape / hand:6.1f}")
