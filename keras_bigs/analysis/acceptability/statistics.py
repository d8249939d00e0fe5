"""Matthews' correlation of binary predictions: intervals, and tests of two models.

Predictions may be those of several seeds of a model: its score is the mean over them.
"""

import numpy as np
from scipy import stats


def matthews(labels, predictions):
    """Matthews' correlation coefficient, the mean over seeds.

        (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN))

    Args:
        labels: `(n,)` of 0 and 1.
        predictions: `(n,)` of 0 and 1, or `(seeds, n)`.

    Returns:
        float from -1 to 1. NaN where all labels are the same, and no predictions could
        correlate with them. 0, as in scikit-learn, where there are both labels, and all
        predictions of a seed are the same.

    Raises:
        ValueError: shapes that do not fit, or values that are neither 0 nor 1.

    Example:
    ```python
    keras_bigs.analysis.matthews([0, 0, 1, 1], [0, 1, 1, 1])  # 0.577
    ```
    """
    labels, predictions = _check(labels, predictions)
    true, predicted = (predictions & labels).sum(-1), predictions.sum(-1)
    return float(_matthews(len(labels), labels.sum(), predicted, true).mean())


def bootstrap_interval(labels, predictions, confidence=0.95, resamples=9999, seed=0):
    """The interval of Matthews' correlation by the percentile bootstrap.

    Sentences are drawn with replacement, the same for all seeds of a model. So the
    interval says what another set of such sentences might give, not another training.
    Draws in which all labels are the same, as there are of small sets, have no
    correlation and are left out.

    Args:
        labels: `(n,)` of 0 and 1.
        predictions: `(n,)` of 0 and 1, or `(seeds, n)`.
        confidence: float between 0 and 1.
        resamples: int. How many sets to draw.
        seed: int.

    Returns:
        `(low, high)`, floats; both NaN where all labels are the same.

    Raises:
        ValueError: as `matthews` does; or `confidence` or `resamples` out of range.

    Example:
    ```python
    labels, predictions = [0, 0, 1, 1] * 9, [0, 1, 1, 1] * 9
    low, high = keras_bigs.analysis.bootstrap_interval(labels, predictions)
    ```
    """
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(
            "`confidence` must be between 0 and 1, and `resamples` at least 1. "
            f"Received: confidence={confidence}, resamples={resamples}"
        )
    labels, predictions = _check(labels, predictions)
    num_sentences, positive = len(labels), labels.sum()
    if positive in (0, num_sentences):
        return np.nan, np.nan
    # What is drawn matters only by how often each pattern of label and predictions is
    # among it: multinomial numbers, of a few patterns instead of many sentences.
    patterns, counts = np.unique(
        np.vstack([labels[None], predictions]), axis=1, return_counts=True
    )
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(num_sentences, counts / num_sentences, size=resamples)
    label, predicted = patterns[0], patterns[1:]
    scores = _matthews(
        num_sentences,
        (draws @ label)[:, None],
        draws @ predicted.T,
        draws @ (predicted & label).T,
    )
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(scores.mean(-1), [tail, 1 - tail])
    return float(low), float(high)


def permutation_test(labels, first, second, resamples=9999, seed=0):
    """The p-value of a difference of two models in Matthews' correlation.

    If they were the same, it would be chance which of the two gave which predictions of
    a sentence. So the two are exchanged, sentence by sentence and all seeds together,
    and the difference is compared with that of the models (a paired permutation test,
    by `scipy.stats.permutation_test`). Where there are no more than `resamples` ways to
    do that it is exact, else they are drawn at random.

    Args:
        labels: `(n,)` of 0 and 1.
        first: `(n,)` of 0 and 1, or `(seeds, n)`, the predictions of one model.
        second: those of the other, of as many seeds.
        resamples: int. How many times to exchange them.
        seed: int.

    Returns:
        float: the two-sided p-value, twice that of the smaller tail. 1 where the
        predictions of at most one sentence differ, NaN where all labels are the same.

    Raises:
        ValueError: as `matthews` does, or the models have not as many seeds.

    Example:
    ```python
    labels, first, second = [0, 1] * 9, [0, 1] * 9, [0, 1, 1, 1, 0, 0] * 3
    keras_bigs.analysis.permutation_test(labels, first, second)  # 0.03
    ```
    """
    labels, first = _check(labels, first)
    _, second = _check(labels, second)
    if len(first) != len(second):
        raise ValueError(
            "Both models must have predictions of equally many seeds, since they are "
            f"exchanged. Received: {len(first)} and {len(second)}"
        )
    if labels.all() or not labels.any():
        return np.nan
    differ = (first != second).any(0)
    if differ.sum() < 2:
        # To exchange one only turns the difference round.
        return 1.0

    def score(predictions, change, exchanged):
        """Of a model's predictions after those of `exchanged` sentences change."""
        predicted, true = predictions.sum(-1), (predictions & labels).sum(-1)
        return _matthews(
            len(labels),
            labels.sum(),
            predicted + exchanged @ change.T,
            true + exchanged @ (change * labels[differ]).T,
        ).mean(-1)

    # To exchange the others changes nothing.
    change = (second - first)[:, differ]

    def difference(exchanged, kept, axis):
        found = score(first, change, exchanged) - score(second, -change, exchanged)
        # Equal differences are equal only to rounding, and ties count: SciPy allows for
        # that relative to the models' own difference, which may be 0.
        return np.round(found, 12)

    exchanged = np.zeros(differ.sum())
    result = stats.permutation_test(
        (exchanged, 1 - exchanged),
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        # A few megabytes at once.
        batch=1000,
        axis=-1,
        random_state=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def adjusted_p_values(p_values):
    """p-values of several tests, adjusted by Benjamini and Hochberg.

    Calling those below 0.05 significant, 5% of such calls are expected to be false.

    Args:
        p_values: `(n,)`, with NaN where there was no test.

    Returns:
        `(n,)` float64, NaN where it was.

    Example:
    ```python
    keras_bigs.analysis.adjusted_p_values([0.01, 0.04, float("nan")])  # 0.02, 0.04, nan
    ```
    """
    p_values = np.array(p_values, "float64")
    tested = ~np.isnan(p_values)
    if tested.any():
        p_values[tested] = stats.false_discovery_control(p_values[tested])
    return p_values


def _check(labels, predictions):
    """`(n,)` labels and `(seeds, n)` predictions as integers."""
    labels, predictions = np.asarray(labels), np.atleast_2d(predictions)
    shapes = labels.shape, predictions.shape
    if len(shapes[0]) != 1 or len(shapes[1]) != 2 or shapes[1][1:] != shapes[0]:
        raise ValueError(
            "`labels` must be (n,) and predictions (n,) or (seeds, n). Received: "
            f"{shapes[0]} and {shapes[1]}"
        )
    for values in (labels, predictions):
        if not np.isin(values, (0, 1)).all():
            raise ValueError(
                "Labels and predictions must be 0 or 1. Received: "
                f"{np.unique(values)[:9]}"
            )
    return labels.astype("int64"), predictions.astype("int64")


def _matthews(total, positive, predicted, true):
    """From numbers of sentences, of positive labels, positive predictions, and both."""
    spread = positive * (total - positive)
    variance = np.sqrt(np.float64(spread * predicted) * (total - predicted))
    covariance = total * true - positive * predicted
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = np.where(variance > 0, covariance / variance, 0.0)
    return np.where(spread > 0, scores, np.nan)
