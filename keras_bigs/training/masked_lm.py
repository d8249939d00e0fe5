"""The pretraining of a masked language model, from batches to a preset."""

import contextlib
import functools
import importlib.metadata
import json
import tempfile
import time

import keras

from keras_bigs import files
from keras_bigs.training.checkpoints import Checkpoints
from keras_bigs.training.optimizer import accumulation_steps_of
from keras_bigs.training.processes import data_part
from keras_bigs.training.processes import notice_lost_processes
from keras_bigs.training.processes import process_index
from keras_bigs.training.processes import require_same
from keras_bigs.training.report import report
from keras_bigs.training.resumable_fit import resumable_fit


def pretrain_masked_lm(
    masked_lm,
    train,
    validation=None,
    *,
    optimizer,
    directory,
    steps,
    steps_per_epoch=500,
    validation_examples=1024,
    save_every=100,
    keep=3,
    max_loss_rise=1.0,
    settings=None,
    free_settings=(),
):
    """Trains a masked language model, and writes its checkpoints, reports and preset.

    Killed and called again with the same arguments, in a new process, it goes on from
    the last checkpoint and ends with the same bits; see `resumable_fit`. Two processes
    cannot write into one directory.

    Steps and intervals count updates: with an optimizer that accumulates gradients,
    several batches each.

    Args:
        masked_lm: `BiGSMaskedLM`. Compiled here with the loss of its own, and at the
            end as new ones are. Its preprocessor, if it has one, takes no part in
            training and is saved with it.
        train: `PretrainingBatches`.
        validation: `PretrainingBatches` to evaluate on, or `None`.
        optimizer: a Keras optimizer, such as `adamw(1e-3, total_steps=steps)`.
        directory: where to write, on a disk or in a bucket (`gs://bucket/folder`):
            `checkpoints/`; `history.csv`, `loss.png` and
            `tensorboard/` after every epoch; `results.json` and `preset/` at the end.
        steps: int. How many updates.
        steps_per_epoch: int. The interval of evaluation and reports.
        validation_examples: int. About how many examples to evaluate on: full batches,
            or all if they are less than one. 0 for none.
        save_every: int. The interval of checkpoints.
        keep: int. How many checkpoints to keep, beside that of the last epoch.
        max_loss_rise: float. How far the loss of an epoch may rise above the best one,
            in nats.
        settings: dict of what else the result depends on, for `config.json`. Once there
            is a checkpoint, other ones are refused.
        free_settings: names of settings that may change nevertheless.

    Returns:
        A list of dicts of numbers, one an epoch: `step`, `tokens` (padding not
        counted), `learning_rate`, `loss`, `accuracy`, `val_loss`, `val_accuracy`.

    Raises:
        ConfigError: another process holds the directory, or it has checkpoints of other
            settings.
        LostProcessError: another of the processes that train together has ended.
        PreemptedError, TrainingDivergedError, CheckpointWriteError, ValueError: see
            `resumable_fit`.

    Example:
    ```python
    folder = keras_bigs.data.open_shard_folder("shards")
    train = folder.batches("train", batch_size=8, masking=folder.masking)
    sizes = keras_bigs.models.CONFIGS["mini"]
    backbone = keras_bigs.models.BiGSBackbone(
        **{**sizes, "vocabulary_size": len(folder.vocabulary)},
        max_sequence_length=train.sequence_length,
    )
    keras_bigs.training.pretrain_masked_lm(
        keras_bigs.models.BiGSMaskedLM(backbone),
        train,
        optimizer=keras_bigs.training.adamw(1e-3, total_steps=5),
        directory="runs/mini",
        steps=5,
    )
    ```
    """
    directory = files.as_path(directory)
    accumulation_steps = accumulation_steps_of(optimizer)
    settings = {
        **(settings or {}),
        "steps": steps,
        "batch_size": train.batch_size * accumulation_steps,
        "accumulation_steps": accumulation_steps,
        "backend": keras.backend.backend(),
    }
    require_same({k: v for k, v in settings.items() if k not in free_settings})
    tokens_per_update = accumulation_steps * train.tokens_per_batch

    def in_updates(history):
        return [_in_updates(e, accumulation_steps, tokens_per_update) for e in history]

    def write_report(history):
        report(in_updates(history), directory)

    with notice_lost_processes(), contextlib.ExitStack() as scope:
        if process_index() == 0:
            scope.enter_context(files.lock(directory))
            _claim(directory, settings, free_settings)
            print(
                f"{train.num_examples:,} sequences of up to {train.sequence_length} "
                f"tokens, {validation.num_examples if validation else 0:,} held out\n"
                f"{masked_lm.count_params():,} parameters, {steps:,} steps of "
                f"{tokens_per_update:,.0f} tokens (padding not counted)"
            )
        checkpoints = Checkpoints(directory / "checkpoints", keep)
        scope.callback(checkpoints.close)
        start = time.perf_counter()
        with takes_tokens(masked_lm):
            masked_lm.compile(
                optimizer=optimizer,
                weighted_metrics=[
                    keras.metrics.SparseCategoricalAccuracy(name="accuracy")
                ],
            )
            history = resumable_fit(
                masked_lm,
                functools.partial(train.dataset, **_part_of_this_process()),
                steps * accumulation_steps,
                steps_per_epoch * accumulation_steps,
                checkpoints,
                save_every * accumulation_steps,
                _evaluation(validation, validation_examples),
                on_epoch=write_report if process_index() == 0 else None,
                tokens_per_step=train.tokens_per_batch,
                max_loss_rise=max_loss_rise,
            )
        seconds = time.perf_counter() - start
        history = in_updates(history)
        # As new ones are: a preset shall not carry the state of this optimizer.
        masked_lm.compile()
        _save(masked_lm, directory / "preset")
        if process_index() == 0:
            _write_results(masked_lm, history[-1], seconds, directory)
    return history


def _claim(directory, settings, free_settings):
    """Finds out whether a directory is free, or has the same work begun before."""
    checkpoints = directory / "checkpoints"
    files.claim(
        directory, settings, lambda: any(checkpoints.glob("[0-9]*")), free_settings
    )


def _in_updates(epoch, accumulation_steps, tokens_per_update):
    """The logs of an epoch, its steps counted in updates, and the tokens so far."""
    step = epoch["step"] // accumulation_steps
    tokens = round(step * tokens_per_update)
    rest = {name: value for name, value in epoch.items() if name != "step"}
    return {"step": step, "tokens": tokens, **rest}


@contextlib.contextmanager
def takes_tokens(masked_lm):
    """A scope in which a task is trained on batches of tokens instead of texts."""
    preprocessor, pooled_dense = masked_lm.preprocessor, masked_lm.backbone.pooled_dense
    was_trainable = pooled_dense.trainable
    masked_lm.preprocessor = None
    # Masked language modelling has no use for it, and decay would make it small.
    pooled_dense.trainable = False
    try:
        yield
    finally:
        masked_lm.preprocessor = preprocessor
        pooled_dense.trainable = was_trainable


def _part_of_this_process():
    index, count = data_part()
    return {"process_index": index, "process_count": count}


def _evaluation(validation, examples):
    """The first batches for validation, of about as many examples, or `None`."""
    if validation is None or not examples:
        return None
    # Full ones, since Keras weighs all batches alike; or what one has.
    steps = min(examples, validation.num_examples) // validation.batch_size
    part = _part_of_this_process()
    return validation.dataset(0, max(1, steps), **part, first_epoch_only=True)


def _save(masked_lm, preset):
    """Saves a preset, unless there is one."""
    if files.is_whole(preset):
        return
    # Keras gathers the weights from all processes, so all save; one keeps them.
    is_first = process_index() == 0
    keep = files.atomic_write(preset) if is_first else tempfile.TemporaryDirectory()
    with keep as temporary:
        masked_lm.save_to_preset(str(temporary))


def _write_results(masked_lm, last_epoch, seconds, directory):
    results = {
        **last_epoch,
        "parameters": masked_lm.count_params(),
        "seconds_of_last_process": round(seconds, 1),
        "backend": keras.backend.backend(),
        "versions": {
            name: importlib.metadata.version(name) for name in ("keras", "keras-hub")
        },
    }
    files.write_text(directory / "results.json", json.dumps(results, indent=2))
    for name, value in last_epoch.items():
        print(
            f"{name:>14}  {value:,}" if name == "tokens" else f"{name:>14}  {value:.6g}"
        )
    print(f"Wrote {directory / 'preset'}")
