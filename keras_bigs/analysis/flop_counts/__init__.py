"""Floating-point operations by length (paper, section 7.4, Table 6)."""
