"""A recorded program as nodes, folded, and as text in Graphviz's language: what visualize draws."""

import html
import inspect
import itertools
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from ._core import Tensor, listing, raw_array, source_slots
from .folding import Block, Slice, fitted, folded, length_of, places, start_of
from .programs import ADD, GUARD, SPREAD, VJP, type_of
from .summary import counted, step_name

__all__ = ["dot", "names_of", "nodes_of_plan", "nodes_of_tape"]

# Okabe and Ito's colours, told apart by everyone; shapes tell the kinds apart too.
LOOKS = {
    "input": 'shape=box style="filled,rounded" fillcolor="#cfe8f7" color="#0072b2"',
    "variable": 'shape=box style="filled,bold" fillcolor="#c7eadf" color="#009e73"',
    "constant": 'shape=plaintext fontcolor="#777777"',
    "forward": 'shape=box style=filled fillcolor=white color="#444444"',
    "backward": 'shape=box style="filled,dashed" fillcolor="#fbe5c0" color="#b36b00"',
    "guard": 'shape=diamond style=filled fillcolor="#f7f0a8" color="#777777"',
    "result": 'shape=ellipse style="filled,bold" fillcolor="#eeeeee" color="#000000"',
    "assigned": 'shape=ellipse style="filled,bold" fillcolor="#c7eadf" color="#009e73"',
    "slice": 'shape=box3d style=filled fillcolor="#f4f4f4" color="#444444"',
}
# What is read by more than so many (of the leaves; of steps) is not drawn to all of them: they tell its name, in these colours.
# So do those that stand in another block, further away than so many others.
FEW, MANY, FAR = 4, 8, 12
LEAVES = {"input": "#0072b2", "variable": "#00704f", "constant": "#777777"}


@dataclass
class Node:
    """name, type   the operator, and what it gives
    kind         one of LOOKS
    reads        nodes, by their places
    numbers      constants among its operands, which the label tells
    loop         the fused loop that it runs in, or None
    at           what the program that is printed calls it
    """

    name: str
    type: str
    kind: str
    reads: list = field(default_factory=list)
    numbers: list = field(default_factory=list)
    loop: object = None
    at: str = ""


# ------------------------------------------------------------------------------------------------------------------ nodes
def names_of(f, args, kwargs, arguments):
    """What the function calls the tensors among its arguments: x, p[0], p['a']."""
    try:
        given = inspect.signature(f).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        given = {}
    names = [path for name, x in given.items() for path in _paths(name, x)]
    return names if len(names) == arguments else [f"argument {k}" for k in range(arguments)]


def _paths(name, x):
    if isinstance(x, (Tensor, np.ndarray, np.generic)):
        return [name]
    parts = x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, (tuple, list)) else ()
    return [path for key, part in parts for path in _paths(f"{name}[{key!r}]", part)]


def nodes_of_plan(told, names):
    """Inputs, steps in the order in which they run, results."""
    registers, nodes, writer = told["registers"], [], {}
    for k, r in enumerate(told["inputs"]):
        given = k < told["arguments"]
        writer[r] = len(nodes)
        name = names[k] if given else told["variables"][k - told["arguments"]].removesuffix(":0")
        nodes.append(Node(name, type_of(registers[r]), "input" if given else "variable"))

    def add(name, kind, reads, outs, loop=None):
        node = Node(name, type_of(registers[outs[0]]) if outs else "", kind, loop=loop, at=f"%{outs[0]}" if outs else "")
        for r in reads:
            r = next((registers[r][of] for of in ("number", "base") if registers[r][of] is not None), r)
            if registers[r]["value"] is not None:
                node.numbers.append(registers[r]["value"])
                continue
            if r not in writer:
                writer[r] = len(nodes)
                nodes.append(Node("constant", type_of(registers[r]), "constant"))
            node.reads.append(writer[r])
        writer.update(dict.fromkeys(outs, len(nodes)))
        nodes.append(node)

    for number, (kind, steps, _) in enumerate(told["items"]):
        for s in steps:
            reads = [*s["operands"], *(r for r in (s["acc"], s["g"]) if r is not None)]
            outs = [s["out"]] if s["out"] is not None else []
            add(step_name(s), _LOOK.get(s["kind"], "forward"), reads, outs, number if kind == "loop" and len(steps) > 1 else None)
    for k, r in enumerate(told["outputs"]):
        add(f"result {k}" if len(told["outputs"]) > 1 else "result", "result", [r], [])
        nodes[-1].type = type_of(registers[r])
    for v, r in told["assigned"]:
        add("assigned to " + nodes[v].name if v is not None else "assigned", "assigned", [r], [])
    return nodes


_LOOK = {GUARD: "guard", VJP: "backward", ADD: "backward", SPREAD: "backward"}


def _name_apart(nodes):
    """Number the inputs, variables and constants of one name."""
    known = Counter(node.name for node in nodes if node.kind in LEAVES)
    count = Counter()
    for node in nodes:
        if node.kind in LEAVES and known[node.name] > 1:
            count[node.name] += 1
            node.name = f"{node.name} {count[node.name]}"


def nodes_of_tape(tape):
    """What the tape follows, and the constants that this reads."""
    code, nodes, place = listing(tape), [], {}
    variables = tape.watched_variables()
    names = {at: v.name.removesuffix(":0") for at, v in zip(source_slots(tape, list(variables)), variables)}

    def read(node, k):
        if k not in place and code[k].value is not None and tuple(code[k].value.shape) == ():
            node.numbers.append(raw_array(code[k].value).item())
            return
        if k not in place:
            place[k] = len(nodes)
            nodes.append(Node("constant", _type(code[k]), "constant"))
        node.reads.append(place[k])

    for at in code:
        if not at.seen:
            continue
        if at.row == "alias" and at.operands[0] in place:
            place[at.index] = place[at.operands[0]]
            continue
        name = {"leaf": "watched", "alias": "watched", "call": "custom_gradient"}.get(at.row) if isinstance(at.row, str) else at.row.name
        node = Node(name or at.row, _type(at), "input" if name == "watched" else "forward", at=f"%{at.index}")
        if at.index in names:
            node.name, node.kind = names[at.index], "variable"
        for k in at.operands if node.kind == "forward" else ():
            read(node, k)
        place[at.index] = len(nodes)
        nodes.append(node)
    return nodes


def _type(at):
    return "" if at.value is None else type_of({"dtype": at.dtype.name, "shape": tuple(at.value.shape)})


# ---------------------------------------------------------------------------------------------------------------- folding
def _items(nodes, most):
    """What is drawn: all nodes, or what is left where runs of the same operators on the same types are folded."""
    if len(nodes) <= most:
        return list(range(len(nodes)))
    return fitted(folded([("" if node.kind in LEAVES else node.name, node.type, node.kind) for node in nodes]), most * 4 // 5)


# -------------------------------------------------------------------------------------------------------------------- DOT
HEAD = """digraph {} {{
  graph [{}fontname="Helvetica,Arial,sans-serif" fontsize=10 fontcolor="#555555" nodesep=0.2 ranksep=0.3]
  node [fontname="Helvetica,Arial,sans-serif" fontsize=11 margin="0.1,0.04" height=0.3]
  edge [arrowsize=0.6 color="#666666"]"""
BEFORE = "#d55e00"  # what a repetition of a block reads of the one before
AGAIN = f'constraint=false style=dashed color="{BEFORE}"'


def dot(name, nodes, most):
    """The text for a program of these nodes, of which at most so many are drawn one by one: a longer one is folded."""
    _name_apart(nodes)
    items = _items(nodes, most)
    at = places(items)
    number = {thing: k for k, thing in enumerate(dict.fromkeys(at[i] for i in range(len(nodes))))}
    numbers = [{} for _ in number]                              # that each thing reads, in all its repetitions
    edges = {}
    for i, node in enumerate(nodes):
        numbers[number[at[i]]][tuple(node.numbers)] = None
        for j in node.reads:
            edges.setdefault((at[j], at[i]))
    told = _told_by_name(nodes, items, list(edges), number)
    names, lines = [[] for _ in number], []
    for a, b in edges:
        k, n = number[a], number[b]
        if (a, b) in told:
            names[n].append((nodes[a], k >= n))
        elif k < n or not isinstance(a, Slice):
            lines.append(f"  n{k} -> n{n}" + (f" [{AGAIN}]" if k >= n else ""))
    known = {a for a, _ in told}

    def label(thing):
        k = number[thing]
        return f"n{k}", *_label(nodes, thing, numbers[k], names[k], thing in known)

    blocks = any(isinstance(item, Block) for item in items)     # which keep their steps together; else all arrows point down
    drawn = [HEAD.format(_quoted(name), "" if blocks else "newrank=true ")]
    _put(drawn, items, label, nodes, "  ")
    return "\n".join([*drawn, *lines, "}"])


def _told_by_name(nodes, items, edges, number):
    """The edges that are not drawn, as they would cross the picture: of what many read, from block to block, and from one repetition of
    a block to several places in the next."""
    readers, again, block = Counter(a for a, _ in edges), Counter(a for a, b in edges if number[a] >= number[b]), {}

    def put(items, of):
        for item in items:
            block[item] = of
            if isinstance(item, Block):
                put(item.items, item)

    def is_far(a, b):
        if number[a] >= number[b]:
            return again[a] > 2
        return readers[a] > (FEW if nodes[a].kind in LEAVES else MANY) or (block[a] is not block[b] and number[b] - number[a] > FAR)

    put(items, None)
    return {(a, b) for a, b in edges if isinstance(a, int) and isinstance(b, int) and is_far(a, b)}


def _put(lines, items, told, nodes, indent, in_loop=False):
    """The nodes, in frames: one round the steps of a loop, one round what is repeated."""
    for loop, run in itertools.groupby(items, lambda item: None if in_loop else _loop_of(nodes, item)):
        inner = indent if loop is None else indent + "  "
        if loop is not None:
            lines.append(f'{indent}subgraph cluster_{len(lines)} {{ label="one loop" style="rounded" color="#bbbbbb" labeljust=l')
        for item in run:
            if isinstance(item, Block):
                frame = f'label="{item.count:,} times" style="rounded,bold" color="{BEFORE}" fontcolor="{BEFORE}" labeljust=l'
                lines.append(f"{inner}subgraph cluster_{len(lines)} {{ {frame}")
                _put(lines, item.items, told, nodes, inner + "  ", in_loop or loop is not None)
                lines.append(f"{inner}}}")
            else:
                name, label, looks = told(item)
                lines.append(f"{inner}{name} [label=<{label}> {LOOKS[looks]}]")
        if loop is not None:
            lines.append(f"{indent}}}")


def _loop_of(nodes, item):
    """The loop that all of an item runs in, or None."""
    first = start_of(item)
    loops = {nodes[k].loop for k in range(first, first + length_of(item))}
    return loops.pop() if len(loops) == 1 else None


def _label(nodes, thing, numbers, names, known):
    """Label and looks of a place or a Slice; `known`: others tell its name."""
    if isinstance(thing, Slice):
        part = nodes[thing.start : thing.start + thing.length]
        return f"{len(part):,} steps<br/>{_small(counted([node.name for node in part], 60))}", "slice"
    node = nodes[thing]
    text = html.escape(node.name) if not known or node.kind in LEAVES else _coloured(f"{node.at} =", "#777777") + f" {html.escape(node.name)}"
    for x, before in names:
        text += " " + (_coloured(x.name, LEAVES[x.kind]) if x.kind in LEAVES else _coloured(x.at, BEFORE if before else "#777777"))
    if any(numbers):
        text += " " + _coloured(", ".join(f"{x:.6g}" for x in next(iter(numbers))) if len(numbers) == 1 else "...", "#777777")
    return text + (f"<br/>{_small(node.type)}" if node.type else ""), node.kind


def _small(text):
    return f'<font point-size="8" color="#555555">{html.escape(text)}</font>'


def _coloured(text, colour):
    return f'<font color="{colour}">{html.escape(text)}</font>'


def _quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
