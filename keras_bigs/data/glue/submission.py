"""What the leaderboard of GLUE takes: a flat zip of predictions, a file a test set."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_bigs.data.glue.tasks import GLUE_TASKS
from keras_bigs.files import atomic_write


def write_submission(
    path: str | os.PathLike,
    predictions: Mapping[str, Mapping[str, np.ndarray]],
) -> list[str]:
    """Writes a submission for the leaderboard (gluebenchmark.com).

    It takes all of CoLA, SST-2, MRPC, STS-B, QQP, MNLI-m, MNLI-mm, QNLI, RTE, WNLI and
    AX, a `.tsv` each with the header `index<TAB>prediction`. Predictions are words for
    MNLI, QNLI, RTE and AX, numbers from 0 to 5 for STS-B, and else 0 or 1. Test sets
    without predictions get a placeholder: the first class, or 0.

    Args:
        path: the zip file.
        predictions: by the name of the task and of the test split, `(n,)` integers,
            the predicted classes, or floats for STS-B, in the order of the test file.

    Returns:
        The names of the placeholder files, which are no results.

    Raises:
        ValueError: no such task or split, a number of predictions that is not that of
            the test set, or a prediction that is no class of the task or not finite.

    Example:
    ```python
    classes = np.zeros(146, "int32")
    missing = keras_bigs.data.glue.write_submission(
        "submission.zip", {"wnli": {"test": classes}}
    )
    ```
    """
    for name, splits in predictions.items():
        if name not in GLUE_TASKS:
            raise ValueError(f"`predictions` names {name!r}, not of {[*GLUE_TASKS]}.")
        for split in splits:
            if split not in GLUE_TASKS[name].test_splits:
                raise ValueError(
                    f"`predictions[{name!r}]` names {split!r}, not of "
                    f"{GLUE_TASKS[name].test_splits}."
                )
    files, placeholders = {}, []
    for task in GLUE_TASKS.values():
        for split, file in task.submission.items():
            values = predictions.get(task.name, {}).get(split)
            if values is None:
                placeholders.append(file)
                values = np.zeros(task.num_examples[split], "int32")
            files[file] = _spell(task, split, np.asarray(values))
    with (
        atomic_write(Path(path)) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for file, cells in files.items():
            rows = (f"{i}\t{cell}" for i, cell in enumerate(cells))
            archive.writestr(file, "\n".join(("index\tprediction", *rows)) + "\n")
    return placeholders


def _spell(task, split, values):
    """Predictions as the leaderboard wants them."""
    expected = (task.num_examples[split],)
    if values.shape != expected:
        raise ValueError(
            f"The {split} split of {task.name} takes predictions of shape {expected}. "
            f"Received: {values.shape}"
        )
    if task.classes is None:
        if not np.isfinite(values).all():
            raise ValueError(f"Predictions for {task.name} must be finite.")
        return [f"{value:.3f}" for value in np.clip(values, 0, 5)]
    bad = ~((values >= 0) & (values < len(task.classes)) & (values == values // 1))
    if bad.any():
        raise ValueError(
            f"Predictions for {task.name} must be classes from 0 to "
            f"{len(task.classes) - 1}. Received: {values[bad][0]}"
        )
    if task.writes_words:
        return [task.classes[int(value)] for value in values]
    return [str(int(value)) for value in values]
