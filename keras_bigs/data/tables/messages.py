"""How errors about a file name values and lines."""

import re
import reprlib
from collections.abc import Sequence

from keras_bigs.errors import DataError

_repr = reprlib.Repr()
_repr.maxlist = 20
_repr.maxstring = 60

shorten = _repr.repr
"""As `repr`, with the middle of what is long left out."""


def require_characters(where: str, what: str, text: str) -> None:
    """Raises `DataError` for what JSON can spell and no file of text can hold."""
    if character := re.search("[\0\ud800-\udfff]", text):
        raise DataError(
            f"{where}: {what} holds {character[0]!a}, which is no character of a text. "
            "Remove it."
        )


def name_lines(lines: Sequence[int]) -> str:
    """Such as "line 7" or "3 lines (7, 8, 9)", with the first few."""
    if len(lines) == 1:
        return f"line {lines[0]}"
    first = ", ".join(map(str, lines[:5]))
    return f"{len(lines)} lines ({first}{', ...' if len(lines) > 5 else ''})"
