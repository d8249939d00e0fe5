"""What the chips of a TPU slice send each other in a training step, by their number.

    KERAS_BACKEND=jax python -m benchmarks.tpu_traffic --output traffic

Compiles the step of BiGS-Large for slices of 8 to 256 chips without having one (`pip
install libtpu`), as many tokens a chip on all of them, divided in several ways. Bytes
are what one chip sends to others, by the line through one layer and three; seconds are
these at the full speed of a chip's links. Writes `OUTPUT.csv` and `OUTPUT.png`.
"""

import dataclasses
import pathlib

import tyro

from benchmarks import timing
from keras_bigs import models
from keras_bigs import training
from keras_bigs.data import Masking
from keras_bigs.data.tables import write_table
from keras_bigs.training import planning
from keras_bigs.training.planning import plans

TOPOLOGIES = {
    8: "v5e:2x4",
    16: "v5e:4x4",
    32: "v5e:4x8",
    64: "v5e:8x8",
    128: "v5e:8x16",
    256: "v5e:16x16",
}
# Of a number of chips: the mesh, and what the batch axis divides beside batches.
DIVISIONS = {
    "batch": lambda chips: ({"batch": chips}, "nothing"),
    "batch, optimizer's state": lambda chips: ({"batch": chips}, "optimizer"),
    "batch, weights": lambda chips: ({"batch": chips}, "weights"),
    "batch, sequence of 4": lambda chips: (
        {"batch": chips // 4, "sequence": 4},
        "nothing",
    ),
    "batch, model of 4": lambda chips: ({"batch": chips // 4, "model": 4}, "nothing"),
}


@dataclasses.dataclass(kw_only=True)
class Config:
    """Counts the traffic of a training step by the number of chips."""

    output: pathlib.Path
    """Where to write, without an ending."""
    size: str = "large"
    """A size of `keras_bigs.models.CONFIGS`."""
    chips: tuple[int, ...] = tuple(TOPOLOGIES)
    """Numbers of chips: 8, 16, 32, 64, 128 or 256."""
    sequence_length: int = 4096
    """Tokens of a text."""
    tokens_a_chip: int = 16384
    """Tokens that each chip has in a step."""


def main(config: Config):
    planning.expect_no_tpu()
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    points = [(name, chips) for name in DIVISIONS for chips in config.chips]
    rows = []
    for name, chips in timing.progress(points, "compiling"):
        rows.append({"division": name, "chips": chips, **traffic(config, name, chips)})
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    write_table(config.output.with_suffix(".csv"), columns)
    draw(config, rows)


def traffic(config, name, chips):
    """Megabytes and milliseconds of a step."""
    mesh, shard = DIVISIONS[name](chips)
    sizes = models.CONFIGS[config.size]
    numbers = []
    for num_layers in plans.FEW_LAYERS:
        made = planning.plan_masked_lm(
            {
                **sizes,
                "vocabulary_size": 30522,
                "num_layers": num_layers,
                "rematerialize": True,
            },
            lambda accumulation_steps: training.adamw(1e-3, total_steps=1000),
            topology=TOPOLOGIES[chips],
            batch_size=chips * config.tokens_a_chip // config.sequence_length,
            sequence_length=config.sequence_length,
            steps=1,
            predictions=Masking().predictions(config.sequence_length),
            model_flops=0,
            mesh=mesh,
            shard=shard,
            estimate_time=False,
            progress=lambda line: None,
        )
        collectives = made.step.program.collectives.values()
        size = sum(size for _, size in collectives)
        numbers.append((size / 1e6, 1e3 * made.traffic_seconds))
    megabytes, milliseconds = (
        plans.line(values, sizes["num_layers"]) for values in zip(*numbers, strict=True)
    )
    return {"megabytes": round(megabytes, 1), "milliseconds": round(milliseconds, 2)}


def draw(config, rows):
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name in DIVISIONS:
        own = [row for row in rows if row["division"] == name]
        axes.plot(
            [row["chips"] for row in own],
            [row["milliseconds"] for row in own],
            marker="o",
            label=name,
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(config.chips, [str(chips) for chips in config.chips])
    axes.set_ylim(0)
    axes.set_xlabel("chips (TPU v5e)")
    axes.set_ylabel("traffic a step, ms")
    axes.set_title(
        f"{config.size}: {config.tokens_a_chip:,} tokens a chip, texts of "
        f"{config.sequence_length:,}"
    )
    axes.legend()
    figure.savefig(config.output.with_suffix(".png"), dpi=120)


if __name__ == "__main__":
    main(tyro.cli(Config, use_underscores=True))
