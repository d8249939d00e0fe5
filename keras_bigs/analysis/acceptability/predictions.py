"""Acceptability as models predict it: of presets, or of files of predictions."""

import pathlib

import numpy as np

from keras_bigs.analysis.classifiers import class_outputs
from keras_bigs.data.glue.tasks import GLUE_TASKS
from keras_bigs.data.tables.messages import shorten
from keras_bigs.data.tables.reading import read_table
from keras_bigs.errors import DataError
from keras_bigs.models import BiGSTextClassifier
from keras_bigs.training.classifier_run import predict_with_preset

CLASSES = GLUE_TASKS["cola"].classes
"""CoLA's classes: "0", and "1" for acceptable sentences."""


def cola_predictions(sources, sentences):
    """Predictions of CoLA by one model, with one or several seeds.

    Args:
        sources: a list of strings, one a seed: presets of `BiGSTextClassifier`, such as
            `preset/` of a run of `recipes.glue`; or files of predictions, TSV, CSV or
            JSONL, with columns `sentence` and `prediction`, which is 0 or 1.
        sentences: list of n strings.

    Returns:
        `(seeds, n)` int8: 1 for sentences that are called acceptable, 0 for others, and
        -1 for those that a file does not have.

    Raises:
        ConfigError: there is no such preset or file, or the preset is no classifier
            of CoLA's classes.
        DataError: a file is damaged, has a prediction that is neither 0 nor 1, or two
            different ones of a sentence; or it has none of the sentences.

    Example:
    ```python
    sentences = ["The rope stretched.", "The rope stretched itself over."]
    with open("seed_0.tsv", "w") as file:
        file.write("sentence\\tprediction\\nThe rope stretched.\\t1\\n")
    keras_bigs.analysis.cola_predictions(["seed_0.tsv"], sentences)  # [[1, -1]]
    ```
    """
    # All that can be wrong comes first: presets take their time.
    read = {
        source: _of_file(pathlib.Path(source), sentences)
        if pathlib.Path(source).is_file()
        else class_outputs(source, CLASSES, "CoLA")[CLASSES.index("1")]
        for source in sources
    }
    rows = []
    for source in sources:
        if isinstance(read[source], int):
            logits = predict_with_preset(BiGSTextClassifier, source, sentences)
            rows.append(logits.argmax(-1) == read[source])
        else:
            rows.append(read[source])
    return np.array(rows, "int8")


def _of_file(path, sentences):
    table = read_table(path, text="sentence", label="prediction")
    found = {}
    for line, text, label in zip(
        table.line_numbers, table.texts, table.labels, strict=True
    ):
        where = f"{path}, line {line}"
        if label not in CLASSES:
            raise DataError(
                f"{where}: column 'prediction' must be 0 or 1. Received: "
                f"{shorten(label)}"
            )
        if found.setdefault(text, int(label)) != int(label):
            raise DataError(
                f"{where}: {shorten(text)} is predicted {label}, and {found[text]} "
                "before. Remove one of the lines."
            )
    predictions = [found.get(text, -1) for text in sentences]
    if set(predictions) == {-1}:
        raise DataError(
            f"{path}: none of the sentences is annotated, such as "
            f"{shorten(table.texts[0])}. Give predictions of CoLA's development set."
        )
    return predictions
