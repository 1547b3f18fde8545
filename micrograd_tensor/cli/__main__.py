"""``python -m micrograd_tensor.cli``: the same as ``python -m micrograd_tensor``."""

from .. import __main__ as __main__
