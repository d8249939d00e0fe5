"""The annotated CoLA from files of the official form."""

import pathlib

import numpy as np
import pytest

from keras_bigs.data import syntax
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend
SHARED = pathlib.Path(__file__).parents[4] / "shared/data/syntax/cola_annotated"
MINOR = [name for names in syntax.COLA_FEATURES.values() for name in names]
# Sentence, label, and minor features.
ROWS = [
    ("Who did she see?", 1, ["Matrix Q", "Aux"]),
    ("See her!", 1, ["Imperative"]),
    ('They "sees.', 0, ["Infl/Agr Violation"]),
]


def write_annotations(folder, rows=ROWS):
    """Both files, without quoting."""
    folder.mkdir(exist_ok=True)
    for kind in ("major", "minor"):
        columns = list(syntax.COLA_FEATURES) if kind == "major" else MINOR
        lines = ["\t".join(["Source", "Domain", "Acceptability", "Sentence", *columns])]
        for sentence, label, features in rows:
            if kind == "major":
                features = [
                    major
                    for major, names in syntax.COLA_FEATURES.items()
                    if set(names) & set(features)
                ]
            bits = [str(int(name in features)) for name in columns]
            lines.append("\t".join(["gj04", "In", str(label), sentence, *bits]))
        path = folder / f"CoLA_grammatical_annotations_{kind}_features.tsv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def change(folder, kind, old, new):
    path = folder / f"CoLA_grammatical_annotations_{kind}_features.tsv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_official_files(tmp_path):
    cola = syntax.read_cola_annotations(write_annotations(tmp_path))
    assert cola.sentences == ["Who did she see?", "See her!", 'They "sees.']
    np.testing.assert_array_equal(cola.labels, [1, 1, 0])
    assert list(cola.major) == list(syntax.COLA_FEATURES)
    assert list(cola.minor) == MINOR
    present = {name: mask.tolist() for name, mask in cola.major.items() if mask.any()}
    assert present == {
        "Question": [True, False, False],
        "Auxiliary": [True, False, False],
        "Imperative": [False, True, False],
        "Violations": [False, False, True],
    }
    assert cola.minor["Matrix Q"].tolist() == [True, False, False]


def test_number_of_features():
    assert (len(syntax.COLA_FEATURES), len(set(MINOR))) == (15, 63)
    assert len(syntax.COLA_PHENOMENA) == 13


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("major", "\tQuestion\t", "\tQuestions\t", "line 1: there is no column 'Quest"),
        ("minor", "Partitive", "Part", "line 1: there is no column 'Partitive'"),
        ("minor", "Source\t", "Source\tX\t", "line 2: 67 fields where the header has"),
        (
            "major",
            "\t0\n",
            "\t2\n",
            "line 2: column 'Violations' must be 0 or 1. .*'2'",
        ),
        ("major", "In\t1\tWho", "In\t*\tWho", "line 2: column 'Acceptability' must be"),
        ("minor", "See her!", " ", "line 3: the sentence is empty"),
        ("minor", "See her!", "See him!", "major_.*line 3: .*'See her!'.*, and in .*"),
        ("major", "In\t1\tWho", "In\t0\tWho", r"line 2: .* \('Who did she see\?', 0\)"),
    ],
)
def test_damaged_files(kind, old, new, message, tmp_path):
    folder = write_annotations(tmp_path)
    change(folder, kind, old, new)
    with pytest.raises(DataError, match=message):
        syntax.read_cola_annotations(folder)


def test_other_files(tmp_path):
    with pytest.raises(DataError, match="major_features.tsv is missing. Give the fold"):
        syntax.read_cola_annotations(tmp_path)
    folder = write_annotations(tmp_path, ROWS[:2])
    path = folder / "CoLA_grammatical_annotations_major_features.tsv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:2]) + "\n")
    with pytest.raises(DataError, match="1 sentences with major features and 2 with"):
        syntax.read_cola_annotations(folder)
    path.write_text(lines[0] + "\n")
    with pytest.raises(DataError, match="a header line, but no rows"):
        syntax.read_cola_annotations(folder)
    path.write_text(
        "\n".join(line + "\t0" for line in lines).replace("ons\t0", "ons\tX")
    )
    with pytest.raises(DataError, match=r"columns \['X'\] are none of"):
        syntax.read_cola_annotations(folder)
    path.write_text("\n")
    with pytest.raises(DataError, match="the file is empty"):
        syntax.read_cola_annotations(folder)


@pytest.mark.skipif(not SHARED.exists(), reason="CoLA is not on this machine")
def test_the_real_files():
    cola = syntax.read_cola_annotations(SHARED)
    assert (len(cola.sentences), cola.labels.sum()) == (1043, 717)
    for major, names in syntax.COLA_FEATURES.items():
        expected = np.any([cola.minor[name] for name in names], axis=0)
        np.testing.assert_array_equal(cola.major[major], expected)
    # What its docstring says.
    assert not cola.labels[cola.major["Violations"]].any()
