"""ad.audit: for one evaluation, which digits of a value and its gradient are right, where the others were lost, and what would help."""

import math
import re

import numpy as np

from . import errors
from ._core import GradientTape, Tensor, convert, copied, instruction, is_tensor, listing, note_places, place_in_program, plain_sweep, raw_array, slot
from .arguments import function_given
from .places import source_at, user_place

__all__ = ["audit"]

# Largest operands whose exponentials are numbers of the format.
_LIMITS = {"exp": 1.0, "expm1": 1.0, "exp2": math.log2(math.e), "sinh": 1.0, "cosh": 1.0}


def audit(f, *inputs) -> "Report":
    """Evaluate f(*inputs) and its gradient, and again with as many digits as it takes; return what was lost, and where: a Report.

    f        a function of tensors that returns one; of no arguments, its variables are what it is differentiated by
    inputs   tensors, arrays or numbers; a Python float becomes a tensor of ad.floatx()

    The report prints itself: value and gradient as computed and as they should be, and for each operation that lost digits or gave
    Inf or NaN its line, its operands, and what would mend it.  In a notebook it is a table.  It has the attributes value,
    exact_value, gradients, exact_gradients (lists, one for each input) and losses (a list of Loss).

    Raises TypeError where f returns no floating tensor, ImportError where the digits ask for python-flint and it is missing.

    >>> import autodiff as ad
    >>> report = ad.audit(lambda x: ad.math.log(1 + ad.exp(x)), 100.0)
    >>> report.value.numpy(), report.exact_value.numpy(), report.losses[0].name
    (np.float32(inf), np.float32(100.0), 'exp')
    """
    function_given("audit", f)
    tensors = [copied(x) if isinstance(x, Tensor) else x if is_tensor(x) else convert(x, name="audit") for x in inputs]
    alias = alias_in(getattr(f, "__globals__", {}))
    fired = []
    with Notes():
        tape = GradientTape(persistent=True, precise=True)
        with tape:
            for x in tensors:
                if x.dtype.is_floating:
                    tape.watch(x)
            y = f(*tensors)
        _one_tensor(f, y)
        with Laws(fired), GradientTape(stabilize=True) as other:
            for x in tensors:
                if x.dtype.is_floating:
                    other.watch(x)
            f(*tensors)
    sources = tensors or list(tape.watched_variables())
    return report_of(tape, [y], sources, fired, alias)


def report_of(tape, targets, sources, fired=(), alias="ad", gradients=None, seeds=None, exact_gradients=None, asked="gradient"):
    """The report on targets and their gradient by the sources (or what else was `asked` for, given both as computed and exact), of a
    precise tape that noted places."""
    targets = [y if isinstance(y, Tensor) else y.value() for y in targets]
    followed = [x for x in sources if x.dtype.is_floating]
    computed = plain_sweep(tape, targets, seeds, followed) if gradients is None else gradients
    way = _way_to(tape, targets)
    instructions = [made for made in way if made.value is not None and made.seen and made.dtype.is_floating]
    exact = tape.value([made.value for made in instructions] + targets)
    n = len(instructions)
    losses = _losses(tape, instructions, [raw_array(x) for x in exact[:n]], fired, alias)
    opaque = [_place_near(tape, made.index) for made in way if made.row == "call" and not hasattr(made.attrs["function"], "place")]
    if exact_gradients is None:
        exact_gradients = GradientTape.gradient(tape, targets, followed, seeds)
    exact_gradients = [g if x is None and g is not None and not raw_array(g).any() else x for g, x in zip(computed, exact_gradients)]
    return Report(targets, exact[n:], computed, exact_gradients, losses, opaque, asked)


def _way_to(tape, targets):
    """The instructions that targets depend on, in order."""
    made, waiting = listing(tape), [slot(tape, y) for y in targets]
    reached = set()
    while waiting:
        at = waiting.pop()
        if at is not None and at not in reached:
            reached.add(at)
            waiting.extend(made[at].operands)
    return [made[at] for at in sorted(reached)]


def _place_near(tape, index):
    """The place of a call: its results note it."""
    return next(filter(None, [place_in_program(tape, index + k) for k in range(3)]), "")


# --------------------------------------------------------------------------------------------------------------- the report
class Loss:
    """What happened at one operation.

    name, place, source   the row's name; "file:line"; the text of that line
    operands              their values as computed, NumPy arrays
    digits                decimal digits lost, of those that the format has; inf where a finite value came out infinite or nan
    what                  in words
    suggestion            code that would mend it, or ""
    """

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __repr__(self):
        return f"<loss at {self.name}, {self.place}: {self.what}>"


class Report:
    def __init__(self, values, exact_values, gradients, exact_gradients, losses, opaque=(), asked="gradient"):
        self.values, self.exact_values, self.losses = values, exact_values, losses
        self.value, self.exact_value = (values[0], exact_values[0]) if len(values) == 1 else (values, exact_values)
        self.gradients, self.exact_gradients = gradients, exact_gradients
        self.asked = asked                                      # the method of the tape whose result `gradients` are
        self.opaque = opaque                                    # places, as far as known, of calls of a custom_gradient

    def __str__(self) -> str:
        lines = ["                 computed                 exact"]
        for name, got, exact in self._rows():
            lines.append(f"{name:16} {got:24} {exact}")
        if not self.losses:
            lines += ["", self._no_losses()]
        if self.opaque:
            at = ", ".join(sorted(set(filter(None, self.opaque))))
            lines += ["", f"Not looked into, and taken as computed: custom_gradient{' at ' * bool(at)}{at}"]
        for loss in self.losses:
            lines += ["", f"{loss.place}: {loss.source}" if loss.place else loss.name]
            lines.append(f"    {loss.what}")
            if loss.suggestion:
                lines.append(f"    use {loss.suggestion}")
        return "\n".join(lines)

    __repr__ = __str__

    def _no_losses(self):
        pairs = [(raw_array(g), raw_array(x)) for g, x in zip(self.gradients, self.exact_gradients) if g is not None and x is not None]
        if any(_error(got, right) > 1000 * np.finfo(got.dtype).eps for got, right in pairs):
            return f"Every operation has the digits of its format; the {self.asked} lost some on its way back: use GradientTape(precise=True)"
        return "Every operation has the digits of its format."

    def _rows(self):
        for k, (got, exact) in enumerate(zip(self.values, self.exact_values)):
            yield f"value {k}" if len(self.values) > 1 else "value", _text(got), _text(exact)
        for k, (got, exact) in enumerate(zip(self.gradients, self.exact_gradients)):
            yield f"{self.asked} {k}" if len(self.gradients) > 1 else self.asked, _text(got), _text(exact)

    def _repr_html_(self):
        import html

        def table(head, rows):
            cells = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
            return "<table><tr>" + "".join(f"<th>{c}</th>" for c in head) + f"</tr>{cells}</table>"

        losses = [(x.name, x.place, x.source, x.what, x.suggestion) for x in self.losses]
        return table(("", "computed", "exact"), self._rows()) + table(("operation", "line", "source", "what", "use"), losses)


def _text(x):
    if x is None:
        return "None"
    array = raw_array(x)
    return np.array2string(array, precision=9, threshold=6, max_line_width=10**6).replace("\n", "")


# --------------------------------------------------------------------------------------------------------------- the losses
def _losses(tape, instructions, exact, fired, alias):
    """The operations whose relative error is much above that of their operands, or that left the format."""
    errors_at, found = {}, []
    for made, right in zip(instructions, exact):
        got = raw_array(made.value)
        errors_at[made.index] = _error(got, right)
        if isinstance(made.row, str):
            continue
        operands = [k for k in made.operands]
        before = max([errors_at.get(k, 0.0) for k in operands], default=0.0)
        error, eps = errors_at[made.index], float(np.finfo(got.dtype).eps)
        if not error > 50 * max(before, eps) or before == math.inf:
            continue
        place = place_in_program(tape, made.index)
        values = [raw_array(instruction(tape, k).value) for k in operands]
        what = _overflow(made.row, got, right, values) if error == math.inf else _loss(made.row, got, right, error, values)
        found.append(Loss(name=made.row.name, place=place, source=source_at(place), operands=values, what=what,
                          digits=math.inf if error == math.inf else min(math.log10(error / eps), -math.log10(eps)),
                          suggestion=_suggestion(place, fired, alias)))  # fmt: skip
    return found


def _error(got, right):
    """The largest relative error; inf where a finite number came out as none."""
    with np.errstate(all="ignore"):
        gone = np.isfinite(right) & ~np.isfinite(got) | np.isinf(right) & np.isnan(got)
        # A number too large for the format is right to be infinite there, but what it leads to may not be.
        gone = gone | (np.isinf(got) & np.isinf(right))
        error = np.where(got == right, 0.0, np.abs(got - right) / np.maximum(np.abs(right), np.finfo(got.dtype).tiny))
    return math.inf if gone.any() else float(np.nanmax(error, initial=0.0))


def _overflow(row, got, right, values):
    dtype, worst = got.dtype.name, " and ".join(_text_of(v) for v in values)
    if np.isnan(got).any():
        return f"{row.name} of {worst} is nan"
    if any((v == 0).any() for v in values):
        return f"{row.name} of {worst} is infinite: an operand underflowed to 0, {_smallest(dtype)}"
    largest = float(np.finfo(dtype).max)
    if row.name in _LIMITS:
        return f"{row.name} overflowed {dtype} at {math.log(largest) * _LIMITS[row.name]:.1f}: its operand is {worst}"
    return f"{row.name} of {worst} overflowed {dtype}, whose largest number is {largest:.2g}"


def _smallest(dtype):
    return f"as {dtype} has no numbers below {float(np.finfo(dtype).smallest_subnormal):.2g}"


def _loss(row, got, right, error, values):
    eps = float(np.finfo(got.dtype).eps)
    everything = -math.log10(eps)
    if ((got == 0) & (right != 0)).any() and any((v == 0).any() for v in values):
        return f"{row.name} of {' and '.join(_text_of(v) for v in values)}: an operand underflowed to 0, {_smallest(got.dtype.name)}"
    if error >= 1:
        return f"{row.name} loses all of {everything:.0f} digits: what its operands lost by rounding is as large as the result"
    return f"{row.name} loses {math.log10(error / eps):.0f} of {everything:.0f} digits, by as many its operands agree"


def _text_of(array):
    return np.array2string(array, precision=9, threshold=4, max_line_width=10**6).replace("\n", "")


# ----------------------------------------------------------------------------------------------------------- suggestions
def _suggestion(place, fired, alias):
    """The other side of the outermost law that fires on the line, in code."""
    here = [text for at, text in fired if at == place]
    if not here:
        return f"{alias}.GradientTape(precise=True)"
    _, equals, side = here[-1].rpartition(" = ")
    return equals and _code(side, alias) or f"{alias}.GradientTape(stabilize=True)"


_NAMES = {"logsumexp": "reduce_logsumexp", "norm": "norm", "sum": "reduce_sum"}


def _code(text, alias):
    """The formula of a law as code, with the names of the public functions; "" where it is none."""
    import ast

    from . import linalg, math as names, nn

    text = re.split(r", (?=nan|[a-z](?:, [a-z])* >)", text)[0]          # the law's condition
    text = re.sub(r"\|(\w+)\|", r"abs(\1)", text)
    text = re.sub(r"(?<=[\w)]) (?=[\w(])|(?<=\))(?=\()", " * ", text)     # 2 sigmoid(x), (1 - x)(1 + x)

    def public(found):
        name = _NAMES.get(found[1], found[1])
        for module, spelled in ((names, "math"), (nn, "nn"), (linalg, "linalg")):
            if hasattr(module, name):
                return f"{alias}.{spelled}.{name}("
        return found[0]

    code = re.sub(r"([a-z_0-9]+)\(", public, text)
    try:
        tree = ast.parse(code, mode="eval")
    except SyntaxError:
        return ""
    known = all(len(node.id) == 1 or node.id == alias for node in ast.walk(tree) if isinstance(node, ast.Name))
    return code if known and not isinstance(tree.body, (ast.Tuple, ast.Constant)) else ""


class Laws:
    """Context: notes which laws fire, and where, as (place, text); `dry`: which would."""

    def __init__(self, fired, dry=False):
        self.fired, self.dry = fired, dry

    def __enter__(self):
        from . import stabilise

        self.before = stabilise.witness, stabilise.dry
        stabilise.witness, stabilise.dry = lambda law: self.fired.append((user_place(), law.text)), self.dry

    def __exit__(self, *exc):
        from . import stabilise

        stabilise.witness, stabilise.dry = self.before


class Notes:
    """Context: instructions are noted with their places."""

    def __enter__(self):
        note_places(True)

    def __exit__(self, *exc):
        note_places(False)


def alias_in(names):
    """The name under which a module knows the package."""
    import sys

    package = sys.modules[__package__]
    return next((name for name, value in names.items() if value is package), "ad")


def _one_tensor(f, y):
    if not is_tensor(y) or not y.dtype.is_floating:
        raise TypeError(f"audit: {getattr(f, '__name__', 'f')} must return one floating tensor, got {errors.shorten(y)}")
