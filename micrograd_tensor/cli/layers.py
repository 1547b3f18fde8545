"""A user's layers in plain NumPy, as they are: pairs of functions or a class, made into exercises by recorded NumPy.

A layer is ``NAME_forward`` and ``NAME_backward``, ``forward`` and ``backward``, or a class with these two methods. Its
forward pass runs twice at the same inputs: recorded, and as it stands, which gives the cache that the backward pass
gets, and shows that recording has changed no number.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import numpy as np

from ..check.given import spelled
from ..check.recorded_array import Array
from ..check.recorded_numpy import recording_numpy
from ..check.running import Watch, assignments, copied, replaced_kept, settled
from ..engine.errors import GradientWarning
from ..engine.tensor import Tensor, tensor
from ..engine.walk import ancestors
from ..graph import graph
from .shapes import guesses
from .unusable import UnusableError
from .user_file import blamed

_CACHES = re.compile(r"(?i).*cache.*|ctx|saved|memory|memo|context|tape|stuff|vals?|values|.*params?")
"""How the argument of a backward pass is called that is no gradient."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a file.

    Attributes:
        name: how it is asked for.
        forward: its forward pass; of a class, a method's name.
        backward: likewise; None where forward returns a loss and its gradients.
        made_by: the class, or None.
    """

    name: str
    forward: Any
    backward: Any
    made_by: type | None = None

    def bound(self, own: Any) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
        """Its two functions, the second None where one does both; of a class, those of an instance."""
        if self.made_by is None:
            return self.forward, self.backward
        return getattr(own, self.forward), getattr(own, self.backward)


def layers_of(module: ModuleType) -> dict[str, Layer]:
    """The layers of a module, by name, in the order of its text."""
    functions = {n: f for n, f in vars(module).items() if inspect.isfunction(f)}
    found: dict[str, Layer] = {}
    belonging = {way for name in functions for way in _forwards(name)}
    for name, backward in functions.items():
        if backward.__module__ != module.__name__:
            continue
        forward = next((functions[way] for way in _forwards(name) if way in functions and way != name), None)
        if forward is not None:
            stem = "_".join(filter(None, re.sub(_BACKWARD, "", name).split("_")))
            found[stem or "forward"] = Layer(stem or "forward", forward, backward)
        elif re.fullmatch(_LOSS, name) and name not in belonging and _returns_several(backward):
            found[name] = Layer(name, backward, None)  # a loss and its gradient
    for name, made in vars(module).items():
        if inspect.isclass(made) and made.__module__ == module.__name__:
            forwards = [way for way in ("forward", "__call__") if callable(getattr(made, way, None))]
            if forwards and callable(getattr(made, "backward", None)):
                found[name] = Layer(name, forwards[0], "backward", made)
    return found


_LOSS = re.compile(r"(?i).*(loss|cost|objective|entropy)(_\w+)?")
_BACKWARD = re.compile(r"backward|backprop|bwd|grad(?=_|$)")


def _forwards(backward: str) -> Iterator[str]:
    """How the forward pass may be called that belongs to a backward pass of this name, the likeliest first."""
    if not re.search(_BACKWARD, backward):
        return
    words = backward.split("_")
    for end in range(len(words), 0, -1):  # batchnorm_backward_alt belongs to batchnorm_forward
        rest = "_".join(words[:end])
        for way in ("forward", "fwd", "forw", ""):
            if re.search(_BACKWARD, rest):
                yield re.sub(r"__+", "_", re.sub(_BACKWARD, way, rest)).strip("_")


def _returns_several(function: Callable[..., Any]) -> bool:
    try:
        tree = ast.parse(dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    returned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    return any(isinstance(value, ast.Tuple) and len(value.elts) > 1 for value in returned)


def is_plain(module: ModuleType) -> bool:
    """Whether a file is written in plain NumPy, and knows nothing of this package."""
    ours = [v for v in vars(module).values() if getattr(v, "__name__", "").split(".")[0] == "micrograd_tensor"]
    ours += [v for v in vars(module).values() if (getattr(v, "__module__", "") or "").startswith("micrograd_tensor")]
    return not ours and ".named(" not in "".join(linecache.getlines(module.__file__ or ""))


@dataclass(frozen=True, slots=True)
class Recorded:
    """A layer that was run at some inputs.

    Attributes:
        outputs: what it returned that is differentiated.
        upstream: their gradients, drawn at random: one, or of several outputs a tuple.
        cache: the second argument of its backward pass.
        backward: the backward pass, as ``backward(dout, cache)`` or ``backward(dout)``.
        graph: what was recorded.
        ignored: the names of backward's arguments.
        said: at which inputs it was run, in a few words.
        arguments: these inputs.
    """

    outputs: tuple[Tensor, ...]
    upstream: Any
    cache: Any
    backward: Callable[..., Any]
    graph: Any
    ignored: tuple[str, ...]
    said: str
    arguments: Mapping[str, Any]


def record(
    module: ModuleType,
    layer: Layer,
    path: Path,
    seed: int,
    given: Mapping[str, Any],
    exact: bool = False,
    dout: Any = None,
) -> Recorded:
    """Run a layer's forward pass at inputs that are given, or made from their shapes, or found by trying.

    Args:
        module: the file.
        layer: which of its layers.
        path: the file, for messages.
        seed: of the inputs and of the upstream gradient.
        given: by the name of a parameter of forward, or of the constructor, its value.
        exact: whether all inputs are given.
        dout: the upstream gradient of its only output; None: drawn at random.

    Raises:
        UnusableError: where it does not run, or something leaves the graph, with the line.
    """
    found, last = _found(layer, guesses(_parameters(layer), given, seed, exact), seed)
    if found is None:
        if exact and last is not None:
            with blamed(path, "fails in forward"):
                raise last
        names = ", ".join(f"{name}=4x5" for name, p in _parameters(layer).items() if p.default is p.empty)
        reason = f" ({type(last).__name__}: {last})" if last is not None else ""
        raise UnusableError(
            f"{path}: no inputs were found with which {layer.name} runs{reason}; "
            f"say their shapes: --shapes {names}, with y=4<3 for whole numbers below 3, stride=(1) for a value"
        )
    arguments, plain_own, returned = found
    with blamed(path, f"fails in the forward pass of {layer.name}, recorded"), warnings.catch_warnings():
        warnings.simplefilter("error", GradientWarning)
        with replaced_kept(), _seeded(seed), redirect_stdout(StringIO()), recording_numpy(_users(module)):
            leaves = {name: _leaf(name, value) for name, value in arguments.items()}
            own, made, local = _run_recorded(layer, leaves)
    forward, backward = layer.bound(plain_own)
    takes = _Taking.of(backward, returned)
    outputs = _tensors(made, takes, path, layer)
    _compare(outputs, takes.outputs_of(returned), path, layer)
    _name(outputs, made, local, takes, backward, own)
    rng = np.random.default_rng([seed, 1])
    upstream = [np.asarray(rng.standard_normal(out.shape), out.dtype) for out in outputs]
    if not takes.gradients:
        upstream = [np.ones_like(out.numpy()) for out in outputs]
    if dout is not None:
        with blamed(path, "gives a dout that does not fit"):
            upstream = [np.asarray(np.broadcast_to(dout, outputs[0].shape), outputs[0].dtype)]
    captured = graph(list(outputs), upstream)
    cache = takes.cache_of(returned)
    if cache is None and takes.with_cache:
        cache = arguments | {node.name: np.array(node.value) for node in captured.nodes if node.name}
    dout = upstream[0] if len(outputs) == 1 else tuple(upstream)
    inputs = {node.name or "": node.shape for node in captured.nodes if node.is_leaf and node.requires_grad}
    ignored = tuple(inspect.signature(forward if backward is None else backward).parameters)
    adapted: Callable[..., Any]
    if backward is None:
        adapted = _Adapted(forward, lambda *_: _rest(forward(**_for(forward, copied(arguments)))), inputs, None)
    else:
        adapted = takes.adapted(backward, inputs, plain_own)
    return Recorded(outputs, dout, cache, adapted, captured, ignored, _said(arguments, seed, exact), arguments)


def _found(
    layer: Layer, tried: Iterable[dict[str, Any]], seed: int
) -> tuple[tuple[dict[str, Any], Any, Any] | None, BaseException | None]:
    """The first arguments with which both passes run, else the forward pass; its object and result; the last error."""
    first: tuple[dict[str, Any], Any, Any] | None = None
    last: BaseException | None = None
    for arguments in tried:
        floats = any(isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in arguments.values())
        if not floats and layer.made_by is None:
            continue
        try:
            with _quietly(seed):
                own, returned = _run(layer, copied(arguments))
        except (Exception, SystemExit) as error:  # the user's code may raise anything for inputs of other shapes
            last = error
            continue
        if not _is_result(returned):
            continue
        run = arguments, own, returned
        if layer.backward is None or _runs_back(layer, run, seed):
            first = run
            break
        first = first or run
    if first is not None and layer.made_by is not None:  # its object may keep what the backward pass has added up
        with _quietly(seed):
            first = first[0], *_run(layer, copied(first[0]))
    return first, last


def _runs_back(layer: Layer, run: tuple[dict[str, Any], Any, Any], seed: int) -> bool:
    """Whether the backward pass runs, whatever it computes."""
    _, own, returned = run
    backward = layer.bound(own)[1] or layer.backward
    takes = _Taking.of(backward, returned)
    cache = takes.cache_of(returned)
    if takes.with_cache and cache is None:
        return True  # which gets the recorded values
    upstream = tuple(np.ones_like(out) for out in takes.outputs_of(returned))
    gradient = upstream[0] if len(upstream) == 1 else upstream
    try:
        with _quietly(seed):
            takes.adapted(backward, {}, own)(gradient, *([copied(cache)] if takes.with_cache else []))
    except (Exception, SystemExit):  # as above
        return False
    return True


def _said(arguments: Mapping[str, Any], seed: int, exact: bool) -> str:
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    shapes = ", ".join(f"{name} {value.shape}" for name, value in arrays.items())
    drawn = "given by inputs()" if exact else f"drawn from seed {seed}"
    return f"recorded as it stands, with what it assigns to items of arrays; inputs {drawn}: {shapes}" if shapes else ""


def _rest(returned: Any) -> Any:
    """What a function returns besides the loss."""
    gradients = returned[1:]
    return gradients[0] if len(gradients) == 1 else tuple(gradients)


def _parameters(layer: Layer) -> dict[str, inspect.Parameter]:
    """The parameters of its forward pass, and of its constructor."""
    if layer.made_by is None:
        return dict(inspect.signature(layer.forward).parameters)
    made = dict(inspect.signature(layer.made_by).parameters)
    return {**made, **dict(list(inspect.signature(getattr(layer.made_by, layer.forward)).parameters.items())[1:])}


def _run(layer: Layer, arguments: Mapping[str, Any]) -> tuple[Any, Any]:
    own = _made(layer, arguments)
    forward, _ = layer.bound(own)
    return own, forward(**_for(forward, arguments))


def _made(layer: Layer, arguments: Mapping[str, Any]) -> Any:
    return None if layer.made_by is None else layer.made_by(**_for(layer.made_by, arguments))


def _for(function: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: arguments[name] for name in inspect.signature(function).parameters if name in arguments}


def _run_recorded(layer: Layer, leaves: Mapping[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """The same on `Array` s, and the local variables of the forward pass that were assigned once."""
    own = _made(layer, leaves)
    if hasattr(own, "__dict__"):
        vars(own).update({name: _recorded_attribute(name, value) for name, value in vars(own).items()})
    forward, _ = layer.bound(own)
    watch = Watch(forward)
    with watch:
        made = forward(**_for(forward, leaves))
    names = {name: value for name, value in watch.local.items() if name in settled(forward)}
    return own, made, names


def _leaf(name: str, value: Any) -> Any:
    """An array of floats as an `Array` that gradients flow to; whole numbers and anything else as they are."""
    if isinstance(value, Tensor):
        value = value.numpy()
    if isinstance(value, np.ndarray | np.floating) and np.asarray(value).dtype.kind == "f":
        return Array(tensor(np.asarray(value), name=name, requires_grad=True))
    return copied(value)


def _recorded_attribute(name: str, value: Any) -> Any:
    """An attribute of a layer's object, with its arrays as `Array` s that gradients flow to."""
    if isinstance(value, dict):
        return {key: _recorded_attribute(key, x) for key, x in value.items()}
    if isinstance(value, Array) and not value.recorded.requires_grad:
        value = value.recorded.numpy()
    return _leaf(name, value) if isinstance(value, np.ndarray) else value


def _is_result(returned: Any) -> bool:
    out = returned[0] if isinstance(returned, tuple) and returned else returned
    return isinstance(out, np.ndarray | np.floating | float) and np.asarray(out).dtype.kind == "f"


@contextmanager
def _quietly(seed: int) -> Iterator[None]:
    """The user's code is tried within the block: it is not seen or heard, and what it replaces is put back."""
    with replaced_kept(), _seeded(seed), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with redirect_stdout(StringIO()):
            yield


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """NumPy's global generator starts from a seed within the block, and goes on afterwards as if nothing had been."""
    before = np.random.get_state()  # noqa: NPY002 -- it is what the user's code draws from
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


def _users(module: ModuleType) -> list[ModuleType]:
    """The file's module and those of its folder that it has imported."""
    folder = Path(module.__file__ or "").parent.resolve()
    own = [module]
    for other in list(sys.modules.values()):
        file = getattr(other, "__file__", None)
        if file and other is not module and folder in Path(file).resolve().parents and "site-packages" not in file:
            own.append(other)
    return [m for m in own if not m.__name__.startswith("micrograd_tensor")]


# ------------------------------------------------------------------------------ what backward takes and forward gives


@dataclass(frozen=True, slots=True)
class _Taking:
    """Which arguments of a backward pass are gradients, which one is the cache, and how many outputs there are."""

    gradients: tuple[str, ...]
    cache: str | None
    cache_first: bool
    split: bool

    @classmethod
    def of(cls, backward: Callable[..., Any] | None, returned: Any) -> _Taking:
        if backward is None:
            return cls((), None, False, True)
        parameters = inspect.signature(backward).parameters.values()
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        names = [p.name for p in positional if p.default is p.empty] or [p.name for p in positional[:1]]
        caches = [name for name in names if _CACHES.fullmatch(name) and not name.startswith(("d_", "grad"))]
        several = isinstance(returned, tuple)
        if not caches and several and len(names) == len(returned) > 1:
            caches = names[-1:]
        elif not caches and len(names) > 1 and not several:
            caches = names[1:2]
        cache = caches[0] if caches else None
        gradients = tuple(name for name in names if name != cache)
        return cls(gradients, cache, bool(names) and names[0] == cache, several)

    @property
    def with_cache(self) -> bool:
        return self.cache is not None

    def outputs_of(self, returned: Any) -> tuple[Any, ...]:
        if not self.split:
            return (returned,)
        count = max(len(self.gradients), 1)
        return tuple(returned[:count])

    def cache_of(self, returned: Any) -> Any:
        if not self.split or not self.with_cache:
            return None
        rest = returned[max(len(self.gradients), 1) :]
        return (rest[0] if len(rest) == 1 else tuple(rest)) if rest else None

    def adapted(
        self, backward: Callable[..., Any], inputs: Mapping[str, tuple[int, ...]], own: Any
    ) -> Callable[..., Any]:
        """The backward pass as a function of the upstream gradient, or a tuple of them, and the cache."""
        if len(self.gradients) == 1 and not self.cache_first and own is None:
            return backward

        def call(dout: Any, cache: Any = None) -> Any:
            named = dict(zip(self.gradients, dout if len(self.gradients) > 1 else (dout,), strict=False))
            return backward(**named, **({self.cache: cache} if self.cache else {}))

        return _Adapted(backward, call, inputs, own)


class _Adapted:
    """A backward pass, called in another way; its source and its local variables are those of the user's function.

    Of an object, the gradients that the call leaves in its attributes, or in a dictionary there, are returned too.
    """

    def __init__(
        self, function: Any, call: Callable[..., Any], inputs: Mapping[str, tuple[int, ...]], own: Any
    ) -> None:
        self.__wrapped__ = function
        self.__signature__ = inspect.signature(_two)
        self._call, self._inputs, self._own = call, inputs, own

    def __call__(self, dout: Any, cache: Any = None) -> Any:
        returned = self._call(dout, cache)
        if self._own is None:
            return returned
        several = returned if isinstance(returned, tuple) else () if returned is None else (returned,)
        held: dict[str, Any] = {}
        for name, value in vars(self._own).items():
            if isinstance(value, dict) and "grad" in name.lower():
                held |= {f"d{key}" if key in self._inputs else key: x for key, x in value.items()}
            else:
                held[name] = value
        keys, _ = spelled([key for key in held if isinstance(key, str)], self._inputs)
        rest = [name for name in self._inputs if name not in keys]
        if len(rest) != len(several) and keys:
            return {f"d{name}": held[key] for name, key in keys.items()} | self._fitting(several, rest)
        if len(rest) != len(several):
            return returned
        found = {name: held[key] for name, key in keys.items()} | dict(zip(rest, several, strict=True))
        return tuple(found[name] for name in self._inputs)

    def _fitting(self, several: tuple[Any, ...], names: list[str]) -> dict[str, Any]:
        """What was returned beside attributes, by the first of the other inputs that has its shape."""
        found: dict[str, Any] = {}
        for k, value in enumerate(several):
            shaped = [n for n in names if self._inputs[n] == np.shape(value) and f"d{n}" not in found]
            found[f"d{shaped[0]}" if shaped else f"dreturned{k}"] = value
        return found


def _two(dout: Any, cache: Any = None) -> None:
    """Has the signature of a backward pass as it is called."""


def _tensors(made: Any, takes: _Taking, path: Path, layer: Layer) -> tuple[Tensor, ...]:
    found = []
    for out in takes.outputs_of(made):
        value = out.recorded if isinstance(out, Array) else out
        if not isinstance(value, Tensor):
            raise UnusableError(
                f"{path}: the forward pass of {layer.name} returned {type(value).__name__} where its result belongs, "
                "which was not recorded; compute it with NumPy from the arguments, and keep it in arrays, not in lists"
            )
        if not value.requires_grad:
            raise UnusableError(
                f"{path}: what the forward pass of {layer.name} returned depends on no argument of floats, so there is "
                "no gradient"
            )
        found.append(value)
    return tuple(found)


def _compare(outputs: tuple[Tensor, ...], plain: tuple[Any, ...], path: Path, layer: Layer) -> None:
    for out, due in zip(outputs, plain, strict=True):
        if out.shape != np.shape(due) or not np.allclose(out.numpy(), due, rtol=1e-9, atol=1e-12, equal_nan=True):
            raise UnusableError(
                f"{path}: recorded, the forward pass of {layer.name} gives other numbers than by itself, perhaps "
                "because it writes into a view of an array, such as a reshape of it; copy it first"
            )


# --------------------------------------------------------------------------------------------------------------- names


def _name(
    outputs: tuple[Tensor, ...],
    made: Any,
    names: Mapping[str, Any],
    takes: _Taking,
    backward: Callable[..., Any] | None,
    own: Any,
) -> None:
    """Give the recorded tensors the names that the user has for them: in the cache, in backward, in forward."""
    recorded = set(ancestors(list(outputs)))
    taken = {t.name for t in recorded if t.name is not None}

    def call(name: Any, value: Any) -> None:
        t = value.recorded if isinstance(value, Array) else value
        unnamed = isinstance(t, Tensor) and t in recorded and t.name is None and t.requires_grad
        if unnamed and isinstance(name, str) and name not in taken and name.isidentifier():
            t.named(name)
            taken.add(name)

    for out, gradient in zip(outputs, takes.gradients, strict=False):
        if len(gradient) > 1 and gradient[0] == "d":
            call(gradient[1:].lstrip("_"), out)
    cache = takes.cache_of(made)
    if isinstance(cache, (tuple, list)) and takes.cache is not None and backward is not None:
        for names_there in _unpacked(backward, takes.cache):
            for name, value in zip(names_there, cache, strict=False):
                call(name, value)
    if isinstance(cache, Mapping):
        for name, value in cache.items():
            call(name, value)
    for name, value in names.items():
        call(name, value)
    for name, value in vars(own).items() if hasattr(own, "__dict__") else ():
        call(name.lstrip("_"), value)
    for out in outputs:
        if out.name is None:
            call("out" if len(outputs) == 1 else f"out{outputs.index(out)}", out)


def _unpacked(backward: Callable[..., Any], cache: str) -> list[list[str]]:
    """The names that a backward pass unpacks its cache into."""
    found = []
    for statement in assignments(backward):
        match = re.fullmatch(rf"\(?(?P<names>[\w\s,]+?),?\)?\s*=\s*{re.escape(cache)}", statement.text)
        if match:
            found.append([name.strip() for name in match["names"].split(",")])
    return found
