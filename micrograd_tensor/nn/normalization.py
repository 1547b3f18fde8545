"""The normalization layers: one computation, averaged over the axes that each layer chooses.

================  ==============================  ===========================================
layer             averages over                   so that each of these has mean 0, variance 1
================  ==============================  ===========================================
``BatchNorm``     samples and pixels              channel
``InstanceNorm``  pixels                          channel of a sample
``GroupNorm``     pixels and a group's channels   group of channels of a sample
``LayerNorm``     the last axes                   sample, or position of a sample
``RMSNorm``       the last axes, mean kept        the same, with mean square 1
================  ==============================  ===========================================
"""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

import numpy as np

from ..engine.errors import ShapeError, describe
from ..engine.lengths import length
from ..engine.recording import no_grad
from ..engine.row import Operand
from ..engine.table.elementwise import astype
from ..engine.table.reductions import mean as average
from ..engine.table.shapes import expand_dims, reshape, squeeze
from ..engine.tensor import Tensor, assign
from ..engine.trace import at_once
from ..functional.normalization import (
    LAST_BATCH,
    along_channels,
    group_norm,
    layer_norm,
    normalize,
    rescale,
    rms_norm,
)
from ..functional.operands import Lengths, as_shape, as_tensor
from .module import Module
from .parameter import Parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d"]
__all__ += ["GroupNorm", "LayerNorm", "RMSNorm"]


def _scale_and_shift(shape: Lengths, affine: bool, dtype: Any) -> tuple[Parameter | None, Parameter | None]:
    return (Parameter(np.ones(shape, dtype)), Parameter(np.zeros(shape, dtype))) if affine else (None, None)


class _RunningNorm(Module):
    """Batch and instance normalization: by the statistics of x, or by running averages of earlier ones."""

    ranks: ClassVar[tuple[int, ...]]
    """How many axes x may have."""
    over_samples: ClassVar[bool]
    """Whether to average over the samples as well as over the pixels."""

    shown: ClassVar[tuple[str, ...]] = ("num_features", "eps", "momentum", "affine", "track_running_stats")
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        if not eps > 0:
            raise ValueError(f"{type(self).__name__}: eps={eps!r} is to keep a variance above 0, so it must be above 0")
        self.num_features, self.eps, self.momentum = length("num_features", num_features, least=0), eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight, self.bias = _scale_and_shift(num_features, affine, dtype)
        tracked = track_running_stats
        self.register_buffer("running_mean", np.zeros(num_features, dtype) if tracked else None)
        self.register_buffer("running_var", np.ones(num_features, dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", np.array(0) if tracked else None)

    def forward(self, x: Operand) -> Tensor:
        """Normalize x, by its own statistics in training or where no running ones are kept."""
        x = self._checked(as_tensor(x))
        gamma, beta = along_channels(self.weight, x), along_channels(self.bias, x)
        if self.running_mean is not None and self.running_var is not None and not self.training:
            dev = x - along_channels(self.running_mean, x)
            return rescale(dev, along_channels(self.running_var, x), gamma, beta, self.eps)
        axis = (0, *range(2, x.ndim)) if self.over_samples else tuple(range(2, x.ndim))
        out, mean, var = normalize(x, axis if len(axis) > 1 else axis[0], gamma, beta, self.eps)
        if self.running_mean is not None:
            self._track(mean, var, x.size // mean.size)
        return out

    def _checked(self, x: Tensor) -> Tensor:
        shape = x.shape
        if len(shape) not in self.ranks:
            wanted = " or ".join(_SHAPES[rank] for rank in self.ranks)
            alone = "" if self.over_samples else f", or one sample of {self.num_features} channels"
            raise ShapeError(f"{type(self).__name__}: {describe(x)} has {len(shape)} axes; give {wanted}{alone}")
        if shape[1] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__}: {describe(x)} has {shape[1]} channels on axis 1, not {self.num_features}; "
                f"make the layer with num_features={shape[1]}"
            )
        if self.training or self.running_mean is None:
            n = prod(shape[2:]) * (shape[0] if self.over_samples else 1)
            if n < 2:
                raise ShapeError(
                    f"{type(self).__name__}: {describe(x)} has {n} value(s) for each channel, too few for "
                    f"a variance; give two or more, or switch to eval(){LAST_BATCH if shape[0] == 1 else ''}"
                )
        return x

    def _track(self, mean: Tensor, var: Tensor, n: int) -> None:
        """Move the running statistics towards the mean and the unbiased variance of this batch."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        if mean.dtype.kind == "c":
            return  # a gradcheck's complex step, which is no batch
        with no_grad():
            count = self.num_batches_tracked + 1
            share = astype(1 / count, mean.dtype) if self.momentum is None else self.momentum
            moved = [(self.num_batches_tracked, count)]
            for running, found, correction in ((self.running_mean, mean, 1), (self.running_var, var, n / (n - 1))):
                old, new = at_once(running, found)
                if new.ndim > 1:
                    new = reshape(new, shape=(-1, self.num_features))
                    new = average(new, axis=0) if len(new) > 1 else new[0]  # statistics of each sample
                moved.append((running, (1 - share) * old + (share * correction) * new))
            assign(*zip(*moved, strict=True))  # only now, so that an error or an interrupt leaves all as they were


_SHAPES = {2: "(N, C)", 3: "(N, C, L)", 4: "(N, C, H, W)", 5: "(N, C, D, H, W)"}


class BatchNorm1d(_RunningNorm):
    """Batch normalization of ``(N, C)`` or ``(N, C, L)``, as `torch.nn.BatchNorm1d`; see `batch_norm`.

    Training uses the batch's mean and biased variance, and moves ``running_mean`` and ``running_var`` by
    ``new = (1 − momentum)·old + momentum·batch`` towards the mean and the unbiased variance. Evaluation uses these.

    Args:
        num_features: C, the number of channels.
        eps: added to the variance to avoid division by zero.
        momentum: the fraction by which the running statistics move; None for the average of all batches.
        affine: whether to scale by ``weight`` and shift by ``bias``, which start at 1 and 0.
        track_running_stats: whether to keep them; without them evaluation uses the batch's statistics too.
        dtype: the dtype of parameters and buffers.

    Raises:
        ShapeError: from `forward`, for other shapes, and for one value per channel where batch statistics are used.

    >>> from micrograd_tensor import nn
    >>> norm = nn.BatchNorm1d(2)
    >>> norm([[1.0, 10.0], [3.0, 30.0]]).numpy().round(2)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> norm.running_mean
    tensor([0.2, 2. ], dtype=float32, name='running_mean')
    """

    ranks, over_samples = (2, 3), True


class BatchNorm2d(_RunningNorm):
    """Batch normalization of images ``(N, C, H, W)``; otherwise as `BatchNorm1d`.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.BatchNorm2d(3)(np.zeros((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    ranks, over_samples = (4,), True


class BatchNorm3d(_RunningNorm):
    """Batch normalization of volumes ``(N, C, D, H, W)``; otherwise as `BatchNorm1d`.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.BatchNorm3d(3)(np.zeros((2, 3, 2, 4, 4))).shape
    (2, 3, 2, 4, 4)
    """

    ranks, over_samples = (5,), True


class _InstanceNorm(_RunningNorm):
    over_samples: ClassVar[bool] = False

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype=dtype)

    def forward(self, x: Operand) -> Tensor:
        """Normalize x, which may be a single sample, without an axis of samples."""
        values = as_tensor(x)
        if values.ndim + 1 in self.ranks and len(values) == self.num_features:
            return squeeze(super().forward(expand_dims(values, axis=0)), axis=0)
        return super().forward(values)


class InstanceNorm1d(_InstanceNorm):
    """Instance normalization of ``(N, C, L)`` or ``(C, L)``, as `torch.nn.InstanceNorm1d`; see `instance_norm`.

    Arguments and errors as for `BatchNorm1d`, but scale, shift and running statistics only on request.

    >>> from micrograd_tensor import nn
    >>> nn.InstanceNorm1d(2)([[[1.0, 3.0], [10.0, 30.0]]]).numpy().round(2)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """

    ranks: ClassVar[tuple[int, ...]] = (3,)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalization of images ``(N, C, H, W)`` or ``(C, H, W)``; otherwise as `InstanceNorm1d`.

    >>> import numpy as np
    >>> from micrograd_tensor import nn
    >>> nn.InstanceNorm2d(3)(np.zeros((2, 3, 4, 4))).shape
    (2, 3, 4, 4)
    """

    ranks: ClassVar[tuple[int, ...]] = (4,)


class LayerNorm(Module):
    """Layer normalization over the last axes, as `torch.nn.LayerNorm`; see `layer_norm`.

    Args:
        normalized_shape: the lengths of the last axes, or the only length.
        eps: added to the variance.
        elementwise_affine: whether to scale by ``weight`` and shift by ``bias``, of that shape.
        bias: False for a scale alone.
        dtype: the parameters' dtype.

    Raises:
        ShapeError: from `forward`, where the shape of x does not end in that shape.

    >>> from micrograd_tensor import nn
    >>> nn.LayerNorm(2)([[1.0, 3.0], [10.0, 30.0]]).numpy().round(2)
    array([[-1.,  1.],
           [-1.,  1.]])
    """

    shown: ClassVar[tuple[str, ...]] = ("normalized_shape", "eps", "elementwise_affine")

    def __init__(
        self,
        normalized_shape: Lengths,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        lengths = as_shape("normalized_shape", normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = lengths, eps, elementwise_affine
        self.weight, self.bias = _scale_and_shift(lengths, elementwise_affine, dtype)
        if not bias:
            self.bias = None

    def forward(self, x: Operand) -> Tensor:
        """Normalize each sample, or each position."""
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class GroupNorm(Module):
    """Group normalization of ``(N, C, …)``, as `torch.nn.GroupNorm`; see `group_norm`.

    Args:
        num_groups: the number of equal parts that the channels are divided into.
        num_channels: C.
        eps: added to the variance.
        affine: whether to scale by ``weight`` and shift by ``bias``, one number for each channel.
        dtype: the parameters' dtype.

    Raises:
        ShapeError: where the channels do not divide evenly into the groups, or x has another number of channels.

    >>> from micrograd_tensor import nn
    >>> nn.GroupNorm(2, 4)([[1.0, 3.0, 10.0, 30.0]]).numpy().round(2)
    array([[-1.,  1., -1.,  1.]])
    """

    shown: ClassVar[tuple[str, ...]] = ("num_groups", "num_channels", "eps", "affine")

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, dtype: Any = np.float32
    ) -> None:
        super().__init__()
        if length("num_channels", num_channels, least=0) % length("num_groups", num_groups):
            raise ShapeError(f"GroupNorm: {num_channels} channels do not divide into {num_groups} groups")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.weight, self.bias = _scale_and_shift(num_channels, affine, dtype)

    def forward(self, x: Operand) -> Tensor:
        """Normalize each group of channels of each sample."""
        x = as_tensor(x)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ShapeError(f"GroupNorm: {describe(x)} must have {self.num_channels} channels on axis 1, (N, C, …)")
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class RMSNorm(Module):
    """Division by the root mean square over the last axes, as `torch.nn.RMSNorm`; see `rms_norm`.

    Args:
        normalized_shape: the lengths of the last axes, or the only length.
        eps: added to the mean square; None for the dtype's machine epsilon.
        elementwise_affine: whether to scale by ``weight``, of that shape.
        dtype: the parameter's dtype.

    Raises:
        ShapeError: from `forward`, where the shape of x does not end in that shape.

    >>> from micrograd_tensor import nn
    >>> nn.RMSNorm(2)([3.0, 4.0]).numpy().round(4)
    array([0.8485, 1.1314])
    """

    shown: ClassVar[tuple[str, ...]] = ("normalized_shape", "eps", "elementwise_affine")

    def __init__(
        self,
        normalized_shape: Lengths,
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        lengths = as_shape("normalized_shape", normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = lengths, eps, elementwise_affine
        self.weight, _ = _scale_and_shift(lengths, elementwise_affine, dtype)

    def forward(self, x: Operand) -> Tensor:
        """Divide each sample, or each position, by its root mean square."""
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)
