"""The nine tasks of GLUE and its diagnostic set, from local files or TFDS.

task = GLUE_TASKS["cola"]
train = read_glue(task, "train", data_dir="glue_data")
labels = encode_labels(train, task.classes)
write_submission("submission.zip", {"cola": {"test": predictions}})
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "reading": ["read_glue"],
        "submission": ["write_submission"],
        "tasks": ["GLUE_TASKS", "GlueTask"],
    },
)
