"""Composed batch normalization, forward and backward, side by side with what else computes it.

    python tests/benchmarks/bench_batchnorm.py [--rounds 1.0] [--allocator kept|default]

All candidates run in one process on one thread, in turn, round after round, in float32; each figure is the median over
the rounds of the candidate's time divided by that of the staged NumPy derivation in the same round. PyTorch, HIPS
autograd and MyGrad take part where they are installed.

With ``--allocator kept`` (the default) glibc is told to keep freed memory. Otherwise it hands large arrays back to the
system, and whether a candidate pays for the page faults when it asks for them again depends on what the others left on
top of the heap: up to a factor of five, in either direction, which says nothing about the candidates.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib.metadata
import importlib.util
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402 -- the number of threads is read at import

import micrograd_tensor as mt  # noqa: E402

ROOT = Path(__file__).parents[2]
SHAPES = ((32, 16), (128, 100), (512, 512), (4096, 1024), (65536, 64))
EPS = 1e-5
Step = Callable[[], Any]


def by_hand() -> Any:
    """The hand-derived passes of the examples."""
    path = ROOT / "examples" / "batchnorm_by_hand.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def numpy_steps(x: Any, gamma: Any, beta: Any, dout: Any) -> dict[str, Step]:
    hand = by_hand()

    def staged() -> Any:
        _, cache = hand.batchnorm_forward(x, gamma, beta, EPS)
        return hand.batchnorm_backward_staged(dout, cache)

    class InFloat32:
        """NumPy, but with ones of float32: as printed, the derivation's ``np.ones`` makes half of it float64."""

        def __getattr__(self, name: str) -> Any:
            return (lambda shape: np.ones(shape, np.float32)) if name == "ones" else getattr(np, name)

    kept = by_hand()
    kept.np = InFloat32()

    def staged_float32() -> Any:
        _, cache = kept.batchnorm_forward(x, gamma, beta, EPS)
        return kept.batchnorm_backward_staged(dout, cache)

    def closed() -> Any:
        _, cache = hand.batchnorm_forward(x, gamma, beta, EPS)
        return hand.batchnorm_backward_closed_form(dout, cache)

    return {"staged NumPy": staged, "staged, float32 kept": staged_float32, "closed form": closed}


def engine_steps(x: Any, gamma: Any, beta: Any, dout: Any) -> dict[str, Step]:
    leaves = [mt.tensor(a, requires_grad=True) for a in (x, gamma, beta)]

    def step() -> Any:
        for leaf in leaves:
            leaf.grad = None
        mt.batch_norm(*leaves, eps=EPS).backward(dout)
        return [leaf.grad for leaf in leaves]

    return {"micrograd_tensor": step}


def torch_steps(x: Any, gamma: Any, beta: Any, dout: Any) -> dict[str, Step]:
    import torch

    torch.set_num_threads(1)
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
    up = torch.tensor(dout)

    def run(forward: Callable[..., Any]) -> Any:
        for leaf in leaves:
            leaf.grad = None
        forward(*leaves).backward(up)
        return [leaf.grad for leaf in leaves]

    def composed(x: Any, gamma: Any, beta: Any) -> Any:
        dev = x - x.mean(dim=0)
        var = dev.square().mean(dim=0)
        return dev * (var + EPS).sqrt().reciprocal() * gamma + beta

    def native(x: Any, gamma: Any, beta: Any) -> Any:
        return torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)

    return {"PyTorch composed": lambda: run(composed), "PyTorch native": lambda: run(native)}


def autograd_steps(x: Any, gamma: Any, beta: Any, dout: Any) -> dict[str, Step]:
    import autograd.numpy as anp
    from autograd import make_vjp

    def composed(x: Any, gamma: Any, beta: Any) -> Any:
        dev = x - anp.mean(x, axis=0)
        var = anp.mean(anp.square(dev), axis=0)
        return dev * (1 / anp.sqrt(var + EPS)) * gamma + beta

    pull = make_vjp(composed, argnum=(0, 1, 2))
    return {"HIPS autograd": lambda: pull(x, gamma, beta)[0](dout)}


def mygrad_steps(x: Any, gamma: Any, beta: Any, dout: Any) -> dict[str, Step]:
    import mygrad

    leaves = [mygrad.tensor(a) for a in (x, gamma, beta)]

    def step() -> Any:
        x, gamma, beta = leaves
        dev = x - mygrad.mean(x, axis=0)
        var = mygrad.mean(mygrad.square(dev), axis=0)
        out = dev * mygrad.reciprocal(mygrad.sqrt(var + EPS)) * gamma + beta
        out.backward(dout)
        return [leaf.grad for leaf in leaves]

    return {"MyGrad": step}


def gradients(result: Any) -> list[Any]:
    """dx, dgamma, dbeta as arrays, in whichever form a candidate returns them."""
    parts = [result[f"d{name}"] for name in ("x", "gamma", "beta")] if isinstance(result, dict) else list(result)
    return [np.asarray(g.numpy() if hasattr(g, "numpy") else g) for g in parts]


def check(steps: dict[str, Step]) -> None:
    """Every candidate must compute the same gradients, or comparing their times means nothing."""
    expected = gradients(steps["staged NumPy"]())
    for name, step in steps.items():
        for ours, theirs in zip(gradients(step()), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-3 * np.abs(theirs).max(), err_msg=name)


def measure(steps: dict[str, Step], seconds: float) -> dict[str, list[float]]:
    """Times in seconds, round by round, the order turning by one each round."""
    names = list(steps)
    for step in steps.values():
        step()
    times: dict[str, list[float]] = {name: [] for name in names}
    end, k = time.perf_counter() + seconds, 0
    while time.perf_counter() < end or k < 2 * len(names):
        for name in names[k % len(names) :] + names[: k % len(names)]:
            start = time.perf_counter()
            steps[name]()
            times[name].append(time.perf_counter() - start)
        k += 1
    return times


def keep_freed_memory() -> None:
    """Tell glibc not to return freed memory; elsewhere nothing happens."""
    trim_threshold, mmap_threshold = -1, -3  # the M_… constants of malloc.h
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, 32 << 20)
        libc.mallopt(trim_threshold, 2**31 - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=float, default=4.0, help="seconds for each shape (default: 4)")
    parser.add_argument("--allocator", choices=("kept", "default"), default="kept")
    given = parser.parse_args()
    if given.allocator == "kept":
        keep_freed_memory()
    rng = np.random.default_rng(0)
    versions = [f"Python {platform.python_version()}", f"NumPy {np.__version__}"]
    makers = [numpy_steps, engine_steps]
    for package, maker in {"torch": torch_steps, "autograd": autograd_steps, "mygrad": mygrad_steps}.items():
        if importlib.util.find_spec(package):
            makers.append(maker)
            versions.append(f"{package} {importlib.metadata.version(package)}")
    rows: dict[str, list[str]] = {}
    micros = []
    for n, d in SHAPES:
        arrays = [rng.standard_normal(s).astype(np.float32) for s in ((n, d), d, d, (n, d))]
        steps = {name: step for maker in makers for name, step in maker(*arrays).items()}
        check(steps)
        times = measure(steps, given.rounds)
        base = times["staged NumPy"]
        micros.append(f"{statistics.median(base) * 1e6:,.0f} µs")
        for name in steps:
            ratio = statistics.median(t / b for t, b in zip(times[name], base, strict=True))
            rows.setdefault(name, []).append(f"{ratio:.2f}")
    print(f"{', '.join(versions)}; {platform.machine()}, {os.cpu_count()} cores; allocator: {given.allocator}\n")
    print("| time / staged NumPy | " + " | ".join(f"({n}, {d})" for n, d in SHAPES) + " |")
    print("|---|" + "--:|" * len(SHAPES))
    for name, ratios in rows.items():
        print(f"| {name} | " + " | ".join(ratios) + " |")
    print("| *staged NumPy itself* | " + " | ".join(micros) + " |")


if __name__ == "__main__":
    sys.exit(main())
