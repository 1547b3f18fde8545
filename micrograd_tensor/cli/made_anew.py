"""Made anew: the object of a layer's class, with numbers at which its parameters matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..check.given import spelled
from ..check.recorded_array import plain
from ..check.statements import assignments
from .first_forward import after_first_forward
from .held import leaves_of
from .layers import Layer
from .roles import is_parameter
from .single_numbers import held_as_arrays

_SMALL = 0.1
"""Weights are small where none is as large as this."""


def made_anew(layer: Layer, arguments: Mapping[str, Any], seed: int) -> Any:
    """A new object of a layer's class, in which what is learned and begins with one number everywhere is drawn anew.

    At γ = 1 or b = 0 a wrong backward pass can look right; and where weights begin so small that beside b they do not
    matter, as is usual, which units are on depends on b alone. So these are made as large as 1.
    """
    own = layer.made(arguments)
    held_as_arrays(layer, own)
    after_first_forward(layer, own, arguments)
    rng = np.random.default_rng([seed, 3])
    kept = [key for made in assignments(layer.function) for key in made.kept]
    held = leaves_of(own)
    derived, _ = spelled(kept, [place.called for place in held])  # as `a` where backward fills in `grad_a`
    for place in held:
        learned = is_parameter(place.short) or place.boxed or place.called in derived
        array = plain(place.value)
        if not (learned and place.called not in arguments and array.size):
            continue
        largest = np.abs(array).max()
        of_one = array.min() == array.max()  # as γ of a layer scale, or the slope of a PReLU
        if np.isin(array, (0, 1)).all():
            place.put(np.asarray(rng.standard_normal(array.shape), array.dtype))
        elif of_one or largest < _SMALL:
            sizes = rng.uniform(0.5, 1.5, array.shape) if of_one else 1
            place.put(np.asarray(array / (largest if largest < _SMALL else 1) * sizes, array.dtype))
    return own
