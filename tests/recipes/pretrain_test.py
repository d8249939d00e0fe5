"""The three commands of pretraining, on generated sentences."""

import contextlib
import csv
import dataclasses
import json
import math
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

from keras_bigs import data
from keras_bigs import errors
from keras_bigs import files
from keras_bigs import models
from keras_bigs import training
from keras_bigs.training import masked_lm as masked_lm_training
from keras_bigs.training import publishing
from recipes import extend
from recipes import prepare
from recipes import pretrain
from recipes import publish
from tests import backend
from tests.bucket import bucket

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
    "steps": 4,
    "steps_per_epoch": 2,
    "save_every": 1,
    "batch_size": 4,
    "accumulation_steps": 2,
    "validation_examples": 8,
}
SMALL_MODEL = {"num_layers": 1, "hidden_dim": 8, "state_dim": 4}


def command_line(data, output, **options):
    """Arguments of `recipes.pretrain mini` for a toy run."""
    options = {"data": data, "output": output, **SMALL, **SMALL_MODEL, **options}
    pairs = [(f"--{name}", str(value)) for name, value in options.items()]
    return ["mini", *(argument for pair in pairs for argument in pair)]


def run(*arguments, **options):
    pretrain.main(pretrain.parse(command_line(*arguments, **options)))


def read(directory):
    """What a run has measured, and the weights of its preset."""
    results = json.loads((directory / "results.json").read_text())
    del results["seconds_of_last_process"]
    task = models.BiGSMaskedLM.from_preset(str(directory / "preset"))
    return results, (directory / "history.csv").read_text(), task.get_weights()


def tokens_of(folder):
    """The tokens of its training examples, and how many examples there are."""
    tokens = examples = 0
    for path in folder.glob("train*.hdf5"):
        with h5py.File(path) as file:
            tokens += int(file["input_mask"][()].sum())
            examples += len(file["input_mask"])
    return tokens, examples


@pytest.fixture(scope="module")
def first_run(folders, tmp_path_factory):
    """The directory of a finished run."""
    directory = tmp_path_factory.mktemp("runs") / "a"
    run(folders[0], directory)
    return directory


def test_what_a_run_writes(folders, first_run):
    results, history, _ = read(first_run)
    assert results["step"] == 4
    # Padding not counted.
    tokens, examples = tokens_of(folders[0])
    assert tokens < examples * 16
    assert results["tokens"] == round(4 * 4 * tokens / examples)
    rows = list(csv.DictReader(history.splitlines()))
    assert [row["step"] for row in rows] == ["2", "4"]
    assert [float(row["tokens"]) for row in rows][1] == results["tokens"]
    assert float(rows[-1]["val_loss"]) == results["val_loss"]
    assert plt.imread(first_run / "loss.png").std() > 0.01
    assert any((first_run / "tensorboard").iterdir())
    with h5py.File(first_run / "preset" / "task.weights.h5") as file:
        sizes = []
        file.visititems(lambda _, item: sizes.append(getattr(item, "size", 0)))
    assert sum(sizes) < 1.1 * results["parameters"]  # no state of the optimizer
    task = models.BiGSMaskedLM.from_preset(str(first_run / "preset"))
    ((guess, *_),) = task.fill_mask("The cat [MASK] the dog.")
    assert guess["token"] in task.preprocessor.tokenizer.get_vocabulary()


@pytest.fixture
def asked_to_end(monkeypatch):
    """A scope in which a run is asked to end after its first step."""

    class Ends(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            os.kill(os.getpid(), signal.SIGTERM)

    @contextlib.contextmanager
    def scope():
        fit = masked_lm_training.resumable_fit
        with (
            monkeypatch.context() as patch,
            pytest.raises(errors.PreemptedError, match="after step 2"),
        ):
            patch.setattr(
                masked_lm_training,
                "resumable_fit",
                lambda *args, **kwargs: fit(*args, **kwargs, callbacks=[Ends()]),
            )
            yield

    return scope


def assert_same(run, expected):
    """All that a run has measured, and its weights, to the bit."""
    run, expected = read(run), read(expected)
    assert run[:2] == expected[:2]
    for a, b in zip(run[2], expected[2], strict=True):
        np.testing.assert_array_equal(a, b)


def test_asked_to_end_and_resumed(folders, first_run, tmp_path, asked_to_end):
    """To the same bits; and not with other options or data."""
    output = tmp_path / "b"
    with asked_to_end():
        run(folders[0], output)
    run(folders[0], output)
    assert_same(output, first_run)
    with pytest.raises(errors.ConfigError, match="or data: learning_rate;"):
        run(folders[0], output, learning_rate=1.0)
    shutil.copytree(folders[0], tmp_path / "moved")
    (tmp_path / "moved" / "manifest.json").write_text(
        (folders[0] / "manifest.json").read_text() + "\n"
    )
    with pytest.raises(errors.ConfigError, match="or data: data_sha256;"):
        run(tmp_path / "moved", output)


@backend.fast_on_torch
def test_a_run_in_a_bucket(folders, first_run, tmp_path, asked_to_end, monkeypatch):
    """Read and written there, ended and gone on with, it is as one on a disk."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setattr(files.leases, "INTERVAL", 0.5)
    with bucket() as (location, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        shards, output = files.as_path(f"{location}/shards"), f"{location}/runs/a"
        files.upload(folders[0], shards)
        with asked_to_end():
            run(shards, output)
        assert {p.name for p in files.as_path(output).iterdir()} == {
            "checkpoints",
            "config.json",
        }
        run(shards, output)
        with pytest.raises(errors.ConfigError, match="or data: learning_rate;"):
            run(shards, output, learning_rate=1.0)
        copy = files.local_copy(output)
        # Extending begins at a preset in the bucket.
        config = extend.ModelConfig(start=f"{output}/preset")
        masked_lm = config.build(data.open_shard_folder(folders[1]), 32)
    assert_same(copy, first_run)
    names = {path.name for path in first_run.iterdir()} - {".lock"}
    assert {path.name for path in copy.iterdir()} == names
    assert len(list((copy / "tensorboard").iterdir())) == 2
    assert masked_lm.backbone.max_sequence_length == 32


def test_publish(first_run, tmp_path, capsys):
    """In half the bits, with a card."""
    out = tmp_path / "[red]published"
    publish.main(publish.Config(first_run, "toy_preset", out))
    assert f"Wrote {out}" in capsys.readouterr().out
    results, _, weights = read(first_run)
    half = models.BiGSMaskedLM.from_preset(str(out))
    assert half.dtype_policy.name == "float32"
    for a, b in zip(weights, half.get_weights(), strict=True):
        assert b.dtype == "float32"
        np.testing.assert_array_equal(a.astype("float16").astype("float32"), b)
    with h5py.File(out / "model.weights.h5") as file:
        kinds = set()
        file.visititems(lambda _, x: kinds.add(str(getattr(x, "dtype", "group"))))
    assert kinds == {"float16", "group"}
    card = (out / "README.md").read_text()
    assert f"{results['val_loss']:.3f} |" in card
    assert f"{results['tokens']:,} tokens (padding not counted)" in card
    assert 'from_preset("toy_preset")' in card
    assert card.startswith("# toy_preset\n\nA BiGS language encoder, without attention")
    with pytest.raises(errors.ConfigError, match="is not finished"):
        publish.main(publish.Config(out, "toy_preset", tmp_path / "again"))

    # Of a run without held-out texts.
    other = shutil.copytree(first_run, tmp_path / "other")
    for name in ("val_loss", "val_accuracy"):
        results.pop(name)
    (other / "results.json").write_text(json.dumps(results))
    card = publishing.model_card(other, "toy", "d", "MIT")
    assert "not evaluated on held-out texts" in card and "nan" not in card


def test_publish_what_has_no_preprocessor(first_run, tmp_path):
    """Nor is every pair of block and routing a BiGS."""
    run, out = tmp_path / "run", tmp_path / "published"
    shutil.copytree(first_run, run)
    for name in ("task.json", "config.json"):
        path = run / "preset" / name
        saved = json.loads(path.read_text())
        saved["config"]["preprocessor"] = None
        saved["config"].get("backbone", saved)["config"]["block"] = "stack"
        path.write_text(json.dumps(saved))
    with pytest.raises(errors.ConfigError, match="no preprocessor .* Leave it out"):
        training.publish(run, out, "toy", "d", sequence_length=8)
    assert not out.exists()
    card = publishing.model_card(run, "toy", "d", "MIT")
    assert card.startswith("# toy\n\nA language encoder (Wang")


def test_extend_to_twice_the_length(folders, first_run, tmp_path, capsys):
    """With the masks of the shards; on shorter sequences the length stays."""

    def parse(data, start, **options):
        options = {"data": data, "start": start, "output": tmp_path / "longer"} | {
            **SMALL,
            "steps": 2,
            "dropout": 0.3,
            "decay": "cubic",
            **options,
        }
        pairs = [(f"--{name}", str(value)) for name, value in options.items()]
        return extend.parse(["512", *(argument for pair in pairs for argument in pair)])

    config = parse(folders[1], first_run / "preset", masks="static")
    start = config.model.build(config.data.open(), 32)
    for a, b in zip(read(first_run)[2], start.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b[: len(a)])
    extend.main(config)
    backbone = models.BiGSBackbone.from_preset(str(tmp_path / "longer" / "preset"))
    assert backbone.max_sequence_length == 32
    assert (backbone.dropout, backbone.rematerialize) == (0.3, True)

    # The card tells of both stages.
    config = publish.Config(tmp_path / "longer", "toy", tmp_path / "published")
    publish.main(dataclasses.replace(config, sequence_length=16))
    for cls in (models.BiGSMaskedLM, models.BiGSTextEmbedder):
        task = cls.from_preset(str(config.output))
        assert task.backbone.max_sequence_length == 32
        assert task.preprocessor.sequence_length == 16
    with pytest.raises(errors.ConfigError, match="from 4 to the 32 tokens"):
        publish.main(dataclasses.replace(config, sequence_length=33))
    card = (tmp_path / "published" / "README.md").read_text()
    first, second = (line for line in card.splitlines() if line.startswith("- `rec"))
    assert first.startswith("- `recipes.pretrain`: ")
    assert "of up to 16 tokens" in first
    assert second.startswith("- `recipes.extend` of that: ")
    assert "seed 0; backend: " in first and first.endswith("; with a final layer norm.")
    assert "in 2 steps of" in second and "of up to 32 tokens" in second

    config = parse(folders[0], tmp_path / "longer" / "preset")
    shorter = config.model.build(config.data.open(), 16)
    assert shorter.backbone.max_sequence_length == 32
    assert "positions beyond are not trained" in capsys.readouterr().out


@pytest.mark.without_backend
def test_commands_start_without_keras(first_run, tmp_path):
    """Keras takes seconds; `compare` does without it, others until they begin."""
    # A name that looks like markup is printed as it is.
    markup = shutil.copytree(first_run, tmp_path / "[bold]a")
    script = f"""
import sys
from recipes import compare, extend, pretrain, publish
for parse in (pretrain.parse, extend.parse):
    try:
        parse(["--help"])
    except SystemExit:
        pass
assert "matplotlib" not in sys.modules
import pathlib
runs = pathlib.Path({str(markup)!r}), pathlib.Path("none")
compare.main(compare.Config(runs, pathlib.Path({str(tmp_path)!r}) / "f.png"))
heavy = {{"keras", "tensorflow", "jax", "torch", "h5py"}} & set(sys.modules)
assert not heavy, heavy
from recipes import prepare
heavy = {{"keras", "tensorflow", "jax", "torch"}} & set(sys.modules)
assert not heavy, heavy
"""
    process = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    results, _, _ = read(first_run)
    assert f"{results['val_loss']:.3f}" in process.stdout
    assert "[bold]a" in process.stdout
    assert "none has no history.csv with tokens and is left out" in process.stdout
    assert plt.imread(tmp_path / "f.png").std() > 0.01


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

    def build(start, pieces, length, **options):
        folder = data.ShardFolder(tmp_path, pieces, True, data.Masking(), "", {})
        config = extend.ModelConfig(start=str(start), dropout=0.3, **options)
        return config.build(folder, length)

    task = build(start, pieces, length)
    for a, b in zip(expected.get_weights(), task.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert task.backbone.dropout == 0.3
    assert build(start, pieces, length + 9).backbone.max_sequence_length == length + 9
    assert task.backbone.final_layer_norm is None
    normed = build(start, pieces, length + 9, final_layer_norm=True)
    assert normed.backbone.final_layer_norm is not None
    normed.save_to_preset(str(tmp_path / "normed"))
    again = build(tmp_path / "normed", pieces, length + 9, final_layer_norm=True)
    for a, b in zip(normed.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(errors.ConfigError, match="word pieces, and"):
        build(start, pieces[:-1], length)
    expected.backbone.save_to_preset(str(tmp_path / "backbone"))
    with pytest.raises(errors.ConfigError, match="holds a BiGSBackbone"):
        build(tmp_path / "backbone", pieces, length)


def test_paper_configurations():
    """Table 7 of the paper, by name, and options that change it."""
    config = pretrain.parse(["large", "--data", "d", "--output", "o", "--steps", "7"])
    assert (config.model.num_layers, config.model.hidden_dim) == (23, 1024)
    assert config.training.steps == 7 and config.data.folder == pathlib.Path("d")
    assert 760 <= config.training.batch_size <= 1136
    assert config.optimizer.warmup_proportion == 0.01
    config = pretrain.parse(["bert-large", "--data", "d", "--output", "o"])
    assert (config.model.num_layers, config.model.block, config.model.routing) == (
        *(24, "stack"),
        "attention",
    )
    assert (config.training.batch_size, config.optimizer.decay) == (840, "linear")
    arguments = ["--start", "p", "--data", "d", "--output", "o"]
    config = extend.parse(["512", *arguments])
    assert config.training.batch_size * 512 == 53_248
    assert config.optimizer.learning_rate == 4e-5
    config = extend.parse(["4096", *arguments])
    assert (config.training.steps, config.optimizer.decay) == (10_000, "cubic")
    assert config.optimizer.learning_rate == 3e-5


def test_names_of_options_that_were():
    arguments = ["mini", "--data", "d", "--output", "o", "--mask_rate", "0.4"]
    assert pretrain.parse(arguments).data.mask_selection_rate == 0.4
    arguments = ["512", "--data", "d", "--output", "o", "--start", "s"]
    arguments += ["--how", "interpolate"]
    assert extend.parse(arguments).model.method == "interpolate"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"routing": "magic"}, "--routing magic is not one of"),
        ({"accumulation_steps": 3}, "--accumulation_steps 3 does not divide"),
        ({"accumulation_steps": 0}, "--accumulation_steps must be at least 1"),
        ({"learning_rate": -1e-3}, "`learning_rate` must be above 0"),
        ({"warmup_proportion": 1.0}, "`warmup_proportion` must be .* below 1"),
        ({"global_clipnorm": 0.0}, "`global_clipnorm` must be above 0"),
        ({"max_loss_rise": math.nan}, "`max_loss_rise` must be at least 0"),
        ({"seed": -1}, "`seed` must be from 0"),
        ({"mask_selection_rate": 3.0}, "--mask_selection_rate 3.0 must be above 0"),
        ({"dropout": 1.0}, "`dropout` must be .* below 1"),
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
    """Found out before anything is claimed."""
    with pytest.raises(ValueError, match=message):
        run(folders[0], tmp_path / "a", **options)
    assert not (tmp_path / "a").exists()


def test_a_run_may_begin_again_until_its_first_checkpoint(tmp_path):
    claim, output = masked_lm_training._claim, tmp_path / "run"
    claim(output, {"batch_size": 256, "keep": 3}, ("keep",))
    claim(output, {"batch_size": 64, "keep": 3}, ("keep",))
    assert json.loads((output / "config.json").read_text())["batch_size"] == 64
    (output / "checkpoints" / "100").mkdir(parents=True)
    claim(output, {"batch_size": 64, "keep": 5}, ("keep",))
    with pytest.raises(errors.ConfigError, match="other options or data: batch_size"):
        claim(output, {"batch_size": 32, "keep": 3}, ("keep",))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(errors.ConfigError, match="is not empty"):
        claim(tmp_path / "other", {}, ())


@pytest.mark.without_backend
def test_a_second_start_is_refused(folders, tmp_path, monkeypatch):
    """It says who holds the directory, without a traceback; the first one finishes."""
    arguments = command_line(folders[0], tmp_path / "a")
    seconds = []

    def start_another(*args, **kwargs):
        command = [sys.executable, "-m", "recipes.pretrain", *arguments]
        seconds.append(
            subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        )
        return [{"step": 8, "loss": 0.5}]  # instead of training, which others test

    monkeypatch.setattr(masked_lm_training, "resumable_fit", start_another)
    pretrain.main(pretrain.parse(arguments))
    (second,) = seconds
    assert second.returncode == 1
    assert f"is being written by process {os.getpid()} on" in second.stderr
    assert second.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in second.stderr
    results = json.loads((tmp_path / "a" / "results.json").read_text())
    assert results["step"] == 4 and (tmp_path / "a" / "preset").exists()


@pytest.mark.without_backend
def test_prepare_explains_errors(tmp_path):
    """No traceback, and a status that says it failed."""
    command = [sys.executable, "-m", "recipes.prepare", str(tmp_path / "none.txt")]
    command += ["--output", str(tmp_path / "x")]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in process.stderr


def start_processes(count, devices, arguments):
    """Starts `recipes.pretrain` in processes of so many virtual devices each."""
    first = 29_500 + os.getpid() % 500
    addresses = [f"127.0.0.1:{first + i}" for i in range(count)]
    environment = {
        **os.environ,
        "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": ",".join(addresses),
        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(count),
    }
    command = [sys.executable, "-m", "recipes.pretrain", *arguments, "--distributed"]
    return [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**environment, "KERAS_DISTRIBUTION_PROCESS_ID": str(i)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(count)
    ]


def ends(processes):
    """The exit status of each process, and what it wrote to its standard error."""
    errors = [process.communicate(timeout=300)[1] for process in processes]
    return [(p.returncode, error) for p, error in zip(processes, errors, strict=True)]


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX has processes")
@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_one_of_several_processes_is_killed(count, folders, tmp_path):
    """The others end at once and say why; started again, they go on to the bit.

    And a single process of other devices goes on, to rounding.
    """

    def arguments(name, mesh="batch=4,model=2"):
        options = {"batch_size": 8, "steps": 12, "steps_per_epoch": 6, "save_every": 3}
        return command_line(folders[0], tmp_path / name, mesh=mesh, **options)

    def start(name):
        return start_processes(count, 8 // count, arguments(name))

    assert [code for code, _ in ends(start("whole"))] == [0] * count
    processes = start("killed")
    checkpoints = tmp_path / "killed" / "checkpoints"
    while not any(checkpoints.glob("[0-9]*")):
        assert processes[0].poll() is None
        time.sleep(0.05)
    processes[-1].kill()
    killed_at = time.monotonic()
    (code, _), *others = sorted(ends(processes))
    # At once in a step. While a checkpoint is written together, JAX waits for a
    # heartbeat, and ends the processes itself.
    assert time.monotonic() - killed_at < 150
    assert code == -signal.SIGKILL
    for code, error in others:
        by_us = code == 1 and f"error: Another of {count} processes has ended" in error
        by_jax = code == -signal.SIGABRT and "another task died" in error
        assert by_us or by_jax, error
    assert not (tmp_path / "killed" / "results.json").exists()
    shutil.copytree(tmp_path / "killed", tmp_path / "moved")
    assert [code for code, _ in ends(start("killed"))] == [0] * count
    moved = arguments("moved", "batch=2,model=2")
    assert [code for code, _ in ends(start_processes(1, 4, moved))] == [0]
    whole, killed, moved = (
        read(tmp_path / name) for name in ("whole", "killed", "moved")
    )
    assert killed[:2] == whole[:2]
    assert moved[0]["val_loss"] == pytest.approx(whole[0]["val_loss"], rel=1e-5)
    for a, b, c in zip(whole[2], killed[2], moved[2], strict=True):
        np.testing.assert_array_equal(b, a)
        np.testing.assert_allclose(c, a, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX has processes")
def test_two_processes_are_as_one(folders, tmp_path):
    """Each reads half of every batch; together they learn what one learns."""
    ports = [str(29_500 + os.getpid() % 500 + i) for i in (0, 1)]
    environment = {
        **os.environ,
        "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": ",".join(f"127.0.0.1:{p}" for p in ports),
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    }

    def start(output, process=None, *more):
        arguments = command_line(folders[0], tmp_path / output, dropout=0.0)
        command = [sys.executable, "-m", "recipes.pretrain", *arguments, *more]
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
