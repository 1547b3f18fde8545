"""Randomness: the one source of random numbers.

One `numpy.random.Generator` serves everyone who has none of their own; `manual_seed` resets it in place, so that the
new seed holds wherever it is in use.
"""

from __future__ import annotations

import numpy as np

from .anomaly import caller
from .errors import TraceError, quoted
from .recording import recording

__all__ = ["manual_seed"]

_generator = np.random.default_rng()


def manual_seed(seed: int) -> np.random.Generator:
    """Restart the default generator from a seed, so that everything random repeats; returns the generator.

    Raises:
        TraceError: within a trace, such as in a compiled function, which would be seeded in its first call only.

    >>> import micrograd_tensor as mt
    >>> first = mt.manual_seed(0).random()
    >>> first == mt.manual_seed(0).random()
    True
    """
    if recording.get().trace is not None:
        raise TraceError(f"manual_seed within a trace would seed in the first call only, in {caller()}; seed before it")
    try:
        fresh = np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise type(error)(f"manual_seed: seed={quoted(seed)}: give a whole number, 0 or more") from None
    _generator.bit_generator.state = fresh.bit_generator.state
    return _generator


def generator_or_default(generator: np.random.Generator | None = None) -> np.random.Generator:
    """The given generator, or the default one. Its ``bit_generator.state`` is what a checkpoint keeps.

    >>> generator_or_default() is generator_or_default(None)
    True
    """
    if generator is None:
        return _generator
    if not hasattr(generator, "standard_normal"):
        raise TypeError(f"generator={generator!r:.40}: give one of NumPy's, such as np.random.default_rng(0)")
    return generator
