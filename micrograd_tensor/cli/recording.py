"""A user's layer in plain NumPy, as it is, recorded: made into an exercise by recorded NumPy.

Its forward pass runs twice at the same inputs: recorded, and as it stands, which gives the cache that the backward pass
gets, and shows that recording has changed no number.
"""

from __future__ import annotations

import functools
import gc
import inspect
import re
import sys
import warnings
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..check.given import spelled
from ..check.recorded_array import Array
from ..check.recorded_constants import constant
from ..check.recorded_numpy import recording_numpy
from ..check.rolled import rolled
from ..check.running import Watch, called, copied, kept_once, replaced_kept
from ..check.statements import assignments, settled
from ..engine.errors import GradientError, GradientWarning
from ..engine.tensor import Tensor, tensor
from ..engine.walk import ancestors
from ..graph import graph
from ..notation.printable import listed
from .costs import read_by_backward
from .derivatives import sources_of
from .global_weights import drawn_anew, global_names, held_in_module, keeping, replaced, with_drawn_anew
from .held import leaves_of
from .layers import Layer, no_layers, parameters_of, parameters_of_constructor, wanted_by
from .made_anew import made_anew
from .predictions import may_be_predicted
from .readings import Reading, may_be_averaged, said_of, stage_meant, why_instead, why_stage
from .roles import is_labels, role_of
from .said_of_trials import as_option, said_of_guess, said_of_trial, why_it_runs_at_none
from .seeded import seeded
from .taking import Adapted, Taking, is_cache
from .task import Task
from .trials import Trial, Trials, quietly, rest_of, without_reassigned
from .unread_numbers import unread_numbers
from .unusable import MixedError, UnusableError
from .user_file import blamed


def recorded(
    module: ModuleType,
    layer: Layer,
    path: Path,
    seed: int,
    given: Mapping[str, Any],
    exact: bool = False,
    dout: Any = None,
    call: str = "",
    reading: Reading | None = None,
) -> Iterator[Task]:
    """Run a layer's forward pass at inputs that are given, or made from their shapes, or found by trying.

    The first run is the likeliest; the others, if any, are at other kinds of numbers, such as labels that are one-hot,
    and after these those with other things that a loss may be.

    Args:
        module: the file.
        layer: which of its layers.
        path: the file, for messages.
        seed: of the inputs and of the upstream gradient.
        given: by the name of a parameter of forward, or of the constructor, its value.
        exact: whether all inputs are given.
        dout: the upstream gradient of its only output; None: drawn at random.
        call: of a function of the file that made the weights whose shapes are given; or "".
        reading: what its backward pass takes, and of what its gradients are; None: what fits.

    Raises:
        UnusableError: where it does not run, or something leaves the graph, with the line.
    """
    _require_loss(layer, path)
    layer = keeping(layer)
    ways = may_be_predicted(layer) if reading is None else [reading.predicted]
    readings = [Trials(layer, given, seed, exact, predicted) for predicted in ways]
    own = frozenset(name for name, value in given.items() if isinstance(value, np.ndarray))
    record = functools.partial(_recorded, module, layer, path, seed, exact=exact, given=own, dout=dout, call=call)
    if reading is not None and reading.stage:
        record = functools.partial(record, stage=reading.stage)
    trials, chosen = _chosen(readings)
    if chosen is None:
        error = trials.broken or (trials.last if exact and not (trials.instead or trials.unknown) else None)
        if error is not None:
            with blamed(path, "fails in forward"):
                raise error
        raise UnusableError(f"{path}: {why_it_runs_at_none(layer, trials)}")
    guess = chosen.guess
    averaged, *others = may_be_averaged(layer, chosen) if reading is None else [reading.averaged]
    apart, told = trials.told_apart(chosen), ""
    if apart is not None:
        told = as_option(apart.guess)
        with suppress(UnusableError):
            yield record(apart, averaged=averaged)
    made = replace(record(chosen, averaged=averaged), told_apart=told)
    del apart, chosen  # with all that they hold
    yield made

    def of_other_kinds(averaged: bool) -> Iterator[Task]:
        for trial in trials.others(guess.kind) if not exact else ():
            with suppress(UnusableError):
                yield record(trial, averaged=averaged)

    yield from of_other_kinds(averaged)
    for averaged in others:
        if (trial := trials.at(guess)) is not None:
            yield record(trial, averaged=averaged)
            yield from of_other_kinds(averaged)
    for other in readings:
        trial = other.at(guess) if other is not trials else None
        if trial is not None and trial.fits:
            for averaged in may_be_averaged(layer, trial):
                with suppress(UnusableError):
                    yield replace(record(trial, averaged=averaged), instead=why_instead(trial))
    if (stage := stage_meant(made.upstreams, made.captured)) and (trial := trials.at(guess)) is not None:
        with suppress(UnusableError):
            yield replace(record(trial, averaged=False, stage=stage), instead=why_stage(made.upstreams[0], stage))


def _chosen(readings: list[Trials]) -> tuple[Trials, Trial | None]:
    """The first way to run a layer, of some readings, that fits, or is usual and runs; or else that comes furthest.

    No prediction is what becomes 0 where it is 0: of predictions that are 0 a loss still has a slope.
    """
    found = list[tuple[Trials, Trial | None]]()
    for trials in readings:
        chosen = trials.chosen()
        if chosen is not None and (chosen.fits or (chosen.given is None and chosen.gradients is not None)):
            usual = next((one for one in readings if trials.predicted and not one.predicted), None)
            other = usual.passing_on(chosen.guess) if usual is not None else None
            return (usual, other) if usual is not None and other is not None else (trials, chosen)
        found.append((trials, chosen))
    found.sort(key=lambda one: one[0].predicted)
    ran = [(trials, chosen) for trials, chosen in found if chosen is not None]
    return next((one for one in ran if one[1].gradients is not None), [*ran, *found][0])


@contextmanager
def _collected_later() -> Iterator[None]:
    """Within the block no circles of references are looked for: what a loop records is all in use until it is over."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@_collected_later()
def _recorded(
    module: ModuleType,
    layer: Layer,
    path: Path,
    seed: int,
    trial: Trial,
    *,
    exact: bool,
    given: Container[str],
    dout: Any,
    call: str,
    averaged: bool,
    stage: str = "",
) -> Task:
    arguments = trial.guess.arguments
    _require_layers(layer, trial.own, path)
    with blamed(path, f"fails in the forward pass of {layer.name}, recorded"), warnings.catch_warnings():
        warnings.simplefilter("error", GradientWarning)
        with replaced_kept(), seeded(seed, vars(module)), redirect_stdout(StringIO()), recording_numpy(_users(module)):
            leaves = {name: _leaf(name, value) for name, value in arguments.items()}
            own, made, local = _run_recorded(layer, leaves, seed)
    forward, backward = layer.bound(trial.own)
    takes = trial.takes
    outputs = _tensors(made, takes, path, layer, "" if exact else as_option(trial.guess))
    sure = settled(forward)
    settled_ones = {name: value for name, value in local.items() if name in sure}
    unnamed = {trial.given.argument: None} if trial.given else {}
    cache = takes.cache_of(made, {**leaves, **without_reassigned(forward, local, leaves), **unnamed})
    names = [*_names(outputs, cache, settled_ones, takes, layer.function, own)]
    records = ancestors(outputs)
    if averaged:  # a loss for each example is only a step on the way to their mean
        names = [(name, x) for name, x in names if not (isinstance(x, Array) and x.recorded is outputs[0])]
    _name(
        () if averaged else outputs,
        records,
        names,
        layer.function,
        "out" if takes.gradients or layer.reading else "loss",
    )
    inner = tuple(x.recorded for name, x in names if name == stage and isinstance(x, Array))[:1] if stage else ()
    *rest, last = rolled((*outputs, *inner), records)
    outputs, inner = (tuple(rest), (last,)) if inner else ((*rest, last), ())
    del records  # which hold each step of each loop
    _compare(outputs, takes.outputs_of(trial.returned), path, layer)
    outputs = inner or outputs
    outputs = (outputs[0].mean().named("loss"),) if averaged else outputs
    rng = np.random.default_rng([seed, 1])
    upstream = [np.asarray(rng.standard_normal(out.shape), out.dtype) for out in outputs]
    if layer.reading and len(layer.sources) == 1:
        _require_elementwise(layer, trial, path)
    if not takes.gradients:
        shapes = {value.shape for value in arguments.values() if isinstance(value, np.ndarray)}
        if not trial.losses and any(out.size > 1 and out.shape not in shapes for out in outputs):
            raise UnusableError(
                f"{path}: the backward pass of {layer.name} takes no gradient of what its forward pass returns, "
                f"of shape {outputs[0].shape}; take one, such as dout, or return the loss"
            )
        upstream = [np.ones_like(out.numpy()) for out in outputs]
    if dout is None and backward is not None:
        dout = takes.unread(backward)
    drawn = dout is None and bool(takes.gradients)
    if dout is not None:
        with blamed(path, "gives a dout that does not fit"):
            upstream = [np.asarray(np.broadcast_to(dout, outputs[0].shape), outputs[0].dtype)]
    captured = graph(list(outputs), upstream)
    values = [node.value for node in captured.nodes]
    cache = copied(takes.cache_of(trial.returned, {**arguments, **trial.known}), values)
    if cache is None and takes.with_cache:
        cache = arguments | {node.name: np.array(node.value) for node in captured.nodes if node.name}
    cache, arguments = kept_once(cache, values), kept_once(arguments, values)
    upstream = [kept_once(up, [node.value for node in captured.upstreams.values()]) for up in upstream]
    dout = upstream[0] if len(upstream) == 1 else tuple(upstream)
    inputs = {node.name or "": node.shape for node in captured.nodes if node.is_leaf and node.requires_grad}
    ignored = tuple(inspect.signature(forward if backward is None else backward).parameters)
    reading = Reading(trial.given is not None, averaged, stage)
    adapted: Callable[..., Any]
    if backward is None:
        adapted = Adapted(forward, _gradients_beside(forward, arguments), inputs, None)
    else:
        adapted = takes.adapted(backward, inputs, trial.own, arguments)
    return Task(
        captured,
        dout,
        drawn,
        cache,
        adapted,
        ignored,
        layer.function_forward,
        run_both=functools.partial(_run_both, layer, takes, arguments, inputs, dout, cache, seed),
        again=lambda vary: next(recorded(module, layer, path, seed, vary(arguments), True, reading=reading)),
        with_upstream=lambda vary: next(
            recorded(module, layer, path, seed, arguments, True, dout=vary(upstream[0]), reading=reading)
        ),
        with_weights=_of_weights_anew(module, layer, path, seed, arguments, reading),
        said=said_of_trial(layer, trial, seed, given, call),
        guessed="" if exact else said_of_guess(trial),
        unlike=frozenset(trial.unlike),
        doubts=dict(trial.doubts),
        untaken=not takes.gradients,
        upstreams=takes.gradients,
        numbers=_numbers(layer, arguments),
        unread=unread_numbers(layer, arguments),
        put={} if exact else _put_there(layer, arguments, trial.guess.free),
        free=frozenset(trial.guess.free),
        found=not exact,
        shapes=as_option(trial.guess),
        searched=trial.searched,
        square=trial.square,
        apart=as_option(trial.apart) if trial.apart is not None else "",
        excerpt=trial.own is not None,
        given={trial.given.called.rpartition(".")[2]: trial.given.argument} if trial.given else {},
        reading=reading,
        read_as=said_of(layer, trial, averaged),
    )


def _of_weights_anew(
    module: ModuleType, layer: Layer, path: Path, seed: int, arguments: Mapping[str, Any], reading: Reading
) -> Callable[[], Task] | None:
    """See `Task.with_weights`."""
    if layer.made_by is not None or not held_in_module(layer):
        return None

    def made() -> Task:
        with drawn_anew(layer, seed):
            task = next(recorded(module, layer, path, seed, arguments, True, reading=reading))
        return replace(task, backward=with_drawn_anew(task.backward, layer, seed))

    return made


def _require_loss(layer: Layer, path: Path) -> None:
    """Refuse a class whose backward pass alone reads the labels that the object was made with."""
    if layer.made_by is None or layer.backward is None or layer.cost is not None:
        return
    if any(map(is_labels, inspect.signature(layer.function_forward).parameters)):
        return
    if read := read_by_backward(layer.made_by, layer.function_forward, layer.function, labels=True):
        raise UnusableError(
            f"{path}: {layer.backward} of {layer.name} reads {listed([f'self.{name}' for name in read])}, of which "
            f"{layer.forward} knows nothing, so it is not known of which loss its gradients are; give the class one "
            "method, such as loss(self), that returns it; then it is judged"
        )


def _require_layers(layer: Layer, own: Any, path: Path) -> None:
    """Refuse a container without layers, which gives back what it gets: any order of its layers would be right."""
    if empty := no_layers(layer, own):
        first = next(iter(parameters_of_constructor(layer)), "")
        way = f'give it some in inputs(), as in return {{"{first}": [Linear(5, 3), …], …}}, or ' if first else ""
        raise UnusableError(
            f"{path}: {layer.name} holds no layers, as self.{empty} is empty, so nothing of it is judged: its loop "
            f"over them runs zero times; {way}check a class that makes one with layers in it"
        )


def _require_elementwise(layer: Layer, trial: Trial, path: Path) -> None:
    """Refuse a derivative of what mixes the elements of its input, as softmax does: it is a matrix, and no slope."""
    name = next(iter(sources_of(layer.function_forward, layer.function, "input").values()))
    forward, _ = layer.bound(trial.own)
    arguments = {n: copied(x) for n, x in wanted_by(forward, trial.guess.arguments).items()}
    array, before = arguments[name], np.asarray(trial.returned)
    if not np.size(before) > 1:
        return
    array.flat[0] += 0.1
    with quietly(0, global_names(layer)):
        changed = np.asarray(forward(**arguments)) != before
    if before.shape != array.shape or np.any(changed.flat[1:]):
        raise MixedError(
            f"{path}: each number that {layer.function_forward.__name__} returns depends on several of {name}, so its "
            f"derivative is no slope of each by itself, and {layer.function.__name__} is not judged; write a backward "
            "pass, which takes the upstream gradient"
        )


def _numbers(layer: Layer, given: Mapping[str, Any]) -> dict[str, float]:
    """See `Task.numbers`."""
    return {name: x for name, x in _defaults(layer, given).items() if isinstance(x, float) and role_of(name) != "eps"}


def _put_there(layer: Layer, given: Mapping[str, Any], free: Container[str]) -> dict[str, Any]:
    """See `Task.put`."""
    numbers = {name: x for name, x in given.items() if name in free and not isinstance(x, np.ndarray)}
    return _defaults(layer, given) | numbers


def _defaults(layer: Layer, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is there by default, but for numbers that forward does not read."""
    unread = unread_numbers(layer, given)
    return {name: p.default for name, p in parameters_of(layer).items() if name not in {**given, **unread}}


def _gradients_beside(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Callable[..., Any]:
    """What a function returns beside the loss, as a backward pass.

    A line that makes another loss is no mistake in a gradient: where one is changed so, the call fails.
    """
    before: list[Any] = []

    def gradients(*_: Any) -> Any:
        returned = function(**wanted_by(function, copied(arguments)))
        if not before:
            before.append(np.array(returned[0]))
        if not np.array_equal(before[0], returned[0], equal_nan=True):
            raise GradientError("the loss is another one")
        return rest_of(returned)

    return gradients


def _run_recorded(layer: Layer, leaves: Mapping[str, Any], seed: int) -> tuple[Any, Any, dict[str, Any]]:
    """A layer's object, what its forward pass returns and its local variables, on `Array` s."""
    own = made_anew(layer, leaves, seed)
    for place in leaves_of(own):
        place.put(_recorded_attribute(place.called, place.value))
    forward, _ = layer.bound(own)
    watch = Watch(forward, within=False)
    with replaced(layer, _recorded_attribute), watch:
        made = layer.ran(own, leaves)
    return own, made, watch.local


def _run_both(
    layer: Layer,
    takes: Taking,
    arguments: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    dout: Any,
    cache: Any,
    seed: int,
) -> None:
    """Run both passes of a layer as they stand, in an object of its own."""
    with quietly(seed, global_names(layer)):
        own = made_anew(layer, arguments, seed)
        layer.ran(own, copied(arguments))
        _, backward = layer.bound(own)
        if backward is not None:
            called(takes.adapted(backward, inputs, own, arguments), dout, cache)


def _leaf(name: str, value: Any) -> Any:
    """An array of floats as an `Array` that gradients flow to, others as constants; anything else as it is."""
    if isinstance(value, Tensor):
        value = value.numpy()
    if isinstance(value, np.ndarray | np.floating) and np.asarray(value).dtype.kind == "f":
        return Array(tensor(np.asarray(value), name=name, requires_grad=True))
    return constant(copied(value))


def _recorded_attribute(name: str, value: Any) -> Any:
    """An attribute of a layer's object, with its arrays as `Array` s that gradients flow to."""
    if isinstance(value, dict):
        return {key: _recorded_attribute(key, x) for key, x in value.items()}
    if isinstance(value, Array) and not value.recorded.requires_grad:
        value = value.recorded.numpy()
    return _leaf(name, value) if isinstance(value, np.ndarray) else value


def _users(module: ModuleType) -> list[ModuleType]:
    """The file's module and those of its folder that it has imported."""
    folder = Path(module.__file__ or "").parent.resolve()
    own = [module]
    for other in list(sys.modules.values()):
        file = getattr(other, "__file__", None)
        if file and other is not module and "site-packages" not in file and folder in _with_parents(Path(file).parent):
            own.append(other)
    return [m for m in own if not m.__name__.startswith("micrograd_tensor")]


@functools.cache
def _with_parents(folder: Path) -> tuple[Path, ...]:
    """A folder and those that it lies in: asked of the system once, as thousands of modules lie in a few folders."""
    return (made := folder.resolve(), *made.parents)


def _tensors(made: Any, takes: Taking, path: Path, layer: Layer, shapes: str) -> tuple[Tensor, ...]:
    found = []
    for out in takes.outputs_of(made):
        value = out.recorded if isinstance(out, Array) else out
        if not isinstance(value, Tensor):
            raise UnusableError(
                f"{path}: the forward pass of {layer.name} returned {type(value).__name__} where its result belongs, "
                "which was not recorded; compute it with NumPy from the arguments, and keep it in arrays, not in lists"
            )
        if not value.requires_grad:
            here = f" at the inputs that were found, {shapes}; say which yours are: --shapes …" if shapes else ""
            raise UnusableError(
                f"{path}: what the forward pass of {layer.name} returned depends on no argument of floats"
                f"{here or ', so there is no gradient'}"
            )
        found.append(value)
    return tuple(found)


def _alike(value: Any, due: Any) -> bool:
    """Whether two results of a forward pass are the same, up to rounding in the coarser dtype of both."""
    units = [float(np.finfo(x.dtype).eps) for x in (value, due) if x.dtype.kind in "fc"]
    loose = max([1e-9, *(1e3 * unit for unit in units)])
    near = loose * float(np.abs(due).max(initial=0.0, where=np.isfinite(due)))
    return bool(value.shape == due.shape and np.allclose(value, due, rtol=loose, atol=near, equal_nan=True))


def _compare(outputs: tuple[Tensor, ...], plain: tuple[Any, ...], path: Path, layer: Layer) -> None:
    for out, due in zip(outputs, plain, strict=True):
        if not _alike(out.numpy(), np.asarray(due)):
            raise UnusableError(
                f"{path}: recorded, the forward pass of {layer.name} gives other numbers than by itself, perhaps "
                "because it writes into a view of an array, such as a reshape of it; copy it first"
            )


# --------------------------------------------------------------------------------------------------------------- names


def _name(
    outputs: tuple[Tensor, ...],
    records: list[Tensor],
    found: list[tuple[str, Any]],
    backward: Callable[..., Any],
    usual: str,
) -> None:
    """Give the recorded tensors the names that the user has for them: in the cache, in backward, in forward.

    Names whose gradients the backward pass assigns come first, and those that are called as caches are come last.
    """
    recorded = set(records)
    taken = {t.name for t in recorded if t.name is not None}
    assigns = {key for statement in assignments(backward) for key in (*statement.names, *statement.kept)}
    wanted = set(spelled(assigns, {name for name, _ in found})[0])
    for name, value in sorted(found, key=lambda one: (one[0] not in wanted, is_cache(one[0]))):
        t = value.recorded if isinstance(value, Array) else value
        unnamed = isinstance(t, Tensor) and t in recorded and t.name is None and t.requires_grad
        if unnamed and name not in taken and name.isidentifier():
            t.named(name)
            taken.add(name)
    for k, out in enumerate(outputs):
        if out.name is None:
            name = usual if len(outputs) == 1 else f"{usual}{k}"
            out.named(name if name not in taken else f"{name}_")


def _names(
    outputs: tuple[Tensor, ...],
    cache: Any,
    local: Mapping[str, Any],
    takes: Taking,
    backward: Callable[..., Any],
    own: Any,
) -> Iterator[tuple[str, Any]]:
    """The names that a user has for values, the best known first."""
    for out, gradient in zip(outputs, takes.gradients, strict=False):
        name = gradient[1:].lstrip("_") if gradient[:1] == "d" and not gradient.startswith("delta") else ""
        other = local.get(name)  # as of dz beside z on the way to what is returned
        if name and not (isinstance(other, Array) and other.recorded is not out):
            yield name, out
    if takes.values:
        for name in takes.values:
            yield name, cache[name]
        cache = cache[takes.cache] if takes.cache is not None else None
    if isinstance(cache, (tuple, list)) and takes.cache is not None:
        for names_there in _unpacked(backward, takes.cache):
            yield from zip(names_there, cache, strict=False)
    if isinstance(cache, Mapping):
        yield from ((name, value) for name, value in cache.items() if isinstance(name, str))
    kept = {name.lstrip("_"): value for name, value in vars(own).items()} if hasattr(own, "__dict__") else {}
    yield from {**local, **{name: x for name, x in kept.items() if isinstance(x, Array)}}.items()  # backward has these
    yield from kept.items()


def _unpacked(backward: Callable[..., Any], cache: str) -> list[list[str]]:
    """The names that a backward pass unpacks its cache into."""
    found = []
    for statement in assignments(backward):
        match = re.fullmatch(rf"\(?(?P<names>[\w\s,]+?),?\)?\s*=\s*{re.escape(cache)}", statement.text)
        if match:
            found.append([name.strip() for name in match["names"].split(",")])
    return found
