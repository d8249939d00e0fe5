"""Training: optimizers, schedules, exact resume, and evaluation during training."""

from keras_bigs.training.checkpoints import Checkpoints
from keras_bigs.training.checkpoints import CheckpointWriteError
from keras_bigs.training.checkpoints import Progress
from keras_bigs.training.evaluation import EvaluationCallback
from keras_bigs.training.evaluation import classification_metrics
from keras_bigs.training.evaluation import regression_metrics
from keras_bigs.training.optimizer import WarmupPolynomialDecay
from keras_bigs.training.optimizer import adamw
from keras_bigs.training.optimizer import current_learning_rate
from keras_bigs.training.resumable_fit import PreemptedError
from keras_bigs.training.resumable_fit import TrainingDivergedError
from keras_bigs.training.resumable_fit import resumable_fit
