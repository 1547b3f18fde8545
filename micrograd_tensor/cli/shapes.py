"""Inputs for a layer that nobody gave any: shapes by what its parameters are usually called, and numbers of a kind."""

from __future__ import annotations

import inspect
import itertools
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from .roles import is_known, role_of
from .shapes_option import Value
from .sizes import size

_TRIES = 8
"""So many masks are drawn at most."""

_LAYOUTS: tuple[dict[str, Any], ...] = (
    {"input": (7, 5), "weights": (5, 3), "bias": (3,), "gamma": (5,), "hidden state": (7, 3), "input weights": (5, 3),
     "hidden weights": (3, 3), "labels": ((7,), 3), "mask": (7, 5), "vector": (3,), "weights of three axes": (3, 5, 5),
     "one for each": (7,), "weights 1": (5, 4), "bias 1": (4,), "weights 2": (4, 3), "bias 2": (3,)},
    {"input": (7, 5), "hidden state": (7, 3), "input weights": (5, 12), "hidden weights": (3, 12), "bias": (12,)},
    {"input": (3, 4, 6, 7), "weights": (5, 4, 3, 2), "bias": (5,), "gamma": (4,), "labels": ((3,), 4),
     "weights 1": (4, 5), "bias 1": (5,), "weights 2": (5, 4), "bias 2": (4,)},
    {"input": (3, 4, 6, 8), "weights": (2, 4, 3, 3), "bias": (2,), "gamma": (4,), "labels": ((3,), 4)},
    {"input": (3, 4, 6, 8), "weights": (2, 4, 3, 3), "bias": (2,), "gamma": (1, 4, 1, 1)},
    {"input": (3, 7, 5), "weights": (5, 4), "bias": (4,), "gamma": (5,), "hidden state": (3, 4),
     "input weights": (5, 4), "hidden weights": (4, 4), "labels": ((3, 7), 5), "mask": (3, 7)},
    {"input": (3, 7, 5), "hidden state": (3, 4), "input weights": (5, 16), "hidden weights": (4, 16), "bias": (16,)},
    {"input": ((3, 7), 6), "weights": (6, 4)},
    {"input": (7, 5), "hidden state": (7, 3), "weights": (8, 3), "input weights": (8, 3), "hidden weights": (8, 3),
     "bias": (3,)},
    {"input": (7, 5), "hidden state": (7, 3), "weights": (5, 12), "input weights": (5, 12), "hidden weights": (3, 12),
     "bias": (12,)},
    {"input": (7, 5), "weights": (5, 3), "bias": (3,), "gamma": (3,)},
    {"input": (7, 5), "weights": (5,), "bias": (5,), "labels": ((7,), 5)},
    {"input": (7, 5), "weights": (5,), "bias": (), "labels": ((7,), 2)},
    {"input": (7, 5), "weights": (3, 5), "bias": (3,), "gamma": (3,), "labels": ((7,), 3), "weights 1": (4, 5),
     "bias 1": (4,), "weights 2": (3, 4), "bias 2": (3,)},
    {"input": (5, 7), "weights": (3, 5), "bias": (3, 1), "gamma": (5, 1), "labels": ((7,), 3), "weights 1": (4, 5),
     "bias 1": (4, 1), "weights 2": (3, 4), "bias 2": (3, 1), "hidden state": (3, 7), "input weights": (3, 5),
     "hidden weights": (3, 3)},
    {"input": (5, 1), "weights": (3, 5), "bias": (3, 1), "gamma": (5, 1), "hidden state": (3, 1),
     "input weights": (3, 5), "hidden weights": (3, 3), "weights 1": (4, 5), "bias 1": (4, 1), "weights 2": (3, 4),
     "bias 2": (3, 1)},
    {"input": (7, 5), "weights": (5, 5), "bias": (5,), "hidden weights": (5, 5), "weights 1": (5, 4), "bias 1": (4,),
     "weights 2": (4, 5), "bias 2": (5,)},
    {"input": (3, 7, 6), "weights": (6, 6), "bias": (6,), "gamma": (6,)},
    {"input": (3, 7, 5), "weights": (5, 4), "bias": (4,), "hidden state": (7, 4), "input weights": (5, 4),
     "hidden weights": (4, 4)},
    {"input": (2, 4, 9), "weights": (5, 4, 3), "bias": (5,), "gamma": (4,)},
    {"input": (7, 5), "bias": (5, 3)},
    {"input": (5,), "weights": (5, 3), "bias": (3,), "labels": ((1,), 5), "hidden state": (3,), "input weights": (3, 5),
     "hidden weights": (3, 3)},
    {"input": (5,), "weights": (3, 5), "bias": (3,), "labels": ((1,), 5), "weights 1": (4, 5), "bias 1": (4,),
     "weights 2": (3, 4), "bias 2": (3,)},
    {"input": (5, 5), "weights": (3, 3), "bias": ()},
    {"input": (7, 5), "hidden state": (7, 3), "input weights": (5, 9), "hidden weights": (3, 9), "bias": (9,)},
    {"input": (7, 5), "hidden state": (7, 3), "input weights": (9, 5), "hidden weights": (9, 3), "bias": (9,)},
    {"input": (7, 5), "hidden state": (7, 3), "input weights": (12, 5), "hidden weights": (12, 3), "bias": (12,)},
    {"input": (5, 7), "hidden state": (3, 7), "weights": (3, 8), "bias": (3, 1)},
    {"input": (5, 7), "weights": (5, 1), "bias": (), "labels": ((1, 7), 2)},
    {"input": (5, 7), "labels": ((1, 7), 2), "weights 1": (4, 5), "bias 1": (4, 1), "weights 2": (1, 4),
     "bias 2": (1, 1)},
)  # fmt: skip
"""Shapes that fit together, by what a parameter is; with a number, of whole numbers below it."""

_FIXED: Mapping[str, Any] = {"step": 1, "dilation": 1, "padding": 1, "groups": 2, "sizes": 2, "eps": 1e-5, "rate": 0.3,
    "training": True, "generator": np.random.default_rng(0)}  # fmt: skip
"""What is no array, by what a parameter is: single numbers, and a generator, of which each run gets a copy."""
_PARAMETERS: Mapping[str, Any] = {
    "mode": "train", "eps": 1e-5, "momentum": 0.9, "stride": 2, "pad": 0, "pool_height": 2, "pool_width": 2, "p": 0.3,
    "seed": 0,
}  # fmt: skip

LABELS = ("whole numbers", "numbers", "one-hot", "one-hot in columns", "0 and 1")
"""The kinds of labels that are tried."""
NUMBERS = ("normal", "between 0 and 1")
"""The kinds of inputs that are tried."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the numbers of a guess are, where they are drawn.

    Attributes:
        labels: one of `LABELS`.
        numbers: one of `NUMBERS`.
    """

    labels: str = LABELS[0]
    numbers: str = NUMBERS[0]


@dataclass(frozen=True, slots=True)
class Guess:
    """Arguments to try.

    Attributes:
        arguments: by the name of a parameter.
        kind: what the numbers are.
        free: the names of those whose shapes were guessed.
        alone: those among them that may well be single numbers.
    """

    arguments: dict[str, Any]
    kind: Kind = Kind()
    free: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()


def guesses(
    parameters: Mapping[str, inspect.Parameter],
    given: Mapping[str, Any],
    seed: int,
    exact: bool = False,
    sizes: Sequence[Mapping[str, str]] = ({},),
    wanted: frozenset[str] = frozenset(),
    learned: frozenset[str] = frozenset(),
    compared: Mapping[str, Sequence[str | int | float]] | None = None,
    kept: Sequence[tuple[int, ...]] = (),
    forward: str = "",
    settings: Container[str] = (),
    made: Sequence[tuple[int, ...]] = (),
    loss: bool = False,
) -> Iterator[Guess]:
    """Arguments to try, one set after another.

    Args:
        parameters: of the forward pass.
        given: values, or shapes as `values_of` reads them, of some of them.
        seed: of the numbers.
        exact: whether what is given is all values, so that there is nothing to guess.
        sizes: what the parameters of a constructor may be, as `ways_to_size` tells.
        wanted: names of parameters with defaults that are to be given all the same.
        learned: those whose gradients are computed, which are arrays.
        compared: what parameters are compared with: texts are their values, numbers among those of labels.
        kept: the shapes of weights that are no parameters and that the inputs have to fit.
        forward: the source of the forward pass.
        settings: the names of those that it reads out of dictionaries, and perhaps other texts.
        made: the shapes of weights of an object that is made without arguments; what fits them is tried last.
        loss: whether it is a loss with its gradients, which slides no window, so that ``s`` is no stride.
    """
    starred = {name for name, p in parameters.items() if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    needed = {name: p for name, p in parameters.items() if name not in starred or name in given}
    if exact:
        yield Guess({name: value for name, value in given.items() if name in needed})
        return
    roles = {name: _role(name, needed) for name in needed}
    if roles and all(role in _FIXED for role in roles.values()):  # as of s ** 3
        roles |= dict.fromkeys([name for name in roles if name not in sizes[0]][:1], "input")
    roles |= {name: "input" for name in learned if roles[name] in _FIXED}
    short = {name for k, name in enumerate(needed) if name == "p" or (name in ("s", "S") and not k)}
    short = {name for name in short if roles[name] in _FIXED and name not in given}
    weighted = any("weights" in role for role in roles.values())
    vectors = {name: "gamma" if role == "bias" else role for name, role in roles.items()}
    every = [roles] if weighted else [vectors, roles] if vectors != roles else [roles]
    if loss and (others := _of_a_loss(roles, forward)) != roles:
        every = [others, *every]
    if short and not _SLIDES.search(forward):
        every.insert(0, {**roles, **dict.fromkeys(short, "input")})
    every += _by_use(roles, [name for name in needed if name not in given], forward)
    labelled = [n for n, role in roles.items() if role == "labels" and (n not in given or _is_shape(given[n]))]
    several = [name for name in labelled if prod(given.get(name, (2,))) > 1]
    asked = any(_texts_and_numbers(compared or {}, name)[1] for name in labelled)
    axes = max((int(n) + 1 for found in _AXES.findall(forward) for n in re.findall(r"\d+", found)), default=0)
    first = next((given[n] for n in needed if roles[n] == "input" and _is_shape(given.get(n))), ())
    biases = [given[n] for n in needed if "bias" in roles[n] and _is_shape(given.get(n)) and given[n]]
    of_outputs = "out" in sizes[0].values()
    indexed = bool(_indices_in(forward, [name for name in needed if roles[name] == "input"]))
    scores = bool(labelled) and not weighted and "in" not in sizes[0].values()
    for kind in _kinds(forward, several):
        for these in every:
            usual = sorted(_LAYOUTS, key=lambda one: len(one["input"]) != axes) if axes > 2 else [*_LAYOUTS]
            usual = [*_with_labels(usual, indexed)] if several else usual
            layouts = [one for one in (*_beside(kept), *usual, *_beside(made)) if _has(one, these, given)]
            for layout, lengths in itertools.product(layouts, sizes):
                if asked and prod(layout.get("labels", ((2,),))[0]) == 1:
                    continue  # it is one thing or the other for all
                rng, arguments, free = np.random.default_rng(seed), dict[str, Any](), set[str]()
                for name, parameter in needed.items():
                    texts, few = _texts_and_numbers(compared or {}, name)
                    length = size(lengths.get(name, ""), parameter, layout, {*these.values()}, scores)
                    if name in given:
                        arguments[name] = _given(given[name], these[name], rng, kind, few)
                    elif length is not None:
                        arguments[name] = length
                    elif texts and parameter.default is parameter.empty:
                        arguments[name] = texts[0]
                    elif parameter.default is parameter.empty or name in wanted:
                        beside = _for_given(layout, first, biases) if these[name] == "labels" else layout
                        of_weights = weighted or (these[name] == "labels" and of_outputs)
                        arguments[name] = _guessed(these[name], beside, rng, of_weights, kind, few, settings)
                        free.add(name)
                alone = {name for name in free if these[name] in ("number", "rate")}
                yield Guess(arguments, kind, frozenset(free), frozenset(alone))
                if not (free or sizes[0]):  # the other layouts differ in what is guessed
                    break


_SLIDES = re.compile(r"(?i)pad|strid|pool|conv|drop|rand|kernel|window")
"""What tells that ``p`` may be a padding, or a share, and ``s`` a stride, rather than arrays."""
_AXES = re.compile(r"axis\s*=\s*(\d+|\([\d\s,]+\))")
"""Axes that a forward pass names, counted from the front: its inputs are likely to have no more than these."""
_SUMMED = re.compile(r"softmax|logsumexp|axis|keepdims|/\s*\w+\.sum\(")
"""What tells, beside an exponential, that its arguments compete, as those of a softmax do."""


_SHARES = re.compile(r"clip\(.*\b1(\.0*)?\s*-\s*[\w.]+")
"""What tells that what is predicted lies between 0 and 1, as it is kept there."""
_PICKED = r"sum\(\s*(?:\w+\s*\*\s*{0}|{0}\s*\*\s*\w+)\s*,\s*axis\s*=\s*(-?\d)"
"""What tells that labels are one-hot, and along which axis: what they are multiplied with is added up, not its log."""


def _kinds(forward: str, labels: Sequence[str]) -> list[Kind]:
    """The kinds of numbers, the likeliest first: labels that are factors beside logarithms are one-hot, or 0 and 1.

    They are one-hot where what they are multiplied with is added up before its logarithm, as they pick one of it then.
    """
    numbers = NUMBERS[::-1] if _SHARES.search(forward) else NUMBERS
    factors = [rf"\b{n}\b(\.T)?\s*[*@]|[*@]\s*{n}\b|(multiply|dot)\(\s*{n}\b" for n in labels]
    if not re.search(r"\blog|softmax|entropy", forward) or not any(re.search(x, forward) for x in factors):
        return [Kind(label, number) for number in numbers for label in (LABELS if labels else LABELS[:1])]
    whole, any_numbers, rows, columns, bits = LABELS
    picked = [axis for n in labels for axis in re.findall(_PICKED.format(n), forward)]
    of_two = any(re.search(rf"\b1(\.0?)?\s*-\s*{n}\b", forward) for n in labels)
    if picked and not of_two:
        order = (columns, rows, bits) if picked[0] == "0" else (rows, columns, bits)
    elif of_two or not (re.search(r"exp\b|softmax", forward) and re.search(_SUMMED, forward)):
        order = bits, rows, columns
    elif re.search(r"axis\s*=\s*0", forward) and not re.search(r"axis\s*=\s*-?1", forward):
        order = columns, rows, bits
    else:
        order = rows, columns, bits
    return [Kind(label, number) for label in (*order, whole, any_numbers) for number in numbers]


_PRODUCTS = re.compile(r"@|\b(dot|matmul|einsum|tensordot)\(")
"""What tells that something is multiplied by weights."""


def _of_a_loss(roles: Mapping[str, str], forward: str) -> dict[str, str]:
    """What parameters are in a loss: there is no stride, and weights are of elements where there is no product."""
    others = dict.fromkeys(("step", "dilation", "padding"), "number")
    others |= {} if re.search(_PRODUCTS, forward) else {"weights": "input"}
    return {name: others.get(role, role) for name, role in roles.items()}


def _by_use(roles: Mapping[str, str], names: Sequence[str], forward: str) -> list[dict[str, str]]:
    """What parameters are by what the forward pass does with them, where their names do not tell.

    What others are indexed by is whole numbers. Of a product of matrices the second one is the weights, and what comes
    after it the bias; without one they may scale and shift. The operands of an outer product are vectors.
    """
    found, unknown = list[dict[str, str]](), [name for name in names if roles[name] == "input"]
    indices = _indices_in(forward, unknown)
    if indices and indices < {*unknown}:
        found.append({**roles, **dict.fromkeys(indices, "labels")})
    vectors = re.search(r"\bouter\(\s*(\w+),\s*(\w+)\s*\)", forward)
    if vectors and set(vectors.groups()) <= {*names}:
        found.append({**roles, vectors[1]: "gamma", vectors[2]: "vector"})
    nameless = [name for name in unknown[1:] if not is_known(name)]
    if nameless and len(unknown) in (2, 3) and re.search(_PRODUCTS, forward):
        found.append({**roles, **dict(zip(unknown, ("input", "weights", "bias"), strict=False))})
    if "weights" in roles.values() and not re.search(_PRODUCTS, forward):
        found.append({n: "gamma" if role in ("weights", "bias") else role for n, role in roles.items()})
    if "einsum" in forward and "weights" in roles.values():
        found.append({n: "weights of three axes" if role == "weights" else role for n, role in roles.items()})
    return found


def _indices_in(forward: str, names: Iterable[str]) -> set[str]:
    """The names by which a forward pass indexes something."""
    return {n for n in names if re.search(rf"\w\[[^\[\]\"']*\b{n}\b[^\[\]\"':]*\]", forward)}


def _with_labels(layouts: Iterable[dict[str, Any]], indexed: bool) -> Iterator[dict[str, Any]]:
    """The layouts; the labels are the words where there are any, or, where these are indices, one for each example."""
    for layout in layouts:
        words = layout["input"]
        if "labels" in layout or not isinstance(words[0], tuple):
            yield layout
            continue
        if indexed:
            yield {**layout, "labels": (words[0][:1], words[1])}
        yield {**layout, "input": words[0], "labels": words}


def _beside(kept: Sequence[tuple[int, ...]]) -> Iterator[dict[str, Any]]:
    """Layouts with inputs that fit weights: as `x @ w`, as `x @ w.T`, and as images."""
    shapes = [*filter(None, kept)]  # a single number tells nothing
    for shape in dict.fromkeys(shapes):
        if len(shape) == 4:
            yield {**_LAYOUTS[2], "input": (3, shape[1], 6, 8), "labels": ((3,), shapes[-1][-1])}
            continue
        for n, classes in dict.fromkeys([(shape[0], shapes[-1][-1]), (shape[-1], shapes[-1][0])]):
            layout = {**_LAYOUTS[0], "input": (7, n), "gamma": (n,), "mask": (7, n), "labels": ((7,), classes)}
            yield layout | {"targets": (7, classes)}
        if len(shape) == 1:
            yield {**_LAYOUTS[2], "input": (3, *shape, 6, 8), "gamma": shape}
    if shapes and len(shapes[0]) == 2:  # letters, one after another
        (n, letters), last = shapes[0], shapes[-1]
        classes = min(letters, last[0]) if last[-1] == 1 else letters
        yield {**_LAYOUTS[0], "input": ((4,), letters), "labels": ((4,), classes), "hidden state": (n, 1)}
    matrices = [shape for shape in shapes if len(shape) == 2]
    if len(matrices) > 1 and matrices[1][0] % matrices[0][1] == 0:  # several words, whose rows are one after another
        (words, n), (m, _) = matrices[:2]
        yield {**_LAYOUTS[0], "input": ((5, m // n), words), "labels": ((5,), words)}


def _has(layout: Mapping[str, Any], roles: Mapping[str, str], given: Mapping[str, Any]) -> bool:
    """Whether a layout knows of all weights that are to be guessed; anything else may have the shape of the input."""
    needed = {role for name, role in roles.items() if name not in given}
    return all(role in layout for role in needed if "weights" in role or role in ("bias 1", "bias 2", "vector"))


def reshaped(guess: Guess, shapes: Mapping[str, tuple[int, ...]], seed: int) -> Guess:
    """A guess with other shapes of some of its arrays; masks have 0 and 1."""
    rng = np.random.default_rng([seed, 2])
    drawn = {
        name: _mask(rng, shape) if role_of(name) == "mask" and _is_shape(shape) else _of_kind(rng, shape, guess.kind)
        for name, shape in shapes.items()
    }
    return Guess({**guess.arguments, **drawn}, guess.kind, guess.free, guess.alone)


def alike_by_chance(shapes: Mapping[str, tuple[int, ...]]) -> set[str]:
    """The names of arrays of two axes and more that were guessed to be square, or as large as another of their kind.

    >>> sorted(alike_by_chance({"x": (7, 5), "q": (3, 4), "k": (3, 4), "w": (5, 5), "h0": (7, 3), "c0": (7, 3)}))
    ['k', 'q', 'w']
    """
    kinds = {name: role_of(name) for name in shapes if len(shapes[name]) > 1}
    counts = Counter((kind, shapes[name]) for name, kind in kinds.items() if kind in ("input", "weights"))
    return {name for name, kind in kinds.items() if counts[kind, shapes[name]] > 1 or is_square(shapes[name])}


def is_square(shape: tuple[int, ...]) -> bool:
    """Whether it is the shape of a matrix as wide as high, and of several numbers.

    >>> is_square((3, 3)), is_square((3, 4)), is_square((3,)), is_square((1, 1))
    (True, False, False, False)
    """
    return len(shape) == 2 and shape[0] == shape[1] > 1


def _role(name: str, names: Iterable[str]) -> str:
    """What a parameter is beside the others."""
    role, others = role_of(name), [other for other in names if other != name]
    beside = {role_of(other) for other in others}
    if role == "hidden weights" and name[0] in "Ww" and any(re.fullmatch(r"U_?[a-z]", other) for other in others):
        return "input weights"
    if name == "beta" and not any(re.fullmatch(r"(?i)gamm?a?s?|scale|g|gain", other) for other in others):
        return "number"
    if role == "number" and len(name) == 1 and beside.isdisjoint({"input", "labels"}):
        return "input"
    if name in ("a", "b") and {"a", "b"} <= {name, *others} and "input" not in beside:
        return "input"
    if name == "p" and not any("weights" in other for other in beside):
        return "rate" if "input" in beside else "input"
    return role


def _texts_and_numbers(
    compared: Mapping[str, Sequence[str | int | float]], name: str
) -> tuple[list[str], list[int | float]]:
    """What a parameter is compared with."""
    every = compared.get(name, ())
    return [x for x in every if isinstance(x, str)], [x for x in every if not isinstance(x, str)]


def _is_shape(what: Any) -> bool:
    """Whether it is the shape of an array of floats."""
    return isinstance(what, tuple) and not (what and isinstance(what[0], tuple))


def _given(what: Any, role: str, rng: np.random.Generator, kind: Kind, few: Sequence[int | float]) -> Any:
    """A value as it is given, or an array of a shape that is given, of the kind that is tried."""
    if role == "mask" and _is_shape(what):
        return _mask(rng, what)
    if not _is_shape(what) or role not in ("labels", "input"):
        return _drawn(what, rng)
    return _labels(rng, what, kind, few) if role == "labels" else _of_kind(rng, what, kind)


def _guessed(
    role: str,
    layout: Mapping[str, Any],
    rng: np.random.Generator,
    weighted: bool,
    kind: Kind,
    few: Sequence[int | float],
    settings: Container[str],
) -> Any:
    if role == "parameters":
        every = dict(_PARAMETERS) | ({"stride": 1, "pad": 1} if weighted else {})
        return {name: x for name, x in every.items() if name in settings} or every
    if role in _FIXED:
        return _FIXED[role]
    if role == "number":
        return np.asarray(rng.uniform(0.1, 0.9))
    what = layout.get(role, layout["input"])
    if role == "mask":
        return _mask(rng, what[0] if isinstance(what[0], tuple) else what)  # as many as there are whole numbers
    if role == "labels" and (kind.labels != LABELS[0] or role not in layout):
        return _labels(rng, _shape_of_labels(layout, weighted, kind), kind, few)
    drawn = _of_kind(rng, what, kind) if role == "input" else _drawn(what, rng)
    if role == "labels" and (none := [n for n in few if n < 0]):
        drawn.flat[-1] = none[0]  # as the label of what is left out
    return drawn


def _mask(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """0 and 1, along no axis as many of these everywhere, as far as that can be: else sums may stand for each other."""
    drawn = (rng.integers(0, 2, shape).astype(float) for _ in range(_TRIES))
    masks = ((sum(np.ptp(mask.sum(axis=axis)) > 0 for axis in range(mask.ndim)), mask) for mask in drawn)
    return max(masks, key=lambda one: one[0])[1] if np.prod(shape) else np.zeros(shape)


def _for_given(
    layout: Mapping[str, Any], given: tuple[int, ...], biases: Sequence[tuple[int, ...]]
) -> Mapping[str, Any]:
    """A layout with labels for an input of a shape that is given, if it is one of examples: one for each.

    The biases that are given tell how many classes there are, and whether examples are in columns.
    """
    if len(given) != 2:
        return layout
    in_columns = any(len(bias) == 2 and bias[0] > 1 == bias[1] for bias in biases)
    classes = prod(biases[-1]) if biases else layout.get("labels", ((), 0))[1]
    examples = given[1:] if in_columns else given[:1]
    return {**layout, "input": given, **({"labels": (examples, classes)} if "labels" in layout else {})}


def _shape_of_labels(layout: Mapping[str, Any], weighted: bool, kind: Kind) -> Any:
    """That of the inputs, or of what weights make of them: two classes have one label for each example."""
    inputs, (examples, classes) = layout["input"], layout.get("labels", ((), 0))
    if kind.labels == "0 and 1" and classes == 2:
        return examples
    if "targets" in layout:
        return layout["targets"]
    if not weighted or kind.labels in LABELS[:2] or len(examples) != 1 or len(inputs) != 2:
        return inputs
    return (*examples, classes) if examples[0] == inputs[0] else (classes, *examples)


def _labels(rng: np.random.Generator, shape: Any, kind: Kind, few: Sequence[int | float]) -> Any:
    """Labels of a shape, or of the whole numbers that they are otherwise.

    Those that are asked whether they are some numbers are these, or 0 and 1.
    """
    if not _is_shape(shape):
        return _drawn(shape, rng)
    if kind.labels in LABELS[:2]:
        if few:
            return rng.choice(np.unique([0.0, 1.0, *few]), shape)
        return _of_kind(rng, shape, kind)
    if kind.labels == "0 and 1":
        return rng.permutation(np.arange(prod(shape)) % 2.0).reshape(shape)
    axis = 0 if kind.labels == "one-hot in columns" else -1
    if not shape:
        return np.asarray(1.0)
    return one_hot(shape, axis, rng)


def one_hot(shape: tuple[int, ...], axis: int, rng: np.random.Generator) -> Any:
    """An array that is 1 at one random place along an axis, and else 0.

    >>> one_hot((2, 3), 1, np.random.default_rng(0))
    array([[0., 0., 1.],
           [0., 1., 0.]])
    """
    made = np.zeros(shape)
    places = rng.integers(0, shape[axis], np.delete(shape, axis))
    np.put_along_axis(made, np.expand_dims(places, axis), 1.0, axis)
    return made


def _of_kind(rng: np.random.Generator, shape: Any, kind: Kind) -> Any:
    if kind.numbers == NUMBERS[0] or not _is_shape(shape):
        return _drawn(shape, rng)
    return np.asarray(rng.uniform(0.1, 0.9, shape))


def _drawn(what: Any, rng: np.random.Generator) -> Any:
    """An array of a shape, of floats or of whole numbers below one; or a value as it was given."""
    if isinstance(what, Value):
        return what.value
    if not isinstance(what, tuple):
        return what
    if what and isinstance(what[0], tuple):
        return indices(rng, what[1], what[0])
    return np.asarray(rng.standard_normal(what))


def indices(rng: np.random.Generator, below: int, shape: tuple[int, ...]) -> Any:
    """Whole numbers below one, some of which come twice, also two in a row: what is at an index is added up there.

    Of few numbers all are there, as each may be for a branch of its own; of many the largest one, as ``max(y) + 1`` may
    be how many there are.
    """
    drawn = rng.integers(0, below, shape)
    flat = drawn.reshape(-1)
    pairs = [*zip(flat[:-1].tolist(), flat[1:].tolist(), strict=True)]
    if flat.size > 3 and len({*pairs}) == len(pairs):
        flat[-2:] = flat[:2]
    elif flat.size > 1 and len(np.unique(flat)) == flat.size:
        flat[-1] = flat[0]
    for absent in {*range(below)} - {*flat.tolist()} if flat.size >= 2 * below else ():
        again = [place for place, x in enumerate(flat) if np.count_nonzero(flat == x) > 1]
        flat[again[len(again) // 2]] = absent
    once = [place for place, x in enumerate(flat) if np.count_nonzero(flat == x) == 1]
    if once and flat.size > 2 and flat.max() < below - 1:
        flat[once[0]] = below - 1
    return drawn
