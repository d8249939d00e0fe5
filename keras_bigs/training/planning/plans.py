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

# How often the bytes of a result cross a device's links, in rings of many devices.
CROSSINGS = {"all-reduce": 2}


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
        batch_size: int. Texts of a batch, on all devices.
        rematerialize: bool. Whether blocks are computed again in the backward pass.
        batches: int. How many the run has.
        step: `CompiledStep` of one batch, or `None` if it does not fit.
        memory: bytes that it takes on a device, by the compiler.
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
    rematerialize: bool
    batches: int
    step: CompiledStep | None
    memory: float
    compute_seconds: float | None
    model_flops: float
    suggestions: tuple[tuple[str, float], ...] = ()

    @property
    def fits(self):
        return self.step is not None

    @property
    def traffic_seconds(self):
        """A batch's bytes between devices at the full speed of a device's links."""
        sent = sum(
            CROSSINGS.get(name, 1) * size
            for name, (_, size) in self.step.program.collectives.items()
        )
        return sent / self.chip.bandwidth

    @property
    def step_seconds(self):
        """Of a batch: computation, then traffic, as if nothing overlapped."""
        return self.compute_seconds + self.traffic_seconds

    @property
    def tokens_per_second(self):
        """Padding included."""
        return self.batch_size * self.sequence_length / self.step_seconds

    @property
    def mfu(self):
        """The model's operations as a share of what the devices could do meanwhile."""
        possible = self.num_devices * self.chip.flops * self.step_seconds
        return self.model_flops / possible

    @property
    def hours(self):
        return self.batches * self.step_seconds / 3600

    @property
    def chip_hours(self):
        return self.hours * self.num_devices * self.chip.chips

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
            "rematerialize": self.rematerialize,
            "batches": self.batches,
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
    batches,
    model_flops,
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
    waiting for the host and for other devices, and what overlaps.

    Args:
        build: a function of `num_layers` and `rematerialize` that returns a compiled
            `keras.Model`.
        batch_of: a function of a number of texts that returns `(x, y, sample_weight)`,
            NumPy arrays of their shapes.
        topology: string, see `tpu_topology`.
        num_layers: int.
        batch_size: int. Texts of a batch, on all devices.
        sequence_length: int. Tokens of a text.
        batches: int. How many the run has.
        model_flops: a function of a number of texts that returns the operations that
            the model asks for in a training step.
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
    devices, chip = tpu_topology(topology)
    mesh = mesh or {"batch": len(devices)}

    def compiled(layers, texts=batch_size, remat=rematerialize, **options):
        options = {"mesh": mesh, "shard": shard, **options}
        return compile_step(build(layers, remat), batch_of(texts), devices, **options)

    common = {
        "topology": topology,
        "num_devices": len(devices),
        "chip": chip,
        "mesh": mesh,
        "shard": shard,
        "sequence_length": sequence_length,
        "batch_size": batch_size,
        "rematerialize": rematerialize,
        "batches": batches,
        "model_flops": model_flops(batch_size),
    }
    progress(f"Compiling {num_layers} layers for {len(devices)} devices")
    try:
        step = compiled(num_layers)
        memory = step.memory
    except MemoryError as error:
        step, memory = None, _used(error)
    if step is None or memory > chip.memory:
        progress("It does not fit. Looking for what does")
        suggestions = _suggestions(
            compiled, num_layers, batch_size, rematerialize, mesh, shard, chip
        )
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
    return float(match[1]) * unit[match[2]] if match else float("inf")


def _suggestions(compiled, num_layers, batch_size, rematerialize, mesh, shard, chip):
    """Changes that make a step fit, the mildest first: `(text, bytes)`.

    Each change by itself; if none is enough, blocks computed again and smaller batches,
    and then matrices divided between devices too.
    """

    def memory_of(**changes):
        try:
            few = [compiled(layers, **changes).memory for layers in FEW_LAYERS]
        except (MemoryError, ConfigError):
            return float("inf")
        return line(few, num_layers)

    def found(candidates):
        fitting = []
        for text, changes in candidates:
            memory = memory_of(**changes)
            if memory <= SAFE * chip.memory:
                fitting.append((text, memory))
        return fitting

    parts = mesh.get("batch", 1)
    smaller = [
        (f"--accumulation_steps {batch_size // texts}", {"texts": texts})
        for texts in _divisors(batch_size, parts)
    ]
    again = [] if rematerialize else [("--rematerialize", {"remat": True})]
    fully = [("--shard weights", {"shard": "weights"})] * (
        parts > 1 and shard != "weights"
    )
    single = found(again + fully)
    for candidate in smaller:
        fitting = found([candidate])
        if fitting:
            return single + fitting
    if single:
        return single
    remat = {"remat": True}
    for text, changes in smaller:
        fitting = found([(f"--rematerialize {text}", {**changes, **remat})])
        if fitting:
            return fitting
    num_devices = math.prod(mesh.values())
    for model in (2, 4, 8):
        batch = num_devices // model
        if model > num_devices or batch_size % batch:
            continue
        divided = {"batch": batch, "model": model}
        text = f"--rematerialize --mesh batch={batch},model={model} --shard weights"
        changes = {"mesh": divided, "shard": "weights", **remat}
        fitting = found([(text, changes)])
        if fitting:
            return fitting
    return []


def _divisors(batch_size, parts):
    """Numbers of texts at once that divide a batch, by about half each time."""
    texts, divisors = batch_size, []
    while texts > parts:
        texts = next(
            (
                n
                for n in range(texts // 2 // parts * parts, 0, -parts)
                if batch_size % n == 0
            ),
            0,
        )
        if not texts:
            break
        divisors.append(texts)
    return divisors
