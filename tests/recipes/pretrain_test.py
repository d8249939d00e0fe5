"""The three commands of pretraining, on generated sentences."""

import csv
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import h5py
import keras
import numpy as np
import pytest
from matplotlib import pyplot as plt
from rich.console import Console

from keras_bigs import data
from keras_bigs import errors
from keras_bigs import models
from keras_bigs import training
from keras_bigs.data.pretraining import shard_folder
from keras_bigs.training import masked_lm as masked_lm_training
from recipes import compare
from recipes import extend
from recipes import prepare
from recipes import pretrain
from recipes import publish

ROOT = pathlib.Path(__file__).parents[2]
NOUNS = ["cat", "dog", "bird", "child", "house", "river"]
VERBS = ["sees", "finds", "likes", "hears"]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    rng = np.random.default_rng(0)

    def sentence():
        subject, verb, thing = (rng.choice(w) for w in (NOUNS, VERBS, NOUNS))
        return f"The {subject} {verb} the {thing} number {rng.integers(1000)}."

    documents = [" ".join(sentence() for _ in range(8)) for _ in range(60)]
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n\n".join(documents), "utf-8")
    return path


@pytest.fixture(scope="module")
def folders(texts):
    """Shards of 16 tokens, and of 32 with the same vocabulary."""
    folders = []
    for length in (16, 32):
        folder = texts.parent / f"shards{length}"
        prepare.main(
            prepare.Config(
                (str(texts),),
                folder,
                vocabulary=folders[0] / "vocabulary.txt" if folders else None,
                vocabulary_size=120,
                settings=data.Settings(
                    sequence_length=length, copies=length // 32, validation_fraction=0.1
                ),
                processes=1,
            )
        )
        folders.append(folder)
    return folders


SMALL = {
    "num_layers": 1,
    "hidden_dim": 8,
    "state_dim": 4,
    "steps": 4,
    "steps_per_epoch": 2,
    "save_every": 1,
    "batch_size": 4,
    "accumulation_steps": 2,
    "validation_examples": 8,
}


def read(directory):
    """What a run has measured, and the weights of its preset."""
    results = json.loads((directory / "results.json").read_text())
    del results["seconds_of_last_process"]
    task = models.BiGSMaskedLM.from_preset(str(directory / "preset"))
    return results, (directory / "history.csv").read_text(), task.get_weights()


def test_pretrain_resume_extend_and_compare(folders, tmp_path, capsys, monkeypatch):
    config = pretrain.Config(data=folders[0], output=tmp_path / "a", **SMALL)
    pretrain.main(config)
    results, history, weights = read(tmp_path / "a")
    assert results["step"] == 4 and results["tokens"] == 4 * 4 * 16
    with open(tmp_path / "a" / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4"]
    assert float(rows[-1]["val_loss"]) == results["val_loss"]
    assert plt.imread(tmp_path / "a" / "loss.png").std() > 0.01
    assert any((tmp_path / "a" / "tensorboard").iterdir())

    # The same once more, asked to end in the middle.
    config = dataclasses.replace(config, output=tmp_path / "b")
    fit = training.resumable_fit

    class Ends(training.evaluation.keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(
            training,
            "resumable_fit",
            lambda *args, **kwargs: fit(*args, **kwargs, callbacks=[Ends()]),
        )
        with pytest.raises(errors.PreemptedError, match="after step 2"):
            pretrain.main(config)
    pretrain.main(config)
    again = read(tmp_path / "b")
    assert (results, history) == again[:2]
    for a, b in zip(weights, again[2], strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(errors.ConfigError, match="or data: learning_rate;"):
        pretrain.main(dataclasses.replace(config, learning_rate=1.0))

    task = models.BiGSMaskedLM.from_preset(str(tmp_path / "a" / "preset"))
    ((guess, *_),) = task.fill_mask("The cat [MASK] the dog.")
    assert guess["token"] in task.preprocessor.tokenizer.get_vocabulary()

    # In half the bits, with a card.
    out = tmp_path / "published"
    publish.main(publish.Config(tmp_path / "a", "toy_preset", out))
    half = models.BiGSMaskedLM.from_preset(str(out))
    assert half.dtype_policy.name == "float32"
    for a, b in zip(weights, half.get_weights(), strict=True):
        assert b.dtype == "float32"
        np.testing.assert_array_equal(a.astype("float16").astype("float32"), b)
    with h5py.File(out / "model.weights.h5") as file:
        kinds = set()
        file.visititems(lambda _, x: kinds.add(str(getattr(x, "dtype", "group"))))
    assert kinds == {"float16", "group"}
    assert f"{results['val_loss']:.3f} |" in (out / "README.md").read_text()
    assert 'from_preset("toy_preset")' in (out / "README.md").read_text()

    # On to twice the length, with the masks of the shards.
    options = {k: v for k, v in SMALL.items() if k not in ("num_layers", "hidden_dim")}
    del options["state_dim"]
    longer = extend.Config(
        start=str(tmp_path / "a" / "preset"),
        data=folders[1],
        output=tmp_path / "longer",
        masks="static",
        rematerialize=True,
        dropout=0.3,
        decay="cubic",
        **options,
    )
    start = extend.build(longer, shard_folder.describe(longer), 32)
    for a, b in zip(weights, start.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b[: len(a)])
    extend.main(longer)
    backbone = models.BiGSBackbone.from_preset(str(tmp_path / "longer" / "preset"))
    assert backbone.max_sequence_length == 32
    assert (backbone.dropout, backbone.rematerialize) == (0.3, True)
    with pytest.raises(errors.ConfigError, match="takes 32 already"):
        extend.main(
            dataclasses.replace(
                longer,
                start=str(tmp_path / "longer" / "preset"),
                data=folders[0],
                masks="dynamic",
                output=tmp_path / "c",
            )
        )

    runs = tuple(tmp_path / name for name in ("a", "b", "longer", "published"))
    compare.main(compare.Config(runs, tmp_path / "f.png"))
    assert plt.imread(tmp_path / "f.png").std() > 0.01
    printed = capsys.readouterr().out
    assert f"{results['val_loss']:.3f}" in printed
    assert "has no history.csv and is left out" in printed


def test_extend_starts_from_a_checkpoint_of_the_original(tmp_path):
    """With its head, which a published checkpoint has; and not without one."""
    start = ROOT / "tests/fixtures/original/flax_masked_lm"
    expected = models.BiGSMaskedLM.from_preset(str(start), preprocessor=None)
    size, length = (
        expected.backbone.vocabulary_size,
        expected.backbone.max_sequence_length,
    )
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces += [f"w{i}" for i in range(size - len(pieces))]
    config = extend.Config(
        start=str(start), data=tmp_path, output=tmp_path, dropout=0.3
    )
    corpus = shard_folder.Corpus(pieces, True, data.Masking(), "")
    task = extend.build(config, corpus, length)
    for a, b in zip(expected.get_weights(), task.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert task.backbone.dropout == 0.3
    longer = extend.build(config, corpus, length + 9)
    assert longer.backbone.max_sequence_length == length + 9
    corpus.pieces = pieces[:-1]
    with pytest.raises(errors.ConfigError, match="The vocabulary of --data"):
        extend.build(config, corpus, length)
    expected.backbone.save_to_preset(str(tmp_path / "backbone"))
    config.start = str(tmp_path / "backbone")
    with pytest.raises(errors.ConfigError, match="holds a BiGSBackbone"):
        extend.build(config, corpus, length)


def test_paper_configurations():
    """Table 7 of the paper, by name, and options that change it."""
    config = pretrain.parse(["large", "--data", "d", "--output", "o", "--steps", "7"])
    assert (config.num_layers, config.hidden_dim, config.steps) == (23, 1024, 7)
    assert 760 <= config.batch_size <= 1136 and config.warmup_proportion == 0.01
    config = pretrain.parse(["bert-large", "--data", "d", "--output", "o"])
    assert (config.num_layers, config.block, config.routing) == (
        *(24, "stack"),
        "attention",
    )
    assert (config.batch_size, config.decay) == (840, "linear")
    config = extend.parse(["512", "--start", "p", "--data", "d", "--output", "o"])
    assert (config.batch_size * 512, config.learning_rate) == (53_248, 4e-5)
    config = extend.parse(["4096", "--start", "p", "--data", "d", "--output", "o"])
    assert (config.steps, config.learning_rate, config.decay) == (10_000, 3e-5, "cubic")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"routing": "magic"}, "--routing magic is not one of"),
        ({"accumulation_steps": 3}, "--accumulation_steps 3 does not divide"),
        ({"accumulation_steps": 0}, "--accumulation_steps must be at least 1"),
        ({"keep": 0}, "--keep must be at least 1"),
        ({"save_every": 0}, "--save_every must be at least 1"),
        ({"validation_examples": -5}, "--validation_examples must be at least 0"),
        ({"lowercase": False}, "has a vocabulary of its own"),
        ({"masks": "static"}, "have no masks"),
        ({"masks": "static", "mask_rate": 0.4}, "are for dynamic masks"),
        ({"vocabulary": "v.txt"}, "has a vocabulary of its own"),
    ],
)
def test_bad_options(folders, tmp_path, options, message):
    config = pretrain.Config(
        **{"data": folders[0], "output": tmp_path / "a", **SMALL, **options}
    )
    with pytest.raises(ValueError, match=message):
        pretrain.main(config)


def test_a_failed_start_claims_nothing(folders, tmp_path):
    options = {"data": folders[0], "output": tmp_path / "a", **SMALL}
    with pytest.raises(ValueError, match="have no masks"):
        pretrain.main(pretrain.Config(**options, masks="static"))
    assert not (tmp_path / "a").exists()


def test_a_run_may_begin_again_until_its_first_checkpoint(tmp_path):
    output = tmp_path / "run"
    masked_lm_training.claim(output, {"batch_size": 256, "keep": 3})
    masked_lm_training.claim(output, {"batch_size": 64, "keep": 3})
    assert json.loads((output / "config.json").read_text())["batch_size"] == 64
    (output / "checkpoints" / "100").mkdir(parents=True)
    masked_lm_training.claim(output, {"batch_size": 64, "keep": 5})
    with pytest.raises(errors.ConfigError, match="other options or data: batch_size"):
        masked_lm_training.claim(output, {"batch_size": 32, "keep": 3})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(errors.ConfigError, match="is not empty"):
        masked_lm_training.claim(tmp_path / "other", {})


def test_validation_is_the_same_for_every_seed(folders, tmp_path):
    """And as much as whole batches allow."""
    batches = []
    for seed in (0, 1):
        config = pretrain.Config(
            **{"data": folders[0], "output": tmp_path, **SMALL, "seed": seed}
        )
        corpus = shard_folder.describe(config)
        train, validation = shard_folder.load(config, corpus, Console())
        batches.append((train.batch(0)[0], validation.batch(0)[0]))
    (train, validation), (other_train, other_validation) = batches
    for name in validation:
        np.testing.assert_array_equal(validation[name], other_validation[name])
    assert (train["token_ids"] != other_train["token_ids"]).any()


def test_the_folder_of_shards_decides(texts, tmp_path):
    """Cased text, and its own masking; a run does not go on with other data."""
    settings = data.Settings(
        sequence_length=16,
        copies=0,
        validation_fraction=0.1,
        lowercase=False,
        masking=data.Masking(rate=0.5, whole_words=True),
    )
    shards = tmp_path / "shards"

    def make(seed):
        prepare.main(
            prepare.Config(
                (str(texts),),
                shards,
                vocabulary_size=120,
                settings=dataclasses.replace(settings, seed=seed),
                processes=1,
            )
        )

    make(0)
    config = pretrain.Config(data=shards, output=tmp_path / "a", **SMALL)
    corpus = shard_folder.describe(config)
    assert (corpus.masking.rate, corpus.masking.whole_words) == (0.5, True)
    changed = dataclasses.replace(config, mask_rate=0.2, whole_words=False)
    assert shard_folder.describe(changed).masking == data.Masking(0.2)
    pretrain.main(config)
    task = models.BiGSMaskedLM.from_preset(str(tmp_path / "a" / "preset"))
    assert not task.preprocessor.tokenizer.lowercase
    shutil.rmtree(shards)
    make(1)
    with pytest.raises(errors.ConfigError, match="or data: data_sha256"):
        pretrain.main(config)


def test_the_originals_files_need_a_vocabulary(folders, tmp_path):
    for path in folders[1].glob("train*.hdf5"):
        shutil.copy(path, tmp_path)
    options = {"data": tmp_path, "output": tmp_path / "a", **SMALL, "steps": 1}
    with pytest.raises(errors.ConfigError, match="by --vocabulary"):
        pretrain.main(pretrain.Config(**options))
    # Compressed, as the original's are.
    for path in tmp_path.glob("*.hdf5"):
        with h5py.File(path) as file:
            arrays = {name: item[()] for name, item in file.items()}
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array, compression="gzip")
    (tmp_path / "few.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    with pytest.raises(errors.ConfigError, match="and the vocabulary 6 pieces"):
        pretrain.main(pretrain.Config(**options, vocabulary=tmp_path / "few.txt"))
    vocabulary = folders[1] / "vocabulary.txt"
    pretrain.main(pretrain.Config(**options, vocabulary=vocabulary, masks="static"))
    assert json.loads((tmp_path / "a" / "results.json").read_text())["step"] == 1


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="no backend takes part")
def test_commands_explain_errors(tmp_path):
    """No traceback, and a status that says it failed."""
    for module, arguments in (
        ("pretrain", ["mini", "--data", str(tmp_path), "--output", "x"]),
        ("prepare", [str(tmp_path / "none.txt"), "--output", str(tmp_path / "x")]),
    ):
        command = [sys.executable, "-m", f"recipes.{module}", *arguments]
        process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert process.returncode == 1
        assert process.stderr.splitlines()[-1].startswith("error: ")
        assert "Traceback" not in process.stderr


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX has processes")
def test_two_processes_are_as_one(folders, tmp_path):
    """Each reads half of every batch; together they learn what one learns."""
    arguments = ["tiny", "--data", str(folders[0])]
    for name, value in {**SMALL, "dropout": 0.0}.items():
        arguments += [f"--{name}", str(value)]
    ports = [str(29_500 + os.getpid() % 500 + i) for i in (0, 1)]
    environment = {
        **os.environ,
        "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": ",".join(f"127.0.0.1:{p}" for p in ports),
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    }

    def start(output, process=None, *more):
        command = [sys.executable, "-m", "recipes.pretrain", *arguments]
        command += ["--output", str(tmp_path / output), *more]
        variables = {"KERAS_DISTRIBUTION_PROCESS_ID": str(process)}
        command += [] if process is None else ["--distributed"]
        return subprocess.Popen(command, cwd=ROOT, env={**environment, **variables})

    def codes(pair):
        return [process.wait(300) for process in pair]

    assert start("one").wait() == 0
    assert codes([start("two", i) for i in (0, 1)]) == [0, 0]
    one, two = (read(tmp_path / name) for name in ("one", "two"))
    assert two[0]["val_loss"] == pytest.approx(one[0]["val_loss"], rel=1e-5)
    for a, b in zip(one[2], two[2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)

    # Different options are found out; and asked to end, one tells the other.
    pair = [start("three", i, "--seed", str(i)) for i in (0, 1)]
    assert all(code != 0 for code in codes(pair))
    more = ["--steps", "200", "--steps_per_epoch", "100"]
    pair = [start("four", i, *more) for i in (0, 1)]
    checkpoints = tmp_path / "four" / "checkpoints"
    while not any(checkpoints.glob("[0-9]*")):
        assert pair[0].poll() is None
        time.sleep(0.1)
    pair[1].send_signal(signal.SIGTERM)
    assert codes(pair) == [128 + signal.SIGTERM] * 2
    assert not (tmp_path / "four" / "results.json").exists()
    assert codes([start("four", i, *more) for i in (0, 1)]) == [0, 0]
    assert read(tmp_path / "four")[0]["step"] == 200
