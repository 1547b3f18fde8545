"""How long a circuit takes to draw, by its size, and what the time goes to; torchviz with the system's dot beside it.

    python tests/benchmarks/bench_draw.py [--rounds 3] [--theirs] [--room] [--edit]

Three kinds of graphs: a chain, a random graph, in which most values are forks, and a net of equal layers in scopes, all
of whose gates are shown. A time is the least of the rounds, in milliseconds, from the recorded tensors to the SVG text:
*capture* records the backward pass, *scene* finds what is to be said, *place* where it stands, *paint* writes DOT,
*Graphviz* paints that, and *finish* makes the SVG of it. The last column is by how much twice the gates take longer.

With ``--room`` it tells instead how much room the built-in graphs and a net of scalars take, all of their gates shown:
the area in one line beside that of the same graph laid out by ``dot`` (``engine="dot"``), and the height on a page.

With ``--edit`` it tells how long an edit takes in the page of a chain, in a Chromium that Playwright finds on the PATH:
a key that nudges an element of the first matrix, until all values are computed again and the page is laid out anew.

With ``--theirs``, where PyTorch, torchviz and a ``dot`` on the PATH are installed, the same graphs are drawn with these
too; they show neither values, gradients nor rules. A drawing that takes more than a minute is given up.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made
from micrograd_tensor.draw import draw
from micrograd_tensor.draw.build import scene
from micrograd_tensor.draw.collapse import collapse
from micrograd_tensor.draw.legend import listed, meanings
from micrograd_tensor.draw.options import Options
from micrograd_tensor.draw.paint import paint
from micrograd_tensor.draw.render import render
from micrograd_tensor.draw.svg import finish
from micrograd_tensor.draw.wrap import lay_out

SIZES = (25, 50, 100, 200, 400)
STAGES = ("capture", "scene", "place", "paint", "Graphviz", "finish")
TOO_LONG = 60.0
ALL = Options(depth=99)

Library = Any
"""mt or torch: the graphs are written in what the two have in common."""


def chain(lib: Library, leaf: Callable[..., Any], gates: int) -> Any:
    """A product of matrices and an activation, one after another."""
    x = leaf(8, 8)
    for _ in range(gates // 2):
        x = lib.tanh(x @ leaf(8, 8))
    return x


def random(lib: Library, leaf: Callable[..., Any], gates: int) -> Any:
    """Gates that take the last value, and any of the six before; so most values are used several times."""
    choose = np.random.default_rng(0)
    made = [leaf(3) for _ in range(4)]
    for k in range(gates):
        a, b = made[-1], made[-1 - int(choose.integers(6)) % len(made)]
        made.append(lib.tanh(a) if k % 3 == 0 else a * b if k % 3 == 1 else a + b)
    return made[-1]


def net(lib: Library, leaf: Callable[..., Any], gates: int) -> Any:
    """Layers of five gates each: a product with a weight, a shift, an activation, and a sum with what came in."""
    x = leaf(4, 4)
    for k in range(gates // 5):
        with mt.scope(f"layer{k}"):
            x = x + lib.tanh(x @ leaf(4, 4) + leaf(4)) * leaf(4)
    return x


GRAPHS: dict[str, Callable[..., Any]] = {"chain": chain, "random graph": random, "net": net}


def our_leaf(*shape: int) -> Any:
    return mt.tensor(np.full(shape, 0.5), name="leaf", requires_grad=True)


def stages(out: Any) -> tuple[float, ...]:
    """Seconds for each stage of drawing a result."""
    times = [time.process_time()]

    def next_one() -> None:
        times.append(time.process_time())

    graph = mt.graph(out, np.ones(out.shape))
    next_one()
    shown = scene(graph, ALL, collapse(graph.nodes, ALL, graph.outputs))
    next_one()
    means = meanings(shown)
    layout = lay_out(shown, ALL, means)
    next_one()
    painting = paint(shown, layout, listed(means, layout))
    next_one()
    painted = render(painting.shapes, "svg")
    next_one()
    finish(painted, painting, "", "")
    next_one()
    return tuple(b - a for a, b in pairwise(times))


def whole(out: Any) -> float:
    """Seconds for all of it, as a user asks for it."""
    start = time.process_time()
    svg = draw(out, np.ones(out.shape), depth=99).svg
    assert svg.startswith("<svg")
    return time.process_time() - start


def theirs(make: Callable[..., Any], gates: int) -> str:
    """Milliseconds of the processor that torchviz and dot take for the same graph."""
    import torch
    import torchviz

    def leaf(*shape: int) -> Any:
        return torch.full(shape, 0.5, requires_grad=True)

    out = make(torch, leaf, gates)
    start = sum(os.times()[:4])
    dot = torchviz.make_dot(out).source
    try:
        subprocess.run(["dot", "-Tsvg"], input=dot.encode(), capture_output=True, check=True, timeout=TOO_LONG)
    except subprocess.TimeoutExpired:
        return f"> {TOO_LONG * 1e3:,.0f}"
    return f"{(sum(os.times()[:4]) - start) * 1e3:,.0f}"  # that of dot, which has ended, too


def scalar_net() -> Any:
    """A net of three inputs and layers of 4, 4 and 1, of 73 gates, every number of which is a value of its own."""
    choose = np.random.default_rng(0)

    def number(name: str) -> Any:
        return mt.tensor(float(choose.normal()), name=name, requires_grad=True)

    values = [number(f"x{i}") for i in range(3)]
    for layer, width in enumerate((4, 4, 1)):
        made = []
        for k in range(width):
            total = number(f"b{layer}{k}")
            for i, x in enumerate(values):
                total = total + number(f"w{layer}{k}{i}") * x
            made.append(mt.tanh(total))
        values = made
    return values[0]


def room() -> None:
    """Print how much room pictures take."""
    graphs = {"net of scalars": (scalar_net(), 1.0), **{name: made(name) for name in BUILTINS}}
    print("| graph | Mpx in one line | dot | ratio | height at 900 px |\n|:--|--:|--:|--:|--:|")
    for name, (out, upstream) in graphs.items():
        area = {}
        for engine in ("own", "dot"):
            circuit = draw(out, upstream, depth=99, width=None, engine=engine)
            assert circuit.svg  # which tells how large it is, where dot lays it out
            area[engine] = circuit._painting.width * circuit._painting.height / 1e6
        height = draw(out, upstream, depth=99)._painting.height
        print(f"| {name} | {area['own']:.2f} | {area['dot']:.2f} | {area['own'] / area['dot']:.2f} | {height:,.0f} |")


EDIT = """rounds => {
  const cell = document.querySelector('td.editable');
  cell.dispatchEvent(new MouseEvent('dblclick', {bubbles: true}));
  const input = cell.querySelector('input');
  return Array.from({length: rounds}, (_, k) => {
    const begin = performance.now(), key = k % 2 ? 'ArrowUp' : 'ArrowDown';
    input.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
    document.body.offsetHeight;
    return performance.now() - begin;
  }).sort((a, b) => a - b);
}"""
"""Nudges an element and has the page laid out, and tells how many milliseconds each took, the least first."""


def edits(rounds: int) -> None:
    """Print how long an edit takes in a page."""
    from playwright.sync_api import sync_playwright

    print("| gates | best, ms | median, ms |\n|--:|--:|--:|")
    with sync_playwright() as playwright, TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for gates in SIZES[:3]:  # longer ones are not alive
            out = chain(mt, our_leaf, gates)
            page = browser.new_page()
            page.goto(draw(out, np.ones(out.shape)).save(Path(folder) / "chain.html").as_uri() + "#step=1")
            times = page.evaluate(EDIT, rounds)
            print(f"| {gates} | {times[0]:.1f} | {times[rounds // 2]:.1f} |")
            page.close()
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="drawings of each graph (default: 3)")
    parser.add_argument("--theirs", action="store_true", help="torchviz and dot beside it, where they are installed")
    parser.add_argument("--room", action="store_true", help="how much room pictures take, rather than how long")
    parser.add_argument("--edit", action="store_true", help="how long an edit takes in the page, in Chromium")
    given = parser.parse_args()
    if given.edit:
        edits(max(given.rounds, 100))
        return
    if given.room:
        room()
        return
    print(f"Python {platform.python_version()}, NumPy {np.__version__}; {platform.machine()}, {os.cpu_count()} cores")
    beside = given.theirs and importlib.util.find_spec("torchviz") is not None and shutil.which("dot") is not None
    if given.theirs and not beside:
        print("torchviz or dot is not installed; ours alone")
    columns = ["gates", "all", "ratio", *STAGES, *(["torchviz"] if beside else [])]
    whole(chain(mt, our_leaf, 10))
    for name, make in GRAPHS.items():
        print(f"\n| {name}, ms: " + " | ".join(columns) + " |\n|" + "--:|" * len(columns))
        before = None
        for gates in SIZES:
            out = make(mt, our_leaf, gates)
            shown = sum(node.op is not None for node in mt.graph(out).nodes)
            took = min(whole(out) for _ in range(given.rounds))
            parts = [min(column) * 1e3 for column in zip(*(stages(out) for _ in range(given.rounds)), strict=True)]
            ratio = f"{took / before:.1f}" if before else ""
            row = [str(shown), f"{took * 1e3:,.0f}", ratio, *(f"{t:,.0f}" for t in parts)]
            row += [theirs(make, gates)] if beside else []
            print("| " + " | ".join(row) + " |")
            before = took


if __name__ == "__main__":
    sys.exit(main())
