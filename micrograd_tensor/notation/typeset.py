"""Typeset: mathematics on a page, laid out once for every language that can say it.

Quotients are fractions, powers are raised, roots are drawn, and what is reduced over stands below its sign. What is
shown is what `formula` writes in one line.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import ChainMap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Self

from ..graph import Graph, Node
from ..graph.axes import Dims
from ..graph.nodes import Edge
from .expression import ATOM, POWER, PREFIX, PRODUCT, SUM, Piece, operand, written
from .numbers import MINUS, number
from .templates import Field, Part, index_text
from .unicode import Indexed, Mathematics
from .words import alike, in_words

__all__ = ["Derivative", "Typeset"]

_TOKEN = re.compile(r"[^\W\d]\w*|\d+|…|\S")
"""A word, a number, or a sign."""

MAX_PIECE = 80
"""The longest operand that is shown, in characters, unless another limit is asked for."""

_NORMAL = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


class Derivative(str):
    """The name of a value, standing for the derivative of the final output by it."""

    __slots__ = ()


class Typeset(Mathematics):
    """A language of markup.

    Args:
        blank: the markup that stands for every right side, in exercises.
        symbols: what to write for names, and for them behind the d of a gradient.

    Attributes:
        layouts: the markup of a fraction, a root, a power, a subscript, a sign with text below it, what stands beside
            each other, what stands in parentheses, and a whole formula, each with places for its parts.
    """

    layouts: ClassVar[Mapping[str, str]]

    def __init__(self, blank: str = "", symbols: Mapping[str, str] = MappingProxyType({})) -> None:
        self.blank, self.symbols = blank, symbols
        self._fraction = self.layouts["fraction"].partition("%s")[0]

    def blanked(self, blank: str) -> Self:
        r"""The same language, in which a blank stands for every right side.

        >>> import micrograd_tensor as mt
        >>> from micrograd_tensor.notation import LATEX
        >>> node = mt.graph(mt.exp(mt.tensor(1.0, name="x", requires_grad=True))).outputs[0]
        >>> print(LATEX.blanked(r"\dots").equation(node, "y"))
        y = \dots
        """
        return type(self)(blank, self.symbols)

    def calling(self, symbols: Mapping[str, str]) -> Self:
        r"""The same language, in which values have other names.

        >>> import micrograd_tensor as mt
        >>> from micrograd_tensor.notation import LATEX
        >>> x = mt.tensor([3.0, 4.0], name="x_norm", requires_grad=True)
        >>> captured = mt.graph(mt.sin(x).named("y"), [1.0, 1.0])
        >>> print(LATEX.calling({"x_norm": "x̂"}).rule(captured, (captured["y"], 0), {}))
        \frac{\partial L}{\partial \hat{x}} = \frac{\partial L}{\partial y} \cdot \cos (\hat{x})
        """
        return type(self)(self.blank, symbols)

    def symbol(self, name: str) -> str:
        """What to write for a name, or for the d of a gradient and a name."""
        if name[:1] == "d" and name not in self.symbols and name[1:] in self.symbols:
            return f"d{self.symbols[name[1:]]}"
        return self.symbols.get(name, name)

    @abstractmethod
    def sign(self, text: str) -> str:
        """An operator or a parenthesis."""

    @abstractmethod
    def digits(self, text: str) -> str:
        """A number without sign."""

    def function(self, name: str) -> str:
        """The name of a function."""
        return self.identifier(name)

    def laid(self, layout: str, *parts: str) -> str:
        """Parts in a layout."""
        return self.layouts[layout] % parts

    def row(self, parts: Sequence[str]) -> str:
        """Parts beside each other."""
        return parts[0] if len(parts) == 1 else self.laid("row", "".join(parts))

    def enclosed(self, text: str) -> str:
        """A formula in parentheses."""
        return self.laid("parentheses", text)

    def related(self, left: str, sign: str, right: str) -> str:
        """A whole formula: its two sides, and the sign between them."""
        return self.laid("whole", left + self.sign(sign) + (self.blank or right))

    def equation(
        self,
        node: Node,
        left: str,
        names: Mapping[Node, str] | None = None,
        *,
        dims: Dims | None = None,
        limit: int = MAX_PIECE,
    ) -> str:
        r"""The equation of the op that made a node: what it is called, and the formula it was computed by.

        Args:
            node: that an op made.
            left: the name on the left.
            names: names for operands that go before their own.
            dims: the labels of axes, from `axis_names`.
            limit: the maximum number of characters of an operand; a longer one becomes an ellipsis.

        >>> import micrograd_tensor as mt
        >>> from micrograd_tensor.notation import LATEX, MATHML
        >>> x = mt.tensor([3.0, 4.0], name="x", requires_grad=True)
        >>> print(LATEX.equation(mt.graph(mt.mean(mt.square(x), axis=0) / 2).outputs[0], "y"))
        y = \frac{\operatorname{mean}_{\text{axis 0}}({x}^{2})}{2}
        >>> print(MATHML.equation(mt.graph(mt.sqrt(x)).outputs[0], "y"))
        <math display="block"><mrow><mi>y</mi><mo>=</mo><msqrt><mi>x</mi></msqrt></mrow></math>
        """
        right = self.side(written(self, node, names or {}, dims or {}, limit))
        return self.related(self.name(left).text, "=", right)

    def rule(
        self,
        graph: Graph,
        edge: Edge,
        called: Mapping[Node, str],
        *,
        dims: Dims | None = None,
        limit: int = MAX_PIECE,
        since: Node | None = None,
        part: str = "",
    ) -> str:
        r"""The equation of the rule by which a node passes its gradient to an operand, as it was recorded.

        Where the operand is used several times, ``+=`` says that this is a part of its gradient, unless a letter does.

        Args:
            graph: captured with its backward pass.
            edge: the node and the index of the operand.
            called: names of the node, its operands and whatever else is not to be shown by its formula.
            dims: the labels of axes, from `axis_names`.
            limit: the maximum number of characters of a part; a longer one becomes an ellipsis.
            since: a later node that all of the gradient comes through, to start from its gradient.
            part: the letter of this part of the operand's gradient, of which `sum_of` writes the sum.

        Raises:
            KeyError: for an edge that no gradient was carried along.

        >>> import micrograd_tensor as mt
        >>> from micrograd_tensor.notation import LATEX
        >>> x = mt.tensor([3.0, 4.0], name="x", requires_grad=True)
        >>> captured = mt.graph(mt.sin(x).named("y"), [1.0, 1.0])
        >>> print(LATEX.rule(captured, (captured["y"], 0), {}))
        \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} \cdot \cos (x)
        """
        (made, i), dims = edge, dims or {}
        node = made if since is None else since
        x, end, g = made.operands[i], graph.contributions[edge], graph.gradients[node]
        left, known = (Derivative(called.get(v) or v.name or "y") for v in (x, node))
        several = len(graph.contributions_to(x)) + (x in graph.upstreams) > 1
        names = ChainMap({g: known}, called)  # type: ignore[arg-type]  # which only its own first map is written to
        said, value = in_words(made, i, g, dims) if node is made else ("", None)
        if said and alike(end.value, value):
            right = Piece(self.row([self.name(known).text, self.words(f" {said}")]), SUM, len(said))
        else:
            right = operand(self, end, names) if end in names or not end.op else written(self, end, names, dims, limit)
        if part:
            return self.related(self._part(left, part), "=", right.text)
        return self.related(self.name(left).text, "+=" if several else "=", right.text)

    def sum_of(self, called: str, letters: Sequence[str]) -> str:
        r"""The equation of a fork: the whole gradient of what is called so is the sum of those that arrive, by letters.

        >>> from micrograd_tensor.notation import LATEX
        >>> print(LATEX.sum_of("x", ["A", "B"]))  # doctest: +ELLIPSIS
        \frac{\partial L}{\partial x} = \left(\frac{\partial L}{\partial x}\right)_{A} + \left(...\right)_{B}
        """
        whole = Derivative(called)
        parts = [self._part(whole, letter) for letter in letters]
        return self.related(self.name(whole).text, "=", self.sign("+").join(parts))

    def _part(self, whole: Derivative, letter: str) -> str:
        """A part of the gradient of a value that is used several times."""
        return self.laid("subscript", self.enclosed(self.name(whole).text), self.identifier(letter))

    def name(self, name: str) -> Piece:
        """A name in one piece, or a derivative as a fraction."""
        shown = super().name(name if isinstance(name, Indexed) else self.symbol(name))
        return self.derivative(shown) if isinstance(name, Derivative) else shown

    def element(self, whole: Piece, letters: Sequence[str]) -> Piece:
        """An element of a value."""
        index = self.row([self.identifier(letter) for letter in letters])
        return Piece(self.laid("subscript", self.at(whole, ATOM), index), ATOM, whole.length + len(letters))

    def derivative(self, value: Piece) -> Piece:
        """The derivative of the final output by a value."""
        partial = self.identifier("∂")
        above, below = self.row([partial, self.identifier("L")]), self.row([partial, value.text])
        return Piece(self.laid("fraction", above, below), PREFIX, value.length + 4)

    def number(self, value: Any) -> Piece:
        """A number, with its roots and fractions drawn."""
        shown = number(value)
        level = SUM if shown.startswith(MINUS) else PREFIX if {*shown} & {*"/√ "} else ATOM
        return Piece(self._numeral(shown), level, len(shown))

    def _numeral(self, shown: str) -> str:
        if shown.startswith(MINUS):
            return self.row([self.sign(MINUS), self._numeral(shown[1:])])
        above, slash, below = shown.partition("/") if not shown.startswith("√(") else (shown, "", "")
        if slash:
            return self.laid("fraction", self._numeral(above), self._numeral(below))
        if shown.startswith("√"):
            return self.laid("root", self._numeral(shown[1:].removeprefix("(").removesuffix(")")))
        if shown[-1] in "π∞":
            return self.row([*map(self.digits, filter(None, [shown[:-1]])), self.identifier(shown[-1])])
        return self.digits(shown)

    def applied(self, node: Node, operands: Sequence[Piece], dims: Dims) -> Piece:
        """An op, laid out by its signs; the axes that it works along stand below a sum, or as the function's index."""
        parts, texts = self.parts(node), [x.text for x in operands]
        length = sum(x.length for x in operands) + sum(len(part) for part in parts if isinstance(part, str))
        match parts:
            case [Field(), " / ", Field()] if self._fraction in texts[0]:
                below = self.laid("fraction", self.digits("1"), texts[1])  # of one storey each
                return Piece(self.row([self.at(operands[0], PRODUCT), self.sign("·"), below]), PRODUCT, length)
            case [Field("0", "")]:
                return operands[0]
            case [Field(), " / ", Field()]:
                return Piece(self.laid("fraction", *texts), PREFIX, length)
            case ["1/", Field()]:
                return Piece(self.laid("fraction", self.digits("1"), *texts), PREFIX, length)
            case ["√", Field()]:
                return Piece(self.laid("root", *texts), PREFIX, length)
            case [Field(), "^", Field()]:
                return Piece(self.laid("power", self.at(operands[0], ATOM), texts[1]), POWER, length)
            case [Field(), str(power)] if power == "ᵀ" or power.translate(_NORMAL).isdigit():
                raised = self.sign("ᵀ") if power == "ᵀ" else self.digits(power.translate(_NORMAL))
                return Piece(self.laid("power", self.at(operands[0], ATOM), raised), POWER, length)
        under = [part for part in parts if isinstance(part, Field) and part.kind in ("axis", "flag")]
        said = ", ".join(self.said(node, field, dims) for field in under)
        if parts[0] in ("Σ(", "Π("):
            sign = self.laid("below", self.sign(str(parts[0])[0]), self.words(said))
            return Piece(self.row([sign, self.at(operands[0], PREFIX)]), PREFIX, length + len(said))
        made: list[str] = []
        for part, following in zip(parts, [*parts[1:], ""], strict=True):
            if isinstance(part, Field):
                made.append("" if part in under else self._field(node, part, operands, dims, parts))
                continue
            tokens = [*map(self._token, _TOKEN.findall(part.removesuffix(", ") if following in under else part))]
            if said and tokens and not made:
                tokens[0] = self.laid("subscript", tokens[0], self.words(said))
            made.extend(tokens)
        return Piece(self.row(made), self.levels(parts)[0], length + len(said))

    def _field(self, node: Node, field: Field, operands: Sequence[Piece], dims: Dims, parts: Sequence[Part]) -> str:
        if field.name.isdigit():
            return self.placed(operands, int(field.name), self.levels(parts))
        texts = [x.text for x in operands]
        if field.name == "*":
            return self.sign(",").join(texts)
        value = node.params[field.name]
        if field.kind == "index":
            places = index_text(value, [""] * len(texts), number)
            left = iter(texts[1:])
            shown = [self.words(place) if place else next(left) for place in places]
            return self.sign(",").join(shown) if shown else self.enclosed("")
        return (
            self.number(value).text
            if field.kind == "number" and value is not None
            else self.words(self.said(node, field, dims))
        )

    def _token(self, text: str) -> str:
        """A word, number or sign of a notation."""
        if text.isdigit():
            return self.digits(text)
        return self.function(text) if (text[0].isalpha() and text not in "ΣΠ") or text == "…" else self.sign(text)
