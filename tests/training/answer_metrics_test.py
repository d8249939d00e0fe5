"""Exact match and F1 of SQuAD, by hand-worked examples of the official definition."""

import pytest

from keras_bigs.training import answer_metrics
from keras_bigs.training.answer_metrics import exact_match
from keras_bigs.training.answer_metrics import token_f1

pytestmark = pytest.mark.without_backend


@pytest.mark.parametrize(
    ("prediction", "answer", "em", "f1"),
    [
        ("Ada Lovelace", "ada lovelace", 1, 1),
        # Articles go, but not parts of words.
        ("the theatre", "Theatre", 1, 1),
        ("an anthem", "a  anthem.", 1, 1),
        # Punctuation goes without leaving a space; other signs stay.
        ("U.S.", "us", 1, 1),
        ("twenty-one", "twenty one", 0, 0),
        ("£5", "5", 0, 0),
        # 1 of 2 predicted words, 1 of 3 expected: 2 * 1 / (2 + 3).
        ("in Paris", "Paris, northern France", 0, 2 / 5),
        # A word counts as often as both have it: 2 * 2 / (3 + 2).
        ("no no no", "no no", 0, 4 / 5),
        # Nothing is left of either.
        ("the", "a!", 1, 0),
        ("", "Paris", 0, 0),
    ],
)
def test_one_answer(prediction, answer, em, f1):
    assert exact_match(prediction, answer) == em
    assert token_f1(prediction, answer) == pytest.approx(f1)


def test_the_best_of_several_answers_counts():
    metrics = answer_metrics(
        {"a": "Ada Lovelace", "b": "north Paris"},
        {"a": ["Lovelace", "Ada Lovelace"], "b": ["Paris", "Lyon"], "c": ["Rome"]},
    )
    assert metrics["exact_match"] == pytest.approx(100 / 3)
    assert metrics["f1"] == pytest.approx(100 * (1 + 2 / 3 + 0) / 3)


def test_no_questions():
    with pytest.raises(ValueError, match="at least one question"):
        answer_metrics({}, {})
    with pytest.raises(ValueError, match=r"`answers\['q'\]` must have an answer"):
        answer_metrics({}, {"q": []})
