"""var, std, l2_norm, the softmax family and batch_norm: against NumPy, and where numbers become extreme."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import micrograd_tensor as mt


def parameter(value, **settings):
    return mt.tensor(np.asarray(value, dtype=float), requires_grad=True, **settings)


def gradient(function, x, upstream=None):
    """Gradient of a function's output, plain and recorded, which must be one and the same."""
    t = parameter(x)
    y = function(t)
    up = np.ones(y.shape) if upstream is None else upstream
    plain, recorded = (mt.grad(y, t, up, create_graph=c)[0].numpy() for c in (False, True))
    assert plain.tobytes() == recorded.tobytes()
    return plain


# ---------------------------------------------------------------------------------------------------- var, std, l2_norm


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (1,)])
@pytest.mark.parametrize("correction", [0, 1, 0.5])
@pytest.mark.parametrize("name", ["var", "std"])
def test_spread_is_numpys(name, correction, axis, keepdims):
    x = np.random.default_rng(0).standard_normal((3, 4, 2))
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims, ddof=correction)
    found = getattr(mt, name)(mt.tensor(x), axis=axis, keepdims=keepdims, correction=correction)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-13)
    method = getattr(mt.tensor(x), name)(axis, keepdims, correction=correction)
    assert method.numpy().tobytes() == found.numpy().tobytes()
    assert mt.gradcheck(lambda t: getattr(mt, name)(t, axis, keepdims, correction=correction), x, order=1)


def test_variance_does_not_cancel_far_from_zero():
    x = np.array([1.0, 2.0, 3.0]) + 1e8
    assert mt.var(mt.tensor(x)).item() == pytest.approx(2 / 3)


def test_variance_does_not_change_with_a_shift_and_neither_does_its_gradient():
    x = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(gradient(mt.var, x), gradient(mt.var, x + 64))
    assert gradient(mt.var, x).sum() == pytest.approx(0)


def test_too_few_values_for_the_correction_are_refused():
    for n, correction in ((1, 1), (2, 2), (2, 3)):
        with pytest.raises(mt.ShapeError, match=f"correction={correction}"):
            mt.var(mt.tensor(np.ones((n, 3))), axis=0, correction=correction)
        with pytest.raises(mt.ShapeError, match=f"correction={correction}"):
            mt.std(mt.tensor(np.ones((n, 3))), axis=0, correction=correction)


def test_the_gradient_of_a_length_is_the_direction():
    x = np.array([[3.0, 4.0], [6.0, 8.0]])
    np.testing.assert_allclose(gradient(lambda t: mt.l2_norm(t, axis=1), x), [[0.6, 0.8], [0.6, 0.8]])
    np.testing.assert_allclose(mt.l2_norm(mt.tensor(x), axis=0).numpy(), np.linalg.norm(x, axis=0))


# ------------------------------------------------------------------------------------------------------- softmax family

finite = hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), elements=st.floats(-1000, 1000))


@given(x=finite)
def test_softmax_sums_to_one_and_is_positive(x):
    for axis in (-1, 0, tuple(range(x.ndim))):
        p = mt.softmax(mt.tensor(x), axis=axis).numpy()
        assert (p >= 0).all()
        np.testing.assert_allclose(p.sum(axis=axis), 1, rtol=1e-14)


@given(x=finite, shift=st.floats(-1000, 1000))
def test_softmax_does_not_change_with_a_shift(x, shift):
    moved = x + shift
    np.testing.assert_allclose(
        mt.softmax(mt.tensor(moved)).numpy(), mt.softmax(mt.tensor(moved - shift)).numpy(), rtol=1e-9, atol=1e-300
    )


@given(x=finite)
def test_log_softmax_is_the_logarithm_of_softmax(x):
    t = mt.tensor(x)
    np.testing.assert_allclose(
        mt.log_softmax(t).numpy(), x - mt.logsumexp(t, axis=-1, keepdims=True).numpy(), atol=1e-10
    )
    np.testing.assert_allclose(np.exp(mt.log_softmax(t).numpy()), mt.softmax(t).numpy(), rtol=1e-9)


@given(x=finite)
def test_the_gradient_of_logsumexp_is_the_softmax(x):
    np.testing.assert_allclose(
        gradient(mt.logsumexp, x), mt.softmax(mt.tensor(x), axis=tuple(range(x.ndim))).numpy(), rtol=1e-10, atol=1e-300
    )


@given(x=finite, seed=st.integers(0, 100))
def test_gradients_of_softmax_are_its_formula_at_any_size(x, seed):
    up = np.random.default_rng(seed).standard_normal(x.shape)
    p = mt.softmax(mt.tensor(x)).numpy()
    expected = p * (up - (p * up).sum(-1, keepdims=True))
    np.testing.assert_allclose(gradient(mt.softmax, x, up), expected, atol=1e-13)
    expected = up - p * up.sum(-1, keepdims=True)
    np.testing.assert_allclose(gradient(mt.log_softmax, x, up), expected, atol=1e-13)


@pytest.mark.parametrize("shift", [1000.0, -1000.0, 1e300, -1e300])
def test_the_family_is_stable_far_from_zero(shift):
    x = np.full(3, shift)
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(mt.softmax(mt.tensor(x)).numpy(), 1 / 3)
        np.testing.assert_allclose(mt.log_softmax(mt.tensor(x)).numpy(), -np.log(3))
        np.testing.assert_allclose(mt.logsumexp(mt.tensor(x)).item(), shift + np.log(3))
        np.testing.assert_allclose(gradient(mt.softmax, x, np.arange(3.0)), [-1 / 3, 0, 1 / 3], atol=1e-15)
        np.testing.assert_allclose(gradient(mt.log_softmax, x, np.arange(3.0)), [-1, 0, 1], atol=1e-15)


def test_opposite_extremes_give_zero_and_one_and_no_gradient():
    x = np.array([1000.0, -1000.0])
    with np.errstate(all="raise", under="ignore"):
        assert mt.softmax(mt.tensor(x)).tolist() == [1.0, 0.0]
        assert mt.log_softmax(mt.tensor(x)).tolist() == [0.0, -2000.0]
        assert gradient(mt.softmax, x, np.array([1.0, 2.0])).tolist() == [0.0, 0.0]
        assert gradient(mt.log_softmax, x, np.array([1.0, 2.0])).tolist() == [-2.0, 2.0]


def test_minus_infinity_masks_an_entry_out():
    x = np.array([[0.0, -np.inf, 1.0], [-np.inf, -np.inf, 3.0]])
    p = mt.softmax(mt.tensor(x)).numpy()
    e = np.exp(1.0)
    np.testing.assert_allclose(p, [[1 / (1 + e), 0, e / (1 + e)], [0, 0, 1]])
    up = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    g = gradient(mt.softmax, x, up)
    np.testing.assert_allclose(g, p * (up - (p * up).sum(-1, keepdims=True)))
    assert mt.logsumexp(mt.tensor(x), axis=-1).tolist() == pytest.approx([np.log(1 + e), 3.0])
    np.testing.assert_allclose(gradient(lambda t: mt.logsumexp(t, axis=-1), x), p)
    masked = mt.log_softmax(mt.tensor(x)).numpy()
    assert masked[0, 1] == -np.inf
    assert np.isfinite(gradient(mt.log_softmax, x, np.where(np.isinf(x), 0.0, up))).all()


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_the_logarithm_of_no_sum_is_minus_infinity():
    x = mt.tensor([-np.inf, -np.inf])
    assert mt.logsumexp(x).item() == -np.inf


@pytest.mark.filterwarnings("ignore:overflow")
def test_plus_infinity_wins_the_logarithm_of_the_sum():
    assert mt.logsumexp(mt.tensor([np.inf, 1.0])).item() == np.inf


def test_softmax_keeps_float32():
    x = mt.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
    for f in (mt.softmax, mt.log_softmax, mt.logsumexp):
        y = f(x)
        assert y.dtype == np.float32
        assert mt.grad(y, x, np.ones(y.shape))[0].dtype == np.float32


# ----------------------------------------------------------------------------------------------------------- batch_norm


def numpy_batch_norm(x, gamma, beta, eps, axis):
    return gamma * (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps) + beta


def numpy_backward(x, gamma, dout, eps, axis):
    """The closed form of the derivation: dx in terms of the normalized x alone."""
    n = np.prod([x.shape[a] for a in np.atleast_1d(axis)])
    inverted = 1 / np.sqrt(x.var(axis, keepdims=True) + eps)
    x_norm = (x - x.mean(axis, keepdims=True)) * inverted
    dx_norm = dout * gamma
    dx = (
        inverted
        / n
        * (n * dx_norm - dx_norm.sum(axis, keepdims=True) - x_norm * (dx_norm * x_norm).sum(axis, keepdims=True))
    )
    return dx, (dout * x_norm).sum(axis), dout.sum(axis)


@given(n=st.integers(2, 9), d=st.integers(1, 5), eps=st.sampled_from([1e-5, 1e-3, 0.1]), seed=st.integers(0, 1000))
def test_batch_norm_is_numpys_and_its_gradient_is_the_closed_form(n, d, eps, seed):
    rng = np.random.default_rng(seed)
    x, gamma, beta, dout = rng.standard_normal((n, d)), *rng.standard_normal((2, d)), rng.standard_normal((n, d))
    inputs = [parameter(a) for a in (x, gamma, beta)]
    out = mt.batch_norm(*inputs, eps=eps)
    np.testing.assert_allclose(out.numpy(), numpy_batch_norm(x, gamma, beta, eps, 0), rtol=1e-9, atol=1e-11)
    out.backward(dout)
    terms = np.abs(dout * gamma).max() / np.sqrt(x.var(0).min() + eps)
    for t, expected in zip(inputs, numpy_backward(x, gamma, dout, eps, 0), strict=True):
        np.testing.assert_allclose(t.grad.numpy(), expected, rtol=1e-9, atol=1e-11 * max(terms, 1))


def test_batch_norm_of_images_averages_over_batch_and_places():
    rng = np.random.default_rng(0)
    x, dout = rng.standard_normal((2, 4, 3, 5, 2))[..., 0], rng.standard_normal((2, 4, 3, 5))
    gamma, beta = rng.standard_normal((2, 4, 1, 1))
    inputs = [parameter(a) for a in (x, gamma, beta)]
    out = mt.batch_norm(*inputs, axis=(0, 2, 3))
    np.testing.assert_allclose(out.numpy(), numpy_batch_norm(x, gamma, beta, 1e-5, (0, 2, 3)), rtol=1e-11)
    out.backward(dout)
    dx, dgamma, dbeta = numpy_backward(x, gamma, dout, 1e-5, (0, 2, 3))
    np.testing.assert_allclose(inputs[0].grad.numpy(), dx, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(inputs[1].grad.numpy().ravel(), dgamma, rtol=1e-10)
    np.testing.assert_allclose(inputs[2].grad.numpy().ravel(), dbeta, rtol=1e-10)


@pytest.mark.parametrize("axis", [1, -1, (1,), (0, 1)])
def test_batch_norm_over_other_axes(axis):
    x = np.random.default_rng(0).standard_normal((3, 4))
    out = mt.batch_norm(parameter(x), 1.0, 0.0, axis=axis)
    np.testing.assert_allclose(out.numpy(), numpy_batch_norm(x, 1.0, 0.0, 1e-5, axis), rtol=1e-11)


def test_invariants_of_batch_norms_gradient():
    """The mean of x has no influence, its scale next to none, and beta's gradient is the upstream's sum."""
    rng = np.random.default_rng(0)
    x, gamma, beta, dout = rng.standard_normal((8, 3)), *rng.standard_normal((2, 3)), rng.standard_normal((8, 3))
    inputs = [parameter(a) for a in (x, gamma, beta)]
    out = mt.batch_norm(*inputs)
    dx, dgamma, dbeta = (g.numpy() for g in mt.grad(out, inputs, dout))
    np.testing.assert_allclose(dx.sum(0), 0, atol=1e-13)
    np.testing.assert_allclose((dx * (x - x.mean(0))).sum(0), 0, atol=1e-4)
    np.testing.assert_allclose(gamma * dgamma + beta * dbeta, (dout * out.numpy()).sum(0))


def test_one_sample_is_refused():
    with pytest.raises(mt.ShapeError, match=r"batch_norm: x \(1, 3\).*two or more"):
        mt.batch_norm(parameter(np.ones((1, 3)), name="x"), np.ones(3), np.zeros(3))
    with pytest.raises(mt.ShapeError, match="two or more"):
        mt.batch_norm(np.ones((1, 3, 1, 1)), 1.0, 0.0, axis=(0, 2, 3))
    assert mt.batch_norm(np.ones((1, 3, 2, 1)), 1.0, 0.0, axis=(0, 2, 3)).shape == (1, 3, 2, 1)


def test_an_empty_batch_is_refused():
    with pytest.raises(mt.ShapeError):
        mt.batch_norm(parameter(np.ones((0, 3))), np.ones(3), np.zeros(3))


def test_a_constant_feature_is_beta_and_its_gradient_is_finite():
    x = np.random.default_rng(0).standard_normal((5, 2))
    x[:, 1] = 4.0
    inputs = [parameter(x), parameter([2.0, 3.0]), parameter([0.5, 0.7])]
    out = mt.batch_norm(*inputs)
    np.testing.assert_allclose(out.numpy()[:, 1], 0.7)
    dout = np.random.default_rng(1).standard_normal((5, 2))
    dx, dgamma, _ = mt.grad(out, inputs, dout)
    assert np.isfinite(dx.numpy()).all()
    np.testing.assert_allclose(dx.numpy()[:, 1], 3.0 / np.sqrt(1e-5) * (dout[:, 1] - dout[:, 1].mean()))
    assert dgamma.numpy()[1] == 0


def test_batch_norm_takes_arrays_and_names_its_stages():
    x = np.random.default_rng(0).standard_normal((4, 2))
    out = mt.batch_norm(x, np.ones(2), np.zeros(2))
    assert isinstance(out, mt.Tensor)
    assert out.name == "out"
    assert not out.requires_grad


def test_batch_norm_keeps_float32():
    inputs = [
        mt.tensor(a, dtype="float32", requires_grad=True) for a in (np.arange(6.0).reshape(3, 2), [1.0, 2], [3.0, 4])
    ]
    out = mt.batch_norm(*inputs)
    assert out.dtype == np.float32
    assert {g.dtype for g in mt.grad(out, inputs, np.ones((3, 2)))} == {np.dtype(np.float32)}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("ignored", [False, True])
def test_gradients_reach_the_weights_of_classes(reduction, ignored):
    logits, weights = mt.tensor(np.random.default_rng(0).normal(size=(4, 3))), np.array([1.0, 0.5, 2.0])
    classes = np.array([0, 2, -1 if ignored else 1, 2])
    log_p = mt.log_softmax(logits).numpy()

    def loss(w):
        return mt.cross_entropy(logits, classes, weight=w, ignore_index=-1, reduction=reduction)

    w = mt.tensor(weights, requires_grad=True)
    loss(w).backward()
    kept = [(i, c) for i, c in enumerate(classes) if c >= 0]
    total = sum(weights[c] for _, c in kept) if reduction == "mean" else 1.0
    value = sum(-weights[c] * log_p[i, c] for i, c in kept) / total
    expected = np.zeros(3)
    for i, c in kept:
        expected[c] += (-log_p[i, c] - (value if reduction == "mean" else 0)) / total
    np.testing.assert_allclose(loss(w).item(), value, rtol=1e-12)
    np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-12)
