"""The lint of the test point: what a comparison at this point cannot tell apart, found by numbers.

A generic point near the given one serves as a witness: a relation between recorded numbers that holds at the given
point, but not there, is an accident of the point, and hides whatever mistake exchanges the two sides. Two stages that
are equal only here, an array whose elements are all alike only here, a contribution that vanishes only here. What holds
there too comes from the lengths of the axes or from the function itself. Nothing here knows any layer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ..engine.errors import GradientError
from ..engine.tensor import Tensor, leaf
from ..graph import Graph, Node, evaluate, evaluate_backward, graph, named_nodes
from ..graph.nodes import Edge
from .found import Finding
from .nearby import Point, nearby, point_of
from .oracles import oracles
from .rounding import Tolerances, nudged_passes, recorded_tolerances

CANCELS = 1e-3
"""What is left of its terms, where they are said to cancel."""
CONSTANTS = 16
"""So many numbers are left out on trial."""
NEW_INPUTS = "check.generic_point makes inputs without such accidents"
NEW_UPSTREAM = "Draw the upstream gradient at random"


def lint(graph: Graph, allowed: Tolerances, rtol: float | None = None) -> tuple[Finding, ...]:
    """What this point cannot tell apart.

    Args:
        graph: captured with an upstream and with its values.
        allowed: what rounding can do to the recorded gradients.
        rtol: the largest error that counts as right, if one was given.
    """
    return tuple(_Lint(graph, allowed, rtol).findings())


class _Lint:
    def __init__(self, graph: Graph, allowed: Tolerances, rtol: float | None) -> None:
        self.graph, self.allowed, self.rtol = graph, allowed, rtol
        self.names = {node: name for name, node in named_nodes(graph).items()}
        self.stages = [node for node in self.names if node in graph.gradients]
        self.here = point_of(graph, {n: n.value for n in graph.nodes}, {})
        self.there = nearby(graph)

    def findings(self) -> Iterator[Finding]:
        """The findings, those that hide most first."""
        yield from self._cancelling()
        yield from self._alike()
        yield from self._equal_stages()
        yield from self._vanishing_contributions()
        yield from self._lengths()
        yield from self._unseen_constants()
        yield from self._coarse()

    def _cancelling(self) -> Iterator[Finding]:
        """Gradients of inputs of which next to nothing is left: an upstream in the null space, or nearly so."""
        for node in self.stages:
            if not node.is_leaf or not node.requires_grad:
                continue
            here, there = (_left(p.gradients[node], p.totals[node]) for p in (self.here, self.there))
            if here is None or here >= CANCELS:
                continue
            name = f"d{self.names[node]}"
            generic = there is not None and there >= CANCELS
            yield Finding(
                "cancellation",
                f"{name} is blind to whatever cancels with it",
                f"only {here:.1e} of its terms is left"
                + ("" if generic else ", and of other upstream gradients through the same function no more"),
                f"{NEW_UPSTREAM}, in place of a special one such as that of a sum"
                if generic
                else "Compare the function before its last sum, with a random upstream gradient, or with longer axes",
            )

    def _alike(self) -> Iterator[Finding]:
        """Inputs and upstreams whose numbers are all one number."""
        for node in self.names:
            if node.is_leaf and node.requires_grad and self._only_here(node, "values", _constant):
                number = np.asarray(node.value).flat[0]
                yield Finding(
                    "constant input",
                    f"{self.names[node]} cannot be told from the number {number:.6g}",
                    f"all its {node.value.size} elements are that"
                    + (", so a forgotten or repeated factor changes nothing" if abs(number) == 1 else ""),
                    f"Draw {self.names[node]} at random; {NEW_INPUTS}",
                )
        for node in self.graph.upstreams:
            if not self.graph.contributions_to(node) and self._only_here(node, "gradients", _constant):
                yield Finding(
                    "constant upstream",
                    "sums of the upstream gradient over different axes, and its permutations, look alike",
                    f"all its {np.size(self.here.gradients[node])} elements are equal",
                    NEW_UPSTREAM,
                )

    def _equal_stages(self) -> Iterator[Finding]:
        """Gradients, or forward values, of one shape that are equal here only."""
        for of, nodes, prefix in (("gradients", self.stages, "d"), ("values", list(self.names), "")):
            alike: dict[Any, list[Node]] = {}
            for node in nodes:
                first_number = [f"{complex(x):.9e}" for x in np.asarray(getattr(self.here, of)[node]).flat[:1]]
                alike.setdefault((node.shape, *first_number), []).append(node)
            for first, *others in alike.values():
                equal = [n for n in others if self._equal_here_only(of, first, n)]
                # Of arrays whose numbers are all alike it was said already.
                if equal and not _constant(getattr(self.here, of)[first]):
                    names = [f"{prefix}{self.names[n]}" for n in (first, *equal)]
                    yield Finding(
                        "hypotheses coincide",
                        f"{', '.join(names[:-1])} and {names[-1]} cannot be told apart",
                        "they are equal at this point, so whichever is used in place of another goes unseen",
                        f"Choose other inputs; {NEW_INPUTS}",
                    )

    def _equal_here_only(self, of: str, a: Node, b: Node) -> bool:
        return a.shape == b.shape and self._same(of, self.here, a, b) and not self._same(of, self.there, a, b)

    def _vanishing_contributions(self) -> Iterator[Finding]:
        """Contributions to a fork that are lost beside the others here only."""
        for node in self.stages:
            edges = [edge for edge, _ in self.graph.contributions_to(node)]
            if len(edges) < 2:
                continue
            allowed = self.allowed.absolute[node]
            for edge in edges:
                part, elsewhere = self.here.contributions[edge], self.there.contributions[edge]
                with np.errstate(all="ignore"):
                    lost = bool(np.all(np.abs(part) <= allowed)) and np.size(part) > 0
                    seen = bool(np.any(np.abs(elsewhere) > 1e3 * np.max(allowed, initial=0.0)))
                if lost and seen:
                    by = self.names.get(edge[0], edge[0].op.name if edge[0].op else "")
                    yield Finding(
                        "vanishing contribution",
                        f"d{self.names[node]} with and without what comes through {by} cannot be told apart",
                        "that contribution is zero up to rounding at this point",
                        f"{NEW_UPSTREAM}; {NEW_INPUTS}",
                    )

    def _lengths(self) -> Iterator[Finding]:
        """Axes that have the same length, or so short a one that constants coincide."""
        said, short = set(), False
        for node in self.names:
            if not (node.is_leaf and node.requires_grad) and node not in self.graph.outputs:
                continue
            for i, j in combinations(range(len(node.shape)), 2):
                if node.shape[i] == node.shape[j] > 1 and node.shape not in said:
                    said.add(node.shape)
                    yield Finding(
                        "equal lengths",
                        f"axes {i} and {j} of {self.names[node]} cannot be told apart by their length",
                        f"both have {node.shape[i]}, so a sum over the wrong one, a transpose, or 1/{node.shape[i]} "
                        "for the other axis keeps its shape and size",
                        "Give every axis a length of its own, such as 7 and 4",
                    )
            if 2 in node.shape and not short and self._reduced(node.shape.index(2), node):
                short = True
                yield Finding(
                    "short axis",
                    f"axis {node.shape.index(2)} of {self.names[node]} is too short",
                    "at length 2, 1/n cannot be told from ½, nor n/(n − 1) from 2",
                    "Give it a length of at least 3 that no other axis has",
                )

    def _reduced(self, axis: int, node: Node) -> bool:
        """Whether some op sums over an axis of this node's, forward or backward."""
        for x in (*self.graph.nodes, *self.graph.backward):
            if x.op is not None and x.op.name in ("sum", "mean") and x.operands[0].shape == node.shape:
                over = x.params["axis"]
                axes = range(len(node.shape)) if over is None else np.atleast_1d(over) % len(node.shape)
                if axis in axes:
                    return True
        return False

    def _unseen_constants(self) -> Iterator[Finding]:
        """Numbers that were added in the forward pass, such as eps, and could be left out without being missed."""
        sums = [n for n in self.graph.nodes if n.op is not None and n.op.name in ("add", "sub") and n.dtype.kind == "f"]
        with_numbers = [n for n in sums if n.requires_grad and not all(isinstance(x, Node) for x in n.operands)]
        for node in with_numbers[:CONSTANTS]:
            for number, other in (node.operands, node.operands[::-1]):
                if isinstance(number, Node) or not isinstance(other, Node) or not number:
                    continue
                made = evaluate(self.graph, {node: other.value})
                values = {**made, node: other.value}
                ran = evaluate_backward(self.graph, {}, values).gradients
                error = 0.0
                with np.errstate(all="ignore"):
                    lost = all(
                        np.all(np.abs(ran[n] - g) <= self.allowed.absolute[n]) for n, g in self.here.gradients.items()
                    )
                    for n in self.stages:
                        apart = np.abs(ran[n] - self.here.gradients[n]) / self.allowed.terms[n].largest
                        error = max(error, float(np.max(apart[np.isfinite(apart)], initial=0.0)))
                by = self.names.get(other, "what it is added to")
                what = f"{number:g}, which is added to {by}, can be left out unseen"
                if lost:
                    yield Finding(
                        "unseen constant",
                        what,
                        "without it no gradient changes by more than rounding",
                        f"Use float64, and inputs beside which {number:g} is larger",
                    )
                elif self.rtol is not None and error <= self.rtol:
                    yield Finding(
                        "coarse tolerance",
                        what,
                        f"without it no gradient changes by more than {error:.1e}, and rtol is {self.rtol:.1e}",
                        "Leave rtol out, so that rounding decides",
                    )

    def _coarse(self) -> Iterator[Finding]:
        """Numbers of low precision, and tolerances beyond what mistakes make."""
        coarse = {str(n.dtype) for n in self.stages if n.dtype.kind == "f" and np.finfo(n.dtype).eps > 1e-10}
        if coarse:
            yield Finding(
                "low precision",
                "mistakes as small as a forgotten eps drown in rounding",
                f"the numbers are {' and '.join(sorted(coarse))}",
                "Derive and compare in float64",
            )
        hidden = [
            f"{self.names.get(edge[0], '')} to d{self.names[node]}"
            for node in self.stages
            for edge, _ in self.graph.contributions_to(node)
            if self.rtol is not None and len(self.graph.contributions_to(node)) > 1 and self._within(edge, node)
        ]
        if hidden:
            yield Finding(
                "coarse tolerance",
                f"the contribution of {hidden[0]} can be left out unseen",
                f"it is smaller than the rtol of {self.rtol:.1e} beside the other terms",
                "Leave rtol out, so that rounding decides",
            )

    def _within(self, edge: Edge, node: Node) -> bool:
        """Whether a whole contribution is within the given rtol, though not within rounding."""
        assert self.rtol is not None  # noqa: S101 -- for the type checker
        part = np.abs(self.here.contributions[edge])
        with np.errstate(all="ignore"):
            inside = np.all(part <= self.rtol * np.asarray(self.allowed.terms[node].largest))
            return bool(inside and np.any(part > self.allowed.absolute[node]))

    def _only_here(self, node: Node, of: str, relation: Any) -> bool:
        return bool(relation(getattr(self.here, of)[node]) and not relation(getattr(self.there, of)[node]))

    def _same(self, of: str, point: Point, a: Node, b: Node) -> bool:
        """Whether two arrays of a point are equal up to rounding, and not empty."""
        numbers = getattr(point, of)
        first, second = np.asarray(numbers[a]), np.asarray(numbers[b])
        if not first.size or first.dtype.kind not in "fc":
            return False
        unit = 64.0 * float(np.finfo(np.result_type(a.dtype, b.dtype)).eps)
        with np.errstate(all="ignore"):
            return bool(np.all(np.abs(first - second) <= unit * np.maximum(np.abs(first), np.abs(second))))


def _constant(value: Any) -> bool:
    array = np.asarray(value)
    return bool(array.size > 1 and np.all(array == array.flat[0]))


def _left(gradient: Any, total: Any) -> float | None:
    """How much of its terms a gradient is, where it is most; None where there are none."""
    with np.errstate(all="ignore"):
        largest, sizes = np.abs(gradient).max(initial=0.0), np.max(total, initial=0.0)
        return float(largest / sizes) if np.isfinite(sizes) and sizes > 0 and np.isfinite(largest) else None


TRIES = 8
"""So many draws are looked at for each choice of signs."""
OF_THE_POINT = frozenset(("constant input", "constant upstream", "hypotheses coincide", "vanishing contribution"))
"""The findings that other numbers of the same shapes can cure."""


class GenericPoint(NamedTuple):
    """Where to compare a derivation.

    Attributes:
        inputs: an array for each input, by name.
        upstream: the gradient of the result, of its shape.
    """

    inputs: dict[str, Any]
    upstream: Any


@np.errstate(all="ignore")
def generic_point(
    fn: Callable[..., Any],
    shapes: Mapping[str, tuple[int, ...]] | Sequence[tuple[int, ...]],
    seed: int = 0,
) -> GenericPoint:
    """Inputs of a function, and an upstream gradient, without accidents that hide mistakes.

    They are drawn at random, from positive numbers only where the function, as a logarithm, is undefined for others,
    and again where they lie close to a kink or the lint of the point finds an accident. Lengths are the caller's: give
    every axis one of its own, at least 3 and best without common factors, such as 7 and 4.

    Args:
        fn: of Tensors, to a Tensor.
        shapes: of its inputs, by parameter name or in order.
        seed: equal seeds give equal points.

    Raises:
        GradientError: where no point was found at which everything is finite and smooth.

    >>> import micrograd_tensor as mt
    >>> point = mt.check.generic_point(mt.batch_norm, {"x": (7, 4), "gamma": (4,), "beta": (4,)})
    >>> {name: array.shape for name, array in point.inputs.items()}, point.upstream.shape
    ({'x': (7, 4), 'gamma': (4,), 'beta': (4,)}, (7, 4))
    """
    named = dict(shapes) if isinstance(shapes, Mapping) else dict(zip(_parameters(fn), shapes, strict=False))
    if not named or (not isinstance(shapes, Mapping) and len(named) != len(shapes)):
        raise GradientError(f"generic_point: {len(shapes)} shapes for a function of {', '.join(_parameters(fn))}")
    rng = np.random.default_rng(seed)
    reason = ""
    for positive in _signs(list(named)):
        for _ in range(TRIES):
            inputs = {name: _drawn(rng, tuple(shape), name in positive) for name, shape in named.items()}
            tensors = {name: leaf(v.copy(), name=name, requires_grad=True) for name, v in inputs.items()}
            in_order = list(named) == _parameters(fn)[: len(named)]  # as functions of positions alone want it
            out = fn(*tensors.values()) if in_order else fn(**tensors)
            if not isinstance(out, Tensor):
                raise GradientError(f"generic_point: fn returned a {type(out).__name__}, not a Tensor")
            upstream = rng.standard_normal(out.shape)
            captured = graph(out, upstream)
            reason = _unfit(captured)
            if not reason:
                return GenericPoint(inputs, upstream)
    raise GradientError(f"generic_point: found none for these shapes; the last one tried: {reason}")


def _parameters(fn: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(fn).parameters.values()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _signs(names: list[str]) -> Iterator[frozenset[str]]:
    """Which inputs to draw positive: none, then one, then all."""
    yield frozenset()
    yield from (frozenset([name]) for name in names)
    yield frozenset(names)


def _drawn(rng: Any, shape: tuple[int, ...], positive: bool) -> Any:
    """Numbers of either sign, none of them close to 0, where a kink often lies."""
    sizes = rng.uniform(0.25, 2.0, shape)
    return sizes if positive else sizes * rng.choice([-1.0, 1.0], shape)


def _unfit(captured: Graph) -> str:
    """Why a point will not do, or ""."""
    arrays = [*(n.value for n in captured.nodes), *(g.value for g in captured.gradients.values())]
    if not all(np.all(np.isfinite(a)) for a in arrays):
        return "something there is not finite"
    if not _smooth(captured):
        return "it lies close to a kink"
    passes = nudged_passes(captured)
    allowed = recorded_tolerances(captured, passes)
    accidents = [finding for finding in lint(captured, allowed) if finding.kind in OF_THE_POINT]
    if accidents:
        return str(accidents[0])
    return next((oracle.text for oracle in oracles(captured, passes, allowed.absolute) if not oracle.agree), "")


def _smooth(captured: Graph) -> bool:
    """Whether no truth value or choice of the two passes changes when the inputs move by a thousandth."""
    rng = np.random.default_rng(1)

    def choices(values: Mapping[Any, Any]) -> list[Any]:
        seen = []

        def watch(node: Any, made: Any) -> Any:
            if node.dtype.kind in "bi" or (node.op is not None and node.op.name == "sign"):
                seen.append(np.array(made))
            return made

        evaluate(captured, values, watch)
        evaluate_backward(captured, {}, {**evaluate(captured, values), **values}, watch)
        return seen

    leaves = [n for n in captured.nodes if n.is_leaf and n.requires_grad]
    before = choices({})
    for _ in range(2):
        moved = {n: n.value * (1 + 1e-3 * rng.uniform(-1, 1, n.shape)) for n in leaves}
        after = choices(moved)
        if not all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)):
            return False
    return True
