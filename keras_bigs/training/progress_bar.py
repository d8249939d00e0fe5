"""The progress bar of a run that may have begun before."""

import time

import keras


class ProgressBar(keras.callbacks.ProgbarLogger):
    """Keras' progress bar, numbered after all epochs of a run, with the speed.

    Args:
        epochs: int. How many epochs the run has.
        tokens_per_step: number. `None` for no speed.
    """

    def __init__(self, epochs, tokens_per_step=None):
        super().__init__()
        self._epochs = epochs
        self._tokens_per_step = tokens_per_step

    def set_params(self, params):
        super().set_params({**params, "epochs": self._epochs})

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
