"""Products that sum: matmul and einsum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import numpy as np

from ..arrays import beside, is_lazy
from ..errors import ShapeError
from ..primitive import facts, primitive
from ..record import Result, unwrap
from ..row import Array, Contraction, Labels, Operand, Trait, answers
from .elementwise import mul
from .reductions import broadcast_to
from .shapes import expand_dims, reshape, squeeze, transpose

__all__ = ["dot", "einsum", "matmul"]

Lengths = tuple[int, ...]


def _of_left(g: Array, y: Array, a: Array, b: Array) -> Array:
    """``g @ bᵀ``, with the axis that a vector lacks put in and taken out again."""
    if b.ndim == 1:
        return expand_dims(g, axis=-1) * b
    if a.ndim == 1:
        return squeeze(matmul(b, expand_dims(g, axis=-1)), axis=-1)
    if a.ndim > 2 and _lies_transposed(a):
        return _turned(matmul(b, _turned(g)))
    return matmul(g, _turned(b))


def _of_right(g: Array, y: Array, a: Array, b: Array) -> Array:
    """``aᵀ @ g``, with the axis that a vector lacks put in and taken out again."""
    if a.ndim == 1:
        return expand_dims(g, axis=-1 if b.ndim == 1 else -2) * (a if b.ndim == 1 else expand_dims(a, axis=-1))
    if b.ndim == 1:
        return squeeze(matmul(_turned(a), expand_dims(g, axis=-1)), axis=-1)
    if _lies_transposed(b):
        return _turned(matmul(_turned(g), a))
    return matmul(_turned(a), g)


def _turned(x: Array) -> Array:
    """The transpose of each matrix."""
    return transpose(x, axes=_LAST_TURNED[x.ndim])


_LAST_TURNED = [(), (0,), *((*range(rank - 2), rank - 1, rank - 2) for rank in range(2, 65))]
"""The axes by rank, the last two exchanged."""


def _lies_transposed(x: Array) -> bool:
    """Whether a matrix is the transpose of one in memory, as weights mostly are; its gradient should then be too."""
    flags = getattr(unwrap(x), "flags", None)
    return flags is not None and flags.f_contiguous and not flags.c_contiguous


def _labels(ranks: Sequence[int], _params: Mapping[str, Any]) -> Labels:
    """matmul as an einsum, ``…nk,…km->…nm``: rows and columns of the result are n and m, and k is summed over."""
    sources = ["...nk" if ranks[0] > 1 else "k", "...km" if ranks[1] > 1 else "k"]
    target = "..." + "n" * (ranks[0] > 1) + "m" * (ranks[1] > 1)
    return _letters(f"{','.join(sources)}->{target}", ranks)


@primitive("@", "{0} @ {1}", _of_left, _of_right)
@facts(
    numpy=(np.matmul, np.linalg.matmul),
    method=("__matmul__", "matmul"),
    source="{0} @ {1}",
    reading=Contraction(_labels),
    traits=Trait.ADDS | Trait.LINEAR | Trait.CONTRACTS,
)
def matmul(a: Operand, b: Operand, /) -> Array:
    """Matrix product ``a @ b``; local gradients ``g @ bᵀ`` and ``aᵀ @ g``.

    Shapes ``(…, n, k)`` and ``(…, k, m)`` give ``(…, n, m)``, leading axes broadcast; a 1-D operand is a row on the
    left, a column on the right, and its axis disappears, as in `numpy.matmul`. `ShapeError` where they do not chain.

    >>> import micrograd_tensor as mt
    >>> mt.matmul(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), mt.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    return np.matmul(a, b)


@answers(np.dot)
def dot(a: Operand, b: Operand) -> Result:
    """``a @ b`` of vectors and matrices, ``a * b`` where one is a number, as `numpy.dot`.

    Beyond two axes the last of a is summed against the last but one of b, for each of the others of both.
    `ShapeError` where they do not chain.

    >>> import micrograd_tensor as mt
    >>> mt.dot(mt.tensor([[1.0, 2.0], [3.0, 4.0]]), [1.0, 10.0]), mt.dot(2.0, mt.tensor([1.0, 10.0]))
    (tensor([21., 43.]), tensor([ 2., 20.]))
    """
    ranks = np.ndim(unwrap(a)), np.ndim(unwrap(b))
    if 0 in ranks:
        return mul(a, b)
    if ranks[1] <= 2:
        return matmul(a, b)
    return einsum(a, [*range(ranks[0])], b, [*range(ranks[0], sum(ranks) - 2), ranks[0] - 1, sum(ranks) - 2])


def _letters(subscripts: str, ranks: Sequence[int]) -> Labels:
    """Operand labels and output labels of an einsum, ellipses written out in letters that are still free."""
    text = subscripts.replace(" ", "")
    sources, arrow, target = text.partition("->")
    inputs = sources.split(",")
    if len(inputs) != len(ranks):
        raise ShapeError(f"einsum: {subscripts!r} names {len(inputs)} operands, but {len(ranks)} were given")
    free = [c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBAzyxwvutsrqponmlkjihgfedcba" if c not in text]
    widest = max(r - len(s.replace("...", "")) for s, r in zip(inputs, ranks, strict=True))
    dots = "".join(free[: max(widest, 0)][::-1])
    full = []
    for labels, rank in zip(inputs, ranks, strict=True):
        hidden = rank - len(labels.replace("...", ""))
        if hidden < 0 or (hidden and "..." not in labels):
            raise ShapeError(f"einsum: {labels!r} in {subscripts!r} does not label the {rank} axes of its operand")
        full.append(labels.replace("...", dots[len(dots) - hidden :]))
    if not arrow:
        letters = "".join(full)
        target = ("..." if "..." in text else "") + "".join(
            sorted(c for c in set(letters) if letters.count(c) == 1 and c not in dots)
        )
    return tuple(full), target.replace("...", dots)


def _of_factors(*known: Array, subscripts: str) -> Callable[[int], Array]:
    return lambda i: _of_factor(i, *known, subscripts=subscripts)


def _of_factor(i: int, g: Array, y: Array, *operands: Array, subscripts: str) -> Array:
    """The same contraction with g in the operand's place and the operand's labels as the output."""
    labels, target = _letters(subscripts, [np.ndim(unwrap(x)) for x in operands])
    mine, shape = labels[i], np.shape(unwrap(operands[i]))
    others = [(labels[j], x) for j, x in enumerate(operands) if j != i]
    once = "".join(dict.fromkeys(mine))
    reach = [c for c in once if c in target or any(c in other for other, _ in others)]
    wanted = "".join(reach)
    result = _einsum(g, *[x for _, x in others], subscripts=",".join([target, *[s for s, _ in others]]) + "->" + wanted)
    # A label that only this operand has was summed away: its gradient is the same all along that axis.
    sizes = dict(zip(mine, shape, strict=True))
    seen = dict(zip(wanted, result.shape, strict=True))
    result = reshape(result, shape=tuple(seen.get(c, 1) for c in once))
    result = broadcast_to(result, shape=tuple(sizes[c] if seen.get(c, 1) == 1 else seen[c] for c in once))
    if once == mine:
        return result
    # A label that stands twice reads a diagonal: the gradient lies on it, and is 0 elsewhere.
    axes = np.ix_(*[np.arange(n) for n in shape])
    on_diagonal = np.ones(shape, dtype=bool)
    for c in once:
        first, *again = [axis for label, axis in zip(mine, axes, strict=True) if label == c]
        for other in again:
            on_diagonal &= first == other
    spread = reshape(result, shape=tuple(sizes[c] if mine.index(c) == k else 1 for k, c in enumerate(mine)))
    return spread * beside(on_diagonal, spread)


@primitive("einsum", "einsum({subscripts:text}, {*})", each=_of_factors)
@facts(
    method=(),
    source="np.einsum({subscripts}, {*})",
    reading=Contraction(lambda ranks, params: _letters(params["subscripts"], ranks)),
    traits=Trait.ADDS | Trait.LINEAR | Trait.CONTRACTS,
)
def _einsum(*operands: Operand, subscripts: str) -> Array:
    """What `einsum` records: every tensor is an operand, the subscripts are a parameter."""
    if any(map(is_lazy, operands)):  # a diagonal runs across chunks
        labels, _ = _letters(subscripts, [x.ndim for x in operands])
        operands = tuple(
            x.rechunk(-1) if len(set(own)) < len(own) and is_lazy(x) else x
            for own, x in zip(labels, operands, strict=True)
        )
    return np.einsum(subscripts, *operands)


@answers(np.einsum)
def einsum(subscripts: str, *operands: Operand) -> Result:
    """Sum of products over labelled axes, as `numpy.einsum`: ``"ij,jk->ik"``; ellipses and repeated labels included.

    The gradient of an operand is another einsum, with the upstream gradient in its place. Shapes follow from the
    labels, which may also be lists of numbers behind each operand: ``einsum(x, [0, 1], w, [1, 2], [0, 2])``.
    `ShapeError` where labels and shapes do not fit.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> mt.einsum("ij,ij->i", x, x)
    tensor([ 5., 25.])
    """
    if not isinstance(subscripts, str):
        subscripts, operands = _spelled(subscripts, *operands)
    shapes = [np.shape(unwrap(x)) for x in operands]
    labels, _ = _letters(subscripts, [len(shape) for shape in shapes])
    lengths: dict[str, int] = {}
    for own, shape in zip(labels, shapes, strict=True):
        for letter, n in zip(own, shape, strict=True):
            lengths[letter] = n if lengths.get(letter, 1) == 1 else lengths[letter]
    # A diagonal needs the lengths that its labels have elsewhere: in the rule, 1 would not stand for them.
    full = [
        broadcast_to(x, shape=_lengths(own, lengths)) if _short_diagonal(own, shape, lengths) else x
        for own, shape, x in zip(labels, shapes, operands, strict=True)
    ]
    return _einsum(*full, subscripts=subscripts)


def _short_diagonal(labels: str, shape: Lengths, lengths: Mapping[str, int]) -> bool:
    """Whether a label stands twice, and some axis has length 1 where it is longer elsewhere."""
    same = _lengths(labels, dict(zip(labels, shape, strict=True))) == shape
    return len(set(labels)) < len(labels) and same and _lengths(labels, lengths) != shape


def _lengths(labels: str, lengths: Mapping[str, int]) -> Lengths:
    return tuple(lengths[letter] for letter in labels)


def _spelled(*given: Any) -> tuple[str, tuple[Operand, ...]]:
    """Subscripts and operands of an einsum whose labels are lists of numbers."""
    operands, labels = given[::2][: len(given) // 2], given[1::2]
    target = f"->{_word(given[-1])}" if len(given) % 2 else ""
    return ",".join(map(_word, labels)) + target, operands


def _word(labels: Sequence[Any]) -> str:
    return "".join("..." if label is ... else (ascii_uppercase + ascii_lowercase)[label] for label in labels)
