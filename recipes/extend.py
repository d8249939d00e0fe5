"""Continues the pretraining of a model: on longer inputs, or on texts of your own.

    python -m recipes.prepare texts.txt --output shards512 \\
        --vocabulary shards/vocabulary.txt --sequence_length 512
    python -m recipes.extend 512 --start runs/bigs/preset --data shards512 \\
        --output runs/bigs512

    python -m recipes.prepare contracts.txt --output contracts \\
        --vocabulary shards/vocabulary.txt --sequence_length 128
    python -m recipes.extend domain --start runs/bigs/preset --data contracts \\
        --output runs/contracts

The shards say how long the inputs are; if the model takes fewer tokens, its position
embeddings are repeated, or stretched, to that length. The first argument names a
configuration, of the paper but for `domain`, and options change it. Memory is kept in
hand by computing blocks again in the backward pass, and by `--accumulation_steps`.

Resumes, and writes, as `recipes.pretrain` does.
"""

from dataclasses import dataclass
from dataclasses import field
from typing import Annotated
from typing import Literal

import tyro

import keras_bigs
from keras_bigs.training.command_line import parse_named_config
from keras_bigs.training.config import DataConfig
from keras_bigs.training.config import Location
from keras_bigs.training.config import OptimizerConfig
from keras_bigs.training.config import TrainingConfig
from keras_bigs.training.config import pretrain


@dataclass(kw_only=True)
class ModelConfig:
    """The model to start from, and what changes."""

    start: str = tyro.MISSING
    """Where to start from: a preset, or a checkpoint of the original's format; a
    directory (`gs://` for one in a bucket), a name, or a hub handle."""
    method: Annotated[
        Literal["tile", "interpolate"], tyro.conf.arg(aliases=["--how"])
    ] = "tile"
    """How position embeddings are extended: repeated, or stretched."""
    final_layer_norm: bool = False
    """Whether to normalize the last hidden state from here on, of a model that was
    trained without that: see `keras_bigs.models.with_options`."""
    dropout: float = 0.1
    """Dropout rate of embeddings and blocks."""
    rematerialize: bool = True
    """Whether to save memory by computing blocks again; on CPUs JAX needs a flag for
    it, see `BiGSBackbone`."""

    def check(self):
        """Raises `ConfigError` if an option is out of its range."""
        keras_bigs.training.check_ranges(dropout=self.dropout)

    def build(self, folder, sequence_length):
        """See `keras_bigs.convert.continued_masked_lm`."""
        return keras_bigs.convert.continued_masked_lm(
            folder=folder, sequence_length=sequence_length, **vars(self)
        )


@dataclass(kw_only=True)
class Config:
    """Continues the pretraining of a model."""

    output: Location = tyro.MISSING
    """The directory to write to."""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


CONFIGS = {
    # The paper's second stage (section 5 and appendix A.1, after Wettig et al. 2022),
    # from its BiGS of 23 layers: 10,000 updates of 104 sequences. Hardware: one Cloud
    # TPU v3; no time is given. Expected: F1 89.5 on SQuAD's development set (table 2).
    "512": (
        "the paper's second stage: 10,000 updates of 53,248 tokens",
        Config(
            optimizer=OptimizerConfig(learning_rate=4e-5, warmup_proportion=0.01),
            training=TrainingConfig(steps=10_000, batch_size=104),
        ),
    ),
    # The paper's long model (appendix A.1), from its BiGS of 12 layers (`base` of
    # `recipes.pretrain`): 10,000 updates as Longformer's (Beltagy et al. 2020), of 64
    # sequences, with 500 steps of warm-up and cubic decay. Hardware: one Cloud TPU v3;
    # no time is given. Expected: 32.8/31.7 on QALT, 71.4 on ContractNLI (table 3).
    "4096": (
        "the paper's long model: 10,000 updates of 262,144 tokens, as Longformer",
        Config(
            optimizer=OptimizerConfig(
                learning_rate=3e-5, warmup_proportion=0.05, decay="cubic"
            ),
            training=TrainingConfig(steps=10_000, batch_size=64),
        ),
    ),
    # Not of the paper, and not measured: the same length, on texts of one's own, before
    # fine-tuning on tasks of that domain (Gururangan et al. 2020).
    "domain": (
        "the same length, on texts of your own: 2,000 updates of 32 sequences",
        Config(
            model=ModelConfig(rematerialize=False),
            optimizer=OptimizerConfig(learning_rate=1e-4, decay="linear"),
            training=TrainingConfig(steps=2000, steps_per_epoch=200),
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
