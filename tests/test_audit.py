"""The audit: what is told of a value and its gradient, and the script that is audited."""

import os
import subprocess
import sys

import numpy as np
import pytest

import autodiff as ad
import autodiff as tf


def naive_softplus(x):
    return tf.math.log(1 + tf.math.exp(x))


def test_the_naive_softplus():
    report = ad.audit(naive_softplus, 100.0)
    assert np.isinf(report.value.numpy()) and np.isnan(report.gradients[0].numpy())
    assert report.exact_value.numpy() == 100.0 and report.exact_gradients[0].numpy() == 1.0
    (loss,) = report.losses
    assert loss.name == "exp" and loss.digits == np.inf and loss.operands[0] == 100.0
    assert loss.place == f"{__file__}:{naive_softplus.__code__.co_firstlineno + 1}"
    assert loss.source == "return tf.math.log(1 + tf.math.exp(x))"
    assert loss.what == "exp overflowed float32 at 88.7: its operand is 100."
    assert loss.suggestion in ("tf.math.softplus(x)", "ad.math.softplus(x)")
    text = str(report)
    assert loss.place in text and loss.what in text and loss.suggestion in text and max(map(len, text.splitlines())) < 130
    assert report._repr_html_().count("<tr>") == 5 and "softplus(x)" in report._repr_html_()


def test_float64_ends_elsewhere():
    report = ad.audit(naive_softplus, np.float64(1000.0))
    assert report.losses[0].what == "exp overflowed float64 at 709.8: its operand is 1000."


def test_cancellation_and_its_digits():
    report = ad.audit(lambda x: 1 - ad.cos(x), np.float64(1e-5))
    (loss,) = report.losses
    assert loss.name == "sub" and 5 < loss.digits < 12 and "digits, by as many its operands agree" in loss.what
    np.testing.assert_allclose(report.exact_value, 5e-11, rtol=1e-9)
    assert not np.isclose(report.value.numpy(), 5e-11, rtol=1e-9, atol=0)


def test_underflow_is_called_by_its_name():
    v = ad.Variable([1e-30, 2e-30])
    report = ad.audit(lambda: ad.sqrt(ad.reduce_sum(v * v)))
    assert "an operand underflowed to 0, as float32 has no numbers below 1.4e-45" in report.losses[0].what
    assert report.losses[0].suggestion == "ad.linalg.norm(x)"
    np.testing.assert_allclose(report.exact_gradients[0], [0.4472136, 0.8944272], rtol=1e-6)


def test_nothing_to_tell():
    report = ad.audit(lambda x, y: ad.sin(x) * y, 1.0, [2.0])
    assert not report.losses and "Every operation has the digits of its format." in str(report)
    assert len(report.gradients) == 2


def test_what_cannot_be_audited():
    with pytest.raises(TypeError, match="audit: f must return one floating tensor, got 3"):
        def f(x):
            return 3

        ad.audit(f, 1.0)


SCRIPT = """
import sys
import autodiff as tf

x = tf.Variable(100.0)
for _ in range(2):
    with tf.GradientTape() as tape:
        y = tf.math.log(1 + tf.exp(x))
    print("script", tape.gradient(y, x).numpy(), *sys.argv[1:])
with tf.GradientTape() as tape:
    z = tf.sin(x)
print(tape.gradient(z, {"x": x})["x"].numpy())
"""


def test_a_script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    root = os.path.dirname(os.path.dirname(ad.__file__))
    done = subprocess.run([sys.executable, "-m", "autodiff", "audit", str(path), "one"], capture_output=True, text=True, cwd=root, check=True)
    own, _, told = done.stdout.partition("\n\n")
    assert own.splitlines()[:2] == ["script nan one"] * 2
    assert told.count("gradient at ") == 2 and f"gradient at {path}:9" in told
    assert f"{path}:8: y = tf.math.log(1 + tf.exp(x))" in told
    assert "exp overflowed float32 at 88.7" in told and "use tf.math.softplus(x)" in told
    assert "Every operation has the digits of its format." in told


def test_the_command_line_says_how_it_is_used():
    root = os.path.dirname(os.path.dirname(ad.__file__))
    done = subprocess.run([sys.executable, "-m", "autodiff", "nonsense"], capture_output=True, text=True, cwd=root)
    assert done.returncode == 1 and "usage: python -m autodiff" in done.stderr


def test_every_suggestion_is_code():
    from autodiff.stabilise import LAWS

    module = sys.modules["autodiff.audit"]

    told = {law.text: module._suggestion("here", [("here", law.text)], "ad") for law in LAWS}
    values = {name: ad.constant([0.5, 0.25]) for name in "abcdknpuvxyz"}
    for text, code in told.items():
        if code != "ad.GradientTape(stabilize=True)":
            assert eval(code, {"ad": ad, **values, **({"k": 0} if "[k]" in code else {})}).dtype.is_floating, (text, code)
    assert told["log(1 + exp(x)) = softplus(x)"] == "ad.math.softplus(x)"
    assert told["1 - tanh(x) = 2 sigmoid(-2 x)"] == "2 * ad.math.sigmoid(-2 * x)"
    assert told["log(1 / x) = -log(x)"] == "-ad.math.log(x)"
    assert told["x log(x) = 0 at 0"] == "ad.GradientTape(stabilize=True)"
    assert sum(code != "ad.GradientTape(stabilize=True)" for code in told.values()) > 60


def test_the_audit_of_what_others_call_by_another_name():
    names = {"tensors": ad}
    exec("def f(x):\n    return tensors.math.log(1 + tensors.exp(x))", names)
    report = ad.audit(names["f"], 100.0)
    assert report.losses[0].name == "exp" and report.losses[0].suggestion == "tensors.math.softplus(x)"
