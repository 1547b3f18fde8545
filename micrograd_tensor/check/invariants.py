"""Invariants: properties that a gradient must have whatever the upstream is, so that they need no right gradient.

* Directions in the null space. Where moving an input along v hardly changes the result, its gradient has hardly a
  component along v: ``|⟨gradient, v⟩| ≤ ‖J v‖ · ‖upstream‖``. They are found by probing the recorded backward pass with
  random upstreams: what no gradient ever contains. Of batch normalization these are, column by column, the constant
  vector and, up to eps, x_norm.
* Euler's identity. Where the result is homogeneous of degree k in some inputs, which is found by scaling them,
  ``Σ ⟨gradient, input⟩ = k · ⟨upstream, result⟩``.
* Linearity in the upstream, where the backward pass itself can be called.

One that fails names the branch whose contribution, added once more or taken away, restores it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import Any

import numpy as np

from ..graph import Graph, Node, evaluate, evaluate_backward, named_nodes
from ..graph.nodes import Edge
from .found import Invariant
from .given import as_graph, read, run_on
from .rounding import Tolerances, coarser, recorded_tolerances

__all__ = ["invariants"]

_LARGE = 64
"""Inputs of up to this many elements are probed for a null space."""
_NULL = 1e-3
"""How much of a random gradient may lie along a direction of the null space."""
_MAX_BRANCHES = 24
"""How many branches are followed to see which of them a gradient lacks."""
_DEGREES = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0)
"""The degrees of homogeneity to test for."""


@np.errstate(all="ignore")
def invariants(
    outputs: Any,
    upstream: Any = None,
    hand: Mapping[str, Any] | Callable[..., Any] | None = None,
    forward: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
) -> tuple[Invariant, ...]:
    """Check properties of hand-derived gradients without the right ones.

    Args:
        outputs: as `compare` takes them.
        upstream: likewise.
        hand: gradients by name, or the backward pass itself, called as ``hand(upstream, forward)`` on copies, without
            ``forward`` on the recorded values by name; then its linearity in the upstream is checked too.
        forward: what the backward pass needs of the forward pass, by name.
        seed: of the probes.

    Returns:
        One for each property of each input whose gradient was given, those that fail first.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0, 4.0], name="x", requires_grad=True)
    >>> dout = np.array([1.0, 0.0, -3.0])
    >>> for found in mt.check.invariants(x - x.mean(), dout, {"dx": dout}):  # the mean taken for a constant
    ...     print(found.kind, found.holds, found.branch)
    Euler False look at the branch through mean
    null space False look at the branch through mean
    """
    captured = as_graph(outputs, upstream)
    named = named_nodes(captured)
    stages = {name: node for name, node in named.items() if node in captured.gradients}
    found: list[Invariant] = []
    entries: Any = hand
    if callable(hand):
        entries, linear = _linearity(captured, hand, forward, stages, seed)
        found += linear
    gradients = read(entries, None, stages, named).gradients
    of_inputs = {stages[name]: gradient for name, gradient in gradients.items()}
    found += check_invariants(captured, of_inputs, recorded_tolerances(captured), seed)
    return tuple(sorted(found, key=lambda invariant: invariant.holds))


def check_invariants(
    captured: Graph, given: Mapping[Node, Any], allowed: Tolerances, seed: int = 0
) -> tuple[Invariant, ...]:
    """The null spaces and Euler's identity, for the given gradients of a graph's inputs."""
    checks = _Checks(captured, given, allowed, np.random.default_rng(seed))
    return tuple(sorted(chain(checks.euler(), checks.null_spaces()), key=lambda invariant: invariant.holds))


class _Checks:
    def __init__(
        self, captured: Graph, given: Mapping[Node, Any], allowed: Tolerances, rng: np.random.Generator
    ) -> None:
        self.graph, self.terms, self.rng = captured, allowed.terms, rng
        self.names = {node: name for name, node in named_nodes(captured).items()}
        self.inputs = {
            node: np.asarray(value, np.float64)
            for node, value in given.items()
            if node.is_leaf and value.shape == node.shape and node.dtype.kind == "f" and value.size
        }
        coarsest = max(given.values(), key=_eps, default=np.zeros(()))
        self.allowed = {node: coarser(allowed.absolute[node], captured, node, coarsest) for node in self.inputs}

    def null_spaces(self) -> Iterator[Invariant]:
        """Directions along which the gradients of an input have no component."""
        small = [node for node in self.inputs if node.value.size <= _LARGE]
        probes: dict[Node, list[Any]] = {node: [] for node in small}
        upstreams = self.graph.upstreams
        most = min(max((n.value.size for n in small), default=0), sum(g.value.size for g in upstreams.values()))
        for _ in range(most + 4 if small else 0):
            drawn = {n: self.rng.standard_normal(n.shape).astype(n.dtype) for n in upstreams}
            inner = {n: g for n, g in drawn.items() if not self.graph.contributions_to(n)}
            gradients = {**evaluate_backward(self.graph, inner, of=small).gradients, **inner}
            for node in small:
                probes[node].append(np.asarray(gradients[node], np.float64).ravel() / _norm(drawn.values()))
        for node in small:
            rows = np.stack(probes[node])
            if not np.all(np.isfinite(rows)):
                continue
            _, strengths, directions = np.linalg.svd(rows)
            full = np.pad(strengths, (0, len(directions) - len(strengths)))
            null = full <= _NULL * full[0]
            if full[0] > 0 and null.any() and not null.all():
                yield self._null_space(node, directions[null], full[null])

    def _null_space(self, node: Node, directions: Any, strengths: Any) -> Invariant:
        upstream = _norm(g.value for g in self.graph.upstreams.values())
        rounding = np.abs(directions) @ np.ravel(np.asarray(self.allowed[node], np.float64))
        bounds = 4.0 * np.sqrt(len(directions)) * strengths * upstream + rounding
        size = float(np.max(self.terms[node].largest, initial=0.0)) or 1.0

        def excess(gradient: Any) -> float:
            return float(np.max((np.abs(directions @ gradient.ravel()) - bounds) / size))

        error = excess(self.inputs[node])
        several = f"{len(directions)} directions" if len(directions) > 1 else "one direction"
        text = f"it must have no component along {several}, whatever the upstream gradient"
        in_words = _in_words(node, directions)
        text += f", such as {in_words}" if in_words else ""
        branch = "" if error <= 0 else self._branch(node, lambda g: excess(g) <= 0)
        return Invariant(self.names[node], "null space", error <= 0, max(error, 0.0), text, branch)

    def euler(self) -> Iterator[Invariant]:
        """Euler's identity for each smallest set of inputs in which the result is homogeneous."""
        done: list[set[Node]] = []
        groups = [*combinations(self.inputs, 1), *combinations(self.inputs, 2)] if len(self.inputs) <= 8 else []
        for group in groups:
            smaller = any(known <= set(group) for known in done)
            if not smaller and (degree := self._degree(group)) is not None:
                done.append(set(group))
                yield from self._euler(group, degree)

    def _euler(self, group: Sequence[Node], degree: float) -> Iterator[Invariant]:
        parts = [g.value * n.value for n, g in self.graph.upstreams.items()]
        expected = degree * float(sum(np.sum(p) for p in parts))
        size = sum(float(np.sum(np.abs(self.terms[n].largest * n.value))) for n in group) or 1.0
        rounding = sum(float(np.sum(self.allowed[n] * np.abs(n.value))) for n in group)
        rounding += 1e2 * float(np.finfo(np.float64).eps) * sum(float(np.sum(np.abs(p))) for p in parts)
        if rounding > 1e-3 * size:
            return  # with this much rounding nothing can be concluded

        def off(changed: Mapping[Node, Any]) -> float:
            gradients = {**self.inputs, **changed}
            return abs(sum(float(np.sum(gradients[n] * n.value)) for n in group) - expected)

        def restores(node: Node) -> Callable[[Any], bool]:
            return lambda gradient: off({node: gradient}) <= rounding

        if off({node: self.graph.gradients[node].value for node in group}) > rounding:
            return  # homogeneous but for a small number, such as an eps
        holds = off({}) <= rounding
        branches = () if holds else (self._branch(node, restores(node)) for node in group)
        names = [self.names[n] for n in group]
        left = " + ".join(f"⟨d{name}, {name}⟩" for name in names)
        right = "0" if degree == 0 else f"{degree:g} · ⟨upstream, result⟩" if degree != 1 else "⟨upstream, result⟩"
        text = f"{left} = {right}, since the result is homogeneous of degree {degree:g} in {' and '.join(names)}"
        yield Invariant(", ".join(names), "Euler", holds, off({}) / size, text, next(filter(None, branches), ""))

    def _degree(self, group: Sequence[Node]) -> float | None:
        """The degree of homogeneity in these inputs together; None where there is none."""
        outputs = list(self.graph.upstreams)

        def scaled(factor: float) -> Mapping[Node, Any]:
            leaves = {n: factor * np.asarray(n.value, np.float64) for n in group}
            return evaluate(self.graph, leaves, targets=outputs, keep=outputs) | leaves

        def size(of: Mapping[Node, Any]) -> float:
            return float(sum(np.sum(np.abs(of[n])) for n in outputs))

        double = all(n.dtype != np.float32 and n.dtype != np.float16 for n in self.graph.nodes)
        here = {n: n.value for n in outputs} if double else scaled(1.0)
        larger = scaled(1.25)
        likely = [d for d in _DEGREES if np.isclose(size(larger), 1.25**d * size(here), rtol=1e-9, atol=0.0)]
        pairs = [(1.25, larger), (0.8, scaled(0.8))] if likely else []
        for degree in likely:
            if all(_near(values[n], factor**degree * np.asarray(here[n])) for n in outputs for factor, values in pairs):
                return degree
        return None

    def _branch(self, node: Node, restored: Callable[[Any], bool]) -> str:
        """The branch whose contribution, added once more or taken away, makes a property hold.

        Branches are the contributions that meet at a fork, the input itself or a value that depends on it, each
        followed from there to the input.
        """
        parts = list(self._parts(node))
        for sign in (1.0, -1.0):
            for edge, part in parts:
                mended = self.inputs[node] + sign * part.astype(np.float64)
                # A gradient of zero has every property.
                lost = np.abs(mended).max() <= 1e-9 * np.abs(part).max(initial=0.0)
                if np.any(part) and not lost and restored(mended):
                    return self._called(edge)
        return ""

    def _parts(self, node: Node) -> Iterator[tuple[Edge, Any]]:
        """What each branch gives to an input; of many branches only those at values with names."""
        forks = [
            n for n in sorted(self.graph.gradients, key=lambda n: n.rank) if len(self.graph.contributions_to(n)) > 1
        ]
        if sum(len(self.graph.contributions_to(fork)) for fork in forks) > _MAX_BRANCHES:
            forks = [fork for fork in forks if fork.name is not None]
        edges = [(fork, edge) for fork in forks for edge, _ in self.graph.contributions_to(fork)]
        for fork, edge in edges[:_MAX_BRANCHES]:
            part = np.asarray(self.graph.contributions[edge].value)
            if fork is not node:
                whole = {fork: self.graph.gradients[fork].value + part}
                moved = evaluate_backward(self.graph, whole, of=[node]).gradients[node]
                part = np.asarray(moved) - self.graph.gradients[node].value
            yield edge, part

    def _called(self, edge: Edge) -> str:
        return f"look at the branch through {self.names.get(edge[0]) or (edge[0].op.name if edge[0].op else '')}"


def _eps(array: Any) -> float:
    return float(np.finfo(array.dtype).eps) if array.dtype.kind in "fc" else 0.0


def _norm(arrays: Iterable[Any]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(array)) for array in arrays)))


def _near(a: Any, b: Any) -> bool:
    return bool(np.all(np.abs(a - b) <= 1e-9 * (np.abs(a) + np.abs(b))) and np.any(b))


def _in_words(node: Node, directions: Any) -> str:
    """The axis, if any, over which a constant vector is among some directions."""
    for axis, length in enumerate(node.shape):
        one = np.zeros(node.shape)
        np.moveaxis(one, axis, -1)[(0,) * (one.ndim - 1)] = length**-0.5
        if length > 1 and np.sum(np.square(directions @ one.ravel())) > 1 - 1e-6:
            return f"sums over axis {axis}"
    return ""


def _linearity(
    captured: Graph, backward: Callable[..., Any], forward: Any, stages: Mapping[str, Node], seed: int
) -> tuple[Mapping[str, Any], list[Invariant]]:
    """What the backward pass gives, and whether it is linear: a·u + b·v gives a times, and b times, as much."""
    upstream = np.asarray(captured.upstreams[captured.outputs[0]].value)
    other = np.asarray(np.random.default_rng(seed).standard_normal(upstream.shape), upstream.dtype)
    calls = [run_on(captured, backward, forward, g) for g in (upstream, other, 2.0 * upstream - 3.0 * other)]
    for call in calls:
        if call.error is not None:
            raise call.error
    named = [read(call.names, None, stages, stages).gradients for call in calls]
    coarsest = max(_eps(value) for each in named for value in each.values())
    found = []
    for name, first in named[0].items():
        node = stages[name]
        if not node.is_leaf or not all(name in each and each[name].shape == first.shape for each in named):
            continue
        second, both = named[1][name], named[2][name]
        apart = np.abs(both - (2.0 * first - 3.0 * second))
        size = float(max(np.abs(x).max(initial=0.0) for x in (first, second, both))) or 1.0
        error = float(np.max(apart, initial=0.0)) / size
        holds = error <= 1e4 * max(float(np.finfo(node.dtype).eps), coarsest)
        text = "it must be linear in the upstream gradient"
        found.append(Invariant(name, "linearity", bool(holds), error, text))
    return calls[0].names, found
