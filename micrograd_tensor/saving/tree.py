"""Trees of plain data and arrays, such as a state_dict, split into JSON and named arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.arrays import is_duck
from ..engine.tensor import Tensor


def packed(tree: Any, path: str = "", arrays: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
    """The part of a tree that JSON can hold, and its arrays, named by their paths. `unpacked` restores the tree.

    Raises:
        TypeError: for anything but plain data and arrays, with its path: nothing is pickled.

    >>> packed({"state": {0: np.zeros(2)}, "lr": 0.1})
    ({'state': {'$dict': [[0, {'$array': 'state.0'}]]}, 'lr': 0.1}, {'state.0': array([0., 0.])})
    """
    arrays = {} if arrays is None else arrays

    def inside(part: Any, key: Any) -> Any:
        return packed(part, f"{path}.{key}" if path else str(key), arrays)[0]

    if isinstance(tree, np.generic):
        tree = tree.item()
    if tree is None or isinstance(tree, (str, int, float)):
        return tree, arrays
    if isinstance(tree, (Tensor, np.ndarray)) or is_duck(tree):
        name = path or "array"
        while name in arrays:  # "a.b" may be one key, or b in a
            name += "'"
        arrays[name] = tree._data if isinstance(tree, Tensor) else tree
        return {"$array": name}, arrays
    if isinstance(tree, dict):
        if all(isinstance(key, str) and not key.startswith("$") for key in tree):
            return {key: inside(part, key) for key, part in tree.items()}, arrays
        return {"$dict": [[inside(key, "key"), inside(part, key)] for key, part in tree.items()]}, arrays
    if isinstance(tree, (list, tuple)):
        parts = [inside(part, i) for i, part in enumerate(tree)]
        return parts if isinstance(tree, list) else {"$tuple": parts}, arrays
    raise TypeError(
        f"{path or 'the value'} is a {type(tree).__name__}; only numbers, strings, arrays, lists and dicts are saved"
    )


def unpacked(plain: Any, arrays: dict[str, Any]) -> Any:
    """The tree that `packed` took apart."""
    if isinstance(plain, list):
        return [unpacked(part, arrays) for part in plain]
    if not isinstance(plain, dict):
        return plain
    match plain:
        case {"$array": name}:
            return arrays[name]
        case {"$tuple": parts}:
            return tuple(unpacked(part, arrays) for part in parts)
        case {"$dict": items}:
            return {unpacked(key, arrays): unpacked(part, arrays) for key, part in items}
    return {key: unpacked(part, arrays) for key, part in plain.items()}
