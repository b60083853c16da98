"""Gradients by GradientTape, from a polynomial to a custom gradient.

Follows the notebook "Using Autodiff in TensorFlow", day 28 of Ravi Mashru's "100 days of deep
learning" (on GitHub). For TensorFlow itself, change the import and nothing else.
"""

import autodiff as tf


def f(x, y):
    return 3 * x**2 + 5 * x * y


# The slope of f by differences of neighbouring values: good to about six digits.
step = 1e-10
across = (f(5 + step, 10) - f(5, 10)) / step
along = (f(5, 10 + step) - f(5, 10)) / step
print("finite differences:", across, along)

# The slope by the chain rule: exact.
x, y = tf.Variable(5.0), tf.Variable(10.0)
with tf.GradientTape() as tape:
    z = f(x, y)
print("gradient tape:     ", tape.gradient(z, [x, y]))


# The textbook's formula overflows: exp(100) is inf in float32, and inf / inf is no slope.
def softplus(x):
    return tf.math.log(1 + tf.math.exp(x))


x = tf.Variable([100.0])
with tf.GradientTape() as tape:
    z = softplus(x)
print("naive softplus:    ", tape.gradient(z, [x]))


# We know the derivative better than the chain rule does, 1 / (1 + exp(-x)), so we say it.
@tf.custom_gradient
def stable_softplus(x):
    e = tf.exp(x)

    def backward(upstream):
        return upstream * (1 / (1 + 1 / e))

    return tf.math.log(1 + e), backward


with tf.GradientTape() as tape:
    z = stable_softplus(x)
print("custom gradient:   ", tape.gradient(z, [x]))

# The library's own is right in its value too.
with tf.GradientTape() as tape:
    z = tf.math.softplus(x)
print("tf.math.softplus:  ", z)
print("and its gradient:  ", tape.gradient(z, [x]))
