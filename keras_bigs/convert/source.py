"""What the command converts: a model in either format, and its tokenizer."""

import dataclasses
import json
import warnings
from typing import Any

from keras_bigs import files
from keras_bigs import models
from keras_bigs.compat import keras_hub_presets
from keras_bigs.convert.config import UnknownArchitecture
from keras_bigs.convert.config import named_task
from keras_bigs.convert.loader import TASK_HEADS
from keras_bigs.convert.loader import OriginalPresetLoader
from keras_bigs.errors import CheckpointError
from keras_bigs.errors import ConfigError

# Of a checkpoint, beside the preset that was made of it.
ORIGINAL_CONFIG = "original_config.json"
TASKS = {
    "text_classifier": models.BiGSTextClassifier,
    "token_classifier": models.BiGSTokenClassifier,
    "multiple_choice": models.BiGSMultipleChoice,
}


@dataclasses.dataclass
class Source:
    """What was read.

    Attributes:
        model: `BiGSBackbone` or a task.
        tokenizer: `BiGSTokenizer` or `None`.
        new_weights: list of strings, the paths of variables that the checkpoint lacks.
        config: dict, the original's `config.json`, also of a preset that was converted
            from it; `None` of others.
        names_of_classes: list of strings, or `None` where nothing tells.
    """

    model: Any
    tokenizer: Any
    new_weights: list = dataclasses.field(default_factory=list)
    config: dict | None = None
    names_of_classes: list | None = None


def read(source, vocabulary=None, task=None):
    """The `Source` at a path or hub handle, in either format; also in a bucket."""
    if files.is_in_bucket(source):
        source = str(files.local_copy(source))
    try:
        loader = keras_hub_presets.get_preset_loader(source)
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError) as error:
        raise CheckpointError(
            f"{source}: config.json is no JSON object ({error})."
        ) from error
    if isinstance(loader, OriginalPresetLoader):
        return read_original(loader, vocabulary, task)
    if task is not None:
        raise ConfigError(
            f"--task {task} is for checkpoints of the original that do not tell. "
            f"{source} is a preset: leave it out."
        )
    if not isinstance(loader, keras_hub_presets.KerasPresetLoader):
        raise CheckpointError(
            f"{source} is neither a preset nor a checkpoint of the original, whose "
            'config.json has `"model_type": "BiGS"`.'
        )
    file = keras_hub_presets.TASK_CONFIG_FILE
    if not keras_hub_presets.check_file_exists(source, file):
        file = keras_hub_presets.CONFIG_FILE
    cls = keras_hub_presets.check_config_class(
        keras_hub_presets.load_json(source, file)
    )
    if cls is not models.BiGSBackbone and (
        getattr(cls, "backbone_cls", None) is not models.BiGSBackbone
    ):
        raise CheckpointError(f"{source} holds a {cls.__name__}, not a BiGS model.")
    tokenizer = None
    if keras_hub_presets.check_file_exists(
        source, keras_hub_presets.TOKENIZER_CONFIG_FILE
    ):
        tokenizer = models.BiGSTokenizer.from_preset(source)
    if vocabulary:
        case = {}
        if tokenizer is not None:
            case["lowercase"] = tokenizer.lowercase
            case["strip_accents"] = tokenizer.strip_accents
        tokenizer = models.BiGSTokenizer(vocabulary, **case)
    model = cls.from_preset(source)
    check_tokenizer(tokenizer, model)
    config = _optional_json(source, ORIGINAL_CONFIG)
    # As `recipes.classify` leaves them, or as the original had them.
    names = _optional_json(source, "classes.json") or _names_of(config)
    return Source(model, tokenizer, config=config, names_of_classes=names)


def _optional_json(preset, file):
    """The content of a JSON file of a preset, or `None` if it has none."""
    if not keras_hub_presets.check_file_exists(preset, file):
        return None
    return keras_hub_presets.load_json(preset, file)


def _names_of(config):
    """The names of classes of the original's `config.json`, or `None`."""
    names = (config or {}).get("id2label")
    if not isinstance(names, dict) or not all(map(str.isdecimal, names)):
        return None
    return [names[key] for key in sorted(names, key=int)] or None


def read_original(loader, vocabulary=None, task=None):
    """The `Source` of a checkpoint in the original's format."""
    cls = TASKS[task] if task else head_class(loader)
    if task and not loader.has_head(cls):
        raise CheckpointError(
            f"{loader.preset} has no head for {cls.__name__}. Leave out --task."
        )
    tokenizer = None
    if vocabulary or keras_hub_presets.has_vocabulary(loader.preset):
        tokenizer = loader.load_tokenizer(models.BiGSTokenizer, vocabulary=vocabulary)
    if cls is None:
        model = loader.load_backbone(models.BiGSBackbone, load_weights=True)
        check_tokenizer(tokenizer, model)
    else:
        preprocessor = tokenizer and loader.load_preprocessor(
            cls.preprocessor_cls, tokenizer=tokenizer
        )
        model = loader.load_task(cls, True, True, preprocessor=preprocessor)
    return Source(
        model, tokenizer, loader.new_weights, loader.config, _names_of(loader.config)
    )


def check_tokenizer(tokenizer, model):
    """Checks that the encoder has as many tokens as the tokenizer."""
    backbone = getattr(model, "backbone", model)
    if tokenizer and tokenizer.vocabulary_size() > backbone.vocabulary_size:
        raise CheckpointError(
            f"The vocabulary has {tokenizer.vocabulary_size()} word pieces and the "
            f"model {backbone.vocabulary_size}. Name the vocabulary of this model."
        )


def head_class(loader):
    """The task that a checkpoint of the original is for, or `None` without a head."""
    try:
        named = named_task(loader.config, loader.preset)
    except UnknownArchitecture as error:
        warnings.warn(
            f"{error} Its head is left out; the encoder is converted.", stacklevel=2
        )
        return None
    if named is not None and loader.has_head(named):
        return named
    if named is not None:
        warnings.warn(
            f"{loader.preset} is for a {named.__name__}, but has no weights of its "
            "head. The encoder is converted.",
            stacklevel=2,
        )
        return None
    fitting = [cls for cls in TASK_HEADS if loader.has_head(cls)]
    if len(fitting) > 1:
        raise CheckpointError(
            f"{loader.preset}: config.json has no `architectures` to tell what its "
            f"`classifier` is for. Pass --task with one of {list(TASKS)}."
        )
    return fitting[0] if fitting else None
