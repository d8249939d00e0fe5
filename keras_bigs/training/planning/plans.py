"""What a run will take on a TPU slice, from compiling its step."""

import dataclasses
import math
import re

from keras_bigs.errors import ConfigError
from keras_bigs.training.planning.compilation import CompiledStep
from keras_bigs.training.planning.compilation import compile_step
from keras_bigs.training.planning.topologies import GIB
from keras_bigs.training.planning.topologies import Chip
from keras_bigs.training.planning.topologies import tpu_topology

# A step's time is that of these two numbers of layers, and the line through them.
FEW_LAYERS = (1, 3)

# The share of a device's memory up to which a suggestion is trusted to fit.
SAFE = 0.95


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What a training run takes.

    Attributes:
        topology: string, such as `"v5e:4x4"`.
        num_devices: int, devices as JAX counts them.
        chip: `Chip`, what one device can do.
        mesh: dict of the sizes of axes.
        shard: what the batch axis divides beside batches, see `MeshParallel`.
        sequence_length: int. Tokens of a text.
        batch_size: int. Texts of an update, on all devices.
        accumulation_steps: int. Batches of an update.
        rematerialize: bool. Whether blocks are computed again in the backward pass.
        steps: int. Updates of the run.
        step: `CompiledStep` of one batch, or `None` if it does not fit.
        memory: bytes that it takes on a device, by the compiler; `None` if that gave up
            without a number.
        compute_seconds: the compiler's estimate for a batch without traffic, or `None`
            if it was not asked for or the step does not fit.
        model_flops: operations that the model asks for in one batch; what is computed
            again does not count.
        suggestions: changes that would make it fit, with the bytes that they take.
    """

    topology: str
    num_devices: int
    chip: Chip
    mesh: dict[str, int]
    shard: str
    sequence_length: int
    batch_size: int
    accumulation_steps: int
    rematerialize: bool
    steps: int
    step: CompiledStep | None
    memory: float | None
    compute_seconds: float | None
    model_flops: float
    suggestions: tuple[tuple[str, float], ...] = ()

    @property
    def fits(self):
        """Whether a device has the memory."""
        return self.step is not None

    @property
    def traffic_seconds(self):
        """A batch's bytes between devices at the full speed of a device's links.

        `None` for what does not fit.
        """
        if self.step is None:
            return None
        sent = sum(size for _, size in self.step.program.collectives.values())
        return sent / self.chip.bandwidth

    @property
    def step_seconds(self):
        """Of an update: computation, then traffic, as if nothing overlapped.

        `None`, as what follows from it, where there is no estimate of computation.
        """
        if self.compute_seconds is None:
            return None
        batch = self.compute_seconds + self.traffic_seconds
        return self.accumulation_steps * batch

    @property
    def tokens_per_second(self):
        """Padding included."""
        return self._per_second(self.batch_size * self.sequence_length)

    @property
    def mfu(self):
        """The model's operations as a share of what the devices could do meanwhile."""
        operations = self.accumulation_steps * self.model_flops
        return self._per_second(operations / (self.num_devices * self.chip.flops))

    @property
    def hours(self):
        """Of the whole run."""
        seconds = self.step_seconds
        return None if seconds is None else self.steps * seconds / 3600

    @property
    def chip_hours(self):
        """Hours times chips."""
        hours = self.hours
        return None if hours is None else hours * self.num_devices * self.chip.chips

    def _per_second(self, amount):
        seconds = self.step_seconds
        return None if seconds is None else amount / seconds

    def numbers(self):
        """All of it as a dict of plain values, for JSON."""
        numbers = {
            "topology": self.topology,
            "devices": self.num_devices,
            "chips": self.num_devices * self.chip.chips,
            "mesh": self.mesh,
            "shard": self.shard,
            "sequence_length": self.sequence_length,
            "batch_size": self.batch_size,
            "accumulation_steps": self.accumulation_steps,
            "rematerialize": self.rematerialize,
            "steps": self.steps,
            "fits": self.fits,
            "memory_bytes": self.memory,
            "memory_limit_bytes": self.chip.memory,
            "suggestions": [list(suggestion) for suggestion in self.suggestions],
        }
        if not self.fits:
            return numbers
        numbers |= {
            "weights_bytes": self.step.weights,
            "optimizer_bytes": self.step.optimizer,
            "batch_bytes": self.step.batch,
            "temporaries_bytes": self.step.temporaries,
            "flops": self.step.flops,
            "model_flops": self.model_flops / self.num_devices,
            "bytes_accessed": self.step.bytes_accessed,
            "collectives": self.step.program.collectives,
            "loops_counted_once": self.step.program.unknown_loops,
            "traffic_seconds": self.traffic_seconds,
        }
        if self.compute_seconds is None:
            return numbers
        return numbers | {
            "compute_seconds": self.compute_seconds,
            "step_seconds": self.step_seconds,
            "tokens_per_second": self.tokens_per_second,
            "mfu": self.mfu,
            "hours": self.hours,
            "chip_hours": self.chip_hours,
        }


def plan(
    build,
    batch_of,
    *,
    topology,
    num_layers,
    batch_size,
    sequence_length,
    steps,
    model_flops,
    accumulation_steps=1,
    mesh=None,
    shard="nothing",
    rematerialize=False,
    estimate_time=True,
    progress=print,
):
    """Compiles a training step for a TPU topology and says what the run will take.

    The whole step is compiled once, with the compiler's least effort: memory,
    operations and traffic. Its time is estimated from steps of one and of three layers,
    compiled as for a run: the line through the compiler's own estimates. They leave out
    waiting for the host and for other devices, and what overlaps; with several batches
    an update, they have the optimizer's work in each.

    Args:
        build: a function of `num_layers`, `rematerialize` and `accumulation_steps` that
            returns a compiled `keras.Model`.
        batch_of: a function of a number of texts that returns `(x, y, sample_weight)`,
            NumPy arrays of their shapes.
        topology: string, see `tpu_topology`.
        num_layers: int.
        batch_size: int. Texts of an update, on all devices.
        sequence_length: int. Tokens of a text.
        steps: int. Updates of the run.
        model_flops: a function of a number of texts that returns the operations that
            the model asks for in a training step.
        accumulation_steps: int. Into how many batches an update is divided.
        mesh: dict of the sizes of axes, see `MeshParallel`. Default: all devices along
            `batch`.
        shard: see `MeshParallel`.
        rematerialize: bool.
        estimate_time: bool. Whether to estimate the time, which takes minutes.
        progress: a function of a line of text, called before each part of the work.

    Returns:
        `Plan`. If the step does not fit, its `suggestions` do, by the line through the
        memory of one layer and of three.

    Raises:
        ConfigError: see `tpu_topology`, `compile_step`.
    """
    if accumulation_steps < 1 or batch_size < 1 or batch_size % accumulation_steps:
        raise ConfigError(
            "`batch_size` must be a multiple of `accumulation_steps`, and both at "
            f"least 1. Received: batch_size={batch_size}, "
            f"accumulation_steps={accumulation_steps}"
        )
    devices, chip = tpu_topology(topology)
    mesh = mesh or {"batch": len(devices)}

    def compiled(layers, parts=accumulation_steps, remat=rematerialize, **options):
        options = {"mesh": mesh, "shard": shard, **options}
        model = build(layers, remat, parts)
        return compile_step(model, batch_of(batch_size // parts), devices, **options)

    common = {
        "topology": topology,
        "num_devices": len(devices),
        "chip": chip,
        "mesh": mesh,
        "shard": shard,
        "sequence_length": sequence_length,
        "batch_size": batch_size,
        "accumulation_steps": accumulation_steps,
        "rematerialize": rematerialize,
        "steps": steps,
        "model_flops": model_flops(batch_size // accumulation_steps),
    }
    progress(f"Compiling {num_layers} layers for {len(devices)} devices")
    try:
        step = compiled(num_layers)
        memory = step.memory
    except MemoryError as error:
        step, memory = None, _used(error)
    if step is None or memory > chip.memory:
        progress("It does not fit. Looking for what does")
        suggestions = _suggestions(compiled, num_layers, chip, common)
        return Plan(
            step=None,
            memory=memory,
            compute_seconds=None,
            suggestions=tuple(suggestions),
            **common,
        )
    seconds = None
    if estimate_time:
        few = []
        for layers in FEW_LAYERS:
            progress(f"Compiling {layers} of its layers as for a run, for the time")
            few.append(compiled(layers, tuned=True).program.cycles / chip.clock)
        seconds = line(few, num_layers)
    return Plan(step=step, memory=memory, compute_seconds=seconds, **common)


def line(values, num_layers):
    """At a number of layers, the line through the values at `FEW_LAYERS`."""
    (low, high), (first, last) = FEW_LAYERS, values
    return first + (num_layers - low) * (last - first) / (high - low)


def _used(error):
    """Bytes, from the compiler's `Used 20.45G of 15.75G hbm.`"""
    match = re.search(r"Used ([\d.]+)([KMG]) of", str(error))
    unit = {"K": 2**10, "M": 2**20, "G": GIB}
    return float(match[1]) * unit[match[2]] if match else None


def _suggestions(compiled, num_layers, chip, plan):
    """Changes that make a step fit, the mildest first: `(text, bytes)`.

    Each change by itself; if none is enough, blocks computed again and smaller batches,
    and then matrices divided between devices too.
    """
    mesh = plan["mesh"]

    def found(text, **changes):
        try:
            few = [compiled(layers, **changes).memory for layers in FEW_LAYERS]
        except (MemoryError, ConfigError):
            return []
        memory = line(few, num_layers)
        return [(text, memory)] if memory <= SAFE * chip.memory else []

    def first(candidates):
        for text, changes in candidates:
            if fits := found(text, **changes):
                return fits
        return []

    smaller = [
        (f"--accumulation_steps {parts}", {"parts": parts})
        for parts in _more_parts(
            plan["batch_size"], plan["accumulation_steps"], mesh.get("batch", 1)
        )
    ]
    fitting = []
    if not plan["rematerialize"]:
        fitting += found("--rematerialize", remat=True)
    if mesh.get("batch", 1) > 1 and plan["shard"] != "weights":
        fitting += found("--shard weights", shard="weights")
    fitting += first(smaller)
    again = {"remat": True}
    num_devices = math.prod(mesh.values())
    divided = [
        {"batch": num_devices // model, "model": model}
        for model in (2, 4, 8)
        if num_devices % model == 0
    ]
    return (
        fitting
        or first([(f"--rematerialize {t}", changes | again) for t, changes in smaller])
        or first(
            (
                f"--rematerialize --shard weights --mesh batch={axes['batch']},"
                f"model={axes['model']}",
                {"mesh": axes, "shard": "weights", **again},
            )
            for axes in divided
        )
    )


def _more_parts(batch_size, accumulation_steps, devices):
    """Larger numbers of batches of an update, about double each time.

    They divide it into batches that the devices can share.
    """
    parts, numbers = accumulation_steps, []
    for candidate in range(accumulation_steps + 1, batch_size // devices + 1):
        is_even = batch_size % candidate == 0
        if (
            candidate >= 2 * parts
            and is_even
            and batch_size // candidate % devices == 0
        ):
            numbers.append(parts := candidate)
    return numbers
