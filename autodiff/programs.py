"""What an ad.function has recorded, to be read: its program and its cost."""

import math
from typing import NamedTuple

import numpy as np

from .structural import CONVOLUTIONS

__all__ = ["Cost", "Program"]

FORWARD, VJP, ADD, SPREAD, GUARD = range(5)  # kinds of steps, as enum ad_step_kind in csrc/ad.h
IN_BATCH = 255  # "together" of a step that one before it runs, as there


class Program:
    """The steps of a recorded function in the order in which they run; `print` it."""

    def __init__(self, name, listing):
        self.name, self._listing = name, listing

    @property
    def steps(self):
        """How many steps a call runs."""
        return sum(len(steps) for _, steps, _ in self._listing["items"])

    def __str__(self):
        told, registers = self._listing, self._listing["registers"]
        given = [f"%{r} {type_of(registers[r])}" for r in told["inputs"]]
        lines = [f"{self.name}: {told['recorded']} instructions recorded, {self.steps} steps run",
                 f"  given    {', '.join(given[: told['arguments']]) or 'nothing'}"]  # fmt: skip
        if given[told["arguments"] :]:
            lines.append(f"  reads    {', '.join(given[told['arguments'] :])}")
        did = [f"{count} {what}" for count, what in self._did()]
        if did:
            lines.append(f"  passes   {', '.join(did)}")
        bands = {first: (end, rows) for first, end, rows in told["bands"]}
        until = 0
        for at, (kind, steps, _) in enumerate(told["items"]):
            if at in bands:
                until, rows = bands[at]
                lines.append(f"  strips of {rows} rows, through all of this:")
            margin = "    " if at < until else "  "
            if kind == "loop":
                lines.append(f"{margin}one loop over {self._looped(steps)}:")
            lines += [margin + ("  " if kind == "loop" else "") + self._step(s) for s in steps]
        return "\n".join([*lines, f"  returns  {', '.join(f'%{r}' for r in told['outputs']) or 'constants'}"])

    __repr__ = __str__

    def _looped(self, steps):
        """The shape that a loop goes over.  Where it only adds up shares of numbers, of c in x / c, no result has it: what is read does."""
        registers = self._listing["registers"]
        names = [s["out"] for s in steps] + [r for s in steps for r in (*s["operands"], s["g"]) if r is not None]
        return next(registers[r]["shape"] for r in names if registers[r]["shape"])

    def _did(self):
        """What passes did: pairs of how often and what."""
        told = self._listing
        pairs = [(told["laid"] - self.steps, "needed by nobody"), (told["known"], "known already"), *[(n, f"by {law}") for law, n in told["laws"]]]
        return [(n, what) for n, what in pairs if n > 0]

    def _name(self, r):
        told = self._listing["registers"][r]
        if told["number"] is not None:
            return f"all({self._name(told['number'])})"
        if told["base"] is not None:  # a run of its elements, or all of them, in another shape
            return f"%{told['base']}[{told['offset']}:{told['offset'] + math.prod(told['shape'])}]" + (f" as {list(told['shape'])}" if len(told["shape"]) != 1 else "")
        return f"%{r}" if told["value"] is None else repr(told["value"])

    def _step(self, s):
        names = [self._name(r) for r in s["operands"]]
        attrs = [f"{key}={value}" for key, value in s["attrs"].items()]
        if s["kind"] == GUARD:
            return f"guard {self._name(s['g'])}"
        if s["kind"] == ADD:
            does = f"{self._name(s['acc'])} + {self._name(s['g'])}"
        elif s["kind"] == SPREAD:
            does = f"spread {self._name(s['g'])}"
        elif s["kind"] == VJP:
            does = f"d {s['op']}({', '.join(names + attrs)}) / d {names[min(s['k'], len(names) - 1)]} for {self._name(s['g'])}"
            does = does if s["acc"] is None else f"{self._name(s['acc'])} + {does}"
        else:
            does = f"{s['op']}({', '.join(names + attrs)})"
        return f"%{s['out']} {type_of(self._listing['registers'][s['out']])} = {does}"


class Cost(NamedTuple):
    """What one call of a recorded function comes to.

    recorded    instructions of the recording
    steps       steps that are left of it, forward and backward
    loops       fused loops that elementwise steps on arrays share
    operations  operations on numbers: one an element of an elementwise step, two a product in a matrix product
    bytes       read from and written to arrays in memory; what stays inside a loop or a band does not count
    peak_bytes  of arrays held at once: arguments, variables, constants, results, and what lies between
    bands       stretches of products and loops that rows go through strip by strip, so that what lies between stays in the cache
    """

    recorded: int
    steps: int
    loops: int
    operations: int
    bytes: int
    peak_bytes: int
    bands: int


def cost_of(listing):
    registers, items = listing["registers"], listing["items"]
    size = [math.prod(r["shape"]) for r in registers]
    nbytes = bytes_of(registers)
    for r in _between(items):
        nbytes[r] = 0
    held = sum(b for b, r in zip(nbytes, registers) if r["constant"] or r["input"])
    peak, moved, operations = held, 0, 0
    for _, steps, dead in items:
        moved += moved_by(steps, nbytes)
        held += sum(nbytes[r] for s in steps for r in _written(s))
        peak = max(peak, held)
        held -= sum(nbytes[r] for r in dead)
        operations += sum(_operations(s, size, registers) for s in steps)
    return Cost(listing["recorded"], sum(len(steps) for _, steps, _ in items), sum(kind == "loop" for kind, _, _ in items),
                operations, moved, peak, len(listing["bands"]))  # fmt: skip


def bytes_of(registers):
    """The bytes of the array in each register; 0 of a number, and of what stays inside a loop or a band."""
    return [math.prod(r["shape"]) * np.dtype(r["dtype"]).itemsize if r["shape"] and r["number"] is None and not r["inner"] else 0
            for r in registers]  # fmt: skip


def _between(items):
    """The sums that go on in the next step of several that are run at once: no array has them."""
    steps, left = [s for _, steps, _ in items for s in steps], 0
    for s, after in zip(steps, steps[1:]):
        left = s["together"] - 1 if 1 < s["together"] < IN_BATCH else left - 1
        if left > 0 and after["acc"] == s["out"]:
            yield s["out"]


def _written(s):
    outs = [s["out"], s["beside"]] if s["kind"] == FORWARD else [s["out"]]
    return {r for r in outs if r is not None}


def moved_by(steps, nbytes):
    """The bytes that the steps of one item read and write."""
    return sum(nbytes[r] for r in {r for s in steps for r in _touched(s)})


def _touched(s):
    operands = () if s["op"] == "view" and s["attrs"].get("shape") == () else s["operands"]  # of an element nobody counts the array
    return {*operands, *(r for r in (s["acc"], s["g"], s["beside"]) if r is not None), *_written(s)}


def _operations(s, size, registers):
    if s["kind"] == GUARD:
        return 0
    if s["op"] in ("matmul", "matvec") and s["kind"] in (FORWARD, VJP):
        a = registers[s["operands"][0]]["shape"]
        inner = a[-2] if s["attrs"].get("transpose_a") else a[-1]
        b = registers[s["operands"][1]]["shape"]
        columns = 1 if s["op"] == "matvec" else b[-2] if s["attrs"].get("transpose_b") else b[-1]
        rows = math.prod(a) // max(inner, 1)
        return 2 * rows * inner * columns
    if s["op"] in CONVOLUTIONS and s["kind"] == FORWARD:
        shapes = dict(zip(CONVOLUTIONS[s["op"]], [registers[r]["shape"] for r in (*s["operands"], s["out"])]))
        return 2 * math.prod(shapes["y"]) * math.prod(shapes["w"][:-1])
    if s["op"] == "view" and s["kind"] in (FORWARD, VJP):
        return size[s["out"] if s["kind"] == FORWARD else s["g"]]
    return max([size[r] for r in _touched(s)], default=0)


def type_of(register):
    """float64[3, 4], or float64 of a number."""
    return f"{register['dtype']}{list(register['shape']) if register['shape'] else ''}"
