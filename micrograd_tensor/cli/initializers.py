"""Initializers: functions of a file that make the weights a forward pass takes in a dictionary, given small sizes.

As ``initialize_parameters(n_x, n_h, n_y)`` or ``initialize_parameters_deep(layer_dims)``: the keys of what they return,
such as ``"W" + str(l)``, can be told by no other means, and neither can the shapes that fit together.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from ..check.running import copied
from .dictionaries import is_put_together, keys_of, spread
from .global_weights import global_names, keeping
from .layers import Layer
from .roles import role_of
from .shapes_option import Value
from .trials import Trials, quietly

_NAME = re.compile(r"(?i).*init.*")
_WIDTHS = ((5, 4, 6, 3), (5, 4, 3), (5, 3))
"""How wide the layers of a net are, its input first. Of several hidden layers none can stand for another."""
_EXAMPLES = 7


class Made(NamedTuple):
    """A layer whose weights a function of its file has made, and which ran with them.

    Attributes:
        layer: with each of these as an argument.
        given: values and shapes of arguments, as `values_of` reads them.
        call: how they were made, such as ``initialize_parameters(5, 4, 3)``.
        stopped: whether the backward pass gave no gradients of them, as where it stopped with an error.
        unlike: whether gradients have other shapes than they.
        instead: another call, with which they have not; or "".
    """

    layer: Layer
    given: dict[str, Any]
    call: str
    stopped: bool
    unlike: bool
    instead: str = ""


def made_by_initializer(layer: Layer, seed: int) -> Made | None:
    """The layer with weights of the first sizes with which both of its passes run, or else its forward pass, if any.

    If it runs with several outputs, but has gradients of the shapes of its weights with a single one only, it is not
    known which it is for.
    """
    if layer.made_by is not None:
        return None
    stopped = list[Made]()
    for widths in _WIDTHS:
        every = [_made(layer, widths, seed)]
        if every[0] is not None and not (every[0].stopped or every[0].unlike):
            return every[0]
        every.append(_made(layer, (*widths[:-1], 1), seed))
        stopped += [one for one in every if one is not None and one.stopped]
        several, single = (one if one is not None and not one.stopped else None for one in every)
        if several is not None:
            return several._replace(instead=single.call if single is not None and not single.unlike else "")
        if single is not None:
            return single
    return stopped[0] if stopped else None


def _made(layer: Layer, widths: tuple[int, ...], seed: int) -> Made | None:
    """The layer with weights of some widths, if it runs with them; rather where gradients have the shapes of these."""
    parameters = inspect.signature(layer.forward).parameters
    dictionaries = [name for name in parameters if any(map(_is_text, keys_of(layer, name)))]
    rest = [name for name, p in parameters.items() if name not in dictionaries and p.default is p.empty]
    inputs, labels = ([name for name in rest if role_of(name) == role] for role in ("input", "labels"))
    if len(dictionaries) != 1 or len(inputs) != 1 or len(labels) > 1:
        return None
    rng, found = np.random.default_rng([seed, 4]), list[Made]()
    for call, weights in _weights(layer, widths, seed):
        keys = keys_of(layer, dictionaries[0])
        known = {key.value for key in keys if isinstance(key, ast.Constant)}
        if len(known) == len({*map(ast.unparse, keys)}) and not {*weights} <= known:
            continue  # of more layers than it has
        net, arrays = spread(layer, {dictionaries[0]: weights})
        drawn = {name: _drawn(x, rng) for name, x in arrays.items()}
        for shapes in _shapes(widths) if labels else dict.fromkeys((x,) for x, _ in _shapes(widths)):
            given = drawn | dict(zip((*inputs, *labels), shapes, strict=True))
            trial = Trials(keeping(net), given, seed).chosen()
            if trial is not None:
                found.append(Made(net, given, call, not trial.gradients, bool(trial.unlike)))
                if trial.gradients and not trial.unlike:
                    return found[-1]
    return min(found, key=lambda one: one.stopped) if found else None


def _is_text(key: ast.expr) -> bool:
    return is_put_together(key) or (isinstance(key, ast.Constant) and isinstance(key.value, str))


def _weights(layer: Layer, widths: tuple[int, ...], seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What initializers of the layer's file return for a net of some widths, and how they were called."""
    for name, function in global_names(layer).items():
        if not (inspect.isfunction(function) and _NAME.fullmatch(name)):
            continue
        needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
        if len(needed) not in (1, len(widths)):
            continue
        arguments = [[*widths]] if len(needed) == 1 else [*widths]
        made = None
        with suppress(Exception, SystemExit), quietly(seed, global_names(layer)):  # the user's code may raise anything
            made = function(*copied(arguments))
        if isinstance(made, dict) and made:
            yield f"{name}({', '.join(map(str, arguments))})", made


def _drawn(value: Any, rng: np.random.Generator) -> Any:
    """Weights of the shape of those that were made, which often begin so small that they hardly matter, or with 0.

    They are no larger than in a net whose activations stay where its losses are finite.
    """
    if not isinstance(value, np.ndarray):
        return value
    return Value(np.asarray(rng.standard_normal(value.shape) / np.sqrt(max(value.shape, default=1)), value.dtype))


def _shapes(widths: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Shapes of an input of so many features, and of labels for as many outputs: examples in columns, then in rows."""
    m, n, outputs = _EXAMPLES, widths[0], widths[-1]
    whole: Any = ((m,), outputs) if outputs > 1 else (m,)
    yield from (((n, m), (outputs, m)), ((n, m), whole), ((m, n), (m, outputs)), ((m, n), whole))
