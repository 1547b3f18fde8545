"""Single numbers that a layer learns, as ``self.b = 0.0``: arrays without axes while it is judged, which record."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..check.given import spelled
from ..check.statements import assignments
from ..check.syntax import source_of
from .held import holds_gradients
from .layers import Layer
from .roles import is_parameter


def is_learned(name: str, value: Any) -> bool:
    """Whether a number is called as a parameter and begins as one; a whole number above 1 is rather a size.

    >>> is_learned("b", 0), is_learned("gamma", 1.5), is_learned("w", 3), is_learned("C", 1.0)
    (True, True, False, False)
    """
    return type(value) in (int, float) and is_parameter(name) and (isinstance(value, float) or value in (0, 1))


def held_as_arrays(layer: Layer, own: Any) -> None:
    """Make arrays of the numbers in an object whose gradients the backward pass of its layer computes."""
    attributes = vars(own) if hasattr(own, "__dict__") else {}
    boxes = [x for name, x in attributes.items() if isinstance(x, dict) and not holds_gradients(name)]
    every = [(names, name) for names in (attributes, *boxes) for name, x in names.items() if type(x) in (int, float)]
    if not every:
        return
    statements = assignments(layer.function)
    local = [key for made in statements for key in made.names]
    kept = [*(key for made in statements for key in made.kept), *_keys(layer)]
    for names, name in every:
        computed = {*spelled(kept, [name])[0], *({name} & {*kept} if names is not attributes else ())}
        if is_learned(name, names[name]) and (computed or spelled(local, [name])[0]):
            names[name] = np.asarray(float(names[name]))
        elif computed and isinstance(names[name], float):  # as self.dalpha of self.alpha; a local dt is of no self.t
            names[name] = np.asarray(names[name])


def numbers_as_arrays(names: Mapping[str, Any]) -> dict[str, Any]:
    """The global names that hold such numbers, as arrays."""
    return {name: np.asarray(float(x)) for name, x in names.items() if is_learned(name, x)}


def _keys(layer: Layer) -> list[str]:
    """The keys of the dictionaries that a backward pass writes down."""
    source = source_of(layer.function)
    nodes = source.nodes if source is not None else ()
    keys = [key for node in nodes if isinstance(node, ast.Dict) for key in node.keys if isinstance(key, ast.Constant)]
    return [key.value for key in keys if isinstance(key.value, str)]
