"""QNLI by length, and with distractors between question and sentence (section 7.2)."""

import itertools

import numpy as np

from keras_bigs.analysis.classifiers import class_outputs
from keras_bigs.analysis.proportion import Proportion
from keras_bigs.data.glue.tasks import ENTAILMENT
from keras_bigs.data.tables.labels import encode_labels
from keras_bigs.errors import ConfigError
from keras_bigs.errors import DataError
from keras_bigs.models import BiGSTextClassifier
from keras_bigs.models import load_tokenizer
from keras_bigs.models.packed_preprocessor import special_tokens_of_pair
from keras_bigs.training.classifier_run import predict_with_preset

# They say nothing of anybody or anything, so that no question is answered by them.
DISTRACTORS = (
    "as has been said before ,",
    "to put it in other words ,",
    "for what it is worth ,",
    "all things considered ,",
    "as one might say ,",
    "when all is said and done ,",
    "be that as it may ,",
    "as far as anyone can tell ,",
)
"""Phrases that leave the answer to a question as it is."""

LENGTH_EDGES = (25, 33, 49, 65, 97)
"""The shortest lengths of the bins of `accuracy_by_length` but the first, in tokens."""

TABLE_4 = {"STACK/SSM": (77.4, 69.7), "BiGS": (77.4, 77.7)}
"""The paper's table 4: accuracy in percent without and with distractors."""


def add_distractors(sentences, number, seed=0):
    """Puts phrases between the question and the sentence of each pair.

    They go before the sentence, so that what is to be matched is farther apart
    (paper, table 4; its phrases are not published, these are `DISTRACTORS`).

    Args:
        sentences: list of strings, the second text of each pair.
        number: int. How many phrases; where there are no more, they come again.
        seed: int. Seed of their order, another one for each sentence.

    Returns:
        list of strings.

    Example:
    ```python
    keras_bigs.analysis.add_distractors(["The tower is 330 m tall."], number=2)
    # ["be that as it may , all things considered , The tower is 330 m tall."]
    ```
    """
    generator = np.random.default_rng(seed)
    results = []
    for sentence in sentences:
        order = generator.permutation(len(DISTRACTORS))
        phrases = (
            DISTRACTORS[i] for i in itertools.islice(itertools.cycle(order), number)
        )
        results.append(" ".join([*phrases, sentence]))
    return results


def qnli_predictions(preset, questions, sentences):
    """What a classifier of QNLI says of pairs.

    Args:
        preset: of a `BiGSTextClassifier`, such as `recipes.glue` leaves.
        questions, sentences: lists of strings.

    Returns:
        `(n,)` int array, indices into ("entailment", "not_entailment").

    Raises:
        ConfigError: the preset is no classifier of these classes.
    """
    places = class_outputs(preset, ENTAILMENT, "QNLI")
    x = (list(questions), list(sentences))
    outputs = predict_with_preset(BiGSTextClassifier, preset, x)
    return outputs[:, places].argmax(-1)


def pair_lengths(preset, questions, sentences):
    """The numbers of tokens of packed pairs, special ones included.

    Args:
        preset: of which the tokenizer is taken.
        questions, sentences: lists of strings.

    Returns:
        `(n,)` int array.
    """
    tokenizer = load_tokenizer(str(preset))
    # All at once: the tokenizer of a batch is much faster than that of a text.
    rows = tokenizer([*questions, *sentences])
    counts = np.array([len(row) for row in rows])
    special = special_tokens_of_pair(tokenizer)
    return counts[: len(questions)] + counts[len(questions) :] + special


def accuracy_by_length(correct, lengths, edges=LENGTH_EDGES):
    """Accuracy by bins of length (paper, figure 6).

    Args:
        correct: `(seeds, n)` bool: of each seed, whether it is right.
        lengths: `(n,)` ints.
        edges: ascending ints, the shortest length of each bin but the first.

    Returns:
        A list of dicts, one a bin that has examples: `bin`, such as "33 to 48";
        `examples`; `accuracy`, the mean over seeds; `accuracies`, of each seed; and
        `low` and `high`, Wilson's 95% interval for so many examples.
    """
    correct, lengths = np.atleast_2d(correct), np.asarray(lengths)
    places = np.digitize(lengths, edges)
    bounds = [lengths.min(), *edges, lengths.max() + 1]
    rows = []
    for place in np.unique(places):
        inside = correct[:, places == place]
        accuracies = inside.mean(axis=1)
        count = inside.shape[1]
        low, high = Proportion(round(float(accuracies.mean() * count)), count).interval
        rows.append(
            {
                "bin": f"{bounds[place]} to {bounds[place + 1] - 1}",
                "examples": count,
                "accuracy": float(accuracies.mean()),
                "accuracies": accuracies.tolist(),
                "low": low,
                "high": high,
            }
        )
    return rows


def qnli_distance(presets, table, numbers=(0, 1, 2, 4, 8)):
    """Accuracy on QNLI by length, and by the number of distractors.

    Pairs that a model would have to cut are left out: of all, for the lengths; of the
    pairs with the most distractors, for these. For the distractors only pairs count
    that all models label alike without any: so all start from one accuracy, and lose it
    by the distance alone.

    Args:
        presets: lists of presets of `BiGSTextClassifier`, one a seed, by the name of
            the model; equally many of each. Those of one place are compared.
        table: `keras_bigs.data.tables.TextTable` of QNLI, with labels.
        numbers: numbers of distractors.

    Returns:
        dict of `pairs`, the number of them; `too_long`, the number left out of each
        part; `lengths`, what `accuracy_by_length` returns, by model; and `distractors`,
        a list of dicts of `model`, `distractors`, `accuracy`, the mean over seeds, and
        `accuracies` and `examples` of each seed.

    Raises:
        ConfigError: unequal numbers of presets, or a preset of other classes.
        DataError: no pair is short enough, or none is labelled alike.
    """
    numbers = sorted({0, *numbers})
    if numbers[0] < 0:
        raise ConfigError(f"`numbers` must not be negative. Received: {numbers[0]}")
    if len({len(seeds) for seeds in presets.values()}) > 1:
        raise ConfigError(
            "Name equally many presets of each model: those of one place are compared. "
            f"Received: { {name: len(seeds) for name, seeds in presets.items()} }"
        )
    every = [seed for seeds in presets.values() for seed in seeds]
    if not every:
        raise ConfigError("`presets` must name one or more. Received: none")
    for preset in every:
        class_outputs(preset, ENTAILMENT, "QNLI")
    questions, sentences = (np.array(texts, object) for texts in table.x)
    labels = np.asarray(encode_labels(table, ENTAILMENT))
    plain = _that_fit(every, questions, sentences)
    variants = [
        np.array(add_distractors(sentences, number), object) for number in numbers
    ]
    distant = _that_fit(every, questions, variants[-1])
    if not distant.any():
        raise DataError(
            f"No pair fits into the models with {numbers[-1]} distractors. Ask for "
            "fewer."
        )
    # As of the first model: so bins hold the same pairs for all.
    lengths = pair_lengths(every[0], questions[plain], sentences[plain])
    # All at once, or a preset would be loaded and compiled for each of them.
    parts = [(questions[plain], sentences[plain])]
    parts += [(questions[distant], variant[distant]) for variant in variants]
    x = [np.concatenate(texts).tolist() for texts in zip(*parts, strict=True)]
    by_length, predictions = {}, {}
    for name, seeds in presets.items():
        outputs = np.array([qnli_predictions(seed, *x) for seed in seeds])
        correct = outputs[:, : plain.sum()] == labels[plain]
        by_length[name] = accuracy_by_length(correct, lengths)
        predictions[name] = outputs[:, plain.sum() :].reshape(
            len(seeds), len(numbers), -1
        )
    return {
        "pairs": len(labels),
        "too_long": {
            "lengths": int((~plain).sum()),
            "distractors": int((~distant).sum()),
        },
        "lengths": by_length,
        "distractors": distractor_accuracy(predictions, labels[distant], numbers),
    }


def distractor_accuracy(predictions, labels, numbers):
    """Accuracy by the number of distractors, where all models agree without any.

    Args:
        predictions: `(seeds, numbers, n)` ints by the name of the model.
        labels: `(n,)` ints.
        numbers: the numbers of distractors, the first of them 0.

    Returns:
        A list of dicts; see `qnli_distance`.

    Raises:
        DataError: the models of some seed label no pair alike.
    """
    labels = np.asarray(labels)
    # (seeds, n): the label of the first model is that of all of them.
    first = np.stack([of_model[:, 0] for of_model in predictions.values()])
    alike = (first == first[0]).all(axis=0)
    if not alike.any(axis=1).all():
        raise DataError("The models label no pair alike.")
    rows = []
    for name, of_model in predictions.items():
        for place, number in enumerate(numbers):
            accuracies = [
                float((seed[place] == labels)[same].mean())
                for seed, same in zip(of_model, alike, strict=True)
            ]
            rows.append(
                {
                    "model": name,
                    "distractors": number,
                    "accuracy": float(np.mean(accuracies)),
                    "accuracies": accuracies,
                    "examples": alike.sum(axis=1).tolist(),
                }
            )
    return rows


def _that_fit(presets, questions, sentences):
    """`(n,)` bool: whether no model has to cut a pair."""
    fits = np.ones(len(questions), bool)
    for preset in presets:
        preprocessor = BiGSTextClassifier.preprocessor_cls.from_preset(str(preset))
        limit = preprocessor.sequence_length
        fits &= pair_lengths(preset, questions, sentences) <= limit
    return fits
