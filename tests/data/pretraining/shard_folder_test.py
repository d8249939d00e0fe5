"""Folders of shards: what they say of themselves decides how they are read."""

import json

import h5py
import keras
import numpy as np
import pytest

from keras_bigs import data
from keras_bigs.data.pretraining.shards import ShardInfo
from keras_bigs.data.pretraining.shards import write_manifest
from keras_bigs.data.pretraining.shards import write_shard
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from keras_bigs.training.config import DataConfig

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(45))]
LENGTH = 12
MASKING = data.Masking(0.5, max_predictions=4, whole_words=True)
pytestmark = pytest.mark.without_backend


def arrays(seed, n=8, pieces=PIECES):
    """Masked examples of 4 to 12 tokens."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(5, len(pieces), (n, LENGTH))
    mask = np.arange(LENGTH) < rng.integers(4, LENGTH + 1, n)[:, None]
    ids = np.where(mask, ids, 0)
    ids[:, 0] = 2
    rows = np.array([(0, seed, row) for row in range(n)])
    ids, positions, labels = data.Masker(pieces, MASKING)(ids, rows)
    return {
        "input_ids": ids.astype("uint8"),
        "input_mask": mask.astype("uint8"),
        "segment_ids": np.zeros_like(ids, "uint8"),
        "masked_lm_positions": positions.astype("uint8"),
        "masked_lm_ids": labels.astype("uint8"),
    }


SPLITS = {"train_0": "train", "train_1": "train", "validation_2": "validation"}


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "shards")
    return tmp_path / "shards"


def write_folder(path, pieces=PIECES):
    """Cased, with masks of whole words; two shards to train on, one held out."""
    infos = []
    path.mkdir()
    for number, (name, split) in enumerate(SPLITS.items()):
        content = arrays(number, pieces=pieces)
        digest = write_shard(path / f"{name}.hdf5", content)
        tokens = int(content["input_mask"].sum())
        infos.append(ShardInfo(f"{name}.hdf5", split, number, 0, 8, tokens, digest))
    (path / "vocabulary.txt").write_text("\n".join(pieces) + "\n")
    settings = {"lowercase": False, "masking": vars(MASKING)}
    write_manifest(path, settings, infos)


def test_what_a_folder_says(folder):
    opened = data.open_shard_folder(folder)
    assert opened.vocabulary == PIECES
    assert opened.lowercase is False
    assert opened.masking == MASKING
    assert set(opened.splits) == {"train", "validation"}
    train = opened.batches("train", batch_size=4)
    assert train.num_examples == 16
    masks = [arrays(seed)["input_mask"] for seed in (0, 1)]
    assert train.num_tokens == sum(int(mask.sum()) for mask in masks)
    assert train.tokens_per_batch == 4 * train.num_tokens / 16
    # As many as its batches have.
    steps = [train.batch(step)[0]["padding_mask"].sum() for step in range(4)]
    assert sum(steps) == train.num_tokens
    with pytest.raises(DataError, match="has no test examples"):
        opened.batches("test", batch_size=4)


def test_folders_of_version_0_1_are_read(folder):
    """Their manifests call the mask rate `rate`."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    masking = manifest["settings"]["masking"]
    masking["rate"] = masking.pop("mask_selection_rate")
    path.write_text(json.dumps(manifest))
    assert data.open_shard_folder(folder).masking == MASKING


def test_options_change_the_masking():
    config = DataConfig(folder=None, mask_selection_rate=0.2, whole_words=False)
    assert config.masking(MASKING) == data.Masking(0.2)
    assert DataConfig(folder=None).masking(MASKING) == MASKING
    assert DataConfig(folder=None, masks="static").masking(MASKING) is None


def test_the_checksum_is_of_the_data(folder):
    before = data.open_shard_folder(folder).checksum
    assert data.open_shard_folder(folder).checksum == before
    path = folder / "manifest.json"
    path.write_text(path.read_text() + "\n")
    assert data.open_shard_folder(folder).checksum != before


def test_validation_is_the_same_for_every_seed(folder):
    config = DataConfig(folder=folder)
    opened = config.open()
    batches = []
    for seed in (0, 1):
        train, validation = config.batches(opened, batch_size=4, seed=seed)
        batches.append((train.batch(0)[0], validation.batch(0)[0]))
    (train, validation), (other_train, other_validation) = batches
    for name in validation:
        np.testing.assert_array_equal(validation[name], other_validation[name])
    assert (train["token_ids"] != other_train["token_ids"]).any()


def test_the_originals_files_need_a_vocabulary(folder, tmp_path):
    """Compressed, as they are; and then they are read as ours are."""
    original = tmp_path / "original"
    original.mkdir()
    for path in folder.glob("*.hdf5"):
        with h5py.File(path) as ours, h5py.File(original / path.name, "w") as file:
            for name, array in ours.items():
                file.create_dataset(name, data=array[()], compression="gzip")
    # What an interrupted copy has left.
    (original / ".123.train_9.hdf5").write_bytes(b"half")
    with pytest.raises(ConfigError, match="give their `vocabulary`"):
        data.open_shard_folder(original)
    few = tmp_path / "few.txt"
    few.write_text("\n".join(PIECES[:6]))
    with pytest.raises(ConfigError, match="and the vocabulary 6 pieces"):
        data.open_shard_folder(original, few)
    theirs = data.open_shard_folder(original, folder / "vocabulary.txt")
    assert theirs.lowercase is True
    ours = data.open_shard_folder(folder)
    for split in ("train", "validation"):
        one, other = (f.batches(split, batch_size=4) for f in (ours, theirs))
        assert one.num_tokens == other.num_tokens
        for a, b in zip(one.batch(1), other.batch(1), strict=True):
            keras.tree.map_structure(np.testing.assert_array_equal, a, b)


def test_errors(folder):
    with pytest.raises(ConfigError, match="has a vocabulary of its own"):
        data.open_shard_folder(folder, lowercase=False)
    (folder / "train_1.hdf5").unlink()
    with pytest.raises(DataError, match="train_1.hdf5 is missing"):
        data.open_shard_folder(folder)
