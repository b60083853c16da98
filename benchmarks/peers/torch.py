"""PyTorch, eager."""

from types import SimpleNamespace

import numpy as np
import torch

VERSION = f"PyTorch {torch.__version__}"


def _conv2d(x, w, strides, padding):
    """Its own layout has the channels first."""
    return torch.nn.functional.conv2d(x.movedim(-1, 1), w.permute(3, 2, 0, 1), stride=strides, padding=padding.lower()).movedim(1, -1)


names = SimpleNamespace(
    exp=torch.exp, sqrt=torch.sqrt, sin=torch.sin, cos=torch.cos, tanh=torch.tanh, log=torch.log, log1p=torch.log1p,
    erfc=torch.special.erfc, lgamma=torch.lgamma, softplus=torch.nn.functional.softplus, where=torch.where,
    softmax=lambda x: torch.softmax(x, -1), norm=torch.linalg.vector_norm,
    reduce_sum=torch.sum, reduce_mean=torch.mean, reduce_prod=torch.prod,
    reduce_logsumexp=lambda x, axis=0: torch.logsumexp(x, axis), cumsum=lambda x: torch.cumsum(x, 0),
    concat=lambda xs, axis: torch.cat(xs, axis), expand_dims=torch.unsqueeze, gather=lambda x, i: x[i],
    matmul=lambda a, b, transpose_b=False: a @ (b.T if transpose_b else b), matvec=torch.mv, conv2d=_conv2d,
)  # fmt: skip
names.math = names.nn = names.linalg = names


def prepare(case, args, dtype, compiled=lambda f: f):
    xs = [torch.tensor(a, dtype=getattr(torch, dtype), requires_grad=True) for a in args[: case.wrt]]
    data = [torch.tensor(a) if isinstance(a, np.ndarray) else a for a in args[case.wrt :]]

    f = compiled(lambda *xs: case.f(names, *xs, *data))

    def run():
        y = f(*xs)
        return y, torch.autograd.grad(y, xs)

    return run


def numbers(result):
    y, gradients = result
    return y.item(), [g.numpy() for g in gradients]
