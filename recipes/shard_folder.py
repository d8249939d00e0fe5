"""A folder of shards as pretraining takes it: its vocabulary, masks and batches."""

import hashlib
import json
from dataclasses import dataclass

from keras_bigs import data
from keras_bigs.data import shards
from recipes.commands import ConfigError


@dataclass
class Corpus:
    """What a folder of shards says of itself.

    `checksum` is of everything in it; `masking` is how its examples are masked.
    """

    pieces: list[str]
    lowercase: bool
    masking: data.Masking
    checksum: str


def describe(config):
    """Vocabulary and settings of the folder of shards."""
    folder = config.data
    if not (folder / shards.MANIFEST).exists():
        if config.vocabulary is None:
            raise ConfigError(
                f"--data {folder} has no {shards.MANIFEST}. Make it by "
                "`recipes.prepare`; or, if it has the original's HDF5 files, name "
                "their vocabulary by --vocabulary."
            )
        files = sorted(path for path in folder.glob("*.h*5"))
        pieces, lowercase = data.read_vocabulary(config.vocabulary), config.lowercase
        text = repr([*((path.name, path.stat().st_size) for path in files), pieces])
        settings = {}
    else:
        if config.vocabulary is not None:
            raise ConfigError(
                f"--data {folder} has a vocabulary of its own. Leave out --vocabulary."
            )
        text = (folder / shards.MANIFEST).read_text(encoding="utf-8")
        settings = json.loads(text)["settings"]
        pieces, lowercase = data.read_vocabulary(folder), settings["lowercase"]
    masking = settings.get("masking", {})
    if config.mask_rate is not None:
        masking |= {"rate": config.mask_rate, "max_predictions": None}
    if config.whole_words is not None:
        masking |= {"whole_words": config.whole_words}
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return Corpus(pieces, lowercase, data.Masking(**masking), checksum)


def load(config, corpus, console):
    """Training batches, and validation batches or `None`."""
    with console.status("Checking the shards"):
        examples = data.open_shards(config.data, "train")
        held_out = data.open_shards(config.data, "validation")
    if not examples:
        raise ConfigError(f"--data {config.data} has no training examples.")
    largest = int(examples[0].arrays["input_ids"].max())
    if largest >= len(corpus.pieces):
        raise ConfigError(
            f"--data {config.data} has token {largest}, and the vocabulary "
            f"{len(corpus.pieces)} pieces. Name the vocabulary that it was made with."
        )
    masker = None
    if config.masks == "dynamic":
        masker = data.Masker(corpus.pieces, corpus.masking, config.seed)
    size = config.batch_size // config.accumulation_steps
    # Validation too is shuffled, or it would be the beginning of the first file; and
    # its steps, so its masks, are always the first.
    train, validation = (
        data.PretrainingBatches(part, size, masker, seed=config.seed) if part else None
        for part in (examples, held_out if config.validation_examples else [])
    )
    console.print(
        f"{train.examples:,} sequences of {train.sequence_length} tokens, "
        f"{validation.examples if validation else 0:,} held out"
    )
    return train, validation
