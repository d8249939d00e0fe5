"""`fit` that can be killed at any step and goes on to the same bits."""

import contextlib
import math
import signal
import time

import keras
import numpy as np

from keras_bigs.compat.generators import get_generators
from keras_bigs.compat.generators import set_generators
from keras_bigs.errors import PreemptedError
from keras_bigs.errors import TrainingDivergedError
from keras_bigs.training.checkpoints import Progress
from keras_bigs.training.optimizer import current_learning_rate


def resumable_fit(
    model,
    dataset,
    total_steps,
    steps_per_epoch,
    checkpoints,
    save_every=None,
    validation_data=None,
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
            steps, such as `PretrainingBatches.dataset`.
        total_steps: int.
        steps_per_epoch: int.
        checkpoints: `Checkpoints`. One is written after every epoch, and on SIGTERM.
        save_every: int. Also after every so many steps.
        validation_data: as for `keras.Model.fit`; must yield the same each time.
        callbacks: callbacks whose state, if any, need not survive an epoch. One may end
            the run by `model.stop_training`, also within an epoch.
        on_epoch: a function of the history so far, called after every epoch, and with
            what there is at first.
        tokens_per_step: int. If given, the progress bar shows tokens a second.
        max_loss_rise: float. How far the loss of an epoch may be above that of the best
            epoch so far, in nats.
        verbose: as for `keras.Model.fit`.

    Returns:
        The logs of all epochs: a list of dicts of floats.

    Raises:
        PreemptedError: SIGTERM came; a checkpoint of the last step was written.
        TrainingDivergedError: the loss is NaN or infinite, or rose by more than
            `max_loss_rise`. The checkpoints are of earlier steps.
        CheckpointWriteError: a checkpoint could not be written.
        ValueError: no checkpoint is good, or it is of another model.
    """
    for name, number in {
        "total_steps": total_steps,
        "steps_per_epoch": steps_per_epoch,
        "save_every": save_every or steps_per_epoch,
    }.items():
        if number < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {number}")
    _build(model, dataset(0, 1))
    progress = checkpoints.restore(model) or Progress(0, [])
    run = _Run(
        model,
        progress,
        checkpoints,
        steps_per_epoch,
        save_every,
        max_loss_rise,
        on_epoch,
    )
    if run.history:
        checkpoints.protect(run.history[-1]["step"])
        if on_epoch is not None:
            # The last process may have ended before it could.
            on_epoch(run.history)
    with run.asked_to_end():
        while run.step < total_steps:
            epoch = run.step // steps_per_epoch
            end = min((epoch + 1) * steps_per_epoch, total_steps)
            run.end_of_epoch = end
            steps = end - run.step
            model.fit(
                dataset(run.step, steps),
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
                    _ProgressBar(
                        math.ceil(total_steps / steps_per_epoch), tokens_per_step
                    ),
                ],
            )
            if model.stop_training:
                break
    checkpoints.wait()
    return run.history


def _build(model, dataset):
    """Makes all variables of a compiled model, those of its metrics too."""
    model.optimizer.build(model.trainable_variables)
    model.evaluate(dataset, steps=1, verbose=0)
    model.reset_metrics()


def _process_count():
    if keras.backend.backend() != "jax":
        return 1
    import jax

    return jax.process_count()


def _of_all_processes(number):
    """The numbers that the processes of a run have, in each of them."""
    from jax.experimental import multihost_utils

    return np.atleast_1d(multihost_utils.process_allgather(np.int32(number)))


class _Run(keras.callbacks.Callback):
    """Counts steps, writes checkpoints, and ends a run that should end."""

    def __init__(
        self,
        model,
        progress,
        checkpoints,
        steps_per_epoch,
        save_every,
        max_loss_rise,
        on_epoch,
    ):
        super().__init__()
        self.step, self.history = progress.step, list(progress.history)
        self.end_of_epoch = None
        self._checkpoints = checkpoints
        self._save_every = save_every
        self._max_loss_rise = max_loss_rise
        self._on_epoch = on_epoch
        self._first_step = progress.step
        self._signal = None
        # `fit` resets the metrics; those of an unfinished epoch go on.
        self._metrics = None
        if progress.step % steps_per_epoch:
            self._metrics = [
                np.array(keras.ops.convert_to_numpy(variable))
                for variable in model.metrics_variables
            ]
        # `fit` and evaluation draw from generators of their own accord; training shall
        # go on with what the last step left.
        self._generators = get_generators()

    @contextlib.contextmanager
    def asked_to_end(self):
        """Takes SIGTERM and Ctrl-C as a wish to end after the step."""

        def handle(number, frame):
            self._signal = signal.Signals(number)

        numbers = (signal.SIGTERM, signal.SIGINT)
        try:
            before = {number: signal.signal(number, handle) for number in numbers}
        except ValueError:  # not in the main thread
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_epoch_begin(self, epoch, logs=None):
        if self._metrics is not None:
            variables = self.model.metrics_variables
            for variable, value in zip(variables, self._metrics, strict=True):
                variable.assign(value)
            self._metrics = None
        self._first_step = self.step

    def on_train_batch_begin(self, batch, logs=None):
        if self.step == self._first_step:
            set_generators(self._generators)

    def on_train_batch_end(self, batch, logs=None):
        before, self.step = self.step, self._first_step + batch + 1
        if not math.isfinite(logs["loss"]):
            self._diverged(f"The loss is {logs['loss']}")
        if self.step == self.end_of_epoch:
            self._generators = get_generators()
            return  # saved after the evaluation
        every = self._save_every
        if every and self.step // every > before // every:
            self._save()
        if self._asked_to_end():
            self._end()

    def on_epoch_end(self, epoch, logs=None):
        if self.step < self.end_of_epoch:  # a callback has ended the run
            self._save()
            return
        best = min((past["loss"] for past in self.history), default=math.inf)
        if not logs["loss"] <= best + self._max_loss_rise:
            self._checkpoints.wait()
            # Those within this epoch are of a model that was spoilt already.
            self._checkpoints.delete_after(self.history[-1]["step"])
            self._diverged(f"The loss rose from {best:.4f} to {logs['loss']:.4f}")
        rate = current_learning_rate(self.model.optimizer)
        logs = {name: float(value) for name, value in logs.items()}
        self.history.append({"step": self.step, "learning_rate": rate, **logs})
        set_generators(self._generators)
        self._checkpoints.protect(self.step)
        self._save()
        if self._on_epoch is not None:
            self._on_epoch(self.history)
        if self._asked_to_end():
            self._end()

    def _save(self):
        if self.step == self._checkpoints.latest_step:
            return
        try:
            self._checkpoints.save(self.model, Progress(self.step, self.history))
        except FloatingPointError as error:
            self._diverged(str(error))

    def _asked_to_end(self):
        """Whether this process was asked to end, or another that trains with it.

        All learn of it after the same step: they write a checkpoint together.
        """
        if _process_count() > 1:
            number = int(max(_of_all_processes(self._signal or 0)))
            self._signal = signal.Signals(number) if number else None
        return self._signal is not None

    def _end(self):
        self._save()
        self._checkpoints.wait()
        raise PreemptedError(
            f"Ended by {self._signal.name} after step {self.step}, where a checkpoint "
            "was written. Run the same command again to go on.",
            self._signal,
        )

    def _diverged(self, what):
        self._checkpoints.wait()
        last = self._checkpoints.latest_step
        rate = current_learning_rate(self.model.optimizer)
        kept = "There is no checkpoint yet"
        if last is not None:
            kept = f"The last good checkpoint, of step {last}, is kept"
        raise TrainingDivergedError(
            f"{what} at step {self.step} (learning rate {rate:.3g}). {kept}. "
            "Start again in another directory with a lower learning rate, a longer "
            "warm-up or gradient clipping."
        )


class _ProgressBar(keras.callbacks.ProgbarLogger):
    """Keras' progress bar of an epoch that may have begun before, with its speed."""

    def __init__(self, epochs, tokens_per_step):
        super().__init__()
        self._total_epochs = epochs
        self._tokens_per_step = tokens_per_step

    def set_params(self, params):
        super().set_params({**params, "epochs": self._total_epochs})

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self._start = None

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if self._start is None:
            self._start = (batch, now)  # after the first step, which compiles
        elif self._tokens_per_step:
            steps, seconds = batch - self._start[0], now - self._start[1]
            speed = self._tokens_per_step * steps / max(seconds, 1e-9)
            # Not into the logs of others: it is not the same in every run.
            logs = {**logs, "tokens/s": speed}
        super().on_train_batch_end(batch, logs)
