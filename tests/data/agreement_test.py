"""Tests of the agreement sentences, most of them by parsing the sentences again."""

import collections
import functools
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_bigs.data import agreement

pytestmark = pytest.mark.without_backend
PREPOSITIONS = {"behind", "below", "beside", "near", "opposite", "with", "of"}
CONJUNCTIONS = {"if", "when", "while"}
# Word form -> (lemma, is plural).
NOUN_FORMS = {
    forms[plural]: (forms[0], bool(plural))
    for forms in agreement.NOUNS
    for plural in (0, 1)
}
VERB_FORMS = {
    forms[plural]: (forms[1], bool(plural))
    for forms in itertools.chain(*agreement.VERBS.values())
    for plural in (0, 1)
}

splits = pytest.mark.parametrize("split", ["train", "test"])


@functools.cache
def sample(split):
    return agreement.agreement_sentences(split, 20_000, seed=1)


class Parse:
    """Subject, verbs and skeleton, found from the words of a sentence alone."""

    def __init__(self, sentence: str):
        words = sentence.split(" ")
        nouns = [i for i, word in enumerate(words) if word in NOUN_FORMS]
        verbs = [i for i, word in enumerate(words) if word in VERB_FORMS]
        self.words = words
        self.verb = verbs[-1]
        skeleton = []
        if words[0] in PREPOSITIONS:
            skeleton.append("phrase")
            self.subject = nouns[1]
        elif words[0] in CONJUNCTIONS:
            skeleton.append("clause")
            self.subject = min(i for i in nouns if i > words.index(","))
        else:
            self.subject = nouns[0]
        if words[self.subject - 1] != "the":
            skeleton.append("adjective")
        skeleton.append("noun")
        for i in range(self.subject + 1, self.verb):
            if words[i] in PREPOSITIONS:
                skeleton.append("pp")
            elif words[i] in ("who", "that"):
                skeleton.append("orc" if words[i + 1] == "the" else "src")
        self.template = " ".join((*skeleton, "verb"))
        self.intervening = [
            NOUN_FORMS[words[i]][1] for i in nouns if self.subject < i < self.verb
        ]
        # Every verb but the main one follows its own subject noun directly enough to
        # be the nearest noun before it: "that the boys like", "the boys who like".
        before = [max(i for i in nouns if i < verb) for verb in verbs[:-1]]
        self.clauses = [
            (NOUN_FORMS[words[noun]], VERB_FORMS[words[verb]])
            for noun, verb in zip([*before, self.subject], verbs, strict=True)
        ]
        self.first_plural = NOUN_FORMS[words[nouns[0]]][1]
        self.last_plural = NOUN_FORMS[words[max(i for i in nouns if i < self.verb)]][1]


def check(example):
    """Compares all fields of `example` to a parse of its sentence."""
    parse = Parse(example.sentence)
    words = parse.words
    assert words[-1] == "." and words.count(".") == 1
    assert example.sentence == example.sentence.lower()
    assert (example.verb_index, example.subject_index) == (parse.verb, parse.subject)
    assert example.template == parse.template
    subject, plural = NOUN_FORMS[words[parse.subject]]
    assert example.plural == plural
    assert all(noun[1] == verb[1] for noun, verb in parse.clauses)
    opposite = sum(other != plural for other in parse.intervening)
    assert example.num_attractors == opposite
    assert example.num_intervening == len(parse.intervening)
    assert opposite in (0, len(parse.intervening))
    assert example.verb == words[parse.verb]
    lemma, verb_plural = VERB_FORMS[example.verb]
    assert verb_plural == plural
    assert VERB_FORMS[example.foil] == (lemma, not plural)
    lemmas = [NOUN_FORMS[word][0] for word in words if word in NOUN_FORMS]
    assert len(set(lemmas)) == len(lemmas)


def test_lexicon_is_large_and_unambiguous():
    lemmas = {lemma for lemma, _ in VERB_FORMS.values()}
    assert len(agreement.NOUNS) >= 40 and len(lemmas) >= 24
    assert len(NOUN_FORMS) == 2 * len(agreement.NOUNS)
    assert len(VERB_FORMS) == 2 * len(lemmas)
    assert not NOUN_FORMS.keys() & VERB_FORMS.keys()
    endings = itertools.chain(agreement.ADVERBIALS, *agreement.ENDINGS.values())
    assert not set(" ".join(endings).split()) & (NOUN_FORMS.keys() | VERB_FORMS.keys())
    for form in ("children", "women", "knives", "shelves", "boxes"):
        assert NOUN_FORMS[form][1]
    for singular, plural in (("has", "have"), ("vanishes", "vanish"), ("is", "are")):
        assert VERB_FORMS[singular] == (plural, False)


@splits
def test_sentences_agree_with_an_independent_parse(split):
    for example in sample(split):
        check(example)


@splits
def test_modifiers_suit_the_word_before(split):
    persons = set(itertools.chain(*agreement.PERSONS))
    things = set(itertools.chain(*agreement.THINGS))
    for example in sample(split):
        assert "orc orc" not in example.template
        assert "orc src" not in example.template
        for before, word in itertools.pairwise(example.sentence.split()):
            assert before in persons or word not in ("who", "with")
            assert before in things or word != "of"


def test_arguments_determine_the_result():
    first = agreement.agreement_sentences("train", 200, seed=3)
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    assert agreement.agreement_sentences("train", 200, seed=3) == first
    assert (np.random.get_state()[1] == state).all()
    assert agreement.agreement_sentences("train", 200, seed=4) != first


def test_result_is_the_same_in_every_process():
    example = agreement.agreement_sentences("test", 4, seed=0)[0]
    assert example.sentence == (
        "while the child smiles again , the engines that resemble the actor who "
        "admires the clerk opposite the tower have a long history ."
    )


def test_splits_share_no_template():
    names = {
        split: {
            template
            for count in range(5)
            for template in agreement.templates(split, count)
        }
        for split in ("train", "test")
    }
    assert not names["train"] & names["test"]
    for split, expected in names.items():
        assert {example.template for example in sample(split)} == expected
    chains = {
        split: {name.split("noun ")[1] for name in names[split] if " verb" in name}
        for split in names
    }
    shared = chains["train"] & chains["test"]
    assert max(len(chain.split()) for chain in shared) == 2  # one modifier and the verb
    for name in names["test"]:
        for part in name.split():
            assert any(part in other.split() for other in names["train"])


@pytest.mark.parametrize("seed", [1, 2])
def test_splits_share_no_lemma_pair(seed):
    pairs = {
        split: {
            (noun[0], verb[0])
            for example in agreement.agreement_sentences(split, 5_000, seed)
            for noun, verb in Parse(example.sentence).clauses
        }
        for split in ("train", "test")
    }
    assert not pairs["train"] & pairs["test"]
    # Held-out pairs are spread over all nouns and verbs.
    for found in pairs.values():
        nouns, verbs = map(set, zip(*found, strict=True))
        assert nouns == {lemma for lemma, _ in NOUN_FORMS.values()}
        assert verbs == {lemma for lemma, _ in VERB_FORMS.values()}


def test_train_covers_the_vocabulary():
    words = {
        split: {word for example in sample(split) for word in example.sentence.split()}
        for split in ("train", "test")
    }
    vocabulary = agreement.vocabulary()
    assert vocabulary == sorted(set(vocabulary))
    assert words["train"] == set(vocabulary)
    assert words["test"] <= words["train"]


@splits
def test_main_verbs_take_both_forms_as_answers(split):
    """No main verb form, so no answer, gives away the number by its frequency."""
    counts = collections.Counter(example.verb for example in sample(split))
    mains = {*agreement.VERBS[True, False], *agreement.VERBS[False, False]}
    assert counts.keys() == set(itertools.chain(*mains))
    for singular, plural in mains:
        assert 0.7 < counts[singular] / counts[plural] < 1.4


@splits
def test_sentences_are_distinct(split):
    assert len({example.sentence for example in sample(split)}) == 20_000


def test_small_pool_still_gives_distinct_sentences():
    """Some templates without nouns in between run dry here, others take over."""
    examples = agreement.agreement_sentences("train", 40_000, max_attractors=0)
    assert len({example.sentence for example in examples}) == 40_000
    assert {example.num_intervening for example in examples} == {0}


@pytest.mark.parametrize(
    ("split", "shares"),
    [("train", [0.6, 0.2, 0.1, 0.06, 0.04]), ("test", [0.2] * 5)],
)
def test_default_balance(split, shares):
    counts = collections.Counter(
        (example.num_attractors, example.plural) for example in sample(split)
    )
    for num_attractors, share in enumerate(shares):
        for plural in (False, True):
            assert counts[num_attractors, plural] == round(10_000 * share)
    # The order is random, so a part of the list is balanced nearly as well.
    start = collections.Counter(e.num_attractors for e in sample(split)[:2_000])
    for num_attractors, share in enumerate(shares):
        assert abs(start[num_attractors] - 2_000 * share) < 100


@given(
    st.integers(1, 300),
    st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any),
)
@settings(max_examples=50, deadline=None)
def test_given_distribution(num_examples, weights):
    examples = agreement.agreement_sentences(
        "train", num_examples, max_attractors=len(weights) - 1, distribution=weights
    )
    assert len(examples) == num_examples
    for num_attractors, weight in enumerate(weights):
        group = [e for e in examples if e.num_attractors == num_attractors]
        assert abs(len(group) - num_examples * weight / sum(weights)) < 1
        assert abs(2 * sum(e.plural for e in group) - len(group)) <= 1


def test_nouns_in_between_do_not_tell_the_number():
    counts = collections.Counter(
        (example.num_intervening, example.plural, example.num_attractors > 0)
        for example in sample("train")
    )
    for count, plural in itertools.product((1, 2, 3, 4), (False, True)):
        same, opposite = counts[count, plural, False], counts[count, plural, True]
        assert opposite > 0 and abs(same - opposite) <= 1


def test_shortcuts_fail():
    """Neither the last noun before the verb nor the first one is good enough."""
    parses = [
        (example.plural, Parse(example.sentence))
        for example in sample("train")
        if example.num_intervening
    ]
    last = np.mean([plural == parse.last_plural for plural, parse in parses])
    first = np.mean([plural == parse.first_plural for plural, parse in parses])
    majority = np.mean(
        [
            plural == (np.mean([plural, *parse.intervening]) > 0.5)
            for plural, parse in parses
            if len(parse.intervening) > 1
        ]
    )
    assert abs(last - 0.5) < 0.01
    assert abs(majority - 0.5) < 0.01
    assert first < 0.7


def test_masked_hides_only_the_main_verb():
    for example in sample("test")[:500]:
        words = example.masked("<m>").split(" ")
        assert words[example.verb_index] == "<m>" and words.count("<m>") == 1
        words[example.verb_index] = example.verb
        assert " ".join(words) == example.sentence
    assert "[MASK]" in example.masked().split()


@given(
    st.sampled_from(["train", "test"]),
    st.integers(1, 60),
    st.integers(0, 2**63),
    st.integers(0, 4),
)
@settings(max_examples=60, deadline=None)
def test_any_seed(split, num_examples, seed, max_attractors):
    examples = agreement.agreement_sentences(split, num_examples, seed, max_attractors)
    assert len({example.sentence for example in examples}) == num_examples
    for example in examples:
        check(example)
        assert example.num_intervening <= max_attractors
        assert example.template in agreement.templates(split, example.num_intervening)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("split", "valid"),
        ("num_examples", 0),
        ("num_examples", 1_000_001),
        ("seed", -1),
        ("max_attractors", -1),
        ("max_attractors", 5),
        ("distribution", (1.0, 1.0)),
        ("distribution", (1, 1, 1, 1, -1)),
        ("distribution", (0, 0, 0, 0, 0)),
        ("distribution", (1, 1, 1, 1, float("nan"))),
        ("distribution", (1, 1, 1, 1, float("inf"))),
    ],
)
def test_impossible_requests(name, value):
    arguments = {"split": "train", "num_examples": 5, name: value}
    with pytest.raises(ValueError) as error:
        agreement.agreement_sentences(**arguments)
    message = str(error.value)
    assert message.startswith(f"{name} is {value!r}: ")
    assert "use " in message or "give " in message
