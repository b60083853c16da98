"""The name under which scripts ask for tf.keras.optimizers and tf.keras.initializers.  Of Keras there is nothing else here."""

from . import initializers as initializers, optimizers as optimizers

__all__: list[str] = []


def __getattr__(name):
    raise AttributeError(f"autodiff.keras has optimizers and initializers alone, no {name}: layers and models are functions of Variables (ad.Module holds them)")
