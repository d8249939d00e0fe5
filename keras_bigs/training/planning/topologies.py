"""TPU topologies that a step can be compiled for without having one."""

import os
from typing import NamedTuple

from keras_bigs.errors import ConfigError

GIB = 2**30


class Chip(NamedTuple):
    """What the makers say of a device that JAX sees; half a chip on v3.

    Attributes:
        memory: bytes of high-bandwidth memory.
        flops: bfloat16 operations a second at most.
        clock: cycles a second.
        bandwidth: bytes a second that a device can send to others of its slice, over
            all its links.
        chips: chips a device.
    """

    memory: float
    flops: float
    clock: float
    bandwidth: float
    chips: float


# From the system architecture pages of Cloud TPU; the clock of v5e, v5p and v6e from
# operations a second and the number of matrix units.
CHIPS = {
    "v3": Chip(16 * GIB, 61.5e12, 0.94e9, 41e9, 0.5),
    "v5e": Chip(16 * GIB, 197e12, 1.5e9, 200e9, 1),
    "v5p": Chip(95 * GIB, 459e12, 1.75e9, 600e9, 1),
    "v6e": Chip(32 * GIB, 918e12, 1.75e9, 448e9, 1),
}

# Without these, libtpu looks for the TPU that it runs on.
ENVIRONMENT = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-8",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


def tpu_topology(name):
    """The devices of a TPU topology, and what one of them can do.

    Args:
        name: string, such as `"v5e:4x4"`: the generation, and the chips along each
            side of the slice.

    Returns:
        `(devices, chip)`: a list of JAX devices, and a `Chip`.

    Raises:
        ConfigError: an unknown generation or shape, or `libtpu` is not installed.
    """
    generation, _, _ = name.partition(":")
    if generation not in CHIPS:
        raise ConfigError(
            "A topology is written as `v5e:4x4`, of one of the generations "
            f"{sorted(CHIPS)}. Received: {name!r}"
        )
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    import jax

    # A TPU that is not there would be waited for.
    jax.config.update("jax_platforms", "cpu")
    from jax.experimental import topologies

    try:
        devices = topologies.get_topology_desc(name, "tpu").devices
    except Exception as error:
        if "libtpu" in str(error).lower() and "not" in str(error).lower():
            raise ConfigError(
                "Programs for TPUs are compiled by libtpu, also without a TPU: "
                "`pip install libtpu`."
            ) from error
        raise ConfigError(f"{name!r} is no TPU topology: {error}") from error
    return list(devices), CHIPS[generation]
