"""A user's file as an exercise: its forward pass, recorded at its inputs, and its backward pass to be judged."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..check.given import is_array
from ..check.running import called, copied
from ..engine.arrays import plain
from ..engine.errors import DTypeError, GradientWarning
from ..engine.tensor import Tensor, tensor
from ..graph import graph, named_nodes
from ..graph.nodes import nearest
from ..notation.printable import listed
from .dictionaries import spread
from .functions_given import functions_given
from .initializers import made_by_initializer
from .layers import Layer, parameters_of, parameters_of_constructor
from .recording import recorded
from .task import Task
from .unusable import UnusableError
from .user_file import blamed
from .variables import named_by_variables
from .varied import Vary

_UPSTREAM = "dout"
_INPUTS = """write a function that returns them by name, such as
    def inputs():
        rng = np.random.default_rng(0)
        return {%s}"""


def read(module: ModuleType, path: Path, seed: int, vary: Vary | None = None) -> Task:
    """Run a file's forward pass.

    Args:
        module: the loaded file: ``forward(...)`` on Tensors, ``backward(dout, cache)`` on arrays, ``inputs()``.
        path: the file, for messages.
        seed: the seed of the upstream gradient, and of the inputs if `inputs` takes one.
        vary: makes other inputs of these.

    Raises:
        UnusableError: for whatever is missing, does not match or fails, with the way out.
    """
    forward, backward = _function(module, path, "forward", "(x)"), _function(module, path, "backward", "(dout, cache)")
    try:
        inspect.signature(backward).bind(None, None)
    except TypeError:
        wanted = f"backward(dout, cache), not backward{inspect.signature(backward)}"
        raise UnusableError(f"{path}: write {wanted}") from None
    arguments, upstream = _arguments(module, path, forward, seed, vary=vary)
    if not any(isinstance(value, Tensor) and value.requires_grad for value in arguments.values()):
        named = _list(arguments)
        raise UnusableError(f"{path}: none of the inputs {named} is an array of floats, so there is no gradient")
    out, own = _ran(path, "forward", forward, arguments)
    dout = _upstream(path, out, upstream, seed)
    with blamed(path, "cannot be differentiated"):
        captured = graph(out, dout)
    cache = copied(own)
    if own is None:
        cache = {name: copied(value) for name, value in arguments.items()}
        cache |= {name: np.array(node.value) for name, node in named_nodes(captured).items()}
    ignored = tuple(inspect.signature(backward).parameters)[:2]

    def run_both() -> None:
        forward(**arguments)
        called(backward, dout, cache)

    again = partial(read, module, path, seed)
    return Task(captured, dout, upstream is None, cache, backward, ignored, forward, run_both, again)


def read_layer(
    module: ModuleType, layer: Layer, path: Path, seed: int, shapes: Mapping[str, Any], without: Iterable[str] = ()
) -> Iterator[Task]:
    """Run a layer in plain NumPy: at what its file's ``inputs()`` gives for it, or at inputs of given or found shapes.

    Where inputs were found, the likeliest are first, and a layer that is right at one of them is right: it may be meant
    for labels that are one-hot, or for numbers between 0 and 1.

    Args:
        module: the loaded file.
        layer: which of its layers.
        path: the file, for messages.
        seed: as for `read`.
        shapes: those that are given, and values, by name.
        without: the numbers in whose place 0 is put.

    Raises:
        UnusableError: as `read` does.
    """
    given, exact, upstream = dict(shapes), False, None
    if callable(getattr(module, "inputs", None)) and not shapes:
        parameters = parameters_of(layer)
        sizes = parameters_of_constructor(layer)  # those that are not given are guessed
        given = _inputs(module, path, parameters, seed, "forward", free=sizes)
        upstream = given.pop(_UPSTREAM, None) if _UPSTREAM not in parameters else None
        exact = all(name in given for name, p in sizes.items() if p.default is p.empty)
    given = {**functions_given(layer, module), **given}
    made = made_by_initializer(layer, seed) if not given else None
    if made is not None and made.instead:
        raise UnusableError(
            f"{path}: the gradients of {layer.name} have the shapes of the weights that {made.instead} makes, and not "
            f"of those of {made.call}; write inputs(), which returns {listed([*parameters_of(layer)])} as they are "
            "meant; then it is judged"
        )
    layer, given = (made.layer, made.given) if made is not None else spread(layer, given | dict.fromkeys(without, 0))
    return recorded(module, layer, path, seed, given, exact, upstream, made.call if made is not None else "")


def output(module: ModuleType, path: Path, name: str, seed: int) -> Tensor:
    """What a function of a file returns on the arguments that ``inputs()`` gives it; without parameters, on none.

    Values that have no names are called as the function's variables are.

    Raises:
        UnusableError: for whatever is missing, does not match or fails, with the way out.
    """
    function = _function(module, path, name, "(x)")
    arguments = _arguments(module, path, function, seed, name)[0] if inspect.signature(function).parameters else {}
    with named_by_variables(function):
        return _ran(path, name, function, arguments)[0]


def _arguments(
    module: ModuleType,
    path: Path,
    forward: Callable[..., Any],
    seed: int,
    called: str = "forward",
    vary: Vary | None = None,
) -> tuple[dict[str, Any], Any]:
    """The arguments of a forward pass, arrays as Tensors, and the upstream gradient if it is given, too.

    An upstream gradient does not fit inputs that vary.
    """
    given = _inputs(module, path, inspect.signature(forward).parameters, seed, called)
    upstream = given.pop(_UPSTREAM, None) if _UPSTREAM not in inspect.signature(forward).parameters else None
    if vary is not None:
        given, upstream = vary(given), None
    return {name: _argument(path, name, value) for name, value in given.items()}, upstream


def _ran(path: Path, name: str, forward: Callable[..., Any], arguments: Mapping[str, Any]) -> tuple[Tensor, Any]:
    """The result of a forward pass, which has a name, and the cache that it returned, or None."""
    with blamed(path, f"fails in {name}"), warnings.catch_warnings():
        warnings.simplefilter("error", GradientWarning)  # what leaves the graph would make a right derivation wrong
        returned = forward(**arguments)
    out, own = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, None)
    if not isinstance(out, Tensor):
        raise UnusableError(
            f"{path}: {name} returned {_kind(returned)}; it must return a Tensor, or a Tensor and a cache"
        )
    if not out.requires_grad:
        raise UnusableError(
            f"{path}: what {name} returned depends on no input of floats; compute it with operators and mt functions"
        )
    return out if out.name is not None else out.named("out"), own


def _function(module: ModuleType, path: Path, name: str, signature: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if not callable(found):
        reason = "has no function" if found is None else f"has {_kind(found)} for"
        raise UnusableError(f"{path} {reason} {name}; write def {name}{signature}, or see a file made by --new")
    return found  # type: ignore[no-any-return]  # whatever it is, it can be called


def _inputs(
    module: ModuleType,
    path: Path,
    parameters: Mapping[str, inspect.Parameter],
    seed: int,
    called: str,
    free: Container[str] = (),
) -> dict[str, Any]:
    """The arguments of forward by name, of which some are free to be left out; and the upstream gradient, if given."""
    for name, parameter in parameters.items():
        if name not in free and parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            written = ", ".join(map(str, parameters.values()))
            raise UnusableError(f"{path}: {called}({written}) has {parameter}; give each input a name")
    names = sorted(parameters, key=lambda name: name in free)
    if not hasattr(module, "inputs"):
        example = ", ".join(f'"{name}": rng.normal(size=(7, 4))' for name in names)
        raise UnusableError(f"{path} has no inputs() to run {called} on; {_INPUTS % example}")
    inputs = _function(module, path, "inputs", "()")
    with blamed(path, "fails in inputs"):
        given = inputs(seed=seed) if "seed" in inspect.signature(inputs).parameters else inputs()
    if given is None:
        raise UnusableError(f"{path}: inputs() returned nothing; end it with return and the inputs of {called} by name")
    found = dict(given) if isinstance(given, Mapping) else _in_order(path, given, names, called)
    for name in found:
        if name not in names and name != _UPSTREAM:
            raise UnusableError(
                f"{path}: inputs() gives {name!r}, which is not a parameter of {called}{nearest(name, names)}"
            )
    found = {name: p.default for name, p in parameters.items() if p.default is not p.empty} | found
    missing = [name for name in names if name not in found and name not in free]
    if missing:
        raise UnusableError(f"{path}: inputs() does not give {_list(missing)}, which {called} takes")
    return {name: _of_numpy(path, name, value) for name, value in found.items()}


def _of_numpy(path: Path, name: str, value: Any) -> Any:
    """An array of another library, such as PyTorch or JAX, as one of NumPy; anything else stays as it is."""
    if isinstance(value, Tensor | np.ndarray) or not is_array(value):
        return value
    with blamed(path, f"gives {name} in inputs(), which is no array of NumPy's,"):
        return plain(value, called=f"inputs(): {name}")


def _in_order(path: Path, given: Any, names: list[str], called: str) -> dict[str, Any]:
    """Inputs without names: several in a tuple or a list of arrays, or a single one."""
    several = isinstance(given, tuple) or (isinstance(given, list) and any(isinstance(x, np.ndarray) for x in given))
    values = given if several else (given,)
    if len(values) > len(names):
        raise UnusableError(
            f"{path}: inputs() returned {len(values)} values, but {called} takes {len(names)}: {_list(names)}"
        )
    return dict(zip(names, values, strict=False))


def _argument(path: Path, name: str, value: Any) -> Any:
    """Arrays and lists become named Tensors, with gradients if they hold floats; anything else stays as it is."""
    if isinstance(value, Tensor):
        value = value.numpy()
    if not isinstance(value, (np.ndarray, np.generic, list)):
        return value
    try:
        array = np.asarray(value)
        return tensor(array, name=name, requires_grad=array.dtype.kind == "f")
    except (DTypeError, ValueError, TypeError) as error:
        raise UnusableError(f"{path}: inputs() gives {name}, which is not an array of numbers: {error}") from None


def _upstream(path: Path, out: Tensor, given: Any, seed: int) -> Any:
    """The upstream gradient: as given, or drawn from a stream of its own, which no inputs() with this seed uses."""
    if given is None:
        return np.asarray(np.random.default_rng([seed, 1]).standard_normal(out.shape), out.dtype)
    try:
        array = np.array(given.numpy() if isinstance(given, Tensor) else given, out.dtype)
    except (ValueError, TypeError) as error:
        raise UnusableError(f"{path}: inputs() gives {_UPSTREAM}, which is not an array of numbers: {error}") from None
    if array.shape != out.shape:
        raise UnusableError(f"{path}: inputs() gives {_UPSTREAM} of shape {array.shape}, but out has {out.shape}")
    return array


def _kind(value: Any) -> str:
    name = type(value).__name__.removeprefix("nd")  # NumPy's word for an array
    return "None" if value is None else f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _list(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(names)
