"""Heads and poolers that a checkpoint lacks, has besides, or names otherwise."""

import json
import shutil
import warnings

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file
from safetensors.numpy import save_file

from keras_bigs import models
from keras_bigs.convert.readers import READERS
from keras_bigs.convert.writer import write_msgpack
from keras_bigs.errors import CheckpointError
from tests.backend import to_numpy
from tests.convert.agreement_test import ORIGINAL
from tests.convert.agreement_test import check


@pytest.fixture
def copied(tmp_path):
    """Copies a checkpoint to spoil."""

    def copy(name):
        shutil.copytree(ORIGINAL / name, tmp_path / name)
        # Of the two formats of PyTorch, the one that is read first.
        (tmp_path / name / "pytorch_model.bin").unlink(missing_ok=True)
        return tmp_path / name

    return copy


def change(directory, function, **config):
    """Rewrites the tensors as `function` returns them, and `config.json`."""
    path = directory / "flax_model.msgpack"
    if path.exists():
        write_msgpack(path, function(dict(READERS[path.name](path))))
    else:
        path = directory / "model.safetensors"
        save_file(function(load_file(path)), path)
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))


def equal(model, other):
    for one, two in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(one), to_numpy(two), err_msg=one.path)


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (models.BiGSTextClassifier, {"num_classes": 2}),
        (models.BiGSMultipleChoice, {}),
        (models.BiGSTextEmbedder, {}),
        (models.BiGSBackbone, None),
    ],
)
def test_a_pretrained_model_without_a_pooler(cls, arguments):
    """What is new is told once, and the pooler is the same every time."""
    source = str(ORIGINAL / "flax_masked_lm")
    loaded = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        options = {} if arguments is None else {**arguments, "preprocessor": None}
        with pytest.warns(UserWarning, match="has no weights for") as caught:
            loaded.append(cls.from_preset(source, **options))
        (message,) = [str(w.message) for w in caught if "no weights" in str(w.message)]
        assert "pooled_dense/kernel" in message
        assert ("logits/kernel" in message) == (
            cls in (models.BiGSTextClassifier, models.BiGSMultipleChoice)
        )
        assert "train" in message
    one, other = (getattr(model, "backbone", model) for model in loaded)
    equal(one, other)
    kernel = to_numpy(one.pooled_dense.kernel)
    assert 0.5 < kernel.std() / (0.02 * 8) < 1.1


def test_a_head_needs_its_pooler(copied):
    directory = copied("flax_text_classifier")
    change(directory, lambda t: {n: x for n, x in t.items() if "pooler" not in n})
    with pytest.raises(CheckpointError, match="Missing: s4_bert/pooler/dense/bias"):
        models.BiGSTextClassifier.from_preset(str(directory), preprocessor=None)
    with pytest.warns(UserWarning, match="pooled_dense/kernel"):
        models.BiGSTextClassifier.from_preset(
            str(directory), num_classes=7, preprocessor=None
        )


@pytest.mark.parametrize("name", ["flax_text_classifier", "torch_masked_lm"])
def test_nothing_new_no_warning(name):
    cls = models.BiGSMaskedLM if "masked" in name else models.BiGSTextClassifier
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        cls.from_preset(str(ORIGINAL / name), preprocessor=None)


@pytest.mark.parametrize("name", ["flax_text_classifier", "torch_text_classifier"])
def test_the_bare_encoder(name, copied):
    """The original's base models have the same names without the root."""
    directory = copied(name)
    expected = models.BiGSBackbone.from_preset(str(directory))

    def bare(tensors):
        return {
            n.removeprefix("s4_bert/").removeprefix("bigs."): x
            for n, x in tensors.items()
            if not n.startswith("classifier")
        }

    change(directory, bare, architectures=["BiGSModel"])
    equal(models.BiGSBackbone.from_preset(str(directory)), expected)


@pytest.mark.parametrize("name", ["flax_masked_lm", "torch_masked_lm"])
def test_pretraining_with_next_sentence_prediction(name, copied):
    directory = copied(name)
    separator, kernel = ("/", "kernel") if name[0] == "f" else (".", "weight")

    def extend(tensors):
        head = f"cls{separator}seq_relationship{separator}"
        tensors[f"{head}{kernel}"] = np.ones((2, 16), "float32")
        tensors[f"{head}bias"] = np.ones(2, "float32")
        return tensors

    change(directory, extend, architectures=["BiGSForPreTraining"])
    masked_lm = models.BiGSMaskedLM.from_preset(str(directory), preprocessor=None)
    check(masked_lm, directory)


def test_next_sentence_prediction_alone_is_no_masked_lm(copied):
    directory = copied("torch_masked_lm")

    def only(tensors):
        tensors = {n: x for n, x in tensors.items() if not n.startswith("cls")}
        return {**tensors, "cls.seq_relationship.bias": np.ones(2, "float32")}

    change(directory, only, architectures=["BiGSForNextSentencePrediction"])
    with pytest.warns(UserWarning, match="mlm_head/output_bias"):
        models.BiGSMaskedLM.from_preset(str(directory), preprocessor=None)


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_an_untied_decoder_is_refused(name, copied):
    directory = copied("torch_masked_lm")

    def untie(tensors):
        tensors[f"cls.predictions.decoder.{name}"] += 1
        return tensors

    change(directory, untie)
    message = f"Different from what they repeat: cls.predictions.decoder.{name} "
    with pytest.raises(CheckpointError, match=message):
        models.BiGSMaskedLM.from_preset(str(directory), preprocessor=None)
    # The encoder does not need it.
    models.BiGSBackbone.from_preset(str(directory))
    models.BiGSMaskedLM.from_preset(
        str(ORIGINAL / "torch_masked_lm"), preprocessor=None, dtype="bfloat16"
    )


def test_untied_by_configuration(copied):
    directory = copied("flax_masked_lm")
    change(directory, lambda tensors: tensors, tie_word_embeddings=False)
    with pytest.raises(CheckpointError, match="`tie_word_embeddings` is False"):
        models.BiGSMaskedLM.from_preset(str(directory), preprocessor=None)


def test_the_decoders_bias_alone(copied):
    directory = copied("torch_masked_lm")

    def without(tensors):
        del tensors["cls.predictions.bias"]
        return tensors

    change(directory, without)
    masked_lm = models.BiGSMaskedLM.from_preset(str(directory), preprocessor=None)
    check(masked_lm, directory)


def test_float64_is_rounded_with_a_warning(copied):
    directory = copied("flax_text_classifier")
    change(directory, lambda t: {n: x.astype("float64") for n, x in t.items()})
    with pytest.warns(UserWarning, match="float64 weights, which were rounded"):
        task = models.BiGSTextClassifier.from_preset(str(directory), preprocessor=None)
    check(task, directory)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"hidden_dropout_prob": 0.3, "classifier_dropout": None}, 0.3),
        ({"hidden_dropout_prob": 0.3, "classifier_dropout": 0.0}, 0.0),
    ],
)
def test_dropout_of_the_head(config, expected, copied):
    directory = copied("torch_text_classifier")
    change(directory, lambda tensors: tensors, **config)
    task = models.BiGSTextClassifier.from_preset(str(directory), preprocessor=None)
    assert task.dropout == expected
    # The original has dropout of embeddings and heads, and none in its blocks.
    assert (task.backbone.dropout, task.backbone.embedding_dropout) == (0.0, 0.3)
    task = models.BiGSTextClassifier.from_preset(
        str(directory), preprocessor=None, dropout=0.7
    )
    assert task.dropout == 0.7


def test_pooler_over_all_positions(copied):
    """`pooler_type: "mean"` counts padding."""
    directory = copied("flax_text_classifier")
    change(directory, lambda tensors: tensors, pooler_type="mean")
    task = models.BiGSTextClassifier.from_preset(str(directory), preprocessor=None)
    tensors = dict(READERS["flax_model.msgpack"](directory / "flax_model.msgpack"))
    inputs = dict(np.load(ORIGINAL / "inputs.npz"))
    names = ("token_ids", "segment_ids", "padding_mask")
    x = {name: inputs[name].astype("int32") for name in names}
    hidden = to_numpy(task.backbone(x)["sequence_output"]).mean(axis=1)
    pooled = np.tanh(
        hidden @ tensors["s4_bert/pooler/dense/kernel"]
        + tensors["s4_bert/pooler/dense/bias"]
    )
    expected = pooled @ tensors["classifier/kernel"] + tensors["classifier/bias"]
    np.testing.assert_allclose(to_numpy(task(x)), expected, rtol=1e-5, atol=1e-6)


def short_outputs(tensors, hidden):
    """The last layer's outputs, in float64, for embeddings `(length, dim)`."""
    length = len(hidden)
    tensors = {name: array.astype("float64") for name, array in tensors.items()}

    def gelu(x):
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    def route(name, u):
        a = np.minimum(tensors[f"{name}/A_re"], -1e-4) + 1j * tensors[f"{name}/A_im"]
        step = np.exp(tensors[f"{name}/log_step"])
        c = tensors[f"{name}/C"] @ (1, 1j) * np.expm1(step * a) / a
        powers = np.exp(np.arange(length)[:, None] * step * a)
        taps = (powers @ c).real
        past = [sum(taps[k] * u[t - k] for k in range(t + 1)) for t in range(length)]
        return np.array(past) + tensors[f"{name}/D"] * u

    for i in range(2):
        layer = f"s4_bert/encoder/layer/{i}"

        def dense(name, x, layer=layer):
            return (
                x @ tensors[f"{layer}/{name}/kernel"] + tensors[f"{layer}/{name}/bias"]
            )

        centred = hidden - hidden.mean(-1, keepdims=True)
        h = centred / np.sqrt(hidden.var(-1, keepdims=True) + 1e-12)
        h = h * tensors[f"{layer}/LayerNorm/scale"] + tensors[f"{layer}/LayerNorm/bias"]
        forward = route(f"{layer}/fs4", gelu(dense("du_forward", h)))
        backward = route(f"{layer}/bs4", gelu(dense("du_backward", h))[::-1])[::-1]
        routed = dense("duc_forward", forward) * dense("duc_backward", backward)
        gate = gelu(dense("dol", routed)) * gelu(dense("dv", h))
        hidden = hidden + dense("do", gate)
    return hidden


def test_inputs_shorter_than_the_positions():
    """As if the SSMs' kernels were cut to the input, and padding were tokens."""
    directory = ORIGINAL / "flax_masked_lm"
    masked_lm = models.BiGSMaskedLM.from_preset(str(directory), preprocessor=None)
    tensors = dict(READERS["flax_model.msgpack"](directory / "flax_model.msgpack"))
    outputs = np.load(directory / "outputs.npz")
    inputs = dict(np.load(ORIGINAL / "inputs.npz"))
    names = ("token_ids", "segment_ids", "padding_mask")
    for length in (24, 11):
        x = {key: inputs[key][:, :length].astype("int32") for key in names}
        actual = to_numpy(masked_lm.backbone(x)["sequence_output"])
        for row, first in enumerate(outputs["hidden_first"]):
            expected = short_outputs(tensors, first[:length].astype("float64"))
            if length == 24:
                scale = np.abs(expected).max()
                error = np.abs(outputs["hidden_last"][row] - expected).max()
                assert error <= 1e-5 * scale
            error = np.abs(actual[row] - expected).max()
            assert error <= 1e-5 * np.abs(expected).max()
