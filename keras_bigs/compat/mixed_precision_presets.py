"""Presets of models that were trained in mixed precision."""

import keras
from keras_hub.src.utils import preset_utils


def register_mixed_precision_presets():
    """Makes keras-hub load tasks that were saved under a mixed policy.

    keras-hub 0.32 takes its name for that of a dtype and raises `Invalid dtype:
    mixed_bfloat16`. Here such a task takes the current policy, as one that was saved in
    any other floating-point policy does, and as backbones do.
    """
    if not issubclass(preset_utils.KerasPresetLoader, _MixedPrecision):
        preset_utils.KerasPresetLoader = type(
            "KerasPresetLoader", (_MixedPrecision, preset_utils.KerasPresetLoader), {}
        )


class _MixedPrecision:
    def _resolve_dtype(self, config, kwargs):
        saved = config.get("config", {}).get("dtype")
        name = saved.get("config", {}).get("name") if isinstance(saved, dict) else None
        if kwargs.get("dtype") is None and str(name).startswith("mixed_"):
            return keras.config.dtype_policy()
        return super()._resolve_dtype(config, kwargs)
