"""Presets are loaded with a trained head or not at all."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from keras_bigs import analysis
from keras_bigs import models
from keras_bigs.errors import ConfigError
from keras_bigs.models import preset_checksum
from tests.analysis.syntax.masked_lm_models import bert_masked_lm
from tests.analysis.syntax.masked_lm_models import bigs_masked_lm
from tests.backend import fast_on_torch

ORIGINAL = pathlib.Path(__file__).parents[2] / "fixtures/original"


@fast_on_torch
@pytest.mark.parametrize("make", [bigs_masked_lm, bert_masked_lm])
def test_the_head_is_that_of_the_preset(make, tmp_path):
    task = make()
    task.save_to_preset(str(tmp_path / "preset"))
    loaded = analysis.load_masked_lm(str(tmp_path / "preset"))
    assert type(loaded) is type(task)
    for old, new in zip(task.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(old, new)


@fast_on_torch
def test_presets_without_a_head(tmp_path):
    task = bigs_masked_lm()
    folder = tmp_path / "classifier"
    classifier = models.BiGSTextClassifier(
        task.backbone,
        2,
        models.BiGSTextClassifierPreprocessor(task.preprocessor.tokenizer, 8),
    )
    classifier.save_to_preset(str(folder))
    with pytest.raises(ConfigError, match="classifier has no head of a masked"):
        analysis.load_masked_lm(str(folder))
    # Or without its weights.
    folder = tmp_path / "masked_lm"
    task.save_to_preset(str(folder))
    (folder / "task.weights.h5").unlink()
    with pytest.raises(ConfigError, match="masked_lm has no head of a masked"):
        analysis.load_masked_lm(str(folder))


def test_checkpoints_of_bert_in_another_format(tmp_path):
    config = {"model_type": "bert", "architectures": ["BertForMaskedLM"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="has no head of a masked language model"):
        analysis.check_masked_lm(str(tmp_path))


@pytest.mark.filterwarnings("ignore:.* has no weights for pooled_dense")
@fast_on_torch
def test_checkpoints_of_the_original(tmp_path):
    source = ORIGINAL / "flax_masked_lm"
    size = json.loads((source / "config.json").read_text())["vocab_size"]
    with pytest.raises(ConfigError, match="comes without a vocabulary.*--vocabulary"):
        analysis.load_masked_lm(str(source))
    vocabulary = tmp_path / "vocab.txt"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [f"word{i}" for i in range(size - len(special))]
    vocabulary.write_text("\n".join([*special, *words]))
    loaded = analysis.load_masked_lm(str(source), vocabulary)
    assert isinstance(loaded, models.BiGSMaskedLM)
    (score,) = analysis.pseudo_log_likelihood(loaded, ["word1 word2"])
    assert score < 0
    with pytest.raises(ConfigError, match="flax_text_classifier has no head"):
        analysis.check_masked_lm(str(ORIGINAL / "flax_text_classifier"), vocabulary)
    with pytest.raises(ConfigError, match="--vocabulary .*none.txt is no file"):
        analysis.check_masked_lm(str(source), tmp_path / "none.txt")
    # The vocabulary tells two models apart.
    before = analysis.preset_identity(str(source), vocabulary)
    vocabulary.write_text("\n".join([*special, *reversed(words)]))
    assert before != analysis.preset_identity(str(source), vocabulary)


def test_presets_that_are_not_there(tmp_path):
    for preset in (str(tmp_path), "bigs_of_no_size"):
        with pytest.raises(ConfigError, match=f"--preset {preset} cannot be loaded"):
            analysis.check_masked_lm(preset)


@fast_on_torch
def test_identity(tmp_path):
    bigs_masked_lm().save_to_preset(str(tmp_path / "a"))
    first = analysis.preset_identity(str(tmp_path / "a"))
    assert first == analysis.preset_identity(str(tmp_path / "a"))
    shutil.rmtree(tmp_path / "a")
    bigs_masked_lm(routing="convolution").save_to_preset(str(tmp_path / "a"))
    assert first != analysis.preset_identity(str(tmp_path / "a"))


def test_a_name_may_stand_for_other_weights(tmp_path, monkeypatch):
    """As that of the packaged preset has."""
    name = "bigs_mini_en_uncased"
    first = analysis.preset_identity(name)
    assert first == analysis.preset_identity(name)
    assert first.startswith(f"{name} ")
    bigs_masked_lm(routing="convolution").save_to_preset(str(tmp_path / "other"))
    get_file = preset_checksum.keras_hub_presets.get_file
    monkeypatch.setattr(
        preset_checksum.keras_hub_presets,
        "get_file",
        lambda preset, file: get_file(str(tmp_path / "other"), file),
    )
    assert first != analysis.preset_identity(name)
