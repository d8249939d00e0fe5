"""A package has a file that was checked, and a script that needs no Keras."""

import json
import runpy
import sys
import warnings

import keras
import numpy as np
import pytest

import keras_bigs
from keras_bigs.models.export import formats
from keras_bigs.models.export.package import check_tokenizer
from keras_bigs.models.export.verification import example_inputs
from keras_bigs.models.export.verification import verify_export
from tests.backend import relative_error
from tests.export.exported import BACKEND
from tests.export.exported import FORMATS
from tests.export.exported import need

QUICK, *OTHERS = FORMATS
FORMATS = [QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
WORDS = ["the", "fox", "dog", "is", "was", "quick", "brown", "happy"]
PIECES = ["##s", "un", "##e", ".", ",", "?"]
TOKENIZER = keras_bigs.models.BiGSTokenizer(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *PIECES]
)
TEXTS = ["The quick fox is happy.", "was the dogs brown, un?", "The the the."]


def make_backbone():
    return keras_bigs.models.BiGSBackbone(
        vocabulary_size=TOKENIZER.vocabulary_size(),
        num_layers=1,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=32,
    )


def make_classifier():
    preprocessor = keras_bigs.models.BiGSTextClassifierPreprocessor(
        TOKENIZER, sequence_length=32
    )
    return keras_bigs.models.BiGSTextClassifier(make_backbone(), 3, preprocessor)


@pytest.mark.parametrize(
    "quantize", [None, pytest.param("int8", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("format", FORMATS)
def test_the_script_returns_what_the_model_does(
    format, quantize, tmp_path, monkeypatch, capsys
):
    need(format)
    if quantize and BACKEND not in formats.FORMATS[format].quantized_backends:
        pytest.skip("refused, by a test of its own")
    model = make_classifier()
    if quantize:
        model.quantize(quantize)
    folder = tmp_path / "package"
    found = keras_bigs.models.export_package(model, folder, format, texts=TEXTS)
    assert list(found.differences) == [3, 10, 32]
    assert found.largest <= 5e-6
    record = json.loads((folder / "export.json").read_text())
    assert record["outputs"] == ["output"]
    monkeypatch.setattr(sys, "argv", ["usage.py", *TEXTS])
    script = runpy.run_path(str(folder / "usage.py"), run_name="__main__")
    assert "output (3, 3)" in capsys.readouterr().out
    (outputs,) = script["run"](script["pack"](TEXTS))
    assert relative_error(outputs, model.predict(TEXTS, verbose=0)) <= 1e-5
    pairs = (TEXTS, TEXTS[::-1])
    (outputs,) = script["run"](script["pack"](*pairs))
    assert relative_error(outputs, model.predict(pairs, verbose=0)) <= 1e-5


@pytest.mark.parametrize("truncate", ["round_robin", "waterfall"])
@pytest.mark.parametrize("length", [11, 12])
def test_pairs_are_cut_as_by_the_model(length, truncate, tmp_path):
    """Whichever text is too long, at even and at odd lengths."""
    need(QUICK)
    preprocessor = keras_bigs.models.BiGSTextClassifierPreprocessor(
        TOKENIZER, sequence_length=length, truncate=truncate
    )
    model = keras_bigs.models.BiGSTextClassifier(make_backbone(), 3, preprocessor)
    folder = tmp_path / "package"
    keras_bigs.models.export_package(model, folder, QUICK, texts=TEXTS, length=length)
    script = runpy.run_path(str(folder / "usage.py"))
    short, long, longer = "the fox", "the quick fox is happy", "brown dog is the " * 9
    firsts = [short, short, long, longer, longer, long, "the"]
    seconds = [short, longer, longer, long, longer, short, long]
    (outputs,) = script["run"](script["pack"](firsts, seconds))
    expected = model.predict((firsts, seconds), verbose=0)
    assert np.ptp(expected[:, 0]) > 1e-3  # or every text would do
    assert relative_error(outputs, expected) <= 1e-5


def test_contexts_are_cut_so_that_choices_are_whole(tmp_path):
    need(QUICK)
    preprocessor = keras_bigs.models.BiGSMultipleChoicePreprocessor(
        TOKENIZER, sequence_length=12
    )
    model = keras_bigs.models.BiGSMultipleChoice(make_backbone(), preprocessor)
    folder = tmp_path / "package"
    keras_bigs.models.export_package(model, folder, QUICK, texts=TEXTS, length=12)
    script = runpy.run_path(str(folder / "usage.py"))
    context, choices = "the quick brown fox is happy", ["dog", "the dog was quick ."]
    inputs = script["pack"]([context] * 2, choices)
    expected = preprocessor(([context], [choices]))
    for name, array in inputs.items():
        np.testing.assert_array_equal(array, keras.ops.convert_to_numpy(expected[name]))


def test_a_fixed_length(tmp_path):
    need(QUICK)
    model = make_classifier()
    folder = tmp_path / "package"
    keras_bigs.models.export_package(model, folder, QUICK, texts=TEXTS, length=12)
    script = runpy.run_path(str(folder / "usage.py"))
    inputs = script["pack"](TEXTS)
    assert inputs["token_ids"].shape == (3, 12)
    (outputs,) = script["run"](inputs)
    assert relative_error(outputs, model.predict(TEXTS, verbose=0)) <= 1e-5


def test_outputs_have_their_names(tmp_path):
    need(QUICK)
    backbone = make_backbone()
    answerer = keras_bigs.models.BiGSQuestionAnswerer(backbone)
    folder = tmp_path / "package"
    found = keras_bigs.models.export_package(
        answerer, folder, QUICK, tokenizer=TOKENIZER, texts=TEXTS
    )
    assert sorted(found.outputs) == ["end_logits", "start_logits"]
    script = runpy.run_path(str(folder / "usage.py"))
    inputs = example_inputs(answerer, TOKENIZER, [5, 6, 7], 9)
    expected = keras.Model.predict_on_batch(answerer, inputs)
    for name, output in zip(script["OUTPUTS"], script["run"](inputs), strict=True):
        expected_output = keras.ops.convert_to_numpy(expected[name])
        assert relative_error(output, expected_output) <= 1e-5


def test_a_wrong_file_is_refused(tmp_path, monkeypatch):
    need(QUICK)
    model, other = make_classifier(), make_classifier()
    monkeypatch.setattr(model, "export", other.export)
    with pytest.raises(ValueError, match="outputs differ from the model's by"):
        keras_bigs.models.export_package(model, tmp_path / "p", QUICK, texts=TEXTS)
    assert not list(tmp_path.iterdir())


def test_a_nan_is_the_largest_difference():
    found = keras_bigs.models.Verification({8: 1e-7, 16: np.nan}, ("output",))
    assert np.isnan(found.largest)


def test_bad_arguments(tmp_path):
    model = make_classifier()
    (tmp_path / "old").write_text("")
    with pytest.raises(keras_bigs.errors.ConfigError, match="not empty"):
        keras_bigs.models.export_package(model, tmp_path, QUICK)
    for length in (2, model.backbone.max_sequence_length + 1):
        with pytest.raises(ValueError, match=f"Received: length={length}"):
            keras_bigs.models.export_package(
                model, tmp_path / "new", QUICK, length=length
            )
    with pytest.raises(ValueError, match="Unknown `format='tflite'`"):
        keras_bigs.models.export_package(model, tmp_path / "new", "tflite")
    with pytest.raises(ValueError, match="give the `tokenizer`"):
        keras_bigs.models.export_package(model.backbone, tmp_path / "new", QUICK)
    with pytest.raises(ValueError, match="must be a directory or end in one of"):
        keras_bigs.models.load_exported(tmp_path / "model.pb")
    with pytest.raises(ValueError, match="at least one token"):
        verify_export(model, tmp_path / "model", [" "], [8])


def test_tokens_of_another_package_are_compared(tmp_path):
    TOKENIZER.save_assets(tmp_path)
    path = tmp_path / "vocabulary.txt"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_tokenizer(path, TOKENIZER, TEXTS)
    # A vocabulary in another order.
    path.write_text("\n".join(TOKENIZER.get_vocabulary()[::-1]))
    with pytest.warns(UserWarning, match="gives other tokens .* 'The quick fox"):
        check_tokenizer(path, TOKENIZER, TEXTS)


def test_inputs_of_an_encoder_of_one_segment():
    config = make_backbone().get_config() | {"num_segments": 1}
    backbone = keras_bigs.models.BiGSBackbone.from_config(config)
    inputs = example_inputs(backbone, TOKENIZER, [5, 6, 7], 9)
    assert not inputs["segment_ids"].any() and len(set(inputs)) == 3


@pytest.mark.parametrize("task", ["masked_lm", "choice"])
def test_inputs_of_other_tasks(task):
    backbone = make_backbone()
    if task == "masked_lm":
        model = keras_bigs.models.BiGSMaskedLM(backbone)
        shape = (2, 9)
    else:
        model = keras_bigs.models.BiGSMultipleChoice(backbone)
        shape = (2, 2, 9)
    inputs = example_inputs(model, TOKENIZER, [5, 6, 7], 9)
    assert set(inputs) == {x.name for x in model.inputs}
    assert inputs["token_ids"].shape == shape
    rows = inputs["token_ids"].reshape(-1, 9)
    masks = inputs["padding_mask"].reshape(-1, 9)
    assert rows[0].tolist() == [2, 5, 6, 7, 5, 6, 7, 5, 3]
    np.testing.assert_array_equal(masks.sum(1)[:2], [9, 7])
    assert not rows[masks == 0].any()
    keras.Model.predict_on_batch(model, inputs)
