"""The catalogue of mistakes that people make in batch normalization's backward pass, as edits of the staged derivation.

Each row changes lines of `examples/batchnorm_by_hand.py`. It says which stages are then wrong in themselves and which
kinds of diagnosis are right, and that is all: the numbers decide whether a mistake can be seen at a point at all.
"""

from __future__ import annotations

import linecache
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import micrograd_tensor as mt

SOURCE = (Path(__file__).parents[2] / "examples" / "batchnorm_by_hand.py").read_text(encoding="utf-8")
EPS = 1e-5
SHAPES = ((7, 4), (16, 5), (5, 5), (2, 3))
"""Two that are generic, and two that are not: N = D, and N = 2."""

LEAVES = ("x", "gamma", "beta")
Arrays = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Mistake:
    """One row.

    Attributes:
        number: of the row in the catalogue.
        what: the mistake in words.
        edits: the new line by the beginning of the line that it replaces.
        wrong: tensors whose gradients are wrong themselves; for a forward mistake, whose values are.
        kinds: the kinds of diagnosis that are right.
        notes: statuses other than wrong that the report must give, by tensor.
        forward: whether the mistake is in the forward pass.
    """

    number: int
    what: str
    edits: Mapping[str, str]
    wrong: tuple[str, ...]
    kinds: frozenset[str] = frozenset()
    notes: Mapping[str, str] | None = None
    forward: bool = False

    def __str__(self) -> str:
        return f"{self.number} {self.what}"


def row(number: int, what: str, stage: str, line: str, *kinds: str, at: str = "") -> Mistake:
    """A mistake in one line, which replaces the line that begins alike."""
    begins = at or line[: line.index("=") + 1]
    return Mistake(number, what, {begins: line}, (stage,), frozenset(kinds))


def forward_row(number: int, what: str, edits: Mapping[str, str], wrong: tuple[str, ...], *kinds: str) -> Mistake:
    return Mistake(number, what, edits, wrong, frozenset(kinds), forward=True)


CONSTANT = "constant factor"
EXCHANGED = ("exchanged operand", "not inverted", "power of a tensor")
DIAGONAL = "dx_norm * inverted_stddev * (1 - 1 / N - x_norm**2 / N)"

CATALOGUE = (
    row(1, "no sum for beta", "beta", "dbeta = dout", "missing sum"),
    row(1, "no sum for gamma", "gamma", "dgamma = x_norm * dscaled_x", "missing sum"),
    row(1, "no sum for 1/stddev", "inverted_stddev", "dinverted_stddev = dev_from_mean * dx_norm", "missing sum"),
    row(1, "no sum for the mean", "mean", "dmean = -1 * ddev_from_mean", "missing sum"),
    row(2, "mean for sum, beta", "beta", "dbeta = np.mean(dout, axis=axis)", "mean for sum"),
    row(2, "mean for sum, gamma", "gamma", "dgamma = np.mean(x_norm * dscaled_x, axis=axis)", "mean for sum"),
    row(
        2,
        "mean for sum, 1/stddev",
        "inverted_stddev",
        "dinverted_stddev = np.mean(dev_from_mean * dx_norm, axis=0)",
        "mean for sum",
    ),
    row(3, "wrong axis, beta", "beta", "dbeta = np.sum(dout, axis=1)", "wrong axis"),
    row(3, "wrong axis, gamma", "gamma", "dgamma = np.sum(x_norm * dscaled_x, axis=1)", "wrong axis"),
    Mistake(
        4,
        "an axis kept, beta",
        {"dbeta =": "dbeta = np.sum(dout, axis=axis, keepdims=True)"},
        (),
        notes={"beta": "right values, wrong shape"},
    ),
    Mistake(
        4,
        "an axis kept, variance",
        {"dvar =": "dvar = (0.5 / np.sqrt(var + eps) * dstddev)[None, :]"},
        (),
        notes={"var": "right values, wrong shape"},
    ),
    row(5, "sum over everything, beta", "beta", "dbeta = np.sum(dout)", "sum over everything"),
    row(
        5,
        "sum over everything, 1/stddev",
        "inverted_stddev",
        "dinverted_stddev = np.sum(dev_from_mean * dx_norm)",
        "sum over everything",
    ),
    row(5, "sum over everything, mean", "mean", "dmean = -1 * np.sum(ddev_from_mean)", "sum over everything"),
    row(
        6, "deviation for x_norm", "gamma", "dgamma = np.sum(dev_from_mean * dscaled_x, axis=axis)", "exchanged operand"
    ),
    row(6, "x for x_norm", "gamma", "dgamma = np.sum(cache['x'] * dscaled_x, axis=axis)", "exchanged operand"),
    row(7, "gamma forgotten", "x_norm", "dx_norm = dscaled_x", "missing factor"),
    row(8, "gamma twice", "x_norm", "dx_norm = gamma * gamma * dscaled_x", "factor twice"),
    Mistake(
        9,
        "statistics as constants",
        {"dvar =": "dvar = np.zeros_like(var)", "dmean =": "dmean = np.zeros_like(var)"},
        ("var", "mean"),
        frozenset({"statistic as constant"}),
    ),
    row(10, "variance as constant", "var", "dvar = np.zeros_like(var)", "statistic as constant"),
    row(10, "variance not added", "dev_from_mean", "pass", "dropped contribution", at="ddev_from_mean +="),
    row(11, "mean as constant", "mean", "dmean = np.zeros_like(var)", "statistic as constant"),
    row(11, "mean not added", "x", "pass", "dropped contribution", at="dx +="),
    row(
        12,
        "overwritten at the deviation",
        "dev_from_mean",
        "ddev_from_mean = 2 * dev_from_mean * ddev_from_mean_sq",
        "overwritten contribution",
        "dropped contribution",
        at="ddev_from_mean +=",
    ),
    row(
        12,
        "overwritten at x",
        "x",
        "dx = 1.0 / N * np.ones((N, D)) * dmean",
        "overwritten contribution",
        "dropped contribution",
        at="dx +=",
    ),
    row(13, "1/N missing, variance", "dev_from_mean_sq", "ddev_from_mean_sq = np.ones((N, D)) * dvar", CONSTANT),
    row(14, "1/N missing, mean", "x", "dx += np.ones((N, D)) * dmean", CONSTANT),
    row(
        15, "1/N twice, variance", "dev_from_mean_sq", "ddev_from_mean_sq = 1 / N**2 * np.ones((N, D)) * dvar", CONSTANT
    ),
    row(15, "1/N twice, mean", "x", "dx += 1.0 / N**2 * np.ones((N, D)) * dmean", CONSTANT),
    row(
        16, "1/D for 1/N, variance", "dev_from_mean_sq", "ddev_from_mean_sq = 1 / D * np.ones((N, D)) * dvar", CONSTANT
    ),
    row(
        16,
        "1/(N·D), variance",
        "dev_from_mean_sq",
        "ddev_from_mean_sq = 1 / dout.size * np.ones((N, D)) * dvar",
        CONSTANT,
    ),
    row(16, "1/D for 1/N, mean", "x", "dx += 1.0 / D * np.ones((N, D)) * dmean", CONSTANT),
    row(
        17,
        "1/(N − 1), variance",
        "dev_from_mean_sq",
        "ddev_from_mean_sq = 1 / (N - 1) * np.ones((N, D)) * dvar",
        CONSTANT,
    ),
    row(18, "sign of d(1/x)", "stddev", "dstddev = 1 / (stddev**2) * dinverted_stddev", "sign"),
    row(19, "square lost", "stddev", "dstddev = -1 / stddev * dinverted_stddev", "lost square"),
    row(
        19,
        "squared twice",
        "stddev",
        "dstddev = -1 / stddev**4 * dinverted_stddev",
        "factor twice",
        "power of a tensor",
    ),
    row(20, "½ of the root", "var", "dvar = 1 / np.sqrt(var + eps) * dstddev", CONSTANT),
    row(
        21,
        "2 of the square",
        "dev_from_mean",
        "ddev_from_mean += dev_from_mean * ddev_from_mean_sq",
        CONSTANT,
    ),
    row(
        22, "root not inverted", "var", "dvar = 0.5 * np.sqrt(var + eps) * dstddev", "not inverted", "power of a tensor"
    ),
    row(23, "stddev for its inverse", "dev_from_mean", "ddev_from_mean = stddev * dx_norm", *EXCHANGED),
    row(23, "variance for 1/stddev", "dev_from_mean", "ddev_from_mean = var * dx_norm", *EXCHANGED),
    row(23, "variance for stddev", "stddev", "dstddev = -1 / (var**2) * dinverted_stddev", *EXCHANGED),
    row(24, "eps left out", "var", "dvar = 0.5 / np.sqrt(var) * dstddev", "eps left out"),
    row(26, "sign of the mean", "mean", "dmean = np.sum(ddev_from_mean, axis=0)", "sign"),
    row(27, "everything negated", "x", "dx += 1.0 / N * np.ones((N, D)) * dmean; dx = -dx", "sign"),
    Mistake(28, "no ∂var/∂mean", {"dmean =": "dmean = -1 * np.sum(inverted_stddev * dx_norm, axis=0)"}, ()),
    row(29, "cross terms dropped", "x", f"dx = {DIAGONAL}", "cross terms dropped", at="dx +="),
    row(
        29,
        "counted as partial and total",
        "x",
        f"dx += 1.0 / N * np.ones((N, D)) * dmean; dx += {DIAGONAL} - dx_norm * inverted_stddev",
        "double counted",
    ),
    row(31, "rows reversed", "x", "dx += 1.0 / N * np.ones((N, D)) * dmean; dx = dx[::-1]", "permuted"),
    row(31, "transposed", "x", "dx += 1.0 / N * np.ones((N, D)) * dmean; dx = dx.T", "transposed"),
    row(34, "twice", "x", "dx += 1.0 / N * np.ones((N, D)) * dmean; dx = 2 * dx", CONSTANT),
    row(34, "4/N", "x", "dx += 1.0 / N * np.ones((N, D)) * dmean; dx = 4 / N * dx", CONSTANT),
    forward_row(13, "1/N missing, forward", {"var =": "var = dev_from_mean_sq.sum(axis=0)"}, ("var",), "sum for mean"),
    forward_row(
        17, "variance over N − 1", {"var =": "var = dev_from_mean_sq.sum(axis=0) / (len(x) - 1)"}, ("var",), CONSTANT
    ),
    forward_row(25, "eps outside the root", {"stddev =": "stddev = np.sqrt(var) + eps"}, ("stddev",), "eps misplaced"),
    forward_row(
        25,
        "eps added twice",
        {"stddev =": "stddev = np.sqrt(var + 2 * eps)"},
        ("stddev",),
        "eps misplaced",
        "factor twice",
    ),
    forward_row(
        25,
        "max(var, eps)",
        {"stddev =": "stddev = np.sqrt(np.maximum(var, eps))"},
        ("stddev",),
        "eps left out",
        "eps misplaced",
    ),
    forward_row(
        30,
        "x overwritten in place",
        {"dev_from_mean =": "x -= mean; dev_from_mean = x"},
        ("x",),
    ),
    forward_row(
        30,
        "deviation overwritten in place",
        {"x_norm =": "x_norm = dev_from_mean; x_norm *= inverted_stddev"},
        ("dev_from_mean",),
    ),
    forward_row(
        33,
        "running statistics in training",
        {
            "mean =": "mean = 0.9 * x[0] + 0.1 * x.mean(axis=0)",
            "var =": "var = 0.9 + 0.1 * dev_from_mean_sq.mean(axis=0)",
        },
        ("mean", "var"),
    ),
)


@dataclass(frozen=True, eq=False)
class Point:
    """Inputs of batch normalization, and its recorded graph with an upstream gradient."""

    arrays: Arrays
    dout: Any
    graph: mt.Graph


def point(shape: tuple[int, int], seed: int) -> Point:
    """A test point; every tenth has gamma = 1, at which a mistake with gamma cannot be seen."""
    rng = np.random.default_rng([seed, *shape])
    d = shape[1]
    x = rng.normal(size=shape) * rng.uniform(0.5, 2.0, d) + rng.normal(size=d)
    gamma = np.ones(d) if seed % 10 == 9 else rng.uniform(0.5, 2.0, d) * rng.choice([-1.0, 1.0], d)
    arrays = {"x": x, "gamma": gamma, "beta": rng.normal(size=d)}
    tensors = {name: mt.tensor(array, name=name, requires_grad=True) for name, array in arrays.items()}
    dout = rng.normal(size=shape)
    return Point(arrays, dout, mt.graph(mt.batch_norm(**tensors, eps=EPS), dout))


def run(at: Point, *mistakes: Mistake) -> tuple[Arrays, Arrays]:
    """The forward values and the gradients that the derivation with these mistakes gets at a point.

    Where it raises after a mistake, as with arrays that no longer broadcast, the gradients made so far.
    """
    forward, backward = _functions(mistakes)
    values = local_variables(forward, *(at.arrays[name].copy() for name in LEAVES), EPS)
    kept = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    gradients = local_variables(backward, at.dout.copy(), {**kept, "eps": EPS, "axis": 0})
    return kept, {name: value for name, value in gradients.items() if name.startswith("d") and name[1:] in STAGES}


STAGES = (
    "scaled_x",
    "x_norm",
    "inverted_stddev",
    "stddev",
    "var",
    "dev_from_mean_sq",
    "dev_from_mean",
    "mean",
    "beta",
    "gamma",
    "x",
)


@cache
def _functions(mistakes: tuple[Mistake, ...]) -> tuple[Any, Any]:
    lines, made = SOURCE.splitlines(), SOURCE.splitlines()
    for mistake in mistakes:
        for begins, instead in mistake.edits.items():
            within = _section(lines, "forward" if mistake.forward else "backward_staged")
            [i] = [i for i in within if lines[i].strip().startswith(f"{begins} ")]
            made[i] = f"    {instead}"
    namespace = functions("\n".join(made))
    return namespace["batchnorm_forward"], namespace["batchnorm_backward_staged"]


def _section(lines: list[str], name: str) -> range:
    first = next(i for i, line in enumerate(lines) if line.startswith(f"def batchnorm_{name}("))
    last = next((i for i in range(first + 1, len(lines)) if lines[i].startswith("def ")), len(lines))
    return range(first, last)


def local_variables(function: Any, *args: Any) -> Arrays:
    """The variables of a function when it ends; where it raises, but for the one that the raising line assigns."""
    found: Arrays = {}

    def look(frame: Any, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is function.__code__:
            found.update(frame.f_locals, line=frame.f_lineno)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        with np.errstate(all="ignore"):
            function(*args)
    except ValueError:  # shapes that do not broadcast
        line = linecache.getline(function.__code__.co_filename, found["line"])
        filled = re.match(r"\s*np\.\w+\.at\((\w+)", line)
        assigned = filled[1] if filled else line.split("=")[0].partition("[")[0].strip(" +-")
        found.pop(assigned, None)
    finally:
        sys.setprofile(before)
    return found


def functions(source: str) -> Arrays:
    """What a source defines; its lines can be looked up."""
    filename = f"<mistaken {hash(source)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: Arrays = {"__name__": "mistaken"}
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 -- our own derivations, edited
    return namespace


@np.errstate(all="ignore")
def differs(mine: Any, right: Any, usual: Any = 0.0) -> bool:
    """Whether a mistake can be seen in an array: it has another shape, or differs by more than rounding.

    Args:
        mine: with the mistake.
        right: without it.
        usual: the array as it is without any mistake; what is tiny beside it is rounding.
    """
    mine, right = np.asarray(mine), np.asarray(right)
    if mine.shape != right.shape:
        return True
    mine, right = mine.astype(np.float64), right.astype(np.float64)
    largest = max(float(np.nanmax(np.abs(array), initial=0.0)) for array in (mine, right, np.asarray(usual)))
    same = (mine == right) | (np.abs(mine - right) <= 1e-12 * largest) | (np.isnan(mine) & np.isnan(right))
    return not bool(same.all())
