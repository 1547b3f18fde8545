"""Dtypes: a hint where data makes a net compute in a wider dtype than its own."""

from __future__ import annotations

import warnings

import numpy as np

from ..engine.anomaly import distance
from ..engine.errors import describe
from ..engine.recording import recording
from ..engine.tensor import Tensor
from .parameter import Parameter

MANY = 1 << 12
"""Elements of data from which on it takes time that counts."""


def hint(layer: str, x: Tensor, weight: Parameter) -> None:
    """Warn, once a line, of data whose dtype all of a net computes in from here on while it is trained."""
    if x._requires_grad or x._data.dtype == weight._data.dtype or x._data.size < MANY:
        return
    wide = np.result_type(x._data.dtype, weight._data.dtype)
    if wide != weight._data.dtype and weight._requires_grad and recording.get().on:
        warnings.warn(
            f"{layer}: {describe(x)} holds {x.dtype} beside parameters of {weight.dtype}, so that the net computes in "
            f"{wide}, which takes longer; give x.astype(np.{weight.dtype}), or convert the net, net.to(np.{wide})",
            stacklevel=distance(),
        )
