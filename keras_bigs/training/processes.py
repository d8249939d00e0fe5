"""The devices that share a batch, and the processes that train together (JAX)."""

import hashlib
import json

import keras
import numpy as np

from keras_bigs.errors import ConfigError


def process_index() -> int:
    """The number of this process among those that train together, from 0."""
    if keras.backend.backend() != "jax":
        return 0
    import jax

    return jax.process_index()


def process_count() -> int:
    """How many processes train together; one but on JAX."""
    if keras.backend.backend() != "jax":
        return 1
    import jax

    return jax.process_count()


def distribute(batch_size: int, distributed: bool = False) -> None:
    """Divides batches between all devices (JAX); call it before a model is built.

    Args:
        batch_size: int. Over all devices.
        distributed: bool. Whether this is one of several processes, one a host, that
            `keras.distribution.initialize` brings together by its environment
            variables.

    Raises:
        ConfigError: the devices cannot share a batch equally; or `distributed` on
            another backend.
    """
    if keras.backend.backend() != "jax":
        if distributed:
            raise ConfigError("`distributed` needs KERAS_BACKEND=jax.")
        return
    import jax

    if distributed:
        keras.distribution.initialize()
    devices = jax.device_count()
    if batch_size % devices:
        raise ConfigError(
            f"{devices} devices cannot share batches of {batch_size} sequences. Choose "
            "`batch_size` and `accumulation_steps` so that their ratio is a multiple."
        )
    if devices > 1:
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(auto_shard_dataset=False)
        )


def of_all_processes(number: int) -> np.ndarray:
    """The numbers that the processes have, in each of them: `(processes,)` int32."""
    if process_count() == 1:
        return np.array([number], "int32")
    from jax.experimental import multihost_utils

    return np.atleast_1d(multihost_utils.process_allgather(np.int32(number)))


def require_same(settings: dict) -> None:
    """Checks that all processes were given the same settings.

    Raises:
        AssertionError: they were not; in all of them.
    """
    if process_count() == 1:
        return
    from jax.experimental import multihost_utils

    text = json.dumps(settings, sort_keys=True, default=str)
    multihost_utils.assert_equal(
        np.frombuffer(hashlib.sha256(text.encode()).digest(), "uint8"),
        "The processes were given different options or data: "
        f"process {process_index()} has {text}",
    )
