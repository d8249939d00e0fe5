"""Accuracy on minimal pairs by group."""

import collections
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from keras_bigs.analysis.proportion import Proportion
from keras_bigs.analysis.syntax.score import MASKED_WORD
from keras_bigs.analysis.syntax.score import PairScore
from keras_bigs.data.syntax import MinimalPair

MEASURES = {"masked_word": "one word piece, masked", "all": "all pairs"}
"""The two accuracies of a `PairResult`, and what tables and figures call them."""


@dataclass(frozen=True)
class PairResult:
    """What a model did on the pairs of a group.

    Attributes:
        masked_word: `Proportion`. Accuracy on the pairs that differ in one word piece,
            which is masked: the measure of Goldberg (2019) and of the paper's table 5.
        all: `Proportion`. Accuracy on all pairs, the others by the
            pseudo-log-likelihood of their sentences.
        left_out: dict of the number of pairs that were not scored, by the reason.

    Example:
    ```python
    Proportion = keras_bigs.analysis.Proportion
    result = keras_bigs.analysis.PairResult(
        masked_word=Proportion(9, 10), all=Proportion(15, 20), left_out={"equal": 1}
    )
    result.coverage  # 0.5
    ```
    """

    masked_word: Proportion
    all: Proportion
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def coverage(self) -> float | None:
        """The share of the scored pairs that differ in one word piece."""
        return self.masked_word.count / self.all.count if self.all.count else None

    def as_dict(self) -> dict:
        """All of it as a dict that JSON can hold."""
        return {
            "masked_word": self.masked_word.as_dict(),
            "all": self.all.as_dict(),
            "coverage": self.coverage,
            "left_out": self.left_out,
        }


def pair_results(
    pairs: Sequence[MinimalPair], scores: Sequence[PairScore]
) -> dict[str, PairResult]:
    """Accuracy by group; ties count as wrong.

    Args:
        pairs: `MinimalPair`s.
        scores: the `PairScore` of each.

    Returns:
        dict of `PairResult` by group, in the order in which groups appear.

    Example:
    ```python
    pairs = [keras_bigs.data.syntax.MinimalPair("she runs", "she run", "verbs", "")]
    scores = [keras_bigs.analysis.PairScore(-2.5, -4.0, "masked word")]
    results = keras_bigs.analysis.pair_results(pairs, scores)
    results["verbs"].all.value  # 1.0
    ```
    """
    groups: dict[str, list[PairScore]] = {}
    for pair, score in zip(pairs, scores, strict=True):
        groups.setdefault(pair.group, []).append(score)
    return {group: _result(members) for group, members in groups.items()}


def total_result(results: dict[str, PairResult]) -> PairResult:
    """The result of all pairs of all groups together, each counted once.

    Args:
        results: as `pair_results` returns them.

    Example:
    ```python
    Proportion = keras_bigs.analysis.Proportion
    result = keras_bigs.analysis.PairResult(Proportion(9, 10), Proportion(15, 20))
    both = keras_bigs.analysis.total_result({"a": result, "b": result})
    both.all  # Proportion(successes=30, count=40)
    ```
    """

    def add(proportions):
        return Proportion(*map(sum, zip(*proportions, strict=True)))

    left_out: collections.Counter = collections.Counter()
    for result in results.values():
        left_out.update(result.left_out)
    return PairResult(
        add(result.masked_word for result in results.values()),
        add(result.all for result in results.values()),
        dict(left_out),
    )


def groups_of(results) -> list[str]:
    """All groups of the results of several models, in the order of their appearance."""
    return list(dict.fromkeys(g for groups in results.values() for g in groups))


def _result(scores):
    scored = [score for score in scores if score.left_out is None]
    left_out = collections.Counter(s.left_out for s in scores if s.left_out is not None)
    return PairResult(
        Proportion.of(s.correct for s in scored if s.method == MASKED_WORD),
        Proportion.of(s.correct for s in scored),
        dict(left_out),
    )
