"""Parameter: a tensor that a module learns."""

from __future__ import annotations

from typing import Any

from ..engine.tensor import Tensor


class Parameter(Tensor):
    """A leaf `Tensor` that asks for gradients, and that a `Module` counts among its own once it is an attribute of it.

    What ops make of it are plain Tensors. Its value changes through `Tensor.assign_` only, as optimizers do it.

    Args:
        data: numbers, an array of any shape, or a Tensor, whose history is left behind; a private copy is taken.
        requires_grad: False for a parameter that stays as it is.
        name: by default the module names it as its `Module.state_dict` does.
        dtype: of the elements; by default the value's own.

    Raises:
        DTypeError: for values that are not floating-point numbers, unless they ask for no gradients.

    >>> Parameter([1.0, 2.0], name="gamma")
    tensor([1., 2.], name='gamma', requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, *, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(data, name=name, dtype=dtype, requires_grad=requires_grad)
