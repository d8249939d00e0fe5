"""Pretrains a masked language model: BiGS, or any other pair of block and routing.

    python -m recipes.prepare texts.txt --output shards
    python -m recipes.pretrain mini --data shards --output runs/bigs
    python -m recipes.pretrain mini --data shards --output runs/bert \\
        --block stack --routing attention

The first argument names a configuration, and options change it. `large` and
`bert-large` are the paper's (table 7; it searched over batch sizes of 760 to 1,136 and
learning rates of 2e-4 to 8e-4, and trained on a TPU v3); the small ones train on a
laptop.

Killed and started again by the same command, a run goes on and ends with the same bits.
Writes into `--output`: `checkpoints/`; `history.csv`, `tensorboard/` and `loss.png`
after every epoch; and at the end `results.json` and `preset/`, for
`BiGSMaskedLM.from_preset`.
"""

from dataclasses import dataclass
from typing import Literal

import tyro

from keras_bigs import errors
from keras_bigs import models
from keras_bigs.layers import routing_names
from keras_bigs.training import masked_lm as masked_lm_training


@dataclass(kw_only=True)
class Config(masked_lm_training.TrainingConfig):
    """Pretrains a masked language model."""

    num_layers: int | None = None
    """Default: 12; 13 with `--block stack`, about as many weights."""
    hidden_dim: int = 192
    """The width."""
    block: Literal["gated", "stack"] = "gated"
    """What is around the routing."""
    routing: str = "ssm"
    """One of `keras_bigs.layers.routing_names()`."""
    state_dim: int = 64
    """The states of an SSM."""


def _sizes(hidden_dim, num_layers, **settings):
    return {"hidden_dim": hidden_dim, "num_layers": num_layers, **settings}


_PAPER = {
    "weight_decay": 0.01,
    "rematerialize": True,
    "masks": "static",
    "steps_per_epoch": 1000,
    "save_every": 500,
    "validation_examples": 8192,
    "dtype": "mixed_bfloat16",
}
CONFIGS = {
    "large": (
        "BiGS of the paper: 23 layers of 1,024, 11B tokens (short training)",
        _sizes(
            *(1024, 23),
            **{**_PAPER, "batch_size": 1048, "steps": 82_000},
            learning_rate=4e-4,
            warmup_proportion=0.01,
        ),
    ),
    "bert-large": (
        "BERT of the paper: 24 layers of 1,024, 11B tokens (short training)",
        _sizes(
            *(1024, 24),
            block="stack",
            routing="attention",
            **{**_PAPER, "batch_size": 840, "steps": 102_000},
            learning_rate=2e-4,
            warmup_proportion=0.02,
            decay="linear",
        ),
    ),
    "base": (
        "12 layers of 768, 500,000 steps: the start of the paper's 4,096-token model",
        _sizes(
            *(768, None),
            **{**_PAPER, "batch_size": 1048, "steps": 500_000},
            learning_rate=4e-4,
            warmup_proportion=0.01,
        ),
    ),
    "small": (
        "12 layers of 512, for one GPU",
        _sizes(512, None, batch_size=256, steps=50_000, dtype="mixed_bfloat16"),
    ),
    "mini": ("12 layers of 192, for a laptop: hours", _sizes(192, None)),
    "tiny": (
        "12 layers of 128, for a laptop: an hour",
        _sizes(128, None, steps=3000),
    ),
}


def main(config: Config):
    if config.routing not in routing_names():
        raise errors.ConfigError(
            f"--routing {config.routing} is not one of {routing_names()}."
        )
    masked_lm_training.train(config, build)


def build(config, corpus, sequence_length):
    """The task, with a tokenizer."""
    gated = config.block == "gated"
    num_layers = config.num_layers
    if num_layers is None:
        num_layers = 12 if gated else 13
    backbone = models.BiGSBackbone(
        vocabulary_size=len(corpus.pieces),
        num_layers=num_layers,
        hidden_dim=config.hidden_dim,
        intermediate_dim=(3 if gated else 4) * config.hidden_dim,
        state_dim=config.state_dim,
        block=config.block,
        routing=config.routing,
        dropout=config.dropout,
        max_sequence_length=sequence_length,
        rematerialize=config.rematerialize,
    )
    preprocessor = models.BiGSMaskedLMPreprocessor(
        models.BiGSTokenizer(corpus.pieces, lowercase=corpus.lowercase),
        sequence_length=sequence_length,
    )
    return models.BiGSMaskedLM(backbone, preprocessor)


def parse(arguments=None):
    """The configuration that the command line asks for."""
    defaults = {
        name: (text, Config(data=tyro.MISSING, output=tyro.MISSING, **settings))
        for name, (text, settings) in CONFIGS.items()
    }
    return tyro.extras.overridable_config_cli(defaults, args=arguments)


if __name__ == "__main__":
    errors.run(lambda arguments: main(parse(arguments)))
