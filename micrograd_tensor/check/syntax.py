"""Syntax: the source of a function as a tree, and what is asked of trees: what is called, what another node would make.

A decorator that keeps the function it is around, as `functools.wraps` does, hides no source.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import StringIO
from textwrap import dedent
from tokenize import COMMENT, TokenError, TokenInfo, generate_tokens
from types import FunctionType
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

Tree = TypeVar("Tree", bound=ast.AST)


class Source(NamedTuple):
    """The source of a function.

    Attributes:
        text: from its first line on, as if it stood at the left.
        first: the number of that line in the file.
        tree: of the text. It is shared, so nobody changes it.
        nodes: all nodes of the tree, as `ast.walk` goes through them.
    """

    text: str
    first: int
    tree: ast.Module
    nodes: tuple[ast.AST, ...]

    def lines(self, node: ast.stmt) -> tuple[int, int]:
        """The numbers in the file of the first and the last line of a statement."""
        return self.first + node.lineno - 1, self.first + (node.end_lineno or node.lineno) - 1

    def written(self, node: ast.AST) -> str:
        """A part of it as it is written, on one line."""
        return on_one_line(ast.get_source_segment(self.text, node) or "")

    def head(self, node: ast.For | ast.While | ast.If) -> str:
        """What a loop or a branch begins with, as it is written, up to its colon, on one line."""
        depth, found = 0, list[TokenInfo]()
        for token in _tokens(ast.get_source_segment(self.text, node) or ""):
            depth += (token.string in ("(", "[", "{")) - (token.string in (")", "]", "}"))
            found.append(token)
            if token.string == ":" and not depth:
                break
        return _joined(found)


def on_one_line(text: str) -> str:
    r"""Lines of source as one line, without the comments and the backslashes that they end with.

    >>> on_one_line("a = b - \\\n    c  # of it")
    'a = b - c'
    >>> on_one_line("a = sum(  # of all\n    b['# 1'],\n)")
    "a = sum( b['# 1'], )"
    """
    return _joined(_tokens(text)) if "\n" in text or "#" in text else " ".join(text.split())


def _tokens(text: str) -> Iterator[TokenInfo]:
    """The tokens of a piece of source, as far as it can be read, without comments and ends of lines."""
    with suppress(TokenError, IndentationError):
        yield from (x for x in generate_tokens(StringIO(text).readline) if x.string.strip() and x.type != COMMENT)


def _joined(tokens: Iterable[TokenInfo]) -> str:
    """Tokens with a space between them where there was one, or the end of a line."""
    made, end = "", (1, 0)
    for token in tokens:
        made += " " * (bool(made) and token.start != end) + token.string
        end = token.end
    return made


def source_of(function: Callable[..., Any]) -> Source | None:
    """The source of a function; None where it is not known, or cannot be read by itself, as that of some lambdas.

    >>> source = source_of(text_of)
    >>> type(source.tree.body[0]).__name__, source.written(source.tree.body[0])[:12]
    ('FunctionDef', 'def text_of(')
    """
    try:
        own = inspect.unwrap(function)
        own = getattr(own, "__func__", own)
        if not isinstance(own, FunctionType):
            return _read(own)
        if own not in _READ:
            _READ[own] = _read(own)
        return _READ[own]
    except (OSError, TypeError, SyntaxError, ValueError):
        return None


_READ: WeakKeyDictionary[FunctionType, Source] = WeakKeyDictionary()
"""The sources of functions that were asked for before: a search for shapes asks a thousand times for those of two."""


def _read(function: Callable[..., Any]) -> Source:
    block, first = inspect.getsourcelines(function)
    text = dedent("".join(block))
    tree = ast.parse(text)
    return Source(text, first, tree, tuple(ast.walk(tree)))


def text_of(function: Callable[..., Any]) -> str:
    """The text of a function, as if it stood at the left; "" where it is not known."""
    try:
        return dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return ""


def called(call: ast.AST) -> str:
    """The last name of what is called: ``sum`` for ``np.sum(x)`` and for ``x.sum()``; "" for anything but a call."""
    match call:
        case ast.Call(ast.Attribute(attr=name) | ast.Name(name)):
            return name
    return ""


def names_called(function: Callable[..., Any]) -> set[str]:
    """The names of the functions and methods that a function calls; none where its source is not known.

    >>> sorted(names_called(called))
    []
    >>> "walk" in names_called(_read), "parse" in names_called(_read)
    (True, True)
    """
    source = source_of(function)
    return {called(node) for node in source.nodes if isinstance(node, ast.Call)} if source is not None else set()


def replaced(tree: Tree, old: ast.AST, new: ast.AST) -> Tree:
    """A tree with one node of it replaced; what does not hold that node is shared with the tree, and not copied.

    >>> product = ast.parse("x * y", mode="eval")
    >>> ast.unparse(replaced(product, product.body.right, ast.Name("z"))), ast.unparse(product)
    ('x * z', 'x * y')
    """
    if tree is old:
        return new  # type: ignore[return-value]  # an expression for an expression
    for field, value in ast.iter_fields(tree):
        inner = value if isinstance(value, list) else [value]
        for k, node in enumerate(inner):
            if isinstance(node, ast.AST) and (made := replaced(node, old, new)) is not node:
                changed = copy.copy(tree)
                setattr(changed, field, [*inner[:k], made, *inner[k + 1 :]] if isinstance(value, list) else made)
                return changed
    return tree
