"""The registry of blocks."""

from keras_bigs.layers.gated_bigs_block import GatedBiGSBlock
from keras_bigs.layers.stack_block import StackBlock

BLOCKS = {"gated": GatedBiGSBlock, "stack": StackBlock}
"""Blocks by name, as `block=` of a backbone."""
