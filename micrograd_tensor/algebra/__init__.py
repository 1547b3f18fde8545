"""Algebra: a captured graph as terms in normal form over named axes, with a proof for every rewrite."""

from .lower import Lowered, lower
from .rules import Rule
from .terms import Pool, Step, Term
from .values import Values

__all__ = ["Lowered", "Pool", "Rule", "Step", "Term", "Values", "lower"]
