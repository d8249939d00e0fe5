"""The examples in docstrings and in README.md run, and what should have one does.

Presets are small stand-ins of the same names.
"""

import inspect
import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bigs
from keras_bigs import data
from keras_bigs import models
from keras_bigs.layers import routing
from tests.backend import fast_on_torch
from tests.convert.agreement_test import ORIGINAL
from tests.convert.loader_test import PIECES
from tests.data.pretraining.shard_folder_test import write_folder

ROOT = pathlib.Path(__file__).parents[1]
MODULES = ("layers", "models", "ssm", "training", "data", "analysis")
ONLY_ON_JAX = {"models.BiGSBackbone.get_layout_map", "training.MeshParallel"}
# ONNX.
NOT_ON_JAX = {
    "models.check_export_format",
    "models.export_package",
    "models.load_exported",
    "models.verify_export",
}
# Beside all layers but the base class of blocks, and all that `models` has.
WITH_EXAMPLE = {
    "ssm.convolve",
    "training.adamw",
    "training.fine_tune",
    "training.resumable_fit",
}
MINI = "bigs_mini_en_uncased"


def python_blocks(text):
    return re.findall(r"^```python\n(.*?)^```", text or "", re.DOTALL | re.MULTILINE)


def public_objects():
    """`(name, object)` of classes and functions, and of the methods of classes."""
    for module_name in MODULES:
        module = getattr(keras_bigs, module_name)
        for name in getattr(module, "__all__", None) or dir(module):
            value = getattr(module, name)
            home = (getattr(value, "__module__", None) or "").split(".")[:2]
            if name.startswith("_") or not callable(value) or home[0] != "keras_bigs":
                continue
            # What `models` switches on when it is imported.
            if home[1] == "compat":
                continue
            yield f"{module_name}.{name}", value
            if inspect.isclass(value):
                for method in vars(value):
                    member = getattr(value, method)
                    if not method.startswith("_") and inspect.isroutine(member):
                        yield f"{module_name}.{name}.{method}", member


OBJECTS = dict(public_objects())
EXAMPLES = [
    (name, block)
    for name, value in OBJECTS.items()
    # Not `getdoc`: no examples of Keras' own methods.
    for block in python_blocks(inspect.cleandoc(value.__doc__ or ""))
]


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """A small masked language model and a classifier: `(handle, handle)`."""
    folder = tmp_path_factory.mktemp("presets")
    tokenizer = models.BiGSTokenizer.from_preset(MINI)
    sizes = models.architecture_sizes("gated", 8, num_layers=1)
    backbone = models.BiGSBackbone(
        tokenizer.vocabulary_size(), **sizes, state_dim=4, max_sequence_length=128
    )
    masked_lm = models.BiGSMaskedLM(
        backbone, models.BiGSMaskedLMPreprocessor(tokenizer, sequence_length=128)
    )
    classifier = models.BiGSTextClassifier(
        backbone, 2, models.BiGSTextClassifierPreprocessor(tokenizer, 128)
    )
    masked_lm.save_to_preset(str(folder / "masked_lm"))
    classifier.save_to_preset(str(folder / "classifier"))
    return str(folder / "masked_lm"), str(folder / "classifier")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """A prepared corpus of twenty short texts."""
    folder = tmp_path_factory.mktemp("corpus")
    texts = "\n\n".join(f"The fox sees {i} dogs. They run." for i in range(20))
    (folder / "texts.txt").write_text(texts)
    data.prepare_corpus(
        [str(folder / "texts.txt")],
        folder / "shards",
        data.Settings(sequence_length=16, copies=0, validation_fraction=0.2),
        vocabulary_size=60,
        runner=data.corpus.runners.local_runner(1),
    )
    return str(folder / "shards")


@pytest.fixture
def run(request, presets, tmp_path, monkeypatch):
    """Runs a block in a folder that has the files which examples name."""
    masked_lm, classifier = presets
    checkpoint = str(ORIGINAL / "flax_masked_lm")
    monkeypatch.setitem(models.PRESETS[MINI], "kaggle_handle", masked_lm)
    published = models.PRESETS["bigs_large_128_en_uncased"]
    monkeypatch.setitem(published, "kaggle_handle", checkpoint)
    sizes = {"vocabulary_size": len(PIECES), "state_dim": 4}
    sizes |= models.architecture_sizes("gated", 8, num_layers=1)
    for size in ("mini", "tiny"):
        monkeypatch.setitem(models.CONFIGS, size, sizes)
    # What an example registers is not there for other tests.
    monkeypatch.setattr(routing, "ROUTINGS", dict(routing.ROUTINGS))
    monkeypatch.chdir(tmp_path)
    pathlib.Path("vocab.txt").write_text("\n".join(PIECES))
    write_folder(pathlib.Path("shards"), PIECES)
    for name in ("texts.txt", "held_out.txt"):
        texts = (f"The fox of {name} sees {i} dogs. They run." for i in range(20))
        pathlib.Path(name).write_text("\n\n".join(texts))
    for name in ("train.tsv", "dev.tsv"):
        pathlib.Path(name).write_text("sentence\tlabel\nA film.\tgood\nNo.\tbad\n")
    stand_ins = {
        # Sizes, and steps of training.
        "vocabulary_size=30522": "vocabulary_size=99",
        "num_layers=12": "num_layers=1",
        "=3000": "=2",
        "hf://JunxiongWang/BiGS_128": checkpoint,
        "path/to/checkpoint": str(ORIGINAL / "flax_text_classifier"),
        "runs/mine/preset": classifier,
    }
    names = {"keras": keras, "keras_bigs": keras_bigs, "np": np, "tf": tf}

    def run(block, name):
        if 'open_shard_folder("shards")' in block:
            stand_ins['"shards"'] = repr(request.getfixturevalue("shards"))
        for text, stand_in in stand_ins.items():
            block = block.replace(text, stand_in)
        exec(compile(block, name, "exec"), names)

    return run


@pytest.mark.filterwarnings("ignore:.* has no weights for")
@fast_on_torch
@pytest.mark.parametrize(("name", "block"), EXAMPLES, ids=[n for n, _ in EXAMPLES])
def test_docstring(name, block, run):
    if name in ONLY_ON_JAX and keras.backend.backend() != "jax":
        pytest.skip("distribution is JAX's")
    if name in NOT_ON_JAX and keras.backend.backend() == "jax":
        pytest.skip("not one of JAX's formats")
    run(block, name)
    keras.distribution.set_distribution(None)


@pytest.mark.filterwarnings("ignore:.* has no weights for")
@fast_on_torch
@pytest.mark.parametrize("page", ["README.md", "docs/export.md"])
def test_pages(page, run):
    blocks = python_blocks((ROOT / page).read_text(encoding="utf-8"))
    assert blocks
    for i, block in enumerate(blocks):
        if "tf_saved_model" in block and keras.backend.backend() == "torch":
            continue  # not one of PyTorch's formats
        run(block, f"{page}, block {i}")


def test_examples_are_there():
    wanted = WITH_EXAMPLE | {
        name
        for name, value in OBJECTS.items()
        if name.count(".") == 1
        and (
            name.startswith("models.")
            or (inspect.isclass(value) and issubclass(value, keras.layers.Layer))
        )
    }
    without = sorted(wanted - {name for name, _ in EXAMPLES} - {"layers.Block"})
    assert not without, f"No example that runs in the docstring of {without}."
