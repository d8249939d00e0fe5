"""Presets of text classifiers: which output is which class."""

import json
import pathlib

from keras_bigs.compat import keras_hub_presets
from keras_bigs.data.tables.messages import shorten
from keras_bigs.errors import ConfigError
from keras_bigs.models import BiGSTextClassifier


def class_outputs(preset, classes, task):
    """Which outputs of a classifier's preset are those of some classes.

    Weights are not read, so that all presets can be checked before any of them works.

    Args:
        preset: of a `BiGSTextClassifier`, such as a run of `recipes.glue` leaves, with
            the names of its classes in `classes.json`. Without that file, its outputs
            are taken to be in the order of `classes`.
        classes: the names of the classes.
        task: what the classes are of, for messages.

    Returns:
        list of ints, the output of each class.

    Raises:
        ConfigError: there is no such preset, or it is no classifier of these classes.
    """
    preset, folder = str(preset), pathlib.Path(preset)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise ConfigError(
            f"{preset} is a folder, but no preset. Of a run, name its folder preset/."
        )
    if not (folder.is_dir() or preset in BiGSTextClassifier.presets or "://" in preset):
        raise ConfigError(f"{preset} is no preset: a folder, a name or a hub handle.")
    names, path = list(classes), folder / "classes.json"
    if path.is_file():
        names = json.loads(path.read_text(encoding="utf-8"))
    if sorted(names) != sorted(classes):
        raise ConfigError(
            f"{preset} is a classifier of {shorten(names)}, and {task} has the classes "
            f"{list(classes)}. Give one that was fine-tuned on {task}."
        )
    number = _number_of_outputs(preset)
    if number is not None and number != len(classes):
        raise ConfigError(
            f"{preset} has {number} outputs, and {task} {len(classes)} classes. Give a "
            f"classifier that was fine-tuned on {task}."
        )
    return [names.index(name) for name in classes]


def _number_of_outputs(preset):
    """The number of classes; `None` of checkpoints in other formats."""
    loader = keras_hub_presets.get_preset_loader(preset)
    if not isinstance(loader, keras_hub_presets.KerasPresetLoader):
        return None
    file = keras_hub_presets.TASK_CONFIG_FILE
    task = {}
    if keras_hub_presets.check_file_exists(preset, file):
        task = keras_hub_presets.load_json(preset, file)
    if "num_classes" not in task.get("config", {}):
        raise ConfigError(
            f"{preset} has no classifier, only an encoder or another task. Fine-tune "
            "it first, as `recipes.glue` does."
        )
    return task["config"]["num_classes"]
