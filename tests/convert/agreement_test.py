"""The original's checkpoints give the original's outputs."""

import pathlib
import shutil

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

from keras_bigs import models

ORIGINAL = pathlib.Path(__file__).parents[1] / "fixtures/original"
TASKS = {
    "masked_lm": models.BiGSMaskedLM,
    "multiple_choice": models.BiGSMultipleChoice,
    "question_answering": models.BiGSQuestionAnswerer,
    "text_classifier": models.BiGSTextClassifier,
    "token_classifier": models.BiGSTokenClassifier,
}
CHECKPOINTS = sorted(path.name for path in ORIGINAL.iterdir() if path.is_dir())
# Largest error, relative to the largest magnitude of the original's output.
TOLERANCE = 1e-5


def inputs(head):
    """The inputs that the outputs belong to: padded rows, two segments."""
    arrays = dict(np.load(ORIGINAL / "inputs.npz"))
    prefix = "choice_" if head == "multiple_choice" else ""
    token_ids = arrays[f"{prefix}token_ids"].astype("int32")
    segments = np.zeros_like(token_ids) if prefix else arrays["segment_ids"]
    x = {
        "token_ids": token_ids,
        "segment_ids": segments.astype("int32"),
        "padding_mask": arrays[f"{prefix}padding_mask"],
    }
    if head == "masked_lm":
        rows, length = token_ids.shape
        positions = np.arange(length, dtype="int32")
        x["mask_positions"] = np.tile(positions, (rows, 1))
    return x


def outputs(task, head):
    """The outputs by the original's names."""
    y = task(inputs(head))
    y = y if isinstance(y, dict) else {"logits": y}
    if head != "multiple_choice":
        backbone = task.backbone
        hidden = keras.Model(
            backbone.input,
            {
                "hidden_first": backbone.get_layer("block_0").input[0],
                "hidden_last": backbone.output["sequence_output"],
            },
        )
        x = {name: inputs(head)[name] for name in backbone.input}
        y.update(hidden(x))
    return {name: keras.ops.convert_to_numpy(value) for name, value in y.items()}


def check(task, directory):
    head = directory.name.split("_", 1)[1]
    expected = np.load(directory / "outputs.npz")
    actual = outputs(task, head)
    assert set(expected) <= set(actual)
    for name in expected:
        error = np.abs(actual[name] - expected[name]).max()
        assert error <= TOLERANCE * np.abs(expected[name]).max(), name


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_outputs_of_the_original(name):
    cls = TASKS[name.split("_", 1)[1]]
    task = cls.from_preset(str(ORIGINAL / name), preprocessor=None)
    assert type(task) is cls
    check(task, ORIGINAL / name)


@pytest.mark.parametrize("head", TASKS)
def test_pickled_weights(head, tmp_path):
    torch = pytest.importorskip("torch")
    directory = ORIGINAL / f"torch_{head}"
    copy = tmp_path / directory.name
    shutil.copytree(directory, copy, ignore=shutil.ignore_patterns("*.safetensors"))
    # The fixtures have one such file as PyTorch wrote it with the original.
    if not (copy / "pytorch_model.bin").exists():
        tensors = load_file(directory / "model.safetensors")
        tensors = {name: torch.tensor(array) for name, array in tensors.items()}
        torch.save(tensors, copy / "pytorch_model.bin")
    check(TASKS[head].from_preset(str(copy), preprocessor=None), copy)
