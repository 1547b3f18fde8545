"""Rules: by which terms are rewritten, each with its condition and its proof in one sentence."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """Why one application of a constructor equals another term.

    Attributes:
        name: what a derivation calls it.
        condition: when it applies.
        proof: one sentence.
    """

    name: str
    condition: str
    proof: str


LIKE_TERMS = Rule("like terms", "equal terms of a sum", "a·t + b·t = (a + b)·t, by distributivity.")
CANCEL = Rule("cancel", "terms of a sum whose coefficients add up to 0", "a·t − a·t = 0.")
POWERS = Rule(
    "powers", "equal bases of a product", "xᵃ · xᵇ = xᵃ⁺ᵇ, for x > 0 or whole exponents, and x ≠ 0 or a, b ≥ 0."
)
HOIST = Rule("hoist", "a factor that has none of the summed axes", "It is common to all terms of the sum.")
COPIES = Rule("copies", "a term that lacks a summed axis", "A sum of n equal terms is n times the term.")
SPLIT_SUM = Rule("split sum", "no part of it is a larger sum than before", "A sum of sums is the sum of the sums.")
DEVIATIONS = Rule("mean of deviations", "the parts of a split sum cancel", "Σ(x − Σx/n) = Σx − n · Σx/n = 0.")
INDICATOR = Rule("indicator", "an indicator to a power above 1", "It is 0 or 1, so it is its own square.")
ONE_PLACE = Rule(
    "one place", "an index within its range", "An index is hit exactly once, so its indicator adds up to 1."
)
TRADE = Rule(
    "sums trade places",
    "the other sum is older, and its loop is no longer",
    "Σⱼ aᵢⱼ Σₖ bᵢₖ cₖⱼ = Σₖ bᵢₖ Σⱼ aᵢⱼ cₖⱼ, since finite sums commute.",
)

RULES = (LIKE_TERMS, CANCEL, POWERS, HOIST, COPIES, SPLIT_SUM, DEVIATIONS, INDICATOR, ONE_PLACE, TRADE)
"""All rules that constructors apply. None of them multiplies a product of sums out."""
