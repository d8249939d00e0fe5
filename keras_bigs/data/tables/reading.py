"""Labelled text tables: one example a record in a TSV, CSV or JSONL file."""

import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_bigs.data.sampling import draw
from keras_bigs.data.tables.formats import table_format
from keras_bigs.data.tables.messages import name_lines
from keras_bigs.data.tables.messages import require_characters
from keras_bigs.data.tables.messages import shorten
from keras_bigs.data.tables.records import delimited_records
from keras_bigs.data.tables.records import jsonl_records
from keras_bigs.data.text_files import read_text
from keras_bigs.data.text_files import without_gz
from keras_bigs.errors import DataError


@dataclass(frozen=True)
class TextTable:
    """The columns of a file that a text task uses, in file order.

    Attributes:
        texts: the text of each example, never blank.
        text_pairs: the second text of each example, never blank; or `None`.
        labels: the label of each example as text, never blank, without surrounding
            whitespace; or `None`. Read with `multi_label`, the labels of each example
            as they are written: a text, blank where there are none, or a list.
        line_numbers: the line of the file, from 1, in which each example starts.
        path: the file.
        label_column: the name of the label column, or `None`.
        columns: the cells of every column of the file by its name, in their order, as
            they are, if `read_table` was asked for them; else `None`. JSON values keep
            their type; `None` is one that an object lacks.
    """

    texts: list[str]
    text_pairs: list[str] | None
    labels: list[str | list[str]] | None
    line_numbers: list[int]
    path: Path
    label_column: str | None = None
    columns: dict[str, list[Any]] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def draw(self, number: int, seed: int = 0, name: str = "number") -> "TextTable":
        """A table of so many of the examples; see `keras_bigs.data.sampling.draw`."""
        rows = draw(range(len(self)), number, seed, name)

        def pick(column):
            return None if column is None else [column[i] for i in rows]

        columns = self.columns
        if columns is not None:
            columns = {name: pick(column) for name, column in columns.items()}
        return dataclasses.replace(
            self,
            texts=pick(self.texts),
            text_pairs=pick(self.text_pairs),
            labels=pick(self.labels),
            line_numbers=pick(self.line_numbers),
            columns=columns,
        )

    @property
    def x(self) -> list[str] | tuple[list[str], list[str]]:
        """What a text classifier's `fit` takes: the texts, or a tuple of both."""
        return self.texts if self.text_pairs is None else (self.texts, self.text_pairs)


def read_table(
    path: str | os.PathLike,
    text: str,
    text_pair: str | None = None,
    label: str | None = None,
    column_names: Sequence[str] | None = None,
    file_format: str | None = None,
    quoting: bool | None = None,
    all_columns: bool = False,
    multi_label: bool = False,
) -> TextTable:
    """Reads the text and label columns of a UTF-8 file, with or without a BOM.

    Blank lines are skipped. Texts are kept as they are, of any length. JSON numbers
    and booleans become labels by their JSON spelling, such as "1" and "true".

    Args:
        path: the file, also compressed by gzip (`train.tsv.gz`).
        text: name of the text column.
        text_pair: name of the column of the second text, for tasks on pairs.
        label: name of the label column. `None` leaves labels unread.
        column_names: names of all columns, for a TSV or CSV file without a header line.
        file_format: "tsv", "csv" or "jsonl". Default: the suffix of `path`.
        quoting: whether a cell may be in double quotes, so that it can hold delimiters
            and line breaks. Otherwise quotes are text like any other. Default: true
            for CSV, false for TSV, as in GLUE.
        all_columns: whether to keep all columns, to write them again beside others.
        multi_label: whether an example has any number of labels, such as
            "sport|politics": a label may be missing, and in JSONL be a list of labels.

    Returns:
        A `TextTable` with at least one example.

    Raises:
        DataError: the file cannot be read as UTF-8 text in its format, lacks a column,
            or has no rows; or a text or label is missing.

    Example:
    ```python
    table = keras_bigs.data.tables.read_table("films.csv", "text", label="label")
    table.texts, table.labels
    ```
    """
    path = Path(path)
    roles = {"text": text, "text_pair": text_pair, "label": label}
    roles = {role: name for role, name in roles.items() if name is not None}
    if len(set(roles.values())) < len(roles):
        raise DataError(f"Two of {roles} are the same column. Name another one.")
    content = read_text(path)
    if not content or content.isspace():
        raise DataError(f"{path}: the file is empty.")
    file_format = table_format(without_gz(path), file_format)
    needed = list(roles.values())
    if file_format == "jsonl":
        if column_names is not None:
            raise DataError(f"{path}: JSONL names its columns. Drop column_names.")
        records = jsonl_records(path, content, needed)
    else:
        records = delimited_records(
            path,
            content,
            delimiter="," if file_format == "csv" else "\t",
            quoting=file_format == "csv" if quoting is None else quoting,
            columns=needed,
            column_names=column_names,
            all_columns=all_columns,
        )

    line_numbers: list[int] = []
    values: dict[str, list[Any]] = {role: [] for role in roles}
    columns: dict[str, list[Any]] = {}
    for line, record in records:
        where = f"{path}, line {line}"
        if all_columns:
            for name, cell in record.items():
                # A list or an object, too, of JSON.
                text = (
                    cell
                    if isinstance(cell, str)
                    else json.dumps(cell, ensure_ascii=False)
                )
                require_characters(where, f"column {name!r}", text)
                columns.setdefault(name, [None] * len(line_numbers))
            for name, cells in columns.items():
                cells.append(record.get(name))
        line_numbers.append(line)
        for role, name in roles.items():
            cell = record[name]
            if role != "label":
                value = _text(where, name, cell)
            elif multi_label and isinstance(cell, list):
                value = [_label(where, name, item) for item in cell]
            else:
                value = _label(where, name, cell)
            values[role].append(value)
    if not line_numbers:
        raise DataError(f"{path}: there is a header line, but no rows follow it.")
    for role, name in roles.items():
        if role == "label" and multi_label:
            continue
        pairs = zip(line_numbers, values[role], strict=True)
        if blank := [line for line, value in pairs if not value or value.isspace()]:
            raise DataError(
                f"{path}: column {name!r} is empty in {name_lines(blank)}. "
                f"Remove these examples or fill in their {role}."
            )
    return TextTable(
        texts=values["text"],
        text_pairs=values.get("text_pair"),
        labels=values.get("label"),
        line_numbers=line_numbers,
        path=path,
        label_column=label,
        columns=columns if all_columns else None,
    )


def _text(where: str, name: str, cell: Any, kind: str = "string") -> str:
    """The cell of a text column."""
    if not isinstance(cell, str):
        raise DataError(
            f"{where}: column {name!r} holds {shorten(cell)}, which is not a {kind}."
        )
    require_characters(where, f"column {name!r}", cell)
    return cell


def _label(where: str, name: str, cell: Any) -> str:
    """The cell of the label column as text; JSON numbers as they are spelled there."""
    if not isinstance(cell, (str, list, dict)):
        # JSON has no NaN, but Python writes it for a missing value.
        is_missing = cell is None or cell != cell
        cell = "" if is_missing else json.dumps(cell)
    return _text(where, name, cell, "label").strip()
