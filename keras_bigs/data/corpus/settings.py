"""How pretraining examples are made of texts."""

import dataclasses
from dataclasses import dataclass

from keras_bigs.data.pretraining.masking import Masking


@dataclass(frozen=True)
class Settings:
    """How examples are made (paper, section 5, after Izsak et al. 2021).

    Attributes:
        sequence_length: The number of tokens in an example, `[CLS]` and `[SEP]`
            included.
        short_sequence_probability: How often a sequence is kept short, at random.
        copies: How many times each example comes, with other masks each time. 0 leaves
            the masks of training examples to training; those of validation examples
            are fixed in any case.
        masking: How tokens are masked.
        validation_fraction: The share of documents that is held out for validation,
            drawn at random.
        deduplicate: Whether a paragraph that comes again anywhere is left out.
        lowercase: Whether text is lower-cased and stripped of accents.
        seed: The seed of held-out documents, short sequences and masks.

    Raises:
        ValueError: sizes that make no sense.
    """

    sequence_length: int = 128
    short_sequence_probability: float = 0.1
    copies: int = 1
    masking: Masking = dataclasses.field(default_factory=Masking)
    validation_fraction: float = 0.005
    deduplicate: bool = True
    lowercase: bool = True
    seed: int = 0

    def __post_init__(self):
        if self.sequence_length < 3:
            raise ValueError(
                "`sequence_length` must be at least 3: two tokens are [CLS] and [SEP]. "
                f"Received: {self.sequence_length}"
            )
        if self.copies < 0:
            raise ValueError(f"`copies` must not be negative. Received: {self.copies}")
        for name in ("short_sequence_probability", "validation_fraction"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be in [0, 1). Received: {getattr(self, name)}"
                )
