"""What masked language models know of syntax (paper, section 7.3)."""
