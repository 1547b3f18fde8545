"""Passes: lazy results computed so that each pass over the data keeps a few chunks of it in memory, never all.

Dask computes a chunk once, and keeps it for all that need it. A sum over the batch needs every chunk, and what follows
from the sum, such as ``x − mean``, needs every chunk again: so all of them stay in memory. Here the sums come first,
in a pass each, and take the place of what they were to be computed from; the next pass then makes its chunks anew.

Within a pass a chunk is one task, from the data to its share of the sum: what lies between is let go before the task
ends, whatever order workers take tasks in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any
from uuid import uuid4

from ..engine.arrays import is_lazy, measured
from ..engine.errors import DTypeError, describe
from ..engine.record import unwrap
from .clients import usable, value

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
        ShapeError: for an array that does not know its lengths.
        RuntimeError: for a client that is closed, or has had no workers for a minute.

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
        measured(array, "in_passes: a result")
    if not arrays:
        return []
    graphs = import_module("dask.highlevelgraph")
    graph = graphs.HighLevelGraph.merge(*(array.__dask_graph__() for array in arrays))
    for future in _held(graph).values():
        if future.status in ("cancelled", "lost"):
            raise RuntimeError(
                "in_passes: what a client's workers held is gone, as is the client; make the arrays anew"
            )
    while waiting := _next(graph):
        layers, needs = dict(graph.layers), dict(graph.dependencies)
        for name in waiting:  # one by one: a chunk that two sums share would be kept from the one to the other
            keys = sorted(layers[name].get_output_keys(), key=str)
            found = dict(zip(keys, _computed(graph, name, keys), strict=True))
            layers[name], needs[name] = graphs.MaterializedLayer(found), set()
        wanted, left = {array.name for array in arrays}, set[str]()
        while wanted:
            left |= wanted
            wanted = {need for name in wanted for need in needs[name]} - left
        graph = graphs.HighLevelGraph({name: layers[name] for name in left}, {name: needs[name] for name in left})
    kind = import_module("dask.array").Array
    rest = []
    for array in arrays:
        named, keys = _names(), graph.layers[array.name].get_output_keys()
        if keys <= _held(graph).keys():
            rest.append(array)
            continue
        left_to_do = _by_chunks(graph, keys, named)
        name = named(array.name)
        layer = graphs.HighLevelGraph({name: graphs.MaterializedLayer(left_to_do)}, {name: set()})
        rest.append(kind(layer, name, array.chunks, meta=array._meta))
    return rest


def _sizes(graph: Any) -> tuple[dict[str, int], dict[str, int]]:
    """Of each layer how many chunks it has, and how many the largest has of those that it comes from."""
    size = {name: len(layer.get_output_keys()) for name, layer in graph.layers.items()}
    largest: dict[str, int] = {}
    for name in graph._toposort_layers():
        largest[name] = max([size[name], *(largest[need] for need in graph.dependencies[name])])
    return size, largest


def _next(graph: Any) -> list[str]:
    """The layers of the next passes: sums that are wanted, or that more chunks follow from, and that need no others."""
    size, largest = _sizes(graph)
    later: dict[str, bool] = {}
    found = []
    for name in graph._toposort_layers():
        users = graph.dependents[name]
        is_sum = largest[name] > size[name] and (not users or size[name] < max(size[user] for user in users))
        later[name] = any(later[need] for need in graph.dependencies[name])
        if is_sum and not later[name]:
            found.append(name)
        later[name] |= is_sum
    return found


def _computed(graph: Any, name: str, keys: list[Any]) -> Any:
    """The values of a sum's keys, by the scheduler that is in force."""
    size, largest = _sizes(graph)
    tree, below = {name}, [name]
    while below:
        layer = below.pop()
        if size[layer] < largest[name]:
            tree |= graph.dependencies[layer]
            below += graph.dependencies[layer]
    get = import_module("dask.base").get_scheduler() or import_module("dask.threaded").get
    client, named = getattr(get, "__self__", None), _names()
    tasks = _by_chunks(graph, {key for layer in tree for key in graph.layers[layer].get_output_keys()}, named)
    if not hasattr(client, "submit"):
        return get(tasks, list(map(named, keys)))
    futures = usable(client, "in_passes").get(tasks, list(map(named, keys)), sync=False)
    return [value(client, future, "in_passes") for future in futures]


def _names() -> Callable[[Any], Any]:
    """Names for the tasks of one pass, or its layers, by those that they have in the graph that is given.

    Dask's workers may still know tasks by the old names, which need others, and would warn of them.
    """
    tag = uuid4().hex

    def named(key: Any) -> Any:
        return (named(key[0]), *key[1:]) if isinstance(key, tuple) else f"{key}-{tag}"

    return named


_SMALL = 2**16
"""The bytes of a constant that is sent with every task; one that is larger is a task of its own."""
_COPIES = 3
"""How many tasks may compute one thing again, each for itself; a neighbor's edge is needed by three."""


def _by_chunks(graph: Any, keys: set[Any], named: Callable[[Any], Any]) -> dict[Any, Any]:
    """A graph for keys, in which each is one task with all that it needs, except what many others need too."""
    core = import_module("dask.core")
    tasks = dict(import_module("dask.array.optimization").optimize(graph, list(keys)))
    held = _held(graph)
    tasks |= held
    needs = {key: set() if key in held else core.get_dependencies(tasks, key) & tasks.keys() for key in tasks}
    owners: dict[Any, set[Any]] = {key: set() for key in tasks}
    kept = set(keys)
    for key in reversed(core.toposort(tasks, dependencies=needs)):  # from the results to the data
        size = _bytes(tasks[key])
        if owners[key] and (key in held or (len(owners[key]) > _COPIES if size is None else size > _SMALL)):
            kept.add(key)
        for need in needs[key]:
            owners[need] |= {key} if key in kept else owners[key]
    names = {key: key if key in held else named(key) for key in kept}
    return {names[key]: tasks[key] if key in held else _alone(key, tasks, needs, names) for key in kept}


def _held(graph: Any) -> dict[Any, Any]:
    """What workers hold already, by keys: the futures that stand in a graph."""
    made = [layer for layer in graph.layers.values() if layer.is_materialized()]
    return {key: value for layer in made for key, value in layer.items() if hasattr(value, "add_done_callback")}


def _bytes(task: Any) -> int | None:
    """Of an array that stands in a graph as it is; None for what is still to be computed."""
    return getattr(getattr(task, "value", task), "nbytes", None)


def _alone(key: Any, tasks: dict[Any, Any], needs: dict[Any, set[Any]], names: dict[Any, Any]) -> Any:
    """One task with all that it needs, except what has a name of its own."""
    if _bytes(tasks[key]) is not None:
        return getattr(tasks[key], "value", tasks[key])
    inner, outer, wanted = dict[Any, Any](), dict[Any, None](), [key]
    while wanted:
        name = wanted.pop()
        if name in names and name != key:
            outer[name] = None
        elif name not in inner:
            inner[name] = tasks[name]
            wanted += needs[name]
    return (partial(_run, inner, key, tuple(outer)), *(names[name] for name in outer))


def _run(tasks: dict[Any, Any], key: Any, names: tuple[Any, ...], *values: Any) -> Any:
    """The value of a key; of others the values are given."""
    given = {name: (partial(_same, value),) for name, value in zip(names, values, strict=True)}
    return import_module("dask").get(tasks | given, key)


def _same(value: Any) -> Any:
    return value
