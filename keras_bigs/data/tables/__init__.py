"""Labelled files.

    table = read_table("train.tsv", text="sentence", label="label")
    classes = class_names(table)
    labels = encode_labels(table, classes)  # int32, (len(table),)
    train = keras_bigs.data.BucketedBatches.for_task(task, table.x, labels)

Whatever is wrong with a file is a `DataError` when it is read, hence before any
training. It names the file, the line, the column and the remedy.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "formats": ["FORMATS", "table_format"],
        "labels": [
            "class_names",
            "encode",
            "encode_labels",
            "encode_multi_labels",
            "encode_targets",
            "label_vocabulary",
            "multi_label_classes",
        ],
        "reading": ["TextTable", "read_table"],
        "writing": ["write_table"],
    },
)
