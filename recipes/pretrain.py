"""Pretrains a masked language model: BiGS, or any other pair of block and routing.

    python -m recipes.prepare texts.txt --output shards
    python -m recipes.pretrain mini --data shards --output runs/bigs
    python -m recipes.pretrain mini --data shards --output runs/bert \\
        --block stack --routing attention

The first argument names a configuration, and options change it. Killed and started
again by the same command, a run goes on and ends with the same bits. Writes into
`--output`: `checkpoints/`; `history.csv`, `tensorboard/` and `loss.png` after every
epoch; and at the end `results.json` and `preset/`, for `BiGSMaskedLM.from_preset`.
"""

from dataclasses import dataclass
from dataclasses import field

import tyro

import keras_bigs
from keras_bigs.training.command_line import parse_named_config
from keras_bigs.training.config import DataConfig
from keras_bigs.training.config import Location
from keras_bigs.training.config import OptimizerConfig
from keras_bigs.training.config import TrainingConfig
from keras_bigs.training.config import pretrain
from keras_bigs.training.model_config import ModelConfig


@dataclass(kw_only=True)
class Config:
    """Pretrains a masked language model."""

    output: Location = tyro.MISSING
    """The directory to write to."""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


CONFIGS = {
    # The paper's BiGS (section 5, table 7; it searched over batch sizes of 760 to 1,136
    # and learning rates of 2e-4 to 8e-4), short training: 11B tokens, padding counted.
    # Hardware: one Cloud TPU v3. Time: none is given; the scale is that of "24h BERT"
    # (Izsak et al. 2021). Expected: 83.3, the average of GLUE's development sets (table
    # 1).
    "large": (
        "BiGS of the paper: 23 layers of 1,024, 11B tokens (short training); with "
        "--block stack, --num_layers 24 has about as many weights",
        Config(
            data=DataConfig(masks="static"),
            model=ModelConfig(num_layers=23, hidden_dim=1024, rematerialize=True),
            optimizer=OptimizerConfig(learning_rate=4e-4, warmup_proportion=0.01),
            training=TrainingConfig(
                steps=82_000,
                batch_size=1048,
                steps_per_epoch=1000,
                validation_examples=8192,
                save_every=500,
                dtype="mixed_bfloat16",
            ),
        ),
    ),
    # The paper's BERT (section 5, table 7): the same tokens, hardware and time.
    # Expected: 83.3, the average of GLUE's development sets (table 1).
    "bert-large": (
        "BERT of the paper: 24 layers of 1,024, 11B tokens (short training)",
        Config(
            data=DataConfig(masks="static"),
            model=ModelConfig(
                num_layers=24,
                hidden_dim=1024,
                block="stack",
                routing="attention",
                rematerialize=True,
            ),
            optimizer=OptimizerConfig(
                learning_rate=2e-4, warmup_proportion=0.02, decay="linear"
            ),
            training=TrainingConfig(
                steps=102_000,
                batch_size=840,
                steps_per_epoch=1000,
                validation_examples=8192,
                save_every=500,
                dtype="mixed_bfloat16",
            ),
        ),
    ),
    # The start of the paper's model for 4,096 tokens (appendix A.1): 119M parameters,
    # 500,000 steps; batch size and learning rate are those of `large`, for it gives
    # none. Hardware: one Cloud TPU v3. Expected: no score before `recipes.extend 4096`.
    "base": (
        "12 layers of 768, 500,000 steps: the start of the paper's 4,096-token model",
        Config(
            data=DataConfig(masks="static"),
            model=ModelConfig(hidden_dim=768, rematerialize=True),
            optimizer=OptimizerConfig(learning_rate=4e-4, warmup_proportion=0.01),
            training=TrainingConfig(
                steps=500_000,
                batch_size=1048,
                steps_per_epoch=1000,
                validation_examples=8192,
                save_every=500,
                dtype="mixed_bfloat16",
            ),
        ),
    ),
    # The paper's models have no final layer norm; without one, fine-tuning may learn
    # little from a trained encoder (`keras_bigs.models.with_options`), so the
    # following have one.
    #
    # Not of the paper, and not measured. Hardware: one GPU.
    "small": (
        "12 layers of 512, for one GPU",
        Config(
            model=ModelConfig(hidden_dim=512, final_layer_norm=True),
            training=TrainingConfig(
                steps=50_000, batch_size=256, dtype="mixed_bfloat16"
            ),
        ),
    ),
    # Not of the paper. Hardware: a laptop, for hours. Expected: a loss of 3.59 nats on
    # held-out prose, at `--steps 8800 --learning_rate 2e-3 --dropout 0` and without the
    # norm.
    "mini": (
        "12 layers of 192, for a laptop: hours",
        Config(model=ModelConfig(hidden_dim=192, final_layer_norm=True)),
    ),
    # Not of the paper, and not measured. Hardware: a laptop, for an hour.
    "tiny": (
        "12 layers of 128, for a laptop: an hour",
        Config(
            model=ModelConfig(hidden_dim=128, final_layer_norm=True),
            training=TrainingConfig(steps=3000),
        ),
    ),
}


def main(config: Config):
    pretrain(config)


def parse(arguments=None):
    """The configuration that the command line asks for."""
    return parse_named_config(CONFIGS, arguments)


if __name__ == "__main__":
    keras_bigs.errors.run(lambda arguments: main(parse(arguments)))
