"""python -m autodiff audit script.py: a script runs, and its gradients and Jacobians are audited (audit.py)."""

import contextlib
import os
import sys
import warnings

from .optimize import evaluations
from . import jacobians, nest, stabilise, transforms
from ._core import GradientTape, convert, get_stabilize, is_tensor, program_size, slot
from .audit import Laws, Notes, alias_in, report_of
from .constants import ones_like, zeros_like
from .places import user_call
from .precise import again_of

__all__ = ["audit_script"]


def audit_script(path, arguments=(), tell=None):
    """Run a script, with `arguments` as its command line, and audit its gradients and Jacobians, each line that asks for one once.

    tell   called with (place, Report) of each, in the order of the script, also where the script ends with an exception
    Returns the list of these pairs.  The script sees the numbers that it would see anyway.
    """
    import runpy

    package = sys.modules[__package__]
    reports, fired = {}, []
    tape = type("AuditingTape", (AuditingTape,), {"reports": reports, "fired": fired, "recording": []})

    def once(persistent=False, **options):                  # objectives ask for one gradient, or keep the tape for what they have asked
        return (GradientTape if persistent else tape)(persistent, **options)

    stand_ins = {package: {"GradientTape": tape}, evaluations: {"GradientTape": once},
                 transforms: {"GradientTape": tape, "jacobians_of": _jacobians_of, "tangents_of": _tangents_of}}  # fmt: skip
    originals = {module: {name: getattr(module, name) for name in names} for module, names in stand_ins.items()}

    before = sys.argv, sys.path[:]
    sys.argv = [path, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    _put(stand_ins)
    try:
        with Notes(), Laws(fired, dry=True), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "function: .* asks for precise")      # so it runs as written, with the same bits
            runpy.run_path(path, run_name="__main__")
    finally:
        _put(originals)
        sys.argv, sys.path[:] = before
        told = [(place, report) for (place, _), report in reports.items() if report is not None]
        for place, report in told if tell is not None else ():
            tell(place, report)
    return told


def _put(names):
    for module, values in names.items():
        vars(module).update(values)


def _jacobians_of(tape, target, sources):
    """That of jacobians.py, of an auditing tape: ad.jacobian and ad.hessian, each tensor of their result told for itself."""
    found = jacobians.jacobians_of(tape.plain, target, sources)
    tape.told += 1
    tape.tell("jacobian", target, sources, found, number=tape.told)
    return found


def _tangents_of(tape, targets, sources, tangents):
    """That of jacobians.py, of an auditing tape: ad.jvp and ad.hvp."""
    found = jacobians.tangents_of(tape.plain, targets, sources, tangents)
    tape.tell("jvp", targets, sources, [zeros_like(y) if t is None else t for y, t in zip(targets, found)], tangents)
    return found


class AuditingTape(GradientTape):
    """Stands for GradientTape in the script: keeps all it needs for a report, and beside it a plain tape, whose numbers the script sees.

    reports     by place and call; of one audit, as are
    fired       the laws that would have held
    recording   the tapes of the script that record
    """

    reports = fired = recording = None

    def __new__(cls, persistent=False, watch_accessed_variables=True, precise=False, stabilize=None):
        tape = GradientTape.__new__(cls, True, watch_accessed_variables, True, True)
        tape.asked = get_stabilize() if stabilize is None else stabilize
        tape.plain, tape.reporting = GradientTape(True, watch_accessed_variables, precise), False
        tape.inner, tape.told = {}, 0
        return tape

    def __enter__(self):
        self.before = stabilise.dry
        stabilise.dry = stabilise.dry and not self.asked            # (laws that were asked for hold)
        super().__enter__()
        self.plain.__enter__()
        self.recording.append(self)
        return self

    def __exit__(self, *exc):
        self.recording.remove(self)
        stabilise.dry = self.before
        self.plain.__exit__(*exc)
        return super().__exit__(*exc)

    def watch(self, tensor):
        super().watch(tensor)
        self.plain.watch(tensor)

    def reset(self):
        super().reset()
        self.plain.reset()

    @contextlib.contextmanager
    def stop_recording(self):
        with super().stop_recording(), self.plain.stop_recording():
            yield

    def jacobian(self, target, sources, *args, **options):
        result = self.plain.jacobian(target, sources, *args, **options)
        self.tell("jacobian", target, sources, result)
        return result

    def batch_jacobian(self, target, source, *args, **options):
        result = self.plain.batch_jacobian(target, source, *args, **options)
        self.tell("batch_jacobian", target, source, result)
        return result

    def gradient(self, target, sources, output_gradients=None, **options):
        if self.reporting:                              # (a row of the exact Jacobian)
            return super().gradient(target, sources, output_gradients, **options)
        around = [tape for tape in self.recording if tape is not self]
        start = program_size(around[0]) if around else 0
        result = self.plain.gradient(target, sources, output_gradients, **options)
        if around:
            self._keep(around, start, target, sources, result, output_gradients)
        else:
            self.tell("gradient", target, sources, result, output_gradients)
        return result

    def _keep(self, around, start, target, sources, result, seeds):
        """Has the tapes around take the gradient again, from the record, where they replay it."""
        flat, targets = nest.flatten(sources), [target] if is_tensor(target) else nest.flatten(target)
        new = [(slot(around[0], g), k) for k, g in enumerate(nest.flatten(result)) if g is not None]
        again = again_of(self, targets, _seeds(seeds, targets), flat)
        taken = {at: (again, k) for at, k in new if at is not None and at >= start and again.sources[k] is not None}
        for tape in around if again.place else ():      # (a custom_gradient on the way is in what the plain sweep recorded alone)
            tape.inner.update(taken)

    def tell(self, asked, target, sources, result, seeds=None, number=0):
        """Notes the report on what was asked for, once for each call of the script that asks, and number."""
        (place, call), around = user_call(), [tape for tape in self.recording if tape is not self]
        at = place, (call, number)
        flat, targets = nest.flatten(sources), [target] if is_tensor(target) else nest.flatten(target)
        if at in self.reports or around or not all(is_tensor(x) and x.dtype.is_floating for x in [*targets, *flat]):
            return
        self.reports[at] = None                         # (what the report itself asks for is not asked by the script)
        exact = None
        if asked != "gradient":
            self.reporting = True
            try:
                exact = self._exact(asked, target, sources, seeds)
            finally:
                self.reporting = False
        names = vars(sys.modules.get("__main__", sys))
        seeds = _seeds(seeds, targets) if asked == "gradient" else None
        self.reports[at] = report_of(self, targets, flat, self.fired, alias_in(names), nest.flatten(result), seeds, exact, asked)

    def _exact(self, asked, target, sources, seeds):
        if asked != "jvp":
            return nest.flatten(getattr(GradientTape, asked)(self, target, sources))
        return [self._tangent(y, sources, seeds) for y in target]

    def _tangent(self, target, sources, tangents):
        """The slope, by the cotangent, of the gradient's part along the tangents: all of it replayed."""
        with self:
            u = ones_like(target)
            self.watch(u)
            slopes = GradientTape.gradient(self, target, sources, u)
        known = [(g, t) for g, t in zip(slopes, tangents) if g is not None]
        found = GradientTape.gradient(self, [g for g, _ in known], u, [t for _, t in known]) if known else None
        return zeros_like(target) if found is None else found


def _seeds(seeds, targets):
    return None if seeds is None else [convert(g, like=t) for g, t in zip(nest.flatten(seeds), targets)]
