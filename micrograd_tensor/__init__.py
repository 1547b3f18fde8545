"""micrograd_tensor: a minimal autograd engine on NumPy, whose recorded graph can be run, drawn and checked.

>>> import micrograd_tensor as mt
>>> x = mt.tensor([1.0, 2.0, 4.0], name="x", requires_grad=True)
>>> y = ((x - x.mean()) ** 2).sum()
>>> y.backward()
>>> round(y.item(), 3), x.grad.numpy().round(3).tolist()
(4.667, [-2.667, -0.667, 3.333])

`docs/` tells the rest; the engine itself is `micrograd_tensor.engine`, to be read in one sitting.
"""

from .check import Report, Stage, compare, gradcheck
from .draw import Circuit, DrawError, draw
from .engine.derivatives import hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .engine.errors import DTypeError, GradientError, ShapeError
from .engine.randomness import manual_seed
from .engine.recording import detect_anomaly, enable_grad, no_grad, scope
from .engine.table.elementwise import (
    abs,
    add,
    astype,
    clip,
    cos,
    div,
    equal,
    exp,
    expm1,
    greater,
    greater_equal,
    isfinite,
    less,
    less_equal,
    log,
    log1p,
    maximum,
    minimum,
    mul,
    neg,
    not_equal,
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
from .engine.tensor import Tensor, tensor
from .engine.walk import grad
from .functional import batch_norm, l2_norm, log_softmax, logsumexp, softmax, std, var
from .graph import Graph, Node, graph

permute = transpose

__version__ = "0.1.0"

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
    "add",
    "argsort",
    "astype",
    "batch_norm",
    "broadcast_to",
    "clip",
    "compare",
    "concatenate",
    "cos",
    "cumsum",
    "detect_anomaly",
    "div",
    "draw",
    "einsum",
    "enable_grad",
    "equal",
    "erf",
    "exp",
    "expand_dims",
    "expm1",
    "flip",
    "getitem",
    "grad",
    "gradcheck",
    "graph",
    "greater",
    "greater_equal",
    "hessian",
    "hvp",
    "isfinite",
    "jacobian",
    "jvp",
    "l2_norm",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "manual_seed",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mul",
    "neg",
    "no_grad",
    "not_equal",
    "pad",
    "permute",
    "pow",
    "prod",
    "reciprocal",
    "relu",
    "reshape",
    "scope",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
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
]
