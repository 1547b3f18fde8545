"""Failure: the circuit of what was recorded before an op failed, taken from the error that it raised."""

from __future__ import annotations

from string import Formatter
from traceback import walk_tb
from types import MappingProxyType
from typing import Any

import numpy as np

from ..engine.arrays import NUMBERS
from ..engine.errors import FailedCall, OpError, describe
from ..engine.row import Primitive
from ..engine.tensor import Tensor
from ..engine.walk import ancestors
from ..graph import Graph, Node
from ..graph import graph as capture
from .errors import DrawError
from .options import Failure


def tensors_behind(error: BaseException) -> list[Tensor]:
    """All Tensors that the failed op depends on, by birth.

    Raises:
        DrawError: where no op raised the error.
    """
    call, _ = _failed_call(error)
    return ancestors([x for x in call.operands if isinstance(x, Tensor)])


def failed_graph(error: BaseException) -> tuple[Graph, Failure]:
    """The graph that ends in the op which raised an error, and that op.

    Raises:
        DrawError: where no op raised the error.
    """
    call, cause = _failed_call(error)
    if call.result is not None:
        graph = capture(call.result)
        return Graph(graph.nodes, ()), Failure(graph.outputs[0], type(cause).__name__, str(cause))
    tensors = list(dict.fromkeys(x for x in call.operands if isinstance(x, Tensor)))
    captured = capture(tensors)
    nodes = list(captured.nodes)
    made = dict(zip(tensors, captured.outputs, strict=True))
    operands: list[Any] = []
    for x in [*call.operands, *[_MISSING] * (_arity(call) - len(call.operands))]:
        if not isinstance(x, Tensor) and type(x) not in NUMBERS:
            nodes.append(_leaf(len(nodes), x))
        operands.append(made[x] if isinstance(x, Tensor) else x if type(x) in NUMBERS else nodes[-1])
    gate = Node(
        rank=len(nodes),
        shape=(),
        dtype=np.dtype(float),
        op=call.op,
        operands=tuple(operands),
        params=MappingProxyType({**call.op.parameters, **call.params}),
        scope=call.scope,
        requires_grad=any(x.requires_grad for x in tensors),
    )
    return Graph((*nodes, gate), ()), Failure(gate, type(cause).__name__, str(cause))


_MISSING = object()


def _failed_call(error: BaseException) -> tuple[FailedCall, BaseException]:
    """The failed call behind an error, its own or that of an error it was raised from; and that error."""
    seen: set[BaseException] = set()
    at: BaseException | None = error
    while at is not None and at not in seen:
        if isinstance(at, OpError) and at.failed_call is not None:
            return at.failed_call, at
        seen.add(at)
        at = at.__cause__ or at.__context__
    refused = _refused(error)
    if refused is not None:
        return refused, error
    raise DrawError(
        f"draw: no op raised this {type(error).__name__}, so there is no gate to show; draw the Tensors that were made"
    )


def _refused(error: BaseException) -> FailedCall | None:
    """The call of a composition that rejected its operands, in place of the op that it never reached."""
    found: FailedCall | None = None
    if not isinstance(error, OpError):
        return None
    for frame, _ in walk_tb(error.__traceback__):
        code = frame.f_code
        arguments = [frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]]
        operands = tuple(x for x in arguments if isinstance(x, (Tensor, np.ndarray)))
        if any(isinstance(x, Tensor) for x in operands) and not code.co_name.startswith("_"):
            places = ", ".join(f"{{{k}}}" for k in range(len(operands)))
            row = Primitive(code.co_name, code.co_name, f"{code.co_name}({places})", np.asarray, (), {})
            found = FailedCall(row, operands, {}, None)
    return found


def _arity(call: FailedCall) -> int:
    """The least number of operands in the notation of an op."""
    plain = call.op.notation.replace("⟦", "").replace("⟧", "")
    names = (name for _, name, _, _ in Formatter().parse(plain))
    return max((int(name) + 1 for name in names if name and name.isdigit()), default=0)


def _leaf(rank: int, x: Any) -> Node:
    """A node for an operand that is not a Tensor."""
    if isinstance(x, np.ndarray):
        return Node(rank=rank, shape=x.shape, dtype=x.dtype, array=x)
    name = "missing" if x is _MISSING else describe(x)
    return Node(rank=rank, shape=tuple(getattr(x, "shape", ())), dtype=np.dtype(object), name=name)
