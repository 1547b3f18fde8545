"""Typeset: mathematics on a page, laid out once for every language that can say it.

Quotients are fractions, powers are raised, roots are drawn, and what is reduced over stands below its sign. What is
shown is what `formula` writes in one line.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..graph import Graph, Node
from ..graph.axes import Dims
from ..graph.nodes import Edge
from .expression import ANY, ATOM, POWER, PREFIX, SUM, Field, Part, Piece, holds_as_name, only, operand, written
from .numbers import MINUS, number
from .unicode import LISTED_SIZES, Mathematics, listed, place_text, printable

_TOKEN = re.compile(r"[^\W\d]\w*|\d+|…|\S")
"""A word, a number, or a sign."""

_NORMAL = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


class Derivative(str):
    """The name of a value, standing for the derivative of the final output by it."""

    __slots__ = ()


class Typeset(Mathematics):
    """A language of markup; each abstract method gives the markup of one part of a formula."""

    @abstractmethod
    def identifier(self, name: str) -> str:
        """A name in one piece."""

    def function(self, name: str) -> str:
        """The name of a function."""
        return self.identifier(name)

    @abstractmethod
    def digits(self, text: str) -> str:
        """A number without sign."""

    @abstractmethod
    def sign(self, text: str) -> str:
        """An operator or a parenthesis."""

    @abstractmethod
    def words(self, text: str) -> str:
        """Plain text."""

    @abstractmethod
    def fraction(self, above: str, below: str) -> str:
        """A quotient."""

    @abstractmethod
    def root(self, inner: str) -> str:
        """A square root."""

    @abstractmethod
    def raised(self, base: str, exponent: str) -> str:
        """A power."""

    @abstractmethod
    def below(self, sign: str, text: str) -> str:
        """A sign with text below it."""

    @abstractmethod
    def row(self, parts: Sequence[str]) -> str:
        """Parts beside each other."""

    @abstractmethod
    def whole(self, parts: Sequence[str]) -> str:
        """A whole formula."""

    def equation(self, node: Node, left: str, names: Mapping[Node, str], dims: Dims, limit: int) -> str:
        """``left = …``: the op that made a node."""
        return self.whole([self.name(left).text, self.sign("="), written(self, node, names, dims, limit).text])

    def gradient(self, name: str) -> str:
        """The derivative of the final output by what has this name."""
        partial = self.identifier("∂")
        above = self.row([partial, self.identifier("L")])
        return self.fraction(above, self.row([partial, self.name(name).text]))

    def rule(self, graph: Graph, edge: Edge, called: Mapping[Node, str], dims: Dims, limit: int) -> str:
        """The rule of an edge as an equation; ``+=`` says that what arrives is one part of the whole gradient."""
        node, i = edge
        x, end, g = node.operands[i], graph.contributions[edge], graph.gradients[node]
        names = [called.get(v) or v.name or "y" for v in (node, x)]
        several = len(graph.contributions_to(x)) + (x in graph.upstreams) > 1
        known = {**called, g: Derivative(names[0])}
        plain = end in known or not end.op
        right = (operand(self, end, known, False) if plain else written(self, end, known, dims, limit)).text
        return self.whole([self.gradient(names[1]), self.sign("+=" if several else "="), right])

    def name(self, name: str) -> Piece:
        """A name in one piece, or a derivative as a fraction."""
        shown = printable(name)
        if isinstance(name, Derivative):
            return Piece(self.gradient(str(name)), PREFIX, len(shown) + 4)
        return Piece(self.identifier(shown), ATOM if holds_as_name(shown) else ANY, len(shown))

    def number(self, value: Any) -> Piece:
        """A number."""
        shown = number(value)
        level = SUM if shown.startswith(MINUS) else PREFIX if {*shown} & {*"/√ "} else ATOM
        return Piece(self._numeral(shown), level, len(shown))

    def _numeral(self, shown: str) -> str:
        """A number as `number` writes it, with its roots and fractions drawn."""
        if shown.startswith(MINUS):
            return self.row([self.sign(MINUS), self._numeral(shown[1:])])
        above, slash, below = shown.partition("/") if not shown.startswith("√(") else (shown, "", "")
        if slash:
            return self.fraction(self._numeral(above), self._numeral(below))
        if shown.startswith("√"):
            return self.root(self._numeral(shown[1:].removeprefix("(").removesuffix(")")))
        if shown[-1] in "π∞":
            return self.row([*([self.digits(shown[:-1])] if shown[:-1] else []), self.identifier(shown[-1])])
        return self.digits(shown)

    def leaf(self, node: Node, whole: bool) -> Piece:
        """A leaf without a name."""
        first, value = only(node.value), node.value
        if first is not None and not (whole and node.shape):
            return self.number(first)
        shown = f"constant {node.shape}" if node.shape else "constant"
        if isinstance(value, np.ndarray) and value.size in LISTED_SIZES and value.dtype.kind in "biu":
            shown = listed(value)
        elif first is not None:
            copied = [self.function("copy"), self.sign("("), self.number(first).text, self.sign(",")]
            return Piece(self.row([*copied, self.words(str(node.shape)), self.sign(")")]), ATOM, 16)
        return Piece(self.words(shown), ATOM, len(shown))

    def applied(self, node: Node, operands: Sequence[Piece], dims: Dims) -> Piece:
        """An op, laid out by its signs; the axes that it works along stand below its first."""
        parts = self.parts(node)
        length = sum(x.length for x in operands) + sum(len(part) if isinstance(part, str) else 0 for part in parts)
        match parts:
            case [Field(), " / ", Field()]:
                return Piece(self.fraction(operands[0].text, operands[1].text), PREFIX, length)
            case ["1/", Field()]:
                return Piece(self.fraction(self.digits("1"), operands[0].text), PREFIX, length)
            case ["√", Field()]:
                return Piece(self.root(operands[0].text), PREFIX, length)
            case [Field(), "^", Field()]:
                return Piece(self.raised(self.at(operands[0], ATOM), operands[1].text), POWER, length)
            case [Field(), "ᵀ"]:
                return Piece(self.raised(self.at(operands[0], ATOM), self.sign("ᵀ")), POWER, length)
            case [Field(), str(power)] if power.translate(_NORMAL).isdigit():
                exponent = self.digits(power.translate(_NORMAL))
                return Piece(self.raised(self.at(operands[0], ATOM), exponent), POWER, length)
        under = [part for part in parts if isinstance(part, Field) and part.kind in ("axis", "flag")]
        said = ", ".join(self.said(node, field, [], dims) for field in under)
        if parts[0] in ("Σ(", "Π("):
            sign = self.below(self.sign(str(parts[0])[0]), said)
            return Piece(self.row([sign, self.at(operands[0], ATOM)]), PREFIX, length + len(said))
        made: list[str] = []
        for k, part in enumerate(parts):
            if part in under:
                continue
            if isinstance(part, str):
                kept = part.removesuffix(", ") if k + 1 < len(parts) and parts[k + 1] in under else part
                tokens = [self._token(token) for token in _TOKEN.findall(kept)]
                if said and tokens and not made:
                    tokens[0] = self.below(tokens[0], said)
                made.extend(tokens)
            else:
                made.append(self._field(node, part, operands, dims, parts))
        return Piece(self.row(made), self.levels(parts)[0], length + len(said))

    def _field(self, node: Node, part: Field, operands: Sequence[Piece], dims: Dims, parts: Sequence[Part]) -> str:
        comma = self.sign(",")
        if part.name == "*":
            return self.row([y for x in operands for y in (comma, x.text)][1:])
        if part.name.isdigit():
            return self.placed(operands, int(part.name), parts)
        if part.kind == "index":
            left = iter(operands[1:])
            places = [
                next(left).text if isinstance(place, str) else self.words(place_text(place))
                for place in node.params[part.name]
            ]
            return self.row([y for x in places for y in (comma, x)][1:]) if places else self.enclosed("")
        said = self.said(node, part, [], dims)
        return (
            self.number(node.params[part.name]).text if part.kind == "number" and said != "None" else self.words(said)
        )

    def _token(self, text: str) -> str:
        """A word, number or sign of a notation."""
        if text.isdigit():
            return self.digits(text)
        return self.function(text) if (text[0].isalpha() and text not in "ΣΠ") or text == "…" else self.sign(text)
