"""Imports point one way, and private ones stay in one room; see CONTRIBUTING.md."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.without_backend


def test_import_direction():
    root = pathlib.Path(__file__).parents[1]
    command = pathlib.Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [command, "--no-cache"], cwd=root, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_private_imports_are_in_compat():
    root = pathlib.Path(__file__).parents[1]
    for folder in ("keras_bigs", "recipes", "benchmarks"):
        for path in (root / folder).rglob("*.py"):
            if path.parent.name != "compat":
                text = path.read_text("utf-8")
                private = re.search(r"keras(_hub)?\.src|\._flatten_layers", text)
                assert private is None, f"{path} uses {private[0]}"


# What `pip install keras-bigs torch` lacks on Windows, where keras-hub comes without
# TensorFlow.
WITHOUT_EXTRAS = """
import sys

absent = ["tensorflow", "tensorflow_text", "jax", "orbax", "sklearn", "matplotlib"]
sys.modules |= dict.fromkeys(absent)

import keras_bigs

masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
print(masked_lm.fill_mask("He [MASK].")[0][0]["token"])
backbone = keras_bigs.models.BiGSBackbone(
    vocabulary_size=len(masked_lm.preprocessor.tokenizer.get_vocabulary()),
    num_layers=1,
    hidden_dim=8,
    intermediate_dim=16,
    max_sequence_length=16,
)
classifier = keras_bigs.models.BiGSTextClassifier(
    backbone,
    num_classes=2,
    preprocessor=keras_bigs.models.BiGSTextClassifierPreprocessor(
        masked_lm.preprocessor.tokenizer, sequence_length=16
    ),
)
classifier.fit(["a gripping film", "two hours of nothing"], [1, 0], verbose=0)
print(classifier.predict(["a film"], verbose=0).shape)
sys.modules["etils"] = None  # which Grain needs for `fit`
for lacking in ("data.BucketedBatches", "training.evaluate", "training.Checkpoints"):
    room, name = lacking.split(".")
    try:
        getattr(getattr(keras_bigs, room), name)
    except ImportError as error:
        print(error)
"""


def test_models_need_no_extra():
    pytest.importorskip("torch")
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_EXTRAS],
        env=os.environ | {"KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    token, shape, *lacking = result.stdout.splitlines()
    assert token.isalpha()
    assert shape == "(1, 2)"
    assert lacking == [
        f"{name} is not installed: pip install '.[training]'"
        for name in ("tensorflow", "sklearn", "orbax")
    ]
