"""The functions that PyTorch keeps in `torch.nn.functional`, often called ``F``. All of them are at `mt` too.

Those that mean something else here, such as `mt.batch_norm` and `mt.pad`, are left out.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..engine.interop.habits import missing
from ..engine.table.elementwise import relu as relu
from ..engine.table.elementwise import sigmoid as sigmoid
from ..engine.table.elementwise import tanh as tanh
from ..functional.activations import *
from ..functional.attention import *
from ..functional.convolution import *
from ..functional.linear import *
from ..functional.losses import *
from ..functional.normalization import group_norm as group_norm
from ..functional.normalization import layer_norm as layer_norm
from ..functional.normalization import rms_norm as rms_norm
from ..functional.pooling import *
from ..functional.softmax import *

if not TYPE_CHECKING:  # or it would believe in any name

    def __dir__() -> list[str]:
        return sorted(name for name, value in globals().items() if callable(value) and name[0] != "_")

    def __getattr__(name: str) -> object:
        raise missing(f"module {__name__!r}", name, sys.modules[__name__], "F")
