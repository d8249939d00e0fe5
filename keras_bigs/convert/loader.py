"""`from_preset` for checkpoints of the original implementation."""

import os

import numpy as np
from keras_hub.src.utils import preset_utils
from keras_hub.src.utils.transformers import preset_loader

from keras_bigs import models
from keras_bigs.convert.config import ARCHITECTURES
from keras_bigs.convert.config import MODEL_TYPE
from keras_bigs.convert.config import backbone_arguments
from keras_bigs.convert.errors import CheckpointError
from keras_bigs.convert.names import IGNORED
from keras_bigs.convert.names import is_head
from keras_bigs.convert.names import tensor_map
from keras_bigs.convert.readers import READERS
from keras_bigs.convert.readers import tensor_shapes

CLASSIFIERS = (models.BiGSTextClassifier, models.BiGSTokenClassifier)
# The first part of the names of a head's tensors.
TASK_HEADS = {
    models.BiGSMaskedLM: "cls",
    models.BiGSQuestionAnswerer: "qa_outputs",
    models.BiGSTextClassifier: "classifier",
    models.BiGSTokenClassifier: "classifier",
    models.BiGSMultipleChoice: "classifier",
    models.BiGSTextEmbedder: None,
}
HEAD_BIASES = {"flax": "classifier/bias", "pytorch": "classifier.bias"}
VOCABULARY_FILES = ("vocab.txt", "tokenizer.json")


class OriginalPresetLoader(preset_utils.PresetLoader):
    """Loads a directory or hub handle in the original's format.

    What `from_preset` of any class uses once it reads `"model_type": "BiGS"` in
    `config.json`. Weights come from `model.safetensors`, else `flax_model.msgpack`,
    else `pytorch_model.bin`.
    """

    def check_backbone_class(self):
        return models.BiGSBackbone

    def load_backbone(self, cls, load_weights, **kwargs):
        origin, path = self.find_weights()
        arguments = backbone_arguments(self.config, origin, self.preset)
        backbone = cls(**{**arguments, **kwargs})
        if load_weights:
            load_weights_file(backbone, origin, path, head=False)
        return backbone

    def load_task(self, cls, load_weights, load_task_weights, **kwargs):
        """The task, with its head where the checkpoint has it.

        `num_classes=` asks for a new head. Without it a head that has classes must be
        in the checkpoint; other heads are new where it has none.
        """
        vocabulary = kwargs.pop("vocabulary", None)
        if "preprocessor" not in kwargs:
            tokenizer = self.load_tokenizer(
                cls.preprocessor_cls.tokenizer_cls, vocabulary=vocabulary
            )
            kwargs["preprocessor"] = cls.preprocessor_cls(tokenizer)
        if "backbone" in kwargs:
            return cls(**kwargs)
        origin, path = self.find_weights()
        shapes = tensor_shapes(path)
        head = load_task_weights and self.has_head(cls, shapes)
        if issubclass(cls, CLASSIFIERS) and "num_classes" not in kwargs:
            if not head:
                raise CheckpointError(
                    f"{self.preset} has no head for {cls.__name__}. Pass "
                    "`num_classes=` for a new one."
                )
            kwargs["num_classes"] = shapes[HEAD_BIASES[origin]][0]
        backbone_kwargs, kwargs = self.get_backbone_kwargs(**kwargs)
        arguments = backbone_arguments(self.config, origin, self.preset)
        backbone = models.BiGSBackbone(**arguments, **backbone_kwargs)
        task = cls(backbone=backbone, **kwargs)
        if load_weights:
            load_weights_file(task, origin, path, head=head)
        return task

    def load_tokenizer(self, cls, config_file=None, **kwargs):
        """From `vocabulary=`, else the checkpoint's `vocab.txt` or `tokenizer.json`."""
        if kwargs.get("vocabulary") is None:
            kwargs["vocabulary"] = self.find_vocabulary()
        return cls(**kwargs)

    def find_vocabulary(self):
        """The word pieces in order of their ids."""
        if preset_utils.check_file_exists(self.preset, "vocab.txt"):
            path = preset_utils.get_file(self.preset, "vocab.txt")
            with open(path, encoding="utf-8") as file:
                # Not `splitlines()`: a piece may be a rare kind of line break.
                return file.read().rstrip("\n").replace("\r\n", "\n").split("\n")
        if preset_utils.check_file_exists(self.preset, "tokenizer.json"):
            contents = preset_utils.load_json(self.preset, "tokenizer.json")
            try:
                ids = contents["model"]["vocab"]
                return sorted(ids, key=ids.__getitem__)
            except (KeyError, TypeError) as error:
                raise CheckpointError(
                    f"{self.preset}: tokenizer.json has no WordPiece `model.vocab`."
                ) from error
        raise CheckpointError(
            f"{self.preset} has neither of {VOCABULARY_FILES}. Pass `vocabulary=` to "
            "`from_preset`, the path of a file with one word piece a line. The "
            "published models have that of BERT, uncased: `vocab.txt` of "
            "`google-bert/bert-base-uncased` on the Hugging Face hub. Or pass "
            "`preprocessor=None` to go without."
        )

    def find_weights(self):
        """`(origin, path)` of the weights."""
        for name in READERS:
            if preset_utils.check_file_exists(self.preset, name):
                origin = "flax" if name.endswith("msgpack") else "pytorch"
                return origin, preset_utils.get_file(self.preset, name)
        raise CheckpointError(f"{self.preset} has none of {tuple(READERS)}.")

    def has_head(self, cls, shapes):
        """Whether the checkpoint has the head of a task.

        Three heads share the name of their tensors; `architectures`, where it is given,
        tells them apart.
        """
        heads = {name.replace("/", ".").split(".")[0] for name in shapes}
        if TASK_HEADS[cls] not in heads:
            return False
        named = self.task_class()
        return named is None or named is cls

    def task_class(self):
        """The class that `architectures` in `config.json` names, or `None`."""
        names = self.config.get("architectures") or ["BiGSModel"]
        cls = ARCHITECTURES.get(str(names[0]).removeprefix("Flax"))
        if cls is None:
            raise CheckpointError(
                f"{self.preset}: config.json: unknown architecture {names[0]!r}. "
                f"Known: {sorted(ARCHITECTURES)}."
            )
        return None if cls is models.BiGSBackbone else cls


def load_weights_file(model, origin, path, head):
    """Assigns the tensors of a file to a model's variables, one after the other.

    Args:
        model: `BiGSBackbone` or a task.
        origin: `"flax"` or `"pytorch"`.
        path: the file.
        head: bool. Whether the head is loaded too.

    Raises:
        CheckpointError: tensors are missing, unexpected, or of another shape or kind;
            all are listed.
    """
    targets = tensor_map(model, origin)
    if not head:
        targets = {n: target for n, target in targets.items() if not is_head(n)}
    loaded, unexpected, misshapen = set(), [], []
    for name, array in READERS[os.path.basename(path)](path):
        target = targets.get(name)
        if target is None:
            if name not in IGNORED[origin] and (head or not is_head(name)):
                unexpected.append(name)
            continue
        loaded.add(name)
        if array.shape != target.shape or not np.issubdtype(array.dtype, np.floating):
            misshapen.append(
                f"{name} ({array.dtype}{list(array.shape)} instead of "
                f"float{list(target.shape)})"
            )
            continue
        array = array.T if target.transposed else array
        target.variable.assign(array.reshape(target.variable.shape))
    missing = set(targets) - loaded
    pooler = {n for n in targets if n.replace("/", ".").split(".")[1] == "pooler"}
    if pooler <= missing and not _uses_pooled_output(model):
        # Flax's checkpoints of token-level heads come without the pooler.
        missing -= pooler
    problems = {
        "Missing": sorted(missing),
        "Unexpected": sorted(unexpected),
        "Of another shape": misshapen,
    }
    lines = [
        f"{kind}: {', '.join(names)}." for kind, names in problems.items() if names
    ]
    if lines:
        raise CheckpointError(f"{path} does not fit. {' '.join(lines)}")


def _uses_pooled_output(model):
    return isinstance(model, models.BiGSTextClassifier | models.BiGSMultipleChoice)


def register_loader():
    """Makes keras-hub's `from_preset` recognise the original's format.

    keras-hub has no public registry of formats; it picks a converter by `model_type`
    in the class that is replaced here.
    """
    transformers_loader = preset_loader.TransformersPresetLoader
    if issubclass(transformers_loader, _Dispatch):
        return

    class Loader(_Dispatch, transformers_loader):
        pass

    preset_loader.TransformersPresetLoader = Loader


class _Dispatch:
    def __new__(cls, preset, config):
        if config.get("model_type") == MODEL_TYPE:
            return OriginalPresetLoader(preset, config)
        return super().__new__(cls)
