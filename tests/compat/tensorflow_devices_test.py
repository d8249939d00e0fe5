"""TensorFlow leaves the GPUs to the backend that computes."""

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
