"""The audit: what is told of a value and its gradient, and the script that is audited."""

import os
import re
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


def test_an_input_that_the_function_reads_elsewhere_too_is_two_tensors():
    x = ad.constant([3.0])
    report = ad.audit(lambda a, b: ad.reduce_sum(a * a * b * x), x, x)
    assert [g.numpy().tolist() for g in (*report.gradients, *report.exact_gradients)] == [[54], [27], [54], [27]]


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


# ------------------------------------------------------------------------------------------------------------------- scripts
HELPER = "import autodiff as ad\ndef naive(x): return ad.math.log(1 + ad.exp(x))\n"
LONGER = """
import sys
import autodiff as ad
from autodiff import GradientTape
from helper import naive
x = ad.Variable(100.0)
print(ad.grad(naive)(100.0).numpy(), ad.hessian(naive)(30.0).numpy())
with GradientTape(stabilize=True) as t:
    y = naive(x)
print(y.numpy(), t.gradient(y, x).numpy())
with GradientTape(precise=True) as t:
    y = naive(x)
print(t.value(y).numpy(), t.gradient(y, x).numpy())
with ad.GradientTape(persistent=True) as t:
    a, b = x * 2, ad.sqrt(x)
    c = 1 - ad.cos(x * 1e-7)
    with t.stop_recording():
        d = a * 3
print(t.gradient([a, b], x).numpy(), t.gradient(c, x).numpy(), t.gradient(d, x), t.jacobian(b, x).numpy())
with ad.GradientTape() as o:
    with ad.GradientTape() as t:
        y = naive(x * 0.3)
    g = t.gradient(y, x, output_gradients=ad.constant(2.0))
print(o.gradient(g, x).numpy())
@ad.function
def step(x):
    with ad.GradientTape() as t:
        t.watch(x)
        y = ad.sqrt(ad.reduce_sum(x * x))
    return t.gradient(y, x)
print(step(ad.constant([1e-30, 1e-30])).numpy())
"""


def run(arguments, folder):
    root = os.path.dirname(os.path.dirname(ad.__file__))
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=folder, env={**os.environ, "PYTHONPATH": root})


def test_a_script_sees_its_own_numbers_and_every_gradient_is_told(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "helper.py").write_text(HELPER)
    (tmp_path / "sub" / "script.py").write_text(LONGER + "sys.exit(3)\n")
    plain, audited = run(["sub/script.py"], tmp_path), run(["-m", "autodiff", "audit", "sub/script.py"], tmp_path)
    assert plain.returncode == audited.returncode == 3 and not audited.stderr
    assert audited.stdout.startswith(plain.stdout)
    told = audited.stdout[len(plain.stdout):]
    lines = [k + 1 for k, line in enumerate(LONGER.splitlines()) if "t.gradient(" in line or "o.gradient(" in line or "ad.grad(" in line]
    nested = next(k + 1 for k, line in enumerate(LONGER.splitlines()) if "g = t.gradient" in line)
    at = [int(line.rpartition(":")[2]) for line in told.splitlines() if line.startswith("gradient at sub/script.py:")]
    assert set(at) == {*lines} - {nested} and at.count(lines[3]) == 3       # (three gradients on one line; a gradient within a tape is part of it)
    assert told.count("use ad.math.softplus(x)") == 2 and "use 2 * ad.math.sin(x/2)**2" in told and "use ad.linalg.norm(x)" in told
    blocks = told.split("gradient at ")
    assert all(("cos(" in block) == ("sub loses" in block) for block in blocks)     # what the target does not depend on is not its loss


JACOBIANS = """
import autodiff as ad
x = ad.Variable([[1.0, 100.0]])
with ad.GradientTape(persistent=True) as t:
    y = ad.math.log(1 + ad.exp(x))
print(t.jacobian(y, x).numpy(), t.batch_jacobian(y, x).numpy())
with ad.GradientTape() as o:
    with ad.GradientTape() as t:
        z = ad.reduce_sum(ad.math.log(1 + ad.exp(x)))
    g = t.gradient(z, x)
print(o.jacobian(g, {"x": x})["x"].numpy())
"""


def test_jacobians_and_hessians_of_a_script_are_told_with_their_exact_entries(tmp_path):
    (tmp_path / "script.py").write_text(JACOBIANS)
    plain, audited = run(["script.py"], tmp_path), run(["-m", "autodiff", "audit", "script.py"], tmp_path)
    assert not audited.stderr and audited.stdout.startswith(plain.stdout) and "nan" in plain.stdout
    first, batch, second = audited.stdout[len(plain.stdout):].split(" at script.py:")[1:]
    assert first.startswith("6\n") and batch.startswith("6\n") and second.startswith("11\n")
    for block, name in ((first, "jacobian"), (batch, "batch_jacobian")):
        row = next(line for line in block.splitlines() if line.startswith(name + " ")).replace("[", " ").replace("]", " ").split()[1:]
        np.testing.assert_allclose([float(v) for v in row], [0.7310586, 0, 0, np.nan, 0.7310586, 0, 0, 1], rtol=1e-6)  # sigmoid(1), sigmoid(100)
        assert "use ad.math.softplus(x)" in block
    row = next(line for line in second.splitlines() if line.startswith("jacobian  ")).replace("[", " ").replace("]", " ").split()[1:]
    np.testing.assert_allclose(np.float32(row[4:]), np.float32([0.1966119, 0, 0, 3.7200760e-44]), rtol=1e-6)      # sigmoid(x) sigmoid(-x)
    assert "exp overflowed float32 at 88.7" in second


TRANSFORMS = """
import autodiff as ad
softplus = lambda x: ad.math.log(1 + ad.exp(x))
total = lambda x: ad.reduce_sum(softplus(x))
x, t = ad.constant([1.0, 100.0]), ad.constant([2.0, 1.0])
print(ad.jacobian(softplus)(x).numpy())
print(ad.hessian(total)(x).numpy())
print(ad.hvp(total)(x, t).numpy())
print(ad.jvp(softplus, (x,), (t,))[1].numpy())
print(ad.vjp(softplus, x)[1](t)[0].numpy())
print(*(g.numpy() for g in ad.value_and_grad(total)(x)))
print(ad.grad(lambda x: ad.reduce_sum(ad.grad(total)(x)))(x).numpy())
print(*(h.numpy() for h in ad.jacobian(lambda x: {"a": softplus(x), "b": x * x})(x).values()))
print(ad.hessian(total)(ad.constant([2.0, 1.0])).numpy())
own = ad.custom_gradient(lambda x: (ad.exp(x), lambda g: g * ad.exp(x)))
print(ad.hessian(lambda x: ad.reduce_sum(own(x)))(ad.constant([0.0, 0.0])).numpy())
print(ad.grad(lambda x: ad.constant(3.0))(x).numpy())
"""


def test_the_transforms_of_a_script_are_told_with_their_exact_entries(tmp_path):
    (tmp_path / "script.py").write_text(TRANSFORMS)
    plain, audited = run(["script.py"], tmp_path), run(["-m", "autodiff", "audit", "script.py"], tmp_path)
    assert not audited.stderr and audited.stdout.startswith(plain.stdout) and "nan" in plain.stdout
    blocks = re.split(r"\n(?=\w+ at script.py:)", audited.stdout[len(plain.stdout):])[1:]
    s, s2 = [1 / (1 + np.exp(-v)) for v in (1.0, 100.0)], [np.exp(-v) / (1 + np.exp(-v)) ** 2 for v in (1.0, 100.0)]
    u2 = [np.exp(-v) / (1 + np.exp(-v)) ** 2 for v in (2.0, 1.0)]
    asked = [("jacobian", 6, np.diag(s)), ("jacobian", 7, np.diag(s2)), ("jvp", 8, [2 * s2[0], s2[1]]), ("jvp", 9, [2 * s[0], s[1]]),
             ("gradient", 10, [2 * s[0], s[1]]), ("gradient", 11, s), ("gradient", 12, s2), ("jacobian", 13, np.diag(s)),
             ("jacobian", 13, np.diag([2.0, 200.0])), ("jacobian", 14, np.diag(u2)),
             ("jacobian", 16, np.eye(2)), ("gradient", 17, [0, 0])]  # fmt: skip
    assert len(blocks) == len(asked)
    for block, (name, line, right) in zip(blocks, asked):
        assert block.startswith(f"{name} at script.py:{line}\n")
        row = next(text for text in block.splitlines() if text.startswith(name + "  ")).replace("[", " ").replace("]", " ").split()[1:]
        right = np.float32(right).reshape(-1)
        np.testing.assert_allclose(np.float32(row[-right.size:]), right, rtol=1e-6, err_msg=block)
        assert ("use ad.math.softplus(x)" in block) == (line < 14 and "200" not in block), block


NESTED = """
import autodiff as ad
x = ad.Variable([1.0, 100.0])
with ad.GradientTape() as o:
    with ad.GradientTape() as m:
        with ad.GradientTape() as t:
            z = ad.reduce_sum(ad.math.log(1 + ad.exp(x)))
        g = t.gradient(z, x)
    h = m.gradient(g, x, output_gradients=ad.constant([3.0, 1.0]))
print(o.gradient(h, x).numpy())
"""


def test_gradients_of_gradients_are_exact_where_the_inner_ones_overflowed(tmp_path):
    (tmp_path / "script.py").write_text(NESTED)
    plain, audited = run(["script.py"], tmp_path), run(["-m", "autodiff", "audit", "script.py"], tmp_path)
    assert not audited.stderr and audited.stdout.startswith(plain.stdout) and "nan" in plain.stdout
    row = next(line for line in audited.stdout.splitlines() if line.startswith("gradient  ")).replace("[", " ").replace("]", " ").split()
    s, r = [1 / (1 + np.exp(-v)) for v in (1.0, 100.0)], [1 / (1 + np.exp(v)) for v in (1.0, 100.0)]
    right = np.float32([3 * s[0] * r[0] * (r[0] - s[0]), s[1] * r[1] * (r[1] - s[1])])
    np.testing.assert_allclose(np.float32(row[-2:]), right, rtol=1e-6)


@pytest.mark.parametrize("end, status, said", [
    ("raise RuntimeError('its own')", 1, "RuntimeError: its own"), ("sys.exit('no')", 1, "no")])  # fmt: skip
def test_a_script_that_ends_otherwise_is_told_of_too(end, status, said, tmp_path):
    (tmp_path / "script.py").write_text("import sys, autodiff as ad\nx = ad.Variable(100.0)\nwith ad.GradientTape() as t:\n"
                                        f"    y = ad.math.log(1 + ad.exp(x))\nt.gradient(y, x)\n{end}\n")  # fmt: skip
    done = run(["-m", "autodiff", "audit", "script.py"], tmp_path)
    assert done.returncode == status and "use ad.math.softplus(x)" in done.stdout and said in done.stderr


def test_scripts_without_a_gradient_and_without_a_file(tmp_path):
    (tmp_path / "script.py").write_text("print('nothing')\n")
    assert "audit: the script took no gradient" in run(["-m", "autodiff", "audit", "script.py"], tmp_path).stdout
    done = run(["-m", "autodiff", "audit", "other.py"], tmp_path)
    assert done.returncode == 1 and done.stderr == "audit: there is no script other.py\n"


def test_what_is_not_looked_into_is_said():
    @ad.custom_gradient
    def scaled(x):
        return ad.sqrt(x * x * 1e-30 * 1e-30), lambda g: g

    report = ad.audit(lambda x: scaled(x) * 2, 1.0)
    assert "taken as computed: custom_gradient" in str(report)
    assert "on its way back" in str(ad.audit(lambda x: ad.reduce_sum(ad.nn.softmax(x) * ad.math.log_softmax(x)), ad.constant([0.0, 0.0, 0.0])))
