"""Damaged, forged or unfit checkpoints: one kind of error, and nothing executed."""

import contextlib
import copy
import json
import pickle
import re
import shutil
import struct
import sys
import tracemalloc
import zipfile

import ml_dtypes
import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from keras_bigs import models
from keras_bigs.convert.readers import READERS
from keras_bigs.convert.writer import write_msgpack
from keras_bigs.errors import CheckpointError
from tests.convert.agreement_test import ORIGINAL

FILES = {
    "model.safetensors": ORIGINAL / "torch_multiple_choice" / "model.safetensors",
    "flax_model.msgpack": ORIGINAL / "flax_multiple_choice" / "flax_model.msgpack",
    "pytorch_model.bin": ORIGINAL / "torch_masked_lm" / "pytorch_model.bin",
}
# Each example writes and reads one file; the folder may be shared.
fuzz = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def read(path):
    if path.name == "pytorch_model.bin":
        pytest.importorskip("torch")
    return dict(READERS[path.name](path))


@pytest.mark.without_backend
@pytest.mark.parametrize("name", FILES)
@fuzz
@given(data=st.data())
def test_no_damage_is_fatal(name, tmp_path, data):
    """Cut, changed or lengthened anywhere, most of all in the header."""
    # So that what is imported by the first file is not counted.
    read(FILES[name])
    whole = FILES[name].read_bytes()
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 3))):
        end = data.draw(st.sampled_from([16, 300, len(whole)]))
        damaged[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(whole))))
    damaged = bytes(damaged[:cut]) + data.draw(st.binary(max_size=8))
    path = tmp_path / name
    path.write_bytes(damaged)
    tracemalloc.start()
    try:
        read(path)
    except CheckpointError as error:
        assert name in str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.without_backend
@pytest.mark.parametrize("name", ["model.safetensors", "flax_model.msgpack"])
@fuzz
@given(data=st.binary(max_size=200))
def test_no_file_is_fatal(name, tmp_path, data):
    path = tmp_path / name
    path.write_bytes(data)
    with contextlib.suppress(CheckpointError):
        read(path)


@pytest.mark.without_backend
def test_a_forged_length_allocates_nothing(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(CheckpointError):
        read(path)
    path = tmp_path / "flax_model.msgpack"
    for forged in (b"\xdf\xff\xff\xff\xff", b"\x81\xa1x\xc9\xff\xff\xff\xff\x01"):
        path.write_bytes(forged)
        with pytest.raises(CheckpointError):
            read(path)


FORGED = [
    [[2**40], "float32", b""],
    [[-1, -4], "float32", b"0" * 16],
    [[1], "object", b"0" * 8],
    [[1], "float32"],
    [["a"], "float32", b""],
    # Products that would repeat a string or a list by the gigabyte.
    [[2**28, "a"], "float32", b""],
    [[2**25, [0]], "float32", b""],
    [[True], "float32", b"0000"],
    ["ab", "float32", b""],
    [{"a": 1}, "float32", b""],
    [[2**26], "float32", "text"],
    [[1], ["float32"], b"0000"],
]


@pytest.mark.without_backend
def test_forged_arrays(tmp_path):
    path = tmp_path / "flax_model.msgpack"
    for contents in FORGED:
        array = msgpack.ExtType(1, msgpack.packb(contents))
        path.write_bytes(msgpack.packb({"x": array}))
        tracemalloc.start()
        try:
            with pytest.raises(CheckpointError):
                read(path)
            assert tracemalloc.get_traced_memory()[1] < 1e6
        finally:
            tracemalloc.stop()
    deep = {"x": 1}
    for _ in range(100):
        deep = {"x": deep}
    path.write_bytes(msgpack.packb(deep))
    with pytest.raises(CheckpointError, match="deep"):
        read(path)


@pytest.mark.without_backend
def test_pickled_code_is_not_run(tmp_path):
    pytest.importorskip("torch")

    class Attack:
        def __reduce__(self):
            return (open, (str(tmp_path / "attacked"), "w"))

    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(pickle.dumps({"x": Attack()}))
    with pytest.raises(CheckpointError):
        read(path)
    assert not (tmp_path / "attacked").exists()


@pytest.mark.without_backend
def test_compressed_archives_are_refused(tmp_path):
    """400 KB could unpack to 400 MB."""
    torch = pytest.importorskip("torch")
    path, source = tmp_path / "pytorch_model.bin", tmp_path / "source"
    torch.save({"x": torch.zeros(100_000)}, source)
    with (
        zipfile.ZipFile(source) as archive,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for entry in archive.infolist():
            bomb.writestr(entry.filename, archive.read(entry))
    with pytest.raises(CheckpointError, match="is compressed"):
        read(path)


@pytest.mark.without_backend
def test_entries_that_overlap_are_refused(tmp_path):
    pytest.importorskip("torch")
    path = tmp_path / "pytorch_model.bin"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data/0", b"0" * 1000)
        archive.filelist.extend(copy.copy(archive.filelist[0]) for _ in range(50))
    with pytest.raises(CheckpointError, match="claim to be larger than the file"):
        read(path)


def torch_files():
    """Files that are no flat state dict, and what is said of them."""
    torch = pytest.importorskip("torch")
    one = torch.ones(3)
    return [
        ([one], "holds a list, not a state dict"),
        ({"state_dict": {"x": one}}, "'state_dict' holds a dict, not a tensor"),
        ({"epoch": 3, "x": one}, "'epoch' holds a int, not a tensor"),
        (
            {"x": one.to_sparse()},
            "x is no dense tensor with contents .layout torch.sparse",
        ),
        ({"x": torch.ones(3, device="meta")}, "device meta"),
        ({"x": one[:1].expand(2**40)}, "claim 4398046511104 bytes"),
    ]


@pytest.mark.without_backend
def test_what_is_no_state_dict(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    for contents, message in torch_files():
        sys.modules["torch"].save(contents, path)
        with pytest.raises(CheckpointError, match=message) as error:
            read(path)
        assert "cut short" not in str(error.value)


@pytest.mark.without_backend
def test_kinds_of_torch_tensors(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "pytorch_model.bin"
    values = torch.tensor([1.5, -2.25])
    kinds = {
        "float32": values,
        "bfloat16": values.bfloat16(),
        "parameter": torch.nn.Parameter(values),
    }
    torch.save(kinds, path)
    for name, array in read(path).items():
        assert array.dtype == "float32", name
        np.testing.assert_array_equal(array, [1.5, -2.25])


@pytest.mark.without_backend
def test_bfloat16_elsewhere(tmp_path):
    values = np.array([1.5, -2.25], ml_dtypes.bfloat16)
    path = tmp_path / "model.safetensors"
    save_file({"x": values}, path)
    np.testing.assert_array_equal(read(path)["x"], np.float32([1.5, -2.25]))
    assert read(path)["x"].dtype == "float32"
    path = tmp_path / "flax_model.msgpack"
    write_msgpack(path, {"x": values})
    np.testing.assert_array_equal(read(path)["x"], np.float32([1.5, -2.25]))
    assert read(path)["x"].dtype == "float32"


def flax_tensors():
    return read(FILES["flax_model.msgpack"])


@pytest.fixture
def directory(tmp_path):
    """A checkpoint of the Flax code to spoil."""
    shutil.copytree(ORIGINAL / "flax_multiple_choice", tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def load(directory):
    return models.BiGSMultipleChoice.from_preset(str(directory), preprocessor=None)


def test_all_problems_are_listed(directory):
    tensors = flax_tensors()
    del tensors["s4_bert/pooler/dense/bias"]
    del tensors["classifier/bias"]
    tensors["s4_bert/encoder/layer/7/dv/bias"] = np.zeros(3, "float32")
    tensors["s4_bert/encoder/layer/0/fs4/C"] = np.zeros((9, 2), "float32")
    tensors["s4_bert/encoder/layer/0/fs4/D"] = np.zeros(1, "int32")
    write_msgpack(directory / "flax_model.msgpack", tensors)
    with pytest.raises(CheckpointError) as error:
        load(directory)
    message = str(error.value)
    assert "Missing: classifier/bias, s4_bert/pooler/dense/bias." in message
    assert "Unexpected: s4_bert/encoder/layer/7/dv/bias." in message
    assert "fs4/C (float32[9, 2] instead of float[8, 2])" in message
    assert "fs4/D (int32[1] instead of float[1])" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "relu"}, "`hidden_act` is 'relu'; supported: 'gelu'"),
        ({"pre_norm": False}, "`pre_norm` is False"),
        ({"decode": True}, "`decode` is True"),
        ({"scaling": "random"}, "`scaling` is 'random'"),
        ({"layer_norm_eps": 1e-5}, "`layer_norm_eps` is 1e-05"),
        ({"pooler_type": "max"}, "`pooler_type` is 'max'"),
        ({"hidden_size": None}, "`hidden_size` is None"),
        ({"num_ssm": -4}, "`num_ssm` is -4"),
        ({"hidden_dropout_prob": "high"}, "`hidden_dropout_prob` is 'high'"),
        ({"architectures": ["BertModel"]}, "unknown architecture 'BertModel'"),
        ({"architectures": 5}, "`architectures` is 5; it must be a list"),
        ({"architectures": "BiGSModel"}, "`architectures` is 'BiGSModel'; it must be"),
        ({"architectures": [5]}, "`architectures` is [5]"),
        ({"classifier_dropout": "low"}, "`classifier_dropout` is 'low'"),
        ({"hidden_dropout_prob": True}, "`hidden_dropout_prob` is True"),
    ],
)
def test_settings_that_are_not_supported(directory, change, message):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=re.escape(message)):
        load(directory)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 40_000_000}, "`vocab_size` 40000000, .*word_embeddings"),
        ({"vocab_size": 2**62}, "word_embeddings/embedding has the shape .61, 16."),
        ({"hidden_size": 2**62}, "token_type_embeddings"),
        ({"intermediate_size": 2**62}, "layer/0/dv/kernel has the shape .16, 48."),
        ({"num_ssm": 2**40}, "layer/0/fs4/A_re has the shape .8."),
        ({"max_position_embeddings": 2**50}, "position_embeddings"),
        ({"type_vocab_size": 2**50}, "token_type_embeddings"),
        ({"num_hidden_layers": 2**50}, "of 1125899906842624 layers"),
    ],
)
@pytest.mark.parametrize("cls", [models.BiGSBackbone, models.BiGSMultipleChoice])
def test_sizes_are_compared_before_anything_is_built(
    directory, change, message, cls, monkeypatch
):
    def build(*args, **kwargs):
        raise AssertionError("was built")

    monkeypatch.setattr(models.BiGSBackbone, "__init__", build)
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    options = {} if cls is models.BiGSBackbone else {"preprocessor": None}
    with pytest.raises(CheckpointError, match=message):
        cls.from_preset(str(directory), **options)


def test_states_that_cost_their_square(directory):
    """An SSM of 30,000 states would begin with 14 GB."""
    tensors = flax_tensors()
    tensors["s4_bert/encoder/layer/0/fs4/A_re"] = np.zeros(30_000, "float32")
    write_msgpack(directory / "flax_model.msgpack", tensors)
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "num_ssm": 30_000}))
    with pytest.raises(CheckpointError, match="`num_ssm` 30000 is too large"):
        load(directory)


def test_sizes_that_no_tensor_tells(directory):
    tensors = flax_tensors()
    del tensors["s4_bert/embeddings/word_embeddings/embedding"]
    write_msgpack(directory / "flax_model.msgpack", tensors)
    with pytest.raises(CheckpointError, match="Missing: .*word_embeddings/embedding"):
        load(directory)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("classifier/bias", None, "Missing: classifier/bias"),
        ("classifier/kernel", None, "Missing: classifier/kernel"),
        ("classifier/bias", np.float32(1), r"classifier/bias \[\] and"),
        ("classifier/bias", np.zeros(0, "float32"), r"classifier/bias \[0\] and"),
        ("classifier/bias", np.zeros(10**6, "float32"), r"\[1000000\] and"),
        ("classifier/kernel", np.float32(1), r"classifier/kernel \[\] are of"),
    ],
)
def test_classifiers_of_no_number_of_classes(directory, name, array, message):
    shutil.copytree(ORIGINAL / "flax_text_classifier", directory, dirs_exist_ok=True)
    path = directory / "flax_model.msgpack"
    tensors = {**read(path), name: array}
    write_msgpack(path, {n: np.asarray(x) for n, x in tensors.items() if x is not None})
    with pytest.raises(CheckpointError, match=message):
        models.BiGSTextClassifier.from_preset(str(directory), preprocessor=None)


@pytest.mark.parametrize("option", [{"block": "stack"}, {"routing": "attention"}])
def test_another_architecture(directory, option):
    with pytest.raises(CheckpointError, match="gated SSM encoder"):
        models.BiGSBackbone.from_preset(str(directory), **option)
    backbone = models.BiGSBackbone.from_preset(
        str(directory), load_weights=False, **option
    )
    assert backbone.hidden_dim == 16


def test_without_weights(directory):
    """A configuration alone is enough for a new model."""
    (directory / "flax_model.msgpack").unlink()
    backbone = models.BiGSBackbone.from_preset(str(directory), load_weights=False)
    assert (backbone.hidden_dim, backbone.mask_padding) == (16, False)
    classifier = models.BiGSTextClassifier.from_preset(
        str(directory), load_weights=False, num_classes=3, preprocessor=None
    )
    assert classifier.num_classes == 3
    masked_lm = models.BiGSMaskedLM.from_preset(
        str(directory), load_weights=False, preprocessor=None
    )
    assert masked_lm.backbone.hidden_dim == 16


def test_no_weights(directory):
    (directory / "flax_model.msgpack").unlink()
    with pytest.raises(CheckpointError, match="has none of"):
        load(directory)


def test_heads(directory):
    with pytest.raises(CheckpointError, match="no head for BiGSTextClassifier"):
        models.BiGSTextClassifier.from_preset(str(directory), preprocessor=None)
    classifier = models.BiGSTextClassifier.from_preset(
        str(directory), num_classes=4, preprocessor=None
    )
    assert classifier.num_classes == 4
    # A new head where the checkpoint has none.
    masked_lm = models.BiGSMaskedLM.from_preset(str(directory), preprocessor=None)
    for ours, theirs in zip(
        masked_lm.backbone.weights, load(directory).backbone.weights, strict=True
    ):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
