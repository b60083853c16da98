"""The plain part of tapes: what an unconnected gradient is, and why one is None.  GradientTape itself is in the core."""

import enum

from . import errors

__all__ = ["UnconnectedGradients"]


class UnconnectedGradients(enum.Enum):
    """What `gradient` gives where the target does not depend on a source."""

    NONE = "none"
    ZERO = "zero"


def explain(facts):
    """The first reason that applies, from the outside in; `facts` are what the core knows of the way."""
    for name in ("target", "source"):
        if facts.get(name):
            return f"The {name} {facts[name]}"
    if not facts["program"]:
        return "The tape holds no record: it was never entered, or it is not persistent and its gradient has been taken."
    variable = facts["variable"]
    if not facts["source_seen"]:
        if variable and not facts["trainable"]:
            return "The source was not watched: it is a variable with trainable=False. Call tape.watch(source)."
        if variable:
            return "The source was never read while the tape recorded, or the tape has watch_accessed_variables=False."
        if facts["source_known"]:
            return ("The source was not watched: it is a plain tensor. Call tape.watch(source) before computing, or make it a "
                    "Variable.")  # fmt: skip
        return ("The tape never met the source: it was not watched and took no part in what was recorded. A tensor made from "
                "another (a cast, a copy, v.value() outside the tape) is a source of its own.")  # fmt: skip
    if not facts["target_known"]:
        return _lost("The target was not computed while the tape recorded", facts)
    if not facts["target_seen"]:
        return _lost("The target does not depend on anything that the tape watches", facts)
    if not facts["connected"]:
        return _lost("The target does not depend on the source", facts)
    return "The gradient is connected: the target was computed from the source by recorded operations."


def _lost(sentence, facts):
    if facts["lost"]:
        names = errors.join_words(dict.fromkeys(facts["lost"]), "and")
        return f"{sentence}; the result of {names} left the tape through numpy() or a conversion to Python numbers."
    return f"{sentence}: it was computed before or after the block, from constants, by NumPy, or through integers."
