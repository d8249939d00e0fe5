"""What Orbax prints when a checkpoint cannot be written.

Orbax 0.11 and tensorstore print a traceback for every array from their threads, some
300 lines for a full disk, beside the error that they raise. May go when they only raise
it.
"""

import logging
import re
import sys


class QuietOrbax:
    """A scope in which Orbax' threads print nothing of errors that are raised too."""

    def __enter__(self):
        self._logger, self._hook = logging.getLogger("absl"), sys.unraisablehook
        self._level = self._logger.level
        self._logger.setLevel(logging.CRITICAL)
        sys.unraisablehook = self._without_closed_loops
        return self

    def __exit__(self, *error):
        self._logger.setLevel(self._level)
        sys.unraisablehook = self._hook

    def _without_closed_loops(self, unraisable):
        # A write that fails after another one has ended the loop of them all.
        if str(unraisable.exc_value) != "Event loop is closed":
            self._hook(unraisable)


def reason(error):
    """The message of an Orbax error in one line, without what it is to tensorstore."""
    text = re.split(r" \[[\w ]+=", str(error))[0]
    return " ".join(text.split())


def is_refused(error):
    """Whether reading failed for want of a permission or of memory."""
    return isinstance(error, PermissionError | MemoryError) or any(
        str(error).startswith(f"{code}:")
        for code in ("PERMISSION_DENIED", "RESOURCE_EXHAUSTED")
    )
