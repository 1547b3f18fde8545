"""micrograd_tensor: a minimal autograd engine on NumPy, whose recorded graph can be run, drawn and checked.

>>> import micrograd_tensor as mt
>>> x = mt.tensor([1.0, 2.0, 4.0], name="x", requires_grad=True)
>>> y = ((x - x.mean()) ** 2).sum()
>>> y.backward()
>>> y.round(3).item(), x.grad.round(3).tolist()
(4.667, [-2.667, -0.667, 3.333])

`docs/` tells the rest; the engine itself is `micrograd_tensor.engine`, to be read in one sitting.
"""

from . import launched as _launched  # noqa: F401 -- before all that takes a while

# isort: split
from sys import modules as _modules
from typing import TYPE_CHECKING

from .compile import compile as compile  # noqa: A004 -- Python's own compiles text
from .derive import derive as derive
from .draw import DrawError as DrawError
from .draw import draw as draw
from .engine.creation import *
from .engine.creation import DTYPES as _DTYPES
from .engine.errors import *
from .engine.interop.habits import missing as _missing
from .engine.interop.pytorch import look_elsewhere as _look_elsewhere
from .engine.primitive import OPS as _OPS
from .engine.randomness import *
from .engine.recording import *
from .engine.table.comparisons import *
from .engine.table.elementwise import *
from .engine.table.logarithms import *
from .engine.table.matrix import *
from .engine.table.places import *
from .engine.table.reductions import *
from .engine.table.rounding import *
from .engine.table.shapes import *
from .engine.table.special import *
from .engine.table.trigonometry import *
from .engine.table.truths import *
from .engine.table.windows import *
from .engine.tensor import *
from .engine.trace import *
from .engine.walk import *
from .functional.activations import *
from .functional.attention import *
from .functional.convolution import *
from .functional.derivatives import *
from .functional.elementary import *
from .functional.joining import *
from .functional.linear import *
from .functional.losses import *
from .functional.normalization import *
from .functional.pooling import *
from .functional.products import *
from .functional.rearranging import *
from .functional.softmax import *
from .functional.statistics import *
from .functional.summaries import *
from .graph import Graph as Graph
from .graph import Node as Node
from .graph import graph as graph

if TYPE_CHECKING:
    from . import check as check
    from . import data as data
    from . import nn as nn
    from . import optim as optim
    from . import training as training
    from .check import Report as Report
    from .check import Stage as Stage
    from .check import compare as compare
    from .check import gradcheck as gradcheck
    from .derive.derivation import Derivation as Derivation
    from .draw import Circuit as Circuit
    from .saving import *

permute, cat, clamp, unsqueeze, mm, bmm = transpose, concatenate, clip, expand_dims, matmul, matmul

__version__ = "1.0.0a1"

_LOADED_WHEN_USED = {
    "check": "check",
    "data": "data",
    "nn": "nn",
    "optim": "optim",
    "training": "training",
    "Report": "check",
    "Stage": "check",
    "compare": "check",
    "gradcheck": "check",
    "Derivation": "derive.derivation",
    "Circuit": "draw",
    "load": "saving",
    "load_checkpoint": "saving",
    "save": "saving",
    "save_checkpoint": "saving",
}
"""Public names and their modules, which would take most of the time that importing this package takes."""

if not TYPE_CHECKING:  # a type checker reads the imports, and would believe in any name that __getattr__ takes
    __all__ = sorted({*_LOADED_WHEN_USED, *(k for k, value in globals().items() if callable(value) and k[0] != "_")})
    _look_elsewhere(__all__)

    def __dir__() -> list[str]:
        return __all__

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in _OPS:
            return _OPS[name]  # a row that was added to the table later
        if name in _DTYPES:
            return _DTYPES[name]
        if name not in _LOADED_WHEN_USED:
            raise _missing(f"module {__name__!r}", name, _modules[__name__], "torch")
        module = import_module(f"{__name__}.{_LOADED_WHEN_USED[name]}")
        value = module if name == _LOADED_WHEN_USED[name] else getattr(module, name)
        if value is module:
            _look_elsewhere(dir(module))
        globals()[name] = value
        return value
