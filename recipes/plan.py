"""Plans a pretraining run on TPUs, without one: memory, time, traffic, chip-hours.

    pip install '.[tpu]'
    python -m recipes.plan large --topology v5e:4x4 --sequence_length 4096 \\
        --batch_size 256 --output runs/plan.json

The first argument names a configuration of `recipes.pretrain`, whose options of model,
optimizer and training change it. Compiles the very training step of that command for
the topology, and says whether it fits; if not, what would. Takes minutes;
`--no-estimate_time` leaves out the longest part. What the estimates leave out: see
`keras_bigs.training.planning.plan`.
"""

import functools
import json
import os
import pathlib
from dataclasses import dataclass
from dataclasses import field
from typing import Annotated

import tyro

import keras_bigs
from keras_bigs import files
from keras_bigs.errors import ConfigError
from keras_bigs.training.command_line import parse_named_config
from keras_bigs.training.config import OptimizerConfig
from keras_bigs.training.config import TrainingConfig
from keras_bigs.training.model_config import ModelConfig
from keras_bigs.training.tables import show
from recipes import pretrain


@dataclass(kw_only=True)
class Config:
    """Plans a pretraining run on TPUs."""

    topology: str
    """The TPU slice: generation (v3, v5e, v5p or v6e) and chips along each side, such
    as `v5e:4x4`."""
    sequence_length: Annotated[int, tyro.conf.arg(aliases=["--length"])] = 128
    """Tokens of a text."""
    vocabulary_size: int = 30522
    """Number of word pieces."""
    mask_selection_rate: float = 0.15
    """The share of tokens to predict."""
    estimate_time: bool = True
    """Whether to estimate the time too, which takes minutes more."""
    output: pathlib.Path | None = None
    """A JSON file to write the plan to. Default: none."""
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


CONFIGS = {
    name: (
        description,
        Config(
            topology=tyro.MISSING,
            model=config.model,
            optimizer=config.optimizer,
            training=config.training,
        ),
    )
    for name, (description, config) in pretrain.CONFIGS.items()
}


def main(config: Config):
    # Programs for TPUs come from JAX.
    if os.environ.setdefault("KERAS_BACKEND", "jax") != "jax":
        raise ConfigError("Plans need KERAS_BACKEND=jax.")
    keras_bigs.training.planning.expect_no_tpu()
    import keras

    options = config.training
    config.model.check()
    config.optimizer.check()
    options.check()
    keras.config.set_dtype_policy(options.dtype)
    masking = keras_bigs.data.Masking(mask_selection_rate=config.mask_selection_rate)
    predictions = masking.predictions(config.sequence_length)
    backbone = config.model.backbone_options(
        config.vocabulary_size, config.sequence_length
    )
    model_flops = keras_bigs.analysis.flops(
        backbone, config.sequence_length, training=True, predictions=predictions
    )
    plan = keras_bigs.training.planning.plan_masked_lm(
        backbone,
        functools.partial(config.optimizer.build, options.steps),
        topology=config.topology,
        batch_size=options.batch_size,
        accumulation_steps=options.accumulation_steps,
        sequence_length=config.sequence_length,
        steps=options.steps,
        predictions=predictions,
        model_flops=model_flops.total,
        mesh=options.mesh_sizes(),
        shard=options.shard,
        estimate_time=config.estimate_time,
    )
    show(keras_bigs.training.planning.plan_table(plan))
    if config.output is not None:
        files.write_text(config.output, json.dumps(plan.numbers(), indent=2))
        print(f"Wrote {config.output}")
    return plan


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_named_config(CONFIGS, arguments)


if __name__ == "__main__":
    keras_bigs.errors.run(lambda arguments: main(parse(arguments)))
