"""Sentences that test syntax (paper, section 7.3): minimal pairs and annotated CoLA.

pairs = read_marvin_linzen("marvin_linzen.tsv.gz")
pairs = read_linzen("linzen2016/subj_agr_filtered")
pairs = read_pairs("blimp/npi_present_1.jsonl")
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cola_annotations": [
            "COLA_FEATURES",
            "COLA_PHENOMENA",
            "ColaAnnotations",
            "read_cola_annotations",
        ],
        "linzen": ["read_linzen"],
        "marvin_linzen": ["MARVIN_LINZEN_ROWS", "TABLE_5", "read_marvin_linzen"],
        "pairs": ["MinimalPair", "draw_by_group", "read_pairs"],
    },
)
