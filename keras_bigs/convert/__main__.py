"""Converts checkpoints of the original implementation, and back.

    python -m keras_bigs.convert SOURCE DESTINATION
    python -m keras_bigs.convert --to original SOURCE DESTINATION

`SOURCE` is a directory or `hf://` handle: in the original's format for `--to keras`, a
keras-hub preset of this library for `--to original`. Prints a table of the tensors and
reads the result back, to compare every bit with the model that was written. A
converted preset also has the source's `config.json`, as `original_config.json`: labels'
names are there, as `id2label`.
"""

import ctypes
import dataclasses
import gc
import hashlib
import json
import os
import pathlib
import sys
import warnings
from typing import Annotated
from typing import Literal

import keras
import tyro
from rich.console import Console
from rich.table import Table

from keras_bigs.convert.names import has_pooler
from keras_bigs.convert.source import TASKS
from keras_bigs.convert.source import read
from keras_bigs.convert.writer import save_original
from keras_bigs.errors import CheckpointError
from keras_bigs.files import atomic_write
from keras_bigs.files import require_new


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
    task: Literal[tuple(TASKS)] | None = None
    """What the head of SOURCE is for, where neither config.json nor its name tells."""


ORIGINAL_CONFIG = "original_config.json"
M_MMAP_THRESHOLD = -3


def main(config):
    return_freed_memory()
    # Without markup: messages may have brackets.
    console = Console(markup=False)
    require_new(config.destination)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        with console.status(f"Reading {config.source}"):
            source = read(config.source, config.vocabulary, config.task)
        with console.status(f"Writing {config.destination}"):
            left_out = write(source, config.destination, config.to)
    written = checksums(source.model)
    table = summary(source, written, left_out, config)
    # Only one model is held at a time; models are cycles of references.
    del source
    gc.collect()
    with console.status("Comparing"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        copy = checksums(read(str(config.destination), None, config.task).model)
    pairs = zip(written.items(), copy.values(), strict=True)
    different = [
        path for (path, old), new in pairs if old != new and path not in left_out
    ]
    if different:
        raise CheckpointError(
            f"{config.destination}, read back, differs from what was written in "
            f"{', '.join(different)}."
        )
    console.print(table)
    # Each once, in order.
    for message in dict.fromkeys(str(w.message) for w in caught):
        console.print(f"Note: {message}")
    console.print(
        "The copy, read back, equals the model that was written, bit for bit."
    )


def return_freed_memory():
    """Has glibc give every freed array back to the system at once.

    By default it learns from the first arrays freed to keep the later ones, and the
    holes they leave: converting `large` then peaks at 4.2 times the checkpoint instead
    of 2.1. Does nothing where the C library has no `mallopt`.
    """
    mallopt = (
        getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    )
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**20)


def write(source, destination, to):
    """Writes the model and its tokenizer.

    Returns:
        set of strings, the paths of the variables that the format has no place for.
    """
    model = source.model
    if to == "original":
        origin = save_original(model, destination, tokenizer=source.tokenizer)
        if has_pooler(model, origin):
            return set()
        return {weight.path for weight in model.backbone.pooled_dense.weights}
    with atomic_write(destination) as temporary:
        model.save_to_preset(str(temporary))
        if source.tokenizer is not None:
            # Beside a bare encoder, every task will find it.
            source.tokenizer.save_to_preset(str(temporary))
        if source.config is not None:
            text = json.dumps(source.config, indent=2, sort_keys=True) + "\n"
            (temporary / ORIGINAL_CONFIG).write_text(text, encoding="utf-8")
    return set()


def checksums(model):
    """SHA-256 of every weight, by path."""
    return {
        weight.path: hashlib.sha256(
            keras.ops.convert_to_numpy(weight).tobytes()
        ).hexdigest()
        for weight in model.weights
    }


def summary(source, written, left_out, config):
    """A table of tensors and parameters, and a checksum over those of all weights."""
    checksum = hashlib.sha256("".join(written.values()).encode())
    model, tokenizer = source.model, source.tokenizer
    table = Table(title=str(config.destination), show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row("class", type(model).__name__)
    table.add_row("tensors", str(len(model.weights)))
    table.add_row("parameters", f"{model.count_params():,}")
    table.add_row(
        "tokenizer",
        f"{tokenizer.vocabulary_size():,} word pieces" if tokenizer else "none",
    )
    if source.new_weights:
        table.add_row("new, to be trained", ", ".join(source.new_weights))
    if left_out:
        table.add_row("not written", ", ".join(sorted(left_out)))
    table.add_row("SHA-256 of weights", checksum.hexdigest())
    return table


def run():
    """Runs the command line; what is wrong with its input ends it in one line."""
    try:
        main(tyro.cli(Config))
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    run()
