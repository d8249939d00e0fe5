"""CoLA's development set with grammatical annotations (Warstadt & Bowman 2019)."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_bigs.data.tables.messages import shorten
from keras_bigs.data.tables.records import delimited_records
from keras_bigs.data.text_files import read_text
from keras_bigs.errors import DataError

COLA_FEATURES = {
    "Simple": ("Simple",),
    "Predicate": ("Copula", "Pred/SC", "Result/Depictive"),
    "Adjunct": (
        "Particle",
        "VP Adjunct",
        "NP Adjunct",
        "Temporal",
        "Locative",
        "Misc",
    ),
    "Argument Type": (
        "Oblique",
        "PP Arg-VP",
        "PPArg-NP/AP",
        "by-Phrase",
        "Expletive",
    ),
    "Arg Altern": ("High Arity", "Drop Arg", "Add Arg", "Passive"),
    "Imperative": ("Imperative",),
    "Binding": ("Binding:Refl", "Binding:Other"),
    "Question": ("Matrix Q", "Emb Q", "Complex QP", "RC", "Island"),
    "Comp Clause": (
        "CP Subj",
        "CP Arg VP",
        "CP Arg NP/AP",
        "Non-finite CP",
        "No C-izer",
        "Deep Embed",
    ),
    "Auxiliary": ("Neg", "Modal", "Aux", "Psuedo-Aux"),
    "to-VP": (
        "Control",
        "Raising",
        "VP+Extract",
        "VP arg-NP/AP",
        "Non-finite VP Misc",
    ),
    "N, Adj": (
        "Deverbal",
        "Rel NP",
        "Trans NP",
        "Compx NP",
        "NNCompd",
        "Rel Adj",
        "Trans Adj",
    ),
    "S-Syntax": (
        "Dislocation",
        "Info Struc",
        "Frag/Paren",
        "Coord",
        "Subordinate/Cond",
        "Ellipsis/Anaphor",
        "S-Adjunct",
    ),
    "Determiner": ("Quantifier", "Partitive", "NPI/FCI", "Comparative"),
    "Violations": (
        "Sem  Violation",
        "Infl/Agr Violation",
        "Extra/Mising Expr",
    ),
}
"""The 63 minor features by the 15 major ones, spelled as in the files.

A sentence has a major feature where it has one of its minor ones. The paper (appendix
A.3) speaks of 13 syntactic phenomena, as the annotations' authors do. The other two are
not phenomena: `"Simple"`, for sentences in which nothing is marked, and `"Violations"`,
kinds of errors, which no acceptable sentence has, so that Matthews' correlation is not
defined. (The paper does not list its 13; these two follow from what they mark.)
"""

_NO_PHENOMENA = ("Simple", "Violations")
COLA_PHENOMENA = tuple(name for name in COLA_FEATURES if name not in _NO_PHENOMENA)
"""The 13 major features that are syntactic phenomena."""

_COLUMNS = ("Source", "Domain", "Acceptability", "Sentence")
_FILE = "CoLA_grammatical_annotations_{}_features.tsv"


@dataclass(frozen=True)
class ColaAnnotations:
    """Annotated sentences of CoLA.

    Attributes:
        sentences: the texts, of which some may be equal.
        labels: `(n,)` int32, 1 for acceptable sentences.
        major: dict of `(n,)` bool arrays by the name of a major feature: which
            sentences have it.
        minor: the same of the minor features.
    """

    sentences: list[str]
    labels: np.ndarray
    major: dict[str, np.ndarray]
    minor: dict[str, np.ndarray]


def read_cola_annotations(folder: str | os.PathLike) -> ColaAnnotations:
    """Reads the grammatically annotated development set of CoLA.

    Of its 1,043 sentences, 5 have other words than in GLUE's development set, where
    they were damaged, and 4 another label. These are taken as they are here.

    Args:
        folder: has `CoLA_grammatical_annotations_major_features.tsv` and
            `CoLA_grammatical_annotations_minor_features.tsv`.

    Returns:
        `ColaAnnotations`, one sentence at least.

    Raises:
        DataError: a file is missing or damaged, its columns are not those, in any
            order; a label or feature is neither 0 nor 1; a sentence is empty; or both
            files do not have the same sentences with the same labels.

    Example:
    ```python
    cola = keras_bigs.data.syntax.read_cola_annotations("cola_annotated")
    cola.sentences[0], cola.labels[0], cola.major["Question"].sum()
    ```
    """
    folder = Path(folder)
    minor_names = [name for names in COLA_FEATURES.values() for name in names]
    rows, major = _read(folder / _FILE.format("major"), COLA_FEATURES)
    others, minor = _read(folder / _FILE.format("minor"), minor_names)
    if len(rows) != len(others):
        raise DataError(
            f"{folder}: there are {len(rows)} sentences with major features and "
            f"{len(others)} with minor ones. Download both files again."
        )
    for row, other in zip(rows, others, strict=True):
        if row[1:] != other[1:]:
            raise DataError(
                f"{row[0]}: the sentence and label are {shorten(row[1:])}, and in "
                f"{other[0]} {shorten(other[1:])}. Download both files again."
            )
    _, sentences, labels = zip(*rows, strict=True)
    return ColaAnnotations(list(sentences), np.array(labels, "int32"), major, minor)


def _read(path, features):
    """Place, sentence and label of each row, and a bool array for each feature."""
    if not path.is_file():
        raise DataError(
            f"{path} is missing. Give the folder with both files of the annotated "
            "development set: https://github.com/nyu-mll/CoLA"
        )
    content = read_text(path)
    if not content or content.isspace():
        raise DataError(f"{path}: the file is empty. Download it again.")
    wanted = (*_COLUMNS, *features)
    rows, values = [], []
    for line, record in delimited_records(path, content, "\t", False, wanted):
        where = f"{path}, line {line}"
        if unknown := sorted(record.keys() - set(wanted)):
            raise DataError(
                f"{path}: the columns {shorten(unknown)} are none of the annotations'. "
                "Remove them."
            )
        if not record["Sentence"].strip():
            raise DataError(f"{where}: the sentence is empty. Remove the line.")
        label = _bit(where, record, "Acceptability")
        rows.append((where, record["Sentence"], label))
        values.append([_bit(where, record, name) for name in features])
    if not rows:
        raise DataError(f"{path}: there is a header line, but no rows follow it.")
    columns = np.array(values, bool).T
    return rows, dict(zip(features, columns, strict=True))


def _bit(where, record, name):
    if record[name] not in ("0", "1"):
        raise DataError(
            f"{where}: column {name!r} must be 0 or 1. Received: "
            f"{shorten(record[name])}"
        )
    return int(record[name])
