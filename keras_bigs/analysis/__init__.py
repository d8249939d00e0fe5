"""Numbers and figures of the paper's section 7."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "agreement": ["agreement_accuracy", "forced_choice", "plot_agreement"],
    },
)
