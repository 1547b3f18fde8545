"""Shapes: inputs for a layer that nobody gave any, by what its parameters are usually called."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .unusable import UnusableError


@dataclass(frozen=True, slots=True)
class Value:
    """A value that is given as it is."""

    value: Any


_ROLES = (
    ("groups", r"G|(?i:groups?|(n|num)_?groups|(n|num)_?heads|heads)"),
    ("labels", r"(?i)y|ys|labels?|targets?|idx|ids|t"),
    ("input", r"[QKVqkv]|quer(y|ies)|keys?|values?"),
    ("weights 1", r"(?i)w_?1"),
    ("bias 1", r"(?i)b_?1"),
    ("weights 2", r"(?i)w_?2"),
    ("bias 2", r"(?i)b_?2"),
    ("gamma", r"(?i)gammas?|betas?|scale|shift|g|bet|gam|gain"),
    ("bias", r"(?i)b|bias(es)?|b_?\w"),
    ("input weights", r"(?i)w_?(x|i|xh|ih)"),
    ("hidden weights", r"(?i)w_?(h|hh)"),
    ("hidden state", r"(?i)(prev_?|last_?|pre)?h_?(0|prev|in)?|(prev_?|last_?)c|c_?(0|prev|in)"),
    ("weights", r"(?i)w_?\w*|weights?|theta|kernels?|filters?|f"),
    ("parameters", r"(?i).*param(s|eters)?|config|cfg|conf"),
    ("step", r"(?i)strides?|steps?|s"),
    ("padding", r"(?i)pad(ding)?|p"),
    ("sizes", r"(?i)(pool_?)?(size|height|width|k(ernel)?_?size|h|w)"),
    ("mask", r"(?i)mask"),
    ("eps", r"(?i)eps(ilon)?"),
)
"""What a parameter is, by its name; anything else is an input."""

_LAYOUTS: tuple[dict[str, Any], ...] = (
    {"input": (7, 5), "weights": (5, 3), "bias": (3,), "gamma": (5,), "hidden state": (7, 3), "input weights": (5, 3),
     "hidden weights": (3, 3), "labels": ((7,), 3), "mask": (7, 5), "weights 1": (5, 4), "bias 1": (4,),
     "weights 2": (4, 3), "bias 2": (3,)},
    {"input": (7, 5), "hidden state": (7, 3), "input weights": (5, 12), "hidden weights": (3, 12), "bias": (12,)},
    {"input": (2, 4, 6, 7), "weights": (3, 4, 2, 2), "bias": (3,), "gamma": (4,), "labels": ((2,), 4)},
    {"input": (3, 4, 6, 8), "weights": (2, 4, 3, 3), "bias": (2,), "gamma": (4,), "labels": ((3,), 4)},
    {"input": (3, 4, 6, 8), "weights": (2, 4, 3, 3), "bias": (2,), "gamma": (1, 4, 1, 1)},
    {"input": (3, 7, 5), "weights": (5, 4), "bias": (4,), "gamma": (5,), "hidden state": (3, 4),
     "input weights": (5, 4), "hidden weights": (4, 4), "labels": ((3, 7), 5), "mask": (3, 7)},
    {"input": (3, 7, 5), "hidden state": (3, 4), "input weights": (5, 16), "hidden weights": (4, 16), "bias": (16,)},
    {"input": ((3, 7), 6), "weights": (6, 4)},
    {"input": (7, 5), "hidden state": (7, 3), "weights": (8, 3), "input weights": (8, 3), "hidden weights": (8, 3),
     "bias": (3,)},
    {"input": (7, 5), "hidden state": (7, 3), "weights": (5, 12), "input weights": (5, 12), "hidden weights": (3, 12),
     "bias": (12,)},
    {"input": (7, 5), "weights": (5, 3), "bias": (3,), "gamma": (3,)},
    {"input": (3, 7, 6), "weights": (6, 6), "bias": (6,), "gamma": (6,)},
    {"input": (7, 5), "bias": (5, 3)},
    {"input": (7, 5), "weights": (5,), "bias": (5,), "labels": ((7,), 5)},
    {"input": (5,), "weights": (5, 3), "bias": (3,), "labels": ((1,), 5)},
    {"input": (5, 5), "weights": (3, 3), "bias": ()},
)  # fmt: skip
"""Shapes that fit together, by what a parameter is; with a number, of whole numbers below it."""

_PARAMETERS: Mapping[str, Any] = {
    "mode": "train", "eps": 1e-5, "momentum": 0.9, "stride": 2, "pad": 0, "pool_height": 2, "pool_width": 2, "p": 0.5,
    "seed": 0,
}  # fmt: skip


def guesses(
    parameters: Mapping[str, inspect.Parameter], given: Mapping[str, Any], seed: int, exact: bool = False
) -> Iterator[dict[str, Any]]:
    """Arguments to try, one set after another.

    Args:
        parameters: of the forward pass.
        given: values, or shapes as `values_of` reads them, of some of them.
        seed: of the numbers.
        exact: whether what is given is all values, so that there is nothing to guess.
    """
    needed = {name: p for name, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    if exact:
        yield {name: value for name, value in given.items() if name in needed}
        return
    roles = {name: _role(name) for name in needed}
    weighted = "weights" in roles.values()
    if "gamma" in roles.values() and not weighted:  # so b is short for beta
        roles = {name: "gamma" if role == "bias" else role for name, role in roles.items()}
    of_numbers = {name: "input" if role == "labels" else role for name, role in roles.items()}
    for every in (roles, of_numbers) if of_numbers != roles else (roles,):
        for layout in _LAYOUTS:
            rng = np.random.default_rng(seed)
            arguments = {}
            for name, parameter in needed.items():
                if name in given:
                    arguments[name] = _drawn(given[name], rng)
                elif parameter.default is parameter.empty:
                    arguments[name] = _guessed(every[name], layout, rng, weighted)
            yield arguments


def _role(name: str) -> str:
    return next((role for role, pattern in _ROLES if re.fullmatch(pattern, name)), "input")


def _guessed(role: str, layout: Mapping[str, Any], rng: np.random.Generator, weighted: bool) -> Any:
    if role == "parameters":
        return dict(_PARAMETERS) | ({"stride": 1, "pad": 1} if weighted else {})
    fixed = {"step": 1, "padding": 1, "groups": 2, "sizes": 2, "eps": 1e-5}
    return fixed[role] if role in fixed else _drawn(layout.get(role, layout["input"]), rng)


def _drawn(what: Any, rng: np.random.Generator) -> Any:
    """An array of a shape, of floats or of whole numbers below one; or a value as it was given."""
    if isinstance(what, Value):
        return what.value
    if not isinstance(what, tuple):
        return what
    if what and isinstance(what[0], tuple):
        return rng.integers(0, what[1], what[0])
    return rng.standard_normal(what)


def values_of(texts: str) -> dict[str, Any]:
    """What ``--shapes x=4x5,y=4<3,stride=(1)`` says: shapes of floats, of whole numbers below one, and values.

    >>> values_of("x=4x5,y=4<3,mode='train',pad=(1)")
    {'x': (4, 5), 'y': ((4,), 3), 'mode': Value(value='train'), 'pad': Value(value=1)}
    """
    found: dict[str, Any] = {}
    for part in re.split(r",(?![^\[({]*[\])}])", texts):
        name, _, text = (x.strip() for x in part.partition("="))
        shape, _, below = text.partition("<")
        if name.isidentifier() and re.fullmatch(r"\d+(x\d+)*", shape) and (not below or below.isdigit()):
            lengths = tuple(map(int, shape.split("x")))
            found[name] = (lengths, int(below)) if below else lengths
            continue
        try:
            if not name.isidentifier():
                raise ValueError(name)
            found[name] = Value(ast.literal_eval(text))
        except (ValueError, SyntaxError):
            raise UnusableError(
                f"--shapes: {part.strip()!r} is no shape such as x=4x5, y=4<3 for whole numbers below 3, or stride=(1)"
            ) from None
    return found
