"""What the tests of recipes that fine-tune share."""

import pytest

from keras_bigs import models
from keras_bigs.training.fine_tuning_config import EncoderConfig


@pytest.fixture(scope="module", autouse=True)
def toy_size():
    """`--model toy`."""
    sizes = {"num_layers": 1, "hidden_dim": 32, "intermediate_dim": 64}
    # The cheapest to compile; what is inside the encoder is no matter here.
    models.CONFIGS["toy"] = {**sizes, "block": "stack", "routing": "convolution"}
    yield
    del models.CONFIGS["toy"]


@pytest.fixture
def nothing_built(monkeypatch):
    def build(*args):
        raise AssertionError("Work has begun.")

    monkeypatch.setattr(EncoderConfig, "build", build)
