"""What LLVM and the C compiler make of kernels: the same as the functions, and as the same kernels run by Python."""

import copy
import threading

import numpy as np
import pytest
from test_traced_step import batches, make_net, make_step

import micrograd_tensor as mt
from micrograd_tensor import optim
from micrograd_tensor.compile import c_kernels, cache, kernels, numba_source, scalars

pytest.importorskip("numba")


def cases():
    def with_gradients(function):
        def both(upstream, *given):
            y = function(*given)
            return y, mt.grad(y, [x for x in given if x.requires_grad], upstream)

        return both

    yield "batch norm", with_gradients(mt.batch_norm), [(70, 9), (70, 9), 9, 9]
    yield "layer norm", with_gradients(lambda x, w, b: mt.layer_norm(x, 9, w, b)), [(70, 9), (70, 9), 9, 9]
    yield "group norm", with_gradients(lambda x, w, b: mt.group_norm(x, 2, w, b)), [(3, 4, 5, 6), (3, 4, 5, 6), 4, 4]
    yield "softmax", with_gradients(mt.softmax), [(7, 600), (7, 600)]
    yield "gelu", with_gradients(lambda x: mt.gelu(x) + mt.gelu(x, "tanh")), [(7, 60), (7, 60)]
    yield "norm", with_gradients(lambda x: x / mt.sqrt((x * x).sum(axis=1, keepdims=True))), [(7, 60), (7, 60)]
    yield (
        "activations",
        with_gradients(lambda x: mt.relu(x) * mt.sigmoid(x) + mt.softplus(x) * mt.tanh(x)),
        [(9,), (9,)],
    )
    yield "transposed", with_gradients(lambda x, y: mt.exp(x) * y.T + (x * y.T).sum(axis=0)), [(7, 9), (7, 9), (9, 7)]
    yield (
        "images",
        with_gradients(lambda x, w, b: mt.batch_norm(x, w, b, axis=(0, 2, 3))),
        [(3, 4, 5, 6), (3, 4, 5, 6), (4, 1, 1), (4, 1, 1)],
    )
    yield "extremes", with_gradients(lambda x: x.max(axis=0) - x.min(axis=0) + x.prod(axis=0)), [(4,), (7, 4)]


CASES = {name: (function, shapes) for name, function, shapes in cases()}


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CASES)
def test_named_cases(name, dtype, backend, monkeypatch):
    function, shapes = CASES[name]
    rng = np.random.default_rng(0)
    given = [mt.tensor(rng.normal(size=s).astype(dtype), requires_grad=k > 0) for k, s in enumerate(shapes)]
    want, gradients = function(*given)
    fast = mt.compile(function, backend=backend)
    results = [fast(*given)]
    monkeypatch.setattr(numba_source, "compiled", kernels.interpreted)
    results.append(mt.compile(function, backend="numba")(*given))
    assert not fast._eager
    assert ("def kernel(" if backend == "numba" else "static _Bool kernel(") in fast.source
    for got, found in results:
        for a, b in zip((got, *found), (want, *gradients), strict=True):
            scale = np.abs(b.numpy()).max()
            tolerance = (1e-12 if dtype == "float64" else 2e-6) * scale
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=0, atol=tolerance)


def test_cross_entropy_on_other_labels_and_labels_out_of_range(backend):
    def both(x, target):
        loss = mt.cross_entropy(x, target)
        return loss, mt.grad(loss, x)[0]

    fast = mt.compile(both, backend=backend)
    rng = np.random.default_rng(0)
    for _ in range(3):
        x, target = mt.tensor(rng.normal(size=(6, 5)), requires_grad=True), rng.integers(0, 5, 6)
        for a, b in zip(fast(x, target), both(x, mt.tensor(target)), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-15)
    assert not fast._eager
    with pytest.raises(mt.ShapeError):
        fast(x, np.array([0, 1, 2, 3, 4, 5]))


def test_a_training_step(backend):
    theirs = make_net("float64")
    ours = copy.deepcopy(theirs)
    other, optimizer = (optim.SGD(net.parameters(), lr=0.1, momentum=0.9) for net in (theirs, ours))
    step, fast = make_step(theirs, other), mt.compile(make_step(ours, optimizer), backend=backend)
    for batch in batches("float64", 8):
        np.testing.assert_allclose(fast(*batch).item(), step(*map(mt.tensor, batch)).item(), rtol=1e-12)
    for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)
    assert not fast._eager


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((1 << 20, 1), 0),
        ((1, 1 << 20), 1),
        ((1024, 2, 1024), (0, 2)),  # an axis that stays lies between those of the sum
        ((2048, 512, 2), (0, 1)),
    ],
)
def test_sums_keep_their_digits(shape, axis, backend):
    x = np.random.default_rng(0).random(shape).astype(np.float32)
    got = mt.compile(lambda x: (x * x).sum(axis=axis), backend=backend)(x).numpy()
    want = (x.astype(np.float64) ** 2).sum(axis=axis)
    assert (np.abs(got - want) <= 1e-6 * want).all()


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["softmax", "activations", "layer norm"])
def test_nothing_that_is_not_finite_gets_lost(name, special, backend):
    function, shapes = CASES[name]
    rng = np.random.default_rng(0)
    given = [mt.tensor(rng.normal(size=s), requires_grad=k > 0) for k, s in enumerate(shapes)]
    fast = mt.compile(function, backend=backend)
    fast(*given)
    x = given[1].numpy().copy()
    x.flat[3] = special
    given[1] = mt.tensor(x, requires_grad=True)
    with np.errstate(all="ignore"):
        (got, found), (want, gradients) = fast(*given), function(*given)
    for a, b in zip((got, *found), (want, *gradients), strict=True):
        lost = ~np.isfinite(b.numpy()) & np.isfinite(a.numpy())
        assert not lost.any()


@pytest.mark.parametrize("make", [kernels._by_llvm, kernels._by_numba])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["exp", "expm1", "tanh", "erf", "erfc", "maximum", "minimum"])
def test_scalars_are_right_to_a_few_units_in_the_last_place(name, dtype, make):
    kind = np.dtype(dtype)
    extreme = name in ("maximum", "minimum")
    lines = [
        "def loop(x, y, made, k):",
        "    n = x.shape[0]",
        "    for i in range(n):",
        f"        made[i] = {name}({'x[i], y[i]' if extreme else 'x[i]'})",
        "    return True",
    ]
    arrays = [(kind, 1, True), (kind, 1, True), (kind, 1, False)]
    loop = make("\n".join(lines), "loop", kind, arrays)
    loop = loop[0] if isinstance(loop, tuple) else loop

    far = 85 if dtype == "float32" else 700
    x = [
        np.linspace(-far, far, 20001),
        np.linspace(-1, 1, 2001),
        np.linspace(-1e-3, 1e-3, 201),
        np.linspace(-9, 9, 999),
    ]
    x = np.concatenate([*x, [0.0, np.inf, -np.inf, np.nan]]).astype(kind)
    made = np.empty_like(x)
    loop(x, x[::-1].copy(), made, np.zeros(0))
    with np.errstate(all="ignore"):
        plain = scalars.PLAIN[name]
        wide = x.astype(np.longdouble if name in ("exp", "expm1", "tanh") else float)
        want = plain(x, x[::-1]) if extreme else np.vectorize(plain, otypes=[wide.dtype])(wide)
        want = want.astype(kind)
    np.testing.assert_array_equal(np.isfinite(made), np.isfinite(want))
    near = np.isfinite(want) & (np.abs(want) > 1e3 * np.finfo(kind).tiny)
    tail = name == "erfc" and dtype == "float32"
    tolerance = (200 if tail else 8) * np.finfo(kind).eps  # there x² in the exponent is rounded
    np.testing.assert_allclose(made[near], want[near], rtol=tolerance, atol=np.finfo(kind).tiny)
    assert np.abs(made[np.isfinite(want) & ~near]).max(initial=0) <= 2e3 * np.finfo(kind).tiny


CHOICES = {
    "finite": lambda x: mt.where(mt.isfinite(x), x, 0.0),
    "not finite": lambda x: mt.where(~mt.isfinite(x), 0.0, x),
    "either": lambda x: mt.where((x < 0) | (x < 1), x, 0.0),
    "not": lambda x: mt.where(~((x < 0) | (x < 1)), 0.0, x),
    "leaky relu": mt.leaky_relu,
    "elu": mt.elu,
    "nan to num": mt.nan_to_num,
}


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", CHOICES)
def test_what_is_not_chosen_does_not_matter(name, special, backend, monkeypatch):
    monkeypatch.setattr(numba_source, "compiled", kernels.interpreted)

    def function(x):
        y = CHOICES[name](x)
        return y, mt.grad(y, x, np.ones(x.shape))[0]

    fast = mt.compile(function, backend=backend)
    for first in (0.5, special):
        x = mt.tensor([first, -1.5, 0.25, 3.0], requires_grad=True)
        with np.errstate(all="ignore"):
            for got, want in zip(fast(x), function(x), strict=True):
                np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-15)
    assert " kernel(" in fast.source
    assert not fast._eager


WHOLE = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
SIGNS = [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal]


@pytest.mark.parametrize("first", WHOLE)
def test_whole_numbers_are_compared_as_what_they_are(first, backend):
    def ends(dtype):
        if dtype == "bool":
            return np.array([0, 1] * 4, bool)
        if dtype.startswith("float"):
            return np.array([-1.0, 0.0, 0.5, 2.0**31, 2.0**53, 2.0**63, -(2.0**63), np.nan], dtype)
        info = np.iinfo(dtype)
        return np.array([info.min, info.max, info.max - 1, 0, 1, 100, info.max // 2, info.max // 2 + 1], dtype)

    def function(x, a, *others):
        pairs = [mt.where(sign(a[:, None], b), x, -x) * 2 for sign in SIGNS for b in others]
        return [*pairs, mt.where(a < -1, x, 0.5) + x, mt.where(a > 0.5, x, 0.5) + x]

    given = np.arange(64.0).reshape(8, 8), ends(first), *map(ends, [*WHOLE, "float32", "float64"])
    fast = mt.compile(function, backend=backend)
    for got, want in zip(fast(*given), function(*map(mt.tensor, given)), strict=True):
        np.testing.assert_array_equal(got.numpy(), want.numpy())
    assert not fast._eager


@pytest.mark.skipif(not cache._CHECKABLE, reason="there is no cache here")
def test_the_report_says_where_machine_code_comes_from(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    for known, origin in (({}, "1 compiled"), ({}, "1 from the disk"), (None, "1 in memory already")):
        if known is not None:
            monkeypatch.setattr(kernels, "_made", known)
        fast = mt.compile(lambda x: mt.tanh(x) * 3 - x, backend="numba")
        fast(np.ones(5))
        (kernel,) = fast.report().facts.made
        assert f"their machine code: {origin}, in {kernel.seconds:.2f} s" in str(fast.report())


EXPRESSIONS = ["x[i] - x[i]", "x[i] * F(0.0)", "x[i] / y[i]", "F(1.0) / y[i]", "(F(1.0) if x[i] == x[i] else F(0.0))"]
EXPRESSIONS += [
    "maximum(x[i], y[i])",
    "np.sign(x[i])",
    "(F(1.0) if np.isfinite(x[i]) else y[i])",
    "sqrt(x[i])",
    "-x[i]",
]


def ends_of(expression, dtype, backend):
    """What Python makes of an expression of special values, and what a compiler does."""
    kind = np.dtype(dtype)
    arrays = [(kind, 1, True), (kind, 1, True), (kind, 1, False)]
    loop = ["N = x.shape[0]", "for i in range(N):", f"    out[i] = {expression}", "return True"]
    text = "\n    ".join(["def kernel(x, y, out, k):", *loop, ""])
    special = [0.0, 1.0, -3.0, 1 / 3, np.inf, -np.inf, np.nan, np.finfo(kind).max, np.finfo(kind).tiny]
    x, y = (a.ravel().astype(kind) for a in np.meshgrid(special, special))
    compiled = kernels.compiled if backend == "numba" else c_kernels.compiled
    with np.errstate(all="ignore"):
        for make in (kernels.interpreted, compiled):
            out = np.empty_like(x)
            make(text, "kernel", kind, arrays).run(x, y, out, np.zeros(1))
            yield out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_nothing_is_assumed_of_numbers_but_the_order_of_sums(expression, dtype, backend):
    want, got = ends_of(expression, dtype, backend)
    np.testing.assert_array_equal(got, want)


def test_a_flag_by_which_more_is_assumed_is_found(c_compiler, monkeypatch):
    monkeypatch.setattr(c_kernels, "_made", {})
    monkeypatch.setattr(c_kernels, "FLAGS", [*c_kernels.FLAGS, "-ffinite-math-only"])
    want, got = ends_of("x[i] - x[i]", "float32", "c")
    assert not np.array_equal(got, want, equal_nan=True)


def test_threads_run_programs_at_once_with_the_same_results(backend):
    def both(x, w, dout):
        y = mt.tanh(mt.batch_norm(x, 1.0, 0.0) @ w)
        return y, *mt.grad(y, [x, w], dout)

    rng = np.random.default_rng(0)
    given = [
        [*(mt.tensor(rng.normal(size=s), requires_grad=True) for s in [(1500 + k, 30), (30, 20)])] for k in range(4)
    ]
    fast = mt.compile(both, backend=backend)

    def bits(k):
        return [y.numpy().tobytes() for y in fast(*given[k], np.ones((1500 + k % 2, 20)))]

    for k in range(2, 4):
        given[k] = [mt.tensor(x.numpy() * 2, requires_grad=True) for x in given[k - 2]]  # of the same kind
    want, wrong = [*map(bits, range(4))], []

    def work(k):
        wrong.extend(k for _ in range(30) if bits(k) != want[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert not wrong
    assert not fast._eager
