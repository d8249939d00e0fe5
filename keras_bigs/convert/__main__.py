"""Converts checkpoints of the original implementation, and back.

    python -m keras_bigs.convert SOURCE DESTINATION
    python -m keras_bigs.convert --to original SOURCE DESTINATION

`SOURCE` is a directory or `hf://` handle: in the original's format for `--to keras`, a
keras-hub preset of this library for `--to original`. Prints a table of the tensors and
reads the result back to compare every bit.
"""

import ctypes
import dataclasses
import gc
import hashlib
import os
import pathlib
import sys
from typing import Annotated
from typing import Literal

import keras
import tyro
from keras_hub.src.utils import preset_utils
from rich.console import Console
from rich.table import Table

from keras_bigs import models
from keras_bigs.convert.config import ARCHITECTURES
from keras_bigs.convert.errors import CheckpointError
from keras_bigs.convert.loader import TASK_HEADS
from keras_bigs.convert.loader import OriginalPresetLoader
from keras_bigs.convert.readers import tensor_shapes
from keras_bigs.convert.writer import save_original
from keras_bigs.files import whole

TASKS = {
    "text_classifier": models.BiGSTextClassifier,
    "token_classifier": models.BiGSTokenClassifier,
    "multiple_choice": models.BiGSMultipleChoice,
}


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
    """A `vocab.txt`, where SOURCE has none. Without any, only weights are converted."""
    task: Literal[tuple(TASKS)] | None = None
    """What the head of SOURCE is for, where neither config.json nor its name tells."""


M_MMAP_THRESHOLD = -3


def main(config):
    return_freed_memory()
    console = Console()
    if config.destination.exists() and any(config.destination.iterdir()):
        raise CheckpointError(
            f"{config.destination} is not empty. Name another directory, or remove it."
        )
    with console.status(f"Reading {config.source}"):
        model = read(config.source, config.vocabulary, config.task)
    with console.status(f"Writing {config.destination}"):
        if config.to == "keras":
            with whole(config.destination) as temporary:
                model.save_to_preset(str(temporary))
        else:
            save_original(model, config.destination)
    written = checksums(model)
    table = summary(model, written, config.destination)
    # Only one model is held at a time; models are cycles of references.
    del model
    gc.collect()
    with console.status("Comparing"):
        copy = checksums(read(str(config.destination), config.vocabulary, config.task))
    pairs = zip(written.items(), copy.values(), strict=True)
    different = [path for (path, old), new in pairs if old != new]
    if different:
        raise CheckpointError(f"Read back, these differ: {', '.join(different)}.")
    console.print(table)
    console.print("Read back: every bit is equal.")


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


def read(source, vocabulary=None, task=None):
    """The model of a checkpoint or preset, with a tokenizer where there is one."""
    loader = preset_utils.get_preset_loader(source)
    if not isinstance(loader, OriginalPresetLoader):
        file = preset_utils.TASK_CONFIG_FILE
        if not preset_utils.check_file_exists(source, file):
            file = preset_utils.CONFIG_FILE
        cls = preset_utils.check_config_class(preset_utils.load_json(source, file))
        if cls not in ARCHITECTURES.values():
            raise CheckpointError(f"{source} holds a {cls.__name__}, not a BiGS model.")
        return cls.from_preset(source)
    cls = TASKS[task] if task else head_class(loader)
    if cls is None:
        return models.BiGSBackbone.from_preset(source)
    preprocessor = None
    try:
        pieces = str(vocabulary) if vocabulary else loader.find_vocabulary()
        tokenizer = loader.load_tokenizer(models.BiGSTokenizer, vocabulary=pieces)
        preprocessor = cls.preprocessor_cls(tokenizer)
    except CheckpointError:
        if vocabulary:
            raise
    return cls.from_preset(source, preprocessor=preprocessor)


def head_class(loader):
    """The task that a checkpoint of the original is for, or `None` without a head."""
    if loader.task_class() is not None:
        return loader.task_class()
    _, path = loader.find_weights()
    shapes = tensor_shapes(path)
    fitting = [cls for cls in TASK_HEADS if loader.has_head(cls, shapes)]
    if len(fitting) > 1:
        raise CheckpointError(
            f"{loader.preset}: config.json has no `architectures` to tell what its "
            f"`classifier` is for. Pass --task with one of {list(TASKS)}."
        )
    return fitting[0] if fitting else None


def checksums(model):
    """SHA-256 of every weight, by path."""
    return {
        weight.path: hashlib.sha256(
            keras.ops.convert_to_numpy(weight).tobytes()
        ).hexdigest()
        for weight in model.weights
    }


def summary(model, written, destination):
    """A table of tensors and parameters, and a checksum over those of all weights."""
    checksum = hashlib.sha256("".join(written.values()).encode())
    table = Table(title=str(destination), show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row("class", type(model).__name__)
    table.add_row("tensors", str(len(model.weights)))
    table.add_row("parameters", f"{model.count_params():,}")
    table.add_row("SHA-256 of weights", checksum.hexdigest())
    return table


if __name__ == "__main__":
    try:
        main(tyro.cli(Config))
    except CheckpointError as error:
        sys.exit(f"error: {error}")
