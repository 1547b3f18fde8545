"""What is no plain array of numbers, and files that misbehave: each has a stated outcome and leaves all as it was."""

import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.cli import main

RNG = np.random.default_rng(0)
X, DOUT = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
RIGHT = DOUT * 2.0 * X


def judged(gradient):
    x = mt.tensor(X, name="x", requires_grad=True)
    return mt.compare(mt.square(x).named("y"), DOUT, {"dx": gradient})


class Duck:
    """An array of another library, on another device perhaps."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)


def of_torch(array, **settings):
    torch = pytest.importorskip("torch")
    return torch.tensor(array, **settings)


def of_jax(array):
    return pytest.importorskip("jax.numpy").asarray(array)


TAKEN = {
    "a torch tensor": of_torch,
    "a torch tensor that asks for gradients": lambda array: of_torch(array, requires_grad=True),
    "a torch tensor within a graph": lambda array: of_torch(array, requires_grad=True) * 1.0,
    "a torch tensor in another memory order": lambda array: of_torch(array.T.copy()).T,
    "a jax array": of_jax,
    "an array of another library": Duck,
    "a Tensor": mt.tensor,
    "lists": lambda array: array.tolist(),
    "in Fortran's order": np.asfortranarray,
    "a read-only array": lambda array: np.broadcast_to(array, array.shape),
    "in the other byte order": lambda array: array.astype(">f8"),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_numbers_are_taken_from_whatever_holds_them(kind):
    assert judged(TAKEN[kind](RIGHT)).ok
    assert judged(TAKEN[kind](RIGHT + 1.0)).wrong == ["x"]


@pytest.mark.parametrize(
    ("gradient", "words"),
    [
        (np.array([object()] * 12).reshape(4, 3), "dx"),
        (np.array([["a"] * 3] * 4), "dx"),
        ([[1.0, 2.0], [3.0]], "dx"),
        (RIGHT + 1j, "dx holds complex128"),
        ("text", "dx holds <U4, not numbers"),
        (len, "dx holds object, not numbers"),
        (np.ma.masked_invalid(RIGHT), "dx would lose its mask"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_what_is_no_array_of_numbers_is_refused_by_its_name(gradient, words):
    with pytest.raises((mt.GradientError, mt.DTypeError), match=words):
        judged(gradient)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_wrong_where_finite_numbers_belong(number):
    spoilt = RIGHT.copy()
    spoilt[1, 2] = number
    report = judged(spoilt)
    assert report.wrong == ["x"]
    assert "1 of 12 numbers are NaN or infinite" in report.stages["x"].note


def test_what_is_not_finite_is_right_where_it_belongs():
    x = mt.tensor([4.0, 0.0], name="x", requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = mt.compare(mt.sqrt(x), [1.0, 1.0], {"dx": np.array([0.25, np.inf])}, point=False)
    assert report.ok


@pytest.mark.parametrize(
    ("gradient", "ok"),
    [
        (RIGHT[None], True),
        (RIGHT.reshape(4, 3, 1), False),
        (RIGHT.ravel(), False),
        (RIGHT.T, False),
        (RIGHT.sum(axis=0), False),
        (RIGHT[:2], False),
        (np.float64(3.0), False),
        (np.zeros((0, 3)), False),
    ],
    ids=lambda x: str(np.shape(x)),
)
def test_another_shape_is_right_only_around_right_values(gradient, ok):
    report = judged(gradient)
    assert report.ok is ok
    assert report.stages["x"].given_shape == np.shape(gradient)


# ----------------------------------------------------------------------------------------------- files that misbehave

PAIR = """
import numpy as np
{top}

def f_forward(x):
    {forward}
    return x * x, x

def f_backward(dout, cache):
    x = cache
    {backward}
    dx = 2 * x * dout
    return dx
"""

FILES = {
    # what stands where: the exit status, and words of what is said
    "nothing": ({}, 0, "right"),
    "prints while it is loaded": ({"top": "print('loaded')"}, 0, "loaded"),
    "prints in forward": ({"forward": "print('forward')"}, 0, "right"),
    "prints in backward": ({"backward": "print('backward')"}, 0, "backward"),
    "writes to the file of errors": ({"backward": "import sys; sys.stderr.write('here')"}, 0, "right"),
    "exits while it is loaded": ({"top": "raise SystemExit(0)"}, 2, "cannot be loaded"),
    "exits in forward": ({"forward": "exit()"}, 2, "SystemExit"),
    "exits in backward": ({"backward": "import sys; sys.exit(3)"}, 2, "SystemExit"),
    "fails while it is loaded": ({"top": "1 / 0"}, 2, "ZeroDivisionError"),
    "fails in forward": ({"forward": "raise KeyError('w')"}, 2, "KeyError"),
    "fails half-way in backward": ({"backward": "dy = dout; raise ValueError('no')"}, 1, "ValueError: no"),
    "recurses without end": ({"backward": "f_backward(dout, cache)"}, 1, "RecursionError"),
    "changes the working folder": ({"top": "import os; os.mkdir('sub'); os.chdir('sub')"}, 0, "right"),
    "changes it in backward": ({"backward": "import os; os.chdir('/')"}, 0, "right"),
    "patches NumPy": ({"top": "np.sum = None; np.mine = 3"}, 0, "right"),
    "patches it in backward": ({"backward": "np.mean = lambda x: 0"}, 0, "right"),
    "sets NumPy's errors": ({"top": "np.seterr(all='raise'); np.set_printoptions(precision=1)"}, 0, "right"),
    "seeds the generator": ({"forward": "np.random.seed(3)"}, 0, "right"),
    "filters warnings": ({"top": "import warnings; warnings.simplefilter('error')"}, 0, "right"),
    "warns": ({"backward": "import warnings; warnings.warn('old')"}, 0, "right"),
    "sets a trace": ({"backward": "import sys; sys.settrace(None); sys.setprofile(None)"}, 0, ""),
    "raises the recursion limit": ({"top": "import sys; sys.setrecursionlimit(5000)"}, 0, "right"),
    "changes the path": ({"top": "import sys; sys.path.insert(0, '/nowhere')"}, 0, "right"),
    "changes the environment": ({"top": "import os; os.environ['MINE'] = '1'"}, 0, "right"),
    "replaces the output": ({"top": "import sys, io; sys.stdout = io.StringIO()"}, 0, "right"),
    "imports what is not there": ({"top": "import not_there_at_all"}, 0, "right"),
    "needs what is not there": ({"top": "import not_there_at_all; not_there_at_all.run()"}, 2, "not_there_at_all"),
    "is no Python": ({"top": "def ("}, 2, "SyntaxError"),
    "uses a frozen argument": ({"backward": "dout *= 1"}, 0, "right"),
}


def state():
    """What of the interpreter a file must not change."""
    generator = np.random.get_state()  # noqa: NPY002
    return (
        os.getcwd(),  # noqa: PTH109
        list(sys.path),
        dict(os.environ),
        sys.getrecursionlimit(),
        sys.gettrace(),
        sys.getprofile(),
        sys.stdout,
        sys.stderr,
        np.geterr(),
        np.get_printoptions(),
        list(warnings.filters),
        generator[1].tolist(),
        {name: value for name, value in vars(np).items() if callable(value)},
        {name for name in sys.modules if name.startswith(("given", "mine"))},
    )


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_misbehaves_has_a_stated_outcome_and_changes_nothing(what, tmp_path, monkeypatch, capsys):
    parts, expected, words = FILES[what]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    filled = {"top": "", "forward": "", "backward": "", **parts}
    Path("mine.py").write_text(PAIR.format(**filled), encoding="utf-8")
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("default")  # as where no tests run
        before = state()
        status = main(["check", "mine.py"])
        after = state()
    said = capsys.readouterr()
    assert status == expected, said
    assert words in said.out + said.err
    for one, other in zip(before, after, strict=True):
        assert one == other


def test_a_loop_without_end_ends_by_an_interrupt_and_leaves_nothing_changed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        PAIR.format(top="", forward="", backward="import _thread; _thread.interrupt_main()\n    while True: pass"),
        encoding="utf-8",
    )
    heeded = signal.signal(signal.SIGINT, signal.default_int_handler)  # which programs in the background are without
    try:
        before = state()
        assert main(["check", "mine.py"]) == 130
        assert state() == before
    finally:
        signal.signal(signal.SIGINT, heeded)


def test_what_is_printed_in_backward_is_shown_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = PAIR.format(top="", forward="print('forward')", backward="print('backward')")
    Path("mine.py").write_text(text.replace("dx = 2 * x", "dx = 3 * x"), encoding="utf-8")
    assert main(["check", "mine.py"]) == 1
    assert capsys.readouterr().out.count("backward\n") == 1
