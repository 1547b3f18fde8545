"""The kinds of mistake that a diagnosis can name: a closed list, from the likelier and simpler to the last resort."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """How far down the list a kind stands among those that explain the same numbers, and what it says."""

    weight: int
    says: str


KINDS: dict[str, Kind] = {
    "overwritten contribution": Kind(9, "a gradient replaced another one where the two have to be added"),
    "statistic as constant": Kind(10, "a value that depends on the input was treated as a constant"),
    "dropped contribution": Kind(10, "a gradient that arrives along another way was not added"),
    "missing sum": Kind(10, "a sum is missing"),
    "mean for sum": Kind(11, "a mean was taken where a sum is due"),
    "sum for mean": Kind(11, "a sum was taken where a mean is due"),
    "missing keepdims": Kind(12, "an axis of length 1 was lost"),
    "wrong axis": Kind(12, "a sum runs over the wrong axis"),
    "sum over everything": Kind(12, "a sum runs over all axes"),
    "transposed": Kind(12, "axes were exchanged"),
    "doubled contribution": Kind(17, "a gradient was added twice"),
    "sign": Kind(13, "a sign is wrong"),
    "doubled sum": Kind(13, "a sum was taken twice"),
    "lost square": Kind(13, "a square was lost"),
    "missing factor": Kind(14, "a factor is missing"),
    "missing mask": Kind(14, "where the value was cut off, the gradient has to be cut off too"),
    "not inverted": Kind(15, "a factor was multiplied where it has to divide, or the other way round"),
    "factor twice": Kind(15, "a factor was applied twice"),
    "missing function": Kind(15, "a function was not applied"),
    "constant factor": Kind(16, "a constant factor is wrong"),
    "dropped term": Kind(16, "a term of the local derivative is missing"),
    "eps left out": Kind(17, "a small constant of the forward pass was left out"),
    "eps misplaced": Kind(17, "a small constant of the forward pass was added in the wrong place"),
    "exchanged operand": Kind(18, "another value was used than the one that belongs there"),
    "permuted": Kind(20, "the elements are right, but in another order"),
    "cross terms dropped": Kind(22, "each element was differentiated as if no other depended on it"),
    "double counted": Kind(23, "a part of the gradient was counted twice, as partial and as total derivative"),
    "added term": Kind(24, "something was added that does not belong there"),
    "power of a tensor": Kind(25, "a power of a recorded value too many or too few"),
    "wrong function": Kind(26, "another function was applied than the one that belongs there"),
    "two mistakes": Kind(30, "two mistakes in one line"),
    "wrong way": Kind(40, "what arrives along one way is wrong"),
    "in places": Kind(60, "only some of the elements are wrong"),
    "not determined": Kind(70, "the numbers at this point do not determine the mistake"),
}
