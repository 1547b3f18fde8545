"""What a verdict says, wherever it is shown, agrees with whether the report counts it as right."""

import re

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check import Stages
from micrograd_tensor.draw import player
from micrograd_tensor.graph.status import COLOURS, Status


def report(status):
    """A report in which the only stage has this status."""
    return mt.Report(Stages([mt.Stage("x", status, (3,))]))


@pytest.mark.parametrize("status", Status)
def test_a_status_counts_as_right_where_a_report_with_it_is_ok(status):
    assert report(status).ok is status.counts_as_right
    assert (status.sign == "✗") is (status.role == "wrong") is not status.counts_as_right


@pytest.mark.parametrize("status", Status)
def test_every_reader_marks_as_wrong_what_the_report_counts_as_wrong(status):
    x = mt.tensor([1.0, 2.0, 3.0], name="x", requires_grad=True)
    captured = mt.graph(mt.square(x), np.ones(3))
    judged = report(status)
    page = player.page(captured, mt.draw(captured).svg, title="", report=judged)
    drawn = mt.draw(captured, view="difference", against=judged).dot
    for shown in (str(judged), judged.to_html(), drawn, re.search(r'"verdicts":.*', page)[0]):
        assert ("✗" in shown) is not judged.ok
        assert status.sign in shown
        assert status.value in shown


def test_statuses_differ_in_sign_and_meaning_and_have_colours():
    assert len({status.sign for status in Status}) == len({status.meaning for status in Status}) == len(Status)
    assert all(len(status.sign) == 1 and status.meaning.endswith(".") for status in Status)
    assert {status.role for status in Status} <= set(COLOURS)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for pair in COLOURS.values() for colour in pair)
    assert len({light for light, _ in COLOURS.values()}) == len(COLOURS)


def test_a_status_is_its_text():
    assert [f"{status}" for status in Status] == [status.value for status in Status]
    assert (
        mt.compare(mt.square(mt.tensor(3.0, name="x", requires_grad=True)), 1.0, {"dx": 6.0}).stages["x"].status
        == "right"
    )


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


@pytest.mark.parametrize("role", sorted(COLOURS.keys() - {"background"}))
@pytest.mark.parametrize("scheme", [0, 1])
def test_every_colour_is_legible_on_its_background(role, scheme):
    lights = sorted(luminance(COLOURS[r][scheme]) for r in (role, "background"))
    assert (lights[1] + 0.05) / (lights[0] + 0.05) >= 4.5
