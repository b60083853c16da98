"""tape.summary() and ad.function's summary: what was recorded, as a table of counts, shapes, bytes and times."""

import html
import math
from timeit import repeat

import numpy as np

from . import errors
from ._core import listing, stop_recording
from .programs import ADD, FORWARD, GUARD, SPREAD, VJP, bytes_of, moved_by, type_of

__all__ = ["Table", "counted", "summary_of", "tape_summary"]

MOST_ROWS = 40  # of a table; the others are one row


class Table:
    """Rows of what was recorded, to be printed; a notebook shows it as a table.

    title, foot   lines above and below
    rows          a dict each, by the columns' names: numbers in plain units (bytes, ns), None where there is none
    """

    def __init__(self, title, columns, rows, foot):
        self.title, self.columns, self.rows, self.foot = title, columns, rows, foot

    def _cells(self):
        return [[_shown(name, row[name]) for name in self.columns] for row in self.rows]

    def __str__(self):
        cells = [list(self.columns.values()), *self._cells()]
        widths = [max(map(len, column)) for column in zip(*cells)]
        left = [name in ("what", "on") for name in self.columns]
        lines = ["  ".join(c.ljust(w) if at_left else c.rjust(w) for c, w, at_left in zip(row, widths, left)).rstrip() for row in cells]
        return "\n".join([self.title, lines[0], "-" * sum([*widths, 2 * len(widths) - 2]), *lines[1:], self.foot])

    __repr__ = __str__

    def _repr_html_(self):
        def line(cells, kind):
            places = ("left" if name in ("what", "on") else "right" for name in self.columns)
            return "<tr>" + "".join(f'<{kind} style="text-align:{p}">{html.escape(c)}</{kind}>' for p, c in zip(places, cells)) + "</tr>"

        body = "".join(line(cells, "td") for cells in self._cells())
        return (f"<table><caption>{html.escape(self.title)}</caption><thead>{line(self.columns.values(), 'th')}</thead>"
                f"<tbody>{body}</tbody></table><p>{html.escape(self.foot)}</p>")  # fmt: skip


def _shown(name, value):
    if value is None or (name == "bytes" and value == 0):
        return ""
    return _time(value) if name == "ns" else _bytes(value) if name == "bytes" else f"{value:,}" if isinstance(value, int) else str(value)


def _bytes(n):
    return _scaled(n, (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1)))


def _time(ns):
    return _scaled(ns, (("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1)))


def _scaled(n, units):
    unit, size = next(((u, s) for u, s in units if n >= s), units[-1])
    n = n / size
    return f"{n:.0f} {unit}" if size == 1 or n >= 100 else f"{n:.3g} {unit}"


def _few(rows, weight):
    """At most MOST_ROWS of them in their order: the lightest are one row."""
    if len(rows) <= MOST_ROWS:
        return rows
    heavy = sorted(rows, key=lambda row: -weight(row))[: MOST_ROWS - 1]
    kept = {id(row) for row in heavy}
    others = [row for row in rows if id(row) not in kept]
    rest = dict.fromkeys(rows[0])
    for name in ("count", "steps", "bytes", "ns"):
        if name in rest:
            rest[name] = sum(row[name] or 0 for row in others)
    return [*(row for row in rows if id(row) in kept), {**rest, "what": f"({len(others)} other rows)", "on": ""}]


# ------------------------------------------------------------------------------------------------------- traced functions
def summary_of(name, told, times, runs):
    """The table of a recorded function: a row for every item of its plan, equal ones of a long plan together."""
    nbytes = bytes_of(told["registers"])
    rows = [_item(told, nbytes, item, ns) for item, ns in zip(told["items"], times)]
    total = sum(times)
    if len(rows) > MOST_ROWS:
        rows = _few(_together(rows), lambda row: row["ns"])
    steps = sum(len(steps) for _, steps, _ in told["items"])
    title = f"{name}: {told['recorded']:,} instructions recorded, {steps:,} steps, {_time(total)}"
    columns = {"what": "item", "count": "times", "steps": "steps", "on": "on", "bytes": "bytes", "ns": "time"}
    foot = f"bytes: read from and written to arrays; time: each item by itself, the least of {runs} runs; steps of one loop share theirs"
    return Table(title, columns, rows, foot)


def _item(told, nbytes, item, ns):
    kind, steps, _ = item
    registers = told["registers"]
    shapes = [registers[r] for s in steps for r in [s["out"]] if r is not None]
    on = type_of(max(shapes, key=lambda r: math.prod(r["shape"]))) if shapes else ""
    return {"what": counted([step_name(s) for s in steps]), "kind": kind, "count": 1, "steps": len(steps), "on": on, "bytes": moved_by(steps, nbytes), "ns": ns}


def _together(rows):
    found = {}
    for row in rows:
        same = found.setdefault((row["kind"], row["what"], row["on"]), {**row, "count": 0, "steps": 0, "bytes": 0, "ns": 0})
        for name in ("count", "steps", "bytes", "ns"):
            same[name] += row[name]
    return list(found.values())


def step_name(s):
    """A step of a plan in a word or two: `d exp` is a share of exp in a gradient."""
    return {FORWARD: s["op"], VJP: f"d {s['op']}", ADD: "add adjoints",
            SPREAD: "spread", GUARD: "guard"}[s["kind"]]  # fmt: skip


def counted(names, width=48):
    """['exp', 'mul', 'mul'] -> 'exp, 2 mul', cut to `width` characters."""
    told = {}
    for name in names:
        told[name] = told.get(name, 0) + 1
    parts = [name if n == 1 else f"{n:,} {name}" for name, n in told.items()]
    if len(", ".join(parts)) > width:
        while len(", ".join(parts)) > width - 5 and len(parts) > 1:
            parts.pop()
        parts.append("...")
    return ", ".join(parts)


# ------------------------------------------------------------------------------------------------------------------ tapes
def tape_summary(tape):
    """The table of a tape: a row for every operator on operands of the same dtypes and shapes."""
    code = listing(tape)
    groups, read = {}, set()
    for at in code:
        if at.seen and at.row not in ("leaf", "alias", "result"):
            read.update(at.operands)
            types = tuple(_type(code[k]) for k in at.operands)
            groups.setdefault((at.row if at.row == "call" else at.row.name, types, _type(at)), []).append(at)
    watched = [at for at in code if at.row == "leaf" and at.seen]
    constants = [code[k] for k in read if code[k].row == "leaf" and not code[k].seen]
    with stop_recording():
        rows = [_group(code, *key[:2], group) for key, group in groups.items()]
    number, nbytes = sum(row["count"] for row in rows), sum(row["bytes"] or 0 for row in rows)
    title = (f"GradientTape: {number:,} operations; bytes of what it watches {_bytes(sum(map(_size, watched)))}, of constants "
             f"{_bytes(sum(map(_size, constants)))}, of results {_bytes(nbytes)}")  # fmt: skip
    columns = {"what": "operation", "count": "times", "on": "on", "bytes": "bytes", "ns": "time"}
    foot = "bytes: of the results; time: run again eagerly on the recorded operands, the least of several runs, once for each row, times its count"
    return Table(title, columns, _few(rows, lambda row: row["ns"] or 0), foot)


def _type(at):
    return "" if at.value is None else type_of({"dtype": at.dtype.name, "shape": tuple(at.value.shape)})


def _size(at):
    return 0 if at.value is None else math.prod(at.value.shape) * np.dtype(at.dtype.as_numpy_dtype).itemsize


def _group(code, name, types, group):
    first = group[0]
    if name == "call":
        return {"what": "custom_gradient", "count": len(group), "on": ", ".join(types), "bytes": 0, "ns": None}
    operands = [code[k].value for k in first.operands]
    most = 4 if len(types) > 4 else len(types)
    on = ", ".join(types[:most]) + (f", ... {len(types)} in all" if len(types) > most else "")
    return {"what": name, "count": len(group), "on": on, "bytes": sum(map(_size, group)), "ns": _again(first.row, operands, first.attrs) * len(group)}


def _again(row, operands, attrs):
    """Nanoseconds of the operation on these operands, the least of several runs; None where it cannot run again."""
    try:
        once = min(repeat(lambda: row(*operands, **attrs), number=1, repeat=2))
    except errors.OpError:
        return None
    number = int(min(1000, 1e-4 / max(once, 1e-7))) + 1
    return 1e9 * min(repeat(lambda: row(*operands, **attrs), number=number, repeat=5 if once < 0.01 else 1)) / number
