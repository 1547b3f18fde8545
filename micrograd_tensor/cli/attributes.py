"""Attributes: which of its object's the methods of a class name, and into which its constructor puts what it takes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from ..check.syntax import Source, source_of


def constructor_of(made_by: type) -> Source | None:
    """The source of the constructor of a class, if it has one that is written out."""
    init = getattr(made_by, "__init__", None)
    return source_of(init) if isinstance(init, FunctionType) else None


def named_by(made_by: type, functions: list[Any]) -> set[str] | None:
    """The attributes of its object that methods of a class name, and those that they call; None: it may be any."""
    found, seen, left = set[str](), list[Any](), [*functions]
    while left:
        function = left.pop()
        source = source_of(function)
        if source is None:
            return None
        seen.append(function)
        own = _own(source)
        held = [node.attr for node in source.nodes if isinstance(node, ast.Attribute) and _is(node.value, own)]
        if sum(_is(node, own) for node in source.nodes) > len(held):
            return None  # as another function gets the object
        found |= {*held}
        left += [one for one in called_by(source, made_by) if one not in seen]
    return found


def called_by(source: Source, made_by: type) -> Iterator[Any]:
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


def told_by(source: Source, name: str) -> tuple[set[str], list[ast.expr]]:
    """The attributes that a constructor makes of an argument, and the expressions beside that tell of it."""
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
    return attributes, [*filter(tells, _elsewhere(source))]


def _own(source: Source) -> str:
    """What a method calls its object."""
    function = source.tree.body[0]
    arguments = function.args.args if isinstance(function, ast.FunctionDef) else []
    return arguments[0].arg if arguments else ""


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


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
