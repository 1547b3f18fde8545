"""Weights that are global names of a layer's file, or in dictionaries there: inputs whose gradients are judged, too."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from ..check.given import spelled
from ..check.statements import assignments
from .held import holds_gradients
from .layers import Layer, parameters_of
from .single_numbers import numbers_as_arrays


def held_arrays(names: Mapping[Any, Any]) -> dict[str, Any]:
    """The arrays of floats among attributes or global names, and in dictionaries of them, that may be parameters."""
    dictionaries = {str(name): value for name, value in names.items() if isinstance(value, dict)}
    several = [x for name, x in dictionaries.items() if not holds_gradients(name) and name[:2] != "__"]
    every = {key: x for these in (names, *several) for key, x in these.items()}
    return {k: x for k, x in every.items() if isinstance(k, str) and isinstance(x, np.ndarray) and x.dtype.kind == "f"}


def global_names(layer: Layer) -> dict[str, Any]:
    """The global names that the forward pass of a layer sees."""
    return getattr(inspect.unwrap(layer.function_forward), "__globals__", {})


def held_in_module(layer: Layer) -> dict[str, Any]:
    """The arrays among them, and in dictionaries there, whose gradients the backward pass computes."""
    names = global_names(layer)
    held = held_arrays(names) | numbers_as_arrays(names)
    keys = [key for made in assignments(layer.function) for key in (*made.names, *made.kept)]
    own = [name for name in held if name not in keys or not spelled([name], [x for x in held if x != name])[0]]
    wanted = spelled(keys, own)[0].keys() - parameters_of(layer).keys()  # a file that trains may hold dW beside W
    return {name: x for name, x in held.items() if name in wanted}


@contextmanager
def replaced(layer: Layer, by: Callable[[str, Any], Any]) -> Iterator[None]:
    """Within the block other values stand for them, and for the dictionaries that they are in."""
    world, before = global_names(layer), _holders(layer)
    arrays = before | numbers_as_arrays(before)
    world.update({name: by(name, value) for name, value in arrays.items()})
    try:
        yield
    finally:
        world.update(before)


def keeping(layer: Layer) -> Layer:
    """The layer with passes after each of which they are what they were: some backward passes update them at once."""
    held = held_in_module(layer)
    if not held or layer.made_by is not None:
        return layer
    world, before, numbers = global_names(layer), _holders(layer), {name: x.copy() for name, x in held.items()}
    inside = {n: {k: x for k, x in own.items() if k in held} for n, own in before.items() if isinstance(own, dict)}

    def kept(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def called(*arguments: Any, **named: Any) -> Any:
            try:
                return function(*arguments, **named)
            finally:
                world.update(before)
                for name, own in inside.items():
                    before[name].update(own)
                for name, x in held.items():
                    if x.flags.writeable:
                        np.copyto(x, numbers[name])

        return called

    backward = kept(layer.backward) if layer.backward is not None else None
    return replace(layer, forward=kept(layer.forward), backward=backward)


@contextmanager
def drawn_anew(layer: Layer, seed: int) -> Iterator[None]:
    """Within the block other numbers stand in them, about as large as those that a training starts with.

    As a loop of the file has left them, they may be so large that slopes vanish, and mistakes with them.
    """
    rng = np.random.default_rng([seed, 6])
    before = [(x, x.copy()) for x in held_in_module(layer).values() if x.flags.writeable]
    for x, numbers in before:
        drawn = rng.standard_normal(x.shape) / np.sqrt(max(x.shape, default=1))
        np.copyto(x, np.abs(drawn) if np.all(numbers > 0) else drawn, casting="same_kind")
    try:
        yield
    finally:
        for x, numbers in before:
            np.copyto(x, numbers)


def with_drawn_anew(function: Callable[..., Any], layer: Layer, seed: int) -> Callable[..., Any]:
    """A function that runs with other numbers in them."""

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        with drawn_anew(layer, seed):
            return function(*arguments, **named)

    return called


def _holders(layer: Layer) -> dict[str, Any]:
    """The global names that they have, or that dictionaries of them have."""
    wanted = held_in_module(layer).keys()
    every = global_names(layer).items()
    return {n: x for n, x in every if n in wanted or (isinstance(x, dict) and not wanted.isdisjoint(x))}
