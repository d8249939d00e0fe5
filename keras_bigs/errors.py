"""The errors that a user can cause, and how a command shows them."""

import contextlib
import importlib.util
import os
import signal
import sys
import traceback


class UserError(Exception):
    """Something in what a user gave or has: the message names it and the remedy."""


class ConfigError(UserError, ValueError):
    """Options that do not go together, or an output directory of another run."""


class DataError(UserError, ValueError):
    """A file of texts, labels or training examples that cannot be used."""


class CheckpointError(UserError, ValueError):
    """A checkpoint is damaged, or does not fit the model.

    The message names it. Of the original implementation's, it lists every tensor that
    is missing, unexpected or of the wrong shape.
    """


class CheckpointWriteError(UserError, OSError):
    """A checkpoint could not be written. What was written before is kept."""


class TrainingDivergedError(UserError, RuntimeError):
    """The loss is not a number any more, or has risen too far."""


class PreemptedError(UserError, RuntimeError):
    """The process was asked to end; a checkpoint has been written.

    Attributes:
        signal: `signal.Signals`, the wish to end.
    """

    def __init__(self, message, signal):
        super().__init__(message)
        self.signal = signal


class LostProcessError(UserError, RuntimeError):
    """Another of the processes that train together has ended, or cannot be reached."""


@contextlib.contextmanager
def needs_extra(extra):
    """Where packages are imported that come with an extra of this one.

    Args:
        extra: string, such as `"plot"`.

    Raises:
        ImportError: one is not installed. The message names it and the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        # Of a package that is there, something else is wrong.
        if not package or importlib.util.find_spec(package) is not None:
            raise
        raise ImportError(
            f"{package} is not installed: pip install '.[{extra}]'",
            name=package,
        ) from error


def run(main, arguments=None):
    """Runs a command, and ends the process with one line for an error of the user.

    With `--debug` among the arguments, errors keep their traceback.

    Args:
        main: a function of the list of arguments.
        arguments: list of strings. Defaults to those of the process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if debug := "--debug" in arguments:
        arguments.remove("--debug")
    try:
        main(arguments)
    except PreemptedError as error:
        print(error)
        # As a shell has it, so that a scheduler knows that the work is not done.
        sys.exit(128 + error.signal)
    except LostProcessError as error:
        if debug:
            traceback.print_exception(error)
        print(f"error: {error}", file=sys.stderr)
        # At a usual exit JAX would wait for the process that is lost.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
    except BrokenPipeError:
        # Whoever read the output has read enough, such as `head`. Python would try to
        # write what is left as it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # As a shell has it: what was to be done after that is not.
        sys.exit(128 + signal.SIGPIPE)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    # ValueError: arguments that a class or function refuses. ImportError: a package
    # that only some commands need. OSError: a file, or a full disk.
    except (UserError, ValueError, ImportError, OSError) as error:
        if debug:
            raise
        is_explained = isinstance(error, UserError)
        hint = "" if is_explained else " (--debug shows where it was raised)"
        sys.exit(f"error: {error}{hint}")
