"""Random programs, forward and backward, compiled and not; gradients through them from outside to second order."""

import numpy as np
import pytest
from module_cases import CASES
from programs import random_program

import micrograd_tensor as mt
from micrograd_tensor.cli.builtin_graphs import BUILTINS, made
from micrograd_tensor.compile import kernel_source
from micrograd_tensor.compile.gradients import _replayed
from micrograd_tensor.graph.capture import capture


def function_of(seed):
    """A random program as a function of its leaves, their values, and an upstream gradient."""
    return of_leaves(*random_program(seed))


def of_leaves(output, upstream):
    """What was recorded as a function of its leaves, their values, and the upstream gradient."""
    graph, nodes = capture(output)
    leaves = [(t, node) for t, node in nodes.items() if node.is_leaf and node.requires_grad]
    fixed = {node: t for t, node in nodes.items() if node.is_leaf}

    def function(*given):
        return _replayed(graph.outputs[0], {**fixed, **dict(zip([n for _, n in leaves], given, strict=True))})

    return function, [t for t, _ in leaves], upstream, output.requires_grad


@pytest.mark.parametrize("start", range(0, 300, 50))
def test_random_programs_are_what_they_were_bit_for_bit(start):
    for seed in range(start, start + 50):
        function, leaves, upstream, differentiable = function_of(seed)
        if not differentiable:
            continue

        def both(*given, function=function, leaves=leaves, upstream=upstream):
            y = function(*given)
            return y, mt.grad(y, given, upstream)

        fast, fast_both = mt.compile(function, exact=True), mt.compile(both, exact=True)
        for scale in (1.0, 0.5):
            given = [mt.tensor(t.numpy() * scale, requires_grad=True) for t in leaves]
            want, gradients = both(*given)
            inner, found = fast_both(*given)
            outer = fast(*given)
            np.testing.assert_array_equal(inner.numpy(), want.numpy(), err_msg=f"{seed}")
            np.testing.assert_array_equal(outer.numpy(), want.numpy(), err_msg=f"{seed}")
            for a, b, c in zip(found, mt.grad(outer, given, upstream), gradients, strict=True):
                assert (a is None) == (b is None) == (c is None)
                if c is not None:
                    np.testing.assert_array_equal(a.numpy(), c.numpy(), err_msg=f"{seed}")
                    np.testing.assert_array_equal(b.numpy(), c.numpy(), err_msg=f"{seed}")


@pytest.mark.parametrize("seed", range(300, 330))
def test_second_derivatives_through_random_programs(seed):
    function, leaves, upstream, differentiable = function_of(seed)
    if not differentiable:
        return
    narrow = any(node.dtype == np.float32 for node in mt.graph(function(*leaves)).nodes)
    results = []
    for called in (function, mt.compile(function, exact=True)):
        given = [mt.tensor(t.numpy(), requires_grad=True) for t in leaves]
        first = mt.grad(called(*given), given, upstream, create_graph=True)
        total = sum((mt.sin(g).sum() for g in first if g is not None), mt.tensor(0.0))
        second = mt.grad(total, given) if total.requires_grad else [None] * len(given)
        results.append([None if g is None else g.numpy() for g in (*first, *second)])
    for a, b in zip(*results, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(b, a, rtol=1e-6 if narrow else 1e-12, atol=1e-7 if narrow else 1e-12)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", BUILTINS)
def test_built_in_graphs_to_second_order(name, backend):
    function, leaves, upstream, _ = of_leaves(*made(name))

    def second(*given):
        y = function(*given)
        first = mt.grad(y, given, upstream, create_graph=True)
        again = mt.grad(sum((mt.sin(g).sum() for g in first), mt.tensor(0.0)), given)
        return y, *first, *(g for g in again if g is not None)  # such as of a shift

    fast = mt.compile(second, backend=backend)
    for scale in (1.0, 0.5):
        given = [mt.tensor(t.numpy() * scale, requires_grad=True) for t in leaves]
        for a, b in zip(fast(*given), second(*given), strict=True):
            near = 0 if backend == "numpy" else 1e-12 * (np.abs(b.numpy()).max() + 1)
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=0, atol=near)
    assert not fast._eager


def twice_differentiated(case, wrap):
    """What a module makes, its gradients, and those of a sum of their sines."""
    module = case.ours()
    rng = np.random.default_rng(1)
    inputs = [x if isinstance(x, np.ndarray) else rng.normal(size=x) for x in case.inputs]
    mt.manual_seed(0)
    given = [mt.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    leaves = [t for t in (*given, *module.parameters()) if t.requires_grad]

    def second():
        y = module(*given, **case.settings)
        while isinstance(y, tuple):
            y = y[0]
        if not y.requires_grad:
            return y, [], []
        first = mt.grad((y * y).sum(), leaves, create_graph=True)
        total = sum((mt.sin(g).sum() for g in first if g is not None), mt.tensor(0.0))
        return y, first, mt.grad(total, leaves) if total.requires_grad else []

    y, first, again = wrap(second)()
    return [y.numpy(), *(None if g is None else g.numpy() for g in (*first, *again))]


@pytest.mark.parametrize("backend", ["numpy", pytest.param("numba", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_modules_to_second_order(case, backend):
    want = twice_differentiated(case, lambda function: function)
    got = twice_differentiated(case, lambda function: mt.compile(function, backend=backend))
    for a, b in zip(got, want, strict=True):
        assert (a is None) == (b is None)
        if b is not None:
            near = 0 if backend == "numpy" else 1e-9 * (np.abs(b).max(initial=0) + 1)
            np.testing.assert_allclose(a, b, rtol=0, atol=near)


def trained(case, **settings):
    """What a module makes and leaves behind, then twice what its compiled form does, from the same state."""
    module = case.ours()
    rng = np.random.default_rng(1)
    inputs = [x if isinstance(x, np.ndarray) else rng.normal(size=x) for x in case.inputs]
    state, results = module.state_dict(), []
    fast = mt.compile(module, **settings)
    for called in (module, fast, fast):
        module.load_state_dict(state)
        mt.manual_seed(0)
        module.zero_grad()
        given = [mt.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
        made = called(*given, **case.settings)
        while isinstance(made, tuple):
            made = made[0]
        if made.requires_grad:
            (made * made).sum().backward()
        gradients = [None if t.grad is None else t.grad.numpy() for t in (*given, *module.parameters())]
        results.append([made.numpy(), *gradients, *(v.numpy() for v in module.state_dict().values())])
    assert not fast._eager
    return results


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_modules(case):
    first, *others = trained(case, exact=True)
    for again in others:
        for a, b in zip(first, again, strict=True):
            np.testing.assert_array_equal(a, b)


def of_largest_term(y, upstream):
    """The largest number on the way to a result and to its gradients, and whether float32 takes part."""
    graph = mt.graph(y, upstream)
    nodes = [node for node in (*graph.nodes, *graph.backward) if node.dtype.kind == "f"]
    return max(np.abs(node.value).max(initial=0) for node in nodes), any(node.dtype == np.float32 for node in nodes)


@pytest.mark.parametrize(
    ("backend", "seeds", "chunk"),
    [
        *(("numba", range(start, start + 100), chunk) for start, chunk in ((0, 512), (100, 512), (0, 2))),
        *(("c", range(20), chunk) for chunk in (512, 2)),
        *(pytest.param("numba", range(k, k + 100), 512, marks=pytest.mark.slow) for k in range(200, 800, 100)),
        *(pytest.param("c", range(k, k + 20), 512, marks=pytest.mark.slow) for k in range(20, 120, 20)),
    ],
)
def test_kernels_of_random_programs_give_what_the_programs_give(backend, seeds, chunk, monkeypatch, request):
    """Forward and backward, fused; to 1e-13 of the largest term, or what float32 allows where it takes part."""
    if backend == "c":
        request.getfixturevalue("c_compiler")
    monkeypatch.setattr(kernel_source, "CHUNK", chunk)  # of two terms, so that even short sums have several
    fused = 0
    for seed in seeds:
        function, leaves, upstream, differentiable = function_of(seed)
        if not differentiable:
            continue

        def both(*given, function=function, upstream=upstream):
            y = function(*given)
            return y, mt.grad(y, given, upstream)

        fast = mt.compile(both, backend=backend)
        given = [mt.tensor(t.numpy(), requires_grad=True) for t in leaves]
        with np.errstate(all="ignore"):
            (got, found), (want, gradients) = fast(*given), both(*given)
        assert not fast._eager, seed
        fused += " kernel(" in fast.source
        largest, narrow = of_largest_term(want, upstream)
        for a, b in zip((got, *found), (want, *gradients), strict=True):
            assert (a is None) == (b is None)
            if b is not None:
                assert (a.shape, a.dtype) == (b.shape, b.dtype), seed
                tolerance = (2e-6 if narrow else 1e-13) * largest
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=0, atol=tolerance, err_msg=f"{seed}")
    assert fused > 0.7 * len(seeds)


RECURRENT = ("RNN", "LSTM", "GRU")
"""Their kernels repeat one another's, step by step."""

IN_C = {case.name.split(",")[0]: case for case in CASES if not case.name.startswith(RECURRENT)}
"""One setting of each layer: what others differ in is there when the kernels of all are run as Python."""


@pytest.mark.parametrize(
    ("case", "backend"),
    [
        *(pytest.param(case, "numba", marks=[pytest.mark.slow] * case.name.startswith(RECURRENT)) for case in CASES),
        *(pytest.param(case, "c", marks=pytest.mark.slow) for case in IN_C.values()),
    ],
    ids=lambda x: getattr(x, "name", x),
)
def test_kernels_of_modules(case, backend, request):
    if backend == "c":
        request.getfixturevalue("c_compiler")
    first, *others = trained(case, backend=backend)
    for again in others:
        for a, b in zip(first, again, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)
