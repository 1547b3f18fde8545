"""Linear maps of features, and rows looked up in a table."""

from __future__ import annotations

from math import prod

from ..engine.arrays import is_duck
from ..engine.errors import DTypeError, ShapeError, describe
from ..engine.record import unwrap
from ..engine.recording import composition
from ..engine.row import Operand
from ..engine.table.comparisons import equal
from ..engine.table.elementwise import stop_gradient, where
from ..engine.table.shapes import expand_dims, getitem, reshape, transpose
from ..engine.tensor import Tensor
from ..engine.trace import holds
from .operands import as_tensor

__all__ = ["embedding", "linear"]


@composition
def linear(x: Operand, weight: Operand, bias: Operand | None = None) -> Tensor:
    """``x @ weightᵀ + bias``: every output is a weighted sum of the features, as `torch.nn.functional.linear`.

    Args:
        x: ``(…, in)``.
        weight: ``(out, in)``, or ``(in,)`` for a single output without an axis of its own.
        bias: ``(out,)``, or None.

    Raises:
        ShapeError: where x does not have as many features as the weight takes.

    >>> import micrograd_tensor as mt
    >>> mt.linear([[1.0, 2.0]], mt.tensor([[1.0, 10.0], [0.0, 1.0], [1.0, 1.0]]), [0.0, 0.0, 0.5])
    tensor([[21. ,  2. ,  3.5]])
    """
    x, weight = as_tensor(x), as_tensor(weight)
    shape, wanted = x.shape, weight.shape
    if not shape or not wanted or shape[-1] != wanted[-1]:
        has = f"{shape[-1]} features" if shape else "no axis of features"
        raise ShapeError(
            f"linear: {describe(x)} has {has}, but {describe(weight)} takes {wanted[-1] if wanted else 'none'}; "
            f"{_way_out(shape, wanted)}"
        )
    # One long matrix product, whose gradient for the weight is one too, instead of a stack of short ones to add up.
    flat = reshape(x, shape=(-1, shape[-1])) if len(shape) > 2 and x.size else x
    out = flat @ (transpose(weight) if len(wanted) > 1 else weight)
    if bias is not None:
        out = out + bias
    return out if flat is x else reshape(out, shape=(*shape[:-1], *wanted[:-1]))


def _way_out(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if len(shape) > 2 and wanted and prod(shape[1:]) == wanted[-1]:
        return "put nn.Flatten() before it"
    if len(shape) == 2 and wanted and shape[0] == wanted[-1]:
        return "did you mean x.T?"
    return "features are on the last axis"


def embedding(indices: Operand, weight: Operand, padding_idx: int | None = None) -> Tensor:
    """The rows of a table at the given indices, as `torch.nn.functional.embedding`.

    Args:
        indices: integers of any shape ``(…)``, at least 0 and below the number of rows.
        weight: ``(rows, features)``.
        padding_idx: a row that gets no gradient.

    Returns:
        ``(…, features)``.

    Raises:
        DTypeError: for indices that are not integers.
        ShapeError: for an index outside the table.

    >>> import micrograd_tensor as mt
    >>> mt.embedding([2, 0], mt.tensor([[0.0, 0.1], [1.0, 1.1], [2.0, 2.1]]))
    tensor([[2. , 2.1],
            [0. , 0.1]])
    """
    indices, weight = as_tensor(indices), as_tensor(weight)
    if indices.dtype.kind not in "iu":
        raise DTypeError(f"embedding: {describe(indices)} holds {indices.dtype}; indices are integers: astype(int)")
    rows, known = weight.shape[0], (indices >= 0) & (indices < weight.shape[0])
    given = unwrap(indices)
    if not is_duck(given) and not holds(known):
        lost = given[~unwrap(known)][0]
        raise ShapeError(f"embedding: index {lost} is not in {describe(weight)}, which has rows 0…{rows - 1}")
    found = getitem(weight, indices)
    if padding_idx is None:
        return found
    return where(expand_dims(equal(indices, padding_idx % rows), axis=-1), stop_gradient(found), found)
