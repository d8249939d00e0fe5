"""The metrics of SQuAD 1.1 (Rajpurkar et al. 2016, section 6.1)."""

import collections
import re
import string
from collections.abc import Mapping
from collections.abc import Sequence

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """An answer in lower case, without punctuation, articles and further spaces."""
    text = text.lower().translate(_PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def exact_match(prediction: str, answer: str) -> float:
    """1.0 if both are the same once they are normalized, else 0.0."""
    return float(normalize_answer(prediction) == normalize_answer(answer))


def token_f1(prediction: str, answer: str) -> float:
    """The harmonic mean of precision and recall of the words of an answer.

    Words count as often as they occur; 0.0 where none is common.
    """
    predicted = collections.Counter(normalize_answer(prediction).split())
    expected = collections.Counter(normalize_answer(answer).split())
    common = (predicted & expected).total()
    if not common:
        return 0.0
    return 2 * common / (predicted.total() + expected.total())


def answer_metrics(
    predictions: Mapping[str, str], answers: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Exact match and F1, as the official script of SQuAD 1.1 has them.

    Args:
        predictions: the text of the predicted answer to each question by its id. A
            question without one counts as wrong.
        answers: the answers that are right, one or more to each question; the one that
            fits best counts.

    Returns:
        `exact_match` and `f1`, means over the questions of `answers`, in percent.

    Raises:
        ValueError: there are no questions, or one has no answer that is right.

    Example:
    ```python
    keras_bigs.training.answer_metrics(
        {"q1": "the Ada Lovelace"}, {"q1": ["Ada Lovelace", "Lovelace"]}
    )  # {"exact_match": 100.0, "f1": 100.0}
    ```
    """
    if not answers:
        raise ValueError("`answers` must have at least one question. Received: none.")
    for question, right in answers.items():
        if not right:
            raise ValueError(f"`answers[{question!r}]` must have an answer or more.")
    totals = {"exact_match": 0.0, "f1": 0.0}
    for question, right in answers.items():
        if question in predictions:
            prediction = predictions[question]
            totals["exact_match"] += max(exact_match(prediction, x) for x in right)
            totals["f1"] += max(token_f1(prediction, x) for x in right)
    return {name: 100 * total / len(answers) for name, total in totals.items()}
