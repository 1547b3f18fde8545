"""What a layer's object holds: arrays of floats in its attributes, in dictionaries and lists there, and in its objects.

A parameter may be an object itself, with its numbers in ``data`` and their gradient in ``grad``.
"""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping, MutableSequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from types import FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

import numpy as np

from ..check.given import spelled
from ..check.recorded_array import Array, plain
from ..engine.tensor import Tensor

_NUMBERS = re.compile(r"_?(data|values?|val|array|arr|tensor|param)")
"""How the numbers are called of an object that is a parameter."""
_GRADIENT = re.compile(r"_?(d|g|grads?|gradients?)")
"""How its gradient is called."""
_GRADIENTS = re.compile(r"(?i).*grad.*|_?[dg]|_?d_?(params?|parameters|weights|theta)|_?(nabla|deriv(ative)?|delta)s?")
"""How a dictionary of gradients is called."""
_NO_OBJECTS = (type, ModuleType, FunctionType, MethodType, Array, Tensor)

Names: TypeAlias = MutableMapping[Any, Any] | MutableSequence[Any]
"""What an array is in: the attributes of an object, a dictionary, or a list."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an array is.

    Attributes:
        called: what the array is called, of all that the layer holds; a gradient ``d`` + the name of what it is of.
        short: what it is called where it is.
        names: what it is in.
        key: its name, or its number, there.
        gradient: whether it is one, of another array there.
        boxed: whether it is the numbers of an object that is a parameter.
        also: the other places of the same array, as of a weight in a dictionary and in the layer that uses it.
    """

    called: str
    short: str
    names: Names
    key: Any
    gradient: bool = False
    boxed: bool = False
    also: tuple[Place, ...] = ()

    def put(self, value: Any) -> None:
        """Put another value there, and in the other places."""
        for place in (self, *self.also):
            place.names[place.key] = value

    @property
    def is_there(self) -> bool:
        """Whether nobody has taken it away."""
        return self.key in self.names if isinstance(self.names, MutableMapping) else self.key < len(self.names)

    @property
    def value(self) -> Any:
        """What is there."""
        return self.names[self.key]


def places(own: Any) -> Iterator[Place]:
    """The arrays of floats that an object holds, those in its own attributes and dictionaries first."""
    attributes = vars(own) if hasattr(own, "__dict__") else {}
    inner = list[tuple[str, Any]]()
    for key, value in list(attributes.items()):
        if is_float_array(value):
            yield Place(key, key, attributes, key)
        elif isinstance(value, dict) and not holds_gradients(key):
            for name in (name for name, x in value.items() if isinstance(name, str) and is_float_array(x)):
                yield Place(name, name, value, name)
        if not is_float_array(value):
            inner.append((key, value))
    seen = {id(own)}
    for key, value in inner:
        yield from _within(value, key, key, seen, own_dictionary=isinstance(value, dict))


def leaves_of(own: Any) -> list[Place]:
    """The arrays that an object holds and that are no gradients, each once though it be in several collections."""
    found = list[list[Place]]()
    for place in places(own):
        if place.gradient:
            continue
        same = (one for one in found if one[0].value is place.value)
        known = next((one for one in same if all(x.names is not place.names for x in one)), None)
        if known is not None:
            known.append(place)
        else:
            found.append([place])
    return [replace(first, also=(*others,)) for first, *others in found]


def _within(value: Any, called: str, short: str, seen: set[int], own_dictionary: bool = False) -> Iterator[Place]:
    """The arrays in a list, a dictionary or an object, and in those in it."""
    if id(value) in seen:
        return
    if isinstance(value, list | tuple):
        seen.add(id(value))
        for place, x in enumerate(value):
            if is_float_array(x) and isinstance(value, list):
                yield Place(f"{called}{place}", short, value, place)
            else:
                yield from _within(x, f"{called}{place}", short, seen)
        return
    names = value if isinstance(value, dict) else vars(value) if is_object(value) else None
    if names is None:
        return
    seen.add(id(value))
    arrays = [key for key, x in names.items() if isinstance(key, str) and is_float_array(x)]
    if not own_dictionary:
        boxed = next((key for key in arrays if not isinstance(value, dict) and _NUMBERS.fullmatch(key)), None)
        gradient_of = {key: name for key in arrays for name in spelled([key], {*arrays} - {key})[0]}
        for key in arrays:
            if boxed is not None and (key == boxed or _GRADIENT.fullmatch(key)):
                own = key == boxed
                yield Place(called if own else f"d{called}", short, names, key, gradient=not own, boxed=own)
            elif key in gradient_of:
                yield Place(f"d{called}_{gradient_of[key]}", key, names, key, gradient=True)
            else:
                yield Place(f"{called}_{key}", key, names, key)
    for key, x in list(names.items()):
        if isinstance(key, str | int) and key not in arrays:
            yield from _within(x, f"{called}_{key}", str(key), seen)


def held_otherwise(own: Any, arguments: Mapping[str, Any]) -> dict[str, str]:
    """The attributes of an object that hold one of some arguments, each with the name of that, which is another."""
    arrays = {name: x for name, x in arguments.items() if is_float_array(x)}
    found = dict[str, str]()
    for key, value in getattr(own, "__dict__", {}).items():
        same = [name for name, x in arrays.items() if is_float_array(value) and np.array_equal(value, x)]
        if len(same) == 1 and key not in arrays:
            found[key] = same[0]
    return found


def holds_gradients(name: str) -> bool:
    """Whether a dictionary is called as one of gradients.

    >>> holds_gradients("param_grads"), holds_gradients("_g"), holds_gradients("dparams"), holds_gradients("params")
    (True, True, True, False)
    """
    return _GRADIENTS.fullmatch(name) is not None


def is_float_array(value: Any) -> bool:
    """Whether it is an array of floats, recorded or not."""
    return isinstance(value, np.ndarray | Array) and value.dtype.kind == "f"


def is_object(value: Any) -> bool:
    """Whether it is an object of the user's, which may hold arrays."""
    library = type(value).__module__.partition(".")[0]
    foreign = library in ("numpy", "micrograd_tensor") or library in sys.stdlib_module_names
    return hasattr(value, "__dict__") and not isinstance(value, _NO_OBJECTS) and not foreign


def collections_in(own: Any) -> Iterator[Any]:
    """The attributes of an object and of those in it, and its lists, queues and dictionaries, each once."""
    seen, left = set[int](), [own]
    while left:
        one = left.pop()
        names = vars(one) if is_object(one) else one
        if not isinstance(names, dict | list | deque | tuple) or id(names) in seen:
            continue
        seen.add(id(names))
        if not isinstance(names, tuple):
            yield names
        left += names.values() if isinstance(names, dict) else names


@contextmanager
def kept(own: Any) -> Iterator[Callable[[], dict[str, Any]]]:
    """After the block the arrays that an object holds are what they were: a pass may update or add to them.

    What it takes out of lists and dictionaries is there again. Within the block the arrays can be asked for by how much
    they have been changed, by their names.
    """
    before = [(place, place.value, place.value.copy()) for place in places(own) if isinstance(place.value, np.ndarray)]
    collections = [(x, copy(x)) for x in collections_in(own)]
    inner = [x for one, _ in collections for x in (one.values() if isinstance(one, dict) else one)]
    known = {id(array) for _, array, _ in before}
    others = [x for x in inner if isinstance(x, np.ndarray) and x.flags.writeable and id(x) not in known]
    added_to = [(x, x.copy()) for x in others]  # as gradients in a dictionary

    def moved() -> dict[str, Any]:
        there = ((place, numbers) for place, _, numbers in before if place.is_there)
        now = ((place.called, plain(place.value), numbers) for place, numbers in there)
        return {
            name: x - numbers for name, x, numbers in now if x.shape == numbers.shape and not np.array_equal(x, numbers)
        }

    try:
        yield moved
    finally:
        for one, then in collections:
            if len(one) < len(then):
                one.clear()
                one.update(then) if isinstance(one, dict) else one.extend(then)
        for array, numbers in added_to:
            np.copyto(array, numbers)
        for place, array, numbers in before:
            place.names[place.key] = array
            if array.flags.writeable:
                np.copyto(array, numbers)
