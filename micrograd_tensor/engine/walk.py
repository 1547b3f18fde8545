"""Walk: carry gradients from results back to operands, along the recorded calls, newest first.

One loop serves the plain and the recorded backward pass. It applies each op's rules, sums over the axes along which an
operand was broadcast, and adds up what arrives where a value was used several times. A tensor is visited once, when all
its users have been: they were born later, and the heap hands out the latest-born first.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from heapq import heapify, heappop, heappush
from threading import RLock
from typing import Any, TypeAlias

import numpy as np

from . import anomaly
from .arrays import Outline, as_array, beside, compatible, is_complex, plain
from .errors import DTypeError, GradientError, ShapeError, describe, quoted
from .interop.habits import keywords
from .record import Lean, Record, Result, leaf, set_grad, unwrap, whole
from .recording import enable_grad, no_grad, recording
from .row import PerOperand
from .table.elementwise import astype, mul
from .table.reductions import unbroadcast

__all__ = ["grad"]

Gradients: TypeAlias = "dict[Any, Any]"
"""Gradients by the Tensors that they belong to."""
Edge: TypeAlias = "Callable[[Result, int, Any], None]"
"""Called for each contribution: by which tensor's rule, for which operand, and the gradient that it gave."""


MANY = 1 << 16
"""Elements of a gradient from which on its memory counts."""


def pull(
    pending: Gradients,
    wanted: set[Result] | None = None,
    useful: set[int] | None = None,
    create_graph: bool = False,
    on_edge: Edge | None = None,
) -> Gradients:
    """Carry the pending gradients back through the graph.

    Args:
        pending: the tensors to start from, none of them an outline, with their gradients; emptied by the walk.
        wanted: the tensors whose gradients to return; None for the leaves and those that retain theirs.
        useful: the tensors to visit, by birth; None for all that need gradients.
        create_graph: apply the rules to Tensors, so that the gradients have a graph of their own.
        on_edge: called for each contribution before they are added up.

    Returns:
        The whole gradient of each wanted tensor that one arrived at.
    """
    found: Gradients = {}
    watched = recording.get().anomaly
    plain = not (watched or create_graph or on_edge)
    heap = [(-x.born, id(x), x) for x in pending if x.op is not None]  # two objects may stand for one node
    heapify(heap)
    while heap:
        node = heappop(heap)[2]
        g = pending.pop(node)
        if node.keeps_grad if wanted is None else node in wanted:
            found[node] = g
        op = node.op
        y = node._data
        saved = operands = node.saved
        params = node.params
        rules = op.vjps
        each = None
        if create_graph:
            y, operands = node, unchanged(node)
        if not op.straight:
            if not op.analytic and any(map(is_complex, saved)):
                listed = " and ".join(map(describe, node.operands))
                raise DTypeError(f"{op.name} of {listed} is not complex-differentiable")
            if op.y_serves:
                operands = tuple(y if type(unwrap(x)) is Outline else x for x in operands)
            if isinstance(rules, PerOperand):
                each = rules.rule(g, y, *operands, **params)
        turns: Iterable[tuple[int, Any]] = enumerate(node.operands)
        if plain and len(saved) == 2 and g.size > MANY and getattr(saved[1], "size", 1) < g.size:
            turns = reversed(list(turns))  # what is summed up at once makes room for what is kept
        for i, x in turns:
            if not isinstance(x, Record) or not x._requires_grad:
                continue
            rule = rules[i]
            if rule is None or (useful is not None and x.born not in useful):
                continue
            if type(saved) is Lean and not create_graph:
                operands = saved.for_rule(node, i)
            if plain:
                gx = each(i) if each else rule(g, y, *operands, **params)
                used = saved[i]
                try:
                    if gx.shape != used.shape or gx.dtype is not used.dtype:
                        gx = _fitted(gx, used, x, op)
                except AttributeError:  # of None, or a number
                    gx = _fitted(gx, used, x, op)
            else:
                gx = partial(each, i) if each else partial(rule, g, y, *operands, **params)
                gx = _with_care(node, i, gx, g, watched, create_graph)
                if on_edge is not None:
                    on_edge(node, i, gx)
            if x._whole is not None:
                x = whole(x)
            if x in pending:
                # Popped, since NumPy adds to an array in place that nobody else holds.
                pending[x] = anomaly.added(x, (pending[x], gx)) if watched else pending.pop(x) + gx
                continue
            if x.born >= node.born:
                raise out_of_order(x)
            pending[x] = gx
            if x.op is not None:
                heappush(heap, (-x.born, id(x), x))
        g = gx = y = each = operands = None  # or they would live on while the next rule is at work
    found.update(pending if wanted is None else {x: g for x, g in pending.items() if x in wanted})  # the leaves
    pending.clear()
    return found


def _with_care(node: Result, i: int, rule: Callable[[], Any], g: Any, watched: bool, create_graph: bool) -> Any:
    """What a rule gives an operand, in a pass that is recorded, or checked for NaN and infinities."""
    x, used = node.operands[i], node.saved[i]
    made = anomaly.backward(node, i, rule, g) if watched else rule()
    gx = _fitted(made, used, x, node.op)
    if watched:
        anomaly.carried(x, gx, [made])
    if create_graph and not isinstance(gx, Record):
        gx = leaf(gx)  # a constant, such as the zeros of sign
    return gx


def out_of_order(x: Record) -> GradientError:
    """The error for a tensor that is not older than everything computed from it, so that a walk comes by too early."""
    return GradientError(
        f"{describe(x)} was born after a result that was computed from it, so the order of the graph is lost; "
        "pickle, copy.copy and copy.deepcopy make tensors that are born anew: use these, or mt.tensor(x.numpy())"
    )


def _fitted(gx: Any, used: Any, x: Record, op: Any) -> Any:
    """A gradient in the shape and the dtype of the operand that it belongs to.

    Raises:
        GradientError: for what is no such gradient, naming the op whose rule gave it.
    """
    dtype = used.dtype
    try:
        gx = gx if gx.shape == used.shape else unbroadcast(gx, used.shape)
    except (AttributeError, ValueError):
        gave = f"a gradient of shape {gx.shape}" if hasattr(gx, "shape") else quoted(gx)
        wanted = f"one of shape {used.shape}"
        raise GradientError(f"the rule of {op.name} for {describe(x)} gives {gave}, not {wanted}") from None
    if gx.dtype == dtype:
        return gx
    if dtype.kind not in "fc":
        raise DTypeError(f"{describe(x)} holds {dtype}, and gradients need floating-point values; give dtype=float")
    if is_complex(gx) and dtype.kind != "c":
        raise DTypeError(f"the gradient of {describe(x)} is complex, but it holds {dtype}; make it complex too")
    return astype(gx, dtype)


def unchanged(node: Result) -> tuple[Any, ...]:
    """The operands, as Tensors; refused where one has been given a new value since."""
    for x, used in zip(node.operands, node.saved, strict=True):
        if isinstance(x, Record) and x._data is not used:
            raise GradientError(
                f"{describe(x)} was assigned a new value after {describe(node)} was computed from it, and the graph "
                "would mix the two; compute it again (a plain backward pass is still right)"
            )
    return node.operands


def checked_upstream(output: Result, upstream: Any) -> Any:
    """The upstream gradient of an output as an array of its shape and dtype, or as the Tensor that was given."""
    if not isinstance(output, Record):
        raise GradientError(f"grad: {describe(output)} is not a Tensor, so it has no graph")
    if not output.requires_grad:
        raise GradientError(
            f"{describe(output)} has no graph: nothing it was computed from requires gradients; "
            "make an input with mt.tensor(..., requires_grad=True), outside mt.no_grad()"
        )
    if upstream is None:
        if output.size != 1:
            raise GradientError(
                f"{describe(output)} is not a scalar, so it needs an upstream gradient of its shape; "
                "give one, or differentiate its sum()"
            )
        return np.ones_like(output._data)
    try:
        given = plain(unwrap(upstream))
        if type(given) is not type(output._data):
            given = given if isinstance(upstream, Record) else beside(given, output)
            compatible("it", given, output._data)
    except DTypeError as error:
        raise DTypeError(f"the upstream gradient of {describe(output)}: {error}") from None
    if given.shape != output.shape:
        raise ShapeError(
            f"the upstream gradient of {describe(output)} has shape {given.shape}; it must have the output's shape"
        )
    if given.dtype == output.dtype:
        return upstream if isinstance(upstream, Record) else given
    if is_complex(given) and output.dtype.kind != "c":
        raise DTypeError(f"the upstream gradient of {describe(output)} is complex, and {output.dtype} is not")
    return astype(upstream if isinstance(upstream, Record) else given, output.dtype)


def _as_record(seed: Any) -> Any:
    """An upstream gradient for a backward pass that is recorded."""
    return seed if isinstance(seed, Record) else leaf(seed.copy() if isinstance(seed, np.ndarray) else seed)


class _Owned:
    """Hands out gradients as Tensors of which none shares memory with another, with an upstream or with an operand."""

    def __init__(self, upstreams: Sequence[Any]) -> None:
        self._taken = {id(array): array for array in upstreams}

    def __call__(self, g: Any) -> Any:
        if isinstance(g, Record):
            if isinstance(g._data, np.ndarray):
                g = mul(g, 1) if self._shares(g._data) else g
                self._taken[id(g._data)] = g._data
            return g
        array = g if type(g) is np.ndarray else as_array(g)
        if isinstance(array, np.ndarray):
            if self._shares(array) or not array.flags.writeable:
                array = array.copy()
            self._taken[id(array)] = array
        return leaf(array)

    def _shares(self, array: Any) -> bool:
        return array.base is not None or id(array) in self._taken


_adding_up = RLock()
"""Held from reading gradients to writing them, for threads that share leaves; a process is not forked in between."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_adding_up.acquire, after_in_child=_adding_up.release, after_in_parent=_adding_up.release
    )


@keywords
def backward(output: Result, upstream: Any = None) -> None:
    """Pull the upstream gradient back through the graph and add what arrives to ``.grad`` of every leaf.

    Nothing is recorded: for derivatives of derivatives use `grad` with ``create_graph=True``, whose result no leaf
    holds, so that no reference cycle arises. Calling it twice adds twice.
    Threads may do so at once with graphs that share leaves. After an error, or Ctrl-C, every ``.grad`` is as it was.

    Args:
        output: the tensor to start from.
        upstream: the gradient of the output, of its shape; 1 for a scalar.

    Raises:
        GradientError: without a graph, or without an upstream for a tensor that is not a scalar.
        ShapeError: for an upstream of another shape.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * 3.0).backward([1.0, 10.0])
    >>> x.grad
    tensor([ 3., 30.])
    """
    output = whole(output)
    given = checked_upstream(output, upstream)
    if recording.get().trace is not None:
        with no_grad():  # which a trace records all the same
            for node, g in pull({output: _as_record(given)}, create_graph=True).items():
                node.grad = g if node._grad is None else node._grad + g
        return
    seed = unwrap(given)
    found = pull({output: seed})
    owned = _Owned([seed])
    with _adding_up:
        gradients = [owned(g if node._grad is None else node._grad._data + g) for node, g in found.items()]
        deque(map(set_grad, found, gradients), maxlen=0)  # as by `all_at_once`: an error leaves every .grad as it was


@keywords
def grad(
    outputs: Result | Sequence[Result],
    inputs: Result | Sequence[Result],
    upstream: Any = None,
    *,
    create_graph: bool = False,
    materialize_grads: bool = False,
) -> tuple[Result | None, ...]:
    """Gradients of one output, or of the sum of several, with respect to inputs: leaves or intermediate results.

    Args:
        outputs: a Tensor or a sequence of them.
        inputs: a Tensor or a sequence of them, each of which needs gradients.
        upstream: the gradient of each output, of its shape: an array or a Tensor, or for several outputs a sequence of
            these; 1 for a scalar.
        create_graph: record the backward pass, so that the gradients can be differentiated again.
        materialize_grads: give zeros instead of None.

    Returns:
        A tuple with one Tensor per input, of its shape and dtype, or None where no output depends on it. The gradient
        of a function that is linear piece by piece, such as `relu`, does not depend on the function's input.

    Raises:
        GradientError: for an output or input that needs no gradients, or a missing upstream.
        ShapeError: for an upstream of another shape.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, requires_grad=True)
    >>> (dx,) = mt.grad(x * x * x, x, create_graph=True)
    >>> dx.item(), mt.grad(dx, x)[0].item()
    (27.0, 18.0)
    """
    if callable(outputs) and not isinstance(outputs, Record):
        raise GradientError(
            "grad differentiates what a function returned: mt.grad(f(x), x); or mt.value_and_grad(f, x)"
        )
    single = isinstance(outputs, Record)
    outs: list[Result] = [whole(x) for x in ([outputs] if isinstance(outputs, Record) else outputs)]
    ins: list[Result] = [
        whole(x) for x in (inputs if np.iterable(inputs) and not isinstance(inputs, Record) else [inputs])
    ]
    seeds = [upstream] if single else [None] * len(outs) if upstream is None else list(upstream)
    if len(seeds) != len(outs):
        raise GradientError(f"grad: {len(outs)} outputs, but {len(seeds)} upstream gradients; give one for each")
    for x in ins:
        if not isinstance(x, Record) or not x.requires_grad:
            raise GradientError(
                f"grad: {describe(x)} needs no gradients; make it with mt.tensor(..., requires_grad=True)"
            )
    pending: dict[Result, Any] = {}
    trace = recording.get().trace
    recorded = create_graph or trace is not None
    block = enable_grad() if create_graph else no_grad() if recorded else nullcontext()
    with block:
        for output, up in zip(outs, seeds, strict=True):
            seed = checked_upstream(output, up)
            seed = _as_record(seed) if recorded else unwrap(seed)
            pending[output] = pending[output] + seed if output in pending else seed
    owned = _Owned([unwrap(g) for g in pending.values()])
    wanted = set(ins)
    with block:
        found = pull(pending, wanted, between(outs, wanted), recorded)
        results = {x: owned(g) for x, g in found.items()}
    if trace is not None:
        trace.derived |= {g: x for x, g in results.items()}
    if materialize_grads:
        results |= {x: leaf(np.zeros_like(x._data)) for x in ins if x not in results}
    if create_graph:
        for g in results.values():
            g._requires_grad = True  # a constant may be differentiated again as well: its gradients are None
    return tuple(results.get(x) for x in ins)


def ancestors(outputs: Sequence[Result], since: int = 0) -> list[Result]:
    """The outputs and everything they were computed from, in order of birth, so operands come before results.

    What was born before the birth number `since` is taken as it is, with nothing it was computed from.
    """
    seen: dict[int, Any] = {x.born: whole(x) for x in outputs}
    stack = list(seen.values())
    while stack:
        user = stack.pop()
        for x in user.operands if user.born >= since else ():
            if isinstance(x, Record):
                if x.born >= user.born:
                    raise out_of_order(x)
                if x.born not in seen:
                    seen[x.born] = whole(x)
                    stack.append(seen[x.born])
                elif not _same(x, seen[x.born]):
                    raise out_of_order(x)
    return [seen[born] for born in sorted(seen)]


def _same(a: Record, b: Record) -> bool:
    """Whether two objects stand for one node: themselves, or a Tensor and its outline."""
    return a is b or (a.op is not None and a.saved is b.saved)


def between(outputs: Sequence[Result], inputs: set[Result]) -> set[int]:
    """The tensors through which gradients flow from the outputs to the inputs, both included; by birth."""
    useful = {x.born for x in inputs}
    for tensor in ancestors(outputs):
        if tensor.requires_grad and any(isinstance(x, Record) and x.born in useful for x in tensor.operands):
            useful.add(tensor.born)
    return useful
