"""From labelled files to batches.

    table = read_table("train.tsv", text="sentence", label="label")
    classes = class_names(table)
    labels = encode_labels(table, classes)  # int32, (len(table),)
    train = BucketedTextBatches.from_table(table, task, labels, shuffle=True)

Whatever is wrong with a file is a `DataError` when it is read, hence before any
training. It names the file, the line, the column and the remedy.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "batches": ["BucketedTextBatches", "bucket_lengths"],
        "formats": ["FORMATS", "table_format"],
        "labels": [
            "class_names",
            "encode_labels",
            "encode_targets",
            "label_vocabulary",
        ],
        "reading": ["TextTable", "read_table"],
        "writing": ["write_table"],
    },
)
