"""Record: an array, and the call that made it. The class `Tensor`, on top of the table, gives it a surface."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count, starmap
from operator import call
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, cast
from weakref import ReferenceType, ref

import numpy as np

from .arrays import Outline, as_array
from .errors import quoted
from .recording import Scope, recording
from .row import F, Primitive, Trait

if TYPE_CHECKING:  # the one look upwards: every op says that it returns a Tensor
    from .tensor import Tensor

Result: TypeAlias = "Tensor"
result: Any = None
"""The class of what ops make. `Tensor` puts itself here."""
birth_numbers: Final = count()
UNRECORDED: Final[dict[str, Any]] = {}
"""The parameters of a result of which nothing is recorded, by which readers tell it from a leaf that a user made."""


@dataclass(slots=True, weakref_slot=True, eq=False, repr=False)
class Record:
    """What an op leaves behind: an array, read-only from birth, and what it was computed from.

    References run from a result to its operands only, so a graph is freed as soon as its last result is. Of a large
    array that no rule reads, the graph holds an `outline` only: the array lives as long as the Tensor itself, and a
    reader that asks for it later computes it again, by `values`. So it is with a very large one that can be moved again
    from where its numbers came, such as the windows of a convolution.

    Attributes:
        op: the row of the table that made it, or None for a leaf.
        operands: what the op was applied to: Tensors, and Python numbers as they were given.
        saved: the operands' arrays at that moment, for the rules.
        params: the op's keyword parameters, such as ``axis``.
        scope: the `Scope` it was made in, or None.
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
    _name: str | None = None
    _grad: Tensor | None = None
    keeps_grad: bool = False
    line: str | None = None
    _outline: Record | None = None
    _whole: ReferenceType[Record] | None = None

    @property
    def name(self) -> str | None:
        """What reports and pictures call it, or None."""
        return self._name

    @name.setter
    def name(self, name: str | None) -> None:
        if type(name) is not str or not name:
            checked(name)
        self._name = name
        if self._outline is not None:
            self._outline._name = name

    def named(self, name: str) -> Self:
        """Give the tensor a name for reports and pictures; returns the tensor itself. `ValueError` for an empty one.

        >>> import micrograd_tensor as mt
        >>> mt.tensor([1.0, 2.0]).named("x")
        tensor([1., 2.], name='x')
        """
        if type(name) is not str or not name:
            checked(name)
        self._name = name
        if self._outline is not None:
            self._outline._name = name
        return self


del Record.__dataclass_fields__  # by which `dataclasses.asdict` would take a Tensor apart


def method(composition: F) -> F:
    """Lend a composition of a higher floor to Tensors, as a method of its own name."""
    setattr(result, composition.__name__, composition)
    return composition


def checked(name: str | None) -> str | None:
    """A name that messages and pictures can show; `ValueError` for what is no text, and for "", a hole in them."""
    if name is not None and (not isinstance(name, str) or not name):
        raise ValueError(f"a name is some text, or None for no name, not {quoted(name)}")
    return name


def outline(x: Record) -> Any:
    """The same node of the graph, without its array: what is left when the Tensor itself is gone.

    Two objects that stand for one node have the same birth number.
    """
    if x._outline is None:
        new: Any = object.__new__(type(x))
        array = Outline(x._data)
        Record.__init__(new, array, x._requires_grad, x.op, x.operands, x.saved, x.params, x.scope, x.born, x._name)
        new._whole = ref(x)
        x._outline = new
    return x._outline


def whole(x: Any) -> Any:
    """The Tensor that an outline was made of, as long as there is one; anything else as it is."""
    found = x._whole() if isinstance(x, Record) and x._whole is not None else None
    return x if found is None else found


def values(tensors: Sequence[Record]) -> list[Any]:
    """The arrays of a whole graph in order of birth; those that were let go are computed again, bit for bit."""
    found: dict[int, Any] = {}
    for t in tensors:
        array = t._data
        if type(array) is Outline and t.op is not None:
            pairs = zip(t.operands, t.saved, strict=True)
            arrays = [found[x.born] if type(used) is Outline else used for x, used in pairs]
            with np.errstate(all="ignore"):
                array = as_array(t.op.forward(*arrays, **t.params))
            array.setflags(write=False)
        found[t.born] = array
    return list(found.values())


def is_moved(x: Any) -> bool:
    """Whether all that an operand holds was moved there from one array that the graph keeps."""
    while isinstance(x, Record) and x.op is not None and len(x.saved) == 1 and Trait.MOVES in x.op.traits:
        if type(x.saved[0]) is not Outline:
            return type(x.saved[0]) is np.ndarray
        x = x.operands[0]
    return False


def moved_again(x: Record) -> Any:
    """The array of an operand that `is_moved`, from the one that the graph keeps."""
    chain = [x]
    while type(chain[-1].saved[0]) is Outline:
        chain.append(chain[-1].operands[0])
    array = chain[-1].saved[0]
    for node in reversed(chain):
        array = cast("Primitive", node.op).forward(array, **node.params)
    return array


class Lean(list[Any]):
    """The saved arrays of an op whose rules read some that were let go, to be moved again; see `is_moved`."""

    def for_rule(self, node: Record, i: int) -> list[Any]:
        """What the rule of operand i is given: where the op is linear in it, it does not read that one."""
        op = cast("Primitive", node.op)
        unread = (*op.unread, i) if Trait.LINEAR in op.traits else op.unread
        each = enumerate(zip(node.operands, self, strict=True))
        return [moved_again(x) if type(used) is Outline and k not in unread else used for k, (x, used) in each]


def restored(x: Any) -> Any:
    """An outline with its array again, to compute with; anything else as it is."""
    x = whole(x)
    if not isinstance(x, Record) or type(x._data) is not Outline:
        return x
    tensor: Any = x
    array = moved_again(x) if is_moved(x) else tensor._values()
    new: Any = object.__new__(type(x))
    Record.__init__(new, array, x._requires_grad, x.op, x.operands, x.saved, x.params, x.scope, x.born, x._name)
    new._outline, x._whole = x, ref(new)
    return new


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
