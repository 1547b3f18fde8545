"""The table of PyTorch's habits: each line does in PyTorch what ours does here, and typing it here says so."""

import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.interop.habits import DIFFERENCES, HABITS, NO_COUNTERPART, missing

DOCS = Path(__file__).parents[3] / "docs"

rng = np.random.default_rng(0)
X, Y, V = rng.uniform(0.5, 2, (4, 4)), rng.normal(size=(4, 4)), rng.uniform(0.5, 2, 4)
IMAGE, W, B = rng.normal(size=(2, 3, 4, 4)), rng.normal(size=(3, 4)), rng.normal(size=3)

RANDOM = {"empty", "empty_like", "dropout2d", "normal", "normal_", "uniform_", "bernoulli", "multinomial"}
"""Two generators, or none, give different numbers: here only shapes are compared."""
OBJECTS = {"grad_fn", "set_grad_enabled", "Generator", "set_printoptions", "LazyLinear", "RandomSampler"}
"""What gives no numbers: here both lines merely run."""
OBJECTS |= {"compile", "get_submodule", "create_graph=", "map_location=", "weights_only="}


def names(m):
    """What the lines of the table speak of, for either library."""
    data = mt.data if m is mt else m.utils.data
    net = m.nn.Linear(4, 3).double()
    net.load_state_dict({"weight": m.tensor(W), "bias": m.tensor(B)})
    found = {"np": np, "nn": m.nn, "F": m.nn.functional, "optim": m.optim, "data": data, "net": net}
    found["f"] = lambda z: z * 2
    found |= {
        "x": m.tensor(X, requires_grad=True),
        "y": m.tensor(Y),
        "v": m.tensor(V),
        "z": m.tensor(X + 1),
        "p": m.tensor(V / V.sum()),
    }
    found |= {"i": m.tensor(np.array([2, 0])), "j": m.tensor(np.array([[1], [0], [3], [2]]))}
    found |= {"o": m.optim.SGD(net.parameters(), lr=0.1), "signal": m.tensor(IMAGE[0])}
    found |= {"image": m.tensor(IMAGE), "labels": m.tensor(np.array([0, 2, 1]))}
    return found | {"loss": (found["x"] ** 2).sum(), "mt" if m is mt else "torch": m}


def arrays(value):
    """A result as a list of arrays."""
    if value is None:
        return []
    if hasattr(value, "detach"):
        return [np.asarray(value.detach().numpy(), np.float64)]
    if isinstance(value, (tuple, list)) or hasattr(value, "batch_size"):
        return [array for part in value for array in arrays(part)]
    return [np.asarray(value, np.float64)]


def evaluated(line, m):
    with warnings.catch_warnings(), np.printoptions():  # which a line sets
        warnings.simplefilter("ignore")  # of PyTorch's own about its old names
        return eval(line, names(m))  # noqa: S307 -- the lines of our own table


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with np.printoptions():  # which one of the lines sets
        yield


COMPARED = [habit for habit in (*HABITS, *DIFFERENCES) if habit.ours not in ("", NO_COUNTERPART)]


@pytest.mark.torch
@pytest.mark.parametrize("habit", COMPARED, ids=lambda habit: habit.theirs)
def test_our_line_does_what_theirs_does(habit, files):
    torch = pytest.importorskip("torch")
    if "load(" in habit.theirs:
        torch.save(names(torch)["net"].state_dict(), "net.pt")
        mt.save(names(mt)["net"], "net.safetensors")
    with torch.no_grad() if habit.name.endswith("_") else torch.enable_grad():
        expected = evaluated(habit.theirs, torch)
    found = evaluated(habit.ours, mt)
    if habit.name in OBJECTS:
        return
    found, expected = arrays(found), arrays(expected)
    assert [a.shape for a in found] == [a.shape for a in expected]
    for a, b in zip(found, expected, strict=True):
        assert habit.name in RANDOM or np.allclose(a, b, rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.theirs)
def test_typing_their_line_here_says_what_to_write(habit):
    line = habit.theirs.replace("torch.autograd.", "torch.") if "=" in habit.about else habit.theirs
    with pytest.raises((AttributeError, TypeError)) as caught:
        eval(line, names(mt) | {"torch": mt})  # noqa: S307
    said = str(caught.value)
    assert habit.theirs.split("(")[0].split(".")[1] in said or habit.about.rstrip("=") in said
    same_name = [other for other in HABITS if other.name == habit.name]
    assert any(str(other) in said for other in same_name)
    if sum(other.theirs.split(".")[0] == habit.theirs.split(".")[0] for other in same_name) == 1:
        assert str(habit) in said


def test_hints_are_one_line_and_end_without_a_stop():
    for habit in HABITS:
        assert "\n" not in str(habit)
        assert not str(habit).endswith((".", ":", " "))
        assert len(str(habit)) < 220


def test_the_owner_of_a_name_decides_between_two_hints():
    assert "torch.topk(x, 2)" in str(missing("module 'm'", "topk", None, "torch"))
    assert "x.topk(2)" in str(missing("'Tensor' object", "topk", None, "x"))
    assert "optim.LBFGS" in str(missing("module 'm'", "LBFGS", None, "torch"))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda x: x.roll(1), "It is mt.roll(x)"),
        (lambda x: x.where(x > 0, 0), "It is mt.where(x)"),
        (lambda x: x.gelu(), "It is mt.gelu(x)"),
        (lambda x: x.exp_(), "Values are never changed in place: x.assign_(mt.exp(x)), if x is a leaf"),
        (lambda x: x.unsqueeze_(0), "x.assign_(mt.unsqueeze(x))"),
        (lambda x: x.t_(), "x.assign_(x.t())"),
        (lambda x: mt.relu_(x), "x.assign_(mt.relu(x))"),
        (lambda x: mt.masked_fill(x, x > 0, 0), "It is a method of tensors: x.masked_fill()"),
        (lambda x: mt.detach(x), "It is a method of tensors: x.detach()"),
        (lambda x: mt.nn.functional.exp(x), "It is mt.exp()"),
        (lambda x: mt.Linear(2, 3), "It is mt.nn.Linear"),
        (lambda x: mt.Adam([x]), "It is mt.optim.Adam"),
        (lambda x: mt.DataLoader(x), "It is mt.data.DataLoader"),
        (lambda x: x.Linear, "It is mt.nn.Linear"),
    ],
)
def test_a_name_that_is_known_elsewhere_is_found_there(wrong, says):
    _ = mt.nn, mt.optim, mt.data  # where names are looked for once they are in use
    with pytest.raises(AttributeError) as caught:
        wrong(mt.tensor(X))
    assert says in str(caught.value)


def test_what_nobody_knows_gets_no_hint():
    with pytest.raises(AttributeError, match=r"^'Tensor' object has no attribute 'sofmax'$"):
        mt.tensor(X).sofmax()  # Python adds "Did you mean: 'softmax'?" when it shows the error


def test_what_is_known_elsewhere_is_not_there():
    x = mt.tensor(X)
    for name in ("cuda", "roll", "exp_", "partition"):
        assert not hasattr(x, name)
        assert not hasattr(mt.Tensor, name)
        assert name not in dir(x)
    assert {"sum", "T", "grad", "assign_"} <= {*dir(x)}
    with pytest.raises(AttributeError, match="read-only"):
        x.cuda = 1


def test_a_subclass_may_have_what_tensors_have_not():
    class Mine(mt.Tensor):
        def cuda(self):
            return "here"

    x = Mine([1.0])
    x.roll = 2
    assert (x.cuda(), x.roll) == ("here", 2)
    assert {"cuda", "roll"} <= {*dir(x)}
    with pytest.raises(AttributeError, match=r"'Mine' object has no attribute 'exp_'\. Values are never changed"):
        x.exp_()


def test_the_page_shows_the_table():
    written = runpy.run_path(str(DOCS / "coming_from_pytorch.py"))["with_tables"]
    page = (DOCS / "coming-from-pytorch.md").read_text(encoding="utf-8")
    assert written(page) == page, "run docs/coming_from_pytorch.py"
    assert all(f"| `{habit.theirs}` |" in page for habit in (*HABITS, *DIFFERENCES))
