"""Compared: the texts and numbers with which a forward pass compares its arguments, as ``activation == "relu"``."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Container, Mapping

from ..check.syntax import source_of, text_of
from .layers import Layer, parameters_of
from .roles import is_labels


def compared_with(layer: Layer) -> dict[str, list[str | int | float]]:
    """For each parameter the texts and numbers that the forward pass asks whether it is equal to, as ignored labels.

    Where it asks whether something is at least 0, this is below 0 elsewhere.
    """
    source = source_of(layer.function_forward)
    known = {n: x for n, x in inspect.unwrap(layer.function_forward).__globals__.items() if type(x) is int}
    known |= {n: p.default for n, p in parameters_of(layer).items() if type(p.default) is int}
    found: dict[str, list[str | int | float]] = {}
    for node in source.nodes if source is not None else ():
        match node:
            case ast.Compare(ast.Name(name), [ast.Eq()], [ast.Constant(str() as text)]):
                found.setdefault(name, []).append(text)
            case ast.Compare(ast.Name(name), [ast.Eq() | ast.NotEq()], [other]):
                value = _number(other, known)
                found.setdefault(name, []).extend([] if value is None else [value])
            case ast.Compare(ast.Name(name), [ast.GtE()], [ast.Constant(0)]) if is_labels(name):
                found.setdefault(name, []).append(-1)
    return {name: several for name, several in found.items() if several}


def _number(node: ast.expr, known: Mapping[str, int]) -> int | float | None:
    """A number that is written, or that a name stands for, also that of an attribute; None for anything else."""
    match node:
        case ast.Constant(int() | float() as value):
            return value
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
            return -value
        case ast.Name(name) | ast.Attribute(ast.Name("self"), name):
            return known.get(name)
    return None


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
