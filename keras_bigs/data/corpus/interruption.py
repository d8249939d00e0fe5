"""Ctrl-C and SIGTERM in work that goes on where it was ended."""

import contextlib
import signal
import threading

from keras_bigs.errors import PreemptedError


@contextlib.contextmanager
def explain_interruptions():
    """Raises `PreemptedError`, which says how to go on, at Ctrl-C and SIGTERM.

    Without effect outside the main thread, where Python takes no signals.
    """

    def end(number, frame):
        raise PreemptedError(
            "Interrupted. What is done is kept: run the same command again to go on.",
            signal.Signals(number),
        )

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
