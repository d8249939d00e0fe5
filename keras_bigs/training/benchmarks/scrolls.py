"""Fine-tuning on long texts: ContractNLI and QuALITY (paper, section 6.2, table 9)."""

import json
import pathlib

import numpy as np

from keras_bigs import files
from keras_bigs import models
from keras_bigs.data import scrolls
from keras_bigs.data.batches import BucketedBatches
from keras_bigs.data.tables.labels import encode_labels
from keras_bigs.data.token_counts import cut_off
from keras_bigs.data.token_counts import token_counts
from keras_bigs.errors import DataError
from keras_bigs.models.packed_preprocessor import special_tokens_of_pair
from keras_bigs.training import evaluation
from keras_bigs.training.benchmarks import paper
from keras_bigs.training.classifier_run import ClassifierData
from keras_bigs.training.classifier_run import classifier_run
from keras_bigs.training.classifier_run import predict_with_preset
from keras_bigs.training.figures import draw
from keras_bigs.training.fine_tuning_report import plot_confusion_matrix
from keras_bigs.training.fine_tuning_run import Prepared
from keras_bigs.training.fine_tuning_run import fine_tuning_run

# Where the encoder does not say: as many as its preset takes, up to the paper's.
SEQUENCE_LENGTH = 4096


def fine_tune_contract_nli(directory, train, dev, encoder, options, verbose="auto"):
    """Fine-tunes a classifier of pairs of a contract and a hypothesis.

    See `classifier_run`. SCROLLS's exact match is `accuracy`.

    Args:
        directory: where.
        train, dev: `TextTable`s of `read_contract_nli`, with labels.
        encoder: `EncoderConfig`.
        options: `FineTuningConfig`.
        verbose: as for `keras.Model.fit`.

    Returns:
        As `classifier_run`; and `cut`: what `cut_off` returns for `train` and `dev`.
    """
    classes = list(scrolls.CONTRACT_NLI_CLASSES)
    data = ClassifierData(
        train=(train.x, encode_labels(train, classes)),
        validation={"dev": (dev.x, encode_labels(dev, classes))},
        classes=classes,
    )
    return classifier_run(
        directory,
        data,
        encoder,
        options,
        inspect=lambda task: {
            "cut": {
                name: say_cut(name, _pair_lengths(task.preprocessor, table), task)
                for name, table in (("train", train), ("dev", dev))
            }
        },
        sequence_length=SEQUENCE_LENGTH,
        verbose=verbose,
    )


def predict_contract_nli(preset, table):
    """What SCROLLS's evaluation takes, from the preset of a run.

    Args:
        preset: the directory.
        table: `TextTable` of `read_contract_nli`.

    Returns:
        dict of the text of the predicted class by the id of the pair.
    """
    outputs = predict_with_preset(models.BiGSTextClassifier, preset, table.x)
    texts = list(scrolls.CONTRACT_NLI_TEXTS.values())
    predictions = [texts[i] for i in outputs.argmax(-1)]
    return dict(zip(table.columns["id"], predictions, strict=True))


def fine_tune_quality(directory, train, dev, encoder, options, verbose="auto"):
    """Fine-tunes a `BiGSMultipleChoice` on questions about articles.

    Where an article does not fit beside question and option, its end is cut. See
    `fine_tuning_run`; there is `confusion_matrix.png`, of the places of right and
    chosen options. SCROLLS's exact match is `accuracy`.

    Args:
        directory: where.
        train, dev: lists of `ChoiceExample` with labels.
        encoder: `EncoderConfig`.
        options: `FineTuningConfig`.
        verbose: as for `keras.Model.fit`.

    Returns:
        As `fine_tuning_run`; and `cut`: what `cut_off` returns for `train` and `dev`;
        `hard`: the metrics of the hard questions, where some are marked; and
        `always_first`, the accuracy of always choosing the first option.

    Raises:
        DataError: an example of `train` or `dev` has no label.
    """
    directory = pathlib.Path(directory)
    for example in (*train, *dev):
        if example.label is None:
            raise DataError(
                f"{example.where}: the question has no right option. Train and "
                "evaluate on files with labels."
            )

    def prepare():
        options.begin(encoder.dtype)
        task = encoder.multiple_choice(lambda: _texts(train), SEQUENCE_LENGTH)
        cut = {
            name: say_cut(name, _choice_lengths(task.preprocessor, examples), task)
            for name, examples in (("train", train), ("dev", dev))
        }

        def batches(examples, **kwargs):
            kwargs |= {"batch_size": options.batch_size, "seed": options.seed}
            labels = [example.label for example in examples]
            return BucketedBatches.for_task(task, _columns(examples), labels, **kwargs)

        validation = batches(dev)

        def report(task, tuned):
            outputs = evaluation.predict(tuned.model, validation)
            labels = validation.labels
            places = [str(i + 1) for i in range(outputs.shape[-1])]
            path = directory / "confusion_matrix.png"
            draw(plot_confusion_matrix, path, labels, outputs.argmax(-1), places)
            results = {"cut": cut, "always_first": float(np.mean(labels == 0))}
            is_hard = np.array([example.is_hard is True for example in dev])
            if is_hard.any():
                results["hard"] = evaluation.metrics_of(
                    outputs[is_hard], labels[is_hard]
                )
            return results

        return Prepared(task, batches(train, shuffle=True), validation, report=report)

    examples = [list(_rows(train)), list(_rows(dev))]
    identity = {"data_sha256": files.sha256(json.dumps(examples))}
    return fine_tuning_run(directory, encoder, options, identity, prepare, verbose)


def predict_quality(preset, examples):
    """What SCROLLS's evaluation takes, from the preset of a run.

    Args:
        preset: the directory.
        examples: list of `ChoiceExample`.

    Returns:
        dict of the text of the chosen option by the id of the question.
    """
    x = _columns(examples)
    outputs = predict_with_preset(models.BiGSMultipleChoice, preset, x, batch_size=8)
    return {
        example.id: example.options[i]
        for example, i in zip(examples, outputs.argmax(-1), strict=True)
    }


def comparison(task, results):
    """The result beside the paper's table 3, as rows of name and scores in percent.

    Args:
        task: "contract_nli" or "quality".
        results: what the run returned.

    Returns:
        Rows of strings: with "quality" of all and of hard questions.
    """
    scores = [results["metrics"]["accuracy"]]
    if task == "quality":
        scores.append(results.get("hard", {}).get("accuracy"))
    rows = [("this run, dev", *("" if x is None else f"{100 * x:.1f}" for x in scores))]
    names = ("contract_nli",) if task == "contract_nli" else ("quality", "quality_hard")
    for name, values in paper.SCROLLS.items():
        rows.append((f"{name}, paper, test", *(f"{values[x]:.1f}" for x in names)))
    return rows


def say_cut(name, lengths, task):
    """Prints and returns what is lost where inputs are cut; see `cut_off`.

    Args:
        name: of the inputs.
        lengths: `(n,)` ints: their tokens.
        task: with a preprocessor.
    """
    limit = task.preprocessor.sequence_length
    cut = cut_off(lengths, limit)
    print(
        f"{name}: {cut['cut']:,} of {cut['examples']:,} inputs are cut to {limit:,} "
        f"tokens; of all tokens {cut['tokens_kept']:.0%} are read"
    )
    return cut


def _columns(examples):
    """`x` for a multiple choice task."""
    return tuple(
        [getattr(example, name) for example in examples]
        for name in ("article", "question", "options")
    )


def _rows(examples):
    return ((e.article, e.question, e.options, e.label, e.is_hard) for e in examples)


def _texts(examples):
    return {
        text for e in examples for text in (e.article, e.question, " ".join(e.options))
    }


def _pair_lengths(preprocessor, table):
    """Tokens of contract and hypothesis, and the special ones."""
    texts = [*table.texts, *table.text_pairs]
    counts = token_counts(preprocessor.tokenizer, texts)
    special = special_tokens_of_pair(preprocessor.tokenizer)
    return special + counts.reshape(2, -1).sum(axis=0)


def _choice_lengths(preprocessor, examples):
    """Tokens of article, question and the longest option, and the special ones."""
    rows = [(e.article, e.question, *e.options) for e in examples]
    texts = [text for row in rows for text in row]
    counts = token_counts(preprocessor.tokenizer, texts)
    ends = np.cumsum([len(row) for row in rows])[:-1]
    lengths = [part[0] + part[1] + part[2:].max() for part in np.split(counts, ends)]
    return special_tokens_of_pair(preprocessor.tokenizer) + np.array(lengths)
