"""Elementwise ops: one number in, one number out, with NumPy's broadcasting between operands.

Every rule reads: ``g`` is the gradient of the result ``y``; the answer is the gradient of one operand, before the walk
sums over the axes along which that operand was broadcast. Derivatives: any calculus text, for instance Abramowitz and
Stegun, *Handbook of Mathematical Functions*, chapters 3 and 4.
"""

from __future__ import annotations

from functools import wraps
from typing import Any, cast

import numpy as np

from ..arrays import dtype_of_numbers, is_duck
from ..interop.habits import keywords
from ..primitive import facts, primitive
from ..record import Record, Result, unwrap
from ..row import Array, Choice, Extremum, F, Function, Identity, Linear, Operand, Power, Product, Trait, answers
from ..trace import holds
from .comparisons import equal, greater_equal, less_equal, not_equal

__all__ = ["abs", "add", "div", "mul", "neg", "pow", "reciprocal", "sign", "sqrt", "square", "sub"]
__all__ += ["cos", "exp", "expm1", "log", "log1p", "relu", "sigmoid", "sin", "tanh"]
__all__ += ["astype", "clip", "maximum", "minimum", "stop_gradient", "where"]

COMMUTES, EXACT, LINEAR = Trait.COMMUTES, Trait.EXACT, Trait.LINEAR

# ---------------------------------------------------------------------------------------------------- arithmetic


@primitive("+", "{0} + {1}", lambda g, y, a, b: g, lambda g, y, a, b: g)
@facts(
    numpy=np.add,
    method="__add__",
    source="{0} + {1}",
    reading=Linear((1, 1)),
    traits=COMMUTES,
    unread=(0, 1, "y"),
)
def add(a: Operand, b: Operand, /) -> Array:
    """Sum ``a + b``; local gradients 1 and 1.

    Operands of any shapes that broadcast; the dtype is NumPy's. `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.add(mt.tensor([1.0, 2.0]), 10)
    tensor([11., 12.])
    """
    return np.add(a, b)


@primitive("−", "{0} − {1}", lambda g, y, a, b: g, lambda g, y, a, b: -g)
@facts(numpy=np.subtract, method="__sub__", source="{0} - {1}", reading=Linear((1, -1)), unread=(0, 1, "y"))
def sub(a: Operand, b: Operand, /) -> Array:
    """Difference ``a − b``; local gradients 1 and −1.

    Operands of any shapes that broadcast; the dtype is NumPy's. `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.sub(mt.tensor([1.0, 2.0]), 10)
    tensor([-9., -8.])
    """
    return np.subtract(a, b)


@primitive("×", "{0} · {1}", lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)
@facts(numpy=np.multiply, method="__mul__", source="{0} * {1}", reading=Product((1, 1)), traits=COMMUTES | LINEAR)
def mul(a: Operand, b: Operand, /) -> Array:
    """Product ``a · b``; local gradients b and a.

    Operands of any shapes that broadcast; the dtype is NumPy's. `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.mul(mt.tensor([1.0, 2.0]), 10)
    tensor([10., 20.])
    """
    return np.multiply(a, b)


@primitive("÷", "{0} / {1}", lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)
@facts(numpy=np.divide, method="__truediv__", source="{0} / {1}", reading=Product((1, -1)), unread=(0,))
def div(a: Operand, b: Operand, /) -> Array:
    """Quotient ``a / b``; local gradients 1/b and −a/b², the latter computed as −y/b.

    Operands of any shapes that broadcast; integers give float64, as in NumPy. `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.div(mt.tensor([1.0, 2.0]), 4)
    tensor([0.25, 0.5 ])
    """
    return np.true_divide(a, b)


@primitive("−", "−{0}", lambda g, y, x: -g)
@facts(numpy=np.negative, method="__neg__", source="-{0}", reading=Linear((-1,)), traits=EXACT | LINEAR)
def neg(x: Operand, /) -> Array:
    """Negative ``−x``; local gradient −1. Any shape and numeric dtype.

    >>> import micrograd_tensor as mt
    >>> mt.neg(mt.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    return np.negative(x)


def as_fine(x: Array, y: Array) -> Array:
    """An operand in the dtype of the result y, for rules that would compute more coarsely with the operand alone."""
    return x if getattr(x, "dtype", y.dtype) == y.dtype else astype(x, dtype=y.dtype)


def _of_base(g: Array, y: Array, a: Array, b: Array) -> Array:
    """Gradient b · aᵇ⁻¹ of a power to its base; 0 where b is 0, where the formula alone may have 0 · ∞."""
    if holds(not_equal(b, 0)):
        return g * (b * pow(a, as_fine(b, y) - 1))
    flat = equal(b, 0)
    return where(flat, 0, g * (b * pow(where(flat, 1, a), as_fine(b, y) - 1)))


def _of_exponent(g: Array, y: Array, a: Array, b: Array) -> Array:
    """Gradient aᵇ · ln a of a power to its exponent; 0 at a = 0 and b ≥ 0, where the formula alone has 0 · ∞."""
    base = a if hasattr(a, "dtype") else np.full_like(unwrap(y), a)
    if holds(not_equal(base, 0)):
        return g * (y * log(as_fine(base, y)))
    flat = equal(base, 0) * greater_equal(b, 0)
    return where(flat, 0, g * (y * log(where(flat, 1, as_fine(base, y)))))


@primitive("xⁿ", "{0}^{1}", _of_base, _of_exponent)
@facts(numpy=np.power, method=("__pow__", "pow"), source="{0} ** {1}", reading=Power())
def pow(a: Operand, b: Operand, /) -> Array:
    """Power ``aᵇ``; local gradients b · aᵇ⁻¹ and aᵇ · ln a, taken as 0 at b = 0 and
    at a = 0, b ≥ 0 respectively.

    Operands of any shapes that broadcast; `ShapeError` for others. A negative float base with a fractional exponent is
    NaN, as in NumPy. The operator records `square` for ``x ** 2``, `sqrt` for ``x ** 0.5`` and `reciprocal` for
    ``x ** -1``.

    >>> import micrograd_tensor as mt
    >>> mt.pow(mt.tensor([1.0, 2.0]), 3)
    tensor([1., 8.])
    """
    return np.power(a, b)


@primitive("x²", "{0}²", lambda g, y, x: g * (2 * x))
@facts(numpy=np.square, reading=Product((2,)), unread=("y",))
def square(x: Operand, /) -> Array:
    """Square ``x²``; local gradient 2x. Any shape and numeric dtype.

    >>> import micrograd_tensor as mt
    >>> mt.square(mt.tensor([1.0, -3.0]))
    tensor([1., 9.])
    """
    return np.square(x)


@primitive("√", "√{0}", lambda g, y, x: g / (2 * y))
@facts(numpy=np.sqrt, reading=Product((0.5,)), unread=(0,))
def sqrt(x: Operand, /) -> Array:
    """Square root ``√x``; local gradient 1/(2√x), infinite at 0. Any shape; NaN for negative numbers.

    >>> import micrograd_tensor as mt
    >>> mt.sqrt(mt.tensor([1.0, 9.0]))
    tensor([1., 3.])
    """
    return np.sqrt(x)


@primitive("1/x", "1/{0}", lambda g, y, x: -g * square(y))
@facts(numpy=np.reciprocal, source="1 / {0}", reading=Product((-1,)), unread=(0,))
def reciprocal(x: Operand, /) -> Array:
    """Reciprocal ``1/x``; local gradient −1/x², computed as −y². Any shape; integers give float64, unlike in NumPy.

    >>> import micrograd_tensor as mt
    >>> mt.reciprocal(mt.tensor([2, 4]))
    tensor([0.5 , 0.25])
    """
    return np.true_divide(1, x)


# ----------------------------------------------------------------------------------- exponentials and trigonometry


@primitive("eˣ", "exp({0})", lambda g, y, x: g * y)
@facts(numpy=np.exp, reading=Function(), unread=(0,))
def exp(x: Operand, /) -> Array:
    """Exponential ``eˣ``; local gradient eˣ. Any shape; overflows to infinity above 709 (float64) or 88 (float32).

    >>> import micrograd_tensor as mt
    >>> mt.exp(mt.tensor([0.0, 1.0]))
    tensor([1.        , 2.71828183])
    """
    return np.exp(x)


@primitive("eˣ−1", "expm1({0})", lambda g, y, x: g * exp(x))
@facts(numpy=np.expm1, reading=Function(), unread=("y",))
def expm1(x: Operand, /) -> Array:
    """``eˣ − 1`` without cancellation near 0; local gradient eˣ. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.expm1(mt.tensor([0.0, 1e-10]))
    tensor([0.e+00, 1.e-10])
    """
    return np.expm1(x)


@primitive("ln", "ln({0})", lambda g, y, x: g / x)
@facts(numpy=np.log, reading=Function(), unread=("y",))
def log(x: Operand, /) -> Array:
    """Natural logarithm ``ln x``; local gradient 1/x. Any shape; −∞ at 0, NaN for negative numbers.

    >>> import micrograd_tensor as mt
    >>> mt.log(mt.tensor([1.0, 10.0]))
    tensor([0.        , 2.30258509])
    """
    return np.log(x)


@primitive("ln(1+x)", "log1p({0})", lambda g, y, x: g / (1 + x))
@facts(numpy=np.log1p, reading=Function(), unread=("y",))
def log1p(x: Operand, /) -> Array:
    """``ln(1 + x)`` without cancellation near 0; local gradient 1/(1 + x). Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.log1p(mt.tensor([0.0, 1e-10]))
    tensor([0.e+00, 1.e-10])
    """
    return np.log1p(x)


@primitive("sin", "sin({0})", lambda g, y, x: g * cos(x))
@facts(numpy=np.sin, reading=Function(), unread=("y",))
def sin(x: Operand, /) -> Array:
    """Sine of an angle in radians; local gradient cos x. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.sin(mt.tensor([0.0, 1.0]))
    tensor([0.        , 0.84147098])
    """
    return np.sin(x)


@primitive("cos", "cos({0})", lambda g, y, x: -g * sin(x))
@facts(numpy=np.cos, reading=Function(), unread=("y",))
def cos(x: Operand, /) -> Array:
    """Cosine of an angle in radians; local gradient −sin x. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.cos(mt.tensor([0.0, 1.0]))
    tensor([1.        , 0.54030231])
    """
    return np.cos(x)


def _keeps_digits(y: Array) -> bool:
    """Whether 1 − |y| has half the digits of y or more; taken for granted of ducks."""
    values = unwrap(y)
    return is_duck(values) or holds(abs(y) < 1 - float(np.finfo(values.dtype).eps) ** (1 / 3))


def _of_tanh(g: Array, y: Array, x: Array) -> Array:
    """Gradient 1 − y² of tanh; computed as 4 · σ(2x) · σ(−2x) where y is rounded to ±1 or nearly so."""
    if _keeps_digits(y):
        return g * (1 - square(y))
    return g * (4 * sigmoid(2 * x) * sigmoid(-(2 * x)))


@primitive("tanh", "tanh({0})", _of_tanh)
@facts(numpy=np.tanh, reading=Function())
def tanh(x: Operand, /) -> Array:
    """Hyperbolic tangent; local gradient 1 − tanh² x, which keeps its digits where tanh x is rounded to 1. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.tanh(mt.tensor([0.0, 1.0]))
    tensor([0.        , 0.76159416])
    """
    return np.tanh(x)


def _of_sigmoid(g: Array, y: Array, x: Array) -> Array:
    """Gradient y(1 − y) of the logistic function; computed as y · σ(−x) where y is rounded to 1 or nearly so."""
    return g * (y * (1 - y)) if _keeps_digits(y) else g * (y * sigmoid(-x))


@primitive("σ", "σ({0})", _of_sigmoid)
@facts(
    reading=Function(),
    definition="""
def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)
""",
)
def sigmoid(x: Operand, /) -> Array:
    """Logistic function ``1/(1 + e⁻ˣ)``; local gradient y(1 − y), which keeps its digits where y is rounded to 1.

    Any shape; never overflows. For x < 0 it is computed as eˣ/(1 + eˣ), so that no exponential's argument is positive.

    >>> import micrograd_tensor as mt
    >>> mt.sigmoid(mt.tensor([0.0, -1000.0]))
    tensor([0.5, 0. ])
    """
    x = np.multiply(x, 1.0)
    rising, falling = np.exp(np.minimum(x, 0)), np.exp(np.minimum(-x, 0))
    return rising / (rising + falling)


# ----------------------------------------------------------------------------------------------- kinks and choices


@primitive("relu", "relu({0})", lambda g, y, x: where(less_equal(x, 0), 0, g), analytic=False)
@facts(source="np.maximum({0}, 0)", reading=Function(), traits=EXACT, unread=(0,), y_serves=True)
def relu(x: Operand, /) -> Array:
    """Rectifier ``max(x, 0)``; local gradient 1 where x > 0, else 0, so 0 at the kink. Any
    shape; where x is NaN, so are result and gradient.

    >>> import micrograd_tensor as mt
    >>> mt.relu(mt.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    return np.maximum(x, 0)


@primitive("|x|", "|{0}|", lambda g, y, x: g * sign(x), analytic=False)
@facts(
    numpy=np.absolute, method=("__abs__", "abs"), source="np.abs({0})", reading=Function(), traits=EXACT, unread=("y",)
)
def abs(x: Operand, /) -> Array:
    """Absolute value ``|x|``; local gradient sign x, so 0 at 0. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.abs(mt.tensor([-1.5, 0.0]))
    tensor([1.5, 0. ])
    """
    return np.abs(x)


@primitive("sign", "sign({0})", lambda g, y, x: zeros_like(x), analytic=False)
@facts(numpy=np.sign, reading=Function(), traits=EXACT, unread=("y",))
def sign(x: Operand, /) -> Array:
    """Sign −1, 0 or 1 in the dtype of x; local gradient 0, also at the jump. Any shape.

    >>> import micrograd_tensor as mt
    >>> mt.sign(mt.tensor([-1.5, 0.0, 3.0]))
    tensor([-1.,  0.,  1.])
    """
    return np.sign(x)


def _share(y: Array, a: Array, b: Array) -> Array:
    """How much of the gradient of ``y``, the larger or smaller of a and b, is a's: all, none, or half at a tie.

    All to both where y is NaN.
    """
    return where(equal(a, b), 0.5, astype(not_equal(b, y), dtype=y.dtype))


@primitive(
    "max",
    "max({0}, {1})",
    lambda g, y, a, b: g * _share(y, a, b),
    lambda g, y, a, b: g * _share(y, b, a),
    analytic=False,
)
@facts(numpy=np.maximum, reading=Extremum("max"), traits=EXACT | COMMUTES)
def maximum(a: Operand, b: Operand, /) -> Array:
    """The larger of a and b; the gradient goes to it, and half to each at a tie.

    Operands of any shapes that broadcast. NaN if either is NaN. `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.maximum(mt.tensor([1.0, 5.0]), 2.0)
    tensor([2., 5.])
    """
    return np.maximum(a, b)


@primitive(
    "min",
    "min({0}, {1})",
    lambda g, y, a, b: g * _share(y, a, b),
    lambda g, y, a, b: g * _share(y, b, a),
    analytic=False,
)
@facts(numpy=np.minimum, reading=Extremum("min"), traits=EXACT | COMMUTES)
def minimum(a: Operand, b: Operand, /) -> Array:
    """The smaller of a and b; the gradient goes to it, and half to each at a tie.

    Operands of any shapes that broadcast. NaN if either is NaN. `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.minimum(mt.tensor([1.0, 5.0]), 2.0)
    tensor([1., 2.])
    """
    return np.minimum(a, b)


@primitive(
    "clip",
    "clip({0}, {min:number}, {max:number})",
    lambda g, y, x, min=None, max=None: where(equal(x, y), g, 0),
    analytic=False,
)
@facts(method=(), source="np.clip({0}, {min}, {max})", reading=Function(), traits=EXACT)
def _clip(x: Operand, /, min: float | None = None, max: float | None = None) -> Array:
    """What `clip` to numbers records."""
    if min is None and max is None:
        return np.positive(x)  # as np.clip since NumPy 2.1; before, it wants a bound
    return np.clip(x, min, max)


@answers(np.clip)
@keywords
def clip(x: Operand, min: Operand | None = None, max: Operand | None = None) -> Result:
    """x limited to ``min…max``, either of which may be None; local gradient 1 within, the bounds included, else 0.

    Any shape. Bounds that are Tensors or arrays are operands: then `maximum` and `minimum` are recorded, which share
    the gradient at a bound. `ShapeError` where they do not broadcast.

    >>> import micrograd_tensor as mt
    >>> mt.clip(mt.tensor([-1.0, 0.5, 7.0]), 0, 1)
    tensor([0. , 0.5, 1. ])
    """
    if np.ndim(unwrap(min)) or np.ndim(unwrap(max)) or isinstance(min, Record) or isinstance(max, Record):
        above = x if min is None else maximum(x, min)
        return above if max is None else minimum(above, max)
    return _clip(x, min=min, max=max)


@primitive(
    "where",
    "where({0}, {1}, {2})",
    None,
    lambda g, y, condition, a, b: where(condition, g, 0),
    lambda g, y, condition, a, b: where(condition, 0, g),
)
@facts(numpy=np.where, method=(), reading=Choice(), traits=Trait.MOVES, unread=(1, 2, "y"))
def where(condition: Operand, a: Operand, b: Operand, /) -> Array:
    """a where the condition holds, else b; the gradient goes to the one that was taken.

    Operands of any shapes that broadcast; `ShapeError` for others. A number next to an array takes the array's dtype.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([-2.0, 3.0])
    >>> mt.where(x > 0, x, 0.1 * x)
    tensor([-0.2,  3. ])
    """
    if type(b) is int and b == 0 and _maskable(condition, a):
        return _masked(np.negative(condition.view(np.int8)), a)
    if type(a) is int and a == 0 and _maskable(condition, b):
        return _masked(np.subtract(condition.view(np.int8), 1), b)
    return np.where(condition, a, b)


def _maskable(condition: Array, x: Array) -> bool:
    plain_arrays = type(x) is np.ndarray and type(condition) is np.ndarray and condition.dtype == np.bool_
    return plain_arrays and x.dtype.kind == "f" and x.itemsize <= 8


def _masked(mask: Array, x: Array) -> Array:
    """x where a mask of int8 is −1, and 0 where it is 0, bit by bit.

    NumPy's own where guesses at every element which way it will go. On a random mask that takes ten times longer, and
    the gradient of relu has one.
    """
    bits = x.view(f"i{x.itemsize}")
    return (bits & mask.astype(bits.dtype)).view(x.dtype)


# --------------------------------------------------------------------------------------- constants and conversions


@primitive("stop", "stop({0})", None)
@facts(reading=Identity(), traits=Trait.MOVES, definition="def stop_gradient(x):\n    return x")
def stop_gradient(x: Operand, /) -> Array:
    """x itself, but a constant to derivatives. Unlike with `Tensor.detach`, the graph still shows where it came from.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(3.0, requires_grad=True)
    >>> (mt.stop_gradient(x) * x).backward()
    >>> x.grad
    tensor(3.)
    """
    return x.view() if isinstance(x, np.ndarray) else x


@primitive("dtype", "{dtype:text}({0})", lambda g, y, x, dtype: astype(g, x.dtype), analytic=False)
@facts(method=(), source="{0}.astype({dtype})", reading=Identity(), unread=(0, "y"))
def to_float(x: Operand, /, dtype: Any) -> Array:
    """The floating-point case of `astype`, through which gradients flow."""
    return x.astype(dtype)


@primitive("dtype", "{dtype:text}({0})", None, analytic=False)
@facts(method=(), source="{0}.astype({dtype})")
def to_integer(x: Operand, /, dtype: Any) -> Array:
    """The integer and boolean case of `astype`, not differentiable."""
    return x.astype(dtype)


def astype(x: Operand, dtype: Any, copy: bool = True) -> Result:
    """The values of x in another dtype; the gradient comes back in the dtype of x, and not at all through integers.

    Any shape; with ``copy=False`` x itself where it has the dtype. `DTypeError` for a dtype that does not hold numbers
    or truth values.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.5])
    >>> mt.astype(x, "float32"), mt.astype(x, int)
    (tensor([1. , 2.5], dtype=float32), tensor([1, 2]))
    """
    wanted = dtype_of_numbers(dtype)
    x = x if hasattr(x, "astype") else np.asarray(x)
    if not copy and x.dtype == wanted:
        return x  # type: ignore[no-any-return]
    return (to_float if wanted.kind in "fc" else to_integer)(x, dtype=wanted)


if hasattr(np, "astype"):  # since NumPy 2.1
    answers(np.astype)(astype)


def in_float32(composition: F) -> F:
    """Let a composition compute what is given in float16 in float32, and round once at the end, as PyTorch does."""

    @wraps(composition)
    def computed(x: Operand, *operands: Any, **settings: Any) -> Any:
        if getattr(x, "dtype", None) != np.float16:
            return composition(x, *operands, **settings)
        return astype(composition(astype(x, np.float32), *operands, **settings), np.float16)

    return cast("F", computed)


def zeros_like(x: Array) -> Array:
    """Zeros of the shape and dtype of x: a constant, so never recorded."""
    return np.zeros_like(unwrap(x))
