"""Initial values: PyTorch's initializers, and the defaults of its layers.

Each takes a leaf, assigns it a new value in its own dtype (`Tensor.assign_`), and returns it. The random ones take a
``generator``; by default the one that `manual_seed` seeds.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from ..engine.arrays import beside, setting
from ..engine.errors import ShapeError, describe
from ..engine.randomness import generator_or_default
from ..engine.tensor import Tensor

__all__ = ["calculate_gain", "constant_", "normal_", "ones_", "uniform_", "zeros_"]
__all__ += ["kaiming_normal_", "kaiming_uniform_", "xavier_normal_", "xavier_uniform_"]

Generator: TypeAlias = np.random.Generator


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in ``a…b``.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> uniform_(mt.tensor([0.0, 0.0]), 5.0, 6.0, np.random.default_rng(0))
    tensor([5.63696169, 5.26978671])
    """
    a, b = setting("uniform_: a", a), setting("uniform_: b", b)
    return tensor.assign_(beside(generator_or_default(generator).uniform(a, b, tensor.shape), tensor))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal, with this mean and standard deviation."""
    mean, std = setting("normal_: mean", mean), setting("normal_: std", std)
    return tensor.assign_(beside(generator_or_default(generator).normal(mean, std, tensor.shape), tensor))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """The same value everywhere.

    >>> import micrograd_tensor as mt
    >>> constant_(mt.tensor([0.0, 1.0]), 7)
    tensor([7., 7.])
    """
    return tensor.assign_(beside(np.full(tensor.shape, setting("constant_: val", val)), tensor))


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor of initial values with which an activation preserves the variance of what passes through it.

    1 for ``linear``, ``sigmoid`` and convolutions, 5/3 for ``tanh``, √2 for ``relu``, √(2/(1 + param²)) for
    ``leaky_relu`` (slope ``param``, 0.01 by default), 3/4 for ``selu``. `ValueError` for any other.

    >>> calculate_gain("leaky_relu", 1.0)
    1.0
    """
    slope = 0.01 if param is None else param
    gains = dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1.0)
    gains |= {"tanh": 5 / 3, "relu": math.sqrt(2), "leaky_relu": math.sqrt(2 / (1 + slope**2)), "selu": 0.75}
    if nonlinearity not in gains:
        raise ValueError(f"calculate_gain: nonlinearity={nonlinearity!r} must be one of {', '.join(gains)}")
    return gains[nonlinearity]


def _fans(tensor: Tensor) -> tuple[int, int]:
    """The fan-in and the fan-out of a weight ``(out, in, …)``: inputs per output, and outputs per input.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> _fans(mt.tensor(np.zeros((16, 3, 5, 5))))
    (75, 400)
    """
    if tensor.ndim < 2:
        raise ShapeError(f"{describe(tensor)} has no fan-in and fan-out; that takes two axes, (out, in), or more")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in ``±gain·√(6/(fan_in + fan_out))``; Glorot and Bengio, 2010. `ShapeError` for fewer than two axes."""
    bound = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation ``gain·√(2/(fan_in + fan_out))``; Glorot and Bengio, 2010."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in ``±gain·√(3/fan)``, with the gain of the nonlinearity (slope ``a``); He et al., 2015.

    `ShapeError` for fewer than two axes, `ValueError` for a mode other than ``fan_in`` and ``fan_out``.
    """
    bound = math.sqrt(3) * _kaiming(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with standard deviation ``gain/√fan``, for the gain of a nonlinearity (slope ``a``); He et al., 2015."""
    return normal_(tensor, 0.0, _kaiming(tensor, a, mode, nonlinearity), generator)


def _kaiming(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode={mode!r} must be 'fan_in' or 'fan_out'")
    return calculate_gain(nonlinearity, a) / math.sqrt(_fans(tensor)[mode == "fan_out"])


def default_(weight: Tensor, bias: Tensor | None, fan_in: int, generator: Generator | None) -> None:
    """The initial values of PyTorch's linear and convolution layers: both uniform in ``±1/√fan_in``."""
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    uniform_(weight, -bound, bound, generator)
    if bias is not None:
        uniform_(bias, -bound, bound, generator)
