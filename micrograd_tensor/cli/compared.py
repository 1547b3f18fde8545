"""Compared: the texts and numbers with which a forward pass compares its arguments, as ``activation == "relu"``."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Container

from ..check.syntax import source_of, text_of
from .layers import Layer, parameters_of


def compared_with(layer: Layer) -> dict[str, list[str | int | float]]:
    """For each parameter the texts and numbers that the forward pass asks whether it is equal to, as ignored labels."""
    source = source_of(layer.function_forward)
    defaults = {n: p.default for n, p in parameters_of(layer).items() if type(p.default) is int}
    found: dict[str, list[str | int | float]] = {}
    for node in source.nodes if source is not None else ():
        match node:
            case ast.Compare(ast.Name(name), [ast.Eq()], [ast.Constant(str() | int() | float() as value)]):
                found.setdefault(name, []).append(value)
            case ast.Compare(ast.Name(name), [ast.Eq()], [ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as n))]):
                found.setdefault(name, []).append(-n)
            case ast.Compare(ast.Name(name), [ast.Eq() | ast.NotEq()], [ast.Name(other)]) if other in defaults:
                found.setdefault(name, []).append(defaults[other])
    return found


def other_texts(layer: Layer, given: Container[str]) -> list[tuple[str, str]]:
    """The texts that arguments are compared with and are not where nothing is said, if the backward pass knows of them.

    The first text that an argument is compared with is there, or its default. A pass that is not for training is none
    of the backward pass's.
    """
    parameters, known = parameters_of(layer), inspect.signature(layer.function).parameters
    found = list[tuple[str, str]]()
    for name, values in compared_with(layer).items():
        texts = [x for x in dict.fromkeys(values) if isinstance(x, str)]
        if name in parameters and name not in given and texts:
            default = parameters[name].default
            there = texts[0] if default is inspect.Parameter.empty else default
            written = text_of(layer.function)
            found += [(name, x) for x in texts if x != there and (name in known or repr(x)[1:-1] in written)]
    return found
