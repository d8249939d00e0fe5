"""How errors about a file name values and lines."""

import reprlib
from collections.abc import Sequence

_repr = reprlib.Repr()
_repr.maxlist = 20
_repr.maxstring = 60

shorten = _repr.repr
"""As `repr`, with the middle of what is long left out."""


def name_lines(lines: Sequence[int]) -> str:
    """Such as "line 7" or "3 lines (7, 8, 9)", with the first few."""
    if len(lines) == 1:
        return f"line {lines[0]}"
    first = ", ".join(map(str, lines[:5]))
    return f"{len(lines)} lines ({first}{', ...' if len(lines) > 5 else ''})"
