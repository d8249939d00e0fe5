"""A result is kept on PyTorch without gradients, and never one of other values."""

import copy
import pickle

import keras
import pytest
from keras import ops

from keras_bigs.compat.remembered import Remembered

IS_TORCH = keras.backend.backend() == "torch"


class Doubled:
    """Twice a tensor, and how often it was computed."""

    def __init__(self, tensor):
        self.tensor, self.calls, self.remembered = tensor, 0, Remembered()

    def compute(self):
        self.calls += 1
        return 2 * self.tensor

    def __call__(self, key=0):
        return self.remembered(self.compute, [self.tensor], key)


def test_with_gradients_and_on_other_backends_it_is_computed_each_time():
    doubled = Doubled(ops.arange(3.0))
    doubled()
    doubled()
    assert doubled.calls == 2


@pytest.mark.skipif(not IS_TORCH, reason="Other backends compile.")
class TestOnTorch:
    @pytest.fixture(autouse=True)
    def without_gradients(self):
        import torch

        with torch.no_grad():
            yield

    def test_equal_tensors_are_computed_once(self):
        doubled = Doubled(ops.arange(3.0))
        first = doubled()
        doubled.tensor = ops.copy(doubled.tensor)
        assert doubled() is first
        assert doubled.calls == 1

    @pytest.mark.parametrize("change", ["assign", "in place", "data", "key", "dtype"])
    def test_whatever_changes_is_computed_again(self, change):
        doubled = Doubled(ops.arange(3.0))
        doubled()
        if change == "assign":
            doubled.tensor = doubled.tensor + 1
        elif change == "in place":
            doubled.tensor[0] = 7
        elif change == "data":
            # Not counted by PyTorch as a change of the tensor.
            doubled.tensor.data[0] = 7
        elif change == "dtype":
            doubled.tensor = ops.cast(doubled.tensor, "float64")
        result = doubled(key=int(change == "key"))
        assert doubled.calls == 2
        assert ops.all(result == 2 * doubled.tensor)
        assert result.dtype == doubled.tensor.dtype

    def test_nan_is_never_equal(self):
        doubled = Doubled(ops.full((3,), float("nan")))
        doubled()
        doubled()
        assert doubled.calls == 2

    def test_gradients_are_computed_of_new_results(self):
        import torch

        doubled = Doubled(ops.arange(3.0).requires_grad_())
        doubled()
        with torch.enable_grad():
            result = doubled()
        assert doubled.calls == 2
        assert result.requires_grad

    def test_programs_that_are_traced_compute_for_themselves(self):
        import torch

        doubled = Doubled(ops.arange(3.0))
        doubled()

        class Module(torch.nn.Module):
            def forward(self, x):
                doubled.tensor = x
                return doubled()

        x = ops.arange(3.0)
        program = torch.export.export(Module(), (x,), strict=False)
        assert ops.all(program.module()(x + 1) == 2 * (x + 1))

    @pytest.mark.parametrize(
        "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
    )
    def test_a_copy_has_nothing_to_remember(self, copied):
        doubled = Doubled(ops.arange(3.0))
        doubled()
        doubled.remembered = copied(doubled.remembered)
        doubled()
        assert doubled.calls == 2

    def test_nothing_is_kept_in_training(self):
        import torch

        doubled = Doubled(ops.arange(3.0))
        doubled()
        with torch.enable_grad():
            doubled()
        doubled()
        assert doubled.calls == 3
