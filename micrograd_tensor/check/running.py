"""Running a hand-derived backward pass: what it returned, what it computed, and which arguments it changed.

The function runs as it is, on copies of the arrays, which it may write to. What is judged:

* a dict that it returns (``locals()`` for instance), by the names in it, and nothing else;
* a tuple, by the order of the inputs, and also its local variables;
* an array, as the gradient of the only input, and also its local variables;
* where it returns nothing, or too many or too few arrays, its local variables;
* where it raises, its local variables at that moment, except those that were still to be assigned or added to: the
  stages reached so far.

A name keeps its value where arrays are shared: ``dx = ddev`` makes two names of one array, and ``dx += …`` then changes
both. The derivation is right all the same if ``ddev`` had been used by then, so what counts for ``ddev`` is its value
after its own last assignment.
"""

from __future__ import annotations

import inspect
import sys
from collections import deque
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from io import StringIO
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..notation import counted
from .nested import arrays_in, each
from .statements import assignments, begun_at
from .unread import unread

__all__ = ["Run", "run"]

LARGE = 1 << 18
"""The bytes from which on it is worth while to keep an array once."""
NUMPYS = (np, np.random, np.linalg)
"""The modules of NumPy in which people replace functions."""
_MAX_HELD = 8
"""How many of the arrays that a name held before its last assignment are kept, the last ones."""


@contextmanager
def replaced_kept() -> Iterator[None]:
    """After the block NumPy's functions are its own, and the standard streams what they were; what was added stays."""
    functions, streams = [dict(vars(module)) for module in NUMPYS], (sys.stdin, sys.stdout, sys.stderr)
    try:
        yield
    finally:
        for module, names in zip(NUMPYS, functions, strict=True):
            vars(module).update(names)
        sys.stdin, sys.stdout, sys.stderr = streams


def traced_by(tracer: Callable[..., Any] | None, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns, traced by this alone: no debugger stops in lines of the user that are only tried out."""
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        return function(*arguments)
    finally:
        sys.settrace(before)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one call.

    Attributes:
        names: what is to be judged, by name, as `compare` takes it.
        returned: what the function returned; None where it raised.
        error: what it raised, or None.
        changed: which of its arguments it wrote into: ``"dout"``, ``"cache['x']"``.
        remarks: remarks on what it returned, in sentences.
        shared: names whose arrays were changed under other names after their own last assignment, with those names.
            What is judged is the value before.
        elsewhere: names for which something else was returned than the local variable of that name, so that no line
            that assigns this is to blame.
        helpers: names that are local variables only, and were not returned.
        slopes: those that no upstream gradient goes into, as it does not into the slope of an activation.
        earlier: the arrays that the names of gradients held before, the last ones first: a name may be used again for
            the gradient of what comes next.
        lines: the lines of the function that were run; None where a debugger or the like was tracing.
        unread: the local variables that are lost: neither returned nor stored, nor read on the way there.
        undone: what it fails to do with gradients that are right, each in a few words.
    """

    names: Mapping[str, Any]
    returned: Any = None
    error: Exception | None = None
    changed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    helpers: frozenset[str] = frozenset()
    slopes: frozenset[str] = frozenset()
    earlier: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    lines: frozenset[int] | None = None
    unread: frozenset[str] = frozenset()
    undone: tuple[str, ...] = ()

    def sharing(self, known: Iterable[Any]) -> Run:
        """The same with known arrays in the place of local variables that hold the same floats: see `kept_once`."""
        known, own = list(known), {id(x) for x in arrays_in([self.returned])}
        names = {key: x if id(x) in own else kept_once(x, known) for key, x in self.names.items()}
        earlier = {key: tuple(kept_once(x, known) for x in several) for key, several in self.earlier.items()}
        return replace(self, names=names, earlier=earlier)


def run(
    backward: Callable[..., Any],
    dout: Any,
    cache: Any = None,
    inputs: Sequence[str] = (),
    *,
    within: bool = True,
    known: Iterable[Any] = (),
) -> Run:
    """Call ``backward(dout, cache)``, or ``backward(dout)`` where it takes one argument only.

    Args:
        backward: the hand-derived backward pass. What it raises is not raised again, but in the result.
        dout: the upstream gradient.
        cache: what it needs of the forward pass: a mapping or a sequence.
        inputs: the names of the forward pass's inputs, in order, to name a tuple of gradients by.
        within: whether to look at its lines too, which takes longer; else what was shared and held before is not known.
        known: arrays that are kept anyway, beside those of `dout` and `cache`.

    >>> import numpy as np
    >>> from micrograd_tensor.check.running import run
    >>> def backward(dout, cache):
    ...     dout *= 2
    ...     return dout * cache["x"],
    >>> came = run(backward, np.ones(2), {"x": np.array([1.0, 3.0])}, ["x"])
    >>> came.names["dx"], came.changed
    (array([2., 6.]), ('dout',))
    """
    mine, kept, known = copied(dout), copied(cache), [*arrays_in([dout, cache]), *known]
    arguments = [mine, kept] if _takes_two(backward) else [mine]
    before = {"dout": fingerprint(mine), **fingerprints(kept)}
    watch = Watch(backward, within, known)
    returned, error = None, None
    try:
        with replaced_kept(), watch:
            returned = backward(*arguments)
    except Exception as raised:  # the user's code may raise anything, which is shown
        error = raised
    after = {"dout": fingerprint(mine), **fingerprints(kept)}
    changed = tuple(name for name, hashed in before.items() if after.get(name) != hashed)
    local = watch.local
    names, given, remarks = _names(returned, error, local, inputs)
    elsewhere = tuple(name for name, value in names.items() if name in local and not watch.made(name, value))
    between = {name for name, value in names.items() if value is local.get(name) and name[1:] not in inputs}
    restored, shared = watch.restored(between)
    names |= restored
    for name in watch.unfinished(error):
        names.pop(name, None)
    helpers = frozenset(name for name in names if name not in given)
    earlier = {name: tuple(reversed(kept)) for name, kept in watch.held.items() if name in between}
    lines = frozenset(watch.lines or (_lines_of(backward, dout, cache) if within else ())) or None
    lost = unread(python_function(backward), lines) if within and error is None else frozenset[str]()
    ran = Run(names, returned, error, changed, remarks, shared, elsewhere, helpers, earlier=earlier, lines=lines)
    return replace(ran, unread=lost).sharing(known)


def _moved_on(several: Sequence[Any], variables: Sequence[Any]) -> bool:
    """Whether the variables of several inputs' gradients are returned in order, but beside what is none of them.

    So no one of them is at its input's place, as where the last state is returned after all gradients but that of the
    first one.
    """
    places = [next((k for k, own in enumerate(variables) if own is value is not None), None) for value in several]
    known = [(k, place) for k, place in enumerate(places) if place is not None]
    alone = len(known) < len(several)
    return alone and len(known) > 1 and [p for _, p in known] == sorted(p for k, p in known if p != k)


def computed(backward: Callable[..., Any], dout: Any, cache: Any, inputs: Sequence[str]) -> Mapping[str, Any]:
    """What a call computes, by name as `run` finds it, and nothing else about it; raises what the function raises."""
    watch = Watch(backward, within=False)
    with watch:
        returned = called(backward, dout, cache)
    return _names(returned, None, watch.local, inputs)[0]


def called(backward: Callable[..., Any], dout: Any, cache: Any) -> Any:
    """What a call on copies of the arguments returns."""
    with replaced_kept():
        return backward(*[copied(dout), copied(cache)][: 1 + _takes_two(backward)])


def _lines_of(backward: Callable[..., Any], dout: Any, cache: Any) -> set[int]:
    """The lines that run in one more call, where a debugger or the like was tracing the first."""
    code, found = _code(backward), set[int]()

    def enter(frame: FrameType, *_: Any) -> Any:
        return step if frame.f_code is code else None

    def step(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            found.add(frame.f_lineno)
        return step

    if sys.gettrace() is not None and code is not None:
        with suppress(Exception), redirect_stdout(StringIO()):  # what it raises or prints is known
            traced_by(enter, called, backward, dout, cache)
    return found


class Watch:
    """Watches a function run: its local names at the end, and the array of each after its own assignments.

    If a debugger or the like is already tracing, it continues, and no arrays are kept.

    Attributes:
        lines: those of the function that were run.

    Args:
        function: which one.
        within: whether to look at its lines too, which takes longer.
        known: arrays that need no copy: see `kept_once`.
    """

    def __init__(self, function: Callable[..., Any], within: bool = True, known: Sequence[Any] = ()) -> None:
        self.local: dict[str, Any] = {}
        self._function, self._code, self._within = function, _code(function), within
        self._assignments = assignments(function) if within else []
        self._known = known
        self._kept: dict[str, Any] = {}
        self.held: dict[str, deque[Any]] = {}
        self.lines: set[int] = set()
        self._names: dict[int, tuple[str, ...]] = {}  # by line
        self._frame: FrameType | None = None
        for statement in self._assignments:
            for line in range(statement.first, statement.last + 1):
                self._names[line] = (*self._names.get(line, ()), *statement.names)

    def __enter__(self) -> None:
        self._profile, self._traced = sys.getprofile(), sys.gettrace() is not None
        if self._traced:
            sys.setprofile(self.look)
        elif self._code is not None:
            sys.settrace(self._enter)

    def __exit__(self, *_: object) -> None:
        if self._traced:
            sys.setprofile(self._profile)
        elif self._code is not None:
            sys.settrace(None)
        if self._frame is not None:
            self.local, self._frame = dict(self._frame.f_locals), None

    def look(self, frame: FrameType, event: str, _: Any) -> None:
        """Take the local names, where the function returns."""
        if event == "return" and frame.f_code is self._code:
            self.local = dict(frame.f_locals)

    def _enter(self, frame: FrameType, *_: Any) -> Any:
        if frame.f_code is not self._code:
            return None
        if self._within:
            return _Steps(self)
        sys.settrace(None)  # Python runs all code slower as long as any is traced
        self._frame = frame  # which, being kept, keeps its names when it has returned
        return None

    def look_at(self, frame: FrameType, line: int) -> None:
        """Keep what a line of the function has assigned, which has run."""
        self.lines.add(line)
        if line not in self._names:
            return
        local = frame.f_locals
        for name in self._names[line]:
            value = local.get(name)
            if isinstance(value, np.ndarray):
                self._keep(name, copied(value, self._known))

    def _keep(self, name: str, value: Any) -> None:
        before = self._kept.get(name)
        if before is not None and before.dtype.kind == "f":
            self.held.setdefault(name, deque(maxlen=_MAX_HELD)).append(before)
        self._kept[name] = value

    def made(self, name: str, value: Any) -> bool:
        """Whether a value is what a local name holds, or did after its own last assignment, before it was put back."""
        return _same(value, self.local[name]) or _same(value, self._kept.get(name))

    def restored(self, stages: Container[str]) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
        """The arrays, among some names, that were changed under other names: as they were before, and those names."""
        arrays = {name: value for name, value in self.local.items() if isinstance(value, np.ndarray)}
        found: dict[str, Any] = {}
        shared: dict[str, tuple[str, ...]] = {}
        for name, before in self._kept.items():
            value = arrays.get(name)
            if value is None or name not in stages:
                continue
            if np.array_equal(value, before, equal_nan=value.dtype.kind in "biufc"):
                continue
            others = tuple(other for other in arrays if other != name and np.may_share_memory(value, arrays[other]))
            if others and before.any():  # else it was filled, or changed by a call, as by np.add.at, and is what it is
                found[name], shared[name] = before, others
        return found, shared

    def unfinished(self, error: Exception | None) -> set[str]:
        """The names still to be assigned or added to when a call broke off, and those of the loop that it was in."""
        trace, line = error.__traceback__ if error is not None else None, None
        while trace is not None:
            line = trace.tb_lineno if trace.tb_frame.f_code is self._code else line
            trace = trace.tb_next
        if line is None:
            return set()
        begun = begun_at(self._function, line)
        left = (made for made in self._assignments if made.last >= begun)
        return {name for made in left for name in made.names}


class _Steps:
    """Follows one call, line by line. No function that gives itself: in that circle all arrays would live on."""

    def __init__(self, watch: Watch) -> None:
        self._watch, self._line = watch, 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> _Steps:
        if event != "exception":
            self._watch.look_at(frame, self._line)
            self._line = frame.f_lineno
        if event == "return":
            self._watch.look(frame, event, None)
        return self


def fingerprint(value: Any) -> str:
    """A hash of an array's numbers, shape and dtype; "" for anything else.

    >>> import numpy as np
    >>> from micrograd_tensor.check.running import fingerprint
    >>> fingerprint(np.zeros(2)) == fingerprint(np.zeros(2)), fingerprint(np.zeros(2)) == fingerprint(np.ones(2))
    (True, False)
    """
    array = value.numpy() if isinstance(value, Tensor) else value
    if not isinstance(array, np.ndarray) or array.dtype.hasobject:
        return ""
    made = blake2b(f"{array.dtype}{array.shape}".encode(), digest_size=16)
    made.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return made.hexdigest()


def _same(value: Any, local: Any) -> bool:
    return value is local or fingerprint(value) == fingerprint(_stacked(local)) != ""


def fingerprints(cache: Any) -> dict[str, str]:
    """A hash for each array of a cache, a mapping or a sequence, by how it is written: ``cache['x']``, ``cache[0]``."""
    if isinstance(cache, Mapping):
        return {f"cache[{name!r}]": fingerprint(value) for name, value in cache.items()}
    if isinstance(cache, (list, tuple)):
        return {f"cache[{place}]": fingerprint(value) for place, value in enumerate(cache)}
    return {"cache": fingerprint(cache)}


def copied(value: Any, known: Sequence[Any] = ()) -> Any:
    """A copy whose arrays, also those of Tensors, can be written to, and generators drawn from; else as it is.

    Args:
        value: arrays, or tuples, lists and mappings of them.
        known: arrays that need no copy where they are large, and are not to be written to: see `kept_once`.
    """
    if isinstance(value, Tensor):
        value = value.numpy()
    if isinstance(value, np.ndarray):
        once = kept_once(value, known) if known else value
        return value.copy() if once is value else once
    if isinstance(value, np.random.Generator):
        return deepcopy(value)
    return each(value, lambda x: copied(x, known))


def kept_once(value: Any, known: Sequence[Any], least: int = LARGE) -> Any:
    """The same, with a known array in the place of each large one that holds the same floats, to save its memory.

    Args:
        value: an array, or tuples, lists and dictionaries of them.
        known: the arrays that are kept anyway.
        least: the bytes of a large one.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.nbytes >= least:
        alike = (x for x in known if x.shape == value.shape and x.dtype == value.dtype)
        return next((x for x in alike if value is x or _same_floats(value, x)), value)
    return each(value, lambda x: kept_once(x, known, least))


def _same_floats(a: Any, b: Any) -> bool:
    if a.size and a.item(0) != b.item(0):  # most differ there already
        return False
    return np.array_equal(a, b) and np.array_equal(np.signbit(a), np.signbit(b))


def _takes_two(backward: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(backward).parameters.values()
    except (TypeError, ValueError):  # a callable of another language tells nothing
        return True
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)]
    return len(positional) > 1 or any(p.kind is p.VAR_POSITIONAL for p in positional)


def python_function(backward: Any) -> Any:
    """The function that runs when a callable is called, whatever is around it."""
    while isinstance(backward, partial):
        backward = backward.func
    backward = inspect.unwrap(backward)
    if not inspect.isroutine(backward):
        backward = type(backward).__call__
    return getattr(backward, "__func__", backward)


def _code(backward: Any) -> CodeType | None:
    """The code that runs when a callable is called; None where it is not Python."""
    return getattr(python_function(backward), "__code__", None)


def returned_flat(returned: Any) -> list[Any]:
    """What was returned, in order, in whatever tuples and lists, and with arrays in place of lists of numbers."""
    return list(_flat(_with_rows(returned)))


def _flat(returned: Any) -> Iterator[Any]:
    """What was returned, without the tuples, and the lists of arrays, that it is in."""
    arrays = isinstance(returned, list) and any(isinstance(x, (np.ndarray, tuple, list)) for x in returned)
    if not (isinstance(returned, tuple) or arrays):
        yield returned
        return
    for inner in returned:
        yield from _flat(inner)


def _with_rows(returned: Any) -> Any:
    """What was returned, with arrays in place of lists of numbers, and of lists of such lists."""
    if isinstance(returned, tuple):
        return tuple(map(_with_rows, returned))
    if not isinstance(returned, list):
        return returned
    if returned and all(isinstance(x, (int, float, np.number)) for x in _leaves(returned)):
        return _stacked(returned)
    return [_with_rows(x) for x in returned]


def _leaves(value: Any) -> Iterator[Any]:
    if not isinstance(value, list):
        yield value
        return
    for inner in value:
        yield from _leaves(inner)


def _stacked(value: Any) -> Any:
    """A list as the array that it is the rows of, if it is."""
    if not isinstance(value, list):
        return value
    try:
        made = np.asarray(value)
    except ValueError:  # its rows have several lengths
        return value
    return made if made.dtype.kind in "biufc" else value


def _names(
    returned: Any, error: Exception | None, local: dict[str, Any], inputs: Sequence[str]
) -> tuple[dict[str, Any], Collection[str], tuple[str, ...]]:
    """The entries to be judged, which of them were given as gradients, and remarks on where they come from."""
    due = [f"d{name}" for name in inputs]
    if error is not None:
        return dict(local), due, ()
    if isinstance(returned, Mapping):
        bare = not {*returned}.isdisjoint(inputs) and {*returned}.isdisjoint(due)  # by the names of the inputs
        named = {f"d{key}" if bare and key in inputs else key: value for key, value in returned.items()}
        return named, named, ()
    if returned is None:
        return dict(local), due, ("backward returned nothing; judged are its local variables",)
    returned = _with_rows(returned)
    several = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    flat = list(_flat(returned))
    if len(flat) != len(inputs):  # a list of arrays may be the rows of one
        stacked = [_stacked(x) for x in (several if isinstance(returned, tuple) else [returned])]
        if len(stacked) == len(inputs) and not any(isinstance(x, (tuple, list)) for x in stacked):
            several = flat = stacked
    if len(flat) == len(inputs):  # in whatever tuples they are
        several = flat
    if len(several) != len(inputs) or len(flat) != len(several):
        names = ", ".join(f"d{name}" for name in inputs)
        there = f"there are {len(inputs)} inputs" if len(inputs) != 1 else "there is 1 input"
        count = f"backward returned {counted(len(flat), 'array')}, but {there} ({names})"
        given = [key for key, value in local.items() if any(value is x for x in flat)]
        return dict(local), {*due, *given}, (f"{count}; judged are its local variables",)
    if _moved_on(several, [local.get(key) for key in due]):
        beside = "backward returned its gradients beside something else; judged are its local variables"
        return dict(local), due, (beside,)
    named = {f"d{name}": value for name, value in zip(inputs, several, strict=True)}
    elsewhere = [key for key, value in named.items() if local.get(key) is not None and local[key] is not value]
    swapped = [key for key in elsewhere if any(named[key] is local.get(other) for other in named if other != key)]
    said = tuple(f"backward returned another variable in the place of {key}" for key in swapped)
    return {**local, **named}, due, said
