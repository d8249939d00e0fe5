"""SQuAD 1.1 (Rajpurkar et al. 2016): questions on texts.

examples = read_squad("train-v1.1.json")
x, y = columns(fit_contexts(examples, answerer))
train = keras_bigs.data.BucketedBatches.for_task(answerer, x, y, shuffle=True)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "predictions": ["write_predictions"],
        "reading": ["SquadExample", "columns", "read_squad", "read_squad_tfds"],
        "windows": ["fit_contexts"],
    },
)
