"""Fine-tuning: the best epoch, early ends, and runs that are killed and go on."""

import functools
import pathlib
import shutil
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import accuracy_score

from keras_bigs import errors
from keras_bigs import training
from keras_bigs.data import BucketedBatches
from keras_bigs.training import evaluation
from keras_bigs.training import fine_tuning

STEPS = 3  # in an epoch
# What each epoch is worth: the second one is best, and two worse ones end the run.
SCORES = [0.1, 0.9, 0.5, 0.4, 0.99]


def make_task(seed=0):
    """As much of a classifier as fine-tuning needs, with dropout."""
    keras.utils.set_random_seed(seed)
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.Input((None,), dtype="bool", name="padding_mask")
    x = keras.layers.Embedding(9, 8)(token_ids)
    x = keras.layers.GlobalAveragePooling1D()(x, mask=mask)
    x = keras.layers.Dropout(0.1)(x)
    inputs = {"token_ids": token_ids, "padding_mask": mask}
    task = keras.Model(inputs, keras.layers.Dense(2, name="logits")(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    task.compile(loss=loss)
    return task


class NumberPreprocessor:
    """Words are ids, from 1 to 8."""

    sequence_length = 4
    tokenizer = types.SimpleNamespace(pad_token_id=0)

    def __call__(self, x, y):
        ids = tf.strings.to_number(tf.strings.split(x), tf.int32)
        token_ids = ids.to_tensor(shape=(None, 4))
        return {"token_ids": token_ids, "padding_mask": token_ids != 0}, y


@functools.cache
def make_batches():
    """Whether a text has the first word: for training and for validation."""
    rng = np.random.default_rng(0)
    batches = []
    for shuffle in (True, False):
        ids = rng.integers(1, 9, (8 * STEPS, 4))
        batches.append(
            BucketedBatches(
                NumberPreprocessor(),
                [" ".join(map(str, row)) for row in ids],
                (ids == 1).any(1).astype("int32"),
                batch_size=8,
                shuffle=shuffle,
            )
        )
    return batches


def score(model, batches):
    return {"score": SCORES[int(model.optimizer.iterations) // STEPS - 1]}


def run(task, directory, **options):
    options = {
        "learning_rate": 1e-2,
        "epochs": len(SCORES),
        "metric": "score",
        "patience": 2,
        "evaluate": score,
        "save_every": 1,
        "verbose": 0,
        **options,
    }
    return training.fine_tune(task, *make_batches(), directory, **options)


def weights(task):
    return [np.array(keras.ops.convert_to_numpy(w)) for w in task.weights]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The weights after each epoch, those at the end, the result and its directory."""
    task, after_epochs, directory = make_task(), [], tmp_path_factory.mktemp("run")

    def evaluate(model, batches):
        after_epochs.append(weights(task))
        return score(model, batches)

    tuned = run(task, directory, evaluate=evaluate)
    return after_epochs, weights(task), tuned, directory


def assert_same(arrays, expected):
    assert all(map(np.array_equal, arrays, expected))


def test_ends_early_with_the_weights_of_the_best_epoch(uninterrupted):
    after_epochs, at_end, tuned, _ = uninterrupted
    assert [epoch["val_score"] for epoch in tuned.history] == SCORES[:4]
    assert [epoch["step"] for epoch in tuned.history] == [3, 6, 9, 12]
    assert tuned.best == tuned.history[1]
    assert_same(at_end, after_epochs[1])
    different = map(np.array_equal, at_end, after_epochs[3])
    assert not all(different)


class Killed(BaseException):
    pass


def save_then_die_at(step):
    save = training.Checkpoints.save

    def save_and_die(self, model, progress):
        save(self, model, progress)
        self.wait()
        if progress.step == step:
            raise Killed

    return save_and_die


@pytest.mark.parametrize("step", [6, 10, 12])
def test_killed_after_a_checkpoint(uninterrupted, tmp_path, monkeypatch, step):
    """Of step 6 the best weights, and of step 12 the end, are still to be found."""
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training.Checkpoints, "save", save_then_die_at(step))
        run(make_task(), tmp_path)
    # What the next process starts with is of no account.
    task = make_task(seed=1)
    tuned = run(task, tmp_path)
    assert tuned.history == uninterrupted[2].history
    assert_same(weights(task), uninterrupted[1])


def test_killed_while_a_checkpoint_is_written(uninterrupted, tmp_path, monkeypatch):
    """As soon as the weights of the first epoch are no longer the best, and gone.

    What nobody has waited for is lost with the process, which goes on from step 5.
    """
    save, wait = training.Checkpoints.save, training.Checkpoints.wait
    unlink, unfinished = pathlib.Path.unlink, []

    def begin(self, model, progress):
        save(self, model, progress)
        if progress.step == 6:
            unfinished.append(self.directory / "6")

    def finish(self):
        wait(self)
        unfinished.clear()

    def die_after_unlink(path, **kwargs):
        unlink(path, **kwargs)
        if path.name == "best-3.weights.h5":
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(training.Checkpoints, "save", begin)
        patch.setattr(training.Checkpoints, "wait", finish)
        patch.setattr(pathlib.Path, "unlink", die_after_unlink)
        run(make_task(), tmp_path)
    for checkpoint in unfinished:
        shutil.rmtree(checkpoint)
    task = make_task(seed=1)
    assert run(task, tmp_path).history == uninterrupted[2].history
    assert_same(weights(task), uninterrupted[1])


def test_started_again_after_the_end(uninterrupted):
    _, at_end, expected, directory = uninterrupted
    task = make_task(seed=1)

    def never(model, batches):
        raise AssertionError("There is nothing to evaluate.")

    tuned = run(task, directory, evaluate=never)
    assert tuned.history == expected.history
    assert_same(weights(task), at_end)
    # Other weights are no replacement for the best ones.
    (directory / "best-6.weights.h5").unlink()
    with pytest.raises(errors.CheckpointError, match="of step 6, are gone"):
        run(make_task(), directory)


def test_learns(tmp_path):
    """By default accuracy says what is best, and the loss is the task's."""
    task = make_task()
    train, validation = make_batches()
    tuned = training.fine_tune(
        task, train, validation, tmp_path, learning_rate=0.05, epochs=8, verbose=0
    )
    assert len(tuned.history) == 8
    assert tuned.best["val_accuracy"] == max(e["val_accuracy"] for e in tuned.history)
    outputs = training.predict(tuned.model, validation)
    accuracy = accuracy_score(validation.labels, outputs.argmax(-1))
    assert tuned.best["val_accuracy"] == accuracy
    # More than always the same class.
    assert accuracy > max(np.bincount(validation.labels)) / len(validation.labels)
    assert tuned.history[-1]["learning_rate"] < 1e-8


def test_diverged_weights_end_the_run(tmp_path):
    task = make_task()
    task.get_layer("logits").bias.assign([np.nan, 0.0])
    with pytest.raises(errors.TrainingDivergedError, match="The loss is nan at step 1"):
        run(task, tmp_path)


def test_outputs_that_are_not_finite_have_no_metrics():
    """Or all would be of class 0."""
    outputs = np.array([[0.0, 1.0], [np.nan, np.nan]])
    model = types.SimpleNamespace(predict=lambda dataset, verbose: outputs)
    batches = BucketedBatches(NumberPreprocessor(), ["1 2", "3"], [0, 0])
    with pytest.raises(errors.TrainingDivergedError, match="for 1 of 2 texts"):
        evaluation.evaluate(model, batches)


def test_examples_that_are_left_out_are_not_evaluated():
    labels = np.array([0, 1, 0, 1, 1])
    batches = BucketedBatches(
        NumberPreprocessor(), [*"12345"], labels, batch_size=2, drop_remainder=True
    )
    outputs = np.eye(2)[labels[batches.order()]]
    model = types.SimpleNamespace(predict=lambda dataset, verbose: outputs)
    assert evaluation.evaluate(model, batches)["accuracy"] == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("learning_rate", 1e30),
        ("learning_rate", float("nan")),
        ("learning_rate", 0),
        ("epochs", 0),
        ("warmup_proportion", 1.0),
        ("weight_decay", -0.1),
        ("patience", 0),
    ],
)
def test_options_out_of_range(tmp_path, option, value):
    with pytest.raises(errors.ConfigError, match=f"`{option}` must be "):
        training.fine_tune(None, None, None, tmp_path / "run", **{option: value})
    assert not (tmp_path / "run").exists()


def test_metrics_that_there_are_not(tmp_path):
    task = make_task()
    with pytest.raises(errors.ConfigError, match=r"one of \('accuracy', 'f1'.*'rmse'"):
        run(task, tmp_path, metric="rmse", evaluate=None)
    with pytest.raises(errors.ConfigError, match=r"one of \('score',\). .*'f1'"):
        run(task, tmp_path, metric="f1")
    with pytest.raises(errors.ConfigError, match="`metric` must name one.*None"):
        run(None, tmp_path, metric=None)  # before any work


def test_batches_without_labels(tmp_path):
    batches = types.SimpleNamespace(labels=None)
    with pytest.raises(ValueError, match="`train` must have labels"):
        training.fine_tune(None, batches, batches, tmp_path)


def test_tasks_that_cannot_be_trained_so(tmp_path):
    """Found out before the first step."""
    options = {"metric": None, "evaluate": None}
    task = make_task()
    words = keras.Model(task.input, task.layers[-3].output[:, None])
    with pytest.raises(errors.ConfigError, match="Give an `evaluate` of your own"):
        run(words, tmp_path, **options)
    uncompiled = keras.Model(task.input, task.output)
    with pytest.raises(errors.ConfigError, match="call its `compile` first"):
        run(uncompiled, tmp_path, **options)

    def own_loss(y, outputs):
        return keras.losses.sparse_categorical_crossentropy(y, outputs, True)

    task.compile(loss=own_loss)
    with pytest.raises(errors.ConfigError, match="register_keras_serializable"):
        run(task, tmp_path, **options)
    assert not any(tmp_path.iterdir())


def test_the_first_of_the_best_epochs():
    history = [{"val_f1": 0.5, "val_rmse": 3.0}, {"val_f1": 0.7, "val_rmse": 2.0}] * 2
    assert fine_tuning.best_epoch(history, "f1") == 1
    assert fine_tuning.best_epoch(history[:1] * 2, "f1") == 0
    assert fine_tuning.best_epoch(history[::-1], "rmse") == 0
    for metric in ("f1", "rmse"):
        nan = [{f"val_{metric}": float("nan")}, *history]
        assert fine_tuning.best_epoch(nan, metric) == 2


def test_paths_that_orbax_cannot_read_again(tmp_path):
    with pytest.raises(errors.ConfigError, match=r"r\[1\].*with '\[', '\*' or '\?'"):
        training.Checkpoints(tmp_path / "r[1]")
