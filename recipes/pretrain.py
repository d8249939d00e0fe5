"""Pretrains a masked language model: BiGS, or any other pair of block and routing.

    python -m recipes.prepare texts.txt --output shards
    python -m recipes.pretrain mini --data shards --output runs/bigs
    python -m recipes.pretrain mini --data shards --output runs/bert \\
        --block stack --routing attention

The first argument names a configuration, and options change it. `large` and
`bert-large` are the paper's (table 7; it searched over batch sizes of 760 to 1,136 and
learning rates of 2e-4 to 8e-4, and trained on a TPU v3); the small ones train on a
laptop.

Killed and started again by the same command, a run goes on and ends with the same bits.
Writes into `--output`: `checkpoints/`; `history.csv`, `tensorboard/` and `loss.png`
after every epoch; and at the end `results.json` and `preset/`, for
`BiGSMaskedLM.from_preset`.
"""

import csv
import dataclasses
import hashlib
import importlib.metadata
import json
import pathlib
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Literal

import keras
import tensorflow as tf
import tyro
from matplotlib import pyplot as plt
from rich.console import Console

from keras_bigs import data
from keras_bigs import files
from keras_bigs import models
from keras_bigs import training
from keras_bigs.data import shards
from keras_bigs.layers import routing_names


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
    """Into how many batches an update is divided, to save memory."""
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
    lowercase: bool = True
    """Whether that vocabulary is for lower-cased text."""
    dtype: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Keras' policy for computations and weights."""
    rematerialize: bool = False
    """Whether to save memory by computing blocks again."""
    distributed: bool = False
    """Whether this is one of several processes, one a host, which each run this
    command (JAX only; see `keras.distribution.initialize`)."""
    steps_per_epoch: int = 500
    """The interval of evaluation and logs, in updates."""
    validation_examples: int = 1024
    """How many held-out sequences to evaluate on, 0 for none."""
    save_every: int = 100
    """The interval of checkpoints, in updates."""
    keep: int = 3
    """How many checkpoints to keep, beside that of the last epoch."""
    max_loss_rise: float = 1.0
    """How far the loss of an epoch may rise above the best, in nats."""
    seed: int = 0
    """Of weights, dropout, order and masks."""


@dataclass(kw_only=True)
class Config(TrainingConfig):
    """Pretrains a masked language model."""

    num_layers: int | None = None
    """Default: 12; 13 with `--block stack`, about as many weights."""
    hidden_dim: int = 192
    """The width."""
    block: Literal["gated", "stack"] = "gated"
    """What is around the routing."""
    routing: str = "ssm"
    """One of `keras_bigs.layers.routing_names()`."""
    state_dim: int = 64
    """The states of an SSM."""


def _sizes(hidden_dim, num_layers, **settings):
    return {"hidden_dim": hidden_dim, "num_layers": num_layers, **settings}


_PAPER = {
    "weight_decay": 0.01,
    "rematerialize": True,
    "masks": "static",
    "steps_per_epoch": 1000,
    "save_every": 500,
    "validation_examples": 8192,
    "dtype": "mixed_bfloat16",
}
CONFIGS = {
    "large": (
        "BiGS of the paper: 23 layers of 1,024, 11B tokens (short training)",
        _sizes(
            *(1024, 23),
            **{**_PAPER, "batch_size": 1048, "steps": 82_000},
            learning_rate=4e-4,
            warmup_proportion=0.01,
        ),
    ),
    "bert-large": (
        "BERT of the paper: 24 layers of 1,024, 11B tokens (short training)",
        _sizes(
            *(1024, 24),
            block="stack",
            routing="attention",
            **{**_PAPER, "batch_size": 840, "steps": 102_000},
            learning_rate=2e-4,
            warmup_proportion=0.02,
            decay="linear",
        ),
    ),
    "base": (
        "12 layers of 768, 500,000 steps: the start of the paper's 4,096-token model",
        _sizes(
            *(768, 12),
            **{**_PAPER, "batch_size": 1048, "steps": 500_000},
            learning_rate=4e-4,
            warmup_proportion=0.01,
        ),
    ),
    "small": (
        "12 layers of 512, for one GPU",
        _sizes(512, None, batch_size=256, steps=50_000, dtype="mixed_bfloat16"),
    ),
    "mini": ("12 layers of 192, for a laptop: hours", _sizes(192, None)),
    "tiny": (
        "12 layers of 128, for a laptop: an hour",
        _sizes(128, None, steps=3000),
    ),
}


class ConfigError(ValueError):
    """Options that do not go together, or an output directory of another run."""


def main(config: Config):
    if config.routing not in routing_names():
        raise ConfigError(
            f"--routing {config.routing} is not one of {routing_names()}."
        )
    train(config, build)


@dataclass
class Corpus:
    """What a folder of shards says of itself.

    `checksum` is of everything in it; `masking` is how its examples are masked.
    """

    pieces: list[str]
    lowercase: bool
    masking: data.Masking
    checksum: str


def train(config, make_model):
    """Everything but the model, which `make_model(config, corpus, length)` makes."""
    console = Console()
    check(config)
    corpus = describe(config)
    readers = distribute(config)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.dtype)
    batches, held_out = load(config, corpus, console)
    masked_lm = make_model(config, corpus, batches.sequence_length)
    if readers[0] == 0:
        claim(config, corpus)
    run(config, masked_lm, batches, held_out, readers, console)


def check(config):
    """Finds out what does not go together."""
    for name in ("steps", "steps_per_epoch", "accumulation_steps", "keep"):
        if getattr(config, name) < 1:
            raise ConfigError(f"--{name} must be at least 1.")
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


def describe(config):
    """Vocabulary and settings of the folder of shards."""
    folder = config.data
    if not (folder / shards.MANIFEST).exists():
        if config.vocabulary is None:
            raise ConfigError(
                f"--data {folder} has no {shards.MANIFEST}. Make it by "
                "`recipes.prepare`; or, if it has the original's HDF5 files, name "
                "their vocabulary by --vocabulary."
            )
        files = sorted(path for path in folder.glob("*.h*5"))
        pieces, lowercase = data.read_vocabulary(config.vocabulary), config.lowercase
        text = repr([*((path.name, path.stat().st_size) for path in files), pieces])
        settings = {}
    else:
        if config.vocabulary is not None:
            raise ConfigError(
                f"--data {folder} has a vocabulary of its own. Leave out --vocabulary."
            )
        text = (folder / shards.MANIFEST).read_text(encoding="utf-8")
        settings = json.loads(text)["settings"]
        pieces, lowercase = data.read_vocabulary(folder), settings["lowercase"]
    masking = settings.get("masking", {})
    if config.mask_rate is not None:
        masking |= {"rate": config.mask_rate, "max_predictions": None}
    if config.whole_words is not None:
        masking |= {"whole_words": config.whole_words}
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return Corpus(pieces, lowercase, data.Masking(**masking), checksum)


# Options that may differ when a run goes on.
FREE = ("output", "data", "vocabulary", "keep", "max_loss_rise", "distributed")


def claim(config, corpus):
    """Makes the output directory, or finds in it the same run begun before."""
    options = {
        **dataclasses.asdict(config),
        "data_sha256": corpus.checksum,
        "backend": keras.backend.backend(),
    }
    text = json.dumps(options, indent=2, default=str)
    path = config.output / "config.json"
    try:
        if path.exists():
            before, now = json.loads(path.read_text(encoding="utf-8")), json.loads(text)
            changed = [
                name
                for name in now
                if name not in FREE and before.get(name, now[name]) != now[name]
            ]
            if changed:
                raise ConfigError(
                    f"--output {config.output} has a run with other options or data: "
                    f"{', '.join(changed)}; see {path}. Name another directory, or "
                    "give the same options."
                )
            return
        if config.output.exists() and any(config.output.iterdir()):
            raise ConfigError(
                f"--output {config.output} is not empty. Name another directory."
            )
        files.write_text(path, text)
    except OSError as error:
        raise ConfigError(
            f"Cannot write to --output {config.output}: {error.strerror}. Name another "
            "directory."
        ) from error


def distribute(config):
    """Spreads batches over all devices; returns `(reader, readers)` of this process."""
    if keras.backend.backend() != "jax":
        if config.distributed:
            raise ConfigError("--distributed needs KERAS_BACKEND=jax.")
        return 0, 1
    import jax

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


def load(config, corpus, console):
    """Training batches, and validation batches or `None`."""
    with console.status("Checking the shards"):
        examples = data.open_shards(config.data, "train")
        held_out = data.open_shards(config.data, "validation")
    if not examples:
        raise ConfigError(f"--data {config.data} has no training examples.")
    largest = int(examples[0].arrays["input_ids"].max())
    if largest >= len(corpus.pieces):
        raise ConfigError(
            f"--data {config.data} has token {largest}, and the vocabulary "
            f"{len(corpus.pieces)} pieces. Name the vocabulary that it was made with."
        )
    masker = None
    if config.masks == "dynamic":
        masker = data.Masker(corpus.pieces, corpus.masking, config.seed)
    size = config.batch_size // config.accumulation_steps
    # Validation too is shuffled, or it would be the beginning of the first file; and
    # its steps, so its masks, are always the first.
    train, validation = (
        data.PretrainingBatches(part, size, masker, seed=config.seed) if part else None
        for part in (examples, held_out if config.validation_examples else [])
    )
    console.print(
        f"{train.examples:,} sequences of {train.sequence_length} tokens, "
        f"{validation.examples if validation else 0:,} held out"
    )
    return train, validation


def build(config, corpus, sequence_length):
    """The task, with a tokenizer."""
    gated = config.block == "gated"
    backbone = models.BiGSBackbone(
        vocabulary_size=len(corpus.pieces),
        num_layers=config.num_layers or (12 if gated else 13),
        hidden_dim=config.hidden_dim,
        intermediate_dim=(3 if gated else 4) * config.hidden_dim,
        state_dim=config.state_dim,
        block=config.block,
        routing=config.routing,
        dropout=config.dropout,
        max_sequence_length=sequence_length,
        rematerialize=config.rematerialize,
    )
    preprocessor = models.BiGSMaskedLMPreprocessor(
        models.BiGSTokenizer(corpus.pieces, lowercase=corpus.lowercase),
        sequence_length=sequence_length,
    )
    return models.BiGSMaskedLM(backbone, preprocessor)


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
    if readers[0] > 0:
        # All processes must take part in reading the weights; one keeps them.
        with tempfile.TemporaryDirectory() as folder:
            masked_lm.save_to_preset(folder)
        return
    if not preset.exists():
        with files.whole(preset) as temporary:
            masked_lm.save_to_preset(str(temporary))
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


def in_updates(history, accumulation_steps):
    """The history with steps counted in updates instead of batches."""
    return [{**e, "step": e["step"] // accumulation_steps} for e in history]


def report(history, directory, tokens_per_step):
    """Writes `history.csv`, `loss.png` and TensorBoard's log of the last epoch."""
    with (
        files.whole(directory / "history.csv") as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
    plot({directory.name: history}, tokens_per_step, directory / "loss.png")
    writer = tf.summary.create_file_writer(str(directory / "tensorboard"))
    with writer.as_default(step=history[-1]["step"]):
        for name, value in history[-1].items():
            tf.summary.scalar(name, value)
    writer.close()


def plot(histories, tokens_per_step, path):
    """Loss curves of one or several runs: training dotted, validation solid."""
    figure, axes = plt.subplots(layout="constrained")
    for i, (name, history) in enumerate(histories.items()):
        millions = [epoch["step"] * tokens_per_step / 1e6 for epoch in history]
        for key, style, label in (
            ("loss", ":", f"{name}, training"),
            ("val_loss", "-", f"{name}, validation"),
        ):
            if key in history[0]:
                losses = [epoch[key] for epoch in history]
                axes.plot(millions, losses, style, color=f"C{i}", label=label)
    axes.set(xlabel="million tokens", ylabel="masked LM loss (nats)")
    axes.grid(alpha=0.3)
    axes.legend()
    with files.whole(path) as temporary:
        figure.savefig(temporary, dpi=150)
    plt.close(figure)


def parse(arguments=None):
    """The configuration that the command line asks for."""
    defaults = {
        name: (text, Config(data=tyro.MISSING, output=tyro.MISSING, **settings))
        for name, (text, settings) in CONFIGS.items()
    }
    return tyro.extras.overridable_config_cli(defaults, args=arguments)


def command(function):
    """Calls a function; errors that it explains end the process without a traceback."""
    try:
        function()
    except (
        ValueError,
        OSError,  # CheckpointWriteError among them
        training.TrainingDivergedError,
    ) as error:
        sys.exit(f"error: {error}")
    except training.PreemptedError as error:
        print(error)
        # As a shell has it, so that a scheduler knows that the work is not done.
        sys.exit(128 + error.signal)


if __name__ == "__main__":
    command(lambda: main(parse()))
