"""Metrics of a whole evaluation set, by scikit-learn and SciPy."""

import keras
from scipy import stats
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


class EvaluationCallback(keras.callbacks.Callback):
    """Adds metrics of the whole evaluation set to the logs of every epoch.

    Keras averages metrics over batches, which is wrong for F1 or a correlation.
    Callbacks that read the logs (`EarlyStopping`, `ModelCheckpoint`, `CSVLogger`) must
    come later in the list.

    Args:
        evaluate: a function without arguments that returns a dict of floats.
        prefix: string. What the names get in front in the logs.
    """

    def __init__(self, evaluate, prefix="val_"):
        super().__init__()
        self.evaluate = evaluate
        self.prefix = prefix

    def on_epoch_end(self, epoch, logs=None):
        logs.update({f"{self.prefix}{k}": v for k, v in self.evaluate().items()})
