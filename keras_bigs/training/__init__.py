"""Training: optimizers, schedules and evaluation during training."""

from keras_bigs.training.evaluation import EvaluationCallback
from keras_bigs.training.evaluation import classification_metrics
from keras_bigs.training.evaluation import regression_metrics
from keras_bigs.training.optimizer import adamw
