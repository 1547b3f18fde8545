"""Running a derivation: what is judged of what it returns, changes and raises."""

import linecache
import sys
from functools import partial

import numpy as np
import pytest

import micrograd_tensor as mt
from micrograd_tensor.check.running import computed, fingerprint, fingerprints, run
from micrograd_tensor.check.statements import lines_before

DOUT = np.array([1.0, 2.0, 3.0])
CACHE = {"x": np.array([3.0, 4.0, 5.0]), "n": 3, "label": "a"}


def as_dict(dout, cache):
    left_out = 3  # noqa: F841 -- a local variable that is not returned
    return {"dx": dout * cache["x"]}


def as_locals(dout, cache):
    dy = 2 * dout
    dx = dy * cache["x"]
    return locals()


def as_tuple(dout, cache):
    dy = 2 * dout
    return dy * cache["x"], dy.sum()


def as_array(dout, cache):
    dy = 2 * dout
    return dy * cache["x"]


def as_nothing(dout, cache):
    dx = dout * cache["x"]  # noqa: F841 -- what is judged


def too_few(dout, cache):
    dx = dout * cache["x"]
    return (dx,)


def raising(dout, cache):
    dy = 2 * dout
    dx = dy * cache["missing"]
    return {"dx": dx}


class Callable:
    def __call__(self, dout, cache):
        dy = 2 * dout  # noqa: F841 -- what is judged
        return dout * cache["x"]

    def method(self, dout, cache):
        dy = 2 * dout  # noqa: F841 -- what is judged
        return dout * cache["x"]


@pytest.mark.parametrize(
    ("backward", "inputs", "judged", "remarks"),
    [
        (as_dict, ["x"], {"dx"}, 0),
        (as_locals, ["x"], {"dout", "cache", "dy", "dx"}, 0),
        (as_tuple, ["x", "b"], {"dout", "cache", "dy", "dx", "db"}, 0),
        (as_array, ["x"], {"dout", "cache", "dy", "dx"}, 0),
        (as_nothing, ["x"], {"dout", "cache", "dx"}, 1),
        (too_few, ["x", "b"], {"dout", "cache", "dx"}, 1),
        (Callable(), ["x"], {"self", "dout", "cache", "dy", "dx"}, 0),
        (Callable().method, ["x"], {"self", "dout", "cache", "dy", "dx"}, 0),
        (partial(as_array), ["x"], {"dout", "cache", "dy", "dx"}, 0),
    ],
)
def test_what_is_judged_depends_on_what_is_returned(backward, inputs, judged, remarks):
    came = run(backward, DOUT, CACHE, inputs)
    assert came.error is None
    assert set(came.names) == judged
    assert len(came.remarks) == remarks
    assert "dy" not in came.names or np.array_equal(came.names["dy"], 2 * DOUT)


@pytest.mark.parametrize(
    ("returned", "count"),
    [
        (lambda a, b, c: (a, (b, c)), 3),
        (lambda a, b, c: ((a, b), c), 3),
        (lambda a, b, c: [a, [b, c]], 3),
        (lambda a, b, c: (a, {"b": b}), 2),
        (lambda a, b, c: (a, (b, c)), 2),
        (lambda a, b, c: ((a,), (b,)), 2),
    ],
)
def test_gradients_may_be_returned_in_tuples_within_tuples(returned, count):
    arrays = [np.full(3, float(k)) for k in range(3)]

    def backward(dout, cache):
        return returned(*arrays)

    names = ["x", "w", "b"][:count]
    came = run(backward, DOUT, CACHE, names)
    given = [came.names.get(f"d{name}") for name in names]
    if came.remarks:
        assert given == [None] * count
    else:
        assert all(mine is due or isinstance(mine, dict) for mine, due in zip(given, arrays, strict=False))


ROWS = [
    (lambda d: (2 * d).tolist(), 1),
    (lambda d: [2 * row for row in d], 1),
    (lambda d: [[2 * x for x in row] for row in d], 1),
    (lambda d: ((2 * d).tolist(), 2 * d), 2),
    (lambda d: ([2 * row for row in d], [2 * row for row in d]), 2),
    (lambda d: [2 * d, 2 * d], 2),
    (lambda d: [(2 * d).tolist(), 2 * d], 2),
    (lambda d: [2 * row for row in d], 3),  # as many rows as inputs: a gradient each
]


@pytest.mark.parametrize(("returned", "count"), ROWS)
def test_a_list_of_rows_is_one_gradient(returned, count):
    dout = np.arange(6.0).reshape(3, 2)
    came = run(lambda d: returned(d), dout, inputs=["x", "y", "z"][:count])
    assert came.remarks == ()
    each = 2 * dout if count < 3 else None
    for k, name in enumerate(["dx", "dy", "dz"][:count]):
        assert np.array_equal(came.names[name], 2 * dout[k] if each is None else each)
        assert isinstance(came.names[name], np.ndarray)


def test_lists_that_are_no_array_stay_lists():
    came = run(lambda d: [[1.0, 2.0], [3.0]], np.ones(2), inputs=["x"])
    assert not isinstance(came.names.get("dx"), np.ndarray)


def test_what_was_computed_before_an_exception_is_judged():
    came = run(raising, DOUT, CACHE, ["x"])
    assert isinstance(came.error, KeyError)
    assert np.array_equal(came.names["dy"], 2 * DOUT)
    assert "dx" not in came.names


def test_what_was_still_to_be_added_to_when_it_broke_off_is_not_judged():
    def broken(dout, cache):
        dy = 2 * dout
        dx = dy * cache["x"]
        dz = dout
        dx += dy @ cache["mask"]
        dz = dz + 1
        return dx, dz

    came = run(broken, DOUT, {"x": CACHE["x"], "mask": np.ones((2, 2))}, ["x"])
    assert isinstance(came.error, ValueError)
    assert {name for name in came.names if name[:1] == "d"} == {"dout", "dy"}


def test_the_upstream_and_the_cache_stay_as_they_are_and_what_was_changed_is_named():
    def mutating(dout, cache):
        cache["x"] *= 2
        dout += 1
        cache["extra"] = 3
        return {"dx": dout * cache["x"]}

    dout, cache = DOUT.copy(), {"x": CACHE["x"].copy(), "mask": np.ones(3)}
    came = run(mutating, dout, cache, ["x"])
    assert came.changed == ("dout", "cache['x']")
    assert np.array_equal(dout, DOUT)
    assert np.array_equal(cache["x"], CACHE["x"])
    assert set(cache) == {"x", "mask"}


def test_a_cache_may_be_a_sequence_or_missing():
    assert run(lambda dout, cache: {"dx": dout * cache[0]}, DOUT, (CACHE["x"], 3), ["x"]).error is None

    def sequence(dout, cache):
        cache[1][:] = 0
        return dout

    assert run(sequence, DOUT, [np.ones(2), np.ones(3)], ["x"]).changed == ("cache[1]",)
    assert np.array_equal(run(lambda dout: {"dx": dout}, DOUT, CACHE).names["dx"], DOUT)


def test_arrays_are_handed_over_writable_even_where_the_graphs_are_not():
    x = mt.tensor(CACHE["x"], name="x", requires_grad=True)
    assert not x.data.flags.writeable
    came = run(as_nothing, x.data, {"x": x}, ["x"])
    assert isinstance(came.names["cache"]["x"], np.ndarray)
    assert came.names["dout"].flags.writeable


def test_a_profiler_that_was_running_runs_on():
    seen = []
    before = sys.getprofile()
    sys.setprofile(lambda *event: seen.append(event))
    try:
        mine = sys.getprofile()
        run(raising, DOUT, CACHE, ["x"])
        assert sys.getprofile() is mine
    finally:
        sys.setprofile(before)


def test_other_exceptions_than_errors_are_not_caught():
    def interrupted(dout, cache):
        raise KeyboardInterrupt

    before = sys.getprofile()
    with pytest.raises(KeyboardInterrupt):
        run(interrupted, DOUT, CACHE)
    assert sys.getprofile() is before


def test_a_fingerprint_is_of_the_numbers_their_shape_and_dtype():
    a = np.arange(6.0)
    others = [a + 1e-16 * (a == 5) + 1e-9, a.reshape(2, 3), a.astype(np.float32), -a]
    assert len({fingerprint(x) for x in (a, *others)}) == 5
    assert fingerprint(a) == fingerprint(np.asfortranarray(a.reshape(2, 3)).reshape(6)) == fingerprint(mt.tensor(a))
    assert fingerprint(np.asfortranarray(a.reshape(2, 3))) == fingerprint(a.reshape(2, 3))
    assert fingerprint("text") == fingerprint(None) == fingerprint(np.array([None])) == ""
    assert list(fingerprints({"a": a})) == ["cache['a']"]


ON_THE_WAY = [
    ("ds = dy * s; dx = ones * ds", ["dy = dout * 3.0", "ds = dy * s"]),
    ("t = dy * 2; ds = t * s; dx = ones * ds", ["dy = dout * 3.0", "t = dy * 2", "ds = t * s"]),
    ("k = s * 2; ds = dy * k; dx = ones * ds", ["dy = dout * 3.0", "k = s * 2", "ds = dy * k"]),  # k may be wrong
    ("k = s; n = k.shape[0]; dx = dy * k / n", ["dy = dout * 3.0", "n = k.shape[0]"]),  # and so may n, but not k
    ("n, m = s.shape; dx = dy * n / m", ["dy = dout * 3.0"]),
    ("k = r + 1; dx = dy * k", ["dy = dout * 3.0", "k = r + 1"]),
    ("r = s + 1; k = r + 1; dx = dy * k", ["dy = dout * 3.0", "k = r + 1"]),  # r is known to be right
    ("q = cache['q']; dx = dy * q", ["dy = dout * 3.0", "q = cache['q']"]),  # q is known to be another
    ("dother = dy * 5; dx = ones * dy * s", ["dy = dout * 3.0"]),
    ("dx = ones * dout", []),
    ("dx = ones * dw", []),  # judged itself
    ("ds = np.zeros(3); ds += dy; dx = ones * ds", ["dy = dout * 3.0", "ds += dy"]),
    ("ds = np.zeros(3); dx = ones * ds * dy", ["dy = dout * 3.0", "ds = np.zeros(3)"]),
    ("ds, t = dy * s, 3; dx = ds", ["dy = dout * 3.0", "ds, t = dy * s, 3"]),
]


@pytest.mark.parametrize(("lines", "expected"), ON_THE_WAY)
def test_the_lines_on_the_way_to_a_gradient_are_those_of_gradients_that_nobody_judged(lines, expected):
    head = "s = cache['s']; ones = np.ones((5, 3)); dw = dout * 2; dy = dout * 3.0; "
    body = (head + lines).replace("; ", "\n    ")
    source = f"def backward(dout, cache):\n    {body}\n    return dx\n"
    names = {"np": np}
    linecache.cache["<way>"] = len(source), None, source.splitlines(True), "<way>"
    exec(compile(source, "<way>", "exec"), names)  # noqa: S102 -- written above
    found = lines_before(names["backward"], "dx", {"dx", "dw"}, {"r"}, {"q"})
    assert [text for _, text in found] == expected
    assert all(source.splitlines()[line - 1].strip() == text for line, text in found)


def test_code_is_not_traced_where_its_variables_alone_are_asked_for(untraced):
    def backward(dout, cache):
        traced = sys.gettrace()
        dx = dout * cache["x"]
        traced = (traced, sys.gettrace())
        if cache["n"] == 3:
            raise ValueError
        return dx.sum(), traced

    assert computed(backward, DOUT, {**CACHE, "n": 2}, ["x"])["traced"] == (None, None)
    found = run(backward, DOUT, CACHE, ["x"], within=False)
    assert isinstance(found.error, ValueError)
    assert found.names["traced"] == (None, None)
    assert np.array_equal(found.names["dx"], DOUT * CACHE["x"])


def test_the_lines_that_ran_are_known_while_a_debugger_traces_too():
    def backward(dout, cache):
        if cache["on"]:
            return 2 * dout
        return 3 * dout

    def ran():
        return run(backward, np.ones(2), {"on": True}, ["x"]).lines

    first, alone, before = backward.__code__.co_firstlineno, ran(), sys.gettrace()
    seen = []
    try:
        sys.settrace(lambda frame, *_: seen.append(frame.f_code.co_name))
        traced = ran()
    finally:
        sys.settrace(before)
    assert traced == alone - {0} == {first + 1, first + 2}
    assert seen.count("backward") == 1  # once more, and the debugger stops there once
