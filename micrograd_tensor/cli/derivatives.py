"""Derivatives: functions that give the slope of another one, and take no upstream gradient.

As ``sigmoid_derivative`` beside ``sigmoid``, or the method ``grad`` beside ``fn``. What a derivative takes is what the
function takes or, as in ``s * (1 - s)``, what it returns.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from .roles import role_of

Argument: TypeAlias = Literal["", "input", "output"]
"""What the first argument of a derivative is, of the function's; "" where a backward pass is none."""

_DERIVATIVE = re.compile(r"deriv(ative)?s?|der|primes?|grad(ient)?|slope|diff(erential)?|dash")
_FILLERS = {"of", "the", "to", "wrt", "from", "output", "out", "func", "function", "fn", "activation", "first"}
_OTHER_DS = re.compile(r"loss|forward|backward|step|train|optim|net|model|real|fake|fit")
"""What a ``d`` before it is a discriminator's."""
_UPSTREAM = re.compile(
    r"d[A-Z]\w*|d_\w+|d(out|[xyzal])?\d*|\w*grad\w*|g|up|upstream\w*|delta\w*|\w*(error|cache)\w*|ctx|accum\w*"
)
"""How an argument is called that makes a function a backward pass."""
_FUNCTIONS = ("fn", "f", "func", "function", "activation", "activate", "__call__", "call", "forward", "loss", "cost")
"""How the method is called whose derivative another one is that is called as one and nothing else."""
_KNOWN = (
    r"(hard|log)?sigmoid|logistic|(hard)?tanh|(leaky|p|soft)?relu6?|elu|selu|gelu|silu|swish|mish|softplus|softsign"
    r"|mse|mae|bce|(binary|categorical)?crossentropy|huber|hinge|squarederror|meansquarederror"
)
"""Functions whose derivatives people write, as `_key` calls them."""


def _words(name: str) -> list[str]:
    """The words of a name, as of ``sigmoid_prime``, ``sigmoidPrime`` or ``relu2deriv``."""
    apart = re.sub(r"2(?=deriv|grad|prime)", "_", name)
    return [word.casefold() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", apart)]


def _key(name: str) -> str:
    """What is compared of a function's name: its words, but those that say only that it is one."""
    words = _words(name)
    return "".join([word for word in words if word not in _FILLERS] or words)


def derivative_of(name: str) -> str:
    """What a function is by its name the derivative of; "" where it tells nothing.

    >>> [derivative_of(x) for x in ("sigmoid_prime", "dReLU", "tanh2deriv", "deriv_of_f", "dsoftplus", "grad", "dot")]
    ['sigmoid', 'relu', 'tanh', 'f', 'softplus', '', 'ot']
    """
    words = _words(name)
    rest = [word for word in words if not _DERIVATIVE.fullmatch(word)]
    if len(rest) == len(words):
        if len(rest) > 1 and "d" in (rest[0], rest[-1]):
            rest = rest[1:] if rest[0] == "d" else rest[:-1]
        elif rest and rest[0][0] == "d":
            rest = [rest[0][1:], *rest[1:]]
        else:
            return ""
        if re.search(_OTHER_DS, "".join(rest)):
            return ""
    return "".join(word for word in rest if word not in _FILLERS)


def is_of_known(name: str) -> bool:
    """Whether a function is called as the derivative of one that is known by its name.

    >>> is_of_known("d_tanh"), is_of_known("leaky_relu_grad"), is_of_known("clip_grad")
    (True, True, False)
    """
    return re.fullmatch(_KNOWN, derivative_of(name)) is not None


def derivative_pairs(functions: Mapping[str, Callable[..., Any]]) -> dict[str, str]:
    """For the name of each derivative, among some functions, that of the function that it is of.

    Args:
        functions: by name; methods without the object.
    """
    keys = {_key(name): name for name in reversed([*functions]) if not is_derivative(name)}
    found = dict[str, str]()
    for name, derivative in functions.items():
        of = keys.get(derivative_of(name), "")
        if is_derivative(name) and not derivative_of(name):
            of = next((way for way in _FUNCTIONS if way in functions), "")
        if (
            of
            and of != name
            and (_has_upstream(functions[of], derivative) or _takes_as_much(functions[of], derivative))
        ):
            found[name] = of
    return found


def is_derivative(name: str) -> bool:
    """Whether a word in a name says that it is a derivative."""
    return any(_DERIVATIVE.fullmatch(word) for word in _words(name))


def reading_of(forward: Callable[..., Any], backward: Callable[..., Any]) -> Argument:
    """What a backward pass takes, in the reading to begin with, if it is a derivative of one argument; else "".

    It is one of two, too, if these are called otherwise than the function's, so that they go by their places.
    """
    own, taken = _required(backward), _required(forward)
    if _has_upstream(forward, backward) or not _takes_as_much(forward, backward):
        return ""
    return "input" if len(own) == 1 or not set(own) <= set(taken) else ""


def _has_upstream(forward: Callable[..., Any], backward: Callable[..., Any]) -> bool:
    taken = _required(forward)
    return any(re.fullmatch(_UPSTREAM, name) and name not in taken for name in _required(backward))


def _takes_as_much(forward: Callable[..., Any], derivative: Callable[..., Any]) -> bool:
    """Whether a derivative takes as much as its function, or a single argument, which is no rate to scale both by."""
    own, taken = _required(derivative), _required(forward)
    return bool(own and taken) and len(own) in (1, len(taken)) and role_of(taken[0]) != "rate"


def _required(function: Callable[..., Any]) -> list[str]:
    """The arguments that a function takes without a default, but ``self``."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [p for p in inspect.signature(function).parameters.values() if p.kind in kinds and p.name != "self"]
    return [p.name for p in parameters if p.default is p.empty] or [p.name for p in parameters[:1]]


def sources_of(forward: Callable[..., Any], derivative: Callable[..., Any], reading: Argument) -> dict[str, str]:
    """For each argument of a derivative which one of the function's it is; "" for what that returns."""
    taken, own = _required(forward), _required(derivative)
    every = inspect.signature(forward).parameters
    named = set(own) <= set(every)
    found = {name: name if named else of for name, of in zip(own, taken, strict=False)}
    return found | {own[0]: ""} if reading == "output" else found
