"""Metrics of a whole evaluation set, by scikit-learn and SciPy."""

import keras
import numpy as np
from scipy import stats

from keras_bigs.errors import TrainingDivergedError
from keras_bigs.errors import needs_extra
from keras_bigs.training.multi_label import multi_label_metrics

with needs_extra("training"):
    from sklearn import metrics


def classification_metrics(labels, predictions, num_classes):
    """Accuracy, F1 and Matthews' correlation.

    Args:
        labels: `(n,)` integers, the true classes.
        predictions: `(n,)` integers, the predicted ones.
        num_classes: int. How many classes there are, seen here or not.

    Returns:
        dict of floats: `accuracy`; `f1`, of class 1 if there are two classes, as GLUE
        has it, and else the mean over classes (macro), 0 for one that neither occurs
        nor is predicted; and `matthews`.
    """
    binary = num_classes == 2
    return {
        "accuracy": float(metrics.accuracy_score(labels, predictions)),
        "f1": float(
            metrics.f1_score(
                labels,
                predictions,
                labels=None if binary else range(num_classes),
                average="binary" if binary else "macro",
                zero_division=0,
            )
        ),
        "matthews": float(metrics.matthews_corrcoef(labels, predictions)),
    }


def regression_metrics(targets, predictions):
    """Correlations and error of predicted numbers.

    Args:
        targets: `(n,)` floats.
        predictions: `(n,)` floats.

    Returns:
        dict of floats: `pearson` and `spearman` correlation, 0 where the predictions
        are constant; and `rmse`, the root mean squared error.

    Raises:
        ValueError: fewer than two targets, or all of them equal: nothing can correlate
            with them.
    """
    if len(set(targets)) < 2:
        raise ValueError(
            "`targets` must have two different numbers or more. "
            f"Received: {len(targets)} targets, {sorted(set(targets))}"
        )
    pearson = spearman = 0.0
    if len(set(predictions)) > 1:
        pearson = float(stats.pearsonr(targets, predictions).statistic)
        spearman = float(stats.spearmanr(targets, predictions).statistic)
    rmse = float(metrics.root_mean_squared_error(targets, predictions))
    return {"pearson": pearson, "spearman": spearman, "rmse": rmse}


def label_threshold(task):
    """Above which output a task says that a label applies, as `evaluate` takes it."""
    is_sigmoid = getattr(task, "activation", None) is keras.activations.sigmoid
    return 0.5 if is_sigmoid else 0.0


def predict(model, batches):
    """The outputs of a model in the order of the texts, without those left out.

    Args:
        model: a `keras.Model` of tokenized inputs.
        batches: `BucketedBatches`.

    Returns:
        float32 array, one row a text.

    Raises:
        TrainingDivergedError: an output is NaN or infinite. (The largest of them would
            be class 0.)
    """
    outputs = model.predict(batches.dataset(), verbose=0)
    outputs = batches.in_order(outputs).astype("float32")
    if not np.isfinite(outputs).all():
        raise TrainingDivergedError(
            f"The model's outputs for {(~np.isfinite(outputs)).any(-1).sum()} of "
            f"{len(outputs)} texts are not finite. Train again with a lower learning "
            "rate or a longer warm-up."
        )
    return outputs


def evaluate(model, batches, threshold=0.0):
    """The metrics of a classifier, or of a regressor if it has one output.

    Args:
        model: a `keras.Model` of tokenized inputs that returns logits `(n, classes)`,
            or `(n, 1)` numbers; a multiple choice model too.
        batches: `BucketedBatches` with labels.
        threshold: float. Above which output a label is predicted, where texts may have
            several: 0 for logits, 0.5 for probabilities.

    Returns:
        What `classification_metrics` or `regression_metrics` returns; or, for rows of
        zeros and ones as labels, `multi_label_metrics`.

    Raises:
        TrainingDivergedError: an output is NaN or infinite.
    """
    outputs = predict(model, batches)
    return metrics_of(outputs, batches.labels[np.sort(batches.order())], threshold)


def metrics_of(outputs, labels, threshold=0.0):
    """As `evaluate`, for outputs in the order of the labels."""
    num_classes = outputs.shape[-1]
    if num_classes == 1:
        return regression_metrics(labels, outputs[:, 0])
    if labels.ndim == 2:
        return multi_label_metrics(labels, outputs >= threshold)
    return classification_metrics(labels, outputs.argmax(-1), num_classes)


def metric_names(num_classes, multi_label=False):
    """The names of what `evaluate` returns; the first is the usual one to watch."""
    if num_classes == 1:
        return ("pearson", "spearman", "rmse")
    if multi_label:
        return ("f1_micro", "f1_macro", "exact_match")
    return ("accuracy", "f1", "matthews")
