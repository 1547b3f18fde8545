"""Losses: how far outputs are from their targets.

All take a ``reduction``: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per sample. Targets are constants; gradients
flow to Tensors among them that are floating-point.
"""

from __future__ import annotations

from math import prod
from typing import Any

from ..engine.arrays import is_duck
from ..engine.errors import DTypeError, ShapeError, describe
from ..engine.interop.habits import keywords
from ..engine.record import unwrap
from ..engine.recording import composition
from ..engine.row import Operand
from ..engine.table.comparisons import equal
from ..engine.table.elementwise import abs, astype, log, log1p, maximum, mul, square, sub, where
from ..engine.table.reductions import mean, sum
from ..engine.table.shapes import expand_dims, getitem, reshape, take_along_axis
from ..engine.tensor import Tensor
from ..engine.trace import at_once, holds
from .activations import logsigmoid
from .operands import as_tensor
from .softmax import log_softmax

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "l1_loss"]
__all__ += ["mse_loss", "nll_loss", "smooth_l1_loss"]


@keywords
@composition
def mse_loss(input: Operand, target: Operand, reduction: str = "mean") -> Tensor:  # noqa: A002 -- PyTorch's name
    """Mean squared error ``(input − target)²``, as `torch.nn.functional.mse_loss`.

    Both have the same shape: `ShapeError` otherwise, since broadcasting them is nearly always a mistake.

    >>> import micrograd_tensor as mt
    >>> mt.mse_loss([1.0, 2.0], [1.0, 4.0])
    tensor(2.)
    """
    return _reduced(square(_difference("mse_loss", input, target)), reduction)


@keywords
@composition
def l1_loss(input: Operand, target: Operand, reduction: str = "mean") -> Tensor:  # noqa: A002
    """Mean absolute error ``|input − target|``; its gradient at 0 is 0. `ShapeError` for different shapes.

    >>> import micrograd_tensor as mt
    >>> mt.l1_loss([1.0, 2.0], [1.0, 4.0])
    tensor(1.)
    """
    return _reduced(abs(_difference("l1_loss", input, target)), reduction)


@keywords
@composition
def smooth_l1_loss(input: Operand, target: Operand, reduction: str = "mean", beta: float = 1.0) -> Tensor:  # noqa: A002
    """``d²/(2·beta)`` where ``d = |input − target|`` is below beta, else ``d − beta/2``; Girshick, *Fast R-CNN*, 2015.

    `ShapeError` for different shapes, `ValueError` for a negative beta. With ``beta=0`` it is `l1_loss`.

    >>> import micrograd_tensor as mt
    >>> mt.smooth_l1_loss([1.0, 2.0], [1.5, 4.0], reduction="none")
    tensor([0.125, 1.5  ])
    """
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta={beta!r} must not be negative")
    if beta == 0:
        return l1_loss(input, target, reduction)
    d = _difference("smooth_l1_loss", input, target)
    distance = abs(d)
    near = distance < beta
    parabola = square(where(near, d, 0)) * (0.5 / beta)  # the branch not taken must not overflow
    return _reduced(where(near, parabola, distance - 0.5 * beta), reduction)


@keywords
@composition
def huber_loss(input: Operand, target: Operand, reduction: str = "mean", delta: float = 1.0) -> Tensor:  # noqa: A002
    """``d²/2`` where ``d = |input − target|`` is below delta, else ``delta·(d − delta/2)``; Huber, 1964.

    `ShapeError` for different shapes, `ValueError` unless delta is positive. It is delta times `smooth_l1_loss`.

    >>> import micrograd_tensor as mt
    >>> mt.huber_loss([1.0, 2.0], [1.5, 4.0], reduction="none")
    tensor([0.125, 1.5  ])
    """
    if not delta > 0:
        raise ValueError(f"huber_loss: delta={delta!r} must be positive")
    return smooth_l1_loss(input, target, reduction, beta=delta) * delta


@keywords
@composition
def binary_cross_entropy(
    input: Operand,  # noqa: A002
    target: Operand,
    weight: Operand | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``−(z·ln p + (1 − z)·ln(1 − p))`` for probabilities p and targets z in 0…1; no logarithm is below −100.

    From logits, `binary_cross_entropy_with_logits` loses no digits. Where a logarithm is limited its gradient is 0.

    Args:
        input: probabilities, any shape.
        target: probabilities of the same shape, floating-point.
        weight: a factor of each loss; broadcasts.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ShapeError: for different shapes.
        ValueError: for an input that is no probability.

    >>> import micrograd_tensor as mt
    >>> round(mt.binary_cross_entropy([0.5, 1.0], [1.0, 1.0]).item(), 4)
    0.3466
    """
    p, z = _alike("binary_cross_entropy", input, target)
    if not is_duck(unwrap(p)) and not holds((p >= 0) & (p <= 1)):
        raise ValueError(
            f"binary_cross_entropy: {describe(p)} holds numbers outside 0…1, which are no probabilities; "
            "apply sigmoid first, or use binary_cross_entropy_with_logits"
        )
    losses = -(z * _limited(log, p, p > 0) + (1 - z) * _limited(log1p, -p, p < 1))
    return _reduced(losses if weight is None else losses * weight, reduction)


def _limited(logarithm: Any, x: Tensor, finite: Tensor) -> Tensor:
    """A logarithm, or −100 where that is less."""
    return maximum(where(finite, logarithm(where(finite, x, 0.5)), -100.0), -100.0)


@keywords
@composition
def binary_cross_entropy_with_logits(
    input: Operand,  # noqa: A002
    target: Operand,
    weight: Operand | None = None,
    reduction: str = "mean",
    pos_weight: Operand | None = None,
) -> Tensor:
    """``−(p·z·ln σ(x) + (1 − z)·ln(1 − σ(x)))`` for logits x and targets z in 0…1, without overflow.

    Args:
        input: logits, any shape.
        target: probabilities of the same shape, floating-point.
        weight: a factor of each loss; broadcasts.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: p, the factor of the positive examples; broadcasts.

    Raises:
        ShapeError: for different shapes.

    >>> import micrograd_tensor as mt
    >>> round(mt.binary_cross_entropy_with_logits([0.0, 100.0], [1.0, 1.0]).item(), 4)
    0.3466
    """
    x, z = _alike("binary_cross_entropy_with_logits", input, target)
    positive = z if pos_weight is None else mul(pos_weight, z)
    losses = -(positive * logsigmoid(x) + (1 - z) * logsigmoid(-x))  # 1 − σ(x) is σ(−x)
    return _reduced(losses if weight is None else losses * weight, reduction)


@keywords
@composition
def nll_loss(
    input: Operand,  # noqa: A002
    target: Operand,
    weight: Operand | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood: from each row of log-probabilities, minus the entry of its target class.

    Args:
        input: log-probabilities ``(N, C)``, ``(N, C, d1, …)`` or ``(C,)``.
        target: classes, integers from 0 to C − 1, of the input's shape without the axis C.
        weight: a factor of each class, ``(C,)``; the mean is then weighted.
        ignore_index: targets of this value are left out.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ShapeError: for shapes that do not match, or a class out of range.
        DTypeError: for targets that are not integers.
        ValueError: where every target is ignored, so that there is no mean.

    >>> import micrograd_tensor as mt
    >>> round(mt.nll_loss(mt.log_softmax([[0.0, 0.0], [0.0, 100.0]]), [0, 1]).item(), 4)
    0.3466
    """
    return _of_classes("nll_loss", as_tensor(input), as_tensor(target), weight, ignore_index, reduction, 0.0)


@keywords
@composition
def cross_entropy(
    input: Operand,  # noqa: A002
    target: Operand,
    weight: Operand | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy of logits with classes, ``−ln softmax(input)[target]``, or with probabilities of the classes.

    Args:
        input: logits ``(N, C)``, ``(N, C, d1, …)`` or ``(C,)``.
        target: classes, integers of the input's shape without the axis C; or probabilities of the input's shape.
        weight: a factor of each class, ``(C,)``; the mean over classes is then weighted.
        ignore_index: target classes of this value are left out.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        label_smoothing: the fraction ε of each target that is spread evenly over all classes; Szegedy et al., 2016.

    Raises:
        ShapeError: for shapes that do not match, or a class out of range.
        ValueError: for a smoothing outside 0…1, for an ignored class beside probabilities, and where every target is
            ignored, so that there is no mean.

    >>> import micrograd_tensor as mt
    >>> round(mt.cross_entropy([[0.0, 0.0], [0.0, 100.0]], [0, 1]).item(), 4)
    0.3466
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing={label_smoothing!r} is not a fraction; it must lie in 0…1")
    logits, target = as_tensor(input), as_tensor(target)
    log_p = log_softmax(logits, axis=_class_axis(logits))
    if target.dtype.kind in "fc":
        if ignore_index != -100:
            raise ValueError(
                f"cross_entropy: ignore_index={ignore_index} leaves out classes, and the targets are probabilities"
            )
        return _of_probabilities(log_p, target, weight, reduction, label_smoothing)
    return _of_classes("cross_entropy", log_p, target, weight, ignore_index, reduction, label_smoothing)


def _of_classes(
    op: str, log_p: Tensor, target: Tensor, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Tensor:
    """The loss for classes: each is weighted by its class, and a mean divides by the sum of these weights."""
    axis, weights = _class_axis(log_p), _class_weights(op, log_p, weight)
    classes, ignored = _checked_classes(op, log_p, target, ignore_index)
    places = expand_dims(classes, axis=axis).named("target")
    losses = -reshape(take_along_axis(log_p, places, axis=axis), shape=classes.shape)
    counted = None if weights is None else getitem(weights, classes)
    if counted is not None:
        losses = losses * counted
    if smoothing:
        losses = losses * (1 - smoothing) - _over_classes(log_p, weights) * (smoothing / log_p.shape[axis])
    if ignored is not None:
        if reduction == "mean" and holds(ignored):
            raise ValueError(f"{op}: every target is ignore_index={ignore_index}, so there is no mean; skip this batch")
        losses = where(ignored, 0, losses)
        counted = astype(~ignored, log_p.dtype) if counted is None else where(ignored, 0, counted)
    if reduction == "mean" and counted is not None:
        return sum(losses) / sum(counted).named("counted")
    return _reduced(losses, reduction)


def _of_probabilities(log_p: Tensor, target: Tensor, weight: Any, reduction: str, smoothing: float) -> Tensor:
    """The loss for probabilities: each class is weighted by its own; a mean divides by the number of distributions."""
    if target.shape != log_p.shape:
        raise ShapeError(
            f"cross_entropy: the targets {describe(target)} hold {target.dtype}, which makes them probabilities; the "
            f"logits have the shape {log_p.shape}. Classes are integers: astype(int)"
        )
    if smoothing:
        target = target * (1 - smoothing) + smoothing / log_p.shape[_class_axis(log_p)]
    weights = _class_weights("cross_entropy", log_p, weight)
    return _reduced(-_over_classes(log_p * target, weights), reduction)


def _class_axis(x: Tensor) -> int:
    if not x.ndim:
        raise ShapeError(f"{describe(x)} has no axis of classes; give (N, C) or (C,)")
    return 1 if x.ndim > 1 else 0


def _class_weights(op: str, log_p: Tensor, weight: Any) -> Tensor | None:
    """The factor of each class, in the dtype of the loss."""
    if weight is None:
        return None
    weights, count = as_tensor(weight), log_p.shape[_class_axis(log_p)]
    if weights.shape != (count,):
        raise ShapeError(f"{op}: the weights {describe(weights)} are not one for each of {count} classes, ({count},)")
    return weights if weights.dtype == log_p.dtype else astype(weights, log_p.dtype)


def _over_classes(terms: Tensor, weights: Tensor | None) -> Tensor:
    """The sum over the classes, each with its weight if any."""
    axis = _class_axis(terms)
    if weights is not None:
        terms = terms * reshape(weights, shape=(-1, *(1,) * (terms.ndim - 1 - axis)))
    return sum(terms, axis=axis)


def _checked_classes(op: str, log_p: Tensor, target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor | None]:
    """The classes, with 0 for those that are ignored, and a mask of these; None where nothing is ignored."""
    axis = _class_axis(log_p)
    if target.dtype.kind not in "iu":
        raise DTypeError(f"{op}: the targets {describe(target)} hold {target.dtype}; classes are integers: astype(int)")
    wanted, count = (*log_p.shape[:axis], *log_p.shape[axis + 1 :]), log_p.shape[axis]
    if target.shape != wanted:
        way_out = f"with its classes on axis {axis}, one target each makes {wanted}"
        if target.shape == log_p.shape:
            way_out = f"if they are one-hot, give their argmax(axis={axis}), or as probabilities astype(float)"
        elif target.size == prod(wanted):
            way_out += f": reshape({wanted})"
        raise ShapeError(
            f"{op}: the targets {describe(target)} do not match an input of shape {log_p.shape}; {way_out}"
        )
    (seen,) = at_once(target)
    known = (seen >= 0) & (seen < count)
    if holds(known & ~equal(seen, ignore_index) if 0 <= ignore_index < count else known):
        return target, None
    ignored = equal(target, ignore_index)
    given = unwrap(target)
    if not is_duck(given) and not holds(known | ignored):
        wrong = given[~unwrap(known | ignored)][0]
        raise ShapeError(
            f"{op}: class {wrong} is among the targets, but an input of shape {log_p.shape} has classes 0…{count - 1}"
        )
    classes = where(ignored, 0, target)
    return classes if target.name is None else classes.named(target.name), ignored


def _alike(op: str, input: Operand, target: Operand) -> tuple[Tensor, Tensor]:  # noqa: A002
    x, z = as_tensor(input), as_tensor(target)
    if x.shape != z.shape:
        way_out = f" Did you mean reshape({x.shape})?" if x.size == z.size else ""
        raise ShapeError(
            f"{op}: {describe(x)} and the target {describe(z)} have different shapes, and losses do not broadcast."
            + way_out
        )
    return x, z


def _difference(op: str, input: Operand, target: Operand) -> Tensor:  # noqa: A002
    return sub(*_alike(op, input, target))


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return mean(losses)
    if reduction == "sum":
        return sum(losses)
    if reduction == "none":
        return losses
    raise ValueError(f"reduction={reduction!r} must be 'mean', 'sum' or 'none'")
