"""The work of preparing a corpus: its settings, its chunks, and its records."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_bigs.data.corpus.corpus import Chunk
from keras_bigs.data.corpus.corpus import Corpus
from keras_bigs.data.pretraining import shards
from keras_bigs.data.pretraining.masking import Masking
from keras_bigs.files import atomic_write


@dataclass(frozen=True)
class Settings:
    """How examples are made (paper, section 5, after Izsak et al. 2021).

    Attributes:
        sequence_length: tokens in an example, `"[CLS]"` and `"[SEP]"` included.
        short_sequence_probability: how often a sequence is kept short, at random.
        copies: how many times each example comes, with other masks each time. 0 leaves
            the masks of training examples to training; those of validation examples
            are fixed in any case.
        masking: `Masking`.
        validation_fraction: the share of documents held out for validation, drawn at
            random.
        deduplicate: whether a paragraph that comes again anywhere is left out.
        lowercase: whether text is lower-cased and stripped of accents.
        seed: of held-out documents, short sequences and masks.

    Raises:
        ValueError: sizes that make no sense.
    """

    sequence_length: int = 128
    short_sequence_probability: float = 0.1
    copies: int = 1
    masking: Masking = dataclasses.field(default_factory=Masking)
    validation_fraction: float = 0.005
    deduplicate: bool = True
    lowercase: bool = True
    seed: int = 0

    def __post_init__(self):
        if self.sequence_length < 3:
            raise ValueError(
                "`sequence_length` must be at least 3: two tokens are [CLS] and [SEP]. "
                f"Received: {self.sequence_length}"
            )
        if self.copies < 0:
            raise ValueError(f"`copies` must not be negative. Received: {self.copies}")
        for name in ("short_sequence_probability", "validation_fraction"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be in [0, 1). Received: {getattr(self, name)}"
                )


@dataclass(frozen=True)
class Job:
    """Everything that a worker needs to make the shards of a chunk.

    Attributes:
        directory: where the shards go, and `vocabulary.txt` is.
        corpus: `Corpus`.
        chunks: the chunks of text; shards are numbered after them.
        held_out: the numbers of chunks that are for validation as a whole.
        settings: `Settings`.
    """

    directory: str
    corpus: Corpus
    chunks: tuple[Chunk, ...]
    held_out: frozenset[int]
    settings: Settings

    def identity(self) -> dict:
        """What must be equal for work to be continued."""
        return {
            "corpus": dataclasses.asdict(self.corpus),
            "chunks": [dataclasses.asdict(chunk) for chunk in self.chunks],
            "held_out": sorted(self.held_out),
            "settings": dataclasses.asdict(self.settings),
        }

    def part(self, name: str) -> Path:
        """A file among the records of the work."""
        return Path(self.directory) / shards.PARTS / name


def has_shards(directory):
    """Whether a directory has shards, finished or not."""
    return any(Path(directory).glob("*.hdf5"))


def save_arrays(path, **arrays):
    """Writes arrays by name, whole or not at all."""
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def load_arrays(path):
    """What `save_arrays` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)
