"""keras-hub's reading of presets, for formats that it does not know.

keras-hub 0.32 has no public functions for the files of a preset, nor a public way to
register presets or formats. May go when it has.
"""

from keras_hub.src.utils.preset_utils import CONFIG_FILE
from keras_hub.src.utils.preset_utils import TASK_CONFIG_FILE
from keras_hub.src.utils.preset_utils import TOKENIZER_CONFIG_FILE
from keras_hub.src.utils.preset_utils import KerasPresetLoader
from keras_hub.src.utils.preset_utils import PresetLoader
from keras_hub.src.utils.preset_utils import check_config_class
from keras_hub.src.utils.preset_utils import check_file_exists
from keras_hub.src.utils.preset_utils import get_file
from keras_hub.src.utils.preset_utils import get_preset_loader
from keras_hub.src.utils.preset_utils import load_json
from keras_hub.src.utils.preset_utils import register_presets

__all__ = [
    "CONFIG_FILE",
    "TASK_CONFIG_FILE",
    "TOKENIZER_CONFIG_FILE",
    "VOCABULARY_FILES",
    "KerasPresetLoader",
    "PresetLoader",
    "check_config_class",
    "check_file_exists",
    "get_file",
    "get_preset_loader",
    "has_vocabulary",
    "load_json",
    "most_tokens",
    "register_presets",
]

# Hugging Face's names. keras-hub has a `tokenizer.json` too, which is its own.
VOCABULARY_FILES = ("vocab.txt", "tokenizer.json")


def has_vocabulary(preset):
    """Whether a preset or checkpoint comes with a vocabulary."""
    return any(check_file_exists(preset, file) for file in VOCABULARY_FILES)


def most_tokens(preset):
    """The most tokens that the encoder of a preset or checkpoint takes, or `None`."""
    config = load_json(preset, CONFIG_FILE)
    # As Keras and as Hugging Face write it.
    keras_config = config.get("config", {})
    return keras_config.get(
        "max_sequence_length", config.get("max_position_embeddings")
    )
