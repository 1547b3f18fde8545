"""Randomness: the one door through which random numbers come.

One `numpy.random.Generator` serves everyone who brings none of their own; `manual_seed` sets it back, in place, so that
whoever holds it sees the new seed too.
"""

from __future__ import annotations

import numpy as np

__all__ = ["manual_seed"]

_generator = np.random.default_rng()


def manual_seed(seed: int) -> np.random.Generator:
    """Start the default generator again from a seed, so that all that is random repeats; returns the generator.

    >>> import micrograd_tensor as mt
    >>> first = mt.manual_seed(0).random()
    >>> first == mt.manual_seed(0).random()
    True
    """
    _generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    return _generator


def generator_or_default(generator: np.random.Generator | None = None) -> np.random.Generator:
    """The generator that was given, or the default one. Its ``bit_generator.state`` is what a checkpoint keeps.

    >>> generator_or_default() is generator_or_default(None)
    True
    """
    return _generator if generator is None else generator
