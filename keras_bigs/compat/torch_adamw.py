"""AdamW in one pass over memory on PyTorch.

Keras 3.15 has Adam there as nine passes, and for subclasses of its optimizers one
variable after the other. May go when it calls PyTorch's own fused function.
"""

import keras

# What `keras.optimizers.AdamW` is on this backend.
if keras.backend.backend() == "torch":
    from keras.src.backend.torch.optimizers.torch_adamw import AdamW as KerasAdamW
else:
    from keras.optimizers import AdamW as KerasAdamW


class FusedAdamW(KerasAdamW):
    """`keras.optimizers.AdamW`, fused on PyTorch where weights are plain float32."""

    def _parallel_update_step(self, grads, variables, learning_rate):
        import torch

        states = [self._get_variable_index(v) for v in variables]
        weights = [v.value for v in variables]
        momentums = [self._momentums[i].value for i in states]
        velocities = [self._velocities[i].value for i in states]
        # The fused function walks through memory in the order of the weights', and
        # looks at no strides.
        alike = {
            (x.dtype, x.device, x.is_contiguous())
            for x in (*weights, *grads, *momentums, *velocities)
        }
        if self.amsgrad or alike != {(torch.float32, weights[0].device, True)}:
            super()._parallel_update_step(grads, variables, learning_rate)
            return
        step = keras.ops.cast(self.iterations + 1, "float32")
        # Keras adds epsilon to the root before the correction of its bias, PyTorch
        # after it.
        correction = 1 - self.beta_2 ** float(step)
        torch._fused_adamw_(
            weights,
            grads,
            momentums,
            velocities,
            [],
            [step] * len(weights),
            lr=float(learning_rate),
            beta1=self.beta_1,
            beta2=self.beta_2,
            # Decayed by Keras before.
            weight_decay=0.0,
            eps=self.epsilon / correction**0.5,
            amsgrad=False,
            maximize=False,
        )
