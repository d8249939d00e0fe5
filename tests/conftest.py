"""Makes every test repeatable, and garbage collection cheap."""

import gc

import keras
import pytest


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="session")
def imported_modules_are_no_garbage():
    """Three frameworks' objects: seconds a collection, of which `quantize` has many."""
    gc.collect()
    gc.freeze()
