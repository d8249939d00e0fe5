"""What a masked language model makes of a minimal pair."""

from typing import NamedTuple

MASKED_WORD = "masked word"
SENTENCE = "pseudo-log-likelihood"
LEFT_OUT = ("empty", "equal", "too long", "unknown word")


class PairScore(NamedTuple):
    """The scores of both sentences of a pair; see `score_pairs`.

    Attributes:
        good: float. The score of the grammatical sentence, a log probability in nats.
        bad: float. That of the ungrammatical one.
        method: `"masked word"`, where the words that differ are scored, or
            `"pseudo-log-likelihood"`, where the whole sentences are.
        left_out: why there are no scores, one of `LEFT_OUT`; `None` where there are.

    Example:
    ```python
    score = keras_bigs.analysis.PairScore(-2.5, -4.0, "masked word")
    score.correct  # True
    ```
    """

    good: float | None = None
    bad: float | None = None
    method: str | None = None
    left_out: str | None = None

    @property
    def correct(self) -> bool:
        """Whether the grammatical sentence is preferred; a tie is wrong."""
        return self.left_out is None and self.good > self.bad
