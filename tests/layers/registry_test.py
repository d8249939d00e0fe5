"""Routing by name and by instance, and names of models saved before."""

import keras
import numpy as np
import pytest

from keras_bigs import layers
from keras_bigs.layers.routing import ROUTINGS

OPTIONS = layers.RoutingOptions(block="stack", dropout=0.25, dtype="mixed_bfloat16")


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """Forgets what a test registers."""
    for name in ROUTINGS:
        monkeypatch.setitem(ROUTINGS, name, ROUTINGS[name])
    before = set(ROUTINGS)
    yield
    for name in set(ROUTINGS) - before:
        del ROUTINGS[name]


class Shift(keras.layers.Layer):
    """A routing layer of a user's own, without the base class."""

    def __init__(self, by=1, **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def call(self, inputs, padding_mask=None):
        return keras.ops.roll(inputs, self.by, axis=1)

    def get_config(self):
        return {**super().get_config(), "by": self.by}


def shifted(by):
    """A routing of the user's own, defined anew as when a cell runs again."""

    class Previous(layers.RoutingLayer):
        def route(self, x, padding_mask):
            return keras.ops.roll(x, by, axis=1)

    return Previous


def test_layers_by_name():
    made = {name: layers.get_routing(name, OPTIONS) for name in layers.routing_names()}
    assert {name: type(layer) for name, layer in made.items()} == ROUTINGS
    for layer in made.values():
        assert (layer.name, layer.dtype_policy.name) == ("routing", "mixed_bfloat16")
    assert made["ssm"].combine == "sequential"
    assert made["attention"].dropout == made["sliding_window"].dropout == 0.25


def test_a_function_is_registered():
    @layers.register_routing("shift_for_test")
    def shift(options):
        assert options.block == "gated"
        return Shift(by=2, dtype=options.dtype, name="routing")

    block = layers.GatedBiGSBlock(24, routing="shift_for_test")
    assert (type(block.routing), block.routing.by) == (Shift, 2)
    assert "shift_for_test" in layers.routing_names()


def test_a_class_is_registered_again():
    """As when a cell runs twice; another class keeps its hands off the name."""
    x = np.arange(5.0).reshape((1, 5, 1))
    for by in (1, 2):
        layers.register_routing("previous")(shifted(by))
        layer = layers.get_routing("previous", layers.RoutingOptions())
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(layer(x)), np.roll(x, by, axis=1)
        )
    with pytest.raises(ValueError, match="'previous' is registered already: tests"):
        layers.register_routing("previous")(layers.BiSSM)
    with pytest.raises(ValueError, match="'ssm' is registered already: keras_bigs"):
        layers.register_routing("ssm")(shifted(1))
    with pytest.raises(ValueError, match="Shift has no `from_options`"):
        layers.register_routing("shift")(Shift)


def test_an_instance_belongs_to_one_block():
    routing = Shift(by=2)
    first = layers.GatedBiGSBlock(24, routing=routing)
    second = layers.StackBlock(24, routing=routing)
    assert first.routing is routing
    first.build((1, 5, 8))
    with pytest.raises(ValueError, match="belongs to one block"):
        second.build((1, 5, 8))


def test_a_copy_has_the_dtype_of_the_options():
    copy = layers.get_routing(layers.SlidingWindowAttention(7), OPTIONS)
    assert (copy.window, copy.dtype_policy.name) == (7, "mixed_bfloat16")


@pytest.mark.parametrize(
    ("name", "cls", "saved"),
    [
        ("Convolution", layers.GatedConvolution, {"kernel_size": 5}),
        ("FourierMixing", layers.FourierMixing, {}),
        ("BiLSTM", layers.BiLSTM, {"kernel_initializer": "zeros"}),
    ],
)
def test_configs_saved_before_load(name, cls, saved):
    """Under a former name, or without arguments that have been added since."""
    module = f"keras_bigs.layers.{name.lower()}"
    config = {"module": module, "class_name": name, "config": saved}
    config["registered_name"] = f"keras_bigs>{name}"
    layer = keras.saving.deserialize_keras_object(config)
    assert type(layer) is cls
    for argument, value in saved.items():
        actual = getattr(layer, argument)
        assert actual == value or isinstance(actual, keras.initializers.Zeros)
    again = keras.saving.serialize_keras_object(layer)
    assert again["registered_name"] == f"keras_bigs>{cls.__name__}"
