"""Beside the layers: derivatives that layers call, and what calls derivatives and belongs to no layer."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
from collections.abc import Collection, Iterator, Mapping
from types import ModuleType

from ..check.syntax import called, source_of
from ..notation.printable import listed
from .derivatives import derivative_of, is_of_known
from .layers import Layer

_TRIES = re.compile(r"(?i)(^|_)(test|check|plot|draw|show|compare|numerical|inputs)")
"""How functions are called that only try or show derivatives."""
_COMPUTES = re.compile(
    r"(?i)(^|_)(back_?(ward|prop)s?|backpropagat(e|ion)|bptt|d?grad(ient)?s?)(_|$)|^delta$|(?-i:Grad)"
)
"""How one is called that computes gradients."""
_OF_WEIGHTS = re.compile(r"d_?[WwbB]_?\w{0,2}|d_?(weights?|bias(es)?|theta)\d*|grad(ient)?s?(_\w+)?|nabla_\w+")
"""How a variable is called that is the gradient of weights."""
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
    functions = [layer.function_forward, layer.function, *([layer.cost] if layer.cost is not None else [])]
    there, names = inspect.unwrap(functions[0]).__globals__, set[str]()
    for base in layer.made_by.__mro__ if layer.made_by is not None else ():
        functions += [x for x in vars(base).values() if inspect.isfunction(x)]
    while functions:
        source = source_of(functions.pop())
        new = {*_mentioned(source.tree)} - names if source is not None else set()
        names |= new
        functions += [there[name] for name in new if inspect.isfunction(there.get(name))]
    return names


def beside_layers(module: ModuleType, layers: Mapping[str, Layer]) -> dict[str, str]:
    """What belongs to backward passes, as it calls derivatives or is one, but to no layer; and what is said of it."""
    functions = {n: f for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__}
    derivatives = {x.function.__name__ for x in layers.values() if x.reading} - {"<lambda>"}
    lone = {name for name in functions if is_of_known(name)} - derivatives
    passes = {f.__name__ for x in layers.values() for f in (x.function_forward, x.function)}
    known = passes.union(*(mentioned_by(layer) for layer in layers.values() if not layer.reading))
    classes = {name for name, layer in layers.items() if not layer.reading}
    found = {
        name: f"no function here is {derivative_of(name)}, of which it is the derivative by its name"
        for name in functions
        if name in lone - known
    }
    tree = ast.parse("".join(linecache.getlines(module.__file__ or "")))
    for name, node in _parts(tree, classes):
        made = sorted({called(x) for x in ast.walk(node)} & {*derivatives, *lone})
        last = name.rpartition(".")[2]
        if name in known | lone or _TRIES.search(last):
            continue
        if made:
            found[name] = f"it calls {listed(made)}, so it belongs to a backward pass, but to none of a known layer"
        elif last not in known and isinstance(node, ast.FunctionDef) and _computes_gradients(node):
            found[name] = "by its name it computes gradients, but it is the backward pass of no known layer"
        elif last not in known and (own := _gradients_in(node)):
            found[name] = (
                f"it computes {listed(own)}, gradients by their names, but is the backward pass of no known layer"
            )
    return found


def _gradients_in(part: ast.AST) -> list[str]:
    """The names of what is called as gradients of weights and computed of products or sums, as in a ``fit``."""
    found = dict[str, None]()
    for node in ast.walk(part):
        match node:
            case ast.Assign([ast.Name(name)], value) if _OF_WEIGHTS.fullmatch(name):
                inner = [*ast.walk(value)]
                products = any(isinstance(x, ast.BinOp) and isinstance(x.op, ast.MatMult) for x in inner)
                if products or any(called(x) in ("dot", "matmul", "outer", "sum", "mean") for x in inner):
                    found[name] = None
    return [*found]


def _computes_gradients(function: ast.FunctionDef) -> bool:
    """Whether a function is called as one that computes gradients, and computes something of what it is given."""
    if not _COMPUTES.search(function.name) or _USES.match(function.name):
        return False
    arguments = [x.arg for x in function.args.args if x.arg not in ("self", "cls")]
    computed = any(isinstance(x, ast.BinOp) for x in ast.walk(function))
    return bool(arguments) and computed


def _parts(tree: ast.Module, classes: Collection[str]) -> Iterator[tuple[str, ast.AST]]:
    """The functions of a file, the methods of its other classes, and its loops outside of these."""
    for node in tree.body:
        inner = node.body if isinstance(node, ast.If | ast.With) else [node]
        for one in inner:
            if isinstance(one, ast.FunctionDef):
                yield one.name, one
            elif isinstance(one, ast.For | ast.While):
                yield f"the loop in line {one.lineno}", one
            elif isinstance(one, ast.ClassDef) and one.name not in classes:
                yield from ((f"{one.name}.{x.name}", x) for x in one.body if isinstance(x, ast.FunctionDef))


def _mentioned(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(name) | ast.Attribute(attr=name):
                yield name
