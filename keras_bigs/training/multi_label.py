"""What a classifier of any number of labels a text is worth, and what it says."""

import itertools

import numpy as np

from keras_bigs.errors import needs_extra
from keras_bigs.training.figures import figure

with needs_extra("training"):
    from sklearn import metrics


def multi_label_metrics(labels, predictions):
    """F1 over all labels, its mean over labels, and exact matches.

    Args:
        labels: `(n, num_classes)` zeros and ones, the true labels.
        predictions: `(n, num_classes)` zeros and ones, or booleans, the predicted ones.

    Returns:
        dict of floats: `f1_micro`, of all pairs of a text and a label; `f1_macro`, the
        mean over labels, 0 for one that neither occurs nor is predicted; and
        `exact_match`, the share of texts of which all labels are right.

    Raises:
        ValueError: the shapes differ, there are not two labels, or something else than
            zeros and ones.

    Example:
    ```python
    keras_bigs.training.multi_label_metrics(
        np.array([[1, 1], [0, 1]]), np.array([[1, 0], [0, 1]])
    )  # {"f1_micro": 0.8, "f1_macro": 0.833, "exact_match": 0.5}
    ```
    """
    labels, predictions = _multi_hot(labels=labels, predictions=predictions)
    return {
        "f1_micro": _f1(labels, predictions, "micro"),
        "f1_macro": _f1(labels, predictions, "macro"),
        "exact_match": float(metrics.accuracy_score(labels, predictions)),
    }


def best_thresholds(labels, probabilities):
    """The probability from which each label is best predicted, by its F1.

    Choose them on other texts than those that they are evaluated on.

    Args:
        labels: `(n, num_classes)` zeros and ones, the true labels.
        probabilities: `(n, num_classes)` floats.

    Returns:
        `(num_classes,)` floats: `probabilities >= thresholds` has the highest F1 for
        each label. Of several that have it, 0.5 or the probability nearest to it; and
        0.5 for a label that never occurs.

    Raises:
        ValueError: the shapes differ, there are not two labels, or something else than
            zeros and ones; or a probability is not from 0 to 1.

    Example:
    ```python
    keras_bigs.training.best_thresholds(
        np.array([[1, 1], [0, 1]]), np.array([[0.3, 0.9], [0.1, 0.6]])
    )  # [0.3, 0.5]
    ```
    """
    (labels,) = _multi_hot(labels=labels)
    probabilities = np.asarray(probabilities, "float64")
    if probabilities.shape != labels.shape:
        raise ValueError(
            "`probabilities` must have the shape of `labels`. Received: "
            f"{probabilities.shape} and {labels.shape}"
        )
    # Not NaN either, which no comparison holds for.
    if not np.all((probabilities >= 0) & (probabilities <= 1)):
        raise ValueError(
            "`probabilities` must be from 0 to 1; logits become so by a sigmoid. "
            f"Received: {probabilities.min():g} to {probabilities.max():g}"
        )
    return np.array(list(map(_best_threshold, labels.T, probabilities.T)))


def multi_label_columns(probabilities, classes, thresholds, separator="|"):
    """The columns that predictions of any number of labels add to a table.

    Args:
        probabilities: `(n, num_classes)` floats.
        classes: the names of the classes.
        thresholds: `(num_classes,)` floats, from which probability each is predicted.
        separator: what stands between two predicted labels.

    Returns:
        dict of `prediction`, the names of the labels of each text in one string, as
        `keras_bigs.data.tables.encode_multi_labels` reads them; and a column
        `probability_<class>` for each class.

    Raises:
        ValueError: probabilities, classes and thresholds differ in number, or a class
            has the separator in its name.

    Example:
    ```python
    keras_bigs.training.multi_label_columns(
        np.array([[0.9, 0.6]]), ["politics", "sport"], [0.5, 0.5]
    )["prediction"]  # ["politics|sport"]
    ```
    """
    probabilities, thresholds = np.asarray(probabilities), np.asarray(thresholds)
    shape = (len(probabilities), len(classes))
    if probabilities.shape != shape or thresholds.shape != shape[1:]:
        raise ValueError(
            "`probabilities` must have a column, and `thresholds` a number, for each "
            f"of `classes`. Received: {probabilities.shape} and {thresholds.shape} "
            f"for {len(classes)} classes"
        )
    if ambiguous := [name for name in classes if separator in name]:
        raise ValueError(
            f"`separator` must not be in the name of a class. Received: {separator!r} "
            f"and {ambiguous[0]!r}. Choose another separator."
        )
    columns = {
        "prediction": [
            separator.join(itertools.compress(classes, row))
            for row in probabilities >= thresholds
        ]
    }
    for name, column in zip(classes, probabilities.T, strict=True):
        columns[f"probability_{name}"] = column
    return columns


def plot_label_scores(path, classes, labels, predictions):
    """Draws the F1 of each label, and in how many texts it occurs.

    Args:
        path: the picture.
        classes: the names of all classes.
        labels: `(n, num_classes)` zeros and ones, the true labels.
        predictions: `(n, num_classes)` zeros and ones, or booleans, the predicted ones.

    Raises:
        ImportError: there is no Matplotlib.
        ValueError: the shapes differ, there are not two labels, or something else than
            zeros and ones.

    Example:
    ```python
    keras_bigs.training.plot_label_scores(
        "labels.png",
        ["politics", "sport"],
        np.array([[1, 1], [0, 1]]),
        np.array([[1, 0], [0, 1]]),
    )
    ```
    """
    labels, predictions = _multi_hot(labels=labels, predictions=predictions)
    scores = _f1(labels, predictions, None)
    supports = labels.sum(0)
    ticks = [f"{name} ({n})" for name, n in zip(classes, supports, strict=True)]
    height = min(40.0, max(2.0, 0.3 * len(classes) + 1))
    with figure(path, figsize=(7, height)) as axes:
        bars = axes.barh(range(len(classes)), scores)
        axes.bar_label(bars, fmt="%.2f", padding=3)
        # A name with "$" in it is no formula.
        axes.set_yticks(range(len(classes)), ticks, parse_math=False)
        axes.set(xlabel="F1", xlim=(0, 1), ylabel="label (number of texts)")
        axes.spines[["top", "right"]].set_visible(False)  # numbers are there
        axes.margins(y=0.01)
        axes.invert_yaxis()  # the first label on top


def _best_threshold(labels, probabilities):
    """`best_thresholds` of one label."""
    if not labels.any():
        return 0.5
    precision, recall, candidates = metrics.precision_recall_curve(
        labels, probabilities
    )
    # Of each candidate, and at the end of a threshold above them all: 0.
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-30)
    # Fractions of counts that are equal may differ in their last bits.
    is_best = np.isclose(f1, f1.max(), rtol=1e-12, atol=0)
    # From 0.5 on are the same texts as from the next candidate on.
    if is_best[np.searchsorted(candidates, 0.5)]:
        return 0.5
    best = candidates[is_best[:-1]]
    return best[np.abs(best - 0.5).argmin()]


def _f1(labels, predictions, average):
    score = metrics.f1_score(labels, predictions, average=average, zero_division=0)
    return score if average is None else float(score)


def _multi_hot(**arrays):
    """The arrays as int32, once they are found to be zeros and ones of one shape."""
    shapes = {name: np.shape(array) for name, array in arrays.items()}
    shape, *others = shapes.values()
    # One column would be taken for classes 0 and 1, both of which count.
    if len(shape) != 2 or not shape[0] or shape[1] < 2 or {*others} - {shape}:
        names = " and ".join(f"`{name}`" for name in arrays)
        raise ValueError(
            f"{names} must be of one shape, (n, num_classes), of one text or more and "
            f"two classes or more. Received: {', '.join(map(str, shapes.values()))}"
        )
    for name, array in arrays.items():
        values = np.unique(array)
        if not np.isin(values, (0, 1)).all():
            raise ValueError(
                f"`{name}` must be zeros and ones. Received: {values[:5].tolist()}"
            )
    return [np.asarray(array).astype("int32") for array in arrays.values()]
