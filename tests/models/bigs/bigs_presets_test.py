"""The preset that comes with the package."""

import json
import pathlib
import socket

import keras
import keras_hub
import numpy as np
import pytest

import keras_bigs
from keras_bigs import models

NAME = "bigs_mini_en_uncased"
FOLDER = pathlib.Path(keras_bigs.__file__).parent / "presets" / NAME


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("The network is not to be used.")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def masked_lm():
    return models.BiGSMaskedLM.from_preset(NAME)


def test_entry_and_files(masked_lm):
    metadata = models.BiGSBackbone.presets[NAME]["metadata"]
    assert metadata["params"] == masked_lm.backbone.count_params()
    assert NAME in models.BiGSTextClassifier.presets
    assert sum(path.stat().st_size for path in FOLDER.rglob("*")) < 25e6
    assert NAME in (FOLDER / "README.md").read_text(encoding="utf-8")
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    assert config["registered_name"] == "keras_bigs>BiGSBackbone"


def test_fill_mask_gives_sensible_words(masked_lm):
    texts = {
        "The old [MASK] was very happy.": {"man"},
        "He was born in [MASK] York.": {"new"},
        "It was one [MASK] the most beautiful days of my life.": {"of"},
        "They did not [MASK] what to do.": {"know", "see"},
        "She [MASK] him a letter.": {"gave"},
        "He opened the [MASK] and went into the room.": {"door"},
    }
    guesses = masked_lm.fill_mask(list(texts), top_k=5)
    for expected, (tokens,) in zip(texts.values(), guesses, strict=True):
        assert expected <= {guess["token"] for guess in tokens}


def test_the_tasks_of_a_preset_are_named(tmp_path):
    models.BiGSBackbone(20, 1, 8, 24, state_dim=4).save_to_preset(str(tmp_path))
    names = [
        json.loads((folder / "metadata.json").read_text())["tasks"]
        for folder in (tmp_path, FOLDER)
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "float16"])
def test_presets_saved_in_mixed_precision(policy, tmp_path):
    """They take the current policy, or the one that is asked for."""
    backbone = models.BiGSBackbone(20, 1, 8, 24, dtype="mixed_float16")
    task = models.BiGSTextClassifier(backbone, 2)
    task.save_to_preset(str(tmp_path))
    for cls in (models.BiGSTextClassifier, keras_hub.models.TextClassifier):
        loaded = cls.from_preset(str(tmp_path), dtype=policy)
        assert loaded.backbone.dtype_policy.name == policy
    loaded = models.BiGSTextClassifier.from_preset(str(tmp_path))
    assert loaded.backbone.dtype_policy.name == "float32"
    for a, b in zip(task.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_task_starts_from_it():
    classifier = models.BiGSTextClassifier.from_preset(NAME, num_classes=3)
    assert classifier.predict(["a short text", "another"], verbose=0).shape == (2, 3)
    embedder = models.BiGSTextEmbedder.from_preset(NAME)
    vectors = keras.ops.convert_to_numpy(
        embedder.encode_text(["A man sleeps.", "Somebody is asleep."])
    )
    assert np.isfinite(vectors).all()
