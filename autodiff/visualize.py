"""visualize: a recorded program as a picture, in Graphviz's DOT (drawing.py)."""

import os

from . import errors
from ._core import GradientTape
from .function import Function, function

__all__ = ["visualize"]


def visualize(f, *args, most=250, **kwargs) -> "Picture":
    """The program of a function or a tape as a picture; in a notebook it shows itself.

    f       an ad.function, or a function that can be one, to be called with the arguments; an ad.objective (its value and derivative,
            at `like` where no point is given); or a GradientTape that holds its record
    args, kwargs    of the function: tensors, arrays, variables, numbers
    most    how many nodes may be drawn; of a longer program what repeats is drawn once, with a count, and what is left is drawn in slices

    The `Picture` that is returned has the DOT text as `dot` and `str()`; `svg()`, `save(path)` and a notebook need Graphviz's program
    `dot`.  Inputs are blue, variables green, constants grey; backward steps have dashed frames; steps that run in one loop share a frame.

    Raises TypeError for what is neither function nor tape, ValueError where the function cannot be replayed, TapeError where the tape has
    no record (any more).

    >>> import autodiff as ad
    >>> picture = ad.visualize(lambda x: ad.reduce_sum(ad.exp(x) * x), ad.zeros(3))
    >>> picture
    <picture of <lambda>: 5 nodes; .dot is its text, .svg() and .save("picture.svg") draw it>
    >>> print(picture.dot.splitlines()[0])
    digraph "<lambda>" {
    """
    if isinstance(f, GradientTape):
        if args or kwargs:
            raise TypeError("visualize: a tape takes no arguments: its program has been recorded")
        from .drawing import nodes_of_tape

        return Picture("GradientTape", nodes_of_tape(f), most)
    if not callable(f):
        raise TypeError(f"visualize: expected an ad.function, a function or a GradientTape, got {errors.shorten(f)}")
    name = getattr(f, "__name__", "function")
    if hasattr(f, "_looked_at"):
        f, args = f._looked_at(args)
    f = f if isinstance(f, Function) else function(f)
    from .drawing import names_of, nodes_of_plan

    told = f._told(args, kwargs)
    nodes = nodes_of_plan(told, names_of(f.python_function, args, kwargs, told["arguments"]))
    return Picture(name, nodes, most)


class Picture:
    """A program to be looked at.

    dot         the text in Graphviz's language; str() is the same
    svg()       drawn by Graphviz
    save(path)  as the ending of the path says: .dot, .svg, .png, .pdf
    """

    def __init__(self, name, nodes, most) -> None:
        self.name, self._nodes = name, nodes
        from .drawing import dot

        self.dot = dot(name, nodes, most)

    def __str__(self) -> str:
        return self.dot

    def __repr__(self):
        return f'<picture of {self.name}: {len(self._nodes):,} nodes; .dot is its text, .svg() and .save("picture.svg") draw it>'

    def svg(self) -> str:
        """The picture as SVG text.  Raises ImportError without Graphviz's program `dot`."""
        return self._drawn("svg").decode()

    def save(self, path) -> None:
        """Write the picture, in the format of the path's ending.  Raises ImportError as `svg`, ValueError for an ending that Graphviz
        does not draw."""
        ending = os.path.splitext(path)[1][1:]
        drawn = self.dot.encode() if ending in ("dot", "gv") else self._drawn(ending)
        with open(path, "wb") as file:
            file.write(drawn)

    def _drawn(self, ending):
        import subprocess

        program = _graphviz()
        if program is None:
            raise ImportError("visualize: drawing needs Graphviz's program `dot`: apt install graphviz, dnf install graphviz or conda "
                              "install graphviz (what pip installs under that name lacks it). The text for it is .dot")  # fmt: skip
        done = subprocess.run([program, f"-T{ending or 'none'}"], input=self.dot.encode(), capture_output=True)
        if done.returncode:
            raise ValueError(f"visualize: dot says: {done.stderr.decode().strip()}")
        return done.stdout

    def _repr_svg_(self):
        return self.svg() if _graphviz() else None


def _graphviz():
    import shutil

    return shutil.which("dot")
