"""A folder of shards: what it says of itself, and its batches."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_bigs import models
from keras_bigs.data.pretraining import shards
from keras_bigs.data.pretraining.batches import PretrainingBatches
from keras_bigs.data.pretraining.masking import Masker
from keras_bigs.data.pretraining.masking import Masking
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from keras_bigs.files import sha256
from keras_bigs.vocabulary import read_vocabulary
from keras_bigs.vocabulary import same_pieces


@dataclass(frozen=True)
class ShardFolder:
    """Examples for pretraining, and how they were made; see `open_shard_folder`.

    Attributes:
        path: the folder.
        vocabulary: the word pieces, in the order of their ids.
        lowercase: bool. Whether the texts were lower-cased.
        masking: `Masking`. How the examples are masked, or are meant to be.
        checksum: of everything in it; of the original's files, which have none of their
            own, of their names, sizes and the vocabulary.
        splits: dict of lists of `Shard`: `"train"` and `"validation"`, if it has them.
    """

    path: Path
    vocabulary: list[str]
    lowercase: bool
    masking: Masking
    checksum: str
    splits: dict[str, list[shards.Shard]]

    def batches(
        self,
        split: str,
        batch_size: int,
        masking: Masking | None = None,
        seed: int = 0,
    ) -> PretrainingBatches:
        """The examples of a split as shuffled batches without end.

        Args:
            split: `"train"` or `"validation"`.
            batch_size: int.
            masking: `Masking`, to mask anew in every epoch. `None` takes the masks of
                the shards.
            seed: non-negative int. Of the order, and of new masks.

        Raises:
            DataError: the folder has no such examples.
            ValueError: see `PretrainingBatches`.
        """
        if split not in self.splits:
            raise DataError(f"{self.path} has no {split} examples.")
        masker = masking and Masker(self.vocabulary, masking, seed)
        return PretrainingBatches(self.splits[split], batch_size, masker, seed=seed)

    def tokenizer(self):
        """The `keras_bigs.models.BiGSTokenizer` that makes tokens of texts as here."""
        return models.BiGSTokenizer(self.vocabulary, lowercase=self.lowercase)

    def check_vocabulary(self, tokenizer, model: str):
        """Finds out whether a model takes these tokens for what they are.

        Args:
            tokenizer: the `keras_bigs.models.BiGSTokenizer` of the model.
            model: what an error calls the model.

        Raises:
            ConfigError: its word pieces are others, or in another order, or only one of
                both is for lower-cased text.
        """
        same = same_pieces(tokenizer.get_vocabulary(), self.vocabulary)
        if not same or tokenizer.lowercase != self.lowercase:
            raise ConfigError(
                f"The vocabulary of {self.path} is not that of {model}, or only one is "
                "for lower-cased text. Prepare the shards with the --vocabulary that "
                "the model was made with."
            )


def open_shard_folder(path, vocabulary=None, lowercase=None) -> ShardFolder:
    """Opens a folder of shards, and reads it once to find damage.

    Args:
        path: a folder that `recipes.prepare` made, or one of the original's HDF5 files.
        vocabulary: a file of word pieces, one a line, for the original's files, which
            come without.
        lowercase: bool. Whether that vocabulary is for lower-cased text. Defaults to
            `True`.

    Returns:
        `ShardFolder`.

    Raises:
        ConfigError: `vocabulary` is missing, or not wanted, or not that of the shards.
        DataError: shards are missing or damaged.

    Example:
    ```python
    folder = keras_bigs.data.open_shard_folder("shards")
    train = folder.batches("train", batch_size=32, masking=folder.masking)
    validation = folder.batches("validation", batch_size=32)
    ```
    """
    path = Path(path)
    splits = {}
    if (path / shards.MANIFEST).exists():
        if (vocabulary, lowercase) != (None, None):
            raise ConfigError(
                f"{path} has a vocabulary of its own. Leave out `vocabulary` and "
                "`lowercase`."
            )
        settings = shards.read_manifest(path)[0]["settings"]
        checksum = sha256(path / shards.MANIFEST)
        pieces = read_vocabulary(path / shards.VOCABULARY)
        lowercase = settings["lowercase"]
    else:
        if vocabulary is None:
            raise ConfigError(
                f"{path} has no {shards.MANIFEST}. Make it by `recipes.prepare`; or, "
                "if it has the original's HDF5 files, give their `vocabulary`."
            )
        settings = {}
        pieces = read_vocabulary(vocabulary)
        lowercase = lowercase is not False
        files = [
            (file.name, file.stat().st_size) for file in shards.original_files(path)
        ]
        checksum = sha256(repr([*files, pieces]))
    for split in ("train", "validation"):
        if opened := shards.open_shards(path, split):
            splits[split] = opened
            if vocabulary is not None:
                _check_tokens(opened, pieces)
    return ShardFolder(path, pieces, lowercase, _masking(settings), checksum, splits)


def _masking(settings):
    """The `Masking` of a manifest's settings."""
    options = dict(settings.get("masking", {}))
    # Its name in folders made by version 0.1.
    if "rate" in options:
        options["mask_selection_rate"] = options.pop("rate")
    return Masking(**options)


def _check_tokens(parts, pieces):
    """Finds out whether a vocabulary has the tokens of shards made elsewhere."""
    for shard in parts:
        for name in ("input_ids", "masked_lm_ids"):
            largest = int(np.max(shard.arrays.get(name, 0)))
            if largest >= len(pieces):
                raise ConfigError(
                    f"{shard.path} has token {largest}, and the vocabulary "
                    f"{len(pieces)} pieces. Name the vocabulary that it was made with."
                )
