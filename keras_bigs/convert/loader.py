"""`from_preset` for checkpoints of the original implementation."""

import functools

from keras_bigs import models
from keras_bigs.compat import keras_hub_presets
from keras_bigs.convert.config import backbone_arguments
from keras_bigs.convert.config import head_arguments
from keras_bigs.convert.config import is_original
from keras_bigs.convert.config import named_task
from keras_bigs.convert.readers import READERS
from keras_bigs.convert.sizes import check_sizes
from keras_bigs.convert.vocabulary import as_pieces
from keras_bigs.convert.vocabulary import case_options
from keras_bigs.convert.vocabulary import find_vocabulary
from keras_bigs.convert.weights import Checkpoint
from keras_bigs.convert.weights import assign_weights
from keras_bigs.errors import CheckpointError

CLASSIFIERS = (models.BiGSTextClassifier, models.BiGSTokenClassifier)
# What the names of a head's tensors begin with.
TASK_HEADS = {
    models.BiGSMaskedLM: "cls.predictions",
    models.BiGSQuestionAnswerer: "qa_outputs",
    models.BiGSTextClassifier: "classifier",
    models.BiGSTokenClassifier: "classifier",
    models.BiGSMultipleChoice: "classifier",
}


class OriginalPresetLoader(keras_hub_presets.PresetLoader):
    """Loads a directory or hub handle in the original's format.

    What `from_preset` of any class uses once it reads `"model_type": "BiGS"` in
    `config.json`. Weights come from `model.safetensors`, else `flax_model.msgpack`,
    else `pytorch_model.bin`.

    Attributes:
        new_weights: list of strings, the paths of the variables of the model loaded
            last that the checkpoint lacks.
    """

    new_weights = ()

    def check_backbone_class(self):
        return models.BiGSBackbone

    def load_backbone(self, cls, load_weights, **kwargs):
        backbone = self._build_backbone(cls, load_weights, kwargs)
        if load_weights:
            self.new_weights = assign_weights(backbone, self.checkpoint, head=False)
        return backbone

    def load_task(self, cls, load_weights, load_task_weights, **kwargs):
        """The task, with its head where the checkpoint has it.

        `num_classes=` asks for a new head. Without it a head that has classes must be
        in the checkpoint; other heads are new where it has none.
        """
        vocabulary = kwargs.pop("vocabulary", None)
        if "preprocessor" not in kwargs:
            kwargs["preprocessor"] = self.load_preprocessor(
                cls.preprocessor_cls, vocabulary=vocabulary
            )
        elif vocabulary is not None:
            raise ValueError(
                "`vocabulary` is for a new preprocessor. Leave out `vocabulary` or "
                f"`preprocessor`. Received: preprocessor={kwargs['preprocessor']}, "
                f"vocabulary={str(vocabulary)[:80]!r}"
            )
        if "backbone" in kwargs:
            return cls(**kwargs)
        if not load_weights and self.checkpoint is None:
            load_task_weights = False
        head = load_task_weights and self.has_head(cls)
        if issubclass(cls, CLASSIFIERS) and "num_classes" not in kwargs:
            if not head:
                raise CheckpointError(
                    f"{self.preset} has no head for {cls.__name__}. Pass "
                    "`num_classes=` for a new one."
                )
            kwargs["num_classes"] = self.checkpoint.count_classes()
        backbone_kwargs, kwargs = self.get_backbone_kwargs(**kwargs)
        backbone = self._build_backbone(
            models.BiGSBackbone, load_weights, backbone_kwargs
        )
        task = cls(backbone=backbone, **{**head_arguments(self.config, cls), **kwargs})
        if load_weights:
            self.new_weights = assign_weights(task, self.checkpoint, head=head)
        return task

    def load_preprocessor(self, cls, config_file=None, vocabulary=None, **kwargs):
        """Packs as many tokens as the checkpoint has positions, unless told otherwise.

        `vocabulary=` goes to the tokenizer, see `load_tokenizer`.
        """
        if vocabulary is not None and "tokenizer" in kwargs:
            raise ValueError(
                "`vocabulary` is for a new tokenizer. Leave out `vocabulary` or "
                f"`tokenizer`. Received: tokenizer={kwargs['tokenizer']}, "
                f"vocabulary={str(vocabulary)[:80]!r}"
            )
        if "tokenizer" not in kwargs:
            kwargs["tokenizer"] = self.load_tokenizer(
                cls.tokenizer_cls, vocabulary=vocabulary
            )
        arguments = backbone_arguments(self.config, "flax", self.preset)
        kwargs.setdefault("sequence_length", arguments["max_sequence_length"])
        return cls(**kwargs)

    def load_tokenizer(self, cls, config_file=None, vocabulary=None, **kwargs):
        """From `vocabulary=`, else the checkpoint's `vocab.txt` or `tokenizer.json`.

        Lower-cases as the checkpoint's `tokenizer.json` or `tokenizer_config.json`
        says.
        """
        if vocabulary is None:
            vocabulary = find_vocabulary(self.preset)
        return cls(
            vocabulary=as_pieces(vocabulary), **{**case_options(self.preset), **kwargs}
        )

    def has_head(self, cls):
        """Whether the checkpoint has the head of a task.

        Three heads share the name of their tensors; `architectures`, where it is given,
        tells them apart.
        """
        if cls not in TASK_HEADS or not self.weights().has(TASK_HEADS[cls]):
            return False
        return named_task(self.config, self.preset) in (None, cls)

    def weights(self):
        """The `Checkpoint`, which must be there."""
        if self.checkpoint is None:
            raise CheckpointError(f"{self.preset} has none of {tuple(READERS)}.")
        return self.checkpoint

    @functools.cached_property
    def checkpoint(self):
        """The `Checkpoint`, or `None` where there are no weights."""
        for name in READERS:
            if keras_hub_presets.check_file_exists(self.preset, name):
                return Checkpoint(keras_hub_presets.get_file(self.preset, name))
        return None

    def _build_backbone(self, cls, load_weights, kwargs):
        # Without any weights: the GELU that the published ones were trained with.
        origin = "flax"
        if load_weights or self.checkpoint is not None:
            origin = self.weights().origin
        arguments = backbone_arguments(self.config, origin, self.preset)
        if load_weights:
            check_sizes(self.config, self.checkpoint.shapes, origin, self.preset)
        backbone = cls(**{**arguments, **kwargs})
        if load_weights and not is_original(backbone):
            raise CheckpointError(
                f"{self.preset} has the weights of a gated SSM encoder. Received: "
                f"{', '.join(f'{name}={value!r}' for name, value in kwargs.items())}. "
                "Leave that out, or pass `load_weights=False`."
            )
        return backbone
