"""Layers that keep an entry for each call: one call is judged, and that is said."""

import pytest

CELL = """
class Cell:
    def __init__(self, Wx, Wh):
        self.Wx, self.Wh, self.cache = Wx, Wh, []

    def forward(self, x, h):
        out = np.tanh(x @ self.Wx + h @ self.Wh)
        self.cache.append((x, h, out))
        return out

    def backward(self, dout):
        x, h, out = self.cache.pop()
        da = dout * (1 - out ** 2)
        self.dWx, self.dWh = x.T @ da, h.T @ da
        return da @ self.Wx.T, da @ self.Wh.T
"""
SUMMED = """
class Scale:
    def __init__(self, w):
        self.w = w
        self.seen = []

    def forward(self, x):
        self.seen.insert(0, x)
        return x * self.w

    def backward(self, dout):
        self.dw = sum((dout * x).sum(axis=0) for x in self.seen)
        return dout * self.w
"""
SQUARE = """
class Square:
    def __init__(self):
        self.seen = []

    def forward(self, x):
        self.seen.append(x)
        return x ** 2

    def backward(self, dout):
        return dout * self.seen.pop()
"""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (CELL, "self.cache"),
        (CELL.replace("pop()", "pop(0)"), "self.cache"),
        (CELL.replace("self.cache.pop()", "self.cache[-1]"), "self.cache"),
        (SUMMED, "self.seen"),
        (SQUARE.replace("return dout", "return 2 * dout"), "self.seen"),
    ],
)
def test_of_several_calls_nothing_is_judged(check, text, kept):
    status, said = check(text)
    assert status == 0
    [told] = [line for line in said.splitlines() if "each call" in line]
    assert f"forward keeps an entry in {kept} for each call." in told


@pytest.mark.parametrize("taken", ["pop()", "pop(0)", "pop(-1)"])
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("da = dout * (1 - out ** 2)", "da = dout * (1 - out)"),
        ("da = dout * (1 - out ** 2)", "da = dout * (1 + out ** 2)"),
        ("h.T @ da\n", "x.T @ da\n"),
    ],
)
def test_a_mistake_in_one_call_is_told_at_its_line(check, taken, right, wrong):
    mistaken = CELL.replace("pop()", taken).replace(right, wrong)
    shapes = "x=4x3,h=4x3,Wx=3x3,Wh=3x3" if "x.T" in wrong else "x=4x3,h=4x5,Wx=3x5,Wh=5x5"
    status, said = check(mistaken, "--hints", "3", "--shapes", shapes)
    assert status == 1
    [line] = [k for k, text in enumerate(mistaken.splitlines(), start=2) if wrong.strip() in text]
    fix = mistaken.replace(wrong, right).splitlines()[line - 2].strip()
    assert f"line {line}: {fix}" in said


def test_a_mistake_in_the_line_that_takes_what_was_kept_is_told_there(check):
    status, said = check(SQUARE, "--hints", "3")
    assert status == 1
    assert ": return 2 * dout * self.seen.pop()" in said


@pytest.mark.parametrize(
    "text",
    [
        CELL.replace("        out = np", "        self.cache = []\n        out = np"),  # begins anew
        CELL.replace("        self.cache.append", "        for _ in range(1): self.cache.append"),  # a step each
        CELL.replace("self.cache.append", "self.log.append").replace("Wh, []", "Wh, []\n        self.log = []")
        .replace("        return out\n", "        self.cache = [(x, h, out)]\n        return out\n"),  # not read
        CELL.replace("self.cache.append(", "self.cache = [").replace("out))", "out)]"),
    ],
)  # fmt: skip
def test_what_a_call_keeps_for_itself_is_not_told(check, text):
    status, said = check(text)
    assert status == 0
    assert "each call" not in said
