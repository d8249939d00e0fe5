"""Accuracy by group, worked by hand."""

import pytest

from keras_bigs.analysis import PairScore
from keras_bigs.analysis import pair_results
from keras_bigs.analysis import total_result
from keras_bigs.data.syntax import MinimalPair

pytestmark = pytest.mark.without_backend

WORD, SENTENCE = "masked word", "pseudo-log-likelihood"
SCORES = [
    ("b", PairScore(-1.0, -2.0, WORD)),
    ("b", PairScore(-2.0, -2.0, WORD)),  # a tie
    ("b", PairScore(-9.0, -9.5, SENTENCE)),
    ("a", PairScore(-9.0, -8.0, SENTENCE)),
    ("b", PairScore(-3.0, -1.0, WORD)),
    ("b", PairScore(left_out="equal")),
    ("b", PairScore(left_out="equal")),
    ("b", PairScore(left_out="too long")),
    ("c", PairScore(left_out="empty")),
]


def results():
    pairs = [MinimalPair("", "", group, "") for group, _ in SCORES]
    return pair_results(pairs, [score for _, score in SCORES])


def test_by_hand():
    found = results()
    assert list(found) == ["b", "a", "c"]
    assert (found["b"].masked_word, found["b"].all) == ((1, 3), (2, 4))
    assert found["b"].coverage == 0.75
    assert found["b"].left_out == {"equal": 2, "too long": 1}
    assert (found["a"].masked_word, found["a"].all) == ((0, 0), (0, 1))
    assert found["a"].coverage == 0 and found["a"].left_out == {}
    assert found["c"].all == (0, 0) and found["c"].coverage is None
    assert found["b"].as_dict() == {
        "masked_word": found["b"].masked_word.as_dict(),
        "all": found["b"].all.as_dict(),
        "coverage": 0.75,
        "left_out": {"equal": 2, "too long": 1},
    }


def test_total():
    result = total_result(results())
    assert (result.masked_word, result.all, result.coverage) == ((1, 3), (2, 5), 0.6)
    assert result.left_out == {"equal": 2, "too long": 1, "empty": 1}


def test_each_pair_has_a_score():
    with pytest.raises(ValueError, match="shorter"):
        pair_results([MinimalPair("", "", "a", "")], [])
