"""Token ids of one or several texts, packed into one row each."""

import keras
import numpy as np
from keras_hub.layers import MultiSegmentPacker

from keras_bigs.compat.keras_hub_preprocessing import (
    convert_preprocessing_outputs_python,
)


@keras.saving.register_keras_serializable("keras_bigs")
class SegmentPacker(MultiSegmentPacker):
    """`keras_hub.layers.MultiSegmentPacker`, which packs lists in NumPy.

    keras-hub 0.32 takes every id of a list for an input of its own, several times over:
    on PyTorch for longer than tokenizing the texts takes.

    Arguments, call arguments, result and errors are those of `MultiSegmentPacker`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # There is nothing to build; Keras would run a model once for what is not built.
        self.built = True

    @classmethod
    def of(cls, packer):
        """One with the options of another packer, which it takes the place of."""
        packer.built = True  # for layers that it was one of keep it
        return cls.from_config(packer.get_config())

    def __call__(self, inputs, **kwargs):
        if kwargs or not self._packs(inputs):
            return super().__call__(inputs, **kwargs)
        return convert_preprocessing_outputs_python(
            pack_segments(
                inputs,
                self.sequence_length,
                start_value=self.start_value[0],
                end_value=self.end_value[0],
                pad_value=self.pad_value or 0,
                sep_value=self.sep_value,
                truncate=self.truncate,
            )
        )

    def _packs(self, inputs):
        """Whether inputs are a tuple of lists of lists of ids, as of a tokenizer."""
        return (
            isinstance(inputs, tuple)
            and all(type(segment) is list and segment for segment in inputs)
            and all(type(row) is list for segment in inputs for row in segment)
            and all(type(row[0]) is int for rows in inputs for row in rows if row)
            and len(self.start_value) == len(self.end_value) == 1
            and 2 + len(self.sep_value) * (len(inputs) - 1) <= self.sequence_length
            and self.padding_side == "right"
        )


def check_sequence_length(value):
    """Raises `ValueError` unless so many tokens are a number that can be packed."""
    if not isinstance(value, int | np.integer) or value < 4:
        raise ValueError(
            "`sequence_length` must be an int and at least 4: up to three tokens are "
            f"special. Received: sequence_length={value!r}"
        )


class PacksSegments:
    """Goes before a preprocessor of keras-hub that has a `packer`: that of this file,
    which packs lists in NumPy."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        check_sequence_length(self.sequence_length)

    def build(self, input_shape):
        super().build(input_shape)
        self.packer = SegmentPacker.of(self.packer)


def pack_segments(
    segments,
    length,
    *,
    start_value,
    end_value,
    pad_value,
    sep_value=None,
    truncate="waterfall",
):
    """`start a sep b end`, padded, and the segment of each position, each int32.

    What `keras_hub.layers.MultiSegmentPacker` computes, for lists in NumPy.

    Args:
        segments: tuple of batches of token ids, one a segment: lists of lists, or
            ragged tensors.
        length: int. The length of packed rows.
        start_value, end_value, pad_value: ints.
        sep_value: list of ids between segments, by default of the end's.
        truncate: `"waterfall"` or `"round_robin"`.

    Returns:
        Two arrays `(batch, length)`, or tensors for tensors.
    """
    if not isinstance(segments[0], list):
        packer = MultiSegmentPacker(
            length,
            start_value=start_value,
            end_value=end_value,
            sep_value=sep_value,
            pad_value=pad_value,
            truncate=truncate,
        )
        return packer(segments)
    between = [end_value] if sep_value is None else sep_value
    packed = np.full((len(segments[0]), length), pad_value, "int32")
    segment_ids = np.zeros_like(packed)
    room = length - 2 - len(between) * (len(segments) - 1)
    for i, parts in enumerate(zip(*segments, strict=True)):
        packed[i, 0] = start_value
        at = 1
        shares = _shares([len(part) for part in parts], room, truncate)
        for segment, (part, share) in enumerate(zip(parts, shares, strict=True), 1):
            part = [*part[:share], *(between if segment < len(parts) else [end_value])]
            packed[i, at : at + len(part)] = part
            segment_ids[i, at : at + len(part)] = segment - 1
            at += len(part)
    return packed, segment_ids


def _shares(lengths, room, truncate):
    """How many tokens of each segment there is room for."""
    if sum(lengths) <= room:
        return lengths
    shares = [0] * len(lengths)
    if truncate == "waterfall":
        for i, length in enumerate(lengths):
            shares[i] = min(length, room)
            room -= shares[i]
        return shares
    # One token each, in turn, of those that have some left.
    while room > 0:
        open_ones = [i for i, length in enumerate(lengths) if shares[i] < length]
        step = room // len(open_ones)
        if step:
            step = min(step, *(lengths[i] - shares[i] for i in open_ones))
        else:
            open_ones, step = open_ones[:room], 1
        for i in open_ones:
            shares[i] += step
        room -= step * len(open_ones)
    return shares
