"""Text and JSONL files, plain or compressed by gzip."""

import json
import re
from collections.abc import Iterator

from keras_bigs.data.corpus.chunks import Span
from keras_bigs.data.text_files import check_kind
from keras_bigs.data.text_files import count_bytes
from keras_bigs.data.text_files import decode
from keras_bigs.data.text_files import read_bytes
from keras_bigs.data.text_files import unify_line_ends
from keras_bigs.errors import DataError

_JSONL_SUFFIXES = (".jsonl", ".json")
# The names of files that are looked for in a directory, and meant by a source.
SUFFIXES = tuple(
    suffix + compression
    for suffix in (".txt", *_JSONL_SUFFIXES)
    for compression in ("", ".gz")
)

# Not "\r\n?": two characters of one line end are no blank line.
_LINE_END = rb"(?:\r\n|\r(?!\n)|\n)"
# Where a text may be cut, the best first.
_BLANK_LINES = re.compile(_LINE_END + rb"[ \t]*" + _LINE_END)
_NEWLINE = re.compile(_LINE_END)
_SPACE = re.compile(rb"[ \t]")
# How much is read at first, and how much at least, to find where to cut.
_FIRST_READ = 2**16
_MIN_SEARCH = 2**20


class FileSource:
    """A file of documents.

    Text files have one paragraph a line, and blank lines between documents; JSONL files
    one document a line, its text in one field, one paragraph a line of that text. Lines
    end by a line feed, a carriage return, or both.

    Args:
        path: the file.
        text_field: the field of JSONL that has the text.
    """

    def __init__(self, path: str, text_field: str):
        self.path = path
        self.text_field = text_field
        self._num_bytes: int | None = None

    def cut(self, start: int, room: int) -> Span | None:
        """The span from `start` to the first end of a document after `room` bytes.

        Where none follows within as many bytes again, and 1 MiB, it is to the first end
        of a line, or else the first space, so that a text without blank lines is cut
        too: what lies between is a document then.

        Raises:
            DataError: the file is no text, or cannot be read.
        """
        if start == 0:
            self._num_bytes = check_kind(self.path)
        wanted, end = start + room, self._num_bytes
        if end is None:  # compressed
            end = count_bytes(self.path, wanted)
        stop = end if end < wanted else self._find_end(wanted, max(room, _MIN_SEARCH))
        if stop == start:
            return None
        return Span(self.path, start, stop, stop - start, is_file=True)

    def _find_end(self, start, search_bytes):
        """The first place from `start` on where the file may be cut, or its end."""
        ends = [_NEWLINE] if self._is_jsonl else [_BLANK_LINES, _NEWLINE, _SPACE]
        size, window = _FIRST_READ, b""
        while True:
            window += read_bytes(self.path, start + len(window), start + size)
            for end in ends if size >= search_bytes else ends[:1]:
                match = end.search(window)
                # What ends with the window may go on behind it.
                if match and match.end() < len(window):
                    return start + match.end()
            if len(window) < size:
                return start + len(window)
            size *= 2

    def read(self, span: Span) -> Iterator[bytes]:
        """The bytes of a span, in one piece."""
        yield read_bytes(self.path, span.start, span.stop)

    def documents(self, span: Span, data: bytes) -> Iterator[str]:
        """The text of every document in the bytes of a span.

        Raises:
            DataError: they are no UTF-8, or a line of JSONL has no text.
        """
        content = unify_line_ends(decode(data, self.path, span.start))
        if not self._is_jsonl:
            yield from re.split(r"\n[^\S\n]*\n", content)
            return
        for number, line in enumerate(content.split("\n")):
            if line.strip():
                yield self._json_text(line, span, number)

    @property
    def _is_jsonl(self):
        return self.path.lower().removesuffix(".gz").endswith(_JSONL_SUFFIXES)

    def _json_text(self, line, span, number):
        try:
            text = json.loads(line)[self.text_field]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(
                f"{self._line(span, number)}: no JSON object with a field "
                f"{self.text_field!r}. Name the field of the text; or write one object "
                "a line: of a file that is one array, by jq -c '.[]' OLD > NEW"
            ) from error
        if not isinstance(text, str):
            raise DataError(
                f"{self._line(span, number)}: field {self.text_field!r} is no string. "
                "Name the field of the text."
            )
        return text

    def _line(self, span, number):
        """Names the line `number` of a span, which is counted in an error only."""
        before = read_bytes(self.path, 0, span.start)
        return f"{self.path}, line {len(_NEWLINE.findall(before)) + number + 1}"
