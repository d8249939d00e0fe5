"""What is read from the text of a compiled program."""

import pytest

from keras_bigs.training.planning import Program
from keras_bigs.training.planning import read_program

pytestmark = pytest.mark.without_backend

TEXT = """
HloModule step, entry_computation_layout={(f32[8]{0})->f32[8]{0}}

%fused (p: f32[8]) -> f32[8] {
  %p = f32[8]{0:T(128)} parameter(0)
  ROOT %m = f32[8]{0:T(128)} multiply(%p, %p), backend_config={"estimated_cycles":"7"}
}

%body (s: (s32[], bf16[4,2])) -> (s32[], bf16[4,2]) {
  %s = (s32[], bf16[4,2]{1,0}) parameter(0)
  %x = bf16[4,2]{1,0} get-tuple-element(%s), index=1
  %r = bf16[4,2]{1,0} all-reduce(%x), replica_groups={{0,1,2,3},{4,5,6,7}}, to_apply=%add
  %f = f32[8]{0} fusion(%r), kind=kLoop, calls=%fused, backend_config={"a":{"estimated_cycles":"100"}}
  ROOT %t = (s32[], bf16[4,2]{1,0}) tuple(%i, %r)
}

%condition (s: (s32[], bf16[4,2])) -> pred[] {
  %n = u32[]{:T(128)} constant(12), metadata={op_name="loop"}
  ROOT %c = pred[] compare(%i, %n), direction=LT
}

%endless (s: (s32[], bf16[4,2])) -> pred[] {
  ROOT %c = pred[] compare(%i, %j), direction=LT
}

%all-reduce-scatter.1 (p: f32[8]) -> f32[4] {
  %p = f32[8]{0} parameter(0)
  %r = f32[8]{0} all-reduce(%p), replica_groups=mesh['x'=2,'y'=2] {'y'}, to_apply=%add
  ROOT %d = f32[4]{0} dynamic-slice(%r, %i), dynamic_slice_sizes={4}
}

ENTRY %main (a: f32[8]) -> f32[8] {
  %a = f32[8]{0} parameter(0)
  %k = f32[4]{0} fusion(%a), kind=kCustom, calls=%all-reduce-scatter.1
  %y = f32[8]{0} all-gather(%a), replica_groups=mesh['x'=2,'y'=8] {'x','y':(2)4}
  %g = (f32[8]{0}, f32[16]{0}) all-gather-start(%a), replica_groups=[4,2]<=[8], dimensions={0}
  %s = f32[2]{0} reduce-scatter(%a), replica_groups=[2,4]<=[8], dimensions={0}, to_apply=%add
  %z = (f32[8]{0}, f32[8]{0}) all-to-all(%a, %b), replica_groups={{0,1},{2,3}}
  %h = f32[16]{0} all-gather-done(%g)
  %p = (f32[8]{0}, f32[8]{0}, u32[]{:S(2)}, u32[]) collective-permute-start(%a)
  %w = (s32[], bf16[4,2]{1,0}) while(%t), condition=%condition, body=%body
  %v = (s32[], bf16[4,2]{1,0}) while(%t), condition=%endless, body=%body
  ROOT %o = f32[8]{0} fusion(%a), kind=kLoop, calls=%fused, backend_config={"estimated_cycles":"1000"}
}
"""  # noqa: E501


def test_loops_fusions_and_traffic():
    program = read_program(TEXT)
    # The fusion of the body runs 12 times in one loop, once in that without a number;
    # what is inside fusions is in their own estimates.
    assert program.cycles == 1000 + 12 * 100 + 100
    assert program.unknown_loops == 1
    assert program.collectives == {
        # Half of 64 bytes, from the other of two; seven of 32 from those of eight.
        "all-gather": (2, 32 + 28),
        # 16 bytes between four: three quarters to be summed, and as many sums back.
        "all-reduce": (13, 13 * 24),
        "all-to-all": (1, 32),
        "collective-permute": (1, 32),
        # A sum of 8 bytes for each of the three others; half of 32 for one other.
        "reduce-scatter": (2, 24 + 16),
    }
    assert {"while", "fusion", "multiply"} <= program.operations
    assert program.types == {"bf16", "f32", "s32", "u32"}


def test_a_program_of_nothing():
    empty = "ENTRY %main (a: f32[]) -> f32[] {\n  ROOT %a = f32[] parameter(0)\n}\n"
    assert read_program(empty) == Program(
        cycles=0,
        collectives={},
        unknown_loops=0,
        types=frozenset({"f32"}),
        operations=frozenset({"parameter"}),
    )
