"""The parts of a pretraining run's configuration, and the run that they describe.

Typed options of a command line, shared by `recipes.pretrain` and `recipes.extend`.
Nothing heavy is imported before a part is asked to build what it describes, so that
`--help` comes at once.
"""

import dataclasses
import os
import pathlib
from dataclasses import dataclass
from typing import Annotated
from typing import Literal

import tyro

from keras_bigs import files
from keras_bigs.errors import ConfigError

Location = Annotated[
    pathlib.Path,
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH|gs://BUCKET/PATH",
        instance_from_str=lambda words: files.as_path(words[0]),
        is_instance=lambda value: isinstance(value, os.PathLike),
        str_from_instance=lambda value: [os.fspath(value)],
    ),
]
"""The type of an option that names a path on this machine or in a bucket."""


@dataclass(kw_only=True)
class DataConfig:
    """The examples, and how they are masked."""

    folder: Annotated[Location, tyro.conf.arg(name="data")] = tyro.MISSING
    """A folder of shards: of `recipes.prepare`, or the original's HDF5 files. What is
    in a bucket is first copied to this machine."""
    vocabulary: Location | None = None
    """The word pieces, for a folder that has none (the original's)."""
    lowercase: bool | None = None
    """Whether that vocabulary is for lower-cased text. Default: it is."""
    masks: Literal["dynamic", "static"] = "dynamic"
    """Whether to mask anew in every epoch, or to take the masks of the shards."""
    mask_selection_rate: Annotated[
        float | None, tyro.conf.arg(aliases=["--mask_rate"])
    ] = None
    """The share of tokens to predict, with dynamic masks. Default: as `prepare` had it,
    or 0.15."""
    whole_words: bool | None = None
    """Whether dynamic masks cover whole words. Default: as `prepare` had it."""

    def check(self):
        """Raises `ConfigError` if the options do not go together."""
        if self.masks == "static" and (self.mask_selection_rate, self.whole_words) != (
            None,
            None,
        ):
            raise ConfigError(
                "--mask_selection_rate and --whole_words are for dynamic masks. With "
                "--masks static they are those of the shards; see `recipes.prepare`."
            )
        rate = self.mask_selection_rate
        if rate is not None and not 0 < rate <= 1:
            raise ConfigError(
                f"--mask_selection_rate {rate} must be above 0 and at most 1."
            )

    def open(self):
        """The `keras_bigs.data.ShardFolder`."""
        from keras_bigs import data

        vocabulary = self.vocabulary and files.local_copy(self.vocabulary)
        return data.open_shard_folder(
            files.local_copy(self.folder), vocabulary, self.lowercase
        )

    def masking(self, prepared):
        """The `Masking` for training: as it was prepared but for what options change;
        `None` for the masks of the shards."""
        if self.masks == "static":
            return None
        changes = {}
        if self.mask_selection_rate is not None:
            changes["mask_selection_rate"] = self.mask_selection_rate
            changes["max_predictions"] = None
        if self.whole_words is not None:
            changes["whole_words"] = self.whole_words
        return dataclasses.replace(prepared, **changes)

    def batches(self, folder, batch_size, seed):
        """Batches of a folder for training, and for validation if it has any."""
        masking = self.masking(folder.masking)
        train = folder.batches("train", batch_size, masking, seed)
        validation = None
        if "validation" in folder.splits:
            # Shuffled, or it would be the beginning of the first file; and the same,
            # in order and masks, for runs of any seed.
            validation = folder.batches("validation", batch_size, masking, seed=0)
        return train, validation


@dataclass(kw_only=True)
class OptimizerConfig:
    """AdamW after a warm-up."""

    learning_rate: float = 1e-3
    """Peak learning rate."""
    ssm_learning_rate: float | None = None
    """Peak learning rate of the parameters of SSMs. Default: that of all."""
    decay: Literal["cosine", "linear", "cubic"] = "cosine"
    """How the learning rate falls to 0 after the peak."""
    warmup_proportion: float = 0.05
    """Share of the steps in which the learning rate rises to its peak."""
    weight_decay: float = 0.01
    """Decoupled weight decay, but not of biases, norms and parameters of SSMs."""
    global_clipnorm: float | None = None
    """Largest norm of all gradients together. Default: no limit."""

    def check(self):
        """Raises `ConfigError` if an option is out of its range."""
        from keras_bigs.training.fine_tuning import check_ranges

        check_ranges(
            learning_rate=self.learning_rate,
            ssm_learning_rate=self.ssm_learning_rate,
            warmup_proportion=self.warmup_proportion,
            weight_decay=self.weight_decay,
            global_clipnorm=self.global_clipnorm,
        )

    def build(self, steps, accumulation_steps):
        """The optimizer for a number of updates; see `keras_bigs.training.adamw`."""
        from keras_bigs import training

        return training.adamw(
            total_steps=steps,
            accumulation_steps=accumulation_steps,
            **dataclasses.asdict(self),
        )


@dataclass(kw_only=True)
class TrainingConfig:
    """How long, on what, and what is kept."""

    steps: int = 5000
    """Number of updates."""
    batch_size: Annotated[int, tyro.conf.arg(aliases=["--batch"])] = 32
    """Number of sequences an update."""
    accumulation_steps: int = 1
    """Number of batches into which an update is divided, to save memory. The average of
    their losses counts, each the average over its predictions. Checkpoints, and
    messages that name a step, count batches."""
    steps_per_epoch: int = 500
    """Interval of evaluation and logs, in updates."""
    validation_examples: int = 1024
    """About how many held-out sequences to evaluate on: full batches, at least one, the
    same for every seed. 0 for none."""
    save_every: int = 100
    """Interval of checkpoints, in updates."""
    keep: int = 3
    """Number of checkpoints to keep, beside that of the last epoch."""
    max_loss_rise: float = 1.0
    """How far the loss of an epoch may rise above the best one, in nats."""
    dtype: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    """Keras' policy for computations and weights. Steps that `mixed_float16` skips, to
    find its loss scale, are steps too."""
    distributed: bool = False
    """Whether this is one of several processes, one a host, which each run this command
    (JAX only; see `keras.distribution.initialize`) with one `--output` that all can
    read."""
    mesh: str | None = None
    """How devices divide the work (JAX only), such as `batch=4,model=2`: `batch` the
    examples, `model` large matrices, `sequence` the tokens of every text. The product
    is the number of devices of all processes. Default: all along `batch`."""
    shard: Literal["nothing", "optimizer", "weights"] = "nothing"
    """What the `batch` axis divides beside examples, to save memory: the state of the
    optimizer (ZeRO-1), or the weights too (ZeRO-3, FSDP)."""
    compilation_cache: bool = True
    """Whether JAX keeps compiled programs on disk, so that the next process need not
    compile them again."""
    seed: int = 0
    """Seed of weights, dropout, and the order and masks of training."""

    def check(self):
        """Raises `ConfigError` if the options do not go together."""
        from keras_bigs.training.fine_tuning import check_ranges

        for name in (
            *("steps", "batch_size", "accumulation_steps", "steps_per_epoch"),
            *("save_every", "keep"),
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name} must be at least 1.")
        if self.validation_examples < 0:
            raise ConfigError("--validation_examples must be at least 0.")
        check_ranges(max_loss_rise=self.max_loss_rise, seed=self.seed)
        self.mesh_sizes()
        if self.batch_size % self.accumulation_steps:
            raise ConfigError(
                f"--accumulation_steps {self.accumulation_steps} does not divide "
                f"--batch_size {self.batch_size}."
            )

    @property
    def examples_per_batch(self):
        """The number of sequences that are computed at once, on all devices."""
        return self.batch_size // self.accumulation_steps

    def mesh_sizes(self):
        """The sizes of the axes, or `None`."""
        from keras_bigs.training.meshes import parse_mesh

        return None if self.mesh is None else parse_mesh(self.mesh)

    def begin(self, sequence_length):
        """Sets seed, dtype policy and distribution, before anything is built."""
        import keras

        from keras_bigs import training

        training.distribute(
            self.examples_per_batch,
            self.distributed,
            self.mesh_sizes(),
            self.shard,
            sequence_length,
        )
        keras.utils.set_random_seed(self.seed)
        keras.config.set_dtype_policy(self.dtype)
        if self.compilation_cache:
            training.use_compilation_cache()


def pretrain(config):
    """Runs the pretraining that a configuration describes; see `pretrain_masked_lm`.

    Args:
        config: a dataclass with `output`, `data`, `model`, `optimizer` and `training`:
            the directory to write to, the model, and one of each part here. Of the
            model, such as `keras_bigs.training.model_config.ModelConfig`, are asked
            `check()` and `build(folder, sequence_length)`, which takes the
            `ShardFolder` and returns a `BiGSMaskedLM`.

    Raises:
        ConfigError: options do not go together. As `pretrain_masked_lm` does, else.
    """
    from keras_bigs import training

    options = config.training
    config.data.check()
    config.model.check()
    config.optimizer.check()
    options.check()
    print("Checking the shards")
    folder = config.data.open()
    train, validation = config.data.batches(
        folder, options.examples_per_batch, options.seed
    )
    options.begin(train.sequence_length)
    training.pretrain_masked_lm(
        config.model.build(folder, train.sequence_length),
        train,
        validation,
        optimizer=config.optimizer.build(options.steps, options.accumulation_steps),
        directory=config.output,
        steps=options.steps,
        steps_per_epoch=options.steps_per_epoch,
        validation_examples=options.validation_examples,
        save_every=options.save_every,
        keep=options.keep,
        max_loss_rise=options.max_loss_rise,
        settings=settings_of(config, data_sha256=folder.checksum),
        free_settings=FREE_SETTINGS,
    )


FREE_SETTINGS = (
    *("output", "folder", "vocabulary", "keep", "max_loss_rise", "distributed"),
    *("compilation_cache", "mesh", "shard", "save_every"),
)
"""Names of settings that may differ when a run goes on."""


def settings_of(config, **more):
    """The options of a configuration and its parts, and more, as one flat dict.

    Args:
        config: a dataclass whose fields are options, or dataclasses of options.
        **more: settings that are no options.
    """
    settings = {}
    for name, value in vars(config).items():
        settings |= vars(value) if dataclasses.is_dataclass(value) else {name: value}
    return settings | more
