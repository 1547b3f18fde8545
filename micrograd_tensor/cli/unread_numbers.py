"""Numbers that a class is made with and its forward pass knows nothing of, as ``weight_regularizer_l2`` of a layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from .attributes import called_by, constructor_of, named_by, told_by
from .layers import Layer, parameters_of_constructor


def unread_numbers(layer: Layer, given: Mapping[str, Any]) -> dict[str, int | float]:
    """The numbers, by name, that the forward pass of a class does not read, nor what that calls; of a function none.

    Args:
        layer: whichever.
        given: some of what its constructor takes; the rest is there by default.
    """
    taken = {name: given.get(name, p.default) for name, p in parameters_of_constructor(layer).items()}
    numbers = {name: x for name, x in taken.items() if type(x) in (int, float)}
    if layer.made_by is None or not numbers:
        return {}
    made_by, source = layer.made_by, constructor_of(layer.made_by)
    known = named_by(made_by, [layer.function_forward, *(called_by(source, made_by) if source is not None else ())])
    if known is None or (source is None and not dataclasses.is_dataclass(made_by)):
        return {}
    found = {}
    for name, number in numbers.items():
        held, elsewhere = told_by(source, name) if source is not None else ({name}, [])
        if held and held.isdisjoint(known) and not elsewhere:
            found[name] = number
    return found
