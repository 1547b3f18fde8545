"""The solved derivations as recorded graphs, for the tests of whatever looks at one."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import micrograd_tensor as mt
from micrograd_tensor.check.running import run
from micrograd_tensor.graph import named_nodes

NAMES = sorted(path.stem for path in (Path(__file__).parent / "derivations").glob("*.py"))


@dataclass(frozen=True, eq=False)
class Solved:
    """A derivation at its inputs."""

    module: Any
    graph: Any
    dout: Any
    cache: dict[str, Any]

    def source(self) -> str:
        """The text of its file."""
        return Path(self.module.__file__).read_text(encoding="utf-8")

    def backward(self, *changed: tuple[str, str]) -> Any:
        """Its backward pass; with some pieces of its text exchanged for others."""
        text = self.source()
        for old, new in changed:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        made: dict[str, Any] = {}
        exec(compile(text, "changed", "exec"), made)  # noqa: S102 -- a file of this folder, with a mistake put in
        return made["backward"]

    def hand(self, *changed: tuple[str, str]) -> dict[str, Any]:
        """What the backward pass computes on copies, as far as it comes."""
        inputs = [name for name, node in named_nodes(self.graph).items() if node.is_leaf and node.requires_grad]
        return dict(run(self.backward(*changed), self.dout, self.cache, inputs).names)


@cache
def module(name: str) -> Any:
    path = Path(__file__).parent / "derivations" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"solved_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def solved(name: str, dtype: Any = np.float64, seed: int = 0, dout: Any = None, inputs: Any = None) -> Solved:
    """A derivation at its own inputs, or others, with an upstream gradient drawn at random, or a given one."""
    made = module(name)
    given = made.inputs(seed) if inputs is None else inputs
    arrays = (
        given
        if isinstance(given, Mapping)
        else dict(zip(inspect.signature(made.forward).parameters, given, strict=True))
    )
    tensors = {}
    for key, value in arrays.items():
        floats = np.asarray(value).dtype.kind == "f"
        tensors[key] = mt.tensor(np.asarray(value, dtype), name=key, requires_grad=True) if floats else value
    out = made.forward(**tensors)
    if dout is None:
        dout = np.random.default_rng([seed, 1]).normal(size=out.shape)
    dout = np.asarray(dout, dtype)
    captured = mt.graph(out, dout)
    kept = {key: np.array(node.value) for key, node in named_nodes(captured).items()}
    return Solved(made, captured, dout, {**arrays, **kept})
