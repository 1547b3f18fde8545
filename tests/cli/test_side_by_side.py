"""Figures beside their targets: that they are what they say, and that what is compared computes the same."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.cli import compile_times, compiled_cases, side_by_side
from micrograd_tensor.cli.compiled_cases import CASES, operations
from micrograd_tensor.cli.compiled_steps import dense
from micrograd_tensor.cli.side_by_side import Case, Limit, measured, rows
from micrograd_tensor.compile import kernels, numba_source


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch):
    monkeypatch.setattr(numba_source, "compiled", kernels.interpreted)
    monkeypatch.setattr(compiled_cases, "with_inductor", lambda found, make: None)  # which takes long


def waiting(clock, seconds):
    def run():
        clock.now += seconds

    return run


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_figure_is_one_time_divided_by_another(monkeypatch):
    clock = Clock()
    candidates = {"compiled": waiting(clock, 2e-6), "other": waiting(clock, 8e-6)}
    assert [np.median(t) for t in measured(candidates, 0.01, clock).values()] == pytest.approx([2, 8])
    monkeypatch.setattr(side_by_side, "measured", lambda found, seconds: measured(found, seconds, clock))
    limits = [
        Limit("compiled", "other", 0.25),
        Limit("compiled", "other", 0.24),
        Limit("compiled", "", 3),
        Limit("compiled", "", 1),
        Limit("compiled", "not installed", 1),
        Limit("ops", "", 4),
        Limit("ops", "", 5, below=True),
    ]
    found = [*rows("case", Case(candidates, limits, {"ops": 5}), 0.01)]
    assert [row.figure for row in found] == pytest.approx([0.25, 0.25, 2, 2, 5, 5])
    assert [row.met for row in found][1:] == [False, True, False, False, False]
    assert str(found[1]) == "case: compiled 0.25 × other, target ≤ 0.24: not met"
    assert str(found[2]) == "case: compiled 2, target ≤ 3 µs: met"


def test_there_is_a_case_for_every_target():
    assert len(CASES) == 6 * 5 + 4


def test_compile_times(monkeypatch, capsys):
    folders = []

    def in_a_process(folder):
        folders.append(folder)
        assert not [*Path(folder).iterdir()]
        compile_times.main()
        found = json.loads(capsys.readouterr().out)
        assert min(found.values()) >= 0
        return {name: 10.0 * len(folders) + k for k, name in enumerate(found)}

    monkeypatch.setattr(compile_times, "_in_a_process", in_a_process)
    found = [*rows("compiling", compile_times.compile_times(), 0.01)]
    assert [row.of for row in found] == [*compile_times.TARGETS]
    assert [row.figure for row in found] == [10, 11, 20, 21, 12]
    assert len(folders) == 6
    assert len({*folders}) == 3


@pytest.mark.parametrize("numba", ["as it is", "interpreted"])
def test_batch_norm_by_hand_and_compiled_are_the_same_function(numba, monkeypatch):
    if numba == "interpreted":
        library, plain = compiled_cases._library, SimpleNamespace(njit=lambda **_: lambda function: function)
        monkeypatch.setattr(compiled_cases, "_library", lambda name: plain if name == "numba" else library(name))
    case = CASES["batch norm (32, 16)"]()
    (out, gradients), alone = case.candidates["compiled"](), case.candidates[compiled_cases.ALONE]()
    apart = case.candidates[compiled_cases.TWICE]()
    by_hand = case.candidates[compiled_cases.HAND]()
    for ours, kernel, two, theirs in zip([out, *gradients], alone, [*apart[0], *apart[1]], by_hand, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(kernel, ours.numpy())
        np.testing.assert_allclose(two, theirs, rtol=1e-4, atol=1e-5)
    if compiled_cases.NATIVE in case.candidates:
        y, theirs = case.candidates[compiled_cases.NATIVE]()
        for a, b in zip([out, *gradients], [y, *theirs], strict=True):
            np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (dense((6, 8, 8, 10), norm=True), (12, 6)),
        (dense((6, 8, 10), norm=False), (12, 6)),
        (compiled_cases._convolutional, (12, 1, 8, 8)),
    ],
)
def test_the_nets_that_are_trained_are_the_same_function_in_both_libraries(net, shape):
    torch = pytest.importorskip("torch")
    ours, theirs = net(mt.nn), net(torch.nn)
    theirs.load_state_dict({name: torch.from_numpy(np.array(x)) for name, x in ours.state_dict().items()})
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=shape).astype("f4"), rng.integers(0, 10, shape[0])
    loss = mt.cross_entropy(ours(mt.tensor(x)), target)
    other = torch.nn.functional.cross_entropy(theirs(torch.from_numpy(x)), torch.from_numpy(target))
    loss.backward()
    other.backward()
    assert loss.item() == pytest.approx(other.item(), rel=1e-5)
    for mine, their in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(mine.grad.numpy(), their.grad.numpy(), rtol=1e-3, atol=1e-5)


def test_a_training_step_is_measured_beside_whatever_is_installed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["compiled_cases", "--only", "step 64-128", "--seconds", "0.001"])
    compiled_cases.main()
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    installed = [
        name for name, module in ((compiled_cases.NATIVE, "torch"), (compiled_cases.JAX, "jax")) if find_spec(module)
    ]
    assert [row["against"] for row in found] == [*installed, compiled_cases.MATMULS]
    for row in found:
        assert row["of"] == "compiled"
        assert row["figure"] == pytest.approx(row["ours"] / row["theirs"], rel=0.9)
        assert row["figure"] > 0


def test_batch_norm_takes_as_many_operations_as_the_closed_form_by_hand():
    def batch_norm(x, gamma, beta, dout):
        out = mt.batch_norm(x, gamma, beta)
        return out, mt.grad(out, [x, gamma, beta], dout)

    rng = np.random.default_rng(0)
    x, gamma, beta = (mt.tensor(rng.normal(size=s), requires_grad=True) for s in ((7, 4), 4, 4))
    fast = mt.compile(batch_norm, backend="numba")
    fast(x, gamma, beta, rng.normal(size=(7, 4)))
    assert operations(fast.source) == (9, 4)
    # and more are seen
    worse = fast.source.replace(" += dout[i, j]\n", " += dout[i, j] * (x[i, j] - dout[i, j])\n")
    assert worse != fast.source
    assert operations(worse) == (11, 4)
