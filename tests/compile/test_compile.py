"""A compiled function is called as the function is, and gives what the function gives."""

import functools
import warnings
from collections import namedtuple

import numpy as np
import pytest

import micrograd_tensor as mt

Pair = namedtuple("Pair", "first second")


def ran(fast):
    """The compiled function, after a check that no call of it was left to the function itself."""
    assert not fast._eager, fast._eager
    return fast


def test_as_a_call_and_as_a_decorator():
    @mt.compile
    def double(x):
        """Twice x."""
        return x + x

    @mt.compile(exact=True)
    def triple(x):
        return x + x + x

    x = mt.tensor([1.0, 2.0])
    for _ in range(2):
        assert double(x).tolist() == [2.0, 4.0]
        assert triple(x).tolist() == [3.0, 6.0]
        assert mt.compile(lambda x: x * x)(x).tolist() == [1.0, 4.0]
    assert (double.__name__, double.__doc__) == ("double", "Twice x.")
    assert repr(ran(double)) == "<compiled double>"


def test_arguments_and_results_are_trees():
    def function(pair, *rest, scale=1.0, **named):
        made = {"sum": pair.first + pair.second["b"], "n": 3, "none": None}
        return Pair([made, rest[0] * scale], (named["z"], "text", ()))

    x, z = mt.tensor([1.0, 2.0]), mt.tensor(5.0)
    pair = Pair(x, {"b": np.array([10.0, 20.0])})
    fast = mt.compile(function)
    for factor in (1, 3):
        got = fast(pair, x * factor, scale=2.0, z=z)
        assert type(got) is Pair
        assert got.first[0]["sum"].tolist() == [11.0, 22.0]
        assert (got.first[0]["n"], got.first[0]["none"]) == (3, None)
        assert got.first[1].tolist() == [2.0 * factor, 4.0 * factor]
        assert got.second[0] is z
        assert got.second[1:] == ("text", ())
    ran(fast)


@pytest.mark.parametrize("number", [0.5, -0.0, 0.0, 2, 2.0, True, float("nan"), float("inf"), 1 + 2j, None, "mean"])
def test_numbers_are_what_they_are(number):
    fast = mt.compile(lambda x, n: (x, n) if n is None or isinstance(n, str) else (x / n, n))
    x = mt.tensor([1.0, -2.0])
    with np.errstate(all="ignore"):
        fast(x, 7.0), fast(x, 1), fast(x, 0.0)
        for _ in range(2):
            got, same = fast(x, number)
            want = x if number is None or isinstance(number, str) else x / number
            np.testing.assert_array_equal(got.numpy(), want.numpy())
            assert repr(same) == repr(number)


def test_arrays_come_in_as_tensors_and_stay_their_owners():
    fast = mt.compile(lambda x: (x.T, x * 1, x))
    x = np.arange(6.0).reshape(2, 3)
    for _ in range(2):
        results = fast(x)
        before = [y.tolist() for y in results]
        x += 1
        assert [y.tolist() for y in results] == before
        assert all(isinstance(y, mt.Tensor) for y in results)
    assert ran(fast)(x)[1].tolist() == x.tolist()


def test_an_argument_that_is_returned_is_the_argument():
    w = mt.tensor([3.0])
    fast = mt.compile(lambda x: (x, w, x + w))
    for value in (1.0, 2.0):
        x = mt.tensor([value])
        a, b, c = fast(x)
        assert a is x
        assert b is w
        assert c.tolist() == [value + 3.0]


def test_other_shapes_dtypes_and_layouts_are_other_kinds_of_call():
    fast, fused = (mt.compile(lambda x: (x - x.mean(axis=0)) @ x.T, exact=exact) for exact in (True, False))
    rng = np.random.default_rng(0)
    for shape in [(3, 4), (5, 4), (0, 4), (3, 0), (1, 1)]:
        for dtype in ("float32", "float64", "float16"):
            for x in (rng.normal(size=shape), rng.normal(size=shape[::-1]).T, rng.normal(size=(6, 8))[::2, ::2]):
                x = x.astype(dtype, order="K")
                with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                    want = (mt.tensor(x) - mt.tensor(x).mean(axis=0)) @ mt.tensor(x).T
                    got, other = fast(x), fused(x)
                assert got.dtype == want.dtype == other.dtype
                np.testing.assert_array_equal(got.numpy(), want.numpy())
                np.testing.assert_allclose(other.numpy(), want.numpy(), rtol=1e-5, atol=1e-5)


def test_the_same_tensor_twice_is_one_argument():
    def function(x, y):
        (x * y).sum().backward()
        return x.grad, y.grad

    fast = mt.compile(function)
    for _ in range(2):
        x, y = mt.tensor([2.0], requires_grad=True), mt.tensor([3.0], requires_grad=True)
        assert [g.tolist() for g in fast(x, y)] == [[3.0], [2.0]]
        x = mt.tensor([2.0], requires_grad=True)
        a, b = fast(x, x)
        assert a.tolist() == b.tolist() == x.grad.tolist() == [4.0]
    ran(fast)


def test_modules_and_methods():
    class Net(mt.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = mt.nn.Linear(2, 3, dtype=float)

        @mt.compile
        def forward(self, x):
            return mt.tanh(self.layer(x))

    first, second = Net(), Net()
    x = mt.tensor([[1.0, 2.0]])
    for net in (first, second, first):
        want = mt.tanh(x @ net.layer.weight.T + net.layer.bias)
        np.testing.assert_allclose(net(x).numpy(), want.numpy(), rtol=1e-15)
        np.testing.assert_allclose(mt.compile(net)(x).numpy(), net(x).numpy(), rtol=1e-15)
        net(x).sum().backward()
        assert net.layer.weight.grad is not None


def test_partial_functions_and_builtin_ops():
    x = mt.tensor([[1.0, 2.0]])
    assert mt.compile(functools.partial(mt.sum, axis=0))(x).tolist() == [1.0, 2.0]
    assert mt.compile(mt.exp)(x).tolist() == mt.exp(x).tolist()


def test_within_another_compiled_function_it_is_a_part_of_it():
    inner = mt.compile(lambda x: x * x)
    outer = mt.compile(lambda x: inner(x) + 1, backend="numpy")
    assert [outer(mt.tensor([v])).tolist() for v in (2.0, 3.0)] == [[5.0], [10.0]]
    assert "mul" in ran(outer).source


def test_what_is_computed_twice_is_computed_once_and_what_nobody_needs_not_at_all():
    fast = mt.compile(lambda x: mt.exp(x) + mt.exp(x) + (0 if mt.sin(x) is None else 1), backend="numpy")
    fast(mt.tensor([1.0]))
    assert fast.source.count("op.exp") == 1
    assert "op.sin" not in fast.source


def test_bad_settings_are_told():
    with pytest.raises(ValueError, match="backend='cuda'; there is 'auto', 'numpy', 'numba', 'c'"):
        mt.compile(lambda x: x, backend="cuda")
    with pytest.raises(TypeError, match="compile takes a function, not 3"):
        mt.compile(3)
    with pytest.raises(mt.TraceError, match="has no source yet"):
        _ = mt.compile(lambda x: x).source


def test_an_error_of_the_function_is_its_own_and_the_next_call_is_well():
    fast = mt.compile(lambda x, y: x @ y)
    x = mt.tensor([[1.0, 2.0]], name="x")
    for _ in range(2):
        with pytest.raises(mt.ShapeError, match="x"):
            fast(x, x)
        assert fast(x, x.T).tolist() == [[5.0]]


def test_an_index_out_of_range_is_told_as_without_compile():
    fast = mt.compile(lambda x, i: mt.take_along_axis(x, i, axis=0))
    x = mt.tensor([1.0, 2.0])
    assert fast(x, np.array([1])).tolist() == [2.0]
    with pytest.raises(mt.ShapeError):
        fast(x, np.array([5]))
    assert fast(x, np.array([0])).tolist() == [1.0]


def test_arrays_of_other_libraries_are_left_to_the_function():
    dask = pytest.importorskip("dask.array")
    fast = mt.compile(lambda x: x + 1)
    for value in (1.0, 2.0):
        array = dask.from_array(np.full(3, value))
        assert fast(mt.Tensor(array))._data.compute().tolist() == [value + 1] * 3
    torch = pytest.importorskip("torch")
    given = torch.ones(2, dtype=torch.float64)
    twice = mt.compile(lambda x: mt.tensor(x) * 2)
    assert twice(given).tolist() == [2.0, 2.0]
    given += 1
    assert twice(given).tolist() == [4.0, 4.0]


def test_many_kinds_of_calls_warn_once():
    fast = mt.compile(lambda x, n: x * n)
    for n in range(31):
        fast(mt.tensor([2.0]), float(n))
    with pytest.warns(UserWarning, match="compiled for 32 kinds of calls; give numbers that vary as Tensors"):
        fast(mt.tensor([2.0]), 31.0)
    for n in range(40):
        assert fast(mt.tensor([2.0]), float(n)).tolist() == [2.0 * n]
    assert len(fast._programs) <= 33


def test_anomalies_are_looked_for_where_that_is_asked():
    fast = mt.compile(lambda x: mt.log(x))
    with np.errstate(all="ignore"):
        assert np.isnan(fast(mt.tensor([-1.0])).numpy())
    with mt.detect_anomaly(), pytest.raises(mt.GradientError, match="made a NaN"):
        fast(mt.tensor([-1.0]))


def test_no_grad_around_a_call_holds_within_it():
    fast = mt.compile(lambda x: x * x)
    x = mt.tensor([3.0], requires_grad=True)
    with mt.no_grad():
        assert not fast(x).requires_grad
    assert fast(x).requires_grad


@pytest.mark.parametrize("name", ["op", "np", "kernel", "k_kernel", "scratch", "reuse", "constant0", "constant1", "x"])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_function_may_have_any_name(name, backend):
    """Also one that the printed program has for something else."""
    if backend == "numba":
        pytest.importorskip("numba")

    def function(x):
        return mt.tanh(x - x.mean(axis=0)) * mt.tensor([1.0, 2.0, 3.0]) + mt.exp(x).sum()

    function.__name__ = name
    fast, x = mt.compile(function, backend=backend), mt.tensor(np.arange(6.0).reshape(2, 3))
    assert np.allclose(fast(x), function(x), rtol=1e-12)
    assert np.allclose(fast(x), function(x), rtol=1e-12)  # warnings are errors: the program itself has run
