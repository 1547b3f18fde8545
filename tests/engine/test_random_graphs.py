"""Random graphs against a naive engine that knows neither rules nor broadcasting.

It sums over all paths from an input to the output the products of the local Jacobians along each path; every Jacobian
is a dense matrix found by a complex step on NumPy's own function.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import micrograd_tensor as mt

UNARY = {
    "sin": (mt.sin, np.sin),
    "tanh": (mt.tanh, np.tanh),
    "exp(x/4)": (lambda x: mt.exp(x * 0.25), lambda x: np.exp(x * 0.25)),
    "square": (mt.square, np.square),
    "negative": (lambda x: -x, np.negative),
    "softplus": (lambda x: mt.log1p(mt.exp(x)), lambda x: np.log(1 + np.exp(x))),
    "sum of rows": (lambda x: x.sum(axis=-1, keepdims=True), lambda x: x.sum(axis=-1, keepdims=True)),
    "mean": (lambda x: x.mean(), lambda x: np.asarray(x.mean())),
    "flipped": (lambda x: x.flip(-1), lambda x: np.flip(x, -1)),
    "column of repeats": (lambda x: x[..., [0, 0, -1]], lambda x: x[..., [0, 0, -1]]),
    "running sum": (lambda x: x.cumsum(axis=-1), lambda x: np.cumsum(x, axis=-1)),
}
BINARY = {
    "add": (mt.add, np.add),
    "sub": (mt.sub, np.subtract),
    "mul": (mt.mul, np.multiply),
    "quotient": (lambda a, b: a / (b * b + 1.0), lambda a, b: a / (b * b + 1.0)),
    "outer sum": (lambda a, b: a.reshape(-1, 1) + b.reshape(-1), lambda a, b: a.reshape(-1, 1) + b.reshape(-1)),
}
LARGEST = 30


@dataclass
class Step:
    """One op of a random program: the function of Tensors, NumPy's, and the places of its operands."""

    name: str
    tensors: Callable
    arrays: Callable
    operands: tuple[int, ...]


def random_program(seed: int) -> tuple[list[np.ndarray], list[Step]]:
    """Inputs of shapes that broadcast, and steps of which each may use any value that stands before it, also twice."""
    rng = np.random.default_rng(seed)
    inputs = [rng.uniform(-1, 1, shape) for shape in ((2, 3), (3,), (2, 1), ())]
    values, steps = [x.copy() for x in inputs], []
    while len(steps) < 9:
        recent = rng.integers(max(len(values) - 5, 0), len(values), 2)
        name = str(rng.choice([*UNARY, *BINARY, *BINARY]))
        operands = tuple(int(i) for i in (recent if name in BINARY else recent[:1]))
        tensors, arrays = (BINARY if name in BINARY else UNARY)[name]
        try:
            value = np.asarray(arrays(*[values[i] for i in operands]))
        except (ValueError, IndexError):  # shapes that do not broadcast, no last axis: take another step
            continue
        if value.size > LARGEST or np.abs(value).max() > 20:
            continue
        values.append(value)
        steps.append(Step(name, tensors, arrays, operands))
    return inputs, steps


def local_jacobian(step: Step, values: list[np.ndarray], which: int) -> np.ndarray:
    """How the step's result changes with one operand: a column for each of its elements, by complex steps."""
    operands = [values[i].astype(complex) for i in step.operands]
    columns = []
    for k in range(operands[which].size):
        moved = [x.copy() for x in operands]
        moved[which].reshape(-1)[k] += 1e-30j
        columns.append(np.imag(np.asarray(step.arrays(*moved))).reshape(-1) / 1e-30)
    return np.stack(columns, axis=1)


def naive_gradients(inputs: list[np.ndarray], steps: list[Step], upstream: np.ndarray) -> list[np.ndarray]:
    """The sum over all paths, walked one by one, of the products of the local Jacobians on them."""
    values = list(inputs)
    for step in steps:
        values.append(np.asarray(step.arrays(*[values[i] for i in step.operands])))
    jacobians = {
        (s, w): local_jacobian(step, values, w) for s, step in enumerate(steps) for w in range(len(step.operands))
    }
    totals = [np.zeros(x.size) for x in inputs]
    paths = [(len(values) - 1, upstream.reshape(-1))]
    while paths:
        place, row = paths.pop()
        if place < len(inputs):
            totals[place] += row
            continue
        s = place - len(inputs)
        for w, operand in enumerate(steps[s].operands):
            paths.append((operand, row @ jacobians[s, w]))
    return [t.reshape(x.shape) for t, x in zip(totals, inputs, strict=True)]


def run(inputs: list[np.ndarray], steps: list[Step]) -> tuple[list[mt.Tensor], mt.Tensor]:
    leaves = [mt.tensor(x, requires_grad=True) for x in inputs]
    values = list(leaves)
    for step in steps:
        values.append(step.tensors(*[values[i] for i in step.operands]))
    return leaves, values[-1]


@pytest.mark.parametrize("seed", range(150))
def test_gradients_are_the_sums_over_all_paths(seed):
    inputs, steps = random_program(seed)
    leaves, out = run(inputs, steps)
    upstream = np.random.default_rng(seed).standard_normal(out.shape)
    expected = naive_gradients(inputs, steps, upstream)
    out.backward(upstream)
    recorded = mt.grad(out, leaves, upstream, create_graph=True)
    scale = max(np.abs(e).max() for e in expected)
    for x, g, e in zip(leaves, recorded, expected, strict=True):
        assert (x.grad is None) == (g is None)
        if g is None:
            assert not e.any()
            continue
        assert x.grad.numpy().tobytes() == g.numpy().tobytes()
        np.testing.assert_allclose(x.grad.numpy(), e, rtol=1e-9, atol=1e-12 * scale)


@pytest.mark.parametrize("seed", range(0, 150, 10))
def test_random_graphs_pass_gradcheck_at_second_order(seed):
    inputs, steps = random_program(seed)

    def program(*values):
        values = list(values)
        for step in steps:
            values.append(step.tensors(*[values[i] for i in step.operands]))
        return values[-1]

    with np.errstate(under="ignore"):
        assert mt.gradcheck(program, *inputs, order=2, rtol=1e-6)


def test_the_random_graphs_are_not_trivial():
    """Forks, operands used twice in one op, and broadcasting do occur, often."""
    programs = [random_program(seed) for seed in range(150)]
    uses = [[i for step in steps for i in step.operands] for _, steps in programs]
    assert sum(len(set(u)) < len(u) for u in uses) > 100
    assert sum(any(len(set(s.operands)) < len(s.operands) for s in steps) for _, steps in programs) > 50
    assert {s.name for _, steps in programs for s in steps} == {*UNARY, *BINARY}
    reached = [sum(x.grad is not None for x in leaves) for leaves in map(_differentiated, programs)]
    assert sum(n >= 2 for n in reached) > 75


def _differentiated(program):
    leaves, out = run(*program)
    out.backward(np.ones(out.shape))
    return leaves
