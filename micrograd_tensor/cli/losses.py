"""Losses: functions that return a loss and its gradients, by their names, or by those of the variables they return."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

from ..check.statements import is_loss, place_of_loss
from ..check.syntax import source_of

_CALLED = re.compile(r"(?i).*(loss|cost|objective|entropy|divergence|nll|elbo).*")
_GRADIENTS = re.compile(
    r"d[A-Z]\w*|d_\w+|dx|dw|db|d\w*(logits|scores|out)|grad[A-Z]\w*|(?i:.*grad(ient)?s?(_\w+)?|nabla\w*)"
)
"""How variables are called that are gradients, or collections of them."""


def is_called_as_loss(name: str) -> bool:
    """Whether a function is called as one that computes a loss.

    >>> is_called_as_loss("softmax_loss"), is_called_as_loss("step")
    (True, False)
    """
    return _CALLED.fullmatch(name) is not None


def returns_loss(name: str, function: Callable[..., Any]) -> bool:
    """Whether a function returns a loss and its gradients: by its name, or by those of the variables it returns.

    >>> def step(x, w):
    ...     y, grad_w = x * w, x
    ...     loss = y.sum()
    ...     return loss, [grad_w]
    >>> returns_loss("step", step)
    True
    """
    several = [x.elts for x in _returned(function) if isinstance(x, ast.Tuple) and len(x.elts) > 1]
    if is_called_as_loss(name):
        return bool(several)
    of_arguments = {f"d{end}{x}" for x in inspect.signature(function).parameters for end in ("", "_")}
    for first, *rest in several:
        named = {x.id for x in rest if isinstance(x, ast.Name)}
        if _is_loss(first) and (any(map(_are_gradients, rest)) or named & of_arguments):
            return True
    return bool(several) and all(map(_place_after_gradients, several))


def with_loss_first(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that returns its loss before its gradients, where it returns it after these."""
    places = {_place_after_gradients(x.elts) if isinstance(x, ast.Tuple) else 0 for x in _returned(function)}
    if len(places) != 1 or not (place := places.pop()):
        return function

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        several = function(*arguments, **named)
        return several[place], *several[:place], *several[place + 1 :]

    return called


def _returned(function: Callable[..., Any]) -> list[ast.expr | None]:
    source = source_of(function)
    return [x.value for x in source.nodes if isinstance(x, ast.Return)] if source is not None else []


def _place_after_gradients(returned: list[ast.expr]) -> int:
    """Which of several results is a loss, if all others are gradients and it is not the first; else 0."""
    place = place_of_loss(returned)
    return place if all(_are_gradients(x) for k, x in enumerate(returned) if k != place) else 0


def _is_loss(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and is_loss(value.id)


def _are_gradients(value: ast.expr) -> bool:
    """Whether a variable, or one in a collection that is returned, is called as a gradient."""
    names = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
    return any(isinstance(x, ast.Name) and _GRADIENTS.fullmatch(x.id) is not None for x in names)
