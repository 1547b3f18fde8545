"""Gradients that are right and do not arrive: in another order, None, or in local variables that nothing reads."""

from __future__ import annotations

import re

import pytest

AFFINE = """
def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout @ w.T
    dw = x.T @ dout
    db = dout.sum(axis=0)
    return dx, dw, db
"""
METHOD = """
class Affine:
    def __init__(self, n_in, n_out):
        self.w, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
        self.dw, self.db = np.zeros_like(self.w), np.zeros_like(self.b)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, dout):
        dw = self.x.T @ dout
        db = dout.sum(axis=0)
        self.dw, self.db = dw, db
        return dout @ self.w.T
"""
KEPT = "        self.dw, self.db = dw, db\n"
UNKEPT = METHOD.replace(KEPT, "").replace(
    "        self.dw, self.db = np.zeros_like(self.w), np.zeros_like(self.b)\n", ""
)
UPDATE = """dx = dout @ self.w.T
        self.w -= 0.1 * dw
        self.b -= 0.1 * db
        return dx"""
RETURN = "    return dx, dw, db\n"


def returning(what: str) -> str:
    assert AFFINE.count(RETURN) == 1
    return AFFINE.replace(RETURN, what)


@pytest.mark.parametrize(
    ("end", "lost", "at"),
    [
        ("", "dx, dw and db are computed", "lines 8, 9 and 10"),
        ("    print(dx)\n", "dx, dw and db are computed", "lines 8, 9 and 10"),
        ("    assert dx.shape == x.shape\n    return None\n", "dx, dw and db are computed", "lines 8, 9 and 10"),
        ("    if np.isnan(dx).any():\n        raise ValueError\n", "dx, dw and db are computed", "lines 8, 9 and 10"),
        (
            "    dx = dx.reshape(x.shape)\n    grads = {'dx': dx, 'dw': dw, 'db': db}\n",
            "dx, dw and db are computed",
            "lines 8, 9, 10 and 11",
        ),
        ("    return dx\n", "dw and db are computed", "lines 9 and 10"),
        ("    return dx, dw\n", "db is computed", "line 10"),
        ("    if dout is None:\n        return dx, dw, db\n    return dx, dw\n", "db is computed", "line 10"),
        ("    return None, dw, db\n", "dx is computed", "line 8"),
        ("    return {'dw': dw, 'db': db}\n", "dx is computed", "line 8"),
    ],
)
def test_a_gradient_that_is_computed_and_lost_is_told_with_its_line(check, end, lost, at):
    status, printed = check(returning(end))
    assert status == 1
    assert f"{lost} in {at}" in printed
    assert f"But backward is not right yet: it loses {lost.split(' are')[0].split(' is')[0]}.\n" in printed
    assert "wrong here" not in printed
    assert "was left out" not in printed


def test_an_array_of_zeros_that_is_filled_is_lost_too(check):
    filled = "    dw = np.zeros_like(w)\n    for row, up in zip(x, dout):\n        dw += np.outer(row, up)\n"
    text = AFFINE.replace("    dw = x.T @ dout\n", filled)
    assert check(text)[0] == 0
    status, printed = check(text.replace("return dx, dw, db", "return dx, db"))
    assert status == 1
    assert "dw is computed in line 11 and then lost" in printed


@pytest.mark.parametrize(
    "text",
    [
        returning("    return locals()\n"),
        returning("    return eval('dx, dw, db')\n"),
        returning("    grads = {}\n    grads['dx'], grads['dw'], grads['db'] = dx, dw, db\n    return grads\n"),
        returning("    grads = dict(dx=dx)\n    grads.update(dw=dw, db=db)\n    return grads\n"),
        returning("    if True:\n        again = lambda: (dx, dw, db)\n    return again()\n"),
        returning("    for d in (dx, dw, db):\n        np.clip(d, -9, 9, out=d)\n    return dx, dw, db\n"),
        returning("    return dout @ w.T, dw, db\n"),
        AFFINE.replace("    db =", "    global db\n    db =").replace("return dx, dw, db", "return dx, dw"),
        METHOD,
        METHOD.replace("self.dw, self.db = dw, db", "self.dw += dw\n        self.db += db"),
        METHOD.replace("dw = self.x.T @ dout", "dw = self.dw\n        dw += self.x.T @ dout"),
        METHOD.replace("dw = self.x.T @ dout", "dw = self.dw\n        dw[...] = self.x.T @ dout").replace(
            "self.dw, self.db = dw, db", "self.db = db"
        ),
        METHOD.replace("self.dw, self.db = dw, db", "self.dw = self.x.T @ dout\n        self.db = db"),
        UNKEPT.replace("return dout @ self.w.T", UPDATE),
    ],
)
def test_what_is_returned_stored_or_used_to_update_a_weight_is_not_lost(check, text):
    status, printed = check(text)
    assert status == 0, printed
    assert "lost" not in printed


def test_of_a_class_that_loses_gradients_it_is_said_but_the_rest_of_its_program_may_be_missing(check):
    status, printed = check(UNKEPT)
    assert status == 0, printed
    assert "dw and db are computed in lines 12 and 13 and then lost" in printed


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("    return dw, db, dx.reshape(x.shape)\n", "dw, db and dx for dx, dw and db"),
        ("    return dw, db, dx / 3 * 3\n", "dw, db and dx for dx, dw and db"),
        ("    return dw, dx * 1.0, db\n", "dw and dx for dx and dw"),
    ],
)
@pytest.mark.parametrize("shapes", [(), ("--shapes", "x=7x5,w=5x3,b=3")])
def test_gradients_in_another_order_are_known_by_their_values(check, end, said, shapes):
    status, printed = check(returning(end), *shapes)
    assert status == 1
    assert f"returns its gradients in another order than forward takes the inputs: {said}." in printed
    assert "But backward is not right yet: it returns its gradients in another order.\n" in printed
    assert "wrong here" not in printed


def test_equal_gradients_have_no_order(check):
    text = "\ndef add_forward(x, y):\n    return x + y, None\n\ndef add_backward(dout, cache):\n    return dout, dout\n"
    assert check(text)[0] == 0


def test_where_none_is_given_for_a_gradient_this_is_the_reason(check):
    status, printed = check(AFFINE.replace("    dx = dout @ w.T\n", "").replace("return dx,", "return None,"))
    assert status == 1
    assert "backward gives None for dx, so it was left out" in printed
    assert "But backward is not right yet: it gives None for dx.\n" in printed


STEPS = UNKEPT.replace("return dout @ self.w.T", UPDATE)


def test_a_step_up_the_gradient_is_told(check):
    assert check(STEPS)[0] == 0
    status, printed = check(STEPS.replace("self.w -= 0.1", "self.w += 0.1"))
    assert status == 1
    assert "backward adds a multiple of its gradient to w, which so goes up" in " ".join(printed.split())
    assert "But backward is not right yet: it goes up the gradient of w." in printed


def test_the_page_says_what_is_not_right_yet_too(check, tmp_path):
    assert check(STEPS.replace("self.w -= 0.1", "self.w += 0.1"), "--html", "page.html")[0] == 1
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    said = "All 3 gradients are right. But backward is not right yet: it goes up the gradient of w."
    assert f'<h1 class="wrong">{said}</h1>' in page


@pytest.mark.parametrize("error", ["error", "output_errors", "delta"])
def test_with_a_target_less_an_output_for_an_upstream_gradient_descent_adds(check, error):
    up = STEPS.replace("self.w -= 0.1", "self.w += 0.1").replace("dout", error)
    status, printed = check(up.replace("self.b -= 0.1", "self.b += 0.1"))
    assert status == 0
    assert f"which is right where {error} is the target less the output" in " ".join(printed.split())
    status, printed = check(up)  # not both
    assert status == 1
    assert "But backward is not right yet: it goes up the gradient of w." in printed


@pytest.mark.parametrize("step", ["0.1 * dw.sum(axis=0)", "0.1 * (db + 0.1 * self.b)", "0.1 * np.clip(db, -1, 1)"])
def test_a_step_that_is_no_multiple_of_the_gradient_is_said_not_to_be_judged(check, step):
    _, printed = check(STEPS.replace("self.b -= 0.1 * db", f"self.b -= {step}"))
    assert "backward changes b by something else than a multiple of the gradient" in " ".join(printed.split())
    assert "wrong" not in printed


RATED = """
class Layer:
    def __init__(self, n_in, n_out):
        self.w, self.b = np.random.randn(n_in, n_out), np.random.randn(1, n_out)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, output_error, learning_rate):
        input_error = output_error @ self.w.T
        w_error = self.x.T @ output_error
        self.w -= learning_rate * w_error
        self.b -= learning_rate * output_error.sum(axis=0, keepdims=True)
        return input_error
"""


HELD = RATED.replace("self.w, self.b =", "self.rate = 0.3\n        self.w, self.b =").replace(
    "learning_rate *", "self.rate *"
)
HELD = HELD.replace(", learning_rate)", ")")


@pytest.mark.parametrize(("text", "share"), [(RATED, "-0.1"), (HELD, "-0.3")])
def test_a_step_at_the_rate_that_is_there_is_said_where_no_gradient_is_there_besides(check, text, share):
    status, printed = check(text)
    assert status == 0
    assert f"backward changes b and w by {share} times the gradient." in printed
    assert "left out" not in printed


@pytest.mark.parametrize("text", [RATED, HELD])
@pytest.mark.parametrize(("step", "said"), [(".mean(axis=0", "times"), (".max(axis=0", "no multiple of")])
def test_a_step_of_another_factor_is_not_judged_where_no_gradient_is_there_besides(check, text, step, said):
    status, printed = check(text.replace(".sum(axis=0", step))
    assert status == 1
    assert re.search(rf"the step of b: it is (-\S+ )?{said} the gradient; whether this is what is meant", printed)
    assert "the step of b was given, but could not be judged." in printed


def test_nothing_is_said_of_a_step_with_a_gradient_that_is_wrong(check):
    status, printed = check(STEPS.replace("dw = self.x.T @ dout", "dw = 2 * self.x.T @ dout + 1"))
    assert status == 1
    assert "something else than" not in printed


IN_A_BRANCH = """
class Softmax:
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        labels = t.argmax(axis=1) if t.size == x.size else t
        return -np.mean(np.log(self.y[np.arange(len(x)), labels]))

    def backward(self):
        if self.t.size == self.y.size:
            dx = (self.y - self.t) / len(self.t)
            return dx
        else:
            dx = self.y.copy()
            dx[np.arange(len(self.t)), self.t] -= 1
            dx /= len(self.t)
"""


def test_what_one_branch_returns_another_loses(check):
    assert check(IN_A_BRANCH + "        return dx\n")[0] == 0
    status, printed = check(IN_A_BRANCH)
    assert status == 1
    assert "But backward is not right yet: it loses dx" in printed


SLOPED = """
class Attention:
    def __init__(self, n_heads):
        self.slopes = 2.0 ** (-8.0 * np.arange(1, n_heads + 1) / n_heads)

    def forward(self, q, k, v):
        self.q, self.k, self.v = q, k, v
        s = q @ k.swapaxes(-1, -2) * self.slopes[:, None, None]
        e = np.exp(s)
        self.p = e / e.sum(axis=-1, keepdims=True)
        return self.p @ v

    def backward(self, dout):
        dv = self.p.swapaxes(-1, -2) @ dout
        dp = dout @ self.v.swapaxes(-1, -2)
        ds = self.p * (dp - (dp * self.p).sum(axis=-1, keepdims=True)) * self.slopes[:, None, None]
        dq = ds @ self.k
        dk = ds.swapaxes(-1, -2) @ self.q
        return dq, dk, dv
"""


def test_the_order_is_that_of_what_forward_takes_whatever_the_object_holds(check):
    shapes = "n_heads=(2),q=2x3x4,k=2x3x4,v=2x3x4"
    assert check(SLOPED, "--shapes", shapes)[0] == 0
    status, printed = check(SLOPED.replace("return dq, dk", "return dk, dq"), "--shapes", shapes)
    assert status == 1
    assert "returns its gradients in another order than forward takes the inputs: dk and dq for dq and dk." in printed
