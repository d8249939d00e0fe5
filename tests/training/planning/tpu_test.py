"""Training steps compiled for TPUs that are not there."""

import importlib.util
import json
import math

import keras
import pytest

from keras_bigs.errors import ConfigError
from keras_bigs.ssm.chunked import CHUNK
from keras_bigs.training import planning
from keras_bigs.training.planning import topologies
from recipes import plan as recipe

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="programs for TPUs come from JAX"
)
needs_libtpu = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None,
    reason="libtpu is not installed: `pip install '.[tpu]'`",
)

TINY = ["--num_layers", "2", "--hidden_dim", "128", "--state_dim", "16"]
TINY += ["--vocabulary_size", "512", "--no-estimate_time"]


@pytest.fixture
def plan(tmp_path):
    """Runs the recipe and returns the plan, and what it wrote."""
    plans = []

    def run(*arguments):
        policy = keras.config.dtype_policy()
        output = tmp_path / "plan.json"
        arguments = ["mini", *TINY, *arguments, "--output", str(output)]
        try:
            plans.append(recipe.main(recipe.parse(arguments)))
        finally:
            keras.config.set_dtype_policy(policy)
        return plans[-1], json.loads(output.read_text())

    return run


@needs_libtpu
def test_a_step_on_eight_chips(plan, capsys):
    """Nothing that TPUs do badly; matrices, batch and texts divided as laid out."""
    arguments = ["--topology", "v5e:2x4", "--length", "2048", "--batch", "8"]
    arguments += ["--dtype", "mixed_bfloat16"]
    whole, _ = plan(*arguments, "--mesh", "batch=8")
    divided, written = plan(*arguments, "--mesh", "batch=2,model=2,sequence=2")
    for made in (whole, divided):
        program = made.step.program
        assert not program.types & {"f64", "c64", "c128"}
        assert not program.operations & {
            *("fft", "infeed", "outfeed", "send", "recv", "while"),
        }
        assert "bf16" in program.types
        assert program.unknown_loops == 0
    # Gradients of all trained weights in 16 bits or 32, seven eighths of them there and
    # back; those of SSMs as gradients of the Toeplitz matrices of chunks, of which two
    # layers have two each.
    assert set(whole.step.program.collectives) == {"all-reduce"}
    ((_, sent),) = whole.step.program.collectives.values()
    matrices = 2 * 2 * 4 * CHUNK["accelerator"] ** 2
    assert 7 / 8 * whole.step.weights < sent
    assert sent < 2 * 7 / 8 * (whole.step.weights + matrices)
    assert "all-gather" in divided.step.program.collectives

    # 8 bytes a token for 3 inputs, and predictions; a batch of one text, or of four
    # halves of texts, on each device.
    inputs = 3 * 4 * 2048
    predictions = 3 * 4 * math.ceil(0.15 * 2048)
    assert whole.step.batch == inputs + predictions
    assert 2 * whole.step.batch <= divided.step.batch <= 4 * whole.step.batch
    # All large weights are halves, and what AdamW keeps for them; the embeddings of
    # positions, 2,048 of 128, are quarters.
    for name, copies in (("weights", 1), ("optimizer", 2)):
        one = getattr(whole.step, name)
        positions = copies * 2048 * 128 * 4
        ratio = getattr(divided.step, name) / ((one - positions) / 2 + positions / 4)
        assert 1 < ratio < 1.04
    # Norms and dropout are not divided by `model`.
    assert divided.step.flops < 1.05 * whole.step.flops

    assert written["fits"]
    assert written["chips"] == 8
    assert written["mesh"] == {"batch": 2, "model": 2, "sequence": 2}
    assert written["temporaries_bytes"] == divided.step.temporaries
    assert "hours" not in written
    assert "activations and gradients" in capsys.readouterr().out


@pytest.mark.slow
@needs_libtpu
def test_what_would_fit(plan, capsys):
    """A batch of 16 GiB of activations and more a chip."""
    arguments = ["--topology", "v5e:2x2", "--batch", str(2**18)]
    too_large, written = plan(*arguments)
    assert not too_large.fits
    assert not written["fits"]
    assert too_large.memory > too_large.chip.memory == 16 * 2**30
    assert "would fit" in capsys.readouterr().out
    assert too_large.suggestions
    text, memory = too_large.suggestions[-1]
    assert text.startswith("--accumulation_steps ")
    assert memory < 16 * 2**30
    accumulation_steps = text.split()[1].rstrip(",")
    assert plan(*arguments, "--accumulation_steps", accumulation_steps)[0].fits


@pytest.mark.slow
@needs_libtpu
def test_time_of_a_run(plan):
    made, written = plan(
        *("--topology", "v5e:2x2", "--batch", "512", "--steps", "3600"),
        "--estimate_time",
    )
    assert made.hours == pytest.approx(made.step_seconds)
    assert written["chip_hours"] == pytest.approx(4 * made.hours)
    assert 0.01 < made.mfu < 1
    assert made.tokens_per_second == pytest.approx(512 * 128 / made.step_seconds)


@needs_libtpu
@pytest.mark.parametrize(
    ("name", "devices", "chips", "hosts"),
    [
        ("v3:2x2", 8, 4, 1),
        ("v5e:1x1", 1, 1, 1),
        ("v5e:2x4", 8, 8, 1),
        ("v5e:4x4", 16, 16, 4),
        ("v5p:2x2x1", 4, 4, 1),
        ("v6e:2x2", 4, 4, 1),
    ],
)
def test_topologies(name, devices, chips, hosts):
    found, chip = planning.tpu_topology(name)
    assert len(found) == devices
    assert len({device.process_index for device in found}) == hosts
    assert devices * chip.chips == chips


@needs_libtpu
@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        ("sequence=16", "Texts are divided between the devices of one process"),
        ("batch=16", "16 devices cannot share batches of 8"),
        ("batch=3", "must divide all of 16 devices"),
    ],
)
def test_what_a_run_would_refuse(mesh, message, plan):
    with pytest.raises(ConfigError, match=message):
        plan("--topology", "v5e:4x4", "--batch", "8", "--mesh", mesh)


@pytest.mark.parametrize("name", ["v5e", "v9:2x2", "", "4x4"])
def test_topologies_that_are_none(name):
    if name == "v5e":
        pytest.importorskip("libtpu")
    with pytest.raises(ConfigError, match="topology"):
        planning.tpu_topology(name)


def test_libtpu_is_asked_for(monkeypatch):
    monkeypatch.setattr(topologies.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install '.\[tpu\]'"):
        planning.tpu_topology("v5e:2x2")
