"""Settings: those of NumPy's functions that have another name here, or that mostly ask for nothing."""

from __future__ import annotations

from typing import Any

RENAMED = {
    "a_max": "max",
    "a_min": "min",
    "constant_values": "value",
    "ddof": "correction",
    "indices_or_sections": "sections",
    "newshape": "shape",
}
"""NumPy's names of settings, and ours."""
_HARMLESS = frozenset(["copy", "kind", "optimize", "stable", "subok"])
"""What changes how NumPy computes, but not the values of the result."""
_USUAL = {"casting": ("same_kind",), "dtype": (None,), "order": ("C", "K", "A", None), "where": (True,)}


def asks_for_nothing(name: str, value: Any) -> bool:
    """Whether a setting of NumPy's may be left out, because its value is the usual one or none would matter.

    >>> asks_for_nothing("order", "C"), asks_for_nothing("order", "F"), asks_for_nothing("kind", "stable")
    (True, False, True)
    """
    if name == "out":
        return all(x is None for x in (value if isinstance(value, tuple) else (value,)))
    return name in _HARMLESS or (isinstance(value, (str, bool, type(None))) and value in _USUAL.get(name, ()))
