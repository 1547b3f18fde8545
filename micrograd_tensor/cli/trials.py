"""Trying a layer at guessed inputs, until both of its passes run and the gradients have the shapes of their inputs.

A right backward pass returns gradients that have the shapes of their inputs, so where one has another, it is the guess
that is doubted first: other shapes are tried, and then the shapes that the backward pass itself returns. What is still
open then is said, and not held against the layer.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import linecache
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import StringIO
from typing import Any

import numpy as np

from ..check.found import broadcasts
from ..check.given import is_array, spelled
from ..check.nested import arrays_in
from ..check.running import Run, Watch, copied, replaced_kept
from ..check.running import run as run_backward
from ..check.statements import assignments
from ..check.syntax import source_of
from .compared import compared_with
from .fitting import DONE, Far, fitted, how_far
from .global_weights import global_names, held_in_module
from .held import leaves_of
from .layers import Layer, parameters_of, parameters_of_constructor, texts_in
from .lengths import told_apart
from .made_anew import made_anew
from .predictions import Given, as_given, given_to
from .roles import is_labels, is_parameter
from .seeded import seeded
from .shapes import NUMBERS, Guess, Kind, alike_by_chance, guesses, reshaped
from .shapes_option import option, said_as_option
from .sizes import ways_to_size
from .taking import Taking
from .unordered import told_by_variables

_REDUCED = re.compile(r"axis|@|\bdot\b|matmul|einsum|tensordot|\.T\b|\.shape|mean\(|sum\(|var\(|std\(|for .* in")
"""What tells that a forward pass does more than look at each element by itself."""
_LOGARITHM = re.compile(r"\blog|exp\b|softmax|entropy")
"""What tells that labels may be meant to add up to 1."""
_CLIPPED = re.compile(r"\bclip\b|maximum|minimum|abs\(")
"""What tells, beside a logarithm, that numbers may be meant to lie between 0 and 1 and are kept there."""
_VECTORS = re.compile(r"(?i)gammas?|g|gain|gam")
"""Names of parameters that are seldom single numbers."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A layer that was run, as it stands, at some arguments.

    Attributes:
        guess: the arguments.
        own: the object whose methods ran, or None.
        returned: by the forward pass.
        local: the local variables of the forward pass.
        gradients: the shapes of what the backward pass computed for inputs, by their names; None where it did not run.
        inputs: the shapes of the inputs.
        takes: what the arguments of its backward pass are.
        given: what that takes in the place of an upstream gradient, or None.
        doubts: by the name of an input whose shape was taken from its gradient, what else may be meant, in a sentence.
        searched: whether no usual shapes fitted together, so that these were searched for.
        apart: arguments with more lengths of their own, at which the forward pass alone runs; or None.
        square: the names of the matrices that have to be as wide as high.
    """

    guess: Guess
    own: Any
    returned: Any
    local: Mapping[str, Any]
    gradients: Mapping[str, tuple[int, ...]] | None
    inputs: Mapping[str, tuple[int, ...]]
    takes: Taking
    given: Given | None = None
    doubts: Mapping[str, str] = field(default_factory=dict)
    searched: bool = False
    apart: Guess | None = None
    square: frozenset[str] = frozenset()

    @property
    def unlike(self) -> dict[str, tuple[int, ...]]:
        """The inputs whose gradients have another shape, and which."""
        return {n: shape for n, shape in (self.gradients or {}).items() if shape != self.inputs[n]}

    @property
    def fits(self) -> bool:
        """Whether its backward pass ran, and its gradients have the shapes of their inputs."""
        return self.gradients is not None and not self.unlike

    @property
    def losses(self) -> bool:
        """Whether it returned a loss for each example, or element, and its backward pass takes no gradient of these.

        But what is predicted, and what that is compared with.
        """
        takes = self.takes
        labels = [*map(is_labels, takes.values)]
        if takes.gradients or takes.cache or takes.split or takes.cost or not any(labels) or labels.count(False) != 1:
            return False
        shape = np.shape(self.returned)
        return bool(shape) and any(shape == own[: len(shape)] for own in self.inputs.values())

    @property
    def known(self) -> dict[str, Any]:
        """What its backward pass may take by name."""
        return {**self.guess.arguments, **self.local} | ({self.given.argument: self.given.value} if self.given else {})


class Trials:
    """The ways to run a layer, one after another.

    Args:
        layer: the layer.
        given: values, or shapes, of some of its parameters.
        seed: of the inputs.
        exact: whether these are all of them.
        predicted: whether its backward pass takes a prediction in the place of an upstream gradient.

    Attributes:
        predicted: whether it does.
        last: the last error of the forward pass.
        broken: one that it raises for whatever inputs, as for a name that there is not.
        instead: what it returned, in a few words, where it ran and that was no array of floats.
        tried: the first shapes at which it raised an error, as an option.
        unknown: what the backward pass takes that is neither an argument nor a result of the forward pass.
    """

    def __init__(
        self, layer: Layer, given: Mapping[str, Any], seed: int, exact: bool = False, predicted: bool = False
    ) -> None:
        self._layer, self._seed, self._given, self._exact = layer, seed, given, exact
        self.predicted = predicted
        self.parameters = parameters_of(layer)
        self.last: BaseException | None = None
        self.broken: BaseException | None = None
        self._stopped: BaseException | None = None
        self.instead, self.unknown, self.tried = "", tuple[str, ...](), ""
        self._of_columns = False

    def chosen(self) -> Trial | None:
        """The likeliest, as it ran in an object of its own; None where the forward pass runs at no arguments.

        Of a loss it is one that is a single number, if there is one.
        """
        ran: list[Trial] = []
        back: list[Trial] = []
        found = None
        for trial in self._all():
            ran.append(trial)
            if trial.gradients is None:
                continue
            back.append(trial)
            if trial.unlike or len(trial.inputs) < len(back[0].inputs):  # as where x was of whole numbers
                continue
            if not (back[0].unlike and _forgetful(back[0]) and _hides(trial, back[0])):
                found = trial if found is None or self._is_loss(trial) else found
                if self._is_loss(trial):
                    break
        if back and not (back[0].takes.gradients or back[0].losses or self._is_number(back[0])):
            found = self._with_numbers(back[0]) or found
        found = found or (self._as_returned(back[0]) if back else None) or next(iter([*back, *ran]), None)
        self._of_columns = found is not None and self._is_column(found)
        return found and self.again(found)

    def at(self, guess: Guess) -> Trial | None:
        """The layer at some arguments; None where its forward pass does not run at them."""
        trial = self._tried(guess)
        return trial and self.again(trial)

    def passing_on(self, guess: Guess) -> Trial | None:
        """The layer at some arguments, where it fits and backward makes 0 of an upstream gradient of 0; else None."""
        trial = self.at(guess)
        if trial is None or not trial.fits:
            return None
        _, backward = self._layer.bound(trial.own)
        ran = self._ran(backward, trial, 0.0) if backward is not None else None
        if ran is None:
            return None
        made = [ran.names[key] for key in spelled(ran.names, trial.inputs)[0].values()] + arrays_in([ran.returned])
        return None if any(np.any(x) for x in made if x is not None) else trial

    def again(self, trial: Trial) -> Trial:
        """The same once more, where its object may keep what the backward pass has added up."""
        if trial.own is None:
            return trial
        with quietly(self._seed, global_names(self._layer)):
            own, returned, local, _ = self._run(copied(trial.guess.arguments))
        return replace(trial, own=own, returned=returned, local=local)

    def others(self, chosen: Kind) -> Iterator[Trial]:
        """Trials with numbers of other kinds, for what is right for one-hot labels or for probabilities only."""
        text = self._layer.text
        if self._layer.made_by is not None and ".forward(" in text:  # of a loss that it holds
            text = "".join(linecache.getlines(inspect.unwrap(self._layer.function_forward).__code__.co_filename))
        labels, shares = re.search(_LOGARITHM, text), re.search(_LOGARITHM, text) and re.search(_CLIPPED, text)
        kinds = {chosen}

        def is_new(kind: Kind) -> bool:
            return kind not in kinds and bool(shares if kind.numbers != NUMBERS[0] else labels)

        for trial in self._all(infinite=False, kinds=is_new):
            hides = self._is_column(trial) and not self._of_columns
            if trial.gradients is not None and not trial.unlike and not hides:
                kinds.add(trial.guess.kind)
                yield self.again(trial)

    def _all(self, infinite: bool = True, kinds: Callable[[Kind], bool] = lambda _: True) -> Iterator[Trial]:
        """All arguments with which the forward pass runs; first those with which all it gives is finite, and not all 0.

        What is all 0 may come of a loop that is left before it begins, as there is no window in a short signal. To a
        single column most fits by chance, so where no weights tell that one is meant, these come last.

        Args:
            infinite: whether to give the others at all.
            kinds: tells of which kinds the numbers may be; no others are tried.
        """
        late, columns = list[Trial](), list[Trial]()
        ran = False
        for guess in self._guesses():
            trial = self._tried(guess) if kinds(guess.kind) else None
            if trial is None:
                continue
            outputs = trial.takes.outputs_of(trial.returned)
            apt = all(np.isfinite(out).all() for out in outputs) and any(np.any(out) for out in outputs)
            if apt and self._is_column(trial):
                columns.append(trial)
                continue
            if apt and columns and _axes(trial) < _axes(columns[0]):
                yield from columns  # before an array of one axis, to which still more fits
                columns.clear()
            if apt:
                yield trial
            else:
                late.append(trial)
            ran = ran or (trial.gradients is not None and self._is_loss(trial))
        yield from late if infinite else ()
        if infinite and not ran and not self._exact and (fits := self._fitted()) is not None:
            yield fits
        yield from columns

    def _is_column(self, trial: Trial) -> bool:
        """Whether an input was drawn of one column, and nothing is called as weights, or as what scales and shifts."""
        shapes = [shape for name, shape in trial.inputs.items() if name in trial.guess.free]
        return any(len(shape) > 1 and 1 in shape for shape in shapes) and not any(map(is_parameter, trial.inputs))

    def _fitted(self) -> Trial | None:
        """The layer at shapes that are found from how far it comes with others, where it ran at no usual ones."""
        source, last = source_of(self._layer.function_forward), self.last
        usual = itertools.takewhile(lambda one: one.kind == Kind(), self._guesses())
        made = [name for one in assignments(self._layer.function) for name in (*one.names, *one.kept)]
        learned = spelled(made, self.parameters)[0]
        found = fitted(usual, source, self._how_far, self._seed, self._layer.backward is None, learned)
        self.last = last
        trial = self._tried(found) if found is not None else None
        return replace(trial, searched=True) if trial is not None else None

    def told_apart(self, trial: Trial) -> Trial | None:
        """A trial with as many lengths of their own as it runs with; None where no others are found."""
        if self._exact or trial.gradients is None or trial.unlike or trial.doubts:
            return None
        chance = None if trial.searched else alike_by_chance(trial.inputs)
        if chance is not None and not chance & trial.guess.free:
            return None
        found = told_apart(trial.guess, self._how_far, self._seed, chance)
        other = self._tried(found.guess)
        apart = found.apart if trial.searched else None  # a loop may run by chance with longer arrays than it takes
        if other is None or (other.inputs == trial.inputs and apart is None and not found.square):
            return None
        return self.again(replace(other, searched=trial.searched, apart=apart, square=found.square))

    def _how_far(self, guess: Guess) -> tuple[Far, str]:
        """How far the layer comes with arguments, and the lines at which it stops."""
        self.last = self._stopped = None
        trial = self._tried(guess)
        if trial is not None and trial.gradients is not None:
            done = self._has_gradients(trial) and not trial.unlike and self._is_loss(trial)
            return (DONE if done else (2, -len(trial.unlike))), " ".join(trial.unlike)
        error = self.last if trial is None else self._stopped
        places, lines = how_far(error, inspect.unwrap(self._layer.function_forward).__code__.co_filename)
        return (0 if trial is None else 1, *places), lines

    def _guesses(self) -> Iterator[Guess]:
        constructor = parameters_of_constructor(self._layer)
        names = [key for made in assignments(self._layer.function) for key in (*made.names, *made.kept)]
        optional = {n: p for n, p in self.parameters.items() if p.default is not p.empty}
        asked = spelled(
            names, [n for n, p in optional.items() if isinstance(p.default, float) and n not in constructor]
        )
        wanted = {n for n in asked[0] if f"d{n}" in names}
        absent = [n for n, p in optional.items() if p.default is None and n not in constructor]
        wanted |= set(spelled(names, absent)[0])
        learned = {n for n in self.parameters if n not in optional and n not in constructor and f"d{n}" in names}
        if self._layer.backward is None:
            labels = r"(?i)y|labels?|targets?|t|y_batch"
            wanted |= {n for n, p in optional.items() if p.default is None and re.fullmatch(labels, n)}
            off = {n for n, p in optional.items() if isinstance(p.default, int | float) and not p.default}
            wanted |= {n for n in off if re.match(r"(?i)reg|lam|l2|weight_?decay", n)}
        compared = compared_with(self._layer)
        kept = [x.shape for x in held_in_module(self._layer).values()]
        yield from guesses(
            self.parameters,
            self._given,
            self._seed,
            self._exact,
            ways_to_size(self._layer.made_by.__init__, constructor) if self._layer.made_by is not None else [{}],  # type: ignore[misc]  # its own
            frozenset(wanted),
            frozenset(learned),
            compared,
            kept,
            self._layer.text,
            texts_in(self._layer),
            self._made_by_default,
            self._layer.backward is None,
        )

    @cached_property
    def _made_by_default(self) -> list[tuple[int, ...]]:
        """The shapes of what an object of the layer's class holds that is made without arguments, where one can be."""
        parameters = parameters_of_constructor(self._layer).values()
        if self._layer.made_by is None or any(p.default is p.empty for p in parameters):
            return []
        try:
            with quietly(self._seed, global_names(self._layer)):
                own = made_anew(self._layer, {}, self._seed)
        except (Exception, SystemExit):  # the user's code may raise anything
            return []
        return [place.value.shape for place in leaves_of(own)]

    def _tried(self, guess: Guess) -> Trial | None:
        layer = self._layer
        floats = any(isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in guess.arguments.values())
        if not floats and layer.made_by is None and not held_in_module(layer):
            return None
        try:
            with quietly(self._seed, global_names(self._layer)):
                own, returned, local, held = self._run(copied(guess.arguments))
        except (Exception, SystemExit) as error:  # the user's code may raise anything for inputs of other shapes
            self.last = error
            self.broken = self.broken or (error if _is_of_the_code(error) else None)
            arrays = {n: x.shape for n, x in guess.arguments.items() if isinstance(x, np.ndarray)}
            self.tried = self.tried or said_as_option(arrays)
            return None
        if instead := _no_floats(returned):
            self.instead = instead
            return None
        inputs = {n: x.shape for n, x in guess.arguments.items() if isinstance(x, np.ndarray) and x.dtype.kind == "f"}
        inputs |= {n: shape for n, shape in held.items() if n not in inputs}
        _, backward = layer.bound(own)
        takes = Taking.of(backward, returned, self.parameters, local, layer.cost is not None, layer.sources)
        given = None
        if takes.unknown:
            self.unknown = takes.unknown
            return None
        if self.predicted:
            given = given_to(layer, takes, own, guess.arguments, returned)
            if given is None:
                return None
            takes = as_given(takes, given)
        trial = Trial(guess, own, returned, local, None, inputs, takes, given)
        if not all(isinstance(out, np.ndarray | np.generic | float) for out in takes.outputs_of(returned)):
            self.unknown = takes.gradients[1:]
            return None
        if not self._exact and not all(map(np.size, (*guess.arguments.values(), *takes.outputs_of(returned)))):
            return None  # of no numbers everything would be right
        return replace(trial, gradients=self._gradients(trial))

    def _run(self, arguments: Mapping[str, Any]) -> tuple[Any, Any, dict[str, Any], dict[str, tuple[int, ...]]]:
        """The object, what its forward pass returns, its variables, and the shapes that the object begins with."""
        layer = self._layer
        own = made_anew(layer, arguments, self._seed)
        held = {place.called: place.value.shape for place in leaves_of(own)}
        held |= {name: x.shape for name, x in held_in_module(layer).items()}
        forward, _ = layer.bound(own)
        watch = Watch(forward, within=False)
        with watch:
            returned = layer.ran(own, arguments)
        return own, returned, without_reassigned(forward, watch.local, arguments), held

    def _is_loss(self, trial: Trial) -> bool:
        """Whether a result without an upstream gradient is a single number, as the product of three matrices is not."""
        return self._layer.backward is not None or self._is_number(trial)

    def _is_number(self, trial: Trial) -> bool:
        return all(np.size(out) == 1 for out in trial.takes.outputs_of(trial.returned))

    def _has_gradients(self, trial: Trial) -> bool:
        """Whether gradients are known by name, or else those beside a loss have shapes of inputs."""
        if trial.gradients or self._layer.backward is not None:
            return bool(trial.gradients)
        beside = rest_of(trial.returned)
        every = beside if isinstance(beside, tuple | list) else [beside]
        return not Counter(map(_shape, every)) - Counter(trial.inputs.values())

    def _gradients(self, trial: Trial) -> dict[str, tuple[int, ...]] | None:
        """The shapes of what the backward pass computes for inputs; None where it raises."""
        _, backward = self._layer.bound(trial.own)
        inputs = trial.inputs
        if backward is None:
            gradients = rest_of(trial.returned)
            several = gradients if isinstance(gradients, tuple | list) else (gradients,)
            sums = {n: x for n, x in trial.local.items() if _shape(x) == () and any(x is one for one in several)}
            named = gradients if isinstance(gradients, dict) else sums  # of what may be a single number
            keys = {**spelled(named, inputs)[0], **{n: n for n in inputs if n in named}}
            return {n: shape for n, key in keys.items() if (shape := _shape(named[key])) is not None}
        ran = self._ran(backward, trial)
        if ran is None:
            return None
        keys, _ = spelled(ran.names, inputs)
        found = {n: shape for n, key in keys.items() if (shape := _shape(ran.names[key])) is not None}
        if "dreturned0" in ran.names:  # what has the shape of no input
            found.setdefault(next(iter(inputs)), np.shape(ran.names["dreturned0"]))
        if trial.given is not None and isinstance(ran.returned, np.ndarray):
            found.setdefault(trial.given.of, ran.returned.shape)
        return found

    def _ran(self, backward: Callable[..., Any], trial: Trial, upstream: float = 1.0) -> Run | None:
        """What a backward pass does with upstream gradients of one number; None where it raises."""
        takes = trial.takes
        cache = takes.cache_of(trial.returned, trial.known)
        if takes.with_cache and cache is None:
            cache = {**trial.guess.arguments, **trial.local}
        douts = tuple(np.full_like(out, upstream) for out in takes.outputs_of(trial.returned))
        dout = douts[0] if len(douts) == 1 else douts
        with quietly(self._seed, global_names(self._layer)):
            try:
                adapted = takes.adapted(backward, trial.inputs, trial.own, trial.guess.arguments)
                inputs, taken = list(trial.inputs), inspect.signature(self._layer.function_forward).parameters
                order = told_by_variables(adapted, inputs, taken) or inputs
                ran = run_backward(adapted, dout, cache, order, within=False)
            except SystemExit:
                return None
        self._stopped = ran.error or self._stopped
        return ran if ran.error is None else None

    def _with_numbers(self, trial: Trial) -> Trial | None:
        """A loss with single numbers for one or two of its inputs, if it is a single number itself then; or None.

        So is a variance that is one for all: with an array of them there is an array of losses.
        """
        arrays = [n for n in reversed([*trial.guess.arguments]) if n in trial.guess.free and trial.inputs.get(n)]
        for some in (*itertools.combinations(arrays, 1), *itertools.combinations(arrays, 2)) if len(arrays) > 1 else ():
            other = reshaped(trial.guess, dict.fromkeys(some, ()), self._seed)
            if self._how_far(other)[0] == DONE:
                return self._tried(other)
        return None

    def _as_returned(self, trial: Trial) -> Trial | None:
        """The layer with inputs of the shapes of its gradients, if it runs with them and the shapes are then alike."""
        shapes = trial.unlike
        if not shapes or not shapes.keys() <= trial.guess.free:
            return None
        again = self._tried(reshaped(trial.guess, shapes, self._seed))
        if again is None or again.gradients is None or again.unlike:
            return None
        learned = {n: shape for n, shape in shapes.items() if is_parameter(n) or not shape}
        meant = {n: shape for n, shape in learned.items() if n not in trial.guess.alone}
        resized = {n: shape for n, shape in meant.items() if np.prod(shape) != np.prod(trial.inputs[n])}
        others = [n for n in trial.guess.free if n not in shapes and len(trial.inputs.get(n, ())) == 1]
        if any(trial.inputs[n] in (trial.inputs[m] for m in resized) for n in others):
            return None  # as gamma without an axis beside beta with it
        by_element = not re.search(_REDUCED, self._layer.text)
        if any(resized.values()) and not by_element:
            return None  # as a bias with the length of the batch
        sure = by_element and not any(shape or re.fullmatch(_VECTORS, n) for n, shape in resized.items())
        return replace(again, doubts={} if sure else {n: _doubt(n, trial.inputs[n], resized[n]) for n in resized})


def _axes(trial: Trial) -> int:
    return max((len(shape) for shape in trial.inputs.values()), default=0)


def _is_of_the_code(error: BaseException) -> bool:
    """Whether no other inputs would help: a name that is not defined, in the file or in a module."""
    return isinstance(error, NameError | ImportError) or (
        isinstance(error, AttributeError) and str(error).startswith("module")
    )


def _forgetful(trial: Trial) -> bool:
    """Whether each gradient of another shape lacks a sum or a transpose only, which shows at no array of one axis."""
    return all(
        sorted(shape) == sorted(trial.inputs[n]) or broadcasts(trial.inputs[n], shape)
        for n, shape in trial.unlike.items()
    )


def _hides(trial: Trial, other: Trial) -> bool:
    """Whether a missing sum or transpose of another trial is not due here: of one axis, or of a whole array."""
    axes = {n: (len(shape), len(other.inputs.get(n, ()))) for n, shape in trial.inputs.items()}
    return any(here < there for here, there in axes.values()) or any(
        here > there for n, (here, there) in axes.items() if n in other.unlike and is_parameter(n)
    )


def _doubt(name: str, guessed: tuple[int, ...], shape: tuple[int, ...]) -> str:
    what = f"an array of shape {shape}" if shape else "a single number"
    return (
        f"it is {what}, which is right if {name} is one, as it was taken for here; if {name} has another shape, say "
        f"so: {option(said_as_option({name: guessed}))}, and if it has not: {option(said_as_option({name: shape}))}"
    )


def rest_of(returned: Any) -> Any:
    """What a function returns besides the loss."""
    gradients = returned[1:]
    return gradients[0] if len(gradients) == 1 else tuple(gradients)


def without_reassigned(
    forward: Callable[..., Any], local: dict[str, Any], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The local variables but those that are arguments assigned anew: who calls backward has the arguments alone."""
    source = source_of(forward)
    assigned = (node.targets for node in (source.nodes if source is not None else ()) if isinstance(node, ast.Assign))
    again = {x.id for targets in assigned for x in targets if isinstance(x, ast.Name) and x.id in arguments}
    return {name: x for name, x in local.items() if name not in again}


def _no_floats(returned: Any) -> str:
    """What a forward pass returned, where that is no array of floats; or ""."""
    out = returned[0] if isinstance(returned, tuple) and returned else returned
    if isinstance(out, np.ndarray | np.generic):
        return "" if out.dtype.kind == "f" else f"numbers of {out.dtype}"
    if isinstance(out, float):
        return ""
    kind, library = type(out).__name__, type(out).__module__.partition(".")[0]
    return "None" if out is None else f"{kind} of {library}" if is_array(out) else kind


@contextmanager
def quietly(seed: int, names: Mapping[str, Any]) -> Iterator[None]:
    """The user's code is tried within the block: it is not seen or heard, and what it replaces is put back."""
    with replaced_kept(), seeded(seed, names), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with redirect_stdout(StringIO()):
            yield


def _shape(value: Any) -> tuple[int, ...] | None:
    """The shape of an array, of a number or of what could be made an array; None where it has none, as some caches."""
    try:
        return np.shape(value) if value is not None else None
    except ValueError:  # of lists of different lengths
        return None
