"""Wrong uses: each names what the user wrote, what was expected and a way out, and changes nothing."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.recording import recording


@dataclass(frozen=True)
class Wrong:
    """A wrong use of the given tensors, the error it should raise, and what its message must say."""

    name: str
    use: Callable
    error: type
    says: tuple[str, ...]


def wrong(name, use, error, *says):
    return Wrong(name, use, error, says)


S, G, D = mt.ShapeError, mt.GradientError, mt.DTypeError

WRONG = [
    # shapes that do not broadcast
    wrong("add", lambda v: v.x + v.b, S, "add", "x (3, 4)", "b (3,)", "4 ≠ 3", "axis -1", "b.reshape((3, 1))"),
    wrong("add, other side", lambda v: v.b + v.x, S, "b (3,)", "x (3, 4)", "b.reshape((3, 1))"),
    wrong("mul of transposed", lambda v: v.x * v.xt, S, "mul", "x (3, 4)", "xt (4, 3)", "x.T"),
    wrong("sub with array", lambda v: v.x - np.ones(5), S, "sub", "x (3, 4)", "(5,)", "4 ≠ 5"),
    wrong("array on the left", lambda v: np.ones(5) / v.x, S, "div", "(5,)", "x (3, 4)"),
    wrong("unnamed result", lambda v: mt.exp(v.x) + v.b, S, "the result of exp (3, 4)", "b (3,)"),
    wrong("comparison", lambda v: v.x > v.b, S, "greater", "x (3, 4)", "b (3,)"),
    wrong("where", lambda v: mt.where(v.x > 0, v.x, v.b), S, "where", "x (3, 4)", "b (3,)"),
    wrong("maximum", lambda v: mt.maximum(v.x, v.b), S, "maximum", "x (3, 4)", "b (3,)"),
    wrong("pow", lambda v: v.x**v.b, S, "pow", "x (3, 4)", "b (3,)"),
    wrong("bounds that are tensors", lambda v: mt.clip(v.x, v.b), S, "maximum", "x (3, 4)", "b (3,)"),
    wrong("integers to a negative power", lambda v: mt.pow(v.n, -2), D, "pow", "n (2,)", "-2", "negative"),
    wrong("broadcast_to", lambda v: mt.broadcast_to(v.x, (3, 5)), S, "broadcast_to", "x (3, 4)", "(3, 5)"),
    wrong("batch_norm", lambda v: mt.batch_norm(v.x, v.b, v.b), S, "mul", "b (3,)"),
    # axes
    wrong("sum", lambda v: v.x.sum(axis=2), S, "sum", "axis 2", "x (3, 4)", "-2…1"),
    wrong("mean", lambda v: mt.mean(v.x, axis=-3), S, "mean", "axis -3", "x (3, 4)"),
    wrong("max, tuple", lambda v: mt.max(v.x, axis=(0, 2)), S, "max", "(0, 2)", "x (3, 4)"),
    wrong("sum, twice", lambda v: mt.sum(v.x, axis=(0, 0)), S, "sum", "x (3, 4)"),
    wrong("sum of 0-d", lambda v: v.s.sum(axis=1), S, "sum", "s ()", "no axes"),
    wrong("var", lambda v: mt.var(v.x, axis=5), S, "5", "x (3, 4)"),
    wrong("softmax", lambda v: mt.softmax(v.x, axis=2), S, "axis 2", "x (3, 4)"),
    wrong("cumsum", lambda v: mt.cumsum(v.x, axis=2), S, "cumsum", "axis 2", "x (3, 4)"),
    wrong("flip", lambda v: mt.flip(v.x, axis=2), S, "flip", "2", "x (3, 4)"),
    wrong("sort", lambda v: mt.sort(v.x, axis=2), S, "2", "x (3, 4)"),
    wrong("expand_dims", lambda v: mt.expand_dims(v.x, axis=5), S, "expand_dims", "5", "x (3, 4)"),
    wrong("squeeze", lambda v: mt.squeeze(v.x, axis=0), S, "squeeze", "x (3, 4)", "axis=0"),
    wrong("transpose, too few", lambda v: mt.transpose(v.x, (0,)), S, "transpose", "x (3, 4)"),
    wrong("transpose, twice", lambda v: v.x.transpose(0, 0), S, "transpose", "x (3, 4)"),
    wrong("transpose, too large", lambda v: v.x.permute(0, 2), S, "transpose", "(0, 2)", "x (3, 4)"),
    wrong("swapaxes", lambda v: mt.swapaxes(v.x, 0, 2), S, "swapaxes", "2"),
    wrong("max of nothing", lambda v: mt.max(v.empty), S, "max", "empty (0, 3)"),
    wrong("tril of a vector", lambda v: mt.tril(v.b), S, "tril", "b (3,)", "two axes"),
    # reshape and pad
    wrong("reshape", lambda v: v.x.reshape(5, 2), S, "reshape", "x (3, 4)", "12 elements", "(5, 2)"),
    wrong("reshape, −1", lambda v: v.x.reshape(5, -1), S, "reshape", "x (3, 4)", "(5, -1)"),
    wrong("pad", lambda v: mt.pad(v.x, ((1, 2), (3, 4), (5, 6))), S, "pad", "x (3, 4)"),
    wrong("pad, negative", lambda v: mt.pad(v.x, -1), S, "pad", "x (3, 4)", "-1"),
    # matmul
    wrong("matmul", lambda v: v.x @ v.w, S, "matmul", "x (3, 4)", "w (5, 4)", "4 ≠ 5", "Did you mean w.T?"),
    wrong("matmul, left", lambda v: v.xt @ v.xt, S, "matmul", "xt (4, 3)", "3 ≠ 4"),
    wrong("matmul, vector", lambda v: v.x @ v.b, S, "matmul", "b (3,)", "4 ≠ 3", "x.T"),
    wrong("matmul, 0-d", lambda v: v.x @ v.s, S, "matmul", "s ()", "mul (*)"),
    wrong("matmul, number", lambda v: v.x @ 2.0, S, "matmul", "x (3, 4)", "2.0"),
    wrong("matmul, batches", lambda v: v.x.reshape(3, 2, 2) @ v.x.reshape(2, 2, 3)[:, :, :], S, "matmul", "(2, 2, 3)"),
    # einsum
    wrong("einsum, operands", lambda v: mt.einsum("ij,jk->ik", v.x), S, "einsum", "'ij,jk->ik'", "2 operands", "1"),
    wrong("einsum, labels", lambda v: mt.einsum("ijk->i", v.x), S, "einsum", "'ijk'", "2 axes"),
    wrong("einsum, lengths", lambda v: mt.einsum("ij,ij->", v.x, v.xt), S, "einsum", "x (3, 4)", "xt (4, 3)"),
    wrong("einsum, target", lambda v: mt.einsum("ij->k", v.x), S, "einsum", "ij->k"),
    wrong("einsum, unknown sign", lambda v: mt.einsum("i$->i", v.x), S, "einsum", "i$->i"),
    # indexing
    wrong("index", lambda v: v.x[3], S, "getitem", "x (3, 4)", "3"),
    wrong("too many indexes", lambda v: v.x[0, 0, 0], S, "getitem", "x (3, 4)", "3"),
    wrong("index array", lambda v: v.x[[0, 7]], S, "getitem", "x (3, 4)", "7"),
    wrong("mask", lambda v: v.x[np.array([True, False])], S, "getitem", "x (3, 4)", "2"),
    wrong("float index", lambda v: v.x[1.5], (S, D), "getitem", "x (3, 4)"),
    wrong("string index", lambda v: v.x["a"], (S, D), "getitem", "x (3, 4)"),
    wrong("operand of words", lambda v: v.x + "a", D, "add", "x (3, 4)"),
    wrong("operand None", lambda v: v.x * None, D, "mul", "x (3, 4)"),
    wrong("take_along_axis", lambda v: mt.take_along_axis(v.x, [[9]], axis=0), S, "take_along_axis", "x (3, 4)", "9"),
    wrong("take_along_axis, axes", lambda v: mt.take_along_axis(v.x, [0], axis=0), S, "take_along_axis", "x (3, 4)"),
    wrong("take_along_axis, floats", lambda v: mt.take_along_axis(v.x, [[0.5]], axis=0), (S, D), "take_along_axis"),
    # putting together, apart
    wrong("stack, shapes", lambda v: mt.stack([v.x, v.xt]), S, "stack", "(3, 4)", "(4, 3)"),
    wrong("stack, none", lambda v: mt.stack([]), S, "stack", "at least one"),
    wrong("stack, axis", lambda v: mt.stack([v.x, v.x], axis=4), S, "4", "x (3, 4)"),
    wrong("concatenate, shapes", lambda v: mt.concatenate([v.x, v.xt]), S, "concatenate", "x (3, 4)", "xt (4, 3)"),
    wrong("concatenate, none", lambda v: mt.concatenate([]), S, "concatenate", "at least one"),
    wrong("concatenate, axis", lambda v: mt.concatenate([v.x, v.x], axis=2), S, "concatenate", "2", "x (3, 4)"),
    wrong("split, parts", lambda v: mt.split(v.x, 2), S, "split", "3 elements", "axis 0", "2 equal parts"),
    wrong("split, axis", lambda v: mt.split(v.x, 2, axis=2), S, "split", "axis 2", "(3, 4)"),
    wrong("split, none", lambda v: mt.split(v.x, 0), S, "split", "0 equal parts"),
    # functional
    wrong("one sample", lambda v: mt.batch_norm(v.x[:1], 1.0, 0.0), S, "batch_norm", "(1, 4)", "two or more"),
    wrong("correction", lambda v: mt.var(v.x, axis=0, correction=3), S, "var", "3 values", "x (3, 4)", "correction=3"),
    # gradients
    wrong("no graph", lambda v: v.constant.backward(), G, "constant (2,)", "no graph", "requires_grad=True"),
    wrong("no graph, grad", lambda v: mt.grad(v.constant.sum(), v.x), G, "no graph"),
    wrong("no scalar", lambda v: (v.x * 2.0).backward(), G, "result of mul (3, 4)", "not a scalar", "sum()"),
    wrong("no scalar, grad", lambda v: mt.grad(v.x * 2.0, v.x), G, "not a scalar"),
    wrong("upstream", lambda v: (v.x * 2.0).backward(np.ones(4)), S, "upstream", "mul (3, 4)", "(4,)"),
    wrong("upstream, grad", lambda v: mt.grad(v.x * 2.0, v.x, np.ones((4, 3))), S, "upstream", "(4, 3)"),
    wrong("upstream of words", lambda v: v.x.sum().backward("one"), D, "upstream", "numbers"),
    wrong("complex upstream", lambda v: v.x.sum().backward(1j), D, "upstream", "complex"),
    wrong("input without", lambda v: mt.grad(v.x.sum(), v.constant), G, "grad", "constant (2,)", "requires_grad=True"),
    wrong("input no tensor", lambda v: mt.grad(v.x.sum(), [np.ones(2)]), G, "grad", "(2,)"),
    wrong("output no tensor", lambda v: mt.grad(np.ones(2), v.x), G, "grad"),
    wrong("upstreams", lambda v: mt.grad([v.x.sum(), v.b.sum()], v.x, [1.0]), G, "2 outputs", "1 upstream"),
    wrong("retain_grad", lambda v: v.constant.retain_grad(), G, "constant (2,)", "needs no gradient"),
    wrong("integers", lambda v: mt.tensor([1, 2], name="n", requires_grad=True), D, "int64", "floating-point", "float"),
    wrong("requires_grad_ of integers", lambda v: v.n.requires_grad_(), D, "n (2,)", "int64"),
    wrong("requires_grad_ of result", lambda v: (v.x * 2).requires_grad_(), G, "result of mul", "detach()"),
    # values
    wrong("words", lambda v: mt.tensor("abc"), D, "abc", "numbers"),
    wrong("objects", lambda v: mt.tensor([{}]), D, "numbers"),
    wrong("None", lambda v: mt.tensor(None), D, "None"),
    wrong("ragged", lambda v: mt.tensor([[1.0], [1.0, 2.0]]), D, "[[1.0], [1.0, 2.0]] is not an array"),
    wrong("dates", lambda v: mt.tensor(np.array(["2020-01-01"], dtype="datetime64[D]")), D, "numbers"),
    wrong("unknown dtype", lambda v: mt.astype(v.x, "float33"), (D, TypeError), "float33"),
    wrong("assign_", lambda v: v.x.assign_(np.ones(4)), S, "assign_", "x (3, 4)", "(4,)"),
    wrong("assign_ complex", lambda v: v.b.assign_(np.ones(3) * 1j), D, "complex"),
    wrong("assign_ to a result", lambda v: (v.x * 2.0).assign_(np.ones((3, 4))), G, "mul", "leaf"),
    wrong("setitem", lambda v: v.x.__setitem__(0, 1.0), G, "x (3, 4)", "read-only", "mt.where", "assign_"),
    wrong("item", lambda v: v.x.item(), S, "item", "x (3, 4)", "12 elements", "tolist()"),
    wrong("float", lambda v: float(v.x), S, "x (3, 4)", "12"),
    wrong("truth of many", lambda v: bool(v.x > 0), S, "(3, 4)", "12"),
    wrong("len of 0-d", lambda v: len(v.s), TypeError, "0-d", "item()"),
    wrong("as an array", lambda v: np.asarray(v.x), G, "x (3, 4)", ".numpy()"),
    wrong("scope", lambda v: mt.scope(3), TypeError, "scope(3)", "string"),
    # other floors
    wrong("graph of an array", lambda v: mt.graph([np.ones(2)]), G, "graph", "not a Tensor"),
    wrong("graph's upstream", lambda v: mt.graph(v.x * 2.0, np.ones(4)), S, "upstream", "(4,)"),
    wrong("unknown node", lambda v: mt.graph(v.x * 2.0)["xx"], G, "'xx'", "did you mean 'x'"),
    wrong(
        "unknown gradient", lambda v: mt.compare(v.x.sum(), 1.0, {"dxx": np.ones(3)}), G, "'dxx'", "did you mean 'dx'"
    ),
    wrong("gradcheck of integers", lambda v: mt.gradcheck(mt.exp, [1, 2]), D, "gradcheck", "floating-point"),
    wrong("no function of scalars", lambda v: mt.value_and_grad(mt.exp, v.b.numpy()), S, "exp", "(3,)", "scalar"),
    wrong("unknown NumPy function", lambda v: np.linalg.inv(v.x), D, "inv", ".numpy()"),
    wrong("NumPy's out", lambda v: np.add(v.x, 1.0, out=np.ones((3, 4))), D, "np.add", "out"),
    wrong("NumPy's reduce", lambda v: np.subtract.reduce(v.x), D, "np.subtract.reduce", ".numpy()"),
]


@pytest.fixture
def given_tensors():
    """Named tensors, the gradients of some already there."""
    rng = np.random.default_rng(0)

    def parameter(name, shape):
        return mt.tensor(rng.standard_normal(shape), name=name, requires_grad=True)

    shapes = {"x": (3, 4), "xt": (4, 3), "w": (5, 4), "b": (3,), "s": (), "empty": (0, 3)}
    tensors = SimpleNamespace(**{name: parameter(name, shape) for name, shape in shapes.items()})
    tensors.constant = mt.tensor([1.0, 2.0], name="constant")
    tensors.n = mt.tensor([1, 2], name="n")
    (tensors.x.sum() + tensors.b.sum()).backward()
    return tensors


def _state(tensors):
    held = {
        name: (t.numpy().tobytes(), t.requires_grad, t.name, t.keeps_grad, None if t.grad is None else t.grad.tolist())
        for name, t in vars(tensors).items()
    }
    return held, recording.get(), np.geterr()


@pytest.mark.parametrize("case", WRONG, ids=lambda c: c.name)
def test_wrong_uses_say_what_was_written_and_change_nothing(case, given_tensors):
    before = _state(given_tensors)
    with pytest.raises(case.error) as caught:
        case.use(given_tensors)
    for fragment in case.says:
        assert fragment in str(caught.value)
    assert not re.search(r"0x[0-9a-f]{6}|<lambda>", str(caught.value))
    held, state, errors = _state(given_tensors)
    assert held == before[0]
    assert state is before[1]
    assert errors == before[2]


@pytest.mark.parametrize("case", WRONG, ids=lambda c: c.name)
def test_messages_are_short(case, given_tensors):
    with pytest.raises(case.error) as caught:
        case.use(given_tensors)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


def test_error_types_are_kinds_of_the_usual_ones():
    assert issubclass(mt.ShapeError, ValueError)
    assert issubclass(mt.GradientError, RuntimeError)
    assert issubclass(mt.DTypeError, TypeError)


def test_a_backward_pass_that_fails_halfway_changes_no_gradient(given_tensors):
    """The mistake comes to light only after one branch has been walked."""
    v = given_tensors
    z = mt.tensor([1j, 2j, 3j], requires_grad=True)
    before = _state(v)
    y = (v.b * 2.0).sum() + mt.abs(z).sum()
    with pytest.raises(mt.DTypeError, match="complex"):
        y.backward()
    assert _state(v)[0] == before[0]
    assert z.grad is None


def test_the_error_of_the_issue():
    x, w = mt.tensor(np.ones((32, 16)), name="x"), mt.tensor(np.ones((10, 16)), name="w")
    with pytest.raises(mt.ShapeError) as caught:
        x @ w
    assert str(caught.value) == "matmul: x (32, 16) and w (10, 16) do not chain: 16 ≠ 10. Did you mean w.T?"
