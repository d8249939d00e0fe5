"""Character offsets of word pieces: which characters a token came from."""

import unicodedata

from keras_bigs.compat.word_splitting import casefold_utf8
from keras_bigs.compat.word_splitting import special_tokens
from keras_bigs.compat.word_splitting import split_patterns
from keras_bigs.compat.word_splitting import word_pieces


def tokenize_with_offsets(tokenizer, text):
    """Tokenizes a text and tells which of its characters each token covers.

    Offsets count code points of `text` as it was passed, `end` excluded, whatever the
    tokenizer does to it: case folding (`"ß"` is two letters of `"ss"`), stripping of
    accents, compositions. A character that normalization turns into several and that
    several pieces share belongs to each of them. Characters that it drops inside a
    word (accents, joiners, variation selectors) belong to the character before them,
    so `"café"` is all of `"café"` with either way of writing its accent.

    Args:
        tokenizer: `BiGSTokenizer`, or any `keras_hub.tokenizers.WordPieceTokenizer`
            whose own `sequence_length` is not set.
        text: a string.

    Returns:
        `(token_ids, offsets)`: a list of ints, equal to `tokenizer(text)`, and a list
        of as many `(start, end)` pairs of ints, in order of the text.

    Raises:
        ValueError: `text` is not a string.

    Example:
    ```python
    tokenizer = keras_bigs.models.BiGSTokenizer.from_preset("bigs_mini_en_uncased")
    token_ids, offsets = keras_bigs.models.tokenize_with_offsets(tokenizer, "The fox")
    # offsets  [(0, 3), (4, 7)] where "fox" is one piece
    ```
    """
    if not isinstance(text, str):
        raise ValueError(f"`text` must be a string. Received: {text!r}")
    starts, ends = range(len(text)), range(1, len(text) + 1)
    if tokenizer.strip_accents and not text.isascii():
        text, starts, ends = _trace(_accent_clusters(text))
    unfolded = special_tokens(tokenizer)
    token_ids, offsets = [], []
    for begin, stop in _word_spans(tokenizer, text):
        word = text[begin:stop]
        folds = tokenizer.lowercase and word not in unfolded
        folded = casefold_utf8(word) if folds else word
        pieces = word_pieces(tokenizer, folded)
        token_ids += [tokenizer.token_to_id(piece) for piece in pieces]
        if len(pieces) == 1:
            offsets.append((starts[begin], ends[stop - 1]))
            continue
        firsts, lasts = range(len(word)), range(1, len(word) + 1)
        if folds and not word.isascii():
            _, firsts, lasts = _trace(_fold_clusters(word))
        at = 0
        for i, piece in enumerate(pieces):
            to = at + len(piece) - (len(tokenizer.suffix_indicator) if i else 0)
            first, last = begin + firsts[at], begin + lasts[to - 1] - 1
            offsets.append((starts[first], ends[last]))
            at = to
    return token_ids, offsets


def _word_spans(tokenizer, text):
    """`(begin, stop)` of the words that a text is split into before WordPiece."""
    if not tokenizer.split:
        yield 0, len(text)
        return
    delimiter, keep = split_patterns(tokenizer)
    position = 0
    for match in delimiter.finditer(text):
        if match.start() > position:
            yield position, match.start()
        if keep.fullmatch(match.group()):
            yield match.span()
        position = match.end()
    if position < len(text):
        yield position, len(text)


def _accent_clusters(text):
    """`(start, end, output)` of characters with their marks, the accents stripped.

    Canonical decomposition reorders marks, never across a character that is none.
    """
    start = 0
    for end in range(1, len(text) + 1):
        if end < len(text) and unicodedata.combining(
            unicodedata.normalize("NFD", text[end])[0]
        ):
            continue
        output = unicodedata.normalize("NFD", text[start:end])
        output = "".join(c for c in output if unicodedata.category(c) != "Mn")
        yield start, end, output
        start = end


def _fold_clusters(word):
    """`(start, end, output)` of the shortest parts of a word that fold on their own.

    Folding composes and reorders characters, by tables that Python does not expose;
    what it does to a part on its own is found by trying. Quadratic, in one word.
    """
    folded = casefold_utf8(word)
    parts = [casefold_utf8(c) for c in word]
    if "".join(parts) == folded:
        yield from ((i, i + 1, part) for i, part in enumerate(parts))
        return
    start = 0
    while start < len(word):
        for end in range(start + 1, len(word) + 1):
            part, rest = casefold_utf8(word[start:end]), casefold_utf8(word[end:])
            if part + rest == folded:
                break
        yield start, end, part
        start, folded = end, rest


def _trace(clusters):
    """The joined outputs, and for each character the `start` and `end` of its cluster.

    A cluster without output joins the one before it, or at the start the one after it.
    """
    merged = []
    for start, end, output in clusters:
        if merged and not (output and merged[-1][2]):
            start, _, before = merged.pop()
            output = before + output
        merged.append((start, end, output))
    starts = [start for start, _, output in merged for _ in output]
    ends = [end for _, end, output in merged for _ in output]
    return "".join(output for _, _, output in merged), starts, ends
