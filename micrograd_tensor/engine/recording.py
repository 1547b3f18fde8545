"""Recording: whether ops are recorded, in which scope, and whether their results are checked.

One `Recording` lives in a context variable, so every thread and every asyncio task has its own; each context manager
here swaps it and puts the old one back, on exceptions too. An op reads it once.

Generators have no context of their own: one that is suspended within a block leaves the block's state to its caller. So
a block goes back to the state before its own, whatever was left open within it, and says that it was not the innermost.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import wraps
from threading import get_ident
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self, TypeVar, overload

__all__ = ["detect_anomaly", "enable_grad", "no_grad", "scope"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True, eq=False)
class Scope:
    """A named part of a graph. Two entries of the same name are two scopes: a net has many layers called "norm".

    >>> Scope("batch_norm", Scope("block1")).path
    'block1/batch_norm'
    """

    name: str
    parent: Scope | None = None

    @property
    def path(self) -> str:
        """The names from the outermost scope to this one, joined by slashes."""
        names, scope = [self.name], self.parent
        while scope is not None:
            names.append(scope.name)
            scope = scope.parent
        return "/".join(reversed(names))


class Call(Scope):
    """The scope of one call of a composition, which has the function's name."""

    __slots__ = ()


class Effect(NamedTuple):
    """A change of state: what a leaf becomes at the end of a run, and the changes that make an array its value.

    These are for `all_at_once`. There are none where the effect of another leaf brings this one about.
    """

    value: Any
    changes: Callable[[Any], Iterable[tuple[Any, ...]]] | None


@dataclass(slots=True, eq=False)
class Trace:
    """What a run did besides computing: all that a graph needs to know to stand for the run at other inputs.

    Attributes:
        sources: leaves whose values are read anew in every run, each with how: random draws, a learning rate.
        effects: leaves that the run gives new values, which take hold when it has ended.
        guards: conditions that decided which ops were called, each with whether it held for all its elements.
        grads: leaves whose ``.grad`` was read or changed, each with what it was before.
        gradients: what their ``.grad`` was at the end, or None.
        cleared: those of them whose ``.grad`` was cleared before anything read it.
        settings: what Python code went by besides values, by its owner: how to read it, and what it was.
        generators: of random numbers that sources drew, each with its state before.
        derived: what `grad` gave, each with what it is the gradient of.
    """

    sources: dict[Any, Callable[[], Any]] = field(default_factory=dict)
    effects: dict[Any, Effect] = field(default_factory=dict)
    guards: list[tuple[Any, bool]] = field(default_factory=list)
    grads: dict[Any, Any] = field(default_factory=dict)
    gradients: dict[Any, Any] = field(default_factory=dict)
    cleared: set[Any] = field(default_factory=set)
    settings: dict[Any, tuple[Callable[[], tuple[Any, ...]], tuple[Any, ...]]] = field(default_factory=dict)
    generators: dict[Any, Any] = field(default_factory=dict)
    derived: dict[Any, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Recording:
    """The state that an op reads: whether it is recorded (`on`), in which `scope`, and if it is checked (`anomaly`).

    `record_all` also records ops that no gradient flows through (masks, counts, constants), for readers that show them
    or run the graph again on other values; within a `trace` that is so, and what else happens is noted there. `block`
    is what set this state, and `outer` the one to go back to: the blocks keep none themselves. `thread` is where it was
    set: in others, to which the context was copied, it is left as it is.
    """

    on: bool = True
    scope: Scope | None = None
    anomaly: bool = False
    record_all: bool = False
    outer: Recording | None = None
    trace: Trace | None = None
    block: _Block | None = None
    thread: int = 0


_START = Recording()
recording: ContextVar[Recording] = ContextVar("recording", default=_START)


class _Block:
    """Another recording state within a `with` block, or within each call of a function that it decorates.

    The object holds no state, so one serves any thread, and may be entered again within itself.
    """

    __slots__ = ()
    _changes: ClassVar[dict[str, Any]]

    def __enter__(self) -> None:
        now = recording.get()
        new = self._changes.get
        on, anomaly, record_all = new("on", now.on), new("anomaly", now.anomaly), new("record_all", now.record_all)
        recording.set(Recording(on, now.scope, anomaly, record_all, now, now.trace, self, get_ident()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        now = recording.get()
        if now.block is self:
            recording.set(now.outer or _START)
        else:
            self._exit_outer(now, passing_on=kind is not None and kind is not GeneratorExit)

    def _exit_outer(self, now: Recording, passing_on: bool) -> None:
        """Leave a block that another one was entered after; where this one is not in force here, leave all as it is."""
        mine: Recording | None = now
        while mine is not None and mine.block is not self:
            mine = mine.outer
        if mine is not None:
            recording.set(mine.outer or _START)
            said = f"{self} ended before {now.block}, which was entered within it"
        else:
            said = f"{self} is not in force where it ended: in another thread or task, or after a block around it"
        if passing_on:  # an error, such as Ctrl-C while a block within was being entered
            return
        warnings.warn(
            f"{said}. A generator that is suspended within a block leaves the block's state to its caller: "
            "end the block before each yield",
            RuntimeWarning,
            stacklevel=3,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __call__(self, function: F) -> F:
        """Decorate a function: each call of it runs within the block.

        Raises:
            TypeError: for a class, or a function that returns before its body has run: a generator or a coroutine.
        """
        if not callable(function) or isinstance(function, type):
            raise TypeError(f"@{self} decorates functions, not {function!r:.60}")
        kind = runs_later(function)
        if kind is not None:
            raise TypeError(
                f"@{self}: {function.__qualname__} is {kind}, whose body runs after the call has returned; "
                f"write `with {self}:` inside it, not around a yield"
            )

        @wraps(function)
        def within(*args: Any, **settings: Any) -> Any:
            with self:
                return function(*args, **settings)

        return within  # type: ignore[return-value]


_LATER: dict[str, Callable[[Any], bool]] = {
    "a generator": inspect.isgeneratorfunction,
    "a coroutine": inspect.iscoroutinefunction,
    "an asynchronous generator": inspect.isasyncgenfunction,
}


def runs_later(function: Any) -> str | None:
    """What a function is whose body runs after it has returned, such as a generator; None for any other."""
    return next((kind for kind, tell in _LATER.items() if tell(function)), None)


class _Switch(_Block):
    """A block that takes no arguments, and so decorates without parentheses too."""

    __slots__ = ()

    @overload
    def __new__(cls) -> Self: ...
    @overload
    def __new__(cls, function: F) -> F: ...  # type: ignore[misc]
    def __new__(cls, function: Any = None) -> Any:
        block = object.__new__(cls)
        return block if function is None else block(function)


class no_grad(_Switch):  # noqa: N801 -- PyTorch's name
    """Within the block nothing is recorded: results need no gradient and keep no operand alive.

    Like the other blocks it also decorates a function, and then holds within each call. Within it, ``-=``, ``+=``,
    ``*=`` and their kin update a leaf that asks for gradients in place; see `Tensor.assign_`.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(2.0, requires_grad=True)
    >>> with mt.no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    >>> @mt.no_grad()
    ... def evaluate(x):
    ...     return x * x
    >>> evaluate(x).requires_grad
    False
    """

    __slots__ = ()
    _changes: ClassVar = {"on": False}


class enable_grad(_Switch):  # noqa: N801 -- PyTorch's name
    """Within the block ops are recorded again, inside `no_grad` too.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(2.0, requires_grad=True)
    >>> with mt.no_grad(), mt.enable_grad():
    ...     y = x * x
    >>> y.requires_grad
    True
    """

    __slots__ = ()
    _changes: ClassVar = {"on": True}


class record_all(_Switch):  # noqa: N801 -- a context manager, like its neighbours
    """Within the block ops that no gradient flows through are recorded too, for readers that need every op."""

    __slots__ = ()
    _changes: ClassVar = {"record_all": True}


class detect_anomaly(_Switch):  # noqa: N801 -- PyTorch's name
    """Within the block the first op, forward or backward, that makes a NaN or an infinity raises `GradientError`.

    The message names the op, its operands with their names and shapes, and the line of the caller's file that ran it.
    Every op is checked, which costs a pass over its result; NumPy's own floating-point warnings are silenced meanwhile.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, -1.0], name="x", requires_grad=True)
    >>> with mt.detect_anomaly():
    ...     mt.log(x)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    micrograd_tensor.engine.errors.GradientError: log of x (2,) made a NaN at [1], where x is -1.0, in ..., line 2...
    """

    __slots__ = ()
    _changes: ClassVar = {"anomaly": True}


class unchecked(_Switch):  # noqa: N801 -- a context manager, like its neighbours
    """Within the block numbers are not checked: for the steps of something that is checked as a whole."""

    __slots__ = ()
    _changes: ClassVar = {"anomaly": False}


class scope(_Block):  # noqa: N801 -- a context manager, like its neighbours
    """Ops recorded within the block belong to a named part of the graph; blocks nest. Pictures draw it as a cluster.

    Args:
        name: what the part is called, as pictures and reports show it.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(2.0, requires_grad=True)
    >>> with mt.scope("block1"), mt.scope("norm"):
    ...     y = x * x
    >>> y.scope.path
    'block1/norm'
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            error = TypeError if name != "" else ValueError
            raise error(f"scope({name!r}): a scope's name is a string that is not empty, such as scope('block1')")
        self._name = name

    def __enter__(self) -> None:
        now = recording.get()
        here = Scope(self._name, now.scope)  # written out, since every call of a module comes by
        recording.set(Recording(now.on, here, now.anomaly, now.record_all, now, now.trace, self, get_ident()))

    def __repr__(self) -> str:
        return f"scope({self._name!r})"


def composition(function: F) -> F:
    """A function composed of ops: what each call of it records is in a scope of its own, of the function's name.

    It does what `scope` does, at a third of the cost, since compositions of two ops come by here too. No call is
    suspended, so it can change the state's scope in place, as long as no other thread has the same state.
    """
    name, get = function.__name__, recording.get

    @wraps(function)
    def called(*operands: Any, **settings: Any) -> Any:
        now = get()
        if now.thread != get_ident():
            now = replace(now, thread=get_ident())
            recording.set(now)
        outer = now.scope
        try:
            now.scope = Call(name, outer)
            return function(*operands, **settings)
        finally:
            now.scope = outer

    return called  # type: ignore[return-value]
