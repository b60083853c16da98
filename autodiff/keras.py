"""The name under which scripts ask for optimizers: tf.keras.optimizers.  Of Keras there is nothing else here."""

from . import optimizers as optimizers

__all__: list[str] = []


def __getattr__(name):
    raise AttributeError(f"autodiff.keras has optimizers alone, no {name}: layers and models are functions of Variables (ad.Module holds them)")
