"""Every op and every public composition, compiled and not: values, gradients, in all dtypes and layouts."""

import numpy as np
import pytest
from op_cases import CASES as OP_CASES
from op_cases import each, outputs, upstreams
from test_compiled_programs import function_of

import micrograd_tensor as mt
from micrograd_tensor.compile import calls

OP_CASES = [case for case in OP_CASES if case.op is not mt.dropout]  # each call of which makes a new generator


def run(function, given):
    """What a function gives and its gradients, as arrays."""
    leaves = [t for t in given if t.requires_grad]
    outs = outputs(function(*given))
    live = [y for y in outs if y.requires_grad]
    gradients = mt.grad(live, leaves, upstreams(live)) if live and leaves else ()
    return [y.numpy() for y in outs], [None if g is None else g.numpy() for g in gradients]


def compare(case, dtype, exact, turn=lambda a: a):
    arrays = [turn(a) for a in case.arrays(0, dtype)]

    def tensors():
        return [mt.tensor(a, requires_grad=a.dtype.kind == "f" and case.differentiable) for a in arrays]

    with np.errstate(all="ignore"):
        want, gradients = run(case.function, tensors())
        fast = mt.compile(lambda *given: case.function(*given), exact=exact)
        try:
            results = [run(fast, tensors()), run(fast, tensors())]
        except mt.TraceError:
            pytest.skip("Python reads a value")
    assert not fast._eager
    for got, found in results:
        for a, b in zip((*got, *found), (*want, *gradients), strict=True):
            assert (a is None) == (b is None)
            if b is None:
                continue
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            if exact:
                np.testing.assert_array_equal(a, b)
            else:
                size = np.abs(b[np.isfinite(b)]).max(initial=0) if b.dtype.kind in "fc" else 0
                eps = np.finfo(b.dtype).eps if b.dtype.kind in "fc" else 0
                np.testing.assert_allclose(a, b, rtol=0, atol=64 * eps * (size + 1))  # of the largest term


@each(OP_CASES)
def test_values_and_gradients_bit_for_bit(case):
    compare(case, np.float64, exact=True)


@each(OP_CASES)
def test_values_and_gradients_of_kernels(case):
    for dtype in (np.float64, np.float32):
        compare(case, dtype, exact=False)


@pytest.mark.slow
@each(OP_CASES)
def test_values_and_gradients_of_kernels_in_other_layouts(case):
    compare(case, np.float64, exact=False, turn=lambda a: np.array(a, order="F"))


@pytest.mark.parametrize("reading", calls._FUSED, ids=lambda reading: reading.__name__)
def test_what_kernels_do_not_read_is_called(reading, monkeypatch):
    monkeypatch.setattr(calls, "_FUSED", tuple(other for other in calls._FUSED if other is not reading))
    called = 0
    for seed in range(15):
        function, leaves, upstream, differentiable = function_of(seed)
        if not differentiable:
            continue

        def both(*given, function=function, upstream=upstream):
            y = function(*given)
            return y, *mt.grad(y, given, upstream)

        given = [mt.tensor(t.numpy(), requires_grad=True) for t in leaves]
        fast = mt.compile(both, backend="numba")
        with np.errstate(all="ignore"):
            results = fast(*given), both(*given)
        assert not fast._eager
        called += sum(1 for _, why in fast.report().facts.calls if why == "algebra does not read it")
        for got, want in zip(*results, strict=True):
            if want is not None:
                size = np.abs(want.numpy()).max(initial=0) + 1e-2
                np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=0, atol=2e-6 * size)
    assert called
