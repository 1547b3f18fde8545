"""Operands of any shapes that broadcast, axes of any kind, indexes of any kind: drawn by hypothesis."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import micrograd_tensor as mt

BINARY = ["add", "sub", "mul", "div", "pow", "maximum", "minimum"]
REDUCTIONS = ["sum", "mean", "max", "min", "prod", "var", "logsumexp", "l2_norm"]


def generic(shape, seed):
    """Positive numbers of which no two are close."""
    rng = np.random.default_rng(seed)
    n = int(np.prod(shape))
    return (0.4 + 1.5 * (rng.permutation(n) + rng.uniform(0.3, 0.7, n)) / max(n, 1)).reshape(shape)


def pairs(min_side):
    return hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=min_side, max_side=3)


@pytest.mark.parametrize("name", BINARY)
@given(shapes=pairs(1), seed=st.integers(0, 1000))
def test_binary_ops_pass_gradcheck_on_any_shapes_that_broadcast(name, shapes, seed):
    a, b = generic(shapes.input_shapes[0], seed), generic(shapes.input_shapes[1], seed + 5000)
    with np.errstate(under="ignore"):
        assert mt.gradcheck(getattr(mt, name), a, 1.07 * b + 0.011, order=1)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", BINARY)
@given(shapes=pairs(0))
def test_gradients_have_the_shapes_of_their_operands_and_sum_what_was_copied(name, create_graph, shapes):
    a, b = (mt.tensor(generic(s, 7 * k), requires_grad=True) for k, s in enumerate(shapes.input_shapes))
    y = getattr(mt, name)(a, b)
    assert y.shape == shapes.result_shape
    up = np.random.default_rng(0).standard_normal(y.shape)
    da, db = mt.grad(y, (a, b), up, create_graph=create_graph)
    assert da.shape == a.shape
    assert db.shape == b.shape
    wide = [mt.tensor(np.broadcast_to(t.numpy(), y.shape), requires_grad=True) for t in (a, b)]
    for t, g, w in zip((a, b), (da, db), mt.grad(getattr(mt, name)(*wide), wide, up), strict=True):
        np.testing.assert_allclose(g.numpy(), _summed_to(w.numpy(), t.shape), rtol=1e-12, atol=1e-13)


def _summed_to(array, shape):
    """Add up a full gradient over the axes that an operand of this shape was copied along, one cell at a time."""
    full = np.zeros(shape)
    places = np.broadcast_to(np.arange(full.size).reshape(shape), array.shape)
    np.add.at(full.reshape(-1), places.reshape(-1), array.reshape(-1))
    return full


@pytest.mark.parametrize("name", REDUCTIONS)
@given(data=st.data(), keepdims=st.booleans(), seed=st.integers(0, 1000))
def test_reductions_take_any_axes(name, data, keepdims, seed):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3))
    axis = data.draw(
        st.none() | st.integers(-len(shape), len(shape) - 1) | hnp.valid_tuple_axes(len(shape), min_size=0)
    )
    x = generic(shape, seed)
    y = getattr(mt, name)(mt.tensor(x), axis=axis, keepdims=keepdims)
    assert y.shape == np.sum(x, axis=axis, keepdims=keepdims).shape
    with np.errstate(under="ignore"):
        assert mt.gradcheck(lambda t: getattr(mt, name)(t, axis=axis, keepdims=keepdims), x, order=1)


@given(data=st.data())
def test_getitem_takes_any_basic_index(data):
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=4))
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    _check_index(shape, index)


@given(data=st.data())
def test_getitem_takes_any_integer_arrays(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    index = data.draw(
        hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(min_dims=1, max_dims=2, max_side=3))
    )
    _check_index(shape, index)


@given(data=st.data())
def test_getitem_takes_any_mask(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3))
    axes = data.draw(st.integers(1, len(shape)))
    _check_index(shape, data.draw(hnp.arrays(np.bool_, shape[:axes])))


def _check_index(shape, index):
    """The values are NumPy's; each place's gradient is the sum of the upstreams of all that read it."""
    x = mt.tensor(generic(shape, 3), requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.numpy(), x.numpy()[index])
    up = np.random.default_rng(1).standard_normal(y.shape)
    expected = np.zeros(x.size)
    np.add.at(expected, np.arange(x.size).reshape(shape)[index], up)
    for create_graph in (False, True):
        (g,) = mt.grad(y, x, up, create_graph=create_graph)
        np.testing.assert_allclose(g.numpy(), expected.reshape(shape), rtol=1e-14)


@given(
    batch=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=2),
    sizes=st.tuples(*[st.integers(1, 3)] * 3),
    vectors=st.tuples(st.booleans(), st.booleans()),
    seed=st.integers(0, 1000),
)
def test_matmul_chains_stacks_of_matrices_and_vectors(batch, sizes, vectors, seed):
    n, k, m = sizes
    a_shape = (k,) if vectors[0] else (*batch.input_shapes[0], n, k)
    b_shape = (k,) if vectors[1] else (*batch.input_shapes[1], k, m)
    a, b = generic(a_shape, seed), generic(b_shape, seed + 1)
    np.testing.assert_allclose(mt.matmul(mt.tensor(a), mt.tensor(b)).numpy(), a @ b)
    assert mt.gradcheck(mt.matmul, a, b, order=1)


@given(data=st.data())
def test_einsum_takes_any_labels(data):
    sizes = {"i": 2, "j": 3, "k": 1, "l": 2}
    inputs = data.draw(st.lists(st.text("ijkl", max_size=3), min_size=1, max_size=3))
    used = sorted(set("".join(inputs)))
    target = "".join(data.draw(st.permutations(used)))[: data.draw(st.integers(0, len(used)))] if used else ""
    subscripts = ",".join(inputs) + data.draw(st.sampled_from(["", f"->{target}"]))
    arrays = [generic(tuple(sizes[c] for c in labels), i) for i, labels in enumerate(inputs)]
    np.testing.assert_allclose(
        mt.einsum(subscripts, *map(mt.tensor, arrays)).numpy(), np.einsum(subscripts, *arrays), rtol=1e-12
    )
    assert mt.gradcheck(lambda *t: mt.einsum(subscripts, *t), *arrays, order=1)


STRETCHED = [
    ("abc,bdA,BAB->ABa", (3, 1, 3), (1, 1, 3), (3, 1, 3)),
    ("abc,bdA,BAB->ABa", (3, 1, 3), (1, 1, 3), (1, 1, 1)),
    ("aa,abca,ac->bc", (2, 2), (1, 1, 1, 1), (2, 2)),
    ("aaa,abc,ca->", (1, 1, 1), (1, 1, 1), (1, 2)),
    ("aab,bbc->a", (1, 1, 2), (1, 1, 2)),
    ("ii,i->i", (1, 1), (3,)),
    ("ii,i->", (3, 3), (1,)),
    ("i,ii->", (4,), (1, 1)),
    ("...ii,i->...", (2, 1, 1), (3,)),
    ("iij,ij->j", (1, 1, 1), (3, 2)),
    ("iijj,ij->", (1, 1, 3, 3), (2, 1)),
]


@pytest.mark.parametrize(("subscripts", "shapes"), [(text, shapes) for text, *shapes in STRETCHED])
def test_a_diagonal_of_an_einsum_may_stand_beside_axes_of_length_1(subscripts, shapes):
    arrays = [generic(shape, i) for i, shape in enumerate(shapes)]
    found = mt.einsum(subscripts, *[mt.tensor(a, requires_grad=True) for a in arrays])
    np.testing.assert_allclose(found.numpy(), np.einsum(subscripts, *arrays), rtol=1e-12)
    assert mt.gradcheck(lambda *t: mt.einsum(subscripts, *t), *arrays)


@pytest.mark.parametrize("coarse", ["f2", "f4"])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("name", [*BINARY, "arctan2", "logaddexp"])
def test_beside_float64_a_coarser_operand_costs_no_digits(name, side, coarse):
    """As in NumPy the result is float64, so the gradient of the float64 operand is as fine."""
    op, exact = getattr(mt, name), [generic((4,), 0), 1.03 * generic((4,), 1)]
    exact[side] = exact[side].astype(coarse).astype(float)  # numbers that the coarser dtype holds
    mixed = [a.astype(coarse) if i == side else a for i, a in enumerate(exact)]
    results = []
    for arrays in (exact, mixed):
        leaves = [mt.tensor(a, requires_grad=True) for a in arrays]
        results.append(mt.grad(op(*leaves), leaves[1 - side], np.ones(4))[0])
    assert results[1].dtype == np.float64
    np.testing.assert_allclose(results[1].numpy(), results[0].numpy(), rtol=1e-13)


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("i,i->", ((3,), (1,))),
        ("ij,ij->ij", ((2, 1), (2, 3))),
        ("ij,jk->ik", ((2, 1), (3, 2))),
        ("i,i,i->", ((1,), (3,), (1,))),
    ],
)
def test_a_label_of_length_one_is_stretched_in_the_gradient_of_an_einsum(subscripts, shapes):
    arrays = [1.0 + np.arange(np.prod(shape)).reshape(shape) for shape in shapes]
    tensors = [mt.tensor(a, requires_grad=True) for a in arrays]
    mt.einsum(subscripts, *tensors).sum().backward()
    for i, t in enumerate(tensors):
        for at in np.ndindex(t.shape):  # it is linear in each operand: what a unit there makes of the others
            unit = np.zeros(t.shape)
            unit[at] = 1.0
            expected = np.einsum(subscripts, *arrays[:i], unit, *arrays[i + 1 :]).sum()
            assert t.grad.numpy()[at] == expected


@pytest.mark.infinities
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("correction", [0, 1])
@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize(("shape", "axis"), [((0, 3), -1), ((1, 0), 0), ((0, 3, 1), 2), ((3, 0), 0), ((0, 1, 2), 1)])
def test_spreads_of_which_there_are_none_are_none(name, shape, axis, correction):
    """Where no result is asked for, it does not matter how few values each would be made of."""
    x = mt.tensor(np.zeros(shape, "f4"), requires_grad=True)
    y = getattr(mt, name)(x, axis=axis, correction=correction)
    assert y.shape == np.var(np.zeros(shape), axis=axis).shape
    assert y.dtype == np.float32
    (g,) = mt.grad(y, x, np.zeros(y.shape, "f4"), create_graph=True)
    assert g.shape == shape
