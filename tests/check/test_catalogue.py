"""The catalogue of mistakes: each found at its line, and nowhere else, and called by its kind."""

import itertools
import random

import numpy as np
import pytest
from catalogue import CATALOGUE, EPS, SHAPES, SOURCE, differs, functions, point, run
from counting import Case, derivation, final, machine, pair, place, single

import micrograd_tensor as mt
from micrograd_tensor.check.mistakes.catalogue import KINDS

pytestmark = pytest.mark.slow

SEEDS = (0, 1, 9)
"""At the last of them gamma is 1."""
BACKWARD = [mistake for mistake in CATALOGUE if mistake.wrong and not mistake.forward]
DERIVATIONS = ("batchnorm", "layernorm", "softmax_cross_entropy", "l2_normalize", "lstm_cell", "two_layer_net")
NO_GRADIENT = {32}
"""Rows about what a layer keeps from batch to batch: they have a test of their own."""


def named(cases):
    """The share of the mistakes that are seen and called by their right kind first."""
    asked = [case for case in cases if case.observable and case.expected and not case.declined]
    return sum(case.named for case in asked) / len(asked)


def said(cases):
    return "\n".join(map(str, cases))


def test_every_row_of_the_catalogue_is_there():
    assert {mistake.number for mistake in CATALOGUE} | NO_GRADIENT == set(range(1, 35))


def test_the_rows_name_kinds_that_there_are():
    assert {kind for mistake in CATALOGUE for kind in mistake.kinds} <= set(KINDS)


@pytest.mark.parametrize("mistake", CATALOGUE, ids=str)
def test_every_row_edits_lines_that_are_there_and_says_where_it_shows(mistake):
    at = point((7, 4), 0)
    values, gradients = run(at, mistake)
    right_values, right = run(at)
    first = [name for name in right if name in gradients and differs(gradients[name], right[name])]
    if mistake.forward:
        assert {name for name in mistake.wrong if differs(values[name], right_values[name])} == set(mistake.wrong)
    else:
        assert {f"d{name}" for name in (*mistake.wrong, *(mistake.notes or ()))} <= set(first)
        assert mistake.wrong or mistake.notes or not first


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_two_mistakes_that_cancel_are_both_found(shape):
    half, double = (next(m for m in BACKWARD if m.number == number) for number in (20, 21))
    assert pair(point(shape, 0), half, double).localised


@pytest.mark.parametrize("seed", [8, 9, 15, 18])
def test_one_way_alone_is_told_though_two_samples_make_the_ways_nearly_alike(seed):
    mistake = next(m for m in BACKWARD if str(m) == "16 1/D for 1/N, mean")
    assert single(point((2, 3), seed), mistake).first == ("constant factor",)


def test_what_cannot_be_seen_is_decided_by_the_numbers():
    unseen = {
        (shape, c.what) for shape in SHAPES for m in CATALOGUE for c in [single(point(shape, 9), m)] if not c.observable
    }
    assert ((7, 4), "7 gamma forgotten") in unseen
    assert ((5, 5), "16 1/D for 1/N, variance") in unseen
    assert ((7, 4), "16 1/D for 1/N, variance") not in unseen


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_mistake_is_found_at_its_line_and_nowhere_else(shape):
    cases = [single(point(shape, seed), mistake) for seed in SEEDS for mistake in CATALOGUE]
    assert not [case for case in cases if not case.localised], said(case for case in cases if not case.localised)
    assert named(cases) >= 0.98, said(case for case in cases if not case.named)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_two_mistakes_at_once_are_both_found(shape):
    pairs = random.Random(1).sample(list(itertools.combinations(BACKWARD, 2)), 60)  # noqa: S311 -- a sample of pairs
    cases = [case for one, other in pairs if (case := pair(point(shape, 0), one, other))]
    assert len(cases) > 40
    assert not [case for case in cases if not case.localised], said(case for case in cases if not case.localised)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_from_dx_alone_the_way_is_named_unless_there_are_more_ways_than_samples(shape):
    cases = [case for mistake in BACKWARD if (case := final(point(shape, 0), mistake))]
    assert len(cases) >= 38
    assert not [case for case in cases if not case.localised], said(case for case in cases if not case.localised)
    assert all(case.named or case.declined for case in cases), said(case for case in cases if not case.named)
    assert {case.declined for case in cases} == {shape[0] < 3}


@pytest.mark.parametrize("name", DERIVATIONS)
def test_mistakes_made_by_machine_are_found_in_other_layers_too(name):
    of = derivation(name)
    cases = list(itertools.islice(machine(of, place(of, 0)), 0, None, 3 if name == "lstm_cell" else 1))
    assert len(cases) > 40
    assert not [case for case in cases if not case.localised], said(case for case in cases if not case.localised)
    assert named(cases) >= 0.98, said(case for case in cases if not case.named)


def running(x, old_mean, old_var, momentum):
    """Batch norm's running statistics, as recorded ops: the new share is ``momentum``, and the variance is unbiased."""
    n = len(x.numpy())
    mean = x.mean(axis=0).named("mean")
    var = mt.square(x - mean).mean(axis=0).named("var")
    running_mean = ((1 - momentum) * old_mean + momentum * mean).named("running_mean")
    running_var = ((1 - momentum) * old_var + momentum * (var * (n / (n - 1)))).named("running_var")
    return mt.graph([running_mean, running_var], [np.ones(4), np.ones(4)])


@pytest.mark.parametrize(
    ("what", "mistake"),
    [
        ("running_mean", lambda mean, var, m, n: m * 0.5 + (1 - m) * mean),
        ("running_var", lambda mean, var, m, n: m * 2.0 + (1 - m) * var * n / (n - 1)),
        ("running_var", lambda mean, var, m, n: (1 - m) * 2.0 + m * var),
    ],
    ids=["momentum the other way round, mean", "momentum the other way round, variance", "biased variance"],
)
def test_running_statistics_kept_otherwise_are_found_in_the_forward_pass(what, mistake):
    """Row 32: the recorded update is ``(1 − m)·old + m·new``, with the unbiased variance."""
    x = np.random.default_rng(0).normal(size=(7, 4))
    captured = running(mt.tensor(x, name="x", requires_grad=True), np.full(4, 0.5), np.full(4, 2.0), 0.1)
    values = {name: captured[name].value for name in ("mean", "var", "running_mean", "running_var")}
    gradients = {f"d{name}": captured.gradients[captured[name]].value for name in ("var", "mean", "x")}
    assert mt.compare(captured, hand=gradients, forward=values, point=False).ok
    values[what] = mistake(x.mean(axis=0), x.var(axis=0), 0.1, len(x))
    report = mt.compare(captured, hand=gradients, forward=values, point=False)
    assert report.wrong_forward == [what]
    assert report.diagnosis[f"forward:{what}"]


def test_a_derivation_without_mistake_is_right_and_its_edit_is_not_kept():
    at = point((7, 4), 0)
    assert mt.compare(at.graph, hand=run(at)[1], forward=run(at)[0], point=False).ok
    assert functions(SOURCE)["batchnorm_forward"](*at.arrays.values(), EPS)[0].shape == (7, 4)


def test_the_counts_would_notice_a_tutor_that_finds_nothing(monkeypatch):
    at, mistake = point((7, 4), 0), next(m for m in CATALOGUE if m.number == 20)
    assert single(at, mistake) == Case(
        "20 ½ of the root", True, True, frozenset({"constant factor"}), ("constant factor",)
    )
    right, real = run(at)[1], mt.compare
    monkeypatch.setattr(mt, "compare", lambda *args, **kwargs: real(at.graph, hand=right, point=False))
    blind = single(at, mistake)
    assert (blind.observable, blind.localised, blind.named) == (True, False, False)


def test_the_counts_would_notice_a_wrong_name(monkeypatch):
    at = point((7, 4), 0)
    other = next(m for m in CATALOGUE if m.what == "sign of d(1/x)")
    mistake = next(m for m in CATALOGUE if m.what == "square lost")
    wrong, real = run(at, other)[1], mt.compare
    monkeypatch.setattr(mt, "compare", lambda *args, **kwargs: real(at.graph, hand=wrong, point=False))
    case = single(at, mistake)
    assert (case.localised, case.first, case.named) == (True, ("sign",), False)
