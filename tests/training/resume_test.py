"""Runs that are killed and go on: to the same bits."""

import contextlib
import logging
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_bigs import errors
from keras_bigs import models
from keras_bigs import training
from keras_bigs.data import Masker
from keras_bigs.data import Masking
from keras_bigs.data import PretrainingBatches
from keras_bigs.data.pretraining.shards import Shard
from keras_bigs.training.model_state import get_state
from keras_bigs.training.model_state import set_state
from tests.backend import fast_on_torch

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(15))]
LENGTH, STEPS, EPOCH = 8, 7, 3


def batches(seed=0):
    """Dynamic masks of random sequences; 10 make an epoch of the data."""
    ids = np.random.default_rng(seed).integers(5, 20, (10, LENGTH))
    ids[:, 0], ids[:, -1] = 2, 3
    ones = np.ones_like(ids)
    arrays = {"input_ids": ids, "input_mask": ones, "segment_ids": 0 * ones}
    shard = Shard(pathlib.Path("shard"), 0, arrays)
    masker = Masker(PIECES, Masking(0.3, max_predictions=3), seed)
    return PretrainingBatches([shard], 4, masker, seed=seed)


def compiled_model(**kwargs):
    """A masked language model with dropout whose updates take two batches."""
    keras.utils.set_random_seed(0)
    backbone = models.BiGSBackbone(
        len(PIECES), 1, 8, 24, state_dim=4, dropout=0.1, max_sequence_length=LENGTH
    )
    model = models.BiGSMaskedLM(backbone)
    kwargs = {"accumulation_steps": 2, "ssm_learning_rate": 1e-3, **kwargs}
    model.compile(training.adamw(1e-2, STEPS // 2, **kwargs))
    return model


class At(keras.callbacks.Callback):
    """Does something after a step, counted from the start of this process."""

    def __init__(self, step, action):
        super().__init__()
        self.step, self.action = step, action

    def on_train_batch_end(self, batch, logs=None):
        self.step -= 1
        if self.step == 0:
            self.action()


def fit(model, directory, callbacks=(), dataset=None, **kwargs):
    checkpoints = training.Checkpoints(directory)
    kwargs = {"save_every": 1, "max_loss_rise": 10.0, **kwargs}
    try:
        return training.resumable_fit(
            model,
            dataset or batches().dataset,
            STEPS,
            EPOCH,
            checkpoints,
            validation_data=batches(1).dataset(0, 2),
            callbacks=callbacks,
            verbose=0,
            **kwargs,
        )
    finally:
        checkpoints.close()


def assert_same(model, history, expected):
    expected_history, expected_state = expected
    assert history == expected_history
    now = get_state(model)
    assert now.keys() == expected_state.keys()
    different = [k for k in now if now[k].tobytes() != expected_state[k].tobytes()]
    assert not different


class Killed(BaseException):
    pass


def kill():
    raise Killed


def begin(model, directory):
    """Sets a model to what every run here begins with."""
    with pytest.raises(Killed):  # so that all variables are made
        fit(model, directory, [At(1, kill)], save_every=9)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.1, variable.shape))
    for variable in [*model.non_trainable_variables, *model.optimizer.variables]:
        variable.assign(keras.ops.zeros_like(variable.value))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A model, how it begins, and how its run ends if it is never killed; and the
    directory of that run."""
    model, directory = compiled_model(), tmp_path_factory.mktemp("run")
    begin(model, directory / "a")
    first = get_state(model)
    history = fit(model, directory / "b")
    assert [epoch["step"] for epoch in history] == [3, 6, 7]
    return model, first, (history, get_state(model)), directory / "b"


def scramble(model):
    """Nothing that training left may help the next process."""
    for variable in [*model.variables, *model.optimizer.variables]:
        variable.assign(keras.ops.ones_like(variable.value) * 7)


def test_killed_after_every_step(run, tmp_path):
    """One process a step."""
    model, first, expected, _ = run
    set_state(model, first)
    for _ in range(STEPS):
        with pytest.raises(Killed):
            fit(model, tmp_path / "c", [At(1, kill)])
        scramble(model)
    assert_same(model, fit(model, tmp_path / "c"), expected)


@pytest.mark.parametrize("step", [1, 4, 7])
def test_killed_between_checkpoints(run, tmp_path, step):
    """Steps are done again: from the beginning, from within an epoch, from its end."""
    model, first, expected, _ = run
    set_state(model, first)
    with pytest.raises(Killed):
        fit(model, tmp_path / "c", [At(step, kill)], save_every=2)
    if step > 1:
        scramble(model)
    else:
        set_state(model, first)  # no checkpoint yet
    assert_same(model, fit(model, tmp_path / "c", save_every=2), expected)


def test_killed_while_evaluating_and_twice(run, tmp_path):
    model, first, expected, _ = run
    set_state(model, first)

    class Evaluation(keras.callbacks.Callback):
        epochs = 0

        def on_test_begin(self, logs=None):
            self.epochs += 1
            if self.epochs == 2:
                raise Killed

    with pytest.raises(Killed):
        fit(model, tmp_path / "c", [Evaluation()], save_every=2)
    scramble(model)
    with pytest.raises(Killed):
        fit(model, tmp_path / "c", [At(2, kill)], save_every=2)
    scramble(model)
    assert_same(model, fit(model, tmp_path / "c", save_every=2), expected)


def test_killed_with_a_loss_scale(tmp_path):
    """In float16, where it goes on from the scale that was found."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model, other = compiled_model(), compiled_model()
    finally:
        keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(1)
    expected = fit(model, tmp_path / "b"), get_state(model)
    assert model.optimizer.dynamic_scale.path
    keras.utils.set_random_seed(1)
    with pytest.raises(Killed):
        fit(other, tmp_path / "c", [At(4, kill)])
    scramble(other)
    assert_same(other, fit(other, tmp_path / "c"), expected)


def test_a_loss_may_not_have_to_fall(tmp_path):
    for value in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="`max_loss_rise` must not be negative"):
            fit(None, tmp_path, max_loss_rise=value)


def test_nothing_is_done_again(run):
    model, _, expected, directory = run
    scramble(model)
    assert_same(model, fit(model, directory, [At(1, kill)]), expected)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_write_a_checkpoint(run, tmp_path, number):
    model, first, expected, _ = run
    set_state(model, first)
    before = signal.getsignal(number)
    send = At(4, lambda: os.kill(os.getpid(), number))
    with pytest.raises(errors.PreemptedError, match="after step 5, where"):
        fit(model, tmp_path / "c", [send], save_every=100)
    assert signal.getsignal(number) is before
    scramble(model)
    assert_same(model, fit(model, tmp_path / "c", save_every=100), expected)


def test_asked_to_end_before_the_first_step(run, tmp_path):
    """While the first programs are compiled: no checkpoint then."""
    model, first, _, _ = run
    set_state(model, first)

    def dataset(first_step, steps):
        os.kill(os.getpid(), signal.SIGINT)
        return batches().dataset(first_step, steps)

    with pytest.raises(errors.PreemptedError, match="before the first step"):
        fit(model, tmp_path / "c", dataset=dataset)
    assert not any((tmp_path / "c").iterdir())


def damage(directory, step):
    """Turns one bit in the middle of every file with variables.

    Not of the largest alone: Orbax may leave files there that are read no more.
    """
    for path in (directory / str(step) / "variables").rglob("d/*"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


def test_damaged_checkpoints_are_passed_over(run, tmp_path):
    model, first, expected, _ = run
    set_state(model, first)
    with pytest.raises(Killed):
        fit(model, tmp_path / "c", [At(5, kill)])
    damage(tmp_path / "c", 5)
    scramble(model)
    with pytest.warns(UserWarning, match="Going on from step 4"):
        history = fit(model, tmp_path / "c")
    assert_same(model, history, expected)
    assert (tmp_path / "c-damaged-5").exists()
    for step in (5, 6, 7):
        damage(tmp_path / "c", step)
    with pytest.raises(ValueError, match="no checkpoint is whole"):
        fit(model, tmp_path / "c")


@pytest.fixture
def finished(run, tmp_path):
    """A model, and checkpoints of its run that a test may damage."""
    shutil.copytree(run[3], tmp_path / "c")
    checkpoints = training.Checkpoints(tmp_path / "c")
    yield run[0], checkpoints
    checkpoints.close()


def test_a_disk_that_fails_once(finished, monkeypatch):
    """An error in reading is no damage yet."""
    model, checkpoints = finished
    read, failures = checkpoints._read, [OSError(5, "Input/output error")]

    def fail_once(step):
        if failures:
            raise failures.pop()
        return read(step)

    monkeypatch.setattr(checkpoints, "_read", fail_once)
    assert checkpoints.restore(model).step == STEPS and not failures


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied"),
        MemoryError(),
        ValueError("PERMISSION_DENIED: Error opening a file"),
    ],
)
def test_what_cannot_be_read_is_no_damage(finished, monkeypatch, error):
    """It stays where it is, and an older one does not take its place."""
    model, checkpoints = finished

    def fail(step):
        raise error

    monkeypatch.setattr(checkpoints, "_read", fail)
    with pytest.raises(type(error)):
        checkpoints.restore(model)
    assert checkpoints.latest_step == STEPS
    assert not any(checkpoints.directory.parent.glob("*damaged*"))


def test_damaged_progress(finished):
    model, checkpoints = finished
    (path,) = (checkpoints.directory / "7" / "progress").glob("*metadata*")
    text = path.read_text()
    assert '"step": 7' in text
    path.write_text(text.replace('"step": 7', '"step": 5'))
    with pytest.warns(UserWarning, match="Going on from step 6"):
        assert checkpoints.restore(model).step == 6


def test_callbacks_may_end_a_run(run, tmp_path):
    """Within an epoch; and the next call goes on to the same bits."""
    model, first, expected, _ = run
    set_state(model, first)

    def stop():
        model.stop_training = True

    assert [e["step"] for e in fit(model, tmp_path / "c", [At(4, stop)])] == [3]
    scramble(model)
    assert_same(model, fit(model, tmp_path / "c"), expected)


def test_reports_see_every_epoch(run, tmp_path):
    """Also that after which the process ended before it could report."""
    model, first, expected, _ = run
    set_state(model, first)

    def fail(history):
        if len(history) == 3:
            raise Killed

    with pytest.raises(Killed):
        fit(model, tmp_path / "c", on_epoch=fail)
    seen = []
    fit(model, tmp_path / "c", on_epoch=lambda history: seen.append(list(history)))
    assert seen == [expected[0]]


def test_nan_stops_and_keeps_the_last_good_checkpoint(run, tmp_path):
    model, first, _, _ = run
    set_state(model, first)

    def spoil():
        getattr(model, "jax_state_sync", lambda: None)()
        weight = model.trainable_variables[0]
        weight.assign(keras.ops.full_like(weight.value, np.nan))

    with pytest.raises(errors.TrainingDivergedError) as error:
        fit(model, tmp_path / "c", [At(4, spoil)], save_every=2)
    assert "The loss is nan at step 5" in str(error.value)
    assert "of step 4, is kept" in str(error.value)
    checkpoints = training.Checkpoints(tmp_path / "c")
    assert checkpoints.restore(model).step == 4
    assert all(
        np.isfinite(a).all() for a in get_state(model).values() if a.dtype.kind == "f"
    )
    checkpoints.close()


def test_a_weight_that_is_not_finite_is_not_saved(run, tmp_path):
    """An update may spoil the weights before any loss shows it."""
    model, first, _, _ = run
    set_state(model, first)
    weight = model.trainable_variables[0]
    weight.assign(keras.ops.full_like(weight.value, np.inf))
    checkpoints = training.Checkpoints(tmp_path / "c")
    with pytest.raises(FloatingPointError, match="trainable.0 .* is not finite"):
        checkpoints.save(model, training.Progress(1, []))
    assert checkpoints.latest_step is None
    checkpoints.close()


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="its bfloat16 is kept as float32"
)
def test_nor_is_one_of_16_bits(tmp_path):
    layer = keras.layers.Dense(1, dtype="bfloat16")
    model = keras.Sequential([keras.Input((2,), dtype="bfloat16"), layer])
    model.compile("sgd", "mse")
    layer.bias.assign([float("nan")])
    with (
        contextlib.closing(training.Checkpoints(tmp_path / "c")) as checkpoints,
        pytest.raises(FloatingPointError, match="is not finite"),
    ):
        checkpoints.save(model, training.Progress(1, []))


def test_other_loggers_are_heard_while_checkpoints_are_open(tmp_path, caplog):
    """And hooks are what they were, in whatever order they are closed."""
    hook = sys.unraisablehook
    first, second = (training.Checkpoints(tmp_path / name) for name in "ab")
    logging.getLogger("absl").warning("of TensorFlow, say")
    first.close()
    assert sys.unraisablehook is not hook
    second.close()
    assert sys.unraisablehook is hook
    assert "of TensorFlow, say" in caplog.text


def test_a_rising_loss_stops(run, tmp_path):
    model, first, _, _ = run
    set_state(model, first)

    def worsen():
        getattr(model, "jax_state_sync", lambda: None)()
        for weight in model.trainable_variables:
            weight.assign(weight.value * 20)

    with pytest.raises(Killed):
        fit(model, tmp_path / "c", [At(4, kill)], max_loss_rise=0.5)
    with pytest.raises(errors.TrainingDivergedError) as error:
        fit(model, tmp_path / "c", [At(1, worsen)], max_loss_rise=0.5)
    assert re.search("rose from .* at step 6", str(error.value))
    # Those of steps 4 and 5 are of an epoch that was spoilt.
    assert "The last good checkpoint, of step 3, is kept" in str(error.value)
    checkpoints = training.Checkpoints(tmp_path / "c")
    assert checkpoints.restore(model).step == 3
    checkpoints.close()


def test_disk_full(run, tmp_path, capfd, monkeypatch):
    """No file may grow beyond 2 KB: the error says what is kept, in one line."""
    model, first, expected, _ = run
    set_state(model, first)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))

    try:
        with pytest.raises(errors.CheckpointWriteError, match="Make room") as error:
            fit(model, tmp_path / "c", [At(5, fill)], save_every=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(error.value) and "tensorstore" not in str(error.value)
    assert "Traceback" not in capfd.readouterr().err and not unraisable
    scramble(model)
    assert_same(model, fit(model, tmp_path / "c", save_every=2), expected)


def test_data_that_end_before_the_run(tmp_path):
    """At once or later, in this process or the next: with an error, and no loop."""

    def few(number):
        data = batches().dataset(0, number)
        return lambda first_step, steps: data.skip(first_step).take(steps)

    with pytest.raises(ValueError, match="ended at step 0"):
        fit(compiled_model(), tmp_path / "none", dataset=few(0))
    for _ in range(2):
        with pytest.raises(ValueError, match="ended at step 4.* Repeat the data"):
            fit(compiled_model(), tmp_path / "few", dataset=few(4))


def test_another_model_is_refused(run, tmp_path):
    model, first, _, _ = run
    set_state(model, first)
    with pytest.raises(Killed):
        fit(model, tmp_path / "c", [At(2, kill)])
    other = compiled_model(ssm_learning_rate=None)
    with pytest.raises(ValueError, match="another model or optimizer"):
        fit(other, tmp_path / "c")


SCRIPT = """
import os, signal, sys
from tests.training import resume_test as t
model = t.compiled_model()
t.begin(model, sys.argv[1] + "-begin")
t.fit(model, sys.argv[1], [t.At(4, lambda: os.kill(os.getpid(), signal.SIGKILL))])
"""


@fast_on_torch
def test_killed_by_sigkill(run, tmp_path):
    """Another process, while a checkpoint is being written; this one goes on."""
    model, _, expected, _ = run
    root = pathlib.Path(__file__).parents[2]
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "c")]
    assert subprocess.run(command, cwd=root).returncode == -signal.SIGKILL
    scramble(model)
    assert_same(model, fit(model, tmp_path / "c"), expected)
