"""Windows of contexts: all of it, all answers, and the same tokens."""

import re
import types

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs.data import squad
from keras_bigs.data.squad.windows import context_windows
from keras_bigs.models import BiGSTokenizer

pytestmark = pytest.mark.without_backend
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER = BiGSTokenizer([*SPECIAL, "a", "b", "##a", "##b", "who", "?", "."])


def answerer(sequence_length):
    preprocessor = types.SimpleNamespace(
        tokenizer=TOKENIZER, sequence_length=sequence_length
    )
    return types.SimpleNamespace(preprocessor=preprocessor)


def example(context, answer="", start=0):
    answers = ((answer,), (start,)) if answer else ((), ())
    return squad.SquadExample("q", "who?", context, *answers)


def test_by_hand():
    """[CLS] who ? [SEP] <4 tokens> [SEP]: "ab" is two tokens."""
    long = example("a ab b ab a", "b", 5)
    short = example("a b a b", "b", 2)
    windows = squad.fit_contexts([long, short], answerer(9), stride=2)
    assert [window.context for window in windows] == [
        "a ab b",  # and not "ab b", since the next word does not fit
        "b ab a",
        "a b a b",
    ]
    assert [w.answers for w in windows] == [("b",), ("b",), ("b",)]
    assert [w.answer_starts for w in windows] == [(5,), (0,), (2,)]
    x, y = squad.columns(squad.fit_contexts([example("a " * 9, "a a", 0)], answerer(9)))
    # Whatever the stride, half of a window of so few tokens is in the next.
    assert y["answer_text"] == ["a a", "", "", ""]
    assert y["answer_start"] == [0, 0, 0, 0]
    assert x == (["who?"] * 4, ["a a a a"] * 3 + ["a a a"])


def test_an_answer_is_whole_in_a_window():
    """Of 40 tokens, wherever it is."""
    context = " ".join("a" for _ in range(150))
    for place in range(0, 140, 3):
        windows = squad.fit_contexts(
            [example(context, "a " * 9 + "a", 2 * place)],
            answerer(45),
            max_answer_length=10,
        )
        assert any(window.answers for window in windows), place


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(st.integers(1, 4), min_size=1, max_size=30),
    room=st.integers(4, 12),
    stride=st.integers(1, 12),
)
def test_all_of_a_context_is_in_windows_of_whole_words(words, room, stride):
    """Words of so many letters, each a token."""
    context = " ".join("a" * n for n in words)
    offsets = [(i, i + 1) for i, c in enumerate(context) if c != " "]
    spans = list(context_windows(context, offsets, room, stride))
    assert spans[0][0] == 0 and spans[-1][1] == len(context)
    for start, end in spans:
        assert len(context[start:end].replace(" ", "")) <= room
        # Whole words, so that tokens are the same as in the context.
        assert context[start:end].split() == f" {context} "[start : end + 2].split()
    for (start, end), (next_start, next_end) in zip(spans, spans[1:], strict=False):
        assert start < next_start <= end + 1
        assert end < next_end
    # Each word is whole in one.
    answers = [m.span() for m in re.finditer(r"\S+", context)]
    for start, end in answers:
        assert any(s <= start and end <= e for s, e in spans)


def test_bad_options():
    with pytest.raises(ValueError, match="`stride` must be at least 1"):
        squad.fit_contexts([example("a")], answerer(9), stride=0)
    with pytest.raises(ValueError, match="`max_answer_length` must be at least 1"):
        squad.fit_contexts([example("a")], answerer(9), max_answer_length=0)
    with pytest.raises(ValueError, match="Question q has 2 tokens.*in 5"):
        squad.fit_contexts([example("a")], answerer(5))
