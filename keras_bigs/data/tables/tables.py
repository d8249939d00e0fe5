"""Labelled text tables: one example a record in a TSV, CSV or JSONL file.

    table = read_table("train.tsv", text="sentence", label="label")
    classes = label_vocabulary(table.labels)
    labels = encode_labels(table, classes)  # int32, (len(table),)

Whatever is wrong with a file is a `DataError` when it is read, hence before any
training. It names the file, the line, the column and the remedy.
"""

import codecs
import contextlib
import csv
import difflib
import io
import json
import math
import os
import re
import reprlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_bigs.errors import DataError
from keras_bigs.files import atomic_write

FORMATS = ("tsv", "csv", "jsonl")

_shorten = reprlib.Repr()
_shorten.maxlist = 20
_shorten.maxstring = 60


@dataclass(frozen=True)
class TextTable:
    """The columns of a file that a text task uses, in file order.

    Attributes:
        texts: the text of each example, never blank.
        text_pairs: the second text of each example, never blank; or `None`.
        labels: the label of each example as text, never blank, without surrounding
            whitespace; or `None`.
        line_numbers: the line of the file, from 1, in which each example starts.
        path: the file.
        label_column: the name of the label column, or `None`.
    """

    texts: list[str]
    text_pairs: list[str] | None
    labels: list[str] | None
    line_numbers: list[int]
    path: Path
    label_column: str | None = None

    def __len__(self) -> int:
        return len(self.texts)


def read_table(
    path: str | os.PathLike,
    text: str,
    text_pair: str | None = None,
    label: str | None = None,
    column_names: Sequence[str] | None = None,
    file_format: str | None = None,
    quoting: bool | None = None,
) -> TextTable:
    """Reads the text and label columns of a UTF-8 file, with or without a BOM.

    Blank lines are skipped. Texts are kept as they are, of any length. JSON numbers
    and booleans become labels by their JSON spelling, such as "1" and "true".

    Args:
        path: the file.
        text: name of the text column.
        text_pair: name of the column of the second text, for tasks on pairs.
        label: name of the label column. `None` leaves labels unread.
        column_names: names of all columns, for a TSV or CSV file without a header line.
        file_format: "tsv", "csv" or "jsonl". Default: the suffix of `path`.
        quoting: whether a cell may be in double quotes, so that it can hold delimiters
            and line breaks. Otherwise quotes are text like any other. Default: true
            for CSV, false for TSV, as in GLUE.

    Returns:
        A `TextTable` with at least one example.

    Raises:
        DataError: the file cannot be read as UTF-8 text in its format, lacks a column,
            or has no rows; or a text or label is missing.
    """
    path = Path(path)
    roles = {"text": text, "text_pair": text_pair, "label": label}
    columns = {role: name for role, name in roles.items() if name is not None}
    if len(set(columns.values())) < len(columns):
        raise DataError(f"Two of {columns} are the same column. Name another one.")
    content = _read_text(path)
    file_format = table_format(path, file_format)
    if file_format == "jsonl":
        if column_names is not None:
            raise DataError(f"{path}: JSONL names its columns. Drop column_names.")
        rows = _jsonl_rows(path, content, columns)
    else:
        quoting = file_format == "csv" if quoting is None else quoting
        delimiter = "," if file_format == "csv" else "\t"
        records = _records(path, content, delimiter, quoting)
        rows = _delimited_rows(path, records, columns, column_names, quoting)

    line_numbers = []
    values: dict[str, list[str]] = {role: [] for role in columns}
    for line, row in rows:
        line_numbers.append(line)
        for role, value in row.items():
            values[role].append(value.strip() if role == "label" else value)
    if not line_numbers:
        raise DataError(f"{path}: there is a header line, but no rows follow it.")
    for role, name in columns.items():
        pairs = zip(line_numbers, values[role], strict=True)
        if blank := [line for line, value in pairs if not value or value.isspace()]:
            raise DataError(
                f"{path}: column {name!r} is empty in {_lines(blank)}. "
                f"Remove these examples or fill in their {role}."
            )
    return TextTable(
        texts=values["text"],
        text_pairs=values.get("text_pair"),
        labels=values.get("label"),
        line_numbers=line_numbers,
        path=path,
        label_column=label,
    )


def label_vocabulary(labels: Iterable[str]) -> list[str]:
    """The distinct labels in order: numbers by value, then all others by spelling."""

    def key(label: str) -> tuple[bool, float, str]:
        number = _number(label)
        return (number is None, number or 0.0, label)

    return sorted(set(labels), key=key)


def encode_labels(table: TextTable, classes: Sequence[str]) -> np.ndarray:
    """The position of each label in `classes`: int32, `(len(table),)`.

    Raises:
        DataError: the table has no labels, or has one that is not in `classes`.
    """
    index = {name: i for i, name in enumerate(classes)}
    unknown = [(line, label) for line, label in _labels(table) if label not in index]
    if unknown:
        labels = label_vocabulary(label for _, label in unknown)
        raise DataError(
            f"{table.path}: column {table.label_column!r} has labels that training "
            f"did not see, {_shorten.repr(labels)}, in "
            f"{_lines([line for line, _ in unknown])}. The known labels are "
            f"{_shorten.repr(list(classes))}. Correct the labels, or add such examples "
            "to the training file."
        )
    return np.array([index[label] for _, label in _labels(table)], "int32")


def encode_targets(table: TextTable) -> np.ndarray:
    """The labels as regression targets: float32, `(len(table),)`.

    Raises:
        DataError: the table has no labels, or has one that is not a finite number.
    """
    largest = float(np.finfo("float32").max)
    targets, bad = [], []
    for line, label in _labels(table):
        number = _number(label)
        targets.append(number)
        if number is None or abs(number) > largest:
            bad.append((line, label))
    if bad:
        raise DataError(
            f"{table.path}: column {table.label_column!r} is not a finite number in "
            f"{_lines([line for line, _ in bad])}; the first is "
            f"{_shorten.repr(bad[0][1])}. Regression needs numbers such as 3.8; "
            "otherwise train a classifier."
        )
    return np.array(targets, "float32")


def table_format(path: str | os.PathLike, file_format: str | None = None) -> str:
    """`file_format` if given, else the format that the suffix of `path` names.

    Raises:
        DataError: it is not one of `FORMATS`.
    """
    if file_format is None:
        file_format = Path(path).suffix.lower().removeprefix(".")
    if file_format not in FORMATS:
        raise DataError(
            f"{path}: the format is {file_format!r}, not one of {FORMATS}. "
            "Rename the file, or give its file_format."
        )
    return file_format


def write_table(
    path: str | os.PathLike,
    columns: Mapping[str, Sequence[Any]],
    file_format: str | None = None,
) -> None:
    """Writes columns of text and numbers, whole or not at all.

    `read_table` reads back every text from CSV and JSONL. TSV is written without
    quotes, so there each tab and line break becomes a space.

    Args:
        path: the file, replaced if it exists. Its folder is made if need be.
        columns: the cells of each column; lists or NumPy arrays, of equal lengths.
            `None` is an empty cell, or `null`.
        file_format: "tsv", "csv" or "jsonl". Default: the suffix of `path`.

    Raises:
        DataError: the format is unknown.
        ValueError: the columns differ in length.
    """
    path = Path(path)
    file_format = table_format(path, file_format)
    rows = zip(*(map(_plain, cells) for cells in columns.values()), strict=True)
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        if file_format == "jsonl":
            for row in rows:
                record = dict(zip(columns, row, strict=True))
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        elif file_format == "csv":
            # All texts are quoted, since the default forgets a lone "\r".
            writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
        else:
            for row in (tuple(columns), *rows):
                cells = ("" if cell is None else str(cell) for cell in row)
                cells = (re.sub(r"[\t\n\r]", " ", cell) for cell in cells)
                file.write("\t".join(cells) + "\n")


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}. Give a file to read.") from error
    offset = data.find(b"\0")  # valid UTF-8, but it means UTF-16 or no text at all
    if offset < 0:
        try:
            content = data.decode()
        except UnicodeDecodeError as error:
            offset = error.start
    if offset >= 0:
        is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        if is_utf16 or (data[offset] == 0 and offset < 2):
            remedy = "Re-encode the file: iconv -f UTF-16 -t UTF-8 OLD > NEW"
        elif data[offset] == 0:
            remedy = "If it is a text file, remove such bytes: tr -d '\\0' < OLD > NEW"
        else:
            remedy = (
                "Re-encode it, perhaps by: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW"
            )
        line = data.count(b"\n", 0, offset) + 1
        raise DataError(
            f"{path}, line {line}: byte 0x{data[offset]:02x} at offset {offset} is not "
            f"UTF-8 text. {remedy}"
        )
    content = content.removeprefix("\ufeff")
    if not content or content.isspace():
        raise DataError(f"{path}: the file is empty.")
    return content


def _records(
    path: Path, content: str, delimiter: str, quoting: bool
) -> Iterator[tuple[int, int, list[str]]]:
    """First line, last line and fields of each record that is not blank."""
    reader = csv.reader(
        io.StringIO(content, newline=""),  # "": the line breaks in cells are kept
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
        strict=True,
    )
    while True:
        line = reader.line_num + 1
        try:
            with _no_field_size_limit():
                fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{path}, line {line}: bad quoting in the record that starts here and "
                f"runs to line {reader.line_num} ({error}). Close its quotes and "
                "double those inside a cell, or turn quoting off."
            ) from error
        if fields:
            yield line, reader.line_num, fields


@contextlib.contextmanager
def _no_field_size_limit() -> Iterator[None]:
    limit = csv.field_size_limit(2**31 - 1)  # it is one for the whole process
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _delimited_rows(
    path: Path,
    records: Iterator[tuple[int, int, list[str]]],
    columns: dict[str, str],
    column_names: Sequence[str] | None,
    quoting: bool,
) -> Iterator[tuple[int, dict[str, str]]]:
    if column_names is None:
        source = "the header has"
        line, _, names = next(records)
        where = f"{path}, line {line}"
        hint = " If that is no header line, give column_names."
    else:
        source = "column_names has"
        names = list(column_names)
        where = f"{path}, column_names"
        hint = ""
    for name in columns.values():
        _check_column(where, name, names, hint)
    indices = {role: names.index(name) for role, name in columns.items()}

    for line, last_line, fields in records:
        if len(fields) != len(names):
            if last_line > line:
                remedy = (
                    f"The record runs to line {last_line}: is a quote not closed? "
                    "Close it, or turn quoting off."
                )
            elif not quoting and any(field.startswith('"') for field in fields):
                remedy = "Some begin with a quote: perhaps turn quoting on."
            else:
                remedy = "Correct the line, or the column names."
            raise DataError(
                f"{path}, line {line}: {len(fields)} fields where {source} "
                f"{len(names)}. {remedy}"
            )
        if column_names is not None and fields == names:
            raise DataError(
                f"{path}, line {line}: the line repeats column_names. The file has a "
                "header line, so drop column_names."
            )
        yield line, {role: fields[i] for role, i in indices.items()}


def _jsonl_rows(
    path: Path, content: str, columns: dict[str, str]
) -> Iterator[tuple[int, dict[str, str]]]:
    for line, source in enumerate(io.StringIO(content), 1):
        if source.isspace():
            continue
        where = f"{path}, line {line}"
        try:
            record = json.loads(source.rstrip())
        except (ValueError, RecursionError) as error:
            reason = str(error).replace("line 1 column", "column")
            raise DataError(
                f"{where}: not JSON ({reason}). Write one object a line; for a file "
                "that is one array: jq -c '.[]' OLD > NEW"
            ) from error
        if not isinstance(record, dict):
            raise DataError(
                f'{where}: {_shorten.repr(record)} is not an object such as {{"text": '
                '"...", "label": 1}. Write one object a line.'
            )
        row = {}
        for role, name in columns.items():
            _check_column(where, name, list(record))
            value = record[name]
            if role == "label" and not isinstance(value, (str, list, dict)):
                # JSON has no NaN, but Python writes it for a missing value.
                is_missing = value is None or value != value
                value = "" if is_missing else json.dumps(value)
            if not isinstance(value, str):
                raise DataError(
                    f"{where}: column {name!r} holds {_shorten.repr(value)}, which is "
                    f"not a {'label' if role == 'label' else 'string'}."
                )
            if character := re.search("[\0\ud800-\udfff]", value):
                raise DataError(
                    f"{where}: column {name!r} holds {character[0]!a}, which is "
                    "no character of a text. Remove it."
                )
            row[role] = value
        yield line, row


def _check_column(where: str, name: str, names: list[str], hint: str = "") -> None:
    """Raises `DataError` unless `name` is exactly once among `names`."""
    if names.count(name) > 1:
        raise DataError(
            f"{where}: {names.count(name)} columns are named {name!r}. Rename them."
        )
    if name not in names:
        lower = {other.lower(): other for other in names}
        close = difflib.get_close_matches(name.lower(), lower, n=1)
        guess = f" Did you mean {lower[close[0]]!r}?" if close else ""
        raise DataError(
            f"{where}: there is no column {name!r}. The columns are "
            f"{_shorten.repr(names)}.{guess}{hint}"
        )


def _labels(table: TextTable) -> Iterator[tuple[int, str]]:
    if table.labels is None:
        raise DataError(f"{table.path}: read without labels. Name the label column.")
    return zip(table.line_numbers, table.labels, strict=True)


def _number(label: str) -> float | None:
    """The finite number that `label` spells, if any."""
    try:
        number = float(label)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _lines(lines: Sequence[int]) -> str:
    """Such as "line 7" or "3 lines (7, 8, 9)", with the first few."""
    if len(lines) == 1:
        return f"line {lines[0]}"
    first = ", ".join(map(str, lines[:5]))
    return f"{len(lines)} lines ({first}{', ...' if len(lines) > 5 else ''})"


def _plain(value: Any) -> Any:
    """A NumPy scalar as Python's; float32 0.9 as 0.9, not 0.8999999761581421."""
    if isinstance(value, np.floating):
        return float(str(value))
    return value.item() if isinstance(value, np.generic) else value
