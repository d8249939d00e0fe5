"""The quickstart runs from end to end at toy size."""

import json
import re

import keras
import numpy as np
import pytest

from keras_bigs import errors
from keras_bigs import files
from keras_bigs.data import agreement
from recipes import quickstart


def test_quickstart(tmp_path, capsys):
    output = tmp_path / "r" / "[exp1]"
    config = quickstart.Config(
        output=output,
        # One batch each, for few programs to compile.
        train_examples=50,
        test_examples=50,
        batch_size=50,
        plain_epochs=0,
        epochs=1,
        hidden_dim=16,
        num_layers=1,
        state_dim=4,
        sequence_length=32,
    )
    quickstart.main(config)
    results = json.loads((output / "results.json").read_text())
    assert set(results) == {"BiGS", "STACK/SSM"}
    for by_attractors in results.values():
        assert {n: count for n, (_, count) in by_attractors.items()} == {
            str(n): 10 for n in range(5)
        }
    assert (output / "agreement.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    # The path is whole, brackets and all.
    assert f"Wrote {output}\n" in printed
    # A sentence for every number of attractors; an untrained model may guess [MASK].
    sentences = [line for line in printed.splitlines() if "%" not in line]
    assert sum(line.count("[MASK]") for line in sentences) == 5
    # Equal size: one norm and a few biases apart.
    sizes = re.findall(r"([\d,]+) parameters", printed)
    sizes = [int(size.replace(",", "")) for size in sizes]
    assert abs(sizes[0] - sizes[1]) < 0.01 * sizes[0]


def test_plain_sentences_come_first(monkeypatch):
    """And the learning rate falls over both stages together."""
    fitted = []

    class Model:
        def __init__(self, inputs, outputs):
            pass

        def compile(self, optimizer, **kwargs):
            self.optimizer = optimizer

        def fit(self, inputs, right, epochs, batch_size):
            fitted.append((inputs["token_ids"], epochs, self.optimizer))

    class MaskedLM:
        input = output = None

        class preprocessor:
            class tokenizer:
                pad_token, pad_token_id, mask_token = "[PAD]", 0, "[MASK]"
                cls_token, sep_token = "[CLS]", "[SEP]"

                def get_vocabulary():
                    special = ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]
                    return special + agreement.vocabulary()

    monkeypatch.setattr(keras, "Model", Model)
    examples = agreement.agreement_sentences("train", 40)
    config = quickstart.Config(plain_epochs=3, epochs=2, batch_size=16)
    quickstart.train_masked_lm(MaskedLM, examples, 1e-3, config)
    (plain, plain_epochs, optimizer), (everything, epochs, _) = fitted
    intervening = np.array([example.num_intervening for example in examples])
    np.testing.assert_array_equal(plain, everything[intervening == 0])
    assert 0 < len(plain) < len(everything) == 40
    assert (plain_epochs, epochs) == (3, 2)
    steps = 3 * -(-len(plain) // 16) + 2 * 3
    schedule = optimizer._learning_rate
    assert float(schedule(steps)) < 1e-9 < float(schedule(steps - 1))


@pytest.fixture
def untrained(monkeypatch):
    def run(config, console):
        raise AssertionError("Work has begun.")

    monkeypatch.setattr(quickstart, "run", run)


def test_output_is_checked_before_the_work(tmp_path, untrained):
    (tmp_path / "file").touch()
    with pytest.raises(errors.ConfigError, match="Cannot write to --output"):
        quickstart.main(quickstart.Config(output=tmp_path / "file"))
    with pytest.raises(errors.ConfigError, match="is not empty"):
        quickstart.main(quickstart.Config(output=tmp_path))
    with (
        files.lock(tmp_path / "run"),
        pytest.raises(errors.ConfigError, match="is being written by"),
    ):
        quickstart.main(quickstart.Config(output=tmp_path / "run"))
