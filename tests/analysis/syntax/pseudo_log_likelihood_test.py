"""Batched scores are those of one masked copy at a time."""

import keras
import numpy as np
import pytest

from keras_bigs import analysis
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from tests.analysis.syntax.masked_lm_models import LENGTH
from tests.analysis.syntax.masked_lm_models import VOCABULARY
from tests.analysis.syntax.masked_lm_models import bert_masked_lm
from tests.analysis.syntax.masked_lm_models import bigs_masked_lm
from tests.analysis.syntax.masked_lm_models import naive_log_probability
from tests.analysis.syntax.masked_lm_models import token_ids
from tests.backend import fast_on_torch

SENTENCES = [
    "the boy runs .",
    "the cats near the boys near the boy near the cat jumps .",
    "the boy run .",
    "no",
]
MODELS = {
    "gated ssm": lambda: bigs_masked_lm("gated", "ssm"),
    "bert": bert_masked_lm,
}
SLOWER = {
    "stack ssm": lambda: bigs_masked_lm("stack", "ssm"),
    "gated attention": lambda: bigs_masked_lm("gated", "attention"),
    "stack attention": bigs_masked_lm,
    "fourier": lambda: bigs_masked_lm(routing="fourier"),
    "lstm": lambda: bigs_masked_lm(routing="lstm"),
    "convolution": lambda: bigs_masked_lm(routing="convolution"),
    "sliding window": lambda: bigs_masked_lm(routing="sliding_window"),
    "padding in the SSM": lambda: bigs_masked_lm("gated", "ssm", mask_padding=False),
}


def check(task, batch_size=4):
    expected = [
        sum(
            naive_log_probability(task, ids, position, LENGTH)
            for position in range(1, len(ids) - 1)
        )
        for ids in map(token_ids, SENTENCES)
    ]
    actual = analysis.pseudo_log_likelihood(task, SENTENCES, batch_size)
    assert actual.dtype == np.float64
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4)
    assert np.ptp(actual) > 1


@pytest.mark.parametrize("name", MODELS)
def test_naive_loop(name):
    check(MODELS[name]())


@fast_on_torch
@pytest.mark.parametrize("name", SLOWER)
def test_naive_loop_of_other_encoders(name):
    check(SLOWER[name]())


@fast_on_torch
def test_batches(monkeypatch):
    """Of one size, sorted into few lengths, each masked copy once."""
    task, shapes, rows = bigs_masked_lm(sequence_length=40), [], []
    predict = keras.Model.predict_on_batch

    def record(model, x):
        shapes.append(x["token_ids"].shape)
        rows.extend(map(bytes, np.hstack([x["token_ids"], x["mask_positions"]])))
        return predict(model, x)

    monkeypatch.setattr(keras.Model, "predict_on_batch", record)
    shares = []
    scorer = analysis.MaskedTokenScorer(task, batch_size=4)
    long = token_ids("the boy near " * 6 + "runs .")
    short = [token_ids("the boy runs ."), token_ids("the cat runs .")]
    tokens = [(ids, i) for ids in (long, *short) for i in range(1, len(ids) - 1)]
    scores = scorer.log_probabilities(tokens, shares.append)
    assert len(tokens) == len(scores) == 21 + 5 + 5
    # Where the subject is masked, both short sentences are the same.
    assert len(set(rows)) == 21 + 5 + 5 - 1 < len(rows) == 8 * 4
    assert shapes == 2 * [(4, 16)] + 6 * [(4, 24)]
    assert len(shares) == 8 and sum(shares) == pytest.approx(1)


@fast_on_torch
def test_vocabulary_is_that_of_the_tokenizer():
    """Of a word after another: all that may stand there sum to 1."""
    task = bigs_masked_lm()
    scorer = analysis.MaskedTokenScorer(task)
    tokens = [((2, 5, word, 3), 2) for word in range(len(VOCABULARY))]
    probabilities = np.exp(scorer.log_probabilities(tokens))
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert len(VOCABULARY) < task.backbone.vocabulary_size


@fast_on_torch
def test_what_is_refused():
    task = bigs_masked_lm(sequence_length=8)
    fits = "the boy near the cats near"
    for sentence in ("", f"{fits} the"):
        with pytest.raises(DataError, match="Sentence 1 has .* takes 3 to 8"):
            analysis.pseudo_log_likelihood(task, [fits, sentence])
    assert analysis.pseudo_log_likelihood(task, [fits]).shape == (1,)
    assert analysis.pseudo_log_likelihood(task, []).shape == (0,)

    task.masked_lm_head._bias.assign(np.full(task.backbone.vocabulary_size, np.nan))
    with pytest.raises(ConfigError, match="not finite"):
        analysis.pseudo_log_likelihood(task, ["the boy"])


@fast_on_torch
def test_inputs_that_are_not_known():
    task = bigs_masked_lm()

    class Task:
        input = {**task.input, "images": None}

    with pytest.raises(ConfigError, match=r"inputs \['images'\]"):
        analysis.MaskedTokenScorer(Task())
