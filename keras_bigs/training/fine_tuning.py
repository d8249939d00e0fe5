"""Fine-tuning of a task on labelled texts, which can be killed and goes on."""

import dataclasses
import functools
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_bigs import files
from keras_bigs.errors import CheckpointError
from keras_bigs.errors import ConfigError
from keras_bigs.training import evaluation
from keras_bigs.training.checkpoints import Checkpoints
from keras_bigs.training.optimizer import adamw
from keras_bigs.training.resumable_fit import resumable_fit

# What options of a training may be.
RANGES = {
    "learning_rate": ("above 0 and at most 1", lambda x: 0 < x <= 1),
    "ssm_learning_rate": ("above 0 and at most 1", lambda x: 0 < x <= 1),
    "global_clipnorm": ("above 0", lambda x: x > 0),
    "epochs": ("at least 1", lambda x: x >= 1),
    "batch_size": ("at least 1", lambda x: x >= 1),
    "warmup_proportion": ("at least 0 and below 1", lambda x: 0 <= x < 1),
    "weight_decay": ("at least 0 and at most 1", lambda x: 0 <= x <= 1),
    "patience": ("at least 1", lambda x: x >= 1),
    "dropout": ("at least 0 and below 1", lambda x: 0 <= x < 1),
    # [CLS] a [SEP] b [SEP]
    "sequence_length": ("at least 5", lambda x: x >= 5),
    # Of those, five are special.
    "vocabulary_size": ("at least 6", lambda x: x >= 6),
    "seed": ("from 0 to 4294967295", lambda x: 0 <= x < 2**32),
    "max_loss_rise": ("at least 0", lambda x: x >= 0),
    "save_every": ("at least 1", lambda x: x >= 1),
    "stride": ("at least 1", lambda x: x >= 1),
    "max_answer_length": ("at least 1", lambda x: x >= 1),
    "n_best": ("at least 1", lambda x: x >= 1),
}
# All other metrics are the better the higher they are.
LOWER_IS_BETTER = ("rmse", "loss")


@dataclasses.dataclass(frozen=True)
class FineTuned:
    """What `fine_tune` has done; the task has the weights of the best epoch.

    Attributes:
        model: `keras.Model` of tokenized inputs that shares the weights of the task,
            for `predict` and `evaluate` of `keras_bigs.training`.
        history: the logs of all epochs, a list of dicts of floats: `step`,
            `learning_rate`, `loss` and other metrics of training, and those of the
            validation data with `val_` in front.
        best: the logs of the best epoch.
        metric: the name of the metric that said which one is best.
    """

    model: Any
    history: list[dict[str, float]]
    best: dict[str, float]
    metric: str


def fine_tune(
    task,
    train,
    validation,
    directory,
    *,
    learning_rate=5e-5,
    epochs=3,
    warmup_proportion=0.1,
    weight_decay=0.01,
    decay="linear",
    metric=None,
    patience=None,
    evaluate=None,
    save_every=500,
    verbose="auto",
):
    """Trains a task on labelled texts, and leaves it as it was after its best epoch.

    As in the paper's appendix A.2 (tables 8 and 9): AdamW, a warm-up, a decay to zero;
    see `adamw`. Loss and metrics of training are those of `task.compile`, which a task
    has by default.

    Killed at any moment and called again in a new process, on a task that was made in
    the same way, it ends with the same weights and history, bit by bit, as if it had
    never been killed; see `resumable_fit`.

    Args:
        task: a compiled task, such as `BiGSTextClassifier`.
        train: `BucketedBatches` with labels, shuffled.
        validation: `BucketedBatches` with labels; or what `evaluate` takes.
        directory: where checkpoints and the weights of the best epoch are kept. Another
            one for every run; to be deleted when its result is safe.
        learning_rate: float. The peak: 1e-5 to 6e-5 for pretrained weights.
        epochs: int. The most epochs to train.
        warmup_proportion: float in [0, 1). The share of steps that warm up.
        weight_decay: float.
        decay: `"linear"` as in BERT's and the original's fine-tuning, or `"cosine"`.
        metric: which metric of the validation data says what epoch is best. `None` for
            accuracy, Pearson's correlation for a regressor, or with several labels a
            text F1 over all of them.
        patience: int. The run ends after so many epochs without a better metric. `None`
            for all `epochs`.
        evaluate: a function of a model of tokenized inputs and `validation` that
            returns a dict of floats, called after every epoch, when `task` has the same
            weights as the model. With one of your own, name the `metric`; the higher
            the better, unless it is called `"rmse"` or `"loss"`. `None` for
            `keras_bigs.training.evaluate`, which serves classifiers, regressors and
            multiple choice.
        save_every: int. A checkpoint is written after so many steps, and every epoch.
        verbose: as for `keras.Model.fit`.

    Returns:
        `FineTuned`.

    Raises:
        ConfigError: an option is out of its range, there is no such metric, or the task
            has no loss, one that is not registered with Keras, or outputs that need an
            `evaluate` of one's own.
        TrainingDivergedError: the loss, a weight or an output is NaN or infinite.
        PreemptedError: SIGTERM came; a checkpoint of the last step was written.
        CheckpointWriteError: a checkpoint could not be written.
        ValueError: batches have no labels; or the checkpoints are of another model.

    Example:
    ```python
    classifier = keras_bigs.models.BiGSTextClassifier.from_preset(
        "bigs_mini_en_uncased", num_classes=2
    )
    texts, labels = ["What an amazing movie!", "A waste of time."], [1, 0]
    batches = keras_bigs.data.BucketedBatches
    train = batches.for_task(classifier, texts, labels, shuffle=True)
    validation = batches.for_task(classifier, texts, labels)
    tuned = keras_bigs.training.fine_tune(
        classifier, train, validation, "runs/films", learning_rate=3e-5, epochs=3
    )
    tuned.best["val_accuracy"]
    classifier.save_to_preset("runs/films/preset")
    ```
    """
    check_ranges(
        learning_rate=learning_rate,
        epochs=epochs,
        warmup_proportion=warmup_proportion,
        weight_decay=weight_decay,
        patience=patience,
    )
    labeled = {"train": train}
    if evaluate is None:
        labeled["validation"] = validation
    for name, batches in labeled.items():
        if batches.labels is None:
            raise ValueError(f"`{name}` must have labels. Received: labels=None")
    if evaluate is None:
        _require_one_output(task)
        evaluate = functools.partial(
            evaluation.evaluate, threshold=evaluation.label_threshold(task)
        )
        names = evaluation.metric_names(
            task.output_shape[-1], getattr(task, "multi_label", False)
        )
        metric = names[0] if metric is None else metric
        _require_metric(metric, names)
    elif metric is None:
        raise ConfigError(
            "With an `evaluate` of your own, `metric` must name one of its metrics. "
            "Received: metric=None"
        )

    steps = epochs * train.steps_per_epoch
    # The batches are tokenized: this model leaves out the task's own preprocessing.
    model = keras.Model(task.input, task.output)
    options = _compile_options(task)
    options["optimizer"] = adamw(
        learning_rate, steps, warmup_proportion, weight_decay, decay
    )
    model.compile(**options)
    directory = Path(directory)
    checkpoints = Checkpoints(directory / "checkpoints", keep=1)
    if checkpoints.latest_step is None:
        # Of a process that was killed before the checkpoint was whole.
        for path in directory.glob("best-*.weights.h5"):
            path.unlink()

    def evaluate_epoch():
        values = evaluate(model, validation)
        _require_metric(metric, tuple(values))
        return values

    def on_epoch(history):
        best = best_epoch(history, metric)
        path = weights_path(history[best]["step"])
        if not path.exists():
            _require_weights_of(history[best]["step"], checkpoints)
            with files.atomic_write(path) as temporary:
                task.save_weights(temporary)
            # Before that, a process that is killed would go on from an earlier one,
            # where the weights of an earlier epoch are the best.
            checkpoints.wait()
            for other in directory.glob("best-*.weights.h5"):
                if other != path:
                    other.unlink()
        return patience is not None and len(history) - 1 - best >= patience

    def weights_path(step):
        return directory / f"best-{step}.weights.h5"

    try:
        history = resumable_fit(
            model,
            lambda first, steps: train.dataset(epochs, first).take(steps),
            steps,
            train.steps_per_epoch,
            checkpoints,
            save_every,
            evaluate=evaluate_epoch,
            on_epoch=on_epoch,
            max_loss_rise=math.inf,  # an epoch that is worse is not the best one
            verbose=verbose,
        )
    finally:
        checkpoints.close()
    best = history[best_epoch(history, metric)]
    task.load_weights(weights_path(best["step"]))
    return FineTuned(model, history, best, metric)


def start_from_mean(regressor, targets):
    """Lets a regressor predict the mean of the targets, instead of learning it.

    Args:
        regressor: a text classifier with `num_classes=1`.
        targets: `(n,)` floats.
    """
    regressor.get_layer("logits").bias.assign([np.mean(targets)])


def best_epoch(history, metric):
    """The index of the first epoch with the best value of a metric; NaN is worst."""
    sign = -1 if metric in LOWER_IS_BETTER else 1
    values = [sign * epoch[f"val_{metric}"] for epoch in history]
    values = [-math.inf if math.isnan(value) else value for value in values]
    return values.index(max(values))


def check_ranges(**options):
    """Finds out, before any work, what cannot be fine-tuned with.

    Args:
        **options: numbers by name, each one of `RANGES`; or `None`.

    Raises:
        ConfigError: one is out of its range.
    """
    for name, value in options.items():
        rule, is_within = RANGES[name]
        if value is not None and not is_within(value):
            raise ConfigError(f"`{name}` must be {rule}. Received: {name}={value}")


def _require_one_output(task):
    outputs = keras.tree.flatten(task.output)
    if len(outputs) > 1 or len(outputs[0].shape) != 2:
        shapes = [tuple(output.shape) for output in outputs]
        raise ConfigError(
            f"{type(task).__name__} is no classifier, regressor or multiple choice, "
            "whose output is `(batch, classes)`. Give an `evaluate` of your own, and "
            f"name its `metric`. Received: outputs of shapes {shapes}"
        )


def _compile_options(task):
    """Loss and metrics of a task, as another model can have them."""
    config = task.get_compile_config()
    if not config:
        raise ConfigError(
            f"{type(task).__name__} has no loss: call its `compile` first."
        )
    try:
        return keras.saving.deserialize_keras_object(config)
    except TypeError as error:
        raise ConfigError(
            f"{type(task).__name__} was compiled with a loss or metric of your own "
            "that Keras cannot make again. Put "
            "`@keras.saving.register_keras_serializable()` before its definition. "
            f"Received: {error}"[:600]
        ) from error


def _require_metric(metric, names):
    if metric not in names:
        raise ConfigError(f"`metric` must be one of {names}. Received: {metric!r}")


def _require_weights_of(step, checkpoints):
    """Finds out whether the model is as it was after the best epoch."""
    if checkpoints.latest_step != step:
        raise CheckpointError(
            f"{checkpoints.directory.parent}: the weights of the best epoch, of step "
            f"{step}, are gone. Start again in another directory."
        )
