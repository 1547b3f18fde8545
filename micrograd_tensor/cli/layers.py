"""The layers of a user's file: pairs of functions, classes with two methods, losses that return their gradients.

A layer is ``NAME_forward`` and ``NAME_backward``, ``forward`` and ``backward``, or a class with these two methods; or a
function that returns its result and its backward pass; or a function or a method that returns a loss and its gradients.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import linecache
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ..check.nested import leaves
from ..check.syntax import source_of, text_of
from .closures import returned_backward
from .costs import class_with_cost, followed_by_cost
from .derivatives import Argument, derivative_of, derivative_pairs, is_derivative, reading_of, sources_of
from .held import is_object
from .losses import is_called_as_loss, returns_loss, with_loss_first
from .roles import is_labels
from .static_passes import static_passes


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a file.

    Attributes:
        name: how it is asked for.
        forward: its forward pass; of a class, a method's name.
        backward: likewise; None where forward returns a loss and its gradients.
        made_by: the class, or None.
        cost: the function that its forward pass ends with, where that is another one of the file; or None.
        reading: what the first argument of its backward pass is taken for, if that is a derivative.
    """

    name: str
    forward: Any
    backward: Any
    made_by: type | None = None
    cost: Any = None
    reading: Argument = ""

    @property
    def text(self) -> str:
        """The text of its forward pass, and of its cost, where labels are called as the backward pass calls them."""
        text = text_of(self.function_forward)
        if self.cost is None:
            return text
        functions = (self.function_forward, self.cost)
        own, its = ([n for n in inspect.signature(f).parameters if is_labels(n)] for f in functions)
        of_cost = text_of(self.cost)
        return text + (re.sub(rf"\b{its[0]}\b", own[0], of_cost) if len(own) == len(its) == 1 else of_cost)

    @property
    def function_forward(self) -> Callable[..., Any]:
        """Its forward pass, as a function."""
        return self.forward if self.made_by is None else getattr(self.made_by, self.forward)  # type: ignore[no-any-return]  # as given

    @property
    def function(self) -> Callable[..., Any]:
        """Its backward pass, as a function, or the one that does both."""
        if self.backward is None:
            return self.function_forward
        return self.backward if self.made_by is None else getattr(self.made_by, self.backward)  # type: ignore[no-any-return]  # as given

    @property
    def sources(self) -> Mapping[str, str]:
        """Of a derivative, its arguments and which of its function's they are."""
        return sources_of(self.function_forward, self.function, self.reading) if self.reading else {}

    def ran(self, own: Any, arguments: Mapping[str, Any]) -> Any:
        """What its forward pass returns for those of some arguments that it takes, or else leaves in its object."""
        forward, _ = self.bound(own)
        returned = forward(**wanted_by(forward, arguments))
        left = vars(own) if returned is None and hasattr(own, "__dict__") else {}
        return next((left[name] for name in _OUTPUTS if name in left), returned)

    def made(self, arguments: Mapping[str, Any]) -> Any:
        """A new object of its class, of those arguments that the constructor takes; None where there is no class.

        Layers among these are copied, as they keep what passes through them.
        """
        if self.made_by is None:
            return None
        parameters, named = inspect.signature(self.made_by).parameters, wanted_by(self.made_by, arguments)
        named = {n: deepcopy(x) if any(map(is_object, leaves(x))) else x for n, x in named.items()}
        in_order = list[Any]()
        several = next((n for n, p in parameters.items() if p.kind is p.VAR_POSITIONAL and n in named), None)
        if several is not None:  # as of Sequential(*layers)
            before = itertools.takewhile(lambda name: name != several, parameters)
            in_order = [*(named.pop(name) for name in before if name in named), *named.pop(several)]
        return self.made_by(*in_order, **named)

    def bound(self, own: Any) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
        """Its two functions, the second None where one does both; of a class, those of an instance."""
        if self.made_by is None:
            return self.forward, self.backward
        return getattr(own, self.forward), None if self.backward is None else getattr(own, self.backward)


def texts_in(layer: Layer) -> set[str]:
    """The texts in the source of its two functions and of those of its file that they call; of a class, in its file.

    Among them are the names of settings that it reads, as ``conv_param["stride"]``.
    """
    functions = [x for x in (layer.function_forward, layer.function, layer.cost) if x is not None]
    own = inspect.unwrap(functions[0])
    there, texts = own.__globals__, dict[Any, str]()
    if layer.made_by is not None:
        file = "".join(linecache.getlines(own.__code__.co_filename))
        return set(re.findall(_TEXT, file))
    while functions:
        function = functions.pop()
        text = texts[function] = text_of(function)
        called = (there.get(name) for name in re.findall(r"\w+", text))
        functions += {x for x in called if inspect.isfunction(x) and x not in texts}
    return set(re.findall(_TEXT, "".join(texts.values())))


_TEXT = r"['\"](\w+)['\"]"


def no_layers(layer: Layer, own: Any) -> str:
    """The attribute of a layer's object whose layers its forward pass calls one after another, if it holds none; or "".

    As ``self.layers`` in ``for layer in self.layers: x = layer.forward(x)``.
    """
    held = vars(own) if hasattr(own, "__dict__") else {}
    empty = {name for name, x in held.items() if isinstance(x, list | tuple | dict) and not x}
    return next((name for name in _called_in_order(layer) if name in empty), "")


def arguments_of_layers(layer: Layer) -> list[str]:
    """The arguments of a class's constructor that are the layers which its forward pass calls one after another."""
    constructor = source_of(layer.made_by.__init__) if layer.made_by is not None else None  # type: ignore[misc]  # its own
    attributes, found = {*_called_in_order(layer)}, dict[str, None]()
    for node in constructor.nodes if constructor is not None else ():
        match node:
            case ast.Assign([ast.Attribute(attr=name)], value) | ast.AnnAssign(ast.Attribute(attr=name), _, value):
                if name in attributes and value is not None:
                    found |= {x.id: None for x in ast.walk(value) if isinstance(x, ast.Name)}
    return [name for name in parameters_of_constructor(layer) if name in found]


def _called_in_order(layer: Layer) -> Iterator[str]:
    """The attributes over which the forward pass of a class loops and calls each."""
    source = source_of(layer.function_forward) if layer.made_by is not None else None
    for node in source.nodes if source is not None else ():
        if isinstance(node, ast.For | ast.comprehension) and _calls(node):
            yield from (x.attr for x in ast.walk(node.iter) if isinstance(x, ast.Attribute))


def _calls(loop: ast.For | ast.comprehension) -> bool:
    """Whether a loop assigns what its steps return, which it calls or whose method it calls; of a comprehension yes."""
    if isinstance(loop, ast.comprehension):
        return True
    steps = {x.id for x in ast.walk(loop.target) if isinstance(x, ast.Name)}
    made = (x.value for line in loop.body for x in ast.walk(line) if isinstance(x, ast.Assign))
    called = (x.func for value in made for x in ast.walk(value) if isinstance(x, ast.Call))
    return any(isinstance(x, ast.Name) and x.id in steps for one in called for x in ast.walk(one))


_OUTPUTS = ("output", "outputs", "out", "y", "a", "A", "result", "loss")
"""The attributes in which a forward pass that returns nothing leaves its result."""


def wanted_by(function: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some arguments that a function takes."""
    return {name: arguments[name] for name in inspect.signature(function).parameters if name in arguments}


def parameters_of_constructor(layer: Layer) -> dict[str, inspect.Parameter]:
    """The parameters of the constructor of a layer that is a class."""
    return {} if layer.made_by is None else dict(inspect.signature(layer.made_by).parameters)


def parameters_of(layer: Layer) -> dict[str, inspect.Parameter]:
    """The parameters of its forward pass, and of its constructor."""
    if layer.made_by is None:
        return dict(inspect.signature(layer.forward).parameters)
    forward = list(inspect.signature(getattr(layer.made_by, layer.forward)).parameters.items())[1:]
    return {**parameters_of_constructor(layer), **dict(forward)}


def layers_of(module: ModuleType) -> dict[str, Layer]:
    """The layers of a module, by name, in the order of its text."""
    functions = {n: f for n, f in vars(module).items() if inspect.isfunction(f)}
    called = {n.casefold(): f for n, f in functions.items()}  # reluForward, reluBackward
    found: dict[str, Layer] = {}
    pairs: dict[str, Any] = {}
    for name, backward in functions.items():
        named = (called[way] for way in _forwards(name) if called.get(way, backward) is not backward)
        if (forward := next(named, None)) is not None:
            pairs[name] = forward
    costs = [f for n, f in functions.items() if _is_cost(n, f) and f not in pairs.values()]
    derivatives = {name: of for name, of in derivative_pairs(functions).items() if name not in pairs}
    for name, backward in functions.items():
        if backward.__module__ != module.__name__:
            continue
        if name in pairs:
            stem = "_".join(filter(None, re.sub(_BACKWARD, "", name).split("_"))) or "forward"
            passes, cost = followed_by_cost(pairs[name], backward, costs, functions.values())
            reading = reading_of(pairs[name], backward) if is_derivative(name) and cost is None else ""
            found[stem] = Layer(stem, passes, backward, cost=cost, reading=reading)
        elif name in derivatives:
            stem, forward = derivatives[name], functions[derivatives[name]]
            stem = name if stem in found else stem
            found[stem] = Layer(stem, forward, backward, reading=reading_of(forward, backward))
        elif (inner := returned_backward(backward)) is not None:
            stem = re.sub(r"_(forward|fwd)$", "", name)
            found[stem] = Layer(stem, backward, inner)
        elif backward not in pairs.values() and returns_loss(name, backward):
            found[name] = Layer(name, with_loss_first(backward), None)
    for name, made in vars(module).items():
        if inspect.isclass(made) and made.__module__ == module.__name__:
            found |= {x.name: x for x in _of_class(name, made, costs)}
    made_of = [layer.made_by for layer in found.values() if layer.made_by is not None]
    blank = {n for n, x in found.items() if x.made_by is not None and x.backward and _is_blank(x.function)}
    derived = {n for n in blank if any(found[n].made_by in x.__mro__[1:] for x in made_of)}
    return {name: layer for name, layer in found.items() if name not in derived}


def _of_class(name: str, made: type, costs: Iterable[Callable[..., Any]]) -> Iterator[Layer]:
    """The layers that a class is: one, and its methods that are derivatives of others.

    Args:
        name: of the class.
        made: the class.
        costs: the functions of its file that are called as costs.
    """
    derivatives = _derivatives_in(made)
    yield from (x for x in derivatives if x.name != name)
    if (static := static_passes(made)) is not None:
        if not _is_blank(vars(made)["forward"].__func__):
            yield Layer(name, *static)
        return
    methods = {way for base in made.__mro__[:-1] for way, x in vars(base).items() if inspect.isfunction(x)}
    forwards, backwards = ([way for way in ways if way in methods] for ways in (_FORWARDS, _BACKWARDS))
    whole = next((x for x in derivatives if x.name == name), None)
    losses = [way for way, x in vars(made).items() if inspect.isfunction(x) and returns_loss(way, x)]
    paired = [(way, back) for back in vars(made) for way in _forwards(back) if way in methods - {back}]
    if whole is not None and methods.isdisjoint({"forward", "backward"}):
        yield whole
    elif forwards and backwards and not _is_blank(getattr(made, forwards[0])):
        own = [f for way, f in vars(made).items() if way in methods - {forwards[0]} and _is_cost(way, f)]
        owner, way, cost = class_with_cost(made, forwards[0], backwards[0], [*own, *costs])
        yield Layer(name, way, backwards[0], owner, cost)
    elif losses:
        yield Layer(name, losses[0], None, made)
    elif paired:
        yield Layer(name, *paired[0], made)


def _derivatives_in(made: type) -> list[Layer]:
    """The methods of a class that are derivatives of others; where one is that of the class, it has its name."""
    methods, static = dict[str, Any](), dict[str, Any]()
    for base in reversed(made.__mro__[:-1]):
        methods |= {way: x for way, x in vars(base).items() if inspect.isfunction(x)}
        static |= {way: x.__func__ for way, x in vars(base).items() if isinstance(x, staticmethod)}
    found = list[Layer]()
    for functions in (methods, static):
        for back, way in derivative_pairs(functions).items():
            forward, backward = functions[way], functions[back]
            if {way, back}.isdisjoint(vars(made)) or _is_blank(forward) or _is_blank(backward):
                continue
            name = f"{made.__name__}.{way}" if derivative_of(back) else made.__name__
            reading = reading_of(forward, backward)
            of_object = Layer(name, way, back, made, reading=reading)
            found.append(of_object if functions is methods else Layer(name, forward, backward, reading=reading))
    return found


def has_passes_of(layer: Layer, base: Layer) -> bool:
    """Whether a layer is a class derived from another one whose passes run in it, so that they are judged with it."""
    if layer.made_by is None or base.made_by is None or layer.made_by is base.made_by:
        return False
    if base.made_by not in layer.made_by.__mro__:  # no protocol says that
        return False
    for way in filter(None, (base.forward, base.backward)):
        own, theirs = getattr(layer.made_by, way), getattr(base.made_by, way)
        if own is not theirs and not _is_blank(theirs) and f"super().{way}(" not in text_of(own):
            return False
    return True


def unpaired(module: ModuleType, layers: Mapping[str, Layer]) -> dict[str, str]:
    """The functions of a module that are called as one pass of a layer whose other pass is not there, and what is said.

    Those that a layer's passes call are parts of it.
    """
    from difflib import get_close_matches  # needed for messages alone

    functions = {n: f for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__}
    passes: list[Any] = [f for layer in layers.values() for f in (layer.function_forward, layer.function)]
    rest = {n: f for n, f in functions.items() if all(f is not one for one in passes)}
    lone = {n: f for n, f in rest.items() if re.search(_PASS, n)}
    texts = [(f, text_of(f)) for f in (*passes, *lone.values())]
    alone = [n for n, f in lone.items() if not any(re.search(rf"\b{n}\(", t) for one, t in texts if one is not f)]
    found, meant = dict[str, str](), set[str]()
    for name in sorted(alone, key=is_backward, reverse=True):
        if name in meant or re.match("(?i)forward_", name):  # forward_fill(x) fills
            continue
        way = "forward" if is_backward(name) else "backward"
        other = re.sub(_PASS, lambda one: _other(one[0]), name)
        close = get_close_matches(other, [n for n in rest if n != name], 1)
        meant.update(close)
        suggested = f"; is it {close[0]}?" if close else ""
        found[name] = f"no function here is its {way} pass, which would be called {other}{suggested}"
    return found


def is_backward(name: str) -> bool:
    """Whether a function is called as a backward pass.

    >>> is_backward("conv_backward"), is_backward("conv_forward")
    (True, False)
    """
    found = re.search(_PASS, name)
    return found is not None and found[0].lower() in ("backward", "bwd")


def _other(word: str) -> str:
    """The word for the other pass, in the same letters."""
    of = {"forward": "backward", "backward": "forward", "fwd": "bwd", "bwd": "fwd"}[word.lower()]
    return of.capitalize() if word[0].isupper() else of


_FORWARDS = (
    "forward", "forward_pass", "forward_propagation", "forward_prop", "feed_forward", "feedforward", "fwd", "__call__",
    "loss",
)  # fmt: skip
_BACKWARDS = (
    "backward", "backprop", "backward_pass", "backward_propagation", "backpropagation", "back_propagation",
    "backward_prop", "back_prop", "backprop_through_time", "bptt", "bwd", "grad", "gradient",
)  # fmt: skip
_PASS = re.compile(r"(?<![a-zA-Z])((for|back)ward|[fb]wd)(?![a-z])|((For|Back)ward|[FB]wd)(?![a-z])")
"""The word that tells that a function is one pass of a layer."""
_BACKWARD = re.compile(r"(?i)backward|backprop|bwd|grad(ient)?s?(?=_|$)")


def _forwards(backward: str) -> Iterator[str]:
    """How the forward pass may be called that belongs to a backward pass of this name, the likeliest first."""
    if not re.search(_BACKWARD, backward):
        return
    words = backward.split("_")
    for end in range(len(words), 0, -1):  # batchnorm_backward_alt belongs to batchnorm_forward
        rest = "_".join(words[:end])
        for way in ("forward", "fwd", "forw", "", "loss", "cost"):
            if re.search(_BACKWARD, rest):
                yield re.sub(r"__+", "_", re.sub(_BACKWARD, way, rest)).strip("_").casefold()


def _is_blank(method: Callable[..., Any]) -> bool:
    """Whether there is nothing in a method, as where it is there to be overridden."""
    source = source_of(method)
    if source is None:
        return False
    first = source.tree.body[0]
    body = first.body if isinstance(first, ast.FunctionDef) else [first]
    return all(
        isinstance(line, ast.Pass | ast.Raise)
        or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        or (isinstance(line, ast.Return) and "NotImplemented" in ast.unparse(line))
        for line in body
    )


def _is_cost(name: str, function: Callable[..., Any]) -> bool:
    """Whether a function is called as a loss, and returns that alone."""
    if not is_called_as_loss(name) or re.search(_BACKWARD, name) or is_derivative(name):
        return False
    return not returns_loss(name, function)


def is_plain(module: ModuleType) -> bool:
    """Whether passes are in plain NumPy: the file knows nothing of this package, or of no ``forward`` written in it."""
    if ".named(" in "".join(linecache.getlines(module.__file__ or "")):
        return False
    ours = [v for v in vars(module).values() if getattr(v, "__name__", "").split(".")[0] == "micrograd_tensor"]
    ours += [v for v in vars(module).values() if (getattr(v, "__module__", "") or "").startswith("micrograd_tensor")]
    return not ours or not hasattr(module, "forward")
