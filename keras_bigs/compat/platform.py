"""Where the backend computes.

Keras 3.15 cannot tell on which kind of device it computes by default, on any backend.
May go when it can.
"""

import contextlib
import contextvars

import keras

_exporting = contextvars.ContextVar("exporting", default=False)


@contextlib.contextmanager
def any_platform():
    """A scope in which programs are traced for a file, which may run anywhere."""
    token = _exporting.set(True)
    try:
        yield
    finally:
        _exporting.reset(token)


def platform():
    """`"cpu"` or `"accelerator"`: where Keras computes by default; or `"any"`."""
    if _exporting.get():
        return "any"
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        device = jax.config.jax_default_device or jax.devices()[0]
        kind = device if isinstance(device, str) else device.platform
    elif backend == "tensorflow":
        import tensorflow as tf

        kinds = {device.device_type for device in tf.config.list_logical_devices()}
        kind = "cpu" if kinds <= {"CPU"} else "accelerator"
    else:
        from keras.src.backend.torch.core import get_device

        kind = get_device()
    return "cpu" if kind.startswith("cpu") else "accelerator"
