"""Tensors of PyTorch, arrays of JAX and tables of pandas, where these are installed: read by value, bfloat16 too."""

import numpy as np
import pytest

import micrograd_tensor as mt


def torch_values():
    torch = pytest.importorskip("torch")
    return {
        "plain": torch.tensor([1.0, 2.0, 3.0]),
        "asks for gradients": torch.tensor([1.0, 2.0, 3.0], requires_grad=True),
        "result": torch.tensor([0.5, 1.0, 1.5], requires_grad=True) * 2,
        "parameter": torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0])),
        "bfloat16": torch.tensor([1.0, 2.0, 3.0], dtype=torch.bfloat16),
        "bfloat16 that asks": torch.tensor([1.0, 2.0, 3.0], dtype=torch.bfloat16, requires_grad=True),
        "float16": torch.tensor([1.0, 2.0, 3.0], dtype=torch.float16),
        "float64": torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64),
        "integers": torch.tensor([1, 2, 3]),
        "strided": torch.tensor([1.0, 9.0, 2.0, 9.0, 3.0])[::2],
        "conjugate": torch.tensor([1 + 0j, 2, 3]).conj(),
    }


def jax_values():
    jnp = pytest.importorskip("jax.numpy")
    return {
        "plain": jnp.asarray([1.0, 2.0, 3.0]),
        "bfloat16": jnp.asarray([1.0, 2.0, 3.0], jnp.bfloat16),
        "integers": jnp.asarray([1, 2, 3]),
    }


def pandas_values():
    pd = pytest.importorskip("pandas")
    return {
        "series": pd.Series([1.0, 2.0, 3.0], index=[2, 1, 0]),
        "integers that may be missing": pd.Series([1, 2, 3], dtype="Int64"),
        "index": pd.Index([1, 2, 3]),
        "column": pd.DataFrame({"a": [1.0, 2.0, 3.0]})["a"],
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", [torch_values, jax_values, pandas_values], ids=lambda f: f.__name__[:-7])
@pytest.mark.parametrize("recorded", [True, False])
def test_the_numbers_of_another_library_are_taken(library, recorded):
    w = mt.tensor([1.0, 10.0, 100.0], requires_grad=recorded, name="w")
    for name, value in library().items():
        assert mt.tensor(value).tolist() == [1.0, 2.0, 3.0], name
        for y in (w * value, value * w, mt.mul(value, w)):
            assert type(y) is mt.Tensor, name
            assert y.tolist() == [1.0, 20.0, 300.0], name
            assert y.requires_grad is recorded, name
        assert (value - w).tolist() == [0.0, -8.0, -97.0], name
        assert (value < w).tolist() == [False, True, True], name
        assert mt.l1_loss(w, value).item() == 35.0, name
        if mt.tensor(value).dtype.kind == "f" and recorded:
            assert mt.grad(w * 2.0, w, value)[0].tolist() == [2.0, 4.0, 6.0], name
            assert mt.compare((w * w).sum(), 1.0, {"w": value}).ok is False, name


@pytest.mark.torch
def test_what_is_no_plain_tensor_of_pytorch_is_refused():
    torch = pytest.importorskip("torch")
    w = mt.tensor([1.0, 2.0, 3.0])
    for value in (torch.ones(3).to_sparse(), torch.ones(3, device="meta"), [torch.ones(1, requires_grad=True)] * 3):
        with pytest.raises(mt.DTypeError, match="is not an array"):
            mt.tensor(value)
        with pytest.raises(mt.DTypeError, match="is not an array"):
            w * value


@pytest.mark.torch
def test_a_tensor_of_pytorch_is_copied():
    torch = pytest.importorskip("torch")
    theirs = torch.ones(3)
    ours = mt.tensor(theirs)
    theirs[0] = 9.0
    assert ours.tolist() == [1.0, 1.0, 1.0]
    assert not ours.numpy().flags.writeable


@pytest.mark.torch
def test_labels_and_pictures_may_be_tensors_of_pytorch():
    torch = pytest.importorskip("torch")
    scores = np.random.default_rng(0).normal(size=(4, 3))
    labels = torch.tensor([0, 2, 1, 1])
    due = torch.nn.functional.cross_entropy(torch.tensor(scores), labels).item()
    assert np.isclose(mt.cross_entropy(mt.tensor(scores), labels).item(), due)
    pixels, weight = torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3, requires_grad=True)
    due = torch.nn.functional.conv2d(pixels, weight).detach().numpy()
    assert np.allclose(mt.conv2d(pixels, weight).numpy(), due, atol=1e-5)
