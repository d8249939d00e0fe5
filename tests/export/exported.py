"""What tests of exported files need, and what they expect of runtimes."""

import contextlib

import keras
import pytest

from keras_bigs.models.export import formats

BACKEND = keras.backend.backend()
# What this backend writes.
FORMATS = [
    name for name, format in formats.FORMATS.items() if BACKEND in format.backends
]
# Packages that write or run a format, apart from the backends.
PACKAGES = {
    "onnx": {"tensorflow": ["tf2onnx"], "torch": ["onnxscript"]},
    "openvino": {"tensorflow": [], "torch": ["onnxscript"]},
}


def need(format):
    """Skips the test if a package is missing that the format needs."""
    if format in PACKAGES:
        for package in PACKAGES[format][keras.backend.backend()]:
            pytest.importorskip(package)
        pytest.importorskip("onnxruntime" if format == "onnx" else "openvino")


@contextlib.contextmanager
def refused():
    """Passes if a runtime refuses its inputs, whatever it calls that."""
    try:
        yield
    except Exception:
        return
    pytest.fail("The inputs were not refused.")
