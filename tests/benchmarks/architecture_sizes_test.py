"""The architectures of the comparison, as `recipes.pretrain` builds them."""

import pytest

from benchmarks.architectures import __main__ as benchmark
from benchmarks.architectures import runs
from keras_bigs import models
from recipes import pretrain


def test_all_four_are_of_equal_size(tmp_path):
    """As the recipe understands their commands: block by block, to its norms and
    biases; and without what the paper's architectures lack."""
    config = benchmark.Config("search", output=tmp_path, records=tmp_path)
    sizes = {}
    for name, run in zip(runs.ARCHITECTURES, runs.search(config), strict=False):
        model = pretrain.parse(run.arguments[1:]).model
        assert model.final_layer_norm is False
        blocks = models.BiGSBackbone(**model.backbone_options(100, 16)).blocks
        sizes[name] = [block.count_params() for block in blocks]
    first = sizes["BiGS"]
    assert len(sizes) == 4 and len(first) == runs.LAYERS
    for counts in sizes.values():
        assert counts == pytest.approx(first, rel=0.01)
