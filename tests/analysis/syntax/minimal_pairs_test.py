"""Scores of minimal pairs: by one masked word, else by the whole sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_bigs import analysis
from keras_bigs.analysis.syntax import minimal_pairs
from keras_bigs.data.syntax import MinimalPair
from tests.analysis.syntax.masked_lm_models import LENGTH
from tests.analysis.syntax.masked_lm_models import bert_masked_lm
from tests.analysis.syntax.masked_lm_models import bigs_masked_lm
from tests.analysis.syntax.masked_lm_models import naive_log_probability
from tests.analysis.syntax.masked_lm_models import token_ids
from tests.backend import fast_on_torch


def pair(good, bad):
    return MinimalPair(good, bad, "group", "")


# Pairs, and the position of the masked word; `None` where whole sentences are scored.
PAIRS = {
    ("the boy is old .", "the boy are old ."): 3,
    ("the boys near the cat are old .", "the boys near the cat is old ."): 6,
    # After a word of two pieces.
    ("the boy runs near the cat", "the boy runs near no cat"): 6,
    ("the cat", "no cat"): 1,
    # One of the forms has two pieces.
    ("the boy runs .", "the boy run ."): None,
    ("the boy runs .", "the boy jumps ."): None,
    # Two places, another order, another number of words.
    ("the boy is old", "the boys are old"): None,
    ("no boys near the cat", "the boys near no cat"): None,
    ("no boys are old", "boys are old"): None,
    ("the cat cat", "the cat"): None,
}


@fast_on_torch
@pytest.mark.parametrize("make", [bigs_masked_lm, bert_masked_lm], ids=["BiGS", "BERT"])
def test_scores_by_a_naive_loop(make):
    task = make()
    scores = analysis.score_pairs(task, [pair(*texts) for texts in PAIRS], batch_size=8)
    for (texts, place), score in zip(PAIRS.items(), scores, strict=True):
        assert score.left_out is None
        method = "pseudo-log-likelihood" if place is None else "masked word"
        assert score.method == method
        expected = []
        for ids in map(token_ids, texts):
            positions = range(1, len(ids) - 1) if place is None else [place]
            values = (naive_log_probability(task, ids, p, LENGTH) for p in positions)
            expected.append(sum(values))
        assert score[:2] == pytest.approx(expected, abs=1e-4)
        assert score.correct == (expected[0] > expected[1])


@fast_on_torch
def test_pairs_that_are_left_out():
    task = bigs_masked_lm(sequence_length=8)
    pairs = {
        ("", "the boy"): "empty",
        ("the boy", " \t"): "empty",
        ("the boy", "the boy"): "equal",
        # To the model.
        ("the boy", "The BOY"): "equal",
        ("the boy sees", "the boy saw"): "equal",
        ("the boy near the cat near the", "the boy near the cats near the"): "too long",
        ("the boy near", "the boy near the cat near the"): "too long",
        ("the boy runs", "the boy went"): "unknown word",
        ("the boy", "the boy swam"): "unknown word",
        # Elsewhere it is in both.
        ("the fox is", "the fox are"): None,
    }
    scores = analysis.score_pairs(task, [pair(*texts) for texts in pairs])
    assert [score.left_out for score in scores] == list(pairs.values())
    for score in scores:
        if score.left_out:
            assert score[:3] == (None, None, None) and not score.correct


@pytest.mark.without_backend
@given(*3 * [st.lists(st.sampled_from("ab"), max_size=4).map(tuple)])
def test_where_sentences_differ(prefix, good, bad):
    """Put in again, one difference makes the other sentence, and it is the shortest."""
    good, bad = prefix + good, prefix + bad
    start, *words = minimal_pairs._difference(good, bad)
    end = len(good) - start - len(words[0])
    assert start >= len(prefix)
    assert good[:start] + words[1] + good[len(good) - end :] == bad
    if all(words):
        assert words[0][0] != words[1][0] and words[0][-1] != words[1][-1]


@fast_on_torch
def test_ties_are_wrong():
    assert not analysis.PairScore(-1.0, -1.0, "masked word").correct
    assert analysis.PairScore(-1.0, -1.5, "masked word").correct


def check_same(scores, expected):
    """To rounding, which is not the same in every run of a backend."""
    for score, other in zip(scores, expected, strict=True):
        assert score[2:] == other[2:]
        if score.left_out is None:
            assert score[:2] == pytest.approx(other[:2], abs=1e-5)


class Killed(BaseException):
    pass


@fast_on_torch
def test_killed_and_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(minimal_pairs, "PAIRS_A_CHUNK", 3)
    task = bigs_masked_lm()
    # One of them comes twice, one is left out.
    pairs = [pair(*texts) for texts in [*PAIRS, next(iter(PAIRS)), ("", "no")]]
    expected = analysis.score_pairs(task, pairs)

    computed = []
    original = analysis.MaskedTokenScorer.log_probabilities

    def count(self, tokens, advance=None):
        if len(computed) == 1:
            raise Killed
        computed.append(tokens)
        return original(self, tokens, advance)

    path = tmp_path / "scores.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(analysis.MaskedTokenScorer, "log_probabilities", count)
        with pytest.raises(Killed):
            analysis.score_pairs(task, pairs, analysis.PairLedger(path, "mine"))
    first = path.read_text(encoding="utf-8")
    assert first.count("\n") == 3
    # It was killed while it wrote.
    path.write_text(first + '{"model": "mine", "go', encoding="utf-8")

    def record(self, tokens, advance=None):
        computed.append(tokens)
        return original(self, tokens, advance)

    monkeypatch.setattr(analysis.MaskedTokenScorer, "log_probabilities", record)
    scores = analysis.score_pairs(task, pairs, analysis.PairLedger(path, "mine"))
    check_same(scores, expected)
    # All that is to be computed, once, in both runs together: one token a sentence, or
    # all of them.
    assert len(computed) == 4
    assert sum(map(len, computed)) == sum(
        len(ids) - 2 if place is None else 1
        for texts, place in PAIRS.items()
        for ids in map(token_ids, texts)
    )
    assert path.read_text(encoding="utf-8").startswith(first)
    assert path.read_text(encoding="utf-8").count("\n") == len(PAIRS) + 1
    # And now there is nothing left to do.
    computed.clear()
    ledger = analysis.PairLedger(path, "mine")
    assert analysis.score_pairs(task, pairs, ledger) == scores
    assert not computed


@fast_on_torch
def test_another_model_is_scored_anew(tmp_path):
    path = tmp_path / "scores.jsonl"
    pairs = [pair("the cat", "no cat")]
    scores = [
        analysis.score_pairs(make(), pairs, analysis.PairLedger(path, name))[0]
        for name, make in (("a", bigs_masked_lm), ("b", bert_masked_lm))
    ]
    assert scores[0] != scores[1]
    assert path.read_text(encoding="utf-8").count("\n") == 2
    for name, score in zip("ab", scores, strict=True):
        assert analysis.PairLedger(path, name).scores == {("the cat", "no cat"): score}


@fast_on_torch
def test_progress(capsys):
    task = bigs_masked_lm()
    pairs = [pair("the cat", "no cat"), pair("", "no")]
    analysis.score_pairs(task, pairs, description="[mine]")
    printed = capsys.readouterr()
    assert "[mine]" in printed.err and "100%" in printed.err and not printed.out
    analysis.score_pairs(task, pairs)
    assert not capsys.readouterr().err
