"""Plans as tables."""

from rich.table import Table

from keras_bigs.training.planning.topologies import GIB
from keras_bigs.training.planning.topologies import MIB


def plan_table(plan):
    """A `rich.table.Table` of a `Plan`."""
    table = Table(title=f"{plan.topology}, {_mesh(plan)}", show_header=False)
    chips = plan.num_devices * plan.chip.chips
    table.add_row("chips", f"{chips:g} ({plan.num_devices} devices)")
    parts = plan.accumulation_steps
    table.add_row(
        "an update",
        f"{plan.batch_size:,} texts of {plan.sequence_length:,} tokens"
        f"{f' in {parts} batches' if parts > 1 else ''}"
        f"{', blocks computed again' if plan.rematerialize else ''}",
    )
    table.add_section()
    limit = f"{plan.chip.memory / GIB:.0f} GiB"
    if not plan.fits:
        memory = "more" if plan.memory is None else _size(plan.memory)
        table.add_row("memory a device", f"{memory} of {limit}")
        table.add_row("fits", "no")
        for text, memory in plan.suggestions:
            table.add_row("would fit", f"{text}: {_size(memory)}")
        return table
    step = plan.step
    table.add_row("memory a device", f"{_size(step.memory)} of {limit}")
    for name, size in {
        "weights": step.weights,
        "optimizer": step.optimizer,
        "batch": step.batch,
        "activations and gradients": step.temporaries,
        "spare": plan.chip.memory - step.memory,
    }.items():
        table.add_row(f"  {name}", _size(size))
    table.add_section()
    table.add_row("operations a device", f"{step.flops:.3g}")
    table.add_row("  of them the model's", f"{plan.model_flops / plan.num_devices:.3g}")
    table.add_row("bytes read and written", f"{step.bytes_accessed / 1e9:,.1f} GB")
    collectives = step.program.collectives
    sent = sum(size for _, size in collectives.values())
    table.add_row("sent to other devices", f"{sent / 1e6:,.1f} MB")
    for name, (count, size) in collectives.items():
        table.add_row(f"  {name}, {count:,} times", f"{size / 1e6:,.1f} MB")
    if step.program.unknown_loops:
        table.add_row("loops counted once", str(step.program.unknown_loops))
    if plan.compute_seconds is None:
        return table
    table.add_section()
    table.add_row("computation a batch", f"{1e3 * plan.compute_seconds:,.1f} ms")
    table.add_row("traffic a batch", f"{1e3 * plan.traffic_seconds:,.1f} ms")
    table.add_row("tokens a second", f"{plan.tokens_per_second:,.0f}")
    table.add_row("model FLOPs utilisation", f"{plan.mfu:.1%}")
    table.add_row(
        "the whole run",
        f"{plan.steps:,} updates, {plan.hours:,.3g} hours, "
        f"{plan.chip_hours:,.3g} chip-hours",
    )
    return table


def _mesh(plan):
    axes = ", ".join(f"{axis} {size}" for axis, size in plan.mesh.items())
    return axes if plan.shard == "nothing" else f"{axes}, {plan.shard} divided too"


def _size(size):
    return f"{size / GIB:.2f} GiB" if size >= GIB / 10 else f"{size / MIB:.1f} MiB"
