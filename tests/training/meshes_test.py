"""Meshes of devices: the same training, in less memory a device."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_bigs import training
from keras_bigs.errors import ConfigError

needs_jax = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="distribution is JAX's"
)

# The divisions, and the shares of a large weight and of what is kept for it that a
# device then holds.
DIVISIONS = {
    "batch=8:nothing": (1, 1),
    "batch=8:optimizer": (1, 1 / 8),
    "batch=4,model=2:optimizer": (1 / 2, 1 / 8),
    "batch=2,model=4:weights": (1 / 8, 1 / 8),
    "batch=2,sequence=4:nothing": (1, 1),
    "model=2,sequence=4:nothing": (1 / 2, 1 / 2),
}
WEIGHT = "weights/block_0/value_dense/kernel"


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
        held = [float(divided[f"share/{name}"]) for name in (WEIGHT, momentum)]
        assert held == pytest.approx(list(shares)), division


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
