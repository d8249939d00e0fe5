"""How often something happened, and how well that is known."""

from typing import NamedTuple

from scipy.stats import binomtest


class Proportion(NamedTuple):
    """So many successes of so many trials, such as an accuracy.

    Attributes:
        successes: int.
        count: int.

    Example:
    ```python
    accuracy = keras_bigs.analysis.Proportion(successes=45, count=50)
    accuracy.value, accuracy.interval  # 0.9, (0.786, 0.957)
    ```
    """

    successes: int
    count: int

    @classmethod
    def of(cls, correct):
        """The share of true values among some."""
        correct = [bool(value) for value in correct]
        return cls(sum(correct), len(correct))

    @property
    def value(self):
        """From 0 to 1; `None` of no trials."""
        return self.successes / self.count if self.count else None

    @property
    def interval(self):
        """The 95% confidence interval of Wilson (1927), `(low, high)` from 0 to 1.

        Unlike the normal approximation it stays within these bounds, and is not empty
        where all or none succeeded. `None` of no trials.
        """
        if not self.count:
            return None
        test = binomtest(self.successes, self.count)
        low, high = test.proportion_ci(confidence_level=0.95, method="wilson")
        return float(low), float(high)

    def as_dict(self):
        """All of it as a dict that JSON can hold."""
        low, high = self.interval or (None, None)
        return {
            "correct": self.successes,
            "count": self.count,
            "accuracy": self.value,
            "low": low,
            "high": high,
        }
