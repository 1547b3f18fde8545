"""Numbers that a class is made with and its forward pass knows nothing of, as ``weight_regularizer_l2`` of a layer."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from ..check.syntax import Source, source_of
from .layers import Layer, parameters_of_constructor


def unread_numbers(layer: Layer, given: Mapping[str, Any]) -> dict[str, int | float]:
    """The numbers, by name, that the forward pass of a class does not read, nor what that calls; of a function none.

    Args:
        layer: whichever.
        given: some of what its constructor takes; the rest is there by default.
    """
    taken = {name: given.get(name, p.default) for name, p in parameters_of_constructor(layer).items()}
    numbers = {name: x for name, x in taken.items() if type(x) in (int, float)}
    if layer.made_by is None or not numbers:
        return {}
    made_by, init = layer.made_by, getattr(layer.made_by, "__init__", None)
    source = source_of(init) if isinstance(init, FunctionType) else None
    known = _named_by(made_by, [layer.function_forward, *(_called(source, made_by) if source is not None else ())])
    if known is None or (source is None and not dataclasses.is_dataclass(made_by)):
        return {}
    kept = {name: _kept(source, name) if source is not None else {name} for name in numbers}
    return {name: numbers[name] for name, held in kept.items() if held and not held & known}


def _named_by(made_by: type, functions: list[Any]) -> set[str] | None:
    """The attributes of its object that methods of a class name, and those that they call; None: it may be any."""
    found, seen = set[str](), list[Any]()
    while functions:
        function = functions.pop()
        source = source_of(function)
        if source is None:
            return None
        seen.append(function)
        own = _own(source)
        held = [node.attr for node in source.nodes if isinstance(node, ast.Attribute) and _is(node.value, own)]
        if sum(_is(node, own) for node in source.nodes) > len(held):
            return None  # as another function gets the object
        found |= {*held}
        functions += [one for one in _called(source, made_by) if one not in seen]
    return found


def _own(source: Source) -> str:
    """What a method calls its object."""
    function = source.tree.body[0]
    arguments = function.args.args if isinstance(function, ast.FunctionDef) else []
    return arguments[0].arg if arguments else ""


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _called(source: Source, made_by: type) -> Iterator[Any]:
    """The methods and properties of a class that one of its methods names, and those of its bases by ``super()``."""
    own = _own(source)
    for node in source.nodes:
        match node:
            case ast.Attribute(ast.Name(name), method) if name == own:
                found = [getattr(made_by, method, None)]
            case ast.Attribute(ast.Call(ast.Name("super")), method):
                found = [vars(base).get(method) for base in made_by.__mro__[1:-1]]
            case _:
                continue
        functions = (x.fget if isinstance(x, property) else x for x in found)
        yield from (x for x in functions if isinstance(x, FunctionType))


def _kept(source: Source, name: str) -> set[str]:
    """The attributes into which a constructor puts a number, and what it makes of it; none where it goes elsewhere."""
    own, names, attributes = _own(source), {name}, set[str]()
    assigned = [pair for node in source.nodes for pair in _assigned(node)]

    def tells(node: ast.AST) -> bool:
        every = [*ast.walk(node)]
        read = {x.attr for x in every if isinstance(x, ast.Attribute) and _is(x.value, own)}
        return not attributes.isdisjoint(read) or any(_is(x, one) for x in every for one in names)

    before = 0
    while before < len(names) + len(attributes):
        before = len(names) + len(attributes)
        for target, value in assigned:
            if tells(value):
                inner = [*ast.walk(target)]
                attributes |= {x.attr for x in inner if isinstance(x, ast.Attribute)}
                names |= {x.id for x in inner if isinstance(x, ast.Name)} - {own}
    return set() if any(map(tells, _elsewhere(source))) else attributes


def _assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What a statement assigns, each with what it is, where both are written side by side."""
    match node:
        case ast.Assign(targets, value):
            for target in targets:
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    yield from zip(target.elts, value.elts, strict=False)
                else:
                    yield target, value
        case ast.AnnAssign(target, _, ast.expr() as value) | ast.AugAssign(target, _, value):
            yield target, value


def _elsewhere(source: Source) -> Iterator[ast.expr]:
    """The expressions of statements that are no assignments, and do not only raise an error."""
    for node in source.nodes:
        only_raises = isinstance(node, ast.If) and not node.orelse and all(isinstance(x, ast.Raise) for x in node.body)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Assert | ast.Raise) or only_raises:
            continue
        if isinstance(node, ast.stmt):
            yield from (x for x in ast.iter_child_nodes(node) if isinstance(x, ast.expr))
