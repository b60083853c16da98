"""A picture has a node for every step and an edge for every value that is read; long programs are folded; Graphviz takes the text."""

import pickle
import re
import shutil

import numpy as np
import pytest

import autodiff as ad

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="no Graphviz")


def nodes(dot):
    """{name: (label without markup, the rest)}."""
    found = re.findall(r"^ *(n\d+) \[label=<(.*)> (shape=.*)\]$", dot, re.M)
    return {name: (re.sub(r"<br/>", " ", label) and re.sub(r"<[^>]*>", "", label.replace("<br/>", " ")), looks) for name, label, looks in found}


def edges(dot):
    return re.findall(r"^  (n\d+) -> (n\d+)", dot, re.M)


def labelled(dot):
    """Edges by the labels of their ends."""
    known = nodes(dot)
    return sorted((known[a][0], known[b][0]) for a, b in edges(dot))


def test_a_function_is_drawn_as_it_runs():
    picture = ad.visualize(lambda x, y: ad.reduce_sum(ad.matmul(x, y) * 3.0), np.ones((2, 3)), np.ones((3, 4)))
    assert labelled(str(picture)) == [
        ("matmul float64[2, 4]", "mul 3 float64[2, 4]"), ("mul 3 float64[2, 4]", "reduce_sum float64"), ("reduce_sum float64", "result float64"),
        ("x float64[2, 3]", "matmul float64[2, 4]"), ("y float64[3, 4]", "matmul float64[2, 4]")]  # fmt: skip
    assert str(picture).count("one loop") == 1


def test_backward_steps_variables_and_constants_look_different():
    w = ad.Variable(np.ones(3), name="w")
    c = np.arange(3.0)

    @ad.function
    def step(x):
        with ad.GradientTape() as tape:
            loss = ad.reduce_sum(ad.exp(x * w) * c)
        w.assign_sub(tape.gradient(loss, w))
        return loss

    looks = dict(nodes(ad.visualize(step, ad.constant(np.ones(3))).dot).values())
    look = {label.split()[0]: how for label, how in looks.items() if not label.startswith("assigned")}
    assert len({look["x"], look["w"], look["constant"], look["d"], look["mul"], look["result"]}) == 6
    assert [label for label in looks if label.startswith("assigned")] == ["assigned to w"]


def test_arguments_have_the_names_of_the_function():
    def loss(p, x):
        return ad.reduce_sum((x * p["w"] + p["b"][0]) ** 2)

    dot = ad.visualize(ad.value_and_grad(loss), {"w": np.ones(2), "b": [np.ones(2)]}, np.ones(2)).dot
    assert {label.split()[0] for label, how in nodes(dot).values() if "rounded" in how} == {"p[&#x27;w&#x27;]", "p[&#x27;b&#x27;][0]", "x"}


def test_a_tape_is_drawn_as_it_was_recorded():
    v, k = ad.Variable([1.0, 2.0], name="v"), ad.constant([5.0, 6.0])
    with ad.GradientTape() as tape:
        tape.watch(k)
        ad.reduce_sum(ad.exp(v) * k * ad.constant([1.0, 2.0]))
    assert labelled(ad.visualize(tape).dot) == [
        ("constant float32[2]", "mul float32[2]"), ("exp float32[2]", "mul float32[2]"), ("mul float32[2]", "mul float32[2]"),
        ("mul float32[2]", "reduce_sum float32"), ("v float32[2]", "exp float32[2]"), ("watched float32[2]", "mul float32[2]")]  # fmt: skip
    with pytest.raises(TypeError, match="a tape takes no arguments"):
        ad.visualize(tape, v)


def rungs(n):
    """n times five operations."""

    def f(x):
        y = x
        for _ in range(n):
            y = ad.sin(y) * x - ad.cos(y) / 3.0
        return y

    return f


def test_every_value_read_is_an_edge_or_a_name():
    dot = ad.visualize(rungs(40), ad.constant(0.5)).dot
    drawn = nodes(dot)
    assert len(drawn) == 202
    told = sum(label.count(" x ") for label, _ in drawn.values())  # read by forty: named, not drawn
    reads = 40 * (1 + 2 + 1 + 1 + 2) + 1
    assert len(edges(dot)) + told - 2 == reads - 2 and told >= 40


@pytest.mark.parametrize("n", [2_000, 20_000])
def test_what_repeats_is_drawn_once_with_its_count(n):
    picture = ad.visualize(rungs(n), ad.constant(0.5))
    assert re.search(r"<picture of f: ([\d,]+) nodes", repr(picture))[1] == f"{5 * n + 2:,}"
    assert len(nodes(picture.dot)) <= 10
    assert re.findall(r'label="([\d,]+) times"', picture.dot) == [f"{n:,}"]


def test_a_long_gradient_is_folded_forward_and_backward():
    dot = ad.visualize(ad.grad(rungs(1000)), ad.constant(0.5)).dot
    assert len(nodes(dot)) < 100
    counts = [int(n.replace(",", "")) for n in re.findall(r'label="([\d,]+) times"', dot)]
    assert sorted(counts)[-2] >= 990


def test_what_does_not_repeat_is_drawn_in_slices():
    rng = np.random.default_rng(0)
    rows = [ad.sin, ad.cos, ad.exp, ad.tanh, ad.square, ad.sqrt, ad.abs]

    def f(x):
        for k in rng.integers(0, len(rows), size=3000):
            x = rows[k](x) + 0.1
        return x

    dot = ad.visualize(f, ad.constant(0.5), most=60).dot
    drawn = nodes(dot)
    assert 10 < len(drawn) <= 60 and sum("steps" in label for label, _ in drawn.values()) > 5


@needs_dot
@pytest.mark.parametrize("n", [3, 40, 3000])
def test_graphviz_draws_it(n, tmp_path):
    picture = ad.visualize(ad.value_and_grad(rungs(n)), ad.constant(0.5))
    svg = picture.svg()
    assert svg.lstrip().startswith("<?xml") and svg == picture._repr_svg_()
    assert svg.count('class="node"') == len(nodes(picture.dot)) and svg.count('class="edge"') == len(edges(picture.dot))
    picture.save(tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="dot says"):
        picture.save(tmp_path / "p.nonsense")


def test_without_graphviz_there_is_the_text_and_a_word_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    picture = ad.visualize(rungs(1), ad.constant(0.5))
    assert picture._repr_svg_() is None
    picture.save(tmp_path / "p.dot")
    assert (tmp_path / "p.dot").read_text() == picture.dot
    with pytest.raises(ImportError, match="apt install graphviz"):
        picture.svg()


def test_what_is_no_program_is_refused():
    with pytest.raises(TypeError, match="expected an ad.function, a function or a GradientTape, got 3"):
        ad.visualize(3)


@pytest.mark.parametrize("trace", (True, False))
def test_an_objective_is_drawn_as_it_is_evaluated(trace):
    obj = ad.objective(lambda x, k: ad.reduce_sum(k * ad.exp(x)), np.zeros(3), trace=trace, args=(2.0,))
    for picture in (ad.visualize(obj), ad.visualize(obj, [1.0, 2.0, 3.0], 3.0), ad.visualize(pickle.loads(pickle.dumps(obj)) if trace else obj)):
        told = [label for label, _ in nodes(str(picture)).values()]
        assert "exp float64[3]" in told and sum(label.startswith("result") for label in told) == 2, told
        assert picture.dot.startswith('digraph "<lambda>"')
    assert "exp" in str(obj.summary()) and "exp" in str(obj.summary(np.ones(3), 2.0))
