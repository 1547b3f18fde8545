"""Passes: lazy results computed so that each pass over the data keeps a few chunks of it in memory, never all.

Dask computes a chunk once, and keeps it for all that need it. A sum over the batch needs every chunk, and what follows
from the sum, such as ``x − mean``, needs every chunk again: so all of them stay in memory. Here the sums come first,
in a pass each, and take the place of what they were to be computed from; the next pass then makes its chunks anew.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..engine.arrays import is_lazy
from ..engine.errors import DTypeError, describe
from ..engine.record import unwrap

__all__ = ["in_passes"]


def in_passes(*results: Any) -> list[Any]:
    """Compute the sums over the data that lazy results share; returns the results as lazy arrays of what is left to do.

    Give all that is wanted at once: outputs, gradients, statistics. What comes back is stored or computed by chunks.

    Args:
        results: Tensors or arrays, all of them Dask's.

    Returns:
        For each a Dask array with the same values.

    Raises:
        DTypeError: for what is no lazy array.

    >>> import dask.array as da
    >>> import micrograd_tensor as mt
    >>> x = mt.tensor(da.arange(6.0, chunks=2), requires_grad=True)
    >>> y = x / x.sum()
    >>> y.backward(da.ones(6, chunks=2))
    >>> [array.compute().round(3).tolist() for array in in_passes(y, x.grad)]
    [[0.0, 0.067, 0.133, 0.2, 0.267, 0.333], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """
    arrays = [unwrap(x) for x in results]
    for x, array in zip(results, arrays, strict=True):
        if not is_lazy(array):
            raise DTypeError(f"in_passes: {describe(x)} is no array of Dask's; nothing is left to compute")
    if not arrays:
        return []
    graphs = import_module("dask.highlevelgraph")
    graph = graphs.HighLevelGraph.merge(*(array.__dask_graph__() for array in arrays))
    while waiting := _next(graph):
        layers, needs = dict(graph.layers), dict(graph.dependencies)
        for name in waiting:  # one by one: a chunk that two sums share would be kept from the one to the other
            keys = sorted(layers[name].get_output_keys(), key=str)
            found = dict(zip(keys, _computed(graph, keys), strict=True))
            layers[name], needs[name] = graphs.MaterializedLayer(found), set()
        wanted, left = {array.name for array in arrays}, set[str]()
        while wanted:
            left |= wanted
            wanted = {need for name in wanted for need in needs[name]} - left
        graph = graphs.HighLevelGraph({name: layers[name] for name in left}, {name: needs[name] for name in left})
    kind = import_module("dask.array").Array
    return [kind(graph, array.name, array.chunks, meta=array._meta) for array in arrays]


def _next(graph: Any) -> list[str]:
    """The layers of the next passes: sums that are wanted, or that more chunks follow from, and that need no others."""
    size = {name: len(layer.get_output_keys()) for name, layer in graph.layers.items()}
    largest: dict[str, int] = {}
    later: dict[str, bool] = {}
    found = []
    for name in graph._toposort_layers():
        needs, users = graph.dependencies[name], graph.dependents[name]
        largest[name] = max([size[name], *(largest[need] for need in needs)])
        is_sum = largest[name] > size[name] and (not users or size[name] < max(size[user] for user in users))
        later[name] = any(later[need] for need in needs)
        if is_sum and not later[name]:
            found.append(name)
        later[name] |= is_sum
    return found


def _computed(graph: Any, keys: list[Any]) -> Any:
    """The values of keys, by the scheduler that is in force.

    They come to this process: with workers that kept them, all tasks on the way would stay known there by their keys,
    though the next pass, which fuses other tasks, means others by these.
    """
    get = import_module("dask.base").get_scheduler() or import_module("dask.threaded").get
    return get(import_module("dask.array.optimization").optimize(graph, keys), keys)
