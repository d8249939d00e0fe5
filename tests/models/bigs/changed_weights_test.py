"""Nothing that inference keeps outlives the weights it was computed of."""

import keras
import numpy as np
import pytest

from keras_bigs import models
from tests.weights import randomize


def backbone(**options):
    sizes = {"vocabulary_size": 20, "num_layers": 1, "hidden_dim": 8}
    return models.BiGSBackbone(
        **sizes, intermediate_dim=24, state_dim=4, max_sequence_length=16, **options
    )


def inputs(length=12):
    rng = np.random.default_rng(0)
    return {
        "token_ids": rng.integers(0, 20, (2, length), "int32"),
        "segment_ids": np.zeros((2, length), "int32"),
        "padding_mask": np.ones((2, length), "int32"),
    }


def outputs(model, length=12):
    return model.predict_on_batch(inputs(length))["sequence_output"]


def train(model, path):
    model.compile(keras.optimizers.SGD(0.5), "mse")
    zeros = np.zeros((2, 12, 8)), np.zeros((2, 8))
    targets = dict(zip(("sequence_output", "pooled_output"), zeros, strict=True))
    model.fit(inputs(), targets, verbose=0)


def set_weights(model, path):
    other = randomize(backbone(), seed=1)
    for weight in other.trainable_weights:
        if weight.name == "log_step":
            weight.assign_add(np.ones(weight.shape))
    model.set_weights(other.get_weights())


def load(model, path):
    other = backbone()
    set_weights(other, path)
    other.save_weights(path / "other.weights.h5")
    model.load_weights(path / "other.weights.h5")


def train_lora(model, path):
    model.enable_lora(2)
    train(model, path)


def assign_one(model, path):
    model.blocks[0].routing.backward_ssm.trainable_weights[-1].assign_add([0.5])


def in_place(model, path):
    # PyTorch does not count this as a change of the tensor.
    model.blocks[0].routing.forward_ssm.trainable_weights[-1].value.data += 0.5


# Where programs are compiled, one way to train and one algorithm show as much.
also_on_torch = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="Said of PyTorch, which keeps kernels."
)


@pytest.mark.parametrize(
    ("change", "method"),
    [
        (train, "auto"),
        (set_weights, "auto"),
        (load, "auto"),
        (assign_one, "auto"),
        pytest.param(train_lora, "auto", marks=also_on_torch),
        pytest.param(in_place, "auto", marks=also_on_torch),
        pytest.param(train, "chunked", marks=also_on_torch),
        pytest.param(in_place, "chunked", marks=also_on_torch),
    ],
)
def test_outputs_are_those_of_the_weights_of_now(change, method, tmp_path):
    model = randomize(backbone(method=method))
    before = outputs(model)
    assert np.array_equal(before, outputs(model))
    change(model, tmp_path)
    after = outputs(model)
    assert np.max(np.abs(after - before)) > 1e-3
    # A model that has never predicted anything else.
    fresh = backbone(method=method)
    if change is train_lora:
        fresh.enable_lora(2)
    fresh.set_weights(model.get_weights())
    assert np.max(np.abs(after - outputs(fresh))) < 1e-6


@also_on_torch
def test_each_length_has_its_own():
    model = randomize(backbone())
    for length in (12, 5, 12, 16):
        fresh = backbone()
        fresh.set_weights(model.get_weights())
        assert np.array_equal(outputs(model, length), outputs(fresh, length))


@also_on_torch
def test_quantized_weights_are_used():
    model, fresh = randomize(backbone()), backbone()
    fresh.set_weights(model.get_weights())
    before = outputs(model)
    for either in (model, fresh):
        either.quantize("int8")
    after = outputs(model)
    assert not np.array_equal(after, before)
    assert np.array_equal(after, outputs(fresh))
