"""Ctrl-C and SIGTERM as a wish to end that is heard at once, whatever is computed."""

import contextlib
import os
import signal
import socket
import threading

NOTICE = b"\nEnding after this step; press Ctrl-C again to end now.\n"
# How long a second Ctrl-C waits for Python to take it up, in seconds.
PATIENCE = 1.0


class EndRequest:
    """The first SIGTERM or Ctrl-C asks to end after the step, a second Ctrl-C at once.

    While a program is compiled Python's own handlers do not run. So a thread listens
    too: it tells that the first was heard, and ends the process at a second one that
    Python does not take up within a second. (A process may be killed at any time.)

    Attributes:
        signal: `signal.Signals` that asked to end, or `None`.
    """

    def __init__(self):
        self.signal = None
        self._interrupted = threading.Event()

    @contextlib.contextmanager
    def listen(self):
        """A scope in which signals are wishes. Without effect outside the main
        thread, where Python takes no signals."""
        numbers = (signal.SIGTERM, signal.SIGINT)
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        receiver, sender = socket.socketpair()
        sender.setblocking(False)
        handlers = {number: signal.signal(number, self._handle) for number in numbers}
        descriptor = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        thread = threading.Thread(target=self._hear, args=(receiver,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            sender.close()
            thread.join()
            receiver.close()

    def _handle(self, number, frame):
        """In the main thread, as soon as it runs Python."""
        if self.signal is None:
            self.signal = signal.Signals(number)
        elif number == signal.SIGINT:
            self._interrupted.set()
            raise KeyboardInterrupt

    def _hear(self, receiver):
        """In the thread, at once."""
        heard = 0
        while numbers := receiver.recv(16):
            for number in numbers:
                if number not in (signal.SIGTERM, signal.SIGINT):
                    continue
                heard += 1
                if heard == 1:
                    os.write(2, NOTICE)
                elif number == signal.SIGINT and not self._interrupted.wait(PATIENCE):
                    os.write(2, b"\nInterrupted.\n")
                    os._exit(128 + signal.SIGINT)
