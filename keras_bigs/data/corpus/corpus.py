"""Corpora as chunks of documents that can be read independently of each other.

A document is a list of paragraphs. Three kinds of sources:

- text files: one paragraph a line, blank lines between documents, UTF-8;
- JSONL files (`.jsonl`, `.json`): one document a line, its text in one field, one
  paragraph a line of that text;
- TensorFlow Datasets, by name (`wikipedia/20230601.en`), with the same kind of field.

Lines end by a line feed, a carriage return, or both.
"""

import hashlib
import json
import mmap
import re
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from keras_bigs.errors import DataError

# Not "\r\n?": two characters of one line end are no blank line.
_LINE_END = rb"(?:\r\n|\r(?!\n)|\n)"
_NEWLINE = re.compile(_LINE_END)
_BLANK_LINES = re.compile(_LINE_END + rb"[ \t]*" + _LINE_END)
_JSONL_SUFFIXES = (".jsonl", ".json")
# What is meant as a file, if it is missing, rather than as a TensorFlow Dataset.
SUFFIXES = (".txt", *_JSONL_SUFFIXES)
# The first bytes of every gzip file.
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Chunk:
    """A part of a source that holds whole documents.

    Attributes:
        source: the path of a file, or `name:split` of TensorFlow Datasets.
        start: the first byte (files) or example (TensorFlow Datasets).
        stop: the one after the last.
        size: about how many bytes of text it has.
        is_file: whether the source is a file.
    """

    source: str
    start: int
    stop: int
    size: int
    is_file: bool


@dataclass(frozen=True)
class Corpus:
    """How sources are read.

    Attributes:
        text_field: the field of JSONL and TensorFlow Datasets that has the text.
        data_dir: where TensorFlow Datasets finds its data, or `None` for its default.
    """

    text_field: str = "text"
    data_dir: str | None = None

    def chunks(self, sources: Iterable[str], chunk_bytes: int) -> list[Chunk]:
        """Parts of about `chunk_bytes`, each of whole documents.

        Args:
            sources: paths of files, or names of TensorFlow Datasets, with the split
                after a colon (`train` without one).
            chunk_bytes: int, 1 at least.

        Raises:
            DataError: a source is neither, cannot be read, or is empty.
            ValueError: `chunk_bytes` is below 1.
        """
        if chunk_bytes < 1:
            raise ValueError(
                f"`chunk_bytes` must be at least 1. Received: {chunk_bytes}"
            )
        chunks = []
        for source in sources:
            path = Path(source)
            if path.is_dir():
                raise DataError(
                    f"{path} is a directory. Name the files in it, such as {path}/*."
                )
            if path.is_file():
                chunks += _file_chunks(path, chunk_bytes)
            elif path.suffix in SUFFIXES:
                raise DataError(f"{path}: no such file.")
            else:
                chunks += self._tfds_chunks(source, chunk_bytes)
        return chunks

    def documents(self, chunk: Chunk) -> Iterator[list[str]]:
        """The documents of a chunk, none without text.

        Raises:
            DataError: bytes that are no UTF-8, or a line of JSONL without the text.
        """
        read = self._file_texts if chunk.is_file else self._tfds_texts
        for text in read(chunk):
            lines = _unify_line_ends(text).split("\n")
            if paragraphs := [line for line in lines if line.strip()]:
                yield paragraphs

    def fingerprint(self, chunk: Chunk) -> str:
        """Differs when the text of a chunk does.

        That of a file is a hash of its bytes; that of a TensorFlow Dataset its version
        and its size.
        """
        if chunk.is_file:
            return hashlib.blake2b(_read(chunk), digest_size=32).hexdigest()
        builder, split = self._builder(chunk.source)
        info = builder.info.splits[split]
        return f"{builder.info.full_name}, {info.num_bytes} bytes, {info.shard_lengths}"

    def _file_texts(self, chunk):
        data = _read(chunk)
        try:
            content = _unify_line_ends(data.decode().removeprefix("\ufeff"))
        except UnicodeDecodeError as error:
            raise DataError(
                f"{chunk.source}: byte 0x{data[error.start]:02x} at offset "
                f"{chunk.start + error.start} is not UTF-8 text. Re-encode the file, "
                "perhaps by: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW"
            ) from error
        if not _is_jsonl(chunk.source):
            yield from re.split(r"\n[^\S\n]*\n", content)
            return
        offset = chunk.start
        for line in content.split("\n"):
            if line.strip():
                yield self._json_text(line, f"{chunk.source}, near byte {offset}")
            offset += len(line.encode()) + 1

    def _json_text(self, line, where):
        try:
            text = json.loads(line)[self.text_field]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{where}: no JSON object with a field {self.text_field!r} on a line. "
                "Name the field of the text, or correct the line."
            ) from error
        if not isinstance(text, str):
            raise DataError(f"{where}: field {self.text_field!r} is no string.")
        return text

    def _builder(self, source):
        """The builder of `name:split`, and the split."""
        import tensorflow_datasets as tfds

        name, _, split = source.partition(":")
        try:
            builder = tfds.builder(name, data_dir=self.data_dir)
        except (ValueError, ImportError, tfds.core.DatasetNotFoundError) as error:
            raise DataError(
                f"{source} is neither a file nor a TensorFlow Dataset: {error}"
            ) from error
        split = split or "train"
        if split not in builder.info.splits:
            raise DataError(
                f"{source}: nothing is prepared for split {split!r} in "
                f"{builder.data_dir}. Download it by `tfds build {name}`, or name its "
                "folder by --data_dir."
            )
        return builder, split

    def _tfds_chunks(self, source, size):
        builder, split = self._builder(source)
        info = builder.info.splits[split]
        source = f"{source.partition(':')[0]}:{split}"
        if self.text_field not in builder.info.features:
            raise DataError(
                f"{source} has no field {self.text_field!r}, but "
                f"{sorted(builder.info.features)}."
            )
        each = max(1, info.num_bytes // max(1, info.num_examples))
        step = max(1, size // each)
        return [
            Chunk(source, start, stop, (stop - start) * each, is_file=False)
            for start in range(0, info.num_examples, step)
            for stop in [min(start + step, info.num_examples)]
        ]

    def _tfds_texts(self, chunk):
        import tensorflow_datasets as tfds

        builder, split = self._builder(chunk.source)
        instruction = tfds.core.ReadInstruction(
            split, from_=chunk.start, to=chunk.stop, unit="abs"
        )
        # The order of examples is that on disk.
        config = tfds.ReadConfig(shuffle_seed=None, interleave_cycle_length=1)
        dataset = builder.as_dataset(split=instruction, read_config=config)
        for example in dataset.as_numpy_iterator():
            yield example[self.text_field].decode()


def _read(chunk):
    """The bytes of a chunk of a file."""
    with open(chunk.source, "rb") as file:
        file.seek(chunk.start)
        return file.read(chunk.stop - chunk.start)


def _is_jsonl(source):
    return source.lower().endswith(_JSONL_SUFFIXES)


def _unify_line_ends(text):
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _file_chunks(path, size):
    """Cuts a file after the first end of a document past every `size` bytes."""
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty.")
    end_of_document = _NEWLINE if _is_jsonl(path.name) else _BLANK_LINES
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        if content[: len(_GZIP)] == _GZIP:
            raise DataError(
                f"{path}: compressed by gzip. Decompress it first: gunzip {path}"
            )
        chunks, start = [], 0
        while start < len(content):
            match = end_of_document.search(content, start + size)
            stop = match.end() if match else len(content)
            chunks.append(Chunk(str(path), start, stop, stop - start, is_file=True))
            start = stop
    return chunks
