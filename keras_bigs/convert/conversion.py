"""What the command does: read, write, read back, compare."""

import gc
import hashlib
import json
import pathlib
import warnings

import keras
from rich.console import Console
from rich.table import Table

from keras_bigs.compat.freed_memory import return_freed_memory
from keras_bigs.convert.names import has_pooler
from keras_bigs.convert.source import ORIGINAL_CONFIG
from keras_bigs.convert.source import read
from keras_bigs.convert.writer import save_original
from keras_bigs.errors import CheckpointError
from keras_bigs.files import atomic_write
from keras_bigs.files import require_new


def convert(source, destination, to="keras", vocabulary=None, task=None):
    """Converts a checkpoint, reads the result back and prints a table of the tensors.

    Args:
        source: string. A directory or hub handle, in the original's format or a preset
            of this library.
        destination: the directory to write. Must not exist, or be empty.
        to: `"keras"` or `"original"`, the format to write.
        vocabulary: path of a `vocab.txt` in place of the source's, or `None`.
        task: what the head of the source is for, where nothing in it tells; one of
            `keras_bigs.convert.source.TASKS`.

    Raises:
        UserError: a source that cannot be converted, or a destination that cannot be
            written.
    """
    destination = pathlib.Path(destination)
    return_freed_memory()
    # Without markup: messages may have brackets.
    console = Console(markup=False)
    require_new(destination)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        with console.status(f"Reading {source}"):
            original = read(source, vocabulary, task)
        with console.status(f"Writing {destination}"):
            left_out = write(original, destination, to)
    written = checksums(original.model)
    table = summary(original, written, left_out, destination)
    # Only one model is held at a time; models are cycles of references.
    del original
    gc.collect()
    with console.status("Comparing"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        # In the original's format it may not tell what the head is for.
        task = task if to == "original" else None
        copy = checksums(read(str(destination), None, task).model)
    pairs = zip(written.items(), copy.values(), strict=True)
    different = [
        path for (path, old), new in pairs if old != new and path not in left_out
    ]
    if different:
        raise CheckpointError(
            f"{destination}, read back, differs from what was written in "
            f"{', '.join(different)}."
        )
    console.print(table)
    # Each once, in order.
    for message in dict.fromkeys(str(w.message) for w in caught):
        console.print(f"Note: {message}")
    console.print(
        "The copy, read back, equals the model that was written, bit for bit."
    )


def write(source, destination, to):
    """Writes the model and its tokenizer.

    Returns:
        set of strings, the paths of the variables that the format has no place for.
    """
    model = source.model
    if to == "original":
        names = source.names_of_classes
        if names is not None and len(names) != getattr(model, "num_classes", None):
            names = None  # of another head
        origin = save_original(
            model,
            destination,
            tokenizer=source.tokenizer,
            names_of_classes=names,
        )
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


def summary(source, written, left_out, destination):
    """A table of tensors and parameters, and a checksum over those of all weights."""
    checksum = hashlib.sha256("".join(written.values()).encode())
    model, tokenizer = source.model, source.tokenizer
    table = Table(title=str(destination), show_header=False)
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
