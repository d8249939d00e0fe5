"""Fine-tuning on named entities: a tag for each word."""

import json
import pathlib

from keras_bigs import files
from keras_bigs.data import conll
from keras_bigs.data.batches import BucketedBatches
from keras_bigs.data.sentence_parts import fit_words
from keras_bigs.training.entity_metrics import entity_metrics
from keras_bigs.training.figures import draw
from keras_bigs.training.figures import figure
from keras_bigs.training.fine_tuning_run import Prepared
from keras_bigs.training.fine_tuning_run import fine_tuning_run

METRICS = ("f1", "precision", "recall")


def fine_tune_ner(
    directory,
    train,
    dev,
    names,
    encoder,
    options,
    verbose="auto",
):
    """Fine-tunes a `BiGSTokenClassifier`, and leaves all of it in a directory.

    The best epoch is that of F1 over all entities. See `fine_tuning_run`; there are
    `dev_predictions.conll`, word, tag and predicted tag, as the evaluation of CoNLL
    reads it; `scores.png`, F1 by type; and in the preset `classes.json`, the names of
    the tags.

    Args:
        directory: where.
        train, dev: `(sentences, labels)`: lists of `TaggedSentence`, and what
            `encode_tags` returns.
        names: what `tag_names` returns.
        encoder: `EncoderConfig`.
        options: `FineTuningConfig`.
        verbose: as for `keras.Model.fit`.

    Returns:
        As `fine_tuning_run`, with `f1`, `precision` and `recall` of all entities; and
        `types`: what `entity_metrics` returns.
    """
    directory = pathlib.Path(directory)

    def prepare():
        options.begin(encoder.dtype)
        sentences, labels = train
        task = encoder.token_classifier(
            len(names), lambda: (" ".join(sentence.words) for sentence in sentences)
        )

        def evaluate(model, dev):
            metrics = entity_metrics([s.tags for s in dev], tag_words(task, dev, names))
            return {name: metrics["all"][name] for name in METRICS}

        def report(task, tuned):
            sentences, _ = dev
            tags = [sentence.tags for sentence in sentences]
            predictions = tag_words(task, sentences, names)
            path = directory / "dev_predictions.conll"
            conll.write_conll(path, sentences, tags, predictions)
            metrics = entity_metrics(tags, predictions)
            draw(plot_types, directory / "scores.png", metrics)
            return {"types": metrics}

        parts = fit_words([s.words for s in sentences], labels, task.preprocessor)
        return Prepared(
            task,
            BucketedBatches.for_task(
                task,
                [words for _, words, _ in parts],
                [part_labels for _, _, part_labels in parts],
                batch_size=options.batch_size,
                shuffle=True,
                seed=options.seed,
            ),
            dev[0],
            evaluate,
            metric="f1",
            report=report,
            preset_files=lambda results: {"classes.json": json.dumps(names)},
        )

    parts = [[(s.words, s.tags) for s in sentences] for sentences in (train[0], dev[0])]
    identity = {"data_sha256": files.sha256(json.dumps([list(names), parts]))}
    return fine_tuning_run(directory, encoder, options, identity, prepare, verbose)


def tag_words(classifier, sentences, names):
    """The tags that a classifier predicts for the words of sentences.

    Sentences that are too long for it are read in parts. Words without a word piece,
    such as a control character, are in no entity.

    Args:
        classifier: `BiGSTokenClassifier`.
        sentences: list of `TaggedSentence`.
        names: the names of the classes.

    Returns:
        IOB2 tags of each sentence.
    """
    words = [sentence.words for sentence in sentences]
    parts = fit_words(words, None, classifier.preprocessor)
    rows = [_shorten(part, classifier.preprocessor) for _, part, _ in parts]
    tags = [[] for _ in sentences]
    for (i, _, _), row in zip(parts, classifier.classify_words(rows), strict=True):
        ids = (word["class_id"] for word in row)
        tags[i] += ["O" if class_id is None else names[class_id] for class_id in ids]
    return [conll.to_iob2(row) for row in tags]


def _shorten(words, preprocessor):
    """The words of a part; of a single one that is too long, its beginning.

    Its class is that of its first word piece, whatever follows.
    """
    room = preprocessor.sequence_length - 2
    while len(words) == 1:
        excess = len(preprocessor.tokenize_words([words])[0][0]) - room
        if excess <= 0:
            break
        # A character is three word pieces at most, so not too much is left out.
        words = [words[0][: -max(1, excess // 3)]]
    return words


def plot_types(path, metrics):
    """Draws precision, recall and F1 by the type of entity.

    Args:
        path: the picture.
        metrics: what `entity_metrics` returns.

    Raises:
        ImportError: there is no Matplotlib.
    """
    with figure(path, figsize=(1.2 * len(metrics) + 3, 4)) as axes:
        for place, name in zip((-0.25, 0.0, 0.25), METRICS, strict=True):
            axes.bar(
                [i + place for i in range(len(metrics))],
                [values[name] for values in metrics.values()],
                width=0.25,
                label=name,
            )
        ticks = [f"{kind}\n({x['support']:,})" for kind, x in metrics.items()]
        axes.set_xticks(range(len(metrics)), ticks, parse_math=False)
        axes.set(ylim=(0, 1), xlabel="type (number of entities)")
        axes.figure.legend(loc="outside right upper")
