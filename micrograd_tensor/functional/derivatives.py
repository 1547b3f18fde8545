"""Derivatives of functions, built on the walk: value_and_grad, vjp, jvp, hvp, jacobian, hessian.

Each takes a function of one or several Tensors and the inputs: one value or a tuple of them, as arrays or Tensors. One
input gives one result, a tuple a tuple. With ``create_graph=True`` inputs that are Tensors stay part of the graph, so
results can be differentiated again, to any order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.arrays import beside, is_duck
from ..engine.errors import GradientError, ShapeError, describe
from ..engine.record import leaf
from ..engine.recording import enable_grad
from ..engine.table.shapes import reshape, stack
from ..engine.tensor import Tensor, tensor
from ..engine.walk import grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Inputs = Any
"""One array or Tensor, or a tuple of them."""


def _prepared(inputs: Inputs, create_graph: bool) -> list[Tensor]:
    """The inputs as Tensors that need gradients: the caller's own where results are to depend on them."""
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    ready = []
    for x in given:
        if create_graph and isinstance(x, Tensor) and x.requires_grad:
            ready.append(x)
        else:
            ready.append(tensor(x, name=getattr(x, "name", None), requires_grad=True, copy=False))
    return ready


def _output(function: Callable[..., Any], inputs: list[Tensor]) -> Tensor:
    if not callable(function):
        raise GradientError(
            f"the derivative is that of a function, and {describe(function)} is none: give f itself, not f(x); "
            "of what is computed already, mt.grad(y, x) gives the gradient"
        )
    out = function(*inputs)
    if not isinstance(out, Tensor):
        raise GradientError(f"{_called(function)} returned {type(out).__name__}, not one Tensor")
    return out


def _scalar(function: Callable[..., Any], inputs: list[Tensor]) -> Tensor:
    out = _output(function, inputs)
    if out.size != 1:
        raise ShapeError(f"{_called(function)} returned {describe(out)}; a scalar is needed here")
    return out


def _called(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function))


def _pulled(out: Tensor, inputs: list[Tensor], upstream: Any, create_graph: bool) -> list[Tensor]:
    """The gradients of an output, zeros for an input that it does not depend on."""
    if not out.requires_grad:
        return [_zeros(x) for x in inputs]
    found = grad(out, inputs, upstream, create_graph=create_graph)
    return [_zeros(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


def _zeros(x: Tensor) -> Tensor:
    return leaf(np.zeros_like(x._data))


def _like(inputs: Inputs, results: list[Any]) -> Any:
    return tuple(results) if isinstance(inputs, tuple) else results[0]


def _directions(inputs: Inputs, vectors: Any, ready: list[Tensor], what: str) -> list[Any]:
    given = list(vectors) if isinstance(inputs, tuple) else [vectors]
    if len(given) != len(ready):
        raise ShapeError(f"{what}: {len(ready)} inputs, but {len(given)} vectors; give one for each")
    given = [
        v if isinstance(v, Tensor) or is_duck(v) else beside(np.asarray(v, x.dtype), x)
        for v, x in zip(given, ready, strict=True)
    ]
    for v, x in zip(given, ready, strict=True):
        if v.shape != x.shape:
            raise ShapeError(f"{what}: the vector for {describe(x)} has shape {v.shape}; it must be that of the input")
    return given


def value_and_grad(function: Callable[..., Any], inputs: Inputs, *, create_graph: bool = False) -> tuple[Tensor, Any]:
    """The value of a scalar function and its gradients, which are zeros for an input it does not depend on.

    Raises:
        ShapeError: when the function does not return a scalar.

    >>> import micrograd_tensor as mt
    >>> value, dx = mt.value_and_grad(lambda x: (x * x).sum(), mt.tensor([1.0, 2.0]))
    >>> value.item(), dx
    (5.0, tensor([2., 4.]))
    """
    ready = _prepared(inputs, create_graph)
    with enable_grad():
        out = _scalar(function, ready)
    value = out if create_graph else out.detach()
    return value, _like(inputs, _pulled(out, ready, None, create_graph))


def vjp(
    function: Callable[..., Any], inputs: Inputs, upstream: Any = None, *, create_graph: bool = False
) -> tuple[Tensor, Any]:
    """The function's value, and the vector-Jacobian product ``upstream · J`` for each input (reverse mode).

    Args:
        function: of Tensors, to one Tensor.
        inputs: one array or Tensor, or a tuple of them.
        upstream: of the output's shape; 1 for a scalar.
        create_graph: let the results depend on inputs that are Tensors.

    >>> import micrograd_tensor as mt
    >>> y, dx = mt.vjp(mt.square, mt.tensor([1.0, 2.0]), [1.0, 10.0])
    >>> dx
    tensor([ 2., 40.])
    """
    ready = _prepared(inputs, create_graph)
    with enable_grad():
        out = _output(function, ready)
    value = out if create_graph else out.detach()
    return value, _like(inputs, _pulled(out, ready, upstream, create_graph))


def jvp(
    function: Callable[..., Any], inputs: Inputs, tangents: Any, *, create_graph: bool = False
) -> tuple[Tensor, Tensor]:
    """The function's value, and the Jacobian-vector product ``J · tangents``: its change along a direction.

    A rule is linear in the upstream gradient ``u``, so ``u · J`` is a graph in ``u``, and pulling the tangents back
    through that graph gives ``J · tangents``: forward mode by two reverse passes, with no second table of rules.

    >>> import micrograd_tensor as mt
    >>> y, dy = mt.jvp(mt.square, mt.tensor([1.0, 2.0]), [1.0, 10.0])
    >>> dy
    tensor([ 2., 40.])
    """
    ready = _prepared(inputs, create_graph)
    directions = _directions(inputs, tangents, ready, "jvp")
    with enable_grad():
        out = _output(function, ready)
    value = out if create_graph else out.detach()
    if not out.requires_grad:
        return value, _zeros(out)
    upstream = _zeros(out).requires_grad_()
    pulled = grad(out, ready, upstream, create_graph=True)
    pairs = [(g, v) for g, v in zip(pulled, directions, strict=True) if g is not None and g.requires_grad]
    if not pairs:
        return value, _zeros(out)
    (change,) = grad([g for g, _ in pairs], upstream, [v for _, v in pairs], create_graph=create_graph)
    return value, _zeros(out) if change is None else change


def hvp(
    function: Callable[..., Any], inputs: Inputs, vectors: Any, *, create_graph: bool = False
) -> tuple[Tensor, Any]:
    """The value of a scalar function, and the product of its Hessian with vectors, without forming the Hessian.

    >>> import micrograd_tensor as mt
    >>> value, change = mt.hvp(lambda x: (x * x * x).sum(), mt.tensor([1.0, 2.0]), [1.0, 1.0])
    >>> change
    tensor([ 6., 12.])
    """
    ready = _prepared(inputs, create_graph)
    directions = _directions(inputs, vectors, ready, "hvp")
    with enable_grad():
        out = _scalar(function, ready)
    value = out if create_graph else out.detach()
    first = _pulled(out, ready, None, create_graph=True)
    pairs = [(g, v) for g, v in zip(first, directions, strict=True) if g.requires_grad]
    if not pairs:
        return value, _like(inputs, [_zeros(x) for x in ready])
    found = grad([g for g, _ in pairs], ready, [v for _, v in pairs], create_graph=create_graph)
    return value, _like(inputs, [_zeros(x) if g is None else g for x, g in zip(ready, found, strict=True)])


def jacobian(function: Callable[..., Any], inputs: Inputs, *, create_graph: bool = False) -> Any:
    """All first derivatives: for each input an array of the output's shape followed by the input's.

    One backward pass for every element of the output.

    >>> import micrograd_tensor as mt
    >>> mt.jacobian(mt.square, mt.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    ready = _prepared(inputs, create_graph)
    with enable_grad():
        out = _output(function, ready)
    rows: list[list[Tensor]] = [[] for _ in ready]
    for i in range(out.size):
        unit = np.zeros(out.size, out.dtype)
        unit[i] = 1
        for column, g in zip(rows, _pulled(out, ready, unit.reshape(out.shape), create_graph), strict=True):
            column.append(g)
    full = []
    for x, column in zip(ready, rows, strict=True):
        shape = (*out.shape, *x.shape)
        full.append(reshape(stack(column), shape=shape) if column else leaf(beside(np.zeros(shape, x.dtype), x)))
    return _like(inputs, full)


def hessian(function: Callable[..., Any], inputs: Inputs, *, create_graph: bool = False) -> Any:
    """All second derivatives of a scalar function; for a tuple of inputs a tuple of tuples, a block for each pair.

    >>> import micrograd_tensor as mt
    >>> mt.hessian(lambda x: (x * x * x).sum(), mt.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    ready = _prepared(inputs, create_graph)
    blocks = []
    for i in range(len(ready)):

        def slope(*points: Tensor, i: int = i) -> Tensor:
            return _pulled(_scalar(function, list(points)), list(points), None, create_graph=True)[i]

        blocks.append(jacobian(slope, tuple(ready), create_graph=create_graph))
    return blocks[0][0] if not isinstance(inputs, tuple) else tuple(blocks)
