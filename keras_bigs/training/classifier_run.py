"""A fine-tuning run of a text classifier or regressor, and what its preset predicts."""

import functools
import json
import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from scipy.special import expit

from keras_bigs.data.batches import BucketedBatches
from keras_bigs.files import sha256
from keras_bigs.models.row_prediction import parts_of_batches
from keras_bigs.ssm.kernel import round_up
from keras_bigs.training import evaluation
from keras_bigs.training.figures import draw
from keras_bigs.training.fine_tuning import start_from_mean
from keras_bigs.training.fine_tuning_report import plot_outputs
from keras_bigs.training.fine_tuning_run import Prepared
from keras_bigs.training.fine_tuning_run import fine_tuning_run
from keras_bigs.training.multi_label import best_thresholds
from keras_bigs.training.multi_label import multi_label_metrics
from keras_bigs.training.multi_label import plot_label_scores


@dataclass(frozen=True, kw_only=True)
class ClassifierData:
    """What a classifier is trained and evaluated on.

    Attributes:
        train: `(x, labels)`: texts, or a tuple of both texts of pairs; and an array of
            classes, of rows of zeros and ones for `multi_label`, or of numbers.
        validation: the same by name; the first says which epoch is best.
        classes: the names of the classes, or `None` for numbers.
        multi_label: bool. Whether a text has any number of labels.
        notes: what a reader of the results should know of the data.
    """

    train: tuple[Any, np.ndarray]
    validation: dict[str, tuple[Any, np.ndarray]]
    classes: list[str] | None
    multi_label: bool = False
    notes: tuple[str, ...] = ()

    def texts(self) -> list[str]:
        """All training texts, such as to learn a vocabulary from."""
        x, _ = self.train
        return [*x[0], *x[1]] if isinstance(x, tuple) else list(x)

    @functools.cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of what results depend on: other data, other fingerprint."""
        parts = [self.train, *self.validation.values()]
        plain = [[x, np.asarray(labels).tolist()] for x, labels in parts]
        return sha256(json.dumps([self.classes, self.multi_label, plain]))


def classifier_run(
    directory,
    data: ClassifierData,
    encoder,
    options,
    metric=None,
    inspect: Callable | None = None,
    sequence_length=128,
    verbose="auto",
):
    """Fine-tunes a `BiGSTextClassifier`, and leaves all of it in a directory.

    See `fine_tuning_run`. There is a figure of the first validation set: a confusion
    matrix, predictions against numbers, or F1 by label; and in the preset
    `classes.json`, with several labels a text also `thresholds.json`.

    Args:
        directory: where.
        data: `ClassifierData`.
        encoder: `EncoderConfig`.
        options: `FineTuningConfig`.
        metric: as for `fine_tune`.
        inspect: a function of the task before it is trained that returns a dict, which
            is added to the results.
        sequence_length: int. The most tokens, where `encoder` does not say.
        verbose: as for `keras.Model.fit`.

    Returns:
        As `fine_tuning_run`; and `splits`, the metrics of each validation set; and with
        several labels a text `thresholds`, the probability from which each is best
        predicted on the first validation set, and `metrics_at_thresholds`, those of
        that same set.
    """
    directory = pathlib.Path(directory)
    num_classes = 1 if data.classes is None else len(data.classes)
    first = next(iter(data.validation))

    def prepare():
        options.begin(encoder.dtype)
        task = encoder.text_classifier(
            num_classes, data.texts, data.multi_label, sequence_length
        )
        found = {} if inspect is None else inspect(task)
        if num_classes == 1:
            start_from_mean(task, data.train[1])

        def batches(x, labels=None, **kwargs):
            kwargs |= {"batch_size": options.batch_size, "seed": options.seed}
            return BucketedBatches.for_task(task, x, labels, **kwargs)

        train = batches(*data.train, shuffle=True)
        validation = {name: batches(*part) for name, part in data.validation.items()}
        for name, part in {"training": train, **validation}.items():
            _say_full(name, part, task.preprocessor.sequence_length)

        def report_all(task, tuned):
            outputs = {
                name: evaluation.predict(tuned.model, part)
                for name, part in validation.items()
            }
            results = found | {
                "splits": {
                    name: evaluation.metrics_of(outputs[name], part.labels)
                    for name, part in validation.items()
                }
            }
            if data.multi_label:
                results |= _report_labels(
                    directory, data, validation[first].labels, expit(outputs[first])
                )
            else:
                labels = validation[first].labels
                draw(plot_outputs, directory, labels, outputs[first], data.classes)
            return results

        return Prepared(
            task,
            train,
            validation[first],
            metric=metric,
            report=report_all,
            preset_files=lambda results: {
                f"{name}.json": json.dumps(value, ensure_ascii=False)
                for name, value in (
                    ("classes", data.classes),
                    ("thresholds", results.get("thresholds")),
                )
                if value is not None
            },
        )

    identity = {"metric": metric, "data_sha256": data.fingerprint}
    return fine_tuning_run(directory, encoder, options, identity, prepare, verbose)


def predict_with_preset(task_class, preset, x, batch_size=32):
    """The outputs of a task that a run has left.

    Args:
        task_class: such as `keras_bigs.models.BiGSTextClassifier`.
        preset: the directory.
        x: as for the task's `predict`.
        batch_size: int.

    Returns:
        float32 array, one row an example: logits, or predicted numbers. They are
        computed in float32, whatever policy the process has trained under.
    """
    task = task_class.from_preset(str(preset), dtype="float32")
    batch_size = round_up(batch_size, parts_of_batches())
    batches = BucketedBatches.for_task(task, x, batch_size=batch_size)
    return evaluation.predict(keras.Model(task.input, task.output), batches)


def _say_full(name, batches, limit):
    full = int((batches.lengths >= limit).sum())
    if full:
        print(
            f"{name}: {full:,} of {batches.num_examples:,} inputs fill all {limit:,} "
            "tokens that are read of them; what is longer is cut."
        )


def _report_labels(directory, data, labels, probabilities):
    """Thresholds, what they are worth on the set that they are of, and a figure."""
    thresholds = best_thresholds(labels, probabilities)
    predictions = probabilities >= thresholds
    path = directory / "label_scores.png"
    draw(plot_label_scores, path, data.classes, labels, predictions)
    return {
        "thresholds": dict(zip(data.classes, thresholds.tolist(), strict=True)),
        "metrics_at_thresholds": multi_label_metrics(labels, predictions),
    }
