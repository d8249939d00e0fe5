"""Loading what is not ours is as it is without this library."""

import copy
import json
import sys

import keras_hub
import numpy as np
import pytest
from keras_hub.src.utils.preset_utils import KerasPresetLoader
from keras_hub.src.utils.preset_utils import get_preset_loader
from keras_hub.src.utils.transformers.preset_loader import TransformersPresetLoader

from keras_bigs import models
from tests.backend import to_numpy
from tests.convert.agreement_test import ORIGINAL


def bert(**kwargs):
    return keras_hub.models.BertBackbone(9, 1, 1, 8, 16, **kwargs)


def test_other_presets(tmp_path):
    masked_lm = keras_hub.models.BertMaskedLM(bert())
    masked_lm.save_to_preset(str(tmp_path))
    assert type(get_preset_loader(str(tmp_path))) is KerasPresetLoader
    again = keras_hub.models.MaskedLM.from_preset(str(tmp_path), preprocessor=None)
    backbone = keras_hub.models.Backbone.from_preset(str(tmp_path))
    assert type(again) is keras_hub.models.BertMaskedLM
    assert type(backbone) is keras_hub.models.BertBackbone
    for model, loaded in ((masked_lm, again), (masked_lm.backbone, backbone)):
        for one, other in zip(model.weights, loaded.weights, strict=True):
            np.testing.assert_array_equal(to_numpy(one), to_numpy(other))


def test_other_presets_that_keras_hub_cannot_load(tmp_path):
    """Nor with this library: when these load, a file of `compat` may go."""
    mixed = keras_hub.models.BertMaskedLM(bert(dtype="mixed_bfloat16"))
    mixed.save_to_preset(str(tmp_path / "mixed"))
    with pytest.raises(ValueError, match="Invalid dtype: mixed_bfloat16"):
        keras_hub.models.BertMaskedLM.from_preset(
            str(tmp_path / "mixed"), preprocessor=None
        )
    quantized = bert()
    quantized.quantize("int8")
    quantized.save_to_preset(str(tmp_path / "int8"))
    with pytest.raises(ValueError, match="could not be loaded"):
        keras_hub.models.BertBackbone.from_preset(str(tmp_path / "int8"))


def test_other_formats(tmp_path):
    def loader(config):
        (tmp_path / "config.json").write_text(json.dumps(config))
        return get_preset_loader(str(tmp_path))

    assert type(loader({"model_type": "bert"})) is TransformersPresetLoader
    with pytest.raises(ValueError, match="no converter"):
        loader({"model_type": "unheard of"})
    with pytest.raises(ValueError, match="no class registered"):
        loader({"registered_name": "unheard>Of"}).check_backbone_class()


def test_the_originals_format_without_convert(monkeypatch):
    """Whatever of ours is imported, its loader is found."""
    for name in list(sys.modules):
        if name.startswith("keras_bigs.convert"):
            monkeypatch.delitem(sys.modules, name)
    backbone = keras_hub.models.Backbone.from_preset(
        str(ORIGINAL / "flax_text_classifier")
    )
    assert type(backbone) is models.BiGSBackbone
    assert "keras_bigs.convert.loader" in sys.modules


def test_loaders_of_others_are_what_they_were(tmp_path):
    """They can be copied, and derived from with other arguments."""
    models.BiGSBackbone(
        9, 1, hidden_dim=4, intermediate_dim=8, max_sequence_length=8
    ).save_to_preset(str(tmp_path))
    config = json.loads((tmp_path / "config.json").read_text())
    assert type(copy.copy(KerasPresetLoader("there", {}))) is KerasPresetLoader

    class Other(KerasPresetLoader):
        def __init__(self, preset, *, config):
            super().__init__(preset, config)

    assert type(Other("there", config=config)) is Other
