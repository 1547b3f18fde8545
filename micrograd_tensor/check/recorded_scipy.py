"""SciPy in a forward pass that is recorded: its functions that can be composed of NumPy's are, any other says so."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ..engine.errors import GradientError
from ..engine.table.elementwise import sigmoid
from ..engine.table.special import erf, erfc
from .recorded_array import Array, as_tensor, plain


def recorded_scipy(value: Any) -> Any:
    """What stands for a function or a module of SciPy's while a forward pass is recorded; None for anything else."""
    if isinstance(value, ModuleType):
        return _Module(value) if value.__name__.split(".")[0] == "scipy" else None
    if not callable(value) or isinstance(value, type):
        return None
    name, module = getattr(value, "__name__", None), getattr(value, "__module__", None)
    if isinstance(value, np.ufunc) and getattr(sys.modules.get("scipy.special"), str(name), None) is value:
        module = "scipy.special"  # which ufuncs do not know
    if not isinstance(module, str) or module.split(".")[0] != "scipy":
        return None
    return _function(".".join([*(part for part in module.split(".") if part[:1] != "_"), str(name)]), value)


class _Module(ModuleType):
    """A module of SciPy's whose functions are what stands for them."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__(module.__name__)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        stand_in = recorded_scipy(found)
        return found if stand_in is None else stand_in


def _function(name: str, theirs: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(theirs)
    def function(*arguments: Any, **settings: Any) -> Any:
        if not any(_is_recorded(x) for x in (*arguments, *settings.values())):
            return theirs(*arguments, **settings)
        ours = _OURS.get(name)
        try:
            if ours is not None:
                return ours(*arguments, **settings)
        except TypeError:  # an argument that it does not know
            pass
        known = ", ".join(one.removeprefix("scipy.special.") for one in _OURS)
        with_these = " with these arguments" if ours is not None else ""
        raise GradientError(
            f"{name}{with_these} is SciPy's and is not recorded; write it with NumPy's functions (of scipy.special "
            f"these are recorded: {known})"
        )

    return function


def _is_recorded(value: Any) -> bool:
    return isinstance(value, Array) or (isinstance(value, list | tuple) and any(map(_is_recorded, value)))


def _largest(x: Any, axis: Any) -> Any:
    """What is subtracted so that no exponential overflows: a constant."""
    return plain(x).max(axis=axis, keepdims=True)


def _logsumexp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    a = Array(as_tensor(a))
    shift = _largest(a, axis)
    total = np.log(np.sum(np.exp(a - shift), axis=axis, keepdims=keepdims))
    return total + (shift if keepdims else np.squeeze(shift, axis=axis))


def _softmax(x: Any, axis: Any = None) -> Any:
    x = Array(as_tensor(x))
    parts = np.exp(x - _largest(x, axis))
    return parts / np.sum(parts, axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: Any = None) -> Any:
    x = Array(as_tensor(x))
    shifted = x - _largest(x, axis)  # first, for the digits
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _of_op(op: Callable[[Any], Any]) -> Callable[[Any], Array]:
    return lambda x: Array(op(as_tensor(x)))


def _log_expit(x: Any) -> Any:
    return -np.logaddexp(0.0, -Array(as_tensor(x)))


_OURS: Mapping[str, Callable[..., Any]] = {
    "scipy.special.expit": _of_op(sigmoid),
    "scipy.special.log_expit": _log_expit,
    "scipy.special.logsumexp": _logsumexp,
    "scipy.special.softmax": _softmax,
    "scipy.special.log_softmax": _log_softmax,
    "scipy.special.erf": _of_op(erf),
    "scipy.special.erfc": _of_op(erfc),
}
