"""Pseudo-log-likelihoods in batches, and one masked copy at a time.

    KERAS_BACKEND=torch python -m benchmarks.pseudo_log_likelihood

Scored are minimal pairs of generated sentences (`keras_bigs.data.agreement`), without
attractors, about as long as those of Marvin and Linzen (2018), and with four, about as
long as those of Linzen et al. (2016). One at a time is a call of `predict` for each
masked copy, padded to the preprocessor's length, as a preprocessor does it. The sides
take turns, and rates are by the wall clock. One at a time are only the first of the
pairs, whose scores must agree.
"""

import dataclasses

import keras
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table
from scipy.special import log_softmax

from benchmarks import timing
from keras_bigs import analysis
from keras_bigs.data import agreement

BATCHED, NAIVE = "batched", "one at a time"


@dataclasses.dataclass
class Config:
    """Times pseudo-log-likelihoods."""

    model: str = "bigs_mini_en_uncased"
    """A preset of a masked language model."""
    pairs: int = 32
    """How many to score in batches, of either length."""
    naive_pairs: int = 2
    """How many of them to score one at a time."""
    batch_size: int = 128
    """Masked copies that are computed at once."""
    repeats: int = 3
    """Rounds."""


def main(config: Config):
    console = Console(width=100)
    console.print(timing.environment())
    masked_lm = analysis.load_masked_lm(config.model)
    table = Table(
        *("attractors", "tokens", f"{BATCHED}: copies/s", f"{NAIVE}: copies/s"),
        *("ratio", "largest difference"),
        title=f"{config.model}, {keras.backend.backend()}",
    )
    for attractors in (0, 4):
        table.add_row(str(attractors), *compare(config, masked_lm, attractors))
    console.print(table)


def compare(config, masked_lm, attractors):
    """One row of the table."""
    shares = [0.0] * attractors + [1.0]
    examples = agreement.agreement_sentences(
        "test", config.pairs, max_attractors=attractors, distribution=shares
    )
    sentences = [
        example.masked(verb)
        for example in examples
        for verb in (example.verb, example.foil)
    ]
    pieces = analysis.WordPieces(masked_lm)
    rows = [pieces.pack(words) for words in pieces.words(sentences)]
    few = rows[: 2 * config.naive_pairs]
    scores = {}

    def batched():
        scores[BATCHED] = analysis.pseudo_log_likelihood(
            masked_lm, sentences, config.batch_size
        )

    def one_at_a_time():
        scores[NAIVE] = [one_by_one(masked_lm, pieces, row) for row in few]

    _, seconds = timing.interleave(
        {BATCHED: batched, NAIVE: one_at_a_time}, config.repeats
    )
    difference = np.abs(scores[BATCHED][: len(few)] - scores[NAIVE]).max()
    if difference > 1e-4:
        raise ValueError(f"The scores are not the same, by {difference:.1e}.")
    copies = {
        name: sum(len(row) - 2 for row in side)
        for name, side in ((BATCHED, rows), (NAIVE, few))
    }
    ratio = timing.median_ratio(seconds, NAIVE, BATCHED)
    return (
        f"{np.mean([len(row) for row in rows]):.1f}",
        *(
            f"{copies[name] / np.median(seconds[name]):.1f}"
            for name in (BATCHED, NAIVE)
        ),
        f"{ratio * copies[BATCHED] / copies[NAIVE]:.1f}",
        f"{difference:.1e}",
    )


def one_by_one(masked_lm, pieces, ids):
    """The pseudo-log-likelihood of one sentence, by a call for each of its tokens."""
    tokenizer, length = pieces.tokenizer, pieces.sequence_length
    row = np.full((1, length), tokenizer.pad_token_id, "int32")
    row[0, : len(ids)] = ids
    total = 0.0
    for position in range(1, len(ids) - 1):
        token_ids = row.copy()
        token_ids[0, position] = tokenizer.mask_token_id
        inputs = {
            "token_ids": token_ids,
            "segment_ids": np.zeros_like(row),
            "padding_mask": (np.arange(length) < len(ids))[None].astype("int32"),
            "mask_positions": np.array([[position]], "int32"),
        }
        logits = keras.Model.predict(masked_lm, inputs, verbose=0)[0, 0]
        scores = log_softmax(logits[: tokenizer.vocabulary_size()].astype("float64"))
        total += scores[ids[position]]
    return total


if __name__ == "__main__":
    main(tyro.cli(Config, use_underscores=True))
