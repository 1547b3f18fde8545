"""Predictions: losses whose backward pass takes what was predicted in the place of an upstream gradient.

As in ``self.dinputs = -2 * (y_true - dvalues) / outputs / samples``, which is called with what the last layer put out.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from .held import is_float_array, is_object
from .layers import Layer, wanted_by
from .roles import is_labels
from .taking import Taking, is_gradient

_VALUES = re.compile(r"(?i)d_?val(ue)?s?")
"""How an argument is called that looks like an upstream gradient by its name, and may as well be a prediction."""
_PREDICTED = re.compile(
    r"(?i)_?(out(puts?)?|result|[aps]|act(ivations?)?|prob(s|abilit(y|ies))?|pred(s|icted|ictions?)?|y_?(pred|hat)"
    r"|softmax(_?out(puts?)?)?)"
)
"""How an attribute is called that is what was predicted."""


class Given(NamedTuple):
    """What a backward pass takes in the place of an upstream gradient.

    Attributes:
        argument: what it calls it.
        of: the argument of the forward pass that it is, or is made of.
        called: what it is in the forward pass, such as ``y_pred`` or ``self.output``.
        value: the array.
    """

    argument: str
    of: str
    called: str
    value: Any


def may_be_predicted(layer: Layer) -> list[bool]:
    """Whether a backward pass takes a prediction in the place of an upstream gradient, the likelier first.

    It may where its other arguments are forward's own, and labels are among these.
    """
    if layer.backward is None or layer.cost is not None or layer.reading:
        return [False]
    forward, backward = (_bound(layer, function) for function in (layer.function_forward, layer.function))
    taken = [*inspect.signature(forward).parameters]
    takes = Taking.of(backward, None, taken)
    values = {*takes.values}
    if len(takes.gradients) != 1 or takes.cache is not None or not values < {*taken} or not any(map(is_labels, values)):
        return [False]
    return [False, True] if says_upstream(takes.gradients[0]) else [True, False]


def says_upstream(argument: str) -> bool:
    """Whether an argument is called as an upstream gradient, and as nothing else.

    >>> says_upstream("dout"), says_upstream("dvalues"), says_upstream("y_hat")
    (True, False, False)
    """
    return is_gradient(argument) and not _VALUES.fullmatch(argument)


def _bound(layer: Layer, function: Any) -> Callable[..., Any]:
    return function if layer.made_by is None else function.__get__(object())  # type: ignore[no-any-return]  # a method


def given_to(layer: Layer, takes: Taking, own: Any, arguments: Mapping[str, Any], returned: Any) -> Given | None:
    """What a backward pass is given as a prediction; None where there is nothing.

    That is what forward leaves in its object under a name for it, if it has the shape of what forward takes; or else
    what forward takes.

    Args:
        layer: whose backward pass it is.
        takes: what its arguments are, one of them for an upstream gradient.
        own: the object whose method it is, or None.
        arguments: of the forward pass.
        returned: by the forward pass.
    """
    taken = wanted_by(layer.bound(own)[0], arguments)
    first = next((name for name, x in taken.items() if name not in takes.values and is_float_array(x)), None)
    if first is None or takes.split or len(takes.gradients) != 1:
        return None
    known = [*taken.values(), returned]
    for called, value in _left(own):
        if value.shape == taken[first].shape and not any(np.array_equal(value, x) for x in known):
            return Given(takes.gradients[0], first, called, value)
    return Given(takes.gradients[0], first, first, taken[first])


def _left(own: Any, called: str = "self", within: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The arrays in an object that are called as predictions, its own before those of objects in it."""
    if not is_object(own) or id(own) in within:
        return
    names = vars(own)
    yield from ((f"{called}.{n}", x) for n, x in names.items() if _PREDICTED.fullmatch(n) and is_float_array(x))
    for name, x in names.items():
        yield from _left(x, f"{called}.{name}", (*within, id(own)))


def as_given(takes: Taking, given: Given) -> Taking:
    """What the arguments of a backward pass are that takes a prediction."""
    return Taking((), None, (given.argument, *takes.values), False, False, False)
