"""All that is compared on the annotated CoLA, as one result."""

from dataclasses import dataclass

import numpy as np

from keras_bigs.analysis.acceptability.scores import LENGTH_BINS
from keras_bigs.analysis.acceptability.scores import GroupScores
from keras_bigs.analysis.acceptability.scores import matthews_by_feature
from keras_bigs.analysis.acceptability.scores import matthews_by_length
from keras_bigs.data.syntax.cola_annotations import COLA_FEATURES
from keras_bigs.data.syntax.cola_annotations import COLA_PHENOMENA


@dataclass(frozen=True)
class ColaReport:
    """Matthews' correlation of all models on groups of sentences.

    Attributes:
        overall: `GroupScores` of all sentences.
        by_length: a list of `GroupScores`, one a bin of words (paper, Figure 7).
        major: the same, one a major feature (paper, Figure 9).
        minor: the same, one a minor feature, named as in "Question: Island".
        left_out: int. Sentences that a model has no prediction of, which are in none.
    """

    overall: GroupScores
    by_length: list[GroupScores]
    major: list[GroupScores]
    minor: list[GroupScores]
    left_out: int

    def ahead(self, model) -> tuple[int, int]:
        """Of the 13 phenomena, in how many the first model is above another.

        Args:
            model: the name of the other.

        Returns:
            `(number, significant)`: in how many its mean is higher, and in how many of
            these the adjusted p-value is below 0.05.
        """
        first = next(iter(self.overall.scores))
        adjusted = [
            row.scores[model].adjusted
            for row in self.major
            if row.name in COLA_PHENOMENA
            and row.scores[first].matthews > row.scores[model].matthews
        ]
        return len(adjusted), sum(p_value < 0.05 for p_value in adjusted)


def cola_report(annotations, predictions, bins=LENGTH_BINS, resamples=9999, seed=0):
    """Compares models on the annotated development set of CoLA (appendix A.3).

    Args:
        annotations: `keras_bigs.data.syntax.ColaAnnotations` of n sentences.
        predictions: dict by the name of a model of `(seeds, n)` arrays of 1 for
            acceptable, 0 for others, and -1 where there is no prediction. Others are
            tested against the first; all have equally many seeds.
        bins: ints. The fewest words of each bin; see `matthews_by_length`. Words are
            what is between spaces.
        resamples: int. Draws of each interval and of each test.
        seed: int. Seed of the draws.

    Returns:
        `ColaReport`.

    Raises:
        ValueError: as `matthews_by_length` does, there is no model, or no sentence has
            predictions of all models.

    Example:
    ```python
    features, every = keras_bigs.data.syntax.COLA_FEATURES, np.ones(4, bool)
    # As `keras_bigs.data.syntax.read_cola_annotations` returns.
    annotations = keras_bigs.data.syntax.ColaAnnotations(
        sentences=["He ran.", "He run.", "Who ran?", "Who run?"],
        labels=np.array([1, 0, 1, 0]),
        major={name: every for name in features},
        minor={name: every for names in features.values() for name in names},
    )
    # As `keras_bigs.analysis.cola_predictions` returns, of one seed each.
    predictions = {"BiGS": np.array([[1, 0, 1, 0]]), "BERT": np.array([[1, 1, 1, 0]])}
    report = keras_bigs.analysis.cola_report(annotations, predictions, resamples=99)
    report.overall.scores["BiGS"].matthews  # 1.0
    keras_bigs.analysis.cola_table(report)
    ```
    """
    if not predictions:
        raise ValueError("`predictions` must have a model or more. Received: {}")
    every = np.concatenate([np.atleast_2d(x) for x in predictions.values()])
    kept = (every >= 0).all(0)
    if not kept.any():
        raise ValueError(
            "No sentence has predictions of all models. Give predictions of the same "
            "sentences."
        )
    labels = annotations.labels[kept]
    predictions = {n: np.atleast_2d(x)[:, kept] for n, x in predictions.items()}
    words = np.array([len(text.split()) for text in annotations.sentences])[kept]
    options = {"resamples": resamples, "seed": seed}

    def by_feature(features):
        features = {name: mask[kept] for name, mask in features.items()}
        return matthews_by_feature(labels, predictions, features, **options)

    (overall,) = by_feature({"all": np.ones(len(kept), bool)})
    minor = {
        f"{major}: {name}": annotations.minor[name]
        for major, names in COLA_FEATURES.items()
        for name in names
    }
    return ColaReport(
        overall=overall,
        by_length=matthews_by_length(labels, predictions, words, bins, **options),
        major=by_feature(annotations.major),
        minor=by_feature(minor),
        left_out=int((~kept).sum()),
    )
