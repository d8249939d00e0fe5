"""Which loader keras-hub's `from_preset` takes for files of this library.

keras-hub 0.32 has no registry of loaders: by what `config.json` has, each `from_preset`
makes a `KerasPresetLoader` or a `TransformersPresetLoader`, and the latter raises
`KerasHub has no converter` for a `model_type` that is not its own. A `from_preset` of
our classes would not do, since `keras_hub.models.TextClassifier.from_preset` finds our
presets too. So the making of a loader is intercepted where the configuration is ours.
For any other the two classes are what they were, and so are their instances.

May go when keras-hub has a registry of formats, and `mixed_precision_presets` and
`quantized_presets` are not needed.
"""

import importlib
import inspect

import keras
from keras_hub.src.utils.preset_utils import PREPROCESSOR_CONFIG_FILE
from keras_hub.src.utils.preset_utils import KerasPresetLoader
from keras_hub.src.utils.preset_utils import check_file_exists
from keras_hub.src.utils.preset_utils import load_json
from keras_hub.src.utils.transformers.preset_loader import TransformersPresetLoader

from keras_bigs.compat.mixed_precision_presets import MixedPrecisionPresets
from keras_bigs.compat.quantized_presets import QuantizedPresets

# The `model_type` in the `config.json` of the original implementation.
MODEL_TYPE = "BiGS"


class BiGSPresetLoader(QuantizedPresets, MixedPrecisionPresets, KerasPresetLoader):
    """Loads presets of this library."""

    def load_preprocessor(self, cls, config_file=PREPROCESSOR_CONFIG_FILE, **kwargs):
        """As texts are packed for one task of a preset they are packed for others.

        keras-hub makes a preprocessor of another class than the preset's with default
        arguments: with 512 tokens, whatever the preset takes.
        """
        if check_file_exists(self.preset, config_file):
            config = load_json(self.preset, config_file)["config"]
            # A class may hand all arguments on to the one before.
            constructors = (inspect.signature(base.__init__) for base in cls.__mro__)
            takes = any("sequence_length" in c.parameters for c in constructors)
            if "sequence_length" in config and takes:
                kwargs.setdefault("sequence_length", config["sequence_length"])
        return super().load_preprocessor(cls, config_file, **kwargs)

    def check_backbone_class(self):
        """The class by which keras-hub looks for tasks, tokenizers and preprocessors.

        It takes only those that name the backbone's very class as their own. A backbone
        of ours that takes another's place names that as its `task_backbone_cls`.
        """
        cls = super().check_backbone_class()
        return getattr(cls, "task_backbone_cls", cls)


def register_preset_loading(*backbone_classes):
    """Makes keras-hub load presets of backbones, and the original's checkpoints.

    Args:
        *backbone_classes: subclasses of `keras_hub.models.Backbone`. Presets of other
            classes than these and their subclasses load as without this library.
    """

    def is_our_preset(config):
        # A damaged file may have anything, which keras-hub refuses by itself.
        if not isinstance(config, dict):
            return False
        cls = keras.saving.get_registered_object(config.get("registered_name"))
        return isinstance(cls, type) and issubclass(cls, backbone_classes)

    def is_original(config):
        return isinstance(config, dict) and config.get("model_type") == MODEL_TYPE

    def original_loader(preset, config):
        # Above the models; imported when it is needed.
        loader = importlib.import_module("keras_bigs.convert.loader")
        return loader.OriginalPresetLoader(preset, config)

    _intercept(KerasPresetLoader, is_our_preset, BiGSPresetLoader)
    _intercept(TransformersPresetLoader, is_original, original_loader)


def _intercept(cls, is_ours, loader):
    """Makes `cls(preset, config)` give `loader(preset, config)` where that is ours."""

    def new(made, *args, **kwargs):
        # Not in subclasses, ours among them, nor in copies, which have no arguments.
        if made is cls and len(args) == 2 and is_ours(args[1]):
            return loader(*args)
        return object.__new__(made)

    cls.__new__ = staticmethod(new)
