"""examples/notebook.ipynb: its cells, run in their order, give what the notebook shows."""

import ast
import contextlib
import io
import json
import os
import shutil

from conftest import ROOT

PATH = os.path.join(ROOT, "examples", "notebook.ipynb")


def run(source, space):
    """What a cell prints, and the value of its last line, or None."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), space)
        value = None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), space)
    return printed.getvalue(), value


def shown(value):
    """A value as Jupyter stores it."""
    data = {"text/plain": repr(value)}
    svg = value._repr_svg_() if hasattr(value, "_repr_svg_") else None
    return data if svg is None else {**data, "image/svg+xml": svg}


def outputs(source, space):
    """The outputs of a cell, as Jupyter stores them."""
    printed, value = run(source, space)
    made = [{"output_type": "stream", "name": "stdout", "text": printed}] if printed else []
    return made + ([] if value is None else [{"output_type": "execute_result", "data": shown(value), "metadata": {}}])


def test_the_cells_give_what_the_notebook_shows():
    with open(PATH, encoding="utf-8") as file:
        notebook = json.load(file)
    assert notebook["nbformat"] == 4
    space, text = {}, []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        told = [{k: v for k, v in out.items() if k != "execution_count"} for out in cell["outputs"]]
        made = outputs("".join(cell["source"]), space)
        for out in (*told, *made):
            for part in [out, out.get("data", {})]:
                for key in ("text", "text/plain"):
                    if key in part:                             # Jupyter breaks long lines
                        part[key] = " ".join("".join(part[key]).split())
                        text.append(part[key])
            svg = out.get("data", {}).pop("image/svg+xml", None)        # whose text depends on Graphviz's version
            assert svg is None or "".join(svg).lstrip().startswith("<")
        assert made == told, "".join(cell["source"])
    told = "\n".join(text)
    assert "80.00029083632398" in told and "24.999735614983365" in told
    assert "numpy=80.0" in told and "numpy=25.0" in told and "nan" in told


def test_the_notebook_shows_a_picture():
    with open(PATH, encoding="utf-8") as file:
        found = [out["data"] for cell in json.load(file)["cells"] for out in cell.get("outputs", []) if "data" in out]
    assert any("image/svg+xml" in data for data in found)
    assert shutil.which("dot") is None or "".join(found[-1]["image/svg+xml"]).count("<svg") == 1
