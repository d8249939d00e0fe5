"""Checkpoints of the original implementation (`jxiw/BiGS`): read, written, continued.

`from_preset` of `keras_bigs.models` reads them too, whether this is imported or not.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "continued": ["continued_masked_lm"],
        "loader": ["OriginalPresetLoader"],
        "names": ["tensor_map"],
        "writer": ["save_original"],
    },
)
