"""Row: everything that is known about an elementary op. Whoever needs to know something about an op looks here.

A row tells how the op is computed and differentiated, how mathematics and NumPy write it, which NumPy functions and
methods stand for it, how algebra reads it, and its traits. No other file needs to know an op by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Any, TypeAlias, TypeVar

Array: TypeAlias = Any
"""Inside the table an operand is a Tensor, an array or a number alike; so is what a forward or a rule returns."""
Operand: TypeAlias = Any
Axis: TypeAlias = "int | tuple[int, ...] | None"
Rule: TypeAlias = "Callable[..., Array] | None"
Labels: TypeAlias = "tuple[tuple[str, ...], str]"
"""A letter for each axis, of each operand and of the result."""


class Trait(Flag):
    """What holds for an op whatever it is applied to."""

    ANALYTIC = auto()
    """It is complex-differentiable, so that a complex step can check it."""
    COMMUTES = auto()
    """Its two operands may be exchanged."""
    LINEAR = auto()
    """It is linear in each operand that it is differentiable in, the others being fixed."""
    CONTRACTS = auto()
    """The axes of the result are not those of the operands."""
    EXACT = auto()
    """It rounds nothing: each element of the result is one of an operand, up to its sign, or a constant."""
    _MOVES = auto()
    MOVES = _MOVES | EXACT
    """It only moves elements, repeats them, leaves some out, or fills in a constant."""
    ADDS = auto()
    """It adds up elements of one array."""
    _SCATTERS = auto()
    SCATTERS = _SCATTERS | ADDS
    """It adds elements into places of an array of zeros."""


NONE = Trait(0)


class Reading:
    """How algebra reads an op; an op without a reading is opaque to it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Linear(Reading):
    """``Σ cᵢ·xᵢ``, elementwise: add is ``(1, 1)``, sub ``(1, −1)``."""

    coefficients: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Product(Reading):
    """``Π xᵢ^eᵢ``, elementwise: mul is ``(1, 1)``, div ``(1, −1)``, sqrt ``(½,)``."""

    exponents: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Power(Reading):
    """``a^b``, elementwise."""


@dataclass(frozen=True, slots=True)
class Function(Reading):
    """Any other function that is applied element by element."""


@dataclass(frozen=True, slots=True)
class Extremum(Reading):
    """The larger (``"max"``) or the smaller (``"min"``) of two, element by element."""

    kind: str


@dataclass(frozen=True, slots=True)
class Relation(Reading):
    """A truth value, elementwise: a comparison or a logical op, by its sign."""

    sign: str


@dataclass(frozen=True, slots=True)
class Choice(Reading):
    """The second operand where the first holds, else the third."""


@dataclass(frozen=True, slots=True)
class Reduction(Reading):
    """``"sum"``, ``"mean"``, ``"max"``, ``"min"`` or ``"prod"`` over the axes of the parameter ``axis``."""

    kind: str


@dataclass(frozen=True, slots=True)
class Cumulation(Reading):
    """A running sum along the parameter ``axis``."""


@dataclass(frozen=True, slots=True)
class Reshape(Reading):
    """The same elements in row-major order under another shape."""


@dataclass(frozen=True, slots=True)
class Permutation(Reading):
    """The axes in the order of the parameter ``axes``; in reverse for None."""


@dataclass(frozen=True, slots=True)
class Copy(Reading):
    """Broadcast to the shape of the result."""


@dataclass(frozen=True, slots=True)
class Contraction(Reading):
    """A product of the operands, summed over the letters that the result lacks, as an einsum.

    Attributes:
        labels: the letters, from the operands' numbers of axes and the op's parameters.
    """

    labels: Callable[[Sequence[int], Mapping[str, Any]], Labels]


@dataclass(frozen=True, slots=True)
class Lookup(Reading):
    """The first operand's elements, along the parameter ``axis``, at the places that the second names."""


@dataclass(frozen=True, slots=True)
class Placement(Reading):
    """Zeros with the first operand's elements added, along ``axis``, at the places that the second names."""


@dataclass(frozen=True, slots=True)
class Identity(Reading):
    """The operand itself: another dtype, or a constant to derivatives."""


class PerOperand:
    """The rules of an op with any number of operands: ``rule(g, y, *operands, **params)`` is a function of i.

    What all operands have in common is then worked out once, and not once for each of them.
    """

    def __init__(self, rule: Callable[..., Callable[[int], Array]]) -> None:
        self.rule = rule

    def __getitem__(self, i: int) -> Callable[..., Array]:
        return lambda *operands, **params: self.rule(*operands, **params)(i)


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """One elementary op.

    ``notation`` and ``source`` are templates. ``{0}`` is an operand, ``{*}`` all of them, separated by commas, and
    ``{axis:axis}`` a parameter of a kind: axis, shape, index, order, number, flag or text. What stands in ``⟦…⟧`` is
    left out where its parameters have their defaults or are steps of 1; so is a comma after a parenthesis.

    Attributes:
        name: ``"mul"``.
        symbol: what its gate shows, ``"×"``.
        notation: how mathematics writes it, ``"{0} · {1}"``.
        forward: operands and parameters to result, in NumPy.
        vjps: one rule per operand: ``(g, y, *operands, **params)`` to the gradient of that operand, where ``g`` is the
            gradient of the result ``y``; the walk sums over broadcast axes afterwards. None: not differentiable there.
        parameters: the names of the keyword parameters with their defaults.
        numpy: the NumPy functions that it answers to when they are applied to Tensors.
        method: the methods and operators of a Tensor that stand for it.
        source: how NumPy source writes it, ``"{0} * {1}"``: an expression, or lines that assign to ``{y}``.
        reading: how algebra reads it; None: opaque.
        traits: what holds for it whatever it is applied to; and for each trait whether it is among them.
        unread: the operands, and ``"y"`` for the result, of which no rule reads more than shape and dtype.
        y_serves: whether a rule gives the same for the result in place of an operand, which need not be kept then.
        definition: where the source calls ``mt.name``, a function of that name in plain NumPy that computes the same to
            the last bit.
        straight: whether its rules are applied as they are, without any of these cares: the usual case.
    """

    name: str
    symbol: str
    notation: str
    forward: Callable[..., Array]
    vjps: Sequence[Rule] | PerOperand
    parameters: dict[str, Any]
    numpy: tuple[Callable[..., Any], ...] = ()
    method: tuple[str, ...] = ()
    source: str = ""
    reading: Reading | None = None
    traits: Trait = NONE
    unread: tuple[Any, ...] = ()
    y_serves: bool = False
    definition: str = ""
    analytic: bool = field(init=False)
    commutes: bool = field(init=False)
    linear: bool = field(init=False)
    contracts: bool = field(init=False)
    exact: bool = field(init=False)
    moves: bool = field(init=False)
    adds: bool = field(init=False)
    scatters: bool = field(init=False)
    straight: bool = field(init=False)

    def __post_init__(self) -> None:
        straight = Trait.ANALYTIC in self.traits and not self.y_serves and not isinstance(self.vjps, PerOperand)
        object.__setattr__(self, "straight", straight)
        for name, trait in Trait.__members__.items():
            if not name.startswith("_"):
                object.__setattr__(self, name.lower(), trait in self.traits)


TABLE: dict[str, Primitive] = {}
"""Every primitive by name, in the order of definition."""
ANSWERS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""The op, or the composition of ops, that does what a NumPy function does."""


F = TypeVar("F", bound=Callable[..., Any])


def answers(*functions: Callable[..., Any]) -> Callable[[F], F]:
    """Let a composition answer to NumPy functions: ``np.stack`` of Tensors then calls it."""

    def decorate(composition: F) -> F:
        ANSWERS.update(dict.fromkeys(functions, composition))
        return composition

    return decorate
