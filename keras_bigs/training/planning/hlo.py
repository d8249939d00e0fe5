"""What a compiled program says of itself: cycles, loops, traffic between devices."""

import collections
import dataclasses
import re

COLLECTIVES = (
    "all-gather",
    "all-reduce",
    "all-to-all",
    "collective-permute",
    "reduce-scatter",
)

_BITS = {"pred": 8, "bf16": 16, "f16": 16, "f32": 32, "f64": 64, "c64": 64, "c128": 128}
_HEAD = re.compile(r"^(ENTRY )?%?([\w.-]+) \(.*\) -> .* \{$")
_INSTRUCTION = re.compile(
    r"^\s*(?:ROOT )?%?[\w.-]+ = (?P<type>\(.*?\)|\S+) (?P<name>[a-z][\w-]*)\("
)
_ARRAY = re.compile(r"([a-z]+\d*)\[([\d,]*)\]")
_CALLED = re.compile(
    r"(?:body|to_apply|calls|true_computation|false_computation)=%?([\w.-]+)"
)
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_CYCLES = re.compile(r'estimated_cycles":"?(\d+)')
_CONDITION = re.compile(r"condition=%?([\w.-]+)")
_CONSTANT = re.compile(r"[su]32\[\]\S* constant\((\d+)\)")


@dataclasses.dataclass(frozen=True)
class Program:
    """What one device does in a compiled program, loops counted as often as they run.

    All branches of a condition count, though one is taken.

    Attributes:
        cycles: the compiler's estimate for everything but collectives.
        collectives: by name of the operation, `(count, bytes)`: how often it runs, and
            what the device sends to others by it, in rings of those that take part.
        unknown_loops: the number of loops that count once, for it is not known how
            often they run.
        types: names of the types of all arrays, such as `"bf16"`.
        operations: names of all operations, such as `"fft"`.
    """

    cycles: float
    collectives: dict[str, tuple[int, int]]
    unknown_loops: int
    types: frozenset[str]
    operations: frozenset[str]


def read_program(text):
    """Reads the text of a compiled program (`compiled.as_text()`).

    Returns:
        `Program`. `cycles` is 0 where the compiler gives no estimates.
    """
    computations, entry = _computations(text)
    cycles, unknown = 0.0, 0
    counts, sizes = collections.Counter(), collections.Counter()
    types, operations = set(), set()

    def visit(name, times, in_fusion):
        nonlocal cycles, unknown
        for line in computations.get(name, ()):
            match = _INSTRUCTION.match(line)
            if match is None:
                continue
            kind = match["name"]
            operations.add(kind)
            types.update(dtype for dtype, _ in _ARRAY.findall(match["type"]))
            collective = kind.removesuffix("-start")
            if collective in COLLECTIVES:
                # Of a sum that is divided at once, the compiler writes both parts.
                is_scatter = name.startswith("all-reduce-scatter")
                sent = _sent_bytes(line, match["type"], kind, is_scatter)
                collective = "reduce-scatter" if is_scatter else collective
                counts[collective] += times
                sizes[collective] += times * sent
            estimate = None if in_fusion else _CYCLES.search(line)
            if estimate:
                cycles += times * int(estimate[1])
            trips = 1
            if kind == "while":
                trips = _trips(computations, line)
                unknown += trips is None
            # The estimate of a fusion is for all that it calls.
            within = in_fusion or kind == "fusion" or estimate is not None
            called = _CALLED.findall(line)
            for branches in _BRANCHES.findall(line):
                called += re.findall(r"[\w.-]+", branches)
            for callee in called:
                visit(callee, times * (trips or 1), within)

    visit(entry, 1, False)
    return Program(
        cycles=cycles,
        collectives={name: (counts[name], sizes[name]) for name in sorted(counts)},
        unknown_loops=unknown,
        types=frozenset(types),
        operations=frozenset(operations),
    )


def _computations(text):
    """The lines of each computation by its name, and the name of the first to run."""
    computations, entry, lines = {}, None, None
    for line in text.splitlines():
        head = _HEAD.match(line)
        if head:
            lines = computations.setdefault(head[2], [])
            entry = head[2] if head[1] else entry
        elif line.startswith("}"):
            lines = None
        elif lines is not None:
            lines.append(line)
    return computations, entry


def _trips(computations, line):
    """How often a loop runs: the number that its counter is compared with."""
    (condition,) = _CONDITION.findall(line)
    text = "\n".join(computations.get(condition, ()))
    numbers = {int(number) for number in _CONSTANT.findall(text)}
    return max(numbers) if numbers else None


def _sent_bytes(line, type_text, kind, is_scatter):
    """Bytes that each of `n` devices sends in a ring of them."""
    sizes = [
        _bits(dtype) // 8 * _product(shape)
        for dtype, shape in _ARRAY.findall(type_text)
    ]
    if kind.endswith("-start") and kind != "all-reduce-start":
        # Operands, results, and for permutations two numbers of context.
        arrays = [size for size in sizes if size > 4] or sizes
        sizes = arrays[len(arrays) // 2 :]
    size, n = sum(sizes), _group_size(line)
    shares = {
        "all-gather": (n - 1) / n,
        "all-reduce": (1 if is_scatter else 2) * (n - 1) / n,
        "all-to-all": (n - 1) / n,
        "collective-permute": 1,
        "reduce-scatter": n - 1,
    }
    return round(size * shares[kind.removesuffix("-start")])


def _group_size(line):
    """How many devices take part.

    In groups such as `{{0,1},{2,3}}`; `[2,2]<=[4]`, two of two; or
    `mesh['a'=2,'b'=4] {'b'}`, along axes or parts `'b':(1)2` of them.
    """
    listed = re.search(r"replica_groups=\{\{([\d,]+)\}", line)
    if listed:
        return listed[1].count(",") + 1
    counted = re.search(r"replica_groups=\[\d+,(\d+)\]", line)
    if counted:
        return int(counted[1])
    named = re.search(r"replica_groups=mesh\[([^\]]*)\] \{([^}]*)\}", line)
    if not named:
        return 1
    axes = dict(re.findall(r"'(\w+)'=(\d+)", named[1]))
    size = 1
    for axis, part in re.findall(r"'(\w+)'(?::\(\d+\)(\d+))?", named[2]):
        size *= int(part or axes[axis])
    return size


def _bits(dtype):
    digits = re.sub(r"^[a-z]+", "", dtype)
    return _BITS.get(dtype) or int(digits or 8)


def _product(shape):
    product = 1
    for size in shape.split(","):
        product *= int(size or 1)
    return product
