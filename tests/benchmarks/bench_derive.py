"""How long a closed form takes to find, and how fast the code runs that is printed for it.

    python tests/benchmarks/bench_derive.py [--rounds 5]

The first table has the milliseconds that the algebra takes to read a recorded graph, and the rest until all formulas
are found and have been checked. The second compares two generated functions for the backward pass of batch norm in
float64, the staged one and the closed form, in microseconds; the last column is the ratio of the two. Times are the
processor's, the least of the rounds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.algebra import lower
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made
from micrograd_tensor.derive.closed_form import closed_form
from micrograd_tensor.graph import Graph

SHAPES = ((32, 16), (128, 100), (512, 512), (4096, 1024))


def net() -> Graph:
    """Three linear layers, two of them with batch normalization and relu, and their loss."""
    rng = np.random.default_rng(0)
    layers = nn.Sequential(
        *(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU()),
        *(nn.Linear(128, 128), nn.BatchNorm1d(128), nn.ReLU()),
        nn.Linear(128, 10),
    )
    logits = layers(mt.tensor(rng.standard_normal((64, 64)).astype(np.float32), name="x"))
    return mt.graph(mt.cross_entropy(logits, rng.integers(0, 10, 64)).named("loss"), 1.0)


def least(run: Callable[[], Any], rounds: int, times: int = 1) -> float:
    """The processor's time of one run, in seconds."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(times):
            run()
        found.append((time.process_time() - start) / times)
    return min(found)


def finding(rounds: int) -> None:
    """Print what closed forms take to find."""
    print(f"{'graph':24}{'nodes':>7}{'read':>8}{'rest':>8}  ms")
    graphs = {name: mt.graph(*made(name)) for name in BUILTINS} | {"three linear layers": net()}
    for name, graph in graphs.items():
        read = least(lambda graph=graph: lower(graph), rounds)  # type: ignore[misc]
        whole = least(lambda graph=graph: closed_form(graph), rounds)  # type: ignore[misc]
        nodes = len(graph.nodes) + len(graph.backward)
        print(f"{name:24}{nodes:7}{1e3 * read:8.1f}{1e3 * (whole - read):8.1f}")


def function(source: str, name: str) -> Any:
    """A function of a generated program."""
    space: dict[str, Any] = {"__name__": "generated"}
    exec(source, space)  # noqa: S102 -- what is measured
    return space[name]


def running(rounds: int) -> None:
    """Print how fast the code of both derivations runs."""
    print(f"\n{'batch norm':24}{'staged':>10}{'closed':>10}{'ratio':>8}")
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        x, gamma, beta = (
            mt.tensor(rng.standard_normal(n), name=name, requires_grad=True)
            for name, n in (("x", shape), ("gamma", shape[1]), ("beta", shape[1]))
        )
        dout = rng.standard_normal(shape)
        page = mt.derive(mt.batch_norm(x, gamma, beta), dout, dims={"N": ("x", 0), "D": ("x", 1)})
        forward, backward = (function(page.numpy, name) for name in ("forward", "backward"))
        _, cache = forward(x.numpy(), gamma.numpy(), beta.numpy())
        short, arguments = function(page.closed_form.numpy, "backward"), page.closed_form.arguments
        times = max(1, 2_000_000 // (shape[0] * shape[1]))
        staged, closed = [], []
        for _ in range(rounds):  # in turns, so that both see the same machine
            staged.append(least(lambda: backward(dout, cache), 1, times))  # noqa: B023
            closed.append(least(lambda: short(**arguments), 1, times))  # noqa: B023
        a, b = min(staged), min(closed)
        print(f"{shape!s:24}{1e6 * a:10.1f}{1e6 * b:10.1f}{b / a:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    finding(rounds)
    running(rounds)


if __name__ == "__main__":
    main()
