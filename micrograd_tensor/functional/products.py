"""Products of vectors, matrices and arrays, as NumPy has them besides `matmul`, `dot` and `einsum`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod

import numpy as np

from ..engine.axes import counted, pair
from ..engine.errors import ShapeError, describe
from ..engine.interop.habits import keywords
from ..engine.record import unwrap
from ..engine.recording import composition
from ..engine.row import Operand, answers
from ..engine.table.elementwise import mul, sub
from ..engine.table.matrix import dot, matmul
from ..engine.table.places import ravel, take
from ..engine.table.reductions import sum
from ..engine.table.shapes import reshape, swapaxes, transpose
from ..engine.tensor import Tensor
from .operands import as_tensor

__all__ = ["cross", "inner", "kron", "matrix_transpose", "multi_dot", "outer", "tensordot", "vdot", "vecdot"]


@answers(np.vdot)
@composition
def vdot(a: Operand, b: Operand) -> Tensor:
    """The sum of the products of all elements, in row-major order, as `numpy.vdot` of real numbers.

    `ShapeError` where there are not as many of one as of the other.

    >>> import micrograd_tensor as mt
    >>> mt.vdot(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), [[1.0, 0.0], [0.0, 1.0]])
    tensor(5.)
    """
    return dot(ravel(a), ravel(b))


@answers(np.inner)
@composition
def inner(a: Operand, b: Operand) -> Tensor:
    """Sums of products over the last axes, for each of the other axes of a and of b, as `numpy.inner`.

    `ShapeError` where the last axes differ.

    >>> import micrograd_tensor as mt
    >>> mt.inner(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), [1.0, 10.0])
    tensor([21., 43.])
    """
    if not np.ndim(unwrap(a)) or not np.ndim(unwrap(b)):
        return mul(a, b)
    return tensordot(a, b, axes=(-1, -1))


@answers(np.outer, np.linalg.outer)
@composition
def outer(a: Operand, b: Operand) -> Tensor:
    """The product of each element of a with each of b, a matrix ``(a.size, b.size)``.

    Any shapes, so there is no `ShapeError`.

    >>> import micrograd_tensor as mt
    >>> mt.outer(mt.tensor([1.0, 2.0]), [1.0, 10.0])
    tensor([[ 1., 10.],
            [ 2., 20.]])
    """
    return mul(reshape(a, shape=(-1, 1)), ravel(b))


@answers(np.tensordot, np.linalg.tensordot)
@keywords
@composition
def tensordot(a: Operand, b: Operand, axes: int | tuple[int | Sequence[int], int | Sequence[int]] = 2) -> Tensor:
    """Sums of products over pairs of axes; the result has the other axes of a, then those of b, as `numpy.tensordot`.

    Args:
        a: any shape.
        b: any shape.
        axes: the axes of a and those of b, in pairs; or how many last ones of a meet as many first ones of b.

    `ShapeError` where the lengths of a pair differ.

    >>> import micrograd_tensor as mt
    >>> mt.tensordot(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), mt.tensor([1.0, 10.0]), axes=1)
    tensor([21., 43.])
    """
    shapes = np.shape(unwrap(a)), np.shape(unwrap(b))
    of_a, of_b = (range(-axes, 0), range(axes)) if isinstance(axes, int) else pair("tensordot", axes)
    over, under = counted("tensordot", a, of_a), counted("tensordot", b, of_b)
    summed = [shapes[0][i] for i in over]
    if summed != [shapes[1][i] for i in under]:
        raise ShapeError(f"tensordot: axes {over} of {describe(a)} do not match axes {under} of {describe(b)}")
    left = [i for i in range(len(shapes[0])) if i not in over]
    right = [i for i in range(len(shapes[1])) if i not in under]
    rows = reshape(transpose(a, axes=(*left, *over)), shape=(prod(shapes[0][i] for i in left), prod(summed)))
    columns = reshape(transpose(b, axes=(*under, *right)), shape=(prod(summed), prod(shapes[1][i] for i in right)))
    return reshape(matmul(rows, columns), shape=(*(shapes[0][i] for i in left), *(shapes[1][i] for i in right)))


@answers(np.vecdot, np.linalg.vecdot)
@keywords
@composition
def vecdot(a: Operand, b: Operand, axis: int = -1) -> Tensor:
    """The sum of the products along an axis, of real numbers; the others broadcast. `ShapeError` where they do not.

    >>> import micrograd_tensor as mt
    >>> mt.vecdot(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), [1.0, 10.0])
    tensor([21., 43.])
    """
    [axis] = counted("vecdot", a, axis)
    return sum(mul(a, b), axis=axis - np.ndim(unwrap(a)))


@answers(np.kron)
@composition
def kron(a: Operand, b: Operand) -> Tensor:
    """The Kronecker product: a, with each element replaced by that element times b.

    Of two shapes the shorter gets axes of length 1 in front, so there is no `ShapeError`.

    >>> import micrograd_tensor as mt
    >>> mt.kron(mt.tensor([1.0, 10.0]), [1.0, 2.0])
    tensor([ 1.,  2., 10., 20.])
    """
    rank = max(np.ndim(unwrap(a)), np.ndim(unwrap(b)))
    m, n = ((1,) * (rank - np.ndim(unwrap(x))) + np.shape(unwrap(x)) for x in (a, b))
    left = reshape(a, shape=tuple(k for length in m for k in (length, 1)))
    right = reshape(b, shape=tuple(k for length in n for k in (1, length)))
    return reshape(mul(left, right), shape=tuple(i * j for i, j in zip(m, n, strict=True)))


@answers(np.cross, np.linalg.cross)
@keywords
@composition
def cross(a: Operand, b: Operand, axis: int = -1) -> Tensor:
    """The vector product of vectors of three elements along an axis; the other axes broadcast.

    `ShapeError` for other lengths, or where the shapes do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.cross(mt.tensor([1.0, 0.0, 0.0]), [0.0, 1.0, 0.0])
    tensor([0., 0., 1.])
    """
    a, b = as_tensor(a), as_tensor(b)
    for x in (a, b):
        [place] = counted("cross", x, axis)
        if x.shape[place] != 3:
            raise ShapeError(f"cross: {describe(x)} has no vectors of three elements along axis {axis}")
    first, second = [1, 2, 0], [2, 0, 1]
    return sub(mul(take(a, first, axis), take(b, second, axis)), mul(take(a, second, axis), take(b, first, axis)))


@answers(np.linalg.multi_dot)
@composition
def multi_dot(tensors: Sequence[Operand]) -> Tensor:
    """The product of several matrices, from left to right. `ShapeError` where they do not chain.

    >>> import micrograd_tensor as mt
    >>> mt.multi_dot([mt.tensor([[1.0, 2.0]]), mt.tensor([[3.0], [4.0]]), mt.tensor([[10.0]])])
    tensor([[110.]])
    """
    product: Tensor = reduce(matmul, tensors)
    return product


@answers(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Operand) -> Tensor:
    """The last two axes exchanged: the transpose of each matrix in a stack. `ShapeError` for fewer than two axes.

    >>> import micrograd_tensor as mt
    >>> mt.matrix_transpose(mt.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[1., 3.],
            [2., 4.]])
    """
    return swapaxes(x, -1, -2)
