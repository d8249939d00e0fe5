"""`fit` that can be killed at any step and goes on to the same bits."""

import dataclasses
import math
import signal
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_bigs.compat.generators import get_generators
from keras_bigs.compat.generators import set_generators
from keras_bigs.compat.symbolic_build import symbolic_build
from keras_bigs.errors import PreemptedError
from keras_bigs.errors import TrainingDivergedError
from keras_bigs.training.checkpoints import Checkpoints
from keras_bigs.training.checkpoints import Progress
from keras_bigs.training.end_request import EndRequest
from keras_bigs.training.optimizer import current_learning_rate
from keras_bigs.training.processes import of_all_processes
from keras_bigs.training.progress_bar import ProgressBar


def resumable_fit(
    model,
    dataset,
    total_steps,
    steps_per_epoch,
    checkpoints,
    save_every=None,
    validation_data=None,
    evaluate=None,
    callbacks=(),
    on_epoch=None,
    tokens_per_step=None,
    max_loss_rise=1.0,
    verbose="auto",
):
    """Trains to `total_steps`, from the last checkpoint if there is one.

    Killed at any moment and called again in a new process, it ends with the same
    weights, optimizer state, seed generators, metrics and history, bit by bit, as if it
    had never been killed (on the same device and versions). For that the data of a step
    must depend on the number of the step only.

    An *epoch* here is the interval at which the model is evaluated and logged; it need
    not be one of the data. A step is one batch: with gradient accumulation, several
    make an update.

    Args:
        model: a compiled and built `keras.Model`.
        dataset: a function of `(first_step, steps)` that returns the batches of these
            steps as a `tf.data.Dataset`, such as `PretrainingBatches.dataset`.
        total_steps: int.
        steps_per_epoch: int.
        checkpoints: `Checkpoints`. One is written after every epoch, and on SIGTERM and
            Ctrl-C, of which a second one ends the process at once.
        save_every: int. Also after every so many steps.
        validation_data: as for `keras.Model.fit`; must yield the same each time.
        evaluate: a function without arguments that returns a dict of floats, called
            after every epoch. They join its logs with `val_` in front of their names.
            For metrics of a whole data set, which Keras would average over batches.
        callbacks: callbacks whose state, if any, need not survive an epoch. One may end
            the run by `model.stop_training`, also within an epoch.
        on_epoch: a function of the history so far, called after every epoch, and with
            what there is at first. If it returns true, the run ends there.
        tokens_per_step: int. If given, the progress bar shows tokens a second.
        max_loss_rise: float. How far the loss of an epoch may be above that of the best
            epoch so far, in nats.
        verbose: as for `keras.Model.fit`.

    Returns:
        The logs of all epochs: a list of dicts of floats.

    Raises:
        PreemptedError: SIGTERM or Ctrl-C came; there is a checkpoint of the last step.
        TrainingDivergedError: the loss is NaN or infinite, or rose by more than
            `max_loss_rise`. The checkpoints are of earlier steps.
        CheckpointWriteError: a checkpoint could not be written.
        ValueError: no checkpoint is good, or it is of another model; or the data ends
            before the run.

    Example:
    ```python
    import tensorflow as tf

    x = np.random.default_rng(0).normal(size=(80, 3)).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((x, x.sum(1))).batch(8)

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras_bigs.training.adamw(1e-2, total_steps=10), "mse")
    checkpoints = keras_bigs.training.Checkpoints("checkpoints")
    history = keras_bigs.training.resumable_fit(
        model,
        lambda first_step, steps: data.skip(first_step).take(steps),
        total_steps=10,
        steps_per_epoch=5,
        checkpoints=checkpoints,
    )
    checkpoints.close()
    [epoch["step"] for epoch in history]  # [5, 10]
    ```
    """
    for name, number in {
        "total_steps": total_steps,
        "steps_per_epoch": steps_per_epoch,
        "save_every": save_every or steps_per_epoch,
    }.items():
        if number < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {number}")
    if not max_loss_rise >= 0:
        raise ValueError(
            "`max_loss_rise` must not be negative, nor NaN. Received: "
            f"max_loss_rise={max_loss_rise}"
        )
    end_request = EndRequest()
    with end_request.listen():
        symbolic_build(model, _first_batch(dataset, 0))
        run = _Run(
            progress=checkpoints.restore(model) or Progress(0, []),
            checkpoints=checkpoints,
            save_every=save_every,
            max_loss_rise=max_loss_rise,
            evaluate=evaluate,
            on_epoch=on_epoch,
            end_request=end_request,
        )
        run.go_on(model, steps_per_epoch)
        if 0 < run.step < total_steps and not run.is_over:
            _first_batch(dataset, run.step)
        while run.step < total_steps and not run.is_over:
            epoch = run.step // steps_per_epoch
            run.end_of_epoch = min((epoch + 1) * steps_per_epoch, total_steps)
            first_step, steps = run.step, run.end_of_epoch - run.step
            model.fit(
                dataset(first_step, steps),
                # One epoch at a time, and a part of one after an interruption.
                initial_epoch=epoch,
                epochs=epoch + 1,
                steps_per_epoch=steps,
                validation_data=validation_data,
                shuffle=False,
                verbose=verbose,
                callbacks=[
                    run,
                    *callbacks,
                    ProgressBar(
                        math.ceil(total_steps / steps_per_epoch), tokens_per_step
                    ),
                ],
            )
            if model.stop_training:
                break
            if run.step < run.end_of_epoch:
                raise _ended_early(first_step, steps, run.step)
    checkpoints.wait()
    return run.history


def _first_batch(dataset, step):
    batch = next(dataset(step, 1).as_numpy_iterator(), None)
    if batch is None:
        raise _ended_early(step, 1, step)
    return batch


def _ended_early(first_step, steps, step):
    return ValueError(
        f"`dataset({first_step}, {steps})` ended at step {step}, before it had given "
        "as many batches as were asked for. Repeat the data, or ask for fewer "
        "`total_steps`."
    )


@dataclasses.dataclass(kw_only=True, eq=False)
class _Run(keras.callbacks.Callback):
    """Counts steps, writes checkpoints, and ends a run that should end."""

    progress: dataclasses.InitVar[Progress]
    checkpoints: Checkpoints
    save_every: int | None
    max_loss_rise: float
    evaluate: Callable | None
    on_epoch: Callable | None
    end_request: EndRequest
    end_of_epoch: int = 0
    is_over: bool = False
    # What `fit` resets or draws from of its own accord, for training to go on with.
    metrics: list | None = None
    generators: dict[str, Any] | None = None

    def __post_init__(self, progress):
        super().__init__()
        self.step, self.history = progress.step, list(progress.history)
        self.first_step = self.step

    def go_on(self, model, steps_per_epoch):
        """Takes up what a checkpoint has set in the model."""
        self.generators = get_generators()
        if self.step % steps_per_epoch:  # in the middle of an epoch
            self.metrics = [
                np.array(keras.ops.convert_to_numpy(variable))
                for variable in model.metrics_variables
            ]
        if self.history:
            self.checkpoints.protect(self.history[-1]["step"])
            # The last process may have ended before it could.
            self.tell_history()
        self.end_if_asked()

    def on_epoch_begin(self, epoch, logs=None):
        if self.metrics is not None:
            variables = self.model.metrics_variables
            for variable, value in zip(variables, self.metrics, strict=True):
                variable.assign(value)
            self.metrics = None
        self.first_step = self.step

    def on_train_batch_begin(self, batch, logs=None):
        if self.step == self.first_step:
            set_generators(self.generators)

    def on_train_batch_end(self, batch, logs=None):
        before, self.step = self.step, self.first_step + batch + 1
        if not math.isfinite(logs["loss"]):
            self.diverged(f"The loss is {logs['loss']}")
        if self.step == self.end_of_epoch:
            self.generators = get_generators()
            return  # saved after the evaluation
        interval = self.save_every
        if interval and self.step // interval > before // interval:
            self.save()
        self.end_if_asked()

    def on_epoch_end(self, epoch, logs=None):
        if self.step < self.end_of_epoch:  # a callback has ended the run
            self.save()
            return
        best = min((past["loss"] for past in self.history), default=math.inf)
        if not logs["loss"] <= best + self.max_loss_rise:
            self.checkpoints.wait()
            # Those within this epoch are of a model that was spoilt already.
            self.checkpoints.delete_after(self.history[-1]["step"])
            self.diverged(f"The loss rose from {best:.4f} to {logs['loss']:.4f}")
        rate = current_learning_rate(self.model.optimizer)
        if self.evaluate is not None:
            metrics = self.evaluate()
            logs.update({f"val_{name}": value for name, value in metrics.items()})
        logs = {name: float(value) for name, value in logs.items()}
        self.history.append({"step": self.step, "learning_rate": rate, **logs})
        set_generators(self.generators)
        self.checkpoints.protect(self.step)
        self.save()
        self.tell_history()
        self.end_if_asked()

    def tell_history(self):
        if self.on_epoch is not None:
            self.is_over = bool(self.on_epoch(self.history))

    def save(self):
        if self.step == self.checkpoints.latest_step:
            return
        try:
            self.checkpoints.save(self.model, Progress(self.step, self.history))
        except FloatingPointError as error:
            self.diverged(str(error))

    def end_if_asked(self):
        """Ends the run if this process was asked to, or another that trains with it.

        All learn of it after the same step: they write a checkpoint together.
        """
        number = int(max(of_all_processes(self.end_request.signal or 0)))
        if not number:
            return
        name, when = signal.Signals(number).name, "before the first step"
        if self.step:
            self.save()
            self.checkpoints.wait()
            when = f"after step {self.step}, where a checkpoint was written"
        raise PreemptedError(
            f"Ended by {name} {when}. Run the same command again to go on.",
            signal.Signals(number),
        )

    def diverged(self, what):
        self.checkpoints.wait()
        last = self.checkpoints.latest_step
        rate = current_learning_rate(self.model.optimizer)
        kept = "There is no checkpoint yet"
        if last is not None:
            kept = f"The last good checkpoint, of step {last}, is kept"
        raise TrainingDivergedError(
            f"{what} at step {self.step} (learning rate {rate:.3g}). {kept}. "
            "Start again in another directory with a lower learning rate, a longer "
            "warm-up or gradient clipping."
        )
