"""The test point: what a comparison there cannot tell apart, and how to draw one without such accidents.

A generic point near the given one serves as a witness: a relation between recorded numbers that holds at the given
point, but not there, is an accident of the point, and hides whatever mistake exchanges the two sides. Two stages that
are equal only here, an array whose elements are all alike only here, a contribution that vanishes only here. What holds
there too comes from the lengths of the axes or from the function itself. Nothing here is specific to a layer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ..engine.errors import GradientError
from ..engine.record import leaf
from ..engine.row import Function, Linear, Reduction
from ..engine.tensor import Tensor
from ..graph import Graph, Node, evaluate, graph, joint, named_nodes
from ..graph.axes import counted_axes
from ..graph.nodes import Edge
from .branches import untaken
from .found import Finding
from .guards import without_guards
from .mistakes.derivation import called_forward
from .nearby import Point, nearby
from .oracles import oracles
from .rounding import Tolerances, recorded_tolerances, terms

__all__ = ["GenericPoint", "generic_point"]

_CANCELS = 1e-3
"""Terms count as cancelling if less than this fraction of them is left."""
_MAX_CONSTANTS = 16
"""How many constants are left out on trial."""
_TRIES = 8
"""How many points are drawn for each choice of signs."""
_OF_THE_POINT = frozenset(("constant input", "constant upstream", "hypotheses coincide", "vanishing contribution"))
"""The findings that other numbers of the same shapes can cure."""
_NEW_INPUTS = "check.generic_point makes inputs without such accidents"
_NEW_UPSTREAM = "Draw the upstream gradient at random"
_NO_RTOL = "Leave rtol out, so that rounding decides"


@np.errstate(all="ignore")
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

    @cached_property
    def there(self) -> Point:
        """The witness, computed on demand: often it is not needed."""
        return nearby(self.graph)

    def findings(self) -> Iterator[Finding]:
        """The findings, those that hide the most first."""
        yield from self._cancelling()
        yield from self._alike()
        yield from self._equal_stages()
        yield from self._vanishing_contributions()
        yield from self._branches()
        yield from self._lengths()
        yield from self._unseen_constants()
        yield from self._coarse()

    def _cancelling(self) -> Iterator[Finding]:
        """Gradients of inputs that nearly vanish: the upstream is in the null space, or close to it."""
        inputs = [node for node in self.stages if node.is_leaf and node.requires_grad]
        sums = terms(self.graph, from_output=True, wanted=inputs)
        left = {node: _left(self.graph.gradients[node].value, sums[node].total) for node in inputs}
        blind = [node for node in inputs if left[node] < _CANCELS]
        if not blind:
            return
        sums = terms(self.graph, self.there.gradients, self.there.values, from_output=True, wanted=inputs)
        for node in blind:
            what = f"d{self.names[node]} is blind to whatever cancels with it"
            why = f"only {left[node]:.1e} of its terms is left"
            if _CANCELS <= _left(self.there.gradients[node], sums[node].total) < np.inf:
                way_out = f"{_NEW_UPSTREAM}, in place of a special one such as that of a sum; or take other inputs"
            else:
                why += ", and with other upstream gradients through the same function no more"
                way_out = "Compare the function before its last sum, with a random upstream gradient, or longer axes"
            yield Finding("cancellation", what, why, way_out)

    def _alike(self) -> Iterator[Finding]:
        """Inputs and upstreams whose elements are all equal."""
        for node in self.names:
            if node.is_leaf and node.requires_grad and self._only_here("values", _constant, node):
                name, number = self.names[node], np.asarray(node.value).flat[0]
                what = f"{name} cannot be told from the number {number:.6g}"
                why = f"all its {node.value.size} elements are that"
                why += ", so a forgotten or repeated factor changes nothing" if abs(number) == 1 else ""
                yield Finding("constant input", what, why, f"Draw {name} at random; {_NEW_INPUTS}")
        for node in self.graph.upstreams:
            if not self.graph.contributions_to(node) and self._only_here("gradients", _constant, node):
                what = "sums of the upstream gradient over different axes, and its permutations, look alike"
                why = f"all its {node.value.size} elements are equal"
                yield Finding("constant upstream", what, why, _NEW_UPSTREAM)

    def _equal_stages(self) -> Iterator[Finding]:
        """Gradients, or forward values, of one shape that are equal here only."""
        for of, nodes, prefix in (("gradients", self.stages, "d"), ("values", list(self.names), "")):
            alike: dict[Any, list[Node]] = {}
            numbers = {node: self._here(of, node) for node in nodes}
            for node in nodes:
                first_number = [f"{complex(x):.9e}" for x in np.asarray(numbers[node]).flat[:1]]
                alike.setdefault((node.shape, *first_number), []).append(node)
            for first, *others in alike.values():
                # An array that is handed on, as by the rule of a sum, is the same at every point.
                different = [n for n in others if numbers[n] is not numbers[first]]
                equal = [n for n in different if self._only_here(of, _equal, first, n)]
                # Arrays whose numbers are all alike were reported already.
                if equal and not _constant(numbers[first]):
                    names = [f"{prefix}{self.names[n]}" for n in (first, *equal)]
                    what = f"{', '.join(names[:-1])} and {names[-1]} cannot be told apart"
                    why = "they are equal at this point, so whichever is used in place of another goes unseen"
                    yield Finding("hypotheses coincide", what, why, f"Choose other inputs; {_NEW_INPUTS}")

    def _vanishing_contributions(self) -> Iterator[Finding]:
        """Contributions to a fork that vanish, compared with the others, here only."""
        for node in self.stages:
            edges = [edge for edge, _ in self.graph.contributions_to(node)]
            allowed = self.allowed.absolute[node]
            for edge in edges if len(edges) > 1 else ():
                part = self.graph.contributions[edge].value
                lost = np.size(part) > 0 and bool(np.all(np.abs(part) <= allowed))
                noise = 1e3 * np.max(allowed, initial=0.0)
                if lost and np.any(np.abs(self.there.contributions[edge]) > noise):
                    through = f"d{self.names[node]} with and without what comes through {self._called(edge[0])}"
                    what = f"{through} cannot be told apart"
                    why = "that contribution is zero up to rounding at this point"
                    yield Finding("vanishing contribution", what, why, f"{_NEW_UPSTREAM}; {_NEW_INPUTS}")

    def _called(self, node: Node) -> str:
        return self.names.get(node) or (node.op.name if node.op else "")

    def _branches(self) -> Iterator[Finding]:
        """Ops that take one of their sides only."""
        found = untaken(self.graph)
        if found:
            node, factor = next(iter(found.items()))
            what = f"{called_forward(node)} takes one side only: of the other nothing is judged"
            why = f"at all its {node.value.size} elements it has the same slope"
            others = f"that are about {factor:g} times as large" if factor > 0 else "of both signs"
            others = others if factor else "at which it turns, such as labels of each kind"
            yield Finding("untaken branch", what, why, f"Take inputs {others}")

    def _lengths(self) -> Iterator[Finding]:
        """Axes that have the same length, or are so short that constants coincide."""
        said, short = set(), False
        for node in self.names:
            if not (node.is_leaf and node.requires_grad) and node not in self.graph.outputs:
                continue
            for i, j in combinations(range(len(node.shape)), 2):
                if node.shape[i] == node.shape[j] > 1 and node.shape not in said:
                    said.add(node.shape)
                    what = f"axes {i} and {j} of {self.names[node]} cannot be told apart by their length"
                    n, effect = node.shape[i], "for the other axis keeps its shape and size"
                    why = f"both have {n}, so a sum over the wrong one, a transpose, or 1/{n} {effect}"
                    yield Finding("equal lengths", what, why, "Give every axis a length of its own, such as 7 and 4")
            if 2 in node.shape and not short and self._reduced(node.shape.index(2), node):
                short, what = True, f"axis {node.shape.index(2)} of {self.names[node]} is too short"
                why = "at length 2, 1/n cannot be told from ½, nor n/(n − 1) from 2"
                yield Finding("short axis", what, why, "Give it a length of at least 3 that no other axis has")

    def _reduced(self, axis: int, node: Node) -> bool:
        """Whether some op adds up along an axis of this node's, forward or backward."""
        adding = (Reduction("sum"), Reduction("mean"))
        sums = (x for x in (*self.graph.nodes, *self.graph.backward) if x.reading in adding)
        own = (x for x in sums if x.operands[0].shape == node.shape)
        return any(axis in counted_axes(x.params["axis"], len(node.shape)) for x in own)

    def _unseen_constants(self) -> Iterator[Finding]:
        """Numbers added in the forward pass, such as eps, whose absence would not be noticed."""
        sums = [n for n in self.graph.nodes if isinstance(n.reading, Linear)]
        meant = without_guards(self.graph, {})  # to be left out
        sums = [n for n in sums if n.requires_grad and n not in meant]
        with_numbers = [n for n in sums if not all(isinstance(x, Node) for x in n.operands)]
        for node in with_numbers[:_MAX_CONSTANTS]:
            for number, other in (node.operands, node.operands[::-1]):
                if isinstance(number, Node) or not isinstance(other, Node) or not number:
                    continue
                to = self.names.get(other, "something without a name")
                what = f"{number:g}, which is added to {to}, can be left out unseen"
                why = "without it no gradient changes by more than"
                lost, error = self._with(node, other.value)
                if lost and self._with(node, other.value + self._size_of(other))[0]:
                    continue  # gradients do not depend on it, whatever it is
                if lost:
                    way_out = f"Use float64, and smaller inputs, for which {number:g} matters"
                    yield Finding("unseen constant", what, f"{why} rounding", way_out)
                elif self.rtol is not None and error <= self.rtol:
                    yield Finding("coarse tolerance", what, f"{why} {error:.1e}, and rtol is {self.rtol:.1e}", _NO_RTOL)

    @staticmethod
    def _size_of(node: Node) -> Any:
        """The largest of a node's magnitudes, as an array of its dtype; 1 where all are 0."""
        return np.max(np.abs(node.value), initial=0).astype(node.dtype) or np.ones((), node.dtype)

    def _with(self, node: Node, value: Any) -> tuple[bool, float]:
        """Whether no gradient notices that a node has this value, and the largest error that this makes."""
        whole = joint(self.graph)
        owners = {gradient: n for n, gradient in whole.gradients.items()}
        before = {n: n.value for n in self.graph.nodes if n.rank < node.rank}
        lost, error = True, 0.0

        def look(made: Node, value: Any) -> Any:
            nonlocal lost, error
            if made in owners:
                n = owners[made]
                apart = np.abs(value - self.graph.gradients[n].value)
                lost = lost and bool(np.all(apart <= self.allowed.absolute[n]))
                if n in self.names:
                    apart /= self.allowed.terms[n].largest
                    error = max(error, float(np.max(apart, where=np.isfinite(apart), initial=0.0)))
            return value

        evaluate(whole, before | {node: value}, look, targets=owners, keep=())
        return lost, error

    def _coarse(self) -> Iterator[Finding]:
        """Low precision, and tolerances larger than the effect of mistakes."""
        coarse = {str(n.dtype) for n in self.stages if n.dtype.kind == "f" and np.finfo(n.dtype).eps > 1e-10}
        if coarse:
            what, why = "mistakes as small as a forgotten eps drown in rounding", " and ".join(sorted(coarse))
            yield Finding("low precision", what, f"the numbers are {why}", "Derive and compare in float64")
        if self.rtol is None:
            return
        for node in self.stages:
            edges = [edge for edge, _ in self.graph.contributions_to(node)]
            hidden = [edge for edge in edges if len(edges) > 1 and self._within(edge, node, self.rtol)]
            if hidden:
                what = f"the contribution of {self._called(hidden[0][0])} to d{self.names[node]} can be left out unseen"
                why = f"compared with the other terms it is smaller than the rtol of {self.rtol:.1e}"
                yield Finding("coarse tolerance", what, why, _NO_RTOL)
                return

    def _within(self, edge: Edge, node: Node, rtol: float) -> bool:
        """Whether a whole contribution is within the given rtol, though not within rounding."""
        part = np.abs(self.graph.contributions[edge].value)
        inside = np.all(part <= rtol * np.asarray(self.allowed.terms[node].largest))
        return bool(inside and np.any(part > self.allowed.absolute[node]))

    def _only_here(self, of: str, relation: Callable[..., bool], *nodes: Node) -> bool:
        """Whether a relation between arrays holds at this point, but not at the witness."""
        if not relation(*(self._here(of, node) for node in nodes)):
            return False
        return not relation(*(getattr(self.there, of)[node] for node in nodes))

    def _here(self, of: str, node: Node) -> Any:
        """The value or the gradient of a node at this point."""
        return (node if of == "values" else self.graph.gradients[node]).value


def _equal(a: Any, b: Any) -> bool:
    """Whether two arrays are equal up to rounding, and not empty."""
    first, second = np.asarray(a), np.asarray(b)
    if not first.size or first.dtype.kind not in "fc":
        return False
    unit = 64.0 * float(np.finfo(np.result_type(first, second)).eps)
    return bool(np.all(np.abs(first - second) <= unit * np.maximum(np.abs(first), np.abs(second))))


def _constant(value: Any) -> bool:
    array = np.asarray(value)
    return bool(array.size > 1 and np.all(array == array.flat[0]))


def _left(gradient: Any, total: Any) -> float:
    """The largest ratio of a gradient to its terms; infinite if there are none."""
    largest, size = np.abs(gradient).max(initial=0.0), np.max(total, initial=0.0)
    return float(largest / size) if np.isfinite(size) and size > 0 and np.isfinite(largest) else np.inf


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
        for _ in range(_TRIES):
            inputs = {name: _drawn(rng, tuple(shape), name in positive) for name, shape in named.items()}
            tensors = {name: leaf(v.copy(), name=name, requires_grad=True) for name, v in inputs.items()}
            in_order = list(named) == _parameters(fn)[: len(named)]  # for functions with positional parameters
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
    """Why a point is unsuitable, or ""."""
    arrays = [*(n.value for n in captured.nodes), *(g.value for g in captured.gradients.values())]
    if not all(np.all(np.isfinite(a)) for a in arrays):
        return "something there is not finite"
    if not _smooth(captured):
        return "it lies close to a kink"
    recorded = recorded_tolerances(captured)
    accidents = [finding for finding in lint(captured, recorded) if finding.kind in _OF_THE_POINT]
    if accidents:
        return str(accidents[0])
    return next((oracle.text for oracle in oracles(captured, recorded) if not oracle.agree), "")


def _smooth(captured: Graph) -> bool:
    """Whether no truth value or choice of the two passes changes when the inputs move by a thousandth."""
    rng = np.random.default_rng(1)

    def choices(leaves: Mapping[Node, Any]) -> list[Any]:
        seen = []

        def watch(node: Any, made: Any) -> Any:
            if node.dtype.kind in "bi":
                seen.append(np.array(made))
            elif node.op.exact and isinstance(node.op.reading, Function):  # sign, and what has kinks at 0
                seen.append(np.sign(made))
            return made

        evaluate(joint(captured), leaves, watch)
        return seen

    leaves = [n for n in captured.nodes if n.is_leaf and n.requires_grad]
    before = choices({})
    for _ in range(2):
        moved = {n: n.value * (1 + 1e-3 * rng.uniform(-1, 1, n.shape)) for n in leaves}
        after = choices(moved)
        if not all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)):
            return False
    return True
