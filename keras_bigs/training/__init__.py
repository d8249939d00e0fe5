"""Training: optimizers, exact resume, masked language models, evaluation, reports."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["config", "publishing", "report"],
    submod_attrs={
        "answer_metrics": ["answer_metrics"],
        "checkpoints": ["Checkpoints", "Progress"],
        "entity_metrics": ["entity_metrics"],
        "evaluation": [
            "classification_metrics",
            "evaluate",
            "metric_names",
            "predict",
            "regression_metrics",
        ],
        "figures": ["figure"],
        "fine_tuning": ["FineTuned", "check_ranges", "fine_tune"],
        "fine_tuning_report": [
            "plot_confusion_matrix",
            "plot_predictions",
            "prediction_columns",
        ],
        "masked_lm": ["pretrain_masked_lm"],
        "optimizer": ["WarmupPolynomialDecay", "adamw", "current_learning_rate"],
        "processes": ["distribute"],
        "publishing": ["publish"],
        "resumable_fit": ["resumable_fit"],
    },
)
