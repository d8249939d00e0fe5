"""Batches: the order and masks of any step, for any number of processes."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs.data import Masker
from keras_bigs.data import Masking
from keras_bigs.data import PretrainingBatches
from keras_bigs.data import open_shards
from keras_bigs.data.pretraining.shards import FIELDS
from keras_bigs.data.pretraining.shards import MASK_FIELDS
from keras_bigs.data.pretraining.shards import Shard
from keras_bigs.data.pretraining.shards import ShardInfo
from keras_bigs.data.pretraining.shards import write_manifest
from keras_bigs.data.pretraining.shards import write_shard

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(95))]
SIZES, LENGTH = (7, 1, 12, 5), 16
MASKING = Masking(0.3, max_predictions=5)
pytestmark = pytest.mark.without_backend


def token_ids():
    """Row `i` of all begins with `[CLS]` and the token `5 + i`."""
    ids = np.random.default_rng(0).integers(5, 100, (sum(SIZES), LENGTH))
    ids[:, 0], ids[:, -1] = 2, 3
    ids[:, 1] = 5 + np.arange(len(ids))
    return ids


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The same examples unmasked, and masked as copy 0 and as copy 1."""
    results = {}
    for name in ("clean", 0, 1):
        folder = results[name] = tmp_path_factory.mktemp("shards")
        infos, start = [], 0
        for number, size in enumerate(SIZES):
            ids = token_ids()[start : start + size]
            start += size
            arrays = {
                "input_ids": ids,
                "input_mask": np.ones_like(ids),
                "segment_ids": np.zeros_like(ids),
            }
            if name != "clean":
                rows = np.array([(name, number, row) for row in range(size)])
                masked = Masker(PIECES, MASKING, 1)(ids, rows)
                names = ("input_ids", "masked_lm_positions", "masked_lm_ids")
                arrays |= dict(zip(names, masked, strict=True))
            digest = write_shard(folder / f"{number}.hdf5", arrays)
            infos.append(
                ShardInfo(f"{number}.hdf5", "train", number, 0, size, 0, digest)
            )
        (folder / "vocabulary.txt").write_text("\n".join(PIECES))
        write_manifest(folder, {}, infos)
    return results


def empty_shard(number, n):
    names = (*FIELDS, *MASK_FIELDS)
    return Shard(None, number, dict.fromkeys(names, np.zeros((n, LENGTH), "uint8")))


def open_batches(folder, batch_size=4, dynamic=True, **kwargs):
    masker = Masker(PIECES, MASKING, 1) if dynamic else None
    return PretrainingBatches(
        open_shards(folder, "train"), batch_size, masker, **kwargs
    )


def flat(batch):
    x, y, weight = batch
    return [*x.values(), y, weight]


def assert_equal(one, other):
    for a, b in zip(flat(one), flat(other), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.booleans(), st.integers(0, 2**31))
def test_every_epoch_has_every_example(batch_size, shuffle, seed):
    """Three epochs, whose borders lie within batches, each in an order of its own."""
    shards = [empty_shard(number, n) for number, n in enumerate(SIZES)]
    train = PretrainingBatches(shards, batch_size, shuffle=shuffle, seed=seed)
    n = sum(SIZES)
    assert train.num_examples == n
    steps = [train.examples_of(step) for step in range(-(-3 * n // batch_size))]
    epochs, indices = (
        np.concatenate(part)[: 3 * n] for part in zip(*steps, strict=True)
    )
    np.testing.assert_array_equal(epochs, np.repeat([0, 1, 2], n))
    orders = indices.reshape(3, n)
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(n))
    if shuffle:
        assert (orders[0] != orders[1]).any() and (orders[1] != orders[2]).any()
    else:
        np.testing.assert_array_equal(orders, [np.arange(n)] * 3)


def test_the_order_of_many_is_random():
    """Neighbours of 20,000 examples do not stay near, nor anything where it was."""
    _, order = PretrainingBatches([empty_shard(0, 20_000)], 20_000).examples_of(0)
    assert abs(np.corrcoef(order, np.arange(20_000))[0, 1]) < 0.03
    assert abs(np.corrcoef(order[1:], order[:-1])[0, 1]) < 0.03


@pytest.mark.parametrize("process_count", [2, 4])
def test_processes_divide_a_batch(folders, process_count):
    train = open_batches(folders["clean"], batch_size=8)
    for step in (0, 3, 7):
        whole = train.batch(step)
        parts = [
            flat(train.batch(step, i, process_count)) for i in range(process_count)
        ]
        for a, b in zip(flat(whole), zip(*parts, strict=True), strict=True):
            np.testing.assert_array_equal(a, np.concatenate(b))
    with pytest.raises(ValueError, match="must divide batch_size=8"):
        train.batch(0, 0, 3)


def test_dataset_is_the_batches(folders):
    """From any step on; and what is read there is what was written."""
    train = open_batches(folders["clean"])
    for first in (0, 5):
        batches = list(train.dataset(first, 4).as_numpy_iterator())
        assert len(batches) == 4
        for i, batch in enumerate(batches):
            assert_equal(batch, train.batch(first + i))
    x, y, weight = train.batch(2)
    _, indices = train.examples_of(2)
    expected = token_ids()[indices]
    positions = x["mask_positions"]
    np.testing.assert_array_equal(y * (positions > 0), y)
    np.testing.assert_array_equal(weight, positions > 0)
    restored = x["token_ids"].copy()
    for row, places, labels in zip(restored, positions, y, strict=True):
        row[places[places > 0]] = labels[places > 0]
    np.testing.assert_array_equal(restored, expected)


def test_examples_that_come_again_may_have_no_weight(folders):
    """A batch larger than an epoch has each example once."""
    number = sum(SIZES)
    batches = open_batches(folders["clean"], number + 3)
    assert batches.num_examples == number
    ((x, y, weight),) = batches.dataset(0, 1, first_epoch_only=True)
    every_x, every_y, every_weight = batches.batch(0)
    np.testing.assert_array_equal(x["token_ids"], every_x["token_ids"])
    np.testing.assert_array_equal(y, every_y)
    np.testing.assert_array_equal(weight[:number], every_weight[:number])
    assert not np.any(weight[number:]) and every_weight[number:].any()
    ((_, _, again),) = batches.dataset(0, 1)
    np.testing.assert_array_equal(again, every_weight)


def test_dynamic_masks_are_those_of_the_copies(folders):
    """Epoch 0 is masked as copy 0, epoch 1 as copy 1; from masked shards too."""
    n = sum(SIZES)
    for folder in ("clean", 0, 1):
        dynamic = open_batches(folders[folder], batch_size=n, shuffle=False)
        for epoch in (0, 1):
            static = open_batches(
                folders[epoch], batch_size=n, dynamic=False, shuffle=False
            )
            assert_equal(dynamic.batch(epoch), static.batch(0))


def test_masking_anew_takes_one_copy(folders):
    """Else every example came as often as it has copies, with the same masks."""
    first, second = (open_shards(folders[copy], "train") for copy in (0, 1))
    second = [dataclasses.replace(shard, copy=1) for shard in second]
    masker, n = Masker(PIECES, MASKING, 1), sum(SIZES)
    assert PretrainingBatches([*first, *second], n).num_examples == 2 * n
    both = PretrainingBatches([*second, *first], n, masker)
    assert both.num_examples == n
    assert_equal(both.batch(3), PretrainingBatches(first, n, masker).batch(3))
    with pytest.raises(ValueError, match=r"must have those of copy 0.*\[1\]"):
        PretrainingBatches(second, n, masker)


def test_errors(folders):
    with pytest.raises(ValueError, match="have no masks: 0.hdf5, 1.hdf5, 2.hdf5, ..."):
        open_batches(folders["clean"], dynamic=False)
    with pytest.raises(ValueError, match="`shards` is empty"):
        PretrainingBatches([], 4)
    with pytest.raises(ValueError, match="`batch_size`"):
        open_batches(folders["clean"], batch_size=0)
