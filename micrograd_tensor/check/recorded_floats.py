"""``float`` while a forward pass is recorded: of a recorded array it is that number, which stays in the graph.

As in ``return float(np.squeeze(cost))``, and in ``assert isinstance(cost, float)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .recorded_array import Array


class _Number(type):
    """Says of a recorded number, too, that it is a float."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, float) or (isinstance(value, Array) and value.shape == () and value.dtype.kind == "f")


class RecordedFloat(metaclass=_Number):
    """What a user's module has for ``float``; as a dtype it is that of NumPy."""

    dtype = np.dtype(float)

    def __new__(cls, value: Any = 0.0) -> Any:
        """The only element of a recorded array, recorded; a float of anything else."""
        return value.reshape(()) if isinstance(value, Array) and value.size == 1 else float(value)
