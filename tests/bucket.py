"""A bucket of an emulator of Google Cloud Storage, for tests on one machine."""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest


@contextlib.contextmanager
def bucket():
    """Starts the emulator.

    Yields:
        `(location, environment)`: `gs://bucket`, and the variables by which gcsfs and
        TensorStore find it.
    """
    pytest.importorskip("gcsfs")
    pytest.importorskip("gcp_storage_emulator")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.bucket_server", str(port)]
    url = f"http://localhost:{port}"
    environment = {
        "STORAGE_EMULATOR_HOST": url,
        "TENSORSTORE_GCS_HTTP_URL": url,
    }
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            with contextlib.suppress(urllib.error.URLError):
                urllib.request.urlopen(f"{url}/storage/v1/b").read()
                break
            assert process.poll() is None
            time.sleep(0.1)
        else:
            raise TimeoutError(f"no answer from {url}")
        yield "gs://bucket", environment
    finally:
        process.kill()
        process.wait()
