"""Makes a small preset to give away: weights in 16 bits, and a model card.

    python -m recipes.publish runs/bigs --name bigs_mini_en_uncased --output mini

Copies the preset of a finished run of `recipes.pretrain` or `recipes.extend` with its
weights stored as float16, which halves the files. The largest rounding of a weight is
reported. The card says how the model was made, stage by stage, and how well it does,
from `config.json` and `results.json` of the runs.
"""

import pathlib
from dataclasses import dataclass
from typing import Annotated

import tyro

import keras_bigs
from keras_bigs import errors
from keras_bigs import files
from keras_bigs.training.command_line import parse_config


@dataclass
class Config:
    """Makes a small preset to give away."""

    run: Annotated[pathlib.Path, tyro.conf.Positional]
    """The output directory of a finished run."""
    name: str
    """What the preset is called."""
    output: pathlib.Path
    """The directory to write."""
    data: str = "the texts that its owner gave"
    """What it was trained on, for the card."""
    license: str = "Apache 2.0"
    """Licence of the weights, for the card."""
    sequence_length: int | None = None
    """The tokens to which preprocessors of the preset pack texts, unless they are told
    otherwise. Default: all that the model takes."""


def main(config: Config):
    change = keras_bigs.training.publish(
        config.run,
        config.output,
        config.name,
        config.data,
        config.license,
        config.sequence_length,
    )
    size = sum(path.stat().st_size for path in config.output.rglob("*"))
    print(f"Wrote {config.output}, {size / 1e6:.1f} MB.")
    print(
        f"No weight changed by more than {change:.2g} of itself, or of 1e-4 if that is "
        "more."
    )


if __name__ == "__main__":
    errors.run(files.on_disk(lambda arguments: main(parse_config(Config, arguments))))
