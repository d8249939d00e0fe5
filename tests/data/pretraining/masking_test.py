"""Masks: what is masked, how often, and of what they are a function."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs.data.pretraining.masking import Masker
from keras_bigs.data.pretraining.masking import Masking
from keras_bigs.data.pretraining.masking import unmask

pytestmark = pytest.mark.without_backend

WORDS = [f"w{i}" for i in range(30)] + [f"##s{i}" for i in range(20)]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
CLS, SEP, MASK, SPECIAL = 2, 3, 4, 5


def rows(n, length, rng, specials=True):
    """Sequences as they are packed, of all lengths, some with "[UNK]"."""
    ids = np.zeros((n, length), "int64")
    for row in ids:
        size = rng.integers(1, length - 1)
        row[1 : size + 1] = rng.integers(SPECIAL, len(VOCABULARY), size)
        if specials:
            row[1 : size + 1][rng.random(size) < 0.05] = 1
        row[0], row[size + 1] = CLS, SEP
    return ids


def keys(n, epoch=0, shard=0):
    return np.array([(epoch, shard, row) for row in range(n)])


maskings = st.builds(
    Masking,
    mask_selection_rate=st.sampled_from([0.05, 0.15, 0.4, 1.0]),
    max_predictions=st.integers(1, 40),
    mask_token_rate=st.sampled_from([0.0, 0.5, 0.8]),
    random_token_rate=st.sampled_from([0.0, 0.1, 0.2]),
    whole_words=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(maskings, st.integers(0, 2**32), st.integers(3, 40))
def test_properties(masking, seed, length):
    ids = rows(20, length, np.random.default_rng(seed))
    masked, positions, labels = Masker(VOCABULARY, masking, seed)(ids, keys(20))
    assert positions.shape == labels.shape == (20, masking.max_predictions)
    np.testing.assert_array_equal(unmask(masked, positions, labels), ids)
    ordinary = ids >= SPECIAL
    budget = np.clip(
        np.rint(masking.mask_selection_rate * ordinary.sum(1)),
        1,
        masking.max_predictions,
    )
    for i in range(20):
        used = positions[i][positions[i] > 0]
        assert (np.diff(used) > 0).all()  # rising, so none twice
        assert not positions[i][len(used) :].any() and not labels[i][len(used) :].any()
        assert ordinary[i, used].all()  # no special token, no "[UNK]"
        np.testing.assert_array_equal(labels[i, : len(used)], ids[i, used])
        untouched = np.setdiff1d(np.arange(length), used)
        np.testing.assert_array_equal(masked[i, untouched], ids[i, untouched])
        assert len(used) <= budget[i]
        if not masking.whole_words:
            assert len(used) == min(budget[i], ordinary[i].sum())
        # What stands in for a token is "[MASK]" or an ordinary token.
        assert ((masked[i, used] == MASK) | (masked[i, used] >= SPECIAL)).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_whole_words(seed):
    """A word is predicted all or none, and few budgets stay unused."""
    ids = rows(30, 40, np.random.default_rng(seed))
    masking = Masking(0.3, max_predictions=40, whole_words=True)
    _, positions, _ = Masker(VOCABULARY, masking, seed)(ids, keys(30))
    for row, chosen in zip(ids, positions, strict=True):
        chosen = set(chosen[chosen > 0])
        for i in range(1, 40):
            pieces = [row[i - 1], row[i]]
            inside = VOCABULARY[row[i]].startswith("##") and min(pieces) >= SPECIAL
            if inside:
                assert (i in chosen) == (i - 1 in chosen)
        sizes = "".join("#" if VOCABULARY[t].startswith("##") else "w" for t in row)
        if "##" not in sizes and (row >= SPECIAL).sum() > 10:
            assert chosen


def test_rates():
    """15% of 40,000 tokens, of which 80/10/10, within four standard deviations."""
    rng = np.random.default_rng(0)
    ids = rng.integers(SPECIAL, len(VOCABULARY), (400, 102))
    ids[:, 0], ids[:, -1] = CLS, SEP
    masked, positions, labels = Masker(VOCABULARY, Masking(), 0)(ids, keys(400))
    assert (positions > 0).sum() == 400 * 15
    new = np.take_along_axis(masked, positions, 1)[positions > 0]
    old = labels[positions > 0]
    for share, expected in (
        ((new == MASK).mean(), 0.8),
        (((new != MASK) & (new != old)).mean(), 0.1 * (1 - 1 / len(WORDS))),
        ((new == old).mean(), 0.1 * (1 + 1 / len(WORDS))),
    ):
        assert abs(share - expected) < 4 * (expected * (1 - expected) / 6000) ** 0.5
    # Every position is as likely as any other.
    counts = np.bincount(positions[positions > 0], minlength=101)[1:]
    assert abs(counts - 60).max() < 5 * 60**0.5


def test_masks_are_a_function_of_the_row_only():
    """Not of the batch: a row by itself, or among others, gets the same mask."""
    ids = rows(12, 30, np.random.default_rng(1))
    masker = Masker(VOCABULARY, Masking(), 3)
    together = masker(ids, keys(12, epoch=2, shard=5))
    for i in (0, 7, 11):
        alone = masker(ids[i : i + 1], keys(12, epoch=2, shard=5)[i : i + 1])
        for a, b in zip(alone, together, strict=True):
            np.testing.assert_array_equal(a[0], b[i])
    for other in (
        masker(ids, keys(12, epoch=3, shard=5)),
        masker(ids, keys(12, epoch=2, shard=6)),
        Masker(VOCABULARY, Masking(), 4)(ids, keys(12, epoch=2, shard=5)),
    ):
        assert (other[1] != together[1]).any(1).mean() > 0.5


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"mask_selection_rate": 0.0}, "`mask_selection_rate`"),
        ({"max_predictions": 0}, "`max_predictions`"),
        ({"mask_token_rate": 0.8, "random_token_rate": 0.3}, "more than 1 together"),
    ],
)
def test_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        Masking(**kwargs)


def test_vocabulary_errors():
    with pytest.raises(ValueError, match=r"lacks \['\[MASK\]'\]"):
        Masker([piece for piece in VOCABULARY if piece != "[MASK]"], Masking())
    with pytest.raises(ValueError, match="special tokens only"):
        Masker(VOCABULARY[:5], Masking())
