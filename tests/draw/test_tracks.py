"""Tracks: each value leads to every row that uses it, as often as it does, and to no other."""

import numpy as np
import pytest

from micrograd_tensor.draw.tracks import Step, tracks

ARMS = {
    "│": "ud", "─": "lr", "╰": "ur", "╯": "ul", "╭": "dr", "╮": "dl",
    "├": "udr", "┤": "udl", "┴": "ulr", "┬": "dlr", "┼": "udlr",
}  # fmt: skip
SIGNS = "●○◆"


def random_steps(seed):
    rng = np.random.default_rng(seed)
    steps = [Step(0, (), "○")]
    for k in range(1, int(rng.integers(2, 40))):
        many = int(rng.integers(0, 4))
        uses = tuple(max(0, k - 1 - int(rng.integers(0, min(k, 8)))) for _ in range(many))
        steps.append(Step(k, uses, "●" if uses else "○"))
        if rng.random() < 0.1:
            steps.append(Step(None, (), ""))
    return steps


def read(rows, steps):
    """What a reader of the tracks sees: by step, the steps that its lines lead to, as often as they do."""
    at = {}  # what the track that goes down in each column carries
    seen = {}
    for row in rows:
        cells = row.text.ljust(2 * (len(at) + max(at, default=0) + 3))
        sign = next((k for k in range(0, len(cells), 2) if cells[k] in SIGNS), None)
        below, arriving, parting = {}, [], None
        for k in range(0, len(cells), 2):
            arms = ARMS.get(cells[k], "")
            if "u" in arms:
                assert k in at, "a line from nowhere"
            if k in at and k != sign:
                assert "u" in arms, "a track breaks off"
            if "d" in arms and "u" in arms:
                below[k] = at[k]
            if k != sign and set("lr") & set(arms) and "u" in arms:
                arriving.append(at[k])
                parting = at[k]
        if row.fork:
            assert sign is None
            below |= {k: parting for k in range(0, len(cells), 2) if cells[k] in "╮┬╭"}
        elif sign is not None:
            if sign in at:
                arriving.append(at[sign])
            seen[row.step] = sorted(arriving)
            below[sign] = steps[row.step].key
        else:
            assert not steps[row.step].sign
        ends = not any(steps[row.step].key in step.uses for step in steps[row.step + 1 :])
        if sign is not None and ends:
            below.pop(sign)
        at = below
    return seen


@pytest.mark.parametrize("seed", range(60))
def test_lines_lead_from_each_value_to_its_uses(seed):
    steps = random_steps(seed)
    rows = tracks(steps)
    seen = read(rows, steps)
    assert seen == {k: sorted(step.uses) for k, step in enumerate(steps) if step.sign}
    assert [row.step for row in rows if not row.fork] == list(range(len(steps)))


@pytest.mark.parametrize("change", ["a use forgotten", "a use too many", "another value"])
def test_the_reader_finds_planted_faults(change):
    steps = random_steps(4)
    where = max(k for k, step in enumerate(steps) if len(set(step.uses)) > 1)
    uses = {
        "a use forgotten": steps[where].uses[1:],
        "a use too many": (*steps[where].uses, steps[where].uses[0]),
        "another value": (steps[where].uses[0], steps[where].uses[0]),
    }[change]
    drawn = tracks([*steps[:where], steps[where]._replace(uses=uses), *steps[where + 1 :]])
    try:
        seen = read(drawn, steps)
    except AssertionError:
        return
    assert seen != {k: sorted(step.uses) for k, step in enumerate(steps) if step.sign}


def test_lines_cross_what_they_have_nothing_to_do_with():
    steps = [Step("a", "", "○"), Step("b", "", "○"), Step("c", "", "○"), Step("d", "ac", "●"), Step("e", "db", "●")]
    assert [row.text for row in tracks(steps)] == ["○", "│ ○", "│ │ ○", "●─│─╯", "●─╯"]


def test_nothing_makes_nothing():
    assert tracks([]) == []
