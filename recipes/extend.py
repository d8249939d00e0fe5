"""Continues the pretraining of a model on longer inputs: 128 -> 512 -> 4,096 tokens.

    python -m recipes.prepare texts.txt --output shards512 \\
        --vocabulary shards/vocabulary.txt --sequence_length 512
    python -m recipes.extend 512 --start runs/bigs/preset --data shards512 \\
        --output runs/bigs512

The shards say how long the inputs are; the model's position embeddings are repeated, or
stretched, to that length. `512` and `4096` are the paper's settings (sections 5 and
A.1): 10,000 updates of 104 sequences of 512 tokens at 4e-5 (after Wettig et al. 2022),
and 10,000 of 64 of 4,096 at 3e-5 (Longformer's protocol, Beltagy et al. 2020: 500 steps
of warm-up, cubic decay). Memory is kept in hand by computing blocks again in the
backward pass, and by `--accumulation_steps`.

Resumes, and writes, as `recipes.pretrain` does.
"""

from dataclasses import dataclass
from typing import Literal

import tyro

from keras_bigs import errors
from keras_bigs import models
from keras_bigs.convert.source import read
from keras_bigs.training import masked_lm as masked_lm_training


@dataclass(kw_only=True)
class Config(masked_lm_training.TrainingConfig):
    """Continues the pretraining of a model on longer inputs."""

    start: str
    """Where to start from: a preset, or a checkpoint of the original's format; a
    directory, a name, or a hub handle."""
    how: Literal["tile", "interpolate"] = "tile"
    """How positions are extended, see `keras_bigs.models.bigs.extend_positions`."""


CONFIGS = {
    "512": (
        "the paper's second stage: 10,000 updates of 53,248 tokens",
        {
            "batch_size": 104,
            "learning_rate": 4e-5,
            "warmup_proportion": 0.01,
        },
    ),
    "4096": (
        "the paper's long model: 10,000 updates of 262,144 tokens, as Longformer",
        {
            "batch_size": 64,
            "learning_rate": 3e-5,
            "decay": "cubic",
            "warmup_proportion": 0.05,
        },
    ),
}


def main(config: Config):
    masked_lm_training.train(config, build)


def build(config, corpus, sequence_length):
    """The model of the preset, with positions for the length of the shards."""
    source = read(config.start)
    if not isinstance(source.model, models.BiGSMaskedLM):
        raise errors.ConfigError(
            f"--start {config.start} holds a {type(source.model).__name__}. Name a "
            "masked language model: a new head would have to be pretrained first."
        )
    tokenizer = models.BiGSTokenizer(corpus.pieces, lowercase=corpus.lowercase)
    check_vocabulary(config, source, tokenizer)
    start = source.model.backbone
    if sequence_length < start.max_sequence_length:
        raise errors.ConfigError(
            f"The sequences of --data {config.data} have {sequence_length} tokens, and "
            f"the model of --start {config.start} takes {start.max_sequence_length} "
            "already."
        )
    options = {"dropout": config.dropout, "rematerialize": config.rematerialize}
    backbone = models.BiGSBackbone.from_config({**start.get_config(), **options})
    preprocessor = models.BiGSMaskedLMPreprocessor(
        tokenizer, sequence_length=start.max_sequence_length
    )
    masked_lm = models.BiGSMaskedLM(backbone, preprocessor)
    masked_lm.set_weights(source.model.get_weights())
    if sequence_length > start.max_sequence_length:
        masked_lm = models.extend_positions(masked_lm, sequence_length, config.how)
    return masked_lm


def check_vocabulary(config, source, tokenizer):
    """Finds out whether the shards were made with the vocabulary of the model."""
    # The published models come without one.
    same = tokenizer.vocabulary_size() == source.model.backbone.vocabulary_size
    if source.tokenizer is not None:
        same = (
            source.tokenizer.get_vocabulary() == tokenizer.get_vocabulary()
            and source.tokenizer.lowercase == tokenizer.lowercase
        )
    if not same:
        raise errors.ConfigError(
            f"The vocabulary of --data {config.data} is not that of --start "
            f"{config.start}, or only one is for lower-cased text. Prepare the shards "
            "with the --vocabulary that the model was made with."
        )


def parse(arguments=None):
    """The configuration that the command line asks for."""
    shared = {"steps": 10_000, "steps_per_epoch": 500, "rematerialize": True}
    required = dict.fromkeys(("data", "output", "start"), tyro.MISSING)
    defaults = {
        name: (text, Config(**required, **shared, **settings))
        for name, (text, settings) in CONFIGS.items()
    }
    return tyro.extras.overridable_config_cli(defaults, args=arguments)


if __name__ == "__main__":
    errors.run(lambda arguments: main(parse(arguments)))
