"""Training: optimizers, exact resume, masked language models, evaluation, reports."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "benchmarks",
        "config",
        "fine_tuning_config",
        "planning",
        "publishing",
        "report",
    ],
    submod_attrs={
        "answer_metrics": ["answer_metrics"],
        "checkpoints": ["Checkpoints", "Progress"],
        "classifier_run": [
            "ClassifierData",
            "classifier_run",
            "predict_with_preset",
        ],
        "compilation_cache": ["use_compilation_cache"],
        "entity_metrics": ["entities", "entity_metrics"],
        "evaluation": [
            "classification_metrics",
            "evaluate",
            "label_threshold",
            "metric_names",
            "predict",
            "regression_metrics",
        ],
        "figures": ["figure", "legend_below"],
        "fine_tuning": [
            "FineTuned",
            "check_ranges",
            "fine_tune",
            "start_from_mean",
        ],
        "fine_tuning_report": [
            "plot_confusion_matrix",
            "plot_learning_curve",
            "plot_outputs",
            "plot_predictions",
            "prediction_columns",
        ],
        "fine_tuning_run": ["Prepared", "fine_tuning_run"],
        "masked_lm": ["pretrain_masked_lm"],
        "meshes": ["MeshParallel", "parse_mesh"],
        "multi_label": [
            "best_thresholds",
            "multi_label_columns",
            "multi_label_metrics",
            "plot_label_scores",
        ],
        "optimizer": [
            "AdamW",
            "WarmupPolynomialDecay",
            "adamw",
            "current_learning_rate",
        ],
        "processes": ["distribute"],
        "publishing": ["publish"],
        "resumable_fit": ["resumable_fit"],
        "run_checkpoints": ["RunCheckpoint", "checkpoints_as_presets"],
    },
)
