"""One replay of a recorded program on one number class: forward over the slots that are needed, backward over the nodes."""

import heapq

import numpy as np

from .. import errors, ops
from .._core import instruction, place_of, program_size, raw_array, tensor_from_numpy
from .numbers import FLOATING, Later, Node, Numbers, Plain, Unrecorded, state
from .rows import extremes, where

# x + C - C with these is the usual way to round to a whole number: the sum keeps the value that was recorded.
ROUNDERS = {np.dtype(np.float32): 1.5 * 2.0**23, np.dtype(np.float64): 1.5 * 2.0**52}


def bessel_i1e_bend(x, y):
    gap = ops.bessel_gap(x)
    return ops.sign(x) * ((gap - y - y) / ops.where(x == 0, 1, ops.abs(x)) - y - gap)


# Rules that are exact only to the digits of a double, or arranged for its rounding or its exponents, as formulas; and beyond the domain, where
# the value is nan, no slope: a replay beside a singular point must not take that side for one.
# At inf a logarithm has none either: 1 / inf = 0 would stop what comes before it, where the limit has a slope: log(a / b) at a = inf by b.
RULES = {
    "entr": (lambda x, y: -1 - ops.log(x),),
    "sinc_slope": (lambda x, y: -9.869604401089358 * ops.where(x == 0, 1 / ops.where(x == 0, 3, 1), ops.sinc(x) + 2 * y / (9.869604401089358 * ops.where(x == 0, 1, x))),),
    "silu": (lambda x, y: ops.sigmoid(x) * (1 + ops.scale(ops.sigmoid(-x), x)),),
    "gelu": (lambda x, y: ops.ndtr(x) + ops.scale(ops.normal_pdf(x), x),),
    "gelu_tanh": (lambda x, y: ops.scale(ops.gelu_gate(x), 1 + ops.scale(ops.gelu_gate(-x), x * (1.5957691216057308 + 0.21406444881780074 * x * x))),),
    "gelu_gate": (lambda x, y: ops.scale(y * ops.gelu_gate(-x), 1.5957691216057308 + 0.21406444881780074 * x * x),),
    "mish": (lambda x, y: ops.tanh(ops.softplus(x)) + ops.scale(ops.sech2(ops.softplus(x)) * ops.sigmoid(x), x),),
    "exp_minus_square": (lambda x, y: -2 * ops.scale(y, x),),
    "normal_pdf": (lambda x, y: -ops.scale(y, x),),
    "erfcx_slope": (lambda x, y: 2 * (ops.erfcx(x) + ops.scale(y, x)),),
    "bessel_i1": (lambda x, y: ops.bessel_i0(x) - ops.where(x == 0, 0.5, y / ops.where(x == 0, 1, x)),),
    "bessel_gap": (lambda x, y: ops.sign(x) * (ops.bessel_i1e(x) / ops.where(x == 0, 1, x) - y - y),),
    "bessel_i1e_slope": (bessel_i1e_bend,),
    "log": (lambda x, y: ops.where((x < 0) | (x == ops.INF), ops.NAN, 1 / x),),
    "log2": (lambda x, y: ops.where((x < 0) | (x == ops.INF), ops.NAN, 1.4426950408889634 / x),),
    "log10": (lambda x, y: ops.where((x < 0) | (x == ops.INF), ops.NAN, 0.4342944819032518 / x),),
    "log1p": (lambda x, y: ops.where((x < -1) | (x == ops.INF), ops.NAN, 1 / (1 + x)),),
    "log1mexp": (lambda x, y: ops.where(x > 0, ops.NAN, -(ops.exp(x) / (1 - ops.exp(x)))),),
    "logit": (lambda x, y: ops.where((x < 0) | (x > 1), ops.NAN, 1 / (x * (1 - x))),),
    "atanh": (lambda x, y: ops.where(ops.abs(x) > 1, ops.NAN, 1 / ((1 - x) * (1 + x))),),
}


def product_of_others(x, axes):
    """At every element the product of all others along axes, with no care for overflow: the numbers have exponents of their own."""
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    order, last = (*kept, *axes), len(kept)
    moved = ops.transpose(x, order)
    row = ops.reshape(moved, shape=(*(x.shape[i] for i in kept), ops.elements(x.shape[i] for i in axes)))
    before, after = (ops.cumprod(row, axis=last, exclusive=1, reverse=r) for r in (0, 1))
    others = ops.reshape(ops.mul(before, after), shape=tuple(moved.shape))
    return ops.transpose(others, tuple(order.index(i) for i in range(x.ndim)))


def share_of_extreme(sign):
    """As the table has it: a number and itself, of which only some digits are known, are not told to be equal there."""
    def rule(g, x, y, axes, keepdims):
        value, found = (n.value if isinstance(n, (Node, Unrecorded)) else n for n in (x, y))
        chosen = Plain(extremes(value, found, axes, keepdims, sign), type(value))
        ties = ops.maximum(ops.reduce_sum(ops.cast(chosen, dtype=x.dtype.code), axes=axes, keepdims=keepdims), 1)
        return ops.where(chosen, ops.spread(ops.div(g, ties), x, axes, keepdims), 0)
    return rule


def share_of_eigenvalues(g, x, y):
    """A function of the eigenvalues alone has a slope also where some of them are equal, and their vectors are none."""
    share = g.spectral(x.value, y.value) if isinstance(g, Numbers) else None
    return ops.eigh.vjp[0](g, x, y) if share is None else share


# Rules of other rows that take care of what need not be cared for here.
FURTHER_RULES = {
    "reduce_max": (share_of_extreme(1),), "reduce_min": (share_of_extreme(-1),),
    "eigh": (share_of_eigenvalues,),
    "reduce_prod": (lambda g, x, y, axes, keepdims: ops.scale(ops.spread(g, x, axes, keepdims), product_of_others(x, axes)),),
}


class Replay:
    """nodes   by slot: Node, or Plain for masks and integers
    probe   where to replay beside the recorded point, or None
    lanes   which elements to replay, None for all
    """

    def __init__(self, tape, kind, prepare, probe=None, lanes=None):
        self.probe, self.lanes = probe, lanes
        self.tape, self.kind, self.prepare, self.place = tape, kind, prepare, place_of(tape)
        self.nodes = {}
        self.swept = {}
        self.inner = getattr(tape, "inner", {})     # {slot of a gradient that a plain tape inside took: (what takes it again, which of its)}

    # ---- forward
    def run(self, slots):
        """Give every slot that these depend on its node."""
        needed, waiting = {}, [at for at in slots if at not in self.nodes]
        while waiting:
            at = waiting.pop()
            if at in needed or at in self.nodes:
                continue
            needed[at] = made = instruction(self.tape, at)
            if self.is_inner(at):
                waiting.extend(self.inner[at][0].slots())
                continue
            waiting.extend(made.operands)
            if made.row == "call" and self.takes_again(made.attrs["function"]):
                waiting.extend(made.attrs["function"].slots())
        for at in sorted(needed):
            self.nodes[at] = self.node(needed[at])

    def takes_again(self, function):
        """Is this call a gradient by a precise tape of this very program?"""
        return getattr(function, "place", None) == self.place

    def is_inner(self, at):
        return at in self.inner and self.takes_again(self.inner[at][0])

    def node(self, made):
        if self.is_inner(made.index):
            node = self.share_of(*self.inner[made.index])
            node.slot, node.value.recorded, node.value.dtype = made.index, raw_array(made.value), made.dtype
            return node
        if made.row == "call":
            end = made.index + 1
            while end < program_size(self.tape) and instruction(self.tape, end).row == "result":
                end += 1
            operands = [self.nodes[k] for k in made.operands]
            return Node(None, None, operands, {"slot": made.index, "end": end}, function=made.attrs["function"])
        recorded, attrs = raw_array(made.value), made.attrs
        if self.lanes is not None:
            recorded = self.lanes.part(recorded)
            attrs = {"axes": (0,), "keepdims": 0} if made.row is ops.reduce_sum else attrs
        if made.dtype.code >= FLOATING:
            return Plain(recorded, self.kind)
        operands = [self.nodes[k] for k in made.operands]
        if made.row == "result" and hasattr(operands[0].function, "place"):
            node = self.result(made, operands[0])
            node.value.recorded, node.value.dtype = recorded, made.dtype
        else:
            node = self.later(made, operands, recorded, attrs)
        node.slot = made.index
        return node

    def later(self, made, operands, recorded, attrs):
        """A node whose value is computed where it is asked for."""
        row, compute = made.row, self.numbers
        if row == "leaf":
            compute, row = self.beside if self.probe is not None and made.seen else self.exact, None
        elif row == "result":                           # custom_gradient: its function saw ordinary tensors
            compute, row, attrs = self.exact, None, {"which": made.attrs["which"]}
        elif row == "alias":
            compute, row = self.alias, ops.identity
        elif self.rounds(made, recorded, operands):
            compute = self.exact
        elif not row.differentiable or Node not in map(type, operands):
            return Node(Later(compute, row, attrs, operands, recorded, made.dtype, made.index))
        return Node(Later(compute, row, attrs, operands, recorded, made.dtype, made.index), row, operands, attrs)

    def exact(self, later):
        return self.kind.exact(later.recorded, later.dtype)

    def beside(self, later):
        return self.probe.beside(self.exact(later), later.recorded, later.index)

    def alias(self, later):
        return later.operands[0].value

    def numbers(self, later):
        """The value of a row."""
        row, operands = later.row, later.operands
        y = row(*[Unrecorded(x) if isinstance(x, Node) else x for x in operands], **later.attrs)
        if self.probe is not None and row in (ops.add, ops.sub, ops.mul, ops.div):
            a, b = operands                         # x - x, x / x, and what IEEE arithmetic makes of exact numbers: nan is meant
            meant = np.isnan(later.recorded) & (a.row is b.row is None or row in (ops.sub, ops.div) and a.value.same(b.value))
            y = where(Plain(meant, self.kind), np.nan, y)
        return y

    def rounds(self, made, recorded, operands):
        if made.row is not ops.add and made.row is not ops.sub:
            return False
        magic = ROUNDERS[recorded.dtype]
        given = [x.recorded for x in operands if x.row is None]
        return any(x.size and abs(x.flat[0]) == magic and (np.abs(x) == magic).all() for x in given)

    def result(self, made, call):
        which, function = made.attrs["which"], call.function
        if not self.takes_again(function):
            return Node(call.operands[which].value, ops.identity, [call.operands[which]])
        return self.share_of(function, function.kept[which])

    def share_of(self, again, k):
        """A node of one gradient of a tape inside."""
        if id(again) not in self.swept:
            self.swept[id(again)] = self.sweep(again, record=True)
        share = self.swept[id(again)][k]
        value = share.value if isinstance(share, Node) else share
        copy = type(value)(value.parts, value.dtype, value.recorded)
        return Node(copy, ops.identity, [share])

    # ---- backward
    def sweep(self, again, record):
        """The gradient by each source, None where there is none: Numbers, or Nodes where tapes around are to follow it."""
        self.run(again.slots())
        before, state.twice = state.twice, record
        try:
            return self.swept_back(again, record)
        finally:
            state.twice = before

    def swept_back(self, again, record):
        targets = [None if at is None else self.nodes[at] for at in again.targets]
        sources = [None if at is None else self.nodes[at] for at in again.sources]
        adj = {}
        for k, target in enumerate(targets):
            if isinstance(target, Node):
                seed = self.seed(target, None if again.seeds is None else again.seeds[k], record)
                add_to(adj, target, seed)
        on_way = ways([t for t in targets if isinstance(t, Node)], [s for s in sources if s is not None], again.followed)
        kept = {s.number for s in sources if s is not None}
        queue = [-number for number in adj]
        heapq.heapify(queue)
        while queue:
            node = on_way.get(-heapq.heappop(queue))
            if node is None or node.number not in adj:
                continue
            g = adj[node.number]
            for x, share in zip(node.operands, self.shares(node, g, on_way, record)):
                share = share.value if isinstance(share, Unrecorded) else share
                if share is not None and isinstance(x, Node) and x.number in on_way:
                    if x.number not in adj:
                        heapq.heappush(queue, -x.number)
                    add_to(adj, x, share)
            if node.number not in kept:
                del adj[node.number]
        return [None if s is None else adj.get(s.number) for s in sources]

    def seed(self, target, given, record):
        if given is None:
            return self.kind.exact(np.ones(target.shape), target.dtype)
        tensor, at = given
        if at is None:
            array = raw_array(tensor)
            return self.kind.exact(array if self.lanes is None else self.lanes.part(array), target.dtype)
        return self.nodes[at] if record else self.nodes[at].value

    def shares(self, node, g, on_way, record):
        """Each operand's share of the gradient; None where it is not asked for."""
        if node.function is not None:
            return self.call_back(node, g)
        if node.row is None:
            return [Results({node.attrs["which"]: g})] if node.operands else []
        row = node.row
        pick = (lambda x: x) if record else (lambda x: Unrecorded(x) if isinstance(x, Node) else x)
        operands, y = [pick(x) for x in node.operands], pick(node)
        asked = [isinstance(x, Node) and x.number in on_way for x in node.operands]
        d, count = RULES.get(row.name, row.d), range(len(operands))
        if d is not None:
            return [elementwise_share(d[k], row.selects[k] and not (row is ops.div and k == 0), g, operands, y, operands[k]) if asked[k] else None for k in count]
        vjp = FURTHER_RULES.get(row.name, row.vjp)
        if vjp is None:
            return [None] * len(operands)
        if row.arity is None:
            return [vjp[0](k, g, *operands, y, **node.attrs) if asked[k] else None for k in count]
        return [vjp[k](g, *operands, y, **node.attrs) if asked[k] and vjp[k] is not None else None for k in count]

    def call_back(self, call, arrived):
        """A custom gradient: its author's function, on ordinary tensors."""
        dys, at = [], call.attrs["slot"] + 1
        while at < call.attrs["end"]:
            y = instruction(self.tape, at).value
            g = arrived.get(at - call.attrs["slot"] - 1)
            dtype = y.dtype.as_numpy_dtype
            dys.append(tensor_from_numpy(np.zeros(tuple(y.shape), dtype) if g is None else np.asarray(g.rounded(dtype)[0])))
            at += 1
        shares = call.function(*dys)
        self.prepare()                          # the function may have used precise tapes of its own
        for x, share in zip(call.operands, shares):
            if share is not None and tuple(share.shape) != tuple(x.shape):
                raise errors.ShapeError(f"custom_gradient: the gradient function returned shape {tuple(share.shape)} for an "
                                        f"input of shape {tuple(x.shape)}: expected the same shape")
        return [None if t is None else self.kind.exact(raw_array(t), x.dtype) for t, x in zip(shares, call.operands)]


class Results(dict):
    """What has arrived at the results of a call, by their index."""


def elementwise_share(derivative, selects, g, operands, y, x):
    """g times the local derivative, 0 where g is 0, summed over what was broadcast."""
    if derivative is None:
        return None
    d = derivative(*operands, y)
    if isinstance(d, (int, float)):
        share = g if d == 1 else -g if d == -1 else g * float(d)
    else:
        share = (ops.select if selects else ops.scale)(g, d)
    return share if share.shape == x.shape else ops.sum_to(share, shape=x.shape)


def add_to(adj, node, share):
    have = adj.get(node.number)
    if isinstance(share, Results):
        adj[node.number] = Results(share) if have is None else Results({**have, **share})
    else:
        adj[node.number] = share if have is None else ops.add(have, share)


def ways(targets, sources, followed):
    """The nodes, by number, on a way from a source to a target that only leads through what `followed` has of the slots."""
    low = min((s.number for s in sources), default=0)
    above, waiting = {}, list(targets)
    while waiting:
        node = waiting.pop()
        unseen = node.slot is not None and followed is not None and node.slot not in followed
        if node.number in above or node.number < low or unseen:
            continue
        above[node.number] = node
        waiting.extend(x for x in node.operands if isinstance(x, Node))
    ends = {s.number for s in sources}
    found = {}
    for number in sorted(above):
        node = above[number]
        if number in ends or any(isinstance(x, Node) and x.number in found for x in node.operands):
            found[number] = node
    return found
