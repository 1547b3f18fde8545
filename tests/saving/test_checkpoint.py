"""Checkpoints: every part comes back bit for bit, or, after an error, every part is as it was."""

from __future__ import annotations

import json

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor import optim
from micrograd_tensor.data import DataLoader
from micrograd_tensor.saving import load_checkpoint, save_checkpoint
from micrograd_tensor.saving.tensors import read_tensors, write_tensors

pytest.importorskip("safetensors")

BITS = [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64]


class Line:
    """The smallest model: what a part must offer is state_dict and load_state_dict."""

    def __init__(self, n=3):
        self.w = mt.tensor(np.arange(float(n)), name="w", requires_grad=True)

    def state_dict(self):
        return {"w": self.w}

    def load_state_dict(self, state):
        self.w.assign_(state["w"])


def training(seed, n=3):
    model = Line(n)
    optimizer = optim.Adam([model.w], lr=0.1)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    loader = DataLoader(np.random.default_rng(0).normal(size=(20, 3)), 4, shuffle=True, generator=seed)
    return {
        "model": model,
        "optimizer": optimizer,
        "scheduler": scheduler,
        "loader": loader,
        "rng": np.random.default_rng(seed),
    }


def go_on(parts, epochs):
    for _ in range(epochs):
        for batch in parts["loader"]:
            parts["optimizer"].zero_grad()
            (batch * parts["model"].w * parts["rng"].normal()).square().sum().backward()
            parts["optimizer"].step()
        parts["scheduler"].step()
    return parts["model"].w.numpy().tobytes(), parts["rng"].random()


def test_a_training_goes_on_bit_for_bit(tmp_path):
    first = training(1)
    go_on(first, 3)
    path = save_checkpoint(tmp_path / "c", **first, epoch=3, history=[(0.1, float("inf"))])
    expected = go_on(first, 3)
    second = training(2)
    go_on(second, 1)
    assert load_checkpoint(path, **second) == {"epoch": 3, "history": [(0.1, float("inf"))]}
    assert go_on(second, 3) == expected


@pytest.mark.parametrize("kind", BITS, ids=lambda kind: kind.__name__)
def test_generators_of_every_kind(tmp_path, kind):
    rng = np.random.Generator(kind(3))
    rng.random(700, dtype=np.float32)  # leaves half a number over in some kinds
    path = save_checkpoint(tmp_path / "c", rng=rng)
    expected = rng.normal(size=5)
    other = np.random.Generator(kind(4))
    load_checkpoint(path, rng=other)
    assert np.array_equal(other.normal(size=5), expected)


def test_parts_that_are_not_asked_for_come_as_they_were_saved(tmp_path):
    first = training(1)
    go_on(first, 1)
    rest = load_checkpoint(save_checkpoint(tmp_path / "c", **first))
    assert np.array_equal(rest["model"]["w"], first["model"].w.numpy())
    assert rest["optimizer"]["state"][0]["step"] == 5


def snapshot(parts):
    return repr(
        {k: v.bit_generator.state if isinstance(v, np.random.Generator) else v.state_dict() for k, v in parts.items()}
    )


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda p: p.update(model=Line(4)), mt.ShapeError, "w"),
        (lambda p: p.update(rng=np.random.Generator(np.random.MT19937(0))), ValueError, "RNG"),
        (lambda p: p.update(optimizer=optim.SGD([p["model"].w])), KeyError, "lacks momentum"),
        (lambda p: p.update(other=p["rng"]), KeyError, "does not hold other, only model, optimizer"),
        (lambda p: p.update(epoch=3), TypeError, "epoch=3 has no state to restore"),
    ],
)
def test_after_an_error_every_part_is_as_it_was(tmp_path, change, error, says):
    first = training(1)
    go_on(first, 2)
    path = save_checkpoint(tmp_path / "c", **first, epoch=2)
    second = training(2)
    go_on(second, 1)
    change(second)
    before = snapshot({k: v for k, v in second.items() if k != "epoch"})
    with pytest.raises(error, match=says):
        load_checkpoint(path, **second)
    assert snapshot({k: v for k, v in second.items() if k != "epoch"}) == before


def places(plain, path=()):
    """Every place within plain data, as the keys that lead to it."""
    yield path
    if isinstance(plain, (dict, list)):
        for key in plain if isinstance(plain, dict) else range(len(plain)):
            yield from places(plain[key], (*path, key))


def with_junk(plain, path, junk):
    """A copy of plain data with something else at one place."""
    if not path:
        return junk
    key, *rest = path
    changed = plain.copy()
    changed[key] = with_junk(plain[key], tuple(rest), junk)
    return changed


@pytest.mark.parametrize("junk", [None, 3, "x", [], {"a": 1}, -1.5, 10**400], ids=repr)
def test_junk_in_a_checkpoint_is_refused_and_changes_nothing_or_does_no_harm(tmp_path, junk):
    first = training(1)
    go_on(first, 1)
    arrays, metadata = read_tensors(save_checkpoint(tmp_path / "c", **first))
    ((header, text),) = metadata.items()
    for path in places(json.loads(text)):
        content = json.dumps(with_junk(json.loads(text), path, junk))
        write_tensors(tmp_path / "c", arrays, {header: content})
        parts = training(2)
        before = snapshot(parts)
        try:
            load_checkpoint(tmp_path / "c", **parts)
        except (ValueError, KeyError, mt.DTypeError):
            assert snapshot(parts) == before, path
        else:
            go_on(parts, 1)


@pytest.mark.parametrize("text", ["{", "[" * 10**5 + "]" * 10**5, "[1]", "null", '{"a": {"$array": "none"}}'])
def test_a_header_that_is_no_tree_is_refused(tmp_path, text):
    write_tensors(tmp_path / "c", {"a": np.ones(1)}, {"micrograd_tensor.checkpoint": text})
    with pytest.raises(ValueError, match="is a damaged checkpoint"):
        load_checkpoint(tmp_path / "c")
