"""
Title: Words and spans
Author: the authors of keras_bigs
Date created: 2026/11/29
Last modified: 2026/11/29
Description: Named entities and question answering, with offsets back to the text.
Accelerator: None
"""

"""
## Two tasks that point into a text

Finding names asks for a class of every word; answering a question asks for the place
where the answer begins and ends. Both need a representation of each token that knows
what is before and after, and both must lead back from word pieces to the characters of
the text that the user gave.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import random

import keras
import numpy as np

import keras_bigs

keras.utils.set_random_seed(0)
generator = random.Random(0)

"""
## Sentences

Short news, put together from parts so that nothing has to be downloaded. Names in the
evaluation sentences do not occur in training: the model cannot learn them by heart and
has to go by what stands around them.
"""

NAMES = {
    "train": {
        "person": [
            "anna king",
            "john wood",
            "mary hill",
            "peter stone",
            "ruth",
            "paul",
        ],
        "place": ["london", "rome", "new york", "egypt", "north wales", "west india"],
    },
    "test": {
        "person": ["henry field", "susan", "george black"],
        "place": ["paris", "south africa", "boston"],
    },
}
FRAMES = [
    "{person} was born in {place} in {year} .",
    "in {year} {person} went to {place} .",
    "{person} lived in {place} until {year} .",
    "the house of {person} in {place} was sold in {year} .",
    "{person} died in {year} , far from {place} .",
    "since {year} , {person} has been the mayor of {place} .",
]


def news(split):
    """A sentence as a string, and the strings of its person, place and year."""
    names = {kind: generator.choice(names) for kind, names in NAMES[split].items()}
    names["year"] = str(generator.randint(1800, 1999))
    return generator.choice(FRAMES).format(**names), names


"""
## Named entities

Labels are those of the *IOB* scheme: `B` begins a name, `I` goes on with it, `O` is
outside of any. `BiGSTokenClassifier` takes lists of words and a label for each; the
preprocessor gives the label of a word to its first word piece.
"""

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def labelled(split):
    sentence, names = news(split)
    words = sentence.split()
    labels = [0] * len(words)
    for kind, begin in (("person", 1), ("place", 3)):
        name = names[kind].split()
        first = next(i for i in range(len(words)) if words[i : i + len(name)] == name)
        labels[first] = begin
        for i in range(first + 1, first + len(name)):
            labels[i] = begin + 1
    return words, labels


train = [labelled("train") for _ in range(240)]
test = [labelled("test") for _ in range(60)]
for word, label in zip(*train[0], strict=True):
    print(f"{word:10}{LABELS[label]}")

"""
These sentences are short, so inputs of 32 tokens are enough. The learning rate is that
of a small encoder; large ones like 5e-5, the default.
"""

preset = "bigs_mini_en_uncased"
tagger = keras_bigs.models.BiGSTokenClassifier.from_preset(
    preset,
    num_classes=len(LABELS),
    preprocessor=keras_bigs.models.BiGSTokenClassifierPreprocessor.from_preset(
        preset, sequence_length=32
    ),
)
tagger.compile(optimizer=keras.optimizers.Adam(5e-4))
words, labels = map(list, zip(*train, strict=True))
tagger.fit(words, labels, batch_size=16, epochs=3, verbose=2)

"""
The measure is the entity: a name counts if its kind, its first and its last word are
right (the definition of CoNLL-2003).
"""

words, labels = map(list, zip(*test, strict=True))
true = [[LABELS[label] for label in row] for row in labels]
predicted = [
    [LABELS[word["class_id"]] for word in row] for row in tagger.classify_words(words)
]
for kind, scores in keras_bigs.training.entity_metrics(true, predicted).items():
    print(kind, {name: round(value, 3) for name, value in scores.items()})

"""
`classify_words` gives a class for each word of a text, `entities` the names among them.
Their offsets are then a matter of counting characters. A text is cut into words at its
spaces: give a list of words where punctuation is a word of its own in training, and the
new text does not put spaces around it. (A word past `sequence_length` has no class.)
"""


def names_in(text):
    (words,) = tagger.classify_words([text])
    tags = [
        "O" if word["class_id"] is None else LABELS[word["class_id"]] for word in words
    ]
    starts, position = [], 0
    for word in words:
        starts.append(text.index(word["word"], position))
        position = starts[-1] + len(word["word"])
    found = []
    for kind, first, stop in keras_bigs.training.entities(tags):
        end = starts[stop - 1] + len(words[stop - 1]["word"])
        found.append((text[starts[first] : end], kind, starts[first]))
    return found


print(names_in("in 1900 henry field went to south africa ."))

"""
For files in CoNLL's columns there is one command, `python -m recipes.ner`, with
precision, recall and F1 by kind.

## Question answering

`BiGSQuestionAnswerer` takes questions and contexts; answers for training are given by
their text and the character at which they begin, as in SQuAD.
"""

QUESTIONS = {
    "person": "who is it about ?",
    "place": "which place is named ?",
    "year": "in which year was it ?",
}


def question(split):
    context, names = news(split)
    kind = generator.choice(list(QUESTIONS))
    return QUESTIONS[kind], context, names[kind], context.index(names[kind])


questions, contexts, answers, starts = zip(
    *(question("train") for _ in range(480)), strict=True
)
answerer = keras_bigs.models.BiGSQuestionAnswerer.from_preset(
    preset,
    preprocessor=keras_bigs.models.BiGSQuestionAnswererPreprocessor.from_preset(
        preset, sequence_length=32
    ),
)
answerer.compile(optimizer=keras.optimizers.Adam(5e-4))
answerer.fit(
    (list(questions), list(contexts)),
    {"answer_text": list(answers), "answer_start": np.array(starts)},
    batch_size=16,
    epochs=3,
    verbose=2,
)

"""
How often is the very string found?
"""

questions, contexts, answers, _ = zip(
    *(question("test") for _ in range(60)), strict=True
)
found = answerer.answer(list(questions), list(contexts))
right = [f["text"] == text for f, text in zip(found, answers, strict=True)]
print(f"exact match: {np.mean(right):.2f}")

"""
`answer` gives the text, its offsets in characters, so that `text ==
context[start:end]`, and a probability. A context that is longer than the encoder takes
is read in overlapping windows.
"""

context = "The house of Henry Field in South Africa was sold in 1871 ."
answer = answerer.answer("which place is named ?", context)
print(answer, context[answer["start"] : answer["end"]])

long_context = "nothing was written about it . " * 60 + context
print(answerer.answer("in which year was it ?", long_context))

"""
The model lower-cases, the answer does not: it is cut out of your text. The official
scores on SQuAD come from `python -m recipes.squad`.

## Choices

`BiGSMultipleChoice` scores each of several continuations or answers together with the
context; `python -m recipes.scrolls --task quality` trains one on questions about long
stories.
"""
