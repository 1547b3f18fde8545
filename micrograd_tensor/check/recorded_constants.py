"""Constants of a recorded forward pass: arrays that nothing is differentiated by, whose ``dot`` records all the same.

``y.dot(np.log(p))`` is a method of ``y``, which asks no protocol: NumPy would make an array of what it is given.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .nested import each


class Constant(np.ndarray):
    """An array of labels, or of other numbers without a gradient, beside recorded ones.

    >>> y = constant(np.array([1, 0, 1]))
    >>> type((1 - y).T).__name__, type(y.sum()).__name__
    ('Constant', 'int64')
    """

    def dot(self, b: Any, out: Any = None) -> Any:
        """The product, by the function that asks what it is given."""
        return np.dot(self, b) if out is None else np.dot(self, b, out=out)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """A number where NumPy's own arrays give one."""
        return array[()] if return_scalar or not array.shape else constant(array)

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        """What NumPy makes of constants is one, too."""
        made = super().__array_function__(function, types, args, settings)
        return made if made is NotImplemented else constant(made)


def constant(value: Any) -> Any:
    """With a `Constant` in place of each array of NumPy's in it."""
    return value.view(Constant) if type(value) is np.ndarray and value.shape else each(value, constant)
