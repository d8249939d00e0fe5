"""ContractNLI (Koreeda and Manning 2021): what contracts say on 17 hypotheses."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from keras_bigs.data.json_fields import get
from keras_bigs.data.json_fields import get_id
from keras_bigs.data.json_fields import get_text
from keras_bigs.data.json_fields import require_text
from keras_bigs.data.tables.messages import shorten
from keras_bigs.data.tables.reading import TextTable
from keras_bigs.data.tables.records import jsonl_records
from keras_bigs.data.text_files import read_json
from keras_bigs.data.text_files import read_text
from keras_bigs.data.text_files import without_gz
from keras_bigs.errors import DataError

CONTRACT_NLI_CLASSES = ("Entailment", "Contradiction", "NotMentioned")
# The classes as SCROLLS spells them.
CONTRACT_NLI_TEXTS = dict(
    zip(
        CONTRACT_NLI_CLASSES,
        ("Entailment", "Contradiction", "Not mentioned"),
        strict=True,
    )
)
_CLASSES = {text: name for name, text in CONTRACT_NLI_TEXTS.items()}


@dataclass(frozen=True)
class _Pair:
    where: str
    number: int
    id: str
    document: str
    hypothesis: str
    label: str | None


def read_contract_nli(path: str | os.PathLike) -> TextTable:
    """Reads pairs of a contract and a hypothesis.

    Args:
        path: a file of the official release, such as `dev.json`: JSON with
            `documents[]` of `id`, `text` and `annotation_sets[0].annotations`, each
            with a `choice`, and `labels`, each with a `hypothesis`. Or one of SCROLLS,
            such as `validation.jsonl`: lines with `id`, `input`, which is the
            hypothesis, a blank line and the contract, and `output`, which is null in
            the test set. Also `.gz`.

    Returns:
        A `TextTable`: `texts` are the contracts, `text_pairs` the hypotheses, `labels`
        of `CONTRACT_NLI_CLASSES`, or `None` in SCROLLS's test set; `line_numbers` the
        running numbers of the pairs, or of SCROLLS's lines. `columns["id"]` tells pairs
        apart: `<id of the document>_<key of the hypothesis>`, such as "3_nda-11", or
        SCROLLS's.

    Raises:
        DataError: the file is of neither form, or has no pairs; a contract or
            hypothesis is empty; a document lacks an annotation, or has one for no
            hypothesis; a label is none of the classes; or two pairs have the same id.

    Example:
    ```python
    table = keras_bigs.data.scrolls.read_contract_nli("dev.json")
    table.texts[0], table.text_pairs[0], table.labels[0]
    ```
    """
    path = Path(path)
    suffix = without_gz(path).suffix.lower()
    if suffix not in (".json", ".jsonl"):
        raise DataError(
            f"{path}: the name ends in {suffix!r}. The official release is .json, "
            "SCROLLS's .jsonl. Rename the file to what it is."
        )
    is_scrolls = suffix == ".jsonl"
    pairs = list(_scrolls_pairs(path) if is_scrolls else _official_pairs(path))
    if not pairs:
        raise DataError(f"{path}: the file has no pairs.")
    first = {}
    for pair in pairs:
        if pair.id in first:
            raise DataError(
                f"{pair.where}: the pair has the id {pair.id!r}, and so has the "
                f"one of {first[pair.id]}. Rename or remove one."
            )
        first[pair.id] = pair.where
    has_labels = pairs[0].label is not None
    for pair in pairs:
        if (pair.label is not None) != has_labels:
            raise DataError(
                f"{pair.where}: 'output' is {'null' if has_labels else 'a label'}, and "
                f"that of {pairs[0].where}, is not. Give labels to all pairs, or to "
                "none."
            )
    label_column = "output" if is_scrolls else "choice"
    return TextTable(
        texts=[pair.document for pair in pairs],
        text_pairs=[pair.hypothesis for pair in pairs],
        labels=[pair.label for pair in pairs] if has_labels else None,
        line_numbers=[pair.number for pair in pairs],
        path=path,
        label_column=label_column if has_labels else None,
        columns={"id": [pair.id for pair in pairs]},
    )


def _official_pairs(path: Path) -> Iterator[_Pair]:
    content = read_json(path)
    labels = get(f"{path}", content, "labels", dict)
    hypotheses = {
        key: get_text(f"{path}, labels[{key!r}]", label, "hypothesis")
        for key, label in labels.items()
    }
    number = 0
    for i, document in enumerate(get(f"{path}", content, "documents", list)):
        where = f"{path}, documents[{i}]"
        document_id = get_id(where, document, "id")
        where = f"{where} ({document_id})"
        text = get_text(where, document, "text")
        annotations = _annotations(where, document)
        for key in annotations:
            if key not in hypotheses:
                raise DataError(
                    f"{where}: there is an annotation for {key!r}, which is none of "
                    f"the hypotheses in `labels`: {shorten(list(hypotheses))}. Correct "
                    "the key."
                )
        for key, hypothesis in hypotheses.items():
            number += 1
            inside = f"{where}, annotations[{key!r}]"
            if key not in annotations:
                raise DataError(
                    f"{where}: there is no annotation for the hypothesis {key!r}. Add "
                    "it, or remove the document."
                )
            choice = get(inside, annotations[key], "choice", str)
            if choice not in CONTRACT_NLI_CLASSES:
                raise DataError(
                    f"{inside}: 'choice' must be one of {list(CONTRACT_NLI_CLASSES)}. "
                    f"Received: {shorten(choice)}"
                )
            yield _Pair(
                inside, number, f"{document_id}_{key}", text, hypothesis, choice
            )


def _annotations(where, document):
    """The annotations of a document: of its first set; the release has one each."""
    sets = get(where, document, "annotation_sets", list)
    if not sets:
        raise DataError(
            f"{where}: 'annotation_sets' is empty. Add the annotations, or remove the "
            "document."
        )
    return get(f"{where}, annotation_sets[0]", sets[0], "annotations", dict)


def _scrolls_pairs(path: Path) -> Iterator[_Pair]:
    records = jsonl_records(path, read_text(path), ("id", "input", "output"))
    for line, record in records:
        where = f"{path}, line {line}"
        hypothesis, blank_line, document = get_text(where, record, "input").partition(
            "\n\n"
        )
        if not blank_line:
            raise DataError(
                f"{where}: 'input' must be a hypothesis, a blank line and a contract. "
                f"Received: {shorten(record['input'])}"
            )
        require_text(where, "input, before the blank line", hypothesis)
        require_text(where, "input, after the blank line", document)
        output = record["output"]
        if output is not None and output not in CONTRACT_NLI_TEXTS.values():
            raise DataError(
                f"{where}: 'output' must be one of {list(_CLASSES)}, or null. "
                f"Received: {shorten(output)}"
            )
        label = None if output is None else _CLASSES[output]
        yield _Pair(
            where, line, get_id(where, record, "id"), document, hypothesis, label
        )
