"""Texts of TensorFlow Datasets, one document an example."""

import functools
from collections.abc import Iterator

from keras_bigs.data.corpus.chunks import Span
from keras_bigs.data.tfds import open_builder
from keras_bigs.errors import DataError


class TFDSSource:
    """The examples of a split of a TensorFlow Dataset that is prepared.

    Args:
        name: such as `wikipedia/20230601.en:train`; without a split it is `train`.
        text_field: the feature that has the text, one paragraph a line.
        data_dir: where the data are; `None` for TensorFlow Datasets' default.

    Raises:
        DataError: there is no such data set, split or feature, or it is not prepared.
    """

    def __init__(self, name: str, text_field: str, data_dir: str | None):
        self._text_field = text_field
        self._builder, self._split = _open(name, data_dir)
        self._name = f"{name.partition(':')[0]}:{self._split}"
        self._info = self._builder.info.splits[self._split]
        features = self._builder.info.features
        if text_field not in features:
            raise DataError(
                f"{self._name} has no field {text_field!r}, but {sorted(features)}."
            )

    def cut(self, start: int, room: int) -> Span | None:
        """The span from `start` of about `room` bytes, were all examples as long."""
        num_examples = self._info.num_examples
        if start >= num_examples:
            return None
        example_bytes = max(1, self._info.num_bytes // num_examples)
        stop = min(start + max(1, -(-room // example_bytes)), num_examples)
        num_bytes = (stop - start) * example_bytes
        return Span(self._name, start, stop, num_bytes, is_file=False)

    def read(self, span: Span) -> Iterator[bytes]:
        """The text of every example of a span, in the order on disk."""
        import tensorflow_datasets as tfds

        instruction = tfds.core.ReadInstruction(
            self._split, from_=span.start, to=span.stop, unit="abs"
        )
        config = tfds.ReadConfig(shuffle_seed=None, interleave_cycle_length=1)
        dataset = self._builder.as_dataset(split=instruction, read_config=config)
        for example in dataset.as_numpy_iterator():
            yield example[self._text_field]

    def documents(self, span: Span, data: bytes) -> Iterator[str]:
        """The text of one example."""
        yield data.decode()


@functools.lru_cache(8)
def _open(name, data_dir):
    """The builder of `name:split`, and the split."""
    name, _, split = name.partition(":")
    split = split or "train"
    return open_builder(name, split, data_dir), split
