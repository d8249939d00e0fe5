"""Prepared data of TensorFlow Datasets, which is an optional package."""

from keras_bigs.errors import DataError


def open_builder(name: str, split: str, data_dir: str | None = None):
    """The builder of a data set of which a split is prepared.

    Args:
        name: such as `glue/cola`.
        split: such as `train`.
        data_dir: where the data are; `None` for TensorFlow Datasets' default.

    Returns:
        `tfds.core.DatasetBuilder`.

    Raises:
        DataError: TensorFlow Datasets is not installed, there is no such data set, or
            nothing is prepared for the split.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise DataError(
            f"{name} is no file here, and TensorFlow Datasets is not installed: "
            "correct the name, or pip install '.[tfds]'"
        ) from error

    # Here, since Keras takes seconds to start and texts in files need none.
    from keras_bigs.compat.tensorflow_devices import hide_gpus_from_tensorflow

    hide_gpus_from_tensorflow()
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (ValueError, ImportError, tfds.core.DatasetNotFoundError) as error:
        raise DataError(
            f"{name} is neither a file nor a TensorFlow Dataset: {error}"
        ) from error
    if split not in builder.info.splits:
        raise DataError(
            f"{name}: nothing is prepared for split {split!r} in {builder.data_dir}. "
            f"Download it by `tfds build {name}`, or name the folder of the data "
            "(data_dir)."
        )
    return builder
