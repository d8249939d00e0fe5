"""What a damaged file makes a parser raise."""

import contextlib

from keras_bigs.errors import CheckpointError


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
