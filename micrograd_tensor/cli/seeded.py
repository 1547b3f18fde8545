"""What a user's file draws at random is the same in every run: generators start from a seed, or where they were."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import wraps
from itertools import count
from typing import Any

import numpy as np

from ..engine.randomness import generator_or_default, manual_seed

_made = count()
"""Numbers for the generators without a seed that are made within a block, as the file may have imported their maker."""


@contextmanager
def seeded(seed: int, names: Mapping[str, Any] | None = None) -> Iterator[None]:
    """NumPy's, Python's and our own global generators start from a seed within the block, and those made without one.

    Afterwards they go on as if nothing had been drawn, and so do the user's own. NumPy's takes the seed's last 32 bits,
    as it has no more.

    Args:
        seed: from which they start.
        names: the global names of the user's file, some of which may be generators.

    >>> with seeded(3):
    ...     first = np.random.rand(), np.random.default_rng().random()
    >>> with seeded(3):
    ...     first == (np.random.rand(), np.random.default_rng().random())
    True
    """
    numpys = np.random.get_state()  # noqa: NPY002 -- it is what the user's code draws from
    pythons, own = random.getstate(), generator_or_default().bit_generator
    global _made
    ours, make, before, _made = own.state, np.random.default_rng, _made, count()
    theirs = [(g, deepcopy(g.bit_generator.state)) for g in _generators_in(names or {})]
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)
    manual_seed(seed)

    @wraps(make)
    def default_rng(given: Any = None) -> np.random.Generator:
        return make([seed, next(_made)] if given is None else given)

    np.random.default_rng = default_rng  # type: ignore[assignment]  # of a seed that may be anything
    try:
        yield
    finally:
        np.random.default_rng, _made = make, before
        np.random.set_state(numpys)  # noqa: NPY002
        random.setstate(pythons)
        own.state = ours
        for generator, state in theirs:
            generator.bit_generator.state = state


def _generators_in(names: Mapping[str, Any]) -> Iterator[np.random.Generator]:
    """NumPy's generators among global names, and among the defaults of functions and of methods there."""
    for value in names.values():
        inside = vars(value).values() if inspect.isclass(value) else ()
        for x in (value, *inside):
            function = getattr(x, "__func__", x)
            named = getattr(function, "__kwdefaults__", None) or {}
            for one in (x, *(getattr(function, "__defaults__", None) or ()), *named.values()):
                if isinstance(one, np.random.Generator):
                    yield one
