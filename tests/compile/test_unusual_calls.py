"""What a compiled function does with what is no ordinary call: each has one stated behaviour."""

import asyncio
import copy
import functools
import os
import pickle
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn
from micrograd_tensor.compile import compiled as compiled_module


def double(x):
    return x * 2 + mt.tanh(x)


def same(got, want):
    return got.shape == want.shape and got.dtype == want.dtype and np.allclose(got.numpy(), want.numpy(), rtol=1e-6)


# ----------------------------------------------------------------------------------------------- other arguments

OTHERS = {
    "another rank": np.ones((2, 3, 4)),
    "no axis": np.array(3.0),
    "another dtype": np.ones(3, np.float32),
    "half": np.ones(3, np.float16),
    "whole numbers": np.arange(3),
    "truth values": np.array([True, False]),
    "no elements": np.ones((0, 3)),
    "no elements along the last axis": np.ones((3, 0)),
    "one element": np.ones((1, 1, 1)),
    "every second": np.arange(12.0).reshape(3, 4)[::2, ::2],
    "backwards": np.arange(12.0).reshape(3, 4)[::-1, ::-1],
    "transposed": np.arange(12.0).reshape(3, 4).T,
    "columns first": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "repeated": np.broadcast_to(np.arange(4.0), (3, 4)),
    "overlapping": np.lib.stride_tricks.sliding_window_view(np.arange(6.0), 3),
    "read-only": np.frombuffer(np.arange(4.0).tobytes()),
    "of the other byte order": np.arange(3.0).astype(">f8"),
    "unaligned": np.frombuffer(b"\0" + np.arange(3.0).tobytes(), np.uint8)[1:].view(float),
    "a matrix": np.arange(4.0).reshape(2, 2).view(np.matrix),
}


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("settings", [{"exact": True}, {}], ids=["exact", "kernels"])
@pytest.mark.parametrize("kind", OTHERS)
def test_any_array_gives_what_the_function_gives(kind, settings):
    def function(x):
        return mt.softmax(x * 1.5, axis=-1).sum() + (x * x).mean(axis=0) if x.ndim and x.size else double(x)

    value, fast = OTHERS[kind], mt.compile(function, **settings)
    fast(np.arange(12.0).reshape(3, 4))
    want = function(mt.tensor(value))
    for _ in range(2):
        assert same(fast(value), want)


def test_arrays_come_in_as_tensors_where_there_is_no_program_too():
    fast = mt.compile(lambda x: (x, x * 2))
    for value in (np.arange(3.0), np.arange(3.0).astype(">f8")):
        for _ in range(2):
            assert [type(y) for y in fast(value)] == [mt.Tensor] * 2
        with mt.detect_anomaly():
            assert [type(y) for y in fast(value)] == [mt.Tensor] * 2


def test_another_tree_is_another_kind_of_call():
    fast = mt.compile(
        lambda x, *rest, **named: (x["a"] if isinstance(x, dict) else x[0]) * (1 + len(rest) + len(named))
    )
    one = mt.tensor([1.0])
    calls = [(({"a": one},), {}, 1), (([one, one],), {}, 1), (((one,), one), {}, 2), (((one,),), {"z": one}, 2)]
    for _ in range(2):
        for args, named, factor in calls:
            assert fast(*args, **named).tolist() == [float(factor)]
    assert fast._traces == len(calls)


def test_wrong_arguments_raise_what_the_function_raises_and_the_next_call_is_well():
    fast = mt.compile(double)
    for args in ((), (1.0, 2.0), ("text",), (None,), (object(),)):
        errors = []
        for called in (double, fast):
            with pytest.raises(Exception) as told:  # noqa: PT011 -- whichever
                called(*args)
            errors.append(type(told.value))
        assert errors[0] is errors[1]
    assert same(fast(mt.tensor([1.0])), double(mt.tensor([1.0])))


# ------------------------------------------------------------------------------------------- what can be compiled


class Scaled:
    rate = 2.0

    def __call__(self, x):
        return x * self.rate

    def method(self, x):
        return x * self.rate

    @classmethod
    def of_class(cls, x):
        return x * cls.rate

    @staticmethod
    def of_none(x):
        return x * 2.0

    @mt.compile
    def compiled(self, x):
        return x * self.rate

    @functools.cached_property
    def stored(self):
        return mt.compile(self.method)


class Module(nn.Module):
    def forward(self, x):
        return x * 2.0


CALLABLES = {
    "a function": lambda: double,
    "a lambda": lambda: lambda x: x * 2.0,
    "a method": lambda: Scaled().method,
    "a method of a class": lambda: Scaled.of_class,
    "a static method": lambda: Scaled.of_none,
    "an object that is called": Scaled,
    "a module": Module,
    "a partial function": lambda: functools.partial(lambda k, x: x * k, 2.0),
    "a partial method": lambda: functools.partial(Scaled.method, Scaled()),
    "an op": lambda: mt.exp,
    "a composition": lambda: mt.softmax,
    "a function of NumPy's": lambda: np.exp,
    "a method of Tensor's": lambda: mt.Tensor.tanh,
    "a compiled function": lambda: mt.compile(double),
    "a decorated function": lambda: mt.no_grad()(double),
    "a cached function": lambda: functools.lru_cache(double),
    "a method that was compiled in its class": lambda: Scaled().compiled,
    "a compiled method that is stored": lambda: Scaled().stored,
}


@pytest.mark.parametrize("kind", CALLABLES)
def test_whatever_can_be_called_can_be_compiled(kind):
    function = CALLABLES[kind]()
    fast = mt.compile(function)
    for value in ([1.0, 2.0], [3.0, -4.0]):
        x = mt.tensor(value)
        assert same(fast(x), function(x))
    assert repr(fast).startswith("<compiled ")
    assert isinstance(fast.report().ops, int)


def test_a_class_makes_objects_which_are_no_results():
    class Pair:
        def __init__(self, x):
            self.x = x

    with pytest.raises(TypeError, match="compile takes a function; Pair is a class: compile what its objects do"):
        mt.compile(Pair)


def generating(x):
    yield x


async def waiting(x):
    return x * 2


async def both(x):
    yield x


@pytest.mark.parametrize(("function", "kind"), [(generating, "generator"), (waiting, "coroutine"), (both, "generator")])
def test_what_runs_after_it_has_returned_is_refused(function, kind):
    with pytest.raises(TypeError, match=rf"{function.__name__} is an? .*{kind}, whose body runs after the call"):
        mt.compile(function)


def test_generators_within_are_well():
    def function(x):
        return sum(y * k for k, y in enumerate(iter([x, x * 2, x * 3])))

    fast = mt.compile(function)
    for value in (1.0, 2.0):
        assert fast(mt.tensor([value])).tolist() == [8 * value]
    assert fast._traces == 1


def test_recursion():
    def power(x, n):
        return x if n == 1 else x * power(x, n - 1)

    fast = mt.compile(lambda x: power(x, 5))
    assert [fast(mt.tensor([v])).tolist() for v in (2.0, 3.0)] == [[32.0], [243.0]]

    @mt.compile
    def itself(x, n):
        return x if n == 1 else x * itself(x, n - 1)

    assert [itself(mt.tensor([v]), 5).tolist() for v in (2.0, 3.0)] == [[32.0], [243.0]]
    with pytest.raises(RecursionError):
        mt.compile(lambda x: power(x, -1))(mt.tensor([2.0]))
    assert fast(mt.tensor([2.0])).tolist() == [32.0]


# --------------------------------------------------------------------------------- threads, processes, other places


@pytest.mark.parametrize("settings", [{"exact": True}, {"backend": "numba"}], ids=["exact", "kernels"])
def test_first_calls_from_several_threads(settings):
    fast, ready, results = mt.compile(double, **settings), threading.Barrier(4), [None] * 4

    def work(k):
        ready.wait()
        results[k] = [fast(mt.tensor(np.full(3 + j % 2, float(k)))).tolist() for j in range(20)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for k in range(4):
        want = double(mt.tensor([float(k)])).item()
        np.testing.assert_allclose([x for row in results[k] for x in row], want, rtol=1e-15)


def test_tasks_of_one_thread():
    fast = mt.compile(double)

    async def work(k):
        made = []
        for _ in range(3):
            await asyncio.sleep(0)
            made += fast(mt.tensor([float(k)])).tolist()
        return made

    async def all_of_them():
        return await asyncio.gather(*(work(k) for k in range(4)))

    for k, made in enumerate(asyncio.run(all_of_them())):
        np.testing.assert_allclose(made, double(mt.tensor([float(k)])).item())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_goes_on():
    fast = mt.compile(double)
    fast(mt.tensor([1.0]))
    child = os.fork()
    if child == 0:
        well = fast(mt.tensor([2.0])).tolist() == double(mt.tensor([2.0])).tolist()
        well &= fast(mt.tensor([2.0, 3.0])).shape == (2,)
        os._exit(0 if well else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert fast(mt.tensor([3.0])).tolist() == double(mt.tensor([3.0])).tolist()


def test_without_numba_numpy_runs(monkeypatch):
    monkeypatch.setattr(compiled_module, "find_spec", lambda name: None)
    fast = mt.compile(double)
    assert same(fast(mt.tensor([1.0])), double(mt.tensor([1.0])))
    assert fast.report().facts.backend == "NumPy"
    with pytest.raises(
        ModuleNotFoundError, match=r"backend='numba' needs Numba: pip install 'micrograd-tensor\[compile\]'"
    ):
        mt.compile(double, backend="numba")


@pytest.mark.slow
def test_without_a_home_folder_and_where_nothing_can_be_written(tmp_path):
    program = (
        "import numpy as np, micrograd_tensor as mt\n"
        "fast = mt.compile(lambda x: mt.tanh(x) * 2)\n"
        "print(fast(mt.tensor(np.zeros(3))).tolist())\n"
    )
    place = str(Path(mt.__file__).parents[1])
    for home in (None, "/nowhere", str(tmp_path / "missing"), "/dev/null"):
        around = {"PATH": os.environ["PATH"], "PYTHONPATH": place} | ({} if home is None else {"HOME": home})
        made = subprocess.run([sys.executable, "-c", program], env=around, capture_output=True, text=True, timeout=600)
        assert (made.stdout, made.stderr) == ("[0.0, 0.0, 0.0]\n", "")


def test_pickling_is_refused_and_copies_are_the_function_itself():
    fast = mt.compile(double)
    fast(mt.tensor([1.0]))
    with pytest.raises(TypeError, match="machine code, which is not pickled; pickle the function"):
        pickle.dumps(fast)
    assert copy.copy(fast) is copy.deepcopy([fast])[0] is fast


# ------------------------------------------------------------------------------------------------------- state


@pytest.mark.parametrize("settings", [{"exact": True}, {"backend": "numba"}], ids=["exact", "kernels"])
@pytest.mark.parametrize("moment", ["first call", "later call"])
def test_an_exception_in_a_run_changes_nothing(moment, settings):
    count, generator = mt.tensor([0.0]), np.random.default_rng(0)
    w = mt.tensor([1.0, 2.0], requires_grad=True)

    def function(x, places):
        count.assign_(count + 1)
        noise = mt.rand(2, generator=generator)
        (w * x * noise).sum().backward()
        return mt.take_along_axis(x, places, axis=0)

    fast, x = mt.compile(function, **settings), mt.tensor([1.0, 2.0])
    if moment == "later call":
        fast(x, np.array([0]))
    before = count.tolist(), None if w.grad is None else w.grad.tolist()
    state = generator.bit_generator.state
    runs = 0 if moment == "first call" else 1
    with pytest.raises(mt.ShapeError):
        fast(x, np.array([7]))
    if moment == "first call":
        assert (count.tolist(), w.grad) == before
        assert generator.bit_generator.state == state
    after = fast(x, np.array([1]))
    assert after.tolist() == [2.0]
    assert count.tolist()[0] >= runs + 1


def test_a_warning_that_is_an_error_stops_before_anything_changes():
    count = mt.tensor([0.0])

    def function(x, n):
        count.assign_(count + 1)
        return x * n

    fast = mt.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(31):
            fast(mt.tensor([1.0]), float(n))
        with pytest.raises(UserWarning, match="compiled for 32 kinds"):
            fast(mt.tensor([1.0]), 31.0)
    assert count.tolist() == [31.0]
