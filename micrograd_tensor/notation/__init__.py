"""Notation: what a recorded graph says, as formulas, as local rules of its edges, and as lines of NumPy.

Nothing here knows a derivative. Formulas are notations from the table of primitives, and a rule is the notation of the
ops that the backward pass recorded, so neither can disagree with the code that ran.
"""

from .called import Called
from .identifiers import Identifiers, identifiers
from .local_rules import SHORT, axes_text, rule, shape_text
from .mathml import backward_math, forward_math, sum_math
from .numpy_source import backward_lines, backward_lines_by_operand, forward_line, saved_values, starting_lines
from .quantities import quantity, summary
from .unicode import ANY, ISOLATE, LONGEST_NAME, cut, expression, formula, infix, number, printable

__all__ = [
    "ANY",
    "ISOLATE",
    "LONGEST_NAME",
    "SHORT",
    "Called",
    "Identifiers",
    "axes_text",
    "backward_lines",
    "backward_lines_by_operand",
    "backward_math",
    "cut",
    "expression",
    "formula",
    "forward_line",
    "forward_math",
    "identifiers",
    "infix",
    "number",
    "printable",
    "quantity",
    "rule",
    "saved_values",
    "shape_text",
    "starting_lines",
    "sum_math",
    "summary",
]
