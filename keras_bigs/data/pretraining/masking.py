"""Masked tokens as a pure function of (seed, epoch, shard, row).

The 80/10/10 recipe of BERT, which the paper follows (section 5, after Izsak et al.
2021): a share of the ordinary tokens is selected for prediction; of those 80% become
`"[MASK]"`, 10% a random token, and 10% stay.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_bigs.data.vocabulary import SPECIAL_TOKENS


@dataclass(frozen=True)
class Masking:
    """How tokens are masked.

    Attributes:
        mask_selection_rate: the share of ordinary tokens to predict; 0.15 in the paper,
            0.4 in Wettig et al. (2022).
        max_predictions: the most predictions in a sequence; `None` for
            `mask_selection_rate` times its length, rounded up: 20 of 128, as in the
            paper.
        mask_token_rate: the share of predicted tokens that become `"[MASK]"`.
        random_token_rate: the share of predicted tokens replaced by a random one.
        whole_words: whether the pieces of a word are predicted all or none.

    Raises:
        ValueError: a rate outside [0, 1], or no prediction.
    """

    mask_selection_rate: float = 0.15
    max_predictions: int | None = None
    mask_token_rate: float = 0.8
    random_token_rate: float = 0.1
    whole_words: bool = False

    def __post_init__(self):
        if not 0 < self.mask_selection_rate <= 1:
            raise ValueError(
                "`mask_selection_rate` must be in (0, 1]. Received: "
                f"{self.mask_selection_rate}"
            )
        if self.max_predictions is not None and self.max_predictions < 1:
            raise ValueError(
                "`max_predictions` must be at least 1. Received: "
                f"{self.max_predictions}"
            )
        shares = (self.mask_token_rate, self.random_token_rate)
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError(
                "`mask_token_rate` and `random_token_rate` must not be negative, nor "
                f"more than 1 together. Received: {shares}"
            )

    def predictions(self, length: int) -> int:
        """The most predictions in a sequence of `length` tokens."""
        return self.max_predictions or math.ceil(self.mask_selection_rate * length)


class Masker:
    """Masks rows of token ids.

    Each row has random numbers of its own: those of the counter-based generator Philox
    (Salmon et al. 2011) at the counter (row, shard, epoch), with the seed as its key.
    So masks depend neither on the batch that a row is in, nor on the number of
    processes.

    Args:
        vocabulary: the word pieces, in the order of their ids.
        masking: `Masking`.
        seed: non-negative int.

    Call arguments:
        token_ids: `(n, length)` integers.
        rows: `(n, 3)` integers: epoch (or the number of the copy), shard, and row in
            the shard.

    Returns:
        `(masked_ids, positions, labels)`: the ids after masking, `(n, length)`; the
        positions to predict in rising order, `(n, predictions)`, followed by 0
        where there are fewer; and the tokens there, followed by 0. Position 0 holds
        `"[CLS]"` and is never predicted.

    Raises:
        ValueError: the vocabulary lacks a special token or has no other ones.
    """

    def __init__(self, vocabulary: Sequence[str], masking: Masking, seed: int = 0):
        missing = set(SPECIAL_TOKENS) - set(vocabulary)
        if missing:
            raise ValueError(f"`vocabulary` lacks {sorted(missing)}.")
        special = np.isin(vocabulary, SPECIAL_TOKENS)
        if special.all():
            raise ValueError("`vocabulary` has special tokens only.")
        self.masking = masking
        self._key = [seed, 0]
        self._special = special
        self._ordinary = np.flatnonzero(~special)
        self._mask_id = list(vocabulary).index("[MASK]")
        self._continues = np.array([piece.startswith("##") for piece in vocabulary])

    def __call__(self, token_ids: np.ndarray, rows: np.ndarray):
        masking, length = self.masking, token_ids.shape[1]
        selection, action, replacement = self._random_numbers(rows, length)
        ordinary = ~self._special[token_ids]
        budget = np.rint(masking.mask_selection_rate * ordinary.sum(1)).astype(int)
        predictions = masking.predictions(length)
        budget = np.clip(budget, 1, predictions)
        if masking.whole_words:
            selected = self._select_words(token_ids, selection, ordinary, budget)
        else:
            selected = self._select_tokens(selection, ordinary, budget)
        # Selected positions in rising order, then those that are not.
        width = min(predictions, length)
        positions = np.argsort(~selected, axis=1, kind="stable")[:, :width]
        used = np.arange(width) < selected.sum(1)[:, None]
        positions = np.where(used, positions, 0)
        labels = np.where(used, np.take_along_axis(token_ids, positions, 1), 0)

        masked_ids = token_ids.copy()
        to_mask = selected & (action < masking.mask_token_rate)
        masked_ids[to_mask] = self._mask_id
        upper = masking.mask_token_rate + masking.random_token_rate
        to_replace = selected & (action >= masking.mask_token_rate) & (action < upper)
        draws = replacement[to_replace] * len(self._ordinary)
        masked_ids[to_replace] = self._ordinary[draws.astype(int)]
        padding = ((0, 0), (0, predictions - width))
        return masked_ids, np.pad(positions, padding), np.pad(labels, padding)

    def _random_numbers(self, rows, length):
        """Three numbers in [0, 1) for every token: `(3, n, length)`."""
        numbers = np.empty((3, len(rows), length))
        for i, (epoch, shard, row) in enumerate(rows.tolist()):
            # Word 0 of the counter counts within the row.
            bits = np.random.Philox(key=self._key, counter=[0, row, shard, epoch])
            numbers[:, i] = np.random.Generator(bits).random((3, length))
        return numbers

    def _select_tokens(self, selection, ordinary, budget):
        """As many ordinary tokens as the budget allows, those of least `selection`."""
        order = np.argsort(np.where(ordinary, selection, 2.0), axis=1, kind="stable")
        rank = np.argsort(order, axis=1, kind="stable")
        return ordinary & (rank < budget[:, None])

    def _select_words(self, token_ids, selection, ordinary, budget):
        """Whole words in random order, passing over those beyond the budget."""
        n, length = token_ids.shape
        first = ~(self._continues[token_ids] & ordinary)
        # A piece at the start of a sequence, or after a special token, is a word.
        first[:, 1:] |= ~ordinary[:, :-1]
        start = np.maximum.accumulate(np.where(first, np.arange(length), 0), axis=1)
        # All pieces of a word get the number of its first one, so they stay together.
        priority = np.take_along_axis(np.where(ordinary, selection, 2.0), start, 1)
        order = np.argsort(priority, axis=1, kind="stable")
        size = np.zeros((n, length), int)
        np.add.at(size, (np.arange(n)[:, None], start), 1)
        selected = np.zeros((n, length), bool)
        taken, fits, i = np.zeros(n, int), np.zeros(n, bool), np.arange(n)
        for position in order.T:
            opens = first[i, position]
            fits = np.where(opens, taken + size[i, position] <= budget, fits)
            take = fits & ordinary[i, position]
            selected[i, position] = take
            taken += take
        return selected


def unmask(token_ids: np.ndarray, positions: np.ndarray, labels: np.ndarray):
    """The ids before masking: `(n, length)`, from what `Masker` returns."""
    token_ids, rows = token_ids.copy(), np.arange(len(token_ids))[:, None]
    # Unused predictions are at position 0, where "[CLS]" must stay.
    original = np.where(positions > 0, labels, token_ids[rows, positions])
    token_ids[rows, positions] = original
    return token_ids
