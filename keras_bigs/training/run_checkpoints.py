"""The models that a pretraining run has been on its way."""

import json
import pathlib
from typing import NamedTuple

import numpy as np

from keras_bigs import files
from keras_bigs.errors import CheckpointError
from keras_bigs.errors import ConfigError
from keras_bigs.models import BiGSMaskedLM
from keras_bigs.training.checkpoints import Checkpoints
from keras_bigs.training.masked_lm import takes_tokens
from keras_bigs.training.report import read_history


class RunCheckpoint(NamedTuple):
    """A checkpoint at the end of an epoch, as a preset.

    Attributes:
        step: the updates done.
        tokens: the tokens trained on, padding not counted.
        loss: the masked LM loss on held-out text, in nats.
        preset: `pathlib.Path` of a preset of `BiGSMaskedLM`.
    """

    step: int
    tokens: int
    loss: float
    preset: pathlib.Path


def checkpoints_as_presets(run, directory, number=None):
    """Writes presets of the checkpoints that a finished pretraining run has kept.

    A run keeps its last three, or as many as `--keep` says. Those at the end of an
    epoch count, whose loss on held-out text is known: all of them with `--save_every`
    equal to `--steps_per_epoch`. Presets that are there already are not written again.

    Args:
        run: the directory of the run, as `pretrain_masked_lm` left it.
        directory: gets a preset `step-<step>` for each checkpoint, of one run only.
        number: int. The most checkpoints, evenly chosen, with the last one; `None` for
            all.

    Returns:
        A list of `RunCheckpoint`, by step.

    Raises:
        ConfigError: the run is not finished, is in use, or has no such checkpoint;
            `directory` has presets of another one; or `number` is below 1.
        CheckpointError: a checkpoint is damaged.

    Example:
    ```python
    folder = keras_bigs.data.open_shard_folder("shards")
    sizes = keras_bigs.models.CONFIGS["mini"]
    backbone = keras_bigs.models.BiGSBackbone(
        **{**sizes, "vocabulary_size": len(folder.vocabulary)}
    )
    keras_bigs.training.pretrain_masked_lm(
        keras_bigs.models.BiGSMaskedLM(backbone),
        folder.batches("train", 8, folder.masking),
        folder.batches("validation", 8, folder.masking),
        optimizer=keras_bigs.training.adamw(1e-3, total_steps=4),
        directory="runs/mini",
        steps=4,
        steps_per_epoch=2,
        save_every=2,
    )
    for point in keras_bigs.training.checkpoints_as_presets("runs/mini", "presets"):
        print(point.step, point.loss, point.preset)
    ```
    """
    run, directory = pathlib.Path(run), pathlib.Path(directory)
    if not ((run / "results.json").is_file() and (run / "config.json").is_file()):
        raise ConfigError(
            f"{run} is not the directory of a finished pretraining run: it has no "
            "results.json or config.json. Name one of `recipes.pretrain`, or let it "
            "finish."
        )
    if number is not None and number < 1:
        raise ConfigError(f"`number` must be at least 1. Received: number={number}")
    epochs = {int(e["step"]): e for e in read_history(run) if "val_loss" in e}
    options = json.loads((run / "config.json").read_text(encoding="utf-8"))
    # Checkpoints count batches, of which an update may have several.
    per_update = options.get("accumulation_steps", 1)
    with files.lock(directory), files.lock(run):
        files.claim(
            directory,
            {"history_sha256": files.sha256(run / "history.csv")},
            lambda: any(directory.glob("step-*")),
        )
        checkpoints = Checkpoints(run / "checkpoints")
        try:
            steps = [
                step // per_update
                for step in checkpoints.steps
                if step % per_update == 0 and step // per_update in epochs
            ]
            if not steps:
                raise ConfigError(
                    f"{run} has no checkpoint at the end of an epoch with a loss on "
                    "held-out text. Train with --validation_examples above 0, and "
                    "with --save_every equal to --steps_per_epoch and a large --keep."
                )
            return [
                RunCheckpoint(
                    step,
                    int(epochs[step]["tokens"]),
                    epochs[step]["val_loss"],
                    _write_preset(run, checkpoints, step * per_update, directory, step),
                )
                for step in evenly_chosen(steps, number)
            ]
        finally:
            checkpoints.close()


def evenly_chosen(values, number=None):
    """So many of a list, evenly spread, the first and the last among them.

    Args:
        values: list.
        number: int, at least 1; 1 is the last alone. `None` for all.
    """
    if number is None or number >= len(values):
        return list(values)
    if number == 1:
        return values[-1:]
    places = np.linspace(0, len(values) - 1, number).round().astype(int)
    return [values[place] for place in places]


def _write_preset(run, checkpoints, checkpoint, directory, step):
    preset = directory / f"step-{step}"
    if preset.exists():
        return preset
    arrays = checkpoints.read(checkpoint)
    masked_lm = BiGSMaskedLM.from_preset(str(run / "preset"))
    with takes_tokens(masked_lm):
        variables = masked_lm.trainable_variables
        saved = {k: v for k, v in arrays.items() if k.startswith("trainable.")}
        shapes = {f"trainable.{i}": tuple(v.shape) for i, v in enumerate(variables)}
        if shapes != {name: array.shape for name, array in saved.items()}:
            raise CheckpointError(
                f"{checkpoints.directory}: the checkpoint of step {checkpoint} is not "
                f"of the model in {run / 'preset'}."
            )
        for i, variable in enumerate(variables):
            variable.assign(saved[f"trainable.{i}"])
    with files.atomic_write(preset) as temporary:
        masked_lm.save_to_preset(str(temporary))
    return preset
