"""Of the changes that make a backward pass right, the simplest is told: what is too much is taken away."""

from __future__ import annotations

import pytest

AFFINE = """
def affine_forward(x, w, b):
    out = x @ w + b
    return out, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.sum(axis=0)
    {}
"""
TOLD = [
    ("return dw, db, dx", "line 12: return dx, dw, db", "not returned in the order that is due: dx, dw, db"),
    ("return db, dx, dw", "line 12: return dx, dw, db", "not returned in the order that is due: dx, dw, db"),
    ("return [dx, db, dw]", "line 12: return [dx, dw, db]", "returned in each other's place"),
    ("return 2 * dx, dw, db", "line 12: return dx, dw, db", "the factor 2 is not due"),
    ("return dx, dw / 7, db", "line 12: return dx, dw, db", "the division by 7 is not due"),
    ("return dx.T, dw, db", "line 12: return dx, dw, db", "dx is not to be transposed"),
    ("return [dx, dw, -db]", "line 12: return [dx, dw, db]", "the minus sign before db is not due"),
    ('return {"dx": -dx, "dw": dw, "db": db}', 'line 12: return {"dx": dx, "dw": dw, "db": db}', "sign before dx is"),
    ('return {"dx": dx, "dw": dw, "db": 3 * db}', 'line 12: return {"dx": dx, "dw": dw, "db": db}', "the factor 3 is"),
    ("dx *= 2\n    return dx, dw, db", "leave out line 12", "dx is not to be multiplied by 2"),
    ("db /= len(x)\n    return dx, dw, db", "leave out line 12", "db is not to be divided by len(x)"),
    ("dw -= w\n    return dx, dw, db", "leave out line 12", "w is not to be subtracted from dw"),
]  # fmt: skip


@pytest.mark.parametrize(("ending", "fix", "says"), TOLD)
def test_what_is_too_much_in_the_last_line_is_taken_away(check, ending, fix, says):
    status, printed = check(AFFINE.format(ending), "--shapes=x=7x5,w=5x3,b=3", "--hints=3")
    assert status == 1
    assert f"3 the fix   {fix}\n" in printed
    assert says in printed
    assert printed.count("1 where") == 1
