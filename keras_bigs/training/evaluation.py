"""Metrics of a whole evaluation set, by scikit-learn and SciPy."""

import keras
from scipy import stats
from sklearn import metrics


def classification_metrics(labels, predictions):
    """Accuracy, F1 and Matthews' correlation.

    Args:
        labels: `(n,)` integers, the true classes.
        predictions: `(n,)` integers, the predicted ones.

    Returns:
        dict of floats: `accuracy`; `f1`, of class 1 if the classes are 0 and 1, as
        GLUE has it, and else the mean over classes (macro); and `matthews`.
    """
    binary = set(labels) | set(predictions) <= {0, 1}
    return {
        "accuracy": float(metrics.accuracy_score(labels, predictions)),
        "f1": float(
            metrics.f1_score(
                labels,
                predictions,
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
        dict of floats: `pearson` and `spearman` correlation (NaN where either side is
        constant) and `rmse`, the root mean squared error.
    """
    return {
        "pearson": float(stats.pearsonr(targets, predictions).statistic),
        "spearman": float(stats.spearmanr(targets, predictions).statistic),
        "rmse": float(metrics.root_mean_squared_error(targets, predictions)),
    }


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
