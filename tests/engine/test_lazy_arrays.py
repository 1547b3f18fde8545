"""Dask: every case of the one table of ops on lazy arrays, which stay lazy, or are refused in words that are stated."""

import warnings

import numpy as np
import pytest
from op_cases import CASES, Case, each, outputs, upstreams

import micrograd_tensor as mt
from micrograd_tensor.engine.table.gathers import added, taken

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

NO_AXES = "axis .* is out of range for a tensor \\(\\); it has no axes"
NOT_KNOWN = "the values of a lazy index are not known; compute it first"
NO_IDENTITY = "zero-size array to reduction operation"
REFUSED: dict[str, str] = {
    **dict.fromkeys(("softmax, 0-d", "log_softmax, 0-d", "cumsum, 0-d"), NO_AXES),
    **{f"{op}, 0-d, axis={axis}": NO_AXES for op in ("sum", "max", "min", "prod") for axis in (0, -1)},
    **dict.fromkeys(("max, no elements left", "min, no elements left"), NO_IDENTITY),
}
"""Of lazy operands: what NumPy gives an array without axes, and Dask does not; and what Dask finds out on the way."""
REFUSED_INDEX = {
    **{f"getitem, Tensor {what}": NOT_KNOWN for what in ("of places", "of places amid slices", "mask")},
    **dict.fromkeys(("put, places with repeats", "embedding"), NOT_KNOWN),
}
"""Of lazy indices besides."""


def computed_by_the_way(*_args, **_settings):
    raise AssertionError("something was computed before it was asked for")


def in_halves(array):
    """Chunks of half the length along each axis, so that each axis is cut."""
    return da.from_array(array, chunks=tuple(max(1, (n + 1) // 2) for n in array.shape))


def by_rows(array):
    return da.from_array(array, chunks=(1, *array.shape[1:]) if array.ndim else -1)


def as_they_are(array):
    return array


def gradients(case, arrays, up, create_graph):
    """The outputs and the gradients of a case for operands as they are given."""
    tensors = [mt.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    outs = outputs(case.function(*tensors))
    leaves = [t for t in tensors if t.requires_grad]
    if not case.differentiable:
        return outs
    return [*outs, *mt.grad(outs, leaves, up, create_graph=create_graph)]


def check(case: Case, cut, cut_indices=as_they_are, create_graph=False):
    """Lazy all the way, and NumPy's numbers in the end."""
    arrays = case.arrays()
    expected = gradients(case, arrays, None if not case.differentiable else _ups(case), create_graph=False)
    lazy = [cut(a) if a.dtype.kind == "f" else cut_indices(a) for a in arrays]
    with dask.config.set(scheduler=computed_by_the_way):
        found = gradients(case, lazy, [cut(u) for u in _ups(case)], create_graph)
    assert len(found) == len(expected)
    for e, f in zip(expected, found, strict=True):
        if e is None:
            assert f is None
            continue
        assert isinstance(f.numpy(), da.Array)
        values = f.numpy().compute()
        assert f.shape == values.shape == e.shape
        assert f.dtype == values.dtype == e.dtype
        np.testing.assert_allclose(values, e.numpy(), rtol=1e-11, atol=1e-13)


def _ups(case):
    return upstreams(outputs(case.function(*case.tensors())))


def check_or_refuse(case, refused, *how, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Dask warns of what it does not know, and would turn it into NumPy's
        if case.name in refused:
            with pytest.raises((mt.ShapeError, ValueError), match=refused[case.name]):
                check(case, *how, **settings)
        else:
            check(case, *how, **settings)


@each(CASES)
def test_lazy_operands_give_lazy_results_and_gradients(case):
    check_or_refuse(case, REFUSED, in_halves)


@each(CASES)
def test_gradients_of_lazy_operands_are_recorded_too(case):
    check_or_refuse(case, REFUSED, by_rows, create_graph=True)


@each(case for case in CASES if any(a.dtype.kind != "f" for a in case.arrays()))
def test_lazy_indices_are_taken_along_an_axis_or_refused(case):
    check_or_refuse(case, REFUSED | REFUSED_INDEX, in_halves, in_halves)


@each(case for case in CASES if len(case.arrays()) > 1)
def test_numpys_operands_beside_a_lazy_one(case):
    """The first floating-point operand is lazy, the others are NumPy's."""
    arrays = case.arrays()
    lazy = next((i for i, a in enumerate(arrays) if a.dtype.kind == "f"), None)
    if lazy is None or case.name in REFUSED:
        return
    mixed = [in_halves(a) if i == lazy else a for i, a in enumerate(arrays)]
    with dask.config.set(scheduler=computed_by_the_way):
        found = gradients(case, mixed, [in_halves(u) for u in _ups(case)], create_graph=False)
    for e, f in zip(gradients(case, arrays, _ups(case), create_graph=False), found, strict=True):
        if e is not None:
            np.testing.assert_allclose(np.asarray(f.numpy()), e.numpy(), rtol=1e-11, atol=1e-13)


def test_what_is_said_to_be_refused_is_a_case():
    assert {*REFUSED, *REFUSED_INDEX} <= {case.name for case in CASES}


def test_the_check_notices_a_detour_by_numpy():
    def detour(x):
        return mt.tensor(np.asarray(x.numpy()))

    case = Case("sqrt, by NumPy", None, detour, np.sqrt, domains="positive", differentiable=False)
    with pytest.raises(AssertionError, match="before it was asked for"):
        check(case, in_halves)


def test_the_check_notices_what_dask_does_not_know():
    case = Case("unknown", None, lambda x: mt.tensor(np.roots(x.numpy())), np.roots, ((3,),), differentiable=False)
    with pytest.raises((AssertionError, FutureWarning, TypeError)):
        check_or_refuse(case, {}, in_halves)


def test_the_check_notices_wrong_numbers():
    wrong = Case("wrong", None, lambda x: x * 2 if isinstance(x.numpy(), da.Array) else x * 3, np.negative)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(wrong, in_halves)


# ------------------------------------------------------------------------------------------------------------ bad input


def unknown():
    x = da.from_array(np.arange(6.0), chunks=2)
    return x[x > 2]


def test_unknown_lengths_are_refused_where_they_come_in():
    with pytest.raises(mt.ShapeError, match=r"of shape \(nan,\) does not know its lengths.*compute_chunk_sizes\(\)"):
        mt.tensor(unknown())
    with pytest.raises(mt.ShapeError, match="does not know its lengths"):
        mt.tensor(1.0) + unknown()
    known = unknown().compute_chunk_sizes()
    x = mt.tensor(known, requires_grad=True)
    x.mean().backward()
    np.testing.assert_allclose(x.grad.numpy().compute(), np.full(3, 1 / 3))


def test_unknown_lengths_are_refused_where_they_arise():
    x = mt.tensor(da.from_array(np.arange(6.0), chunks=2), requires_grad=True)
    with pytest.raises(mt.ShapeError, match=r"getitem.*values of a lazy index are not known"):
        x[x > 2]
    kept = mt.where(x > 2, x, 0.0)
    kept.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy().compute(), [0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize("chunks", [(2, 3), (6, 1), ((1, 5), (2, 4)), 6])
def test_chunks_along_the_normalized_axis_change_nothing(chunks):
    rng = np.random.default_rng(0)
    values, dout, gamma = rng.normal(size=(6, 6)), rng.normal(size=(6, 6)), rng.normal(size=6)
    for axis in (0, 1, (0, 1)):
        grads = []
        for cut in (as_they_are, lambda a: da.from_array(a, chunks=chunks)):
            x, g, b = (mt.tensor(a, requires_grad=True) for a in (cut(values), gamma, gamma))
            mt.batch_norm(x, g, b, axis=axis).backward(cut(dout))
            grads.append([np.asarray(t.grad.numpy()) for t in (x, g, b)])
        for ours, lazy in zip(*grads, strict=True):
            np.testing.assert_allclose(lazy, ours, rtol=1e-10, atol=1e-13)


def test_a_place_that_is_out_of_range_is_refused_at_once():
    x = mt.tensor(in_halves(np.ones((3, 4))))
    for index in (3, [0, -4], (slice(None), [4]), np.ones((4, 3), bool)):
        with pytest.raises(mt.ShapeError, match=r"out of bounds|does not fit|boolean"):
            x[index]


def test_a_lazy_number_is_read_by_item_and_its_kin():
    x = mt.tensor(in_halves(np.arange(4.0)), requires_grad=True)
    total = x.sum()
    assert total.item() == 6.0
    assert total > 5
    assert f"{total:.1f}" == "6.0"
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert float(total.detach()) == 6.0


# ---------------------------------------------------------------------------------------------------- index by index


def test_taking_an_index_apart_is_numpys_indexing():
    """Random indices of all kinds, read and added to, beside NumPy's."""
    rng = np.random.default_rng(0)
    for trial in range(600):
        shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 5)))
        index = _random_index(rng, shape)
        x = rng.normal(size=shape)
        expected = x[index]
        np.testing.assert_array_equal(taken(x, index), expected, err_msg=f"{trial}: {shape} {index}")
        g = rng.normal(size=expected.shape)
        full = np.zeros(shape)
        np.add.at(full, index, g)
        np.testing.assert_allclose(added(g, index, shape), full, atol=1e-13, err_msg=f"{trial}: {shape} {index}")


def _random_index(rng, shape):
    together = tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 3)))
    parts, axis = [], 0
    while axis < len(shape) and rng.random() < 0.9:
        n, kind = shape[axis], rng.integers(0, 7)
        if kind == 0:
            parts.append(int(rng.integers(-n, n)))
        elif kind == 1:
            parts.append(None)
            continue
        elif kind == 2 and axis + 1 < len(shape) and not together:
            parts.append(rng.random(shape[axis : axis + 2]) < 0.5)
            together = None
            axis += 1
        elif kind in (3, 4):
            ends = [None if rng.random() < 0.3 else int(k) for k in rng.integers(-n - 1, n + 2, 2)]
            parts.append(slice(*ends, int(rng.choice([-3, -2, -1, 1, 2, 3]))))
        elif together is not None:
            parts.append(rng.integers(-n, n, together[rng.integers(0, len(together) + 1) :]))
        else:
            parts.append(slice(None))
        axis += 1
    if rng.random() < 0.3 and not any(p is ... for p in parts) and axis < len(shape):
        parts.append(...)
    return tuple(parts)


# ------------------------------------------------------------------------------------------------------------ precision


@pytest.mark.parametrize("op", ["sum", "mean", "var"])
def test_lazy_sums_of_float32_keep_their_digits(op):
    """Law 7 within a chunk too, along whose first axis NumPy adds up one number after the other."""
    x = (np.random.default_rng(0).normal(size=(200_000, 2)) + 1000).astype(np.float32)
    lazy = getattr(mt, op)(mt.tensor(da.from_array(x, chunks=(100_000, 2))), axis=0)
    assert lazy.dtype == np.float32
    np.testing.assert_allclose(lazy.numpy().compute(), getattr(np, op)(x.astype(float), axis=0), rtol=3e-7)


def test_lazy_running_sums_keep_their_digits():
    x = np.full(1_000_000, 0.1, np.float32)
    total = mt.cumsum(mt.tensor(da.from_array(x, chunks=500_000)), axis=0)[-1]
    assert abs(total.item() - 100_000) < 0.01


def test_large_lazy_operands_of_different_sizes_are_not_dasks_to_warn_of():
    x = mt.tensor(da.ones((2**15, 4), chunks=(2**14, 4)), requires_grad=True)
    w = mt.tensor(da.ones((1, 4), chunks=-1), requires_grad=True)
    with warnings.catch_warnings(), dask.config.set(scheduler=computed_by_the_way):
        warnings.simplefilter("error")
        (x * w).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy().compute(), np.full((1, 4), 2.0**15))


# ------------------------------------------------------------------------------------------------- readers of numbers


@pytest.mark.parametrize(
    "read", [mt.derive, lambda y: mt.compare(y, None, {"x": np.ones(4)})], ids=["derive", "compare"]
)
def test_readers_of_numbers_refuse_lazy_arrays(read):
    x = mt.tensor(da.ones(4, chunks=2), name="x", requires_grad=True)
    with pytest.raises(mt.DTypeError, match=r"x \(4,\) is an array of dask's.*x\.compute\(\)"):
        read((x * x).sum())


def test_a_list_of_lazy_arrays_is_stacked_and_a_checkpoint_computes_them(tmp_path):
    x = da.arange(6.0, chunks=3)
    for stacked in (mt.tensor([x, np.zeros(6)]), mt.tensor([np.zeros(6), x])):
        assert isinstance(stacked.numpy(), da.Array)
    [batch] = mt.data.DataLoader([x[:2], x[2:4]], batch_size=2)
    assert isinstance(batch.numpy(), da.Array)
    np.testing.assert_array_equal(batch.numpy().compute(), [[0, 1], [2, 3]])
    mt.save_checkpoint(tmp_path / "c.safetensors", x=x, epoch=1)
    np.testing.assert_array_equal(mt.load_checkpoint(tmp_path / "c.safetensors")["x"], np.arange(6.0))
