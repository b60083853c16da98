"""A module finds the variables it holds, each once."""

import pytest

import autodiff as ad
from autodiff.module import Module


class Layer(Module):
    def __init__(self, name=None):
        super().__init__(name)
        self.weight = ad.Variable(1.0)
        self.bias = ad.Variable(0.0, trainable=False)


class TwoLayers(Module):
    def __init__(self):
        super().__init__()
        self.layers = [Layer(), {"inner": Layer("second")}]
        self.again = self.layers[0].weight
        self.label = "text"


def test_variables_are_found_wherever_they_stand():
    m = TwoLayers()
    assert len(m.variables) == 4 and len(m.trainable_variables) == 2 and len(m.non_trainable_variables) == 2
    assert m.variables[0] is m.again
    assert [s.name for s in m.submodules] == ["layer", "second"]
    assert m.name == "two_layers"


def test_variables_come_in_tensorflows_order():
    class Mixed(Module):
        def __init__(self):
            super().__init__()
            self.weight, self.inner, self.bias = ad.Variable(1.0), TwoLayers(), ad.Variable(2.0)
            self.many = [ad.Variable(3.0), {"z": ad.Variable(5.0), "a": ad.Variable(4.0)}]

    m = Mixed()
    assert [float(v) for v in m.variables[:5]] == [2, 3, 4, 5, 1]
    assert m.variables[5] is m.inner.again and [s.name for s in m.submodules] == ["two_layers", "layer", "second"]


def test_a_module_without_its_init_still_works():
    class Bare(Module):
        def __init__(self):
            self.v = ad.Variable(2.0)

    assert Bare().name == "bare" and len(Bare().variables) == 1


def test_names_are_identifiers():
    with pytest.raises(ValueError) as caught:
        Module("a b")
    assert str(caught.value) == "Module: 'a b' is not a valid module name: module names must be valid Python identifiers"


@pytest.mark.parametrize("name, snake", [("MLP", "mlp"), ("RNNCell", "rnn_cell"), ("MyLayer", "my_layer"), ("Dense", "dense"), ("Conv2DBlock", "conv2_d_block"),
                                         ("my_own", "my_own"), ("LSTM2", "lstm2"), ("_Inner", "__inner")])  # fmt: skip
def test_a_name_is_made_of_that_of_the_class_as_tensorflow_does(name, snake):
    assert type(name, (ad.Module,), {})().name == snake


def test_layers_made_in_the_name_scope_of_a_module():
    """The example of tf.Module."""

    class MLP(ad.Module):
        def __init__(self, sizes, name=None):
            super().__init__(name=name)
            with self.name_scope:
                self.weights = [ad.Variable(ad.ones([m, n])) for m, n in zip(sizes, sizes[1:])]

        @ad.Module.with_name_scope
        def __call__(self, x):
            for w in self.weights:
                x = x @ w
            return x

    mlp = MLP([2, 3, 1])
    assert mlp(ad.ones([1, 2])).numpy() == 6 and len(mlp.variables) == 2
