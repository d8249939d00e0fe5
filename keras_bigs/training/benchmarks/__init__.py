"""The paper's benchmarks: what each trains, how it is scored, what the paper has."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["glue", "grid", "ner", "paper", "scrolls", "squad"],
    submod_attrs={
        "glue": ["fine_tune_glue", "glue_grid", "load_glue", "load_test_sets"],
        "grid": ["Grid", "run_grid"],
        "ledger": ["Ledger", "summarize"],
        "ner": ["fine_tune_ner", "tag_words"],
        "scrolls": [
            "fine_tune_contract_nli",
            "fine_tune_quality",
            "predict_contract_nli",
            "predict_quality",
        ],
        "squad": ["fine_tune_squad"],
    },
)
