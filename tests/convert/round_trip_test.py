"""To the original's format and back: every bit the same."""

import json

import keras
import numpy as np
import pytest

from keras_bigs import convert
from keras_bigs import models
from keras_bigs.convert.readers import READERS
from tests.convert.agreement_test import CHECKPOINTS
from tests.convert.agreement_test import ORIGINAL
from tests.convert.agreement_test import TASKS


def load(directory):
    cls = TASKS[directory.name.split("_", 1)[1]]
    return cls.from_preset(str(directory), preprocessor=None)


def tensors(directory):
    path = next(directory / name for name in READERS if (directory / name).exists())
    return dict(READERS[path.name](path))


def equal(one, other):
    assert [w.shape for w in one.weights] == [w.shape for w in other.weights]
    for ours, theirs in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs)
        )


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_original_comes_back(name, tmp_path):
    """The same tensors: names, shapes and bits."""
    directory = ORIGINAL / name
    copy = tmp_path / name
    assert convert.save_original(load(directory), copy) == (
        "flax" if name.startswith("flax") else "pytorch"
    )
    before, after = tensors(directory), tensors(copy)
    assert set(after) == set(before)
    for tensor, array in before.items():
        assert array.dtype == after[tensor].dtype
        np.testing.assert_array_equal(after[tensor], array, err_msg=tensor)
    config = json.loads((copy / "config.json").read_text())
    before = json.loads((directory / "config.json").read_text())
    # Names of the class may differ (Flax...), and the rest is of its library, or null.
    others = {"architectures", "initializer_range", "transformers_version"}
    others |= {"use_pykeops_kernel", "torch_dtype", "_attn_implementation_autoset"}
    for key in before.keys() - others:
        assert config.get(key) == before[key], key
    equal(load(directory), load(copy))


def test_presets_and_backbones(tmp_path):
    directory = str(ORIGINAL / "flax_text_classifier")
    classifier = models.BiGSTextClassifier.from_preset(directory, preprocessor=None)
    classifier.save_to_preset(str(tmp_path / "preset"))
    again = models.BiGSTextClassifier.from_preset(
        str(tmp_path / "preset"), preprocessor=None
    )
    equal(classifier, again)
    equal(classifier.backbone, models.BiGSBackbone.from_preset(directory))


def test_models_that_the_original_lacks(tmp_path):
    sizes = {"vocabulary_size": 9, "num_layers": 1, "hidden_dim": 4}
    stack = models.BiGSBackbone(**sizes, intermediate_dim=8, block="stack")
    with pytest.raises(ValueError, match="gated SSM encoders only"):
        convert.save_original(stack, tmp_path / "a")
    relu = models.BiGSBackbone(**sizes, intermediate_dim=8, activation="relu")
    with pytest.raises(ValueError, match="which fits neither"):
        convert.save_original(relu, tmp_path / "a")
    normed = models.BiGSBackbone(**sizes, intermediate_dim=8, final_layer_norm=True)
    with pytest.raises(ValueError, match="does not normalize the last hidden state"):
        convert.save_original(normed, tmp_path / "a")
    gated = models.BiGSBackbone(**sizes, intermediate_dim=8)
    with pytest.raises(ValueError, match="exact one"):
        convert.save_original(gated, tmp_path / "a", origin="pytorch")
    with pytest.raises(ValueError, match="no BiGSTextEmbedder"):
        convert.save_original(models.BiGSTextEmbedder(gated), tmp_path / "a")
    assert not (tmp_path / "a").exists()
