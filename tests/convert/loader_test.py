"""Tokenizers, hub handles, names of presets, and keras-hub's own entry points."""

import json
import shutil

import keras_hub
import numpy as np
import pytest

from keras_bigs import models
from keras_bigs.compat import keras_hub_presets
from keras_bigs.errors import CheckpointError
from tests.convert.agreement_test import ORIGINAL

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "caf", "##e", "cafe"]
PIECES += [f"word{i}" for i in range(53)]


@pytest.fixture
def directory(tmp_path):
    shutil.copytree(ORIGINAL / "flax_masked_lm", tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def test_vocabulary_of_the_checkpoint(directory):
    (directory / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    tokenizer = models.BiGSTokenizer.from_preset(str(directory))
    assert tokenizer.get_vocabulary() == PIECES
    # BERT's uncased tokenizer strips accents.
    np.testing.assert_array_equal(tokenizer("Café"), [7])
    masked_lm = models.BiGSMaskedLM.from_preset(str(directory))
    assert masked_lm.preprocessor.sequence_length == 24
    assert len(masked_lm.fill_mask("Café [MASK]", top_k=4)[0]) == 4


def test_tokenizer_json(directory):
    ids = {piece: i for i, piece in reversed(list(enumerate(PIECES)))}
    (directory / "tokenizer.json").write_text(json.dumps({"model": {"vocab": ids}}))
    tokenizer = models.BiGSTokenizer.from_preset(str(directory))
    assert tokenizer.get_vocabulary() == PIECES
    (directory / "tokenizer.json").write_text(json.dumps({"model": {}}))
    with pytest.raises(CheckpointError, match="no WordPiece"):
        models.BiGSTokenizer.from_preset(str(directory))


def test_no_vocabulary(directory):
    with pytest.raises(CheckpointError, match="bert-base-uncased"):
        models.BiGSMaskedLM.from_preset(str(directory))
    tokenizer = models.BiGSTokenizer.from_preset(str(directory), vocabulary=PIECES)
    preprocessor = models.BiGSMaskedLMPreprocessor(tokenizer, sequence_length=16)
    masked_lm = models.BiGSMaskedLM.from_preset(
        str(directory), preprocessor=preprocessor
    )
    assert masked_lm.preprocessor is preprocessor
    masked_lm = models.BiGSMaskedLM.from_preset(str(directory), vocabulary=PIECES)
    assert masked_lm.preprocessor.tokenizer.get_vocabulary() == PIECES


def test_options(directory):
    backbone = models.BiGSBackbone.from_preset(
        str(directory), dtype="mixed_bfloat16", load_weights=False, dropout=0.3
    )
    assert backbone.dtype_policy.name == "mixed_bfloat16"
    assert (backbone.dropout, backbone.mask_padding) == (0.3, False)
    assert not backbone.pool_padding


def test_keras_hub_finds_our_classes(directory, tmp_path):
    source = str(ORIGINAL / "flax_text_classifier")
    for _ in range(3):
        backbone = keras_hub.models.Backbone.from_preset(source)
        assert type(backbone) is models.BiGSBackbone
        classifier = keras_hub.models.TextClassifier.from_preset(
            source, preprocessor=None
        )
        assert type(classifier) is models.BiGSTextClassifier
    preset = str(tmp_path / "preset")
    classifier.save_to_preset(preset)
    assert type(keras_hub.models.Backbone.from_preset(preset)) is models.BiGSBackbone
    again = keras_hub.models.TextClassifier.from_preset(preset, preprocessor=None)
    assert type(again) is models.BiGSTextClassifier
    (directory / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    tokenizer = keras_hub.models.Tokenizer.from_preset(str(directory))
    assert type(tokenizer) is models.BiGSTokenizer


def test_other_formats_are_keras_hubs_own(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "unheard of"}))
    with pytest.raises(ValueError, match="doesn't support|no converter|KerasHub"):
        keras_hub.models.Backbone.from_preset(str(tmp_path))


def test_published_presets(monkeypatch):
    names = [f"bigs_large_{n}_en_uncased" for n in (128, 512, 1024, 4096)]
    names += [f"bigs_large_{n}_en_uncased_mnli" for n in (128, 512)]
    # The authors published no others.
    assert {*names, "bigs_mini_en_uncased"} == set(models.BiGSBackbone.presets)
    for name in names:
        entry = models.BiGSBackbone.presets[name]
        length = int(name.split("_")[2])
        assert entry["metadata"]["params"] == 346_674_780 + 1024 * (length - 512)
        assert "BiGS" in entry["metadata"]["source"]
        assert name in models.BiGSTextClassifier.presets
    # The hub cannot be reached from a test: what would be asked of it?
    import huggingface_hub

    asked = []

    def download(repo_id, filename):
        asked.append((repo_id, filename))
        return str(ORIGINAL / "flax_masked_lm" / filename)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    from keras_hub.src.utils import preset_utils

    def exists(preset, path):
        return (ORIGINAL / "flax_masked_lm" / path).exists()

    for module in (preset_utils, keras_hub_presets):
        monkeypatch.setattr(module, "check_file_exists", exists)
    backbone = models.BiGSBackbone.from_preset("bigs_large_128_en_uncased")
    assert backbone.hidden_dim == 16
    assert set(asked) == {
        ("JunxiongWang/BiGS_128", "config.json"),
        ("JunxiongWang/BiGS_128", "flax_model.msgpack"),
    }
