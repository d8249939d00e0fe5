"""Presets of tasks that were saved under a mixed policy.

keras-hub 0.32 takes the policy's name for that of a dtype, and `from_preset` of a task
raises `Invalid dtype: mixed_bfloat16`. May go when it loads such presets.
"""

import keras


class MixedPrecisionPresets:
    """Part of a loader: mixed policies give way to the current one.

    As any other floating-point policy does in keras-hub, and as backbones' do.
    """

    def _resolve_dtype(self, config, kwargs):
        saved = config["config"].get("dtype")
        name = saved["config"].get("name") if isinstance(saved, dict) else None
        if kwargs.get("dtype") is None and str(name).startswith("mixed_"):
            return keras.config.dtype_policy()
        return super()._resolve_dtype(config, kwargs)
