"""TensorFlow leaves the GPUs to the backend that computes."""

import os
import subprocess
import sys

import keras
import pytest
import tensorflow as tf

from keras_bigs.compat.tensorflow_devices import hide_gpus_from_tensorflow

pytestmark = pytest.mark.without_backend


def test_gpus_are_hidden_unless_tensorflow_computes(monkeypatch):
    calls = []
    monkeypatch.setattr(
        tf.config, "set_visible_devices", lambda *args: calls.append(args)
    )
    for backend, expected in (
        ("jax", [([], "GPU")]),
        ("torch", [([], "GPU")]),
        ("tensorflow", []),
    ):
        monkeypatch.setattr(keras.backend, "backend", lambda backend=backend: backend)
        hide_gpus_from_tensorflow()
        assert calls == expected
        calls.clear()


def test_too_late_is_no_error(monkeypatch):
    """TensorFlow refuses once it has begun to use its devices."""

    def refuse(*args):
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "set_visible_devices", refuse)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    hide_gpus_from_tensorflow()


def test_whatever_starts_tensorflow_hides_them():
    """Each can be had without the others."""
    script = """
import sys
import tensorflow as tf
calls = []
tf.config.set_visible_devices = lambda *args: calls.append(args)
if sys.argv[1] == "tfds":
    from keras_bigs.data.tfds import open_builder
    try:
        open_builder("no_such_dataset", "train")
    except ValueError:
        pass
else:
    __import__(sys.argv[1])
assert calls == [([], "GPU")] * len(calls) and calls, calls
"""
    for name in ("keras_bigs.models", "keras_bigs.data.pretraining.batches", "tfds"):
        subprocess.run(
            [sys.executable, "-c", script, name],
            env={**os.environ, "KERAS_BACKEND": "jax"},
            check=True,
        )
