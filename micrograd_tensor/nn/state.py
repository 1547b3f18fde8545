"""Loading a state: everything is checked first, so that all of it is loaded or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any, NamedTuple

from ..engine.arrays import beside, plain
from ..engine.errors import DTypeError, ShapeError
from ..engine.tensor import Tensor, assign


class Keys(NamedTuple):
    """The names that a loaded state lacked, and those that the module does not have.

    >>> Keys(["bias"], [])
    Keys(missing_keys=['bias'], unexpected_keys=[])
    """

    missing_keys: list[str]
    unexpected_keys: list[str]


def load(owner: str, targets: Mapping[str, Tensor], given: Mapping[str, Any], strict: bool) -> Keys:
    """Assign the given values to the targets of the same names; after an error nothing has changed."""
    if not isinstance(given, Mapping):
        way_out = (
            f"mt.load({str(given)!r}, net) reads a file"
            if isinstance(given, (str, PathLike))
            else "give its state_dict()"
            if hasattr(given, "state_dict")
            else "give a dictionary from names to arrays"
        )
        raise TypeError(f"load_state_dict of {owner} takes no {type(given).__name__}; {way_out}")
    keys = Keys([key for key in targets if key not in given], [key for key in given if key not in targets])
    arrays = {key: _array(key, given[key], targets[key]) for key in targets if key in given}
    misshapen = [
        f"{key} has shape {tuple(array.shape)}, not {targets[key].shape}"
        for key, array in arrays.items()
        if tuple(array.shape) != targets[key].shape
    ]
    faults = [f"misshapen: {'; '.join(misshapen)}"] if misshapen else []
    if strict:
        faults += [f"missing: {', '.join(keys.missing_keys)}"] if keys.missing_keys else []
        faults += [f"unexpected: {', '.join(keys.unexpected_keys)}"] if keys.unexpected_keys else []
    if faults:
        way_out = "" if misshapen else "; strict=False loads what fits"
        raise (ShapeError if misshapen else ValueError)(
            f"load_state_dict of {owner}: {'. '.join(faults)}. Nothing was loaded{way_out}"
        )
    assign((targets[key] for key in arrays), arrays.values())
    return keys


def _array(key: str, value: Any, target: Tensor) -> Any:
    try:
        array = beside(value._data if isinstance(value, Tensor) else plain(value), target)
    except DTypeError as error:
        raise DTypeError(f"load_state_dict: {key}: {error}") from None
    if array.dtype.kind == "c" and target.dtype.kind != "c":
        raise DTypeError(f"load_state_dict: {key} holds {array.dtype}, not {target.dtype}; give its real part")
    return array
