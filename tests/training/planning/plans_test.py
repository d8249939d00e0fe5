"""Plans by hand, with a compiler that answers at once."""

import pytest

from keras_bigs import errors
from keras_bigs.training import planning
from keras_bigs.training.planning import CompiledStep
from keras_bigs.training.planning import Program
from keras_bigs.training.planning import plans

pytestmark = pytest.mark.without_backend

GIB = 2**30
TRAFFIC = {"all-reduce": (2, 10**9), "all-gather": (1, 10**9)}


@pytest.fixture(autouse=True)
def compiler(monkeypatch):
    """A step takes 1 GiB a layer and text of a device; a third of it if blocks are
    computed again. Its head takes a million cycles, a layer two."""

    def compile_step(model, texts, devices, *, mesh, shard, tuned=False):
        layers, remat, _ = model
        size = layers * texts / mesh["batch"] / (3 if remat else 1) * GIB
        if layers == 23 and size > 16 * GIB:
            raise MemoryError(f"Ran out: Used {size / GIB:.2f}G of 15.75G hbm.")
        program = Program((1 + 2 * layers) * 1e6, TRAFFIC, 0, frozenset(), frozenset())
        return CompiledStep(GIB, 0, 0, int(size) - GIB, 2e12, 1e12, program)

    monkeypatch.setattr(plans, "compile_step", compile_step)
    monkeypatch.setattr(
        plans,
        "tpu_topology",
        lambda name: (list(range(8)), planning.CHIPS[name.partition(":")[0]]),
    )


def plan(**options):
    return planning.plan(
        lambda *model: model,
        lambda texts: texts,
        **{
            "topology": "v3:2x2",
            "num_layers": 10,
            "batch_size": 8,
            "sequence_length": 1000,
            "steps": 7200,
            "model_flops": lambda texts: 4e12 * texts / 8,
            "progress": lambda line: None,
            **options,
        },
    )


@pytest.mark.parametrize("number", [3, 16, 0])
def test_batches_that_do_not_divide(number):
    with pytest.raises(errors.ConfigError, match="multiple of `accumulation_steps`"):
        plan(accumulation_steps=number)


def test_time_traffic_and_chips():
    made = plan()
    assert made.fits
    assert made.memory == made.step.memory == 10 * GIB
    # 21 million cycles at 0.94 GHz.
    assert made.compute_seconds == pytest.approx(21e6 / 0.94e9)
    assert made.traffic_seconds == pytest.approx(2e9 / 164e9)
    seconds = 21e6 / 0.94e9 + 2e9 / 164e9
    assert made.tokens_per_second == pytest.approx(8000 / seconds)
    assert made.mfu == pytest.approx(4e12 / (8 * 61.5e12 * seconds))
    assert made.hours == pytest.approx(2 * seconds)
    # A device is half a chip of v3.
    assert made.numbers()["chips"] == 4
    assert made.chip_hours == pytest.approx(4 * made.hours)
    numbers = made.numbers()
    assert numbers["fits"] and numbers["collectives"] == TRAFFIC
    assert numbers["chip_hours"] == made.chip_hours


def test_an_update_of_several_batches():
    once, twice = (
        plan(batch_size=16, num_layers=5),
        plan(batch_size=16, num_layers=5, accumulation_steps=2),
    )
    assert twice.memory == once.memory / 2
    # This compiler takes as long for half a batch.
    assert twice.step_seconds == pytest.approx(2 * once.step_seconds)
    assert twice.tokens_per_second == pytest.approx(once.tokens_per_second / 2)
    assert twice.mfu == pytest.approx(once.mfu / 2)
    assert twice.hours == pytest.approx(2 * once.hours)


def test_without_time():
    made = plan(estimate_time=False)
    assert made.compute_seconds is None
    assert made.hours is made.mfu is made.chip_hours is None
    assert "hours" not in made.numbers()
    assert made.numbers()["flops"] == 2e12


def test_what_does_not_fit():
    made = plan(num_layers=23)
    assert not made.fits
    assert made.memory == 23 * GIB
    assert "flops" not in made.numbers()
    assert made.numbers()["suggestions"] == [
        ["--rematerialize", pytest.approx(23 / 3 * GIB)]
    ]


@pytest.mark.parametrize(
    ("options", "suggestions"),
    [
        # 12 layers of four texts a device; one by one, 12 GiB. (Computed again, 16.)
        ({"num_layers": 12, "batch_size": 32}, {"--accumulation_steps 4": 12}),
        # Two batches of four texts a device do not fit, nor four of two texts; eight.
        (
            {"num_layers": 12, "batch_size": 64, "accumulation_steps": 2},
            {"--accumulation_steps 8": 12},
        ),
        # Two of 7 layers; either change is enough.
        (
            {"num_layers": 9, "batch_size": 16},
            {"--rematerialize": 6, "--accumulation_steps 2": 9},
        ),
        # 20 layers of 3 texts: neither is, both are.
        (
            {"num_layers": 20, "batch_size": 24},
            {"--rematerialize --accumulation_steps 3": 20 / 3},
        ),
        # The batch axis is shorter then, and takes more texts: nothing helps.
        ({"num_layers": 60, "batch_size": 8}, {}),
    ],
)
def test_suggestions_are_those_that_fit(options, suggestions):
    made = plan(**options)
    assert not made.fits
    assert dict(made.suggestions) == {
        text: pytest.approx(size * GIB) for text, size in suggestions.items()
    }


def test_table_has_the_numbers():
    made = plan()
    cells = [
        str(c) for column in planning.plan_table(made).columns for c in column.cells
    ]
    assert "10.00 GiB of 16 GiB" in cells
    assert "1,000.0 MB" in cells and "2,000.0 MB" in cells
    assert "  all-reduce, 2 times" in cells
    assert f"{made.mfu:.1%}" in cells
    no = planning.plan_table(plan(num_layers=23, batch_size=8))
    cells = [str(c) for column in no.columns for c in column.cells]
    assert "no" in cells and "--rematerialize: 7.67 GiB" in cells
