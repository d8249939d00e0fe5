"""The tasks that `metadata.json` of a preset names.

keras-hub 0.32 names each task of a backbone by the first of its base classes, whether
that is a task or not: for `BiGSTextClassifier`, `BiGSClassifier` instead of
`TextClassifier`. May go when it looks for a task.
"""

import json
from pathlib import Path

from keras_hub.models import Task
from keras_hub.src.utils.preset_utils import METADATA_FILE
from keras_hub.src.utils.preset_utils import list_subclasses


def correct_tasks(preset_dir, backbone_cls):
    """Rewrites the names of the tasks that a backbone has.

    Args:
        preset_dir: the directory of the preset.
        backbone_cls: the class of its backbone.
    """
    path = Path(preset_dir) / METADATA_FILE
    metadata = json.loads(path.read_text(encoding="utf-8"))
    metadata["tasks"] = sorted(
        {
            next(base.__name__ for base in task.__mro__[1:] if issubclass(base, Task))
            for task in list_subclasses(Task)
            if task.backbone_cls is backbone_cls
        }
    )
    path.write_text(json.dumps(metadata, indent=4), encoding="utf-8")
