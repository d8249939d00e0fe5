"""Plans: what a training step will take on a TPU that is not there."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "compilation": ["CompiledStep", "compile_step"],
        "hlo": ["Program", "read_program"],
        "masked_lm": ["plan_masked_lm"],
        "plans": ["Plan", "plan"],
        "tables": ["plan_table"],
        "topologies": ["CHIPS", "Chip", "expect_no_tpu", "tpu_topology"],
    },
)
