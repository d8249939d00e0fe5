"""Checkpoints of the whole state of a training run, by Orbax."""

import contextlib
import dataclasses
import json
import warnings
import zlib

import keras
import numpy as np

from keras_bigs.compat.orbax_messages import QuietOrbax
from keras_bigs.compat.orbax_messages import is_refused
from keras_bigs.compat.orbax_messages import reason
from keras_bigs.errors import CheckpointError
from keras_bigs.errors import CheckpointWriteError
from keras_bigs.errors import ConfigError
from keras_bigs.errors import needs_extra
from keras_bigs.files import as_path
from keras_bigs.files import is_in_bucket
from keras_bigs.training.model_state import get_state
from keras_bigs.training.model_state import set_state
from keras_bigs.training.model_state import shapes
from keras_bigs.training.processes import sign_of_loss

with needs_extra("training"):
    import orbax.checkpoint as ocp
    from etils import epath
    from orbax.checkpoint import multihost


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run has come, beside the model's variables.

    Attributes:
        step: the number of training steps done.
        history: the logs of every finished epoch, in order.
    """

    step: int
    history: list[dict[str, float]]


class Checkpoints:
    """The last checkpoints of a run.

    A checkpoint has every variable of a compiled model: weights, seed generators,
    optimizer (with its step and accumulated gradients) and metrics; the random
    generators outside Keras; and `Progress`.
    Each has a folder named after its step, which Orbax writes under another name and
    renames when it is whole; in a bucket it adds a file then. The writing goes on in
    the background. A checksum of every variable is kept too, and compared on loading.

    Args:
        directory: where the checkpoints are, see `keras_bigs.files.as_path`.
        keep: int. How many; older ones are deleted, but for the protected one.

    Raises:
        ConfigError: the path has a `[`, `*` or `?`, with which Orbax writes checkpoints
            that cannot be read.
        ValueError: `keep` below 1.
    """

    def __init__(self, directory, keep: int = 3):
        self.directory = as_path(directory)
        if not is_in_bucket(directory):
            self.directory = self.directory.absolute()
        if set("[*?") & set(str(self.directory)):
            raise ConfigError(
                f"{directory}: checkpoints cannot be kept in a path with '[', '*' or "
                "'?'. Name another directory."
            )
        if keep < 1:
            raise ValueError(f"`keep` must be at least 1. Received: keep={keep}")
        self._protected = None
        with contextlib.ExitStack() as scope:
            scope.enter_context(QuietOrbax())
            self._manager = ocp.CheckpointManager(
                self.directory,
                options=ocp.CheckpointManagerOptions(
                    preservation_policy=_LatestAnd(keep, lambda: self._protected),
                    create=True,
                ),
                item_names=("variables", "progress"),
            )
            self._scope = scope.pop_all()  # until `close`

    def save(self, model, progress: Progress) -> None:
        """Starts to write a checkpoint.

        Args:
            model: a compiled and built `keras.Model`.
            progress: `Progress`.

        Raises:
            CheckpointWriteError: this or the last one could not be written.
            FloatingPointError: a variable is NaN or infinite; nothing is written.
        """
        arrays = get_state(model)
        for name, array in arrays.items():
            # NumPy does not count bfloat16 among the floating-point numbers.
            is_float = keras.backend.is_float_dtype(array.dtype.name)
            if is_float and not np.isfinite(array).all():
                raise FloatingPointError(f"Variable {name} of the model is not finite")
        plain = dataclasses.asdict(progress)
        record = {
            "progress": plain,
            "progress_checksum": _record_checksum(plain),
            "checksums": {name: _checksum(array) for name, array in arrays.items()},
        }
        try:
            self._manager.save(
                progress.step,
                args=ocp.args.Composite(
                    variables=ocp.args.StandardSave(arrays),
                    progress=ocp.args.JsonSave(record),
                ),
                # Or a step would be left out while another is being written.
                force=True,
            )
        except Exception as error:
            raise self._write_error(error) from error

    def restore(self, model) -> Progress | None:
        """Loads the last good checkpoint into a model.

        Damaged ones are passed over with a warning and moved out of the way, to
        `DIRECTORY-damaged-STEP`.

        Args:
            model: a compiled and built `keras.Model`, as it was when saved.

        Returns:
            Its `Progress`, or `None` if there is no checkpoint.

        Raises:
            ValueError: no checkpoint is good; or the model has other variables.
            PermissionError, MemoryError: the last one cannot be read, but that says
                nothing of it.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        damaged = []
        for step in steps:
            try:
                arrays, progress = self._read_again_if_need_be(step)
            except Exception as error:
                if is_refused(error) or sign_of_loss(error):
                    raise
                damaged.append(f"step {step}: {type(error).__name__}: {error}"[:300])
                continue
            self._assign(model, arrays, step)
            if damaged:
                warnings.warn(
                    f"{self.directory}: passed over damaged checkpoints ("
                    f"{'; '.join(damaged)}). Going on from step {step}.",
                    stacklevel=2,
                )
                self._put_aside(steps[: len(damaged)])
            return progress
        if damaged:
            raise CheckpointError(
                f"{self.directory}: no checkpoint is whole ({'; '.join(damaged)}). "
                "Restore the folder from a copy, or start again in another one."
            )
        return None

    def _put_aside(self, steps):
        """Renames the checkpoints of steps; one process does it for all."""
        if multihost.is_primary_host(0):
            for step in steps:
                aside = self.directory.with_name(
                    f"{self.directory.name}-damaged-{step}"
                )
                epath.Path(aside).rmtree(missing_ok=True)
                (self.directory / str(step)).rename(aside)
        multihost.sync_global_processes(f"damaged checkpoints {steps} put aside")
        self._manager.reload()

    def _read_again_if_need_be(self, step):
        """As `_read`; once more after an error: a disk may fail to answer once."""
        try:
            return self._read(step)
        except Exception:
            return self._read(step)

    def _read(self, step):
        """The arrays and `Progress` of a checkpoint, compared with their checksums."""
        restored = self._manager.restore(
            step,
            args=ocp.args.Composite(
                variables=ocp.args.StandardRestore(),
                progress=ocp.args.JsonRestore(),
            ),
        )
        record, arrays = restored.progress, dict(restored.variables)
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        progress, checksums = record["progress"], record["checksums"]
        if (
            _record_checksum(progress) != record["progress_checksum"]
            or progress["step"] != step
        ):
            raise ValueError("the checksum of the progress differs")
        actual = {name: _checksum(array) for name, array in arrays.items()}
        if actual != checksums:
            different = {n for n in checksums if actual.get(n) != checksums[n]}
            raise ValueError(f"checksums differ: {', '.join(sorted(different))}")
        return arrays, Progress(**progress)

    def _assign(self, model, arrays, step):
        now = shapes(model)
        saved = {name: array.shape for name, array in arrays.items()}
        if now != saved:
            names = {n for n in {*now, *saved} if now.get(n) != saved.get(n)}
            raise CheckpointError(
                f"{self.directory}: the checkpoint of step {step} is of another model "
                f"or optimizer: {len(names)} variables differ in shape, such as "
                f"{', '.join(sorted(names)[:3])}. Run the command it was made with (an "
                "option that it did not give may have another default since), or start "
                "again in another directory."
            )
        set_state(model, arrays)

    def read(self, step: int) -> dict[str, np.ndarray]:
        """The variables of a checkpoint, by group and place; see `get_state`.

        Args:
            step: int, one of `steps`.

        Raises:
            CheckpointError: the checkpoint is damaged.
        """
        try:
            return self._read_again_if_need_be(step)[0]
        except Exception as error:
            if is_refused(error):
                raise
            raise CheckpointError(
                f"{self.directory}: the checkpoint of step {step} cannot be read: "
                f"{type(error).__name__}: {error}"[:400]
            ) from error

    def protect(self, step: int) -> None:
        """Keeps the checkpoint of a step, and no longer the one protected before."""
        self._protected = step

    def delete_after(self, step: int) -> None:
        """Deletes the checkpoints of later steps."""
        for later in self._manager.all_steps():
            if later > step:
                self._manager.delete(later)

    @property
    def steps(self) -> list[int]:
        """The steps that have a checkpoint, ascending."""
        return sorted(self._manager.all_steps())

    @property
    def latest_step(self) -> int | None:
        """The step of the last checkpoint, or `None`."""
        return self._manager.latest_step()

    def wait(self) -> None:
        """Waits for the writing in the background.

        Raises:
            CheckpointWriteError: the last checkpoint could not be written.
        """
        try:
            self._manager.wait_until_finished()
        except Exception as error:
            raise self._write_error(error) from error

    def close(self) -> None:
        """Ends the writing in the background, whatever became of it."""
        try:
            self._manager.close()
        finally:
            self._scope.close()

    def _write_error(self, error):
        steps = self._manager.all_steps()
        last = f"That of step {max(steps)} is kept." if steps else "There is none."
        return CheckpointWriteError(
            f"Cannot write a checkpoint to {self.directory}: {reason(error)}. {last} "
            "Make room or mend the disk, and run the same command again."
        )


class _LatestAnd:
    """Orbax's policy of keeping the last checkpoints, and one more."""

    def __init__(self, keep, protected):
        self._latest = ocp.checkpoint_managers.LatestN(keep)
        self._protected = protected

    def should_preserve(self, checkpoints, *, context):
        latest = self._latest.should_preserve(checkpoints, context=context)
        return [
            keep or checkpoint.step == self._protected()
            for keep, checkpoint in zip(latest, checkpoints, strict=True)
        ]


def _record_checksum(record) -> int:
    return zlib.crc32(json.dumps(record, sort_keys=True).encode())


def _checksum(array) -> int:
    return zlib.crc32(
        json.dumps([str(array.dtype), array.shape]).encode()
    ) ^ zlib.crc32(np.ascontiguousarray(array))
