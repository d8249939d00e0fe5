"""The parts of a fine-tuning run's configuration.

Typed options of a command line, shared by all recipes that fine-tune. Nothing heavy is
imported before a part is asked to build what it describes, so that `--help` comes at
once.
"""

import dataclasses
import difflib
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from keras_bigs import files
from keras_bigs.compat.inner_layers import inner_layers
from keras_bigs.errors import ConfigError


@dataclass(kw_only=True)
class EncoderConfig:
    """Where to start from."""

    model: str = "mini"
    """A preset: a directory, a name, or a hub handle such as hf://OWNER/NAME, of BiGS
    or of keras-hub's BERT, FNet or BART; or a size of `keras_bigs.models.CONFIGS`, from
    scratch, such as mini, or mini_stack for stacked blocks."""
    routing: str | None = None
    """What lets positions mix, from scratch: `ssm`, `attention`, or another of
    `keras_bigs.layers.routing_names()`. Default: ssm."""
    vocabulary: pathlib.Path | None = None
    """A file with one word piece a line: for a preset that has none, as the published
    weights; or from scratch, instead of learning one."""
    vocabulary_size: int = 8000
    """The most word pieces to learn, from scratch."""
    sequence_length: int | None = None
    """Longer texts are cut to this many tokens. Default: as many as the preset takes,
    but no more than 384 with `squad`, 4,096 with `scrolls`, and else 128."""
    dropout: float = 0.1
    """Dropout of embeddings, blocks and output."""
    freeze_ssm: bool = False
    """Whether the parameters of SSMs stay as they are, as in the original's
    `run_glue_freeze.py`."""
    dtype: Literal["float32", "mixed_bfloat16"] = "float32"
    """Keras' policy for computations and weights."""

    def check(self):
        """Finds out what cannot be built, before any work.

        Raises:
            ConfigError: the model is not known, or options do not go together.
        """
        from keras_bigs import layers
        from keras_bigs import models
        from keras_bigs.models.encoder import encoder_presets
        from keras_bigs.training.fine_tuning import check_ranges

        check_ranges(
            vocabulary_size=self.vocabulary_size,
            sequence_length=self.sequence_length,
            dropout=self.dropout,
        )
        if self.vocabulary is not None and not pathlib.Path(self.vocabulary).is_file():
            raise ConfigError(f"--vocabulary {self.vocabulary} is no file.")
        if self.from_scratch:
            if pathlib.Path(self.model).is_dir():
                raise ConfigError(
                    f"--model {self.model} is the name of a size, and of a directory "
                    f"here. For the directory write --model ./{self.model}; for the "
                    "size start elsewhere, or rename it."
                )
            known = layers.routing_names()
            if self.routing not in (None, *known):
                raise ConfigError(f"--routing {self.routing} is not one of {known}.")
            routing = self.routing or models.CONFIGS[self.model].get("routing", "ssm")
            if self.freeze_ssm and routing != "ssm":
                raise ConfigError(f"--freeze_ssm: --routing {routing} has no SSM.")
            return
        if self.routing is not None:
            raise ConfigError(
                f"--routing {self.routing} is for a model from scratch. --model "
                f"{self.model} is a preset, which has its own: leave it out."
            )
        names = {*models.CONFIGS, *encoder_presets()}
        is_directory = pathlib.Path(self.model).is_dir()
        if not (self.model in names or "://" in self.model or is_directory):
            close = difflib.get_close_matches(self.model, names, 1)
            guess = f" Did you mean {close[0]}?" if close else ""
            raise ConfigError(
                f"--model {self.model} is neither a preset directory, nor a hub handle "
                "such as hf://OWNER/NAME, nor the name of a preset (BiGS' or "
                f"keras-hub's) or of a size ({', '.join(models.CONFIGS)}).{guess}"
            )
        if is_directory and not (pathlib.Path(self.model) / "config.json").is_file():
            raise ConfigError(f"--model {self.model}: the directory is no preset.")
        self._vocabulary_of_preset()
        self._check_length()

    def settings(self):
        """What the result depends on, as a dict: options, and what the files hold."""
        from keras_bigs.models.preset_checksum import preset_sha256

        settings = dict(vars(self))
        if not self.from_scratch:
            settings["model"] = files.location_of(self.model)
            settings["model_sha256"] = preset_sha256(self.model)
        if self.vocabulary is not None:
            settings["vocabulary"] = files.location_of(self.vocabulary)
            settings["vocabulary_sha256"] = files.sha256_of_all(self.vocabulary)
        return settings

    @property
    def from_scratch(self):
        """Whether `model` names a size."""
        from keras_bigs import models

        return self.model in models.CONFIGS

    def build(self, sequence_length: int, texts: Callable[[], Iterable[str]]):
        """The encoder and its tokenizer.

        Args:
            sequence_length: the default number of tokens.
            texts: a function that returns texts to learn a vocabulary from.

        Returns:
            `(backbone, tokenizer, sequence_length)`.

        Raises:
            ConfigError: the preset takes no texts of that length, or needs a
                vocabulary.
        """
        from keras_bigs import models

        if self.from_scratch:
            length = self.sequence_length or sequence_length
            tokenizer = models.BiGSTokenizer(self.vocabulary or self._learn(texts))
            routing = {} if self.routing is None else {"routing": self.routing}
            backbone = models.BiGSBackbone(
                **models.CONFIGS[self.model]
                | {"vocabulary_size": tokenizer.vocabulary_size()}
                | routing,
                max_sequence_length=length,
                dropout=self.dropout,
            )
        else:
            self._check_length()
            tokenizer = models.load_tokenizer(
                self.model, **self._vocabulary_of_preset()
            )
            backbone = models.load_encoder(self.model, dropout=self.dropout)
            length = self.sequence_length
            if length is None:
                length = min(sequence_length, backbone.max_sequence_length)
        if self.freeze_ssm:
            freeze_ssm(backbone)
        return backbone, tokenizer, length

    def text_classifier(self, num_classes, texts, multi_label=False, length=128):
        """A `BiGSTextClassifier` for up to `length` tokens; see `build`."""
        options = {"num_classes": num_classes, "multi_label": multi_label}
        return self._task("BiGSTextClassifier", length, texts, **options)

    def multiple_choice(self, texts, length=512):
        """A `BiGSMultipleChoice` for up to `length` tokens; see `build`."""
        return self._task("BiGSMultipleChoice", length, texts)

    def question_answerer(self, texts):
        """A `BiGSQuestionAnswerer` for up to 384 tokens; see `build`."""
        return self._task("BiGSQuestionAnswerer", 384, texts)

    def token_classifier(self, num_classes, texts):
        """A `BiGSTokenClassifier` for up to 128 tokens; see `build`."""
        return self._task("BiGSTokenClassifier", 128, texts, num_classes=num_classes)

    def _task(self, name, length, texts, **options):
        """A task of `keras_bigs.models` with its preprocessor."""
        from keras_bigs import models

        backbone, tokenizer, length = self.build(length, texts)
        cls = getattr(models, name)
        preprocessor = cls.preprocessor_cls(tokenizer, sequence_length=length)
        return cls(backbone, preprocessor=preprocessor, dropout=self.dropout, **options)

    def _learn(self, texts):
        from keras_bigs.data.vocabulary import learn_vocabulary

        print("Learning a vocabulary from the training texts")
        return learn_vocabulary(texts(), self.vocabulary_size)

    def _check_length(self):
        """Finds out whether a preset takes texts of `sequence_length`."""
        from keras_bigs.compat.keras_hub_presets import most_tokens

        most = most_tokens(self.model)
        if most is not None and (self.sequence_length or 0) > most:
            raise ConfigError(
                f"--sequence_length {self.sequence_length} is above the {most} tokens "
                f"that --model {self.model} takes. Give at most {most}, or make the "
                "model longer first: python -m recipes.extend"
            )

    def _vocabulary_of_preset(self):
        """How to load the tokenizer of a preset, which may need a vocabulary."""
        from keras_bigs.compat.keras_hub_presets import has_vocabulary

        has_one = has_vocabulary(self.model)
        if has_one and self.vocabulary is not None:
            raise ConfigError(
                f"--model {self.model} has a vocabulary of its own. Leave out "
                "--vocabulary."
            )
        if has_one:
            return {}
        if self.vocabulary is None:
            raise ConfigError(
                f"--model {self.model} comes without a vocabulary. Give its own by "
                "--vocabulary FILE, one word piece a line; that of the published "
                "weights is BERT's, uncased: vocab.txt of "
                "google-bert/bert-base-uncased."
            )
        return {"vocabulary": self.vocabulary}


def freeze_ssm(backbone):
    """Keeps the parameters of all SSMs of a backbone from being trained.

    Raises:
        ConfigError: it has none.
    """
    from keras_bigs.layers import S4DKernel

    kernels = [x for x in inner_layers(backbone) if isinstance(x, S4DKernel)]
    if not kernels:
        raise ConfigError("--freeze_ssm: the encoder has no SSM. Leave it out.")
    for kernel in kernels:
        kernel.trainable = False


@dataclass(kw_only=True)
class FineTuningConfig:
    """How to train."""

    learning_rate: float = 5e-4
    """Peak learning rate: 1e-5 to 6e-5 for large presets, 3e-4 to 1e-3 for small ones
    and from scratch."""
    epochs: int = 5
    """The most epochs to train."""
    batch_size: int = 32
    """Examples a step."""
    warmup_proportion: float = 0.1
    """The share of steps in which the learning rate rises."""
    weight_decay: float = 0.01
    """Weight decay of all but biases, norms and SSMs."""
    decay: Literal["linear", "cosine"] = "linear"
    """How the learning rate falls to 0 after the peak."""
    patience: int | None = 2
    """Epochs without a better metric before training stops. None for all epochs."""
    save_every: int = 500
    """Interval of checkpoints, in steps."""
    seed: int = 0
    """Seed of new weights, dropout and the order of examples."""
    mesh: str | None = None
    """How devices divide the work (JAX only), such as `batch=4,model=2`: `batch` the
    examples, `model` large matrices. Default: all along `batch`."""
    compilation_cache: bool = True
    """Whether JAX keeps compiled programs on disk, so that the next process need not
    compile them again."""

    def check(self):
        """Raises `ConfigError` if an option is out of its range."""
        from keras_bigs.training import meshes
        from keras_bigs.training.fine_tuning import RANGES
        from keras_bigs.training.fine_tuning import check_ranges
        from keras_bigs.training.processes import check_devices

        options = dataclasses.asdict(self)
        check_ranges(**{name: options[name] for name in RANGES if name in options})
        mesh = meshes.parse_mesh(self.mesh) if self.mesh else {}
        if "sequence" in mesh:
            raise ConfigError(
                f"--mesh {self.mesh}: texts of many lengths are not divided between "
                "devices. Use the axes `batch` and `model`."
            )
        check_devices(self.batch_size, mesh)

    def settings(self):
        """The options that the result depends on, as a dict."""
        free = ("save_every", "compilation_cache", "mesh")
        options = dataclasses.asdict(self)
        return {name: options[name] for name in options if name not in free}

    def begin(self, dtype="float32"):
        """Sets devices, Keras' seed and dtype policy, before anything is built.

        Raises:
            ConfigError: see `keras_bigs.training.distribute`.
        """
        import keras

        from keras_bigs.training.compilation_cache import use_compilation_cache
        from keras_bigs.training.meshes import parse_mesh
        from keras_bigs.training.processes import distribute

        mesh = parse_mesh(self.mesh) if self.mesh else None
        distribute(self.batch_size, mesh=mesh)
        keras.utils.set_random_seed(self.seed)
        keras.config.set_dtype_policy(dtype)
        if self.compilation_cache:
            use_compilation_cache()
