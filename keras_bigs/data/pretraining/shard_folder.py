"""A folder of shards as pretraining takes it: its vocabulary, masks and batches."""

from dataclasses import dataclass

import numpy as np

from keras_bigs import data
from keras_bigs.data.pretraining import shards
from keras_bigs.errors import ConfigError
from keras_bigs.files import sha256


@dataclass
class Corpus:
    """What a folder of shards says of itself.

    `checksum` is of everything in it; of the original's files, which have none of
    their own, of names, sizes and the vocabulary. `masking` is how its examples are
    masked.
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
        pieces = data.read_vocabulary(config.vocabulary)
        lowercase = config.lowercase is not False
        text = repr([*((path.name, path.stat().st_size) for path in files), pieces])
        checksum = sha256(text)
        settings = {}
    else:
        if (config.vocabulary, config.lowercase) != (None, None):
            raise ConfigError(
                f"--data {folder} has a vocabulary of its own. Leave out --vocabulary "
                "and --lowercase."
            )
        settings = data.read_manifest(folder)[0]["settings"]
        checksum = sha256(folder / shards.MANIFEST)
        pieces, lowercase = data.read_vocabulary(folder), settings["lowercase"]
    masking = settings.get("masking", {})
    if config.mask_rate is not None:
        masking |= {"rate": config.mask_rate, "max_predictions": None}
    if config.whole_words is not None:
        masking |= {"whole_words": config.whole_words}
    return Corpus(pieces, lowercase, data.Masking(**masking), checksum)


def check_tokens(parts, pieces):
    """Finds out whether a vocabulary has the tokens of shards made elsewhere."""
    for shard in parts:
        for name in ("input_ids", "masked_lm_ids"):
            largest = int(np.max(shard.arrays.get(name, 0)))
            if largest >= len(pieces):
                raise ConfigError(
                    f"{shard.path} has token {largest}, and the vocabulary "
                    f"{len(pieces)} pieces. Name the vocabulary that it was made with."
                )


def load(config, corpus, console):
    """Training batches, and validation batches or `None`."""
    with console.status("Checking the shards"):
        examples = data.open_shards(config.data, "train")
        held_out = data.open_shards(config.data, "validation")
    if not examples:
        raise ConfigError(f"--data {config.data} has no training examples.")
    if config.vocabulary is not None:
        with console.status("Checking the vocabulary"):
            check_tokens([*examples, *held_out], corpus.pieces)
    masker = None
    if config.masks == "dynamic":
        masker = data.Masker(corpus.pieces, corpus.masking, config.seed)
    size = config.batch_size // config.accumulation_steps
    train = data.PretrainingBatches(examples, size, masker, seed=config.seed)
    validation = None
    if held_out and config.validation_examples:
        # Shuffled too, or it would be the beginning of the first file; with the masks
        # of its first steps; and both the same for runs of any seed.
        masker = masker and data.Masker(corpus.pieces, corpus.masking, seed=0)
        validation = data.PretrainingBatches(held_out, size, masker, seed=0)
    console.print(
        f"{train.examples:,} sequences of {train.sequence_length} tokens, "
        f"{validation.examples if validation else 0:,} held out"
    )
    return train, validation
