"""SQuAD 1.1 as TensorFlow Datasets has it."""

import numpy as np
import pytest

from keras_bigs.data import squad
from keras_bigs.errors import DataError

pytestmark = pytest.mark.without_backend
CONTEXT = "Ada Lovelace écrit à Paris. Bob lives in Rome."
ROWS = [
    ("a", "Ada", CONTEXT, "Who?", ["Ada Lovelace", "Ada"], [0, 0]),
    ("b", "Ada", CONTEXT, "Où ?", ["Paris"], [21]),  # characters, not bytes
]


@pytest.fixture
def prepare(tmp_path):
    """Prepares a split of rows, and returns the folder."""
    tfds = pytest.importorskip("tensorflow_datasets")
    import tensorflow as tf

    def prepare(rows, split="validation"):
        text = tfds.features.Text()
        answers = {"text": text, "answer_start": np.int32}
        features = tfds.features.FeaturesDict(
            dict.fromkeys(("id", "title", "context", "question"), text)
            | {"answers": tfds.features.Sequence(answers)}
        )

        def generate():
            for question_id, title, context, question, texts, starts in rows:
                yield {
                    "id": question_id,
                    "title": title,
                    "context": context,
                    "question": question,
                    "answers": {"text": texts, "answer_start": starts},
                }

        dataset = tf.data.Dataset.from_generator(
            generate, output_signature=features.get_tensor_spec()
        )
        tfds.dataset_builders.store_as_tfds_dataset(
            "squad",
            version="3.0.0",
            features=features,
            split_datasets={split: dataset},
            config="v1.1",
            data_dir=tmp_path,
        )
        return tmp_path

    return prepare


def test_a_split(prepare):
    folder = prepare(ROWS)
    examples = squad.read_squad_tfds("validation", folder)
    # Their order is that of TensorFlow Datasets.
    assert sorted(examples, key=lambda example: example.id) == [
        squad.SquadExample("a", "Who?", CONTEXT, ("Ada Lovelace", "Ada"), (0, 0)),
        squad.SquadExample("b", "Où ?", CONTEXT, ("Paris",), (21,)),
    ]
    assert [type(start) for e in examples for start in e.answer_starts] == [int] * 3
    with pytest.raises(DataError, match="nothing is prepared for split 'train'"):
        squad.read_squad_tfds("train", folder)


def test_an_answer_that_is_elsewhere(prepare):
    question_id, title, context, question, texts, _ = ROWS[1]
    bytes_before = len(context.encode()[: context.encode().index(b"Paris")])
    assert bytes_before == 23
    folder = prepare([(question_id, title, context, question, texts, [bytes_before])])
    with pytest.raises(
        DataError, match=r"squad/v1.1, validation.*\(b\): at character 23 .*not bytes"
    ):
        squad.read_squad_tfds("validation", folder)
