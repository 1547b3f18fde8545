"""Derive: what a recorded graph says on paper. So far its formulas, the local rule of every backward edge, and
both as lines of NumPy and as MathML.

Nothing here knows a derivative. Formulas are notations from the table of primitives, and a rule is the notation of the
ops that the backward pass recorded, so neither can disagree with the code that ran.
"""

from .formula import formula
from .identifiers import Identifiers, identifiers
from .mathml import backward_math, forward_math, sum_math
from .numpy_source import backward_lines, forward_line, saved_values, starting_lines
from .rules import rule

__all__ = [
    "Identifiers",
    "backward_lines",
    "backward_math",
    "formula",
    "forward_line",
    "forward_math",
    "identifiers",
    "rule",
    "saved_values",
    "starting_lines",
    "sum_math",
]
