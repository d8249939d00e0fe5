"""Meshes of devices: the same training, in less memory a device."""

import subprocess
import sys
from contextlib import nullcontext
from typing import NamedTuple

import keras
import numpy as np
import pytest

from keras_bigs import training
from keras_bigs.errors import CheckpointWriteError
from keras_bigs.errors import ConfigError
from keras_bigs.errors import LostProcessError
from keras_bigs.training import processes

needs_jax = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="distribution is JAX's"
)

# The divisions, and the shares of a large weight, of what is kept for it, and of the
# positions' embeddings that a device then holds.
DIVISIONS = {
    "batch=8:nothing": (1, 1, 1),
    "batch=4,model=2:optimizer": (1 / 2, 1 / 8, 1 / 2),
    "batch=2,model=4:weights": (1 / 8, 1 / 8, 1 / 8),
    "model=2,sequence=4:nothing": (1 / 2, 1 / 2, 1 / 8),
}
WEIGHT = "weights/block_0/value_dense/kernel"
POSITIONS = "weights/position_embedding/embeddings"


@needs_jax
def test_training_on_eight_devices_is_as_on_one(tmp_path):
    """Losses and weights after three steps of dropout and AdamW, for every mesh."""
    module = "tests.training.on_eight_devices"
    command = [sys.executable, "-m", module, str(tmp_path), *DIVISIONS]
    subprocess.run(command, check=True)
    one = np.load(tmp_path / "one.npz")
    momentum = "block_0_value_dense_kernel_momentum"
    (momentum,) = (
        name for name in one if name.endswith(momentum) and "share" not in name
    )
    for division, shares in DIVISIONS.items():
        divided = np.load(tmp_path / f"{division}.npz")
        np.testing.assert_allclose(divided["losses"], one["losses"], rtol=1e-6)
        for name in one:
            if name.startswith(("weights/", "optimizer/")):
                np.testing.assert_allclose(
                    divided[name], one[name], rtol=1e-5, atol=2e-6, err_msg=name
                )
        names = (WEIGHT, momentum, POSITIONS)
        held = [float(divided[f"share/{name}"]) for name in names]
        assert held == pytest.approx(list(shares)), division


@needs_jax
def test_a_text_of_16384_tokens_on_eight_devices_is_as_on_one(tmp_path):
    """Outputs and all gradients, each device with 2,048 of its tokens."""
    module = "tests.training.long_text_on_devices"
    subprocess.run([sys.executable, "-m", module, str(tmp_path)], check=True)
    one, eight = (np.load(tmp_path / f"{name}.npz") for name in ("one", "eight"))
    assert (one["share"], eight["share"]) == (1, 1 / 8)
    assert np.abs(one["outputs"]).max() > 1
    np.testing.assert_allclose(eight["outputs"], one["outputs"], atol=1e-5)
    gradients = [name for name in one if name.startswith("gradients/")]
    assert len(gradients) > 50
    for name in gradients:
        atol = 1e-5 * np.abs(one[name]).max()
        np.testing.assert_allclose(eight[name], one[name], 0, atol, err_msg=name)


@needs_jax
def test_fine_tuning_on_four_devices_is_as_on_one(tmp_path):
    """Though the last batch is one that they cannot share."""
    module = "tests.training.tuned_on_devices"
    subprocess.run([sys.executable, "-m", module, str(tmp_path)], check=True)
    one, four = (np.load(tmp_path / f"{name}.npz") for name in ("one", "four"))
    assert set(one) == set(four)
    assert one["outputs"].shape == (22, 2)
    for name in one:
        np.testing.assert_allclose(
            four[name], one[name], rtol=1e-4, atol=1e-5, err_msg=name
        )


@pytest.mark.without_backend
@pytest.mark.parametrize(
    ("text", "mesh"),
    [
        ("batch=8", {"batch": 8}),
        ("batch=4, model=2", {"batch": 4, "model": 2}),
        ("sequence=2,batch=1", {"sequence": 2, "batch": 1}),
    ],
)
def test_parse_mesh(text, mesh):
    assert training.parse_mesh(text) == mesh


@pytest.mark.without_backend
@pytest.mark.parametrize(
    "text", ["", "8", "batch", "batch=0", "batch=-1", "rows=2", "batch=2,batch=4"]
)
def test_a_mesh_that_is_none(text):
    with pytest.raises(ConfigError, match="A mesh is written as in `batch=4,model=2`"):
        training.parse_mesh(text)


@needs_jax
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mesh": {"rows": 1}}, "must be a dict of"),
        ({"mesh": {"batch": 1}, "shard": "all"}, "`shard` one of"),
        ({"mesh": {"batch": 64}}, "must divide all of 1 devices"),
    ],
)
def test_mesh_errors(arguments, message):
    with pytest.raises(ConfigError, match=message):
        training.MeshParallel(**arguments)


class Device(NamedTuple):
    """As far as processes matter."""

    id: int
    process_index: int


@needs_jax
@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        ({"batch": 2, "sequence": 4}, "Texts are divided between the devices of one"),
        ({"batch": 1, "model": 8}, None),
        ({"batch": 8}, None),
        ({"batch": 4, "sequence": 2}, None),
    ],
)
def test_meshes_of_four_processes(mesh, message, monkeypatch):
    """Of two devices each."""
    mesh = {"model": 1, "sequence": 1, **mesh}
    distribution = training.MeshParallel.__new__(training.MeshParallel)
    distribution.sizes = mesh
    devices = [Device(i, i // 2) for i in range(8)]
    expected = pytest.raises(ConfigError, match=message) if message else nullcontext()
    with expected:
        distribution._check_processes(devices, 8)


@needs_jax
def test_processes_that_share_no_batch():
    distribution = training.MeshParallel.__new__(training.MeshParallel)
    distribution.sizes = {"batch": 4, "model": 3, "sequence": 1}
    with pytest.raises(ConfigError, match="6 processes cannot share a batch that is"):
        distribution._check_processes([Device(i, i // 2) for i in range(12)], 12)


@needs_jax
@pytest.mark.parametrize(
    ("error", "is_loss"),
    [
        ("UNKNOWN: Gloo all-reduce failed: Connection reset by peer", True),
        ("INTERNAL: Barrier failed because: Task 2 heartbeat timeout", True),
        ("RESOURCE_EXHAUSTED: Out of memory", False),
    ],
)
def test_lost_processes_are_told_from_other_errors(error, is_loss, monkeypatch):
    import jax

    def fail():
        try:
            raise jax.errors.JaxRuntimeError(error)
        except jax.errors.JaxRuntimeError as cause:
            raise CheckpointWriteError("Cannot write") from cause

    expected = LostProcessError if is_loss else CheckpointWriteError
    monkeypatch.setattr(processes, "process_count", lambda: 4)
    with pytest.raises(expected), processes.notice_lost_processes():
        fail()
    # A single process has nobody to lose.
    monkeypatch.setattr(processes, "process_count", lambda: 1)
    with pytest.raises(CheckpointWriteError), processes.notice_lost_processes():
        fail()


@needs_jax
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mesh": {"batch": 3}}, "3 devices cannot share batches of 8 sequences"),
        (
            {"mesh": {"sequence": 3}, "sequence_length": 128},
            "3 devices cannot share texts of 128 tokens",
        ),
    ],
)
def test_distribute_errors(arguments, message):
    with pytest.raises(ConfigError, match=message):
        training.distribute(8, **arguments)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has meshes")
@pytest.mark.parametrize(
    "arguments", [{"mesh": {"batch": 2}}, {"shard": "weights"}, {"distributed": True}]
)
def test_other_backends_have_no_meshes(arguments):
    with pytest.raises(ConfigError, match="need KERAS_BACKEND=jax"):
        training.distribute(8, **arguments)
