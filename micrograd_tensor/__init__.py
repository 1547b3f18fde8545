"""micrograd_tensor: a minimal autograd engine on NumPy, whose recorded graph can be run, drawn and checked.

>>> import micrograd_tensor as mt
>>> x = mt.tensor([1.0, 2.0, 4.0], name="x", requires_grad=True)
>>> y = ((x - x.mean()) ** 2).sum()
>>> y.backward()
>>> round(y.item(), 3), x.grad.numpy().round(3).tolist()
(4.667, [-2.667, -0.667, 3.333])

`docs/` tells the rest; the engine itself is `micrograd_tensor.engine`, to be read in one sitting.
"""

from typing import TYPE_CHECKING

from .draw import DrawError, draw
from .engine.errors import DTypeError, GradientError, ShapeError
from .engine.randomness import manual_seed
from .engine.recording import detect_anomaly, enable_grad, no_grad, scope
from .engine.table.comparisons import (
    bitwise_and,
    bitwise_or,
    equal,
    greater,
    greater_equal,
    invert,
    isfinite,
    less,
    less_equal,
    not_equal,
)
from .engine.table.elementwise import (
    abs,
    add,
    astype,
    clip,
    cos,
    div,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    reciprocal,
    relu,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    stop_gradient,
    sub,
    tanh,
    where,
)
from .engine.table.matrix import einsum, matmul
from .engine.table.reductions import broadcast_to, cumsum, max, mean, min, prod, sum
from .engine.table.shapes import (
    argsort,
    concatenate,
    expand_dims,
    flip,
    getitem,
    pad,
    reshape,
    sort,
    split,
    squeeze,
    stack,
    swapaxes,
    take_along_axis,
    transpose,
    tril,
    triu,
)
from .engine.table.special import erf
from .engine.table.windows import add_windows, windows
from .engine.tensor import Tensor, tensor
from .engine.walk import grad
from .functional import (
    adaptive_avg_pool2d,
    avg_pool2d,
    batch_norm,
    binary_cross_entropy_with_logits,
    conv1d,
    conv2d,
    cross_entropy,
    dropout,
    embedding,
    flatten,
    gelu,
    group_norm,
    instance_norm,
    l1_loss,
    l2_norm,
    layer_norm,
    leaky_relu,
    linear,
    log_softmax,
    logsigmoid,
    logsumexp,
    max_pool2d,
    mse_loss,
    nll_loss,
    rms_norm,
    scaled_dot_product_attention,
    silu,
    smooth_l1_loss,
    softmax,
    softplus,
    std,
    var,
)
from .functional.derivatives import hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .graph import Graph, Node, graph

if TYPE_CHECKING:
    from . import check, data, nn, optim
    from .check import Report, Stage, compare, gradcheck
    from .draw import Circuit
    from .saving import load, load_checkpoint, save, save_checkpoint

permute = transpose

__version__ = "0.1.0"

_LOADED_WHEN_USED = {
    "check": "check",
    "data": "data",
    "nn": "nn",
    "optim": "optim",
    "Report": "check",
    "Stage": "check",
    "compare": "check",
    "gradcheck": "check",
    "Circuit": "draw",
    "load": "saving",
    "load_checkpoint": "saving",
    "save": "saving",
    "save_checkpoint": "saving",
}
"""Public names and their modules, which would take most of the time that importing this package takes."""

__all__ = [
    "Circuit",
    "DTypeError",
    "DrawError",
    "GradientError",
    "Graph",
    "Node",
    "Report",
    "ShapeError",
    "Stage",
    "Tensor",
    "abs",
    "adaptive_avg_pool2d",
    "add",
    "add_windows",
    "argsort",
    "astype",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "bitwise_and",
    "bitwise_or",
    "broadcast_to",
    "check",
    "clip",
    "compare",
    "concatenate",
    "conv1d",
    "conv2d",
    "cos",
    "cross_entropy",
    "cumsum",
    "data",
    "detect_anomaly",
    "div",
    "draw",
    "dropout",
    "einsum",
    "embedding",
    "enable_grad",
    "equal",
    "erf",
    "exp",
    "expand_dims",
    "expm1",
    "flatten",
    "flip",
    "gelu",
    "getitem",
    "grad",
    "gradcheck",
    "graph",
    "greater",
    "greater_equal",
    "group_norm",
    "hessian",
    "hvp",
    "instance_norm",
    "invert",
    "isfinite",
    "jacobian",
    "jvp",
    "l1_loss",
    "l2_norm",
    "layer_norm",
    "leaky_relu",
    "less",
    "less_equal",
    "linear",
    "load",
    "load_checkpoint",
    "log",
    "log1p",
    "log_softmax",
    "logsigmoid",
    "logsumexp",
    "manual_seed",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mse_loss",
    "mul",
    "neg",
    "nll_loss",
    "nn",
    "no_grad",
    "not_equal",
    "optim",
    "pad",
    "permute",
    "pow",
    "prod",
    "reciprocal",
    "relu",
    "reshape",
    "rms_norm",
    "save",
    "save_checkpoint",
    "scaled_dot_product_attention",
    "scope",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "sub",
    "sum",
    "swapaxes",
    "take_along_axis",
    "tanh",
    "tensor",
    "transpose",
    "tril",
    "triu",
    "value_and_grad",
    "var",
    "vjp",
    "where",
    "windows",
]

if not TYPE_CHECKING:  # to a type checker, any name would exist

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in _LOADED_WHEN_USED:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"{__name__}.{_LOADED_WHEN_USED[name]}")
        value = module if name == _LOADED_WHEN_USED[name] else getattr(module, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LOADED_WHEN_USED})
