"""Ctrl-C while the process computes something that is not Python."""

import pathlib
import signal
import subprocess
import sys
import time

import pytest

from keras_bigs.training.end_request import EndRequest

pytestmark = pytest.mark.without_backend

# One call of some seconds, as deaf to Python's handlers as a compiler is.
SCRIPT = """
import sys, zlib
from keras_bigs.training.end_request import EndRequest
request = EndRequest()
with request.listen():
    print("ready", flush=True)
    zlib.compress(bytes(int(sys.argv[1])), 9)
    print(request.signal.name, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_heard_at_once_and_a_second_ends(number):
    root = pathlib.Path(__file__).parents[2]
    # Longer than the second that Python is given to take a second Ctrl-C up.
    size = "800_000_000" if number == signal.SIGINT else "200_000_000"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, size],
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)  # for the compression to begin
        process.send_signal(number)
        assert process.stderr.readline() == "\n"
        assert "press Ctrl-C again to end now" in process.stderr.readline()
        assert process.poll() is None
        if number == signal.SIGTERM:  # again: a scheduler may repeat itself
            process.send_signal(number)
            assert process.stdout.readline() == "SIGTERM\n"
            assert process.wait(30) == 0
        else:
            process.send_signal(number)
            assert process.wait(30) == 128 + signal.SIGINT
            assert "Interrupted" in process.stderr.read()


def test_a_second_interrupts_python_at_once():
    request = EndRequest()
    before = signal.getsignal(signal.SIGINT)
    with request.listen():
        signal.raise_signal(signal.SIGINT)
        assert request.signal is signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
