"""Saved models, and trees of plain data and arrays in them."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import micrograd_tensor as mt
from micrograd_tensor import saving
from micrograd_tensor.saving.tree import packed, unpacked

LIBRARY = pytest.importorskip("safetensors")


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.sampled_from(["$array", "$dict"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(plain)
def test_plain_data_comes_back_equal_through_json(tree):
    text, arrays = packed(tree)
    back = unpacked(json.loads(json.dumps(text)), arrays)
    assert back == tree
    assert repr(back) == repr(tree)  # tuples are tuples, -0.0 is -0.0


def test_arrays_come_back_under_readable_names():
    tree = {"model": {"0.weight": np.ones(2)}, "state": {0: {"m": np.zeros(3)}}, "t": (mt.tensor(1.0),)}
    text, arrays = packed(tree)
    assert list(arrays) == ["model.0.weight", "state.0.m", "t.0"]
    assert unpacked(text, arrays)["state"][0]["m"] is tree["state"][0]["m"]


def test_names_that_collide_are_kept_apart():
    tree = {"a": {"b": np.zeros(1)}, "a.b": np.ones(1)}
    back = unpacked(*packed(tree))
    assert (back["a"]["b"][0], back["a.b"][0]) == (0, 1)


@pytest.mark.parametrize("thing", [object(), {1, 2}, lambda: 0, 1j, b"x"])
def test_what_would_need_pickle_is_refused_by_its_path(thing):
    with pytest.raises(TypeError, match=r"model\.0 is a "):
        packed({"model": [thing]})


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (0, 4)])
def test_arrays_come_back_bit_for_bit(tmp_path, dtype, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    saving.save({"a": array, "b": array.T, "c": mt.tensor(array)}, tmp_path / "m")
    back = saving.load(tmp_path / "m")
    for name, expected in (("a", array), ("b", array.T), ("c", array)):
        assert back[name].dtype == array.dtype
        assert np.array_equal(back[name], expected)
        assert back[name].shape == expected.shape


@pytest.mark.parametrize(
    ("act", "error", "says"),
    [
        (lambda p: saving.save({"w": 1.0}, p), TypeError, "'w' is a float, not an array"),
        (lambda p: saving.save({"w": np.ones(1) * 1j}, p), mt.DTypeError, "w holds complex128"),
        (lambda p: saving.save({"w": np.ones(1)}, p / "no" / "where"), OSError, "No such file"),
        (lambda p: saving.load(p.parent / "missing"), OSError, "No such file"),
        (lambda p: saving.load(p.parent), OSError, "Is a directory"),
        (lambda p: saving.load_checkpoint(p.parent / "missing"), OSError, "No such file"),
    ],
)
def test_errors_say_what_and_where(tmp_path, act, error, says):
    with pytest.raises(error, match=says):
        act(tmp_path / "m")


@pytest.mark.parametrize("cut", [0, 4, 20, -1])
def test_a_damaged_file_is_refused_with_its_name(tmp_path, cut):
    path = saving.save_checkpoint(tmp_path / "m", values=np.arange(100.0))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match="m is not a complete safetensors file"):
        saving.load_checkpoint(path)


def test_a_plain_model_is_no_checkpoint(tmp_path):
    path = saving.save({"w": np.ones(2)}, tmp_path / "m")
    with pytest.raises(ValueError, match=r"no checkpoint; mt\.load reads it"):
        saving.load_checkpoint(path)


def test_without_the_library_the_error_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for act in (lambda: saving.save({"w": np.ones(1)}, tmp_path / "m"), lambda: saving.load(tmp_path / "m")):
        with pytest.raises(ImportError, match=r"pip install 'micrograd-tensor\[train\]'"):
            act()
    assert not list(tmp_path.iterdir())
