"""The memory that rematerialisation saves, by what the compiler will allocate.

    KERAS_BACKEND=jax python -m benchmarks.rematerialize
    KERAS_BACKEND=jax python -m benchmarks.rematerialize --tpu v5e:2x2x1

Compiles the gradients of an encoder with and without `rematerialize`, runs nothing, and
reads the size of the temporary buffers from the executable: activations and whatever
else lives within a step, without weights and their gradients. With `--tpu` it compiles
for one chip of such a topology (`pip install '.[tpu]'`; no TPU is needed).
"""

import dataclasses

import jax
import jax.numpy as jnp
import keras
import numpy as np
import tyro
from jax.experimental import topologies
from rich.console import Console
from rich.table import Table

from benchmarks import timing
from keras_bigs import models


@dataclasses.dataclass
class Config:
    """Compiles gradients with and without rematerialisation."""

    lengths: tuple[int, ...] = (128, 4096)
    tokens: int = 4096
    """Tokens a step, whatever the length."""
    dim: int = 256
    num_layers: int = 12
    dropout: float = 0.1
    tpu: str | None = None
    """The topology to compile for; the default device if left out."""


def main(config: Config):
    if keras.backend.backend() != "jax":
        raise ValueError(
            "The compiler is asked through JAX: set KERAS_BACKEND=jax. Received: "
            f"{keras.backend.backend()}"
        )
    if any(config.tokens % length for length in config.lengths):
        raise ValueError(
            f"--tokens {config.tokens} must be a multiple of each of --lengths. "
            f"Received: {config.lengths}"
        )
    if config.tpu is None:
        device = jax.devices()[0]
    else:
        device = topologies.get_topology_desc(config.tpu, "tpu").devices[0]
    console = Console(width=120)
    console.print(timing.environment())
    console.print(
        f"{device.device_kind}, {config.num_layers} layers of {config.dim}, "
        f"{config.tokens} tokens a step"
    )
    table = Table("length", "MB", "MB rematerialized", "of it", "operations of it")
    for length in timing.progress(config.lengths, "compiling"):
        (memory, work), (less, more) = (
            compiled(config, length, rematerialize, device)
            for rematerialize in (False, True)
        )
        table.add_row(
            str(length),
            f"{memory / 1e6:.0f}",
            f"{less / 1e6:.0f}",
            f"{less / memory:.2f}",
            f"{more / work:.2f}",
        )
    console.print(table)


def compiled(config, length, rematerialize, device):
    """Bytes of temporary buffers and floating-point operations of the gradients."""
    backbone = models.BiGSBackbone(
        vocabulary_size=1000,
        num_layers=config.num_layers,
        hidden_dim=config.dim,
        intermediate_dim=3 * config.dim,
        max_sequence_length=length,
        dropout=config.dropout,
        rematerialize=rematerialize,
    )
    ids = np.ones((config.tokens // length, length), "int32")
    x = {"token_ids": ids, "segment_ids": ids, "padding_mask": ids}

    def loss(weights, states, x):
        outputs, states = backbone.stateless_call(weights, states, x, training=True)
        return jnp.sum(outputs["sequence_output"] ** 2), states

    sharding = jax.sharding.SingleDeviceSharding(device)
    shapes = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=sharding),
        (
            [v.value for v in backbone.trainable_variables],
            [v.value for v in backbone.non_trainable_variables],
            x,
        ),
    )
    executable = jax.jit(jax.grad(loss, has_aux=True)).lower(*shapes).compile()
    memory = executable.memory_analysis().temp_size_in_bytes
    return memory, executable.cost_analysis()["flops"]


if __name__ == "__main__":
    main(tyro.cli(Config))
