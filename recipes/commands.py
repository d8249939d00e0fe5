"""How the recipes end: with a result, or with an error that explains itself."""

import sys

from keras_bigs import training


class ConfigError(ValueError):
    """Options that do not go together, or an output directory of another run."""


def run(function):
    """Calls a function; errors that it explains end the process without a traceback."""
    try:
        function()
    except (
        ValueError,
        ImportError,  # a package that only some commands need
        OSError,  # CheckpointWriteError among them
        training.TrainingDivergedError,
    ) as error:
        sys.exit(f"error: {error}")
    except training.PreemptedError as error:
        print(error)
        # As a shell has it, so that a scheduler knows that the work is not done.
        sys.exit(128 + error.signal)
