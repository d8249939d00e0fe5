"""Presets of models that were quantized before `save_to_preset`.

The policies of the quantized layers are in the configuration, as a `DTypePolicyMap`.
keras-hub 0.32 does not use it for a backbone, and for a task uses the map of
`config.json`, the backbone's, in which the task's own layers are missing; a `dtype=`
that is asked for replaces the map. The layers are then built as if they were not
quantized, and loading raises `expected 1 variables, but received 0 variables`. May go
when keras-hub loads such presets.
"""

import copy

from keras_hub.src.utils.preset_utils import TASK_CONFIG_FILE
from keras_hub.src.utils.preset_utils import check_config_class
from keras_hub.src.utils.preset_utils import check_file_exists
from keras_hub.src.utils.preset_utils import load_json


class QuantizedPresets:
    """Part of a loader: layers have the policies that they were saved with."""

    def load_backbone(self, cls, load_weights, **kwargs):
        if _policy_map(self.config) is not None:
            kwargs["dtype"] = self._resolve_dtype(self.config, kwargs)
        return super().load_backbone(cls, load_weights, **kwargs)

    def load_task(self, cls, load_weights, load_task_weights, **kwargs):
        # A task with new weights of its own is not quantized there.
        if load_task_weights and check_file_exists(self.preset, TASK_CONFIG_FILE):
            task = load_json(self.preset, TASK_CONFIG_FILE)
            if issubclass(check_config_class(task), cls):
                self.config = task["config"]["backbone"]
        return super().load_task(cls, load_weights, load_task_weights, **kwargs)

    def _resolve_dtype(self, config, kwargs):
        saved, dtype = _policy_map(config), kwargs.get("dtype")
        if saved is None:
            return super()._resolve_dtype(config, kwargs)
        if dtype is None:
            return saved
        saved = copy.deepcopy(saved)
        dtype = getattr(dtype, "name", dtype)
        saved["config"]["default_policy"] = dtype
        for policy in saved["config"]["policy_map"].values():
            policy["config"]["source_name"] = dtype
        return saved


def _policy_map(config):
    """The serialized `DTypePolicyMap` of a configuration, if it has one."""
    dtype = config["config"].get("dtype")
    is_map = isinstance(dtype, dict) and dtype["class_name"] == "DTypePolicyMap"
    return dtype if is_map else None
