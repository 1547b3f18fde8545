"""What a user's file draws at random is the same in every run: global generators start from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..engine.randomness import generator_or_default, manual_seed


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """NumPy's, Python's and our own global generators start from a seed within the block.

    Afterwards they go on as if nothing had been drawn. NumPy's takes the seed's last 32 bits, as it has no more.

    >>> with seeded(3):
    ...     first = np.random.rand()
    >>> with seeded(3):
    ...     first == np.random.rand()
    True
    """
    numpys = np.random.get_state()  # noqa: NPY002 -- it is what the user's code draws from
    pythons, own = random.getstate(), generator_or_default().bit_generator
    ours = own.state
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)
    manual_seed(seed)
    try:
        yield
    finally:
        np.random.set_state(numpys)  # noqa: NPY002
        random.setstate(pythons)
        own.state = ours
