"""Formulas: a recorded value in mathematical notation, put together from the notations in the table of primitives."""

from __future__ import annotations

from collections.abc import Container, Mapping
from string import Formatter
from typing import Any, NamedTuple
from unicodedata import bidirectional, combining

import numpy as np

from ..graph import Node

MINUS = "−"
ATOM, POSTFIX, POWER, PREFIX, PRODUCT, MATRIX, SUM, COMPARISON, ANY = range(8, -1, -1)
"""How tightly a notation holds together; an operand that holds less tightly than its place asks gets parentheses."""

INFIX = {"·": PRODUCT, "/": PRODUCT, "@": MATRIX, "+": SUM, MINUS: SUM} | dict.fromkeys(">≥<≤=≠", COMPARISON)
LONGEST_NAME = 40
"""In characters."""

MARKS = 3
"""So many combining marks stand on a character at most, which a line has room for."""

JOINERS, NO_LETTER, ISOLATE = "\u200c\u200d", "\u25cc", "\u2068\u2069"
"""What joins characters to one sign or keeps them apart; what marks without a letter stand on; around a name of its own
direction."""

EXPANDED = 64
"""A formula shows at most so many ops, so its cost does not depend on how much was computed before."""


class Text(NamedTuple):
    """A formula and how tightly it holds together."""

    text: str
    level: int

    def at(self, level: int) -> str:
        """The formula, in parentheses where the place asks for more than it holds."""
        return self.text if self.level >= level else f"({self.text})"


UNKNOWN = Text("…", ATOM)


def formula(node: Node, names: Mapping[Node, str] | None = None, limit: int = 80) -> str:
    """The formula of the op that made a node, down to named nodes, leaves and numbers.

    Args:
        node: a node of a graph; its own name is not used, its operands' names are.
        names: names for nodes that go before their own.
        limit: the greatest number of characters; what is longer is cut with an ellipsis.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([3.0, 4.0], name="x", requires_grad=True)
    >>> y = mt.sqrt(mt.square(x) - mt.mean(x) + 1e-05)
    >>> formula(mt.graph(y).outputs[0])
    '√(x² − mean(x) + 1e−5)'
    """
    text = _of_op(node, names or {}, limit) if node.op is not None else leaf_text(node)
    return cut(text.text, limit)


def cut(text: str, limit: int) -> str:
    """The text, its end replaced by an ellipsis where it is longer than the limit.

    >>> cut("dev_from_mean", 8)
    'dev_fro…'
    """
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    return kept + "…" + ISOLATE[1] * (kept.count(ISOLATE[0]) - kept.count(ISOLATE[1]))


def number(value: Any) -> str:
    """A number as formulas show it: the shortest digits that say it exactly, with a real minus sign.

    >>> number(1e-05), number(-2.0), number(7), number(float("inf"))
    ('1e−5', '−2', '7', '∞')
    """
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    # Python itself writes no number that is larger or smaller than its own.
    beyond = isinstance(value, np.longdouble) and np.isfinite(value) and value and not 1e-300 < abs(value) < 1e300
    text = (str(value) if beyond else f"{value:.12g}").replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    return text.replace("-", MINUS).replace("inf", "∞").replace("nan", "NaN")


def printable(name: str) -> str:
    """A name on one line, without control characters, cut where it is too long to be shown.

    One that is written from right to left is isolated, so that it leaves the order of what stands around it alone; and
    of marks that pile up on a character three are kept.

    >>> printable("a\\nb\\x00"), len(printable("x" * 90))
    ('a b\ufffd', 40)
    """
    line = " ".join(name.split())
    shown: list[str] = []
    marks = 0
    for c in line:
        marks = marks + 1 if combining(c) else 0
        if marks and not shown:
            shown.append(NO_LETTER)
        if marks <= MARKS:
            shown.append(c if c.isprintable() or c in JOINERS else "\ufffd")
    text = cut("".join(shown), LONGEST_NAME)
    return text.join(ISOLATE) if any(bidirectional(c) in ("R", "AL", "AN") for c in text) else text


def expression(x: Any, names: Mapping[Node, str], limit: int) -> Text:
    """An operand as a formula shows it: a number, a name, a leaf or, of an op without a name, its own formula."""
    if not isinstance(x, Node):
        return _of_number(x)
    if x in names:
        return Text(names[x], ATOM)
    return _of_op(x, names, limit) if is_inner(x, names) else leaf_text(x)


def _of_op(node: Node, names: Mapping[Node, str], limit: int) -> Text:
    """The formula of an op, without recursion: the ops to show are found from the top, then written bottom up."""
    made: dict[Node, Text] = {}
    for this in shown_ops(node, names):
        operands = [made.get(x, UNKNOWN) if is_inner(x, names) else expression(x, names, limit) for x in this.operands]
        text = _applied(this, operands)
        made[this] = text if len(text.text) <= limit or this is node else UNKNOWN
    return made[node]


def shown_ops(node: Node, names: Container[Node]) -> list[Node]:
    """The ops that the formula of an op shows, down to what has a name, by rank; not too many."""
    shown = {node}
    queue = [node]
    for this in queue:
        for x in this.operands:
            if is_inner(x, names) and x not in shown:
                if len(shown) == EXPANDED:
                    break
                shown.add(x)
                queue.append(x)
    return sorted(shown, key=lambda n: n.rank)


def is_inner(x: Any, names: Container[Node]) -> bool:
    """Whether an operand is itself shown as the formula of an op."""
    return isinstance(x, Node) and x.op is not None and x.name is None and x not in names


def _of_number(value: Any) -> Text:
    text = number(value)
    return Text(text, SUM if text.startswith(MINUS) or isinstance(value, complex) else ATOM)


def leaf_text(node: Node) -> Text:
    """A name; else the number that all elements share; else what little can be said."""
    if node.name is not None:
        return Text(printable(node.name), ATOM)
    value = node.value
    if isinstance(value, np.ndarray) and value.size and value.dtype.kind in "biuf":
        first = value.flat[0]
        if np.all(value == first):
            return _of_number(first)
    return Text(f"constant {node.shape}" if node.shape else "constant", ATOM)


def _applied(node: Node, operands: list[Text]) -> Text:
    """An op's notation with its operands put in."""
    assert node.op is not None  # noqa: S101 -- for the type checker; leaves have no notation
    pieces = [(literal, name) for literal, name, _, _ in Formatter().parse(node.op.notation)]
    if pieces == [("", "0")]:
        return operands[0]
    level, needs = levels(node.op.notation, len(operands))
    out = []
    for literal, name in pieces:
        out.append(literal)
        if name is not None:
            out.append(operands[int(name)].at(needs[int(name)]) if name.isdigit() else setting(node.params[name]))
    return Text("".join(out), level)


def setting(value: Any) -> str:
    """A parameter as a notation shows it."""
    return number(value) if isinstance(value, int | float) else str(value)


def levels(notation: str, arity: int) -> tuple[int, list[int]]:
    """How tightly a notation holds together, and how tightly each of its operands has to, read from its signs.

    >>> levels("{0} − {1}", 2) == (SUM, [SUM, MATRIX]), levels("exp({0})", 1) == (ATOM, [ANY])
    (True, True)
    """
    sign = infix(notation)
    if sign is not None:
        level = INFIX[sign]
        if sign == "@":  # Python reads · / @ from left to right and mathematics does not, so they are never mixed
            return level, [PREFIX, PREFIX]
        return level, [level, level if sign in "+·" else level + 1]
    if notation.startswith(MINUS):
        return SUM, [PRODUCT] * arity
    if notation.startswith("1/"):
        return PRODUCT, [PREFIX] * arity
    if "^" in notation:
        return POWER, [ATOM] * arity
    if "(" in notation or "|" in notation:
        return ATOM, [ANY] * arity
    return (PREFIX if notation.endswith("}") else POSTFIX), [ATOM] * arity


def infix(notation: str) -> str | None:
    """The sign between the two operands of an infix notation, or None for any other.

    >>> infix("{0} @ {1}"), infix("√{0}")
    ('@', None)
    """
    between = notation.removeprefix("{0} ").removesuffix(" {1}")
    return between if len(notation) == len(between) + 8 and between in INFIX else None
