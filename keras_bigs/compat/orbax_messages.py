"""What Orbax prints when a checkpoint cannot be written.

Orbax 0.11 and tensorstore print a traceback for every array from their threads, some
300 lines for a full disk, beside the error that they raise. May go when they only raise
it.
"""

import contextlib
import logging
import re
import sys


@contextlib.contextmanager
def quiet_orbax():
    """A scope in which Orbax' threads print nothing of errors that are raised too."""
    logger, hook = logging.getLogger("absl"), sys.excepthook
    level = logger.level

    def without_closed_loops(kind, error, traceback):
        # A write that fails after another one has ended the loop of them all.
        if not (kind is RuntimeError and str(error) == "Event loop is closed"):
            hook(kind, error, traceback)

    logger.setLevel(logging.CRITICAL)
    sys.excepthook = without_closed_loops
    try:
        yield
    finally:
        logger.setLevel(level)
        sys.excepthook = hook


def reason(error):
    """The message of an Orbax error in one line, without what it is to tensorstore."""
    text = re.split(r"\[(?:tensorstore_spec|source locations)=", str(error))[0]
    return " ".join(text.split())


def is_refused(error):
    """Whether reading failed for want of a permission or of memory."""
    return isinstance(error, PermissionError | MemoryError) or any(
        str(error).startswith(f"{code}:")
        for code in ("PERMISSION_DENIED", "RESOURCE_EXHAUSTED")
    )
