"""Writing columns of text and numbers as a TSV, CSV or JSONL file."""

import csv
import json
import math
import os
import re
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_bigs.data.tables.formats import table_format
from keras_bigs.files import atomic_write


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
            `None` is an empty cell, or `null`; in JSONL so are numbers that are not
            finite.
        file_format: "tsv", "csv" or "jsonl". Default: the suffix of `path`.

    Raises:
        DataError: the format is unknown.
        ValueError: the columns differ in length.

    Example:
    ```python
    columns = {"text": ["A gripping film."], "label": [1]}
    keras_bigs.data.tables.write_table("films.csv", columns)
    ```
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
                # JSON has no NaN.
                cells = (None if _is_undefined(cell) else cell for cell in row)
                record = dict(zip(columns, cells, strict=True))
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


def _is_undefined(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _plain(value: Any) -> Any:
    """A NumPy scalar as Python's; float32 0.9 as 0.9, not 0.8999999761581421."""
    if isinstance(value, np.floating):
        return float(str(value))
    return value.item() if isinstance(value, np.generic) else value
