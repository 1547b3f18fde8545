"""Parameter: a tensor that a module learns."""

from __future__ import annotations

from typing import Any, ClassVar

from ..engine.tensor import Tensor

__all__ = ["Parameter"]


class Parameter(Tensor):
    """A leaf `Tensor` that requires gradients; as an attribute of a `Module`, it is one of the module's parameters.

    The results of ops on it are plain Tensors. Its value changes only through `Tensor.assign_`, which optimizers use.

    Args:
        data: numbers, an array of any shape, or a Tensor, without its history; it is copied.
        requires_grad: False for a parameter that is not trained.
        name: by default its name in `Module.state_dict`.
        dtype: the elements' dtype; by default the value's own.

    Raises:
        DTypeError: for values that are not floating-point numbers, unless ``requires_grad=False``.

    >>> Parameter([1.0, 2.0], name="gamma")
    tensor([1., 2.], name='gamma', requires_grad=True)
    """

    __slots__ = ()
    is_parameter: ClassVar[bool] = True
    """Which graphs tell by it, where parameters are drawn otherwise than inputs."""

    def __init__(self, data: Any, requires_grad: bool = True, *, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(data, name=name, dtype=dtype, requires_grad=requires_grad)
