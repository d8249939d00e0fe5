"""To the original's format and back: every bit the same."""

import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_bigs import convert
from keras_bigs import models
from keras_bigs.convert import __main__ as cli
from keras_bigs.convert.readers import READERS
from tests.convert.agreement_test import CHECKPOINTS
from tests.convert.agreement_test import ORIGINAL
from tests.convert.agreement_test import TASKS

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "fox"]


def load(directory):
    cls = TASKS[directory.name.split("_", 1)[1]]
    return cls.from_preset(str(directory), preprocessor=None)


def tensors(directory):
    (path,) = (directory / name for name in READERS if (directory / name).exists())
    return dict(READERS[path.name](path))


def equal(one, other):
    assert [w.shape for w in one.weights] == [w.shape for w in other.weights]
    for ours, theirs in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs)
        )


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_original_comes_back(name, tmp_path):
    """Names, shapes and bits of every tensor; the pooler is new where it had none."""
    directory = ORIGINAL / name
    copy = tmp_path / name
    assert convert.save_original(load(directory), copy) == (
        "flax" if name.startswith("flax") else "pytorch"
    )
    if name == "torch_masked_lm":
        (source,) = [directory / "model.safetensors"]
        before = dict(READERS[source.name](source))
    else:
        before = tensors(directory)
    after = tensors(copy)
    more = set(after) - set(before)
    assert all("pooler" in tensor for tensor in more)
    for tensor, array in before.items():
        assert array.dtype == after[tensor].dtype
        np.testing.assert_array_equal(after[tensor], array, err_msg=tensor)
    config = json.loads((copy / "config.json").read_text())
    for key, value in json.loads((directory / "config.json").read_text()).items():
        if key in config and key not in ("architectures", "initializer_range"):
            assert config[key] == value, key
    equal(load(directory), load(copy)) if not more else None


def test_presets_and_backbones(tmp_path):
    directory = str(ORIGINAL / "flax_text_classifier")
    classifier = models.BiGSTextClassifier.from_preset(directory, preprocessor=None)
    classifier.save_to_preset(str(tmp_path / "preset"))
    again = models.BiGSTextClassifier.from_preset(
        str(tmp_path / "preset"), preprocessor=None
    )
    equal(classifier, again)
    equal(classifier.backbone, models.BiGSBackbone.from_preset(directory))


@pytest.mark.parametrize("to", ["keras", "original"])
def test_command(to, tmp_path):
    source = ORIGINAL / "torch_masked_lm"
    vocabulary = tmp_path / "vocab.txt"
    pieces = VOCABULARY + [f"word{i}" for i in range(54)]
    vocabulary.write_text("\n".join(pieces) + "\n")
    cli.main(cli.Config(str(source), tmp_path / "preset", vocabulary=vocabulary))
    masked_lm = models.BiGSMaskedLM.from_preset(str(tmp_path / "preset"))
    assert masked_lm.fill_mask("the [MASK] word3", top_k=2)
    if to == "original":
        config = cli.Config(str(tmp_path / "preset"), tmp_path / "original", to=to)
        cli.main(config)
        assert (tmp_path / "original" / "vocab.txt").read_text().splitlines() == pieces
        again = models.BiGSMaskedLM.from_preset(str(tmp_path / "original"))
        assert again.fill_mask("the [MASK]", 1) == masked_lm.fill_mask("the [MASK]", 1)


def test_heads_of_the_same_name(tmp_path):
    source, target = str(ORIGINAL / "torch_token_classifier"), tmp_path / "preset"
    with pytest.raises(convert.CheckpointError, match="Pass --task"):
        cli.main(cli.Config(source, target))
    cli.main(cli.Config(source, target, task="token_classifier"))
    again = models.BiGSTokenClassifier.from_preset(str(target))
    assert again.num_classes == 5


def test_command_line_errors(tmp_path):
    command = [sys.executable, "-m", "keras_bigs.convert", str(tmp_path), "x"]
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "BiGS"}))
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=pathlib.Path(__file__).parents[2]
    )
    assert result.returncode == 1
    assert "error:" in result.stderr
    assert "Traceback" not in result.stderr


def test_models_that_the_original_lacks(tmp_path):
    sizes = {"vocabulary_size": 9, "num_layers": 1, "hidden_dim": 4}
    stack = models.BiGSBackbone(**sizes, intermediate_dim=8, block="stack")
    with pytest.raises(ValueError, match="gated SSM encoders only"):
        convert.save_original(stack, tmp_path / "a")
    relu = models.BiGSBackbone(**sizes, intermediate_dim=8, activation="relu")
    with pytest.raises(ValueError, match="which fits neither"):
        convert.save_original(relu, tmp_path / "a")
    gated = models.BiGSBackbone(**sizes, intermediate_dim=8)
    with pytest.raises(ValueError, match="exact one"):
        convert.save_original(gated, tmp_path / "a", origin="pytorch")
    with pytest.raises(ValueError, match="no BiGSTextEmbedder"):
        convert.save_original(models.BiGSTextEmbedder(gated), tmp_path / "a")
    assert not (tmp_path / "a").exists()
