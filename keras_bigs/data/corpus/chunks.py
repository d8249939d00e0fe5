"""Sources cut into chunks of about the same size, whichever files they come from.

A chunk is the unit of work: it makes shards of its own. It holds part of a large file,
or many small files whole.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A part of a source that holds whole documents.

    Attributes:
        source: the path of a file, or `name:split` of TensorFlow Datasets.
        start: the first byte (files) or example (TensorFlow Datasets).
        stop: the one after the last.
        num_bytes: about how many bytes of text it has.
        is_file: whether the source is a file.
    """

    source: str
    start: int
    stop: int
    num_bytes: int
    is_file: bool


@dataclass(frozen=True)
class Chunk:
    """Consecutive spans of the sources."""

    spans: tuple[Span, ...]

    @property
    def num_bytes(self) -> int:
        """About how many bytes of text it has."""
        return sum(span.num_bytes for span in self.spans)


def cut_chunks(sources: Iterable, chunk_bytes: int) -> list[Chunk]:
    """Cuts sources, end to end, after every `chunk_bytes` or little more.

    Args:
        sources: objects with a method `cut(start, room)`: the `Span` that begins at
            `start` and ends with the first document that fills `room` bytes, or with
            the source; `None` at its end.
        chunk_bytes: int, 1 at least.
    """
    chunks: list[Chunk] = []
    spans: list[Span] = []
    room = chunk_bytes
    for source in sources:
        start = 0
        while span := source.cut(start, room):
            spans.append(span)
            start, room = span.stop, room - span.num_bytes
            if room <= 0:
                chunks.append(Chunk(tuple(spans)))
                spans, room = [], chunk_bytes
    return [*chunks, Chunk(tuple(spans))] if spans else chunks
