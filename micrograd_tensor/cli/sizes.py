"""Sizes that a class is made with: what each is by its name, or by the shapes of the arrays that the class makes."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

from ..check.syntax import source_of

_NAMES = (
    ("in", r"(?i)n|(n|num|d|dim)?_?in(puts?|_?(features|channels|size|dims?|units|planes))?|channels|input_?(size|dims?"
     r"|units|shape|channels|features)|fan_?in|(n|num)_?(features|inputs|channels)|features|dims?|d|d_?model|size"
     r"|normalized_shape|n?_?emb(ed|d)?(ding)?_?(dim|size)?|n_?in|n_?x|in_?ch|c_?in|n_?visible"),
    ("hidden", r"(?i)(n_?|num_?|d_?)?hid(den)?(s|_?(size|dims?|units|layer|layer_?size))?|H|n_?h|units_?hidden"
     r"|d_?ffn?|d_?h|(ffn?|inner|mlp|latent)_?(dims?|size)"),
    ("out", r"(?i)(n|num|d|dim)?_?out(puts?|_?(features|channels|size|dims?|units))?"
     r"|output_?(size|dims?|units|channels)|fan_?out|(n_?|num_?)?class(es)?|C|units|(n|num)_?(outputs|filters|neurons|units)|filters|neurons|n_?out"
     r"|n_?y|out_?ch|c_?out|d_?(head|k|v)|head_?(dim|size)"),
    ("hidden layers", r"(?i)hidden_?(layer_?)?(dims|sizes|layers)"),
    ("layers", r"(?i)(layers?_?)?(dims|sizes|layout)|layers|architecture|structure|topology"),
    ("words", r"(?i)vocab(ulary)?(_?size)?|num_?embeddings|n_?(tokens|words|vocab)|V"),
    ("positions", r"(?i)(max|block|context|seq(uence)?)_?(len(gth)?|size|steps|seq_?len(gth)?|pos(itions?)?)|n_?ctx"),
    ("kernel", r"(?i)(k(ernel)?|filter)_?(size|h|w|height|width)|ksize|kernel|k|fh|fw"),
    ("many", r"(?i)(n|num|number_of)_(?!heads?|groups?)[a-z]\w*"),
)  # fmt: skip
"""What a number is that a class is made with, by its name."""
_LARGE = 9
"""A larger default size is taken for a smaller one."""
_OF_LENGTHS = ("randn", "rand")
"""What makes arrays of the lengths that are its arguments."""
_MAKERS = re.compile(
    r"(?!__)(zeros|ones|empty|full|randn?|(standard_)?normal|uniform|\w*(xavier|glorot|kaiming|init)\w*)"
)
"""What makes arrays of a shape that is among its arguments."""


def what_size(name: str) -> str:
    """What a number is that a class is made with, by its name; ``""`` where that does not tell.

    >>> what_size("fan_in"), what_size("n_hidden"), what_size("m")
    ('in', 'hidden', '')
    """
    return next((what for what, pattern in _NAMES if re.fullmatch(pattern, name)), "")


def ways_to_size(constructor: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]) -> list[dict[str, str]]:
    """What the parameters of a constructor may be, by name, the likeliest first.

    Where a name does not tell, the arrays do that are made of these lengths: what is in two matrices is of what is
    hidden between them; of the others, the first one is likely to be of what goes in, the second of what comes out.

    Args:
        constructor: the ``__init__`` of a class.
        parameters: those of the class.
    """
    named = {name: what_size(name) for name in parameters}
    named |= {name: "hidden layers" for name in _several(parameters, constructor) if named[name] == "hidden"}
    unknown = {name for name, p in parameters.items() if p.default is p.empty and not named[name]}
    shapes = [*_shapes_made_of({*parameters}, constructor)] if unknown else []
    used = [name for name in parameters if any(name in shape for shape in shapes)]
    if unknown.isdisjoint(used):
        return [named]
    beside = {name: {x for shape in shapes if len(shape) == 2 and name in shape for x in shape} for name in used}
    words = {name for name in used if named[name] and len(name) > 1}  # a letter, such as n, may be anything
    between = {name: "hidden" for name in used if len(beside[name]) > 2 and name not in words}
    ends = [name for name in used if name not in between and name not in words]
    left = [what for what in ("in", "out") if what not in {named[name] for name in words}]
    orders = [ends, ends[::-1]] if len(ends) > 1 else [ends]
    return [{**named, **dict(zip(order, left, strict=False)), **between} for order in orders]


def _several(names: Container[str], constructor: Callable[..., Any]) -> Iterator[str]:
    """Those of some names that a constructor takes for lists, as in ``len(dims)``, ``[n] + dims`` or ``[n, *dims]``."""
    source, used = source_of(constructor), list[ast.expr]()
    for node in source.nodes if source is not None else ():
        match node:
            case ast.Call(ast.Name("len" | "enumerate" | "zip" | "list" | "tuple"), arguments):
                used += arguments
            case ast.For(iter=one) | ast.comprehension(iter=one) | ast.Starred(one) | ast.Subscript(one):
                used.append(one)
            case ast.BinOp(ast.List(), ast.Add(), one) | ast.BinOp(one, ast.Add(), ast.List()):
                used.append(one)
    return (one.id for one in used if isinstance(one, ast.Name) and one.id in names)


def _shapes_made_of(names: Container[str], constructor: Callable[..., Any]) -> Iterator[tuple[str, ...]]:
    """The shapes of arrays that a constructor makes, as far as their lengths are some names, or attributes of these."""
    source = source_of(constructor)
    nodes = source.nodes if source is not None else ()
    kept = {attribute: name for attribute, name in kept_in(nodes) if name in names}
    for node in nodes:
        match node:
            case ast.Call(ast.Name(maker) | ast.Attribute(attr=maker), arguments) if _MAKERS.fullmatch(maker):
                lengths = [ast.Tuple(arguments)] if maker in _OF_LENGTHS else []
                for shape in [*lengths, *arguments, *(x.value for x in node.keywords if x.arg in ("size", "shape"))]:
                    each = shape.elts if isinstance(shape, ast.Tuple | ast.List) else [shape]
                    found = [_name(x, kept) for x in each]
                    yield tuple(x for x in found if x in names)


def kept_in(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """The attributes in which some statements keep names, and these: as of ``self.m, self.n = m, n``."""
    for node in nodes:
        match node:
            case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)) if len(targets) == len(values):
                pairs = [*zip(targets, values, strict=True)]
            case ast.Assign([target], value):
                pairs = [(target, value)]
            case _:
                pairs = []
        for target, value in pairs:
            match target, value:
                case ast.Attribute(attr=attribute), ast.Name(name):
                    yield attribute, name


def _name(node: ast.expr, kept: Mapping[str, str]) -> str:
    """The name that stands at a node, itself or as an attribute in which it is kept; ``""`` if there is none."""
    match node:
        case ast.Name(name):
            return name
        case ast.Attribute(ast.Name("self"), attribute):
            return kept.get(attribute, "")
    return ""


def size(
    what: str, parameter: inspect.Parameter, layout: Mapping[str, Any], roles: Container[str], scores: bool
) -> Any:
    """A small number for a size that a constructor takes; None where its default will do, or it is no size.

    Args:
        what: the size is of, as `ways_to_size` tells.
        parameter: of the constructor.
        layout: shapes that fit together.
        roles: of all parameters.
        scores: whether the inputs are scores of classes, as there are labels, and nothing to make scores of others.
    """
    default = parameter.default
    if default is not parameter.empty:
        large = (isinstance(default, int) and default > _LARGE) or isinstance(default, tuple | list)
        if not large or isinstance(default, bool):
            return None
    shape, weights = layout["input"], layout.get("weights", (5, 3))
    hidden = layout.get("hidden state", (4,))[-1] if "hidden state" in roles else layout.get("bias 1", (4,))[0]
    of_words = isinstance(shape[0], tuple)
    images, columns = len(shape) == 4, len(layout.get("bias", ())) == 2
    if what == "in" and isinstance(default, tuple):
        return shape[1:] if images else None
    known: dict[str, Any] = {
        "in": weights[-1] if of_words else shape[1] if images else shape[0] if columns else shape[-1],
        "hidden": hidden,
        "out": shape[-1] if scores else weights[0] if images or columns else weights[-1] if weights else 1,
        "hidden layers": [4, 6],
        "words": 6,
        "positions": 9,
        "kernel": 3,
        "many": 4,
    }
    known["layers"] = [known["in"], 4, known["out"]]
    return known.get(what)
