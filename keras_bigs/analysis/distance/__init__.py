"""QNLI by length, and with distractors (paper, section 7.2)."""
