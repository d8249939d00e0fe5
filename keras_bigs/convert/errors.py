"""The error of checkpoints that cannot be read or do not fit."""

import contextlib


class CheckpointError(ValueError):
    """A checkpoint of the original implementation is damaged or does not fit.

    The message names the file, and lists every tensor that is missing, unexpected or
    of the wrong shape.
    """


@contextlib.contextmanager
def readable(path):
    """Turns whatever a damaged file makes a parser raise into `CheckpointError`."""
    try:
        yield
    except CheckpointError:
        raise
    except MemoryError as error:
        raise CheckpointError(f"{path}: too large for this machine.") from error
    except Exception as error:
        raise CheckpointError(
            f"{path}: not a whole checkpoint ({type(error).__name__}: {error}). Was "
            "it cut short, or changed? Copy or download it again."
        ) from error
