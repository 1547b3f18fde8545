"""Correct derivations of batch normalization, written in several ways, at points that are hard on floating point.

`called_wrong` counts how many of them a comparison calls wrong: there should be none. The benchmark runs it at 10,000
points, the tests at a few hundred.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import micrograd_tensor as mt

EPS = 1e-5


@dataclass(frozen=True)
class Point:
    """Inputs and upstream gradient of batch normalization, and what makes them hard."""

    x: Any
    gamma: Any
    beta: Any
    dout: Any
    hardness: str

    def graph(self) -> Any:
        """The recorded graph with its backward pass."""
        leaves = [mt.tensor(getattr(self, k), name=k, requires_grad=True) for k in ("x", "gamma", "beta")]
        return mt.graph(mt.batch_norm(*leaves, eps=EPS), self.dout)


def random_point(seed: int) -> Point:
    """A point in float64 or float32, its offset and spread and the lengths of its axes over many powers of ten."""
    rng = np.random.default_rng(seed)
    dtype = np.float32 if rng.random() < 0.3 else np.float64
    n, d = int(np.exp(rng.uniform(np.log(2), np.log(300)))), int(rng.integers(1, 7))
    columns = rng.random() < 0.5  # each its own scale
    size = (d,) if columns else (1,)
    spread = 10.0 ** rng.uniform(-6, 3, size)
    offset = rng.choice([0.0, 1.0], size) * 10.0 ** rng.uniform(0, 6 if dtype is np.float64 else 4, size) * spread
    shape = rng.choice(["normal", "integers", "heavy tails"])
    z = {"normal": rng.normal, "integers": lambda size: rng.integers(-2, 3, size), "heavy tails": None}[shape]
    z = rng.standard_cauchy(size=(n, d)) if z is None else z(size=(n, d))
    x = z * spread + offset
    if rng.random() < 0.05:
        x[:, 0] = 0.1  # no spread at all
    gamma = rng.choice([rng.normal(size=d), np.ones(d)])
    kind = rng.choice(["normal", "ones", "scaled rows", "mean loss"], p=[0.7, 0.1, 0.1, 0.1])
    dout = rng.normal(size=(n, d))
    if kind == "ones":
        dout = np.ones((n, d))
    if kind == "scaled rows":
        dout = dout * 10.0 ** rng.uniform(-8, 8, (n, 1))
    if kind == "mean loss":
        dout = dout / n * 1e-6
    scales = f"spread {spread.min():.0e} offset/spread {np.max(offset / spread):.0e}"
    hardness = f"{np.dtype(dtype)} {(n, d)} {scales} {shape}, {kind}"
    return Point(*(v.astype(dtype) for v in (x, gamma, rng.normal(size=d), dout)), hardness)


def cached(p: Point, way: str = "plain") -> dict[str, Any]:
    """The forward pass in plain NumPy."""
    mean = p.x.mean(axis=0) if way == "plain" else np.einsum("nd->d", p.x) / len(p.x)
    dev_from_mean = p.x - mean
    dev_from_mean_sq = dev_from_mean**2
    var = p.x.var(axis=0) if way != "plain" else dev_from_mean_sq.mean(axis=0)
    stddev = np.sqrt(var + EPS)
    inverted_stddev = 1 / stddev if way == "plain" else (var + EPS) ** -0.5
    x_norm = dev_from_mean * inverted_stddev if way == "plain" else dev_from_mean / stddev
    return {
        "mean": mean,
        "dev_from_mean": dev_from_mean,
        "dev_from_mean_sq": dev_from_mean_sq,
        "var": var,
        "stddev": stddev,
        "inverted_stddev": inverted_stddev,
        "x_norm": x_norm,
    }


def staged(p: Point, c: dict[str, Any]) -> dict[str, Any]:
    """Stage by stage, as the seeds have it."""
    n = len(p.x)
    dbeta = np.sum(p.dout, axis=0)
    dscaled_x = p.dout
    dgamma = np.sum(c["x_norm"] * dscaled_x, axis=0)
    dx_norm = p.gamma * dscaled_x
    dinverted_stddev = np.sum(c["dev_from_mean"] * dx_norm, axis=0)
    dstddev = -1 / (c["stddev"] ** 2) * dinverted_stddev
    dvar = (0.5) * 1 / np.sqrt(c["var"] + p.x.dtype.type(EPS)) * dstddev
    ddev_from_mean_sq = (1 / n * np.ones(p.x.shape) * dvar).astype(p.x.dtype)
    ddev_from_mean = c["inverted_stddev"] * dx_norm
    ddev_from_mean += 2 * c["dev_from_mean"] * ddev_from_mean_sq
    dmean = -1 * np.sum(ddev_from_mean, axis=0)
    dx = ddev_from_mean + dmean / n
    return {k: v for k, v in locals().items() if k[:1] == "d"}


def reordered(p: Point, c: dict[str, Any]) -> dict[str, Any]:
    """The same stages, associated otherwise: products first, sums from the last row to the first, row by row."""
    n = p.x.dtype.type(len(p.x))

    def added(rows: Any) -> Any:
        total = np.zeros(rows.shape[1:], rows.dtype)
        for row in rows[::-1]:
            total = total + row
        return total

    dbeta = added(p.dout)
    dgamma = added(p.dout * c["x_norm"])
    dx_norm = np.asfortranarray(p.dout * p.gamma)
    dinverted_stddev = p.gamma * added(p.dout * c["dev_from_mean"])
    dstddev = -dinverted_stddev * c["inverted_stddev"] ** 2
    dvar = dstddev / (2 * c["stddev"])
    ddev_from_mean_sq = np.broadcast_to(dvar / n, p.x.shape)
    ddev_from_mean = dx_norm / c["stddev"] + c["dev_from_mean"] * (2 / n * dvar)
    dmean = -added(ddev_from_mean)
    dx = ddev_from_mean + dmean * (1 / n)
    return {k: v for k, v in locals().items() if k[:1] == "d"}


def from_the_top(p: Point, c: dict[str, Any]) -> dict[str, Any]:
    """Each stage straight from dout, by a formula of its own."""
    n = p.x.dtype.type(len(p.x))
    with_x = (p.dout * c["x_norm"]).sum(axis=0)
    dvar = -0.5 * p.gamma * with_x / (c["var"] + p.x.dtype.type(EPS))
    return {
        "dbeta": np.einsum("nd->d", p.dout),
        "dgamma": np.einsum("nd,nd->d", p.dout, c["x_norm"]),
        "dx_norm": p.dout * p.gamma,
        "dinverted_stddev": p.gamma * with_x * c["stddev"],
        "dstddev": -p.gamma * with_x * c["inverted_stddev"],
        "dvar": dvar,
        "ddev_from_mean_sq": np.tile(dvar / n, (len(p.x), 1)),
        "dmean": -p.gamma * c["inverted_stddev"] * p.dout.sum(axis=0),
    }


def closed(p: Point, c: dict[str, Any]) -> dict[str, Any]:
    """The stages multiplied out."""
    n = p.x.dtype.type(len(p.x))
    dbeta, dgamma = p.dout.sum(axis=0), (p.dout * c["x_norm"]).sum(axis=0)
    dx = p.gamma * c["inverted_stddev"] / n * (n * p.dout - dbeta - c["x_norm"] * dgamma)
    return {"dx": dx, "dgamma": dgamma, "dbeta": dbeta}


def closed_otherwise(p: Point, c: dict[str, Any]) -> dict[str, Any]:
    """The closed form with means in place of sums."""
    dx_hat = p.dout * p.gamma
    dx = (dx_hat - dx_hat.mean(axis=0) - c["x_norm"] * (dx_hat * c["x_norm"]).mean(axis=0)) / c["stddev"]
    return {"dx": dx}


def without_what_is_zero(p: Point, c: dict[str, Any]) -> dict[str, Any]:
    """Stage by stage, but for the part of dmean that comes through the variance, which is identically zero."""
    made = staged(p, c)
    made["dmean"] = -np.sum(c["inverted_stddev"] * made["dx_norm"], axis=0)
    return {**made, "dx": made["ddev_from_mean"] + made["dmean"] / p.x.dtype.type(len(p.x))}


def each_by_itself(p: Point, c: dict[str, Any]) -> dict[str, Any]:
    """Stages that share no sum: each adds up its own, in an order of its own."""
    orders = [np.random.default_rng(k).permutation(len(p.x)) for k in range(4)]
    sums = [np.cumsum((p.gamma * p.dout * c["dev_from_mean"])[order], axis=0)[-1] for order in orders]
    n, inverse = p.x.dtype.type(len(p.x)), c["inverted_stddev"]
    dvar = sums[2] * inverse**3 / -2
    return {
        "dinverted_stddev": sums[0],
        "dstddev": -sums[1] * inverse**2,
        "dvar": dvar,
        "ddev_from_mean_sq": np.tile(sums[3] * inverse**3 / (-2 * n), (len(p.x), 1)),
        "ddev_from_mean": p.gamma * p.dout * inverse + 2 / n * c["dev_from_mean"] * dvar,
        "dmean": -np.cumsum((p.gamma * p.dout)[orders[0]], axis=0)[-1] * inverse,
        **closed(p, c),
    }


WAYS = (staged, reordered, from_the_top, closed, closed_otherwise, without_what_is_zero, each_by_itself)


def called_wrong(points: int, first_seed: int = 0) -> tuple[int, list[str]]:
    """How many correct derivations were compared, and a line for each that was called wrong.

    Every way of writing the backward pass in turn, on the cache of one of two ways of writing the forward pass, with
    the cache given to the comparison or not.
    """
    compared, wrong = 0, []
    for seed in range(first_seed, first_seed + points):
        p = random_point(seed)
        captured = p.graph()
        turn, place = divmod(seed, len(WAYS))
        way = WAYS[place]
        kept = cached(p, ("plain", "other")[turn % 2])
        report = mt.compare(captured, None, way(p, kept), kept if turn // 2 % 2 else None, point=False)
        compared += 1
        if not report.ok:
            stage = (report.wrong_forward or report.wrong)[0]
            found = (report.forward if report.wrong_forward else report.stages)[stage]
            wrong.append(f"seed {seed}, {way.__name__}: {stage} off by {found.error} of {found.limit}; {p.hardness}")
    return compared, wrong
