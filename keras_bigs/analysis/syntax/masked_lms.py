"""Masked language models of presets, head included."""

import pathlib

import keras_hub

from keras_bigs import files
from keras_bigs import models
from keras_bigs.compat import keras_hub_presets
from keras_bigs.errors import ConfigError
from keras_bigs.models.preset_checksum import preset_sha256

_TASK_WEIGHTS = "task.weights.h5"


def load_masked_lm(preset: str, vocabulary=None):
    """The masked language model of a preset.

    `keras_hub.models.MaskedLM.from_preset` gives a new, random head to a preset that
    has none, such as one of an encoder or a classifier, and to checkpoints of BERT in
    the format of Hugging Face, whose head keras-hub does not convert. What such a head
    predicts is noise, so here they are refused.

    Args:
        preset: a directory, a name, or a hub handle such as hf://OWNER/NAME: of BiGS,
            a checkpoint of the original implementation among them, or of another masked
            language model of keras-hub.
        vocabulary: the path of a file with one word piece a line, for a checkpoint that
            has none, as the published ones.

    Returns:
        `keras_hub.models.MaskedLM`, with its preprocessor.

    Raises:
        ConfigError: the preset is not found, has no head of a masked language model, or
            has no vocabulary and none is given.

    Example:
    ```python
    masked_lm = keras_bigs.analysis.load_masked_lm("bigs_mini_en_uncased")
    ```
    """
    check_masked_lm(preset, vocabulary)
    options = {}
    if not keras_hub_presets.has_vocabulary(preset):
        options["vocabulary"] = str(vocabulary)
    return keras_hub.models.MaskedLM.from_preset(preset, **options)


def check_masked_lm(preset: str, vocabulary=None) -> None:
    """Finds out whether `load_masked_lm` will find what it needs, weights unread.

    Args:
        preset, vocabulary: as for `load_masked_lm`.

    Raises:
        ConfigError: as for `load_masked_lm`.

    Example:
    ```python
    keras_bigs.analysis.check_masked_lm("bigs_mini_en_uncased")
    ```
    """
    if vocabulary is not None and not pathlib.Path(vocabulary).is_file():
        raise ConfigError(f"--vocabulary {vocabulary} is no file.")
    try:
        loader = keras_hub_presets.get_preset_loader(preset)
    except (ValueError, TypeError, OSError) as error:
        raise ConfigError(f"--preset {preset} cannot be loaded: {error}") from error
    if not _has_head(loader):
        raise ConfigError(
            f"--preset {preset} has no head of a masked language model, and a new one "
            "would predict noise. Give a preset that a masked language model was saved "
            "to, by `save_to_preset`."
        )
    if vocabulary is None and not keras_hub_presets.has_vocabulary(preset):
        raise ConfigError(
            f"--preset {preset} comes without a vocabulary. Give its own by "
            "--vocabulary FILE, one word piece a line; that of the published weights "
            "is BERT's, uncased: vocab.txt of google-bert/bert-base-uncased."
        )


def preset_identity(preset: str, vocabulary=None) -> str:
    """What tells a preset from one of other weights in the same place.

    Args:
        preset, vocabulary: as for `load_masked_lm`.

    Returns:
        The preset, and the SHA-256 of its files, and of the vocabulary that it takes.

    Example:
    ```python
    keras_bigs.analysis.preset_identity("bigs_mini_en_uncased")
    ```
    """
    parts = [preset, preset_sha256(preset)]
    if vocabulary is not None and not keras_hub_presets.has_vocabulary(preset):
        parts.append(files.sha256(pathlib.Path(vocabulary)))
    return " ".join(parts)


def _has_head(loader):
    """Whether a preset has the weights of the head of a masked language model."""
    preset = loader.preset
    # A checkpoint of the original implementation.
    if hasattr(loader, "has_head"):
        return loader.has_head(models.BiGSMaskedLM)
    if not isinstance(loader, keras_hub_presets.KerasPresetLoader):
        return False
    needed = (keras_hub_presets.TASK_CONFIG_FILE, _TASK_WEIGHTS)
    if not all(keras_hub_presets.check_file_exists(preset, file) for file in needed):
        return False
    task = keras_hub_presets.check_config_class(
        keras_hub_presets.load_json(preset, needed[0])
    )
    return issubclass(task, keras_hub.models.MaskedLM)
