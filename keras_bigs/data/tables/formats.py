"""The formats of labelled files."""

import os
from pathlib import Path

from keras_bigs.errors import DataError

FORMATS = ("tsv", "csv", "jsonl")


def table_format(path: str | os.PathLike, file_format: str | None = None) -> str:
    """`file_format` if given, else the format that the suffix of `path` names.

    Raises:
        DataError: it is not one of `FORMATS`.
    """
    if file_format is None:
        file_format = Path(path).suffix.lower().removeprefix(".")
    if file_format not in FORMATS:
        raise DataError(
            f"{path}: the format is {file_format!r}, not one of {FORMATS}. Rename the "
            "file."
        )
    return file_format
