"""Figures beside their targets: that they are what they say, and that what is compared computes the same."""

import json
from pathlib import Path

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.cli import compile_times, compiled_cases, side_by_side
from micrograd_tensor.cli.compiled_cases import CASES, operations
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


def test_batch_norm_by_hand_and_compiled_are_the_same_function():
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
