"""What Orbax prints when a checkpoint cannot be written.

Orbax 0.11 and tensorstore print a traceback for every array from their threads, some
300 lines for a full disk, beside the error that they raise. May go when they only raise
it.
"""

import logging
import pathlib
import re
import sys


class QuietOrbax:
    """A scope in which Orbax' threads print nothing of errors that are raised too.

    Scopes may overlap, and end in any order.
    """

    _open = 0
    _hook = None

    def __enter__(self):
        if QuietOrbax._open == 0:
            QuietOrbax._hook = sys.unraisablehook
            sys.unraisablehook = _without_closed_loops
            logging.getLogger("absl").addFilter(_is_not_of_orbax)
        QuietOrbax._open += 1
        return self

    def __exit__(self, *error):
        QuietOrbax._open -= 1
        if QuietOrbax._open == 0:
            logging.getLogger("absl").removeFilter(_is_not_of_orbax)
            if sys.unraisablehook is _without_closed_loops:
                sys.unraisablehook = QuietOrbax._hook


def _without_closed_loops(unraisable):
    # A write that fails after another one has ended the loop of them all.
    if str(unraisable.exc_value) != "Event loop is closed":
        QuietOrbax._hook(unraisable)


def _is_not_of_orbax(record):
    """Whether to show a record of the logger, which others write to as well."""
    is_orbax = "orbax" in pathlib.Path(record.pathname).parts
    return not is_orbax or record.levelno >= logging.CRITICAL


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
