"""PyTorch, compiled by Inductor."""

import torch

from . import torch as eager
from .torch import VERSION, numbers  # noqa: F401


def prepare(case, args, dtype):
    torch.compiler.reset()  # else the cases before count against its limit of recompilations
    return eager.prepare(case, args, dtype, compiled=lambda f: torch.compile(f, fullgraph=True))
