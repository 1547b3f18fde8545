"""Beside the layers: derivatives that layers call, and what calls derivatives and belongs to no layer."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

from ..check.syntax import called, source_of
from ..notation.printable import listed
from .derivatives import derivative_of, is_of_known
from .layers import Layer
from .training_parts import said_of_training

_TRIES = re.compile(r"(?i)(^|_)(test|check|plot|draw|show|compare|numerical|inputs)")
"""How functions are called that only try or show derivatives."""
_COMPUTES = re.compile(
    r"(?i)(^|_)(back_?(ward|prop)s?|backpropagat(e|ion)|bptt|d?grad(ient)?s?)(_|$)|^delta$|(?-i:Grad)"
)
"""How one is called that computes gradients."""
_USES = re.compile(
    r"(?!(?i:back))(.*(?<![a-z]))?((?i:zero|clip|apply|update|reset|scale|norm(s|alize)?|num(eric)?|descent|ascent|step|print|log"
    r"|accumulate|average|all_?reduce|has|is|set|train|fit|optimize|minimize|run|main))(?![a-z])"
)
"""How one is called that does something else with gradients, or with what computes them."""


def parts_of_right(layers: Mapping[str, Layer], right: Collection[str]) -> set[str]:
    """The derivatives that other layers call, all of which are right: so they are right as they are used.

    Args:
        layers: by name.
        right: the names of those that were found to be right.
    """
    used = {name: mentioned_by(layer) for name, layer in layers.items() if not layer.reading}
    found = set[str]()
    for name, layer in layers.items():
        by = {n for n, names in used.items() if layer.function.__name__ in names} if layer.reading else set()
        if by and by <= {*right}:
            found.add(name)
    return found


def mentioned_by(layer: Layer) -> set[str]:
    """The names in the passes of a layer and in the functions that they call; of a class, in all its methods."""
    return _mentioned_from([*_passes(layer), *_methods(layer).values()], layer)


def _passes(layer: Layer) -> list[Callable[..., Any]]:
    return [layer.function_forward, layer.function, *([layer.cost] if layer.cost is not None else [])]


def _methods(layer: Layer) -> dict[str, Callable[..., Any]]:
    bases = reversed(layer.made_by.__mro__) if layer.made_by is not None else ()
    return {name: x for base in bases for name, x in vars(base).items() if inspect.isfunction(x)}


def _mentioned_from(functions: Iterable[Callable[..., Any]], layer: Layer) -> set[str]:
    """The names in some functions, and in those of the file, and of the layer's class, that they call."""
    left, names = [*functions], set[str]()
    there = {**inspect.unwrap(layer.function_forward).__globals__, **_methods(layer)}
    while left:
        source = source_of(left.pop())
        new = {*_mentioned(source.tree)} - names if source is not None else set()
        names |= new
        left += [there[name] for name in new if inspect.isfunction(there.get(name))]
    return names


def beside_layers(module: ModuleType, layers: Mapping[str, Layer]) -> dict[str, str]:
    """What belongs to backward passes, as it calls derivatives or is one, but to no layer; and what is said of it."""
    functions = {n: f for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__}
    derivatives = {x.function.__name__ for x in layers.values() if x.reading} - {"<lambda>"}
    lone = {name for name in functions if is_of_known(name)} - derivatives
    passes = {f.__name__ for x in layers.values() for f in (x.function_forward, x.function)}
    known = passes.union(*(mentioned_by(layer) for layer in layers.values() if not layer.reading))
    reached = passes.union(*(_mentioned_from(_passes(layer), layer) for layer in layers.values()))
    classes = {x.made_by.__name__ for x in layers.values() if x.made_by is not None and not x.reading}
    found = {
        name: f"no function here is {derivative_of(name)}, of which it is the derivative by its name"
        for name in functions
        if name in lone - known
    }
    tree = ast.parse("".join(linecache.getlines(module.__file__ or "")))
    for name, node in _parts(tree):
        made = sorted({called(x) for x in ast.walk(node)} & {*derivatives, *lone})
        of, _, last = name.rpartition(".")
        belongs = last in (reached if of in classes else known)
        if name in known | lone or _TRIES.search(last) or (of in classes and belongs):
            continue
        if made:
            found[name] = f"it calls {listed(made)}, so it belongs to a backward pass, but to none of a known layer"
        elif not belongs and isinstance(node, ast.FunctionDef) and _computes_gradients(node):
            found[name] = "by its name it computes gradients, but it is the backward pass of no known layer"
        elif not belongs and (why := said_of_training(node)):
            found[name] = why
    return found


def _computes_gradients(function: ast.FunctionDef) -> bool:
    """Whether a function is called as one that computes gradients, and computes something of what it is given."""
    if not _COMPUTES.search(function.name) or _USES.match(function.name):
        return False
    arguments = [x.arg for x in function.args.args if x.arg not in ("self", "cls")]
    computed = any(isinstance(x, ast.BinOp) for x in ast.walk(function))
    return bool(arguments) and computed


def _parts(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The functions of a file, the methods of its classes, and its loops outside of these."""
    for node in tree.body:
        inner = node.body if isinstance(node, ast.If | ast.With) else [node]
        for one in inner:
            if isinstance(one, ast.FunctionDef):
                yield one.name, one
            elif isinstance(one, ast.For | ast.While):
                yield f"the loop in line {one.lineno}", one
            elif isinstance(one, ast.ClassDef):
                yield from ((f"{one.name}.{x.name}", x) for x in one.body if isinstance(x, ast.FunctionDef))


def _mentioned(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(name) | ast.Attribute(attr=name):
                yield name
