"""The devices that share a batch, and the processes that train together (JAX)."""

import contextlib
import hashlib
import json

import keras
import numpy as np

from keras_bigs.errors import ConfigError
from keras_bigs.errors import LostProcessError
from keras_bigs.training.meshes import MeshParallel
from keras_bigs.training.meshes import check_even


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


def distribute(
    batch_size: int,
    distributed: bool = False,
    mesh: dict[str, int] | None = None,
    shard: str = "nothing",
    sequence_length: int | None = None,
) -> None:
    """Divides the work between all devices (JAX); call it before a model is built.

    Args:
        batch_size: int. Over all devices.
        distributed: bool. Whether this is one of several processes, one a host, that
            `keras.distribution.initialize` brings together by its environment
            variables.
        mesh: dict of the sizes of the axes `"batch"`, `"model"` and `"sequence"`, see
            `MeshParallel`. Default: batches are divided between all devices.
        shard: `"nothing"`, `"optimizer"` or `"weights"`, see `MeshParallel`.
        sequence_length: int. Tokens of a text, for a mesh with a `"sequence"` axis.

    Raises:
        ConfigError: the devices cannot share a batch, or a text, equally; processes
            were given other options; an option on another backend; or see
            `MeshParallel`.
    """
    if keras.backend.backend() != "jax":
        if distributed or mesh or shard != "nothing":
            raise ConfigError(
                "`distributed`, `mesh` and `shard` need KERAS_BACKEND=jax."
            )
        return
    import jax

    if distributed:
        keras.distribution.initialize()
        require_same({"batch_size": batch_size, "mesh": mesh, "shard": shard})
    mesh = check_devices(batch_size, mesh, sequence_length)
    if jax.device_count() > 1 or mesh != {"batch": 1}:
        keras.distribution.set_distribution(MeshParallel(mesh, shard))


def check_devices(
    batch_size: int,
    mesh: dict[str, int] | None = None,
    sequence_length: int | None = None,
) -> dict[str, int]:
    """Checks that the devices can share batches and texts.

    Args:
        batch_size, mesh, sequence_length: as for `distribute`.

    Returns:
        The mesh, also where it is left to the default.

    Raises:
        ConfigError: they cannot, or a mesh is asked for on another backend than JAX.
    """
    if keras.backend.backend() != "jax":
        if mesh:
            raise ConfigError("`mesh` needs KERAS_BACKEND=jax.")
        return {"batch": 1}
    import jax

    mesh = mesh or {"batch": jax.device_count()}
    check_even(mesh, batch_size, sequence_length)
    return mesh


def data_part() -> tuple[int, int]:
    """`(index, count)`: which part of every batch this process reads."""
    distribution = keras.distribution.distribution()
    if isinstance(distribution, MeshParallel):
        return distribution.data_part
    return process_index(), process_count()


def of_all_processes(number: int) -> np.ndarray:
    """The numbers that the processes have, in each of them: `(processes,)` int32."""
    if process_count() == 1:
        return np.array([number], "int32")
    from jax.experimental import multihost_utils

    return np.atleast_1d(multihost_utils.process_allgather(np.int32(number)))


def require_same(settings: dict) -> None:
    """Checks that all processes were given the same settings.

    Raises:
        ConfigError: they were not; in all of them.
    """
    if process_count() == 1:
        return
    from jax.experimental import multihost_utils

    text = json.dumps(settings, sort_keys=True, default=str)
    try:
        multihost_utils.assert_equal(
            np.frombuffer(hashlib.sha256(text.encode()).digest(), "uint8")
        )
    except AssertionError as error:
        raise ConfigError(
            "The processes were given different options or data: give all the same. "
            f"Process {process_index()} has {text}"
        ) from error


@contextlib.contextmanager
def notice_lost_processes():
    """A scope in which the end of another process is told from other errors.

    Raises:
        LostProcessError: another of several processes has ended, or cannot be reached.
    """
    try:
        yield
    except Exception as error:
        what = sign_of_loss(error)
        if what is None:
            raise
        raise LostProcessError(
            f"Another of {process_count()} processes has ended or cannot be reached: "
            f"{what[:300]}. Find out why by its own output, and start all processes by "
            "the same commands again: they go on from the last checkpoint."
        ) from error


def sign_of_loss(error: BaseException) -> str | None:
    """The message by which JAX says that another process is lost, or `None`.

    It may be the cause of the error, or of its cause.
    """
    if process_count() == 1:
        return None
    import jax

    while error is not None:
        what = str(error).partition("\n")[0]
        if isinstance(error, jax.errors.JaxRuntimeError) and any(
            sign in what for sign in SIGNS_OF_LOSS
        ):
            return what
        error = error.__cause__
    return None


# In messages of JAX 0.10: of the collectives on CPUs, and of the service that counts
# heartbeats.
SIGNS_OF_LOSS = ("Gloo", "UNAVAILABLE", "heartbeat", "Connection", "Barrier")
