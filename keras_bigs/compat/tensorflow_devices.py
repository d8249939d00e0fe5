"""GPUs that TensorFlow would take from the backend that computes.

TensorFlow 2.21 takes nearly all memory of every GPU at its first operation. On the JAX
and PyTorch backends it only reads data and tokenizes, on the CPU, and the model is left
without memory. May go when data is read without TensorFlow.
"""

import contextlib

import keras

from keras_bigs.compat.keras_hub_preprocessing import tf


def hide_gpus_from_tensorflow():
    """Makes TensorFlow leave GPUs alone, unless it is the backend.

    `keras_bigs.models` calls it, and whatever else uses TensorFlow and can be had
    without: batches of shards, TensorFlow Datasets. No effect if the process has made
    TensorFlow use its GPUs before: then it means to. Nor where TensorFlow is not
    installed, as keras-hub leaves it out on Windows.
    """
    if tf is None or keras.backend.backend() == "tensorflow":
        return
    # Already in use: too late, and the user's own choice.
    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")
