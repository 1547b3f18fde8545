"""Random programs for the algebra: broadcasting, reductions, contractions, reshapes, comparisons, lookups."""

import numpy as np

import micrograd_tensor as mt


def random_program(seed):
    """An output Tensor and an upstream gradient of its shape; axes often have equal lengths, to be confused."""
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 4))
    full = tuple(int(n) for n in rng.choice([1, 2, 2, 3, 4, 6], rank))
    shapes = [full]
    for _ in range(2):
        narrow = tuple(n if rng.random() < 0.7 else 1 for n in full)
        shapes.append(narrow[int(rng.integers(0, rank)) :] or (1,))
    values = [
        mt.tensor(rng.standard_normal(shape) * 0.7 + 0.2, name=f"x{k}", requires_grad=True)
        for k, shape in enumerate(shapes)
    ]
    for _ in range(10):
        a, b = (values[int(i)] for i in rng.integers(max(0, len(values) - 4), len(values), 2))
        make = _CHOICES[int(rng.integers(0, len(_CHOICES)))]
        try:
            made = make(a, b, rng, full)
        except (ValueError, IndexError):  # shapes that do not fit: take another step
            continue
        if made.size <= 2000 and np.isfinite(made.numpy()).all() and np.abs(made.numpy()).max(initial=0) < 1e3:
            values.append(made)
    return values[-1], rng.standard_normal(values[-1].shape)


def _axes(a, rng):
    return tuple(i for i in range(a.ndim) if rng.random() < 0.5) or ((0,) if a.ndim else None)


def _keep(rng):
    return bool(rng.random() < 0.5)


def _places(a, rng):
    return mt.tensor(rng.integers(0, a.shape[-1], (*a.shape[:-1], int(rng.integers(1, 3)))))


EDGE = 0.0317
"""What values are compared with: one that no deviation from a mean is by chance, as 0 is, and then by rounding not."""

_CHOICES = [
    lambda a, b, rng, full: a + b,
    lambda a, b, rng, full: a - b,
    lambda a, b, rng, full: a * b,
    lambda a, b, rng, full: a / (b * b + 1.0),
    lambda a, b, rng, full: a.sum(axis=_axes(a, rng), keepdims=_keep(rng)),
    lambda a, b, rng, full: a - a.mean(axis=_axes(a, rng), keepdims=True),
    lambda a, b, rng, full: mt.square(a).mean(axis=_axes(a, rng), keepdims=_keep(rng)),
    lambda a, b, rng, full: mt.tanh(a),
    lambda a, b, rng, full: 1 / mt.sqrt(mt.square(a) + 1.0),
    lambda a, b, rng, full: mt.exp(-mt.square(a)),
    lambda a, b, rng, full: 2.0 * a * b + 1.0,
    lambda a, b, rng, full: mt.max(a, axis=_axes(a, rng), keepdims=True),
    lambda a, b, rng, full: a.T,
    lambda a, b, rng, full: mt.reshape(a, -1),
    lambda a, b, rng, full: mt.reshape(a, full),
    lambda a, b, rng, full: mt.reshape(a, (2, -1)),
    lambda a, b, rng, full: mt.softmax(a, axis=-1),
    lambda a, b, rng, full: a @ b,
    lambda a, b, rng, full: a @ a.T,
    lambda a, b, rng, full: mt.einsum("ij,kj->ik", a, b),
    lambda a, b, rng, full: mt.expand_dims(a, axis=0),
    lambda a, b, rng, full: mt.relu(a - EDGE),
    lambda a, b, rng, full: mt.where(a > EDGE, a, b),
    lambda a, b, rng, full: mt.where((a > EDGE) & (b < 0.5), a, 0.0),
    lambda a, b, rng, full: mt.where(~((a > EDGE) | (b < 0.5)), b, 1.0),
    lambda a, b, rng, full: mt.maximum(a, b),
    lambda a, b, rng, full: (a * a + 1.0) ** 1.5,
    lambda a, b, rng, full: mt.take_along_axis(a, _places(a, rng), axis=-1),
    lambda a, b, rng, full: mt.cumsum(a, axis=-1),
    lambda a, b, rng, full: mt.stop_gradient(a) * b,
    lambda a, b, rng, full: a.astype("float32") + b,
    lambda a, b, rng, full: mt.flip(a, axis=0),
]
