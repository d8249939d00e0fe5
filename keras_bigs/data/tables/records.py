"""The records of a TSV, CSV or JSONL text, each with its line and its cells."""

import contextlib
import csv
import difflib
import io
import json
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_bigs.data.tables.messages import shorten
from keras_bigs.errors import DataError


def delimited_records(
    path: Path,
    content: str,
    delimiter: str,
    quoting: bool,
    columns: Collection[str],
    column_names: Sequence[str] | None = None,
    all_columns: bool = False,
) -> Iterator[tuple[int, dict[str, str]]]:
    """The records of a text with a header line, or with `column_names`.

    Args:
        path: what errors call the text.
        content: the text.
        delimiter: what stands between two cells.
        quoting: whether a cell may be in double quotes.
        columns: the columns that must be there once.
        column_names: the names of all columns, where there is no header line.
        all_columns: whether no column may be there twice.

    Yields:
        The line, from 1, in which the record starts, and its cells by column.

    Raises:
        DataError: a column is missing, or a line is damaged.
    """
    lines = _lines_of_cells(path, content, delimiter, quoting)
    if column_names is None:
        source = "the header has"
        line, _, names = next(lines)
        where = f"{path}, line {line}"
        hint = " If that is no header line, give column_names."
    else:
        source = "column_names has"
        names = list(column_names)
        where = f"{path}, column_names"
        hint = ""
    for name in [*columns, *names] if all_columns else columns:
        _require_column(where, name, names, hint)

    for line, last_line, cells in lines:
        if len(cells) != len(names):
            if last_line > line:
                remedy = (
                    f"The record runs to line {last_line}: is a quote not closed? "
                    "Close it, or turn quoting off."
                )
            elif not quoting and any(cell.startswith('"') for cell in cells):
                remedy = "Some begin with a quote: perhaps turn quoting on."
            else:
                remedy = "Correct the line, or the column names."
            raise DataError(
                f"{path}, line {line}: {len(cells)} fields where {source} "
                f"{len(names)}. {remedy}"
            )
        if column_names is not None and cells == names:
            raise DataError(
                f"{path}, line {line}: the line repeats column_names. The file has a "
                "header line, so drop column_names."
            )
        yield line, dict(zip(names, cells, strict=True))


def jsonl_records(
    path: Path, content: str, columns: Collection[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a text with one a line, blank lines left out.

    Args:
        path: what errors call the text.
        content: the text.
        columns: what each object must have.

    Yields:
        The line, from 1, and the object.

    Raises:
        DataError: a line is no JSON object, or a column is missing.
    """
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
                f'{where}: {shorten(record)} is not an object such as {{"text": '
                '"...", "label": 1}. Write one object a line.'
            )
        for name in columns:
            _require_column(where, name, list(record))
        yield line, record


def _lines_of_cells(
    path: Path, content: str, delimiter: str, quoting: bool
) -> Iterator[tuple[int, int, list[str]]]:
    """First line, last line and cells of each record that is not blank."""
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
                cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{path}, line {line}: bad quoting in the record that starts here and "
                f"runs to line {reader.line_num} ({error}). Close its quotes and "
                "double those inside a cell, or turn quoting off."
            ) from error
        if cells:
            yield line, reader.line_num, cells


@contextlib.contextmanager
def _no_field_size_limit() -> Iterator[None]:
    limit = csv.field_size_limit(2**31 - 1)  # it is one for the whole process
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _require_column(where: str, name: str, names: list[str], hint: str = "") -> None:
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
            f"{shorten(names)}.{guess}{hint}"
        )
