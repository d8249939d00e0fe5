"""Runs that are killed and go on: to the same bits."""

import os
import pathlib
import re
import resource
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
from keras_bigs.training.checkpoints import set_state
from keras_bigs.training.checkpoints import state

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(15))]
LENGTH, STEPS, EPOCH = 8, 11, 4


def batches(seed=0):
    """Dynamic masks of random sequences; 10 make an epoch of the data."""
    ids = np.random.default_rng(seed).integers(5, 20, (10, LENGTH))
    ids[:, 0], ids[:, -1] = 2, 3
    ones = np.ones_like(ids)
    arrays = {"input_ids": ids, "input_mask": ones, "segment_ids": 0 * ones}
    shard = Shard(pathlib.Path("shard"), 0, arrays)
    masker = Masker(PIECES, Masking(rate=0.3, max_predictions=3), seed)
    return PretrainingBatches([shard], 4, masker, seed=seed)


def compiled_model(**kwargs):
    """A masked language model with dropout whose updates take two batches."""
    keras.utils.set_random_seed(0)
    backbone = models.BiGSBackbone(
        len(PIECES), 1, 8, 24, state_dim=4, dropout=0.1, max_sequence_length=LENGTH
    )
    task = models.BiGSMaskedLM(backbone)
    model = keras.Model(task.input, task.output)
    kwargs = {"accumulation_steps": 2, "ssm_learning_rate": 1e-3, **kwargs}
    model.compile(
        training.adamw(1e-2, STEPS, **kwargs),
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
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


def fit(model, directory, callbacks=(), **kwargs):
    checkpoints = training.Checkpoints(directory)
    train = batches()
    kwargs = {"save_every": 1, "max_loss_rise": 10.0, **kwargs}
    try:
        return training.resumable_fit(
            model,
            train.dataset,
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
    now = state(model)
    assert now.keys() == expected_state.keys()
    different = [k for k in now if now[k].tobytes() != expected_state[k].tobytes()]
    assert not different


class Killed(BaseException):
    pass


def kill():
    raise Killed


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A model, how it begins, and how its run ends if it is never killed."""
    model, directory = compiled_model(), tmp_path_factory.mktemp("run")
    with pytest.raises(Killed):  # so that all variables are made
        fit(model, directory / "a", [At(1, kill)], save_every=9)
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(0, 0.1, variable.shape))
    for variable in [*model.non_trainable_variables, *model.optimizer.variables]:
        variable.assign(keras.ops.zeros_like(variable.value))
    first = state(model)
    history = fit(model, directory / "b")
    assert [epoch["step"] for epoch in history] == [4, 8, 11]
    return model, first, (history, state(model))


def scramble(model):
    """Nothing that training left may help the next process."""
    for variable in [*model.variables, *model.optimizer.variables]:
        variable.assign(keras.ops.ones_like(variable.value) * 7)


@pytest.mark.parametrize(
    ("step", "save_every"),
    [*((step, 1) for step in range(1, STEPS + 1)), (2, 3), (5, 3), (11, 3)],
)
def test_killed_at_every_step(run, tmp_path, step, save_every):
    model, first, expected = run
    set_state(model, first)
    with pytest.raises(Killed):
        fit(model, tmp_path / "c", [At(step, kill)], save_every=save_every)
    if (tmp_path / "c" / "1").exists() or step > EPOCH or step >= save_every:
        scramble(model)
    else:
        set_state(model, first)  # no checkpoint yet: it begins again
    history = fit(model, tmp_path / "c", save_every=save_every)
    assert_same(model, history, expected)


def test_killed_while_evaluating_and_twice(run, tmp_path):
    model, first, expected = run
    set_state(model, first)

    class Evaluation(keras.callbacks.Callback):
        epochs = 0

        def on_test_begin(self, logs=None):
            self.epochs += 1
            if self.epochs == 3:  # the first is that which makes the variables
                raise Killed

    with pytest.raises(Killed):
        fit(model, tmp_path / "c", [Evaluation(), At(99, kill)], save_every=3)
    scramble(model)
    with pytest.raises(Killed):
        fit(model, tmp_path / "c", [At(2, kill)], save_every=3)
    scramble(model)
    assert_same(model, fit(model, tmp_path / "c", save_every=3), expected)


def test_nothing_is_done_again(run, tmp_path):
    model, first, expected = run
    set_state(model, first)
    fit(model, tmp_path / "c")
    scramble(model)
    history = fit(model, tmp_path / "c", [At(1, kill)])
    assert_same(model, history, expected)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_write_a_checkpoint(run, tmp_path, number):
    model, first, expected = run
    set_state(model, first)
    before = signal.getsignal(number)
    send = At(6, lambda: os.kill(os.getpid(), number))
    with pytest.raises(errors.PreemptedError, match="after step 7, where"):
        fit(model, tmp_path / "c", [send], save_every=100)
    assert signal.getsignal(number) is before
    scramble(model)
    assert_same(model, fit(model, tmp_path / "c", save_every=100), expected)


def damage(directory, step):
    """Turns one bit of the largest file of a checkpoint."""
    files = [p for p in (directory / str(step)).rglob("*") if p.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)


def test_damaged_checkpoints_are_passed_over(run, tmp_path):
    model, first, expected = run
    set_state(model, first)
    with pytest.raises(Killed):
        fit(model, tmp_path / "c", [At(7, kill)])
    damage(tmp_path / "c", 7)
    scramble(model)
    with pytest.warns(UserWarning, match="Going on from step 6"):
        history = fit(model, tmp_path / "c")
    assert_same(model, history, expected)
    assert (tmp_path / "c-damaged-7").exists()
    for step in (9, 10, 11):
        damage(tmp_path / "c", step)
    with pytest.raises(ValueError, match="no checkpoint is whole"):
        fit(model, tmp_path / "c")


def test_a_disk_that_fails_once(run, tmp_path, monkeypatch):
    """An error in reading is no damage yet."""
    model, _, _ = run
    fit(model, tmp_path / "c")
    read, errors = training.Checkpoints._read, [OSError(5, "Input/output error")]

    def fail_once(self, step):
        if errors:
            raise errors.pop()
        return read(self, step)

    monkeypatch.setattr(training.Checkpoints, "_read", fail_once)
    checkpoints = training.Checkpoints(tmp_path / "c")
    assert checkpoints.restore(model).step == STEPS and not errors
    checkpoints.close()


def test_damaged_progress(run, tmp_path):
    model, _, _ = run
    fit(model, tmp_path / "c")
    (path,) = (tmp_path / "c" / "11" / "progress").glob("*metadata*")
    text = path.read_text()
    assert '"step": 11' in text
    path.write_text(text.replace('"step": 11', '"step": 9'))
    checkpoints = training.Checkpoints(tmp_path / "c")
    with pytest.warns(UserWarning, match="Going on from step 10"):
        assert checkpoints.restore(model).step == 10
    checkpoints.close()


def test_callbacks_may_end_a_run(run, tmp_path):
    """Within an epoch; and the next call goes on to the same bits."""
    model, first, expected = run
    set_state(model, first)

    def stop():
        model.stop_training = True

    assert [e["step"] for e in fit(model, tmp_path / "c", [At(6, stop)])] == [4]
    scramble(model)
    assert_same(model, fit(model, tmp_path / "c"), expected)


def test_reports_see_every_epoch(run, tmp_path):
    """Also that after which the process ended before it could report."""
    model, first, expected = run
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
    model, first, _ = run
    set_state(model, first)

    def spoil():
        getattr(model, "jax_state_sync", lambda: None)()
        weight = model.trainable_variables[0]
        weight.assign(keras.ops.full_like(weight.value, np.nan))

    with pytest.raises(errors.TrainingDivergedError) as error:
        fit(model, tmp_path / "c", [At(6, spoil)], save_every=2)
    assert "The loss is nan at step 7" in str(error.value)
    assert "of step 6, is kept" in str(error.value)
    checkpoints = training.Checkpoints(tmp_path / "c")
    assert checkpoints.restore(model).step == 6
    assert all(
        np.isfinite(a).all() for a in state(model).values() if a.dtype.kind == "f"
    )
    checkpoints.close()


def test_a_weight_that_is_not_finite_is_not_saved(run, tmp_path):
    """An update may spoil the weights before any loss shows it."""
    model, first, _ = run
    set_state(model, first)
    weight = model.trainable_variables[0]
    weight.assign(keras.ops.full_like(weight.value, np.inf))
    checkpoints = training.Checkpoints(tmp_path / "c")
    with pytest.raises(FloatingPointError, match="trainable.0 .* is not finite"):
        checkpoints.save(model, training.Progress(1, []))
    assert checkpoints.latest_step is None
    checkpoints.close()


def test_a_rising_loss_stops(run, tmp_path):
    model, first, _ = run
    set_state(model, first)

    def worsen():
        getattr(model, "jax_state_sync", lambda: None)()
        for weight in model.trainable_variables:
            weight.assign(weight.value * 20)

    with pytest.raises(Killed):
        fit(model, tmp_path / "c", [At(6, kill)], max_loss_rise=0.5)
    with pytest.raises(errors.TrainingDivergedError) as error:
        fit(model, tmp_path / "c", [At(1, worsen)], max_loss_rise=0.5)
    assert re.search("rose from .* at step 8", str(error.value))
    # Those of steps 5 to 7 are of an epoch that was spoilt, and there are only three.
    assert "The last good checkpoint, of step 4, is kept" in str(error.value)
    checkpoints = training.Checkpoints(tmp_path / "c")
    assert checkpoints.restore(model).step == 4
    checkpoints.close()


def test_disk_full(run, tmp_path):
    """No file may grow beyond 2 KB: the error says what is kept."""
    model, first, expected = run
    set_state(model, first)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))

    try:
        with pytest.raises(errors.CheckpointWriteError, match="Make room"):
            fit(model, tmp_path / "c", [At(5, fill)], save_every=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    scramble(model)
    assert_same(model, fit(model, tmp_path / "c", save_every=2), expected)


def test_another_model_is_refused(run, tmp_path):
    model, first, _ = run
    set_state(model, first)
    with pytest.raises(Killed):
        fit(model, tmp_path / "c", [At(2, kill)])
    other = compiled_model(ssm_learning_rate=None)
    with pytest.raises(ValueError, match="another model or optimizer"):
        fit(other, tmp_path / "c")


SCRIPT = """
import os, signal, sys
import numpy as np
from tests.training import resume_test as t
at = int(sys.argv[2])
kill = t.At(at, lambda: os.kill(os.getpid(), signal.SIGKILL))
model = t.compiled_model()
history = t.fit(model, sys.argv[1], [kill])
np.savez(sys.argv[1] + ".npz", history=repr(history), **t.state(model))
"""


def test_killed_by_sigkill(tmp_path):
    """In processes of their own, while a checkpoint is being written."""
    root = pathlib.Path(__file__).parents[2]

    def process(directory, step):
        command = [sys.executable, "-c", SCRIPT, str(directory), str(step)]
        return subprocess.run(command, cwd=root).returncode

    assert process(tmp_path / "whole", 99) == 0
    assert process(tmp_path / "killed", 3) == -signal.SIGKILL
    assert process(tmp_path / "killed", 4) == -signal.SIGKILL
    assert process(tmp_path / "killed", 99) == 0
    with (
        np.load(tmp_path / "whole.npz") as whole,
        np.load(tmp_path / "killed.npz") as killed,
    ):
        assert set(whole) == set(killed)
        for name in whole:
            assert whole[name].tobytes() == killed[name].tobytes(), name


if keras.backend.backend() == "tensorflow":  # whose four processes take a minute
    test_killed_by_sigkill = pytest.mark.slow(test_killed_by_sigkill)
