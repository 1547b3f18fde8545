"""PyTorch's names: constructors, methods, dim= beside axis=; each beside PyTorch where that is installed."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import micrograd_tensor as mt

X = np.array([[1.0, -2.0, 3.0], [4.0, 0.5, -6.0]])


def close(ours, theirs):
    """The same shape, dtype and values; ours may be a Tensor or a plain value."""
    if hasattr(theirs, "detach"):
        theirs = theirs.detach().numpy()
    ours = ours.numpy() if isinstance(ours, mt.Tensor) else ours
    assert np.shape(ours) == np.shape(theirs)
    np.testing.assert_allclose(np.asarray(ours, np.float64), np.asarray(theirs, np.float64), rtol=1e-6, atol=1e-12)


# ------------------------------------------------------------------------------------ what runs in both, as it stands

BOTH = [
    "m.zeros(2, 3)",
    "m.zeros((2, 3))",
    "m.zeros(size=(2,))",
    "m.ones(2, 3, dtype=m.float32)",
    "m.full((2, 2), 7.0)",
    "m.full(size=(2, 2), fill_value=7.0)",
    "m.eye(3)",
    "m.eye(2, 3)",
    "m.arange(5)",
    "m.arange(1, 5, 2)",
    "m.arange(start=1, end=4)",
    "m.linspace(0, 1, 5)",
    "m.linspace(0, 1, steps=5)",
    "m.zeros_like(x)",
    "m.ones_like(x, dtype=m.int64)",
    "m.full_like(x, 3.0)",
    "m.randint(3, 4, (2,))",
    "m.randint(1, (2,))",
    "m.randint(high=1, size=(2, 2))",
    "m.randint(3, 4, size=(2,))",
    "m.triu(x, diagonal=1)",
    "m.from_numpy(X)",
    "m.as_tensor([1.0, 2.0])",
    "m.as_tensor(x, dtype=m.float32)",
    "m.tensor([1, 2], dtype=m.long)",
    "m.tensor([1, 2], dtype=m.float)",
    "m.tensor([1, 0], dtype=m.bool)",
    "m.tensor([1.0], dtype=m.double)",
    "m.tensor([1.0], dtype=m.half)",
    "x.size()",
    "x.size(0)",
    "x.size(-1)",
    "x.dim()",
    "x.numel()",
    "x.nelement()",
    "x.view(3, 2)",
    "x.view(-1)",
    "x.view((3, 2))",
    "x.view(x.size(0), -1)",
    "x.view_as(x.t())",
    "x.reshape_as(x.t())",
    "x.t()",
    "x[0].t()",
    "x.clone()",
    "x.cpu()",
    "x.contiguous()",
    "x.unsqueeze(0)",
    "x.unsqueeze(dim=1)",
    "x.expand(4, 2, 3)",
    "x[:, :1].expand(-1, 5)",
    "x[:1].expand_as(x)",
    "x.masked_fill(x > 0, 7.0)",
    "x.float()",
    "x.double()",
    "x.half()",
    "x.int()",
    "x.long()",
    "x.bool()",
    "x.to(m.float32)",
    "x.to('cpu')",
    "x.to(dtype=m.float32)",
    "x.to(x.float())",
    "x.type(m.float32)",
    "x.type_as(x.float())",
    "x.clamp(-1, 1)",
    "x.clamp(min=0)",
    "x.clamp(max=1.0)",
    "x.amax(dim=1)",
    "x.amin(dim=0, keepdim=True)",
    "x.mm(x.t())",
    "x.matmul(x.t())",
    "x.unsqueeze(0).bmm(x.t().unsqueeze(0))",
    "x.eq(1.0)",
    "x.detach().cpu().numpy()",
    "x.sum(dim=1)",
    "x.sum(dim=1, keepdim=True)",
    "x.sum(dim=(0, 1))",
    "x.sum(1, keepdim=True)",
    "x.mean(dim=-1)",
    "x.prod(dim=0)",
    "x.var(dim=0, unbiased=False)",
    "x.var(dim=0, correction=1)",
    "x.std(dim=1, unbiased=True)",
    "x.cumsum(dim=1)",
    "x.argsort(dim=1)",
    "x.flip(dims=(0,))",
    "x.flatten()",
    "x.unsqueeze(0).flatten(1)",
    "x.softmax(dim=1)",
    "x.log_softmax(dim=0)",
    "x.logsumexp(dim=1)",
    "x.logsumexp(dim=1, keepdim=True)",
    "m.sum(x, dim=0)",
    "m.softmax(x, dim=1)",
    "m.log_softmax(x, dim=1)",
    "m.logsumexp(x, dim=1)",
    "m.cat([x, x], dim=1)",
    "m.cat((x, x))",
    "m.stack([x, x], dim=-1)",
    "m.concatenate([x, x], dim=1)",
    "m.unsqueeze(x, 1)",
    "m.clamp(x, 0, 1)",
    "m.clamp(x, min=0)",
    "m.mm(x, x.t())",
    "m.bmm(x.unsqueeze(0), x.t().unsqueeze(0))",
    "m.flatten(x)",
    "m.flip(x, dims=(1,))",
    "m.permute(x, (1, 0))",
    "m.argmax(x, dim=1)",
    "m.argmax(x, dim=1, keepdim=True)",
    "m.argmin(x, dim=0)",
    "x.argmax()",
    "x.argmax(dim=1)",
    "x.argmax(1, keepdim=True)",
    "(x.argmax(1) == m.tensor([2, 0])).type(m.float).sum().item()",
    "(x > 0).any(dim=1)",
    "(x > 0).all(dim=0, keepdim=True)",
    "m.any(x > 0, dim=1)",
    "m.roll(x, 1, dims=0)",
    "m.tile(x, (2, 1))",
    "m.outer(x[0], x[1])",
    "m.dot(x[0], x[1])",
    "m.diagonal(x)",
    "m.trace(x[:, :2])",
    "m.count_nonzero(x, dim=1)",
    "m.vstack([x, x])",
    "m.logaddexp(x, x)",
    "m.var(x, dim=1, unbiased=False)",
    "m.std(x, dim=0, correction=1, keepdim=True)",
    "m.cumprod(x, dim=1)",
    "m.argsort(x, dim=0)",
    "m.cumsum(x, dim=0)",
    "m.where(x > 0, x, m.zeros_like(x))",
    "m.Tensor([1.0, 2.0]).sum()",
]


@pytest.mark.torch
@pytest.mark.parametrize("line", BOTH)
def test_a_line_means_the_same_in_both(line):
    torch = pytest.importorskip("torch")
    found = eval(line, {"m": mt, "x": mt.tensor(X), "X": X})  # noqa: S307 -- the lines above
    expected = eval(line, {"m": torch, "x": torch.tensor(X), "X": X})  # noqa: S307
    close(found, expected)
    if hasattr(found, "dtype") and not line.startswith(
        ("m.full", "m.zeros", "m.eye", "m.linspace", "m.as_t", "m.Tens")
    ):
        assert str(found.dtype) == str(expected.dtype).removeprefix("torch.")


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in mt.__all__
        if inspect.isfunction(f := getattr(mt, n)) and {"axis", "axes"} & {*inspect.signature(f).parameters}
    ],
)
def test_whatever_has_an_axis_takes_dim(name):
    """A row answers for its settings itself, a composition through `keywords`."""
    function = getattr(mt, name)
    assert hasattr(function, "op") or function.__wrapped__
    with pytest.raises(TypeError, match=rf"{function.__name__}\(\) was given ax[ie]s twice, as dims? too"):
        function(**dict.fromkeys({"axis", "axes"} & {*inspect.signature(function).parameters}, 0), dim=0, dims=0)


# ----------------------------------------------------------------------------------------------------- what they say


def unpacked(x):
    _, found = mt.max(mt.cat([x, x]), 1)
    return found


def test_what_is_no_pair_may_be_unpacked_as_in_numpy():
    a, b = mt.tensor(X).max(axis=1)
    assert (a.item(), b.item()) == (3.0, 4.0)
    assert [y.item() for y in mt.tensor(X).max(axis=0)] == [4.0, 0.5, 3.0]
    _, *rest = mt.tensor(X).min(axis=0)
    assert len(rest) == 2
    with pytest.raises(TypeError, match="a 0-d tensor has no length"):
        _, _ = mt.tensor(X).max()
    with pytest.raises(ValueError, match="not enough values to unpack"):
        _, _, _ = mt.tensor(X).max(axis=1)


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (
            lambda x: x.cuda(),
            AttributeError,
            r"'Tensor' object has no attribute 'cuda'. PyTorch's x.cuda\(\) has no meaning",
        ),
        (
            unpacked,
            ValueError,
            r"has 4 rows to unpack, not 2.*the indices are x.argmax",
        ),
        (lambda x: x.type(), TypeError, "the present one is x.dtype"),
        (lambda x: x.topk(2), AttributeError, r"is mt.flip\(mt.sort\(x\), axis=-1\)\[..., :2\] here"),
        (
            lambda x: mt.topk(x, 2),
            AttributeError,
            r"module 'micrograd_tensor' has no attribute 'topk'. PyTorch's torch.topk",
        ),
        (lambda x: mt.cuda.is_available(), AttributeError, "has no meaning here: everything runs on the CPU"),
        (lambda x: x.to("cuda"), mt.DTypeError, r"to\('cuda'\): give a dtype.*on the CPU"),
        (
            lambda x: x.sum(foo=1),
            mt.DTypeError,
            r"sum: a tensor \(2, 3\).*with foo=1: sum\(\) has no setting 'foo'; it has axis, keepdims",
        ),
        (lambda x: mt.sum(x.numpy(), foo=1), TypeError, r"sum\(\) has no setting 'foo'"),
        (lambda x: x.sum(dim=0, axis=0), TypeError, r"sum\(\) was given axis twice"),
        (lambda x: mt.softmax(x, foo=1), TypeError, r"softmax\(\) has no setting 'foo'; it has x, axis"),
        (lambda x: mt.sort(x, descending=True), TypeError, r"is mt.flip\(mt.sort\(x\), axis=-1\) here"),
        (lambda x: mt.zeros(2, device="cpu"), TypeError, "everything runs on the CPU"),
        (lambda x: mt.zeros("2"), mt.ShapeError, r"zeros: shape=\('2',\): give a tuple of whole numbers"),
        (lambda x: mt.rand(2, 2.5), mt.ShapeError, r"rand: shape=\(2, 2.5\): give"),
        (lambda x: mt.ones(-1), mt.ShapeError, r"ones: shape=\(-1,\): give"),
        (lambda x: mt.from_numpy([1.0]), mt.DTypeError, r"from_numpy takes an array, not \[1.0\]; write mt.tensor"),
        (lambda x: mt.unsqueeze(x, 0).t(), mt.ShapeError, r"t: .* is no matrix; use mT"),
        (lambda x: mt.unsqueeze(x, 0).transpose(0, 1), mt.ShapeError, r"transpose\(0, 1\) is swapaxes\(0, 1\) here"),
        (lambda x: x.expand(4, 4, 4), mt.ShapeError, "broadcast_to: a tensor"),
        (lambda x: x.view(4, -1), mt.ShapeError, "6 elements, which do not fill"),
    ],
)
def test_a_habit_is_answered_with_what_to_write(wrong, error, says):
    with pytest.raises(error, match=says):
        wrong(mt.tensor(X))


def test_transpose_that_changes_nothing_warns():
    with pytest.warns(UserWarning, match=r"PyTorch's transpose\(0, 1\) is swapaxes\(0, 1\) here"):
        assert np.array_equal(mt.tensor(X).transpose(0, 1).numpy(), X)
    assert np.array_equal(mt.tensor(X).transpose(1, 0).numpy(), X.T)
    assert np.array_equal(mt.tensor(X).permute(0, 1).numpy(), X)


@pytest.mark.parametrize("name", ["cuda", "sofmax", "__array_interface__", "_ipython_display_", "to_numpy"])
def test_what_is_missing_is_missing_to_everyone(name):
    x = mt.tensor(X)
    assert not hasattr(x, name)
    assert getattr(x, name, 7) == 7
    with pytest.raises(AttributeError) as caught:
        getattr(x, name)
    assert caught.value.name == name  # by which, and by the object, Python finds the nearest name
    assert caught.value.obj is x


def test_copies_and_arrays_are_not_disturbed():
    x = mt.tensor(X, requires_grad=True)
    for same in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):  # noqa: S301
        assert np.array_equal(same.numpy(), X)
    assert np.array_equal(np.asarray(x.detach()), X)


def test_size_is_a_number_that_can_be_called():
    x = mt.tensor(X)
    assert x.size == 6
    assert x.size + 1 == 7
    assert isinstance(x.size, int)
    assert x.size() == (2, 3)
    assert np.zeros(x.size).shape == (6,)


# --------------------------------------------------------------------------------------------------- random numbers


def test_random_leaves_are_drawn_from_the_seeded_generator():
    def drawn():
        mt.manual_seed(3)
        return [
            mt.rand(2),
            mt.randn(2),
            mt.randint(9, (4,)),
            mt.randint(2, 9, (4,)),
            mt.randperm(5),
            mt.rand_like(mt.ones(2)),
        ]

    for a, b in zip(drawn(), drawn(), strict=True):
        assert np.array_equal(a.numpy(), b.numpy())
    rng = np.random.default_rng(3)
    assert np.array_equal(drawn()[0].numpy(), rng.random(2))
    assert np.array_equal(
        mt.randn(2, generator=np.random.default_rng(1)).numpy(), np.random.default_rng(1).standard_normal(2)
    )
    assert mt.randn_like(mt.ones(2, dtype=mt.float32)).dtype == np.float32
    assert mt.rand(2, requires_grad=True, name="w").requires_grad


def test_gradients_flow_through_the_other_names():
    x = mt.tensor(X, requires_grad=True)
    y = x.view(3, 2).t().unsqueeze(0).expand(2, -1, -1).clone().double()
    y.masked_fill(mt.tensor(X.reshape(3, 2).T) > 3, 0.0).sum().backward()
    assert np.array_equal(x.grad.numpy(), [[2, 2, 2], [0, 2, 2]])  # 4 is filled over
