"""The quickstart runs from end to end at toy size."""

import json
import re

from recipes import quickstart


def test_quickstart(tmp_path, capsys):
    quickstart.main(
        quickstart.Config(
            output=tmp_path,
            train_examples=64,
            test_examples=25,
            plain_epochs=1,
            epochs=1,
            hidden_dim=16,
            num_layers=1,
        )
    )
    results = json.loads((tmp_path / "results.json").read_text())
    assert set(results) == {"BiGS", "STACK/SSM"}
    assert set(results["BiGS"]) == {"0", "1", "2", "3", "4"}
    assert (tmp_path / "agreement.png").stat().st_size > 10_000
    output = capsys.readouterr().out
    # A sentence for every number of attractors; an untrained model may guess [MASK].
    sentences = [line for line in output.splitlines() if "%" not in line]
    assert sum(line.count("[MASK]") for line in sentences) == 5
    # Equal size: one norm and a few biases apart.
    sizes = re.findall(r"([\d,]+) parameters", output)
    sizes = [int(size.replace(",", "")) for size in sizes]
    assert abs(sizes[0] - sizes[1]) < 0.01 * sizes[0]
