"""Columns of words and tags: names of tags, their numbers, and writing."""

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs.data import conll
from keras_bigs.data.conll import TaggedSentence
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend
SENTENCES = [
    TaggedSentence(("Ada", "Lovelace", "wrote"), ("B-PER", "I-PER", "O"), 1),
    TaggedSentence(("EU",), ("B-ORG",), 5),
    TaggedSentence(("in", "New York", "\u200b"), ("O", "B-LOC", "O"), 7),
]


def test_without_tags(tmp_path):
    path = tmp_path / "new.conll"
    path.write_text("-DOCSTART-\n\nAda\nLovelace S-PER\n\nEU NNP\n", encoding="utf-8")
    assert conll.read_conll(path, tag_column=None) == [
        TaggedSentence(("Ada", "Lovelace"), (), 3),
        TaggedSentence(("EU",), (), 6),
    ]
    with pytest.raises(DataError, match="line 3: 'Ada' in column -1 is no tag"):
        conll.read_conll(path)
    with pytest.raises(DataError, match="line 3: there is nothing in column 1"):
        conll.read_conll(path, word_column=1, tag_column=None)


def test_tag_names():
    """Both of a type, though there is one only."""
    assert conll.tag_names(SENTENCES) == [
        *("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")
    ]
    assert conll.tag_names([TaggedSentence(("a",), ("O",), 1)]) == ["O"]
    assert conll.tag_names([TaggedSentence(("a",), (), 1)]) == ["O"]


def test_encode_tags():
    names = ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"]
    assert conll.encode_tags("dev.conll", SENTENCES, names) == [
        [5, 6, 0],
        [3],
        [0, 1, 0],
    ]
    with pytest.raises(DataError) as error:
        conll.encode_tags("dev.conll", SENTENCES, ["O", "B-PER", "I-PER", "B-LOC"])
    assert str(error.value).startswith(
        "dev.conll, the sentence from line 5: 'B-ORG' is of a type that training did "
        "not see. It knows ['O', 'B-PER', 'I-PER', 'B-LOC']."
    )


def test_written_by_hand(tmp_path):
    path = tmp_path / "predictions.conll"
    tags = [sentence.tags for sentence in SENTENCES]
    predictions = [("O", "B-PER", "O"), ("B-ORG",), ("O", "B-LOC", "I-LOC")]
    conll.write_conll(path, SENTENCES, tags, predictions)
    assert path.read_text(encoding="utf-8") == (
        "Ada\tB-PER\tO\nLovelace\tI-PER\tB-PER\nwrote\tO\tO\n"
        "\n"
        "EU\tB-ORG\tB-ORG\n"
        "\n"
        "in\tO\tO\nNew York\tB-LOC\tB-LOC\n\u200b\tO\tI-LOC\n"
    )
    # The last column is what was predicted.
    assert [s.tags for s in conll.read_conll(path)] == predictions
    assert [s.tags for s in conll.read_conll(path, tag_column=1)] == tags
    for wrong in (predictions[:2], [("O",), *predictions[1:]]):
        with pytest.raises(ValueError):
            conll.write_conll(path, SENTENCES, wrong)


WORDS = st.text(
    # A byte order mark would be one at the start of the file.
    st.characters(
        exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="\ufeff"
    ),
    min_size=1,
).filter(lambda word: word != conll.DOCUMENT_MARKER)
TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.tuples(WORDS, TAGS), min_size=1), min_size=1))
def test_what_is_written_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("conll") / "a.conll"
    sentences, line = [], 1
    for row in rows:
        words, tags = zip(*row, strict=True)
        sentences.append(TaggedSentence(words, conll.to_iob2(tags), line))
        line += len(words) + 1
    conll.write_conll(path, sentences, [s.tags for s in sentences])
    assert conll.read_conll(path) == sentences
