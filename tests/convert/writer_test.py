"""What is written, and what cannot be."""

import json
import warnings

import keras
import numpy as np
import pytest

from keras_bigs import convert
from keras_bigs import layers
from keras_bigs import models
from keras_bigs.convert.readers import READERS
from keras_bigs.errors import ConfigError
from tests.backend import to_numpy
from tests.convert.agreement_test import ORIGINAL
from tests.convert.loader_test import PIECES
from tests.weights import randomize

SIZES = {
    "vocabulary_size": 61,
    "num_layers": 1,
    "hidden_dim": 8,
    "intermediate_dim": 24,
    "state_dim": 4,
    "max_sequence_length": 12,
    "mask_padding": False,
}


def backbone(**options):
    return randomize(models.BiGSBackbone(**{**SIZES, **options}))


def tensors(directory):
    (path,) = (directory / name for name in READERS if (directory / name).exists())
    return dict(READERS[path.name](path))


def test_lora_is_added_to_the_kernels(tmp_path):
    model = backbone()
    model.enable_lora(2)
    randomize(model, seed=1)
    convert.save_original(model, tmp_path / "a")
    dense = model.blocks[0].value_dense
    delta = to_numpy(dense.lora_kernel_a) @ to_numpy(dense.lora_kernel_b)
    assert np.abs(delta).max() > 0.1
    written = tensors(tmp_path / "a")
    np.testing.assert_allclose(
        written["encoder/layer/0/dv/kernel"],
        to_numpy(dense._kernel) + delta,
        rtol=1e-5,
        atol=1e-6,
    )
    assert not [name for name in written if "lora" in name]
    x = {
        "token_ids": np.arange(12, dtype="int32")[None],
        "segment_ids": np.zeros((1, 12), "int32"),
        "padding_mask": np.ones((1, 12), "int32"),
    }
    again = models.BiGSBackbone.from_preset(str(tmp_path / "a"))
    for name, expected in model(x).items():
        np.testing.assert_allclose(
            to_numpy(again(x)[name]), to_numpy(expected), rtol=1e-4, atol=1e-5
        )


def test_quantized_layers_are_refused(tmp_path):
    model = backbone()
    model.quantize("int8")
    with pytest.raises(ValueError, match="no quantized layers.*value_dense"):
        convert.save_original(model, tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("activation", [layers.gelu_tanh, keras.activations.gelu])
def test_sixteen_bits_are_written_as_float32(dtype, activation, tmp_path):
    model = backbone(dtype=dtype, activation=activation)
    convert.save_original(model, tmp_path / "a")
    for name, array in tensors(tmp_path / "a").items():
        assert array.dtype in ("float32", "int64"), name
    again = models.BiGSBackbone.from_preset(str(tmp_path / "a"))
    for ours, theirs in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))


@pytest.mark.parametrize("activation", [layers.gelu_tanh, keras.activations.gelu])
def test_the_bare_encoder(activation, tmp_path):
    """As the original's base model writes it: without the root on Flax."""
    model = backbone(activation=activation)
    origin = convert.save_original(model, tmp_path / "a")
    names = tensors(tmp_path / "a")
    word = {
        "flax": "embeddings/word_embeddings/embedding",
        "pytorch": "bigs.embeddings.word_embeddings.weight",
    }
    assert word[origin] in names
    again = models.BiGSBackbone.from_preset(str(tmp_path / "a"))
    for ours, theirs in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))


def test_padding_that_is_masked(tmp_path):
    with pytest.warns(UserWarning, match="`mask_padding=True`"):
        convert.save_original(backbone(mask_padding=True), tmp_path / "a")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        convert.save_original(backbone(), tmp_path / "b")


def test_a_routing_given_as_a_layer(tmp_path):
    routing = layers.BiSSM(state_dim=6, method="fft")
    model = backbone(routing=routing)
    convert.save_original(model, tmp_path / "a")
    assert json.loads((tmp_path / "a" / "config.json").read_text())["num_ssm"] == 6
    again = models.BiGSBackbone.from_preset(str(tmp_path / "a"))
    for ours, theirs in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs))


@pytest.mark.parametrize(
    "options",
    [
        {"num_kernels": 2},
        {"combine": "sequential"},
        {"discretization": "bilinear"},
        {"activation": "relu"},
    ],
)
def test_routings_that_the_original_lacks(options, tmp_path):
    with pytest.raises(ValueError, match="gated SSM encoders only"):
        convert.save_original(
            backbone(routing=layers.BiSSM(4, **options)), tmp_path / "a"
        )


def test_where_something_is(tmp_path, monkeypatch):
    """Refused before any tensor is looked at."""
    monkeypatch.setattr(convert.writer, "tensor_map", None)
    (tmp_path / "other").touch()
    with pytest.raises(ConfigError, match="is not empty. Name another"):
        convert.save_original(backbone(), tmp_path)
    with pytest.raises(ConfigError, match="is a file. Name another"):
        convert.save_original(backbone(), tmp_path / "other")


def test_no_bigs_model(tmp_path):
    for model in (keras.Sequential(), 5):
        with pytest.raises(ValueError, match="`model` must be a `BiGSBackbone`"):
            convert.save_original(model, tmp_path / "a")


@pytest.mark.parametrize("lowercase", [False, True])
def test_a_tokenizer_beside_an_encoder(lowercase, tmp_path):
    tokenizer = models.BiGSTokenizer(PIECES, lowercase=lowercase)
    convert.save_original(backbone(), tmp_path / "a", tokenizer=tokenizer)
    again = models.BiGSTokenizer.from_preset(str(tmp_path / "a"))
    assert again.get_vocabulary() == PIECES
    assert again.lowercase == again.strip_accents == lowercase


def test_the_pooler_that_flax_has_no_place_for(tmp_path):
    """The fixtures of the original show which heads come without."""
    for head, cls in {
        "masked_lm": models.BiGSMaskedLM,
        "multiple_choice": models.BiGSMultipleChoice,
        "question_answering": models.BiGSQuestionAnswerer,
        "text_classifier": models.BiGSTextClassifier,
        "token_classifier": models.BiGSTokenClassifier,
    }.items():
        for origin in ("flax", "torch"):
            source = ORIGINAL / f"{origin}_{head}"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                task = cls.from_preset(str(source), preprocessor=None)
            convert.save_original(task, tmp_path / source.name)
            before = [n for n in tensors(tmp_path / source.name) if "pooler" in n]
            (path, *_) = (source / n for n in READERS if (source / n).exists())
            after = [n for n in dict(READERS[path.name](path)) if "pooler" in n]
            assert sorted(before) == sorted(after)
