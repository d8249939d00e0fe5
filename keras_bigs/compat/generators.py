"""The state of random generators that are no Keras variables.

May go when no Keras layer draws from PyTorch's own, as dropout does in Keras 3.15.
"""

import keras
import numpy as np


def get_generators() -> dict[str, np.ndarray]:
    """The states by name: of PyTorch's generators, one a device, uint8.

    On PyTorch, Keras' dropout without a seed draws from these. Empty on other backends,
    where all random numbers come from `keras.random.SeedGenerator` variables.
    """
    if keras.backend.backend() != "torch":
        return {}
    import torch

    states = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    return {f"generator.{i}": state.numpy().copy() for i, state in enumerate(states)}


def set_generators(states: dict[str, np.ndarray]) -> None:
    """Sets what `get_generators` returned."""
    if states:
        import torch

        cpu, *cuda = (torch.from_numpy(np.array(state)) for state in states.values())
        torch.set_rng_state(cpu)
        torch.cuda.set_rng_state_all(cuda)
