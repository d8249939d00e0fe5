"""A corpus: the documents of files and data sets, in chunks.

A document is a list of paragraphs. Chunks can be read independently of each other.
"""

import glob
import hashlib
import os
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass

from keras_bigs.data.corpus.chunks import Chunk
from keras_bigs.data.corpus.chunks import Span
from keras_bigs.data.corpus.chunks import cut_chunks
from keras_bigs.data.corpus.file_source import SUFFIXES
from keras_bigs.data.corpus.file_source import FileSource
from keras_bigs.data.corpus.tfds_source import TFDSSource
from keras_bigs.data.text_files import unify_line_ends
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError


@dataclass(frozen=True)
class Corpus:
    """How sources are read.

    A source is a file (see `FileSource`), a directory, which stands for all `.txt`,
    `.jsonl` and `.json` files in it and below, also compressed by gzip (`.txt.gz`), a
    pattern such as `texts/**/*.txt`, or a TensorFlow Dataset by name, with the split
    after a colon (`train` without one).

    Attributes:
        text_field: the field of JSONL and TensorFlow Datasets that has the text.
        data_dir: where TensorFlow Datasets finds its data, or `None` for its default.
    """

    text_field: str = "text"
    data_dir: str | None = None

    def chunks(
        self, sources: Iterable[str], chunk_bytes: int, without: str | None = None
    ) -> list[Chunk]:
        """Parts of about `chunk_bytes`, each of whole documents.

        Args:
            sources: see above. Files of directories and patterns are taken in the order
                of their names, without empty ones.
            chunk_bytes: int, 1 at least.
            without: a directory of which no file is taken unless it is named: that of
                the outputs, which may lie below a source.

        Raises:
            DataError: a source is none of these, cannot be read, or is empty.
            ConfigError: `sources` is one string.
            ValueError: `chunk_bytes` is below 1.
        """
        if chunk_bytes < 1:
            raise ValueError(
                f"`chunk_bytes` must be at least 1. Received: {chunk_bytes}"
            )
        return cut_chunks(self._find(sources, without), chunk_bytes)

    def read(self, chunk: Chunk) -> "ChunkText":
        """The text of a chunk."""
        parts: list = []
        for span in chunk.spans:
            source = self._source(span)
            parts += [(source, span, data) for data in source.read(span)]
        return ChunkText(parts)

    def _find(self, sources, without):
        if isinstance(sources, str | os.PathLike):
            raise ConfigError(
                f"`sources` must be a list of them. Received: {os.fspath(sources)!r}"
            )
        for name in map(os.fspath, sources):
            if os.path.isdir(name):
                paths = list(_files_below(name))
                problem = f"has no file whose name ends with one of {SUFFIXES}"
            elif os.path.isfile(name):
                paths = [name]
                problem = "the file is empty"
            elif glob.has_magic(name):
                paths = sorted(filter(os.path.isfile, glob.glob(name, recursive=True)))
                problem = "no file matches"
            elif name.endswith(SUFFIXES):
                raise DataError(f"{name}: no such file.")
            else:
                yield TFDSSource(name, self.text_field, self.data_dir)
                continue
            paths = [path for path in paths if os.path.getsize(path)]
            # A file that is named is meant.
            if without is not None and not os.path.isfile(name):
                paths = [path for path in paths if not _is_below(path, without)]
            if not paths:
                raise DataError(f"{name}: {problem}.")
            for path in paths:
                yield FileSource(path, self.text_field)

    def _source(self, span):
        if span.is_file:
            return FileSource(span.source, self.text_field)
        return TFDSSource(span.source, self.text_field, self.data_dir)


def _is_below(path, directory):
    path, directory = os.path.realpath(path), os.path.realpath(directory)
    return os.path.commonpath([path, directory]) == directory


def _files_below(directory):
    """The text files of a directory, without hidden ones, in a fixed order.

    Links to folders are followed, but no folder is entered twice.
    """
    seen = set()
    for folder, folders, names in os.walk(directory, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield os.path.join(folder, name)


@dataclass(frozen=True)
class ChunkText:
    """What was read of a chunk.

    Attributes:
        parts: of each span or example its source, span and bytes.
    """

    parts: list[tuple[FileSource | TFDSSource, Span, bytes]]

    def fingerprint(self) -> str:
        """A hash of the text."""
        digest = hashlib.blake2b(digest_size=32)
        for _, _, data in self.parts:
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
        return digest.hexdigest()

    def documents(self) -> Iterator[list[str]]:
        """The documents, none without text.

        Raises:
            DataError: bytes that are no UTF-8, or a line of JSONL without the text.
        """
        for source, span, data in self.parts:
            for text in source.documents(span, data):
                lines = unify_line_ends(text).split("\n")
                if paragraphs := [line for line in lines if line.strip()]:
                    yield paragraphs
