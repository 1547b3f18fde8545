"""Notation: what a recorded graph says, as formulas, as local rules of its edges, and as lines of NumPy.

Nothing here knows a derivative, nor any op by its name. Formulas are the templates of the table of primitives, and a
rule is what the ops say that the backward pass recorded, so neither can disagree with the code that ran.
"""

from .latex import latex_formula, latex_rule
from .local_rules import broadcasts, rule
from .mathml import backward_math, forward_math, sum_math
from .names import SHORT, Called, Identifiers, identifiers
from .numbers import number, quantity, summary
from .numpy import (
    assignment,
    backward_lines,
    backward_lines_by_operand,
    expression_line,
    forward_line,
    saved_values,
    starting_lines,
)
from .unicode import ISOLATE, MAX_NAME, axes_text, cut, formula, operand_text, printable, shape_text

__all__ = [
    "ISOLATE",
    "MAX_NAME",
    "SHORT",
    "Called",
    "Identifiers",
    "assignment",
    "axes_text",
    "backward_lines",
    "backward_lines_by_operand",
    "backward_math",
    "broadcasts",
    "cut",
    "expression_line",
    "formula",
    "forward_line",
    "forward_math",
    "identifiers",
    "latex_formula",
    "latex_rule",
    "number",
    "operand_text",
    "printable",
    "quantity",
    "rule",
    "saved_values",
    "shape_text",
    "starting_lines",
    "sum_math",
    "summary",
]
