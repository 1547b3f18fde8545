"""Saved models, and trees of plain data and arrays in them."""

from __future__ import annotations

import json
import os
import pickle
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import micrograd_tensor as mt
from micrograd_tensor import nn, saving
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
        (lambda p: saving.save({"w": np.ones(1)}, p / "no" / "where"), OSError, "No such file.*where"),
        (lambda p: saving.save({"__metadata__": np.ones(1)}, p), ValueError, "keep the name __metadata__"),
        (lambda p: saving.save_checkpoint(p, __metadata__=np.ones(1)), ValueError, "keep the name __metadata__"),
        (lambda p: saving.save({3: np.ones(1)}, p), TypeError, "3 is no name for an array"),
        (lambda p: saving.save({"\ud800": np.ones(1)}, p), ValueError, "no text that can be written"),
        (lambda p: saving.save({"w": np.array([1.0], object)}, p), mt.DTypeError, "save: 'w' holds object"),
        (lambda p: saving.save(str(p), nn.Linear(1, 1)), TypeError, r"the model first.*mt\.save\(model, '.*m'\)"),
        (lambda p: saving.save([np.ones(1)], p), TypeError, "no module, and no dictionary"),
        (lambda p: saving.load(nn.Linear(1, 1), p), TypeError, "load takes the path first"),
        (lambda p: saving.load(p, {}), TypeError, r"load: \{\} is no module"),
        (lambda p: saving.load(p.parent / "missing"), OSError, "No such file"),
        (lambda p: saving.load(p.parent), OSError, "Is a directory"),
        (lambda p: saving.load_checkpoint(p.parent / "missing"), OSError, "No such file"),
    ],
)
def test_errors_say_what_and_where(tmp_path, act, error, says):
    with pytest.raises(error, match=says):
        act(tmp_path / "m")


def test_a_name_that_cannot_be_read_again_leaves_the_old_file(tmp_path):
    path = saving.save({"w": np.ones(3)}, tmp_path / "m")
    with pytest.raises(ValueError, match="__metadata__"):
        saving.save({"__metadata__": np.ones(1), "w": np.zeros(3)}, path)
    assert saving.load(path)["w"].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(("ending", "reader"), [(".pt", "torch.load"), (".PTH", "torch.load"), (".npz", "np.load")])
def test_the_ending_of_another_format_is_pointed_out_and_nothing_is_lost(tmp_path, ending, reader):
    with pytest.warns(UserWarning, match=f"safetensors file, which {reader} does not read"):
        path = saving.save({"w": np.ones(3)}, tmp_path / f"m{ending}")
    assert saving.load(path)["w"].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(
    "save", [lambda p: saving.save({"w": np.ones(1)}, p), lambda p: saving.save_checkpoint(p, n=1)]
)
def test_a_pipe_and_a_device_are_refused(tmp_path, save):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", os.devnull):
        with pytest.raises(OSError, match="a device or a pipe keeps nothing; give a file"):
            save(path)
    assert (tmp_path / "pipe").is_fifo()


def test_arrays_of_other_kinds_are_saved_by_value(tmp_path):
    class Theirs:
        dtype, shape = np.dtype(float), (2,)

        def __array__(self, dtype=None, copy=None):
            return np.array([1.0, 2.0])

    saving.save({"b": np.array([1.0, 2.0], ">f8"), "c": Theirs()}, tmp_path / "m")
    assert [value.tolist() for value in saving.load(tmp_path / "m").values()] == [[1.0, 2.0], [1.0, 2.0]]


def test_complex_numbers_are_saved_where_the_library_can(tmp_path):
    try:
        saving.save({"a": np.ones(2, np.complex64) * 1j}, tmp_path / "m")
    except mt.DTypeError as error:
        assert tuple(map(int, LIBRARY.__version__.split(".")[:2])) < (0, 8)
        assert re.search("safetensors 0.* writes no such file: .*complex64.*; update it", str(error))  # noqa: PT017
        assert not (tmp_path / "m").exists()
    else:
        back = saving.load(tmp_path / "m")["a"]
        assert (back.dtype, back.tolist()) == (np.complex64, [1j, 1j])


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (
            lambda p: p.write_bytes(pickle.dumps([1])),
            r"is a pickle.*torch\.save_file\(net\.state_dict\(\)",
        ),
        (lambda p: p.write_bytes(pickle.dumps(list(range(10**4)))), "is a pickle"),
        (lambda p: np.savez(p.with_suffix(".npz"), w=np.ones(2)), r"np\.load reads it"),
        (lambda p: np.save(p.with_suffix(".npy"), np.ones(2)), r"np\.load reads it"),
        (lambda p: p.write_bytes(b"PK\x03\x04 and no more"), "is a pickle"),
        (lambda p: p.write_bytes(b"\x80\x02\0\0\0\0\0\0{"), "not a complete safetensors file"),
        (lambda p: p.write_text("hello, world"), "not a complete safetensors file"),
    ],
    ids=["pickle", "long pickle", "npz", "npy", "cut zip", "cut safetensors", "text"],
)
def test_another_kind_of_file_is_told(tmp_path, write, says):
    write(tmp_path / "m")
    (path,) = tmp_path.iterdir()
    with pytest.raises(ValueError, match=says):
        saving.load(path)


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
