"""Converts checkpoints of the original implementation, and back.

    python -m keras_bigs.convert SOURCE DESTINATION
    python -m keras_bigs.convert --to original SOURCE DESTINATION

`SOURCE` is a directory or `hf://` handle: in the original's format for `--to keras`, a
keras-hub preset of this library for `--to original`. Prints a table of the tensors and
reads the result back, to compare every bit with the model that was written. A
converted preset also has the source's `config.json`, as `original_config.json`: labels'
names are there, as `id2label`.
"""

import dataclasses
import pathlib
from typing import Annotated
from typing import Literal

import tyro

from keras_bigs import errors


@dataclasses.dataclass
class Config:
    """Converts a checkpoint of the original implementation, or back."""

    source: Annotated[str, tyro.conf.Positional]
    """A directory or hub handle."""
    destination: Annotated[pathlib.Path, tyro.conf.Positional]
    """The directory to write. Must not exist, or be empty."""
    to: Literal["keras", "original"] = "keras"
    """The format to write."""
    vocabulary: pathlib.Path | None = None
    """A `vocab.txt`, in place of SOURCE's. Without any, only weights are converted."""
    task: Literal["text_classifier", "token_classifier", "multiple_choice"] | None = (
        None
    )
    """What the head of SOURCE is for, where neither config.json nor its name tells."""


def main(arguments=None):
    config = tyro.cli(Config, args=arguments)
    # Keras takes seconds to import, and `--help` does not need it.
    from keras_bigs.convert.conversion import convert

    convert(**dataclasses.asdict(config))


if __name__ == "__main__":
    errors.run(main)
