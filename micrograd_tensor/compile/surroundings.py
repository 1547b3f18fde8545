"""Surroundings: what the Python code of a function finds outside its arguments, and whether it is as it was.

While a function is traced, Python tells which code runs. The names in that code lead from its globals, and from the
function and its settings, to attributes and to what is in them. All of it is compared in every later call: objects by
what object they are, numbers and texts by value, lists and dictionaries by their elements, arrays by their bytes. Code
of Python's library and of installed packages is taken to stay as it is.
"""

from __future__ import annotations

import dis
import pickle
import random
import sys
import sysconfig
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from operator import is_
from pathlib import Path
from types import CellType, CodeType, FrameType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..engine.randomness import generator_or_default
from ..engine.tensor import Tensor
from .trees import Constant

_MISSING = object()
_WRAPPED = ("__func__", "fget", "func", "__wrapped__")
"""Where a method, a property and their like keep the function."""


class Names(NamedTuple):
    """The names in some code: of globals and modules, and of attributes that are read and written."""

    globals: frozenset[str]
    modules: frozenset[str]
    read: frozenset[str]
    written: frozenset[str]


class Surroundings:
    """What code finds outside, as it was before it ran.

    Args:
        roots: from where names lead on: the function, and those of its arguments that are no arrays.
        owners: those that said what settings they go by, such as modules that were called; there may be more later.
    """

    def __init__(self, roots: Iterable[Any], owners: Mapping[Any, tuple[Any, tuple[Any, ...]]]) -> None:
        self._owners = owners
        self._reads: list[Callable[[], Any]] = []
        self._then: list[Any] = []
        self._said: list[str] = []
        self._wholes: list[tuple[Callable[[], Any], Any, str]] = []
        self._moving: list[tuple[Callable[[], Any], Any, str]] = []
        self._generators: dict[int, Any] = {}
        self._met: dict[int, Any] = {}
        self._objects: list[tuple[Any, str]] = []
        self._pending: list[tuple[Any, str]] = []
        self._ran: dict[int, CodeType] = {}
        self._elsewhere: dict[int, CodeType] = {}
        self._asked, self._read, self._written = 0, set[str](), set[str]()
        self._moving += [(read, read(), said) for said, read in _GLOBAL_DRAWS.items()]
        self._pending += [(root, getattr(root, "__name__", type(root).__name__)) for root in roots]
        self._pending.append((generator_or_default(), "the default generator"))
        self._follow()

    def unchanged(self) -> bool:
        """Whether all is as it was."""
        if not all(map(is_, [read() for read in self._reads], self._then)) and any(self._differing()):
            return False
        return not self._wholes or all(_same(read(), then) for read, then, _ in self._wholes)

    def changed(self, drawn: Iterable[Any]) -> list[str]:
        """What the code itself changed, in words, and for ever what it used up.

        Args:
            drawn: the generators that it drew random numbers from by doors, and that were set back.
        """
        self._ask_owners()
        found = [*self._differing()]
        found += [said for read, then, said in (*self._wholes, *self._moving) if not _same(read(), then)]
        found += ["a generator that is made within" for one in drawn if id(one) not in self._generators]
        found += [type(one).__name__ for one, (read, then) in self._owners.items() if not _same((*read(),), (*then,))]
        for kept in (self._met, self._objects, self._moving, self._generators):
            kept.clear()
        return found

    def _differing(self) -> Iterator[str]:
        for read, then, said in zip(self._reads, self._then, self._said, strict=True):
            now = read()
            if now is not then and not _same(now, then):
                yield said

    # -------------------------------------------------------------------------------------------- the code that runs

    def watch(self, frame: FrameType, event: str, _: Any) -> None:
        """Hear of all code that runs, as a profiler."""
        if event != "call" or id(frame.f_code) in self._elsewhere:
            return
        code = frame.f_code
        if _installed(code.co_filename) or (code.co_filename == "<string>" and not _is_theirs(frame.f_globals)):
            self._elsewhere[id(code)] = code
            return
        self._ask_owners()
        if id(code) not in self._ran:
            self._ran[id(code)] = code
            self._runs(names_in(code), frame.f_globals)
        self._follow()

    def _ask_owners(self) -> None:
        for one, (_, settings) in [*self._owners.items()][self._asked :]:
            self._pending += [(x, type(one).__name__) for x in (one, *_behind(settings))]
        self._asked = len(self._owners)
        self._follow()

    def _runs(self, names: Names, around: dict[str, Any]) -> None:
        for name in names.globals & around.keys():
            self._compare(partial(around.get, name, _MISSING), name)
        self._pending += [(sys.modules.get(name), name) for name in names.modules]
        read, written = names.read - self._read, names.written - self._written
        self._read |= read
        self._written |= written
        for one, said in self._objects:
            self._attributes(one, said, read, written)

    # ---------------------------------------------------------------------------------------------- where names lead

    def _compare(self, read: Callable[[], Any], said: str) -> None:
        """Compare what this reads, and go on from there."""
        value = read()
        self._reads.append(read)
        self._then.append(value)
        self._said.append(said)
        self._pending.append((value, said))

    def _compare_whole(self, read: Callable[[], Any], said: str) -> None:
        self._wholes.append((read, read(), said))

    def _follow(self) -> None:
        while self._pending:
            value, said = self._pending.pop()
            if not isinstance(value, (*_PLAIN, Tensor)) and id(value) not in self._met:
                self._met[id(value)] = value
                self._meet(value, said)

    def _meet(self, value: Any, said: str) -> None:
        kind = type(value)
        if isinstance(value, (type, ModuleType)):
            if _is_theirs(value):
                self._object(value, said)
            return
        if isinstance(value, FunctionType):
            self._function(value, said)
        elif isinstance(value, (list, dict, set, deque)):
            self._compare_whole(partial(_elements, value), said)
        elif isinstance(value, (np.ndarray, bytearray, array)):
            if not _is_frozen(value):
                self._compare_whole(partial(_content, value), said)
        elif hasattr(kind, "standard_normal") or isinstance(value, random.Random):
            self._generators[id(value)] = value
            self._moving.append((partial(_state, value), _state(value), said))
        elif hasattr(kind, "__next__") or any(getattr(kind, name, None) for name in _FOREIGN):
            self._moving.append((object, None, f"{said} ({kind.__name__})"))  # nobody sees whether it is what it was
        self._pending += [(x, said) for x in _parts(value)]
        self._object(value, said)

    def _function(self, function: FunctionType, said: str) -> None:
        if not _installed(function.__code__.co_filename):
            for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
                if name != "__class__":
                    self._compare(partial(_held, cell), name)
            for name in ("__code__", "__defaults__", "__kwdefaults__"):
                self._compare(partial(getattr, function, name), f"{said}.{name}")

    def _object(self, value: Any, said: str) -> None:
        self._objects.append((value, said))
        self._attributes(value, said, self._read, self._written)

    def _attributes(self, value: Any, said: str, read: Iterable[str], written: Iterable[str]) -> None:
        """Compare the attributes of an object that code names: its own, and those that are its class's."""
        own = None if isinstance(value, type) else _own(value)
        classes = value.__mro__ if isinstance(value, type) else type(value).__mro__
        theirs = [vars(kind) for kind in classes if _is_theirs(kind)]
        for name in {*read, *written}:
            around = next((attributes for attributes in theirs if name in attributes), None)
            found = None if around is None else around[name]
            if isinstance(found, MemberDescriptorType) and not isinstance(value, type):
                self._compare(partial(getattr, value, name, _MISSING), f"{said}.{name}")
                continue
            if own is not None and (name in own or around is not None or name in written):
                self._compare(partial(own.get, name, _MISSING), f"{said}.{name}")
            if around is not None and (own is None or name not in own):
                self._compare(partial(around.get, name, _MISSING), f"{said}.{name}")
                self._pending += [(getattr(found, where, None), f"{said}.{name}") for where in _WRAPPED]


@contextmanager
def surrounding(roots: Iterable[Any], owners: Mapping[Any, Any]) -> Iterator[Surroundings]:
    """The surroundings of the code that runs within the block."""
    found, outer = Surroundings(roots, owners), sys.getprofile()
    sys.setprofile(found.watch)
    try:
        yield found
    finally:
        sys.setprofile(None)
        if outer is not None:
            getattr(outer, "enable", partial(sys.setprofile, outer))()  # Python's own profiler is no function


# --------------------------------------------------------------------------------------------------- what values are

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), slice, range, np.generic, np.dtype)
_FOREIGN = ("__array__", "__array_ufunc__", "__array_function__")
_GLOBAL_DRAWS: dict[str, Callable[[], Any]] = {
    "np.random": lambda: pickle.dumps(np.random.get_state()),  # noqa: NPY002 -- others use it
    "random": lambda: pickle.dumps(random.getstate()),
}


def _parts(value: Any) -> Iterator[Any]:
    """What belongs to a value whatever names there are: elements, and what a callable calls."""
    if isinstance(value, MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset, deque)):
        yield from value
    yield (_own(value) or {}).get("__wrapped__")


def _own(value: Any) -> Any:
    """The attributes of an object itself, if it has a dictionary of them."""
    try:
        return getattr(value, "__dict__", None)
    except Exception:  # of a stand-in for something that is not there
        return None


def _state(generator: Any) -> Any:
    """The state of a generator of random numbers; where it has none, it is never the same."""
    try:
        return pickle.dumps(generator)
    except Exception:  # such as one that asks the system
        return object()


def _behind(settings: Iterable[Any]) -> Iterator[Any]:
    """The objects in settings and in lists and dictionaries of these, of which only attributes are compared."""
    stack = [*settings]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            stack += value.values()
        elif isinstance(value, (list, tuple, set, frozenset, deque)):
            stack += value
        elif not isinstance(value, (np.ndarray, bytearray, array)):
            yield value


def _elements(value: Any) -> tuple[Any, ...]:
    return (*value, *value.values()) if isinstance(value, dict) else (*value,)


def _content(value: Any) -> tuple[Any, ...]:
    values = np.asarray(value)
    return values.shape, values.dtype.str, values.tobytes()


def _held(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet filled
        return _MISSING


def _is_frozen(value: Any) -> bool:
    """Whether nobody can write to an array."""
    while isinstance(value, np.ndarray) and not value.flags.writeable:
        value = value.base
    return value is None or isinstance(value, bytes)


def _same(now: Any, then: Any) -> bool:
    """Whether two values are the same object, equal numbers or texts, or tuples of such."""
    if now is then or type(now) is not type(then):
        return now is then
    if type(now) is bytes:
        return bool(now == then)
    if type(now) is tuple:
        return len(now) == len(then) and (all(map(is_, now, then)) or all(map(_same, now, then)))
    return Constant(now) == Constant(then)


# ----------------------------------------------------------------------------------------------------- whose code it is


@cache
def _installed(file: str) -> bool:
    """Whether code is of this package, of Python's library, or installed, so that it will not change its globals."""
    inside = (str(Path(__file__).parents[1]), sysconfig.get_paths()["stdlib"], "<frozen", "<compiled")
    return file.startswith(inside) or not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def _is_theirs(value: Any) -> bool:
    """Whether a class or a module, or code with these globals, is the user's."""
    if isinstance(value, dict):
        name = str(value.get("__name__", ""))
        if name.startswith("namedtuple_"):
            return False
    else:
        name = value.__name__ if isinstance(value, ModuleType) else value.__module__
    file = getattr(sys.modules.get(name), "__file__", None)
    return name.partition(".")[0] not in sys.stdlib_module_names and not (file and _installed(file))


@cache
def names_in(code: CodeType) -> Names:
    """The names in code, without those in functions that it defines.

    >>> names = names_in(compile("import os; rate.scale = table[0].width", "<text>", "exec"))
    >>> sorted(names.globals), sorted(names.modules), sorted(names.read), sorted(names.written)
    (['rate', 'table'], ['os'], ['width'], ['scale'])
    """
    found: dict[str, set[str]] = {"globals": set(), "modules": set(), "read": set(), "written": set()}
    for one in dis.get_instructions(code):
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"):
            found["globals"].add(one.argval)
        elif one.opname == "IMPORT_NAME":
            found["modules"].add(one.argval)
        elif one.opname in ("STORE_ATTR", "DELETE_ATTR"):
            found["written"].add(one.argval)
        elif one.opcode in dis.hasname and not one.opname.startswith("STORE"):
            found["read"].add(one.argval)
    found["read"] |= {one for one in code.co_consts if isinstance(one, str) and one.isidentifier()}  # as for getattr
    return Names(**{kind: frozenset(several) for kind, several in found.items()})
