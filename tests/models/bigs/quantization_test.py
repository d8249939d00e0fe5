"""Quantized models: saved and loaded; what GPTQ and AWQ run through."""

import warnings

import keras
import keras_hub
import numpy as np
import pytest

from keras_bigs import models
from tests.backend import fast_on_torch
from tests.backend import to_numpy
from tests.models.bigs.bigs_backbone_test import inputs
from tests.models.bigs.bigs_backbone_test import small
from tests.weights import randomize


def outputs(model, x):
    y = keras.tree.flatten(model(x))
    return np.concatenate([to_numpy(value).ravel() for value in y])


@pytest.fixture(scope="module", params=["int8", "float8"])
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def classifier(mode):
    backbone = small(num_layers=1, routing="attention", block="stack")
    model = randomize(models.BiGSTextClassifier(backbone, 3))
    expected = outputs(model, inputs())
    model.quantize(mode)
    error = np.abs(outputs(model, inputs()) - expected).max()
    assert 0 < error < 0.1 * np.abs(expected).max()
    return model


@pytest.fixture
def preset(classifier, tmp_path):
    classifier.save_to_preset(str(tmp_path))
    return str(tmp_path)


def test_a_task_comes_back(classifier, preset, mode):
    expected = outputs(classifier, inputs())
    for cls in (models.BiGSTextClassifier, keras_hub.models.TextClassifier):
        again = cls.from_preset(preset, preprocessor=None)
        assert again.output_dense.quantization_mode == mode
        np.testing.assert_array_equal(outputs(again, inputs()), expected)


def test_its_backbone_comes_back(classifier, preset, mode):
    expected = outputs(classifier.backbone, inputs())
    for cls in (models.BiGSBackbone, keras_hub.models.Backbone):
        again = cls.from_preset(preset)
        assert again.pooled_dense.quantization_mode == mode
        np.testing.assert_array_equal(outputs(again, inputs()), expected)


def test_a_new_head_is_not_quantized(preset, mode):
    for again in (
        models.BiGSTextClassifier.from_preset(preset, num_classes=5, preprocessor=None),
        models.BiGSTokenClassifier.from_preset(
            preset, num_classes=5, preprocessor=None
        ),
    ):
        assert again.backbone.pooled_dense.quantization_mode == mode
        assert again.output_dense.quantization_mode is None
        assert np.std(to_numpy(again.output_dense.kernel)) > 0


def test_another_dtype(classifier, preset, mode):
    again = models.BiGSTextClassifier.from_preset(
        preset, preprocessor=None, dtype="mixed_bfloat16"
    )
    assert again.output_dense.compute_dtype == "bfloat16"
    assert again.output_dense.quantization_mode == mode
    expected = outputs(classifier, inputs())
    error = np.abs(outputs(again, inputs()) - expected).max()
    assert error < 0.05 * np.abs(expected).max()


def test_a_masked_lm(tmp_path):
    masked_lm = randomize(models.BiGSMaskedLM(small(num_layers=1)))
    masked_lm.quantize("int8")
    masked_lm.save_to_preset(str(tmp_path))
    again = models.BiGSMaskedLM.from_preset(str(tmp_path), preprocessor=None)
    x = {**inputs(), "mask_positions": np.array([[1, 2], [0, 3]])}
    np.testing.assert_array_equal(outputs(again, x), outputs(masked_lm, x))


@pytest.mark.parametrize("block", ["gated", "stack"])
def test_structure_for_calibration(block):
    """Embeddings and blocks, one after the other, are the encoder."""
    backbone = randomize(small(block=block))
    task = models.BiGSMaskedLM(backbone)
    assert task.get_quantization_layer_structure("int8") is None
    token_ids = inputs()["token_ids"][:1]
    x = {
        "token_ids": token_ids,
        "segment_ids": np.zeros_like(token_ids),
        "padding_mask": np.ones_like(token_ids),
    }
    expected = to_numpy(backbone(x)["sequence_output"])
    for model in (backbone, task):
        structure = model.get_quantization_layer_structure("gptq")
        y = keras.ops.convert_to_tensor(token_ids)
        for layer in structure["pre_block_layers"] + structure["sequential_blocks"]:
            y = layer(y)
        np.testing.assert_allclose(to_numpy(y), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["gptq", "awq"])
def test_calibration(mode):
    cls = {"gptq": keras.quantizers.GPTQConfig, "awq": keras.quantizers.AWQConfig}
    config = cls[mode](
        dataset=[np.random.default_rng(0).integers(5, 20, 200)],
        tokenizer=len,  # of tokens there is nothing to tokenize
        num_samples=4,
        sequence_length=12,
        group_size=-1,
    )
    model = randomize(models.BiGSTextClassifier(small(num_layers=1), 3))
    expected = outputs(model, inputs())
    model.quantize(mode, config=config)
    assert model.backbone.blocks[0].value_dense.quantization_mode == mode
    # Not in a block: nothing calibrates it.
    assert model.output_dense.quantization_mode is None
    error = np.abs(outputs(model, inputs()) - expected).max()
    assert 0 < error < 0.3 * np.abs(expected).max()


@fast_on_torch
def test_a_task_with_a_preprocessor_is_quantized_in_silence():
    classifier = models.BiGSTextClassifier.from_preset(
        "bigs_mini_en_uncased", num_classes=2
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Layer .* `quantize`")
        classifier.quantize("int8")
    assert classifier.output_dense.quantization_mode == "int8"
    assert classifier.backbone.token_embedding.quantization_mode == "int8"
