"""Agreement, reflexives and negative polarity (Marvin and Linzen 2018)."""

import os
from pathlib import Path

from keras_bigs.data.syntax.pairs import MinimalPair
from keras_bigs.data.tables.records import delimited_records
from keras_bigs.data.text_files import read_text
from keras_bigs.errors import DataError

MARVIN_LINZEN_ROWS = {
    "Simple": ("simple_agrmt",),
    "In a sentential complement": ("sent_comp",),
    "Short VP coordination": ("vp_coord",),
    "Long VP coordination": ("long_vp_coord",),
    "Across a prepositional phrase": ("prep_anim", "prep_inanim"),
    "Across a subject relative clause": ("subj_rel",),
    "Across an object relative clause": (
        "obj_rel_across_anim",
        "obj_rel_across_inanim",
    ),
    "Across an object relative (no that)": (
        "obj_rel_no_comp_across_anim",
        "obj_rel_no_comp_across_inanim",
    ),
    "In an object relative clause": (
        "obj_rel_within_anim",
        "obj_rel_within_inanim",
    ),
    "In an object relative (no that)": (
        "obj_rel_no_comp_within_anim",
        "obj_rel_no_comp_within_inanim",
    ),
    "Reflexive: simple": ("simple_reflexives",),
    "Reflexive: in a sentential complement": ("reflexive_sent_comp",),
    "Reflexive: across a relative clause": ("reflexives_across",),
    "NPI: simple": ("simple_npi_anim", "simple_npi_inanim"),
    "NPI: across a relative clause": ("npi_across_anim", "npi_across_inanim"),
}
"""The cases of the files by row: those of the paper's table 5, where as in Goldberg
(2019) sentences with animate and inanimate subjects are one, and two of negative
polarity items ("ever"), which it has not. The first ten are subject-verb agreement."""

_TABLE_5 = {
    "BiGS": (
        *(100.0, 85.1, 91.0, 97.5, 88.6, 88.4, 89.9, 86.9, 97.2, 88.7),
        *(97.1, 79.9, 79.1),
    ),
    "BERT": (
        *(100.0, 85.6, 86.5, 97.5, 84.8, 84.9, 85.1, 81.1, 99.1, 81.6),
        *(98.9, 86.2, 75.9),
    ),
    "LSTM": (
        *(94.0, 99.0, 90.0, 61.0, 57.0, 56.0, 50.0, 52.0, 84.0, 71.0),
        *(83.0, 86.0, 55.0),
    ),
}
TABLE_5 = {
    model: dict(zip(list(MARVIN_LINZEN_ROWS)[:13], scores, strict=True))
    for model, scores in _TABLE_5.items()
}
"""The paper's table 5: accuracy in percent by model and row. That of the LSTM is from
Goldberg (2019)."""

_COLUMNS = ("case", "condition", "good", "bad", "bad2")
_ROW_OF_CASE = {
    case: row for row, cases in MARVIN_LINZEN_ROWS.items() for case in cases
}


def read_marvin_linzen(path: str | os.PathLike) -> list[MinimalPair]:
    """Reads the stimuli of Marvin and Linzen (2018).

    A TSV file with the columns `case`, `condition`, `good`, `bad` and `bad2`, which
    only negative polarity items have: they make two pairs, and the group says which.
    `bad` begins with "the" where `good` has "no" (across a relative clause "no" is then
    inside of it), and `bad2` with "most". As in Goldberg (2019), each sentence gets a
    full stop.

    Args:
        path: the file, also compressed by gzip.

    Returns:
        A list of `MinimalPair`, one at least, in the order of `MARVIN_LINZEN_ROWS`, and
        within a row of the file. The group is the row.

    Raises:
        DataError: the file cannot be read; a line has other columns, an unknown case or
            an empty sentence.

    Example:
    ```python
    pairs = keras_bigs.data.syntax.read_marvin_linzen("marvin_linzen.tsv.gz")
    pairs[0]  # good="the author laughs .", bad="the author laugh .", group="Simple"
    ```
    """
    path = Path(path)
    content = read_text(path)
    if not content or content.isspace():
        raise DataError(f"{path}: the file is empty.")
    groups = {row: [] for row in MARVIN_LINZEN_ROWS}
    for line, record in delimited_records(
        path, content, delimiter="\t", quoting=False, columns=_COLUMNS
    ):
        where = f"{path}, line {line}"
        row = _ROW_OF_CASE.get(record["case"])
        if row is None:
            raise DataError(
                f"{where}: the case {record['case']!r} is none of "
                f"{sorted(_ROW_OF_CASE)}. Correct or remove it."
            )
        contrasts = {row: "bad"}
        if row.startswith("NPI"):
            contrasts = {f"{row}, no or most": "bad2", f"{row}, no or the": "bad"}
        for group, name in contrasts.items():
            for column in ("good", name):
                if not record[column] or record[column].isspace():
                    raise DataError(
                        f"{where}: column {column!r} is empty. Fill it in, or remove "
                        "the line."
                    )
            good, bad = (f"{record[column]} ." for column in ("good", name))
            groups[row].append(MinimalPair(good, bad, group, where))
    pairs = [pair for group in groups.values() for pair in group]
    if not pairs:
        raise DataError(f"{path}: there is a header line, but no pairs follow it.")
    return pairs
