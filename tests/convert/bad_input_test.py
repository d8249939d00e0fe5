"""Damaged, forged or unfit checkpoints: one kind of error, and nothing executed."""

import contextlib
import json
import pickle
import shutil
import struct
import tracemalloc

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs import models
from keras_bigs.convert import CheckpointError
from keras_bigs.convert.readers import READERS
from keras_bigs.convert.writer import write_msgpack
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


@pytest.mark.parametrize("name", FILES)
@fuzz
@given(data=st.data())
def test_no_damage_is_fatal(name, tmp_path, data):
    """Cut, changed or lengthened anywhere, most of all in the header."""
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


@pytest.mark.parametrize("name", ["model.safetensors", "flax_model.msgpack"])
@fuzz
@given(data=st.binary(max_size=200))
def test_no_file_is_fatal(name, tmp_path, data):
    path = tmp_path / name
    path.write_bytes(data)
    with contextlib.suppress(CheckpointError):
        read(path)


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
]


def test_forged_arrays(tmp_path):
    path = tmp_path / "flax_model.msgpack"
    for contents in FORGED:
        array = msgpack.ExtType(1, msgpack.packb(contents))
        path.write_bytes(msgpack.packb({"x": array}))
        with pytest.raises(CheckpointError):
            read(path)
    deep = {"x": 1}
    for _ in range(100):
        deep = {"x": deep}
    path.write_bytes(msgpack.packb(deep))
    with pytest.raises(CheckpointError, match="deep"):
        read(path)


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
    ],
)
def test_settings_that_are_not_supported(directory, change, message):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=message.replace("[", r"\[")):
        load(directory)


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
