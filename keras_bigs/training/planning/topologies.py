"""TPU topologies that a step can be compiled for without having one."""

import importlib.util
import os
from typing import NamedTuple

from keras_bigs.errors import ConfigError

MIB = 2**20
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


# v3: Jouppi et al. (2020), "A domain-specific supercomputer for training deep neural
# networks". The others: the system architecture pages of Cloud TPU, of links one
# direction; the clocks of v5e and v5p follow from operations a second and the number of
# matrix units, and that of v6e is taken to be v5p's.
CHIPS = {
    "v3": Chip(16 * GIB, 61.5e12, 0.94e9, 164e9, 0.5),
    "v5e": Chip(16 * GIB, 197e12, 1.5e9, 200e9, 1),
    "v5p": Chip(95 * GIB, 459e12, 1.75e9, 600e9, 1),
    "v6e": Chip(32 * GIB, 918e12, 1.75e9, 400e9, 1),
}

# Slices that are one host, though libtpu takes a host to have four chips (of v5e-8 and
# v6e-8, and of single chips: the machine types of Cloud TPU).
ONE_HOST = {
    f"{generation}:{shape}": bounds
    for generation in ("v5e", "v6e")
    for shape, bounds in (("1x1", (1, 1, 1)), ("2x4", (2, 4, 1)))
}

# Without these, JAX and libtpu look for the TPU that they run on.
ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-8",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


def expect_no_tpu():
    """Sets the environment in which libtpu compiles for TPUs that are not there.

    It is that of the whole process: one that plans does not train. Call it before JAX
    looks for devices, or JAX complains of a missing TPU.
    """
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)


def tpu_topology(name):
    """The devices of a TPU topology, and what one of them can do.

    Args:
        name: string, such as `"v5e:4x4"`: the generation, and the chips along each
            side of the slice. Sets the environment of `expect_no_tpu`.

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
    if importlib.util.find_spec("libtpu") is None:
        raise ConfigError(
            "Programs for TPUs are compiled by libtpu, also without a TPU: "
            "`pip install '.[tpu]'`."
        )
    expect_no_tpu()
    from jax.experimental import topologies

    options = {}
    if name in ONE_HOST:
        options["chips_per_host_bounds"] = ONE_HOST[name]
    try:
        devices = topologies.get_topology_desc(name, "tpu", **options).devices
    except Exception as error:
        raise ConfigError(f"{name!r} is no TPU topology: {error}") from error
    # In the order in which a run has them.
    devices = sorted(devices, key=lambda device: (device.process_index, device.id))
    return devices, CHIPS[generation]
