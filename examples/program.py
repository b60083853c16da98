"""What a program costs, and what it looks like: tables and pictures of what was recorded.

python examples/program.py picture.svg draws the program, with Graphviz; in a notebook `ad.visualize(tape)` shows itself.
"""

import sys

import autodiff as ad


def swing(angle, speed, length, steps, dt=0.01):
    """A pendulum of so many metres, by the classical method of Runge and Kutta."""

    def slope(angle, speed):
        return speed, -9.81 / length * ad.sin(angle)

    for _ in range(steps):
        a1, s1 = slope(angle, speed)
        a2, s2 = slope(angle + dt / 2 * a1, speed + dt / 2 * s1)
        a3, s3 = slope(angle + dt / 2 * a2, speed + dt / 2 * s2)
        a4, s4 = slope(angle + dt * a3, speed + dt * s3)
        angle, speed = angle + dt / 6 * (a1 + 2 * a2 + 2 * a3 + a4), speed + dt / 6 * (s1 + 2 * s2 + 2 * s3 + s4)
    return angle


angle, length = ad.Variable(1.0, dtype="float64", name="angle"), ad.Variable(2.0, dtype="float64", name="length")
with ad.GradientTape(persistent=True) as tape:
    end = swing(angle, angle * 0, length, steps=2500)

print(tape.summary())
print("the last angle by the first, and by the length:", *(f"{float(g):.4f}" for g in tape.gradient(end, [angle, length])), "\n")

slopes = ad.function(ad.grad(lambda a, l: swing(a, a * 0, l, steps=2500), argnums=(0, 1)))
print(slopes.summary(angle.value(), length.value()))

if len(sys.argv) > 1:
    ad.visualize(tape).save(sys.argv[1])
