"""python -m autodiff audit script.py: a script runs, and its gradients and Jacobians are audited (audit.py)."""

import contextlib
import os
import sys
import warnings

from . import evaluations, nest, transforms
from ._core import GradientTape, convert, get_stabilize, is_tensor
from .audit import Laws, Notes, alias_in, report_of
from .places import user_call

__all__ = ["audit_script"]


def audit_script(path, arguments=(), tell=None):
    """Run a script, with `arguments` as its command line, and audit its gradients and Jacobians, each line that asks for one once.

    tell   called with (place, Report) of each, in the order of the script, also where the script ends with an exception
    Returns the list of these pairs.  The script sees the numbers that it would see anyway.
    """
    import runpy

    package = sys.modules[__package__]
    reports, fired = {}, []
    tape = _auditing(reports, fired)

    def inside(persistent=False, **options):                # transforms and objectives ask for one gradient, or keep the tape
        return (GradientTape if persistent else tape)(persistent, **options)

    before = sys.argv, sys.path[:]
    sys.argv = [path, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    package.GradientTape, transforms.GradientTape, evaluations.GradientTape = tape, inside, inside
    try:
        with Notes(), Laws(fired, dry=True), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "function: .* asks for precise")      # so it runs as written, with the same bits
            runpy.run_path(path, run_name="__main__")
    finally:
        for module in (package, transforms, evaluations):
            module.GradientTape = GradientTape
        sys.argv, sys.path[:] = before
        told = [(place, report) for (place, _), report in reports.items() if report is not None]
        for place, report in told if tell is not None else ():
            tell(place, report)
    return told


def _auditing(reports, fired):
    """The class that stands for GradientTape in the script."""
    from . import stabilise

    recording = []

    class AuditingTape(GradientTape):
        """A tape that keeps all it needs for a report, and beside it a plain one, whose numbers the script sees."""

        def __new__(cls, persistent=False, watch_accessed_variables=True, precise=False, stabilize=None):
            tape = GradientTape.__new__(cls, True, watch_accessed_variables, True, True)
            tape.asked = get_stabilize() if stabilize is None else stabilize
            tape.plain, tape.reporting = GradientTape(True, watch_accessed_variables, precise), False
            return tape

        def __enter__(self):
            self.before = stabilise.dry
            stabilise.dry = stabilise.dry and not self.asked            # (laws that were asked for hold)
            super().__enter__()
            self.plain.__enter__()
            recording.append(self)
            return self

        def __exit__(self, *exc):
            recording.remove(self)
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
            self._tell("jacobian", target, sources, result)
            return result

        def batch_jacobian(self, target, source, *args, **options):
            result = self.plain.batch_jacobian(target, source, *args, **options)
            self._tell("batch_jacobian", target, source, result)
            return result

        def gradient(self, target, sources, output_gradients=None, **options):
            if self.reporting:                              # (a row of the exact Jacobian)
                return super().gradient(target, sources, output_gradients, **options)
            result = self.plain.gradient(target, sources, output_gradients, **options)
            self._tell("gradient", target, sources, result, output_gradients)
            return result

        def _tell(self, asked, target, sources, result, seeds=None):
            """Notes the report on what was asked for, once for each call of the script that asks."""
            at, others = user_call(), [tape for tape in recording if tape is not self]
            flat, targets = nest.flatten(sources), [target] if is_tensor(target) else nest.flatten(target)
            if at in reports or others or not all(is_tensor(x) and x.dtype.is_floating for x in [*targets, *flat]):
                return
            reports[at] = None                              # (what the report itself asks for is not asked by the script)
            seeds = None if seeds is None else [convert(g, like=t) for g, t in zip(nest.flatten(seeds), targets)]
            names = vars(sys.modules.get("__main__", sys))
            exact = None
            if asked != "gradient":
                self.reporting = True
                try:
                    exact = nest.flatten(getattr(GradientTape, asked)(self, target, sources))
                finally:
                    self.reporting = False
            reports[at] = report_of(self, targets, flat, fired, alias_in(names), nest.flatten(result), seeds, exact, asked)

    return AuditingTape
