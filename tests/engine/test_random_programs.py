"""Random programs beside PyTorch: a short run; `python tests/engine/random_programs.py` runs as many as one likes."""

import numpy as np
import pytest

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore"), pytest.mark.infinities]
torch = pytest.importorskip("torch")

import random_programs as programs  # noqa: E402 -- needs PyTorch

import micrograd_tensor as mt  # noqa: E402

PER_TEST = 25


@pytest.mark.parametrize("start", range(0, 400, PER_TEST))
def test_values_gradients_and_second_derivatives_are_pytorchs(start):
    for seed in range(start, start + PER_TEST):
        programs.check(seed)


def test_every_row_is_drawn_or_excused():
    """A new row that is elementwise and known to PyTorch is drawn by itself; any other needs a line in the programs."""
    assert programs.untreated() == []
    assert not programs.ELSEWHERE.keys() & programs.DRAWS.keys()


def test_the_programs_are_not_trivial():
    """All rows, dtypes, layouts and kinds of indices occur; forks, operands used twice, several outputs as well."""
    built = [programs.build(seed)[0] for seed in range(1000)]
    assert {name for p in built for name in p.drawn} == set(programs.drawn())
    assert {str(x.array.dtype) for p in built for x in p.leaves} == {"float16", "float32", "float64"}
    assert {x.layout for p in built for x in p.leaves} == {*programs.LAYOUTS, "broadcast"}
    shapes = [x.array.shape for p in built for x in p.leaves]
    assert sum(shape == () for shape in shapes) > 130
    assert sum(0 in shape for shape in shapes) > 60
    uses = [[i for step in p.steps for i in step.operands] for p in built]
    assert sum(len(set(u)) < len(u) for u in uses) > 450
    assert sum(any(len(set(s.operands)) < len(s.operands) for s in p.steps) for p in built) > 130
    assert sum(len(p.last) == 2 for p in built) > 450


@pytest.mark.parametrize("kind", ["wrong factor", "wrong second derivative", "lost path", "shared memory"])
def test_a_planted_fault_is_found(kind, monkeypatch):
    """A comparison that finds nothing proves nothing unless it would."""
    step = {
        "wrong factor": lambda t: t * 1.001 - mt.stop_gradient(t * 0.001),
        "wrong second derivative": lambda t: t * t.detach() * 2 - mt.stop_gradient(t * t),
        "lost path": lambda t: t + t.detach(),
        "shared memory": lambda t: t * 1.0,
    }[kind]
    theirs = {
        "wrong factor": lambda r: r * 1.0,
        "wrong second derivative": lambda r: r * r,
        "lost path": lambda r: r * 2,
        "shared memory": lambda r: r * 1.0,
    }[kind]
    draw = lambda pool, name: programs.Step("faulty({})", (pool.pick(),), step, theirs)  # noqa: E731
    monkeypatch.setattr(programs, "drawn", lambda: {"faulty": draw, "sin": programs.unary})
    if kind == "shared memory":
        monkeypatch.setattr(np, "shares_memory", lambda a, b: True)
    found = 0
    for seed in range(60):
        try:
            programs.check(seed)
        except programs.Mismatch:
            found += 1
    assert found > 20
