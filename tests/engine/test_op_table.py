"""What holds for every op: shown for each case of the one table in `op_cases`."""

import inspect
from itertools import combinations

import numpy as np
import pytest
from op_cases import BINARY, CASES, DIFFERENTIABLE, NOT_DIFFERENTIABLE, Case, each, outputs, upstreams

import micrograd_tensor as mt
from micrograd_tensor.engine.row import TABLE

every, every_differentiable = each(CASES), each(DIFFERENTIABLE)


def throughout(name, values):
    """Runs a test with each of some values in one go: to report each would take longer than to run it."""

    def decorate(test):
        def run(case):
            for value in values:
                try:
                    test(case, **{name: value})
                except Exception as error:
                    error.add_note(f"{name} is {value}")
                    raise

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate


dtypes = throughout("dtype", [np.float64, np.float32])


def public_ops() -> dict[str, object]:
    """The public functions that are rows of the table or compositions of them."""
    floors = ("micrograd_tensor.engine.table.", "micrograd_tensor.functional.")
    return {
        name: f
        for name in mt.__all__
        if inspect.isfunction(f := getattr(mt, name))
        and f.__module__.startswith(floors)
        and not f.__module__.endswith(".derivatives")
    }


def first_gradients(case: Case, dtype=np.float64, create_graph=False, seed=0):
    """The leaves of a case, its outputs, and their gradients for a random upstream."""
    tensors = case.tensors(seed, dtype)
    leaves = [t for t in tensors if t.requires_grad]
    outs = outputs(case.function(*tensors))
    return leaves, outs, mt.grad(outs, leaves, upstreams(outs), create_graph=create_graph)


def second_gradients(case: Case, dtype=np.float64, create_graph=False):
    """The gradients of randomly weighted gradients; None where a gradient does not depend on a leaf."""
    leaves, _, first = first_gradients(case, dtype, create_graph=True)
    curved = [g for g in first if g is not None and g.requires_grad]
    return mt.grad(curved, leaves, upstreams(curved, 2), create_graph=create_graph) if curved else (None,) * len(leaves)


def writable(array):
    return np.array(array, copy=True)


# ------------------------------------------------------------------------------------------------------------- coverage


def test_every_row_of_the_table_has_a_case():
    covered = set().union(*(case.rows() for case in CASES))
    assert covered == set(TABLE)


def test_every_differentiable_row_has_a_case_whose_gradients_are_checked():
    covered = set().union(*(case.rows() for case in DIFFERENTIABLE))
    without_rules = {name for name, row in TABLE.items() if all(rule is None for rule in _some(row.vjps))}
    assert set(TABLE) - covered <= without_rules


def _some(rules):
    return [rule for rule, _ in zip(rules, range(3), strict=False)]


def test_every_public_op_has_a_case():
    covered = {case.op for case in CASES if case.op is not None}
    assert {name for name, f in public_ops().items() if f not in covered} == set()


def test_no_two_cases_have_one_name():
    assert len({case.name for case in CASES}) == len(CASES)


def test_a_row_without_a_case_would_be_noticed(monkeypatch):
    monkeypatch.setitem(TABLE, "new_op", TABLE["add"])
    with pytest.raises(AssertionError):
        test_every_row_of_the_table_has_a_case()


def test_a_public_op_without_a_case_would_be_noticed(monkeypatch):
    def new_op(x):
        return x

    new_op.__module__ = "micrograd_tensor.functional.new"
    monkeypatch.setattr(mt, "new_op", new_op, raising=False)
    monkeypatch.setattr(mt, "__all__", [*mt.__all__, "new_op"])
    with pytest.raises(AssertionError):
        test_every_public_op_has_a_case()


# -------------------------------------------------------------------------------------------------------------- forward


@every
@dtypes
def test_forward_is_numpys(case, dtype):
    results = outputs(case.function(*case.tensors(dtype=dtype)))
    expected = outputs(case.reference(*case.arrays(dtype=dtype)))
    assert len(results) == len(expected)
    for y, e in zip(results, expected, strict=True):
        assert isinstance(y, mt.Tensor)
        assert isinstance(y.numpy(), np.ndarray)
        assert y.shape == np.shape(e)
        assert y.dtype == np.asarray(e).dtype
        rtol = 1e-12 if dtype == np.float64 else 2e-5
        np.testing.assert_allclose(y.numpy(), e, rtol=rtol, atol=rtol)


@each(c for c in CASES if c.plain)
def test_arrays_alone_give_arrays(case):
    arrays = case.arrays()
    for y, t in zip(outputs(case.function(*arrays)), outputs(case.function(*case.tensors())), strict=True):
        assert isinstance(y, (np.ndarray, np.generic))
        assert y.dtype == t.dtype
        assert np.asarray(y).tobytes() == t.numpy().tobytes()


@every
def test_results_are_frozen(case):
    for y in outputs(case.function(*case.tensors())):
        assert not y.numpy().flags.writeable


@every
def test_no_grad_computes_the_same_and_records_nothing(case):
    with mt.no_grad():
        quiet = outputs(case.function(*case.tensors()))
    for y, q in zip(outputs(case.function(*case.tensors())), quiet, strict=True):
        assert y.numpy().tobytes() == q.numpy().tobytes()
        assert q.op is None
        assert not q.requires_grad
        assert q.operands == ()


# ------------------------------------------------------------------------------------------------------------ gradients


@every_differentiable
def test_gradients_to_second_order_are_the_numerical_ones(case):
    with np.errstate(under="ignore"):
        assert mt.gradcheck(case.function, *case.arrays(), order=2)


@each(NOT_DIFFERENTIABLE)
def test_ops_without_derivative_give_no_gradient(case):
    for y in outputs(case.function(*case.tensors())):
        assert not y.requires_grad
        with pytest.raises(mt.GradientError, match="no graph"):
            y.backward(np.ones(y.shape))


@every_differentiable
@dtypes
def test_gradients_keep_shape_and_dtype_of_their_input(case, dtype):
    leaves, _, first = first_gradients(case, dtype)
    for x, g in zip(leaves, first, strict=True):
        assert g is not None
        assert g.shape == x.shape
        assert g.dtype == x.dtype == dtype
    for x, g in zip(leaves, second_gradients(case, dtype), strict=True):
        if g is not None:
            assert g.shape == x.shape
            assert g.dtype == dtype


@every_differentiable
def test_float32_gradients_are_float64s_rounded(case):
    for order in (first_gradients, second_gradients):
        wide, narrow = order(case, np.float64), order(case, np.float32)
        wide, narrow = (wide[2], narrow[2]) if order is first_gradients else (wide, narrow)
        for w, n in zip(wide, narrow, strict=True):
            assert (w is None) == (n is None)
            if w is not None:
                largest = np.abs(w.numpy()).max(initial=1)
                np.testing.assert_allclose(n.numpy(), w.numpy(), rtol=1e-3, atol=1e-3 * largest)


@every_differentiable
@dtypes
def test_plain_and_recorded_gradients_are_the_same_bits(case, dtype):
    for order in (first_gradients, second_gradients):
        plain, recorded = order(case, dtype), order(case, dtype, create_graph=True)
        plain, recorded = (plain[2], recorded[2]) if order is first_gradients else (plain, recorded)
        for p, r in zip(plain, recorded, strict=True):
            assert (p is None) == (r is None)
            if p is not None:
                assert p.numpy().tobytes() == r.numpy().tobytes()
                assert not p.requires_grad


@every_differentiable
def test_backward_gives_what_grad_gives(case):
    leaves, outs, first = first_gradients(case)
    for y, up in zip(outs, upstreams(outs), strict=True):
        y.backward(up)
    for x, g in zip(leaves, first, strict=True):
        np.testing.assert_allclose(x.grad.numpy(), g.numpy(), rtol=1e-12, atol=1e-14)


@every_differentiable
def test_gradients_are_linear_in_the_upstream(case):
    tensors = case.tensors()
    leaves = [t for t in tensors if t.requires_grad]
    outs = outputs(case.function(*tensors))
    one, other = upstreams(outs, 1), upstreams(outs, 2)
    both = mt.grad(outs, leaves, [2 * a - 3 * b for a, b in zip(one, other, strict=True)])
    for g, a, b in zip(both, mt.grad(outs, leaves, one), mt.grad(outs, leaves, other), strict=True):
        terms = np.abs(a.numpy()).max(initial=1) + np.abs(b.numpy()).max(initial=1)
        np.testing.assert_allclose(g.numpy(), 2 * a.numpy() - 3 * b.numpy(), atol=1e-12 * terms)


# -------------------------------------------------------------------------------------------------- memory and mutation


def _run(case, operands, how):
    """Outputs, upstreams and gradients, by one of the three ways to gradients."""
    leaves = [t for t in operands if isinstance(t, mt.Tensor) and t.requires_grad]
    outs = outputs(case.function(*operands))
    ups = upstreams(outs)
    if how == "backward":
        for y, up in zip(outs, ups, strict=True):
            y.backward(up)
        return outs, ups, [x.grad for x in leaves]
    return outs, ups, list(mt.grad(outs, leaves, ups, create_graph=how == "recorded"))


ways = throughout("how", ["backward", "plain", "recorded"])


@every_differentiable
@ways
def test_no_operand_and_no_upstream_is_changed(case, how):
    arrays = case.arrays()
    before = [a.tobytes() for a in arrays]
    operands = [mt.tensor(a, requires_grad=a.dtype.kind == "f", copy=False) for a in arrays]
    outs, ups, _ = _run(case, operands, how)
    values = [y.numpy().tobytes() for y in outs]
    untouched = [u.tobytes() for u in upstreams(outs)]
    assert [a.tobytes() for a in arrays] == before
    assert [u.tobytes() for u in ups] == untouched
    assert all(u.flags.writeable for u in ups)
    assert [y.numpy().tobytes() for y in outs] == values


@every_differentiable
@ways
def test_no_gradient_shares_memory(case, how):
    operands = case.tensors()
    outs, ups, gradients = _run(case, operands, how)
    arrays = [g.numpy() for g in gradients]
    for a, b in combinations(arrays, 2):
        assert not np.shares_memory(a, b)
    for a in arrays:
        assert not a.flags.writeable
        for other in [*ups, *(t.numpy() for t in (*operands, *outs))]:
            assert not np.shares_memory(a, other)


@each(c for c in DIFFERENTIABLE if len(c.shapes) > 1)
@ways
def test_arrays_beside_tensors_are_not_changed_and_may_be_changed_later(case, how):
    for k, chosen in enumerate(case.arrays()):
        if chosen.dtype.kind != "f":
            continue
        expected = _run(case, [mt.tensor(a, requires_grad=i == k) for i, a in enumerate(case.arrays())], how)
        beside = [writable(a) for a in case.arrays()]
        operands = [mt.tensor(a, requires_grad=True) if i == k else a for i, a in enumerate(beside)]
        outs = outputs(case.function(*operands))
        assert [a.tobytes() for a in beside] == [a.tobytes() for a in case.arrays()]
        for i, a in enumerate(beside):
            if i != k:
                a[...] = 0
        leaf, ups = operands[k], upstreams(outs)
        if how == "backward":
            for y, up in zip(outs, ups, strict=True):
                y.backward(up)
            (g,) = [leaf.grad]
        else:
            (g,) = mt.grad(outs, leaf, ups, create_graph=how == "recorded")
        assert g.numpy().tobytes() == expected[2][0].numpy().tobytes()


# ------------------------------------------------------------------------------------------------------- Python numbers


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("number", [2, 2.5])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", BINARY)
def test_python_numbers_stay_weak(name, side, number, create_graph):
    x = mt.tensor([0.3, 1.1, 4.0], dtype=np.float32, requires_grad=True)
    y = getattr(mt, name)(number, x) if side == "left" else getattr(mt, name)(x, number)
    assert y.dtype == np.float32
    (g,) = mt.grad(y, x, np.ones(3, np.float32), create_graph=True)
    assert g.dtype == np.float32
    if g.requires_grad:
        (gg,) = mt.grad(g, x, np.ones(3, np.float32), create_graph=create_graph)
        assert gg is None or gg.dtype == np.float32


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("side", ["left", "right"])
def test_numbers_beside_tensors_pass_gradcheck(name, side):
    op = getattr(mt, name)
    points = np.array([0.3, 1.1, 4.0])
    assert mt.gradcheck((lambda x: op(2.5, x)) if side == "left" else (lambda x: op(x, 2.5)), points)


@pytest.mark.parametrize(
    "expression", ["x + 2", "2 - x", "x * 0.5", "1 / x", "x / 3", "-x", "x ** 2", "2.0 ** x", "x ** 3"]
)
def test_operators_keep_float32(expression):
    x = mt.tensor([0.5, 1.5], dtype="float32", requires_grad=True)
    y = eval(expression, {"x": x})  # noqa: S307 -- the expressions stand above
    y.backward(np.ones(2))
    assert y.dtype == np.float32
    assert x.grad.dtype == np.float32
