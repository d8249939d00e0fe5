"""What presets of masked language models know, side by side.

    KERAS_BACKEND=torch python -m benchmarks.preset_quality \\
        --preset first=OLD_PRESET second=bigs_mini_en_uncased --texts valid.txt

Two measures that do not depend on how a vocabulary splits words, so that presets of
different vocabularies can be compared:

- words of held-out paragraphs, masked one at a time: only words that are one piece in
  every preset's vocabulary, the same ones for all. Reported is their loss in nats.
- the blanks of `benchmarks/fill_mask.tsv`: 50 sentences with the words that fit. They
  were written before any of the presets was asked.
"""

import dataclasses
import pathlib

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from benchmarks import timing
from keras_bigs import analysis
from keras_bigs import errors

BLANKS = pathlib.Path(__file__).parent / "fill_mask.tsv"


@dataclasses.dataclass
class Config:
    """Compares presets of masked language models."""

    preset: tuple[str, ...]
    """Presets, each with a name of your choice: NAME=PRESET."""
    texts: pathlib.Path
    """A file of held-out text, one paragraph a line."""
    paragraphs: int = 1000
    """How many of its paragraphs are read, drawn by lot."""
    words: int = 4
    """How many words of each are masked, in a copy of the paragraph each."""
    seed: int = 0
    """Draws paragraphs and words."""


def main(config: Config):
    console = Console(width=110)
    console.print(timing.environment())
    scorers, guesses = {}, {}
    blanks = read_blanks(BLANKS)
    for name, preset in analysis.named(config.preset, "preset").items():
        masked_lm = analysis.load_masked_lm(preset)
        scorers[name] = analysis.MaskedTokenScorer(masked_lm)
        guesses[name] = guess(masked_lm, [sentence for sentence, _, _ in blanks])

    masked = draw_words(config, scorers)
    table = Table("held-out words", "loss", title=f"{len(masked)} words")
    for name, scorer in scorers.items():
        tokens = [token_of(scorer.pieces, text, index) for text, index in masked]
        table.add_row(name, f"{-scorer.log_probabilities(tokens).mean():.3f}")
    console.print(table)

    table = Table("blanks filled rightly", "kind", "first guess", "first five")
    for name, rows in guesses.items():
        for kind in dict.fromkeys(kind for _, _, kind in blanks):
            ranks = [
                any(word in right for word in row[:k])
                for k in (1, 5)
                for row, (_, right, other) in zip(rows, blanks, strict=True)
                if other == kind
            ]
            first, five = np.split(np.array(ranks), 2)
            shares = (f"{part.sum()} of {len(part)}" for part in (first, five))
            table.add_row(name, kind, *shares)
    console.print(table)

    table = Table("sentence", *guesses)
    for index, (sentence, _, _) in enumerate(blanks):
        table.add_row(
            sentence, *(", ".join(rows[index][:3]) for rows in guesses.values())
        )
    Console(width=110, markup=False, emoji=False).print(table)


def read_blanks(path):
    """Sentences with one `[MASK]`, the words that fit, and what is asked for."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [(sentence, set(words.split()), kind) for kind, sentence, words in rows[1:]]


def guess(masked_lm, sentences):
    """The five best words for each sentence's blank."""
    return [
        [entry["token"] for entry in best]
        for (best,) in masked_lm.fill_mask(sentences, top_k=5)
    ]


def draw_words(config, scorers):
    """`(paragraph, index of a word in it)`, of words that every vocabulary has."""
    generator = np.random.default_rng(config.seed)
    lines = config.texts.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if len(line.split()) >= 10]
    drawn = []
    for index in generator.permutation(len(lines)):
        # Short enough for every preset; what is cut off does not matter.
        text = " ".join(lines[index].split()[:70])
        usable = [usable_words(scorer.pieces, text) for scorer in scorers.values()]
        common = sorted(set.intersection(*usable))
        if len(common) >= config.words:
            chosen = generator.choice(common, config.words, replace=False)
            drawn += [(text, int(word)) for word in chosen]
        if len(drawn) == config.words * config.paragraphs:
            return drawn
    raise errors.ConfigError(
        f"{config.texts} has {len(drawn) // config.words} paragraphs of 10 words or "
        f"more that fit into every preset. Ask for fewer than {config.paragraphs}, "
        "with --paragraphs."
    )


def usable_words(pieces, text):
    """The indices of words, not punctuation, that are one known piece."""
    (words,) = pieces.words([text])
    if len(pieces.pack(words)) > pieces.sequence_length:
        return set()
    return {
        index
        for index, word in enumerate(words)
        if len(word) == 1
        and word[0] != pieces.unknown_id
        and pieces.tokenizer.id_to_token(word[0]).isalpha()
    }


def token_of(pieces, text, index):
    """A paragraph's token ids, and the position of one of its words."""
    (words,) = pieces.words([text])
    return pieces.pack(words), 1 + sum(len(word) for word in words[:index])


if __name__ == "__main__":
    errors.run(
        lambda arguments: main(tyro.cli(Config, args=arguments, use_underscores=True))
    )
