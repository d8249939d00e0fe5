"""Losses by position against the loss of evaluation, and a case by hand."""

import numpy as np
import pytest

from keras_bigs import analysis
from keras_bigs import errors
from keras_bigs import models
from keras_bigs.training.masked_lm import takes_tokens
from tests.analysis import drawn

VOCABULARY, LENGTH = 20, 12


@pytest.fixture(scope="module")
def masked_lm():
    backbone = models.BiGSBackbone(
        VOCABULARY,
        num_layers=1,
        hidden_dim=8,
        intermediate_dim=16,
        state_dim=4,
        max_sequence_length=LENGTH,
    )
    return models.BiGSMaskedLM(backbone)


def make_batch(positions, is_long):
    """Random texts, masked at `positions`, of which some are short."""
    rng = np.random.default_rng(0)
    n = len(positions)
    padding_mask = np.ones((n, LENGTH), "int32")
    # The others end in the first half.
    padding_mask[~np.array(is_long), LENGTH // 2 :] = 0
    padding_mask[:, -2:] = 0
    x = {
        "token_ids": rng.integers(5, VOCABULARY, (n, LENGTH)).astype("int32"),
        "segment_ids": np.zeros((n, LENGTH), "int32"),
        "padding_mask": padding_mask,
        "mask_positions": np.array(positions, "int32"),
    }
    y = rng.integers(5, VOCABULARY, x["mask_positions"].shape).astype("int32")
    return x, y, (x["mask_positions"] > 0).astype("float32")


def test_mean_over_all_is_the_loss_of_evaluation(masked_lm):
    rng = np.random.default_rng(1)
    positions = [
        np.sort(rng.choice(np.arange(1, LENGTH - 2), 4, replace=False))
        for _ in range(9)
    ]
    positions[2][:2] = 0  # two masked tokens fewer
    batch = make_batch(positions, is_long=[True] * 9)
    with takes_tokens(masked_lm):
        masked_lm.compile(weighted_metrics=[])
        expected = masked_lm.evaluate(*batch[:2], sample_weight=batch[2], verbose=0)
    (whole,) = analysis.loss_by_position(masked_lm, batch, parts=1, batch_size=4)
    assert (whole.start, whole.stop, whole.count) == (0, LENGTH, 4 * 9 - 2)
    np.testing.assert_allclose(whole.loss, expected, rtol=1e-5)

    parts = analysis.loss_by_position(masked_lm, batch, parts=3, batch_size=4)
    assert [(part.start, part.stop) for part in parts] == [(0, 4), (4, 8), (8, 12)]
    counts = [part.count for part in parts]
    flat = np.concatenate([row[row > 0] for row in positions])
    assert counts == np.histogram(flat, [0, 4, 8, 12])[0].tolist()
    mean = np.average([part.loss for part in parts], weights=counts)
    np.testing.assert_allclose(mean, expected, rtol=1e-5)


def test_only_texts_that_reach_the_last_part_count(masked_lm):
    positions = [[1, 7], [2, 8], [3, 9]]
    some = analysis.loss_by_position(
        masked_lm, make_batch(positions, [True, False, True]), parts=2
    )
    x, y, weight = make_batch(positions, [True] * 3)
    kept = [0, 2]
    x = {name: array[kept] for name, array in x.items()}
    alone = analysis.loss_by_position(masked_lm, (x, y[kept], weight[kept]), parts=2)
    assert [part.count for part in some] == [2, 2]
    np.testing.assert_allclose(some, alone, rtol=1e-5)


def test_the_error_is_that_of_a_mean(masked_lm):
    """Two losses a part: half their distance is the standard error of their mean."""
    both = analysis.loss_by_position(
        masked_lm, make_batch([[1, 2]] * 2, [True] * 2), parts=1
    )
    x, y, weight = make_batch([[1, 2]] * 2, [True] * 2)
    rows = [
        analysis.loss_by_position(
            masked_lm,
            ({k: v[i : i + 1] for k, v in x.items()}, y[i : i + 1], weight[i : i + 1]),
            parts=1,
        )[0]
        for i in range(2)
    ]
    # Each row has two losses, mean +- error: four losses in all.
    losses = [row.loss + sign * row.error for row in rows for sign in (-1, 1)]
    np.testing.assert_allclose(both[0].loss, np.mean(losses), rtol=1e-5)
    np.testing.assert_allclose(both[0].error, np.std(losses, ddof=1) / 2, rtol=1e-4)


@pytest.mark.parametrize(
    ("positions", "is_long", "parts", "message"),
    [
        ([[1, 2]], [False], 2, "None of 1 texts has more than 6 tokens"),
        ([[1, 9]], [True], 2, "between positions 0 and 6"),
    ],
)
def test_too_little_to_measure(masked_lm, positions, is_long, parts, message):
    with pytest.raises(errors.DataError, match=message):
        analysis.loss_by_position(masked_lm, make_batch(positions, is_long), parts)


def test_longer_than_the_model_takes(masked_lm):
    x, y, weight = make_batch([[1, 2]], [True])
    for name in ("token_ids", "segment_ids", "padding_mask"):
        x[name] = np.ones((1, LENGTH + 1), "int32")
    with pytest.raises(errors.ConfigError, match="have 13 tokens, and .* takes 12"):
        analysis.loss_by_position(masked_lm, (x, y, weight))


def test_table_and_figure(monkeypatch, tmp_path):
    panels = drawn.record(monkeypatch, analysis.position_loss)
    rows = [
        analysis.PositionLoss(0, 64, 900, 4.0, 0.1),
        analysis.PositionLoss(64, 128, 1100, 3.5, 0.05),
    ]
    results = {"BiGS": rows, "BERT": rows[::-1]}
    table = analysis.position_table(results)
    cells = [list(column.cells) for column in table.columns]
    assert cells[:2] == [["0 to 63", "64 to 127"], ["900", "1,100"]]
    assert cells[2] == ["4.000 ± 0.196", "3.500 ± 0.098"]
    analysis.plot_loss_by_position([tmp_path / "positions.svg"], results)
    (axes,) = panels
    lines = [container.lines[0] for container in axes.containers]
    assert [list(line.get_xdata()) for line in lines][0] == [31.5, 95.5]
    assert [list(line.get_ydata()) for line in lines] == [[4.0, 3.5], [3.5, 4.0]]
