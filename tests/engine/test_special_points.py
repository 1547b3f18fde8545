"""Ties, kinks, zeros and bounds: the points where a derivative is a convention, or a formula alone gives 0 · ∞."""

import numpy as np
import pytest

import micrograd_tensor as mt


def gradient(function, *values, create_graph=False):
    """Gradients of the sum of a function, as lists."""
    leaves = [mt.tensor(np.asarray(v, dtype=float), requires_grad=True) for v in values]
    found = mt.grad(function(*leaves).sum(), leaves, create_graph=create_graph)
    return [g.tolist() for g in found] if len(found) > 1 else found[0].tolist()


both_ways = pytest.mark.parametrize("create_graph", [False, True], ids=["plain", "recorded"])


# --------------------------------------------------------------------------------------------------------------- powers


@both_ways
@pytest.mark.parametrize(
    ("base", "exponent", "to_base", "to_exponent"),
    [
        (0.0, 2.0, 0.0, 0.0),
        (0.0, 1.0, 1.0, 0.0),
        (0.0, 3.0, 0.0, 0.0),
        (0.0, 0.0, 0.0, 0.0),
        (5.0, 0.0, 0.0, np.log(5.0)),
        (1.0, 7.0, 7.0, 0.0),
        (2.0, 3.0, 12.0, 8 * np.log(2.0)),
        (2.0, -1.0, -0.25, 0.5 * np.log(2.0)),
    ],
)
def test_pow_at_its_special_points(base, exponent, to_base, to_exponent, create_graph):
    da, db = gradient(mt.pow, base, exponent, create_graph=create_graph)
    assert da == pytest.approx(to_base)
    assert db == pytest.approx(to_exponent)


@both_ways
def test_pow_special_points_beside_ordinary_ones(create_graph):
    da, db = gradient(mt.pow, [0.0, 0.0, 2.0, 3.0], [0.0, 2.0, 2.0, 0.0], create_graph=create_graph)
    assert da == [0.0, 0.0, 4.0, 0.0]
    assert db == pytest.approx([0.0, 0.0, 4 * np.log(2), np.log(3)])


@both_ways
@pytest.mark.parametrize(
    ("exponent", "slopes"), [(2, [-4.0, 0.0, 6.0]), (3, [12.0, 0.0, 27.0]), (1, [1.0] * 3), (0, [0.0] * 3)]
)
def test_pow_of_negative_bases_to_whole_exponents(exponent, slopes, create_graph):
    assert gradient(lambda x: mt.pow(x, exponent), [-2.0, 0.0, 3.0], create_graph=create_graph) == slopes
    assert gradient(lambda x: x**exponent, [-2.0, 0.0, 3.0], create_graph=create_graph) == slopes


@both_ways
def test_pow_of_a_number_to_a_tensor(create_graph):
    assert gradient(lambda b: 2.0**b, [0.0, 3.0], create_graph=create_graph) == pytest.approx(
        [np.log(2), 8 * np.log(2)]
    )
    assert gradient(lambda b: 0**b, [1.0, 2.0], create_graph=create_graph) == [0.0, 0.0]
    assert gradient(lambda b: 1**b, [1.0, -2.0], create_graph=create_graph) == [0.0, 0.0]


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("point", [-1.5, 0.0, 2.0])
def test_derivatives_of_whole_powers_to_any_order(point, exponent):
    x = mt.tensor(point, requires_grad=True)
    y, expected = mt.pow(x, exponent), np.poly1d([1, *[0] * exponent])
    for _ in range(exponent):
        (y,) = mt.grad(y, x, create_graph=True)
        expected = expected.deriv()
        assert y.item() == pytest.approx(expected(point))
        if not y.requires_grad:
            break


@pytest.mark.parametrize(
    ("exponent", "op"), [(2, "square"), (2.0, "square"), (0.5, "sqrt"), (-1, "reciprocal"), (3, "pow")]
)
def test_simple_powers_record_the_simpler_op(exponent, op):
    assert (mt.tensor([4.0], requires_grad=True) ** exponent).op.name == op


@pytest.mark.infinities
def test_pow_of_a_negative_base_to_a_fraction_is_nan_as_in_numpy():
    assert np.isnan(mt.pow(mt.tensor(-2.0), 0.5).item())


# ----------------------------------------------------------------------------------------------------------------- ties


@both_ways
@pytest.mark.parametrize("op", [mt.maximum, mt.minimum])
def test_ties_of_two_operands_split_evenly(op, create_graph):
    da, db = gradient(op, [1.0, 2.0, 0.0], [1.0, 5.0, -0.0], create_graph=create_graph)
    first, second = (0.0, 1.0) if op is mt.maximum else (1.0, 0.0)
    assert da == [0.5, first, 0.5]
    assert db == [0.5, second, 0.5]


@both_ways
@pytest.mark.parametrize("op", [mt.maximum, mt.minimum])
def test_an_operand_tied_with_itself_gets_the_whole_gradient(op, create_graph):
    assert gradient(lambda x: op(x, x), [1.0, -2.0], create_graph=create_graph) == [1.0, 1.0]


@both_ways
def test_ties_of_a_reduction_split_evenly(create_graph):
    x = [[3.0, 1.0, 3.0], [2.0, 2.0, 2.0]]
    assert gradient(lambda t: mt.max(t, axis=1), x, create_graph=create_graph) == [[0.5, 0, 0.5], [1 / 3] * 3]
    assert gradient(lambda t: mt.min(t, axis=1), x, create_graph=create_graph) == [[0, 1, 0], [1 / 3] * 3]
    assert gradient(mt.max, x, create_graph=create_graph) == [[0.5, 0, 0.5], [0, 0, 0]]
    assert gradient(lambda t: mt.min(t, axis=0, keepdims=True), x, create_graph=create_graph) == [[0, 1, 0], [1, 0, 1]]


@both_ways
def test_kinks_have_derivative_zero(create_graph):
    x = [-2.0, -0.0, 0.0, 3.0]
    assert gradient(mt.relu, x, create_graph=create_graph) == [0, 0, 0, 1]
    assert gradient(mt.abs, x, create_graph=create_graph) == [-1, 0, 0, 1]
    assert gradient(mt.sign, x, create_graph=create_graph) == [0, 0, 0, 0]


@both_ways
def test_clip_counts_its_bounds_as_inside(create_graph):
    x = [-1.0, 0.0, 0.5, 1.0, 2.0]
    assert gradient(lambda t: mt.clip(t, 0, 1), x, create_graph=create_graph) == [0, 1, 1, 1, 0]
    assert gradient(lambda t: mt.clip(t, min=0), x, create_graph=create_graph) == [0, 1, 1, 1, 1]
    assert gradient(lambda t: mt.clip(t, max=0.5), x, create_graph=create_graph) == [1, 1, 1, 0, 0]
    assert gradient(mt.clip, x, create_graph=create_graph) == [1, 1, 1, 1, 1]


@both_ways
def test_sort_returns_gradients_of_equal_elements_in_their_order(create_graph):
    x = mt.tensor([2.0, 1.0, 2.0, 1.0], requires_grad=True)
    (g,) = mt.grad(mt.sort(x), x, [1.0, 2.0, 3.0, 4.0], create_graph=create_graph)
    assert g.tolist() == [3.0, 1.0, 4.0, 2.0]


# ---------------------------------------------------------------------------------------------------------------- zeros


@both_ways
@pytest.mark.parametrize(
    ("factors", "slopes"),
    [
        ([2.0, 3.0, 5.0], [15.0, 10.0, 6.0]),
        ([2.0, 0.0, 5.0], [0.0, 10.0, 0.0]),
        ([0.0, 0.0, 5.0], [0.0, 0.0, 0.0]),
        ([0.0], [1.0]),
        ([], []),
    ],
)
def test_prod_with_zeros(factors, slopes, create_graph):
    assert gradient(mt.prod, factors, create_graph=create_graph) == slopes


def test_second_derivatives_of_prod_with_two_zeros():
    x = mt.tensor([0.0, 0.0, 5.0], requires_grad=True)
    assert mt.hessian(mt.prod, x).tolist() == [[0, 5, 0], [5, 0, 0], [0, 0, 0]]


@both_ways
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2)])
def test_prod_with_zeros_is_the_product_of_the_others(axis, create_graph):
    x = np.random.default_rng(0).integers(-1, 3, (2, 3, 4)).astype(float)
    x[0, 0] = [0, 2, 0, 3]
    x[1, 1] = [0, 2, 5, 3]
    t = mt.tensor(x, requires_grad=True)
    y = mt.prod(t, axis=axis, keepdims=True)
    up = np.random.default_rng(1).standard_normal(y.shape)
    (g,) = mt.grad(y, t, up, create_graph=create_graph)
    for index in np.ndindex(*x.shape):
        others = x.copy()
        others[index] = 1.0
        expected = (np.prod(others, axis=axis, keepdims=True) * up)[
            tuple(0 if n == 1 else i for i, n in zip(index, y.shape, strict=True))
        ]
        assert g.numpy()[index] == pytest.approx(expected)


@both_ways
def test_where_passes_nothing_of_the_branch_not_taken(create_graph):
    da, db = gradient(lambda a, b: mt.where(a > 0, a, b), [1.0, -1.0], [10.0, 20.0], create_graph=create_graph)
    assert da == [1.0, 0.0]
    assert db == [0.0, 1.0]


@pytest.mark.infinities
@both_ways
def test_infinite_slopes_are_infinite_and_not_hidden(create_graph):
    assert gradient(mt.sqrt, [0.0, 4.0], create_graph=create_graph) == [np.inf, 0.25]
    assert gradient(mt.log, [0.0, 4.0], create_graph=create_graph) == [np.inf, 0.25]


def test_sigmoid_and_tanh_saturate_quietly():
    assert mt.sigmoid(mt.tensor([-1000.0, -40.0, 0.0, 1000.0])).tolist() == pytest.approx(
        [0.0, np.exp(-40.0), 0.5, 1.0], rel=1e-12
    )
    assert gradient(mt.sigmoid, [-1000.0, 0.0, 1000.0]) == [0.0, 0.25, 0.0]
    assert gradient(mt.tanh, [-1000.0, 0.0, 1000.0]) == [0.0, 1.0, 0.0]


def test_expm1_and_log1p_do_not_cancel_near_zero():
    assert mt.expm1(mt.tensor(1e-12)).item() == pytest.approx(1e-12, rel=1e-11)
    assert mt.log1p(mt.tensor(1e-12)).item() == pytest.approx(1e-12, rel=1e-11)


def test_reciprocal_of_integers_is_not_zero():
    assert mt.reciprocal(mt.tensor([2, 4])).tolist() == [0.5, 0.25]


@pytest.mark.parametrize("condition", [[1, 0, 2], [-1, 0, 256], [0.5, 0.0, np.nan], ["x", "", "y"]], ids=str)
def test_where_takes_conditions_that_are_no_truth_values(condition):
    """Any number but 0 counts as true, whatever its bits are."""
    given = np.array(condition)
    for choose in (lambda x: mt.where(given, x, 0), lambda x: mt.where(given, 0, x)):
        x = np.array([1.5, 2.5, 3.5])
        if given.dtype.kind == "U":
            with pytest.raises(mt.DTypeError):
                choose(mt.tensor(x, requires_grad=True))
            continue
        expected = choose(x)
        chosen = mt.tensor(x, requires_grad=True)
        y = choose(chosen)
        y.backward(np.ones(3))
        assert y.tolist() == expected.tolist()
        assert chosen.grad.tolist() == (expected != 0).astype(float).tolist()


def test_equal_elements_keep_their_order_however_many_they_are():
    x = np.random.default_rng(0).integers(0, 3, 500).astype(float)
    order = sorted(range(500), key=lambda i: x[i])
    assert mt.argsort(mt.tensor(x)).tolist() == order
    (g,) = mt.grad(mt.sort(t := mt.tensor(x, requires_grad=True)), t, np.arange(500.0))
    assert g.numpy()[order].tolist() == list(range(500))


@both_ways
def test_slopes_near_the_ends_of_a_domain_do_not_cancel(create_graph):
    """At a distance of 2⁻⁴⁰ from ±1, where 1 − x² and x² − 1 alone have a third of their digits."""
    h = 2.0**-40
    for op, x, slope in (
        (mt.arcsin, 1 - h, 1 / np.sqrt(h * (2 - h))),
        (mt.arccos, h - 1, -1 / np.sqrt(h * (2 - h))),
        (mt.arctanh, 1 - h, 1 / (h * (2 - h))),
        (mt.arccosh, 1 + h, 1 / np.sqrt(h * (2 + h))),
        (mt.logaddexp, 0.0, None),
    ):
        if slope is None:
            assert gradient(lambda a: mt.logaddexp(a, 40.0), 0.0, create_graph=create_graph) == pytest.approx(
                1 / (1 + np.exp(40.0)), rel=1e-14
            )
        else:
            assert gradient(op, x, create_graph=create_graph) == pytest.approx(slope, rel=1e-14)


@both_ways
def test_a_hypotenuse_neither_overflows_nor_vanishes(create_graph):
    for size in (1e300, 1.0, 1e-300):
        assert mt.hypot(mt.tensor(3 * size), 4 * size).item() == pytest.approx(5 * size, rel=1e-15)
        found = gradient(mt.hypot, 3 * size, 4 * size, create_graph=create_graph)
        assert found == [pytest.approx(0.6, rel=1e-15), pytest.approx(0.8, rel=1e-15)]
    for size in (1e200, 1.0, 1e-200):  # an angle's slopes are as steep as the point is near
        found = gradient(mt.arctan2, 3 * size, 4 * size, create_graph=create_graph)
        assert found == [pytest.approx(0.16 / size, rel=1e-14), pytest.approx(-0.12 / size, rel=1e-14)]


def test_the_rows_of_logaddexp_are_right_at_a_tie_to_second_order():
    x = mt.tensor([0.7, 0.7], requires_grad=True)
    (g,) = mt.grad(mt.logaddexp(x[0], x[1]), x, create_graph=True)
    (gg,) = mt.grad(g[0], x)
    assert g.tolist() == [0.5, 0.5]
    assert gg.tolist() == [0.25, -0.25]


@both_ways
def test_steps_have_no_slope_at_their_jumps_either(create_graph):
    for op in (mt.floor, mt.ceil, mt.trunc, mt.rint, mt.round):
        assert gradient(op, [-1.0, 0.0, 0.5, 2.0], create_graph=create_graph) == [0.0] * 4
    da, db = gradient(mt.remainder, [6.0, -7.0], [2.0, 2.0], create_graph=create_graph)
    assert (da, db) == ([1.0, 1.0], [-3.0, 4.0])
    da, db = gradient(mt.fmod, [6.0, -7.0], [2.0, 2.0], create_graph=create_graph)
    assert (da, db) == ([1.0, 1.0], [-3.0, 3.0])


@pytest.mark.parametrize("decimals", [-2, -1, 0, 1, 2, 5])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_rounding_to_decimals_is_numpys(decimals, dtype):
    x = (np.random.default_rng(0).normal(size=200) * 300).astype(dtype)
    y = mt.round(mt.tensor(x), decimals)
    assert y.dtype == x.dtype or (dtype == "int64" and decimals < 0)
    np.testing.assert_array_equal(y.numpy(), np.round(x, decimals))
    assert mt.tensor(x).round(decimals).tolist() == y.tolist()


def test_nan_stays_nan_in_quantiles_and_goes_in_nan_to_num():
    x = mt.tensor([[1.0, np.nan, 2.0], [3.0, 1.0, 2.0]])
    assert mt.median(x, axis=1).tolist()[1] == 2.0
    assert np.isnan(mt.median(x, axis=1).tolist()[0])
    wild = np.float32([np.nan, np.inf, -np.inf, 1.0])
    y = mt.nan_to_num(mt.tensor(wild, requires_grad=True))
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.numpy(), np.nan_to_num(wild))
    assert gradient(mt.nan_to_num, [np.nan, np.inf, -np.inf, 1.0]) == [0.0, 0.0, 0.0, 1.0]


def test_a_copy_is_another_tensor_with_the_gradient_passed_on():
    x = mt.tensor([1.0, 2.0], name="x", requires_grad=True)
    for y in (x.copy(), mt.copy(x), np.copy(x), x.ravel()):
        assert y is not x
        assert y.named("y").tolist() == x.tolist()
        assert x.name == "x"
        assert mt.grad(y, x, [3.0, 4.0])[0].tolist() == [3.0, 4.0]
    assert x.astype(float, copy=False) is x
    assert x.astype(float).op is not None
