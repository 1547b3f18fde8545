"""mutation_score: would your own test notice? Every applicable mistake is made, and your test is run on it."""

from __future__ import annotations

import html
import inspect
import textwrap
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ...engine.errors import GradientError
from ..nested import arrays_in, each
from ..rendering.terminal import plain
from ..running import Watch
from .rules import Mutant, mutants
from .source import read

__all__ = ["mutation_score"]

Backward = Callable[..., Any]

_ROUNDING = 1e-9
"""Two results that differ by less than this, relative to the largest element, are the same."""

_BY_LENGTH = frozenset({"constant factor", "mean for sum", "sum for mean", "missing sum", "sum over everything"})
"""Kinds of mistake that may only seem to make no difference where two lengths coincide or one is 1."""


@dataclass(frozen=True, slots=True)
class MutationScore:
    """What a test noticed.

    Attributes:
        killed: the mistakes that it found.
        survived: those that it missed; the ``note`` of each says why.
        equivalent: changes that make no difference to the result whatever the arrays hold, so no test can find them.
    """

    killed: tuple[Mutant, ...]
    survived: tuple[Mutant, ...]
    equivalent: tuple[Mutant, ...]

    @property
    def score(self) -> float:
        """The fraction of the detectable mistakes that were found."""
        return len(self.killed) / (len(self.killed) + len(self.survived))

    def __rich__(self) -> Group:
        found, all_ = len(self.killed), len(self.killed) + len(self.survived)
        table = Table(title=f"mutation score {self.score:.0%}: {found} of {all_} mistakes found", title_justify="left")
        table.add_column("kind of mistake")
        for heading in ("made", "found", "let pass"):
            table.add_column(heading, justify="right")
        for kind in dict.fromkeys(mutant.kind for mutant in (*self.survived, *self.killed)):
            killed, survived = (sum(m.kind == kind for m in group) for group in (self.killed, self.survived))
            table.add_row(kind, str(killed + survived), str(killed), str(survived) if survived else "")
        said = [Text("Let pass:", style="bold")] if self.survived else []
        said += [Text(f"  {mutant}\n      {mutant.note}") for mutant in self.survived]
        same = f"{len(self.equivalent)} more changes make no difference to the result; they do not count."
        return Group(table, *said, *([Text(same)] if self.equivalent else []))

    def __str__(self) -> str:
        return plain(self.__rich__(), soft_wrap=True)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def mutation_score(hand_backward: Backward | str, my_test: Callable[[Backward], Any]) -> MutationScore:
    """How many mistakes your own test of a backward pass would notice, and which it would miss.

    Every mistake of `mutants` that applies is made in the source, one at a time, and the test is run on each. A test
    that passes everything at γ = 1, with ``out.sum()`` as the loss, or with a tolerance as large as the gradients, is
    found out by the mistakes that survive it.

    Args:
        hand_backward: a function whose source can be found, or the source, of one function or of a module. The mistakes
            are made in this function alone, and run with its module's own names.
        my_test: takes a backward pass in its place, runs it, and raises (anything) or returns False where it finds it
            wrong. It is called a few hundred times; what a mistaken backward pass writes into its arguments is undone
            after each.

    Returns:
        The score, and the mistakes killed, survived and equivalent: an equivalent one gives the same results for
        arrays drawn at random in place of those that the test used. A mistake that raises counts as killed. Counters
        are left alone; beyond that nothing is done against a ``while`` that ends by what was computed, or then never.

    Raises:
        GradientError: where the source cannot be found or holds nothing to mistake, where the test finds the unchanged
            backward pass wrong, and where it never calls it.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> source = "def backward(dout, cache): return {'dx': cache['gamma'] * dout}"
    >>> def my_test(backward):
    ...     assert np.allclose(backward(np.ones(3), {"gamma": np.ones(3)})["dx"], 1.0)
    >>> score = mt.check.mutation_score(source, my_test)
    >>> print(score.survived[0])
    line 1, missing factor: return {'dx': cache['gamma'] * dout}  →  return {'dx': dout}
    """
    original = _found(hand_backward)
    for backward in (hand_backward, original.make(original.source)):
        asked = Recorder(backward if callable(backward) else original.make(original.source))
        failure = _failure(my_test, asked)
        asked.undo()
        if failure is not None:
            raise GradientError(f"mutation_score: the test fails on the unchanged {original.name}: {failure}")
        if not asked.calls:
            raise GradientError(
                "mutation_score: the test did not call the backward pass that it was given; let it call its argument, "
                f"not {original.name}"
            )
    shapes = local_shapes(asked.function, asked.calls[0])
    killed, survived, equivalent = [], [], []
    for mutant in mutants(original.source, shapes, original.name):
        changed = Recorder(original.make(mutant.source))
        failure = _failure(my_test, changed)
        changed.undo()
        found = replace(mutant, line=mutant.line + original.first_line - 1, note=failure or "")
        if failure is not None:
            killed.append(found)
        elif _makes_no_difference(mutant.kind, asked.function, changed.function, asked.calls):
            equivalent.append(found)
        else:
            survived.append(replace(found, note=_why(changed.function, asked.calls)))
    if not killed and not survived:
        raise GradientError(f"mutation_score: {original.name} computes nothing in which a mistake can be made")
    return MutationScore(tuple(killed), tuple(survived), tuple(equivalent))


@dataclass(frozen=True, slots=True)
class _Original:
    """The source of a function, and what it needs to be run."""

    name: str
    source: str
    first_line: int
    names: dict[str, Any]

    def make(self, source: str) -> Backward:
        """The function, from its own or a changed source."""
        names = dict(self.names)
        code = compile(source, f"<{self.name} with a mistake>", "exec", dont_inherit=True)
        exec(code, names)  # noqa: S102 -- the user's own source, asked to be run
        made: Backward = names[self.name]
        return made


def _found(backward: Backward | str) -> _Original:
    if isinstance(backward, str):
        source = textwrap.dedent(backward)
        return _Original(read(source).name, source, 1, {"np": np, "__name__": "backward"})
    function = inspect.unwrap(backward)
    try:
        lines, first_line = inspect.getsourcelines(function)
        outer = inspect.getclosurevars(function).nonlocals
    except (OSError, TypeError, ValueError):
        raise GradientError(
            f"mutation_score: the source of {backward!r} cannot be found; give the source as text"
        ) from None
    source = textwrap.dedent("".join(lines))
    definition = read(source, function.__name__)
    undecorated = "".join(source.splitlines(keepends=True)[definition.lineno - 1 :])
    names = {**function.__globals__, **outer}
    return _Original(definition.name, undecorated, first_line + definition.lineno - 1, names)


def _failure(my_test: Callable[[Backward], Any], backward: Backward) -> str | None:
    """Why the test rejects a backward pass, or None."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            answer = my_test(backward)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # pytest.fail raises no Exception
        said = str(error).strip().partition("\n")[0]
        return f"{type(error).__name__}{': ' if said else ''}{said}"
    if isinstance(answer, (bool, np.bool_)):
        return None if answer else "it returned False"
    return None if getattr(answer, "ok", True) else "it returned a report that is not ok"


def _makes_no_difference(kind: str, backward: Backward, changed: Backward, calls: list[Call]) -> bool:
    """Whether results agree for other numbers too, in arrays of the same shapes."""
    if kind in _BY_LENGTH and any(map(special_lengths, calls)):
        return False
    rng = np.random.default_rng(0)
    for call in [redrawn(call, rng) for call in calls for _ in range(2)]:
        try:
            if not difference(again(backward, call), again(changed, call)) < _ROUNDING:
                return False
        except Exception:  # the user's code, on numbers that it was not written for
            return False
    return True


def _why(changed: Backward, calls: list[Call]) -> str:
    """Why a test that made these calls missed a mistake."""
    far = max(difference(call.result, again(changed, call)) for call in calls)
    if far < _ROUNDING:
        return "the results are the same at the points of your test: draw its arrays at random, each length another"
    by = f"changes by {far:.1g} of its largest element" if np.isfinite(far) else "has another shape, or is not finite"
    return f"a result {by}: does your test look at every result, and closely enough?"


_MAX_CALLS = 3
"""How many of a test's calls are kept, to see the effect of a missed mistake there."""


class Call(NamedTuple):
    """One call, as copies.

    Attributes:
        args: positional arguments as they were before.
        kwargs: keyword arguments, likewise.
        result: what came back, and the arguments as they were then.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any


class Recorder:
    """A function that records its first calls and can undo what it wrote into arrays.

    >>> import numpy as np
    >>> x = np.ones(2)
    >>> halve = Recorder(lambda a: np.multiply(a, 0.5, out=a))
    >>> halve(x)
    array([0.5, 0.5])
    >>> halve.undo()
    >>> x, halve.calls[0].args
    (array([1., 1.]), (array([1., 1.]),))
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls: list[Call] = []
        self._before: dict[int, tuple[Any, Any]] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        for array in arrays_in((args, kwargs)):
            if array.flags.writeable:
                self._before.setdefault(id(array), (array, array.copy()))
        if len(self.calls) == _MAX_CALLS:
            return self.function(*args, **kwargs)
        args_before, kwargs_before = copied(args), copied(kwargs)
        result = self.function(*args, **kwargs)
        self.calls.append(Call(args_before, kwargs_before, copied((result, args, kwargs))))
        return result

    def undo(self) -> None:
        """Write back into the arguments what was in them before the first call."""
        for array, content in self._before.values():
            array[...] = content


def again(function: Callable[..., Any], call: Call) -> Any:
    """What a function makes of a call's arguments, in the form of `Call.result`."""
    args, kwargs = copied((call.args, call.kwargs))
    with np.errstate(all="ignore"):
        return function(*args, **kwargs), args, kwargs


def redrawn(call: Call, rng: np.random.Generator) -> Call:
    """The call with its numbers changed at random; signs, zeros and whole numbers stay, as masks and labels must."""

    def other(value: Any) -> Any:
        if isinstance(value, float):
            return value * float(np.exp(0.5 * rng.standard_normal())) or 1e-3
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            return value.copy() if isinstance(value, np.ndarray) else each(value, other)
        noise: Any = rng.standard_normal(value.shape)
        return (value * np.exp(0.5 * noise) if value.any() else noise).astype(value.dtype)

    args, kwargs = other((call.args, call.kwargs))
    return Call(args, kwargs, None)


def difference(a: Any, b: Any) -> float:
    """The largest difference of two results, relative to the largest element; infinite where their forms differ."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return max((difference(a[key], b[key]) for key in a), default=0.0) if a.keys() == b.keys() else np.inf
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return max(map(difference, a, b), default=0.0) if len(a) == len(b) else np.inf
    if not _is_numeric(a) or not _is_numeric(b):
        return 0.0 if type(a) is type(b) else np.inf
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return np.inf
    same = (a == b) | ((a != a) & (b != b))
    if same.all():
        return 0.0
    with np.errstate(all="ignore"):
        a, b = a.astype(np.float64, copy=False), b.astype(np.float64, copy=False)
        worst = np.abs(a - b)[~same].max() / np.fmax(np.abs(a), np.abs(b)).max()
    return float(worst) if np.isfinite(worst) else np.inf


def local_shapes(function: Callable[..., Any], call: Call) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays that a function's variables hold when it returns."""
    watch = Watch(function)
    with watch:
        again(function, call)
    return {name: v.shape for name, v in watch.local.items() if isinstance(v, (np.ndarray, np.generic))}


def special_lengths(call: Call) -> bool:
    """Whether a call's arrays have axes of length 1, or two of the same length, so that one passes for the other."""
    shapes = [array.shape for array in arrays_in((call.args, call.kwargs))]
    return any(1 in shape or len(set(shape)) < len(shape) for shape in shapes)


def copied(value: Any) -> Any:
    """A copy with arrays of its own."""
    return value.copy() if isinstance(value, np.ndarray) else each(value, copied)


def _is_numeric(value: Any) -> bool:
    return isinstance(value, (int, float, complex)) or getattr(getattr(value, "dtype", None), "kind", "O") in "biufc"
