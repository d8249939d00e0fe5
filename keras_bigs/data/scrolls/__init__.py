"""Two long-text tasks of SCROLLS (Shaham et al. 2022), from their own files or its.

contracts = read_contract_nli("contract_nli/train.json")
questions = read_quality("QuALITY.v1.0.1.htmlstripped.train")
write_scrolls_submission("submission.csv", {"quality": {"52845_75VB1ISR_1": "No."}})
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "contract_nli": [
            "CONTRACT_NLI_CLASSES",
            "CONTRACT_NLI_TEXTS",
            "read_contract_nli",
        ],
        "quality": ["ChoiceExample", "read_quality"],
        "submission": ["write_scrolls_predictions", "write_scrolls_submission"],
    },
)
