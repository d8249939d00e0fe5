"""Contexts that are too long for a model, in overlapping windows."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

from keras_bigs.data.squad.reading import SquadExample
from keras_bigs.data.token_counts import token_counts
from keras_bigs.models.offsets import tokenize_with_offsets


def fit_contexts(
    examples: Sequence[SquadExample],
    answerer: Any,
    stride: int = 128,
    max_answer_length: int = 30,
) -> list[SquadExample]:
    """Cuts contexts that are too long for a model into overlapping windows.

    Each window is an example of its own, with the answers that are whole in it; where
    there are none, it has none. Windows start and end where words do.

    Args:
        examples: what `read_squad` returns.
        answerer: a question answerer with a preprocessor.
        stride: int. How many tokens later each window starts than the one before it, at
            most.
        max_answer_length: int. Windows overlap so far that an answer of so many tokens
            is whole in one of them; or by half, where they have not twice as many.

    Returns:
        `SquadExample`s, in order, those that fit as they are.

    Raises:
        ValueError: `stride` or `max_answer_length` below 1, a question that leaves no
            room for a context, or a context without tokens.
    """
    for name, value in (("stride", stride), ("max_answer_length", max_answer_length)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")
    preprocessor = answerer.preprocessor
    tokenizer = preprocessor.tokenizer
    texts = [text for e in examples for text in (e.question, e.context)]
    lengths = dict(zip(texts, token_counts(tokenizer, texts), strict=True))
    tokenize = functools.cache(functools.partial(tokenize_with_offsets, tokenizer))
    fitting = []
    for example in examples:
        room = preprocessor.sequence_length - 3 - lengths[example.question]
        if room < 1:
            raise ValueError(
                f"Question {example.id} has {lengths[example.question]} tokens, which "
                f"leaves no room for a context in {preprocessor.sequence_length}. "
                "Raise `sequence_length`, or leave the question out."
            )
        if not lengths[example.context]:
            raise ValueError(f"The context of question {example.id} has no tokens.")
        if lengths[example.context] <= room:
            fitting.append(example)
            continue
        _, offsets = tokenize(example.context)
        # Half of a window at most, or there would be one for each token of a context
        # that a long question leaves little room for.
        step = min(stride, max(1, room // 2, room - max_answer_length + 1))
        for start, end in context_windows(example.context, offsets, room, step):
            kept = [
                (answer, first - start)
                for answer, first in zip(
                    example.answers, example.answer_starts, strict=True
                )
                if start <= first and first + len(answer) <= end
            ]
            fitting.append(
                dataclasses.replace(
                    example,
                    context=example.context[start:end],
                    answers=tuple(answer for answer, _ in kept),
                    answer_starts=tuple(first for _, first in kept),
                )
            )
    return fitting


def context_windows(context, offsets, room, stride):
    """`(start, end)`, in characters, of windows of at most `room` tokens.

    Only a word of more tokens than that is cut.
    """
    # A window may start or end at a token that a space is before, or after: there the
    # rest of the context has no part in how it is tokenized.
    starts = [
        i
        for i, (start, _) in enumerate(offsets)
        if i == 0 or context[start - 1].isspace()
    ]
    first = covered = 0
    while covered < len(offsets):
        last = min(first + room, len(offsets))
        within = [i for i in starts if first < i <= last]
        if last < len(offsets) and within:
            last = within[-1]
        if last > covered:  # or all of it is in the window before
            yield offsets[first][0], offsets[last - 1][1]
            covered = last
        near = [i for i in within if i <= first + stride]
        first = near[-1] if near else within[0] if within else last
