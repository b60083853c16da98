"""ad.config: what may be set.

lost_gradient   what happens where the value of a followed tensor leaves its tape by float(t), np.asarray(t), out= and the like:
                "warn" (the default; once a call site), "raise" LostGradientError, or "ignore"
cpu             the instruction set in use; the environment variable AUTODIFF_CPU (baseline, avx2, avx512), read at import,
                forces one
"""

import sys
import types

from ._core import cpu as _cpu
from ._core import get_lost_gradient, set_lost_gradient


class _Config(types.ModuleType):
    @property
    def lost_gradient(self):
        return get_lost_gradient()

    @lost_gradient.setter
    def lost_gradient(self, how):
        set_lost_gradient(how)

    @property
    def cpu(self):
        return _cpu()

    def __setattr__(self, name, value):
        if name in ("lost_gradient", "__class__") or name.startswith("_"):
            return super().__setattr__(name, value)
        raise AttributeError(f"config has no setting {name!r}; it has lost_gradient")


sys.modules[__name__].__class__ = _Config
