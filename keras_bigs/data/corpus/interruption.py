"""Ctrl-C and SIGTERM in work that goes on where it was ended."""

import contextlib
import signal
import threading

from keras_bigs.errors import PreemptedError

# The signals that came, since Python loses the error of one that comes while it runs a
# destructor or collects garbage.
_received: list[int] = []


def raise_if_interrupted():
    """Raises `PreemptedError` if a signal came within `explain_interruptions`."""
    if _received:
        raise PreemptedError(
            "Interrupted. What is done is kept: run the same command again to go on.",
            signal.Signals(_received[0]),
        )


@contextlib.contextmanager
def explain_interruptions():
    """Raises `PreemptedError`, which says how to go on, at Ctrl-C and SIGTERM.

    At once, or where Python has lost that, at the next `raise_if_interrupted`. Without
    effect outside the main thread, where Python takes no signals.
    """

    def end(number, frame):
        _received.append(number)
        raise_if_interrupted()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        _received.clear()
