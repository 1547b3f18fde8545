"""Program: a traced function that can be run again on other values, with all that it does to state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from operator import call
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..engine.arrays import Outline, as_array, frozen
from ..engine.record import Record, all_at_once, birth_numbers, leaf, set_data, set_grad
from ..engine.recording import Scope, recording
from ..engine.tensor import Tensor
from ..graph import Node
from .gradients import Gate, gate
from .report import Facts
from .trace import Place, Result, Traced, alike, rewind
from .trees import builder


class Built(NamedTuple):
    """What a backend makes of a traced function.

    Attributes:
        run: computes, from the inputs, the outputs that are no guards; None where a guard says no.
        source: what is run, to be read.
        facts: what it consists of.
        silent: whether it runs kernels alone, which never warn.
        places: for the nodes that kernels stand for, which step that is, and its name.
    """

    run: Callable[..., tuple[Any, ...] | None]
    source: str
    facts: Facts
    silent: bool = False
    places: Mapping[Node, tuple[int, str]] = MappingProxyType({})


class OtherBranchError(Exception):
    """A guard says that Python code would take another branch in this call."""


class Program:
    """A function for calls of one kind.

    Args:
        name: of the function.
        traced: what it does.
        build: a backend.
        compiled: compiles a function of gradients.
    """

    def __init__(
        self,
        name: str,
        traced: Traced,
        build: Callable[[Traced, str], Built],
        compiled: Callable[..., Callable[..., Any]],
    ) -> None:
        self.built = build(traced, name)
        inputs = set(traced.inputs)
        constants = {node: t for node, t in traced.values.items() if node.is_leaf and node not in inputs}
        self.traced = traced = replace(traced, values=constants)  # the rest was needed for building only
        self._held = [_Held(t) for _, t in traced.held]
        places = [place for place, *_ in (*traced.effects, *traced.gradients, *traced.needs)]
        self._met: set[Any] = {*places, *traced.bound.values(), *(held.tensor for held in self._held)}
        self._views = dict(self._views_of_arguments())
        self._gates: dict[int, Gate] = {}
        for result in traced.results:
            if result.requires_grad and result.made not in self._gates:
                self._gates[result.made] = gate(name, traced, result.made, compiled)
        self._reads = [read for read, _ in traced.settings]
        self._settings = [*chain.from_iterable(then for _, then in traced.settings)]
        self._lengths = [len(then) for _, then in traced.settings]
        self._first = len(traced.guards)
        self._build = builder(traced.tree)
        self._numbers = [i for _, i in traced.arguments]
        self._writes = bool(traced.effects or traced.gradients)

    def _views_of_arguments(self) -> Iterator[tuple[int, int]]:
        """The outputs that may be views of an argument, each with its number."""
        arguments = dict(self.traced.arguments)
        for number, node in enumerate(self.traced.graph.outputs):
            while node.op is not None and node.op.exact and node.inputs:
                node = node.inputs[0]
            if node in arguments:
                yield number, arguments[node]

    def fits(self, given: Sequence[Any]) -> bool:
        """Whether what Python code went by is as it was, so that it would do the same with these arguments."""
        traced = self.traced
        if not traced.surroundings.unchanged():
            return False
        if self._reads:
            settings = [*map(call, self._reads)]
            if [*map(len, settings)] != self._lengths or not alike([*chain.from_iterable(settings)], self._settings):
                return False
        for held in self._held:
            if not held.unchanged():
                return False
        if not self._met:
            return True
        return (
            all((_at(place, given)._grad is not None) == had for place, had in traced.needs)
            and all(_fits_gradient(node, _at(place, given)) for node, place in traced.grads)
            and all(given[i] is x for i, x in traced.bound.items())
            and all(i in traced.bound for i, x in enumerate(given) if isinstance(x, Tensor) and x in self._met)
        )

    def compute(self, given: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The inputs and outputs for these arguments; no state is changed before `finish`.

        Raises:
            OtherBranchError: where a guard says so; nothing has happened then.
        """
        traced = self.traced
        before = {g: g.bit_generator.state for g in traced.generators} if traced.generators else {}
        try:
            inputs = [x if type(x) is np.ndarray else x._data for x in [given[i] for i in self._numbers]]
            inputs += [held.array() for held in self._held]
            if traced.grads or traced.sources:
                inputs += [_at(place, given)._grad._data for _, place in traced.grads]
                inputs += [as_array(read()) for _, read in traced.sources]
            if self.built.silent:
                made = self.built.run(*inputs)
            else:
                with np.errstate(all="ignore"):
                    made = self.built.run(*inputs)
            if made is None:
                raise OtherBranchError
        except BaseException:
            rewind(before)
            raise
        return inputs, [None] * self._first + [x if type(x) is np.ndarray else as_array(x) for x in made]

    def finish(self, given: Sequence[Any], inputs: list[Any], outputs: list[Any]) -> Any:
        """Change the state, and return what the function returns. An error here is the function's own: it stands."""
        scope = recording.get().scope
        results = [self._result(result, given, inputs, outputs, scope) for result in self.traced.results]
        if self._writes:
            self._write(given, outputs)
        return self._build(iter(results))

    def _result(
        self, result: Result, given: Sequence[Any], inputs: list[Any], outputs: list[Any], scope: Scope | None
    ) -> Tensor:
        if result.place is not None:
            return _at(result.place, given)  # type: ignore[no-any-return]
        array = self._own(result.made, given, outputs) if self._views else outputs[result.made]
        if type(array) is np.ndarray:
            array.setflags(write=False)
        new: Any = object.__new__(Tensor)
        if result.made not in self._gates:
            Record.__init__(new, array, False, None, (), (), {}, scope, next(birth_numbers), result.name)
            return new  # type: ignore[no-any-return]
        made = self._gates[result.made]
        operands = [self._operand(i, given, inputs) for i in made.inputs]
        for k, x in enumerate(operands):
            if x._requires_grad and k not in made.live:
                operands[k] = leaf(inputs[made.inputs[k]], x._name)
        arrays, born = [x._data for x in operands], next(birth_numbers)  # after those that are new
        Record.__init__(new, array, True, made.row, tuple(operands), arrays, {}, scope, born, result.name)
        return new  # type: ignore[no-any-return]

    def _operand(self, i: int, given: Sequence[Any], inputs: list[Any]) -> Tensor:
        """An input as a Tensor for a graph to keep."""
        traced, n = self.traced, len(self.traced.arguments)
        if i >= n + len(self._held):
            return leaf(inputs[i])
        if i >= n:
            return self._held[i - n].tensor
        x = given[traced.arguments[i][1]]
        return x if isinstance(x, Tensor) else leaf(frozen(x))

    def _own(self, number: int, given: Sequence[Any], outputs: list[Any]) -> Any:
        """An output that shares no memory with an array of the caller's, who may write to it."""
        shared = number in self._views and not isinstance(given[self._views[number]], Tensor)
        return outputs[number].copy() if shared else outputs[number]

    def _write(self, given: Sequence[Any], outputs: list[Any]) -> None:
        """Do what the function does to state, all at once."""
        changes: list[tuple[Any, ...]] = []
        for place, changes_of, number in self.traced.effects:
            x = _at(place, given)
            if not isinstance(x, Tensor):
                continue  # an array of the caller's, of which the function had a copy
            array = self._own(number, given, outputs) if self._views else outputs[number]
            if type(array) is np.ndarray:
                array.setflags(write=False)
            changes += [(set_data, x, array)] if isinstance(place, int) else changes_of(array)
        upstream: list[tuple[Tensor, Tensor]] = []
        for place, g in self.traced.gradients:
            x = _at(place, given)
            if not isinstance(x, Tensor):
                continue
            if x.op is not None and isinstance(place, int) and g is not None:
                upstream.append((x, leaf(outputs[g])))  # it goes on to what the argument was computed from
            else:
                array = None if g is None else self._own(g, given, outputs) if self._views else outputs[g]
                changes.append((set_grad, x, None if array is None else leaf(array)))
        all_at_once(changes)
        for x, gradient in upstream:
            x.backward(gradient)


class _Held:
    """A Tensor that a function finds outside its arguments: read anew in every run, and checked to be of its kind."""

    __slots__ = ("_c", "_dtype", "_f", "_needs", "_type", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, array = tensor, tensor._data
        self._type, self._dtype, self._needs = type(array), array.dtype, tensor._requires_grad
        self._c, self._f = _in_order(array)

    def unchanged(self) -> bool:
        """Whether it has the dtype, the layout and the need for gradients that it had."""
        array = self.tensor._data
        if type(array) is not self._type or self.tensor._requires_grad is not self._needs:
            return False
        return array.dtype == self._dtype and _in_order(array) == (self._c, self._f)

    def array(self) -> Any:
        """Its values."""
        x = self.tensor
        return x._values() if type(x._data) is Outline else x._data


def _in_order(array: Any) -> tuple[bool, bool]:
    """How an array lies in memory, as far as ops may go by it."""
    flags = getattr(array, "flags", None)
    return (False, False) if flags is None else (flags.c_contiguous, flags.f_contiguous)


def _at(place: Place, given: Sequence[Any]) -> Any:
    return given[place] if isinstance(place, int) else place


def _fits_gradient(node: Any, x: Tensor) -> bool:
    g = x._grad
    return g is not None and g.shape == node.shape and g.dtype == node.dtype
