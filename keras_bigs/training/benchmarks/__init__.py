"""The paper's benchmarks: what each trains, how it is scored, what the paper has."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["glue", "paper", "scrolls", "squad"],
    submod_attrs={
        "glue": ["fine_tune_glue", "load_glue"],
        "grid": ["Grid", "run_grid"],
        "ledger": ["Ledger", "summarize"],
        "ner": ["fine_tune_ner"],
        "scrolls": ["fine_tune_contract_nli", "fine_tune_quality"],
        "squad": ["fine_tune_squad"],
    },
)
