"""Minimal pairs: two sentences, of which one is grammatical."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from keras_bigs.data import sampling
from keras_bigs.data.json_fields import get
from keras_bigs.data.tables.formats import table_format
from keras_bigs.data.tables.records import delimited_records
from keras_bigs.data.tables.records import jsonl_records
from keras_bigs.data.text_files import read_text
from keras_bigs.data.text_files import without_gz
from keras_bigs.errors import DataError

# The names of both sentences and of the group: BLiMP's, and plain ones.
_BLIMP = ("sentence_good", "sentence_bad", "UID")
_PLAIN = ("good", "bad", "group")


class MinimalPair(NamedTuple):
    """Two sentences that differ in what makes one of them wrong.

    Attributes:
        good: the grammatical sentence.
        bad: the ungrammatical one.
        group: what its accuracy is reported with, such as a row of a table.
        where: the file and the line in it.
    """

    good: str
    bad: str
    group: str
    where: str


def read_pairs(path: str | os.PathLike, group: str | None = None) -> list[MinimalPair]:
    """Reads minimal pairs of any kind from JSON lines or a TSV file.

    - JSONL with the names of BLiMP (Warstadt et al. 2020), `sentence_good` and
      `sentence_bad`, grouped by `UID`; or with `good` and `bad`, grouped by `group`
      where a line has it.
    - TSV, without quoting, with a header line that names `good` and `bad`, and perhaps
      `group`.

    What has no group is in one with the name of the file. Sentences may be empty: who
    scores them leaves them out and says so.

    Args:
        path: the file (`.jsonl` or `.tsv`), also compressed by gzip.
        group: the name of another key or column to group by, such as BLiMP's `field`
            or `linguistics_term`, which each line must have.

    Returns:
        A list of `MinimalPair` in the order of the file, one at least.

    Raises:
        DataError: the file cannot be read or has no pairs; or a line is of neither
            form, or has what is no text.

    Example:
    ```python
    pairs = keras_bigs.data.syntax.read_pairs("npi.jsonl", group="linguistics_term")
    pairs[0].good, pairs[0].bad, pairs[0].group
    ```
    """
    path = Path(path)
    file_format = table_format(without_gz(path))
    if file_format == "csv":
        raise DataError(f"{path}: pairs are read from JSONL or TSV. Write it as one.")
    content = read_text(path)
    if not content or content.isspace():
        raise DataError(f"{path}: the file is empty.")
    if file_format == "jsonl":
        records = jsonl_records(path, content, ())
    else:
        columns = ("good", "bad") if group is None else ("good", "bad", group)
        records = delimited_records(
            path, content, delimiter="\t", quoting=False, columns=columns
        )
    pairs = []
    for line, record in records:
        where = f"{path}, line {line}"
        good, bad, own_group = _names(where, record)
        name = without_gz(path).stem
        if group is not None or own_group in record:
            name = get(where, record, group or own_group, str)
        pairs.append(
            MinimalPair(
                get(where, record, good, str), get(where, record, bad, str), name, where
            )
        )
    if not pairs:
        raise DataError(f"{path}: there is a header line, but no pairs follow it.")
    return pairs


def draw_by_group(
    pairs: Sequence[MinimalPair], number: int | None, seed: int = 0
) -> list[MinimalPair]:
    """So many pairs of each group, drawn at random, in their order.

    Args:
        pairs: `MinimalPair`s.
        number: int. How many of a group, all of it where it has fewer; `None` for all.
        seed: int. The same one draws the same pairs.

    Raises:
        ConfigError: `number` is below 1.

    Example:
    ```python
    MinimalPair = keras_bigs.data.syntax.MinimalPair
    pairs = [
        MinimalPair("she runs", "she run", group, "")
        for group in ("a", "a", "a", "b")
    ]
    keras_bigs.data.syntax.draw_by_group(pairs, 2)  # two of "a", one of "b"
    ```
    """
    places: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        places.setdefault(pair.group, []).append(place)
    kept = []
    for group in places.values():
        size = None if number is None else min(number, len(group))
        kept += sampling.draw(group, size, seed, "examples_per_case")
    return [pairs[place] for place in sorted(kept)]


def _names(where, record):
    """The keys of both sentences and of the group."""
    for names in (_BLIMP, _PLAIN):
        if all(name in record for name in names[:2]):
            return names
    raise DataError(
        f"{where}: a minimal pair must have {_BLIMP[:2]}, as in BLiMP, or {_PLAIN[:2]}."
        f" Its names are {list(record)}. Rename them."
    )
