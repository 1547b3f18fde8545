"""What compositions compute at the ends of their range: narrow dtypes, far-off features, infinities, nothing.

Against float64, algebra, or what PyTorch is documented to do.
"""

import numpy as np
import pytest

import micrograd_tensor as mt

ROUNDING = {"float16": 1e-3, "float32": 6e-8, "float64": 1.1e-16}


def normalized(x, axis, eps=1e-5, center=True):
    """In float64, after scaling by the largest, which changes nothing but eps."""
    x = np.asarray(x, dtype=np.longdouble)
    dev = x - x.mean(axis=axis, keepdims=True) if center else x
    top = np.abs(dev).max()
    dev = dev / top
    return (dev / np.sqrt((dev**2).mean(axis=axis, keepdims=True) + eps / top / top)).astype(float)


def dx_of_batch_norm(x, dout, eps=1e-5):
    """The closed form of its derivation."""
    x, dout = x.astype(np.longdouble), dout.astype(np.longdouble)
    dev = x - x.mean(axis=0)
    stddev = np.sqrt((dev**2).mean(axis=0) + eps)
    x_norm = dev / stddev
    return ((dout - dout.mean(axis=0) - x_norm * (dout * x_norm).mean(axis=0)) / stddev).astype(float)


def close(got, due, tolerance):
    """Relative to the largest element."""
    np.testing.assert_allclose(np.asarray(got, dtype=float), due, rtol=0, atol=tolerance * np.abs(due).max())


MANY_ROWS = pytest.param(1_000_000, 4, marks=pytest.mark.slow)

# ---------------------------------------------------------------------------------------------------- normalizations


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize(("n", "width"), [(32, 16), (64, 2), (1000, 2), (10_000, 2), (4096, 64), MANY_ROWS])
@pytest.mark.parametrize("value", [100.1, 1e6, -0.3])
def test_a_constant_feature_normalizes_to_0(value, n, width, layout):
    if layout == "F" and n * width > 2**17:
        pytest.skip("along memory NumPy adds in pairs, which is right to a rounding, not to the last bit")
    x = mt.tensor(np.full((n, width), value, np.float32, order=layout), requires_grad=True)
    dout = np.random.default_rng(0).normal(size=(n, width)).astype(np.float32)
    out = mt.batch_norm(x, np.ones(width, np.float32), np.zeros(width, np.float32))
    out.backward(dout)
    assert (out.numpy() == 0).all()
    close(x.grad.numpy(), dx_of_batch_norm(x.numpy(), dout), 1e-5)


@pytest.mark.parametrize(("n", "width"), [(256, 64), (65_536, 16), MANY_ROWS, (4096, 300)])
@pytest.mark.parametrize(("mean", "tolerance"), [(0, 1e-6), (1000, 1e-4), (10_000, 1e-3)])
def test_a_far_off_feature_is_normalized_as_its_digits_allow(mean, tolerance, n, width):
    """A number near 10,000 is given to 5e-4 in float32, so nothing can be better than that."""
    rng = np.random.default_rng(0)
    x = mt.tensor((rng.normal(size=(n, width)) + mean).astype(np.float32), requires_grad=True)
    dout = rng.normal(size=(n, width)).astype(np.float32)
    out = mt.batch_norm(x, np.ones(width, np.float32), np.zeros(width, np.float32))
    out.backward(dout)
    close(out.numpy(), normalized(x.numpy(), 0), tolerance)
    close(x.grad.numpy(), dx_of_batch_norm(x.numpy(), dout), tolerance)


def each_normalization(dtype):
    """Name: the function of rows of 6 numbers, normalized over the 6, and whether it subtracts the mean."""
    six, one = np.ones(6, dtype), np.ones(1, dtype)
    return {
        "batch_norm": (lambda x: mt.batch_norm(x.T, np.ones(len(x), dtype), np.zeros(len(x), dtype)).T, True),
        "layer_norm": (lambda x: mt.layer_norm(x, 6, six), True),
        "rms_norm": (lambda x: mt.rms_norm(x, 6, six, eps=1e-5), False),
        "group_norm": (lambda x: mt.group_norm(x, 1), True),
        "instance_norm": (lambda x: mt.instance_norm(mt.reshape(x, shape=(-1, 1, 6)), one).reshape((-1, 6)), True),
    }


@pytest.mark.parametrize("name", each_normalization("float64"))
@pytest.mark.parametrize(
    ("dtype", "scale"),
    [("float16", 1), ("float16", 100), ("float16", 20_000), ("float32", 1e30), ("float32", 1e15), ("float64", 1e200)],
)
def test_normalizations_do_not_overflow(name, dtype, scale):
    """Forward and backward; the rows below are not ordinary beside it."""
    function, center = each_normalization(dtype)[name]
    rows = np.random.default_rng(0).normal(size=(3, 6)) * np.array([[scale], [1.0], [0.0]])
    x = mt.tensor(rows.astype(dtype), requires_grad=True)
    out = function(x)
    assert out.dtype == dtype
    due = [normalized(row, -1, center=center) if row.any() else row for row in x.numpy().astype(float)]
    close(out.numpy(), np.array(due), 4 * ROUNDING[dtype])
    out.backward(np.random.default_rng(1).normal(size=(3, 6)).astype(dtype))
    assert x.grad.dtype == dtype
    assert np.isfinite(x.grad.numpy()).all()


def test_the_largest_numbers_among_ordinary_ones():
    x = mt.tensor(np.array([[300.0], [-300.0], [10.0]], np.float16), requires_grad=True)
    out = mt.batch_norm(x, np.ones(1, np.float16), np.zeros(1, np.float16))
    close(out.numpy(), normalized(x.numpy(), 0), 1e-3)
    ratio = np.float32([[1e30], [-1e30], [2e30]])
    got = mt.batch_norm(ratio, np.ones(1, np.float32), np.zeros(1, np.float32)).numpy()
    np.testing.assert_allclose(got, normalized(ratio, 0), rtol=1e-6)


def test_batch_norm_of_ordinary_numbers_is_its_ten_ops():
    x = mt.tensor(np.random.default_rng(0).normal(size=(4, 3)), requires_grad=True)
    graph = mt.graph(mt.batch_norm(x, mt.tensor(np.ones(3)), mt.tensor(np.zeros(3))))
    assert [n.op.name for n in graph.nodes if n.op is not None] == [
        *("mean", "sub", "square", "mean", "add", "sqrt", "reciprocal", "mul", "mul", "add"),
    ]


# ------------------------------------------------------------------------------------------------- spreads and norms


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("float16", 300.0), ("float16", 20_000.0), ("float32", 1e20), ("float32", 1e30), ("float64", 1e200)],
)
def test_a_norm_and_a_deviation_do_not_overflow(dtype, size):
    x = mt.tensor(np.array([[3 * size / 4, size], [3.0, 4.0]], dtype), requires_grad=True)
    norms = mt.l2_norm(x, axis=1)
    np.testing.assert_allclose(norms.numpy().astype(float), [1.25 * size, 5.0], rtol=2 * ROUNDING[dtype])
    norms.sum().backward()
    np.testing.assert_allclose(x.grad.numpy().astype(float), [[0.6, 0.8], [0.6, 0.8]], rtol=4 * ROUNDING[dtype])
    x.grad = None
    spread = mt.std(x, axis=1)
    np.testing.assert_allclose(spread.numpy().astype(float), [size / 8, 0.5], rtol=4 * ROUNDING[dtype])
    spread.sum().backward()
    np.testing.assert_allclose(x.grad.numpy().astype(float), [[-0.5, 0.5]] * 2, rtol=4 * ROUNDING[dtype])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_where_a_norm_or_a_deviation_is_0_so_is_its_gradient(dtype, keepdims):
    for function, axis in ((mt.std, 0), (mt.l2_norm, 1)):
        x = mt.tensor(np.array([[0.0, 0.0], [0.0, 4.0]], dtype), requires_grad=True)
        (dx,) = mt.grad(function(x, axis=axis, keepdims=keepdims).sum(), x, create_graph=True)
        assert np.isfinite(dx.numpy()).all()
        assert (dx.numpy()[:, 0] == 0).all()
        assert dx.numpy()[1, 1] == (0.5 if function is mt.std else 1.0)
        assert np.isfinite(mt.grad((dx * dx).sum(), x)[0].numpy()).all()


def test_infinities_in_a_norm_stay():
    assert mt.l2_norm(mt.tensor([np.inf, 1.0])).item() == np.inf
    assert np.isnan(mt.l2_norm(mt.tensor([np.nan, 1.0])).item())


def test_the_variance_of_outliers_in_float16():
    x = np.zeros(1000, np.float16)
    x[0] = 300
    assert mt.var(mt.tensor(x)).item() == pytest.approx(np.var(x.astype(float)), rel=1e-3)
    assert mt.var(mt.tensor(x)).dtype == np.float16


# ------------------------------------------------------------------------------------------------------------ softmax


@pytest.mark.parametrize("function", [mt.softmax, mt.log_softmax, mt.logsumexp])
@pytest.mark.parametrize(("shape", "axis"), [((5000, 3), 0), ((3, 5000), 1), ((40_000,), 0)])
def test_softmax_of_many_numbers_in_float16(function, shape, axis):
    x = np.random.default_rng(0).normal(size=shape).astype(np.float16)
    e = np.exp(x.astype(float))
    total = e.sum(axis=axis, keepdims=True)
    due = {mt.softmax: e / total, mt.log_softmax: np.log(e / total), mt.logsumexp: np.log(total.sum(axis=axis))}
    leaf = mt.tensor(x, requires_grad=True)
    out = function(leaf, axis=axis)
    assert out.dtype == np.float16
    close(out.numpy(), due[function], 1e-3)
    out.backward(np.ones(out.shape))
    assert np.isfinite(leaf.grad.numpy()).all()


def test_softmax_of_more_numbers_than_float16_counts_to():
    got = mt.softmax(mt.tensor(np.zeros(70_000, np.float16))).numpy()
    assert (got == np.float16(1 / 70_000)).all()


def test_logsumexp_of_nothing_but_minus_infinity():
    """Its value is −∞, as log 0, and it does not spoil the gradients of the other rows."""
    x = mt.tensor([[-np.inf, -np.inf], [0.0, 0.0]], requires_grad=True)
    y = mt.logsumexp(x, axis=1)
    assert y.tolist() == [-np.inf, np.log(2)]
    mt.where(mt.isfinite(y), y, 0).sum().backward()
    assert x.grad.tolist() == [[0.0, 0.0], [0.5, 0.5]]
    assert mt.logsumexp(x, axis=1, keepdims=True).tolist() == [[-np.inf], [np.log(2)]]
    assert mt.logsumexp(mt.tensor([1.0, np.inf])).item() == np.inf


def test_softmax_beside_an_infinity_is_not_a_number():
    with np.errstate(invalid="ignore"):
        assert np.isnan(mt.softmax(mt.tensor([1.0, np.inf, 2.0])).numpy()).all()
        assert np.isnan(mt.cross_entropy(mt.tensor([1.0, np.inf, 2.0]), 0).item())
    assert mt.softmax(mt.tensor([1.0, -np.inf, 1.0])).tolist() == [0.5, 0.0, 0.5]


@pytest.mark.parametrize("kind", ["truth", "numbers"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_attention_of_a_query_that_may_look_at_nothing_is_0(kind, dtype):
    rng = np.random.default_rng(0)
    q, k, v = (mt.tensor(rng.normal(size=(3, 4)).astype(dtype), requires_grad=True) for _ in range(3))
    allowed = np.array([[True, True, False], [False, False, False], [False, True, True]])
    mask = allowed if kind == "truth" else np.where(allowed, 0.0, -np.inf).astype(dtype)
    out = mt.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    assert (out.numpy()[1] == 0).all()
    alone = mt.scaled_dot_product_attention(q[[0, 2]], k, v, attn_mask=mask[[0, 2]])
    assert (out.numpy()[[0, 2]] == alone.numpy()).all()
    out.sum().backward()
    for x in (q, k, v):
        assert np.isfinite(x.grad.numpy()).all()
    assert (q.grad.numpy()[1] == 0).all()


# ------------------------------------------------------------------------------------------------------------ nothing


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (5, 0, 0), (0,)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("function", [mt.softmax, mt.log_softmax, mt.logsumexp])
def test_softmax_of_nothing(function, shape, dtype):
    for axis in range(len(shape)):
        x = mt.tensor(np.zeros(shape, dtype), requires_grad=True)
        y = function(x, axis=axis)
        due = shape if function is not mt.logsumexp else (*shape[:axis], *shape[axis + 1 :])
        assert (y.shape, y.dtype) == (due, dtype)
        assert (y.numpy() == -np.inf).all()
        y.sum().backward()
        assert x.grad.shape == shape


@pytest.mark.parametrize("function", [mt.max, mt.min])
def test_extremes_over_an_empty_batch(function):
    x = mt.tensor(np.zeros((0, 3)), requires_grad=True)
    y = function(x, axis=1)
    y.sum().backward()
    assert y.shape == (0,)
    assert x.grad.shape == (0, 3)
    with pytest.raises(mt.ShapeError):
        function(x, axis=0)


@pytest.mark.parametrize("function", [mt.var, mt.std])
@pytest.mark.parametrize("correction", [0, 1])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_variance_of_nothing(function, correction, dtype):
    for shape, axis in (((0, 3), -1), ((3, 0), 0), ((5, 0, 4), 2)):
        x = mt.tensor(np.zeros(shape, dtype), requires_grad=True)
        y = function(x, axis=axis, correction=correction)
        assert y.shape == np.zeros(shape).sum(axis=axis).shape
        y.sum().backward()
        assert x.grad.shape == shape
    with pytest.warns(RuntimeWarning):
        assert np.isnan(function(mt.tensor(np.zeros((0, 3), dtype)), axis=0, correction=correction).numpy()).all()


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("abc,bdA,BAB->ABa", ((3, 1, 3), (1, 1, 3), (3, 1, 3))),
        ("ii,i->i", ((1, 1), (3,))),
        ("iij,j->i", ((2, 2, 1), (4,))),
        ("ab,aa->b", ((3, 2), (1, 1))),
        ("i,i->", ((3,), (1,))),
        ("aab,abb,b->a", ((3, 3, 1), (3, 2, 2), (2,))),
    ],
)
def test_einsum_with_a_repeated_label_beside_an_axis_of_length_1(subscripts, shapes):
    rng = np.random.default_rng(0)
    operands = [rng.normal(size=shape) for shape in shapes]
    assert mt.gradcheck(lambda *xs: mt.einsum(subscripts, *xs), *operands)
    np.testing.assert_allclose(
        mt.einsum(subscripts, *map(mt.tensor, operands)).numpy(), np.einsum(subscripts, *operands)
    )
