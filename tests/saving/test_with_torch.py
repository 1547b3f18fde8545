"""Files that PyTorch writes load here and give the same outputs, and the other way round."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import nn, optim, saving

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors")
files = pytest.importorskip("safetensors.torch")
pytestmark = pytest.mark.torch

PICTURES, WORDS = (6, 2, 8, 8), (6, 5)


def layers(lib, kind):
    """The same net in either library."""
    return {
        "mlp": lambda: [lib.Flatten(), lib.Linear(128, 16), lib.BatchNorm1d(16), lib.GELU(), lib.Linear(16, 3)],
        "cnn": lambda: [
            lib.Conv2d(2, 4, 3, padding=1, bias=False),
            lib.BatchNorm2d(4),
            lib.SiLU(),
            lib.MaxPool2d(2),
            lib.Conv2d(4, 6, 3, stride=2, groups=2),
            lib.GroupNorm(3, 6),
            lib.AdaptiveAvgPool2d(1),
            lib.Flatten(),
            lib.Linear(6, 3),
        ],
        "words": lambda: [lib.Embedding(9, 4), lib.LayerNorm(4), lib.Flatten(), lib.Linear(20, 7), lib.Tanh()],
    }[kind]()


def pair(kind):
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(*layers(torch.nn, kind))
    ours = nn.Sequential(*layers(nn, kind))
    rng = np.random.default_rng(0)
    x = rng.integers(0, 9, WORDS) if kind == "words" else rng.normal(size=PICTURES).astype(np.float32)
    for _ in range(3):  # so that running statistics are not what they start from
        theirs(torch.tensor(x))
        ours(mt.tensor(x))
    return ours, theirs, x


def same_outputs(ours, theirs, x):
    for mode in (False, True):
        a = ours.train(mode)(mt.tensor(x)).numpy()
        b = theirs.train(mode)(torch.tensor(x)).detach().numpy()
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "words"])
def test_what_pytorch_wrote_gives_the_same_outputs_here(tmp_path, kind):
    ours, theirs, x = pair(kind)
    files.save_file(theirs.state_dict(), tmp_path / "m.safetensors")
    saving.load(tmp_path / "m.safetensors", ours)
    same_outputs(ours, theirs, x)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "words"])
def test_what_is_written_here_gives_the_same_outputs_in_pytorch(tmp_path, kind):
    ours, theirs, x = pair(kind)
    saving.save(ours, tmp_path / "m.safetensors", {"made by": "micrograd_tensor"})
    theirs.load_state_dict(files.load_file(tmp_path / "m.safetensors"))
    same_outputs(ours, theirs, x)


def test_pytorchs_optimizer_goes_on_from_a_checkpoint(tmp_path):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=5), rng.normal(size=(8, 5))
    w = mt.tensor(start, requires_grad=True)
    ours = optim.Adam([w], lr=0.1)
    for k, g in enumerate(gradients):
        if k == 4:
            path = saving.save_checkpoint(tmp_path / "c", w={"w": w}, optimizer=ours)
        w.grad = mt.tensor(g)
        ours.step()
    saved = saving.load_checkpoint(path)
    v = torch.tensor(saved["w"]["w"], requires_grad=True)
    theirs = torch.optim.Adam([v])
    memory = {n: torch.tensor(value) for n, value in saved["optimizer"]["state"][0].items()}
    groups = [{**theirs.state_dict()["param_groups"][0], **saved["optimizer"]["param_groups"][0]}]
    theirs.load_state_dict({"state": {0: memory}, "param_groups": groups})
    for g in gradients[4:]:
        v.grad = torch.tensor(g)
        theirs.step()
    np.testing.assert_allclose(w.numpy(), v.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("4.bias"), "4.bias"),
        (lambda s: s.update(extra=torch.zeros(2)), "extra"),
        (lambda s: s.update({"2.weight": torch.zeros(7)}), r"2\.weight has shape \(7,\), not \(16,\)"),
    ],
)
def test_a_key_that_does_not_fit_is_named_and_nothing_is_loaded(tmp_path, change, says):
    ours, theirs, _ = pair("mlp")
    state = dict(theirs.state_dict())
    change(state)
    files.save_file(state, tmp_path / "m.safetensors")
    before = {name: value.numpy() for name, value in ours.state_dict().items()}
    with pytest.raises(ValueError, match=says):
        saving.load(tmp_path / "m.safetensors", ours)
    assert all(np.array_equal(value.numpy(), before[name]) for name, value in ours.state_dict().items())


def test_a_type_that_numpy_lacks_is_named(tmp_path):
    files.save_file({"w": torch.zeros(3, dtype=torch.float8_e4m3fn)}, tmp_path / "m.safetensors")
    with pytest.raises(mt.DTypeError, match="w holds F8_E4M3, which NumPy does not have; save it as float32"):
        saving.load(tmp_path / "m.safetensors")


def test_bfloat16_becomes_float32_by_value(tmp_path):
    values = torch.tensor([[1.0, -2.5], [3e38, 1e-40], [float("nan"), float("-inf")]], dtype=torch.bfloat16)
    files.save_file({"w": values, "x": torch.ones(2)}, tmp_path / "m.safetensors")
    loaded = saving.load(tmp_path / "m.safetensors")
    assert loaded["w"].dtype == np.float32
    assert np.array_equal(loaded["w"], values.float().numpy(), equal_nan=True)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_of_pytorchs_is_told_with_the_line_that_helps(tmp_path, monkeypatch, zipped):
    net, ours = torch.nn.Linear(2, 3), nn.Linear(2, 3)
    torch.save(net.state_dict(), tmp_path / "net.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"is a pickle, as torch\.save writes it") as caught:
        saving.load(tmp_path / "net.pt")
    monkeypatch.chdir(tmp_path)
    exec(str(caught.value).split("In PyTorch: ")[1], {"safetensors": safetensors, "net": net})  # noqa: S102 -- as told
    saving.load("net.safetensors", ours)
    assert np.array_equal(ours.weight.numpy(), net.weight.detach().numpy())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_pytorchs_state_dict_is_taken_as_it_is(dtype):
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).to(dtype)
    ours = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    ours.load_state_dict(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert np.array_equal(ours.state_dict()[name].numpy(), value.float().numpy())
    with torch.no_grad():
        theirs[0].weight.fill_(7.0)
    assert not (ours[0].weight.numpy() == 7.0).any()
    with pytest.raises(TypeError, match=r"takes no Linear; give its state_dict\(\)"):
        ours.load_state_dict(torch.nn.Linear(2, 3))
    with pytest.raises(TypeError, match=r"mt\.load\('net\.safetensors', net\) reads a file"):
        ours.load_state_dict("net.safetensors")


def test_a_module_of_pytorchs_is_saved_like_ours(tmp_path):
    theirs, ours = torch.nn.Linear(2, 3), nn.Linear(2, 3)
    saving.load(saving.save(theirs, tmp_path / "m.safetensors") and tmp_path / "m.safetensors", ours)
    assert np.array_equal(ours.weight.numpy(), theirs.weight.detach().numpy())


RULES = {
    "SGD": {"lr": 0.1, "momentum": 0.9},
    "SGD, plain": {"lr": 0.1},
    "Adam": {"lr": 0.1, "amsgrad": True},
    "AdamW": {"lr": 0.1},
    "RMSprop": {"lr": 0.01, "centered": True, "momentum": 0.5},
}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("rule", RULES)
def test_pytorchs_optimizer_goes_on_here_from_its_state(rule, named):
    kind, settings = rule.split(",")[0], RULES[rule]
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)).double()
    ours = nn.Sequential(nn.Linear(3, 3, dtype=np.float64), nn.Linear(3, 3, dtype=np.float64))
    x = np.random.default_rng(0).normal(size=(4, 3))
    their_optimizer = getattr(torch.optim, kind)(
        theirs.named_parameters() if named else theirs.parameters(), **settings
    )

    def their_step():
        their_optimizer.zero_grad()
        theirs(torch.tensor(x)).square().sum().backward()
        their_optimizer.step()

    for _ in range(3):
        their_step()
    parameters = list(ours.parameters())
    our_optimizer = getattr(optim, kind)(parameters[::-1] if named else parameters, lr=9.0)
    ours.load_state_dict(theirs.state_dict())
    our_optimizer.load_state_dict(their_optimizer.state_dict())
    for _ in range(3):
        their_step()
        our_optimizer.zero_grad()
        mt.square(ours(x)).sum().backward()
        our_optimizer.step()
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name].numpy(), value.numpy(), rtol=1e-10, atol=1e-12)
