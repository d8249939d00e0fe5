"""Which sentence of a minimal pair a masked language model prefers (section 7.3)."""

import functools
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn
from rich.progress import Progress
from rich.progress import TaskProgressColumn
from rich.progress import TextColumn
from rich.progress import TimeRemainingColumn

from keras_bigs.analysis.syntax.ledger import PairLedger
from keras_bigs.analysis.syntax.pseudo_log_likelihood import MaskedTokenScorer
from keras_bigs.analysis.syntax.pseudo_log_likelihood import all_tokens
from keras_bigs.analysis.syntax.score import MASKED_WORD
from keras_bigs.analysis.syntax.score import SENTENCE
from keras_bigs.analysis.syntax.score import PairScore
from keras_bigs.data.syntax import MinimalPair

# As many are lost at most when the process is killed.
PAIRS_A_CHUNK = 1024


def score_pairs(
    masked_lm,
    pairs: Sequence[MinimalPair],
    ledger: PairLedger | None = None,
    batch_size: int = 128,
    description: str | None = None,
) -> list[PairScore]:
    """Scores both sentences of each minimal pair.

    - After Goldberg (2019), where the sentences differ in one word, and both words are
      one word piece: the word is masked, and both are scored there, given the rest.
    - Otherwise, such as for words of several pieces or for words in another order, by
      the pseudo-log-likelihood of the whole sentences (Salazar et al. 2020; see
      `pseudo_log_likelihood`). It rewards frequent words, and pieces that the others of
      their word give away: report such pairs apart.

    Pairs that cannot be compared are not scored, and say why: one of the sentences is
    empty or longer than the model takes; both have the same tokens; or one has `[UNK]`
    where they differ, which may be any word.

    Args:
        masked_lm: as for `MaskedTokenScorer`.
        pairs: `MinimalPair`s.
        ledger: `PairLedger` of the model. What is in it is not scored again, and what
            is scored is written to it, after some thousand pairs. `None` keeps no
            scores.
        batch_size: int. The masked copies that are computed at once.
        description: what the progress bar says, on the standard error; `None` shows
            none.

    Returns:
        A list of `PairScore`, one a pair.

    Raises:
        ConfigError: as for `MaskedTokenScorer.log_probabilities`.

    Example:
    ```python
    masked_lm = keras_bigs.models.BiGSMaskedLM.from_preset("bigs_mini_en_uncased")
    MinimalPair = keras_bigs.data.syntax.MinimalPair
    pairs = [MinimalPair("The keys are old.", "The keys is old.", "agreement", "")]
    scores = keras_bigs.analysis.score_pairs(masked_lm, pairs)
    [score.correct for score in scores]
    ```
    """
    scorer = MaskedTokenScorer(masked_lm, batch_size)
    scores = {} if ledger is None else dict(ledger.scores)
    texts = dict.fromkeys((pair.good, pair.bad) for pair in pairs)
    new = [pair for pair in texts if pair not in scores]
    with _progress(description) as progress:
        bar = progress.add_task(
            description or "", total=len(texts), completed=len(texts) - len(new)
        )
        for start in range(0, len(new), PAIRS_A_CHUNK):
            chunk = new[start : start + PAIRS_A_CHUNK]
            advance = functools.partial(_advance, progress, bar, len(chunk))
            found = _score_chunk(scorer, chunk, advance)
            progress.update(bar, completed=len(texts) - len(new) + start + len(chunk))
            scores |= found
            if ledger is not None:
                ledger.add(found)
    return [scores[pair.good, pair.bad] for pair in pairs]


def _progress(description):
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=description is None,
    )


def _advance(progress, bar, size, share):
    progress.advance(bar, share * size)


def _score_chunk(scorer, texts, advance):
    """The `PairScore` of each of several pairs of texts, by the pair."""
    words = scorer.pieces.words([text for pair in texts for text in pair])
    left_out, methods, tokens, owners = {}, {}, [], []
    for pair, *sentences in zip(texts, words[::2], words[1::2], strict=True):
        if reason := _why_left_out(scorer.pieces, *sentences):
            left_out[pair] = PairScore(left_out=reason)
            continue
        place = _masked_place(*sentences)
        methods[pair] = SENTENCE if place is None else MASKED_WORD
        for side, sentence in enumerate(sentences):
            ids = scorer.pieces.pack(sentence)
            added = all_tokens(ids) if place is None else [(ids, place)]
            tokens += added
            owners += [(pair, side)] * len(added)
    sums = dict.fromkeys(owners, 0.0)
    values = scorer.log_probabilities(tokens, advance)
    for owner, value in zip(owners, values, strict=True):
        sums[owner] += float(value)
    return left_out | {
        pair: PairScore(sums[pair, 0], sums[pair, 1], method)
        for pair, method in methods.items()
    }


def _difference(good, bad):
    """`(start, words of good, words of bad)`: where two tuples of words differ."""
    most = min(len(good), len(bad))
    start = next((i for i in range(most) if good[i] != bad[i]), most)
    end = next(
        (i for i in range(most - start) if good[-1 - i] != bad[-1 - i]), most - start
    )
    return start, good[start : len(good) - end], bad[start : len(bad) - end]


def _why_left_out(pieces, good, bad):
    """The reason for which a pair of tuples of words is not scored, or `None`."""
    if not good or not bad:
        return "empty"
    if good == bad:
        return "equal"
    if max(map(len, map(pieces.pack, (good, bad)))) > pieces.sequence_length:
        return "too long"
    _, *differing = _difference(good, bad)
    if any((pieces.unknown_id,) in words for words in differing):
        return "unknown word"
    return None


def _masked_place(good, bad):
    """The position among all tokens of the one word piece in which two sentences
    differ, or `None` where they differ in more."""
    start, *differing = _difference(good, bad)
    if all(len(words) == 1 and len(words[0]) == 1 for words in differing):
        return 1 + sum(map(len, good[:start]))  # after [CLS]
    return None
