"""What the preprocessors of words, questions and choices share."""

import keras
import numpy as np
from keras_hub.layers import MultiSegmentPacker
from keras_hub.models import Preprocessor
from keras_hub.models import Task

from keras_bigs.compat.keras_hub_preprocessing import (
    convert_preprocessing_outputs_python,
)
from keras_bigs.compat.keras_hub_preprocessing import convert_to_numpy
from keras_bigs.compat.keras_hub_preprocessing import in_tf_function
from keras_bigs.compat.keras_hub_preprocessing import no_convert_scope
from keras_bigs.compat.keras_hub_preprocessing import tf


class PackedPreprocessor(Preprocessor):
    """Base class of preprocessors that pack `[CLS] a [SEP]` or `[CLS] a [SEP] b [SEP]`.

    Subclasses say how to compute the outputs on Python lists, in `call_python`, and in
    the graph of a `tf.data` pipeline, in `call_tf`.

    Args:
        tokenizer: the tokenizer.
        sequence_length: int. The length of packed inputs, in tokens.
        **kwargs: as for `keras_hub.models.Preprocessor`.
    """

    # Whether `x` is a tuple of texts. A call with one tuple of texts is then a call
    # with `x`; keras-hub's layers would take it for `(x, y)`.
    takes_tuples = False

    def __init__(self, tokenizer, sequence_length=512, **kwargs):
        super().__init__(**kwargs)
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length

    def build(self, input_shape=None):
        # There is nothing to build: a tokenizer is complete once it has a vocabulary.
        self.built = True

    def __call__(self, *args, **kwargs):
        is_tuple = len(args) == 1 and type(args[0]) is tuple
        if self.takes_tuples and is_tuple and not isinstance(args[0][0], tuple):
            kwargs.setdefault("y", None)
        return super().__call__(*args, **kwargs)

    def call(self, x, y=None, sample_weight=None):
        if in_tf_function():
            return self.call_tf(x, y, sample_weight)
        # NumPy throughout, and one conversion to the backend's tensors at the end.
        with no_convert_scope():
            outputs = self.call_python(x, y, sample_weight)
        return convert_preprocessing_outputs_python(outputs)

    def call_python(self, x, y, sample_weight):
        """The outputs as NumPy arrays, for Python lists, arrays or eager tensors."""
        raise NotImplementedError

    def call_tf(self, x, y, sample_weight):
        """The outputs as TensorFlow tensors, for those of a graph."""
        raise NotImplementedError

    def pack(self, segments):
        """Packs token ids into the backbone's inputs.

        Args:
            segments: tuple of batches of token ids, one a segment: lists of lists, or
                ragged tensors. Where they do not fit, the last is cut first.

        Returns:
            dict of `token_ids`, `segment_ids` (int32) and `padding_mask` (bool), each
            `(batch, sequence_length)`: NumPy arrays for lists, else tensors.
        """
        tokenizer = self.tokenizer
        token_ids, segment_ids = pack_segments(
            segments,
            self.sequence_length,
            start_value=tokenizer.start_token_id,
            end_value=tokenizer.end_token_id,
            pad_value=tokenizer.pad_token_id,
        )
        return {
            "token_ids": token_ids,
            "segment_ids": segment_ids,
            "padding_mask": token_ids != tokenizer.pad_token_id,
        }

    def get_config(self):
        config = super().get_config()
        config["sequence_length"] = self.sequence_length
        return config

    @property
    def sequence_length(self):
        """The padded length of model input sequences."""
        return self._sequence_length

    @sequence_length.setter
    def sequence_length(self, value):
        if value < 4:
            raise ValueError(
                "`sequence_length` must be at least 4: up to three tokens are special. "
                f"Received: sequence_length={value}"
            )
        self._sequence_length = value


class RaggedTask(Task):
    """Base class of tasks whose raw inputs may be lists of lists of differing lengths.

    `fit`, `evaluate` and `predict` of keras-hub batch arrays; `stack_inputs` makes
    arrays of the lists.
    """

    def stack_inputs(self, x, y=None):
        """`(x, y)` with lists of lists padded to arrays."""
        raise NotImplementedError

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        sample_weight=None,
        validation_data=None,
        **kwargs,
    ):
        x, y = self.stack_inputs(x, y)
        if isinstance(validation_data, (tuple, list)):
            unpacked = keras.utils.unpack_x_y_sample_weight(validation_data)
            validation_data = keras.utils.pack_x_y_sample_weight(
                *self.stack_inputs(*unpacked[:2]), unpacked[2]
            )
        return super().fit(x, y, batch_size, sample_weight, validation_data, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        x, y = self.stack_inputs(x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x=None, *args, **kwargs):
        x, _ = self.stack_inputs(x)
        return super().predict(x, *args, **kwargs)


def tokenize_texts(tokenizer, texts):
    """Token ids of each of several texts.

    A tokenizer that does not split takes a list of strings for the words of one text.

    Args:
        tokenizer: `keras_hub.tokenizers.WordPieceTokenizer`.
        texts: list of strings, or `(batch,)` tensor of TensorFlow.

    Returns:
        list of lists of ints, or a ragged tensor.
    """
    if not isinstance(texts, list):
        return tokenizer(texts if tokenizer.split else texts[:, tf.newaxis])
    if not texts:
        return []
    rows = tokenizer(texts if tokenizer.split else [[text] for text in texts])
    return [list(row) for row in rows]


def pack_segments(segments, length, *, start_value, end_value, pad_value):
    """`start a end b end`, padded, and the segment of each position, each int32.

    What `keras_hub.layers.MultiSegmentPacker` computes, which serves ragged tensors.
    For lists it would cost more than tokenizing does, most so on PyTorch.
    """
    if not isinstance(segments[0], list):
        packer = MultiSegmentPacker(
            length,
            start_value=start_value,
            end_value=end_value,
            pad_value=pad_value,
            truncate="waterfall",
        )
        return packer(segments)
    packed = np.full((len(segments[0]), length), pad_value, "int32")
    segment_ids = np.zeros_like(packed)
    for i, parts in enumerate(zip(*segments, strict=True)):
        packed[i, 0] = start_value
        at, room = 1, length - 1 - len(parts)
        for segment, part in enumerate(parts):
            part = part[:room]
            room -= len(part)
            packed[i, at : at + len(part) + 1] = [*part, end_value]
            segment_ids[i, at : at + len(part) + 1] = segment
            at += len(part) + 1
    return packed, segment_ids


def is_raw(x):
    """Whether `x` is a list or an array, not a dataset or a tensor."""
    return isinstance(x, (list, np.ndarray))


def pad_rows(rows, value, dtype):
    """A rectangular `(len(rows), longest)` array, rows filled up with `value`."""
    longest = max((len(row) for row in rows), default=0)
    array = np.full((len(rows), longest), value, dtype)
    for i, row in enumerate(rows):
        array[i, : len(row)] = row
    return array


def to_strings(x, name="x"):
    """Strings of any sort as Python strings, or nested lists of them.

    Args:
        x: a string or bytes; or a list, tuple, array or (ragged) tensor of such.
        name: what messages call `x`.

    Raises:
        ValueError: something that is no string.
    """
    if isinstance(x, bytes):
        return x.decode("utf-8")
    if isinstance(x, str):
        return str(x)
    if isinstance(x, (list, tuple)):
        return [to_strings(value, name) for value in x]
    if tf is not None and isinstance(x, tf.RaggedTensor):
        return to_strings(x.to_list(), name)
    if isinstance(x, np.ndarray) or (tf is not None and isinstance(x, tf.Tensor)):
        return to_strings(np.asarray(x).tolist(), name)
    raise ValueError(
        f"`{name}` must be a string or a list of strings. Received: {x!r} of type "
        f"{type(x).__name__}"
    )


def to_ints(x, name="y"):
    """Ints of any sort as Python ints, or nested lists of them; see `to_strings`."""
    if isinstance(x, (int, np.integer)):
        return int(x)
    if isinstance(x, (list, tuple)):
        return [to_ints(value, name) for value in x]
    if tf is not None and isinstance(x, tf.RaggedTensor):
        return to_ints(x.to_list(), name)
    if hasattr(x, "__array__"):
        return to_ints(convert_to_numpy(x).tolist(), name)
    raise ValueError(
        f"`{name}` must be an integer or a list of integers. Received: {x!r} of type "
        f"{type(x).__name__}"
    )
