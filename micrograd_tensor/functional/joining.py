"""Joining and cutting: `concatenate` and `split` along the axis that NumPy's shorthands mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine.axes import counted
from ..engine.errors import ShapeError, describe
from ..engine.interop.habits import keywords
from ..engine.record import unwrap
from ..engine.recording import composition
from ..engine.row import Operand, answers
from ..engine.table.shapes import concatenate, reshape, split, transpose
from ..engine.tensor import Tensor
from .operands import as_tensor

__all__ = ["append", "array_split", "atleast_1d", "atleast_2d", "atleast_3d", "column_stack", "dsplit", "dstack"]
__all__ += ["hsplit", "hstack", "vsplit", "vstack"]


def _each(tensors: Sequence[Operand], shape_of: Callable[[tuple[int, ...]], tuple[int, ...]]) -> Any:
    """Each under another shape: one Tensor, or a tuple for several."""
    made = [as_tensor(x) for x in tensors]
    made = [x if shape_of(x.shape) == x.shape else reshape(x, shape=shape_of(x.shape)) for x in made]
    return made[0] if len(made) == 1 else tuple(made)


@answers(np.atleast_1d)
def atleast_1d(*tensors: Operand) -> Any:
    """Each tensor, with an axis if it has none: one Tensor, or a tuple for several.

    >>> import micrograd_tensor as mt
    >>> mt.atleast_1d(mt.tensor(3.0))
    tensor([3.])
    """
    return _each(tensors, lambda shape: shape or (1,))


@answers(np.atleast_2d)
@composition
def atleast_2d(*tensors: Operand) -> Any:
    """Each tensor as a matrix if it has fewer axes, a vector as a row: one Tensor, or a tuple for several.

    >>> import micrograd_tensor as mt
    >>> mt.atleast_2d(mt.tensor([1.0, 2.0]))
    tensor([[1., 2.]])
    """
    return _each(tensors, lambda shape: (1,) * (2 - len(shape)) + shape)


@answers(np.atleast_3d)
def atleast_3d(*tensors: Operand) -> Any:
    """Each tensor with three axes if it has fewer: ``(1, n, 1)``, ``(m, n, 1)``; one Tensor, or a tuple for several.

    >>> import micrograd_tensor as mt
    >>> mt.atleast_3d(mt.tensor([1.0, 2.0])).shape
    (1, 2, 1)
    """
    return _each(tensors, lambda shape: (*(1,) * (2 - len(shape)), *shape, *(1,) * (len(shape) < 3)))


@answers(np.hstack)
@composition
def hstack(tensors: Sequence[Operand]) -> Tensor:
    """Tensors side by side: joined along axis 1, vectors along axis 0. `ShapeError` where their other axes differ.

    >>> import micrograd_tensor as mt
    >>> mt.hstack([mt.tensor([1.0]), mt.tensor([2.0, 3.0])])
    tensor([1., 2., 3.])
    """
    parts = [atleast_1d(x) for x in tensors]
    return concatenate(parts, axis=0 if parts and parts[0].ndim == 1 else 1)


@answers(np.vstack)
@composition
def vstack(tensors: Sequence[Operand]) -> Tensor:
    """Tensors one below the other: joined along axis 0, vectors as rows. `ShapeError` where their other axes differ.

    >>> import micrograd_tensor as mt
    >>> mt.vstack([mt.tensor([1.0, 2.0]), mt.tensor([3.0, 4.0])])
    tensor([[1., 2.],
            [3., 4.]])
    """
    return concatenate([atleast_2d(x) for x in tensors], axis=0)


@answers(np.dstack)
@composition
def dstack(tensors: Sequence[Operand]) -> Tensor:
    """Tensors one behind the other: joined along axis 2. `ShapeError` where their other axes differ.

    >>> import micrograd_tensor as mt
    >>> mt.dstack([mt.tensor([1.0, 2.0]), mt.tensor([3.0, 4.0])])
    tensor([[[1., 3.],
             [2., 4.]]])
    """
    return concatenate([atleast_3d(x) for x in tensors], axis=2)


@answers(np.column_stack)
@composition
def column_stack(tensors: Sequence[Operand]) -> Tensor:
    """Vectors as columns, and matrices, side by side. `ShapeError` where they are not equally long.

    >>> import micrograd_tensor as mt
    >>> mt.column_stack([mt.tensor([1.0, 2.0]), mt.tensor([3.0, 4.0])])
    tensor([[1., 3.],
            [2., 4.]])
    """
    return concatenate([transpose(atleast_2d(x)) if np.ndim(unwrap(x)) < 2 else x for x in tensors], axis=1)


@answers(np.append)
@keywords
@composition
def append(x: Operand, values: Operand, axis: int | None = None) -> Tensor:
    """x and more behind it along an axis, or with None all elements of both in a row.

    `ShapeError` where their other axes differ.

    >>> import micrograd_tensor as mt
    >>> mt.append(mt.tensor([1.0, 2.0]), 3.0)
    tensor([1., 2., 3.])
    """
    return concatenate([x, values], axis=axis)


@answers(np.array_split)
@keywords
@composition
def array_split(x: Operand, sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """As `split`, but into parts of which the first are longer by one where the length does not divide.

    `ShapeError` for an axis out of range, or no parts.

    >>> import micrograd_tensor as mt
    >>> mt.array_split(mt.tensor([1.0, 2.0, 3.0]), 2)
    [tensor([1., 2.]), tensor([3.])]
    """
    if isinstance(sections, (int, np.integer)):
        if sections < 1:
            raise ShapeError(f"array_split: {describe(x)} does not divide into {sections} parts")
        [place] = counted("array_split", x, axis)
        short, longer = divmod(np.shape(unwrap(x))[place], int(sections))
        sections = [k * short + min(k, longer) for k in range(1, sections)]
    return split(x, sections, axis)


@answers(np.hsplit)
@keywords
@composition
def hsplit(x: Operand, sections: int | Sequence[int]) -> list[Tensor]:
    """`split` along axis 1, of vectors along axis 0.

    >>> import micrograd_tensor as mt
    >>> mt.hsplit(mt.tensor([[1.0, 2.0]]), 2)
    [tensor([[1.]]), tensor([[2.]])]
    """
    return split(x, sections, axis=0 if np.ndim(unwrap(x)) == 1 else 1)


@answers(np.vsplit)
@keywords
@composition
def vsplit(x: Operand, sections: int | Sequence[int]) -> list[Tensor]:
    """`split` along axis 0.

    >>> import micrograd_tensor as mt
    >>> mt.vsplit(mt.tensor([[1.0], [2.0]]), 2)
    [tensor([[1.]]), tensor([[2.]])]
    """
    return split(x, sections, axis=0)


@answers(np.dsplit)
@keywords
@composition
def dsplit(x: Operand, sections: int | Sequence[int]) -> list[Tensor]:
    """`split` along axis 2.

    >>> import micrograd_tensor as mt
    >>> mt.dsplit(mt.tensor([[[1.0, 2.0]]]), 2)
    [tensor([[[1.]]]), tensor([[[2.]]])]
    """
    return split(x, sections, axis=2)
