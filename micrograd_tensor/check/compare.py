"""compare: a hand-derived backward pass against the recorded one, stage by stage; assert_gradients: as a test."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import numpy as np

from ..engine.errors import GradientError
from ..engine.tensor import Tensor
from ..graph import Graph, Node, named_nodes
from ..graph.status import Status
from .calls import calling_lines
from .found import ByName, Fix, Lines, Stages, WrongStage
from .given import Given, as_graph, inputs_of, read, run_on
from .invariants import check_invariants
from .judge import USED_AGAIN, Backward, Forward
from .mistakes.derivation import called_forward
from .oracles import oracles
from .point import lint
from .report import Report
from .rounding import Tolerances, coarser, difference, recorded_tolerances
from .running import Run, python_function
from .statements import computed_names, gradient_lines, heads, lines_before, returned_lines, written_names
from .together import Once, told_once
from .wording import in_words_of, said_in_words_of, sizes_of

__all__ = ["assert_gradients", "compare"]

T = TypeVar("T")

_MAX_FORMULA = 60
"""The maximum length of a formula that stands for a name, in characters."""
_GRADIENT = "the gradient of"
"""How it begins what an array is that equals a whole gradient, not one of several contributions to it."""


def compare(
    outputs: Any,
    upstream: Any = None,
    hand: Mapping[str, Any] | None = None,
    forward: Mapping[str, Any] | None = None,
    *,
    rtol: float | None = None,
    point: bool = True,
) -> Report:
    """Compare hand-derived gradients with those of the recorded graph.

    Every gradient is expected to be what the recorded rules make of *the user's own* gradients upstream of it, so that
    a mistake is found where it was made, and not blamed on the lines after it.

    Unless ``rtol`` is given, what counts as right is measured: the passes run again with every result nudged in its
    last digits, and an element may differ by what that does to it, and by what another order of summing may do. Errors
    are given relative to the largest term that was added to make an element, so that cancellation, which makes a
    gradient small and its rounding large, neither alarms nor hides a mistake behind an absolute tolerance.

    Args:
        outputs: a Tensor, or a `Graph` captured with an upstream.
        upstream: the gradient of the output, of its shape; None for a scalar or a Graph. Choose a generic one, at
            random: with ``out.sum()``, or γ = 1, a wrong backward pass of batch normalization can look right.
        hand: arrays by name, a dict, ``locals()`` or an object with attributes: the tensor's name with a leading ``d``,
            or spelled as ``dX``, ``d_x``, ``dLdx``, ``grad_x``, ``x_grad`` or ``gx``; or, where no name is, the bare
            name. Or a tuple in the order of the inputs. ``None`` means "not given". Bare names next to those with a
            ``d`` are forward values, as are the entries of a dict such as ``cache``. Shapes must be equal, not just
            broadcast. Several tensors of one name are told apart by the path of their scope.
        forward: the forward values that the gradients were derived from, by the tensor's name.
        rtol: largest error that counts as right; None: what rounding explains at this point.
        point: whether to check the test point, the oracles and the invariants as well.

    Raises:
        GradientError: where no gradient is given that can be judged, with the nearest names, where ``hand`` or
            ``forward`` has no names, and for an ``rtol`` that is negative or not a number.
        DTypeError: for a gradient that is not made of numbers, or of complex ones where real ones belong.
        ShapeError: for an upstream of another shape.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> report = mt.compare(mt.square(x), [1.0, 1.0], {"dx": np.array([2.0, 2.0])})
    >>> report.ok, report.wrong, report.stages["x"].worst
    (False, ['x'], ((1,), 2.0, 4.0))
    """
    return _compared(as_graph(outputs, upstream), hand, forward, rtol, point)


def with_lines(
    report: Report,
    backward: Callable[..., Any],
    ran: Run,
    inputs: Sequence[str],
    forward: Callable[..., Any] | None = None,
) -> Report:
    """A report that knows where the source of a backward pass assigns each gradient.

    Args:
        report: of what it computed.
        backward: the function.
        ran: its call.
        inputs: the names of what it returns the gradients of, in order.
        forward: the forward pass, whose functions are taken for right; None where it is not known.
    """
    own = written_names(backward, inputs, ran.lines)
    given = {name: key for name, key in report.keys.items() if name in report.stages}  # of outputs there may be none
    keys = {n: own.get(key, key) for n, key in given.items() if key in own or key not in ran.elsewhere}
    passed = {stage.name for stage in report.stages.values() if stage.status in (Status.ANOTHER, Status.HARMLESS)}
    passed |= {stage.name for stage in report.stages.values() if USED_AGAIN in stage.note}
    settled = {name: key for name, key in given.items() if name not in passed}
    # Another name for a gradient may be meant for that of something else, of which a factor is forgotten.
    known = computed_names(backward, ran.lines).intersection(
        key for key, x in report.matched.items() if x.startswith(_GRADIENT)
    )
    judged = {*settled.values(), *known}
    nodes = report.graph.nodes if report.graph is not None else ()
    arrays = {name: x for name, x in ran.names.items() if isinstance(x, np.ndarray | np.floating)}
    right = {name for name, x in arrays.items() if any(_is_value(node, x) for node in nodes)}
    suspect = {node.name for node in nodes if node.name in arrays and node.name not in right}

    def on_the_way_to(key: str) -> Lines:
        return lines_before(backward, key, judged, right, suspect, ran.lines)

    earlier = {name: on_the_way_to(keys[name]) for name in report.wrong if name in keys}
    filled = {name: arrays.get(key) for name, key in keys.items()}
    whole = {name for name, x in filled.items() if x is not None and x.dtype.kind == "f" and _fits(report, name, x)}
    lines = gradient_lines(backward, keys, whole, ran.lines)
    for key, returned in returned_lines(backward, inputs, ran.lines).items():
        name = next((n for n in report.wrong if report.keys.get(n) == key and (n not in keys or n not in lines)), None)
        if name is not None:
            parts = [x for x in returned.reads if x == key or x not in judged | right]
            made = gradient_lines(backward, {x: x for x in parts}, (), ran.lines)
            lines[name] = (*made.pop(key, ()), (returned.first, returned.text))
            on_the_way = [line for x in parts for line in (*on_the_way_to(x), *made.get(x, ()))]
            earlier[name] = tuple(sorted(dict.fromkeys(on_the_way)))
    proven = [line for name, made in lines.items() if report.stages[name].status == Status.RIGHT for line, _ in made]
    for name in report.wrong:
        before = earlier.get(name, ())
        doubtful = [line for line, _ in (*lines.get(name, ()), *before)]
        earlier[name] = tuple(sorted({*before, *heads(backward, doubtful, proven)}))
    calling = frozenset(calling_lines(backward, forward)) if report.wrong else frozenset[int]()
    plain = "mt" not in getattr(python_function(backward), "__globals__", {"mt": ...})
    return replace(report, lines=lines, before={n: x for n, x in earlier.items() if x}, calling=calling, plain=plain)


def _fits(report: Report, name: str, x: Any) -> bool:
    return bool(np.shape(x) == report.stages[name].shape)


def _is_value(node: Node, x: Any) -> bool:
    """Whether an array is what was recorded for a node, up to rounding."""
    if node.shape != np.shape(x) or node.dtype.kind != "f" or np.asarray(x).dtype.kind != "f":
        return False
    value = node.value
    rounding = max(1e-12, 100.0 * float(np.finfo(np.result_type(value, x)).eps))
    largest = float(np.abs(value).max(initial=0.0, where=np.isfinite(value)))
    return np.allclose(value, x, rtol=rounding, atol=rounding * largest)


Mend: TypeAlias = Callable[[Mapping[str, WrongStage]], Fix | None]
"""Looks for one line of the user's own that makes several wrong gradients right, by what the user calls them."""


def compare_run(
    graph: Graph,
    ran: Run,
    forward: Mapping[str, Any] | None = None,
    rtol: float | None = None,
    mend: Mend | None = None,
    why: bool = True,
    point: bool = True,
) -> Report:
    """What `compare` finds of a backward pass that was run, whose local variables need not all be gradients.

    Where several of them are wrong, ``mend`` is asked first: one line that makes all of them right is the mistake.
    ``why``: whether to look for what explains wrong ones, which takes longer than all else; ``point`` as for `compare`.
    """
    return _compared(graph, ran.names, forward, rtol, point, ran=ran, mend=mend, why=why)


@np.errstate(all="ignore")
def _compared(
    captured: Graph,
    hand: Any,
    forward: Any,
    rtol: float | None,
    point: bool = True,
    ran: Run | None = None,
    mend: Mend | None = None,
    why: bool = True,
) -> Report:
    _require_comparable(captured, rtol)
    named = named_nodes(captured)
    stages = {name: node for name, node in named.items() if node in captured.gradients}
    given = read(hand, forward, stages, named, ran.helpers if ran is not None else ())
    recorded = recorded_tolerances(captured)
    absent = {node: name for name, node in stages.items() if name not in given.gradients and node.is_leaf}
    matched = _matched(captured, (*given.unused, *given.unjudged), hand, recorded, absent)
    loose = _returned_elsewhere(captured, ran, given.gradients, recorded) if ran is not None else {}
    before, judged, strays = _judged(captured, named, given, recorded, rtol, ran)
    unused = {key: why for key, why in given.unused.items() if key not in matched} | strays
    foreign = {given.keys[name]: why for name, why in judged.foreign.items()}
    keys = {name: key for name, key in given.keys.items() if name not in judged.foreign}
    wrong_stages, fix = judged.wrong_stages, None
    again = [x.name for x in judged.stages if x.status == Status.WRONG and USED_AGAIN in x.note]  # by inputs' gradients
    if why and mend is not None and (len(judged.wrong) > 1 or again):
        due = {name: wrong_stages[name] for name in judged.wrong} | judged.astray
        fix = mend({given.keys[name]: wrong for name, wrong in due.items()})
    once = told_once(judged) if why and fix is None else Once(judged.stages, {}, {})
    fixes = dict.fromkeys(judged.wrong, fix) if fix is not None else {}
    del judged  # with the gradients that were expected

    undefined = {keys[stage.name]: stage.note for stage in once.stages if stage.status == Status.NOT_JUDGED}
    undefined |= {stage.name: stage.note for stage in before.stages if stage.status == Status.NOT_JUDGED}
    unjudged = {**given.unjudged, **loose, **foreign, **undefined}
    sizes = sizes_of(hand, captured)
    called = {f"d{name}": key for name, key in keys.items() if key.isidentifier() and key != f"d{name}"}
    diagnosis = {
        name: tuple(
            replace(one, text=said_in_words_of(one.text, sizes), fix=in_words_of(one.fix, sizes, called))
            for one in several
        )
        for name, several in once.diagnosis.items()
    }
    found: dict[str, Any] = {}
    if point:
        of_inputs = {stages[name]: gradient for name, gradient in given.gradients.items()}
        found["findings"] = lint(captured, recorded, rtol)
        found["oracles"] = oracles(captured, recorded)
        found["invariants"] = check_invariants(captured, of_inputs, recorded)
    return Report(
        stages=Stages(once.stages),
        forward=Stages(before.stages),
        diagnosis=_of_both(before.diagnosis, diagnosis),
        unused=MappingProxyType(unused),
        unjudged=MappingProxyType({k: why for k, why in unjudged.items() if k not in matched}),
        matched=MappingProxyType(matched),
        keys=MappingProxyType(keys),
        follow=MappingProxyType(once.follow),
        sizes=sizes,
        rtol=rtol,
        graph=captured,
        wrong_stages=_of_both(before.wrong_stages, wrong_stages),
        fixes=fixes,
        **found,
    )


def _require_comparable(captured: Graph, rtol: float | None) -> None:
    if rtol is not None and not (isinstance(rtol, (int, float, np.number)) and rtol >= 0):
        raise GradientError(f"compare: rtol is {rtol!r}; give a number of at least 0, or None to let rounding decide")
    if not captured.gradients:
        raise GradientError("compare: the graph was captured without its backward pass; give graph() an upstream")
    if any(node.value is None for node in captured.nodes):
        raise GradientError("compare: the graph was captured with values=False; capture it with its values")


def _judged(
    captured: Graph,
    named: Mapping[str, Node],
    given: Given,
    recorded: Tolerances,
    rtol: float | None,
    ran: Run | None,
) -> tuple[Forward, Backward, dict[str, str]]:
    """The values and the gradients, judged; and the arrays under names of values that need not be these, and why."""
    stages = {name: node for name, node in named.items() if node in captured.gradients}
    helpers, earlier = (ran.helpers, ran.earlier) if ran is not None else (frozenset[str](), {})
    held = {name: earlier[key] for name, key in given.keys.items() if key in earlier}
    own = {name for name, key in given.keys.items() if key in helpers}
    slopes = {name for name, key in given.keys.items() if ran is not None and key in ran.slopes}

    def forward(values: Mapping[str, Any]) -> Forward:
        return Forward(captured, named, values, recorded, rtol)

    def backward(before: Forward) -> Backward:
        return Backward(stages, given.gradients, before).rereading(held, own, slopes)

    before = forward(given.values)
    if ran is not None:
        why = "not what forward computes under this name, so it was taken for another array"
        strays = dict.fromkeys((name for name in _differing(before) if name in given.loose), why)
        if strays:
            before = forward({name: value for name, value in given.values.items() if name not in strays})
        return before, backward(before), strays
    judged = backward(before)
    if not (before.others and given.loose):
        return before, judged, {}
    without = backward(forward({}))
    wrong = {name: given.values[name] for name in given.loose.intersection(before.wrong)}
    strays = _strays(wrong, named, without)
    if not strays or not {*without.wrong} <= {*judged.wrong}:
        return before, judged, {}
    left = strays if without.wrong else given.loose
    before = forward({name: value for name, value in given.values.items() if name not in left})
    return before, backward(before) if without.wrong else without, strays


def _differing(before: Forward) -> Iterator[str]:
    """The values that are not the recorded ones: backward may call an array of its own as a value of forward."""
    return (stage.name for stage in before.stages if stage.status in (Status.WRONG, Status.RIGHT_GIVEN))


def _strays(wrong: Mapping[str, Any], named: Mapping[str, Node], without: Backward) -> dict[str, str]:
    """Arrays under names of values that need not be these, and why.

    Args:
        wrong: arrays that are not the values of their names.
        named: the nodes by name.
        without: the gradients, judged as if they were made from the recorded values.
    """
    if not without.wrong:
        return dict.fromkeys(wrong, "not the recorded values, but the gradients were not made from them")
    found: dict[str, str] = {}
    for name, x in wrong.items():
        other = next((node for node in without.graph.nodes if node is not named[name] and _is_value(node, x)), None)
        if other is not None:
            found[name] = f"not the recorded values, but those of {_called(other)}, so it was taken for another array"
    return found


def _returned_elsewhere(graph: Graph, ran: Run, judged: Mapping[str, Any], recorded: Tolerances) -> dict[str, str]:
    """What was returned under no name, is none of the gradients that are judged, and nothing else of the graph."""
    if ran.error is not None or ran.returned is None or isinstance(ran.returned, Mapping):
        return {}
    arrays = dict(_leaves("returned", ran.returned))
    shapes = {node.shape for node in graph.gradients if node.is_leaf}
    loose = {key: x for key, x in arrays.items() if x.dtype.kind == "f" and x.any() and x.shape in shapes}
    known = [*judged.values(), *(node.value for node in graph.nodes)]
    loose = {key: x for key, x in loose.items() if not any(np.array_equal(x, y, equal_nan=True) for y in known)}
    right = _matched(graph, loose, loose, recorded, {})
    why = "it is no variable of backward that was judged, and no gradient of the graph"
    return {key: why for key in loose if key not in right}


def _leaves(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The arrays in nested tuples, lists and dictionaries, each with its place."""
    if isinstance(value, np.ndarray):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{place}[{key!r}]", inner)
    elif isinstance(value, (tuple, list)):
        for i, inner in enumerate(value):
            yield from _leaves(f"{place}[{i}]", inner)


def _matched(
    graph: Graph, keys: Collection[str], hand: Any, recorded: Tolerances, absent: Mapping[Node, str]
) -> dict[str, str]:
    """The arrays under names of no stage that equal a recorded gradient, or what one of several ways brings there."""
    found: dict[str, str] = {}
    candidates = list(_recorded(graph)) if keys else []
    for key in keys:
        value = hand.get(key) if isinstance(hand, Mapping) else None
        if not isinstance(value, np.ndarray | Tensor) or not np.size(value):
            continue
        array = np.asarray(value.data if isinstance(value, Tensor) else value)
        if not array.any() or array.dtype.kind not in "fc":
            continue
        most = int(np.argmax(np.abs(array)))
        for node, user, made in candidates:
            if array.shape != made.shape or not np.isclose(array.flat[most], made.value.flat[most], rtol=1e-3):
                continue
            if difference(array, made.value, coarser(recorded.absolute[node], graph, node, array), 1.0).within:
                text = f"{_GRADIENT} {_called(node)}"
                if user is not None:
                    text = f"what arrives at {_called(node)} from {_called(user)}"
                found[key] = text + (f"; did you mean 'd{absent[node]}'?" if node in absent else "")
                break
    return found


def _called(node: Node) -> str:
    """A node's name, or its formula if that is short enough to be read on the way."""
    text = called_forward(node)
    return text if node.name or len(text) <= _MAX_FORMULA else "a value without a name"


def _recorded(graph: Graph) -> Iterator[tuple[Node, Node | None, Node]]:
    """The recorded gradients, those of named nodes first, and the contributions to them, each with whose it is.

    Of a contribution also the node that it comes from.
    """
    for node in sorted(graph.gradients, key=lambda node: (node.name is None, -node.rank)):
        yield node, None, graph.gradients[node]
    for node in graph.gradients:
        for (user, _), made in graph.contributions_to(node):
            yield node, user, made


def _of_both(forward: Mapping[str, T], backward: Mapping[str, T]) -> Mapping[str, T]:
    """One mapping for both passes, in the form of a report."""
    return ByName({**{f"forward:{name}": found for name, found in forward.items()}, **backward})


def assert_gradients(
    outputs: Any,
    upstream: Any = None,
    hand: Mapping[str, Any] | Callable[..., Any] | None = None,
    forward: Mapping[str, Any] | None = None,
    *,
    rtol: float | None = None,
    hints: int = 3,
) -> Report:
    """Assert that hand-derived gradients are right; the failure says which line is wrong, and why.

    Args:
        outputs: as `compare` takes them, and so is `upstream`.
        upstream: gradient of the output with respect to it.
        hand: as `compare` takes it, or the backward pass itself, called as ``hand(upstream, forward)`` on copies.
            Without ``forward`` it gets the recorded values by name. A tuple that it returns is named by the order of
            the graph's inputs. If it raises, the test fails, with the stages that it had reached.
        forward: the forward values by name.
        rtol: largest error that counts as right; None: what rounding explains.
        hints: how much the failure says about a wrong stage: 1 where it is, 2 also its kind, 3 also the fix.

    Returns:
        The report.

    Raises:
        AssertionError: for a gradient or a forward value that is wrong, and where the backward pass raises or writes
            into its arguments.

    >>> import numpy as np
    >>> import micrograd_tensor as mt
    >>> x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    >>> mt.check.assert_gradients(mt.square(x), [1.0, 1.0], {"dx": np.array([2.0, 4.0])}).ok
    True
    """
    __tracebackhide__ = True
    if not callable(hand):
        report = compare(outputs, upstream, hand, forward, rtol=rtol)
        if not report.ok:
            what = "wrong" if report.wrong or report.wrong_forward else "not all judged"
            raise AssertionError(f"hand-derived gradients are {what}\n{report.text(hints=hints)}")
        return report
    captured = as_graph(outputs, upstream)
    if len(captured.outputs) != 1:
        raise GradientError("assert_gradients: call the backward pass yourself for a graph of several outputs")
    came = run_on(captured, hand, forward)
    said = [f"backward changed {name}, which it was given; let it work on a copy" for name in came.changed]
    if came.error is not None:
        said.append(f"backward raised {type(came.error).__name__}: {came.error}; judged are the stages that it reached")
    try:
        report = compare_run(captured, came, forward, rtol)
    except GradientError as error:
        raise AssertionError("\n".join((*said, *came.remarks, str(error)))) from came.error
    report = replace(with_lines(report, hand, came, inputs_of(captured)), remarks=(*said, *came.remarks))
    if said or not report.ok:
        raise AssertionError(f"the backward pass is wrong\n{report.text(hints=hints)}") from came.error
    return report
