"""Nudges: how far rounding alone can move the values of a graph, measured by nudging every result.

The graph runs again a few times with every result moved at random by a few units in the last place. How far a value
moves then is what rounding can do to it at this point, cancellation included; this is stochastic arithmetic (Vignes, *A
stochastic arithmetic for reliable scientific computation*, Mathematics and Computers in Simulation 35, 1993).

Equal numbers of one array are nudged alike, as rounding would treat them, so that ties stay ties.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .evaluate import evaluate
from .joint import joint
from .nodes import Graph, Node

RUNS = 5
"""How many times a graph runs with nudges."""
STRENGTH = 16.0
"""The largest nudge, in units of the dtype's eps."""
MARGIN = 4.0
"""A tolerance is this many of the largest movements seen."""
_PART = 1 << 16
"""About how many numbers of a large array are looked at at a time."""


@np.errstate(all="ignore")
def tolerances(graph: Graph) -> dict[Node, Any]:
    """How far rounding can move each value and each gradient of a graph, element by element.

    Args:
        graph: with its values. What is neither a real nor a complex array of NumPy's has no tolerance.

    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> captured = mt.graph((x * 3.0).named("y"), [1.0, 1.0])
    >>> bool((0 < tolerances(captured)[captured["y"]]).all() and (tolerances(captured)[captured["y"]] < 1e-12).all())
    True
    """
    whole = joint(graph) if graph.gradients else graph
    real = [node for node in whole.nodes if isinstance(node.value, np.ndarray) and node.dtype.kind in "fc"]
    if any(not isinstance(node.value, np.ndarray) for node in whole.nodes):
        return {}
    moved = {node: np.zeros(node.shape) for node in real}
    for seed in range(RUNS):

        def nudge(node: Node, value: Any, seed: int = seed) -> Any:
            plain = node.dtype.kind not in "fc" or (node.op is not None and node.op.exact)
            return value if plain else nudged(value, node.dtype, seed + RUNS * (node.rank + 1))

        leaves = {node: nudge(node, node.value) for node in real if node.is_leaf and not is_whole(node.value)}
        made = {**evaluate(whole, leaves, nudge), **leaves}
        for node in real:
            moved[node] = np.fmax(moved[node], np.abs(made[node] - node.value))
    found = {node: MARGIN * far for node, far in moved.items()}
    if whole is not graph:
        twins = [*graph.gradients.items(), *graph.upstreams.items()]
        found |= {gradient: found[whole.gradients[node]] for node, gradient in twins if whole.gradients[node] in found}
        parts = graph.contributions.items()
        found |= {part: found[whole.contributions[e]] for e, part in parts if whole.contributions[e] in found}
    return found


def nudged(value: Any, dtype: np.dtype[Any], seed: int) -> Any:
    """An array with each number changed by at most `STRENGTH` eps of the dtype, in float64 where that is finer.

    >>> import numpy as np
    >>> from micrograd_tensor.graph.nudges import nudged
    >>> x = np.array([1.0, 2.0, 1.0])
    >>> moved = nudged(x, x.dtype, 0)
    >>> bool(0 < abs(moved[1] - 2.0) < 1e-14), bool(moved[0] == moved[2])
    (True, True)
    """
    array = np.asarray(value)
    if array.dtype.kind == "c":
        part = array.real.dtype
        return nudged(array.real, part, seed) + 1j * nudged(array.imag, part, seed + 1)
    unit = np.finfo(dtype)
    fine = array.astype(np.result_type(array.dtype, np.float64), copy=False)
    made = np.empty_like(fine)
    for part in in_parts(fine.shape):
        made[part] = _moved(fine[part], unit, seed)
    return made


def _moved(fine: Any, unit: Any, seed: int) -> Any:
    moved = np.abs(fine)
    moved *= float(unit.eps)
    # Below the normal numbers the last place no longer shrinks with the number; what is exactly 0 is not rounded.
    moved = np.maximum(moved, float(unit.smallest_subnormal))
    moved *= between(fine, seed)
    moved *= STRENGTH
    moved += fine
    # Nor is what is infinite, such as the −∞ of a mask.
    return moved if fine.all() and np.isfinite(moved).all() else np.where((fine == 0) | np.isinf(fine), fine, moved)


def is_whole(leaf: Any) -> bool:
    """Whether an input has whole numbers alone: nudged, labels would equal nothing that they are compared with."""
    return bool(np.array_equal(leaf, np.rint(leaf)))


def in_parts(shape: tuple[int, ...]) -> list[Any]:
    """The rows of an array of this shape, so many at a time that what is made of each part takes little memory.

    >>> from micrograd_tensor.graph.nudges import in_parts
    >>> in_parts((3, 2)), in_parts(()), len(in_parts((1000, 1000)))
    ([slice(0, 32768, None)], [()], 16)
    """
    if not shape:
        return [()]
    rows = max(1, _PART // max(1, prod(shape[1:])))
    return [slice(at, at + rows) for at in range(0, shape[0], rows)]


def between(array: Any, seed: int) -> Any:
    """Numbers between −1 and 1 that look random but depend only on an array's numbers and the seed."""
    bits = np.array(array, np.float64, order="C").view(np.uint64)
    bits ^= np.uint64((seed * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D) % 2**64)
    bits *= np.uint64(0xBF58476D1CE4E5B9)  # modulo 2**64; the product's upper bits depend on all bits below
    bits ^= bits >> np.uint64(32)
    bits *= np.uint64(0x94D049BB133111EB)
    return bits.view(np.int64) * 2.0**-63
