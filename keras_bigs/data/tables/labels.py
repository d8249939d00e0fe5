"""The labels of a table: as classes, one or several a text, or as numbers."""

import math
from collections.abc import Collection
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
    _require_known(table, _labels(table), index)
    return np.array([index[label] for _, label in _labels(table)], "int32")


def multi_label_classes(table: TextTable, separator: str = "|") -> list[str]:
    """The classes of a training table whose texts have any number of labels each.

    A cell "sport|politics" has two labels, and an empty one has none. Whitespace around
    a label does not count. What is a list in JSONL has its items as labels.

    Args:
        table: `TextTable` with labels, read with `multi_label=True`.
        separator: what stands between two labels of a cell.

    Returns:
        The distinct labels of all cells, in the order of `label_vocabulary`.

    Raises:
        DataError: the table has no labels, or has fewer than two distinct ones; or a
            cell has an empty label, one label twice, or in a list one that contains
            the separator.
        ValueError: `separator` is empty.

    Example:
    ```python
    tables = keras_bigs.data.tables
    table = tables.read_table("news.csv", "text", label="topics", multi_label=True)
    classes = tables.multi_label_classes(table)  # ["politics", "sport"]
    labels = tables.encode_multi_labels(table, classes)  # [[1., 1.], [0., 0.], ...]
    ```
    """
    classes = {label for _, labels in _label_sets(table, separator) for label in labels}
    if len(classes) < 2:
        found = f"one label only, {shorten(classes.pop())}" if classes else "no labels"
        raise DataError(
            f"{table.path}: column {table.label_column!r} has {found}. Multi-label "
            "classification needs two or more. For one label that a text has or lacks, "
            "give both cases a name, such as yes and no, and train on single labels."
        )
    return label_vocabulary(classes)


def encode_multi_labels(
    table: TextTable, classes: Sequence[str], separator: str = "|"
) -> np.ndarray:
    """Which of `classes` each text has: float32, `(len(table), len(classes))`.

    Args:
        table: as for `multi_label_classes`.
        classes: the names of the classes.
        separator: as for `multi_label_classes`.

    Returns:
        1.0 where the text has the class, else 0.0: the labels that
        `BiGSTextClassifier(..., multi_label=True)` takes.

    Raises:
        DataError: as for `multi_label_classes`, but for the number of distinct labels;
            or a label is not in `classes`.
        ValueError: `separator` is empty.
    """
    index = {name: i for i, name in enumerate(classes)}
    rows = _label_sets(table, separator)
    pairs = [(line, label) for line, labels in rows for label in labels]
    _require_known(table, pairs, index)
    encoded = np.zeros((len(rows), len(classes)), "float32")
    for row, (_, labels) in zip(encoded, rows, strict=True):
        row[[index[label] for label in labels]] = 1
    return encoded


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


def encode(
    table: TextTable,
    classes: Sequence[str] | None,
    multi_label: bool = False,
    separator: str = "|",
) -> np.ndarray:
    """The labels as a classifier of `classes`, or a regressor, takes them.

    Args:
        table: `TextTable` with labels.
        classes: the names of the classes; `None` for numbers.
        multi_label: whether a text has any number of them.
        separator: what stands between those of a text.

    Returns:
        What `encode_targets`, `encode_multi_labels` or `encode_labels` returns.

    Raises:
        DataError: as these do.

    Example:
    ```python
    from keras_bigs.data import tables

    table = tables.read_table("train.tsv", text="sentence", label="label")
    labels = tables.encode(table, tables.class_names(table))
    ```
    """
    if classes is None:
        return encode_targets(table)
    if multi_label:
        return encode_multi_labels(table, classes, separator)
    return encode_labels(table, classes)


def _label_sets(table: TextTable, separator: str) -> list[tuple[int, list[str]]]:
    """The line and the distinct labels of each example."""
    if not separator:
        raise ValueError(f"`separator` must not be empty. Received: {separator!r}")
    rows = []
    for line, cell in _labels(table):
        where = f"{table.path}, line {line}: column {table.label_column!r}"
        if isinstance(cell, list):
            labels = cell
            # A table of predictions has them in one cell.
            if joined := [label for label in labels if separator in label]:
                raise DataError(
                    f"{where} has the label {shorten(joined[0])}, in which "
                    f"{separator!r} would separate two labels. Choose another "
                    "separator."
                )
        else:
            labels = [label.strip() for label in cell.split(separator)] if cell else []
        if "" in labels:
            raise DataError(
                f"{where} holds {shorten(cell)}, which has an empty label. Remove it."
            )
        if len(set(labels)) < len(labels):
            twice = next(label for label in labels if labels.count(label) > 1)
            raise DataError(
                f"{where} holds {shorten(cell)}, which has the label "
                f"{shorten(twice)} {labels.count(twice)} times. Leave one of them."
            )
        rows.append((line, labels))
    return rows


def _require_known(
    table: TextTable, pairs: Iterable[tuple[int, str]], classes: Collection[str]
) -> None:
    """Raises `DataError` for the labels of `(line, label)` that are no classes."""
    unknown = [(line, label) for line, label in pairs if label not in classes]
    if unknown:
        labels = label_vocabulary(label for _, label in unknown)
        lines = list(dict.fromkeys(line for line, _ in unknown))
        raise DataError(
            f"{table.path}: column {table.label_column!r} has labels that training "
            f"did not see, {shorten(labels)}, in {name_lines(lines)}. The known labels "
            f"are {shorten(list(classes))}. Correct the labels, or add such examples "
            "to the training file."
        )


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
    # Python reads "3_8" as 38.
    if "_" in label:
        return None
    return number if math.isfinite(number) else None
