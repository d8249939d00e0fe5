"""The labels of a table: as classes, or as numbers to predict."""

import math
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from keras_bigs.data.tables.messages import name_lines
from keras_bigs.data.tables.messages import shorten
from keras_bigs.data.tables.reading import TextTable
from keras_bigs.errors import DataError

# Half stars from 0.5 to 5 are classes; the 205 similarities of STS-B are not.
MAX_FRACTIONS = 10


def class_names(table: TextTable) -> list[str]:
    """The classes of a training table: its distinct labels, in order.

    Labels are names, also where they look like numbers: 0 and 1 are two classes. But
    where all are numbers and more than `MAX_FRACTIONS` of them are not whole, they are
    scores, of which each would become a class of its own.

    Args:
        table: `TextTable` with labels.

    Returns:
        What `label_vocabulary` returns.

    Raises:
        DataError: the table has no labels, or one class only; or its labels are scores.
    """
    labels = {label for _, label in _labels(table)}
    numbers = {_number(label) for label in labels}
    where = f"{table.path}: column {table.label_column!r}"
    if len(labels) < 2:
        raise DataError(
            f"{where} has one label only, {shorten(labels.pop())}. A classifier needs "
            "two or more."
        )
    if None not in numbers:
        fractions = [number for number in numbers if number % 1]
        if len(fractions) > MAX_FRACTIONS:
            raise DataError(
                f"{where} has {len(numbers)} different numbers from {min(numbers):g} "
                f"to {max(numbers):g}, {len(fractions)} of them not whole: these are "
                "scores, not classes. Predict them by regression (`--regression` of "
                "recipes.classify), or write them as names of classes."
            )
    return label_vocabulary(labels)


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
            f"did not see, {shorten(labels)}, in "
            f"{name_lines([line for line, _ in unknown])}. The known labels are "
            f"{shorten(list(classes))}. Correct the labels, or add such examples "
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
            f"{name_lines([line for line, _ in bad])}; the first is "
            f"{shorten(bad[0][1])}. Regression needs numbers such as 3.8; "
            "otherwise train a classifier."
        )
    return np.array(targets, "float32")


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
