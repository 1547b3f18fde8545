"""Convolution and pooling at random sizes, strides, paddings and dilations, 0 and below too: PyTorch's or refused."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import micrograd_tensor as mt

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
F = torch.nn.functional

number = st.one_of(st.integers(-2, 4), st.sampled_from([0, -1, 1.5, True, np.int64(2)]))
one_or_two = st.one_of(number, st.tuples(number, number))


def plain(value):
    """A setting as PyTorch takes it."""
    return tuple(map(int, value)) if isinstance(value, tuple) else int(value)


def whole(value, least):
    numbers = value if isinstance(value, tuple) else (value,)
    return all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= least for n in numbers)


def agrees(ours, theirs, x, right):
    """Either ours is refused, and had to be; or it has PyTorch's values and gradient."""
    tensor = mt.tensor(x, requires_grad=True)
    try:
        y = ours(tensor)
    except ValueError:
        if not right:
            return
        with pytest.raises((RuntimeError, ValueError)):
            theirs(torch.tensor(x))
        return
    assert right
    reference = torch.tensor(x, requires_grad=True)
    due = theirs(reference)
    assert y.shape == tuple(due.shape)
    assert np.allclose(y.numpy(), due.detach().numpy(), rtol=1e-10, atol=1e-12)
    upstream = np.random.default_rng(1).normal(size=y.shape)
    y.backward(upstream)
    due.backward(torch.tensor(upstream))
    assert np.allclose(tensor.grad.numpy(), reference.grad.numpy(), rtol=1e-10, atol=1e-12)


def data(*shape):
    return np.random.default_rng(0).normal(size=shape)


@given(size=st.integers(1, 3), stride=one_or_two, padding=one_or_two, dilation=one_or_two, groups=number)
def test_convolution(size, stride, padding, dilation, groups):
    right = whole(stride, 1) and whole(padding, 0) and whole(dilation, 1) and whole(groups, 1) and 4 % groups == 0
    weight = data(4, 4 // groups if right else 4, size, size)
    agrees(
        lambda x: mt.conv2d(x, weight, None, stride, padding, dilation, groups),
        lambda x: F.conv2d(x, torch.tensor(weight), None, *map(plain, (stride, padding, dilation, groups))),
        data(1, 4, 5, 6),
        right,
    )


@given(size=one_or_two, stride=st.one_of(st.none(), one_or_two), padding=one_or_two, ceil=st.booleans())
def test_average_pooling(size, stride, padding, ceil):
    assume(size is not True)
    agrees(
        lambda x: mt.avg_pool2d(x, size, stride, padding, ceil_mode=ceil),
        lambda x: F.avg_pool2d(x, plain(size), None if stride is None else plain(stride), plain(padding), ceil),
        data(1, 2, 5, 6),
        whole(size, 1) and (stride is None or whole(stride, 1)) and whole(padding, 0),
    )


@given(size=one_or_two, stride=one_or_two, padding=one_or_two, dilation=one_or_two)
def test_maximum_pooling(size, stride, padding, dilation):
    agrees(
        lambda x: mt.max_pool2d(x, size, stride, padding, dilation),
        lambda x: F.max_pool2d(x, *map(plain, (size, stride, padding, dilation))),
        data(1, 2, 5, 6),
        whole(size, 1) and whole(stride, 1) and whole(padding, 0) and whole(dilation, 1),
    )


@given(size=st.tuples(st.one_of(st.none(), number), st.one_of(st.none(), number)))
def test_adaptive_pooling(size):
    agrees(
        lambda x: mt.adaptive_avg_pool2d(x, size),
        lambda x: F.adaptive_avg_pool2d(x, tuple(None if n is None else int(n) for n in size)),
        data(2, 5, 6),
        all(n is None or whole(n, 1) for n in size),
    )
