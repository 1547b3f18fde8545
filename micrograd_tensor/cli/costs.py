"""Costs: a forward pass and a cost that are two functions, of which one backward pass computes the gradients.

As ``forward_propagation(X, parameters)``, ``compute_cost(A2, Y)`` and ``backward_propagation(parameters, cache, X,
Y)``: the backward pass takes labels, of which the forward pass knows nothing and the cost does.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ..check.syntax import names_called, source_of
from .attributes import constructor_of, named_by, told_by
from .roles import is_labels
from .taking import is_cache, is_gradient, is_rate

Function = Callable[..., Any]


class _Call(NamedTuple):
    """How a cost is called after a forward pass.

    Attributes:
        output: the parameter that takes a result of the forward pass; "" where the cost finds it in its object.
        place: which of its results that is.
        others: for each other parameter the name of the argument that it takes.
    """

    output: str
    place: int
    others: Mapping[str, str]


def followed_by_cost(
    forward: Function, backward: Function, costs: Iterable[Function], functions: Iterable[Function]
) -> tuple[Function, Function | None]:
    """A forward pass with the cost after it, and that cost; where there is none the forward pass as it is, and None.

    With the cost after it, it returns the cost, what that is of, and what else the forward pass returns.

    Args:
        forward: a forward pass.
        backward: its backward pass. It has to take something that neither the forward pass nor its cache has.
        costs: the functions of the file that are called as costs. One of them has to take all this, and a result of the
            forward pass; of several that do the one that is called beside the backward pass.
        functions: all functions of the file.
    """
    unknown = unknown_to(forward, backward)
    calls = [(cost, call) for cost in costs if (call := _call(forward, backward, cost, unknown)) is not None]
    if len(calls) > 1:
        beside = {name for names in map(names_called, functions) if backward.__name__ in names for name in names}
        calls = [one for one in calls if one[0].__name__ in beside]
    if len(calls) != 1:
        return forward, None
    [(cost, call)] = calls
    return _joined(forward, backward, cost, call), cost


def class_with_cost(
    made: type, forward: str, backward: str, costs: Iterable[Function]
) -> tuple[type, str, Function | None]:
    """A class, the name of its forward pass, and the cost that comes after that; None for it where there is none.

    The cost is a method that takes what only the backward pass does, or one of the functions of the file; where it
    takes the inputs itself, it is the forward pass. Where the backward pass takes nothing, it is the method that takes
    nothing either, and reads what the backward pass reads in the object and the forward pass does not.

    Args:
        made: the class.
        forward: the name of a method.
        backward: likewise.
        costs: the methods and functions that are called as costs.
    """
    passes, of_backward = getattr(made, forward), getattr(made, backward)
    unknown = {*unknown_to(passes, of_backward)}
    taken = {*inspect.signature(passes).parameters}
    for cost in costs if unknown else ():
        its = {*inspect.signature(cost).parameters}
        if "self" in its and unknown <= its <= taken | unknown and not _takes_result(made, cost, unknown):
            return made, cost.__name__, None
    held = [cost for cost in costs if read_with_cost(made, passes, of_backward, cost)]
    if len(held) == 1:
        joined, cost_after = _joined(passes, of_backward, held[0], _Call("", 0, {"self": "self"})), held[0]
    else:
        joined, after = followed_by_cost(passes, of_backward, costs, ())
        if after is None:
            return made, forward, None
        cost_after = after

    @functools.wraps(joined)
    def method(self: Any, **arguments: Any) -> Any:
        return joined(self=self, **arguments)

    own, *rest = inspect.signature(joined).parameters.values()
    first = own.replace(kind=own.POSITIONAL_OR_KEYWORD)
    method.__signature__ = inspect.Signature([first, *rest])  # type: ignore[attr-defined]  # as inspect documents
    name = f"{forward}_and_{cost_after.__name__}"
    return type(made.__name__, (made,), {name: method, "__module__": made.__module__}), name, cost_after


def _takes_result(made: type, cost: Function, unknown: Iterable[str]) -> bool:
    """Whether a method takes a result of the forward pass: what is no label, and no method that it calls gives."""
    return not all(map(is_labels, unknown)) and names_called(cost).isdisjoint(vars(made))


def read_with_cost(made: type, forward: Function, backward: Function, cost: Function) -> list[str]:
    """The attributes that a backward pass and a method without arguments read, and the forward pass does not.

    None where the backward pass takes something, such as an upstream gradient.
    """
    if [name for name, p in inspect.signature(cost).parameters.items() if p.default is p.empty] != ["self"]:
        return []
    read = named_by(made, [cost]) or ()
    return [name for name in read_by_backward(made, forward, backward) if name in read]


def read_by_backward(made: type, forward: Function, backward: Function, labels: bool = False) -> list[str]:
    """The attributes that tell of what a constructor takes, and that a backward pass reads and no forward pass does.

    None where the backward pass takes something, such as an upstream gradient.

    Args:
        made: the class.
        forward: a method.
        backward: likewise.
        labels: whether to tell only those that tell of labels.
    """
    taken, of_backward = (inspect.signature(inspect.unwrap(x)).parameters for x in (forward, backward))
    own = [name for name in of_backward if name not in taken]
    needed = [name for name in own if of_backward[name].default is inspect.Parameter.empty and not is_rate(name)]
    known, read = (named_by(made, [inspect.unwrap(x)]) for x in (forward, backward))
    source = constructor_of(made)
    if known is None or read is None or source is None or needed or any(map(is_gradient, own)):
        return []
    arguments = [name for name in inspect.signature(made).parameters if is_labels(name) or not labels]
    told = {attribute: None for name in arguments for attribute in sorted(told_by(source, name)[0])}
    return [attribute for attribute in told if attribute in read - known]


def unknown_to(forward: Function, backward: Function) -> list[str]:
    """What a backward pass needs that a forward pass does not know; nothing where it takes an upstream gradient."""
    known = {*inspect.signature(forward).parameters, *inspect.unwrap(forward).__code__.co_varnames}
    needed = [name for name, p in inspect.signature(backward).parameters.items() if p.default is p.empty]
    unknown = [name for name in needed if not (name in known or is_cache(name) or is_rate(name))]
    return [] if any(map(is_gradient, unknown)) else unknown


def _joined(forward: Function, backward: Function, cost: Function, call: _Call) -> Function:
    """A forward pass with a cost after it; it takes what the cost takes besides as the backward pass does."""
    taken, of_backward = (inspect.signature(x).parameters for x in (forward, backward))

    @functools.wraps(forward)
    def joined(**arguments: Any) -> Any:
        returned = forward(**{name: x for name, x in arguments.items() if name in taken})
        results = returned if isinstance(returned, tuple) else (returned,)
        others = {name: arguments[own] for name, own in call.others.items() if own in arguments}
        output = {call.output: results[call.place]} if call.output else {}
        return cost(**output, **others), results[call.place], *results[: call.place], *results[call.place + 1 :]

    added = [of_backward[name] for name in call.others.values() if name not in taken]
    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*taken.values(), *added)]
    joined.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # as inspect documents
    return joined


def _call(forward: Function, backward: Function, cost: Function, unknown: list[str]) -> _Call | None:
    """How a cost is called after a forward pass with what this does not know; None where it does not take all of it."""
    parameters, results = inspect.signature(cost).parameters, _results(forward)
    shared = {n for n, p in inspect.signature(backward).parameters.items() if p.default is not p.empty}
    known = ({*inspect.signature(forward).parameters, *unknown} | shared) - {*results}
    others = {name: name for name in parameters if name in known}
    rest = [name for name, p in parameters.items() if name not in others and p.default is p.empty]
    labels, own = ([name for name in names if is_labels(name)] for names in (rest, unknown))
    if len(labels) == len(own) == 1 and own[0] not in others:  # called otherwise
        others[labels[0]] = own[0]
        rest.remove(labels[0])
    outputs = rest or [name for name in unknown if name in others and not is_labels(name)]  # called so by both
    if not unknown or len(outputs) != 1 or not {*unknown} <= {*outputs, *others.values()}:
        return None
    others.pop(outputs[0], None)
    return _Call(outputs[0], results.index(outputs[0]) if outputs[0] in results else 0, others)


def _results(forward: Function) -> list[str]:
    """The names of what a forward pass returns, "" for what has none."""
    source = source_of(forward)
    returned = [x.value for x in source.nodes if isinstance(x, ast.Return)] if source is not None else []
    value = returned[-1] if returned else None
    return [getattr(x, "id", "") for x in (value.elts if isinstance(value, ast.Tuple) else [value])]
