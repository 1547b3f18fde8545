"""What is said of the inputs at which a layer ran, and of why it ran at none."""

from __future__ import annotations

import inspect
from collections.abc import Container

import numpy as np

from ..notation.printable import listed
from .costs import read_with_cost, unknown_to
from .dictionaries import is_put_together, keys_of
from .layers import Layer, arguments_of_layers
from .shapes import LABELS, NUMBERS, Guess
from .shapes_option import numbers_as_option, said_as_option
from .trials import Trial, Trials


def said_of_trial(layer: Layer, trial: Trial, seed: int, given: Container[str], call: str) -> str:
    """How a layer was run, in a few words: what was recorded, and the inputs.

    Args:
        layer: whichever.
        trial: in which it ran.
        seed: of the inputs that were drawn.
        given: the names of those that were given.
        call: of the function that made its weights, or "".
    """
    arrays = {name: value for name, value in trial.guess.arguments.items() if isinstance(value, np.ndarray)}
    kind = trial.guess.kind
    kinds = [f"labels {kind.labels}"] if kind.labels not in LABELS[:2] else []
    kinds += [f"numbers {kind.numbers}"] if kind.numbers != NUMBERS[0] else []
    numbers = {n: trial.guess.arguments[n] for n in sorted(trial.guess.free) if n in trial.guess.arguments}
    kinds = [f"{n} {x}" for n, x in numbers.items() if isinstance(x, int | float | dict)] + kinds
    kinds += [f"{n} {x.__name__}" for n, x in trial.guess.arguments.items() if inspect.isfunction(x)]
    drawn = {f"drawn from seed {seed}": [n for n in arrays if n not in given], "given by inputs()": [*arrays]}
    ways = {way: [f"{n} {arrays.pop(n).shape}" for n in names if n in arrays] for way, names in drawn.items()}
    ways[next(iter(ways))] += kinds
    inputs = "; ".join(f"{way}: {', '.join(some)}" for way, some in ways.items() if some)
    after = ""
    if layer.cost is not None:
        taken, forward = inspect.signature(layer.function_forward).parameters, inspect.unwrap(layer.function_forward)
        unknown = unknown_to(forward, layer.function)
        added = [n for n in unknown if n in taken] or unknown
        held = read_with_cost(layer.made_by, forward, layer.function, layer.cost) if layer.made_by is not None else []
        why = f"takes {listed(added)}" if added else f"reads {listed([f'self.{name}' for name in held])}"
        after = f", and {layer.cost.__name__} after it, as backward {why}"
    made = f"; the shapes of weights are those that {call} makes" if call else ""
    how = f"recorded as it stands, with what it assigns to items of arrays{after}"
    return f"{how}; inputs {inputs}{made}" if inputs else ""


def said_of_guess(trial: Trial) -> str:
    """What is to be said where guessed shapes may be wrong, as gradients have others or there are none; or ""."""
    unlike = sorted(trial.unlike.keys() & trial.guess.free)
    free = {name: shape for name, shape in trial.inputs.items() if name in trial.guess.free}
    if unlike:
        have = "have other shapes than their inputs" if len(unlike) > 1 else "has another shape than its input"
        what = f"{listed([f'd{name}' for name in unlike])} {have}"
    elif free and trial.gradients is None:
        what = "backward stops with an error"
    else:
        return ""
    names = ",".join(f"{name}=…" for name in free)
    return (
        f"the shapes of the inputs were guessed, and at these {what}; they were {said_as_option(free)}, and if yours "
        f"are others, say them: --shapes {names}, with x=4x5 for a shape"
    )


def as_option(guess: Guess) -> str:
    """All that was guessed, as ``--shapes`` takes it."""
    free = {name: value for name, value in guess.arguments.items() if name in guess.free}
    numbers = {name: value for name, value in free.items() if not isinstance(value, np.ndarray)}
    arrays = {name: value for name, value in free.items() if isinstance(value, np.ndarray)}
    below = {name: f"<{x.max(initial=1) + 1}" if x.dtype.kind == "i" else "" for name, x in arrays.items()}
    shapes = [f"{said_as_option({name: x.shape})}{below[name]}" for name, x in arrays.items()]
    return ",".join([*shapes, numbers_as_option(numbers)] if numbers else shapes)


def why_it_runs_at_none(layer: Layer, trials: Trials) -> str:
    """Why a layer ran at no inputs, and what to do about it."""
    if trials.instead:
        return (
            f"the forward pass of {layer.name} returned {trials.instead}, where an array of floats of NumPy's belongs; "
            "compute its result with np, from its arguments, and return it"
        )
    pair = layer.made_by is None and layer.backward is not None and layer.cost is None
    unknown = trials.unknown or (unknown_to(layer.forward, layer.backward) if pair else ())
    if unknown:
        return (
            f"the backward pass of {layer.name} takes {listed([*unknown])}, of which the forward pass knows "
            "nothing; give it to both, and return from forward what is differentiated, such as the loss"
        )
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    several = [str(p) for p in trials.parameters.values() if p.kind in kinds]
    if several and len(several) == len(trials.parameters):
        return (
            f"{layer.name} takes {listed(several)}, so it is not known how many inputs it has; give each a name of its "
            "own, such as (x, w, b)"
        )
    needed = [n for n, p in trials.parameters.items() if p.default is p.empty and p.kind not in kinds]
    joined = [n for n in needed if layer.made_by is None and any(map(is_put_together, keys_of(layer, n)))]
    if joined:
        every = ", ".join(f'"{name}": {{…}}' if name in joined else f'"{name}": …' for name in needed)
        return (
            f"{layer.name} puts the keys of {listed(joined)} together, so it is not known which there are; write "
            f"inputs(), which returns them all, as in return {{{every}}}; then it is judged"
        )
    if of_layers := arguments_of_layers(layer):
        every = ", ".join(f'"{name}": {"[Linear(5, 3), …]" if name in of_layers else "…"}' for name in needed)
        return (
            f"{layer.name} takes {listed(of_layers)}, which its forward pass calls one after another, so it is not "
            f"known what is in there; write inputs(), which gives it some, as in return {{{every}}}; then it is judged"
        )
    names = ",".join(f"{name}=…" for name in needed)
    tried = f", at {trials.tried} among others" if trials.tried else ""
    said = f": {trials.last}" if str(trials.last or "") else ""
    reason = f" ({type(trials.last).__name__}{said})" if trials.last is not None else ""
    return (
        f"no inputs were found with which {layer.name} runs{reason}{tried}; say what they are: --shapes {names}, with "
        "x=4x5 for a shape, y=4<3 for whole numbers below 3, stride=(1) for a value"
    )
