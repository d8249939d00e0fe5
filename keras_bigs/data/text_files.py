"""Files of text in UTF-8, plain or compressed by gzip.

What a file is, its first bytes say, not its name. Everything else is refused by a
`DataError` that says what it is instead, and what to do about it.
"""

import contextlib
import functools
import gzip
import json
import os
import re
import shlex
import threading
import zlib
from pathlib import Path

from keras_bigs.errors import DataError

_GZIP = b"\x1f\x8b"
# How much of the beginning is looked at.
_HEAD_BYTES = 4096
_DECOMPRESS = "Decompress it first: {} {{path}}"
_RECODE = "Re-encode it: iconv -f {} -t UTF-8 OLD > NEW"
# Pattern of the first bytes, what they are the mark of, and the remedy.
_KINDS = [
    (re.compile(pattern, re.DOTALL), kind, remedy)
    for pattern, kind, remedy in [
        (rb"BZh[1-9]1AY&SY", "compressed by bzip2", _DECOMPRESS.format("bunzip2 -k")),
        (rb"\xfd7zXZ\0", "compressed by xz", _DECOMPRESS.format("unxz -k")),
        (rb"\x28\xb5\x2f\xfd", "compressed by zstd", _DECOMPRESS.format("unzstd")),
        (rb"PK\x03\x04", "a zip archive", "Unpack it first: unzip {path}"),
        (rb".{257}ustar", "a tar archive", "Unpack it first: tar -xf {path}"),
        (
            rb"PAR1[\0-\x1f]",
            "a Parquet table",
            "Write it as JSONL first, in Python with pandas: pandas.read_parquet("
            '"OLD").to_json("NEW.jsonl", orient="records", lines=True)',
        ),
        (rb"\x89HDF\r\n\x1a\n", "HDF5", "Name the file of the texts themselves."),
        # UTF-32 first: its mark begins with that of UTF-16.
        (rb"\xff\xfe\0\0|\0\0\xfe\xff", "text in UTF-32", _RECODE.format("UTF-32")),
        (rb"\xff\xfe|\xfe\xff", "text in UTF-16", _RECODE.format("UTF-16")),
    ]
]


def without_gz(path) -> Path:
    """`train.tsv` of `train.tsv.gz`; any other path as it is."""
    path = Path(path)
    return path.with_suffix("") if path.suffix.lower() == ".gz" else path


def check_kind(path) -> int | None:
    """Looks at the beginning of a file, and of what gzip has compressed in it.

    Args:
        path: the file.

    Returns:
        The size of the file in bytes, or `None` if it is compressed by gzip.

    Raises:
        DataError: it cannot be read, or is no text: compressed otherwise, a Parquet
            table, HDF5, an archive, or text in UTF-16 or UTF-32, marked or not.
    """
    with _errors_of(path), open(path, "rb") as file:
        head, num_bytes = file.read(_HEAD_BYTES), os.fstat(file.fileno()).st_size
    if head.startswith(_GZIP):
        head, num_bytes = read_bytes(path, 0, _HEAD_BYTES), None
    for pattern, kind, remedy in _KINDS:
        if pattern.match(head):
            remedy = remedy.format(path=shlex.quote(str(path)))
            raise DataError(f"{path}: {kind}, not text in UTF-8. {remedy}")
    if encoding := _unmarked_encoding(head):
        raise DataError(
            f"{path}: text in {encoding}, not in UTF-8. {_RECODE.format(encoding)}"
        )
    return num_bytes


def read_text(path) -> str:
    """The text of a file, without a byte-order mark.

    Raises:
        DataError: see `check_kind` and `decode`.
    """
    check_kind(path)
    return decode(read_bytes(path), path)


def read_json(path):
    """The content of a file of JSON.

    Raises:
        DataError: see `read_text`; or it is not JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON ({error}).") from error


def unify_line_ends(text: str) -> str:
    """`text` with a line feed at the end of every line."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_bytes(path, start: int = 0, stop: int | None = None) -> bytes:
    """The bytes of a file, decompressed where it is compressed by gzip.

    Reading a compressed file piece by piece, in order, decompresses it once.

    Args:
        path: the file.
        start: the first byte, of the decompressed ones.
        stop: the one after the last; `None` for all that follow. There are fewer bytes
            where the file ends before.

    Raises:
        DataError: it cannot be read, or is damaged.
    """
    size = -1 if stop is None else stop - start
    with _errors_of(path), open(path, "rb") as file:
        if file.read(len(_GZIP)) != _GZIP:
            file.seek(start)
            return file.read(size)
        with _decompressed(file) as content:
            content.seek(start)
            return content.read(size)


def count_bytes(path, limit: int) -> int:
    """How many bytes of text a file compressed by gzip has, or `limit` if more.

    Raises:
        DataError: it cannot be read, or is damaged.
    """
    with (
        _errors_of(path),
        open(path, "rb") as file,
        _decompressed(file) as content,
    ):
        return content.seek(limit)


@contextlib.contextmanager
def _errors_of(path):
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        _open_gzip.cache_clear()
        raise DataError(
            f"{path}: damaged, as gzip finds ({error}). Copy it again."
        ) from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}. Give a file to read.") from error


@contextlib.contextmanager
def _decompressed(file):
    """The content of an open file, of which one reader at a time has the use."""
    status = os.fstat(file.fileno())
    version = (status.st_ino, status.st_mtime_ns, status.st_size)
    with _LOCK:
        yield _open_gzip(os.fspath(file.name), version)


# Of the one below: Apache Beam may read in several threads.
_LOCK = threading.Lock()


@functools.lru_cache(1)
def _open_gzip(path, version):
    """The file read last, which goes on from where it is and need not start again."""
    return gzip.open(path)


def decode(data: bytes, path, start: int = 0) -> str:
    """Bytes of a file as text, without a byte-order mark.

    Args:
        data: bytes that end where a character does.
        path: the file, for messages.
        start: where in the file they begin.

    Raises:
        DataError: a byte is 0, or they are not UTF-8. It names the file, the offset,
            and, where `start` is 0, the line.
    """
    offset, remedy = data.find(b"\0"), ""
    if offset >= 0:
        remedy = "If it is a text file, remove such bytes: tr -d '\\0' < OLD > NEW"
    else:
        try:
            return data.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            offset = error.start
            if error.reason == "unexpected end of data":
                remedy = "It ends within a character. Copy it again."
            elif 4 * sum(byte > 127 for byte in data) <= len(data):  # mostly ASCII
                remedy = (
                    "Re-encode it, perhaps by: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW"
                )
            else:
                remedy = f"{_RECODE.format('ENCODING')}, where ENCODING is its own."
    line = data.count(b"\n", 0, offset) + 1
    where = path if start else f"{path}, line {line}"
    raise DataError(
        f"{where}: byte 0x{data[offset]:02x} at offset {start + offset} is not UTF-8 "
        f"text. {remedy}"
    )


def _unmarked_encoding(head: bytes) -> str | None:
    """The encoding of text that has the zero bytes of UTF-16 or UTF-32.

    In UTF-32 every fourth byte is 0; in UTF-16 those of line ends, spaces and Latin
    letters, all at odd offsets or all at even ones.
    """
    head = head[: len(head) // 4 * 4]
    if not any(head):
        return None
    # No code point is above 0x10ffff.
    if not any(head[3::4]) and max(head[2::4]) <= 0x10:
        return "UTF-32LE"
    if not any(head[::4]) and max(head[1::4]) <= 0x10:
        return "UTF-32BE"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if min(even, odd) or max(even, odd) < max(2, len(head) // 20):
        return None
    return "UTF-16LE" if odd else "UTF-16BE"
