"""What a fine-tuned classifier or regressor says of texts, as columns and figures."""

import numpy as np
from scipy.special import softmax

from keras_bigs.training.figures import figure


def prediction_columns(outputs, classes=None):
    """The columns that predictions add to a table.

    Args:
        outputs: `(n, num_classes)` logits, or `(n, 1)` predicted numbers.
        classes: the names of the classes, or `None` for numbers.

    Returns:
        dict of `prediction`: the name of the most probable class, and its
        `probability`; or of `prediction` only, the number.
    """
    if classes is None:
        return {"prediction": outputs[:, 0]}
    probabilities = softmax(outputs, axis=-1)
    return {
        "prediction": [classes[i] for i in probabilities.argmax(-1)],
        "probability": probabilities.max(-1),
    }


def plot_learning_curve(path, history, metric):
    """Draws the loss of training and a metric of the validation data by epoch.

    Args:
        path: the picture.
        history: as in `FineTuned`.
        metric: the name of the metric.

    Raises:
        ImportError: there is no Matplotlib.
    """
    epochs = range(1, len(history) + 1)
    values = [epoch[f"val_{metric}"] for epoch in history]
    with figure(path) as axes:
        axes.plot(epochs, [epoch["loss"] for epoch in history], "o:", color="grey")
        axes.set(xlabel="epoch", ylabel="training loss (dotted)")
        axes.xaxis.get_major_locator().set_params(integer=True)
        right = axes.twinx()
        right.plot(epochs, values, "o-", color="C0")
        right.set_ylabel(f"validation {metric}", color="C0")


def plot_outputs(directory, labels, outputs, classes):
    """Draws `confusion_matrix.png`, or for numbers `scatter.png`.

    Args:
        directory: `pathlib.Path`.
        labels: `(n,)` integers, the true classes; or floats.
        outputs: `(n, num_classes)` logits, or `(n, 1)` predicted numbers.
        classes: the names of the classes, or `None` for numbers.

    Raises:
        ImportError: there is no Matplotlib.
    """
    if classes is None:
        plot_predictions(directory / "scatter.png", labels, outputs[:, 0])
    else:
        path = directory / "confusion_matrix.png"
        plot_confusion_matrix(path, labels, outputs.argmax(-1), classes)


def plot_confusion_matrix(path, labels, predictions, classes):
    """Draws how many examples of each class were predicted as which.

    Args:
        path: the picture.
        labels: `(n,)` integers, the true classes.
        predictions: `(n,)` integers, the predicted ones.
        classes: the names of all classes.

    Raises:
        ImportError: there is no Matplotlib.
    """
    from sklearn.metrics import ConfusionMatrixDisplay

    size = min(40.0, max(4.0, 0.5 * len(classes) + 2))
    with figure(path, figsize=(size + 1, size)) as axes:
        ConfusionMatrixDisplay.from_predictions(
            labels,
            predictions,
            labels=range(len(classes)),
            display_labels=classes,
            xticks_rotation="horizontal" if len(classes) < 5 else "vertical",
            cmap="Blues",
            ax=axes,
        )
        # A name with dollar signs is no formula.
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticklabels(classes, parse_math=False)


def plot_predictions(path, targets, predictions):
    """Draws predicted numbers against true ones, and where they would be equal.

    Args:
        path: the picture.
        targets: `(n,)` floats.
        predictions: `(n,)` floats.

    Raises:
        ImportError: there is no Matplotlib.
    """
    mean = np.mean(targets)
    with figure(path) as axes:
        axes.scatter(targets, predictions, s=8, alpha=0.4)
        axes.axline((mean, mean), slope=1, color="grey", linestyle=":")
        axes.set(xlabel="label", ylabel="prediction")
