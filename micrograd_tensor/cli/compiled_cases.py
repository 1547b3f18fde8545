"""Compiled cases: what `side_by_side` measures; functions with all their gradients, and whole training steps.

Whatever is not installed takes no part.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import nn, optim
from ..compile import compile as compiled
from ..compile.compiled import Compiled
from ..engine.table.elementwise import sqrt
from ..engine.tensor import tensor
from ..engine.walk import grad
from ..functional.activations import gelu
from ..functional.losses import cross_entropy
from ..functional.normalization import batch_norm, layer_norm, rms_norm
from .compile_times import compile_times
from .compiled_steps import LARGE, SMALL, compiled_step, dense
from .side_by_side import OURS, Case, Limit, Run, rows
from .streams import silence

EPS = 1e-5
SHAPES = ((32, 16), (128, 100), (512, 512), (4096, 1024), (65536, 64))
ALONE = "its kernels alone"
TWICE = "its kernels, forward and backward apart"
HAND, NATIVE, INDUCTOR, JAX = "by hand in Numba", "PyTorch", "torch.compile", "jax.jit"
MATMULS = "its matmuls"


@cache
def _library(name: str) -> Any:
    """A library, if it is installed, set to one thread."""
    if find_spec(name) is None:
        return None
    found = import_module(name)
    if name == "torch":
        found.set_num_threads(1)
    return found


# ---------------------------------------------------------------------------------------- functions and their gradients


def _differentiated(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the gradients of its differentiable inputs; its first argument is the upstream."""

    def both(upstream: Any, *given: Any) -> Any:
        y = function(*given)
        return y.detach(), grad(y, [x for x in given if x.requires_grad], upstream if y.shape else None)

    return both


def _of_torch(function: Callable[..., Any], upstream: Any, given: list[Any]) -> Run:
    torch = _library("torch")
    inputs = [torch.from_numpy(x).requires_grad_(x.dtype.kind == "f") for x in given]
    g = torch.from_numpy(upstream)

    def run() -> Any:
        y = function(*inputs)
        return y, torch.autograd.grad(y, [x for x in inputs if x.requires_grad], g if y.shape else None)

    return run


def _of_jax(function: Callable[..., Any], upstream: Any, given: list[Any]) -> Run:
    jax = _library("jax")

    def both(g: Any, *inputs: Any) -> Any:
        y, pull = jax.vjp(function, *inputs)
        return y, pull(g)

    fast, arrays = jax.jit(both), [jax.numpy.asarray(x) for x in (upstream, *given)]
    return lambda: jax.block_until_ready(fast(*arrays))


def _batch_norm_by_hand(x: Any, gamma: Any, beta: Any, dout: Any) -> Run | None:
    """Batch normalization as one would write it for Numba: forward in three sweeps, backward in two."""
    numba = _library("numba")
    if numba is None:
        return None
    fast = numba.njit(fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
    one, eps = np.float32(1), np.float32(EPS)

    def forward(x: Any, gamma: Any, beta: Any, out: Any, mean: Any, scale: Any) -> None:
        n, d = x.shape
        var = np.zeros(d, np.float32)
        mean[:] = 0
        for i in range(n):
            for j in range(d):
                mean[j] += x[i, j]
        for j in range(d):
            mean[j] /= np.float32(n)
        for i in range(n):
            for j in range(d):
                dev = x[i, j] - mean[j]
                var[j] += dev * dev
        for j in range(d):
            scale[j] = one / np.sqrt(var[j] / np.float32(n) + eps)
        for i in range(n):
            for j in range(d):
                out[i, j] = (x[i, j] - mean[j]) * (scale[j] * gamma[j]) + beta[j]

    def backward(x: Any, gamma: Any, dout: Any, mean: Any, scale: Any, dx: Any, dgamma: Any, dbeta: Any) -> None:
        n, d = x.shape
        dgamma[:] = 0
        dbeta[:] = 0
        for i in range(n):
            for j in range(d):
                dbeta[j] += dout[i, j]
                dgamma[j] += dout[i, j] * (x[i, j] - mean[j])
        a, b, c = np.empty(d, np.float32), np.empty(d, np.float32), np.empty(d, np.float32)
        for j in range(d):
            dgamma[j] *= scale[j]
            a[j] = gamma[j] * scale[j]
            b[j] = a[j] * scale[j] * dgamma[j] / np.float32(n)
            c[j] = a[j] * dbeta[j] / np.float32(n)
        for i in range(n):
            for j in range(d):
                dx[i, j] = dout[i, j] * a[j] - (x[i, j] - mean[j]) * b[j] - c[j]

    forward, backward = fast(forward), fast(backward)

    def run() -> Any:
        out, dx, row = np.empty_like(x), np.empty_like(x), np.empty((4, x.shape[1]), np.float32)
        forward(x, gamma, beta, out, row[0], row[1])
        backward(x, gamma, dout, row[0], row[1], dx, row[2], row[3])
        return out, dx, row[2], row[3]

    return run


def _alone(fast: Compiled, *given: Any) -> Run:
    """What is run in a call, given the arrays that it is run with."""
    fast(*given)
    latest: Any = fast._latest
    inputs, _ = latest.compute(given)
    return partial(latest.built.run, *inputs)


def _forward_and_backward(x: Any, w: Any, b: Any, dout: Any) -> Run:
    """Batch norm as two programs, each given arrays."""
    tensors = [tensor(v, requires_grad=True) for v in (x, w, b)]
    forward = _alone(compiled(lambda x, w, b: batch_norm(x, w, b).detach()), *tensors)
    backward = _alone(compiled(lambda g, x, w, b: grad(batch_norm(x, w, b), [x, w, b], g)), dout, *tensors)
    return lambda: (forward(), backward())


def _jax_batch_norm(x: Any, w: Any, b: Any) -> Any:
    mean = x.mean(axis=0)
    var = ((x - mean) ** 2).mean(axis=0)
    return (x - mean) / _library("jax").numpy.sqrt(var + EPS) * w + b


def _theirs(d: int) -> dict[str, Callable[..., Any]]:
    """The same functions in PyTorch."""
    f = _library("torch").nn.functional
    return {
        "batch norm": lambda x, w, b: f.batch_norm(x, None, None, w, b, training=True, eps=EPS),
        "layer norm": lambda x, w, b: f.layer_norm(x, (d,), w, b),
        "RMS norm": lambda x, w: f.rms_norm(x, (d,), w, EPS),
        "softmax cross-entropy": f.cross_entropy,
        "L2 normalization": lambda x: f.normalize(x),
        "GELU": lambda x: f.gelu(x),
    }


def _function(name: str, shape: tuple[int, int]) -> Case:
    """A function with its gradients, at a shape."""
    rng = np.random.default_rng(0)
    n, d = shape
    x, dout = (rng.normal(size=shape).astype("f4") for _ in range(2))
    w, b = (rng.normal(size=d).astype("f4") for _ in range(2))
    target = rng.integers(0, d, n)
    ours: dict[str, tuple[Callable[..., Any], list[Any]]] = {
        "batch norm": (batch_norm, [x, w, b]),
        "layer norm": (lambda x, w, b: layer_norm(x, d, w, b), [x, w, b]),
        "RMS norm": (lambda x, w: rms_norm(x, d, w, EPS), [x, w]),
        "softmax cross-entropy": (cross_entropy, [x, target]),
        "L2 normalization": (lambda x: x / sqrt((x * x).sum(axis=1, keepdims=True)), [x]),
        "GELU": (gelu, [x]),
    }
    function, given = ours[name]
    fast = compiled(_differentiated(function))
    tensors = [tensor(v, requires_grad=v.dtype.kind == "f") for v in given]
    upstream = tensor(dout)
    found: dict[str, Run] = {OURS: lambda: fast(upstream, *tensors), ALONE: _alone(fast, upstream, *tensors)}
    limits = [Limit(OURS, NATIVE, 1, below=True)]
    counts = None
    if name == "batch norm":
        limits += [Limit(OURS, INDUCTOR, 0.6), Limit(OURS, JAX, 0.5)]
        if shape == SHAPES[0]:
            found[TWICE] = _forward_and_backward(x, w, b, dout)
            limits += [Limit(TWICE, "", 5), Limit(ALONE, "", 2.5)]
            limits += [Limit("elementwise ops", "", 9), Limit("reductions", "", 4)]
            counts = dict(zip(("elementwise ops", "reductions"), operations(fast.source), strict=True))
        else:
            limits = [Limit(ALONE, HAND, 1.15), Limit(OURS, HAND, 1.15), *limits]
        if by_hand := _batch_norm_by_hand(x, w, b, dout):
            found[HAND] = by_hand
        if _library("jax"):
            found[JAX] = _of_jax(_jax_batch_norm, dout, given)
    if torch := _library("torch"):
        theirs = _theirs(d)[name]
        found[NATIVE] = _of_torch(theirs, dout, given)
        if name == "batch norm":
            composed = lambda x, w, b: (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + EPS) * w + b  # noqa: E731
            with_inductor(found, lambda: _of_torch(torch.compile(composed, dynamic=False), dout, given))
    return Case(found, limits, counts)


def with_inductor(found: dict[str, Run], make: Callable[[], Run]) -> None:
    """Add what torch.compile makes, if it can here: it needs a compiler for C++."""
    try:
        run = make()
        run()
    except Exception as error:
        warnings.warn(f"without torch.compile: {type(error).__name__}", stacklevel=2)
    else:
        found[INDUCTOR] = run


def operations(source: str) -> tuple[int, int]:
    """How many elementwise operations a kernel does in its innermost loops, each counted once, and reductions.

    >>> operations('''
    ... def kernel(x, y):
    ...     for i in range(N):
    ...         for j in range(M):
    ...             dev = x[i, j] - mean[j]
    ...             total[j] += dev * dev
    ...     for i in range(N):
    ...         for j in range(M):
    ...             y[i, j] = (x[i, j] - mean[j]) * scale[j]
    ... ''')
    (3, 1)
    """
    done, sums = set[str](), set[str]()
    for outer in ast.walk(ast.parse(source)):
        if not isinstance(outer, ast.For) or any(isinstance(inner, ast.For) for inner in outer.body):
            continue
        known: dict[str, str] = {}
        for line in outer.body:
            if isinstance(line, ast.Assign | ast.AugAssign):
                value = _spelled(line.value, known, done)
                target = line.targets[0] if isinstance(line, ast.Assign) else line.target
                if isinstance(line, ast.Assign) and isinstance(target, ast.Name):
                    known[target.id] = value
                elif isinstance(line, ast.AugAssign) and _is_full(value):
                    sums.add(value)
    return len(done), len(sums)


def _spelled(x: ast.expr, known: dict[str, str], done: set[str]) -> str:
    """An expression without the names of scalars; its operations on full arrays are noted."""
    if isinstance(x, ast.Name):
        return known.get(x.id, x.id)
    if isinstance(x, ast.BinOp):
        sides = [_spelled(side, known, done) for side in (x.left, x.right)]
        sides = sorted(sides) if isinstance(x.op, ast.Add | ast.Mult) else sides
        text = f"({type(x.op).__name__} {' '.join(sides)})"
        if _is_full(text):
            done.add(text)
        return text
    return ast.unparse(x)


def _is_full(text: str) -> bool:
    """Whether an element of an array with two axes goes into it."""
    return re.search(r"\[\w+, \w+\]", text) is not None


# ------------------------------------------------------------------------------------------------------ training steps


def _convolutional(layers: Any) -> Any:
    """The net for images of digits."""
    parts: list[Any] = []
    for c, d, halve in ((1, 16, False), (16, 32, True), (32, 64, True)):
        parts += [layers.Conv2d(c, d, 3, padding=1, bias=False), layers.BatchNorm2d(d), layers.ReLU()]
        parts += [layers.MaxPool2d(2)] if halve else []
    return layers.Sequential(*parts, layers.Flatten(), layers.Linear(256, 10))


def _step(loss_of: Callable[[Any, Any], Any], optimizer: Any, x: Any, target: Any) -> Run:
    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_of(x, target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _training(net: Callable[[Any], Any], shape: tuple[int, ...], limits: list[Limit], sizes: Any = None) -> Case:
    """A step with Adam, at a learning rate of 0: the gradients of a net that has learnt its batch would be denormal."""
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=shape).astype("f4"), rng.integers(0, 10, shape[0])
    model = net(nn)
    fast = compiled_step(model, optim.Adam(model.parameters(), lr=0.0))
    fast(x, target)
    found: dict[str, Run] = {OURS: lambda: fast(x, target)}
    if sizes is not None:
        found[MATMULS] = _products(sizes, x)
    if torch := _library("torch"):
        images, labels = torch.from_numpy(x), torch.from_numpy(target)
        f = torch.nn.functional

        def step(fused: bool) -> Run:
            theirs = net(torch.nn)
            adam = torch.optim.Adam(theirs.parameters(), lr=0.0, fused=fused or None)
            loss_of = partial(_loss, theirs, f.cross_entropy)
            return _step(torch.compile(loss_of, dynamic=False) if fused else loss_of, adam, images, labels)

        found[NATIVE] = step(fused=False)
        if any(limit.against == INDUCTOR for limit in limits):
            with_inductor(found, partial(step, fused=True))
    if sizes is not None and _library("jax"):
        found[JAX] = _jax_step(sizes, x, target)
    return Case(found, limits)


def _loss(model: Any, loss_of: Callable[..., Any], x: Any, target: Any) -> Any:
    return loss_of(model(x), target)


def _products(sizes: tuple[int, ...], x: Any) -> Run:
    """The products of matrices of a step, forward and backward, with the result that NumPy makes."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(n, m)).astype("f4") for n, m in pairwise(sizes)]

    def products() -> None:
        h = x
        kept = []
        for w in weights:
            kept.append(h)
            h = h @ w
        for k, w in reversed([*enumerate(weights)]):
            _ = kept[k].T @ h
            h = h @ w.T if k else h

    return products


def _jax_step(sizes: tuple[int, ...], x: Any, target: Any) -> Run:
    """A step of batch-normalized linear layers with Adam, compiled as a whole, its state donated."""
    jax = _library("jax")
    jnp = jax.numpy
    rng = np.random.default_rng(0)
    layers = [
        ((rng.normal(size=(n, m)) / np.sqrt(n)).astype("f4"), *(np.full(m, c, "f4") for c in (0, 1, 0)))
        for n, m in pairwise(sizes)
    ]
    layers[-1] = layers[-1][:2]

    def loss_of(params: Any, x: Any, target: Any) -> Any:
        for w, b, *norm in params:
            x = x @ w + b
            x = jax.nn.relu(_jax_batch_norm(x, *norm)) if norm else x
        return -jnp.take_along_axis(jax.nn.log_softmax(x), target[:, None], axis=1).mean()

    def step(state: Any, x: Any, target: Any) -> Any:
        params, m, v, t, lr = state
        loss, g = jax.value_and_grad(loss_of)(params, x, target)
        each = jax.tree_util.tree_map
        t = t + 1
        m, v = each(lambda m, g: 0.9 * m + 0.1 * g, m, g), each(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate = lr * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        params = each(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), params, m, v)
        return (params, m, v, t, lr), loss

    run = jax.jit(step, donate_argnums=0)
    zeros = jax.tree_util.tree_map(np.zeros_like, layers)
    now = SimpleNamespace(state=jax.device_put((layers, zeros, zeros, np.float32(0), np.float32(0))))
    images, labels = jnp.asarray(x), jnp.asarray(target)

    def one() -> None:
        now.state, loss = run(now.state, images, labels)
        loss.block_until_ready()

    return one


def _cases() -> Iterator[tuple[str, Callable[[], Case]]]:
    names = ("batch norm", "layer norm", "RMS norm", "softmax cross-entropy", "L2 normalization", "GELU")
    for name in names:
        for shape in SHAPES:
            yield f"{name} {shape}", partial(_function, name, shape)
    small = [Limit(OURS, NATIVE, 0.25), Limit(OURS, INDUCTOR, 0.35), Limit(OURS, JAX, 0.65), Limit(OURS, MATMULS, 2.3)]
    yield (
        "step 64-128-BN-ReLU-128-BN-ReLU-10, batch 64",
        partial(_training, dense(SMALL, norm=True), (64, 64), small, SMALL),
    )
    large = [Limit(OURS, NATIVE, 0.8), Limit(OURS, INDUCTOR, 1)]
    yield "step 784-512-512-10, batch 256", partial(_training, dense(LARGE, norm=False), (256, 784), large)
    images = [Limit(OURS, NATIVE, 0.8)]
    yield "step of the digits CNN, batch 64", partial(_training, _convolutional, (64, 1, 8, 8), images)
    yield "compile time", compile_times


CASES = dict(_cases())
"""How to make each case, by its name."""


def main() -> None:
    """Write each figure as a line of JSON, for `side_by_side.table`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=0.5)
    asked = parser.parse_args()
    try:
        for name, make in CASES.items():
            if asked.only in name:
                for row in rows(name, make(), asked.seconds):
                    sys.stdout.write(f"{json.dumps(asdict(row))}\n")
                    sys.stdout.flush()
    except BrokenPipeError:  # Ctrl-C reached the reader before it could end this process
        silence(sys.stdout)


if __name__ == "__main__":
    main()
