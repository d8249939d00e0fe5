"""The results of the paper's tables 1 to 3, in percent."""

# Table 1: development sets, means of six runs. F1 for QQP and MRPC, Matthews'
# correlation for CoLA, Spearman's for STS-B, else accuracy.
_GLUE_TASKS = ("mnli", "qnli", "qqp", "rte", "sst2", "mrpc", "cola", "stsb")
GLUE = {
    name: dict(zip(_GLUE_TASKS, scores, strict=True))
    for name, scores in {
        "BERT, 11B": (82.7, 90.1, 87.7, 76.8, 91.5, 90.8, 58.6, 88.6),
        "STACK/SSM, 11B": (78.4, 83.5, 85.6, 60.5, 91.6, 83.9, 53.1, 81.3),
        "GATED/ATT, 11B": (82.2, 88.3, 87.4, 71.7, 91.3, 88.5, 58.8, 86.5),
        "BiGS, 11B": (82.6, 89.2, 87.6, 73.8, 92.8, 88.9, 63.2, 88.4),
        "BERT, 29B": (85.0, 90.9, 87.9, 80.5, 93.0, 90.9, 60.8, 89.2),
        "STACK/SSM, 29B": (80.1, 86.5, 87.2, 65.6, 92.3, 86.5, 56.5, 83.4),
        "GATED/ATT, 29B": (83.5, 90.2, 87.6, 72.0, 91.7, 88.7, 61.6, 87.5),
        "BiGS, 29B": (84.5, 90.2, 88.3, 78.6, 94.4, 89.6, 63.9, 89.3),
        "BiGS, 97B": (86.2, 90.9, 88.3, 79.4, 94.6, 89.5, 67.3, 90.1),
    }.items()
}
"""Scores by model and pretraining tokens, and by the name of the task."""

# Table 2: development set.
SQUAD_F1 = {
    "BERT (512)": 90.9,
    "BERT (128 to 512)": 87.3,
    "BiGS (128 to 512)": 89.5,
}
"""F1 of SQuAD 1.1 by model and length of pretraining."""

# Table 3: test sets. Of QuALITY exact match for all questions and for the hard ones.
SCROLLS = {
    "LED, 1024": {"quality": 26.6, "quality_hard": 27.2, "contract_nli": 73.4},
    "LED, 4096": {"quality": 26.6, "quality_hard": 27.3, "contract_nli": 71.5},
    "LED, 16384": {"quality": 25.8, "quality_hard": 25.4, "contract_nli": 71.5},
    "BART, 256": {"quality": 26.0, "quality_hard": 25.8, "contract_nli": 69.8},
    "BART, 512": {"quality": 26.8, "quality_hard": 27.4, "contract_nli": 71.6},
    "BART, 1024": {"quality": 26.0, "quality_hard": 25.9, "contract_nli": 77.4},
    "BiGS, 128": {"quality": 32.3, "quality_hard": 30.0, "contract_nli": 68.7},
    "BiGS, 4096": {"quality": 32.8, "quality_hard": 31.7, "contract_nli": 71.4},
}
"""Exact match by model and length, and by task."""
