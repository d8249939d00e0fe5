"""A mesh of devices that this process does not have, to compile for them.

Keras 3.15 looks the devices of a mesh up by name among those of the process. May go
when `keras.distribution.DeviceMesh` takes JAX's devices.
"""

import keras
import numpy as np


def mesh_of_absent_devices(devices, shape, axis_names):
    """A `keras.distribution.DeviceMesh` for programs that are traced, not run.

    Args:
        devices: list of JAX devices, such as those of a topology.
        shape: tuple of ints.
        axis_names: tuple of strings.
    """
    import jax

    devices = np.array(devices).reshape(shape)
    mesh = keras.distribution.DeviceMesh(
        shape, axis_names, devices=np.array([f"absent:{d.id}" for d in devices.flat])
    )
    mesh._backend_mesh = jax.sharding.Mesh(devices, axis_names)
    return mesh
