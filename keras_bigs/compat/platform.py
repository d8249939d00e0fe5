"""Where the backend computes.

Keras 3.15 cannot tell on which kind of device it computes by default, on any backend.
May go when it can.
"""

import contextlib
import contextvars

import keras

_elsewhere = contextvars.ContextVar("elsewhere", default=None)


@contextlib.contextmanager
def tracing_for(platform):
    """A scope in which programs are traced that will run elsewhere.

    Args:
        platform: `"any"`, for a file that may run anywhere, or `"accelerator"`.
    """
    token = _elsewhere.set(platform)
    try:
        yield
    finally:
        _elsewhere.reset(token)


def has_tf32():
    """Whether float32 products may be taken in TF32: outside JAX, on NVIDIA's GPUs."""
    backend = keras.backend.backend()
    if backend == "jax" or platform() != "accelerator":
        return False
    if backend == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_logical_devices("GPU"))
    import torch

    return torch.cuda.is_available()


def platform():
    """`"cpu"` or `"accelerator"`: where Keras computes by default; or `"any"`."""
    if _elsewhere.get() is not None:
        return _elsewhere.get()
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        device = jax.config.jax_default_device or jax.devices()[0]
        kind = device if isinstance(device, str) else device.platform
    elif backend == "tensorflow":
        import tensorflow as tf

        # That of `keras.device`; in graphs without it none is chosen yet.
        kind = tf.DeviceSpec.from_string(tf.constant(0.0).device).device_type
        if kind is None:
            kinds = {device.device_type for device in tf.config.list_logical_devices()}
            kind = "CPU" if kinds <= {"CPU"} else "accelerator"
    else:
        from keras.src.backend.torch.core import get_device

        kind = get_device()
    return "cpu" if kind.lower().startswith("cpu") else "accelerator"
