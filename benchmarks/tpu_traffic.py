"""What a training step sends between TPU chips, by their number and what they divide.

    pip install '.[tpu]'
    KERAS_BACKEND=jax python -m benchmarks.tpu_traffic --output runs/tpu_traffic

Compiles the pretraining step of a configuration for slices that are not there, with
the same number of texts a chip, and reads from the program the bytes that a chip sends.
Their time is at the full speed of its links, as if nothing overlapped; the time of the
operations is at the full speed of its matrix units, so at best. Both are the line
through steps of one layer and of three. Nothing is run.

Writes `traffic.csv`, `traffic.png` and `traffic.svg`, and prints the table.
"""

import dataclasses
import pathlib

import keras
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks import timing
from keras_bigs import data
from keras_bigs import models
from keras_bigs import training
from keras_bigs.data import tables
from keras_bigs.errors import ConfigError
from keras_bigs.training import planning
from keras_bigs.training.planning.plans import FEW_LAYERS
from keras_bigs.training.planning.plans import line

# What an axis of the mesh divides beside the batch, and its size; how weights are kept.
WAYS = {
    "batches": (None, 1, "nothing"),
    "batches, optimizer": (None, 1, "optimizer"),
    "batches, weights": (None, 1, "weights"),
    "batches; matrices by 4": ("model", 4, "nothing"),
    "batches; texts by 4": ("sequence", 4, "nothing"),
}
COLUMNS = ("divided", "chips", "megabytes", "traffic_ms", "operations_ms")


@dataclasses.dataclass
class Config:
    """Counts what a training step sends between TPU chips."""

    output: pathlib.Path
    """Where the numbers and the figure go."""
    model: str = "large"
    """A configuration of `keras_bigs.models.CONFIGS`."""
    topologies: tuple[str, ...] = ("v5e:2x4", "v5e:4x4", "v5e:8x8", "v5e:16x16")
    """The slices."""
    sequence_length: int = 4096
    """Tokens of a text."""
    texts: int = 4
    """Texts a chip."""


def main(config: Config):
    planning.expect_no_tpu()
    if keras.backend.backend() != "jax":
        raise ValueError(
            "Programs for TPUs come from JAX: set KERAS_BACKEND=jax. Received: "
            f"{keras.backend.backend()}"
        )
    keras.config.set_dtype_policy("mixed_bfloat16")
    jobs = [(way, slice_) for way in WAYS for slice_ in config.topologies]
    rows = [
        dict(zip(COLUMNS, (way, *traffic(config, slice_, *WAYS[way])), strict=True))
        for way, slice_ in timing.progress(jobs, "compiling")
    ]
    tables.write_table(
        config.output / "traffic.csv",
        {name: [row[name] for row in rows] for name in COLUMNS},
    )
    plot(rows, config)
    table = Table(*COLUMNS)
    for row in rows:
        way, *numbers = row.values()
        table.add_row(way, *(f"{number:,.0f}" for number in numbers))
    Console(width=120).print(table)


def traffic(config, topology, axis, size, shard):
    """Chips, megabytes that one sends in a step, and the milliseconds of both."""
    devices, chip = planning.tpu_topology(topology)
    mesh = {"batch": len(devices) // size}
    if axis is not None:
        mesh[axis] = size
    backbone = {**models.CONFIGS[config.model], "vocabulary_size": 30522}
    backbone |= {"max_sequence_length": config.sequence_length, "rematerialize": True}
    sent, operations = [], []
    for num_layers in FEW_LAYERS:
        plan = planning.plan_masked_lm(
            {**backbone, "num_layers": num_layers},
            lambda parts: training.adamw(1e-3, 1000, accumulation_steps=parts),
            topology=topology,
            batch_size=config.texts * len(devices),
            sequence_length=config.sequence_length,
            steps=1,
            predictions=data.Masking().predictions(config.sequence_length),
            model_flops=0,  # of no use without an estimate of time
            mesh=mesh,
            shard=shard,
            estimate_time=False,
            progress=lambda text: None,
        )
        if plan.step is None:
            raise ConfigError(
                f"{num_layers} layers do not fit {topology} with mesh {mesh}. Choose "
                f"fewer texts. Received: texts={config.texts}"
            )
        sent.append(sum(size for _, size in plan.step.program.collectives.values()))
        operations.append(plan.step.flops)
    num_layers = backbone["num_layers"]
    sent, operations = line(sent, num_layers), line(operations, num_layers)
    return (
        len(devices),
        sent / 1e6,
        1e3 * sent / chip.bandwidth,
        1e3 * operations / chip.flops,
    )


def plot(rows, config):
    """Milliseconds against chips, a line for what is divided."""
    paths = (config.output / f"traffic.{suffix}" for suffix in ("png", "svg"))
    with training.figure(*paths, figsize=(6.4, 4)) as axes:
        for way, marker in zip(WAYS, "osDv^", strict=True):
            own = [row for row in rows if row["divided"] == way]
            chips = [row["chips"] for row in own]
            times = [row["traffic_ms"] for row in own]
            axes.plot(chips, times, marker=marker, label=way)
        chips = [row["chips"] for row in rows[: len(config.topologies)]]
        best = [row["operations_ms"] for row in rows[: len(config.topologies)]]
        axes.plot(chips, best, "k--", label="operations, at full speed")
        axes.set_xscale("log", base=2)
        axes.set_xticks(chips, [str(n) for n in chips])
        axes.set_yscale("log")
        tokens = config.texts * config.sequence_length
        axes.set(
            xlabel="TPU chips",
            ylabel="milliseconds a step",
            title=f"{config.model}, {tokens:,} tokens a chip: traffic of a step",
        )
        axes.legend(fontsize="small")


if __name__ == "__main__":
    main(tyro.cli(Config, use_underscores=True))
