"""Matthews' correlation by length and by phenomenon (paper, Figures 7 and 9)."""

from dataclasses import dataclass

import numpy as np

from keras_bigs.analysis.acceptability.statistics import adjusted_p_values
from keras_bigs.analysis.acceptability.statistics import bootstrap_interval
from keras_bigs.analysis.acceptability.statistics import matthews
from keras_bigs.analysis.acceptability.statistics import permutation_test

LENGTH_BINS = (1, 5, 7, 9, 12)
"""The fewest words of each bin: of CoLA's development set, each has 150 sentences or
more. (The paper does not say which bins its Figure 7 has.)"""


@dataclass(frozen=True)
class ModelScore:
    """How a model does on a group of sentences.

    Attributes:
        matthews: float. Matthews' correlation, the mean over seeds; NaN where all
            sentences of the group have one label.
        low: float. The lower end of its 95% interval, see `bootstrap_interval`.
        high: float. The upper end.
        seeds: tuple of floats, Matthews' correlation of each seed.
        p_value: float. Of the difference from the first model, see `permutation_test`;
            NaN of the first model itself.
        adjusted: float. The same for several groups at once, see `adjusted_p_values`.
    """

    matthews: float
    low: float
    high: float
    seeds: tuple[float, ...]
    p_value: float
    adjusted: float


@dataclass(frozen=True)
class GroupScores:
    """How all models do on a group of sentences.

    Attributes:
        name: of the group.
        sentences: int. How many there are.
        acceptable: int. How many of them have label 1.
        scores: `ModelScore` by the name of the model.
    """

    name: str
    sentences: int
    acceptable: int
    scores: dict[str, ModelScore]


def matthews_by_feature(labels, predictions, features, resamples=9999, seed=0):
    """Matthews' correlation on the sentences that have a feature (paper, Figure 9).

    Args:
        labels: `(n,)` of 0 and 1.
        predictions: dict by the name of a model: `(n,)` of 0 and 1, or `(seeds, n)`.
            The first model is the one that others are tested against; all have as many
            seeds.
        features: dict of `(n,)` bool arrays by the name of a feature.
        resamples: int. Draws of each interval and of each test.
        seed: int. Seed of the draws.

    Returns:
        A list of `GroupScores`, one a feature. p-values are adjusted for all of them.

    Raises:
        ValueError: shapes that do not fit, values that are neither 0 nor 1, no models,
            or models of different numbers of seeds.

    Example:
    ```python
    labels = np.array([0, 0, 1, 1] * 9)
    models = {"BiGS": labels, "BERT": np.array([0, 1, 1, 1] * 9)}
    features = {"Question": np.arange(36) < 20}
    (row,) = keras_bigs.analysis.matthews_by_feature(labels, models, features)
    row.sentences, row.scores["BERT"].matthews
    ```
    """
    labels = np.asarray(labels)
    predictions = {name: np.atleast_2d(x) for name, x in predictions.items()}
    if not predictions:
        raise ValueError("`predictions` must have a model. Received: none")
    first, *others = predictions
    masks = [np.asarray(mask, bool) for mask in features.values()]
    options = {"resamples": resamples, "seed": seed}
    tests = {first: np.full(len(masks), np.nan)}
    for name in others:
        pair = predictions[first], predictions[name]
        tests[name] = np.array(
            [
                permutation_test(labels[mask], *(x[:, mask] for x in pair), **options)
                for mask in masks
            ]
        )
    corrected = {name: adjusted_p_values(p_values) for name, p_values in tests.items()}

    def score(name, i):
        own = labels[masks[i]], predictions[name][:, masks[i]]
        low, high = bootstrap_interval(*own, **options)
        return ModelScore(
            matthews=matthews(*own),
            low=low,
            high=high,
            seeds=tuple(matthews(own[0], one) for one in own[1]),
            p_value=float(tests[name][i]),
            adjusted=float(corrected[name][i]),
        )

    return [
        GroupScores(
            name=feature,
            sentences=int(mask.sum()),
            acceptable=int(labels[mask].sum()),
            scores={name: score(name, i) for name in predictions},
        )
        for i, (feature, mask) in enumerate(zip(features, masks, strict=True))
    ]


def matthews_by_length(
    labels, predictions, lengths, bins=LENGTH_BINS, resamples=9999, seed=0
):
    """Matthews' correlation by the length of sentences (paper, Figure 7).

    Args:
        labels: `(n,)` of 0 and 1.
        predictions: as for `matthews_by_feature`.
        lengths: `(n,)` ints, such as numbers of words.
        bins: ints, ascending: the least length of each bin. Shorter sentences than the
            first are in none.
        resamples: int. Draws of each interval and of each test.
        seed: int. Seed of the draws.

    Returns:
        A list of `GroupScores`, one a bin, with names such as "5-6" and "12+". p-values
        are adjusted for all of them.

    Raises:
        ValueError: as `matthews_by_feature` does, or bins that do not ascend.

    Example:
    ```python
    labels = np.array([0, 0, 1, 1] * 9)
    models = {"BiGS": labels, "BERT": np.array([0, 1, 1, 1] * 9)}
    rows = keras_bigs.analysis.matthews_by_length(labels, models, np.arange(36) // 2)
    [row.name for row in rows]  # 1-4, 5-6, 7-8, 9-11, 12+
    ```
    """
    bins, lengths = list(bins), np.asarray(lengths)
    if not bins or (np.diff(bins) <= 0).any():
        raise ValueError(f"`bins` must be one or more that ascend. Received: {bins}")
    names = [
        str(low) if low == high else f"{low}-{high}"
        for low, high in zip(bins[:-1], np.array(bins[1:]) - 1, strict=True)
    ]
    numbers = np.digitize(lengths, bins)
    groups = {
        name: numbers == i for i, name in enumerate([*names, f"{bins[-1]}+"], start=1)
    }
    return matthews_by_feature(labels, predictions, groups, resamples, seed)
