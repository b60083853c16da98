"""One adaptor a peer, a module with

VERSION                       what is measured
prepare(case, args, dtype)    a function of no arguments that computes the value and the gradients
                              in the peer's own kind, to the end; a name that the peer lacks
                              raises AttributeError
numbers(result)               the value as a float and the gradients as arrays; None for these where it computes none
"""

import importlib
from importlib.util import find_spec

# What the reports call it: its module here, and what must be installed.
PEERS = {
    "autodiff": ("autodiff", "autodiff"),
    "ad.function": ("autodiff_function", "autodiff"),
    "by hand": ("byhand", "numpy"),
    "NumExpr": ("numexpr", "numexpr"),
    "TensorFlow": ("tensorflow", "tensorflow"),
    "tf.function": ("tensorflow_function", "tensorflow"),
    "XLA": ("tensorflow_xla", "tensorflow"),
    "PyTorch": ("torch", "torch"),
    "torch.compile": ("torch_compile", "torch"),
    "JAX": ("jax", "jax"),
    "jax.jit": ("jax_jit", "jax"),
    "autograd": ("autograd", "autograd"),
    "CasADi": ("casadi", "casadi"),
    "value alone": ("autodiff_value", "autodiff"),
}
VALUE = "value alone"  # no peer: what ad.function takes for the value, without its gradient


def installed():
    return [name for name, (_, package) in PEERS.items() if find_spec(package) and name != VALUE]


def load(name):
    return importlib.import_module(f"{__name__}.{PEERS[name][0]}")
