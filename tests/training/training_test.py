"""Optimizer set-up and whole-set metrics."""

import keras
import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from keras_bigs import models
from keras_bigs import training
from keras_bigs.training.optimizer import UNDECAYED


def test_learning_rate_warms_up_and_decays():
    """Hand-worked: a line to the peak, then half a cosine to zero."""
    schedule = training.adamw(1e-3, 100, warmup_proportion=0.2)._learning_rate
    rates = [float(schedule(step)) for step in (0, 10, 20, 60, 100)]
    np.testing.assert_allclose(rates, [0, 5e-4, 1e-3, 5e-4, 0], atol=1e-9)
    schedule = training.adamw(1e-3, 100, warmup_proportion=0)._learning_rate
    np.testing.assert_allclose(float(schedule(0)), 1e-3, rtol=1e-6)


def test_linear_and_cubic_decay():
    """Hand-worked: a line to the peak, then what is left, or its third power."""
    for decay, expected in (
        ("linear", [0, 5e-4, 1e-3, 5e-4, 0, 0]),
        ("cubic", [0, 5e-4, 1e-3, 1.25e-4, 0, 0]),
    ):
        optimizer = training.adamw(1e-3, 100, warmup_proportion=0.2, decay=decay)
        schedule = optimizer._learning_rate
        rates = [float(schedule(step)) for step in (0, 10, 20, 60, 100, 110)]
        np.testing.assert_allclose(rates, expected, atol=1e-9)
        copy = type(schedule).from_config(schedule.get_config())
        assert float(copy(37)) == float(schedule(37))


def test_ssm_parameters_may_have_a_rate_of_their_own():
    """After one step of Adam every weight has moved by its learning rate."""
    backbone = models.BiGSBackbone(20, 1, 8, 24, state_dim=4)
    optimizer = training.adamw(
        1e-2, 100, 0.0, weight_decay=0.0, ssm_learning_rate=1e-4, decay="linear"
    )
    variables = backbone.trainable_variables
    optimizer.build(variables)
    before = [keras.ops.convert_to_numpy(v).copy() for v in variables]
    optimizer.apply([keras.ops.ones_like(v.value) for v in variables], variables)
    ssm = 0
    for variable, old in zip(variables, before, strict=True):
        moved = old - keras.ops.convert_to_numpy(variable)
        is_ssm = variable.path.split("/")[-1] in ("A_re", "A_im", "C", "D", "log_step")
        ssm += is_ssm
        np.testing.assert_allclose(moved, 1e-4 if is_ssm else 1e-2, rtol=0.02)
    assert ssm == 10
    assert training.current_learning_rate(optimizer) == pytest.approx(0.99e-2)


def test_accumulated_batches_are_one_update():
    """Two halves in turn move the weights as the whole does, and only then."""
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    y = x.sum(1, keepdims=True)
    weights = []
    for accumulation_steps in (1, 2):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        optimizer = training.adamw(
            1e-2, 10**6, 0.0, accumulation_steps=accumulation_steps, global_clipnorm=0.1
        )
        model.compile(optimizer, "mse")
        first = model.get_weights()
        for half in np.split(np.arange(8), accumulation_steps):
            np.testing.assert_array_equal(model.get_weights()[0], first[0])
            model.train_on_batch(x[half], y[half])
        weights.append(model.get_weights())
    np.testing.assert_allclose(weights[0][0], weights[1][0], rtol=1e-5)
    assert (weights[0][0] != first[0]).all()


@pytest.mark.parametrize("ssm_learning_rate", [None, 0.1])
def test_weight_decay_spares_biases_norms_and_ssms(ssm_learning_rate):
    """With gradients of 0, decay alone moves weights."""
    task = models.BiGSMaskedLM(models.BiGSBackbone(20, 1, 8, 24, state_dim=4))
    optimizer = training.adamw(
        0.1, 10, 0.0, weight_decay=0.5, ssm_learning_rate=ssm_learning_rate
    )
    variables = task.trainable_variables
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    optimizer.apply([keras.ops.zeros(v.shape) for v in variables], variables)
    values = {v.path: keras.ops.convert_to_numpy(v) for v in variables}
    decayed = {path for path, value in values.items() if (value != 1).any()}
    assert {path.split("/")[-1] for path in decayed} == {"kernel", "embeddings"}
    kept = {path.split("/")[-1] for path in values.keys() - decayed}
    assert kept == {*UNDECAYED}
    for path in decayed:
        np.testing.assert_allclose(values[path], 1 - 0.1 * 0.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"total_steps": 0}, "`total_steps` must be"),
        ({"total_steps": 9, "warmup_proportion": 1.0}, "`warmup_proportion` must be"),
        ({"total_steps": 9, "accumulation_steps": 0}, "`accumulation_steps` must be"),
        ({"total_steps": 9, "decay": "none"}, "`decay` must be one of"),
    ],
)
def test_optimizer_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        training.adamw(1e-3, **kwargs)


def test_classification_metrics():
    labels, predictions = [0, 0, 1, 1, 1, 0], [0, 1, 1, 1, 0, 0]
    result = training.classification_metrics(labels, predictions, 2)
    # By hand: 4 of 6 right; precision and recall 2/3; (2*2 - 1*1) / 9.
    assert result == pytest.approx({"accuracy": 4 / 6, "f1": 2 / 3, "matthews": 1 / 3})
    labels, predictions = [0, 1, 2, 2], [0, 2, 2, 2]
    result = training.classification_metrics(labels, predictions, 3)
    assert result["f1"] == pytest.approx((1 + 0 + 0.8) / 3)
    # A class that does not occur counts too: F1 means the same in every epoch.
    result = training.classification_metrics([0, 1, 1], [0, 1, 1], 3)
    assert result["f1"] == pytest.approx(2 / 3)


def test_regression_metrics():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=50)
    predictions = targets + rng.normal(size=50)
    result = training.regression_metrics(targets, predictions)
    assert result["pearson"] == pytest.approx(np.corrcoef(targets, predictions)[0, 1])
    ranks = stats.rankdata(targets), stats.rankdata(predictions)
    assert result["spearman"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    error = metrics.mean_squared_error(targets, predictions)
    assert result["rmse"] == pytest.approx(error**0.5)


def test_constant_predictions_and_targets():
    result = training.regression_metrics([1.0, 2.0], [3.0, 3.0])
    assert (result["pearson"], result["spearman"]) == (0.0, 0.0)
    for targets in ([1.0], [2.0, 2.0]):
        with pytest.raises(ValueError, match="two different numbers"):
            training.regression_metrics(targets, targets)
