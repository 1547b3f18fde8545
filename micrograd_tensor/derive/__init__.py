"""Derive: what a recorded graph says on paper. So far its formulas, and the local rule of every backward edge.

Nothing here knows a derivative. Formulas are notations from the table of primitives, and a rule is the notation of the
ops that the backward pass recorded, so neither can disagree with the code that ran.
"""

from .formula import formula
from .rules import rule

__all__ = ["formula", "rule"]
