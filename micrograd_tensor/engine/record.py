"""Record: an array, and the call that made it. The class `Tensor`, on top of the table, gives it a surface."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count, starmap
from operator import call
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import numpy as np

from .recording import Scope, recording
from .row import F, Primitive

if TYPE_CHECKING:  # the one look upwards: every op says that it returns a Tensor
    from .tensor import Tensor

Result: TypeAlias = "Tensor"
result: Any = None
"""The class of what ops make. `Tensor` puts itself here."""
birth_numbers: Final = count()


@dataclass(slots=True, weakref_slot=True, eq=False, repr=False)
class Record:
    """What an op leaves behind: an array, read-only from birth, and what it was computed from.

    References run from a result to its operands only, so a graph is freed as soon as its last result is.

    Attributes:
        op: the row of the table that made it, or None for a leaf.
        operands: what the op was applied to: Tensors, and Python numbers as they were given.
        saved: the operands' arrays at that moment, for the rules.
        params: the op's keyword parameters, such as ``axis``.
        scope: the `Scope` it was made in, or None.
        name: what reports and pictures call it, or None.
        keeps_grad: whether `backward` stores the gradient of this intermediate result too.
        line: where the op was called; known within `detect_anomaly` only.
        born: its birth number. Operands are born before results, so this order is topological.
    """

    _data: Any
    _requires_grad: bool
    op: Primitive | None
    operands: tuple[Any, ...]
    saved: Sequence[Any]
    params: dict[str, Any]
    scope: Scope | None
    born: int
    name: str | None = None
    _grad: Tensor | None = None
    keeps_grad: bool = False
    line: str | None = None

    def named(self, name: str) -> Self:
        """Give the tensor a name for reports and pictures; returns the tensor itself.

        >>> import micrograd_tensor as mt
        >>> mt.tensor([1.0, 2.0]).named("x")
        tensor([1., 2.], name='x')
        """
        self.name = name
        return self


del Record.__dataclass_fields__  # by which `dataclasses.asdict` would take a Tensor apart


def method(composition: F) -> F:
    """Lend a composition of a higher floor to Tensors, as a method of its own name."""
    setattr(result, composition.__name__, composition)
    return composition


def start(new: Record, array: Any, name: str | None = None, requires_grad: bool = False) -> None:
    """Fill in a new object as a leaf."""
    Record.__init__(new, array, requires_grad, None, (), (), {}, recording.get().scope, next(birth_numbers), name)


def leaf(array: Any, name: str | None = None, requires_grad: bool = False, kind: Any = None) -> Result:
    """A leaf around an array that nobody else will write to: frozen as it is, neither copied nor checked."""
    if isinstance(array, np.ndarray):
        array.setflags(write=False)
    new: Result = object.__new__(kind or result)
    start(new, array, name, requires_grad)
    return new


set_data: Final[Callable[[Record, Any], None]] = vars(Record)["_data"].__set__
set_grad: Final[Callable[[Record, Any], None]] = vars(Record)["_grad"].__set__


def all_at_once(changes: Iterable[tuple[Any, ...]]) -> None:
    """Call functions written in C, such as `set_data`, each with its arguments: all of them, or none.

    Python handles Ctrl-C and switches threads only between its own instructions, of which there are none in between.

    >>> numbers = {}
    >>> all_at_once([(numbers.__setitem__, "one", 1), (numbers.__setitem__, "two", 2)])
    >>> numbers
    {'one': 1, 'two': 2}
    """
    deque(starmap(call, list(changes)), maxlen=0)


def unwrap(x: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return x._data if isinstance(x, Record) else x
