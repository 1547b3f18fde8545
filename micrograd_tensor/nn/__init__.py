"""Modules: state around the compositions of `functional`, with PyTorch's names, arguments, defaults and keys.

Read `module` first. No layer has a gradient rule of its own: its `forward` records ops, and the engine does the rest.
"""

from typing import TYPE_CHECKING

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

if not TYPE_CHECKING:  # a type checker reads the imports
    __all__ = ["init", *sorted(name for name, value in globals().items() if isinstance(value, type))]
