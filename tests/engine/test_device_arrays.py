"""Arrays on a GPU: every case of the one table of ops on a strict stand-in for CuPy's arrays, and on CuPy's own."""

import numpy as np
import pytest
from ducks import Device
from op_cases import CASES, each, outputs, upstreams

import micrograd_tensor as mt

REFUSED = {"diff, with edges": "Device beside NumPy's, which do not mix; np.asarray"}
"""Cases that bring NumPy's arrays along as operands."""


def cupy():
    """CuPy, where there is a GPU to compute on."""
    cp = pytest.importorskip("cupy")
    try:
        cp.zeros(1)
    except Exception as error:
        pytest.skip(f"CuPy finds no GPU: {error}")
    return cp


def device(array):
    return Device(np.asarray(array))


def check(case, kind, put, put_indices, create_graph=False):
    arrays = case.arrays()
    up = upstreams(outputs(case.function(*case.tensors()))) if case.differentiable else []
    expected, found = (
        _results(case, [own(a) for own, a in zip(owns, arrays, strict=True)], ups, graph)
        for owns, ups, graph in (
            ([np.asarray] * len(arrays), up, False),
            ([put if a.dtype.kind in "fb" else put_indices for a in arrays], [put(u) for u in up], create_graph),
        )
    )
    assert len(found) == len(expected)
    for e, f in zip(expected, found, strict=True):
        if e is None:
            assert f is None
            continue
        assert isinstance(f.numpy(), kind)
        assert f.shape == e.shape
        assert f.dtype == e.dtype
        np.testing.assert_allclose(f.numpy().get(), e.numpy(), rtol=1e-11, atol=1e-13)


def _results(case, arrays, up, create_graph):
    tensors = [mt.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    outs = outputs(case.function(*tensors))
    leaves = [t for t in tensors if t.requires_grad]
    return [*outs, *mt.grad(outs, leaves, up, create_graph=create_graph)] if case.differentiable else outs


def check_or_refuse(case, *how, **settings):
    if case.name in REFUSED:
        with pytest.raises(mt.DTypeError, match=REFUSED[case.name]):
            check(case, *how, **settings)
    else:
        check(case, *how, **settings)


@each(CASES)
def test_arrays_on_a_device_stay_there(case):
    check_or_refuse(case, Device, device, device)


@each(CASES)
def test_gradients_on_a_device_are_recorded_too(case):
    check_or_refuse(case, Device, device, np.asarray, create_graph=True)


def test_arrays_of_cupy_stay_on_the_gpu():
    cp = cupy()
    for case in CASES:
        check_or_refuse(case, cp.ndarray, cp.asarray, cp.asarray)


def test_what_is_said_to_be_refused_is_a_case():
    assert REFUSED.keys() <= {case.name for case in CASES}


def test_the_stand_in_notices_what_leaves_the_device():
    x = mt.tensor(device([1.0, 2.0]))
    for leave in (np.asarray, bool, float, list, lambda a: a + np.ones(2), lambda a: np.where(np.ones(2) > 0, a, 0)):
        with pytest.raises(TypeError):
            leave(x.numpy())


def test_operands_of_numpys_are_not_brought_over_in_silence():
    x = mt.tensor(device([1.0, 2.0]), name="x")
    with pytest.raises(mt.DTypeError, match=r"mul: x \(2,\) and an array \(2,\).*np.asarray\(y, like=x\)"):
        x * np.ones(2)
    y = mt.tensor(np.ones(2), name="y")
    with pytest.raises(mt.DTypeError, match=r"add: x \(2,\) and y \(2,\).*Device beside NumPy's"):
        x + y
    assert isinstance((x + mt.tensor(np.asarray(y.numpy(), like=x.numpy()))).numpy(), Device)


def test_files_and_checks_fetch_what_is_on_a_device(tmp_path):
    x = np.random.default_rng(0).normal(size=(3, 2))
    mt.save({"x": Device(x)}, tmp_path / "x.safetensors")
    mt.save_checkpoint(tmp_path / "c.safetensors", x=Device(x), epoch=1)
    np.testing.assert_array_equal(mt.load(tmp_path / "x.safetensors")["x"], x)
    np.testing.assert_array_equal(mt.load_checkpoint(tmp_path / "c.safetensors")["x"], x)
    assert mt.gradcheck(mt.tanh, Device(x))
    t = mt.tensor(x, name="x", requires_grad=True)
    assert mt.compare(mt.square(t).sum(), None, {"x": Device(2 * x)}).ok


READERS = {"derive": mt.derive, "compare": lambda y: mt.compare(y, None, {"x": np.ones((3, 2))})}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_readers_of_numbers_refuse_what_is_on_a_device(read):
    x = mt.tensor(Device(np.ones((3, 2))), name="x", requires_grad=True)
    with pytest.raises(mt.DTypeError, match=r"x \(3, 2\) is an array of .*x\.get\(\)"):
        read((x * x).sum())
