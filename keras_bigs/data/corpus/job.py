"""The work of preparing a corpus: its settings, its chunks, and its records."""

import contextlib
import dataclasses
import errno
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_bigs.data.corpus.chunks import Chunk
from keras_bigs.data.corpus.corpus import Corpus
from keras_bigs.data.corpus.settings import Settings
from keras_bigs.data.pretraining import shards
from keras_bigs.errors import UserError
from keras_bigs.files import atomic_write
from keras_bigs.files import location_of
from keras_bigs.files import lock
from keras_bigs.files import sha256

# Of `files.atomic_write`.
_TEMPORARY = re.compile(r"\.[0-9a-f]{12}\..")


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
        chunks = repr(
            [
                [
                    (location_of(span.source), span.start, span.stop)
                    for span in chunk.spans
                ]
                for chunk in self.chunks
            ]
        )
        identity = {
            "texts": {
                **dataclasses.asdict(self.corpus),
                "num_chunks": len(self.chunks),
                "num_held_out": len(self.held_out),
                "sha256": sha256(chunks),
            },
            "settings": dataclasses.asdict(self.settings),
        }
        return json.loads(json.dumps(identity))

    def part(self, name: str) -> Path:
        """A file among the records of the work."""
        return Path(self.directory) / shards.PARTS / name


@contextlib.contextmanager
def hold(directory):
    """Holds a directory for this process, and clears it of what was half written.

    Raises:
        ConfigError: another process is at work in it.
        UserError: its disk is full.
    """
    directory = Path(directory)
    with lock(directory), _full_disk_explained(directory):
        for folder in (directory, directory / shards.PARTS):
            for path in folder.glob(".*"):
                if _TEMPORARY.match(path.name):
                    path.unlink()
        yield


@contextlib.contextmanager
def _full_disk_explained(directory):
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise UserError(
            f"{directory}: {error.strerror}. What is made is kept: free some space and "
            "run the same command again to go on."
        ) from error


def has_shards(directory):
    """Whether a directory has shards, finished or not."""
    paths = Path(directory).glob("*.hdf5")
    return any(not path.name.startswith(".") for path in paths)


def save_arrays(path, **arrays):
    """Writes arrays by name, whole or not at all."""
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def load_arrays(path):
    """What `save_arrays` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)
