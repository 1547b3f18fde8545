"""What a change of a line puts right, in the author's words: each sentence is of the line, and names what is due."""

import ast

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check.repair.edits import edits
from micrograd_tensor.check.repair.slips import slip_of

SAID = [
    ("dx = dy", "dx = dy * a", "the factor a is missing"),
    ("dx = dy * b", "dx = dy * b / N", "the division of dy * b by N is missing"),
    ("dx = dy / s", "dx = 0.5 * dy / s", "the factor 0.5 is missing, beside dy / s"),
    ("dx = dy", "dx = dy * (a > 0)", "the mask a > 0 is missing"),
    ("dx = dy * (a < 0)", "dx = dy * (a > 0)", "the mask a < 0 stands where a > 0 is due"),
    ("dx = dy * a", "dx = dy * (a > 0)", "a stands where the mask a > 0 is due"),
    ("dx = dy * a", "dx = dy * b", "a stands where b is due"),
    ("dx = a * dy + a", "dx = b * dy + a", "a stands where b is due, in a * dy"),
    ("dx = dy / D", "dx = dy / N", "D stands where N is due"),
    ("dx = dy / N", "dx = dy", "the division by N is not due"),
    ("dx = dy * a", "dx = dy", "the factor a is not due"),
    ("dx = dy - dz", "dx = dy + dz", "- stands where + is due, in dy - dz"),
    ("dx = -dy", "dx = dy", "the minus sign before dy is not due"),
    ("dx = dy @ w", "dx = dy @ w.T", "w is not transposed, in dy @ w"),
    ("dx = w.T @ dy", "dx = w @ dy", "w is not to be transposed"),
    ("dx = w.T @ dy", "dx = dy.T @ w", "w.T @ dy stands where dy.T @ w is due"),
    ("dx = dy.reshape(w.shape)", "dx = dy.transpose(0, 2, 3, 1).reshape(w.shape)", "dy is not transposed before"),
    ("dx = dy.transpose(0, 2, 1)", "dx = dy.transpose(1, 0, 2)", "the axes of dy.transpose(0, 2, 1) are in"),
    ("dx = np.mean(dy, axis=0)", "dx = np.sum(dy, axis=0)", "np.mean stands where np.sum is due"),
    ("dx = dy.sum(axis=1)", "dx = dy.sum(axis=0)", "axis=1 stands where axis=0 is due, in dy.sum(axis=1)"),
    ("dx = dy.sum(axis=0)", "dx = dy.sum(axis=0, keepdims=True)", "keepdims=True is missing, in dy.sum(axis=0)"),
    ("dx = dy", "dx = dy.sum(axis=0)", "dy is not summed over axis 0"),
    ("dx = dy * a", "dx = dy * a**2", "a is not squared"),
    ("dx = dy * a**3", "dx = dy * a**2", "the exponent 3 stands where 2 is due, in a ** 3"),
    ("dx = dy * a", "dx = dy * (1 - a)", "a stands where 1 - a is due"),
    ("dx = dy", "dx = dy + dz", "dz is not added to dy"),
    ("dx = dy + dz", "dx = dy", "the term dz is not due"),
    ("dx = dy", "dx += dy", "= replaces what dx held before, where += is due"),
    ("dx += dy", "dx = dy", "+= keeps what dx held before, where = is due"),
    ("dx -= dy", "dx += dy", "-= stands where += is due"),
    ("dE[ids] += dy", "np.add.at(dE, ids, dy)", "where an index occurs several times, dE[ids] += keeps the last one"),
    ("dE[ids] = dy", "np.add.at(dE, ids, dy)", "where an index occurs several times, dE[ids] = keeps the last one"),
    ("dx = dy[:N]", "dx = dy[N:]", "dy[:N] stands where dy[N:] is due"),
    ("dx = dy[:N]", "dx = dy[-N:]", "dy[:N] stands where dy[-N:] is due"),
    ("dx = dy[-N:]", "dx = dy[:N]", "dy[-N:] stands where dy[:N] is due"),
    ("dx = dy[:, N:]", "dx = dy[:, :N]", "dy[:, N:] stands where dy[:, :N] is due"),
    ("dx = dy[:-1]", "dx = dy[1:]", "dy[:-1] stands where dy[1:] is due"),
    ("dx = b * a * dy", "dx = b * a * dy * a", "the factor a is missing, beside b * a * dy"),
    ("dx = dy * (1 - a)", "dx = dy * a * (1 - a)", "the factor a is missing, beside dy * (1 - a)"),
    ("dx = dy", "dx = dy * a * (1 - a)", "the factor a * (1 - a) is missing"),
    ("dx = dy.sum(axis=(3, 4))", "dx = dy.sum(axis=(2, 3, 4))", "axis=(3, 4) stands where axis=(2, 3, 4) is due"),
    ("dx /= N", "pass", "dx is not to be divided by N"),
    ("dx -= dy", "pass", "dy is not to be subtracted from dx"),
    (
        "dx = np.concatenate([a, b], axis=0)",
        "dx = np.concatenate([a, b], axis=-1)",
        "axis=0 stands where axis=-1 is due",
    ),
    (
        "dx = np.concatenate([a, b], 0)",
        "dx = np.concatenate([a, b], 1)",
        "axis 0 stands where axis 1 is due, in np.conc",
    ),
    ("dx = np.stack([a, b])", "dx = np.stack([a, b], axis=1)", "axis=1 is missing, in np.stack([a, b])"),
    ("da, db = np.split(dy, 2)", "da, db = np.split(dy, 2, axis=1)", "axis=1 is missing, in np.split(dy, 2)"),
    ("da, db = np.split(dy, 2, 0)", "da, db = np.split(dy, 2, 1)", "axis 0 stands where axis 1 is due, in np.split"),
    ("da, db = np.split(dy, 3, 0)", "da, db = np.split(dy, 2, 0)", "3 stands where 2 is due"),
    ("dx = dy.cumsum(0)", "dx = dy.cumsum(1)", "axis 0 stands where axis 1 is due, in dy.cumsum(0)"),
    ("dx = np.flip(dy, axis=0)", "dx = np.flip(dy, axis=1)", "axis=0 stands where axis=1 is due"),
    ("dx = np.hstack([a, b])", "dx = np.vstack([a, b])", "np.hstack stands where np.vstack is due"),
    ("dx = dy * a * (1 - a)", "dx = dy * b * (1 - b)", "a stands where b is due, in dy * a * (1 - a)"),
    ("dx = a * dy + a", "dx = b * dy + b", "a stands where b is due, in a * dy + a"),
    ("dx = 1 - a * dy**2", "dx = (1 - a**2) * dy", "1 - a * dy ** 2 stands where (1 - a ** 2) * dy is due"),
    ("dx = 1 - a**2 * dy", "dx = (1 - a**2) * dy", "1 - a ** 2 * dy stands where (1 - a ** 2) * dy is due"),
    ("return da, db", "return db, da", "two gradients are returned in each other's place"),
    ("return [da, db]", "return [db, da]", "two gradients are returned in each other's place"),
    ("return db, dc, da", "return da, db, dc", "the gradients are not returned in the order that is due: da, db, dc"),
    ("return db, da, de, dc", "return da, db, dc, de", "the gradients are not returned in the order that is due"),
    ("return a, d, b, c, e", "return a, b, c, d, e", "not returned in the order that is due: a, b, c, d, e"),
]


@pytest.mark.parametrize(("wrong", "right", "says"), SAID)
def test_a_slip_is_told_in_the_words_of_the_line(wrong, right, says):
    due = ast.dump(ast.parse(right).body[0])
    made = edits(ast.parse(wrong).body[0], ["N", "D", "dy", "dz", "a", "b", "w", "s"])
    leading = [edit for edit in made if ast.dump(ast.parse(edit.written(wrong)).body[0]) == due]
    assert leading, "no edit leads there"
    told = [slip_of(edit, lambda text: text in ("N", "D")).text for edit in leading]
    assert any(says in text for text in told), told
    assert all(len(text) < 160 for text in told)


def test_numbers_that_are_expected_to_be_nan_are_said_to_be():
    x = np.random.default_rng(0).normal(size=(5, 3))
    x[1] = 0.0
    tensor = mt.tensor(x, name="x", requires_grad=True)
    with np.errstate(all="ignore"):
        graph = mt.graph(mt.sqrt(mt.sum(tensor * tensor, axis=1)).named("out"), np.ones(5))
        given = 3 * x / (np.sqrt((x * x).sum(axis=1, keepdims=True)) + 1e-30)
        text = mt.compare(graph, hand={"dx": given}, point=False).text()
    assert "12 of 15 numbers differ, and 3 are expected to be nan, as forward has no slope there." in text
    assert "All" not in text.split("is wrong")[1]


def test_what_the_labels_pick_is_said_to_be_missing():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(7, 5)), rng.integers(0, 5, 7)
    tensor = mt.tensor(x, name="x", requires_grad=True)
    e = mt.exp(tensor - mt.max(tensor, axis=1, keepdims=True)).named("e")
    p = (e / mt.sum(e, axis=1, keepdims=True)).named("p")
    graph = mt.graph((-mt.mean(mt.log(p[np.arange(7), y]))).named("loss"), 1.0)
    soft = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    report = mt.compare(graph, hand={"dx": soft / 7}, point=False)
    [found, *_] = report.diagnosis["x"]
    assert (found.kind, found.text) == (
        "dropped term",
        "-0.142857 is missing at the 7 elements of dx that forward picks by an index",
    )
