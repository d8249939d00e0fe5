"""One long text on one device and on eight virtual ones that share its tokens.

    python -m tests.training.long_text_on_devices OUTPUT

Writes `OUTPUT/one.npz` and `OUTPUT/eight.npz` with the backbone's outputs, the gradient
of a weighted sum of them by every weight, and the share of the outputs that the first
device holds.
"""

import os
import pathlib
import sys

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import jax
import keras
import numpy as np

from keras_bigs import models
from keras_bigs import training

LENGTH, PADDING, VOCABULARY = 16_384, 1_000, 70


def main(output):
    write(output / "one.npz")
    training.distribute(1, mesh={"sequence": 8}, sequence_length=LENGTH)
    write(output / "eight.npz")


def write(path):
    keras.utils.set_random_seed(0)
    backbone = models.BiGSBackbone(
        vocabulary_size=VOCABULARY,
        num_layers=2,
        hidden_dim=16,
        intermediate_dim=32,
        state_dim=8,
        dropout=0.0,
        max_sequence_length=LENGTH,
        name="backbone",
    )
    rng = np.random.default_rng(0)
    shape = (1, LENGTH)
    mask = (np.arange(LENGTH) < LENGTH - PADDING)[None].astype("int32")
    x = {
        "token_ids": mask * rng.integers(5, VOCABULARY, size=shape, dtype="int32"),
        "segment_ids": np.zeros(shape, "int32"),
        "padding_mask": mask,
    }
    weight = mask[..., None] * rng.normal(size=(*shape, 16)).astype("float32")
    x, weight = keras.tree.map_structure(laid_out, (x, weight))
    fixed = [v.value for v in backbone.non_trainable_variables]

    def weighted_sum(trained, x, weight):
        outputs, _ = backbone.stateless_call(trained, fixed, x)
        outputs = outputs["sequence_output"]
        return (weight * outputs).sum(), outputs

    trained = [v.value for v in backbone.trainable_variables]
    function = jax.jit(jax.grad(weighted_sum, has_aux=True))
    gradients, outputs = function(trained, x, weight)
    names = [v.path for v in backbone.trainable_variables]
    np.savez(
        path,
        outputs=outputs * mask[..., None],
        share=outputs.addressable_shards[0].data.size / outputs.size,
        **{
            f"gradients/{name}": gradient
            for name, gradient in zip(names, gradients, strict=True)
        },
    )


def laid_out(array):
    """As the distribution lays out inputs, if there is one."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return array
    layout = distribution.get_data_layout(array.shape)
    return jax.device_put(array, layout.backend_layout)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
