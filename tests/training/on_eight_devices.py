"""Trains a small model on eight virtual devices, divided as the arguments say.

    python -m tests.training.on_eight_devices OUTPUT MESH:SHARD ...

Writes `OUTPUT/MESH:SHARD.npz` with losses, weights, and the share of every variable
that one device holds; `OUTPUT/one.npz` is of one device.
"""

import os
import pathlib
import sys

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import keras
import numpy as np

from keras_bigs import models
from keras_bigs import training
from keras_bigs.ssm import chunked

STEPS, BATCH, LENGTH, VOCABULARY = 3, 8, 64, 70


def main(output, *divisions):
    # 64 chunks are eight groups, which devices divide between them.
    chunked.CHUNK["cpu"] = 1
    train(output / "one.npz")
    for division in divisions:
        mesh, shard = division.split(":")
        mesh = training.parse_mesh(mesh)
        training.distribute(BATCH, mesh=mesh, shard=shard, sequence_length=LENGTH)
        train(output / f"{division}.npz")


def train(path):
    keras.utils.set_random_seed(0)
    backbone = models.BiGSBackbone(
        vocabulary_size=VOCABULARY,
        num_layers=1,
        hidden_dim=32,
        intermediate_dim=64,
        state_dim=4,
        dropout=0.1,
        max_sequence_length=LENGTH,
        method="chunked",
        name="backbone",
    )
    masked_lm = models.BiGSMaskedLM(backbone, preprocessor=None)
    masked_lm.compile(training.adamw(1e-3, STEPS, warmup_proportion=0.0))
    losses = []
    masked_lm.fit(
        **batches(),
        batch_size=BATCH,
        shuffle=False,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda _, logs: losses.append(logs["loss"])
            )
        ],
        verbose=0,
    )
    variables = {
        **{f"weights/{w.path}": w for w in masked_lm.weights},
        **{
            f"optimizer/{v.path.partition('/')[2]}": v
            for v in masked_lm.optimizer.variables
        },
    }
    shares = {
        f"share/{name}": v.value.addressable_shards[0].data.size / v.value.size
        for name, v in variables.items()
    }
    values = {name: keras.ops.convert_to_numpy(v) for name, v in variables.items()}
    np.savez(path, losses=losses, **values, **shares)


def batches():
    rng = np.random.default_rng(0)
    shape = (STEPS * BATCH, LENGTH)
    lengths = rng.integers(LENGTH // 2, LENGTH + 1, size=(shape[0], 1))
    x = {
        "token_ids": rng.integers(5, VOCABULARY, size=shape, dtype="int32"),
        "segment_ids": np.zeros(shape, "int32"),
        "padding_mask": np.arange(LENGTH) < lengths,
        "mask_positions": rng.integers(1, LENGTH // 2, size=(shape[0], 4)),
    }
    x = {name: array.astype("int32") for name, array in x.items()}
    y = rng.integers(5, VOCABULARY, size=(shape[0], 4), dtype="int32")
    return {"x": x, "y": y, "sample_weight": np.ones(y.shape, "float32")}


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
