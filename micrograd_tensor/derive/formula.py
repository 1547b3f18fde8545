"""Formula: an op and what it was computed from as text, in every way of writing that notation has."""

from __future__ import annotations

from dataclasses import dataclass

from ..graph import Node
from ..graph.axes import Dims
from ..notation import LATEX, MATHML, formula, operand_text
from ..notation.expression import EVERYTHING, Dialect, operand, written
from ..notation.typeset import Typeset
from ..notation.unicode import UNICODE


@dataclass(frozen=True, eq=False)
class Side:
    """One side of an equation.

    Attributes:
        node: the op that computes it, in a graph whose named values are leaves or other lines.
        dims: the labels of axes.
    """

    node: Node
    dims: Dims

    def __str__(self) -> str:
        return self.typeset(UNICODE)

    @property
    def text(self) -> str:
        """In Unicode."""
        write = operand_text if self.is_a_name else formula
        return write(self.node, dims=self.dims, limit=EVERYTHING)

    @property
    def latex(self) -> str:
        """In LaTeX's mathematics mode."""
        return self.typeset(LATEX)

    @property
    def mathml(self) -> str:
        """Elements of MathML."""
        return self.typeset(MATHML)

    @property
    def is_a_name(self) -> bool:
        """Whether it is a value that has a name, or a number."""
        return self.node.is_leaf or self.node.name is not None

    def typeset(self, language: Dialect) -> str:
        """In a language of mathematics, as one side of an equation."""
        if self.is_a_name:
            return language.side(operand(language, self.node, {}))
        return language.side(written(language, self.node, {}, self.dims, EVERYTHING))


@dataclass(frozen=True, eq=False)
class Formula(Side):
    """One line of a closed form: a name, and what it equals.

    Attributes:
        name: of the gradient, such as ``dx``, or of a shared part.
    """

    name: str

    def __str__(self) -> str:
        return f"{UNICODE.name(self.name).text} = {self.typeset(UNICODE)}"

    @property
    def is_a_name(self) -> bool:
        """Whether it equals something that has another name, or a number."""
        return self.node.is_leaf or (self.node.name is not None and self.node.name != self.name)

    def write(self, said: Typeset) -> str:
        """The equation in a language of mathematics."""
        return said.related(said.name(self.name).text, "=", self.typeset(said))

    @property
    def latex(self) -> str:
        """The equation in LaTeX's mathematics mode."""
        return self.write(LATEX)

    @property
    def mathml(self) -> str:
        """The equation in MathML."""
        return self.write(MATHML)
