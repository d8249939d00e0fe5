"""Every algorithm against the float64 oracle: values and all gradients."""

import functools
import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_bigs.ssm import METHODS
from keras_bigs.ssm import SSMParameters
from keras_bigs.ssm import auto_method
from keras_bigs.ssm import convolution
from keras_bigs.ssm import convolve
from keras_bigs.ssm import discretize
from keras_bigs.ssm import initial_parameters
from keras_bigs.ssm import kernel
from tests.backend import compiled
from tests.backend import differentiate
from tests.backend import relative_error
from tests.backend import to_numpy
from tests.ssm import oracle

# The bounds on the largest error, relative to the largest magnitude of the exact
# result, of values and of each gradient in float32.
TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-3

BATCH, DIM, STATE_DIM = 2, 4, 64
METHOD_NAMES = sorted(METHODS)
LENGTHS = [1, 2, 7, 127, 128, 131, 1000, 4096]
STEPS = [1e-3, 1e-2, 0.1, 1.0, 10.0, 30.0]
SETTINGS = list(
    itertools.product(["zoh", "bilinear"], [False, True], [1, 2, 4])
)  # discretization, reverse, num_kernels
# Eight settings in which every pair of two choices occurs.
PAIRWISE = [SETTINGS[i] for i in (0, 4, 8, 9, 11, 1, 5, 7)]

# A loop over tokens is compiled on JAX alone.
SCAN_IS_SLOW = keras.backend.backend() != "jax"


def draw(length, num_kernels=1, state_matrix="legs", step=None, seed=0):
    """Inputs, a cotangent and parameters, all float32."""
    rng = np.random.default_rng([length, num_kernels, seed])
    parameters = initial_parameters(STATE_DIM, num_kernels, state_matrix, seed=rng)
    parameters = parameters._replace(D=rng.normal(size=num_kernels))
    if step is not None:
        parameters = parameters._replace(log_step=np.full(num_kernels, np.log(step)))
    u, g = rng.normal(size=(2, BATCH, length, DIM)).astype("float32")
    return u, g, SSMParameters(*(x.astype("float32") for x in parameters))


@functools.cache
def differentiated(method, discretization, reverse):
    def fn(u, *parameters):
        return convolve(
            u,
            SSMParameters(*parameters),
            discretization=discretization,
            method=method,
            reverse=reverse,
        )

    return differentiate(fn)


def errors(method, discretization, reverse, u, g, parameters):
    """The relative errors of the value (`"y"`) and of every gradient, by name."""
    y, gradients = differentiated(method, discretization, reverse)(g, u, *parameters)
    assert np.all(np.isfinite(y))
    assert all(np.all(np.isfinite(x)) for x in gradients)
    exact = oracle.gradients(g, u, parameters, discretization, reverse)
    exact_y = oracle.convolve(u, parameters, discretization, reverse)
    measured = {"y": relative_error(y, exact_y)}
    for name, gradient in zip(("u", *SSMParameters._fields), gradients, strict=True):
        measured[name] = relative_error(gradient, getattr(exact, name))
    # The gradient of log_step is one number a kernel, a sum over modes that cancels by
    # the luck of the draw. Its error is measured by the magnitudes of its terms.
    terms = np.max(np.sum(np.abs(exact.log_step_modes), axis=1))
    measured["log_step"] = relative_error(gradients[-1], exact.log_step, terms)
    return measured


def check(method, discretization, reverse, u, g, parameters):
    measured = errors(method, discretization, reverse, u, g, parameters)
    assert measured.pop("y") <= TOLERANCE, measured
    assert max(measured.values()) <= GRADIENT_TOLERANCE, measured


# The default suite runs each algorithm at these lengths, in settings that between them
# pair every two choices; the full product is slow.
COVER = {
    "chunked": [7, 1000],
    "fft": [1, 131],
    "recurrent": [2, 131],
    "toeplitz": [1, 127, 128],
}
# Where only the discretisation is in question.
DIRECT = ["toeplitz", pytest.param("recurrent", marks=pytest.mark.slow)]


def cover():
    matrices = itertools.cycle(["legs", "lin", "inv"])
    for shift, (method, lengths) in enumerate(COVER.items()):
        for i, length in enumerate(lengths):
            setting = PAIRWISE[(i + 2 * shift) % len(PAIRWISE)]
            yield method, length, *setting, next(matrices)


@pytest.mark.parametrize(
    (
        "method",
        "length",
        "discretization",
        "reverse",
        "num_kernels",
        "state_matrix",
    ),
    cover(),
)
def test_values_and_gradients(
    method, length, discretization, reverse, num_kernels, state_matrix
):
    check(method, discretization, reverse, *draw(length, num_kernels, state_matrix))


@pytest.mark.slow
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("discretization", "reverse", "num_kernels"), SETTINGS)
@pytest.mark.parametrize("method", METHOD_NAMES)
def test_values_and_gradients_of_the_full_product(
    method, discretization, reverse, num_kernels, length
):
    matrices = ("legs", "lin", "inv")
    if method == "recurrent" and length >= 1000 and SCAN_IS_SLOW:
        matrices = matrices[:1]
    for state_matrix in matrices:
        check(method, discretization, reverse, *draw(length, num_kernels, state_matrix))


def check_steps(method, discretization, steps, matrices):
    # Of one shape, so that the algorithm is compiled once.
    for step, state_matrix in itertools.product(steps, matrices):
        check(method, discretization, False, *draw(4096, 1, state_matrix, step))


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_extreme_step_sizes_at_length_4096(discretization):
    check_steps("chunked", discretization, [STEPS[0], STEPS[-1]], ["legs", "lin"])


@pytest.mark.slow
@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize("method", METHOD_NAMES)
def test_step_sizes_at_length_4096(method, discretization):
    check_steps(method, discretization, STEPS, ["legs", "lin", "inv"])


@pytest.mark.slow
@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_taps_at_length_131072(discretization):
    def fn(*parameters):
        return kernel(discretize(SSMParameters(*parameters), discretization), 131072)

    run = compiled(fn)
    for step, state_matrix in itertools.product(STEPS, ["legs", "lin", "inv"]):
        _, _, parameters = draw(1, 1, state_matrix, step)
        taps = to_numpy(run(*map(ops.convert_to_tensor, parameters)))
        exact = oracle.taps(parameters, 131072, discretization)
        exact[:, 0] += parameters.D
        assert relative_error(taps, exact) <= 1e-3, (step, state_matrix)


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
def test_one_tap_of_a_small_step(discretization):
    # The gradient of A is that of the input weight B alone, a quotient with A.
    check("toeplitz", discretization, False, *draw(1, 1, "lin", 1e-3))


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize("method", DIRECT)
def test_a_mode_that_forgets_at_once(method, discretization):
    # The bilinear transition of the first mode, A = -1/2, is 0 at dt = 4.
    check(method, discretization, False, *draw(32, 2, "lin", 4.0))


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize("method", DIRECT)
def test_real_parts_are_clipped(method, discretization):
    u, g, parameters = draw(32, 2, "lin", 0.1)
    A_re = parameters.A_re.copy()
    A_re[:, 1::4], A_re[:, 2::4], A_re[:, 3::4] = 0.5, 0.0, -5e-5
    parameters = parameters._replace(A_re=A_re)
    check(method, discretization, False, u, g, parameters)
    _, gradients = differentiated(method, discretization, False)(g, u, *parameters)
    assert not np.any(gradients[1][A_re > -1e-4])
    assert np.all(gradients[1][A_re < -1e-4])


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize("method", DIRECT)
def test_degenerate_modes_are_finite(method, discretization):
    u, g, parameters = draw(32, 2, "lin")
    A_im = np.zeros_like(parameters.A_im)
    A_im[:, 1::2] = -0.0
    for A_re in (-1e-4, -0.5, 1.0):
        for step in (1e-6, 1e4):
            parameters = parameters._replace(
                A_re=np.full_like(A_im, A_re),
                A_im=A_im,
                log_step=np.full(2, np.log(step), "float32"),
            )
            # `errors` asserts that everything is finite.
            measured = errors(method, discretization, False, u, g, parameters)
            assert measured["y"] <= TOLERANCE


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize("method", sorted({*METHOD_NAMES} - {"recurrent"}))
def test_every_algorithm_is_the_definition(method, discretization):
    """Against the recurrence of `naive.py`, in float64 where the backend has it."""
    u, g, parameters = draw(37, 2, "inv", 0.05)
    y, gradients = differentiated(method, discretization, True)(g, u, *parameters)
    if keras.backend.backend() != "jax":
        u, g, *parameters = (x.astype("float64") for x in (u, g, *parameters))
    run = differentiated("recurrent", discretization, True)
    exact_y, exact = run(g, u, *parameters)
    assert exact_y.dtype == u.dtype
    assert relative_error(y, exact_y) <= TOLERANCE
    for gradient, expected in zip(gradients, exact, strict=True):
        assert relative_error(gradient, expected) <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("device", ["cpu", "accelerator"])
@pytest.mark.parametrize("length", [1, 128, 129, 512, 513, 1025])
@pytest.mark.parametrize("num_kernels", [1, 2])
def test_auto_is_the_algorithm_it_names(num_kernels, length, device, monkeypatch):
    called = []
    for name in METHOD_NAMES:

        class Recorder:
            @staticmethod
            def prepare(ssm, length):
                return ()

            @staticmethod
            def apply(u, prepared, reverse, name=name):
                called.append((name, reverse))
                return u

        monkeypatch.setitem(METHODS, name, Recorder)
    monkeypatch.setattr(convolution, "discretize", lambda *_: None)
    monkeypatch.setattr(convolution, "platform", lambda: device)
    u = np.zeros((1, length, 32), "float32")
    convolve(u, draw(length, num_kernels)[2], reverse=True)
    assert called == [(auto_method(length, 32 // num_kernels, device), True)]


def test_auto_method():
    assert auto_method(None, 1, "cpu") == "chunked"
    assert auto_method(1, 256, "cpu") == auto_method(1, 1, "cpu") == "toeplitz"
    assert auto_method(512, 256, "cpu") == "toeplitz"
    assert auto_method(10**6, 256, "cpu") == "chunked"
    assert auto_method(256, 8, "cpu") == "toeplitz"
    assert auto_method(512, 1, "cpu") == auto_method(257, 8, "cpu") == "fft"
    assert auto_method(512, 1, "accelerator") == "chunked"
    assert auto_method(1024, 32, "accelerator") == "toeplitz"
    assert auto_method(1025, 32, "accelerator") == "chunked"
    # An exported file.
    assert auto_method(512, 1, "any") == "chunked"
    assert auto_method(None, 1, "any", can_loop=False) == "toeplitz"
    assert auto_method(None, 256, "cpu", max_length=512) == "toeplitz"
    assert auto_method(None, 256, "cpu", max_length=513) == "chunked"
    assert auto_method(None, 1, "cpu", max_length=512) == "chunked"


def test_platform_is_where_keras_computes(monkeypatch):
    """Also on a machine that has more than a CPU."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        devices = [tf.config.LogicalDevice(f"/device:{x}:0", x) for x in ("CPU", "GPU")]
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda: devices)
        graph = tf.function(lambda: tf.constant(convolution.platform()))
        assert graph().numpy() == b"accelerator"
    with keras.device("cpu:0"):
        assert convolution.platform() == "cpu"


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="float64 is off on JAX")
@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize("method", METHOD_NAMES)
def test_float64_is_kept(method, discretization):
    u, g, parameters = draw(37, 2, step=0.05)
    u, g, *parameters = (x.astype("float64") for x in (u, g, *parameters))
    measured = errors(method, discretization, True, u, g, parameters)
    assert max(measured.values()) <= 1e-10, measured


@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize("length", [1, 33])
def test_kernel(length, discretization):
    _, _, parameters = draw(length, 3)

    def fn(*parameters):
        return kernel(discretize(SSMParameters(*parameters), discretization), length)

    taps = to_numpy(compiled(fn)(*map(ops.convert_to_tensor, parameters)))
    exact = oracle.taps(parameters, length, discretization)
    exact[:, 0] += parameters.D
    assert relative_error(taps, exact) <= TOLERANCE


def test_unknown_names_are_refused():
    u, _, parameters = draw(4)
    with pytest.raises(ValueError, match="method='fourier'"):
        convolve(u, parameters, method="fourier")
    with pytest.raises(ValueError, match="discretization='euler'"):
        convolve(u, parameters, discretization="euler")


def test_kernels_must_divide_channels():
    u, _, parameters = draw(4, num_kernels=3)
    with pytest.raises(ValueError, match="num_kernels=3"):
        convolve(u, parameters)
