"""What the tutor makes of a mistake: seen at all, found at its stage, and called by its kind first."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from catalogue import CATALOGUE, Arrays, Mistake, Point, differs, functions, local_variables, run

import micrograd_tensor as mt
from micrograd_tensor.check.mutation.rules import Mutant, mutants
from micrograd_tensor.graph.status import Status

DERIVATIONS = Path(__file__).parent / "derivations"


@dataclass(frozen=True)
class Case:
    """One mistake at one point.

    Attributes:
        what: the mistake.
        observable: whether the mistaken gradients differ from the right ones at all.
        localised: whether every stage that differs is called wrong, and none at which no mistake was made.
        expected: the kinds that are right.
        first: the kind that the tutor puts first, by stage.
        declined: whether the point does not determine what would be asked, so that nothing is.
    """

    what: str
    observable: bool
    localised: bool
    expected: frozenset[str] = frozenset()
    first: tuple[str, ...] = ()
    declined: bool = False

    @property
    def named(self) -> bool:
        """Whether the right kind comes first at every stage."""
        return bool(self.first) and all(kind in self.expected for kind in self.first)


def single(at: Point, mistake: Mistake) -> Case:
    """A row of the catalogue at a point."""
    (values, gradients), (right_values, right_gradients) = run(at, mistake), run(at)
    if mistake.forward:
        report = mt.compare(at.graph, hand=gradients, forward=values, point=False)
        found, key = report.wrong_forward, "forward:{}"
        seen = [name for name in mistake.wrong if differs(values[name], right_values[name])]
    else:
        report = mt.compare(at.graph, hand=gradients, point=False)
        found, key = report.wrong, "{}"
        seen = [name for name in mistake.wrong if differs(gradients[f"d{name}"], right_gradients[f"d{name}"])]
    noted = all(report.stages[name].status == status for name, status in (mistake.notes or {}).items())
    first = tuple(_first(report, key.format(name)) for name in seen if name in found)
    localised = set(seen) <= set(found) <= set(mistake.wrong) and noted
    return Case(str(mistake), bool(seen), localised, _kinds(at, mistake), first)


def _first(report: Any, name: str) -> str:
    diagnoses = report.diagnosis.get(name, ())
    return diagnoses[0].kind if diagnoses else "nothing"


def _kinds(at: Point, mistake: Mistake) -> frozenset[str]:
    """The kinds of all rows that give the same numbers at this point, at which no one can tell them apart."""
    found = mistake.kinds
    if len(mistake.wrong) == 1:
        name = mistake.wrong[0] if mistake.forward else f"d{mistake.wrong[0]}"
        mine = run(at, mistake)[not mistake.forward][name]
        terms = [part.value for _, part in at.graph.contributions_to(at.graph[mistake.wrong[0]])]
        largest = max(float(np.abs(term).max()) for term in terms)  # what is tiny beside its terms is rounding
        for other in CATALOGUE:
            same_stage = other.wrong == mistake.wrong and other.forward == mistake.forward
            if same_stage and not differs(run(at, other)[not mistake.forward][name], mine, largest):
                found |= other.kinds
    return found


def pair(at: Point, one: Mistake, other: Mistake) -> Case | None:
    """Two mistakes at once: each can be seen if making it or not makes a difference at its stage.

    None where both change the same line.
    """
    if one.edits.keys() & other.edits.keys():
        return None
    both, usual = run(at, one, other)[1], run(at)[1]
    alone = {one: run(at, other)[1], other: run(at, one)[1]}
    if set(one.wrong) & set(other.wrong):
        alone = dict.fromkeys(alone, usual)
    seen = set()
    for mistake, without in alone.items():
        names = [f"d{name}" for name in mistake.wrong if f"d{name}" in both and f"d{name}" in without]
        seen |= {name[1:] for name in names if differs(both[name], without[name], usual[name])}
    report = mt.compare(at.graph, hand=both, point=False)
    made = {*one.wrong, *other.wrong}
    told = {*report.wrong, *(name for name, stage in report.stages.items() if stage.status == Status.WRONG_SHAPE)}
    return Case(f"{one} + {other}", bool(seen), seen <= told and {*report.wrong} <= made)


@dataclass(frozen=True, eq=False)
class Derivation:
    """A file with `forward`, `backward` and `inputs`, as the command takes it."""

    name: str
    source: str
    module: Any


@cache
def derivation(name: str) -> Derivation:
    path = DERIVATIONS / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"derivation_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Derivation(name, path.read_text(encoding="utf-8"), module)


@dataclass(frozen=True, eq=False)
class Place:
    """A derivation at a point: its recorded graph, the upstream gradient, the cache and the right gradients."""

    graph: mt.Graph
    dout: Any
    cache: Arrays
    right: Arrays


def place(of: Derivation, seed: int) -> Place:
    given = of.module.inputs(seed)
    names = list(inspect.signature(of.module.forward).parameters)
    arrays = given if isinstance(given, Mapping) else dict(zip(names, given, strict=True))
    tensors = {
        name: mt.tensor(array, name=name, requires_grad=True) if np.asarray(array).dtype.kind == "f" else array
        for name, array in arrays.items()
    }
    out = of.module.forward(**tensors)
    dout = np.random.default_rng([seed, 1]).normal(size=out.shape)
    captured = mt.graph(out, dout)
    values = {node.name: node.value for node in captured.nodes if node.name} | arrays
    return Place(captured, dout, values, gradients(of.module.backward, dout, values))


def gradients(backward: Any, dout: Any, values: Arrays) -> Arrays:
    return local_variables(backward, dout.copy(), {name: np.array(value) for name, value in values.items()})


def machine(of: Derivation, at: Place) -> Iterator[Case]:
    """Every mistake that can be made by machine in one line of a derivation, at a point.

    Mistakes in lines that compute no gradient of a named tensor are left aside, and so are those that raise at once.
    """
    shapes = {name: np.shape(v) for name, v in at.right.items() if isinstance(v, (np.ndarray, np.generic))}
    stages = {f"d{name}" for name in at.graph.named}
    made: list[tuple[Mutant, Arrays]] = []
    for mutant in mutants(of.source, shapes):
        if mutant.stage in stages:
            results = gradients(functions(mutant.source)["backward"], at.dout, at.cache)
            if mutant.stage in results:
                made.append((mutant, {name: value for name, value in results.items() if name in stages}))
    for mutant, results in made:
        try:
            yield _judged(of, at, mutant, results, made)
        except Exception as error:  # counted, and shown by its name
            yield Case(
                f"{of.name} {mutant}", True, False, frozenset({mutant.kind}), (f"raised {type(error).__name__}",)
            )


def _judged(of: Derivation, at: Place, mutant: Mutant, results: Arrays, made: list[tuple[Mutant, Arrays]]) -> Case:
    name = mutant.stage
    mine, right = results[name], at.right[name]
    report = mt.compare(at.graph, hand=results, point=False)
    found, what = [f"d{wrong}" for wrong in report.wrong], f"{of.name} {mutant.kind}: {mutant.after}"
    only_shape = np.shape(mine) != np.shape(right) and not differs(np.squeeze(mine), np.squeeze(right))
    if only_shape and not any(differs(np.squeeze(results[k]), np.squeeze(at.right[k])) for k in results):
        noted = report.stages[name].status == "right values, wrong shape"
        return Case(what, True, report.ok and noted)
    seen = differs(mine, right)
    overwritten = _overwritten(at, name, results)
    if overwritten:
        return Case(what, seen, set(found) == {name, *overwritten})
    alike = {other.kind for other, theirs in made if other.stage == name and not differs(theirs[name], mine, right)}
    first = (_first(report, name[1:]),) if seen and name in found else ()
    localised = found == [name] or (not seen and not found)
    return Case(what, seen, localised, frozenset(alike | of_contributions(at, name, mine)), first)


def _overwritten(at: Place, name: str, results: Arrays) -> set[str]:
    """Gradients made earlier that the mistake also spoiled, being the same array, in which a later line added up."""
    rank = at.graph[name[1:]].rank
    shared = [k for k in results if k != name and np.shares_memory(results[k], results[name])]
    return {k for k in shared if at.graph[k[1:]].rank > rank and differs(results[k], at.right[k])}


def of_contributions(at: Place, name: str, mine: Any) -> set[str]:
    """The kinds of a mistaken gradient in which one of the right contributions is missing, taken twice, or alone."""
    parts = [np.asarray(part.value) for _, part in at.graph.contributions_to(at.graph[name[1:]])]
    whole, found = sum(parts), set()
    for part in parts:
        if not differs(mine, whole + part, whole):
            found.add("doubled contribution")
        if not differs(mine, whole - part, whole):
            found |= {"dropped contribution"} | ({"statistic as constant"} if len(parts) == 1 else set())
        if len(parts) > 1 and not differs(mine, part, whole):
            found |= {"overwritten contribution", "dropped contribution"}
    return found


WAYS = ("directly", "through var", "through mean")


def final(at: Point, mistake: Mistake) -> Case | None:
    """A row of the catalogue where only dx is given: is the way to x named, along which the mistake was made?

    By an independent fit, a mistaken dx is a sum of what arrives directly, through the variance and through the mean,
    each multiplied by something. Where it is no such sum the kind of the mistake must be named. None where dx is right.
    """
    (_, right), (_, mistaken) = run(at), run(at, mistake)
    if not differs(mistaken["dx"], right["dx"]):
        return None
    report = mt.compare(at.graph, hand={"dx": mistaken["dx"]}, point=False)
    diagnoses = report.diagnosis.get("x", ())
    said = diagnoses[0].text if diagnoses else ""
    found, parallel = _wrong_ways(at, mistaken["dx"])
    if parallel:
        return Case(str(mistake), True, report.wrong == ["x"], declined=True)
    if found is None:
        return Case(str(mistake), True, report.wrong == ["x"], mistake.kinds, (_first(report, "x"),))
    of_ways = re.split("; (?:what arrives there|as if) ", said)[0]  # then come ways that are 0 anyway, and a line
    named = {way for way in WAYS if way in of_ways or of_ways.startswith("everything that arrives")}
    expected, first = (" and ".join(sorted(ways)) for ways in (found, named))
    return Case(str(mistake), True, report.wrong == ["x"], frozenset({expected}), (first,))


def _wrong_ways(at: Point, dx: Any) -> tuple[set[str] | None, bool]:
    """The ways that are not taken once, by a fit of each column, or None; and whether they are too much alike."""
    (values, right), n = run(at), len(at.dout)
    if dx.shape != at.dout.shape or n < len(WAYS):
        return None, n < len(WAYS)
    direct = right["dx_norm"] * values["inverted_stddev"]
    through_var = 2 * values["dev_from_mean"] * right["ddev_from_mean_sq"]
    through_mean = np.broadcast_to(right["dmean"] / n, dx.shape)
    found, inside = set(), True
    for column in range(dx.shape[1]):
        ways = np.stack([way[:, column] for way in (direct, through_var, through_mean)], axis=1)
        ways, sizes = ways / np.linalg.norm(ways, axis=0), np.linalg.norm(ways, axis=0)
        if np.linalg.svd(ways, compute_uv=False)[-1] < 1e-4:
            return None, True
        weights = np.linalg.lstsq(ways, dx[:, column], rcond=None)[0]
        inside &= bool(np.abs(ways @ weights - dx[:, column]).max() < 1e-9 * np.abs(dx).max())
        found |= {way for way, weight in zip(WAYS, weights / sizes, strict=True) if abs(weight - 1) > 1e-9}
    return (found if inside else None), False
