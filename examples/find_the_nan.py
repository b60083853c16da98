"""Which operation spoiled the gradient?  Three ways to find out, on the naive softplus."""

import autodiff as tf


def naive_softplus(x):
    return tf.math.log(1 + tf.math.exp(x))


# 1. A report on one evaluation: which digits are right, where the others went, what to write instead.
print(tf.audit(naive_softplus, 100.0))

# 2. An error at the first operation that gives Inf or NaN.
tf.debugging.enable_check_numerics()
try:
    naive_softplus(tf.Variable(100.0))
except tf.errors.InvalidArgumentError as error:
    print(str(error).strip().splitlines()[0])
finally:
    tf.debugging.disable_check_numerics()

# 3. Not to care: formulas recorded as what they mean, or replayed with as many digits as it takes.
x = tf.Variable(100.0)
for options in ({"stabilize": True}, {"precise": True}):
    with tf.GradientTape(**options) as tape:
        y = naive_softplus(x)
    print(options, tape.gradient(y, x).numpy())
