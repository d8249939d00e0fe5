"""A split of a GLUE task: from the official download's layout, or from TFDS."""

import os
import warnings
from pathlib import Path

from keras_bigs.data.glue.tasks import GlueTask
from keras_bigs.data.tables.messages import shorten
from keras_bigs.data.tables.reading import TextTable
from keras_bigs.data.tables.reading import read_table
from keras_bigs.data.tfds import open_builder
from keras_bigs.errors import DataError


def read_glue(
    task: GlueTask,
    split: str,
    data_dir: str | os.PathLike | None = None,
    tfds_dir: str | os.PathLike | None = None,
) -> TextTable:
    """Reads a split of a GLUE task.

    In the official download's layout, `data_dir` has a folder for each task, such as
    `CoLA`, with `train.tsv`, `dev.tsv` and `test.tsv`. Where such a file is missing,
    one named `train.<what it is>.tsv` with the same columns stands in for it, and a
    warning says so; as it does of a split with more or fewer rows than the official.

    Args:
        task: one of `GLUE_TASKS`.
        split: one of `task.num_examples`: "train", "dev" or "test"; for MNLI also
            "dev_matched" and so on.
        data_dir: the folder of the tasks' folders. `None` for TensorFlow Datasets.
        tfds_dir: where TensorFlow Datasets' data are; `None` for its default.

    Returns:
        `TextTable`, with labels as they are in the official files unless it is a test
        split, which has none.

    Raises:
        DataError: there is no such split, folder or file; a row is malformed; or a
            label is none of the task's.

    Example:
    ```python
    task = keras_bigs.data.glue.GLUE_TASKS["cola"]
    table = keras_bigs.data.glue.read_glue(task, "dev", data_dir="glue_data")
    table.texts, table.labels
    ```
    """
    if split not in task.num_examples:
        raise DataError(
            f"`split` of {task.name} must be one of {list(task.num_examples)}. "
            f"Received: {split!r}"
        )
    if data_dir is None:
        table = _of_tfds(task, split, tfds_dir)
    else:
        table = _of_file(task, split, Path(data_dir))
    _check_labels(task, table)
    expected = task.num_examples[split]
    if len(table) != expected:
        warnings.warn(
            f"{table.path} has {len(table):,} examples, and {task.name}'s official "
            f"{split} split {expected:,}: scores do not compare with others'.",
            stacklevel=2,
        )
    return table


def _of_file(task, split, data_dir):
    folder = data_dir / task.folder
    if not folder.is_dir():
        raise DataError(
            f"{data_dir} has no folder {task.folder!r} for {task.name}. Download GLUE "
            "in the official layout, or leave out data_dir for TensorFlow Datasets."
        )
    path = folder / task.file(split)
    if not path.exists():
        path = _stand_in(path)
    texts = dict(zip(("text", "text_pair"), task.texts, strict=False))
    return read_table(
        path,
        **texts,
        label=None if split in task.test_splits else task.label,
        column_names=task.columns.get(split),
        quoting=False,
    )


def _stand_in(path):
    """The one file of the same name with a word more about what it is."""
    others = sorted(path.parent.glob(f"{path.stem}.*{path.suffix}"))
    if len(others) != 1:
        raise DataError(f"{path} is missing. The folder has {_names(path.parent)}.")
    warnings.warn(
        f"{others[0]} stands in for {path.name}, which is missing: scores do not "
        "compare with others'.",
        stacklevel=4,
    )
    return others[0]


def _names(folder):
    return shorten(sorted(path.name for path in folder.iterdir()))


def _of_tfds(task, split, tfds_dir):
    """The same from TensorFlow Datasets, in the order of the official file."""
    name, tfds_split = f"glue/{task.name}", split.replace("dev", "validation")
    builder = open_builder(name, tfds_split, tfds_dir)
    rows = list(builder.as_dataset(split=tfds_split).as_numpy_iterator())
    # Examples are stored shuffled; a submission is in the order of the test file.
    rows.sort(key=lambda row: row["idx"])
    texts = [
        [row[feature].decode() for row in rows]
        for feature in task.tfds_texts or task.texts
    ]
    labels = None
    if split not in task.test_splits and task.label is not None:
        labels = [_label(task, row["label"]) for row in rows]
    return TextTable(
        texts=texts[0],
        text_pairs=texts[1] if len(texts) > 1 else None,
        labels=labels,
        line_numbers=[int(row["idx"]) for row in rows],
        path=Path(name) / tfds_split,
        label_column="label",
    )


def _label(task, label):
    return f"{label:g}" if task.classes is None else task.classes[label]


def _check_labels(task, table):
    """Finds out whether all labels are the task's."""
    if table.labels is None or task.classes is None:
        return
    for line, label in zip(table.line_numbers, table.labels, strict=True):
        if label not in task.classes:
            raise DataError(
                f"{table.path}, line {line}: column {table.label_column!r} holds "
                f"{shorten(label)}, and the labels of {task.name} are "
                f"{list(task.classes)}. Correct the line."
            )
