"""ad.config: what may be set.

lost_gradient   what happens where the value of a followed tensor leaves its tape by float(t), np.asarray(t), out= and the like:
                "warn" (the default; once a call site), "raise" LostGradientError, or "ignore"
stabilize       do tapes and functions that do not say otherwise record log(1 + exp(x)) as softplus(x), and so on (docs/stabilise.md)?
                False; True where the environment variable AUTODIFF_STABILIZE is 1 at import
cpu             the instruction set in use; the environment variable AUTODIFF_CPU (baseline, avx2, avx512), read at import,
                forces one
set_num_threads(n) lets replays, products and rows of large arrays run on n threads, get_num_threads() says on how many; at import it is
what the environment variable AUTODIFF_NUM_THREADS says, else the processors this process may use.
list_physical_devices("GPU") is empty: there is one CPU.  set_visible_devices([], "GPU") and threading.set_intra_op_parallelism_threads(n)
are how scripts for TensorFlow say that they want no other, and on how many threads.
run_functions_eagerly(True) makes every ad.function run as written; functions_run_eagerly() says whether that is so.
"""

import collections
import os
import sys
import types

from ._core import cpu as _cpu
from ._core import (functions_run_eagerly, get_lost_gradient, get_num_threads, get_stabilize, run_functions_eagerly,  # noqa: F401
                    set_lost_gradient, set_num_threads, set_stabilize)  # fmt: skip


class _Config(types.ModuleType):
    @property
    def lost_gradient(self):
        return get_lost_gradient()

    @lost_gradient.setter
    def lost_gradient(self, how):
        set_lost_gradient(how)

    @property
    def stabilize(self):
        return get_stabilize()

    @stabilize.setter
    def stabilize(self, on):
        set_stabilize(on)

    @property
    def cpu(self):
        return _cpu()

    def __setattr__(self, name, value):
        if name in ("lost_gradient", "stabilize", "__class__") or name.startswith("_"):
            return super().__setattr__(name, value)
        raise AttributeError(f"config has no setting {name!r}; it has lost_gradient and stabilize")


sys.modules[__name__].__class__ = _Config

PhysicalDevice = collections.namedtuple("PhysicalDevice", "name device_type")
LogicalDevice = collections.namedtuple("LogicalDevice", "name device_type")


def list_physical_devices(device_type=None) -> list[PhysicalDevice]:
    """What operations may run on, of that type ("CPU", "GPU") if one is given: the CPU alone.

    >>> list_physical_devices("GPU")
    []
    """
    return [PhysicalDevice("/physical_device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


def list_logical_devices(device_type=None) -> list[LogicalDevice]:
    """The same under the name that `device` takes.

    >>> list_logical_devices()
    [LogicalDevice(name='/device:CPU:0', device_type='CPU')]
    """
    return [LogicalDevice("/device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


def get_visible_devices(device_type=None) -> list[PhysicalDevice]:
    """`list_physical_devices`: all that there is can be seen."""
    return list_physical_devices(device_type)


def set_visible_devices(devices, device_type=None) -> None:
    """Hide all devices of that type but these: a GPU, say, of which there is none.  Raises ValueError where the CPU would be hidden."""
    wanted = [devices] if isinstance(devices, PhysicalDevice) else list(devices)
    if wanted != list_physical_devices(device_type):
        raise ValueError(f"config.set_visible_devices: expected {list_physical_devices(device_type)}, got {devices!r}: there is one CPU")


class threading:
    """On how many threads TensorFlow's scripts want to run."""

    @staticmethod
    def set_intra_op_parallelism_threads(num_threads) -> None:
        """`set_num_threads`; 0: as many as at import."""
        set_num_threads(num_threads or _threads_at_import())

    get_intra_op_parallelism_threads = staticmethod(get_num_threads)

    @staticmethod
    def set_inter_op_parallelism_threads(num_threads) -> None:
        """Without effect: operations run one after the other."""

    @staticmethod
    def get_inter_op_parallelism_threads() -> int:
        """1: operations run one after the other."""
        return 1



def _stabilize_at_import():
    given = os.environ.get("AUTODIFF_STABILIZE", "")
    if given not in ("", "0", "1"):
        raise ValueError(f"AUTODIFF_STABILIZE: expected 1 or 0, got {given!r}")
    return given == "1"


def _threads_at_import():
    given = os.environ.get("AUTODIFF_NUM_THREADS", "")
    if given:
        if not given.isdecimal() or int(given) == 0:
            raise ValueError(f"AUTODIFF_NUM_THREADS: expected a number of threads, 1 or more, got {given!r}")
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


set_stabilize(_stabilize_at_import())
set_num_threads(_threads_at_import())
