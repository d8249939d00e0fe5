"""English subject-verb agreement with 0 to 4 attractors, from a small grammar.

    near the gates the key of the towers that the guards admire [MASK] again .

The task is to prefer "rusts" to "rust" at the mask. An *attractor* is a noun between
the subject's head noun and its verb whose number is opposite to the subject's. Linzen,
Dupoux and Goldberg (2016, "Assessing the Ability of LSTMs to Learn Syntax-Sensitive
Dependencies") proposed this probe; Wang et al. (2023, "Pretraining Without Attention",
section 7.3, Figure 8) compare encoders with it. Here the sentences are generated, so
that training and test differ by construction:

* Templates: chains of two to four modifiers whose indices in `MODIFIERS` sum to 2
  modulo 3 are for test. There are too few shorter chains, so for those the indices of
  the introduction and the adjective join the sum. Every construction is in both splits.
* Lemma pairs: noun i is the subject of verb j in test sentences if i + j is 0 modulo 5,
  otherwise in training sentences. This holds for main and embedded clauses alike.

The first noun is no safe guess, as a phrase or clause may come before the subject, nor
is the number of the nouns in between (see `agreement_sentences`). One honest cue is
left: a subject relative on the head noun ("the poet who likes") shows its number.
"""

import functools
import itertools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

MAX_ATTRACTORS = 4
MAX_EXAMPLES = 1_000_000
# Shares of 0, 1, ... attractors. The training 0.6 is room for 0.4 same-number sentences
# to match the 0.4 with attractors, beside 0.2 plain ones.
DISTRIBUTIONS = {"train": (0.6, 0.2, 0.1, 0.06, 0.04), "test": (0.2,) * 5}

Forms = tuple[str, str]  # singular, plural
Pick = Callable[[Sequence[Any]], Any]


def _nouns(words: str) -> tuple[Forms, ...]:
    """Forms of "key knife/knives"; a plural that is not given adds "s"."""
    pairs = (word.partition("/") for word in words.split())
    return tuple((one, many or one + "s") for one, _, many in pairs)


def _verbs(words: str) -> tuple[Forms, ...]:
    """Forms of "rust match/matches"; a singular that is not given adds "s"."""
    return tuple((one, many) for many, one in _nouns(words))


PERSONS = _nouns(
    "actor artist baker boy captain child/children clerk dancer doctor driver farmer "
    "girl guard king lawyer man/men painter pilot poet sailor singer tailor teacher "
    "woman/women"
)
THINGS = _nouns(
    "basket bell bottle box/boxes bridge cabinet car chair clock door engine fence "
    "gate key knife/knives ladder lamp machine mirror pipe shelf/shelves statue tower "
    "window"
)
NOUNS = PERSONS + THINGS

# Verbs by (subject is a person, takes an object). A verb in two lists has the same
# place in both, because its place decides its split.
VERBS = {
    (True, False): _verbs(
        "are/is have/has arrive complain dance hesitate laugh run sing sleep smile "
        "travel wait work"
    ),
    (False, False): _verbs(
        "are/is have/has break creak fade fall gleam move rattle rust shake shine sway "
        "vanish/vanishes"
    ),
    (True, True): _verbs(
        "admire describe fear follow like love need notice remember watch/watches"
    ),
    (False, True): _verbs(
        "block cover damage face hide match/matches resemble shade support "
        "touch/touches"
    ),
}
# What may follow a verb without an object; none of it depends on number.
ENDINGS = {"are": ("here", "ready", "important", "safe")}
ENDINGS["have"] = ("a secret", "a long history", "no rival")
ADVERBIALS = ("again", "today", "at night", "every day", "in the rain")

ADJECTIVES = ("famous", "new", "old", "quiet", "small", "strange")
CONJUNCTIONS = ("if", "when", "while")
LOCATIVES = ("behind", "below", "beside", "near", "opposite")

# Constructions. "pp" is a prepositional phrase, "src" a subject relative on the noun
# before it ("that face the doors"), "orc" an object relative ("that the boys like").
INTROS = ("", "phrase", "clause")
ADJECTIVE = ("", "adjective")
MODIFIERS = ("pp", "src", "orc")


class AgreementExample(NamedTuple):
    """One sentence and its masked-verb question; positions count words from 0.

    Attributes:
      sentence: lower-case words and punctuation separated by spaces, ending in " .".
      verb: the main verb as it stands in the sentence.
      foil: the same verb in the other number.
      verb_index: position of the main verb.
      subject_index: position of the subject's head noun.
      num_attractors: nouns in between whose number is opposite to the subject's.
      num_intervening: nouns in between, which all have the same number. It equals
        `num_attractors` unless that is 0; then it may be up to 4.
      plural: whether the subject is plural.
      template: the syntactic skeleton, such as "phrase noun pp orc verb".
    """

    sentence: str
    verb: str
    foil: str
    verb_index: int
    subject_index: int
    num_attractors: int
    num_intervening: int
    plural: bool
    template: str

    def masked(self, mask_token: str = "[MASK]") -> str:
        """The sentence with `mask_token` in place of the main verb."""
        words = self.sentence.split()
        words[self.verb_index] = mask_token
        return " ".join(words)


def agreement_sentences(
    split: str,
    num_examples: int,
    seed: int = 0,
    max_attractors: int = MAX_ATTRACTORS,
    distribution: Sequence[float] | None = None,
) -> list[AgreementExample]:
    """Generates distinct agreement sentences in random order.

    For each number of attractors half of the subjects are plural, up to one sentence.
    Up to two thirds of the sentences without attractors have nouns of the subject's own
    number in between: as many for each count of nouns as there are sentences with that
    many attractors, if there is room. With the training default there is, and the
    number of the nouns in between then says nothing about that of the subject.

    Args:
      split: "train" or "test"; they share no template and no lemma pair (see above).
      num_examples: number of sentences, 1 to 1,000,000. A repeated sentence is drawn
        again; each part of the design has room for this many.
      seed: non-negative. The result depends on the arguments only.
      max_attractors: most nouns between subject and verb, 0 to 4.
      distribution: weights of 0, ..., `max_attractors` attractors, of any sum. Default:
        `DISTRIBUTIONS[split]` up to there, falling for training and flat for test.

    Returns:
      A list of `num_examples` examples.

    Raises:
      ValueError: an argument is not among the values above.
    """
    splits = tuple(DISTRIBUTIONS)
    _require(split in splits, "split", split, f"use one of {splits}")
    in_range = 1 <= num_examples <= MAX_EXAMPLES
    _require(in_range, "num_examples", num_examples, f"use 1 to {MAX_EXAMPLES}")
    _require(seed >= 0, "seed", seed, "use a non-negative integer")
    in_range = 0 <= max_attractors <= MAX_ATTRACTORS
    _require(in_range, "max_attractors", max_attractors, f"use 0 to {MAX_ATTRACTORS}")
    if distribution is None:
        distribution = DISTRIBUTIONS[split][: max_attractors + 1]
    weights = np.asarray(distribution, dtype=float)
    is_valid = weights.shape == (max_attractors + 1,) and weights.any()
    is_valid = is_valid and (weights >= 0).all() and np.isfinite(weights).all()
    remedy = f"give {max_attractors + 1} finite weights >= 0, not all 0"
    _require(is_valid, "distribution", distribution, remedy)

    rng = np.random.default_rng([seed, splits.index(split)])
    pick = _picker(rng)
    cells = _cells(num_examples, weights)
    examples: dict[str, AgreementExample] = {}
    for cell in rng.permutation(num_examples):
        num_attractors, num_intervening, plural = cells[cell]
        others_plural = plural != (num_attractors > 0)
        size = len(examples)
        while len(examples) == size:  # until the sentence is a new one
            template = pick(templates(split, num_intervening))
            example = _compose(template, split, plural, others_plural, pick)
            examples.setdefault(example.sentence, example)
    return list(examples.values())


def vocabulary() -> list[str]:
    """All words and punctuation marks the grammar can produce, sorted."""
    texts = ["the who that with of , .", *ADJECTIVES, *CONJUNCTIONS, *LOCATIVES]
    texts += itertools.chain(*NOUNS, *itertools.chain(*VERBS.values()))
    texts += itertools.chain(ADVERBIALS, *ENDINGS.values())
    return sorted(set(" ".join(texts).split()))


@functools.cache
def templates(split: str, num_intervening: int) -> tuple[str, ...]:
    """The templates of `split` with `num_intervening` nouns before the verb."""
    found = []
    constructions = (INTROS, ADJECTIVE, ("noun",), *[MODIFIERS] * num_intervening)
    for parts in itertools.product(*constructions):
        # After "that the boys like" there is no noun for a relative clause to modify.
        pairs = itertools.pairwise(parts)
        grammatical = all(a != "orc" or b == "pp" for a, b in pairs)
        indices = [c.index(part) for c, part in zip(constructions, parts, strict=True)]
        key = sum(indices[3:] if num_intervening > 1 else indices)
        if grammatical and (key % 3 == 2) == (split == "test"):
            found.append(" ".join(filter(None, (*parts, "verb"))))
    return tuple(found)


@functools.cache
def verbs_of(noun: Forms, takes_object: bool, split: str) -> tuple[Forms, ...]:
    """The verbs that `noun` may be the subject of in `split`."""
    place = NOUNS.index(noun)
    verbs = VERBS[noun in PERSONS, takes_object]
    is_test = [(place + index) % 5 == 0 for index in range(len(verbs))]
    return tuple(itertools.compress(verbs, [t == (split == "test") for t in is_test]))


def _compose(
    template: str, split: str, plural: bool, others_plural: bool, pick: Pick
) -> AgreementExample:
    """Fills `template` with words; `others_plural` is for all nouns in between."""
    words: list[str] = []
    used: set[Forms] = set()

    def noun(nouns: tuple[Forms, ...], plural: bool, adjective: str = "") -> Forms:
        while (forms := pick(nouns)) in used:
            pass
        used.add(forms)
        words.extend(filter(None, ("the", adjective, forms[plural])))
        return forms

    def verb(subject: Forms, plural: bool, takes_object: bool) -> Forms:
        forms = pick(verbs_of(subject, takes_object, split))
        words.append(forms[plural])
        if not takes_object:
            words.extend(pick(ENDINGS.get(forms[1], ADVERBIALS)).split())
        return forms

    parts = template.split()
    head = parts.index("noun")
    before, modifiers = parts[:head], parts[head + 1 : -1]
    if "phrase" in before:
        words.append(pick(LOCATIVES))
        noun(NOUNS, pick((False, True)))
        words.extend(pick(("", ",")))
    elif "clause" in before:
        words.append(pick(CONJUNCTIONS))
        intro_plural = pick((False, True))
        verb(noun(PERSONS, intro_plural), intro_plural, takes_object=False)
        words.append(",")

    subject = noun(NOUNS, plural, pick(ADJECTIVES) if "adjective" in before else "")
    subject_index = len(words) - 1
    last: Forms | None = subject  # the noun that the next modifier belongs to
    last_plural = plural
    for modifier in modifiers:
        if modifier == "orc":
            words.append("that")
            verb(noun(PERSONS, others_plural), others_plural, takes_object=True)
            last = None
            continue
        if last is None:  # after a verb only a place: "admire near the gates"
            words.append(pick(LOCATIVES))
        elif modifier == "src":
            words.append("who" if last in PERSONS else "that")
            verb(last, last_plural, takes_object=True)
        else:
            words.append(pick((*LOCATIVES, "with" if last in PERSONS else "of")))
        last, last_plural = noun(NOUNS, others_plural), others_plural

    verb_index = len(words)
    answer = verb(subject, plural, takes_object=False)
    return AgreementExample(
        sentence=" ".join((*words, ".")),
        verb=answer[plural],
        foil=answer[not plural],
        verb_index=verb_index,
        subject_index=subject_index,
        num_attractors=len(modifiers) if others_plural != plural else 0,
        num_intervening=len(modifiers),
        plural=plural,
        template=template,
    )


def _cells(num_examples: int, weights: np.ndarray) -> list[tuple[int, int, bool]]:
    """(num_attractors, num_intervening, plural) for each sentence, in order."""
    cells = []
    same = min(weights[0] * 2 / 3, weights[1:].sum())
    for num_attractors, count in enumerate(_apportion(num_examples, weights)):
        shares = (np.arange(len(weights)) == num_attractors).astype(float)
        if num_attractors == 0 and same > 0:
            shares = weights * same / weights[1:].sum()
            shares[0] = weights[0] - same
        # An odd sentence goes to the plural for odd counts, so that they even out.
        num_plural = (count + num_attractors % 2) // 2
        for plural, number in ((False, count - num_plural), (True, num_plural)):
            for num_intervening, repeats in enumerate(_apportion(number, shares)):
                cells += [(num_attractors, num_intervening, plural)] * repeats
    return cells


def _apportion(total: int, weights: np.ndarray) -> list[int]:
    """Whole numbers summing to `total`, as proportional to `weights` as can be."""
    exact = total * weights / weights.sum()
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
    return counts.tolist()


def _picker(rng: np.random.Generator) -> Pick:
    """A uniform choice from a sequence; draws in blocks, as single draws are slow."""
    blocks = (rng.random(4096).tolist() for _ in itertools.count())
    draws = itertools.chain.from_iterable(blocks)
    return lambda options: options[int(next(draws) * len(options))]


def _require(condition: bool, name: str, value: object, remedy: str) -> None:
    if not condition:
        raise ValueError(f"{name} is {value!r}: {remedy}.")


def masked_verbs(
    examples: Sequence[AgreementExample], tokenizer, sequence_length: int
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The examples as inputs of a masked language model, the main verb masked.

    Args:
        examples: n of them.
        tokenizer: a `keras_bigs.models.BiGSTokenizer` that knows every word.
        sequence_length: int. The length to pad to.

    Returns:
        The inputs of `keras_bigs.models.BiGSMaskedLM` as int32 arrays of n rows, with
        one mask position each; the ids of the right verb forms, `(n,)`; and of the
        wrong ones, `(n,)`.

    Raises:
        ValueError: a word is no token, or a sentence is too long.
    """
    ids = {word: i for i, word in enumerate(tokenizer.get_vocabulary())}
    shape = (len(examples), sequence_length)
    token_ids = np.full(shape, tokenizer.pad_token_id, "int32")
    for row, example in zip(token_ids, examples, strict=True):
        words = example.masked(tokenizer.mask_token).split()
        missing = [word for word in words if word not in ids]
        if missing or len(words) + 2 > sequence_length:
            raise ValueError(
                "A sentence has words that are not in the tokenizer's vocabulary "
                f"({missing}) or more than sequence_length={sequence_length} tokens "
                f"({len(words) + 2}): {example.sentence!r}"
            )
        tokens = [tokenizer.cls_token, *words, tokenizer.sep_token]
        row[: len(tokens)] = [ids[token] for token in tokens]
    inputs = {
        "token_ids": token_ids,
        "segment_ids": np.zeros(shape, "int32"),
        "padding_mask": (token_ids != tokenizer.pad_token_id).astype("int32"),
        # After [CLS].
        "mask_positions": np.array([[e.verb_index + 1] for e in examples], "int32"),
    }
    right = np.array([ids[example.verb] for example in examples], "int32")
    wrong = np.array([ids[example.foil] for example in examples], "int32")
    return inputs, right, wrong
