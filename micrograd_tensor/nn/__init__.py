"""Modules: state around the compositions of `functional`, with PyTorch's names, arguments, defaults and keys.

Read `module` first. No layer has a gradient rule of its own: its `forward` records ops, and the engine does the rest.
"""

import sys as _sys
from typing import TYPE_CHECKING

from ..engine.interop.habits import missing as _missing
from . import functional as functional
from . import init as init
from .activations import *
from .attention import *
from .containers import *
from .convolution import *
from .linear import *
from .losses import *
from .module import *
from .normalization import *
from .parameter import *
from .pooling import *
from .recurrent import *

if not TYPE_CHECKING:  # a type checker reads the imports, and would believe in any name that __getattr__ takes
    __all__ = ["functional", "init", *sorted(name for name, value in globals().items() if isinstance(value, type))]

    def __dir__() -> list[str]:
        return __all__

    def __getattr__(name: str) -> object:
        raise _missing(f"module {__name__!r}", name, _sys.modules[__name__], "nn")
