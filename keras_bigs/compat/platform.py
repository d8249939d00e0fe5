"""Where the backend computes.

Keras 3.15 cannot tell on which kind of device it computes by default, on any backend.
May go when it can.
"""

import keras


def platform():
    """`"cpu"` or `"accelerator"`: where Keras computes by default."""
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
