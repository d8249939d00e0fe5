"""The training of a masked language model, which `pretrain` and `extend` share."""

import dataclasses
import hashlib
import importlib.metadata
import json
import pathlib
import tempfile
import time
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from keras_bigs import files
from keras_bigs import training
from keras_bigs.data.pretraining import shard_folder
from keras_bigs.errors import ConfigError
from keras_bigs.training.report import in_updates
from keras_bigs.training.report import report


@dataclass(kw_only=True)
class TrainingConfig:
    """How a masked language model is trained."""

    data: pathlib.Path
    """A folder of shards: of `recipes.prepare`, or the original's HDF5 files."""
    output: pathlib.Path
    """The directory to write to."""
    steps: int = 5000
    """The number of updates."""
    batch_size: int = 32
    """Sequences an update."""
    accumulation_steps: int = 1
    """Into how many batches an update is divided, to save memory. The average of their
    losses counts, each the average over its predictions. Checkpoints, and messages that
    name a step, count batches."""
    learning_rate: float = 1e-3
    """The peak."""
    ssm_learning_rate: float | None = None
    """The peak for the parameters of SSMs, if another."""
    decay: Literal["cosine", "linear", "cubic"] = "cosine"
    """How the learning rate falls to 0."""
    warmup_proportion: float = 0.05
    """The share of steps in which it rises."""
    weight_decay: float = 0.01
    """Not of biases, norms and SSMs."""
    global_clipnorm: float | None = None
    """The largest norm of all gradients together."""
    dropout: float = 0.1
    """Of embeddings and blocks."""
    masks: Literal["dynamic", "static"] = "dynamic"
    """Whether to mask anew while training, or take the masks of the shards."""
    mask_rate: float | None = None
    """The share of tokens to predict, with dynamic masks. Default: as `prepare` had it,
    or 0.15."""
    whole_words: bool | None = None
    """Whether dynamic masks cover whole words. Default: as `prepare` had it."""
    vocabulary: pathlib.Path | None = None
    """The word pieces, for a folder of shards that has none (the original's)."""
    lowercase: bool | None = None
    """Whether that vocabulary is for lower-cased text. Default: it is."""
    dtype: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Keras' policy for computations and weights. Steps that `mixed_float16` skips, to
    find its loss scale, are steps too."""
    rematerialize: bool = False
    """Whether to save memory by computing blocks again; on CPUs JAX needs a flag for
    it, see `BiGSBackbone`."""
    distributed: bool = False
    """Whether this is one of several processes, one a host, which each run this
    command (JAX only; see `keras.distribution.initialize`) with one `--output` that
    all can read."""
    steps_per_epoch: int = 500
    """The interval of evaluation and logs, in updates."""
    validation_examples: int = 1024
    """About how many held-out sequences to evaluate on: whole batches, at least one,
    the same for every seed. 0 for none."""
    save_every: int = 100
    """The interval of checkpoints, in updates."""
    keep: int = 3
    """How many checkpoints to keep, beside that of the last epoch."""
    max_loss_rise: float = 1.0
    """How far the loss of an epoch may rise above the best, in nats."""
    seed: int = 0
    """Of weights, dropout, and the order and masks of training."""


def train(config, make_model):
    """Everything but the model, which `make_model(config, corpus, length)` makes."""
    console = Console()
    check(config)
    corpus = shard_folder.describe(config)
    readers = distribute(config)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.dtype)
    batches, held_out = shard_folder.load(config, corpus, console)
    masked_lm = make_model(config, corpus, batches.sequence_length)
    options = {
        **dataclasses.asdict(config),
        "tokens_per_step": config.batch_size * batches.sequence_length,
        "data_sha256": corpus.checksum,
        "backend": keras.backend.backend(),
    }
    require_same(options, readers)
    if readers[0] == 0:
        checkpoints = config.output / "checkpoints"
        files.claim(
            config.output, options, lambda: any(checkpoints.glob("[0-9]*")), FREE
        )
    run(config, masked_lm, batches, held_out, readers, console)


def check(config):
    """Finds out what does not go together."""
    counts = ("steps", "steps_per_epoch", "save_every", "accumulation_steps", "keep")
    for name in counts:
        if getattr(config, name) < 1:
            raise ConfigError(f"--{name} must be at least 1.")
    if config.validation_examples < 0:
        raise ConfigError("--validation_examples must be at least 0.")
    if config.batch_size < 1 or config.batch_size % config.accumulation_steps:
        raise ConfigError(
            f"--accumulation_steps {config.accumulation_steps} does not divide "
            f"--batch_size {config.batch_size}."
        )
    masking = (config.mask_rate, config.whole_words)
    if config.masks == "static" and masking != (None, None):
        raise ConfigError(
            "--mask_rate and --whole_words are for dynamic masks. With --masks static "
            "they are those of the shards; see `recipes.prepare`."
        )


# Options that may differ when a run goes on.
FREE = ("output", "data", "vocabulary", "keep", "max_loss_rise", "distributed")


def require_same(options, readers):
    """Finds out whether all processes were given the same options and data."""
    if readers[1] == 1:
        return
    from jax.experimental import multihost_utils

    bound = {name: value for name, value in options.items() if name not in FREE}
    text = json.dumps(bound, sort_keys=True, default=str)
    multihost_utils.assert_equal(
        np.frombuffer(hashlib.sha256(text.encode()).digest(), "uint8"),
        "The processes were given different options or data: "
        f"process {readers[0]} has {text}",
    )


def distribute(config):
    """Spreads batches over all devices; returns `(reader, readers)` of this process."""
    if keras.backend.backend() != "jax":
        if config.distributed:
            raise ConfigError("--distributed needs KERAS_BACKEND=jax.")
        return 0, 1
    import jax

    # TensorFlow only reads the data.
    tf.config.set_visible_devices([], "GPU")

    if config.distributed:
        keras.distribution.initialize()
    devices, batch = jax.device_count(), config.batch_size // config.accumulation_steps
    if batch % devices:
        raise ConfigError(
            f"{devices} devices cannot share batches of {batch} sequences. Choose "
            "--batch_size and --accumulation_steps so that their ratio is a multiple."
        )
    if devices > 1:
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(auto_shard_dataset=False)
        )
    return jax.process_index(), jax.process_count()


def run(config, masked_lm, train, validation, readers, console):
    """Trains, and writes everything."""
    every = config.accumulation_steps
    tokens = train.batch_size * train.sequence_length
    # The batches are tokenized: this model leaves out the task's own preprocessing.
    model = keras.Model(masked_lm.input, masked_lm.output)
    # Masked language modelling has no use for it.
    masked_lm.backbone.pooled_dense.trainable = False
    model.compile(
        optimizer=training.adamw(
            config.learning_rate,
            config.steps * every,
            config.warmup_proportion,
            config.weight_decay,
            config.decay,
            config.ssm_learning_rate,
            every,
            config.global_clipnorm,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    validation_data = None
    if validation is not None:
        examples = min(config.validation_examples, validation.examples)
        steps = max(1, examples // validation.batch_size)
        validation_data = validation.dataset(0, steps, *readers)
    console.print(
        f"{model.count_params():,} parameters, {config.steps:,} steps of "
        f"{tokens * every:,} tokens"
    )

    def write_report(history):
        report(in_updates(history, every), config.output, every * tokens)

    checkpoints = training.Checkpoints(config.output / "checkpoints", config.keep)
    start = time.perf_counter()
    try:
        history = training.resumable_fit(
            model,
            lambda first, steps: train.dataset(first, steps, *readers),
            config.steps * every,
            config.steps_per_epoch * every,
            checkpoints,
            config.save_every * every,
            validation_data,
            on_epoch=write_report if readers[0] == 0 else None,
            tokens_per_step=tokens,
            max_loss_rise=config.max_loss_rise,
        )
    finally:
        checkpoints.close()
    seconds = time.perf_counter() - start
    history = in_updates(history, every)
    masked_lm.backbone.pooled_dense.trainable = True
    preset = config.output / "preset"
    if not preset.exists():
        # Keras gathers the weights from all processes, so all save; one keeps them.
        keep = (
            files.atomic_write(preset)
            if readers[0] == 0
            else tempfile.TemporaryDirectory()
        )
        with keep as temporary:
            masked_lm.save_to_preset(str(temporary))
    if readers[0] > 0:
        return
    results = {
        **history[-1],
        "parameters": model.count_params(),
        "tokens": config.steps * every * tokens,
        "seconds_of_last_process": round(seconds, 1),
        "backend": keras.backend.backend(),
        "versions": {
            name: importlib.metadata.version(name) for name in ("keras", "keras-hub")
        },
    }
    files.write_text(config.output / "results.json", json.dumps(results, indent=2))
    for name, value in history[-1].items():
        console.print(f"{name:>14}  {value:.6g}")
    console.print(f"Wrote {preset}")
