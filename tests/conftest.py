"""Makes every test repeatable, and garbage collection cheap."""

import gc
import importlib.util
import os
import tempfile

import pytest

# With libtpu, which compiles for TPUs, JAX would look for one.
if importlib.util.find_spec("libtpu") and not os.path.exists("/dev/nvidia0"):
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Before JAX reads it: recipes keep compiled programs, and not in the user's directory.
_compiled = tempfile.TemporaryDirectory(prefix="compiled-")
os.environ["JAX_COMPILATION_CACHE_DIR"] = _compiled.name

import keras  # noqa: E402


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="session")
def imported_modules_are_no_garbage():
    """Three frameworks' objects: seconds a collection, of which `quantize` has many."""
    gc.collect()
    gc.freeze()
