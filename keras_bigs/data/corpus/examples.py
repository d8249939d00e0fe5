"""The examples of sequences: padded and masked."""

import numpy as np

from keras_bigs.data.pretraining import shards

# Rows masked at once; their random numbers take 12 MB at 128 tokens.
MASKING_ROWS = 4096


def pad(contents: list[list[int]], length: int, pieces: list[str]) -> dict:
    """Sequences between `[CLS]` and `[SEP]`, padded."""
    start, end, pad = (pieces.index(piece) for piece in ("[CLS]", "[SEP]", "[PAD]"))
    input_ids = np.full((len(contents), length), pad, "int32")
    for row, ids in zip(input_ids, contents, strict=True):
        row[: len(ids) + 2] = [start, *ids, end]
    lengths = np.array([len(ids) + 2 for ids in contents])
    input_mask = (np.arange(length) < lengths[:, None]).astype("uint8")
    return {
        "input_ids": input_ids,
        "input_mask": input_mask,
        "segment_ids": np.zeros_like(input_mask),
    }


def mask(masker, examples: dict, number: int, copy: int) -> dict[str, np.ndarray]:
    """The arrays that masking changes or adds."""
    token_ids = examples["input_ids"]
    rows = np.array([(copy, number, row) for row in range(len(token_ids))])
    parts = [
        masker(token_ids[i : i + MASKING_ROWS], rows[i : i + MASKING_ROWS])
        for i in range(0, len(rows), MASKING_ROWS)
    ]
    names = ("input_ids", *shards.MASK_FIELDS)
    return dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))
